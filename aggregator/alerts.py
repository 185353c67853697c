"""What an operator should know: facts → findings → alerts, each told once, and told to be over. Pure.

Kinds: `silent` (a source brings nothing, against its habit), `failing`, `challenge` (it wants proof that we are no
robot), `drift` (its documents hold much less than before), `differs` (a document read in part differs from the whole),
`ids` (its publisher has changed all ids), `hub` (its hub does not let us subscribe), `refused` (a configuration),
`disk`, `store`, `network`.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median

from aggregator.condition import one_line
from aggregator.masking import masked
from aggregator.models import Alert, Refusal, SourceFacts
from aggregator.schedule import spoken, usual
from aggregator.words import digest

SILENT_LEAST = timedelta(days=3)  # a weekend is none
SILENT_BURSTS = 20.0  # times news was to be expected meanwhile
FAILING_LEAST = timedelta(hours=6)
FAILING_VISITS = 3
CHALLENGES = 2  # visits in a row
HUB_FAILURES = 5
STORE_LEAST = timedelta(minutes=1)
DRIFT_VISITS = 5  # that have brought a document, before one is judged
DRIFT_ENTRIES = 5.0  # in the median document: less tells nothing
DRIFT_SHARE, DRIFT_OVER = 0.3, 0.6  # of the median: so little is drift, so much is none any more
DISK_BYTES, DISK_SHARE = 1_000_000_000, 0.05  # what is left is low under both
DISK_OVER = 1.5  # times that, until it is not low any more
EVENT = timedelta(days=1)  # so long what has happened once counts as one thing
AGAIN = timedelta(hours=6)  # an alert that comes back so soon goes on
MOST_OF_A_KIND = 50  # alerts that are not over; all more are one
OTHERS = "*"  # the subject of that one
HAPPENINGS = frozenset(("ids", "store", "differs"))  # what was so at one moment: told, and over at once
RETOLD = timedelta(hours=1)  # an alert that goes on is told in other words no sooner, so that none flaps

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")

Key = tuple[str, str]  # kind and subject of an alert


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at one moment."""

    sources: Sequence[SourceFacts] = ()
    network_is_down: bool = False
    refusal: Refusal | None = None
    free_bytes: int = 0
    all_bytes: int = 0  # of the disk; 0: not known
    store_trouble: tuple[datetime, datetime, str] | None = None  # from, to, in words
    differing: tuple[tuple[str, datetime], ...] = ()  # samples of documents that were read in two ways


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is so, or has happened."""

    kind: str
    subject: str
    name: str
    text: str
    since: datetime

    @property
    def happened(self) -> bool:
        """Whether it was at one moment, and nothing ends it."""
        return self.kind in HAPPENINGS

    @property
    def key(self) -> Key:
        return self.kind, self.subject


def found(facts: Facts, told: Collection[Key], now: datetime) -> Iterator[Finding]:
    """What is so. `told` are the alerts that are not over: what was told is over only when it clearly is."""
    for source in facts.sources:
        yield from _of_source(source, facts, told, now)
    if facts.network_is_down:
        yield Finding("network", "", "network", "No source answers: our own network seems to be down.", now)
    if facts.refusal:
        text = f"The configuration was refused, the one before it is in use: {one_line(facts.refusal.message)}"
        yield Finding("refused", "", "configuration", text, facts.refusal.at)
    low = min(DISK_BYTES, facts.all_bytes * DISK_SHARE) * (DISK_OVER if ("disk", "") in told else 1)
    if facts.free_bytes < low:
        yield Finding("disk", "", "disk", f"{facts.free_bytes / 1e6:,.0f} MB are left where the state is.", now)
    since, until, words = facts.store_trouble or (now, now, "")
    if until - since >= STORE_LEAST and now - until < EVENT:
        text = f"The database could not be used for {spoken(until - since)}: {one_line(words)}"
        yield Finding("store", "", "database", text, since)
    for name, at in facts.differing:
        text = f"A document read in part differs from the whole; please report it with the sample {name}."
        yield Finding("differs", name, "reading", text, at)


def changed(told: Iterable[Alert], findings: Iterable[Finding], now: datetime) -> list[Alert]:
    """The alerts that begin, go on after all or in other words, or are over. `told` are those that are not over, or
    were so till lately.

    Where more than MOST_OF_A_KIND begin, the rest is one alert: nobody reads hundreds.
    """
    latest = {(alert.kind, alert.subject): alert for alert in sorted(told, key=lambda one: one.since)}
    open_ = {key: alert for key, alert in latest.items() if alert.resolved_at is None}
    present = _bounded({finding.key: finding for finding in findings}, open_)
    news = [_told(finding, latest.get(key), now) for key, finding in present.items()]
    over = [replace(alert, updated_at=now, resolved_at=now) for key, alert in open_.items() if key not in present]
    return [*filter(None, news), *over]


def _told(finding: Finding, before: Alert | None, now: datetime) -> Alert | None:
    """The alert of a finding; None where it is told already."""
    again = before and replace(before, name=finding.name, text=finding.text, updated_at=now, resolved_at=None)
    if before and before.resolved_at is None:
        return again if _is_other(finding, before, now) else None
    if before and before.resolved_at is not None:
        if finding.happened and finding.since - before.since < EVENT:
            return None
        if not finding.happened and now - before.resolved_at < AGAIN:
            return again
    identity = digest([finding.kind, finding.subject, finding.since.isoformat()])
    until = now if finding.happened else None
    return Alert(identity, *finding.key, finding.name, finding.text, finding.since, now, until)


def _is_other(finding: Finding, told: Alert, now: datetime) -> bool:
    """Whether what goes on is something else by now. Of a refusal all counts: its numbers say where. Else they are
    counts, which only grow."""
    if finding.kind == "refused":
        return finding.text != told.text
    said = (_NUMBER.sub("", text) for text in (finding.text, told.text))
    return finding.subject != OTHERS and now - told.updated_at >= RETOLD and len(set(said)) > 1


def _bounded(findings: dict[Key, Finding], open_: Collection[Key]) -> dict[Key, Finding]:
    """Those that are told already, and of each kind so many new ones as there is room for; the rest as one."""
    by_kind: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings.values():
        by_kind[finding.kind].append(finding)
    kept: dict[Key, Finding] = {}
    for kind, group in by_kind.items():
        group.sort(key=lambda finding: (finding.key not in open_, finding.since, finding.subject))
        kept |= {finding.key: finding for finding in group[:MOST_OF_A_KIND]}
        if rest := group[MOST_OF_A_KIND:]:
            text = f"{len(rest):,} more, {rest[0].name} among them; `aggregator status` lists them."
            kept[kind, OTHERS] = Finding(kind, OTHERS, f"{len(rest):,} sources", text, rest[0].since)
    return kept


def _of_source(source: SourceFacts, facts: Facts, told: Collection[Key], now: datetime) -> Iterator[Finding]:
    if source.failing_since and source.failures:
        yield from _failing(source, facts.network_is_down, told, now)
    elif source.news_at:
        yield from _silent(source, source.news_at, told, now)
    if source.hub_failures >= HUB_FAILURES:
        text = f"The hub {masked(source.hub)} does not let us subscribe: {one_line(source.hub_error)}"
        yield Finding("hub", source.id, source.name, text, now)
    yield from _drifting(source, told)
    for visit in source.visits:
        if visit.rekeyed >= 3 and visit.rekeyed > visit.new and now - visit.started_at < EVENT:
            text = f"{visit.rekeyed} articles came under new ids, and were recognised: its publisher has changed them."
            yield Finding("ids", source.id, source.name, text, visit.started_at)


def _failing(source: SourceFacts, network_is_down: bool, told: Collection[Key], now: datetime) -> Iterator[Finding]:
    assert source.failing_since
    if source.kind == "challenge" and source.failures >= CHALLENGES:
        text = f"It asks for proof that we are no robot: {one_line(source.error)}"
        yield Finding("challenge", source.id, source.name, text, source.failing_since)
        return
    is_long = source.failures >= FAILING_VISITS and now - source.failing_since >= FAILING_LEAST
    is_known = ("failing", source.id) in told
    if is_known or source.kind == "gone" or (is_long and not network_is_down):
        since = f"{source.failing_since:%Y-%m-%d %H:%M} UTC"
        text = f"Nothing but failures since {since}: {one_line(source.error)}"
        yield Finding("failing", source.id, source.name, text, source.failing_since)


def _silent(source: SourceFacts, news_at: datetime, told: Collection[Key], now: datetime) -> Iterator[Finding]:
    silence = now - news_at
    if silence < SILENT_LEAST:
        return
    bursts = usual(source.rhythm, silence, now) or 0.0
    if ("silent", source.id) in told or bursts * (silence / timedelta(days=1)) >= SILENT_BURSTS:
        text = f"Silent for {spoken(silence)}, usually {bursts:.2g} a day."
        yield Finding("silent", source.id, source.name, text, news_at)


def _drifting(source: SourceFacts, told: Collection[Key]) -> Iterator[Finding]:
    """Whether its latest document holds much less than those before it. Visits without a document tell nothing."""
    whole = [(visit, visit.new + visit.updated + visit.known) for visit in source.visits]
    whole = [(visit, count) for visit, count in whole if not visit.kind and (count or visit.skipped)]
    if len(whole) <= DRIFT_VISITS:
        return
    (latest, count), *before = whole
    common = median(count for _, count in before)
    is_known = ("drift", source.id) in told
    if common >= DRIFT_ENTRIES and count < common * (DRIFT_OVER if is_known else DRIFT_SHARE):
        unusable = f", and {latest.skipped} that could not be used" if latest.skipped else ""
        text = f"Its document holds {count} entries{unusable}, usually {common:.0f}: has its form changed?"
        yield Finding("drift", source.id, source.name, text, latest.started_at)
