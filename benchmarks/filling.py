"""Stores full of invented articles, written in bulk: by visits it would take hours.

What is looked at when a story is folded or related is as visits leave it: sketches of 30 days, terms of 7, stories,
places of copies. Of the latest articles everything is made; those before are the same at an earlier time, under other
keys, with the beginnings of their texts. Hashes and terms that only few have are others there, those of many the same.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from invented import SOURCES, Press
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import AddConstraint, CreateIndex

from aggregator import related, shingles
from aggregator.models import Article, Frequencies
from aggregator.sources.http import HttpSource
from aggregator.store import Database, frequencies, relations, schema, sketches, sources, topics
from aggregator.store.articles import row_of
from aggregator.words import folds, words

MADE = 10_000  # the latest articles
LEARNED = 500  # articles from which is learned how common terms are
KNOWN_TO_MANY = 40  # of those that are made: terms that many stories have
MARKS = "ghijklmnopqrstuvwxyz"  # letters that are in no key
TOPICS = {"large": 50, "small": 5000}  # of so many articles one is in it
TABLES = [schema.articles, schema.stories, schema.memberships, schema.sketches, schema.terms]
REBUILT = [schema.sketches, schema.terms]  # primary keys, too: their rows come in no order

Rows = Mapping[str, Sequence[tuple[Any, ...]]]  # by table


def configured() -> dict[str, HttpSource]:
    """The sources of invented articles."""
    hosts = [f"site{number}.example" for number in range(SOURCES)]
    return {host: HttpSource(id=host, url=f"https://{host}/feed") for host in hosts}


def fill(url: str, folder: Path, articles: int, press: Press) -> None:
    """Fill an empty store with so many articles: those of the press, and as many once or more often before them."""
    database = Database(url, folder)
    sources.register(database, configured(), press.now)
    topics.register(database, TOPICS, "rules", press.now)
    frequencies.put(database, "en", _learned(press))
    database.close()
    writer = _Sqlite(folder / "aggregator.db") if url == "sqlite" else _Postgresql(url)
    writer.begin()
    writer.write(_made(press))
    if articles > press.articles:
        for statement in _older(press, articles // press.articles, writer):
            writer.run(statement)
    writer.end()


@cache
def _learned(press: Press) -> Frequencies:
    """How common terms are in what comes next."""
    said = [_said(press.article(n)) for n in range(press.articles, press.articles + LEARNED)]
    counts = related.frequencies([*title, *text] for title, text in said)
    return Frequencies(LEARNED, 0, {term: count for term, count in counts.items() if count > 1})


def _said(article: Article) -> tuple[list[str], list[str]]:
    return folds(words(article.title)), folds(words(article.text))


@cache
def _made(press: Press) -> Rows:
    """All that is stored of what a press has printed."""
    found: dict[str, list[tuple[Any, ...]]] = {table.name: [] for table in TABLES}
    held = Counter[int]()
    for number in range(press.articles):
        _add(press, number, found, held)
    return found


def _add(press: Press, number: int, found: Mapping[str, list[tuple[Any, ...]]], held: Counter[int]) -> None:
    article = press.article(number)
    copy, (title, body) = press.placed(number, article), _said(article)

    def add(table: Table, **values: Any) -> None:
        found[table.name].append(_row(table, values))

    add(schema.articles, **row_of(article, copy), chosen=False)
    sketch = shingles.sketch(shingles.shingles(body))
    held.update(sketch)
    day = int(article.first_seen_at.timestamp() // 86400)
    for one in sketch:
        if held[one] <= sketches.COMMON + 1:
            add(schema.sketches, hash=one, article=article.key, day=day)
    if copy.story == article.key:
        event = press.key(number - number % 200) if number % 50 == 0 else article.key
        known = {"item_id": f"tag:{number}", "event": event, "unrelated": False, "founded_at": article.dated_at}
        add(schema.stories, id=article.key, lead=article.key, led_at=None, **known)
        said = {
            "score": 50,
            "reasons": ["because"],
            "rules": "",
            "hidden": False,
            "dated_at": article.dated_at,
            "page": None,
            "lang": article.language,
            "entered_at": article.dated_at,
            "bundled_at": None,
        }
        for topic in (topic for topic, every in TOPICS.items() if number % every == 0):
            add(schema.memberships, topic=topic, story=article.key, **said)
        weights = related.heaviest(title, body, _learned(press).counts, LEARNED)
        hour = int(article.dated_at.timestamp() // 3600)
        for term, weight in weights.items():
            add(schema.terms, term=term, hour=hour, story=article.key, weight=round(weight * 1000))


def _row(table: Table, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """Values, all that there are, in the order of the table's columns."""
    others = values.keys() ^ {column.name for column in table.c}
    if others:
        raise ValueError(f"{table.name}: only filled here, or only in the schema: {', '.join(sorted(others))}")
    return tuple(_plain(values[column.name]) for column in table.c)


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value) if value else "[]"
    return value


def _older(press: Press, times: int, writer: "_Sqlite | _Postgresql") -> Iterator[str]:
    """Statements that repeat what is there at earlier times."""
    for table in TABLES:
        yield f"CREATE TEMPORARY TABLE made_{table.name} AS SELECT * FROM {table.name}"  # noqa: S608
    yield "UPDATE made_articles SET text = substr(text, 1, 200)"
    shared = "SELECT hash, count(*) AS held FROM sketches GROUP BY hash HAVING count(*) > 1"
    yield f"CREATE TEMPORARY TABLE shared AS {shared}"
    known = f"SELECT term FROM terms GROUP BY term HAVING count(*) > {KNOWN_TO_MANY}"  # noqa: S608
    yield f"CREATE TEMPORARY TABLE known AS {known}"
    for time in range(1, times):
        seconds = round(time * press.articles / press.a_day * 86400)
        mark = MARKS[time // 20] + MARKS[time % 20]
        for table in TABLES:
            if table is schema.sketches and seconds > sketches.KEPT.total_seconds():
                continue
            if table is schema.terms and seconds > relations.KEPT.total_seconds():
                continue
            yield _earlier(table, time, seconds, mark, writer)


def _earlier(table: Table, time: int, seconds: int, mark: str, writer: "_Sqlite | _Postgresql") -> str:
    key = "substr({0}, 1, 30) || '" + mark + "'"
    longer = "{0} || '~" + mark + "'"
    changed = dict.fromkeys("key story rival lead id event article text_hash news_hash content_hash".split(), key)
    changed |= dict.fromkeys("guid link story_link item_id".split(), longer)
    changed |= dict.fromkeys("published_at first_seen_at dated_at founded_at".split(), writer.earlier(seconds))
    changed["day"] = f"{{0}} - {seconds // 86400}"
    changed["hour"] = f"{{0}} - {seconds // 3600}"
    changed["hash"] = f"CASE WHEN shared.hash IS NULL THEN {{0}} + {time * 104729} ELSE {{0}} END"
    changed["term"] = f"CASE WHEN known.term IS NULL THEN substr({{0}}, 1, 38) || '{mark}' ELSE {{0}} END"
    columns = [changed.get(column.name, "{0}").format(f"made.{column.name}") for column in table.c]
    others = ""
    if table is schema.sketches:
        most = sketches.COMMON + 1
        others = f"LEFT JOIN shared ON shared.hash = made.hash WHERE coalesce(shared.held, 0) * {time + 1} <= {most}"
    elif table is schema.terms:
        others = "LEFT JOIN known ON known.term = made.term"
    selected = f"SELECT {', '.join(columns)} FROM made_{table.name} AS made {others}"  # noqa: S608
    return f"INSERT INTO {table.name} ({_names(table)}) {selected}"


def _indexes(dialect: Any) -> Iterator[tuple[str, str]]:
    """Name of each index, and how it is made."""
    for table in TABLES:
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield str(index.name), str(CreateIndex(index).compile(dialect=dialect))


def _names(table: Table) -> str:
    return ", ".join(column.name for column in table.c)


class _Sqlite:
    def __init__(self, path: Path) -> None:
        self._store = sqlite3.connect(path, isolation_level=None)

    def begin(self) -> None:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-2000000", "temp_store=MEMORY"):
            self.run(f"PRAGMA {pragma}")
        for name, _ in _indexes(sqlite.dialect()):
            self.run(f"DROP INDEX {name}")
        self.run("BEGIN")

    def write(self, rows: Rows) -> None:
        for table in TABLES:
            places = ", ".join("?" * len(table.c))
            written = map(_timed, rows[table.name])
            self._store.executemany(f"INSERT INTO {table.name} ({_names(table)}) VALUES ({places})", written)  # noqa: S608

    def run(self, statement: str) -> None:
        self._store.execute(statement)

    def earlier(self, seconds: int) -> str:
        return f"strftime('%Y-%m-%d %H:%M:%S.000000', {{0}}, '-{seconds} seconds')"

    def end(self) -> None:
        for _, made in _indexes(sqlite.dialect()):
            self.run(made)
        self.run("COMMIT")
        self._store.close()


def _timed(row: Sequence[Any]) -> list[Any]:
    """Dates as the store writes them."""
    return [value.isoformat(" ", "microseconds")[:26] if isinstance(value, datetime) else value for value in row]


class _Postgresql:
    def __init__(self, url: str) -> None:
        self._store = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)

    def begin(self) -> None:
        self.run("SET maintenance_work_mem = '1GB'")
        self.run("SET work_mem = '200MB'")
        for name, _ in _indexes(postgresql.dialect()):
            self.run(f"DROP INDEX {name}")
        for table in REBUILT:
            self.run(f"ALTER TABLE {table.name} DROP CONSTRAINT pk_{table.name}")

    def write(self, rows: Rows) -> None:
        with self._store.cursor() as cursor:
            for table in TABLES:
                with cursor.copy(f"COPY {table.name} ({_names(table)}) FROM STDIN".encode()) as copy:
                    for row in rows[table.name]:
                        copy.write_row(row)

    def run(self, statement: str) -> None:
        self._store.execute(statement.encode())

    def earlier(self, seconds: int) -> str:
        return f"{{0}} - interval '{seconds} seconds'"

    def end(self) -> None:
        """With indexes, and what PostgreSQL does by itself some minutes later."""
        for table in REBUILT:
            self.run(str(AddConstraint(table.primary_key).compile(dialect=postgresql.dialect())))
        for _, made in _indexes(postgresql.dialect()):
            self.run(made)
        self.run("VACUUM ANALYZE")
        self._store.close()
