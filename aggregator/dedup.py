"""Which articles are copies of which story? Pure.

An article joins a story whose copy in another source has a link to the same page, any copy of which has the same words,
or whose lead its text is like. What a person has said of two articles goes before all of that.
Identity is (source, guid): a copy joins a story, it never changes another copy.
"""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aggregator import links, urls
from aggregator.models import Article, Copy, Known, Likeness, Placement, Story
from aggregator.words import folded

WINDOW = timedelta(days=3)  # between two copies at one address: some addresses are used again, for other news
MOST_SILENT = 24  # changes in a row without a newer date: then it is a page that is written anew for each visitor
RESTLESS = timedelta(days=1)  # between two changes of such a page that are taken because they are news
SPAN = timedelta(days=7)  # between the first copy of a story and any other that only resembles one
MOST_COPIES = 200  # of a story: what more resembles is a formula
FULL = 0.8  # of the words of the fullest copy: about as full
MIN_WORDS = 40  # below that the same words may be a notice that is used again: the title must agree as well


def news(articles: Iterable[Article], known: Mapping[str, Known]) -> tuple[Article, ...]:
    """The articles that are new or changed, each once. What was seen before keeps the date of its first sight.

    An article that changes again and again without a newer date of its publisher's is let be after a while; what is
    news in it is still taken once a day.
    """
    first: dict[str, Article] = {}  # of a guid that stands twice in a document: the first is the newest
    for article in articles:
        first.setdefault(article.key, article)
    fresh = []
    for key, article in first.items():
        before = known.get(key)
        if before is None:
            fresh.append(article)
        elif before.content_hash != article.content_hash:
            changed = _again(article, before)
            if changed is not None:
                fresh.append(changed)
    return tuple(fresh)


def _again(article: Article, before: Known) -> Article | None:
    """The article as it is now; None where it is let be. Its date moves only for what readers would call news."""
    now, updated_at = article.first_seen_at, before.updated_at
    announced = _is_later(article.claimed_at, before.claimed_at)
    is_news = bool(before.news_hash) and before.news_hash != article.news_hash  # none: of a version that knew of none
    silent_changes = 0 if announced else before.silent_changes + 1
    if silent_changes > MOST_SILENT:
        if not is_news or now - (updated_at or before.first_seen_at) < RESTLESS:
            return None
        silent_changes = MOST_SILENT
    if is_news:
        updated_at = min(article.claimed_at, now) if announced and article.claimed_at else now
    return replace(article, first_seen_at=before.first_seen_at, updated_at=updated_at, silent_changes=silent_changes)


def _is_later(date: datetime | None, before: datetime | None) -> bool:
    return date is not None and (before is None or date > before)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What beside links and equal texts tells whose copy an article is."""

    alike: Mapping[str, Collection[str]]  # by key: keys of articles that may be near copies
    likeness: Callable[[Copy, Copy], Likeness]  # whether they are
    rulings: Mapping[frozenset[str], bool]  # a person's word of two articles: copies of one, or not

    def together(self, key: str) -> set[str]:
        """The articles that a person has called copies of this one."""
        return {other for pair, same in self.rulings.items() if same and key in pair for other in pair - {key}}

    def allows(self, copy: Copy, around: Iterable[Copy]) -> bool:
        """Whether nobody has said that an article is no copy of any of these."""
        return not any(self.rulings.get(frozenset((copy.key, other.key))) is False for other in around)


NONE = Evidence({}, lambda one, other: Likeness(False, "not compared", 0, 0.0, 0.0, 0.0, 0.0), {})


def copy_of(article: Article, rank: int, rules: links.Rules | None = None) -> Copy:
    """The article as its story sees it; its link as it is compared by the rules, or by those of the program."""
    return Copy(
        key=article.key,
        source=article.source,
        rank=rank,
        title=folded(article.title),
        link=compared(article.link, rules),
        text_hash=article.text_hash,
        word_count=article.word_count,
        dated_at=article.dated_at,
    )


def compared(link: str | None, rules: links.Rules | None = None) -> str | None:
    """An article's link as it is compared with others; None where it cannot stand for the article."""
    page = links.page_key(link, rules) if link and urls.names_a_page(link) else None
    return page if page and urls.names_a_page(page) else None


def fold(new: Sequence[Copy], past: Sequence[Copy], evidence: Evidence = NONE) -> tuple[Story, ...]:
    """The stories that the new copies belong to, whole: with the copies that were there before.

    `past` holds every copy of every story that shares a key, link or text with a new one, or one of whose copies may be
    like one. A copy that is in a story stays in it, whatever its new text says.
    """
    placed = _Placed(past)
    repeated = _repeated_links({copy.key: copy for copy in (*past, *new)}.values())
    touched: list[str] = []
    for copy in sorted(new, key=_seniority):
        before = placed.copies.get(copy.key)
        if before:
            copy = replace(copy, story=before.story, placement=before.placement)
        else:
            placement = _placement(copy, placed, repeated, evidence)
            rival = placed.copies[placement.rival] if placement.rival else None
            copy = replace(copy, story=rival.story if rival else copy.key, placement=placement)
        placed.add(copy)
        touched.append(copy.story or copy.key)
    return tuple(_story(identity, placed.members[identity].values()) for identity in dict.fromkeys(touched))


def lead(copies: Iterable[Copy]) -> Copy:
    """The copy that is shown: what a person has chosen; else by the rank of its source, an original before reprints,
    the fullest text (within a fifth), one that everybody can read, the earliest."""
    left = list(copies)
    left = [copy for copy in left if copy.chosen] or left
    rank = min(copy.rank for copy in left)
    left = [copy for copy in left if copy.rank == rank]
    left = [copy for copy in left if not copy.is_reprint] or left
    fullest = max(copy.word_count for copy in left)
    left = [copy for copy in left if copy.word_count >= FULL * fullest]
    return min(left, key=lambda copy: (copy.is_paywalled, *_seniority(copy)))


class _Placed:
    """The copies that are in stories: by key, by story, and the most senior first by all that one can share."""

    def __init__(self, copies: Iterable[Copy]) -> None:
        self.copies: dict[str, Copy] = {}
        self.members: dict[str, dict[str, Copy]] = defaultdict(dict)
        self.sharing: dict[tuple[str, ...], list[Copy]] = defaultdict(list)
        for copy in copies:
            self.add(copy)

    def add(self, copy: Copy) -> None:
        """Put in a copy, in the place of an older one of the same article."""
        if before := self.copies.get(copy.key):
            for feature in _features(before):
                group = self.sharing[feature]
                del group[bisect_left(group, _seniority(before), key=_seniority)]
        self.copies[copy.key] = copy
        self.members[copy.story or copy.key][copy.key] = copy
        for feature in _features(copy):
            insort(self.sharing[feature], copy, key=_seniority)

    def around(self, copy: Copy) -> Collection[Copy]:
        """All copies of a copy's story."""
        return self.members[copy.story or copy.key].values()


def _features(copy: Copy) -> Iterator[tuple[str, ...]]:
    yield "text", copy.text_hash
    yield "text", copy.text_hash, copy.title
    if copy.link:
        yield "link", copy.link


def _placement(copy: Copy, placed: _Placed, repeated: set[tuple[str, str]], evidence: Evidence) -> Placement:
    """The rule that says whose copy it is, and the most senior copy of which it says so."""
    said = [other for key in evidence.together(copy.key) if (other := placed.copies.get(key))]
    if said:
        return Placement("person", min(said, key=_seniority).key)
    rivals = [
        (other, rule)
        for other, rule in ((_same_text(copy, placed), "text"), (_same_page(copy, placed, repeated), "link"))
        if other and evidence.allows(copy, placed.around(other))
    ]
    if rivals:
        rival, rule = min(rivals, key=lambda pair: _seniority(pair[0]))
        return Placement(rule, rival.key)
    return _near(copy, placed, evidence) or Placement("first")


def _near(copy: Copy, placed: _Placed, evidence: Evidence) -> Placement | None:
    """A story whose lead a copy is like: never one of whose copies alone it is, so that no chain can form."""
    candidates = (placed.copies[key] for key in evidence.alike.get(copy.key, ()) if key in placed.copies)
    leads = {one.key: one for one in (lead(placed.around(candidate)) for candidate in candidates)}
    for rival in sorted(leads.values(), key=_seniority):
        around = placed.around(rival)
        if _has_room(copy, around) and evidence.allows(copy, around):
            likeness = evidence.likeness(copy, rival)
            if likeness.is_copy:
                return Placement("near", rival.key, likeness)
    return None


def _has_room(copy: Copy, around: Collection[Copy]) -> bool:
    """Whether a story is neither too large nor too far away to take in another copy by resemblance."""
    first = min(around, key=_seniority)
    return len(around) < MOST_COPIES and abs(copy.dated_at - first.dated_at) <= SPAN


def _same_text(copy: Copy, placed: _Placed) -> Copy | None:
    feature = ("text", copy.text_hash) if copy.word_count >= MIN_WORDS else ("text", copy.text_hash, copy.title)
    return next(iter(placed.sharing.get(feature, ())), None) if copy.word_count else None


def _same_page(copy: Copy, placed: _Placed, repeated: set[tuple[str, str]]) -> Copy | None:
    if not copy.link or (copy.source, copy.link) in repeated:
        return None
    for other in placed.sharing.get(("link", copy.link), ()):
        near = abs(other.dated_at - copy.dated_at) <= WINDOW
        if near and other.source != copy.source and (other.source, copy.link) not in repeated:
            return other
    return None


def _repeated_links(copies: Iterable[Copy]) -> set[tuple[str, str]]:
    """Links that a source gives to several articles: a front page or a live blog, nobody's address."""
    counts = Counter((copy.source, copy.link) for copy in copies if copy.link)
    return {(source, link) for (source, link), count in counts.items() if link and count > 1}


def _story(identity: str, copies: Iterable[Copy]) -> Story:
    members = tuple(sorted(copies, key=_seniority))
    return Story(identity, lead(members).key, members)


def _seniority(copy: Copy) -> tuple[datetime, str]:
    return copy.dated_at, copy.key
