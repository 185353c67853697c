"""What is stored follows the configuration: the store is told of it, then changed rules are applied, step by step."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import chain

from aggregator import alert_feed, editions, metrics, publication, publish, registry, regroup, retag, schedule
from aggregator.config import Config
from aggregator.editions import Edition
from aggregator.judge import Judge
from aggregator.relating import Relating
from aggregator.retag import Progress
from aggregator.sharing import Shared
from aggregator.store import Database
from aggregator.store import editions as stored_editions
from aggregator.store import settings as stored_settings
from aggregator.store import sources as stored_sources
from aggregator.store import stories as stored_stories
from aggregator.store import topics as stored_topics
from aggregator.words import digest

log = logging.getLogger(__name__)


class CatchingUp:
    """How far one store has followed. All is done in the one thread that is not network."""

    def __init__(
        self,
        database: Database,
        shared: Shared | None,
        relating: Relating,
        clock: Callable[[], datetime],
        lease: timedelta,
        *,
        publishes: bool,
    ) -> None:
        """No claim is for longer than `lease`; `publishes`: not only other workers do."""
        self._database = database
        self._shared = shared
        self._relating = relating
        self._clock = clock
        self._lease = lease
        self._publishes = publishes
        self._behind: retag.Steps | None = iter(())  # None: prepare again

    def prepare(self, config: Config, judge: Judge, progress: Progress) -> None:
        """Tell the store what a configuration says; what that means for what is stored is left to `step`.

        Raises ConfigError, StateError, and OSError where files cannot be withdrawn; whatever it was broken off by, the
        next call does it all.
        """
        self._behind = None
        self._behind = self._prepared(config, judge, progress)

    def step(self, config: Config, judge: Judge) -> tuple[int, int] | None:
        """Apply changed rules to a little more of what is stored: how many articles or stories were looked at, and how
        many articles are cut in another way; None where all is done. Whatever it raises, as `prepare` does, the next
        call begins again."""
        behind = self._behind
        try:
            if behind is None:
                behind = self._behind = self._prepared(config, judge)
            with self._database.in_turn(stored_stories.TURN):
                step = next(behind, None)
            metrics.count_retagged(step[0] if step else 0)
            return step
        except BaseException:
            self._behind = None  # an iterator that has raised is at its end
            raise

    def begin_again(self) -> None:
        """With the next step: others may have followed another configuration meanwhile."""
        self._behind = None

    def _prepared(self, config: Config, judge: Judge, progress: Progress = lambda count: None) -> retag.Steps:
        registry.load()
        if self._shared:
            self._shared.bring_up()
            self._shared.withdraw()
        publication.check_authority(config, self._database)
        now = self._clock()
        for old, new in stored_sources.register(self._database, config.sources, now).items():
            log.info("%s: what it had is now that of %s, to which it has moved", old, new)
        fixed = (source.every for source in config.sources.values() if source.every)
        longest = max(schedule.MUTED, config.settings.poll.max, *fixed)
        stored_sources.limit_waits(self._database, now, longest * 2, schedule.LONGEST_REST, self._lease * 2)
        with self._database.in_turn(stored_stories.TURN):
            return self._prepared_topics(config, judge, now, progress)

    def _prepared_topics(self, config: Config, judge: Judge, now: datetime, progress: Progress) -> retag.Steps:
        topics = config.topics
        metrics.keep_topics(topics.keys() if self._publishes else ())
        known = editions.of(config)
        public = {name for name, edition in known.items() if not edition.private}
        operator = {config.settings.operator_feed: {alert_feed.SLUG}}
        publish.withdraw(public | operator.get("public", set()), config.public)
        publication.publish_list(config)
        publish.withdraw(known.keys() - public | operator.get("private", set()), config.private)
        others = {name for name, edition in known.items() if not edition.is_its_topics}
        stored_editions.register(self._database, others, now)
        outdated = stored_topics.register(self._database, topics, judge.rules_hash, now)
        steps = retag.steps(self._database, judge, config, now, is_judged=not outdated)
        link_rules = retag.link_rules(config.links)
        if stored_settings.is_outdated(self._database, "links", link_rules):
            stored_settings.forget(self._database, ["links"])
            retag.compare_all(self._database, config.links, progress)
            stored_settings.note(self._database, "links", link_rules)
        settings = config.settings
        shown = [settings.base_url, settings.tag_authority, *settings.hubs, settings.timezone, settings.digest_at]
        shown += [repr(config.topics), repr(settings.everything)]
        shown += [f"{key} {source.title} {source.rank}" for key, source in sorted(config.sources.items())]
        stored_topics.touch_all_if(self._database, "shown", digest(shown))
        if self._publishes:
            missing = self._missing(config, known)
            slugs = {known[name].topics[0] for name in missing - others}
            stored_topics.republish(self._database, slugs, archives=True)
            stored_editions.republish(self._database, missing & others)
        return chain(steps, self._folded_again(judge))

    def _missing(self, config: Config, known: Mapping[str, Edition]) -> set[str]:
        """The editions whose files are not there, on this machine or on all."""
        shared = self._shared.names if self._shared else known.keys()
        roots = {name: editions.root(edition, config) for name, edition in known.items()}
        return {name for name, root in roots.items() if name not in shared or not publish.is_published(name, root)}

    def _folded_again(self, judge: Judge) -> retag.Steps:
        """What `retag` asks for beside what newer rules do: copies and relations of late are looked for anew."""
        if stored_settings.is_outdated(self._database, "folds", ""):
            return
        regroup.fold_recent(self._database, judge, self._clock())
        self._relating.forget(self._clock())
        stored_settings.note(self._database, "folds", "done")
        yield 0, 0
