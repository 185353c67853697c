"""News agencies: which one a name or a host means. Pure.

The list is data and can be added to. What an agency's name at some place says of a text is asked in `origins`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from aggregator import packaged
from aggregator.addresses import registrable_domain

SHORT = 4  # Latin letters: an abbreviation, in which capitals count

_BETWEEN = re.compile(r"\s*[/,;&+]\s*|\s+(?:and|und|et|y|e|и)\s+")
_AROUND = " .,:\u200e\u200f"


@dataclass(frozen=True, slots=True)
class Agency:
    """One of them. `signatures`: phrases of a line that no other house writes so, in their order, in small letters."""

    id: str
    label: str
    names: tuple[str, ...] = ()
    only_in: tuple[tuple[str, tuple[str, ...]], ...] = ()  # names by the language in which they are its
    hosts: tuple[str, ...] = ()
    signatures: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Agencies:
    """All of them, by what is asked."""

    by_id: Mapping[str, Agency]
    by_name: Mapping[str, tuple[tuple[str | None, Agency], ...]]  # with the language, None for all
    by_host: Mapping[str, Agency]
    signed: tuple[tuple[tuple[str, ...], Agency], ...]

    @classmethod
    def of(cls, *lists: Mapping[str, Any]) -> "Agencies":
        """The agencies of all the lists: `{"agencies": {id: {label, names, …}}}`, none but the first needs a label."""
        found: dict[str, Agency] = {}
        for one in lists:
            for name, fields in (one.get("agencies") or {}).items():
                found[name] = _merged(found.get(name), name, fields)
        by_name: dict[str, tuple[tuple[str | None, Agency], ...]] = {}
        for agency in found.values():
            for language, name in _names(agency):
                for form in _forms(name):
                    others = [one for one in by_name.get(form, ()) if one != (language, agency)]
                    by_name[form] = (*others, (language, agency))
        by_host = {host: agency for agency in found.values() for host in agency.hosts}
        return cls(
            found, by_name, by_host, tuple((one, agency) for agency in found.values() for one in agency.signatures)
        )

    def named(self, text: str, language: str | None = None) -> Agency | None:
        """The agency that a text is the name of, in a text of this language. Without a language, in any."""
        name = " ".join(text.split()).strip(_AROUND)
        form = name if _is_short(name) else name.casefold()
        meant = self.by_name.get(form, ())
        return next((agency for where, agency in meant if where is None or language in (None, where)), None)

    def any_named(self, text: str, language: str | None = None) -> Agency | None:
        """The agency that a text names, or the first among several names: "Island Post/AFP"."""
        names = (text, *re.split("[/,]", text))
        return next(filter(None, (self.named(name, language) for name in names)), None)

    def all_named(self, text: str, language: str | None = None) -> Agency | None:
        """The first of the agencies that a text names, if it names nobody else."""
        if whole := self.named(text, language):
            return whole
        found = [self.named(part, language) for part in _BETWEEN.split(text.strip()) if part]
        return found[0] if found and all(found) else None

    def at(self, host: str) -> Agency | None:
        """The agency whose site a host belongs to."""
        domain, host = registrable_domain(host), host.removeprefix("www.")
        while host.endswith(domain) and host:
            if host in self.by_host:
                return self.by_host[host]
            host = host.partition(".")[2]
        return None

    def signing(self, line: str) -> Agency | None:
        """The agency in whose manner a line closes an article: "(Reporting by …; editing by …)"."""
        lower = line.lower().lstrip("([（ ")
        return next((agency for phrases, agency in self.signed if _follow(lower, phrases)), None)


@cache
def built_in() -> Agencies:
    """The agencies that come with the program."""
    return Agencies.of(packaged.data("agencies.yaml"))


def _merged(known: Agency | None, name: str, fields: Mapping[str, Any]) -> Agency:
    before = known or Agency(name, name)
    only_in = tuple((language, tuple(names)) for language, names in (fields.get("only_in") or {}).items())
    return Agency(
        name,
        fields.get("label") or before.label,
        (*before.names, *(fields.get("names") or ())),
        (*before.only_in, *only_in),
        (*before.hosts, *(fields.get("hosts") or ())),
        (*before.signatures, *(tuple(phrases) for phrases in fields.get("signatures") or ())),
    )


def _names(agency: Agency) -> Iterator[tuple[str | None, str]]:
    yield from ((None, name) for name in agency.names)
    yield from ((language, name) for language, names in agency.only_in for name in names)


def _forms(name: str) -> Iterable[str]:
    """How a name is looked up."""
    name = name.strip(_AROUND)
    return {name, name.upper()} if _is_short(name) else {name.casefold()}


def _is_short(name: str) -> bool:
    return len(name) <= SHORT and name.isascii()


def _follow(line: str, phrases: Iterable[str]) -> bool:
    """Whether a line begins with the first phrase, and the others come behind it in their order."""
    first, *others = phrases
    place = len(first)
    if not line.startswith(first):
        return False
    for phrase in others:
        found = line.find(phrase, place)
        if found < 0:
            return False
        place = found + len(phrase)
    return True
