"""Whose text is it? Which news agency's, as an article says itself, and how many voices a story's copies are. Pure.

An article is an agency's if its dateline, byline or credit line says so, its publisher does, or it stands on the
agency's own site. One that quotes an agency, shows its pictures, or was written with its help is not: in doubt
it is nobody's.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol
from urllib.parse import urlsplit

from aggregator import links, urls
from aggregator.agencies import Agencies, Agency, built_in
from aggregator.bylines import words
from aggregator.datelines import BARE, CHINESE, JAPANESE, WESTERN, Form, forms
from aggregator.markup import paragraphs
from aggregator.models import Article, Credit
from aggregator.words import folded

OWN_SITE = "host"  # where it is said that a text is an agency's: by whose site it stands on
HEAD, TAIL = 4, 4  # lines before and behind a text's paragraphs, and as many of what was cut there
MAX_LINE = 200  # characters of a line that is a byline or a credit line
MAX_DATELINE = 200  # characters of a paragraph that can hold its dateline
FIRST_PARAGRAPHS = 3  # in which a dateline may stand
_LONG = 60  # characters of a line that is a paragraph
_UNSPACED = re.compile(r"(?=.*[\u3040-\u30ff\u3400-\u9fff]).{20}")  # one, in Chinese or Japanese
_ABBREVIATION = 5  # letters: an agency's, which may stand before a dash without a place

_URL = re.compile(r"https?://[^\s<>\"“”«»，。；）)]+")
_BY = re.compile(r"(?:by|von|par|por|от|da|di)\s+(?=\S)", re.IGNORECASE)
_APART = re.compile(r"\s*[|｜•·,;，;]\s*|\s+[–—-]\s+|\s*[(（]|[)）]\s*|\s*/\s*")
_STAFF = re.compile(
    r"(?P<field>\s+[^\W\d_]+)?\s+(?:staff|writers?|reporters?|correspondents?|newsroom|newswires?|wires?|agency|redaktion"
    r"|bureau)$",
    re.IGNORECASE,
)
_WITH = re.compile(r"\s+(?:avec|with|mit|con|con agencia|com|met|med|с)\s+", re.IGNORECASE)
_RIGHTS = re.compile(r"(?:©|\(c\)|copyright)[\s©]*(?:\(c\)\s*)?(?:\d{4}(?:[-–]\d{4})?)?[\s,]*(?:by\s+)?", re.IGNORECASE)
_BEHIND_NAME = re.compile(r"[.,|;:(]|\s+[–—-]\s+|\s+(?:all rights|alle rechte|tous droits|todos los)", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"[.!?…。！？»”\"][\s”»\"]*[(（\[【]([^()（）\[\]【】]{2,40})[)）\]】][.\s]*$")
_BEHIND_DASH = re.compile(r"[.!?…。！？»”\"]\s*[–—-]{1,2}\s*([^\s.–—-][^.!?–—]{1,30})\.?$")
_BARE_LINE = re.compile(r"[\s–—\-*©(（\[【]*([^()（）\[\]【】©]{2,60}?)[)）\]】\s.*]*")
_BYLINE_BEFORE = re.compile(r"By .*?(?=\b[A-Z]{3})")  # in the line of a dateline that is written in capitals
_CASED = re.compile(r"[^\W\d_]")
_SMALL_WORDS = frozenset(
    "de da do del della der den di du la le las los el al am an auf im sur en of on the and und y".split()
)
_OF_SOMETHING = re.compile(r"[^\W\d_\u3040-\u30ff\u3400-\u9fff]\s*$")  # a picture's source, or a chart's
_STATED_AS = re.compile(r"(?:source|agency|provider|credit|quelle|agentur)s?\s*[:/=]\s*", re.IGNORECASE)
_SOURCE_SCHEME = re.compile(r"\b(?:source|agency|provider|creditline)s?\b", re.IGNORECASE)


def credit(article: Article, agencies: Agencies | None = None) -> Credit | None:
    """Which agency's text an article is, and where that is said; None where it is no agency's."""
    return _Said(article, agencies or built_in()).credit()


def voice(article: Article, agencies: Agencies | None = None, rules: links.Rules | None = None) -> str:
    """Who speaks in an article: equal for copies that do not count twice, see `independent`.

    An agency (agency:reuters), else whoever published it first, as far as it says so, else its site (example.org) or
    its source (source:…). A publisher of whom only the name is said is name:….
    """
    return spoken(article, agencies, rules)[0]


def spoken(article: Article, agencies: Agencies | None = None, rules: links.Rules | None = None) -> tuple[str, bool]:
    """Who speaks in an article, as `voice` says, and whether it is an agency's text that another prints again."""
    said = _Said(article, agencies or built_in())
    found = said.credit()
    if found:
        return f"agency:{found.agency}", found.place != OWN_SITE
    return _publisher(said, rules or links.built_in()), False


def _publisher(said: "_Said", rules: links.Rules) -> str:
    article, first = said.article, said.first(rules)
    if first:
        return first
    host, told = _host(article.link), _host(article.origin.url if article.origin else None)
    if told and (not host or rules.redirects(host)):
        host = told
    return rules.site(host) if host else f"source:{article.source}"


class Spoken(Protocol):
    """A copy of a story: who speaks in it, and in which source it stands."""

    @property
    def voice(self) -> str: ...  # empty: of a version that did not ask

    @property
    def source(self) -> str: ...


def independent_in(copies: Iterable[Spoken]) -> int:
    """How many independent voices tell a story."""
    return independent(copy.voice or f"source:{copy.source}" for copy in copies)


def independent(voices: Iterable[str]) -> int:
    """How many independent voices there are among those of copies: twelve reprints of one agency's text are one."""
    found = set(voices)
    sites = {_squashed(one.partition(".")[0]) for one in found if ":" not in one}
    return sum(not one.startswith("name:") or one.removeprefix("name:") not in sites for one in found)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Those of a text, and of what was cut before and behind it, in which it can say whose it is."""

    first: tuple[str, ...]  # paragraphs, for a dateline
    head: tuple[str, ...]  # for a byline
    last: tuple[str, ...]  # paragraphs
    names: tuple[str, ...]  # what follows them: may be nothing but a name
    behind: tuple[str, ...]  # and what was cut there

    @property
    def bylines(self) -> Iterator[str]:
        """By Jane Doe, and the agency in a line of its own."""
        pairs = pairwise(self.head)
        return (f"{by}, {whose}" for by, whose in pairs if _BY.match(by) and len(by) < _LONG > len(whose))


@dataclass(frozen=True, slots=True)
class _Said:
    """What an article says of itself."""

    article: Article
    agencies: Agencies

    def credit(self) -> Credit | None:
        lines = _lines(self.article)
        for line in lines.first:
            agency, is_anothers = self._of_dateline(line[:MAX_DATELINE])
            if agency:
                return Credit(agency.id, agency.label, "dateline")
            if is_anothers:
                return None
        for place, found in (
            ("byline", self._of_authors()),
            ("byline", _first(map(self._of_byline, (*lines.head, *lines.bylines)))),
            ("credit line", _first(map(self._of_name, lines.names))),
            ("credit line", _first(map(self._of_credit, (*lines.behind, *lines.last)))),
            ("source", self._of_publisher()),
            (OWN_SITE, self._of_host(self.article.link)),
        ):
            if found:
                return Credit(found.id, found.label, place)
        return None

    def first(self, rules: links.Rules) -> str | None:
        """Who published it first, as a sentence at one of its ends says; as a voice."""
        lines = _lines(self.article)
        for line in (*lines.head, *lines.last, *lines.behind):
            told = words().first_in(line) if len(line) <= MAX_LINE else None
            if not told:
                continue
            address = _URL.search(told)
            if host := _host(address[0] if address else None):
                return rules.site(host)
            name = re.split(r"[.。](?:\s|$)", told, maxsplit=1)[0].strip(" .,;:")
            if re.fullmatch(r"(?:[\w-]+\.)+\w{2,}", name):
                return rules.site(name.lower())
            if words().is_publisher(name):
                return f"name:{_squashed(name)}"
        return None

    def _of_dateline(self, line: str) -> tuple[Agency | None, bool]:
        """The agency of a dateline, and whether it is somebody else's."""
        for form in forms(line):
            agency = self._all(form.agency)
            if form.manner in (JAPANESE, BARE) and not agency:
                continue
            if form.manner != WESTERN:
                return agency, form.manner == CHINESE and not agency
            if form.agency:
                is_place = _is_place(form.parts[0])
                loud = form.is_loud and words().is_publisher(form.agency)
                return (agency if is_place else None), loud and not agency
            return self._without_brackets(form), False
        return None, False

    def _without_brackets(self, form: Form) -> Agency | None:
        """КИЕВ, 12 марта - Укринформ. … and, without a place, AFP - …"""
        last = self._named(form.parts[-1])
        if last and (len(form.parts) > 1 or len(form.parts[0]) <= _ABBREVIATION) and _is_place(form.parts[0]):
            return last
        is_dated = any(character.isdigit() for part in form.parts for character in part)
        begins = re.split(r"[.。]\s|\s[—–-]\s|:", form.rest, maxsplit=1)[0][:40]
        return self._all(begins) if is_dated and _is_place(form.parts[0]) else None

    def _of_authors(self) -> Agency | None:
        """All authors are an agency's, or one is the paper itself with an agency."""
        found = [self._of_author(author) for author in self.article.authors]
        return found[0] if found and all(found) else None

    def _of_author(self, author: str) -> Agency | None:
        told = _BY.sub("", author.strip(), count=1) if _BY.match(author.strip()) else author.strip()
        found = self._all(told) or self._of_staff(told)
        if found:
            return found
        paper, *others = _WITH.split(told, maxsplit=1)
        if others:
            return self._all(others[0]) if self._is_own(paper) else None
        return self._of_parts(told)

    def _of_parts(self, told: str) -> Agency | None:
        """A person and the agency: Jane Doe, Reuters — AFP/Jane Doe."""
        parts = [part for part in _APART.split(told) if part]
        named = [self._named(part) or self._of_staff(part) for part in parts]
        others = [part for part, agency in zip(parts, named, strict=True) if not agency]
        are_people = all(words().names(part, fewest=1) or any(map(str.isdigit, part)) for part in others)
        return _first(named) if are_people and len(others) < 4 else None

    def _of_staff(self, told: str) -> Agency | None:
        """Reuters Staff, Associated Press Writer, AP Sports Writer"""
        staff = _STAFF.search(told)
        names = (told[: staff.start()] + (staff["field"] or ""), told[: staff.start()]) if staff else ()
        return _first(map(self._all, names))

    def _of_byline(self, line: str) -> Agency | None:
        """By Jane Doe, Reuters — Source: Xinhua — Xinhua | 2024-03-12"""
        if len(line) > MAX_LINE:
            return None
        if found := self._of_label(line):
            return found
        if line.endswith((".", "?", "!", "…", "。")) or len(line.split()) > 16:
            return None
        if _BY.match(line):
            return self._of_author(line)
        is_dated = re.search(r"\d{4}|\d{1,2}:\d\d", line) is not None
        first = re.split(r"\s*[|｜•·]\s*|\s+[–—-]\s+", line, maxsplit=1)
        return self._named(first[0]) if is_dated and len(first) > 1 else None

    def _of_credit(self, line: str) -> Agency | None:
        """What stands behind a text, or at the end of its last paragraph."""
        ended = _IN_BRACKETS.search(line[-80:]) or _BEHIND_DASH.search(line[-60:])
        if ended and (found := self._all(ended[1])):
            return found
        if rights := _RIGHTS.match(line):
            return self._named(_BEHIND_NAME.split(line[rights.end() :], maxsplit=1)[0])
        if signed := self.agencies.signing(line[: 3 * MAX_LINE]):
            return signed
        if len(line) > MAX_LINE:
            return None
        told = words().first_in(line)
        return self._of_label(line) or (self._told(told) if told else None)

    def _of_name(self, line: str) -> Agency | None:
        """AFP — (Reuters) — dpa/AFP"""
        bare = _BARE_LINE.fullmatch(line) if len(line) < _LONG else None
        return self._all(bare[1]) if bare else None

    def _told(self, told: str) -> Agency | None:
        address = _URL.search(told)
        return self._of_host(address[0]) if address else self._named(re.split(r"[.。](?:\s|$)", told, maxsplit=1)[0])

    def _of_label(self, line: str) -> Agency | None:
        """Source: Xinhua — 来源：新华社 作者：张三"""
        if ":" not in line and "：" not in line:
            return None
        line = line.strip(" ()（）[]【】*")
        for label in words().labels.finditer(line):
            if "source" in words().kinds(label[1] or label[2]) and not _OF_SOMETHING.search(line[: label.start()]):
                rest = re.split(r"\s*[|｜•·(（]|\s{2,}|\s+(?=\S+[:：])", line[label.end() :].strip(), maxsplit=1)[0]
                told = self._all(rest) or self._named(rest.partition(" ")[0] if not rest.isascii() else rest)
                return told or (self._of_host(rest) if _URL.match(rest) else None)
        return None

    def _of_publisher(self) -> Agency | None:
        """The source that the publisher states, or a category that says that it is one."""
        origin = self.article.origin
        if origin and (found := self._all(origin.title or "") or self._of_host(origin.url)):
            return found
        for category in self.article.categories:
            told = _STATED_AS.sub("", category.term, count=1) if _STATED_AS.match(category.term) else None
            if told is None and category.scheme and _SOURCE_SCHEME.search(category.scheme):
                told = category.term
            if told and (found := self._all(told)):
                return found
        return None

    def _of_host(self, link: str | None) -> Agency | None:
        host = _host(link)
        return self.agencies.at(host) if host else None

    def _is_own(self, name: str) -> bool:
        """Whether a name is that of the site: Le Monde, of lemonde.fr."""
        host = _host(self.article.link)
        return bool(host) and _squashed(name) == links.built_in().site(host).partition(".")[0].replace("-", "")

    def _named(self, text: str) -> Agency | None:
        return self.agencies.named(text, self.article.language)

    def _all(self, text: str) -> Agency | None:
        return self.agencies.all_named(text, self.article.language) if text else None


def _lines(article: Article) -> _Lines:
    body = [line for raw in article.text.split("\n") if (line := raw.strip())]
    prose = [number for number, line in enumerate(body) if len(line) >= _LONG or _UNSPACED.match(line)]
    before, behind = _cut_lines(article)
    last = prose[-1] if prose else 0
    return _Lines(
        tuple(body[number] for number in prose[:FIRST_PARAGRAPHS] if number < 3 * FIRST_PARAGRAPHS),
        (*before[-HEAD:], *body[:HEAD]),
        tuple(body[max(last - 1, 0) : last + 1]),
        (*body[last + 1 :][-TAIL:], *behind[:1]),
        (*body[last + 1 :][-TAIL:], *behind[:TAIL]),
    )


def _cut_lines(article: Article) -> tuple[list[str], list[str]]:
    """The lines that were cut before the first and behind the last that stay."""
    before: list[str] = []
    behind: list[str] = []
    original = article.original or ""
    place = 0
    for cut in article.cuts:
        if paragraphs(original[place : cut.start]):
            break
        before += paragraphs(original[cut.start : cut.end])
        place = cut.end
    place = len(original)
    for cut in reversed(article.cuts):
        if paragraphs(original[cut.end : place]):
            break
        behind = [*paragraphs(original[cut.start : cut.end]), *behind]
        place = cut.start
    return before, behind


def _is_place(text: str) -> bool:
    """Whether a text can be a place, or a place with its day: few words, none of them a small one of a sentence."""
    spoken = _BYLINE_BEFORE.sub("", text).replace("/", " ").split()
    small = [word for word in spoken if _CASED.match(word) and word[0].islower() and word not in _SMALL_WORDS]
    return len(spoken) <= 6 and (not small or any(map(str.isdigit, text)))


def _first(found: Iterable[Agency | None]) -> Agency | None:
    return next(filter(None, found), None)


def _host(link: str | None) -> str:
    """Of whatever is written; empty for what is no address."""
    return urlsplit(urls.absolute(link) or "").hostname or ""


def _squashed(name: str) -> str:
    return re.sub(r"[\W_]+", "", folded(name))
