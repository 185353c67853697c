"""HTML that could hold a parser up → nearly the same HTML that cannot. Pure, in linear time.

A parser of HTML has to mend what is nested wrongly, and there are texts of a few kilobytes whose mending makes millions
of elements. What comes out here needs no mending: every element is of a known kind, closed where it was opened, at most
MAX_DEPTH deep, in a place where its kind may stand, with few attributes. It is not sanitised; that comes afterwards.
"""

import re
from collections.abc import Collection, Mapping
from html.entities import html5 as _CHARACTERS
from itertools import islice

MAX_DEPTH = 64  # elements below each other; deeper ones go, their text stays
MAX_FORMATTING = 20  # open at the same time: a parser opens each of them again wherever one was not closed
MAX_ATTRIBUTES = 100  # of one tag that are looked at
MAX_VALUE = 4000  # characters of an attribute: a longer one goes
MAX_ATTRIBUTE_PARTS = 20_000  # attributes and the references in them, in all: behind that, tags lose theirs
CHEAP_REFERENCES = 10**9  # references in a run of text, times its length

BLOCKS = frozenset(
    "address article aside blockquote caption dd details div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 header hr"
    " li main nav ol p pre section summary table tbody td tfoot th thead tr ul".split()
)
VOID = frozenset("br col hr img source wbr".split())
WITH_CONTENT_GONE = frozenset("script style template noscript iframe object svg math title".split())
_RAW = frozenset("script style iframe title".split())  # unclosed, they go on to the end of the text
_FORMATTING = frozenset("a b code em i s small strong u".split())
_HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())
_CELLS = frozenset("td th caption".split())
_ROWS = frozenset("table tbody thead tfoot tr colgroup".split())  # hold nothing but parts of tables
# In a table: what has to be the innermost open element before such an element may begin.
_TABLE_PARENTS = {
    **dict.fromkeys(("td", "th"), _ROWS - {"colgroup"}),
    "tr": _ROWS - {"tr", "colgroup"},
    "col": frozenset({"colgroup", "table"}),
    **dict.fromkeys(("tbody", "thead", "tfoot", "caption", "colgroup"), frozenset({"table"})),
}
# What else ends where such an element begins, unless one of these stands between.
_SIBLINGS = {
    "li": (frozenset({"li"}), _CELLS | {"ul", "ol"}),
    **dict.fromkeys(("dt", "dd"), (frozenset({"dt", "dd"}), _CELLS | {"dl"})),
    "a": (frozenset({"a"}), _CELLS),
}

_TOKEN = re.compile(
    r"""
      (?P<text> (?: [^<]++ | <(?![a-zA-Z/!?]) )++ )
    | <!-- (?: -?> | .*? (?: --!?> | \Z ) )
    | <(?: [!?] | /(?![a-zA-Z]) ) [^>]*+ >?
    | < (?P<end>/?) (?P<name> [a-zA-Z][^\s/>]*+ )
        (?P<rest> (?: [^>=]++ | = \s*+ (?: "[^"]*+"? | '[^']*+'? | [^\s>]*+ ) )*+ ) >?
    """,
    re.VERBOSE | re.DOTALL,
)  # matches at every place: an unclosed tag or comment goes on to the end
_ATTRIBUTE = re.compile(r"""([^\s/=>]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>]*+)))?""")
_REFERENCE = re.compile(r"&(?:#(?:(\d{1,7})|[xX]([\da-fA-F]{1,6}))|([a-zA-Z]\w{1,31}));")


def untangled(html: str, attributes: Mapping[str, Collection[str]]) -> str:
    """The HTML with the elements that `attributes` names and their attributes (`*`: any element's), well nested."""
    tree = _Tree()
    budget = MAX_ATTRIBUTE_PARTS
    unclosed: set[str] = set()
    position = 0
    while position < len(html):
        token = _TOKEN.match(html, position)
        assert token
        position = token.end()
        name = (token["name"] or "").lower()
        if token["text"]:
            tree.write(token["text"])
        elif token["end"]:
            tree.end(name)
        elif name in attributes and name != "*":
            kept = _kept(token["rest"], attributes[name], attributes["*"]) if budget > 0 else ""
            budget -= kept.count("=") + kept.count("&")
            tree.start(name, kept)
        elif name in WITH_CONTENT_GONE and name not in unclosed:
            end = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(html, position)
            if end:
                position = end.start()
            elif name in _RAW:
                break
            else:
                unclosed.add(name)
    tree.close(0)
    return "".join(tree.out)


def few_references(text: str) -> str:
    """Text with characters in the place of references to them, where there are many: nh3's time grows with their number
    times the length of the run of text. Where `&` and `<` themselves are too many, none is kept."""
    if _is_cheap(text):
        return text
    text = _REFERENCE.sub(_character, text)
    if _is_cheap(text):
        return text.replace("&", "&amp;").replace("<", "&lt;")
    return text.replace("&", " ").replace("<", " ")


def _is_cheap(text: str) -> bool:
    return (text.count("&") + text.count("<")) * len(text) <= CHEAP_REFERENCES


def _character(reference: re.Match[str]) -> str:
    """What a reference stands for; a space for those that the HTML standard treats in a way of their own."""
    decimal, hexadecimal, name = reference.groups()
    if name:
        return _CHARACTERS.get(f"{name};", reference[0])
    number = int(decimal or hexadecimal, 10 if decimal else 16)
    return chr(number) if 0xA0 <= number < 0xD800 or 0x20 <= number < 0x7F or 0xE000 <= number < 0xFFFE else " "


def _kept(rest: str, names: Collection[str], others: Collection[str]) -> str:
    """Those attributes of a tag, each once, as they are written in a tag."""
    if not rest:
        return ""
    kept: dict[str, str] = {}
    for attribute in islice(_ATTRIBUTE.finditer(rest), MAX_ATTRIBUTES):
        name = attribute[1].lower()
        value = attribute[2] or attribute[3] or attribute[4] or ""
        if (name in names or name in others) and len(value) <= MAX_VALUE:
            kept.setdefault(name, value.replace('"', "&#34;"))
    return "".join(f' {name}="{value}"' for name, value in kept.items())


class _Tree:
    """Writes elements so that each ends before the one around it. `open`: names, outermost first."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.open: list[str] = []

    def write(self, text: str) -> None:
        if text.strip():
            self._leave_rows()
        self.out.append(few_references(text).replace("<", "&lt;"))

    def start(self, name: str, attributes: str) -> None:
        self._make_room(name)
        if name in _TABLE_PARENTS and not (self.open and self.open[-1] in _TABLE_PARENTS[name]):
            return  # no table around it
        room = MAX_DEPTH + (name in _CELLS)  # what stands between cells gets one in any case
        if len(self.open) >= room or (name in _FORMATTING and self._formatting() >= MAX_FORMATTING):
            return
        self.out.append(f"<{name}{attributes}>")
        if name not in VOID:
            self.open.append(name)

    def end(self, name: str) -> None:
        if name == "br":
            self.start("br", "")
            return
        limits = frozenset({"table"}) if name in _ROWS | _CELLS else _CELLS
        found = self._innermost(frozenset({name}), limits - {name})
        if found is not None:
            self.close(found)

    def close(self, depth: int) -> None:
        """End all elements but the outermost `depth`."""
        while len(self.open) > depth:
            self.out.append(f"</{self.open.pop()}>")

    def _make_room(self, name: str) -> None:
        """End what cannot stand around an element of that name."""
        if name in _TABLE_PARENTS:
            parent = self._innermost(_TABLE_PARENTS[name], frozenset({"table"}) - _TABLE_PARENTS[name])
            if parent is not None:
                self.close(parent + 1)
            return
        self._leave_rows()
        if name in _SIBLINGS:
            self._end_innermost(*_SIBLINGS[name])
        if name in BLOCKS:
            self._end_innermost(frozenset({"p"}), _CELLS)
        if name in _HEADINGS and self.open and self.open[-1] in _HEADINGS:
            self.close(len(self.open) - 1)

    def _leave_rows(self) -> None:
        """What stands between the cells of a table gets a cell: a parser would have to carry it out of the table."""
        if self.open and self.open[-1] == "colgroup":
            self.close(len(self.open) - 1)
        if self.open and self.open[-1] in _ROWS:
            self.out.append("<td>")
            self.open.append("td")

    def _end_innermost(self, names: frozenset[str], limits: frozenset[str]) -> None:
        found = self._innermost(names, limits)
        if found is not None:
            self.close(found)

    def _innermost(self, names: frozenset[str], limits: frozenset[str]) -> int | None:
        if not any(name in self.open for name in names):
            return None
        for depth in range(len(self.open) - 1, -1, -1):
            if self.open[depth] in names:
                return depth
            if self.open[depth] in limits:
                return None
        return None

    def _formatting(self) -> int:
        return sum(name in _FORMATTING for name in self.open)
