"""What goes on around the program while it is killed: files are dropped, feeds change. And what was said to it.

All texts name China and Russia and the word `word`, so that each story has tags and belongs to two topics. Those of forty
words and more are copied: by the other feed, and by files.
"""

import os
import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

ROOT = Path(__file__).parent.parent.parent
HOUR_AGO = time.time() - 3600  # when all of it was written: files that have been left alone, entries of today
IN_A_FEED = 15  # entries: few enough to be read in passing, even if they are all new
TOPICS = ("all", "china-russia")
SETTINGS = """\
state: {state}
database: {database}
fetch: {{allow: [127.0.0.0/8]}}
poll: {{every: 1m, min: 1m, spacing: 0s, per_host: 8}}
websub: {{hub: "off"}}
tag_authority: example.org,2026
"""
SOURCES = """\
sources:
  - {{folder: "{{state}}/inbox", after: move, create: true, name: Inbox}}
  - {{url: "{place}/0", name: Wire}}
  - {{url: "{place}/1", name: Gazette}}
"""
RULES = """\
topics:
  all: {title: All, any: [{phrase: word}], limit: 1000}
  china-russia: {title: China and Russia, all: [country:china, country:russia], limit: 1000}
"""


@dataclass(frozen=True, slots=True)
class Text:
    """An article, wherever it stands. Its title is that of no other one."""

    number: int
    body: str

    @property
    def title(self) -> str:
        return f"Word {self.number} of China and Russia"

    @property
    def is_copied(self) -> bool:
        return len(self.body.split()) >= 40


@dataclass
class Site:
    """Two feeds, newest entry first. Who is killed all the time misses some, as it would if it were not there."""

    feeds: tuple[list[Text], list[Text]] = field(default_factory=lambda: ([], []))
    url: str = ""
    is_telling: bool = True

    def document(self, number: int) -> bytes:
        entries = "".join(
            f"<item><title>{escape(text.title)}</title><guid isPermaLink='false'>{text.number}</guid>"
            f"<pubDate>{formatdate(HOUR_AGO)}</pubDate><description>{escape(text.body)}</description></item>"
            for text in self.feeds[number]
        )
        return f"<rss version='2.0'><channel><title>{number}</title>{entries}</channel></rss>".encode()

    @contextmanager
    def served(self) -> Iterator[None]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = site.document(int(self.path[1:]))
                self.send_response(200)
                self.send_header("Content-Type", "application/rss+xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:  # who asked was killed
                    self.close_connection = True

            def log_message(self, *said: Any) -> None: ...

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            try:
                yield
            finally:
                server.shutdown()
                thread.join()


class World:
    """A configuration, an inbox, two feeds; and everything that was ever dropped or published there."""

    def __init__(self, directory: Path, chance: random.Random, site: Site, database: str = "sqlite") -> None:
        self.database = database
        self.state = directory / "var"
        self.inbox = self.state / "inbox"
        self.config = directory / "config"
        self.said = directory / "said"  # what the program complains of
        self.site = site
        self.dropped: Counter[bytes] = Counter()  # files, by content
        self.texts: dict[int, Text] = {}
        self._chance = chance
        self.inbox.mkdir(parents=True)
        shutil.copytree(ROOT / "config", self.config)
        (self.config / "aggregator.yaml").write_text(SETTINGS.format(state=self.state, database=database))
        (self.config / "sources.yaml").write_text(SOURCES.format(place=site.url))
        (self.config / "topics.yaml").write_text(RULES)

    def go_on(self) -> None:
        """A while passes: something new comes by each way, something is copied, something is corrected; or nothing."""
        if self.texts and self._chance.random() < 0.1:
            return
        for _ in range(self._chance.randrange(1, 5)):
            self._drop(self._some_text())
        for feed in self.site.feeds:
            for _ in range(self._chance.randrange(3)):
                text = self._some_text()
                if text not in feed:
                    feed.insert(0, text)
            del feed[IN_A_FEED:]
        self._correct(self._chance.choice(self.site.feeds))
        if self._chance.random() < 0.3:
            self._drop_bytes(f"nothing-{len(self.dropped)}.txt", b" \n" * (len(self.dropped) + 1))

    @property
    def good(self) -> dict[bytes, Text]:
        """What a file of each article says."""
        return {_file(text): text for text in self.texts.values()}

    def _some_text(self) -> Text:
        """A new article; or one from before, whole, if it is one that is copied."""
        if self.texts and self._chance.random() < 0.3:
            text = self._chance.choice(list(self.texts.values()))
            if text.is_copied:
                return text
        number, length = len(self.texts), self._chance.choice([12, 70])
        words = " ".join(f"{self._chance.choice(WORDS)}{self._chance.randrange(100)}" for _ in range(length))
        self.texts[number] = Text(number, f"China and Russia said a word. {words}.")
        return self.texts[number]

    def _correct(self, feed: list[Text]) -> None:
        """One entry says something else from now on."""
        places = [place for place, text in enumerate(feed) if not text.is_copied]
        if places and self._chance.random() < 0.5:
            place = self._chance.choice(places)
            old = feed[place]
            if _file(old) not in self.dropped:
                feed[place] = self.texts[old.number] = Text(old.number, f"{old.body} Corrected.")

    def _drop(self, text: Text) -> None:
        """Some under names that were used before, some with facts beside them."""
        number, kind = self.dropped.total(), self._chance.random()
        name = f"{self._chance.randrange(40):02}-{number}" if kind < 0.8 else f"same-{number % 5}"
        if kind < 0.1:
            self._drop_bytes(f"{name}.yaml", f"# {number}\ntags: [a]\n".encode())
        self._drop_bytes(f"{name}.txt", _file(text))

    def _drop_bytes(self, name: str, body: bytes) -> None:
        if (self.inbox / name).exists():
            return
        self.dropped[body] += 1
        (self.inbox / ".new").write_bytes(body)
        os.utime(self.inbox / ".new", (HOUR_AGO, HOUR_AGO))
        (self.inbox / ".new").rename(self.inbox / name)


WORDS = "talks gas pipeline rouble yuan border bridge envoy summit visit trade grain port rail treaty note".split()


def _file(text: Text) -> bytes:
    return f"{text.title}\n\n{text.body}\n".encode()
