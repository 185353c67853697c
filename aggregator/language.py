"""Which language is it in? What is declared counts; else the text is asked; else nobody knows. Pure."""

import re

import pycld2

_CODE = re.compile(r"^([a-zA-Z]{2,3})(?:[-_].*)?$")
_ASKED = 4000  # characters: more changes nothing
_ENOUGH = 40


def language(declared: str | None, text: str) -> str | None:
    """An ISO 639 code such as `en`, or None."""
    match = _CODE.match((declared or "").strip())
    if match:
        return match[1].lower()
    sample = text[:_ASKED]
    if len(sample) < _ENOUGH:
        return None
    try:
        reliable, _, details = pycld2.detect(sample)
    except pycld2.error:  # bytes it takes for invalid UTF-8
        return None
    code = str(details[0][1])
    return code.split("-")[0] if reliable and code != "un" else None
