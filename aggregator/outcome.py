"""What does a visit come to? What was read, or the failure → Outcome: all that changes, to be written at once.

    readings → furniture → identity → dedup → features → tagging → topics → Outcome
    articles   cut off      keys       news,    words       tags    membership
                                      stories  and hits

The past that the stages need is read here and handed to them.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aggregator import dedup, folding, furniture, identity, outage, schedule, websub
from aggregator.config import Config
from aggregator.errors import DocumentError, SourceError
from aggregator.judge import Judge
from aggregator.markup import legal
from aggregator.models import (
    Article,
    Document,
    File,
    Found,
    Known,
    Lease,
    Membership,
    Memory,
    Outcome,
    Reading,
    Rejected,
    SourceState,
    Story,
    Tag,
    Visit,
)
from aggregator.registry import Source
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import retention as stored_retention
from aggregator.store import subscriptions as stored_subscriptions
from aggregator.words import digest

MAX_NAMED = 50  # parts of a document in one reason

log = logging.getLogger(__name__)

Readings = Sequence[tuple[Document, Reading | DocumentError]]  # of the documents of a visit, in their order


@dataclass(frozen=True, slots=True)
class _Read:
    """All readings of a visit together."""

    found: Found
    articles: list[Article]
    rejected: list[Rejected]
    state: SourceState
    skipped: int
    dropped: int
    reasons: dict[str, str]  # by the identity of each document that could not be used
    present: tuple[bytes, ...]  # hashes of the guids of entries that were not looked at


@dataclass(frozen=True, slots=True)
class _Seen:
    """The articles of a visit under the keys by which they are stored."""

    articles: list[Article]
    known: Mapping[str, Known]
    buried: int  # so many are left out: retention has taken them away. Still carried, they are nothing new
    fresh: tuple[Article, ...]  # those that are not stored as they are
    new: list[Article]  # those of them of which nothing is stored


class Outcomes:
    """The rules of one configuration, applied to what visits bring, with one store as their past."""

    def __init__(self, config: Config, database: Database, judge: Judge) -> None:
        self._config = config
        self._database = database
        self._judge_of = judge

    def reached(
        self,
        source: Source,
        lease: Lease,
        found: Found,
        readings: Readings,
        now: datetime,
        present: Collection[bytes] = (),
    ) -> tuple[Outcome, list[Rejected]]:
        """The outcome of a visit that has found its source, and the documents that could not be used.

        `present` are hashes of guids of entries that the source has beside what was read, where a part of it was sent.
        """
        read = self._read(source, found, readings)
        seen = self._recognised(source, read, present, now)
        folded = folding.fold(self._database, seen.fresh, source, self._config)
        tags, memberships = self._judge(seen.fresh, folded.stories)
        state = _state(lease, read, seen, now)
        missed = bool(seen.new) and not (seen.known or read.present) and lease.state.succeeded_at is not None
        plan = self._next(source, state, found, now, new=bool(seen.new), missed=missed)
        memory, forgets = _memory(source, readings)
        outcome = Outcome(
            _visit(source, read, seen, folded.stories, now),
            state,
            plan.due_at,
            articles=seen.fresh,
            stories=folded.stories,
            sketches=folded.past.sketches,
            past=folded.past if seen.fresh else None,
            tags=tags,
            memberships=memberships,
            plan=plan.reason,
            memory=memory,
            forgets=forgets,
            files=tuple(_with_reason(file, read.reasons) for file in found.files),
            gone=found.gone,
        )
        return outcome, read.rejected

    def failed(
        self, source: Source, lease: Lease, error: SourceError, now: datetime, *, network_is_down: bool
    ) -> Outcome:
        """The outcome of a visit that has come to nothing. `network_is_down`: our own, so that nobody is to blame."""
        status, retry_after = getattr(error, "status", None), getattr(error, "retry_after", None)
        failures = lease.failures + 1
        if network_is_down and error.kind in outage.KINDS and answered_before(lease):
            failures = lease.failures
            plan = schedule.Plan(now + schedule.OFFLINE, "our own network seems to be down")
        else:
            plan = schedule.after_failure(
                now,
                self._config.settings.poll,
                failures,
                error.kind,
                fixed=source.every,
                retry_after=retry_after,
                is_local=source.host is None,
                scatter=scatter(source.key, now),
            )
        served = lease.state.succeeded_at is not None
        rest = schedule.rest(error.kind, retry_after, answered_before=served)
        state = replace(lease.state, failing_since=lease.state.failing_since or now)
        trouble = schedule.trouble(state, error.kind, now)
        if trouble:
            log.warning("%s: look at it: %s", source.title, trouble)
        visit = Visit(lease.source, now, "failed", 0, status=status, kind=error.kind, error=legal(str(error)))
        return Outcome(visit, state, plan.due_at, failures, plan=plan.reason, rest_until=now + rest if rest else None)

    def _read(self, source: Source, found: Found, readings: Readings) -> _Read:
        """The readings together, their articles without what stands around them: by markers, and in files by what they
        have in common."""
        read = _together(found, readings)
        repeated: frozenset[bytes] = frozenset()
        originals = [article.original for article in read.articles if article.told and article.original]
        if originals:
            repeated = furniture.learned([*originals, *stored_articles.originals(self._database, source.key)])
        return replace(
            read, articles=[furniture.cut(article, self._config.markers, repeated) for article in read.articles]
        )

    def _recognised(self, source: Source, read: _Read, present: Collection[bytes], now: datetime) -> _Seen:
        """What is new. An article may be stored by another key than its own, where its source has changed its guid."""
        articles, database = read.articles, self._database
        known = stored_articles.known(database, [article.key for article in articles])
        strangers = [article for article in articles if article.key not in known]
        if not strangers:
            return _seen(articles, known)
        buried = stored_retention.buried(database, source.key, strangers)
        if buried:
            stored_retention.note_carried(database, set(buried.values()), now)
            articles = [article for article in articles if article.key not in buried]
        # Nothing that a guid of the source's own names goes by another one.
        named = {identity.stored_guid(one.identity) for one in read.found.documents if one.identity}
        strangers = [article for article in strangers if article.key not in buried and article.guid not in named]
        if not strangers:
            return _seen(articles, known, len(buried))
        elsewhere = (*read.present, *present)
        # A feed of one entry, too, may have moved here with all that it has.
        mass = not (known or elsewhere) or identity.is_mass(len(strangers), len(articles) + len(elsewhere))
        kin = stored_articles.kin(database, source.key, strangers, recent=mass)
        ours = [article for article in articles if article.guid in named]
        theirs = [article for article in articles if article.guid not in named]
        articles = ours + identity.recognised(theirs, known, kin, present=elsewhere)
        asked = {article.key for article in strangers}
        others = [article.key for article in articles if article.key not in known and article.key not in asked]
        return _seen(articles, {**known, **stored_articles.known(database, others)}, len(buried))

    def _next(
        self, source: Source, state: SourceState, found: Found, now: datetime, *, new: bool, missed: bool
    ) -> schedule.Plan:
        """When to come again. `new`: articles were found; `missed`: there may have been others, that are gone."""
        poll = self._config.settings.poll
        if found.left:
            return schedule.Plan(now, "more files than a visit takes are waiting")
        if found.again_in is not None:
            return schedule.Plan(now + max(found.again_in, schedule.SOON), "something is still being written")
        return schedule.after_success(
            now,
            poll,
            state.rhythm,
            state.advice,
            fixed=source.every or (None if source.host else poll.every),
            fresh_for=found.fresh_for,
            missed=missed,
            pushed=self._is_pushed(source, state, now, new),
            scatter=scatter(source.key, now),
        )

    def _is_pushed(self, source: Source, state: SourceState, now: datetime, new: bool) -> bool:
        """Whether a hub can be trusted to tell of this source's news. `new`: this visit has found some itself."""
        if not state.advice.hubs:
            return False
        known = stored_subscriptions.of_source(self._database, source.key)
        if known is None or known.state != "active" or known.lease_until is None or known.lease_until <= now:
            return False
        return schedule.relies_on_pushes(state.rhythm, known.pushed_at, now, untold=new)

    def _judge(
        self, fresh: Iterable[Article], stories: Sequence[Story]
    ) -> tuple[dict[str, tuple[Tag, ...]], dict[str, tuple[Membership, ...]]]:
        """Tags of the new articles; memberships of the stories, by the articles that lead them."""
        led = {story.lead: story for story in stories}
        tags: dict[str, tuple[Tag, ...]] = {}
        memberships: dict[str, tuple[Membership, ...]] = {}
        for article in fresh:  # one after the other: what is found in a long text takes much more memory than the text
            judgement = self._judge_of.judge(article)
            tags[article.key] = judgement.all_tags
            if article.key in led:
                memberships[led[article.key].id] = judgement.memberships(led[article.key])
        others = [lead for lead in led if lead not in tags]
        for key, article in stored_articles.by_keys(self._database, others).items():
            memberships[led[key].id] = self._judge_of.judge(article).memberships(led[key])
        return tags, memberships


def answered_before(lease: Lease) -> bool:
    """Whether the last visit worked."""
    return lease.failures == 0 and lease.state.succeeded_at is not None


def scatter(key: str, now: datetime) -> float:
    """A number from 0 to 1, another one for each source and visit."""
    return int(digest([key, now.isoformat()])[:8], 16) / 0xFFFFFFFF


def _is_news(article: Article, before: Known | None) -> bool:
    return before is None or article.updated_at != before.updated_at


def _seen(articles: list[Article], known: Mapping[str, Known], buried: int = 0) -> _Seen:
    fresh = dedup.news(articles, known)
    return _Seen(articles, known, buried, fresh, [article for article in fresh if article.key not in known])


def _visit(source: Source, read: _Read, seen: _Seen, stories: Iterable[Story], now: datetime) -> Visit:
    fresh, new = seen.fresh, seen.new
    return Visit(
        source=source.key,
        started_at=now,
        outcome="news" if any(_is_news(article, seen.known.get(article.key)) for article in fresh) else "unchanged",
        milliseconds=0,
        status=read.found.status,
        byte_count=read.found.byte_count,
        new=len(new),
        updated=len(fresh) - len(new),
        known=len(seen.articles) - len(fresh) + len(read.present) + seen.buried,
        skipped=read.skipped,
        folded=_folded(new, stories),
        rekeyed=len({article.key for article in seen.articles} - {article.key for article in read.articles}),
        url=read.found.url,
        error="; ".join(filter(None, (_summary(read.rejected), _flooded(read.dropped) if new else None))) or None,
    )


def _state(lease: Lease, read: _Read, seen: _Seen, now: datetime) -> SourceState:
    """What is known of the source from now on. What was rejected is to be looked at again next time."""
    return replace(
        read.state,
        body_hash=None if read.rejected else read.state.body_hash,
        packed_hash=None if read.rejected else read.state.packed_hash,
        rhythm=schedule.learned(
            read.state.rhythm,
            now,
            lease.due_at,
            after_success=lease.failures == 0,
            news=[article.published_at for article in seen.new],
        ),
        succeeded_at=now,
        failing_since=None,
    )


def _together(found: Found, readings: Readings) -> _Read:
    articles: list[Article] = []
    rejected = list(found.refused)
    reasons: dict[str, str] = {}
    state = found.state
    done = [(document, reading) for document, reading in readings if isinstance(reading, Reading)]
    for document, reading in readings:
        if isinstance(reading, DocumentError):
            reasons[document.identity or ""] = str(reading)
            rejected.append(Rejected(document.name, str(reading)))
            continue
        articles += reading.articles
        if reading.refused:
            reasons[document.identity or ""] = _in_part(reading)
            rejected.append(Rejected(document.name, _in_part(reading)))
        if reading.advice is not None:
            state = replace(state, advice=websub.resolved(reading.advice, document.url))
    return _Read(
        found,
        articles,
        rejected,
        replace(state, advice=websub.merged(found.advice, state.advice)),
        skipped=sum(reading.skipped for _, reading in done),
        dropped=sum(reading.dropped for _, reading in done),
        reasons=reasons,
        present=tuple(guid for _, reading in done for guid in reading.known_guids),
    )


def _memory(source: Source, readings: Readings) -> tuple[Memory | None, bool]:
    """What to remember of a source that is one document, and whether what was remembered of it is of no use any more.

    An older memory would take an older version of an entry, should it come back, for what is stored.
    """
    if not source.ONE_DOCUMENT or len(readings) != 1 or isinstance(readings[0][1], DocumentError):
        return None, False
    reading = readings[0][1]
    return reading.memory, reading.whole and reading.memory is None


def _with_reason(file: File, reasons: Mapping[str, str]) -> File:
    """A copy of a file that could not be used cannot be used either."""
    return replace(file, reason=legal(reasons[file.guid])) if file.guid in reasons else file


def _in_part(reading: Reading) -> str:
    """Why a document counts as rejected although some of it was read."""
    parts = "; ".join(f"{part.name}: {part.reason}" for part in reading.refused[:MAX_NAMED])
    more = f"; and {len(reading.refused) - MAX_NAMED} more" if len(reading.refused) > MAX_NAMED else ""
    count = len(reading.articles)
    read = f"{count} article{'s were' if count != 1 else ' was'} read, but not: {parts}{more}"
    return f"{read}. What was read is published; drop it again when it is mended: no article comes twice"


def _folded(new: Iterable[Article], stories: Iterable[Story]) -> int:
    """How many of these articles are copies of others."""
    placed = {copy.key: copy.placement.rule for story in stories for copy in story.copies}
    return sum(placed.get(article.key, "first") != "first" for article in new)


def _summary(rejected: list[Rejected]) -> str | None:
    if not rejected:
        return None
    more = f" (and {len(rejected) - 1} more)" if len(rejected) > 1 else ""
    reason = "; ".join(rejected[0].reason.splitlines())
    name = rejected[0].name if rejected[0].name.isprintable() else ascii(rejected[0].name)[1:-1]
    return f"document: {reason if reason.startswith(name) else f'{name}: {reason}'}{more}"


def _flooded(dropped: int) -> str | None:
    return f"too many entries: the {dropped:,} oldest ones were left out" if dropped else None
