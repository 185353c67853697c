"""What a document is, told from its bytes."""

import json
import struct
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import sniff

RSS = '<?xml version="1.0"?>\n<rss version="2.0"><channel/></rss>'
ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"/>'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(RSS.encode(), sniff.FEED, id="RSS"),
        pytest.param(ATOM.encode(), sniff.FEED, id="Atom without a declaration"),
        pytest.param(b'<atom:feed xmlns:atom="http://www.w3.org/2005/Atom"/>', sniff.FEED, id="Atom with a prefix"),
        pytest.param(b'<rdf:RDF xmlns="http://purl.org/rss/1.0/"/>', sniff.FEED, id="RDF"),
        pytest.param(b"<CHANNEL><TITLE>x</TITLE></CHANNEL>", sniff.FEED, id="CDF, capitals"),
        pytest.param(b"\xef\xbb\xbf\n\n" + RSS.encode(), sniff.FEED, id="byte order mark and blank lines"),
        pytest.param(RSS.encode("utf-16"), sniff.FEED, id="UTF-16 with its mark"),
        pytest.param(RSS.encode("utf-16-le"), sniff.FEED, id="UTF-16LE without a mark"),
        pytest.param(RSS.encode("utf-16-be"), sniff.FEED, id="UTF-16BE without a mark"),
        pytest.param(b"<?xml-stylesheet href='x'?><!-- <html> -->" + ATOM.encode(), sniff.FEED, id="comment first"),
        pytest.param(b"<!-- " + b"x" * 3000 + b" -->" + ATOM.encode(), sniff.FEED, id="long comment first"),
        pytest.param(b"<!DOCTYPE rss>" + RSS.encode(), sniff.FEED, id="document type"),
        pytest.param(b"Warning: x.php line 3\n" + RSS.encode(), sniff.FEED, id="a server's warning first"),
        pytest.param(b'{"version": "https://jsonfeed.org/version/1.1"}', sniff.JSON_FEED, id="JSON Feed"),
        pytest.param(b'{"version": 1}', sniff.TEXT, id="other JSON"),
        pytest.param(b"<!DOCTYPE html><title>rss</title>", sniff.HTML, id="HTML by its document type"),
        pytest.param(b"<!-- x -->\n<HTML><body><rss>", sniff.HTML, id="HTML after a comment"),
        pytest.param(b"<body>x", sniff.HTML, id="HTML without html"),
        pytest.param(b'<?xml version="1.0"?><html xmlns="x"/>', sniff.HTML, id="XHTML"),
        pytest.param(RSS.encode("utf-32"), sniff.FEED, id="UTF-32 with its mark"),
        pytest.param(RSS.encode("utf-32-be"), sniff.FEED, id="UTF-32BE without a mark"),
        pytest.param(RSS[22:].encode("utf-16-le"), sniff.FEED, id="UTF-16LE without a mark or a declaration"),
        pytest.param(b"<br />\n<b>Warning</b>: x\n" + RSS.encode(), sniff.FEED, id="a server's warning in HTML"),
        pytest.param(b'<!DOCTYPE rss [<!ENTITY a "<x>">]>' + RSS[22:].encode(), sniff.FEED, id="entities first"),
        pytest.param(b"<!doctype html><p>" + RSS.encode(), sniff.HTML, id="a page about feeds"),
        pytest.param(b"<?xml version='1.0'?><urlset/>", sniff.SITEMAP, id="a sitemap"),
        pytest.param(b"<sitemapindex xmlns='x'>", sniff.SITEMAP, id="a list of sitemaps"),
        pytest.param(b"<?xml version='1.0'?><opml/>", sniff.XML, id="other XML"),
        pytest.param(b"China and Russia talk\n\nBEIJING", sniff.TEXT, id="text"),
        pytest.param("Россия и Китай".encode("cp1251"), sniff.TEXT, id="text in an old encoding"),
        pytest.param("Россия и Китай".encode("utf-16"), sniff.TEXT, id="text in UTF-16"),
        pytest.param(b"5 < 7 and 9 > 8", sniff.TEXT, id="text with angle brackets"),
        pytest.param(b"Title\n\na\n\nb\n\nc\n\nWrite <rss> in the first line", sniff.TEXT, id="text about markup"),
        pytest.param(b"", sniff.TEXT, id="nothing"),
        pytest.param(b"%PDF-1.7 text", sniff.BINARY, id="PDF"),
        pytest.param(b"PK\x03\x04 text", sniff.ARCHIVE, id="zip"),
        pytest.param(struct.pack("<900H", *range(900)), sniff.BINARY, id="numbers of two bytes"),
        pytest.param(struct.pack("<900I", *range(900)), sniff.BINARY, id="numbers of four bytes"),
        pytest.param(b"\0\0\1\0\1\0\x10\x10" + bytes(200), sniff.BINARY, id="an icon"),
        pytest.param(bytes(range(32)) * 9, sniff.BINARY, id="control characters"),
    ],
)
def test_media_type(body: bytes, expected: str) -> None:
    assert sniff.media_type(body) == expected


@given(st.binary(max_size=300))
def test_any_bytes_have_one_of_the_known_types_and_a_name(body: bytes) -> None:
    kind = sniff.media_type(body)
    assert kind in {sniff.XML, sniff.BINARY, sniff.ARCHIVE, *sniff.BY_NAME.values()}
    assert sniff.describe(kind)


MAIL = b"From: Anna Reiter <anna@paper.example>\r\nSubject: Owls\r\nDate: Fri, 9 Oct 2026 15:00:00 +0200\r\n\r\nOwls."
FRONT = b"---\ntitle: Owls move in\ntags:\n  - birds\n---\nThree owls have moved into the mill.\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(MAIL, sniff.MAIL, id="mail"),
        pytest.param(b"\n" + MAIL, sniff.MAIL, id="mail after an empty line"),
        pytest.param(b"From anna@paper.example Fri Oct  9 15:00:00 2026\n" + MAIL, sniff.MAIL, id="mbox"),
        pytest.param(b"Received: from x\n\tby y; Fri\nMessage-ID: <a@b>\n\nx", sniff.MAIL, id="folded lines"),
        pytest.param(b"Subject: =?utf-8?q?x?=\nMIME-Version: 1.0\n", sniff.MAIL, id="nothing but a head"),
        pytest.param(b"Content-Type: text/html\nFrom: a@b.example\nSubject: x\n\n<html>", sniff.MAIL, id="with HTML"),
        pytest.param(b"From: a@b.example\nSubject: x\n\n<?xml version='1.0'?><rss/>", sniff.MAIL, id="with a feed"),
        pytest.param(b"From: the editor\n\nDear readers", sniff.TEXT, id="prose that begins From:"),
        pytest.param(b"From: the editor\nTo: all of you\n\nDear readers", sniff.TEXT, id="a letter"),
        pytest.param(b"From: the editor\nSubject to change, we print:\n\nx", sniff.TEXT, id="not all are headers"),
        pytest.param(b"Subject: x\n\nFrom: a@b.example", sniff.TEXT, id="one header"),
        pytest.param(b"From Paris with love\n\nThe train", sniff.TEXT, id="a title that begins From"),
        pytest.param(b"Date: Fri, 9 Oct 2026 15:00:00 GMT\nContent-Type: text/xml\n\n" + RSS.encode(), sniff.FEED, id="headers of HTTP"),
        pytest.param(FRONT, sniff.MARKDOWN, id="front matter"),
        pytest.param(FRONT.replace(b"\n", b"\r\n"), sniff.MARKDOWN, id="front matter of Windows"),
        pytest.param(b"---\ntitle: x\n\nno end", sniff.TEXT, id="front matter without an end"),
        pytest.param(b"---\nA line\n---\ntext", sniff.TEXT, id="lines for decoration"),
        pytest.param(b"---\n" + b"a: b\n" * 5000, sniff.TEXT, id="endless YAML"),
        pytest.param(b"# Owls move in\n\nThree owls.", sniff.MARKDOWN, id="a heading first"),
        pytest.param("# Совы\n\nТри совы.".encode(), sniff.MARKDOWN, id="a heading in Russian"),
        pytest.param(b"Owls\n====\n\nThree owls.", sniff.MARKDOWN, id="an underlined heading"),
        pytest.param(b"Owls\n\n## Why\n\nSee [the mill](https://m.example/).", sniff.MARKDOWN, id="heading and link"),
        pytest.param(b"Owls\n\nSee [the mill](https://m.example/), **now**.", sniff.MARKDOWN, id="link and emphasis"),
        pytest.param(b"# 1 in the charts\n\nx", sniff.TEXT, id="a number sign"),
        pytest.param(b"#owls\n\nA hashtag is no heading #owls", sniff.TEXT, id="a hashtag"),
        pytest.param(b"Owls\n\n- one\n- two\n\n1. a\n2. b\n\n> said *he*", sniff.TEXT, id="lists and quotes of plain text"),
        pytest.param(b"Results\n\n* * *\n\nNext [Reuters] (see https://x.example)", sniff.TEXT, id="plain text"),
        pytest.param(b"<TOPPS CO INC> FILES FOR INITIAL OFFERING\n\nIt said", sniff.TEXT, id="a name in angle brackets"),
        pytest.param(b"<p>Owls have moved in.</p>\n<p>Three of them.</p>", sniff.HTML, id="a part of a page"),
        pytest.param(b"<div><p>Owls", sniff.TEXT, id="tags without an end"),
        pytest.param(b"\xef\xbb\xbf<!-- saved from url=(0020)https://a.example/x -->\n<html><body>x", sniff.HTML, id="a saved page"),
        pytest.param("<!DOCTYPE html><p>x".encode("utf-16"), sniff.HTML, id="HTML in UTF-16"),
        pytest.param(b"<!--[if IE]><html class='ie'><![endif]--><!doctype HTML PUBLIC '-//W3C'>\n<head>", sniff.HTML, id="comments for IE"),
        pytest.param(b"\x1f\x8b\x08\0", sniff.ARCHIVE, id="gzip"),
        pytest.param(b"BZh91AY&SY", sniff.ARCHIVE, id="bzip2"),
        pytest.param(b"BZhang is a name", sniff.TEXT, id="not bzip2"),
        pytest.param(b"\xfd7zXZ\0\0", sniff.ARCHIVE, id="xz"),
        pytest.param(b"a.txt" + bytes(252) + b"ustar\x0000" + bytes(247), sniff.ARCHIVE, id="tar"),
        pytest.param(b"PK\3\4", sniff.ARCHIVE, id="zip"),
        pytest.param(b"PKs were awarded", sniff.TEXT, id="not zip"),
        pytest.param(b"7z\xbc\xaf\x27\x1c\0", sniff.BINARY, id="7z"),
    ],
)  # fmt: skip
def test_what_people_drop(body: bytes, expected: str) -> None:
    assert sniff.media_type(body) == expected


SEEDS = Path(__file__).parent.parent / "seeds"


@pytest.mark.parametrize("path", sorted(SEEDS.glob("*.txt")), ids=lambda path: path.name)
def test_news_are_plain_text(path: Path) -> None:
    assert sniff.media_type(path.read_bytes()) == sniff.TEXT


CASES = Path(__file__).parent.parent.parent / "shared" / "cases" / "quality" / "articles.jsonl"


@pytest.mark.skipif(not CASES.exists(), reason="the case collection is not here")
def test_the_longest_news_are_plain_text() -> None:
    rows = sorted(map(json.loads, CASES.read_text().splitlines()), key=lambda row: -len(row["text"]))[:300]
    # Those of one site are kept in Markdown, and are that.
    kinds = {row["id"]: sniff.media_type(f"{row['title'] or ''}\n\n{row['text']}".encode()) for row in rows}
    assert {name for name, kind in kinds.items() if kind != sniff.TEXT and "**" not in texts(rows)[name]} == set()


def texts(rows: list[dict[str, str]]) -> dict[str, str]:
    return {row["id"]: row["text"] for row in rows}


@given(st.text(max_size=200))
def test_prose_is_never_a_mail(text: str) -> None:
    assert sniff.media_type(f"From: the editor\n\n{text}".encode()) != sniff.MAIL


def test_prose_about_a_tag_is_text() -> None:
    assert sniff.media_type(b"How the <html> tag came to be\n\nAnd why <rss> lives on.") == sniff.TEXT


NO_TEXTS = {
    "{\\rtf1\\ansi China signed \\b a deal\\b0 .}": "a Rich Text document; save it as plain text or HTML",
    "%PDF-1.7\n": "a PDF; save its text",
    "\x00\n%PDF-1.4\n": "a PDF; save its text",
    "%!PS-Adobe-3.0\n": "PostScript; save its text",
    "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0": "an Office document; save it as plain text or HTML",
    "GIF89a\x01": "a picture; drop its text",
    "RIFF\x24\0\0\0WEBPVP8 ": "a picture; drop its text",
    "\0\0\0\x18ftypheic": "a picture; drop its text",
    "\0\0\0\x18ftypmp42": "a film; drop its text",
    "ID3\x03\0": "a recording; drop its text",
    "wOF2\0\1": "a font, and no article",
    "MZ\x90\0\3": "a program, and no article",
    "7z\xbc\xaf\x27\x1c\0": "an archive of a kind that is not opened; pack it as zip or tar",
    "\x01\x02\x03\x04": "no text; drop the article as text, HTML, Markdown or a mail",
}


@pytest.mark.parametrize(("begin", "what"), NO_TEXTS.items(), ids=lambda text: ascii(text[:12]))
def test_what_is_no_text_is_named(begin: str, what: str) -> None:
    body = begin.encode("latin-1")
    assert (sniff.media_type(body), sniff.no_text(body)) == (sniff.BINARY, what)


@pytest.mark.parametrize(
    "text", ["MZ is a car plate", "BMW and ID3", "OTTO says", "RIFFs and raffs, WEBP", "Rar! he cried"]
)
def test_a_word_is_no_mark(text: str) -> None:
    assert sniff.media_type(text.encode()) == sniff.TEXT


@pytest.mark.parametrize("size", [60, 300, 3000])
def test_random_bytes_are_no_text(size: int) -> None:
    kinds = [sniff.media_type(Random(seed).randbytes(size)) for seed in range(200)]
    assert kinds.count(sniff.BINARY) >= 200 * (0.9 if size == 60 else 1)


def test_random_characters_are_no_text() -> None:
    private = "".join(chr(0xE000 + number) for number in range(300))
    assert sniff.media_type(b"\xff\xfe" + Random(7).randbytes(3000)) == sniff.BINARY
    assert sniff.media_type(private.encode("utf-16")) == sniff.BINARY


CODE = {
    "body{color:red}": "a stylesheet, and no article",
    "/* Site */\n.a, .b > p { margin: 0; color: #333; }\n@media print { .c { display: none } }\n": "a stylesheet, and no article",
    '!function(){"use strict";var a=document.body;a.b=function(c){return c+1;}}();': "a script, and no article",
    "const a = 1;\nwindow.b = (c) => { console.log(c); };\n": "a script, and no article",
}


@pytest.mark.parametrize(("code", "what"), CODE.items(), ids=CODE.values())
def test_what_is_written_for_browsers_is_no_text(code: str, what: str) -> None:
    assert (sniff.media_type(code.encode()), sniff.no_text(code.encode())) == (sniff.BINARY, what)


def test_prose_about_code_is_text() -> None:
    text = "How we style our page\n\nWe write body {color: red} and var a = 1; then document.b() does the rest of the work."
    assert sniff.media_type(text.encode()) == sniff.TEXT
