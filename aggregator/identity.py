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
from aggregator.words import digest, folded, short_hash

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


def without_guids(entries: Collection[Entry]) -> Iterator[Entry]:
    """The entries as if their publisher had given them no ids: by links, or, where these repeat, by titles."""
    links = Counter(entry.link for entry in entries)
    for entry in entries:
        if entry.link and links[entry.link] == 1:
            yield replace(entry, guid=entry.link)
        else:
            named = entry.title or entry.content or entry.summary
            yield replace(entry, guid=digest([entry.link or "", named.value.strip()]))


def recognised(
    articles: Sequence[Article], known: Mapping[str, Known], kin: Collection[Kin], *, unchanged: int = 0
) -> list[Article]:
    """The articles, each under the key by which it is stored, if it is stored under another one.

    `kin` are stored articles of the same source; `unchanged` is the number of entries that were not even looked at.
    """
    strangers = [article for article in articles if article.key not in known]
    here = {article.key for article in articles}
    left = _Kin(one for one in kin if one.key not in here)
    found = {article.key: one for article in strangers if (one := left.same(article))}
    if len(strangers) >= max(MASS_LEAST, MASS_SHARE * (len(articles) + unchanged)):
        links = Counter(article.link for article in strangers)
        unknown = [article for article in strangers if article.key not in found]
        alike = {article.key: one for article in unknown if (one := left.alike(article, links[article.link] > 1))}
        # Only where most are old ones: else they are the news of a long absence, and a title may be used again.
        if len(found) + len(alike) >= MASS_SHARE * len(strangers):
            found |= alike
    return [_under(article, found.get(article.key)) for article in articles]


def _under(article: Article, stored: Kin | None) -> Article:
    return replace(article, key=stored.key, guid=stored.guid) if stored else article


class _Kin:
    """Stored articles by what a stranger can share with them. Each can be recognised once."""

    def __init__(self, candidates: Iterable[Kin]) -> None:
        self._sharing: dict[tuple[str, str], list[Kin]] = defaultdict(list)
        self._gone: set[str] = set()
        for one in candidates:
            for feature in (("link", one.link), ("title", one.title), ("text", one.text_hash)):
                if feature[1]:
                    self._sharing[feature[0], feature[1]].append(one)

    def same(self, article: Article) -> Kin | None:
        """The same page with the same title or words."""
        page, title, text = self._left(article)
        return self._taken(one for one in page if one in title or one in text)

    def alike(self, article: Article, page_is_shared: bool) -> Kin | None:
        """The same page, the same title and words, or the same title, where only one article has it."""
        page, title, text = self._left(article)
        return self._taken(
            [
                *(page if len(page) == 1 and not page_is_shared else ()),
                *(one for one in title if one in text),
                *(title if len(title) == 1 else ()),
            ]
        )

    def _left(self, article: Article) -> Iterator[list[Kin]]:
        """Those on the same page, with the same title, with the same words."""
        link = article.link if article.link and urls.names_a_page(article.link) else ""
        for feature in (("link", link), ("title", folded(article.title)), ("text", article.text_hash)):
            yield [one for one in self._sharing.get(feature, ()) if one.key not in self._gone]

    def _taken(self, found: Iterable[Kin]) -> Kin | None:
        one = next(iter(found), None)
        if one:
            self._gone.add(one.key)
        return one
