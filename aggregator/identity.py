"""Which article is an entry, when publishers are careless with their ids? Pure.

Identity is (source, guid). Where the guids of a document are repeated they tell nothing, and links take their place.
Where articles come under keys that are not known, but with the link, title or text of stored ones of the same source,
they are those: nothing that was published is published again because a publisher has changed the ids.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from aggregator import urls
from aggregator.markup import legal
from aggregator.models import Article, Entry, Kin, Known
from aggregator.words import digest, folded, short_hash

REPEATED_SHARE = 0.05  # of the guids of a document: from there on none of them is believed
MASS_SHARE = 0.5  # of a document's articles under unknown keys: then the source has changed its ids
MASS_LEAST = 3  # articles: fewer are no mass
MOST_SHARING = 20  # stored articles of a source with one title, page or text: more make it a formula
ENOUGH_WORDS = 40  # to tell an article by its words and page alone
MAX_GUID = 500  # characters: PostgreSQL cannot index long ones, and nobody reads them


def of_content(body: bytes) -> str:
    """What a document without a place of its own is known by: a file that is moved, a member of an archive."""
    return f"sha256:{hashlib.sha256(body).hexdigest()[:32]}"


def stored_guid(guid: str) -> str:
    """A guid as it is stored: legal characters, not too many. Empty if nothing is left of it."""
    found = legal(guid.strip())
    return found if len(found) <= MAX_GUID else digest([found])


def guid_hash(guid: str | None) -> bytes:
    """What is remembered of a guid; empty for none."""
    stored = stored_guid(guid or "")
    return short_hash(stored.encode()) if stored else b""


def guid_hash_of(entry: Entry) -> bytes:
    """What is remembered of an entry's guid, or of the link that stands in for it."""
    return guid_hash(entry.guid or entry.link)


def trusts_guids(guids: Iterable[bytes]) -> bool:
    """Whether the guids of a document can tell its entries apart; `guids` are hashes, empty where there is none."""
    counts = Counter(filter(None, guids))
    total = counts.total()
    return total == 0 or (total - len(counts)) / total <= REPEATED_SHARE


def without_guids(entries: Collection[Entry]) -> Iterator[Entry]:
    """The entries as if their publisher had given them no ids: by links, or, where these repeat, by titles."""
    links = Counter(entry.link for entry in entries)
    for entry in entries:
        if entry.link and links[entry.link] == 1:
            yield replace(entry, guid=entry.link)
        else:
            named = entry.title or entry.content or entry.summary
            yield replace(entry, guid=digest([entry.link or "", named.value.strip()]))


def is_mass(strangers: int, entries: int) -> bool:
    """Whether so many unknown keys among so many entries may be a change of all ids."""
    return strangers >= max(MASS_LEAST, MASS_SHARE * entries)


def recognised(
    articles: Sequence[Article],
    known: Mapping[str, Known],
    kin: Collection[Kin],
    *,
    present: Collection[bytes] = (),
) -> list[Article]:
    """The articles, each under the key by which it is stored, if it is stored under another one.

    `kin` are stored articles of the same source; `present` are the hashes of the guids of entries that were not looked
    at, but stand in the same document: nobody takes their place.
    """
    strangers = [article for article in articles if article.key not in known]
    here = {article.key for article in articles}
    standing = frozenset(present)
    left = _Kin(one for one in kin if one.key not in here and guid_hash(one.guid) not in standing)
    links = Counter(article.link for article in strangers)
    found = {article.key: one for article in strangers if (one := left.same(article, links[article.link] > 1))}
    if is_mass(len(strangers), len(articles) + len(present)):
        unknown = [article for article in strangers if article.key not in found]
        alike = {article.key: one for article in unknown if (one := left.alike(article, links[article.link] > 1))}
        # Only where most are old ones: else they are the news of a long absence, and a title may be used again.
        if len(found) + len(alike) >= MASS_SHARE * len(strangers):
            found |= alike
    return [_under(article, found.get(article.key)) for article in articles]


def mark(link: str | None, title: str, published_at: datetime | None, text_hash: str) -> str | None:
    """Equal for an article that comes again under another guid: the same page, title, and date, or words where it has
    none. `title` is folded. None where it has no page or no title."""
    if not title or not link or not urls.names_a_page(link):
        return None
    return short_hash("\n".join([link, title, published_at.isoformat() if published_at else text_hash]).encode()).hex()


def _under(article: Article, stored: Kin | None) -> Article:
    return replace(article, key=stored.key, guid=stored.guid) if stored else article


class _Kin:
    """Stored articles by what a stranger can share with them. Each can be recognised once.

    What many of them share tells nothing.
    """

    def __init__(self, candidates: Iterable[Kin]) -> None:
        self._sharing: dict[tuple[str, str], dict[str, Kin]] = defaultdict(dict)
        self._gone: set[str] = set()
        for one in candidates:
            for feature in _features(one):
                self._sharing[feature][one.key] = one

    def same(self, article: Article, page_is_shared: bool) -> Kin | None:
        """The same guid, as after a move of the source; the same page with the same title and the same date or words;
        the same page with the same words, if these are many and the page is theirs alone."""
        guid, page, title, text = map(self._left, _features(article))
        both = [one for key, one in page.items() if key in title and (key in text or _same_date(one, article))]
        alone = len(page) == 1 and not page_is_shared and article.word_count >= ENOUGH_WORDS
        return self._taken([*guid.values(), *both, *(one for key, one in page.items() if alone and key in text)])

    def alike(self, article: Article, page_is_shared: bool) -> Kin | None:
        """The same page, the same title and words, or the same title, where only one article has it."""
        _, page, title, text = map(self._left, _features(article))
        return self._taken(
            [
                *(page.values() if len(page) == 1 and not page_is_shared else ()),
                *(one for key, one in title.items() if key in text),
                *(title.values() if len(title) == 1 else ()),
            ]
        )

    def _left(self, feature: tuple[str, str]) -> dict[str, Kin]:
        found = self._sharing.get(feature, {})
        if not feature[1] or len(found) > MOST_SHARING:
            return {}
        return {key: one for key, one in found.items() if key not in self._gone}

    def _taken(self, found: Iterable[Kin]) -> Kin | None:
        one = next(iter(found), None)
        if one:
            self._gone.add(one.key)
        return one


def _features(one: Article | Kin) -> tuple[tuple[str, str], ...]:
    """What can be shared: guid, page, title, words; empty where there is nothing to share."""
    title = one.title if isinstance(one, Kin) else folded(one.title)
    page = one.link if one.link and urls.names_a_page(one.link) else ""
    return ("guid", one.guid), ("page", page), ("title", title), ("text", one.text_hash if one.word_count else "")


def _same_date(one: Kin, article: Article) -> bool:
    return one.published_at is not None and one.published_at == article.published_at
