"""Which article is an entry, when publishers are careless with their ids? Pure.

Identity is (source, guid). Where the guids of a document are repeated they tell nothing, and links take their place.
Where articles come under keys that are not known, but with the link, title or text of stored ones of the same source,
they are those: nothing that was published is published again because a publisher has changed the ids.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from aggregator import urls
from aggregator.models import Article, Entry, Kin, Known
from aggregator.words import folded, short_hash

REPEATED_SHARE = 0.05  # of the guids of a document: from there on none of them is believed
MASS_SHARE = 0.5  # of a document's articles under unknown keys: then the source has changed its ids
MASS_LEAST = 3  # articles: fewer are no mass


def guid_hash(guid: str | None) -> bytes:
    """What is remembered of a guid; empty for none."""
    return short_hash(guid.encode("utf-8", "surrogatepass")) if guid else b""


def trusts_guids(guids: Iterable[bytes]) -> bool:
    """Whether the guids of a document can tell its entries apart; `guids` are hashes, empty where there is none."""
    counts = Counter(filter(None, guids))
    total = counts.total()
    return total == 0 or (total - len(counts)) / total <= REPEATED_SHARE


def without_guids(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries as if their publisher had given them no ids: the link is the next best thing."""
    return (replace(entry, guid=None) for entry in entries)


def recognised(
    articles: Sequence[Article], known: Mapping[str, Known], kin: Collection[Kin], *, unchanged: int = 0
) -> list[Article]:
    """The articles, each under the key by which it is stored, if it is stored under another one.

    `kin` are stored articles of the same source; `unchanged` is the number of entries that were not even looked at.
    """
    strangers = [article for article in articles if article.key not in known]
    taken = {article.key for article in articles}
    candidates = [one for one in kin if one.key not in taken]
    mass = len(strangers) >= max(MASS_LEAST, MASS_SHARE * (len(articles) + unchanged))
    found = _Kin(candidates, strangers, mass)
    return [article if article.key in known else found.resolve(article) for article in articles]


class _Kin:
    """Stored articles by what a stranger can share with them. Each can be recognised once."""

    def __init__(self, candidates: Iterable[Kin], strangers: Iterable[Article], mass: bool) -> None:
        self._mass = mass
        self._by_feature: dict[tuple[str, str], list[Kin]] = defaultdict(list)
        self._gone: set[str] = set()
        self._links = Counter(article.link for article in strangers if article.link)
        for one in candidates:
            for feature in _features(one.link, one.title, one.text_hash):
                self._by_feature[feature].append(one)

    def resolve(self, article: Article) -> Article:
        title = folded(article.title)
        for one in self._alike(article, title):
            self._gone.add(one.key)
            return replace(article, key=one.key, guid=one.guid)
        return article

    def _alike(self, article: Article, title: str) -> Iterator[Kin]:
        """Same page with the same title or words; after a change of all ids also the page, or the title, alone."""
        link = article.link if article.link and urls.names_a_page(article.link) else None
        same_page = self._left("link", link)
        same_title, same_text = self._left("title", title), self._left("text", article.text_hash)
        yield from (one for one in same_page if one in same_title or one in same_text)
        if not self._mass:
            return
        if link and len(same_page) == 1 and self._links[link] == 1:
            yield same_page[0]
        yield from (one for one in same_title if one in same_text)
        if len(same_title) == 1 and title:
            yield same_title[0]

    def _left(self, feature: str, value: str | None) -> list[Kin]:
        found = self._by_feature.get((feature, value or ""), [])
        return [one for one in found if one.key not in self._gone]


def _features(link: str | None, title: str, text_hash: str) -> Iterator[tuple[str, str]]:
    if link and urls.names_a_page(link):
        yield "link", link
    if title:
        yield "title", title
    yield "text", text_hash
