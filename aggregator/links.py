"""Links of articles: what readers are shown, and by what two of them are compared. Pure.

`canonical` is the link as its publisher gave it, without what says where a reader came from: fragment, credentials,
tracking parameters, and redirectors that have their target in the link. `page_key` goes further, to what is most
probably the same page: without http or https, www., mobile and AMP forms, index files. It is for comparing only.

The rules are data; `page_key` takes those of a configuration, too.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import ada_url

from aggregator import addresses, packaged, unwrapping, urls

MOST_WRAPS = 3  # redirectors within redirectors: a link with more stays as it is
LISTS = "tracking", "tracking_at", "redirectors", "forms", "same_pages", "hosting"

_OTHER_FORMS = frozenset({"www", "m", "mobile", "amp"})  # names of hosts before the domain
_INDEX = re.compile(r"(?:index\.(?:x?html?|php|aspx?|jsp|shtml)|default\.aspx?)", re.IGNORECASE)
_AMP_FILE = re.compile(r"\.amp(?=\.html?$|$)", re.IGNORECASE)
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")  # RFC 3986 §2.3: escaped or not, they mean the same
_DEFAULT_PORTS = (None, 80, 443)


@dataclass(frozen=True, slots=True)
class Redirector:
    """A host that leads elsewhere: `at` is the host and the beginning of its path. See `data/links.yaml`."""

    at: str
    parameter: tuple[str, ...] = ()
    behind: str = ""
    form: str = "url"

    def target(self, link: SplitResult) -> Iterator[str]:
        """What a link of its may lead to, as it is written there."""
        host, _, path = self.at.partition("/")
        if not _is_under(link.hostname or "", host) or not f"{link.path}/".startswith(f"/{path}/" if path else "/"):
            return
        if self.behind:
            yield from unwrapping.behind(f"{link.path}?{link.query}".rstrip("?"), self.behind, self.form)
        else:
            yield from unwrapping.parameters(link, self.parameter, self.form)


@dataclass(frozen=True, slots=True)
class Names:
    """Names of parameters in small letters: whole ones, and how others begin."""

    whole: tuple[str, ...]
    beginnings: tuple[str, ...]

    @classmethod
    def of(cls, patterns: Iterable[str]) -> "Names":
        written = [pattern.lower() for pattern in patterns]
        beginnings = tuple(sorted({name[:-1] for name in written if name.endswith("*")}))
        return cls(tuple(sorted({name for name in written if not name.endswith("*")})), beginnings)

    def hold(self, name: str) -> bool:
        return name in self.whole or name.startswith(self.beginnings)


@dataclass(frozen=True, slots=True)
class Rules:
    """What is known of links. What is said of hosts stands by their domain, or by `name.*`."""

    tracking: Names
    tracking_at: Mapping[str, tuple[tuple[str, Names], ...]]
    redirectors: Mapping[str, tuple[Redirector, ...]]
    forms: tuple[str, ...]
    same_pages: Mapping[str, str]
    hosting: tuple[str, ...]

    @classmethod
    def of(cls, *lists: Mapping[str, Any]) -> "Rules":
        """The rules of all the lists together: the keys are `LISTS`, none is required, and none undoes another's."""
        at = [(host, Names.of(names)) for one in lists for host, names in (one.get("tracking_at") or {}).items()]
        found = [Redirector(**_frozen(fields)) for one in lists for fields in one.get("redirectors") or ()]
        return cls(
            Names.of(name for one in lists for name in one.get("tracking") or ()),
            _by_domain(at, lambda pair: pair[0]),
            _by_domain(found, lambda redirector: redirector.at.partition("/")[0]),
            tuple(form.lower() for one in lists for form in one.get("forms") or ()),
            {host: other for one in lists for host, other in (one.get("same_pages") or {}).items()},
            tuple(domain for one in lists for domain in one.get("hosting") or ()),
        )

    def tracks(self, host: str, name: str) -> bool:
        """Whether a parameter of a host's links says nothing about the page."""
        if self.tracking.hold(name):
            return True
        return any(names.hold(name) and _is_under(host, at) for at, names in _said_of(host, self.tracking_at))

    def site(self, host: str) -> str:
        """Whose host it is: its domain; where each host under a domain is somebody's own, the host."""
        host = self.same_pages.get(host.removeprefix("www."), host)
        domain = addresses.registrable_domain(host)
        return host.removeprefix("www.") if self._is_hosting(domain) else self.same_pages.get(domain, domain)

    def redirects(self, host: str) -> bool:
        """Whether it is a host that leads elsewhere, even where a link of its does not say to where."""
        return any(_is_under(host, one.at.partition("/")[0]) for one in _said_of(host, self.redirectors))

    def plain_host(self, host: str) -> str:
        """The host without www., m. and the like; one for all that have the same pages."""
        domain = addresses.registrable_domain(host)
        if addresses.is_literal(host) or not host.endswith(f".{domain}"):
            return self.same_pages.get(host, host)
        before = host.removesuffix(domain).rstrip(".").split(".")
        other_forms = {"www"} if self._is_hosting(domain) else _OTHER_FORMS
        plain = ".".join([*(label for label in before if label not in other_forms), domain])
        return self.same_pages.get(plain, plain)

    def _is_hosting(self, domain: str) -> bool:
        return domain in self.hosting or f"{domain.partition('.')[0]}.*" in self.hosting


@cache
def built_in() -> Rules:
    """The rules that come with the program."""
    return Rules.of(packaged.data("links.yaml"))


def canonical(link: str | None, base: str | None = None) -> str | None:
    """The link to show, absolute; None where it is no http(s) URL. By the rules that come with the program."""
    href = urls.absolute(link, base)
    return _cleaned_by_built_in(href) if href else None


def page_key(link: str, rules: Rules | None = None) -> str:
    """Equal for two links that lead to the same page. Itself an address, but nobody promises that it can be visited.

    `link` is an absolute http(s) URL.
    """
    rules = rules or built_in()
    parts = urlsplit(cleaned(link, rules) or link)
    host = rules.plain_host(parts.hostname or "")
    shown = f"[{host}]" if ":" in host else host
    port = "" if parts.port in _DEFAULT_PORTS else f":{parts.port}"
    pairs = [pair for pair in _normal(parts.query).split("&") if pair and pair.lower() not in rules.forms]
    query = "?" + "&".join(sorted(pairs, key=lambda pair: pair.partition("=")[0])) if pairs else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return f"https://{shown}{port}{_plain_path(_normal(parts.path))}{query}{fragment}"


def cleaned(href: str, rules: Rules) -> str | None:
    """`canonical` of an absolute http(s) URL by other rules."""
    first = found = _tidy(href, rules)
    for _ in range(MOST_WRAPS):
        target = _target(found, rules) if found else None
        if target is None:
            return found
        found = _tidy(target, rules)
    return first if found is None or _target(found, rules) else found


_cleaned_by_built_in = lru_cache(maxsize=2000)(lambda href: cleaned(href, built_in()))


def _tidy(href: str, rules: Rules) -> str | None:
    """Without credentials, tracking, and fragments but those that are pages: #!/topic/7. None without a host."""
    url = ada_url.URL(href)
    written = url.hostname
    host = written.rstrip(".")
    if not host:
        return None
    if host != written:
        url.hostname = host
    if "@" in href:
        url.username = url.password = ""
    if "#" in href and not url.hash.startswith(("#!", "#/")):
        url.hash = ""
    if "?" in href:
        pairs = [pair.lstrip("?") for pair in url.search.split("&")]
        url.search = "&".join(pair for pair in pairs if pair and not rules.tracks(host, pair.partition("=")[0].lower()))
    return url.href if len(url.href) <= urls.MAX_LENGTH else None


def _target(href: str, rules: Rules) -> str | None:
    """Where a redirector leads, if that can be seen from the link and is a place in the world."""
    parts = urlsplit(href)
    for redirector in _said_of(parts.hostname or "", rules.redirectors):
        for written in redirector.target(parts):
            found = urls.absolute(written)
            if found and addresses.is_outside(urlsplit(found).hostname or ""):
                return found
    return None


def _plain_path(path: str) -> str:
    """Without slashes, index files and `amp` at the end."""
    while True:
        before, _, last = path.rstrip("/").rpartition("/")
        if not last:
            return "/"
        if last.lower() != "amp" and not _INDEX.fullmatch(last):
            plain = _AMP_FILE.sub("", last)
            return f"{before}/{plain}" if plain == last or not plain else _plain_path(f"{before}/{plain}")
        path = before


def _normal(text: str) -> str:
    """Characters that need not be escaped are not, and escapes are in capitals."""
    return _ESCAPED.sub(_normal_escape, text)


def _normal_escape(found: re.Match[str]) -> str:
    character = unquote(found[0], errors="replace")
    return character if _UNRESERVED.fullmatch(character) else found[0].upper()


def _is_under(host: str, at: str) -> bool:
    if at.endswith(".*"):
        return addresses.registrable_domain(host).partition(".")[0] == at[:-2]
    return host == at or host.endswith(f".{at}")


def _by_domain(items: Iterable[Any], host_of: Any) -> dict[str, tuple[Any, ...]]:
    found: dict[str, tuple[Any, ...]] = {}
    for item in items:
        host = host_of(item)
        domain = host if host.endswith(".*") else addresses.registrable_domain(host)
        found[domain] = (*found.get(domain, ()), item)
    return found


def _said_of(host: str, said: Mapping[str, tuple[Any, ...]]) -> tuple[Any, ...]:
    domain = addresses.registrable_domain(host)
    return (*said.get(domain, ()), *said.get(f"{domain.partition('.')[0]}.*", ()))


def _frozen(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
