"""ISO 639: which codes name a language, and which one was meant by what names none. Pure."""

import re

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
# What people write for a language: the code of a country in which it is spoken, or its name.
_MEANT = _RENAMED | dict(
    pair.split("=")
    for pair in (
        "at=de cn=zh cz=cs dk=da gb=en gr=el il=he ir=fa jp=ja mx=es pk=ur rs=sr ua=uk us=en vn=vi arabic=ar bengali=bn"
        " chinese=zh czech=cs danish=da dutch=nl english=en farsi=fa finnish=fi french=fr german=de greek=el hebrew=he"
        " hindi=hi hungarian=hu indonesian=id italian=it japanese=ja korean=ko norwegian=no persian=fa polish=pl"
        " portuguese=pt romanian=ro russian=ru serbian=sr spanish=es swedish=sv turkish=tr ukrainian=uk vietnamese=vi"
    ).split()
)
_NAMES = {code: word.capitalize() for word, code in _MEANT.items() if len(word) > 3}


def language_of(code: str) -> str | None:
    """The language that a code of two or three small letters names, as it is written today; None where it is none."""
    code = _RENAMED.get(code, code)
    if len(code) == 2:
        return code if code in _TWO_LETTERS else None
    return None if _NONE.fullmatch(code) else code


def name(code: str) -> str:
    """A language's name in English; where it is not known, the code."""
    return _NAMES.get(code, code)


def checked(code: str) -> str:
    """A code that a person has written, if it names a language. Raises ValueError, with the one that is meant if that
    is known."""
    if re.fullmatch("[a-z]{2,3}", code) and language_of(code) == code:
        return code
    small = code.strip().lower()
    meant = _MEANT.get(small) or (small if re.fullmatch("[a-z]{2,3}", small) and language_of(small) == small else None)
    hint = f" (did you mean '{meant}'?)" if meant else ""
    raise ValueError(f"a language is its ISO 639 code, such as 'en', and this is none{hint}")
