"""What a document is, told from its bytes."""

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


def test_prose_about_a_tag_is_text() -> None:
    assert sniff.media_type(b"How the <html> tag came to be\n\nAnd why <rss> lives on.") == sniff.TEXT
