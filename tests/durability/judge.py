"""What is not as promised. The judge knows nothing of the program but its manual: it looks at folders, published files
and, with SQL of its own, at the database.
"""

import gzip
import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psycopg

from tests.durability.world import TOPICS, World

ATOM = "{http://www.w3.org/2005/Atom}"


class Judge:
    """Remembers what was published: it must stay, under its id."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._published: dict[str, dict[str, str]] = {topic: {} for topic in TOPICS}  # id by title

    def faults(self) -> list[str]:
        """After any death."""
        tables = self._tables()
        return [*self._faults_of_files(tables), *faults_of_tables(tables, TOPICS), *self._faults_of_feeds(tables)]

    def faults_at_rest(self) -> list[str]:
        """After a pass that nothing has disturbed: everything is stored, moved and published."""
        faults, tables, world = self.faults(), self._tables(), self._world
        stored = {row["title"] for row in tables["articles"]}
        wanted = {text.title for feed in world.site.feeds for text in feed}
        wanted |= {text.title for body, text in world.good.items() if body in world.dropped}
        faults += [f"not stored: {title}" for title in wanted - stored]
        faults += [f"left in the inbox: {path.name}" for path in world.inbox.glob("*.txt")]
        for topic, published in self._published.items():
            faults += [f"not in {topic}: {title}" for title in wanted - published.keys()]
            told = {kind: set(ids(self._file(topic, kind))) for kind in ("atom", "rss", "json")}
            faults += [f"{topic}: formats differ" for kind in told if told[kind] != told["json"]]
        latest = {text.title: text.body for feed in world.site.feeds for text in feed}
        for row in tables["articles"]:
            if row["guid"].isdecimal() and latest.get(row["title"], row["text"]) != row["text"]:
                faults.append(f"an old text: {row['title']}")
        return faults

    def _tables(self) -> dict[str, list[dict[str, Any]]]:
        names = ("articles", "stories", "tags", "memberships")
        if self._world.database != "sqlite":
            address = self._world.database.replace("+psycopg", "")
            with psycopg.connect(address, row_factory=psycopg.rows.dict_row) as connection:
                there = {row["tablename"] for row in connection.execute("SELECT tablename FROM pg_tables")}
                return {name: connection.execute(_all(name)).fetchall() if name in there else [] for name in names}
        path = self._world.state / "aggregator.db"
        if not path.exists():
            return {name: [] for name in names}
        with closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row
            assert [row[0] for row in connection.execute("PRAGMA integrity_check")] == ["ok"]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            return {
                name: [dict(row) for row in connection.execute(_all(name))] if name in there else [] for name in names
            }

    def _faults_of_files(self, tables: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
        """Each file is in one place, whole; what is done is stored; what is refused has a reason."""
        world = self._world
        places = {name: contents(world.inbox / name) for name in (".", "done", "rejected")}
        there: Counter[bytes] = sum((Counter(found.values()) for found in places.values()), Counter())
        yield from (f"lost: {body[:40]!r}" for body in (world.dropped - there).elements())
        yield from (f"in two places: {body[:40]!r}" for body in (there - world.dropped).elements())
        for name in places["rejected"]:
            if not (world.inbox / "rejected" / f"{name}.reason.txt").read_text().strip():
                yield f"refused without a reason: {name}"
        stored, good = {row["title"] for row in tables["articles"]}, world.good
        for name, body in places["done"].items():
            if not name.endswith(".yaml") and (body not in good or good[body].title not in stored):
                yield f"done but not stored: {name}"

    def _faults_of_feeds(self, tables: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
        """Each file is whole; each item is a stored story under its own id, once; what was there before is there."""
        pinned = {row["item_id"] for row in tables["stories"]}
        for topic in TOPICS:
            for kind in ("atom", "rss", "json"):
                found = ids(self._file(topic, kind))
                yield from (f"twice in {topic}.{kind}: {one}" for one, times in Counter(found).items() if times > 1)
                yield from (f"in {topic}.{kind}, not stored: {one}" for one in set(found) - pinned)
            items = json.loads(self._file(topic, "json") or b'{"items": []}')["items"]
            now = {item["title"]: item["id"] for item in items}
            yield from (
                f"twice in {topic}: {title}"
                for title, times in Counter(item["title"] for item in items).items()
                if times > 1
            )
            for title, identity in self._published[topic].items():
                if now.get(title) != identity:
                    yield f"{topic}: {title} was {identity}, is {now.get(title)}"
            self._published[topic] |= now

    def _file(self, topic: str, kind: str) -> bytes | None:
        """What a web server would send: both forms, where there is one of them, can be read."""
        path = self._world.state / "public" / "feeds" / f"{topic}.{kind}"
        packed = path.with_name(f"{path.name}.gz")
        if packed.exists():
            ids(gzip.decompress(packed.read_bytes()))
        return path.read_bytes() if path.exists() else None


def faults_of_tables(
    tables: dict[str, list[dict[str, Any]]], topics: Collection[str], *, folded_alike: bool = True
) -> Iterator[str]:
    """An article is there whole, with its story, tags and memberships, or not at all; and, unless people have put others
    together, in a story of copies alone."""
    keys = {row["key"]: row for row in tables["articles"]}
    by_story: dict[str, list[dict[str, Any]]] = {}
    for row in tables["articles"]:
        by_story.setdefault(row["story"], []).append(row)
    stories = {row["id"]: row for row in tables["stories"]}
    yield from (f"a story of nothing: {story}" for story in stories.keys() - by_story.keys())
    yield from (f"an article of no story: {story}" for story in by_story.keys() - stories.keys())
    tagged = Counter(row["article"] for row in tables["tags"] if row["concept"].startswith("country:"))
    members = Counter(row["story"] for row in tables["memberships"])
    identities = Counter((row["source"], row["guid"]) for row in tables["articles"])
    yield from (f"an article twice: {one}" for one, times in identities.items() if times > 1)
    for story, copies in by_story.items():
        if story in stories and stories[story]["lead"] not in {row["key"] for row in copies}:
            yield f"led by another's copy: {story}"
        if members[story] != len(topics):
            yield f"in {members[story]} topics: {copies[0]['title']}"
        if folded_alike and len({row["title"] for row in copies}) > 1:
            yield f"folded, but no copies: {sorted(row['title'] for row in copies)}"
    for key, row in keys.items():
        if tagged[key] < 2:
            yield f"{tagged[key]} tags: {row['title']}"
        if not row["text"].startswith("China and Russia said a word."):
            yield f"half an article: {row['text'][:60]!r}"


def _all(table: str) -> Any:
    return f"SELECT * FROM {table}"


def ids(body: bytes | None) -> list[str]:
    """The items of a feed in any format. Raises where it is not whole."""
    if body is None:
        return []
    if body.startswith(b"{"):
        return [item["id"] for item in json.loads(body)["items"]]
    root = ElementTree.fromstring(body)
    if root.tag == "rss":
        return [item.findtext("guid", "") for item in root.iter("item")]
    return [entry.findtext(f"{ATOM}id", "") for entry in root.iter(f"{ATOM}entry")]


def contents(folder: Path) -> dict[str, bytes]:
    if not folder.exists():
        return {}
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".") and not path.name.endswith(".reason.txt")
    }
