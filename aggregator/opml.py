"""Lists of feeds: OPML of every version, and FOAF in RDF, read; OPML 2.0 written (http://opml.org/spec2.opml). Pure.

Read strictly, so that a list cut short is an error and not a shorter list. Two common faults are mended: ampersands
that are none, and names of HTML's entities, which XML does not know. A list that defines entities is refused.
"""

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html.entities import html5
from typing import Any

from lxml import etree

from aggregator import sniff
from aggregator.errors import DocumentError
from aggregator.markup import legal
from aggregator.terminal import on_one_line
from aggregator.urls import MAX_LENGTH

MAX_BYTES = 5_000_000
MAX_OUTLINES = 20_000
MAX_ELEMENTS = 100_000
MAX_DEPTH = 20  # of outlines
MAX_LABELS = 20  # of one feed
MAX_LABEL = 100
MAX_TITLE = 200
MAX_DESCRIPTION = 1000

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})[\"']")
# Not every codec of Python is an encoding of text, and some take a time that grows with the square of the length.
_ENCODINGS = re.compile(r"utf-8|ascii|iso8859-\d+|cp\d+|koi8-\w|gb2312|gbk|gb18030|big5|shift_jis|euc_\w\w")
_REFERENCE = re.compile(r"&(?:(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{0,31});)?")
_XML_NAMES = ("amp", "lt", "gt", "quot", "apos")


@dataclass(frozen=True, slots=True)
class Outline:
    """A feed in a list. Untrusted: the address can be anything."""

    url: str
    title: str = ""
    labels: tuple[str, ...] = ()  # names of the folders around it, outermost first, then its own categories
    line: int = field(default=0, compare=False)  # of the list
    kind: str = field(default="", compare=False)  # its `type`, in small letters
    extra: Mapping[str, str] = field(default_factory=dict, compare=False)  # attributes of other namespaces: `{uri}name`
    categories: tuple[str, ...] = ()  # what is written as its own: a feed stands in one folder only
    page: str = field(default="", compare=False)  # for people; written as `htmlUrl`
    description: str = field(default="", compare=False)


def read(body: bytes, name: str, *, folders: bool = False) -> tuple[Outline, ...]:
    """The feeds of a list in their order, each as often as it is there. Lists inside the list are not followed.

    `name` is what messages call it. With `folders`, those with attributes of other namespaces are among the feeds; they
    have no address. Raises DocumentError, where possible with the line and column of what is wrong.
    """
    root = _tree(body, name)
    kind = _local(root.tag)
    if kind == "opml":
        return tuple(outline for outline in _outlines(root, name) if outline.url or folders)
    if kind == "rdf":
        return tuple(_friends(root, name))
    raise DocumentError(f"{name}: neither OPML nor RDF: it begins with <{kind[:50]}>")


def write(outlines: Iterable[Outline], title: str) -> bytes:
    """OPML 2.0 in which each feed stands in the folders that its labels name. The same outlines give the same bytes."""
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = legal(title)
    body = etree.SubElement(root, "body")
    folders: dict[tuple[str, ...], Any] = {(): body}
    for outline in outlines:
        labels = tuple(filter(None, (on_one_line(label, MAX_LABEL) for label in outline.labels)))[: MAX_DEPTH - 1]
        text = on_one_line(outline.title, MAX_TITLE) or legal(outline.url)
        for depth, label in enumerate(labels, 1):
            if labels[:depth] not in folders:
                parent = folders[labels[: depth - 1]]
                folders[labels[:depth]] = etree.SubElement(parent, "outline", text=label, title=label)
        said = {
            "htmlUrl": legal(outline.page),
            "description": on_one_line(outline.description, MAX_DESCRIPTION),
            "category": ",".join(f"/{one}" for one in outline.categories),
        }
        said = {name: value for name, value in said.items() if value}
        etree.SubElement(
            folders[labels], "outline", text=text, title=text, type="rss", xmlUrl=legal(outline.url), **said
        )
    written: bytes = etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True)
    return written


def _tree(body: bytes, name: str) -> Any:
    if len(body) > MAX_BYTES:
        raise DocumentError(f"{name}: a list of feeds larger than {MAX_BYTES:,} bytes")
    if sniff.media_type(body) == sniff.HTML:
        raise DocumentError(f"{name}: an HTML page, not a list of feeds")
    text = legal(_decoded(body, name)).lstrip("\ufeff \t\r\n")
    if not text:
        raise DocumentError(f"{name}: empty")
    if "<!ENTITY" in text:
        raise DocumentError(f"{name}: defines entities of its own; such lists are not read")
    if text.count("<") > 2 * MAX_ELEMENTS:
        raise DocumentError(f"{name}: more than {MAX_ELEMENTS:,} elements")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(_REFERENCE.sub(_mended, text).encode(), parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        reason = (error.msg or "").partition(", line")[0]
        raise DocumentError(f"{name}:{line}:{column}: not a whole XML document: {reason}") from error


def _decoded(body: bytes, name: str) -> str:
    """The text, by its byte order mark, else by its declaration, else as UTF-8."""
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body.decode(encoding, "replace")
    declared = _DECLARED.match(body.lstrip())
    encoding = declared[1].decode("ascii") if declared else "utf-8"
    try:
        known = codecs.lookup(encoding).name
    except LookupError:
        known = ""
    if not _ENCODINGS.fullmatch(known):
        raise DocumentError(f"{name}: written in an unknown encoding, '{encoding}'; save it as UTF-8")
    return body.decode(known, "replace")


def _mended(match: re.Match[str]) -> str:
    """A reference as XML knows it; what is none becomes plain text."""
    reference = match[1]
    if reference is None:
        return "&amp;"
    if reference in _XML_NAMES:
        return match[0]
    if not reference.startswith("#"):
        letters = html5.get(f"{reference};")
        return "".join(f"&#{ord(letter)};" for letter in letters) if letters else f"&amp;{reference};"
    number = int(reference[2:], 16) if reference[1] in "xX" else int(reference[1:])
    return f"&#{number};" if number < 0x110000 and legal(chr(number)) else ""


def _outlines(root: Any, name: str) -> Iterator[Outline]:
    waiting: list[tuple[Any, tuple[str, ...], int]] = [(child, (), 0) for child in reversed(root)]
    count = 0
    while waiting:
        element, folders, depth = waiting.pop()
        inside = folders
        if _local(element.tag) == "outline":
            count, depth = count + 1, depth + 1
            if count > MAX_OUTLINES:
                raise DocumentError(f"{name}:{element.sourceline}:1: more than {MAX_OUTLINES:,} outlines")
            if depth > MAX_DEPTH:
                raise DocumentError(f"{name}:{element.sourceline}:1: outlines deeper than {MAX_DEPTH}")
            said = {_local(key): value for key, value in element.attrib.items()}
            extra = {key: value for key, value in element.attrib.items() if key.startswith("{")}
            title = on_one_line(said.get("text", ""), MAX_TITLE) or on_one_line(said.get("title", ""), MAX_TITLE)
            url = said.get("xmlurl", "").strip()
            kind = said.get("type", "").strip().lower()
            if url and kind != "source":  # a `source` is a list of its own
                labels = _labels((*folders, *_categories(said.get("category", ""))))
                yield Outline(url, title, labels, element.sourceline, kind, extra)
            elif "xmlurl" not in said and title and kind not in ("link", "include"):
                inside = (*folders, title)
                if extra:
                    yield Outline("", title, _labels(folders), element.sourceline, kind, extra)
        waiting += [(child, inside, depth) for child in reversed(element)]


def _categories(value: str) -> Iterator[str]:
    """`category="/news/world,sports"`: paths separated by commas."""
    for part in value[: MAX_LENGTH * 2].split(","):
        yield from part.split("/")


def _friends(root: Any, name: str) -> Iterator[Outline]:
    """FOAF as blogrolls use it: an agent's weblog has a channel; a group's name is a label of its members."""
    names: dict[Any, str] = {}
    count = 0
    for element in root.iter():
        kind = _local(element.tag)
        if kind not in ("channel", "feed"):
            continue
        said = {_local(key): value.strip() for key, value in element.attrib.items()}
        url = said.get("about" if kind == "channel" else "resource")
        if url:
            count += 1
            if count > MAX_OUTLINES:
                raise DocumentError(f"{name}:{element.sourceline}:1: more than {MAX_OUTLINES:,} feeds")
            above = [one for one in element.iterancestors() if _local(one.tag) in ("agent", "person", "group")]
            for one in above:
                if one not in names:
                    names[one] = _named(one)
            agents = (names[one] for one in above if _local(one.tag) != "group")
            groups = (names[one] for one in reversed(above) if _local(one.tag) == "group")
            yield Outline(url, next(agents, ""), _labels(groups))


def _named(element: Any) -> str:
    names = (child.text or "" for child in element if _local(child.tag) in ("name", "member_name"))
    return on_one_line(next(names, ""), MAX_TITLE)


def _labels(names: Iterable[str]) -> tuple[str, ...]:
    labels = (on_one_line(name, MAX_LABEL) for name in names)
    return tuple(dict.fromkeys(label for label in labels if label))[:MAX_LABELS]


def _local(name: str) -> str:
    """A name without its namespace, in small letters: people write xmlUrl as they like."""
    return name.rpartition("}")[2].lower()
