"""The log: key=value for people and for what collects lines, priorities for the journal, JSON where it is wanted.

    time=2026-03-04T12:00:00Z level=info msg=visited source="Example World" id=https://example.org/ new=3 …

A record is words, and values that belong to it where its only argument is a dict: `log.info("visited", {"new": 3})`.
Nothing that a stranger has written can begin a line, or move the cursor; nothing secret stands in one: see `masking`.
"""

import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

from aggregator.masking import masked

LONGEST = 4000  # characters of one value
LONGEST_TRACE = 20_000  # of a traceback: its beginning and its end
OURS = frozenset(("time", "level", "logger", "msg", "trace"))  # what lines say of themselves

# sd-daemon(3): what stands before a line of the journal.
_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_ESCAPED = str.maketrans({'"': '\\"', "\\": "\\\\"})
_QUOTED = frozenset(' ="\\')
# What others say below that tells nobody anything; of jobs, that a tick came while the last one ran.
_QUIET = {
    "apscheduler": logging.ERROR,
    "alembic": logging.WARNING,
    "asyncio": logging.WARNING,
    "aiohttp": logging.WARNING,
}


_is_verbose = False  # as the command line wants it: whatever the settings say, after a reload, too


def set_up(form: str = "auto", level: str = "info", *, verbose: bool | None = None) -> None:
    """Let all that is logged go to standard error, in this form, from this level on.

    `auto`: with priorities if that is the journal, else as text. `verbose`: from `debug` on, now and whenever this is
    called later without it.
    """
    global _is_verbose
    _is_verbose = _is_verbose if verbose is None else verbose
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one, _Handler)]:
        root.removeHandler(old)
    handler = _Handler()
    handler.setFormatter(_form(form, sys.stderr))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("aggregator").setLevel("DEBUG" if _is_verbose else level.upper())
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)


def is_journal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a stream goes to the journal itself, as systemd.exec(5) explains JOURNAL_STREAM; a file that somebody has
    put in its place does not."""
    with suppress(OSError, ValueError):
        found = os.fstat(stream.fileno())
        return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
    return False


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to what is standard error now: where a bar is shown, lines stand above it."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # logging's own name
        """Python would write the arguments as they are, secrets and all."""
        with suppress(OSError, ValueError):
            sys.stderr.write(f"a line of {_visible(record.name)} could not be written: {sys.exc_info()[0]}\n")


class Text(logging.Formatter):
    """key=value, with the time."""

    def format(self, record: logging.LogRecord) -> str:
        facts = {"time": _time(record), "level": record.levelname.lower(), **_said(record)}
        return "\n".join([_pairs(facts), *(f"  {line}" for line in _trace(record))])


class Journal(logging.Formatter):
    """key=value after a priority; the journal knows the time."""

    def format(self, record: logging.LogRecord) -> str:
        priority = f"<{_PRIORITIES.get(record.levelno, 5)}>"
        return "\n".join(
            f"{priority}{line}" for line in (_pairs(_said(record)), *(f"  {one}" for one in _trace(record)))
        )


class Json(logging.Formatter):
    """An object on a line."""

    def format(self, record: logging.LogRecord) -> str:
        facts = {"time": _time(record), "level": record.levelname.lower(), "logger": record.name, **_said(record)}
        if trace := list(_trace(record)):
            facts["trace"] = "\n".join(trace)
        return json.dumps(facts)


def _form(form: str, stream: TextIO) -> logging.Formatter:
    if form == "json":
        return Json()
    return Journal() if form == "auto" and is_journal(stream) else Text()


def _said(record: logging.LogRecord) -> dict[str, Any]:
    """The words, then the values that belong to them; secrets masked. No value takes the name of what is ours."""
    facts = record.args if isinstance(record.args, Mapping) else {}
    said = {str(name): _value(value) for name, value in facts.items() if value is not None}
    return {
        "msg": _bounded(str(record.msg) if facts else _words(record)),
        **{f"{name}_" if name in OURS else name: value for name, value in said.items()},
    }


def _words(record: logging.LogRecord) -> str:
    """What a record says; where its values do not fit into its words, behind these."""
    if record.args == ({},):  # logging takes a dict for values by name, but not an empty one
        return str(record.msg)
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args!r}"


def _value(value: object) -> object:
    return value if isinstance(value, (bool, int, float)) else _bounded(str(value))


def _bounded(text: str) -> str:
    """Without secrets, which are looked for before anything is cut off, and not endless."""
    text = masked(text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _pairs(facts: Mapping[str, object]) -> str:
    return " ".join(f"{name}={_written(str(value))}" for name, value in facts.items())


def _written(value: str) -> str:
    if value and value.isprintable() and _QUOTED.isdisjoint(value):
        return value
    return f'"{_visible(value.translate(_ESCAPED))}"'


def _visible(text: str) -> str:
    """The text, in which what cannot be seen, or would move what is seen, is written in ASCII."""
    return text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _trace(record: logging.LogRecord) -> Iterator[str]:
    """The lines of a traceback. What the error says may have line ends, too: each is an indented line of its own."""
    if record.exc_info and record.exc_info[1]:
        text = masked("".join(traceback.format_exception(record.exc_info[1])))
        if len(text) > LONGEST_TRACE:
            text = f"{text[: LONGEST_TRACE // 2]}\n…\n{text[-LONGEST_TRACE // 2 :]}"
        for line in text.splitlines():
            yield _visible(line)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
