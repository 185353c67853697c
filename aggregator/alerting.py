"""Alerts as the daemon tells them: facts gathered, compared with what was told, written, published."""

import logging
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta

from aggregator import alert_feed, alerts, publish, samples
from aggregator.alerts import Facts
from aggregator.config import Config
from aggregator.models import Alert
from aggregator.pipeline import Pipeline
from aggregator.service import StoreTrouble
from aggregator.sharing import Shared
from aggregator.store import Database
from aggregator.store import alerts as stored_alerts

LATELY = timedelta(days=2)  # what was told since may be told to go on

log = logging.getLogger(__name__)


class Alerting:
    """Looks whether there is something to tell."""

    def __init__(self, pipeline: Pipeline, store_trouble: Callable[[], StoreTrouble | None]) -> None:
        self._pipeline = pipeline
        self._store_trouble = store_trouble
        self._looked_at: int | None = None  # the number of the latest visit that was looked at
        self._published: Config | None = None  # whose feed lies there

    def look(self) -> list[Alert]:
        """Tell what begins and what is over. Reads and writes the store, and files. Raises StateError, OSError."""
        now, config, database = self._pipeline.now(), self._pipeline.config, self._pipeline.database
        told = stored_alerts.recent(database, now - LATELY)
        open_ = {(alert.kind, alert.subject) for alert in told if alert.resolved_at is None}
        changed = alerts.changed(told, alerts.found(self._facts(open_, now), open_, now), now)
        if changed:
            stored_alerts.save(database, changed, now)
        for alert in changed:
            facts = {"title": alert_feed.title(alert), "id": alert.subject or None, "text": alert.text}
            log.log(logging.WARNING if alert.resolved_at is None else logging.INFO, "alert", facts)
        if changed:
            self._published = None
        if self._published is not config and publish_feed(config, database, self._pipeline.shared):
            self._published = config
        return changed

    def _facts(self, open_: set[alerts.Key], now: datetime) -> Facts:
        pipeline, database = self._pipeline, self._pipeline.database
        if self._looked_at is None:
            self._looked_at = stored_alerts.last_visit(database)
        drifting = {subject for kind, subject in open_ if kind == "drift"}
        sources, self._looked_at = stored_alerts.suspects(
            database, now - alerts.SILENT_LEAST, alerts.HUB_FAILURES, self._looked_at, drifting
        )
        disk = shutil.disk_usage(pipeline.config.state)
        return Facts(
            sources,
            pipeline.outage.is_on,
            pipeline.refusal,
            disk.free,
            disk.total,
            self._store_trouble(),
            tuple(samples.kept_since(pipeline.config.state, now - alerts.EVENT)),
        )


def publish_feed(config: Config, database: Database, shared: Shared | None) -> bool:
    """Write the feed to where it is served from, on all machines, if it is to be there at all; False while another
    process is at it. Raises StateError, OSError."""
    if config.settings.operator_feed == "off":
        return True
    if shared is None:
        _publish(config, database)
        return True
    with shared.rendering(alert_feed.SLUG) as share:
        if share is None:
            return False
        _publish(config, database)
        share()
    return True


def _publish(config: Config, database: Database) -> None:
    feed = alert_feed.feed(stored_alerts.latest(database, alert_feed.MOST), config)
    private = config.settings.operator_feed == "private"
    publish.publish(feed, alert_feed.SLUG, config.private if private else config.public, private=private)
