"""Document → articles: what kind it is, what of it is new, and what that says, cleaned. Pure.

The one way for every document, whether a visit or a push brought it, here or in a reader process.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aggregator import identity, registry, sniff
from aggregator.clean import clean
from aggregator.errors import DocumentError
from aggregator.models import Article, Document, Entry, Memory, Parsed, Reading, Rejected
from aggregator.registry import Parser

_FEEDS = frozenset({sniff.FEED, sniff.JSON_FEED, sniff.SITEMAP})
_AHEAD = timedelta(days=1)  # of a date that a person states: clocks and zones differ


class TooMuch(Exception):
    """A document cannot be read in passing: a reader process is to read it. Caught by: pipeline."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be known of a source to read its documents."""

    source: str  # its key
    accepts: frozenset[str]  # sniffed media types
    now: datetime
    language: str | None = None  # of what it says, if it never says
    media_type: str | None = None  # said by a person, in the place of what sniffing finds
    memory: Memory | None = None  # None: nothing is to be skipped
    compared: bool = False  # a reader process is to read it in part and whole, and to say whether that differs


def read(document: Document, request: Request, *, in_passing: bool = False) -> Reading:
    """What a document says that is not known yet.

    Raises DocumentError for what its source does not promise. `in_passing`: raises TooMuch when it could take long.
    """
    parser = parser_of(document, request.accepts, request.media_type)
    parsed, whole = _parsed(document, request.memory, parser, in_passing)
    parsed = _without_future(parsed, document, request.now)
    articles = list(_articles(parsed, request))
    usable = tuple(article for article in articles if article.title)
    memory = parsed.memory
    if memory is not None and whole:
        memory = replace(memory, whole_at=request.now)
    return Reading(
        usable,
        parsed.advice,
        skipped=len(articles) - len(usable),
        known_guids=parsed.known_guids,
        dropped=parsed.dropped,
        memory=memory,
        whole=whole,
        refused=parsed.refused,
    )


def parser_of(document: Document, accepts: frozenset[str], media_type: str | None = None) -> Parser:
    """The parser for what a document is, or is said to be. Raises DocumentError for what is not accepted."""
    if not document.body.strip():
        raise DocumentError(f"{document.name}: empty")
    kind = media_type or sniff.media_type(document.body)
    parser = registry.parsers().get(kind)
    if parser is None or kind not in accepts:
        if kind == sniff.BINARY:
            raise DocumentError(f"{document.name}: {sniff.no_text(document.body)}")
        wanted = " or ".join(sorted(set(map(sniff.describe, accepts))))
        raise DocumentError(f"{document.name}: {sniff.describe(kind)}, not {wanted}")
    if document.beside is not None and parser.media_types & _FEEDS:
        raise DocumentError(
            f"{document.beside_name}: stands beside a feed, whose entries speak for themselves: remove it"
        )
    if document.beside is not None and kind == sniff.ARCHIVE:
        raise DocumentError(f"{document.beside_name}: stands beside an archive: put it beside a file in there")
    return parser


def prepare(document: Document, request: Request) -> None:
    """Load what is needed to read such a document. No error: reading it will say what is wrong."""
    parser = registry.parsers().get(request.media_type or sniff.media_type(document.body))
    if parser is not None:
        parser.prepare()


def difference(document: Document, request: Request, part: Reading) -> str | None:
    """How a reading in part differs from reading the whole; None where it does not, as it should be."""
    if part.whole:
        return None
    try:
        parsed = parser_of(document, request.accepts, request.media_type).parse(document)
    except DocumentError as error:
        return f"the whole cannot be read: {error}"
    known = set(part.known_guids)
    found = _by_key(part.articles)
    articles = list(_articles(parsed, request))
    for entry, article in zip(parsed.entries, articles, strict=True):
        if article.title and article.key not in found and identity.guid_hash_of(entry) not in known:
            return f"{_named(article)} is found in the whole only"
    whole = _by_key(articles)
    for article in part.articles:
        if article.key not in whole:
            return f"{_named(article)} is found in part only"
    return next(filter(None, (_contrast(article, whole[article.key]) for article in part.articles)), None)


def _by_key(articles: Iterable[Article]) -> dict[str, list[Article]]:
    """All of them: a key may be repeated."""
    found: dict[str, list[Article]] = {}
    for article in articles:
        found.setdefault(article.key, []).append(article)
    return found


def _named(article: Article) -> str:
    return f"article {article.key} ({article.guid!r})"


def _contrast(article: Article, others: Sequence[Article]) -> str | None:
    """What of an article is as in none of the others, the first of which is shown."""
    if article in others:
        return None
    pairs = ((name, getattr(article, name), getattr(others[0], name)) for name in Article.__slots__)
    name, mine, theirs = next(pair for pair in pairs if pair[1] != pair[2])
    return f"{_named(article)}: {name} is {mine!r:.500} in part, {theirs!r:.500} whole"


def _parsed(document: Document, memory: Memory | None, parser: Parser, in_passing: bool) -> tuple[Parsed, bool]:
    """What the parser finds, and whether it looked at everything."""
    if memory is not None and parser.parse_new is not None:
        part = parser.parse_new(document, memory, in_passing=in_passing)
        if part is not None and _trusts_guids(part):
            return part, False
    if in_passing and not parser.is_quick(document):
        raise TooMuch
    return parser.parse(document), True


def _without_future(parsed: Parsed, document: Document, now: datetime) -> Parsed:
    """Without entries that a person dates later than now. Raises DocumentError if that was said beside the document."""
    kept: list[Entry] = []
    refused: list[Rejected] = []
    for entry in parsed.entries:
        place = (
            dict(entry.told).get("published", "") if entry.published_at and entry.published_at > now + _AHEAD else ""
        )
        if not place.endswith((".yaml", ".yml")):
            kept.append(entry)
            continue
        reason = f"{place}: published: {entry.published_at:%Y-%m-%d} has not come yet; write when it was published"
        if document.beside is not None:
            raise DocumentError(reason)
        refused.append(Rejected(place.removeprefix(f"{document.name}/"), reason.removeprefix(f"{place}: ")))
    if refused and not kept:
        raise DocumentError(
            f"{document.name}: nothing can be read: " + "; ".join(f"{one.name}: {one.reason}" for one in refused)
        )
    return replace(parsed, entries=tuple(kept), refused=(*parsed.refused, *refused)) if refused else parsed


def _articles(parsed: Parsed, request: Request) -> Iterator[Article]:
    entries = parsed.entries if _trusts_guids(parsed) else identity.without_guids(parsed.entries)
    for entry in entries:
        yield clean(entry, source=request.source, now=request.now, declared_language=request.language)


def _trusts_guids(parsed: Parsed) -> bool:
    return identity.trusts_guids([*parsed.known_guids, *(identity.guid_hash_of(entry) for entry in parsed.entries)])
