"""Selections at the address of their topic: by a real server, for all that can stand in a query."""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientResponse, ClientSession
from click.testing import CliRunner
from yarl import URL

from aggregator import config, runtime
from aggregator.cli import main
from aggregator.config import Config
from aggregator.web import serve
from aggregator.web.private import NOT_FOUND
from aggregator.web.published import Published
from tests.postgresql_server import free_port

VARIANTS = "    variants: {lang: [en], min_score: [50]}\n"
NONE = "Of this feed there are no selections;"
SOME = "Of this feed there are ?min_score=50, ?lang=en, ?lang=en&min_score=50;"


@dataclass
class Server:
    config: Config
    session: ClientSession

    async def ask(self, target: str, method: str = "GET", **headers: str) -> ClientResponse:
        """`target` is sent as it is."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = URL(f"http://{self.config.settings.listen}{target}", encoded=True)
        return await self.session.request(method, url, headers=named)

    def file(self, name: str) -> bytes:
        return (self.config.public / "feeds" / name).read_bytes()


@pytest.fixture
async def server(config_directory: Path) -> AsyncIterator[Server]:
    """The shipped configuration with variants of two topics, one of them private."""
    path = config_directory / "topics.yaml"
    text = path.read_text().replace("  energy:\n", f"  energy:\n{VARIANTS}")
    path.write_text(text.replace("  us-china:\n", f"  us-china:\n    private: true\n{VARIANTS}"))
    found = config.load(config_directory, {"AGGREGATOR_LISTEN": f"127.0.0.1:{free_port()}"})
    with runtime.opened(found) as database:
        await runtime.once(found, database, lambda visit: None)
        running = serve.running(lambda: found, database)
        async with running, ClientSession(auto_decompress=False) as session:
            yield Server(found, session)


async def test_a_selection_is_served_at_both_its_addresses_as_any_feed_is(server: Server) -> None:
    for query, file in (
        ("lang=en", "energy.en.atom"),
        ("min_score=50&lang=en", "energy.en.min50.atom"),
        ("utm_source=x&lang=en&min_score=50&y", "energy.en.min50.atom"),
        ("min_score=%35%30", "energy.min50.atom"),
        ("utm_source=lang%3Den", "energy.atom"),
    ):
        plain = await server.ask(f"/feeds/energy.atom?{query}", Accept_Encoding="identity")
        assert (plain.status, await plain.read()) == (200, server.file(file))
        assert f'/feeds/{file}>; rel="self"' in plain.headers["Link"]
        packed = await server.ask(f"/feeds/{file}", Accept_Encoding="gzip")
        assert gzip.decompress(await packed.read()) == server.file(file)
        again = await server.ask(
            f"/feeds/energy.atom?{query}", Accept_Encoding="gzip", If_None_Match=packed.headers["ETag"]
        )
        assert (again.status, await again.read()) == (304, b"")
        head = await server.ask(f"/feeds/energy.atom?{query}", "HEAD", Accept_Encoding="identity")
        assert (head.status, head.headers["ETag"]) == (200, plain.headers["ETag"])


async def test_the_front_answers_from_the_prepared_file(server: Server) -> None:
    published = Published(lambda: server.config)
    place = published.place("/feeds/energy.atom?lang=en&utm=1")
    assert place is not None
    assert place is published.place("/feeds/energy.en.atom")
    assert published.place("/feeds/energy.atom?lang=de") is None


REFUSED = [
    ("energy.atom?lang=de", SOME),
    ("energy.atom?lang=../../x", SOME),
    ("energy.atom?lang=..%2F..%2Fx", SOME),
    ("energy.atom?lang=en.min50", SOME),
    ("energy.atom?lang=%00%ff", SOME),
    ("energy.atom?min_score=1e9", SOME),
    ("energy.atom?min_score=-1", SOME),
    ("energy.atom?min_score=50.0", SOME),
    ("energy.atom?lang=en&lang=en", SOME),
    ("energy.atom?min_score=50&min_score=50", SOME),
    (f"energy.atom?lang={'x' * 7000}", SOME),
    (f"energy.atom?{'lang=en&' * 900}", SOME),
    ("energy.en.atom?lang=en", NONE),
    ("china-russia.rss?min_score=50", NONE),
    ("us-china.atom?lang=en", NOT_FOUND),
    ("us-china.en.atom", NOT_FOUND),
    ("none.atom?lang=en", NOT_FOUND),
    ("energy.atom%3Flang=en", NOT_FOUND),
]


async def test_what_is_not_prepared_is_not_there_and_the_answer_says_what_is(server: Server) -> None:
    for target, said in REFUSED:
        response = await server.ask(f"/feeds/{target}")
        text = await response.text()
        assert (response.status, text.startswith(said)) == (404, True), target
        assert len(text.strip().splitlines()) == 1
        assert "xxx" not in text


async def test_a_long_query_with_nothing_in_it_is_ignored(server: Server) -> None:
    response = await server.ask(f"/feeds/energy.atom?{'utm=1&' * 1200}", Accept_Encoding="identity")
    assert (response.status, await response.read()) == (200, server.file("energy.atom"))


async def test_the_list_of_topics_has_no_selections_and_is_there_whatever_is_asked_for(server: Server) -> None:
    response = await server.ask("/topics.opml?lang=en")
    assert response.status == 200
    assert b"<opml" in gzip.decompress(await response.read())


async def test_private_topics_have_selections_for_those_who_have_a_token(server: Server) -> None:
    run = CliRunner().invoke(
        main, ["--config", str(server.config.directory), "token", "add", "us-china", "--for", "desk"]
    )
    token = re.findall(r"/feeds/private/([A-Za-z0-9_-]{43})/us-china\.en\.min50\.atom\n", run.output)[0]
    path = f"/feeds/private/{token}/us-china"
    expected = (server.config.private / "feeds" / "us-china.en.atom").read_bytes()
    for target in (f"{path}.en.atom", f"{path}.atom?lang=en", f"{path}.atom?lang=en&utm=1"):
        response = await server.ask(target, Accept_Encoding="identity")
        assert (response.status, await response.read()) == (200, expected)
        assert "Link" not in response.headers
        assert response.headers["Cache-Control"] == "private, max-age=60"
    assert token.encode() not in expected
    for target, said in (
        (f"{path}.atom?lang=de", SOME),
        (f"{path}.de.atom", NOT_FOUND),
        (f"{path}.en.min50.x.atom", NOT_FOUND),
        (f"/feeds/private/{token}/energy.atom?lang=en", NOT_FOUND),
        (f"/feeds/private/{'A' * 43}/us-china.atom?lang=de", NOT_FOUND),
        (f"/feeds/private/{'A' * 43}/us-china.en.atom", NOT_FOUND),
    ):
        response = await server.ask(target)
        assert response.status == 404
        assert (await response.text()).startswith(said)


async def test_no_address_leads_to_a_private_selection_without_a_token(server: Server) -> None:
    """Not even one that no reader would ask for."""
    host, port = server.config.settings.address
    for target in (
        "us-china.atom",
        "us-china.atom?lang=en",
        "us-china.json?lang=en&min_score=50",
        "/us-china.atom?lang=en",
    ):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        status = await reader.readline()
        writer.close()
        await writer.wait_closed()
        assert status.split()[1] in (b"400", b"404"), target
