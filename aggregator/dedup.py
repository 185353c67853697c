"""Which articles are copies of which story? Pure.

An article joins a story whose copy in another source has a link to the same page, any copy of which has the same words,
or whose lead its text is like. What a person has said of two articles goes before all of that.

- By its words it joins only what was founded within a week of it: a source could else hide other articles of these
  words by an early date. A file of the owner's is dated by its copying, and joins whatever has its words.
- A link is believed where one of the two is on its own page, or title or texts agree. It takes a newcomer to the page,
  never the page, or what has the newcomer's words, to a story of other articles: see `_joins_page` and `_is_guest`.

Identity is (source, guid): a copy joins a story, it never changes another copy.

What depends on the order in which copies come:

- Within one visit nothing: the most senior copy goes first, by its date, then by its key.
- Nothing either among articles of which any two that can be linked by a chain of copies are copies of each other.
- Of a chain (B is a copy of A and of C, these are none of each other) it depends on who was there. B joins the most
  senior of the stories that were there before it, and moves nobody: a source could else, with the words of one article
  and the address of another, put together what others have written, and hide one of the two. So stories that come in
  another order may be parted otherwise, but what is in one story is always linked by copies.
- `regroup.fold_recent` decides anew in the order in which articles were first seen, which no source can claim.
"""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from types import MappingProxyType
from urllib.parse import urlsplit

from aggregator import links, urls
from aggregator.addresses import registrable_domain
from aggregator.models import Article, Copy, Known, Likeness, Placement, Story
from aggregator.near import CONTAINED
from aggregator.plaintext import breaks_off
from aggregator.words import folded

WINDOW = timedelta(days=3)  # between two copies at one address: some addresses are used again, for other news
MOST_SILENT = 24  # changes in a row without a newer date: then it is a page that is written anew for each visitor
RESTLESS = timedelta(days=1)  # between two changes of such a page that are taken because they are news
SPAN = timedelta(days=7)  # between the first copy of a story and any other that has no link to it
MOST_RIVALS = 20  # with the same words, or link: so many are looked at
MOST_COPIES = 200  # of a story: what more resembles is a formula
FULL = 0.8  # of the words of a full text: about as full
EXCERPT = 100  # words: a shorter text may be an excerpt though it does not break off
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
        changed_at = min(article.claimed_at, now) if announced and article.claimed_at else now
        updated_at = max(changed_at, updated_at or changed_at)
    return replace(article, first_seen_at=before.first_seen_at, updated_at=updated_at, silent_changes=silent_changes)


def _is_later(date: datetime | None, before: datetime | None) -> bool:
    return date is not None and (before is None or date > before)


@dataclass(frozen=True)
class Evidence:
    """What beside links and equal texts tells whose copy an article is."""

    alike: Mapping[str, Collection[str]]  # by key: keys of articles that may be near copies
    likeness: Callable[[Copy, Copy], Likeness | None]  # whether they are; None where texts are not compared
    rulings: Mapping[frozenset[str], bool]  # a person's word of two articles: copies of one, or not

    def together(self, key: str) -> set[str]:
        """The articles that a person has called copies of this one, or copies of its copies: whoever comes first."""
        found, asked = {key}, [key]
        while asked:
            near = {other for other, same in self._said.get(asked.pop(), {}).items() if same}
            asked += near - found
            found |= near
        return {other for other in found if other != key and self._said[key].get(other, True)}

    def allows(self, copy: Copy, around: Iterable[Copy]) -> bool:
        """Whether nobody has said that an article is no copy of any of these."""
        apart = {other for other, same in self._said.get(copy.key, {}).items() if not same}
        return not apart or apart.isdisjoint(other.key for other in around)

    @cached_property
    def _said(self) -> Mapping[str, Mapping[str, bool]]:
        """A person's word by article: of which other ones, and what."""
        found: dict[str, dict[str, bool]] = defaultdict(dict)
        for (one, other), same in self.rulings.items():
            found[one][other] = found[other][one] = same
        return found


NONE = Evidence({}, lambda one, other: None, {})


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
        breaks_off=breaks_off(article.text),
    )


def compared(link: str | None, rules: links.Rules | None = None) -> str | None:
    """An article's link as it is compared with others; None where it cannot stand for the article."""
    page = links.page_key(link, rules) if link and urls.names_a_page(link) else None
    return page if page and urls.names_a_page(page) else None


def fold(
    new: Sequence[Copy],
    past: Sequence[Copy],
    evidence: Evidence = NONE,
    seen_at: Mapping[str, datetime] = MappingProxyType({}),
) -> tuple[Story, ...]:
    """The stories that the new copies belong to, whole: with the copies that were there before.

    `past` holds every copy of every story that shares a key, link or text with a new one, or one of whose copies may be
    like one. A copy that is in a story stays in it, whatever its new text says. `seen_at`: when those articles were
    first seen that did not come at once.
    """
    placed = _Placed(past)
    repeated = _repeated_links({copy.key: copy for copy in (*past, *new)}.values())
    touched: list[str] = []
    for copy in sorted(new, key=lambda copy: (seen_at.get(copy.key, copy.dated_at), *_seniority(copy))):
        before = placed.copies.get(copy.key)
        if before:
            copy = replace(copy, story=before.story, placement=before.placement, chosen=before.chosen)
        else:
            placement = _placement(copy, placed, repeated, evidence)
            rival = placed.copies[placement.rival] if placement.rival else None
            copy = replace(copy, story=rival.story if rival else copy.key, placement=placement)
        placed.add(copy)
        touched.append(copy.story or copy.key)
    return tuple(story(identity, placed.members[identity].values()) for identity in dict.fromkeys(touched))


def lead(copies: Iterable[Copy]) -> Copy:
    """The copy that is shown: what a person has chosen; else by the rank of its source, an original before reprints,
    a full text before excerpts of it, one that everybody can read, the earliest.

    A text is no excerpt because another source has written something behind it: see `_whole`.
    """
    left = list(copies)
    left = [copy for copy in left if copy.chosen] or left
    rank = min(copy.rank for copy in left)
    left = [copy for copy in left if copy.rank == rank]
    left = [copy for copy in left if not copy.is_reprint] or left
    left = _whole(_at_home(left))
    return min(left, key=lambda copy: (copy.is_paywalled, *_seniority(copy)))


def _at_home(copies: list[Copy]) -> list[Copy]:
    """Without those that say themselves that they are from the site of another copy: they link to its page."""
    shared = Counter(copy.link for copy in copies if copy.link)
    home = {copy.link for copy in copies if copy.link and shared[copy.link] > 1 and _is_at_home(copy)}
    if not home:
        return copies
    return [copy for copy in copies if copy.link not in home or copy.host is None or _is_at_home(copy)]


def _is_at_home(copy: Copy) -> bool:
    """Whether an article's page is on the site of its source."""
    return bool(copy.link and copy.host) and registrable_domain(urlsplit(copy.link or "").hostname or "") == copy.host


def _whole(copies: list[Copy]) -> list[Copy]:
    """Without excerpts of another copy.

    An excerpt is short or breaks off, has less than `FULL` of the words of a full text, and is in it. Whether it is was
    measured when one of the two was placed. It is believed of articles with a link to one page where the full text is
    from that page's site, or from a folder of the owner's.
    """
    by_key = {copy.key: copy for copy in copies}
    pairs = ((copy, by_key[copy.placement.rival]) for copy in copies if copy.placement.rival in by_key)
    full = max((longer for one, other in pairs if (longer := _length_of_full(one, other))), default=0)
    return [copy for copy in copies if not _is_excerpt(copy, full)] or copies


def _length_of_full(one: Copy, other: Copy) -> int:
    """The words of the longer of two texts, if the shorter one, which was found equal to it, is an excerpt of it."""
    rule, likeness = one.placement.rule, one.placement.likeness
    excerpt, full = sorted((one, other), key=lambda copy: copy.word_count)
    is_inside = likeness is not None and likeness.containment >= CONTAINED
    is_believed = rule == "link" and (full.host is None or _is_at_home(full))
    return full.word_count if _is_excerpt(excerpt, full.word_count) and (is_inside or is_believed) else 0


def _is_excerpt(copy: Copy, full: int) -> bool:
    return copy.word_count < FULL * full and (copy.breaks_off or copy.word_count < EXCERPT)


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

    def is_founded_near(self, copy: Copy, other: Copy) -> bool:
        """Whether the story of the other was founded at about the date of a copy."""
        founder = self.copies.get(other.story or other.key, other)
        return abs(founder.dated_at - copy.dated_at) <= SPAN

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
        rival = min(said, key=_seniority)
        return Placement("person", rival.key, evidence.likeness(copy, rival))
    rivals = [
        (other, rule)
        for other, rule in (
            (_same_text(copy, placed, evidence), "text"),
            (_same_page(copy, placed, repeated, evidence), "link"),
        )
        if other and evidence.allows(copy, placed.around(other))
    ]
    if rivals:
        rival, rule = min(rivals, key=lambda pair: _seniority(pair[0]))
        return Placement(rule, rival.key, evidence.likeness(copy, rival) if rule == "link" else None)
    return _near(copy, placed, evidence) or Placement("first")


def _near(copy: Copy, placed: _Placed, evidence: Evidence) -> Placement | None:
    """A story whose lead a copy is like: never one of whose copies alone it is, so that no chain can form."""
    candidates = (placed.copies[key] for key in evidence.alike.get(copy.key, ()) if key in placed.copies)
    stories = {candidate.story or candidate.key: placed.around(candidate) for candidate in candidates}
    open_ones = [around for around in stories.values() if _has_room(copy, around) and evidence.allows(copy, around)]
    for rival in sorted(map(lead, open_ones), key=_seniority):
        likeness = evidence.likeness(copy, rival)
        if likeness and likeness.is_copy:
            return Placement("near", rival.key, likeness)
    return None


def _has_room(copy: Copy, around: Collection[Copy]) -> bool:
    """Whether a story is neither too large nor too far away to take in another copy by resemblance."""
    return len(around) < MOST_COPIES and abs(copy.dated_at - min(around, key=_seniority).dated_at) <= SPAN


def _same_text(copy: Copy, placed: _Placed, evidence: Evidence) -> Copy | None:
    if not copy.word_count:
        return None
    feature = ("text", copy.text_hash) if copy.word_count >= MIN_WORDS else ("text", copy.text_hash, copy.title)
    group: Sequence[Copy] = placed.sharing.get(feature, ())
    if copy.host is not None:
        first = bisect_left(group, (copy.dated_at - SPAN, ""), key=_seniority)
        group = [other for other in group[first : first + MOST_RIVALS] if placed.is_founded_near(copy, other)]
    return next((other for other in group[:MOST_RIVALS] if not _is_guest(other, copy, placed, evidence)), None)


def _is_guest(other: Copy, copy: Copy, placed: _Placed, evidence: Evidence) -> bool:
    """Whether a copy is in its story only for a link to another's page, where other words are: who has its words, and
    is not of that page, does not belong there."""
    if not other.link or other.link == copy.link or _is_trusted(other):
        return False
    hosts = (one for one in placed.around(other) if one.link == other.link and _is_at_home(one))
    host = min(hosts, key=_seniority, default=None)
    return host is not None and not _agree(other, host, evidence)


def _same_page(copy: Copy, placed: _Placed, repeated: set[tuple[str, str]], evidence: Evidence) -> Copy | None:
    if not copy.link or (copy.source, copy.link) in repeated:
        return None
    near = (
        other
        for other in placed.sharing.get(("link", copy.link), ())
        if abs(other.dated_at - copy.dated_at) <= WINDOW
        and other.source != copy.source
        and (other.source, copy.link) not in repeated
    )
    return next((one for one in islice(near, MOST_RIVALS) if _joins_page(copy, one, placed, evidence)), None)


def _joins_page(copy: Copy, other: Copy, placed: _Placed, evidence: Evidence) -> bool:
    """Whether a copy with a link to the page of another one joins its story.

    It does where the other is on its own page. The page itself comes to who links to it, and of nobody's page one comes
    to another of the same title, only where no other articles are in that story; else texts have to agree.
    """
    if _is_trusted(other):
        return True
    is_alone = all(one.link == copy.link for one in placed.around(other))
    is_believed = _is_trusted(copy) or (copy.title and copy.title == other.title)
    return (is_alone and bool(is_believed)) or _agree(copy, other, evidence)


def _is_trusted(copy: Copy) -> bool:
    """Whether the link of a copy is its own: to the site of its source, or from a folder of the owner's."""
    return copy.host is None or _is_at_home(copy)


def _agree(one: Copy, other: Copy, evidence: Evidence) -> bool:
    """Whether texts say the same."""
    if one.text_hash == other.text_hash:
        return True
    likeness = evidence.likeness(one, other)
    return likeness is not None and likeness.is_copy


def _repeated_links(copies: Iterable[Copy]) -> set[tuple[str, str]]:
    """Links that a source gives to several articles: a front page or a live blog, nobody's address."""
    counts = Counter((copy.source, copy.link) for copy in copies if copy.link)
    return {(source, link) for (source, link), count in counts.items() if link and count > 1}


def story(identity: str, copies: Iterable[Copy]) -> Story:
    """The story that these copies are, the most senior first."""
    members = tuple(sorted(copies, key=_seniority))
    return Story(identity, lead(members).key, members)


def _seniority(copy: Copy) -> tuple[datetime, str]:
    return copy.dated_at, copy.key
