"""A feed on the web.

    - url: https://example.org/world.xml
      name: Example World        # else the host's name
      rank: 10                   # whose copy leads a story: the lower number

Visited every `poll.every`, with the validators of the last answer, so that an unchanged feed costs the server nothing.
"""

import hashlib
from datetime import datetime
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from aggregator import sniff, urls
from aggregator.errors import FetchError
from aggregator.fetch import Fetcher, Response
from aggregator.models import Document, Found, SourceState
from aggregator.registry import Source


def _fetchable(value: str) -> str:
    if urls.absolute(value) is None:
        raise ValueError("an address begins with http:// or https:// and a host name")
    return value


class HttpSource(Source):
    """A feed at a URL."""

    KEY: ClassVar[str] = "url"
    ACCEPTS: ClassVar[frozenset[str]] = frozenset({sniff.FEED})

    url: Annotated[str, AfterValidator(_fetchable)] = Field(description="Address of an RSS or Atom feed.")

    @property
    def identity(self) -> str:
        return urls.identity(self.url)

    @property
    def label(self) -> str:
        return (urlsplit(self.url).hostname or self.url).removeprefix("www.")

    @property
    def address(self) -> str:
        return self.url

    async def visit(self, state: SourceState, fetcher: Fetcher, now: datetime) -> Found:
        response = await fetcher.get(self.url, _validators(state))
        if response.status == 304:
            return Found((), state, status=304)
        if response.status != 200:
            raise FetchError("status", f"{self.url}: answered {response.status}", response.status)
        fresh = SourceState(
            etag=response.headers.get("etag"),
            last_modified=response.headers.get("last-modified"),
            body_hash=hashlib.sha256(response.body).hexdigest(),
        )
        same = fresh.body_hash == state.body_hash
        documents = () if same else (_document(response),)
        return Found(documents, fresh, status=200, byte_count=response.byte_count)


def _validators(state: SourceState) -> dict[str, str]:
    headers = {"If-None-Match": state.etag, "If-Modified-Since": state.last_modified}
    return {name: value for name, value in headers.items() if value}


def _document(response: Response) -> Document:
    media_type, _, parameters = response.headers.get("content-type", "").partition(";")
    charset = next((part.partition("=")[2] for part in parameters.split(";") if "charset=" in part.lower()), "")
    return Document(
        body=response.body,
        name=response.url,
        url=response.url,
        media_type=media_type.strip().lower() or None,
        charset=charset.strip(" \"'") or None,
    )


PLUGIN = HttpSource
