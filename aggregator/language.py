"""Which language is it in? What is declared counts; else the text is asked; else nobody knows. Pure."""

import re

import pycld2

# https://www.loc.gov/standards/iso639-2/php/code_list.php
_TWO_LETTERS = frozenset(
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz"
    " ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik"
    " io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml"
    " mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd"
    " se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve"
    " vi vo wa wo xh yi yo za zh zu".split()
)
_RENAMED = {"iw": "he", "in": "id", "ji": "yi", "jw": "jv", "mo": "ro"}  # as some feeds, and CLD2, still call them
_NONE = re.compile(r"und|mul|mis|zxx|xxx|q[a-t].|zz.")  # no language, many, unknown, and codes that are nobody's
_CODE = re.compile(r"^([a-zA-Z]{2,3})(?:[-_].*)?$")
_ASKED = 1000, 4000  # characters: more where fewer are not enough to tell; time grows with them
_ENOUGH = 40


def language(declared: str | None, text: str) -> str | None:
    """An ISO 639 code such as `en`, or None."""
    match = _CODE.match((declared or "").strip())
    said = match and _known(match[1].lower())
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
    return _known(code.split("-")[0]) if reliable else None


def _known(code: str) -> str | None:
    """The code as it is written today; None where it names no language."""
    code = _RENAMED.get(code, code)
    if len(code) == 2:
        return code if code in _TWO_LETTERS else None
    return None if _NONE.fullmatch(code) else code
