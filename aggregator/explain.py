"""What each stage decided about one article: from a file that is not stored, or from the store."""

import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aggregator import editions, furniture, origins, topics, urls
from aggregator.clean import article_key, clean
from aggregator.config import Config, Example
from aggregator.config.topics import ABOUT
from aggregator.errors import DocumentError, Problem
from aggregator.identity import of_content
from aggregator.judge import Judge, Judgement
from aggregator.links import canonical
from aggregator.models import Article, Category, Copy, Credit, Document, Entry, Markup, Related, Verdict
from aggregator.parsers._facts import UNREAD
from aggregator.pipeline import utc_now
from aggregator.plurals import counted
from aggregator.reading import Request, read
from aggregator.registry import sources
from aggregator.sniff import describe, media_type
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import memberships as stored_memberships
from aggregator.store import relations as stored_relations

STANDARD_INPUT = "-"
MAX_INPUT = 50_000_000  # bytes of it

_YAML = (".yaml", ".yml")
_SOURCE = "explain"  # the source of an article that came from none
_PAGE = re.compile(r"/articles/([0-9a-f]{32})$")  # our page of an article, at whatever base URL


@dataclass(frozen=True)
class Trace:
    """One article and all that was decided about it."""

    origin: str
    article: Article
    copies: tuple[Copy, ...]  # of its story, if it is stored
    judgement: Judgement
    credit: Credit | None = None  # whose text it is
    related: tuple[Related, ...] = ()  # other stories about the same event
    hidden: frozenset[str] = frozenset()  # topics whose feeds do not show it, as it is from the past
    bundled: frozenset[str] = frozenset()  # topics whose feeds show it together with others of its hour
    stored_as: tuple[tuple[str, str], ...] = ()  # of a file: keys of the articles that are stored of it, and sources


def read_file(path: Path, config: Config) -> list[Article]:
    """The articles in a file, as a folder source would read them by itself. Raises DocumentError."""
    beside = _beside(path)
    try:
        body = path.read_bytes()
        modified_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        stated = beside.read_bytes() if beside else None
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read: {error.strerror}") from error
    return _read(body, str(path), modified_at, config, stated, beside.name if beside else "")


def _read(
    body: bytes,
    name: str,
    modified_at: datetime,
    config: Config,
    stated: bytes | None = None,
    beside_name: str = "",
) -> list[Article]:
    document = Document(
        body=body,
        name=name,
        identity=of_content(body),
        modified_at=modified_at,
        beside=stated,
        beside_name=beside_name,
    )
    found = read(document, Request(_SOURCE, sources()["folder"].ACCEPTS, utc_now())).articles
    return [furniture.cut(article, config.markers) for article in found]


def _beside(path: Path) -> Path | None:
    """The YAML with a file's facts: article.yaml or article.txt.yaml for article.txt."""
    names = [path.with_suffix(end) for end in _YAML] + [path.with_name(path.name + end) for end in _YAML]
    return next((name for name in names if name != path and name.is_file()), None)


def traces(
    what: str, config: Config, database: Database | None, slugs: Collection[str] | None = None
) -> Iterator[Trace]:
    """Everything decided about a file, `-` (standard input), an article's key, its link, or our page.

    Nothing where it is not known. `slugs`: the topics to be asked, of all. Raises DocumentError.
    """
    judge = Judge(config)
    path = Path(what)
    if what == STANDARD_INPUT or path.is_file():
        kind, articles = _given(path, config)
        for article in articles:
            stored_as = tuple(_stored_as(article, path, config, database)) if database else ()
            credit = origins.credit(article, config.agencies)
            yield Trace(kind, article, (), judge.explain(article, slugs), credit, stored_as=stored_as)
    elif database is not None:
        found = stored(what, database)
        if found:
            copies = tuple(stored_articles.story_of(database, found.key))
            credit = origins.credit(found, config.agencies)
            story = copies[0].story or found.key
            related = stored_relations.of(database, [story], stored_relations.MOST)[story]
            judgement = judge.explain(found, slugs)
            hidden, bundled = stored_memberships.hiding(database, story), stored_memberships.bundling(database, story)
            yield Trace(f"stored, from {found.source}", found, copies, judgement, credit, related, hidden, bundled)


def stored(what: str, database: Database) -> Article | None:
    """A stored article by its key, its link, or our page; of several with one link the latest."""
    page = _PAGE.search(what)
    names = dict.fromkeys((canonical(what) or what, urls.bare(what) or what, page[1] if page else what))
    return next(filter(None, (stored_articles.get(database, name) for name in names)), None)


def _given(path: Path, config: Config) -> tuple[str, list[Article]]:
    """What kind of file it is, in words, and its articles."""
    if str(path) != STANDARD_INPUT:
        return f"{path} ({describe(media_type(path.read_bytes()[:8192]))})", read_file(path, config)
    body = sys.stdin.buffer.read(MAX_INPUT + 1)
    if len(body) > MAX_INPUT:
        raise DocumentError(f"standard input: more than {MAX_INPUT:,} bytes")
    return f"standard input ({describe(media_type(body[:8192]))})", _read(body, "standard input", utc_now(), config)


def _stored_as(article: Article, path: Path, config: Config, database: Database) -> Iterator[tuple[str, str]]:
    """Where an article of a file is stored, if a folder that is read had the file: known by content, or by name."""
    folders = [key for key, source in config.sources.items() if source.host is None and not source.IS_LIST]
    sought = {article_key(folder, guid): folder for folder in folders for guid in (article.guid, path.name)}
    stored = stored_articles.by_keys(database, sought.keys())
    return ((key, sought[key]) for key, one in stored.items() if one.original == article.original)


def failing_examples(config: Config) -> Iterator[Problem]:
    """Every example of a topic that does not hold, with the rule that decided, and its value."""
    judge = Judge(config)
    for (slug, side, number), place in config.example_places.items():
        example = getattr(config.topics[slug].examples, side)[number]
        try:
            articles = _articles(example, config)
        except DocumentError as error:
            yield Problem(str(error), place)
            continue
        if not articles:
            yield Problem(f"topic '{slug}': there is no article in {example}, so nothing can be said of it", place)
        for article in articles:
            verdict = judge.explain(article, [slug]).verdicts[slug]
            if verdict.holds != (side == "match"):
                yield Problem(f"topic '{slug}' {_complaint(article, verdict)}", place)


def _complaint(article: Article, verdict: Verdict) -> str:
    decided = topics.deciding(verdict)
    shown = f" in “{decided.excerpts[0]}”" if decided.excerpts else ""
    does = "accepts" if verdict.holds else "rejects"
    return f"{does} “{article.title}”: {decided.rule}: {decided.value}{shown}"


def lines(trace: Trace, config: Config) -> Iterator[str]:
    """A trace for a terminal."""
    article = trace.article
    yield f"{article.title}"
    yield f"  read      {trace.origin}"
    language, date = article.language or "unknown", f"{article.dated_at:%Y-%m-%d %H:%M} UTC"
    yield f"  clean     {article.word_count} words, language {language}, dated {date}"
    for name, value, place in told(article):
        if name == UNREAD:
            yield f"  unread    {place}"
            continue
        yield f"  facts     {name} {value or '–, which cannot be believed'}: {place}"
    if trace.credit:
        yield f"  agency    {trace.credit.label}: the {trace.credit.place}"
    yield from _cut_lines(article)
    if trace.copies:
        yield f"  key       {article.key}"
    yield from (f"  stored    as {key}, from {source}" for key, source in trace.stored_as)
    if not trace.copies and not trace.stored_as:
        yield "  stored    no"
    for copy in trace.copies:
        own = "this article" if copy.key == article.key else f"copy {copy.key}"
        yield f"  story     {own}, from {copy.source}: {_why(copy)}{', chosen to lead' if copy.chosen else ''}"
    for one in trace.related:
        yield f"  related   {one.likeness:.0%} alike, {one.article}, from {one.source}: {one.title}"
    for tag in trace.judgement.tags.values():
        level = "about" if tag.score >= ABOUT else "mentions"
        yield f"  {level:9} {tag.label} {tag.score} = {' + '.join(f'{name} {points}' for name, points in tag.evidence)}"
    for slug, verdict in trace.judgement.verdicts.items():
        decided = topics.deciding(verdict)
        answer = f"in, score {verdict.score}" if verdict.holds else f"not in: {decided.rule}: {decided.value}"
        yield f"  topic     {slug}: {answer}"
        yield from (f"              {line}" for line in _tree(verdict, 0))
        if verdict.holds and slug in trace.hidden:
            yield "              on its page only: it was there before the rules that found it, see `backfill`"
        elif verdict.holds and trace.copies:
            topic = config.topics[slug]
            unless = ", unless another story of its event is" if topic.one_per_event else ""
            address = editions.urls(next(editions.of_topic(slug, topic)), config.settings.base_url)["atom"]
            together = " with others of its hour, see `max_per_hour` and `max_share`," if slug in trace.bundled else ""
            yield f"              published{together} in {address}{unless}"


def facts(trace: Trace) -> dict[str, Any]:
    """A trace for machines."""
    article = trace.article
    return {
        "origin": trace.origin,
        "key": article.key if trace.copies else next((key for key, _ in trace.stored_as), None),
        "title": article.title,
        "link": article.link,
        "words": article.word_count,
        "language": article.language,
        "dated_at": article.dated_at.isoformat(),
        "facts": {name: {"value": value or None, "found": place} for name, value, place in told(article)},
        "agency": {"name": trace.credit.label, "found": trace.credit.place} if trace.credit else None,
        "original": article.original,
        "cuts": [
            {"start": part.start, "end": part.end, "reason": part.reason, "lines": lines}
            for part, lines in furniture.removed(article)
        ],
        "story": [
            {
                "key": copy.key,
                "source": copy.source,
                "rule": copy.placement.rule,
                "rival": copy.placement.rival,
                "likeness": asdict(copy.placement.likeness) if copy.placement.likeness else None,
                "chosen": copy.chosen,
            }
            for copy in trace.copies
        ],
        "related": [
            {"key": one.article, "source": one.source, "title": one.title, "likeness": round(one.likeness, 3)}
            for one in trace.related
        ],
        "tags": [
            {"concept": tag.concept, "label": tag.label, "score": tag.score, "evidence": dict(tag.evidence)}
            for tag in trace.judgement.tags.values()
        ],
        "topics": {
            slug: {**_verdict_facts(verdict), "decided": _verdict_facts(topics.deciding(verdict))}
            for slug, verdict in trace.judgement.verdicts.items()
        },
    }


def told(article: Article) -> Iterator[tuple[str, str, str]]:
    """The facts of a file: the name of each, its value for people (empty where it was not believed), and its place."""
    for name, place in article.told:
        yield name, _value(article, name), place
    if article.told and article.language and "language" not in dict(article.told):
        yield "language", article.language, "the words of the text"


def _value(article: Article, name: str) -> str:
    origin = article.origin
    values = {
        "title": article.title,
        "url": article.link,
        "author": ", ".join(article.authors),
        "published": _time(article.published_at),
        "updated": _time(article.claimed_at),
        "source": origin and ", ".join(filter(None, (origin.title, origin.url))),
        "tags": ", ".join(category.label or category.term for category in article.categories),
        "language": article.language,
        "licence": article.licence,
        "summary": article.summary,
    }
    return values.get(name) or ""


def _time(time: datetime | None) -> str | None:
    return f"{time:%Y-%m-%d %H:%M} UTC" if time else None


def _why(copy: Copy) -> str:
    """Why a copy is in its story, with the figures of that decision."""
    rule, rival, likeness = copy.placement.rule, copy.placement.rival, copy.placement.likeness
    if likeness and rule == "near":
        return (
            f"near copy of {rival}, by the rule “{likeness.rule}”: {likeness.containment:.0%} of the shorter text"
            f" stands in the longer one ({counted(likeness.shared, 'piece')} of it), {likeness.jaccard:.0%} of all is"
            f" in both; the shorter one is {likeness.length_ratio:.0%} as long; {likeness.hours:.0f} h apart"
        )
    if rule == "person":
        return f"a person said that it is a copy of {rival}"
    return "founded it" if rule == "first" else f"same {rule} as {rival}"


def _cut_lines(article: Article) -> Iterator[str]:
    """What was taken off an article, and why."""
    for part, lines in furniture.removed(article):
        count = sum(len(line.split()) for line in lines)
        yield f"  cut       {count} words, characters {part.start:,}–{part.end:,} of the original: {part.reason}"
        yield from (f"              - {line[:90]}" for line in lines)
    if article.html and not article.cuts:
        yield "  cut       nothing"


def _articles(example: str | Example, config: Config) -> list[Article]:
    if isinstance(example, str):
        return read_file(config.directory / example, config)
    now = utc_now()
    entry = Entry(
        title=Markup(example.title),
        content=Markup(example.text),
        link=example.url,
        authors=(example.author,) if example.author else (),
        categories=tuple(map(Category, example.category)),
        published_at=now - example.age if example.age else None,
    )
    article = furniture.cut(clean(entry, source=_source(example.source, config), now=now), config.markers)
    return [replace(article, language=example.language or article.language)]


def _source(name: str | None, config: Config) -> str:
    """The id of the source that an example comes from. Raises DocumentError."""
    if name is None:
        return _SOURCE
    for key, source in config.sources.items():
        if name.casefold() in (key.casefold(), source.title.casefold()):
            return key
    raise DocumentError(f"no source has the name or id '{name}'")


def _tree(verdict: Verdict, depth: int) -> Iterator[str]:
    for part in verdict.parts:
        mark = "yes" if part.holds else "no "
        yield f"{'  ' * depth}{mark} {part.rule}: {part.value}"
        yield from (f"{'  ' * depth}    {shown}" for shown in part.excerpts)
        yield from _tree(part, depth + 1)


def _verdict_facts(verdict: Verdict) -> dict[str, Any]:
    return {
        "holds": verdict.holds,
        "rule": verdict.rule,
        "value": verdict.value,
        "score": verdict.score,
        "excerpts": list(verdict.excerpts),
        "parts": [_verdict_facts(part) for part in verdict.parts],
    }
