"""A store, a topic that is published from it, and a clock: for tests of what enters a feed when."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from sqlalchemy import delete

from aggregator import config, publication
from aggregator.config import Config
from aggregator.models import Membership
from aggregator.store import Database, articles, judgements, schema, sources, topics, visits
from tests.test_store import CONFIGURED, article, lease_of, visited

START = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TOPIC = "topics:\n  fairs:\n    title: Fairs & markets\n    {more}any: [{{phrase: market}}]\n"
on_one_store = settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])


@cache
def loaded(directory: Path, text: str) -> Config:
    (directory / "topics.yaml").write_text(text)
    return config.load(directory, {})


class Desk:
    """`now` is the time at which things happen."""

    def __init__(self, directory: Path, database: Database, *more: str) -> None:
        self.directory, self.database = directory, database
        with database.writing() as connection:
            for table in reversed(schema.metadata.sorted_tables):
                connection.execute(delete(table))
        self.now = START
        self.say(*more)
        shutil.rmtree(self.config.public, ignore_errors=True)  # of the example before
        sources.register(database, CONFIGURED, self.now)
        topics.register(database, ["fairs"], "rules", self.now)

    def say(self, *more: str) -> None:
        """Give the topic these keys."""
        text = TOPIC.format(more="".join(f"{key}\n    " for key in more))
        self.config = loaded(self.directory, text)

    def give(self, names: Iterable[str], source: str = "a", score: int = 65, **changes: Any) -> None:
        """A visit that brings stories of the topic, each of its own unless their texts are the same."""
        fields = {"link": None, "published_at": None, "first_seen_at": self.now, "title": "", "summary": ""} | changes
        found = [
            article(name, source, **(fields | ({} if fields["title"] else {"title": f"Title {name}"})))
            for name in names
        ]
        found = [replace(one, link=f"https://{source}.example/{one.guid}") for one in found]
        with self.database.writing() as connection:
            connection.execute(schema.sources.update().values(due_at=self.now, leased_until=None))
            connection.execute(schema.hosts.delete())  # nobody waits for hosts, not even where the clock is set back
        lease = lease_of(self.database, source, self.now)
        past = articles.copies(self.database, keys=[], links=[], text_hashes=[one.text_hash for one in found])
        outcome = visited(lease, *found, past=tuple(past))
        outcome = replace(outcome, visit=replace(outcome.visit, started_at=self.now), due_at=self.now)
        reasons = {story.id: (Membership("fairs", story.id, score, ("because",)),) for story in outcome.stories}
        visits.save(self.database, lease, replace(outcome, memberships=reasons))

    def judge(self, story: str, *memberships: tuple[str, int]) -> None:
        """Let other rules say to which topics a story belongs, each with a score."""
        found = tuple(Membership(slug, story, score, ("because",)) for slug, score in memberships)
        judgements.save(self.database, {}, {story: found}, {}, self.now)

    def publish(self) -> int:
        """Publish what is due; the number of changed files."""
        return sum(
            publication.publish_topic(dirty, self.config, self.database, self.now)
            for dirty in topics.dirty(self.database, self.now)
        )

    def republish(self) -> None:
        topics.republish(self.database, ["fairs"], archives=True)
        self.publish()

    @property
    def folder(self) -> Path:
        return self.config.public / "feeds"

    def files(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in self.folder.rglob("*.*")}

    def items(self, name: str = "fairs") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((self.folder / f"{name}.json").read_bytes())["items"]
        return found

    def everything(self) -> list[dict[str, Any]]:
        """The items of the feed and of its archive."""
        pages = sorted((self.folder / "fairs" / "archive").glob("*.json"))
        return self.items() + [one for page in pages for one in json.loads(page.read_bytes())["items"]]
