"""Where a redirector leads, as its link says: in a parameter or behind a part of the path, in several codes. Pure.

What is found may be anything: whoever asks has to look whether it is an address.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import SplitResult, unquote

_HTTP = re.compile(r"https?:", re.IGNORECASE)
_V3 = re.compile(r"(?P<url>.+?)__;(?P<bytes>[A-Za-z0-9_-]*=*)!")
_STAR = re.compile(r"\*(?:\*(?P<run>.))?")
_RUNS = {
    letter: number
    for number, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 2)
}


def parameters(link: SplitResult, names: Sequence[str], form: str) -> Iterator[str]:
    """The targets in the parameters of a link, by the names (in small letters) in their order."""
    pairs = [pair.partition("=") for pair in [*link.query.split("&"), *link.path.split("/")]]
    last = link.query.rpartition("&")[2]
    for wanted in names:
        for name, _, value in pairs:
            # Written without escapes: the parameters behind it may be the target's.
            torn = "?" in value and f"{name}={value}" != last
            if name.lower() == wanted and value and not torn:
                yield from _decoded(value, form)


def behind(page: str, mark: str, form: str) -> Iterator[str]:
    """The target behind the mark in a link's path and query."""
    if form == "url":
        found = re.search(rf"{re.escape(mark)}(https?(?::|%3a).*)", page, re.IGNORECASE)
        if found:
            yield found[1] if _HTTP.match(found[1]) else unquote(found[1])
    else:
        yield from _decoded(page.partition(mark)[2], form)


def _decoded(written: str, form: str) -> Iterator[str]:
    try:
        found = FORMS[form](written)
    except (ValueError, IndexError):  # binascii's errors and those of Unicode are of the first
        return
    if found:
        yield found


def _url(written: str) -> str:
    once = unquote(written)
    return once if _HTTP.match(once) else unquote(once)


def _base64(written: str) -> str:
    """From where an address begins: what stands before it is a version."""
    start = written.find("aHR0c")  # http
    return _bytes(written[start:]).decode() if start >= 0 else ""


def _google_news(written: str) -> str:
    """The address in the old kind of id: a message of Protocol Buffers, whose field 4 is a text with its length before
    it. Ids of the newer kind hold no address."""
    raw = _bytes(re.split("[/?]", written, maxsplit=1)[0])
    if raw[:1] != b"\x08" or raw[2:3] != b"\x22":
        return ""
    length, start = raw[3], 4
    if length >= 128:
        length, start = (length & 127) | raw[4] << 7, 5
    return raw[start : start + length].decode() if len(raw) >= start + length else ""


def _proofpoint_2(written: str) -> str:
    return unquote(written.replace("-", "%").replace("_", "/"))


def _proofpoint_3(written: str) -> str:
    """Each * stands for one of the characters that follow in base64, ** and a letter for several of them."""
    match = _V3.match(written)
    if match is None:
        return ""
    characters = iter(_bytes(match["bytes"]).decode())

    def replaced(star: re.Match[str]) -> str:
        count = _RUNS.get(star["run"], 0) if star["run"] else 1
        taken = "".join(character for _, character in zip(range(count), characters, strict=False))
        if len(taken) != count or not count:
            raise ValueError("characters are missing")
        return taken

    found = _STAR.sub(replaced, match["url"])
    return re.sub(r"^(https?:/)(?=[^/])", r"\1/", found)  # proxies fold the two slashes


def _bytes(written: str) -> bytes:
    text = written.rstrip("=")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return base64.urlsafe_b64decode(text[: len(text) // 4 * 4])


FORMS: Mapping[str, Callable[[str], str]] = {
    "url": _url,
    "https": lambda rest: f"https://{rest}",
    "http": lambda rest: f"http://{rest}",
    "base64": _base64,
    "google-news": _google_news,
    "proofpoint-2": _proofpoint_2,
    "proofpoint-3": _proofpoint_3,
}
