"""Entry → Article: safe markup, plain text, believable dates, absolute links, one identity. Pure."""

import html as html_entities
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aggregator import plaintext, urls
from aggregator.identity import stored_guid
from aggregator.language import language
from aggregator.links import canonical
from aggregator.markup import MAX_HTML, legal, paragraphs, plain, safe_html, without_counters
from aggregator.models import Article, Category, Enclosure, Entry, Link, Markup, Origin
from aggregator.significance import news_hash
from aggregator.words import digest, folds, words

MAX_TITLE = 500
MAX_SUMMARY = 1000
MAX_DERIVED_TITLE, MAX_DERIVED_SUMMARY = 100, 300  # where the publisher gives none: from the text
MAX_NAME = 200  # of an author, a category and its scheme, a licence, …
MAX_AUTHORS, MAX_CATEGORIES, MAX_ENCLOSURES, MAX_LINKS = 20, 50, 20, 30
MAX_LOOKED_AT = 500  # of each of these: what comes behind is not even cleaned
MAX_RELATION = 100
CLOCK_SKEW = timedelta(hours=24)  # a date this far ahead is a mistake, not a time zone
FILE_TIME = "the file's time"  # where a date was found (`Article.told`) that nobody has stated
OLDEST_YEAR = 1990  # before the web; 1970 and 1980 are where clocks that are not set begin
_ADDRESS = re.compile(r"\s*<[^<>\s@]+@[^<>\s@]+>$")
_TWICE = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,31}\d{0,2});|</[a-z]", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?!\s)", re.IGNORECASE)


def clean(entry: Entry, *, source: str, now: datetime, declared_language: str | None = None) -> Article:
    """The article that an entry of a source is, as seen first at `now`.

    Its text and HTML are safe to publish, and every link is an absolute http(s) one. Dates that cannot be (before 1990,
    more than a day ahead) are dropped, others are given in UTC; a change that is announced for later has happened now.
    """
    title = plain(entry.title)[:MAX_TITLE]
    html, text, is_framed = _body(entry)
    link = canonical(entry.link, entry.base)
    guid = _guid(entry, title or _shortened(text, MAX_DERIVED_TITLE), text)
    authors = tuple(dict.fromkeys(filter(None, map(_author, entry.authors[:MAX_LOOKED_AT]))))[:MAX_AUTHORS]
    categories = tuple(dict.fromkeys(_categories(entry.categories[:MAX_LOOKED_AT])))[:MAX_CATEGORIES]
    enclosures = tuple(dict.fromkeys(_enclosures(entry.enclosures[:MAX_LOOKED_AT], entry.base)))[:MAX_ENCLOSURES]
    spoken = language(entry.language or declared_language, f"{title or _shortened(text, MAX_DERIVED_TITLE)}. {text}")
    updated_at = _believable(entry.updated_at, now)
    subtitle = _shortened(plain(entry.subtitle), MAX_TITLE)
    links = tuple(dict.fromkeys(_links(entry.links[:MAX_LOOKED_AT], entry.base, link)))[:MAX_LINKS]
    thumbnail = urls.absolute(entry.thumbnail, entry.base)
    comments = urls.absolute(entry.comments, entry.base)
    origin = _origin(entry.origin, entry.base)
    licence = _licence(entry.licence, entry.base)
    article = Article(
        key=article_key(source, guid),
        source=source,
        guid=guid,
        title=title,
        text="",
        html="",
        summary=_shortened(plain(entry.summary, MAX_SUMMARY) if entry.content else "", MAX_SUMMARY),
        first_seen_at=now,
        subtitle=subtitle,
        link=link,
        authors=authors,
        categories=categories,
        enclosures=enclosures,
        published_at=_believable(entry.published_at or entry.updated_at, now),
        updated_at=min(updated_at, now) if updated_at else None,
        claimed_at=updated_at,
        language=spoken,
        links=links,
        thumbnail=thumbnail,
        comments=comments,
        origin=origin,
        licence=licence,
        original=html if is_framed else None,
        told=entry.told,
    )
    return with_body(article, title, html, text)


def with_body(article: Article, title: str, html: str, text: str) -> Article:
    """The article with another title and body (safe HTML and its text), and with all that follows from them.

    An empty title or summary is made from the text.
    """
    text_words = words(text)
    folded_text = " ".join(folds(text_words))
    summary = article.summary or _shortened(text, MAX_DERIVED_SUMMARY)
    told = title or _shortened(text, MAX_DERIVED_TITLE)
    # Without the dates of feeds: one that stamps its entries anew at each visit would be news for ever.
    fields = article.link, article.language, article.thumbnail, article.comments, article.origin, article.licence
    published = [told, article.subtitle, html, summary, *map(repr, fields), *article.authors]
    if article.told and ("published", FILE_TIME) not in article.told:
        published.append(repr(article.published_at))
    lists = [*map(repr, article.categories), *map(repr, article.enclosures), *map(repr, article.links)]
    return replace(
        article,
        title=told,
        text=text,
        html=html,
        summary=summary,
        content_hash=digest([*published, *lists]),
        news_hash=news_hash(title, text, folded_text),
        text_hash=digest([folded_text]),
        word_count=len(text_words),
    )


def without_derived(article: Article) -> Article:
    """The article without a summary that was made from its text: `with_body` makes another one."""
    return replace(article, summary="") if article.summary == _shortened(article.text, MAX_DERIVED_SUMMARY) else article


def _body(entry: Entry) -> tuple[str, str, bool]:
    """The body as safe HTML, its text, and whether a page's furniture may stand around it: plain text comes with it."""
    body = entry.content or entry.summary
    if body.html:
        html = _to_its_page(safe_html(without_counters(body.value), entry.base), entry)
        return html, "\n\n".join(paragraphs(html)), entry.framed
    lines = plaintext.paragraphs(legal(plaintext.unified(body.value[:MAX_HTML])))
    html = "".join(f"<p>{html_entities.escape(line, quote=False)}</p>\n" for line in lines)
    return html, "\n\n".join(" ".join(line.split()) for line in lines), bool(lines)


def _to_its_page(html: str, entry: Entry) -> str:
    """Links to places inside the article lead to its page: what they are relative to may be the feed."""
    base, page = urls.absolute(entry.base), urls.absolute(entry.link, entry.base)
    if base is None or page is None or "#" not in html:
        return html
    here, there = (html_entities.escape(url.partition("#")[0]) for url in (base, page))
    return html.replace(f'href="{here}#', f'href="{there}#')


def article_key(source: str, guid: str) -> str:
    """The public key of an article: the same on every machine and after every rebuild."""
    return digest([source, guid])


def _guid(entry: Entry, title: str, text: str) -> str:
    return stored_guid(entry.guid or entry.link or "") or digest([title, text])


def _shortened(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rsplit(" ", 1)[0].rstrip(" ,;:.-–—") + "…"


def _categories(categories: Iterable[Category]) -> Iterable[Category]:
    for category in categories:
        term = _name(category.term)
        if term:
            yield Category(term, _line(category.scheme) or None, _name(category.label) or None)


def _author(text: str) -> str:
    """A name without the e-mail address behind it."""
    name = _name(text)
    return _ADDRESS.sub("", name) or name


def _name(text: str | None) -> str:
    """A line of plain text. No name holds a character reference or a tag, but many a publisher escapes names twice."""
    return _line(text, html=_TWICE.search(text or "") is not None)


def _line(text: str | None, *, html: bool = False) -> str:
    return plain(Markup(text or "", html))[:MAX_NAME].rstrip()


def _enclosures(enclosures: Iterable[Enclosure], base: str | None) -> Iterable[Enclosure]:
    for enclosure in enclosures:
        url = urls.absolute(enclosure.url, base)
        if url:
            yield Enclosure(url, _media_type(enclosure.media_type), enclosure.length)


def _links(links: Iterable[Link], base: str | None, own: str | None) -> Iterable[Link]:
    """Those that say more than the article's own link does."""
    for link in links:
        href = urls.absolute(link.href, base)
        if href and canonical(href) != own:
            relation = plain(Markup(link.rel)).lower()
            title = _name(link.title) or None
            yield Link(href, relation[:MAX_RELATION] or "alternate", _media_type(link.media_type), title)


def _media_type(text: str | None) -> str | None:
    return (
        text.lower() if text and re.fullmatch(r"[\w.+-]{1,127}/[\w.+-]{1,127}", text, re.ASCII) else None
    )  # RFC 6838 §4.2


def _origin(origin: Origin | None, base: str | None) -> Origin | None:
    if origin is None:
        return None
    found = Origin(_name(origin.title) or None, urls.absolute(origin.url, base))
    return found if found.title or found.url else None


def _licence(licence: str | None, base: str | None) -> str | None:
    """An absolute URL, or words: never what a program might take for a link of another kind."""
    url = urls.absolute(licence)
    if url:
        return url
    said = _name(licence)
    if said.startswith(("/", "./", "../")):
        return urls.absolute(licence, base)
    return None if _SCHEME.match(said) else said or None


def _believable(date: datetime | None, now: datetime) -> datetime | None:
    """The date in UTC, which is meant where no zone is said."""
    date = date and date.replace(tzinfo=date.tzinfo or UTC)
    if date is None or date.year < OLDEST_YEAR or date > now + CLOCK_SKEW:
        return None
    date = date.astimezone(UTC)
    return date if date.year >= OLDEST_YEAR else None
