"""A feed on the web.

    - url: https://example.org/world.xml
      name: Example World        # else the host's name
      rank: 10                   # whose copy leads a story: the lower number
      labels: [world]            # your own words for it
      every: 10m                 # a fixed time between visits, instead of a learned one
      auth: {user: me, password: {env: EXAMPLE_PASSWORD}}    # or {token: {credential: example-token}}
      headers: {X-Api-Key: {env: EXAMPLE_KEY}}
      cookies: {session: {env: EXAMPLE_SESSION}}
      user_agent: Mozilla/5.0    # instead of our own name
      allow: [127.0.0.1/32]      # networks on the inside in which this source may be
      ca: example-ca.pem         # who vouches for its certificate; relative to this file
      proxy: http://127.0.0.1:3128

Secrets are sent to the source's own origin alone, and are never shown. Visited as often as it brings news, with the
validators of the last answer, so that an unchanged feed costs the server nothing; now and then without them, since
some servers answer "not modified" for ever. A redirect that was permanent for a week is followed without asking the
old address again; the source keeps its identity.
"""

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from aggregator import freshness, sniff, urls, websub
from aggregator.addresses import registrable_domain
from aggregator.autodiscovery import feed_links, header_links
from aggregator.errors import DocumentError, FetchError
from aggregator.fetch import Access, Fetcher, Response
from aggregator.models import Document, Found, SourceState
from aggregator.registry import Options, Source
from aggregator.schedule import MOVED
from aggregator.units import HeaderSecret, Network, ProxyUrl, Secret

MAX_HOST = 253  # characters (RFC 1035 §2.3.4)
WHOLE_AFTER = timedelta(days=2)  # without validators at least so often
_HASHED_INLINE = 2_000_000  # bytes of a body, hashed on the event loop
NAMED_FEEDS = 5  # of a page that was taken for a feed

_HEADER_NAME = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")]
_OURS = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "authorization", "cookie"}
_WORDS = {  # kind of failure by HTTP status, as `schedule` weighs it
    401: ("denied", "wants a user and a password, or others; see `auth`"),
    403: ("forbidden", "refuses us (403)"),
    404: ("missing", "is not there (404)"),
    410: ("gone", "is gone for good (410)"),
    429: ("busy", "asks for fewer visits (429)"),
    503: ("busy", "is overloaded (503)"),
}


class Auth(Options):
    """How to log in: with user and password (Basic), or with a token (Bearer)."""

    user: str | None = Field(None, pattern=r"^[^:\x00-\x1f\x7f]*$", description="With `password`.")
    password: Secret | None = Field(None, description="Of this user.")
    token: HeaderSecret | None = Field(None, description="Instead of both.")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.token is None) == (self.user is None) or (self.user is None) != (self.password is None):
            raise ValueError("either `user` and `password`, or `token`")
        return self

    @property
    def header(self) -> str:
        if self.token:
            return f"Bearer {self.token.get_secret_value()}"
        assert self.password
        return "Basic " + b64encode(f"{self.user}:{self.password.get_secret_value()}".encode()).decode()


def _fetchable(value: str) -> str:
    if urls.absolute(value) is None:
        raise ValueError("an address begins with http:// or https:// and a host name")
    if len(urlsplit(value).hostname or "") > MAX_HOST:
        raise ValueError(f"a host name has at most {MAX_HOST} characters")
    if urlsplit(value).username is not None:
        raise ValueError("user and password stand in `auth`, not in the address")
    return value


def _settable(headers: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
    ours = sorted(name for name in headers if name.lower() in _OURS)
    if ours:
        raise ValueError(f"{', '.join(ours)}: set by us; see `auth` and `cookies`")
    return headers


def _one_each(cookies: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
    if any(";" in secret.get_secret_value() for secret in cookies.values()):
        raise ValueError("the value of a cookie has no semicolon; each cookie has a name of its own")
    return cookies


class HttpSource(Source):
    """A feed at a URL."""

    KEY: ClassVar[str] = "url"
    ACCEPTS: ClassVar[frozenset[str]] = frozenset({sniff.FEED, sniff.JSON_FEED, sniff.SITEMAP})
    ONE_DOCUMENT: ClassVar[bool] = True

    url: Annotated[str, AfterValidator(_fetchable)] = Field(description="Address of a feed: RSS, Atom, JSON Feed.")
    auth: Auth | None = Field(None, description="How to log in.")
    headers: Annotated[dict[_HEADER_NAME, HeaderSecret], AfterValidator(_settable)] = Field(
        {}, description="Sent as well."
    )
    cookies: Annotated[dict[_HEADER_NAME, HeaderSecret], AfterValidator(_one_each)] = Field(
        {}, description="Sent as well."
    )
    user_agent: str | None = Field(None, pattern=r"^[ -~]{1,300}$", description="Instead of our own name.")
    allow: tuple[Network, ...] = Field((), description="Networks on the inside in which this source may be.")
    ca: Path | None = Field(None, description="PEM file of who vouches for its certificate; relative to this file.")
    proxy: ProxyUrl | None = Field(None, description="An HTTP proxy for this source.")

    def located(self, config_directory: Path, state_directory: Path) -> "HttpSource":
        return self.model_copy(update={"ca": config_directory / self.ca}) if self.ca else self

    @cached_property  # asked for again and again on each visit
    def identity(self) -> str:
        return urls.identity(self.url)

    @property
    def label(self) -> str:
        return (urlsplit(self.url).hostname or self.url).removeprefix("www.")

    @property
    def address(self) -> str:
        return self.url

    @cached_property
    def host(self) -> str:
        return registrable_domain(urlsplit(urls.absolute(self.url) or self.url).hostname or self.url)

    @cached_property
    def access(self) -> Access:
        """How it is reached, secrets included."""
        headers = {name: value.get_secret_value() for name, value in self.headers.items()}
        if self.auth:
            headers["Authorization"] = self.auth.header
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value.get_secret_value()}" for name, value in self.cookies.items())
        proxy = self.proxy.get_secret_value() if self.proxy else None
        return Access(headers, self.user_agent, self.allow, self.ca, proxy)

    def access_to(self, hub: str) -> Access | None:
        """A hub at the feed's own origin is reached as the feed is, but is told none of its secrets."""
        return replace(self.access, headers={}) if _origin(hub) == _origin(self.url) else None

    async def visit(self, state: SourceState, fetcher: Fetcher, now: datetime) -> Found:
        state, response, asked, conditional = await self._asked(state, fetcher, now)
        if response.status == 304 and conditional:
            state = _validated(state, response, now)
            return Found(
                (),
                state,
                status=304,
                url=self._elsewhere(response),
                fresh_for=_fresh_for(response, now),
                advice=websub.discovered(response.links, response.url),
            )
        if response.status != 200:
            raise _refusal(response, self.url, now)
        body_hash = state.body_hash if response.is_known else await _hashed(response.body)
        same = body_hash == state.body_hash
        if not same:
            _refuse_page(response)
        lies = state.lies if same or conditional else _claims_to_be_the_same(state, response, now)
        etag, last_modified = _offered(response, now)
        # Validators of elsewhere mean nothing to who is asked first.
        own = response.url == asked or _origin(response.url) == _origin(asked)
        state = replace(
            state,
            etag=etag if own else None,
            last_modified=last_modified if own else None,
            packed_hash=response.packed_hash,
            body_hash=body_hash,
            lies=lies,
            read_at=state.read_at if conditional else now,
        )
        return Found(
            () if same else (document(response),),
            state,
            status=200,
            byte_count=response.byte_count,
            url=self._elsewhere(response),
            fresh_for=_fresh_for(response, now),
            advice=websub.discovered(response.links, response.url),
        )

    async def _asked(
        self, state: SourceState, fetcher: Fetcher, now: datetime
    ) -> tuple[SourceState, Response, str, bool]:
        """The state with what was learned of a move, the answer, who was asked, and whether conditionally."""
        validators = _validators(state, now)
        known = state.packed_hash if state.body_hash else None  # without one, the document is to be read again
        if state.moved_to and state.moved_since and now - state.moved_since >= MOVED:
            here = _origin(state.moved_to) == _origin(self.url)
            access = self.access if here else replace(self.access, headers={})
            try:
                response = await fetcher.get(state.moved_to, validators, access, known)
                if response.status == 304 or (response.status == 200 and (response.is_known or _is_accepted(response))):
                    return state, response, state.moved_to, bool(validators)
            except FetchError:
                pass  # the new place has failed: back to the old one
            state = replace(state, moved_to=None, moved_since=None)
            if not here:
                validators, state = {}, replace(state, etag=None, last_modified=None)
        response = await fetcher.get(self.url, validators, self.access, known)
        moved_to = response.moved_to if response.status in (200, 304) else None
        if moved_to != state.moved_to:
            state = replace(state, moved_to=moved_to, moved_since=now if moved_to else None)
        return state, response, self.url, bool(validators)

    @cached_property
    def _absolute(self) -> str | None:
        return urls.absolute(self.url)

    def _elsewhere(self, response: Response) -> str | None:
        return response.url if response.url != self._absolute else None


async def _hashed(body: bytes) -> str:
    """SHA-1 takes half the time of SHA-256. A large body is hashed in a thread, which holds nothing up."""
    if len(body) > _HASHED_INLINE:
        return await asyncio.to_thread(lambda: hashlib.sha1(body, usedforsecurity=False).hexdigest())
    return hashlib.sha1(body, usedforsecurity=False).hexdigest()


def _validators(state: SourceState, now: datetime) -> dict[str, str]:
    """What to ask with; nothing when it is time to read the whole document again."""
    if state.lies or state.read_at is None or not timedelta() <= now - state.read_at < WHOLE_AFTER:
        return {}
    headers = {"If-None-Match": state.etag, "If-Modified-Since": state.last_modified}
    return {name: value for name, value in headers.items() if value}


def _validated(state: SourceState, response: Response, now: datetime) -> SourceState:
    """A 304 may bring newer validators, each on its own (RFC 9111 §4.3.4)."""
    etag, last_modified = _offered(response, now)
    etag, last_modified = etag or state.etag, last_modified or state.last_modified
    if (etag, last_modified) == (state.etag, state.last_modified):
        return state
    return replace(state, etag=etag, last_modified=last_modified)


def _claims_to_be_the_same(state: SourceState, response: Response, now: datetime) -> bool:
    """Whether another body came with the validators of the old one. A weak tag may mean that (RFC 9110 §8.8.1)."""
    etag, date = _offered(response, now)
    if (etag, date) == (None, None) or (etag or "").startswith("W/"):
        return False
    return (etag, date) == (state.etag, state.last_modified)


def _offered(response: Response, now: datetime) -> tuple[str | None, str | None]:
    """The validators of an answer that are worth keeping."""
    etag = freshness.etag(response.headers.get("etag"))
    return etag, freshness.last_modified(response.headers.get("last-modified"), now)


def _is_accepted(response: Response) -> bool:
    """Whether it may be what it was, a feed or a list of feeds: a parked page is not."""
    return sniff.media_type(response.body) not in (sniff.HTML, sniff.BINARY, sniff.ARCHIVE)


def _fresh_for(response: Response, now: datetime) -> timedelta | None:
    return freshness.fresh_for(response.headers, now)


def _refusal(response: Response, url: str, now: datetime) -> FetchError:
    """Why there is no document, as an error whose kind decides when to try again."""
    wait = freshness.retry_after(response.headers, now)
    status = response.status
    challenge = sniff.challenge(response.headers, response.body)
    if challenge and status in (401, 403, 429, 503):
        return FetchError("challenge", f"{url}: wants proof that we are no robot ({challenge})", status, wait)
    kind, words = _WORDS.get(status, ("5xx" if status >= 500 else "status", f"answered {status}"))
    return FetchError(kind, f"{url}: {words}", status, wait)


def _refuse_page(response: Response) -> None:
    """A page says itself what to do about it: it asks for proof, or it names its feeds."""
    head = response.body[:4096].lower()  # looked through first: the whole question costs more than the fetch's checks
    if (b"<html" not in head and b"<!doctype" not in head) or sniff.media_type(response.body) != sniff.HTML:
        return
    challenge = sniff.challenge(response.headers, response.body)
    if challenge:
        raise DocumentError(f"{response.url}: a page that wants proof that we are no robot ({challenge})", "challenge")
    links = header_links(response.links, response.url) + feed_links(response.body, response.url)
    named = list(dict.fromkeys(link.url for link in links))[:NAMED_FEEDS]
    if named:
        raise DocumentError(f"{response.url}: an HTML page, not a feed; it names these feeds: {', '.join(named)}")


def document(response: Response) -> Document:
    """The bytes of an answer, with what its headers say of them."""
    media_type, _, parameters = response.headers.get("content-type", "").partition(";")
    charset = next((part.partition("=")[2] for part in parameters.split(";") if "charset=" in part.lower()), "")
    return Document(
        body=response.body,
        name=response.url,
        url=response.url,
        media_type=media_type.strip().lower() or None,
        charset=charset.strip(" \"'") or None,
    )


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


PLUGIN = HttpSource
