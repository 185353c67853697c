"""Addresses: absolute, as standards write them, and when two of them are one feed's. Pure. Of articles: see `links`.

Parsing is the WHATWG's (https://url.spec.whatwg.org/), so a link means here what it means in a browser.
"""

import re
from functools import lru_cache
from urllib.parse import quote, urlsplit

import ada_url

MAX_LENGTH = 2000

# Parameters that say where a reader came from. Stored keys of sources are made without these: the lists never change.
_TRACKING_PREFIXES = ("utm_", "mtm_", "pk_", "hsa_", "_hs", "oly_", "vero_")
_TRACKING = frozenset(
    "fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid twclid ttclid igshid mc_cid mc_eid mkt_tok wickedid"
    " s_cid cmpid ncid sr_share ref_src ref_url at_medium at_campaign at_custom1 at_custom2 at_custom3".split()
)
# RFC 3986: §2 in path, query and fragment; §3.2.2 in hosts, where browsers take quotes and braces, too.
_FORBIDDEN = re.compile(r"[^\w.~!$&'()*+,;=:@/?%-]|%(?![0-9A-Fa-f]{2})", re.ASCII)
_FORBIDDEN_IN_HOST = re.compile(r"[^\w.~!$&'()*+,;=:@\[\]%-]", re.ASCII)


def absolute(link: str | None, base: str | None = None) -> str | None:
    """The link as an absolute http(s) URL, or None where it is nothing of the kind."""
    if not link or len(link) > MAX_LENGTH:
        return None
    return (_join if base and len(base) > MAX_LENGTH else _joined)(link, base)


def written(url: str) -> str:
    """An http(s) URL as RFC 3986 has it: browsers leave alone some characters that it does not allow. Others as is."""
    scheme, _, rest = url.partition("://")
    if scheme not in ("http", "https"):
        return url
    host = re.split("[/?#]", rest, maxsplit=1)[0]
    page, mark, fragment = rest[len(host) :].partition("#")
    return f"{scheme}://{_encoded(host, _FORBIDDEN_IN_HOST)}{_encoded(page)}{mark}{_encoded(fragment)}"


def shown(url: str) -> str:
    """The URL without user and password: for messages."""
    try:
        parsed = ada_url.URL(url)
    except ValueError:
        return re.sub(r"(?<=://).*@", "…@", url, flags=re.DOTALL)
    if not parsed.username and not parsed.password:
        return url
    parsed.username, parsed.password = "…", ""
    return parsed.href.replace("%E2%80%A6@", "…@", 1)


def web(url: str) -> str:
    """A `feed:` address as the http(s) one that is meant; any other as it is."""
    meant = re.sub(r"^feed:(//)?(?=https?:)", "", url.strip(), flags=re.IGNORECASE)
    return re.sub(r"^feed:(//)?", "http://", meant, flags=re.IGNORECASE)


def bare(link: str | None) -> str | None:
    """The absolute link without fragment, credentials and a few tracking parameters: the same in every version."""
    href = absolute(link)
    return _bare(href) if href else None


def names_a_page(link: str) -> bool:
    """Whether a link can be the address of one article: a site's front page is not."""
    parts = urlsplit(link)
    return bool(parts.path.strip("/") or parts.query)


def identity(url: str) -> str:
    """A feed's address without what changes while it stays the same feed: scheme, `www.`, fragment."""
    parts = urlsplit(bare(url) or url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.netloc.removeprefix('www.')}{parts.path.rstrip('/')}{query}"


def _tracks(pair: str) -> bool:
    name = pair.partition("=")[0].lower()
    return name in _TRACKING or name.startswith(_TRACKING_PREFIXES)


def _encoded(part: str, forbidden: re.Pattern[str] = _FORBIDDEN) -> str:
    return forbidden.sub(lambda found: quote(found[0]), part)


def _join(link: str, base: str | None) -> str | None:
    try:
        url = ada_url.URL(link.strip(), base=base) if base else ada_url.URL(link.strip())
    except ValueError:
        return None
    return url.href if url.protocol in ("http:", "https:") and url.hostname and len(url.href) <= MAX_LENGTH else None


_joined = lru_cache(maxsize=2000)(_join)  # a feed says the same addresses again and again


@lru_cache(maxsize=2000)
def _bare(href: str) -> str | None:
    url = ada_url.URL(href)
    url.hash = ""
    url.username = url.password = ""
    pairs = [pair.lstrip("?") for pair in url.search.split("&")]
    kept = [pair for pair in pairs if pair and not _tracks(pair)]
    url.search = "&".join(kept)
    host = url.hostname.rstrip(".")
    if not host:
        return None
    url.hostname = host
    return url.href
