"""The log: what a line looks like, and what can stand in none."""

import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import logs
from aggregator.masking import masked

log = logging.getLogger("aggregator.test")
TOKEN = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6"
HOSTILE = 'x\n<3>time=2026-01-01T00:00:00Z level=error msg="forged"\r\x1b[2J\u202e\u2028\x85\udc80"\\ y'


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """What was written to standard error since it was asked the last time."""
    monkeypatch.setattr(logs, "_is_verbose", False)
    root, ours = logging.getLogger(), logging.getLogger("aggregator")
    before = root.handlers[:], root.level, ours.level
    yield lambda: capsys.readouterr().err.splitlines()
    root.handlers[:], level, own = before[0], before[1], before[2]
    root.setLevel(level)
    ours.setLevel(own)


def set_up(form: str) -> None:
    """Without pytest's own handlers, which report to another process: letters that are none cannot be told there."""
    logging.getLogger().handlers.clear()
    logs.set_up(form)


def visited(source: str = "Example World") -> None:
    log.info("visited", {"source": source, "id": "https://example.org/", "status": None, "new": 3, "changed": 0})


def test_a_line_is_key_and_value(lines: Callable[[], list[str]]) -> None:
    logs.set_up("text")
    visited()
    log.warning("%s: it's late", "a")
    first, second = lines()
    assert re.fullmatch(
        r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=info msg=visited"
        r' source="Example World" id=https://example\.org/ new=3 changed=0',
        first,
    )
    assert second.endswith('level=warning msg="a: it\'s late"')


def test_machines_get_an_object_on_a_line(lines: Callable[[], list[str]]) -> None:
    set_up("json")
    visited(HOSTILE)
    (line,) = lines()
    found = json.loads(line)
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "info",
        "logger": "aggregator.test",
        "msg": "visited",
        "source": HOSTILE,
        "id": "https://example.org/",
        "new": 3,
        "changed": 0,
    }


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The journal in the place of standard error."""
    path = tmp_path / "journal"
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file, monkeypatch.context() as patch:
        found = os.fstat(file.fileno())
        patch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        patch.setattr("sys.stderr", file)
        yield path


def test_the_journal_is_told_priorities(lines: Callable[[], list[str]], request: pytest.FixtureRequest) -> None:
    journal: Path = request.getfixturevalue("journal")  # not before: capsys puts its own stream in place
    logs.set_up("auto", "debug")
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        log.log(level, "it happened", {"n": 1})
    assert journal.read_text().splitlines() == [f'<{number}>msg="it happened" n=1' for number in (7, 6, 4, 3, 2)]


def test_what_stands_in_the_place_of_the_journal_is_none(
    lines: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:1")
    logs.set_up("auto")
    log.info("here")
    assert lines()[0].startswith("time=")


@pytest.mark.parametrize("form", ["text", "journal", "json"])
def test_nobody_forges_a_line(form: str, lines: Callable[[], list[str]], request: pytest.FixtureRequest) -> None:
    journal = request.getfixturevalue("journal") if form == "journal" else None
    set_up("auto" if form == "journal" else form)
    visited(HOSTILE)
    log.error("%s: refused", HOSTILE)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        log.exception("a bug met in %s", HOSTILE)
    found = journal.read_text().splitlines() if journal else lines()
    assert all(line.isprintable() for line in found)
    begins = {"text": r"time=\S+ level=\w+ msg=", "journal": r"<[36]>msg=", "json": r'\{"time": '}[form]
    own = [line for line in found if re.match(begins, line)]
    assert len(own) == 3
    rest = [line for line in found if line not in own]
    assert all(line.startswith("<3>  " if form == "journal" else "  ") for line in rest)
    assert bool(rest) == (form != "json")
    assert any("test_logs.py" in line for line in found)


@given(st.text(max_size=60))
def test_a_value_can_be_read_back(text: str) -> None:
    written = logs._written(text)
    assert written.isprintable()
    if written.startswith('"'):
        inner = "".join(one if one.isascii() else ascii(one)[1:-1] for one in written[1:-1])
        assert re.fullmatch(r'(?:[^"\\]|\\.)*', inner)
        assert inner.encode().decode("unicode_escape") == text
    else:
        assert written == text


def test_a_value_is_not_endless(lines: Callable[[], list[str]]) -> None:
    logs.set_up("text")
    log.info("x" * 100_000, {"y": "https://a:b@example.org/" + "z" * 100_000})
    (line,) = lines()
    assert len(line) < 3 * logs.LONGEST
    assert "a:b@" not in line


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_is_not_endless(form: str, lines: Callable[[], list[str]]) -> None:
    logs.set_up(form)
    try:
        raise ValueError("x" * 200_000 + " the end")
    except ValueError:
        log.exception("bug")
    said = "\n".join(lines())
    assert len(said) < 2 * logs.LONGEST_TRACE
    assert "Traceback" in said and "the end" in said


@pytest.mark.parametrize("form", ["text", "json"])
def test_values_that_do_not_fit_into_the_words_stand_behind_them(form: str, lines: Callable[[], list[str]]) -> None:
    set_up(form)
    log.info("%d of %s", "https://u:hunter2@a.example/")
    log.info("visited", {})
    log.info("%z", 1)
    first, second, third = lines()
    assert "https://***@a.example/" in first and "hunter2" not in first
    assert "visited" in second
    assert "%z (1,)" in third


def test_a_line_that_cannot_be_written_shows_no_values(lines: Callable[[], list[str]]) -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("hunter2")

    logs.set_up("text")
    log.info("x", {"a": "hunter2", "b": Broken()})
    assert lines() == ["a line of aggregator.test could not be written: <class 'RuntimeError'>"]


def test_no_value_takes_the_name_of_what_a_line_says_of_itself(lines: Callable[[], list[str]]) -> None:
    logs.set_up("json")
    log.info("visited", {"time": "never", "level": "none", "msg": "no", "logger": "x", "trace": "y"})
    (line,) = lines()
    found = json.loads(line)
    assert (found["level"], found["msg"], found["logger"]) == ("info", "visited", "aggregator.test")
    assert (found["time_"], found["level_"], found["msg_"]) == ("never", "none", "no")


@pytest.mark.parametrize(("level", "said"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_is_that_of_the_settings(level: str, said: int, lines: Callable[[], list[str]]) -> None:
    logs.set_up("text", level)
    for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        log.log(number, "x")
    assert len(lines()) == said


SECRETS = [
    ("https://user:hunter2@example.org/@user/feed", "https://***@example.org/@user/feed"),
    ("https://hunter2@example.org", "https://***@example.org"),
    ("https://u:hunter2@2@example.org/", "https://***@example.org/"),
    ("postgresql+psycopg://u:hunter2/@2@db/news", "postgresql+psycopg://***@db/news"),
    ("proxy http://u:hunter2@10.0.0.1:3128: no", "proxy http://***@10.0.0.1:3128: no"),
    ("https://e.org/f?api_key=hunter2&n=1", "https://e.org/f?api_key=***&n=1"),
    ("https://e.org/f?n=1&ACCESS_TOKEN=hunter2", "https://e.org/f?n=1&ACCESS_TOKEN=***"),
    ("https://e.org/f?X-Amz-Signature=hunter2#a", "https://e.org/f?X-Amz-Signature=***#a"),
    ("connection failed: password=hunter2 host=db", "connection failed: password=*** host=db"),
    ("{'Authorization': 'Bearer hunter2'}", "{'Authorization': 'Bearer ***'}"),
    ("authorization: Basic aHVudGVyMg==", "authorization: Basic ***"),
    ("https://e.org/f?pass=hunter2&n=1", "https://e.org/f?pass=***&n=1"),
    ("e.org/f?pw=hunter2&jwt=hunter2;access=hunter2", "e.org/f?pw=***&jwt=***;access=***"),
    ("https://e.org/f?code=hunter2&PHPSESSID=hunter2", "https://e.org/f?code=***&PHPSESSID=***"),
    (f"GET /feeds/private/{TOKEN}/energy.atom", "GET /feeds/private/***/energy.atom"),
    (f"https://news.example.org/websub/{TOKEN} answered 500", "https://news.example.org/websub/*** answered 500"),
]


@pytest.mark.parametrize(("text", "shown"), SECRETS, ids=[shown for _, shown in SECRETS])
@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_is_in_the_log(text: str, shown: str, form: str, lines: Callable[[], list[str]]) -> None:
    assert masked(text) == shown
    assert masked(shown) == shown
    logs.set_up(form)
    log.info("%s", text)
    log.info("visited", {"id": text})
    try:
        raise ValueError(text)
    except ValueError:
        log.exception("bug")
    said = "\n".join(lines())
    assert re.search(r"hunter2|aHVudGVyMg|Zm9vYmFy", said) is None
    assert said.count("***") >= 3


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/@user/feed?page=2",
        "topics.yaml:2:11: unknown key 'titel' (did you mean 'title'?)",
        "someone@example.org wrote",
        "/srv/news/private/feeds/energy.atom",
        "mailto:a@example.org",
        "China: secret talks, a key question",
        "https://e.org/f?monkey=1&turnkey=2&compass=3&country_code=de&author=me",
        "exit code=1 access=denied",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked(text) == text


@given(st.text(alphabet="a:/@?&=.#-_ \n'\"", max_size=80))
def test_a_masked_text_stays_as_it_is(text: str) -> None:
    assert masked(masked(text)) == masked(text)


def test_that_a_tick_came_while_the_last_one_ran_is_never_told(lines: Callable[[], list[str]]) -> None:
    for _ in range(2):  # as at the start, and with each reload
        logs.set_up("text")
        logging.getLogger("apscheduler.scheduler").warning("skipped: maximum number of running instances reached")
    logging.getLogger("apscheduler.scheduler").error("raised an exception")
    assert [line.partition("msg=")[2] for line in lines()] == ['"raised an exception"']


def test_verbose_wins_over_the_settings(lines: Callable[[], list[str]]) -> None:
    logs.set_up(verbose=True)
    logs.set_up("text", "error")
    log.debug("seen")
    assert lines()[0].endswith("msg=seen")
    logs.set_up(verbose=False)
    log.debug("not seen")
    assert lines() == []
