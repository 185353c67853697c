"""Stores full of invented articles, written in bulk: by visits it would take hours.

What is looked at when a story is folded or related is as visits leave it: sketches of 30 days, terms of 7, stories,
places of copies. Of articles that are none of the latest only a few words are stored; their sketches are those of
others, with other numbers where a number is nobody else's, and their terms are drawn.
"""

import json
import multiprocessing
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from invented import SOURCES, Press
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import AddConstraint, CreateIndex

from aggregator import related, shingles
from aggregator.models import Article
from aggregator.sources.http import HttpSource
from aggregator.store import Database, frequencies, relations, schema, sketches, sources, topics
from aggregator.store.articles import row_of
from aggregator.words import folds, words

CHUNK = 500  # articles
WHOLE = 20_000  # of the latest articles all words are stored
SAMPLE = 10_000  # articles from which sketches of others are made
LEARNED = 500  # articles from which is learned how common terms are
TOPICS = {"large": 50, "small": 5000}  # of so many articles one is in it
TABLES = [schema.articles, schema.stories, schema.memberships, schema.sketches, schema.terms]
REBUILT = {schema.sketches, schema.terms}  # primary keys, too: their rows come in no order

Rows = Mapping[str, Sequence[tuple[Any, ...]]]  # by table


def configured() -> dict[str, HttpSource]:
    """The sources of invented articles."""
    hosts = [f"site{number}.example" for number in range(SOURCES)]
    return {host: HttpSource(id=host, url=f"https://{host}/feed") for host in hosts}


def fill(urls: Sequence[str], folder: Path, press: Press) -> None:
    """Write what a press has printed into empty stores, all at once."""
    for url in urls:
        database = Database(url, folder)
        sources.register(database, configured(), press.now)
        topics.register(database, TOPICS, "rules", press.now)
        frequencies.put(database, "en", _Maker.learned(press))
        database.close()
    servers = [_Postgresql(url) for url in urls if url != "sqlite"]
    files = [_Sqlite(folder / "aggregator.db") for url in urls if url == "sqlite"]
    for writer in (*servers, *files):
        writer.begin()
    for rows in _made(press, [url for url in urls if url != "sqlite"], bool(files)):
        for writer in files:
            writer.write(rows)
    for writer in (*servers, *files):
        writer.end()


def _made(press: Press, urls: Sequence[str], wanted: bool) -> Iterator[Rows]:
    """All rows, if they are `wanted` here; servers are sent them by the processes that make them."""
    starts = range(0, press.articles, CHUNK)
    with multiprocessing.get_context("fork").Pool(initializer=_be, initargs=(_Maker(press), urls, wanted)) as pool:
        yield from pool.imap(_rows, starts)


class _Process:
    """What a process that makes rows has."""

    maker: "_Maker"
    servers: "list[_Postgresql]"
    wanted: bool


def _be(maker: "_Maker", urls: Sequence[str], wanted: bool) -> None:
    _Process.maker, _Process.wanted = maker, wanted
    _Process.servers = [_Postgresql(url) for url in urls]


def _rows(start: int) -> Rows:
    maker = _Process.maker
    rows = maker.rows(range(start, min(start + CHUNK, maker.press.articles)))
    for server in _Process.servers:
        server.write(rows)
    return rows if _Process.wanted else {}


class _Maker:
    """Rows of articles, by their numbers."""

    def __init__(self, press: Press) -> None:
        self.press = press
        self._known = self.learned(press)
        self._defaults = {column.name: False for column in schema.articles.c}  # in the order of the columns
        old = press.articles > WHOLE
        self._others = [_sketch(press.words(press.articles + n)) for n in range(SAMPLE)] if old else []
        self._held = Counter[int]()
        self._shared = {n for n, count in Counter(n for one in self._others for n in one).items() if count > 1}

    @staticmethod
    def learned(press: Press) -> Any:
        """How common terms are in what comes next."""
        said = [_said(press.written(n, press.words(n))) for n in range(press.articles, press.articles + LEARNED)]
        counts = related.frequencies([*title, *text] for title, text in said)
        return frequencies.Frequencies(LEARNED, 0, {term: count for term, count in counts.items() if count > 1})

    def rows(self, numbers: Iterable[int]) -> Rows:
        """All that is stored of some articles."""
        found: dict[str, list[tuple[Any, ...]]] = {table.name: [] for table in TABLES}
        for number in numbers:
            self._add(number, found)
        return found

    def _is_kept(self, number: int) -> bool:
        """Whether a hash is not common yet; those that can become so are counted, in each process."""
        if self._others and number not in self._shared:
            return True
        self._held[number] += 1
        return self._held[number] <= sketches.COMMON + 1

    def _add(self, number: int, found: Mapping[str, list[tuple[Any, ...]]]) -> None:
        press, seen_at = self.press, self.press.seen_at(number)
        is_whole = number >= press.articles - WHOLE and seen_at >= press.now - sketches.KEPT
        text = press.words(number) if is_whole else press.brief_words(number)
        article = press.written(number, text)
        copy = press.placed(number, article)
        found["articles"].append(tuple(map(_plain, (self._defaults | row_of(article, copy)).values())))
        if seen_at >= press.now - sketches.KEPT:
            day = int(seen_at.timestamp() // 86400)
            sketch = _sketch(text) if is_whole else self._made_up(number)
            found["sketches"] += [(one, article.key, day) for one in sketch if self._is_kept(one)]
        if copy.story != article.key:
            return
        event = press.key(number - number % 200) if number % 50 == 0 else article.key
        found["stories"].append((article.key, article.key, f"tag:{number}", event, False))
        found["memberships"] += [
            (topic, article.key, 50, '["because"]') for topic, every in TOPICS.items() if number % every == 0
        ]
        if seen_at >= press.now - relations.KEPT:
            weights = self._heaviest(article) if is_whole else press.drawn_terms(number, related.TERMS)
            hour = int(article.dated_at.timestamp() // 3600)
            found["terms"] += [(term, hour, article.key, round(weight * 1000)) for term, weight in weights.items()]

    def _heaviest(self, article: Article) -> Mapping[str, float]:
        title, body = _said(article)
        return related.heaviest(title, body, self._known.counts, LEARNED)

    def _made_up(self, number: int) -> set[int]:
        chance = Random(number)  # noqa: S311
        one = chance.choice(self._others)
        return {n if n in self._shared else chance.randint(one[0], one[-1]) for n in one}


def _sketch(text: Sequence[str]) -> tuple[int, ...]:
    return shingles.sketch(shingles.shingles([word.lower() for word in text]))


def _said(article: Article) -> tuple[list[str], list[str]]:
    return folds(words(article.title)), folds(words(article.text))


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value) if value else "[]"
    return value


def _indexes(dialect: Any) -> Iterator[tuple[str, str]]:
    """Name of each index, and how it is made."""
    for table in TABLES:
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield str(index.name), str(CreateIndex(index).compile(dialect=dialect))


class _Sqlite:
    def __init__(self, path: Path) -> None:
        self._store = sqlite3.connect(path)

    def begin(self) -> None:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-2000000", "temp_store=MEMORY"):
            self._store.execute(f"PRAGMA {pragma}")
        for name, _ in _indexes(sqlite.dialect()):
            self._store.execute(f"DROP INDEX {name}")

    def write(self, rows: Rows) -> None:
        for table in TABLES:
            places = ", ".join("?" * len(table.c))
            written = map(_timed, rows[table.name]) if table is schema.articles else rows[table.name]
            self._store.executemany(f"INSERT INTO {table.name} ({_names(table)}) VALUES ({places})", written)  # noqa: S608
        self._store.commit()

    def end(self) -> None:
        for _, made in _indexes(sqlite.dialect()):
            self._store.execute(made)
        self._store.close()


def _timed(row: Sequence[Any]) -> list[Any]:
    """Dates as the store writes them."""
    return [value.isoformat(" ", "microseconds")[:26] if isinstance(value, datetime) else value for value in row]


class _Postgresql:
    def __init__(self, url: str) -> None:
        self._store = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)

    def begin(self) -> None:
        self._run("SET maintenance_work_mem = '1GB'")
        for name, _ in _indexes(postgresql.dialect()):
            self._run(f"DROP INDEX {name}")
        for table in REBUILT:
            self._run(f"ALTER TABLE {table.name} DROP CONSTRAINT pk_{table.name}")

    def write(self, rows: Rows) -> None:
        with self._store.cursor() as cursor:
            for table in TABLES:
                with cursor.copy(f"COPY {table.name} ({_names(table)}) FROM STDIN".encode()) as copy:
                    for row in rows[table.name]:
                        copy.write_row(row)

    def end(self) -> None:
        """With indexes, and what PostgreSQL does by itself some minutes later."""
        for table in REBUILT:
            self._run(str(AddConstraint(table.primary_key).compile(dialect=postgresql.dialect())))
        for _, made in _indexes(postgresql.dialect()):
            self._run(made)
        self._run("VACUUM ANALYZE")
        self._store.close()

    def _run(self, statement: str) -> None:
        self._store.execute(statement.encode())


def _names(table: Table) -> str:
    return ", ".join(column.name for column in table.c)
