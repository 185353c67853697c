"""Which articles are copies of which story? Pure.

An article joins a story whose copy in another source has the same canonical link, or any copy of which has the same
words. It is compared with copies that are there, never with stories as wholes, so no chain of resemblances can form.
Identity is (source, guid): a copy joins a story, it never changes another copy.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator import urls
from aggregator.models import Article, Copy, Known, Placement, Story
from aggregator.words import folded

WINDOW = timedelta(days=3)  # between two copies at one address: some addresses are used again, for other news
MIN_WORDS = 40  # below that the same words may be a notice that is used again: the title must agree as well


def news(articles: Iterable[Article], known: Mapping[str, Known]) -> tuple[Article, ...]:
    """The articles that are new or changed, each once. What was seen before keeps the date of its first sight."""
    latest: dict[str, Article] = {}
    for article in articles:
        before = known.get(article.key)
        if before is None:
            latest.setdefault(article.key, article)  # a guid that stands twice in a document: the first is the newest
        elif before.content_hash != article.content_hash:
            latest.setdefault(article.key, _again(article, before))
    return tuple(latest.values())


def _again(article: Article, before: Known) -> Article:
    updated_at = article.updated_at if article.updated_at != before.updated_at else None
    now = article.first_seen_at
    return replace(article, first_seen_at=before.first_seen_at, updated_at=min(updated_at or now, now))


def copy_of(article: Article, rank: int) -> Copy:
    """The article as its story sees it."""
    return Copy(
        key=article.key,
        source=article.source,
        rank=rank,
        title=folded(article.title),
        link=article.link if article.link and urls.names_a_page(article.link) else None,
        text_hash=article.text_hash,
        word_count=article.word_count,
        dated_at=article.dated_at,
    )


def fold(new: Sequence[Copy], past: Sequence[Copy]) -> tuple[Story, ...]:
    """The stories that the new copies belong to, whole: with the copies that were there before.

    `past` holds every copy of every story that shares a key, link or text with a new one. A copy that is in a story
    stays in it, whatever its new text says.
    """
    placed = {copy.key: copy for copy in past}
    ambiguous = _repeated_links({copy.key: copy for copy in (*past, *new)}.values())
    touched: list[str] = []
    for copy in sorted(new, key=_seniority):
        before = placed.get(copy.key)
        if before:
            copy = replace(copy, story=before.story, placement=before.placement)
        else:
            rival, rule = _rival(copy, placed.values(), ambiguous)
            story = rival.story if rival else copy.key
            copy = replace(copy, story=story, placement=Placement(rule, rival.key if rival else None))
        placed[copy.key] = copy
        touched.append(copy.story or copy.key)
    return tuple(_story(identity, placed.values()) for identity in dict.fromkeys(touched))


def lead(copies: Iterable[Copy]) -> Copy:
    """The copy that is shown: best-ranked source, then the fullest text (within a fifth), then the earliest."""
    candidates = list(copies)
    rank = min(copy.rank for copy in candidates)
    fullest = max(copy.word_count for copy in candidates if copy.rank == rank)
    return min((copy for copy in candidates if copy.rank == rank and copy.word_count >= 0.8 * fullest), key=_seniority)


def _rival(copy: Copy, others: Iterable[Copy], ambiguous: set[tuple[str, str]]) -> tuple[Copy | None, str]:
    """The most senior copy that is the same article, and the rule that says so."""
    for other in sorted(others, key=_seniority):
        if other.key == copy.key:
            continue
        if _same_text(copy, other):
            return other, "text"
        if _same_page(copy, other, ambiguous):
            return other, "link"
    return None, "first"


def _same_text(copy: Copy, other: Copy) -> bool:
    same = copy.word_count > 0 and copy.text_hash == other.text_hash
    return same and (copy.word_count >= MIN_WORDS or copy.title == other.title)


def _same_page(copy: Copy, other: Copy, ambiguous: set[tuple[str, str]]) -> bool:
    if not copy.link or copy.link != other.link or copy.source == other.source:
        return False
    near = abs(other.dated_at - copy.dated_at) <= WINDOW
    return near and not ambiguous & {(copy.source, copy.link), (other.source, other.link)}


def _repeated_links(copies: Iterable[Copy]) -> set[tuple[str, str]]:
    """Links that a source gives to several articles: a front page or a live blog, nobody's address."""
    counts = Counter((copy.source, copy.link) for copy in copies if copy.link)
    return {(source, link) for (source, link), count in counts.items() if link and count > 1}


def _story(identity: str, copies: Iterable[Copy]) -> Story:
    members = tuple(sorted((copy for copy in copies if copy.story == identity), key=_seniority))
    return Story(identity, lead(members).key, members)


def _seniority(copy: Copy) -> tuple[datetime, str]:
    return copy.dated_at, copy.key
