"""Readers that people use take our feeds: what is shown is right, and nothing is shown twice, whatever we do.

A history of publications is made once: stories come, one is corrected, two turn out to be one, another copy leads, the
store is filled afresh, the feeds move. Each reader (Debian: newsboat, sfeed, rss2email) is run after each of these over
files that a web server serves.
"""

import asyncio
import mailbox
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from html import escape, unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import feedparser
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aggregator import config, registry, runtime
from aggregator.formats._feedgen import untagged
from aggregator.store import stories
from tests.conftest import ROOT, Site
from tests.test_pipeline import items, once

ENTRY = """<item><title>{title}</title><link>https://a.example/{guid}</link><guid>{guid}</guid>
<pubDate>{day:%a, %d %b %Y %H:%M:%S} GMT</pubDate><description>{text}</description></item>"""
FEED = "<rss version='2.0'><channel><title>Wire</title><link>https://a.example/</link>{entries}</channel></rss>"
TITLES = {"1": "Fair & <b>market</b> für 市場", "2": "Two fairs: 1 < 2", "3": "The fair of Ålesund"}
DAYS = {guid: datetime(2026, 11, 3 + int(guid), 10, 30, 15, tzinfo=UTC) for guid in TITLES}
TEXTS = {
    "1": "<p>The <em>first</em> fair & market opened at dawn with 312 stalls.</p>",
    "2": "<p>Two fairs, 中国 and Россия, were held at once, said the mayor of Skell.</p>",
    "3": "<p>Nobody came to the third fair, since it rained for nine days.</p>",
}
CORRECTED = "Fair and market: corrected"


@dataclass(frozen=True)
class Shown:
    """An item as a reader has it."""

    title: str
    at: datetime
    text: str  # without its markup


def document(**titles: str) -> bytes:
    """The publisher's feed; titles by guid, instead of those above."""
    given = {guid: (titles.get(f"title{guid}", title), TEXTS[guid]) for guid, title in TITLES.items()}
    entries = [
        ENTRY.format(title=_escaped(title), guid=guid, day=DAYS[guid], text=_escaped(text))
        for guid, (title, text) in given.items()
    ]
    return FEED.format(entries="".join(entries)).encode()


def _escaped(text: str) -> str:
    return f"<![CDATA[{text}]]>" if text.startswith("<p>") else text.replace("&", "&amp;amp;").replace("<", "&amp;lt;")


@dataclass(frozen=True)
class Step:
    """A publication: where its files lie, and at which path a reader finds its feed that has subscribed to the first."""

    name: str
    public: Path
    path: str = "/feeds/fairs"


async def _history(directory: Path, out: Path) -> list[Step]:
    """Publish again and again; the files of each publication are kept."""
    (directory / "topics.yaml").write_text(
        "topics:\n  fairs: {title: Fairs & more, any: [{phrase: fair}, {phrase: fairs}]}\n"
    )
    steps: list[Step] = []
    site = Site()
    site.body = document()
    app = web.Application()
    app.router.add_get("/feed", site.answer)
    async with TestServer(app) as server:
        (directory / "sources.yaml").write_text(f"sources:\n  - {{url: '{server.make_url('/feed')}', name: Wire}}\n")
        settings = directory / "aggregator.yaml"
        settings.write_text(settings.read_text().replace("allow: []", "allow: [127.0.0.0/8]"))

        async def step(name: str) -> None:
            await once(directory)
            steps.append(Step(name, out / name))
            shutil.copytree(directory.parent / "var" / "public", out / name)

        await step("first")
        keys = {str(item["title"]): str(item["id"]).rpartition("/")[2] for item in items(directory, "fairs")}
        one, two, _ = (keys[title] for title in TITLES.values())
        site.body = document(title1=CORRECTED)
        await step("corrected")
        _wish(directory, "merge", one, two)
        await step("merged")
        _wish(directory, "lead", two, None)
        await step("led by another")
        shutil.rmtree(directory.parent / "var" / "public")
        await step("published again")
        shutil.rmtree(directory.parent / "var")
        await step("filled afresh")
        settings.write_text(f"{settings.read_text()}\nbase_url: https://news.example.net/\n")
        await step("on another host")
        shutil.copytree(out / "on another host", out / "at another path" / "new")
        steps.append(Step("at another path", out / "at another path", "/new/feeds/fairs"))
    return steps


def _wish(directory: Path, kind: str, article: str, other: str | None) -> None:
    loaded = config.load(directory, {})
    with runtime.opened(loaded) as database:
        stories.wish(database, kind, article, other, runtime.utc_now())
        runtime.fulfil(loaded, database)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> list[Step]:
    folder = tmp_path_factory.mktemp("history")
    shutil.copytree(ROOT / "config", folder / "config")
    shutil.copytree(ROOT / "seeds", folder / "seeds")
    return asyncio.run(_history(folder / "config", folder))


TYPES = {f".{kind.extension}": kind.media_type for kind in registry.formats().values()}


class Server:
    """Serves the files of one step; the address that readers know leads to where the feed is now."""

    def __init__(self) -> None:
        self.step: Step | None = None
        outer = self

        class Handler(SimpleHTTPRequestHandler):
            extensions_map = TYPES

            def do_GET(self) -> None:
                stem, dot, extension = self.path.rpartition(".")
                assert outer.step is not None
                if stem != outer.step.path:
                    self.send_response(301)
                    self.send_header("Location", f"{outer.step.path}{dot}{extension}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    super().do_GET()

            def translate_path(self, path: str) -> str:
                assert outer.step is not None
                return f"{outer.step.public}{path}"

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    thread = Thread(target=made.http.serve_forever, args=(0.02,))
    thread.start()
    yield made
    made.http.shutdown()
    thread.join()
    made.http.server_close()


def _run(home: Path, *command: str) -> None:
    """Run a reader that has a home of its own."""
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC"}
    ran = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr


def newsboat(home: Path, url: str) -> dict[str, list[Shown]]:
    """What it has in its list, by id."""
    (home / "urls").write_text(f"{url}\n")
    (home / "config").write_text("download-retries 1\n")
    _run(home, "newsboat", "-q", "-C", "config", "-u", "urls", "-c", "cache.db", "-x", "reload")
    found: dict[str, list[Shown]] = {}
    with sqlite3.connect(home / "cache.db") as connection:
        for guid, title, at, text in connection.execute("SELECT guid, title, pubDate, content FROM rss_item"):
            found.setdefault(guid, []).append(Shown(title, datetime.fromtimestamp(at, UTC), _plain(text)))
    connection.close()
    return found


def sfeed(home: Path, url: str) -> dict[str, list[Shown]]:
    """What it has in its file. The fetch of its own follows no redirects."""
    (home / "sfeedrc").write_text(
        f'sfeedpath="{home}/feeds"\nfetch() {{ curl -L -f -s "$2"; }}\nfeeds() {{ feed t "{url}"; }}\n'
    )
    _run(home, "sfeed_update", str(home / "sfeedrc"))
    found: dict[str, list[Shown]] = {}
    for line in (home / "feeds" / "t").read_text().splitlines():
        at, title, _, content, _, guid, *_ = line.split("\t")
        text = _plain(content.replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\"))
        found.setdefault(guid, []).append(Shown(title, datetime.fromtimestamp(int(at), UTC), text))
    return found


def rss2email(home: Path, url: str) -> dict[str, list[Shown]]:
    """The mails that it has sent, by the id of the item."""
    r2e = ["r2e", "-c", str(home / "config"), "-d", str(home / "data")]
    if not (home / "config").exists():
        (home / "mail").mkdir()
        _run(home, *r2e, "new", "reader@reader.example")
        text = (home / "config").read_text()
        wanted = {
            "email-protocol": "maildir",
            "maildir-path": str(home / "mail"),
            "html-mail": "True",
            "date-header": "True",
        }
        for name, value in wanted.items():
            text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
        (home / "config").write_text(text)
        _run(home, *r2e, "add", "fairs", url)
    _run(home, *r2e, "run")
    found: dict[str, list[Shown]] = {}
    for mail in mailbox.Maildir(home / "mail" / "INBOX", create=False):
        body = mail.get_payload(decode=True)
        assert isinstance(body, bytes)
        title = str(make_header(decode_header(mail["Subject"])))
        shown = Shown(
            " ".join(title.split()),
            parsedate_to_datetime(mail["Date"]).replace(tzinfo=UTC),
            _plain(body.decode(str(mail.get_content_charset()))),
        )
        found.setdefault(str(mail["X-RSS-ID"]), []).append(shown)
    return found


def by_feedparser(home: Path, url: str) -> dict[str, list[Shown]]:
    """What a program has that keeps what it has not seen before, by id."""
    known: dict[str, list[Shown]] = KNOWN.setdefault(home, {})
    result = feedparser.parse(url)
    assert not result.bozo
    for entry in result.entries:
        at = datetime(*entry.published_parsed[:6], tzinfo=UTC)
        title = unescape(entry.title) if entry.title_detail.type == "text/html" else entry.title
        known[entry.id] = [Shown(title, at, _plain(entry.content[0].value))]
    return dict(known)


KNOWN: dict[Path, dict[str, list[Shown]]] = {}
READERS: dict[str, tuple[str, Callable[[Path, str], dict[str, list[Shown]]]]] = {
    "newsboat": ("newsboat", newsboat),
    "sfeed": ("sfeed_update", sfeed),
    "rss2email": ("r2e", rss2email),
    "feedparser": ("python3", by_feedparser),
}


def _plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<style.*?</style>|<[^<>]*>", " ", html, flags=re.DOTALL)).split())


@pytest.mark.parametrize("extension", ["atom", "rss"])
@pytest.mark.parametrize("name", READERS)
def test_a_reader_shows_what_was_published_and_nothing_twice(
    name: str, extension: str, history: list[Step], server: Server, tmp_path: Path
) -> None:
    program, read = READERS[name]
    if shutil.which(program) is None:
        pytest.skip(f"{name} is not installed")
    found: dict[str, dict[str, list[Shown]]] = {}
    for step in history:
        server.step = step
        found[step.name] = read(tmp_path, f"{server.base}/feeds/fairs.{extension}")
    first = {shown.at: shown for (shown,) in found["first"].values()}
    assert {at: shown.title for at, shown in first.items()} == {
        day: in_reader(TITLES[guid], name, extension) for guid, day in DAYS.items()
    }
    for guid, day in DAYS.items():
        assert _plain(TEXTS[guid]) in first[day].text
        assert "Source: Wire" in first[day].text
    for shown in found.values():
        assert set(shown) == set(found["first"])  # ids: nothing is new, whatever was done
    titles = {step: [one.title for items in shown.values() for one in items] for step, shown in found.items()}
    assert (CORRECTED in titles["corrected"]) is (name != "rss2email")  # which mails what is new, and nothing else
    if name == "sfeed":  # an item with another title or link is another line for it
        assert titles["on another host"] == titles["at another path"]
        assert len(titles["led by another"]) == len(titles["filled afresh"])
    else:
        assert {len(shown) for shown in titles.values()} == {3}
    is_told = any(title.startswith("[Withdrawn] Two fairs") for title in titles["merged"])
    assert is_told is (extension == "rss" and name != "rss2email")


def in_reader(title: str, reader: str, extension: str) -> str:
    """RSS titles have no tags; sfeed does not look at the type of a title, and shows what declares one as it stands."""
    if extension == "rss":
        return untagged(title)
    return escape(title, quote=False) if reader == "sfeed" and "<b>" in title else title
