"""feedparser, made to keep what it loses: which text was which, raw ids, whether a link's type was stated, … Pure.

feedparser is pinned to a minor version, and tests name each thing that is corrected here. The keys that this adds to
its dictionaries begin with `=`, as no element's name can.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from types import FunctionType, SimpleNamespace
from typing import Any

from feedparser import mixin
from feedparser.mixin import _FeedParserMixin

MAX_OPEN = 20_000  # elements in the rest, where most of them may have no end
# Names of elements that feedparser would mistake for its own lists.
_OURS = frozenset({"links", "authors", "contributors", "media_content", "media_thumbnail", "media_credit"})
_ADDRESS = re.compile(r"(?:\bmailto:)?(\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,9})", re.IGNORECASE)
_LONG = 2000  # characters of an address that is not worth remembering
_EMPTY = re.compile(r"\(\s*\)|<\s*>|&lt;\s*&gt;")


def _remembering(join: Callable[[str, str], str]) -> Callable[[str, str], str]:
    again = lru_cache(maxsize=500)(join)
    return lambda base, uri: (again if len(base) + len(uri) < _LONG else join)(base, uri)


_SHORTCUTS = {  # for what feedparser works out for each element, though it is nearly always the same
    "_urljoin": _remembering(mixin._urljoin),
    "make_safe_absolute_uri": _remembering(mixin.make_safe_absolute_uri),
    "copy": SimpleNamespace(deepcopy=lambda texts: mixin.FeedParserDict(texts)),  # of strings
}


def _shortened(method: Any) -> Any:
    """A method of feedparser's, with other helpers: feedparser itself stays as it is for everybody else."""
    return FunctionType(method.__code__, vars(mixin) | _SHORTCUTS, method.__name__, method.__defaults__)


_start, _pop, _resolve = map(
    _shortened, (_FeedParserMixin.unknown_starttag, _FeedParserMixin.pop, _FeedParserMixin.resolve_uri)
)


class Enough(Exception):
    """There are more entries than are read. Caught by: _reading."""


class Handlers(_FeedParserMixin):  # type: ignore[misc]  # feedparser ships no types
    """Handlers of elements: those of feedparser, where it loses or mixes up what a publisher says."""

    max_entries = 4000
    resolve_relative_uris = False
    sanitize_html = False
    # Not ids: they say what an entry is, and must not depend on where it was found.
    can_be_relative_uri = _FeedParserMixin.can_be_relative_uri - {"id"}

    def unknown_starttag(self, tag: str, attrs: Iterable[tuple[str, str]]) -> None:
        if self.depth > MAX_OPEN:
            raise RecursionError(f"more than {MAX_OPEN} elements without an end")
        _start(self, _renamed(tag), attrs)

    def unknown_endtag(self, tag: str) -> None:
        super().unknown_endtag(_renamed(tag))

    pop, resolve_uri = _pop, _resolve

    def pop_content(self, tag: str) -> Any:
        """Keep every text with its element, depth and type: feedparser keeps the last, or takes it for another."""
        value = self.pop(tag)
        if (value or self.contentparams.get("src")) and self.inentry and not self.insource:
            text = dict(self.contentparams) | {"value": value or "", "tag": tag, "depth": self.depth}
            dict.setdefault(self.entries[-1], "=texts", []).append(text)
        self.incontent -= 1
        self.contentparams.clear()
        return value

    def _start_item(self, attrs: Any) -> None:
        if len(self.entries) >= self.max_entries:
            raise Enough
        super()._start_item(attrs)
        dict.update(self.entries[-1], {"=language": self.lang, "=base": self.baseuri})

    _start_entry = _start_item

    def _end_guid(self) -> None:
        """An id is a link only where it is the URL of a page."""
        context = self._get_context()
        linked = dict.get(context, "link")
        super()._end_guid()
        if not linked and not str(dict.get(context, "link") or "").startswith(("http://", "https://")):
            dict.pop(context, "link", None)

    _end_id = _end_guid

    def _sync_author_detail(self, key: str = "author") -> None:
        """Name and address of a person in one text. feedparser knows no domain that ends in more than four letters."""
        context = self._get_context()
        people = dict.get(context, "authors")
        written = dict.get(context, "author")
        if key != "author" or not people or people[-1] or not isinstance(written, str):
            super()._sync_author_detail(key)
            return
        address = _ADDRESS.search(written)
        name = _EMPTY.sub("", _ADDRESS.sub("", written)).strip()
        name = name[1:-1].strip() if name.startswith("(") and name.endswith(")") else name
        said = {"name": name, "email": address[1] if address else ""}
        dict.update(people[-1], {part: value for part, value in said.items() if value})

    def _start_managingeditor(self, attrs: Any) -> None:
        """Who answers for a channel has not written its items, and is often a desk or a notice."""
        self.push("=editor", 0)

    def _end_managingeditor(self) -> None:
        self.pop("=editor")

    def _start_link(self, attrs: Any) -> None:
        stated = attrs.get("type")
        context = self._get_context()
        before = len(dict.get(context, "links") or ())
        super()._start_link(attrs)
        links = dict.get(context, "links") or []
        if len(links) > before:
            dict.__setitem__(links[-1], "=type", stated)

    def _start_enclosure(self, attrs: Any) -> None:
        super()._start_enclosure(self._absolute(attrs))
        dict.__setitem__(self._get_context()["links"][-1], "=type", attrs.get("type"))

    def _start_media_content(self, attrs: Any) -> None:
        super()._start_media_content(self._absolute(attrs))

    def _start_media_thumbnail(self, attrs: Any) -> None:
        super()._start_media_thumbnail(self._absolute(attrs))

    def _start_itunes_image(self, attrs: Any) -> None:
        super()._start_itunes_image(self._absolute(attrs))

    def _absolute(self, attrs: Any) -> Any:
        return {name: self.resolve_uri(value) if name in ("url", "href") else value for name, value in attrs.items()}

    # Texts that are neither title nor summary, though feedparser takes them for one.

    def _start_description(self, attrs: Any) -> None:
        if self.inentry and self.inimage:
            self.push("=image_description", 0)
        else:
            self.push_content("description", attrs, "text/html", self.infeed or self.inentry or self.insource)

    def _end_description(self) -> None:
        if self.inentry and self.inimage:
            self.pop("=image_description")
        else:
            self.pop_content("description")

    def _start_dc_description(self, attrs: Any) -> None:
        self.push_content("dc_description", attrs, "text/html", 1)

    def _end_dc_description(self) -> None:
        self.pop_content("dc_description")

    def _start_summary(self, attrs: Any) -> None:
        self.push_content("summary", attrs, "text/plain", 1)

    def _end_summary(self) -> None:
        self.pop_content("summary")

    def _start_itunes_summary(self, attrs: Any) -> None:
        self.push_content("itunes_summary", attrs, "text/plain", 1)

    def _end_itunes_summary(self) -> None:
        self.pop_content("itunes_summary")

    def _start_media_description(self, attrs: Any) -> None:
        self.push_content("media_description", attrs, "text/plain", 1)

    def _end_media_description(self) -> None:
        self.pop_content("media_description")

    def _start_media_title(self, attrs: Any) -> None:
        self.push_content("media_title", attrs, "text/plain", 1)

    def _end_media_title(self) -> None:
        self.pop_content("media_title")

    def _start_title(self, attrs: Any) -> None:
        if self.inentry and self.inimage:
            self.push("=image_title", 0)
        else:
            super()._start_title(attrs)

    def _end_title(self) -> None:
        if self.inentry and self.inimage:
            self.pop("=image_title")
        else:
            super()._end_title()

    # Dublin Core's date is what a feed without dates of its own has.

    def _start_dc_date(self, attrs: Any) -> None:
        if self.inentry and not self.insource:
            self.push("=dc_date", 1)
        else:
            super()._start_dc_date(attrs)

    def _end_dc_date(self) -> None:
        if self.inentry and not self.insource:
            dict.setdefault(self.entries[-1], "=dc_date", self.pop("=dc_date"))
        else:
            super()._end_dc_date()

    def _end_image(self) -> None:
        """`<image>URL</image>`, as some write it in an item."""
        value = self.pop("image")
        if self.inentry and value and value.startswith(("http://", "https://")):
            dict.setdefault(self.entries[-1], "=image", value)
        self.inimage = 0

    def _end_url(self) -> None:
        """`<image><url>URL</url></image>` in an item. feedparser has it where it has the author's address."""
        if self.inentry and self.inimage:
            dict.setdefault(self.entries[-1], "=image", self.pop("href"))
        else:
            super()._end_url()

    _end_homepage = _end_uri = _end_url

    def _end_category(self) -> None:
        """An empty category must not lend its scheme to the next one."""
        super()._end_category()
        tags = dict.get(self._get_context(), "tags")
        if tags and not tags[-1].get("term"):
            del tags[-1]

    _end_dc_subject = _end_keywords = _end_itunes_category = _end_media_category = _end_category

    def _end_creativecommons_license(self) -> None:
        value = self.pop("license")
        if value:
            dict.setdefault(self._get_context(), "=licences", []).append(value)

    _end_creativeCommons_license = _end_creativecommons_license

    def _start_cc_license(self, attrs: Any) -> None:
        value = attrs.get("rdf:resource") or attrs.get("resource")
        if value:
            dict.setdefault(self._get_context(), "=licences", []).append(value)


def _renamed(tag: str) -> str:
    return f"{tag}-element" if tag.replace(":", "_") in _OURS and ":" not in tag else tag
