"""Which language is it in? What is declared counts; else the text is asked; else nobody knows. Pure."""

import re

import pycld2

from aggregator.iso639 import language_of

_CODE = re.compile(r"^([a-zA-Z]{2,3})(?:[-_].*)?$")
_ASKED = 1000, 4000  # characters: more where fewer are not enough to tell; time grows with them
_ENOUGH = 40


def language(declared: str | None, text: str) -> str | None:
    """An ISO 639 code such as `en`, or None."""
    match = _CODE.match((declared or "").strip())
    said = match and language_of(match[1].lower())
    if said:
        return said
    samples = dict.fromkeys(text[:length] for length in _ASKED) if len(text) >= _ENOUGH else {}
    return next(filter(None, map(_detected, samples)), None)


def _detected(sample: str) -> str | None:
    try:
        reliable, _, details = pycld2.detect(sample)
    except pycld2.error:  # bytes it takes for invalid UTF-8
        return None
    code = str(details[0][1])
    return language_of(code.split("-")[0]) if reliable else None
