"""Private topics: read by those who have a token, and not to be found by anybody else."""

import json
import logging
import re
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer
from click.testing import CliRunner

from aggregator import config, runtime, tokens
from aggregator.cli import main
from aggregator.config import Config
from aggregator.models import Token
from aggregator.store import Database
from aggregator.store import tokens as stored_tokens
from aggregator.web import serve
from aggregator.web.serve import application
from tests.postgresql_server import free_port

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


@pytest.fixture
def found(config_directory: Path) -> Config:
    """The shipped configuration with one topic made private."""
    path = config_directory / "topics.yaml"
    path.write_text(path.read_text().replace("  energy:\n", "  energy:\n    private: true\n    digests: [daily]\n"))
    return config.load(config_directory, {})


def run(found: Config, *arguments: str) -> str:
    result = CliRunner().invoke(main, ["--config", str(found.directory), *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def added(found: Config, name: str = "desk") -> str:
    """A new token."""
    shown = run(found, "token", "add", "energy", "--for", name)
    return re.findall(r"/feeds/private/([A-Za-z0-9_-]{43})/energy\.atom\n", shown)[0]


@pytest.fixture
async def client(found: Config, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestClient]:
    monkeypatch.setattr(tokens, "NOTICED_SECONDS", -1)
    with runtime.opened(found) as database:
        await runtime.once(found, database, lambda visit: None)
        async with TestClient(TestServer(application(lambda: found, database))) as made:
            yield made


@pytest.mark.parametrize("extension", ["atom", "rss", "json", "daily.atom"])
async def test_feed_is_there_for_who_has_the_token_and_for_nobody_else(
    client: TestClient, found: Config, extension: str
) -> None:
    token = added(found)
    response = await client.get(f"/feeds/private/{token}/energy.{extension}")
    assert response.status == 200
    assert response.headers["Cache-Control"] == "private, max-age=60"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "Link" not in response.headers
    body = await response.text()
    assert token not in body
    assert "/hub" not in body
    etag = {"If-None-Match": response.headers["ETag"]}
    assert (await client.get(f"/feeds/private/{token}/energy.{extension}", headers=etag)).status == 304
    wrong = "A" * 43
    for path in (
        f"/feeds/energy.{extension}",
        f"/feeds/private/energy.{extension}",
        f"/feeds/private/{wrong}/energy.{extension}",
        f"/feeds/private/{token}/us-china.{extension}",
        f"/feeds/private/{token}/none.{extension}",
        f"/feeds/private/{token[:-1]}/energy.{extension}",
    ):
        answer = await client.get(path)
        assert (answer.status, await answer.text()) in (
            (404, "There is no such page; / lists the topics.\n"),
            (404, "404: Not Found"),
        )


async def test_pages_do_not_know_of_it(client: TestClient, found: Config) -> None:
    token = added(found)
    index = await (await client.get("/")).text()
    assert "us-china" in index
    assert "energy" not in index and "Energy" not in index
    assert (await client.get("/topics/energy")).status == 404
    page = await client.get(f"/topics/private/{token}/energy")
    text = await page.text()
    assert page.status == 200
    assert "Why it is here" in text
    assert token not in text and "/feeds/" not in text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert (await client.get(f"/topics/private/{token}/us-china")).status == 404


async def test_revoked_token_is_refused_and_others_are_not(client: TestClient, found: Config) -> None:
    first, second = added(found), added(found, "wire")
    listed = json.loads(run(found, "token", "list", "--json"))
    run(found, "token", "revoke", next(one["id"] for one in listed if one["name"] == "desk"))
    assert (await client.get(f"/feeds/private/{first}/energy.atom")).status == 404
    assert (await client.get(f"/feeds/private/{second}/energy.atom")).status == 200


async def test_last_use_is_noted_once_an_hour(
    client: TestClient, found: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = added(found)
    assert "never" in run(found, "token", "list")
    noted: list[str] = []
    real = stored_tokens.note_use

    def note_use(database: Database, token_id: str, now: datetime) -> None:
        noted.append(token_id)
        real(database, token_id, now)

    monkeypatch.setattr(stored_tokens, "note_use", note_use)
    monkeypatch.setattr(tokens, "NOTICED_SECONDS", 60)
    for _ in range(3):
        assert (await client.get(f"/feeds/private/{token}/energy.atom")).status == 200
    shown = run(found, "token", "list")
    assert len(noted) == 1
    assert noted[0] in shown


async def test_token_is_in_no_log(config_directory: Path, found: Config, caplog: pytest.LogCaptureFixture) -> None:
    found = config.load(config_directory, {"AGGREGATOR_LISTEN": f"127.0.0.1:{free_port()}"})
    with runtime.opened(found) as database:
        await runtime.once(found, database, lambda visit: None)
        token = added(found)
        with caplog.at_level(logging.DEBUG):
            async with serve.running(lambda: found, database), ClientSession() as session:
                base = f"http://{found.settings.listen}/feeds/private/{token}"
                paths = ("energy.atom", "energy.exe", "us-china.atom", "energy.atom?x=1")
                answers = [await session.get(f"{base}/{path}") for path in paths]
    assert [answer.status for answer in answers] == [200, 404, 404, 200]
    assert token not in caplog.text


async def test_files_lie_where_nobody_else_can_look(client: TestClient, found: Config) -> None:
    names = {path.name for path in (found.private / "feeds").iterdir()}
    assert {"energy.atom", "energy.atom.gz", "energy.rss", "energy.json"} <= names
    assert [path for path in found.public.rglob("energy*")] == []
    assert stat.S_IMODE(found.private.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (found.private / "feeds").iterdir()} == {0o600}
    assert stat.S_IMODE((found.public / "feeds").stat().st_mode) == 0o755


async def test_topic_that_becomes_private_or_public_moves_with_all_its_files(config_directory: Path) -> None:
    path = config_directory / "topics.yaml"
    text = path.read_text()
    secret = text.replace("  energy:\n", "  energy:\n    private: true\n")
    for written, there, gone in (
        (text, "public", "private"),
        (secret, "private", "public"),
        (text, "public", "private"),
    ):
        path.write_text(written)
        found = config.load(config_directory, {})
        with runtime.opened(found) as database:
            await runtime.once(found, database, lambda visit: None)
        assert (found.state / there / "feeds" / "energy.atom").exists()
        assert list((found.state / gone).rglob("energy*")) == []


def test_public_topic_gets_no_token(found: Config) -> None:
    result = CliRunner().invoke(main, ["--config", str(found.directory), "token", "add", "us-china", "--for", "x"])
    assert result.exit_code == 1
    assert "not a private topic" in result.output and "energy" in result.output


def test_a_token_is_for_somebody(found: Config) -> None:
    result = CliRunner().invoke(main, ["--config", str(found.directory), "token", "add", "energy", "--for", " "])
    assert (result.exit_code, "say who the token is for" in result.output) == (2, True)


async def test_unknown_token_cannot_be_revoked(client: TestClient, found: Config) -> None:
    result = CliRunner().invoke(main, ["--config", str(found.directory), "token", "revoke", "00000000"])
    assert result.exit_code == 1
    assert "token list" in result.output


def token(**changes: object) -> Token:
    fields = {"id": "1", "topic": "t", "name": "n", "digest": tokens.digest("secret"), "created_at": NOW} | changes
    return Token(**fields)  # type: ignore[arg-type]


def test_token_is_of_one_topic() -> None:
    known = [token(id="2", topic="u", digest=tokens.digest("other")), token()]
    assert tokens.recognised("secret", "t", known) == token()
    assert tokens.recognised("secret", "u", known) is None
    assert tokens.recognised("secre", "t", known) is None
    assert tokens.recognised("", "t", ()) is None
    assert tokens.digest("secret") not in repr(token())


def test_use_is_worth_noting_after_an_hour() -> None:
    assert tokens.is_worth_noting(token(), NOW)
    assert not tokens.is_worth_noting(token(used_at=NOW), NOW + timedelta(minutes=59))
    assert tokens.is_worth_noting(token(used_at=NOW), NOW + timedelta(hours=1))


def test_tokens_are_stored_by_their_digests(database: Database) -> None:
    stored_tokens.add(database, token(id="b", digest="b"))
    stored_tokens.add(database, token(id="a", digest="a", topic="s"))
    stored_tokens.note_use(database, "b", NOW)
    assert [(one.id, one.used_at) for one in stored_tokens.every(database)] == [("a", None), ("b", NOW)]
    assert stored_tokens.revoke(database, "a")
    assert not stored_tokens.revoke(database, "a")
