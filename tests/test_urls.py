"""Addresses: absolute ones, and the identity of a feed's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import urls
from aggregator.urls import MAX_LENGTH, absolute, identity, names_a_page, written


@pytest.mark.parametrize(
    ("link", "base", "expected"),
    [
        pytest.param("HTTP://A.Example", None, "http://a.example/", id="case"),
        pytest.param(" https://a.example/x\n", None, "https://a.example/x", id="space around"),
        pytest.param("b?c", "https://a.example/x/y", "https://a.example/x/b?c", id="relative"),
        pytest.param("//b.example/c", "https://a.example/", "https://b.example/c", id="relative to the scheme"),
        pytest.param("../../..", "https://a.example/x/y", "https://a.example/", id="above the root"),
        pytest.param("https://münchen.example/ü", None, "https://xn--mnchen-3ya.example/%C3%BC", id="not ASCII"),
        pytest.param("/x", None, None, id="relative without a base"),
        pytest.param("/x", "mailto:a@b.example", None, id="base without a path"),
        pytest.param("javascript:alert(1)", "https://a.example/", None, id="javascript"),
        pytest.param("java\nscript:alert(1)", "https://a.example/", None, id="javascript with a line break"),
        pytest.param("data:text/html,x", None, None, id="data"),
        pytest.param("ftp://a.example/", None, None, id="ftp"),
        pytest.param("https://", None, None, id="no host"),
        pytest.param("https://a.example/" + "x" * MAX_LENGTH, None, None, id="too long"),
        pytest.param("https://a.example/" + "ü" * 400, None, None, id="too long once encoded"),
        pytest.param("https://a.example/\ud800", None, None, id="lone surrogate"),
        pytest.param("", "https://a.example/", None, id="empty"),
        pytest.param(None, "https://a.example/", None, id="none"),
    ],
)
def test_absolute(link: str | None, base: str | None, expected: str | None) -> None:
    assert absolute(link, base) == expected


IDENTITIES = [
    ("https://www.example.com/feed/", "example.com/feed"),
    ("http://example.com/rss.xml?utm_source=x&format=xml", "example.com/rss.xml?format=xml"),
    ("https://example.com/rss?at_medium=RSS&si=5&id=7", "example.com/rss?si=5&id=7"),
    ("https://m.example.com/feed", "m.example.com/feed"),
    ("https://amp.example.com/amp/", "amp.example.com/amp"),
    (
        "https://www.youtube.com/feeds/videos.xml?channel_id=UC1&si=abc",
        "youtube.com/feeds/videos.xml?channel_id=UC1&si=abc",
    ),
    (
        "https://news.google.com/rss/search?q=ferry&hl=en-GB&gl=GB&ceid=GB:en",
        "news.google.com/rss/search?q=ferry&hl=en-GB&gl=GB&ceid=GB:en",
    ),
    ("https://www.google.com/url?q=https://example.com/feed&sa=D", "google.com/url?q=https://example.com/feed&sa=D"),
    ("https://www.google.com/alerts/feeds/123/456", "google.com/alerts/feeds/123/456"),
    ("http://feeds.feedburner.com/example?format=xml", "feeds.feedburner.com/example?format=xml"),
    ("http://feedproxy.google.com/example", "feedproxy.google.com/example"),
    ("https://www.bing.com/news/search?q=ferry&format=rss", "bing.com/news/search?q=ferry&format=rss"),
    ("https://rsshub.example/a?url=https%3A%2F%2Fexample.com%2F", "rsshub.example/a?url=https%3A%2F%2Fexample.com%2F"),
    ("https://user:secret@www.example.com:8443/a/b/?b=2&a=1#x", "example.com:8443/a/b?b=2&a=1"),
    ("https://www.example.com/index.html", "example.com/index.html"),
    ("https://example.com/#!/feed", "example.com"),
    ("https://EXAMPLE.com./Feed?pk_campaign=1&_hsenc=2&ref=rss&cmpid=3", "example.com/Feed?ref=rss"),
    ("https://example.com/feed?amp=1", "example.com/feed?amp=1"),
    (
        "https://example.com/feed?xtor=RSS-1&maca=en-rss&CMP=2&ocid=3",
        "example.com/feed?xtor=RSS-1&maca=en-rss&CMP=2&ocid=3",
    ),
    ("https://münchen.example/ü", "xn--mnchen-3ya.example/%C3%BC"),
    ("no address", "no address"),
]


@pytest.mark.parametrize(("address", "expected"), IDENTITIES, ids=[address for address, _ in IDENTITIES])
def test_identities_of_sources_are_what_they_have_always_been(address: str, expected: str) -> None:
    assert identity(address) == expected  # they are in databases: whatever is learned of links, this table stays


@given(st.from_regex(r"[a-v]{1,5}\.example(/[a-z0-9]{1,4}){0,3}(\?[a-z]=[a-z0-9]{1,3})?", fullmatch=True))
def test_identity_is_independent_of_scheme_and_www(address: str) -> None:
    assert identity(f"http://{address}") == identity(f"https://www.{address}#top")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example/world.xml", "https://a.example/sport.xml"),
        ("https://a.example/?feed=1", "https://a.example/?feed=2"),
        ("https://a.example/x", "https://b.example/x"),
        ("https://a.example:8080/x", "https://a.example/x"),
    ],
    ids=["path", "query", "host", "port"],
)
def test_different_feeds_have_different_identities(one: str, other: str) -> None:
    assert identity(one) != identity(other)


@pytest.mark.parametrize(
    ("link", "answer"),
    [("https://a.example/", False), ("https://a.example/x", True), ("https://a.example/?p=1", True)],
    ids=["front page", "path", "query"],
)
def test_a_front_page_is_no_articles_address(link: str, answer: bool) -> None:
    assert names_a_page(link) is answer


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://me:s3cret@example.org/a@b", "http://…@example.org/a@b"),
        ("http://example.org/@a?b=c@d", "http://example.org/@a?b=c@d"),
        ("http://me:s3/cret@example.org/", "http://…@example.org/"),
        ("no address", "no address"),
    ],
)
def test_what_may_be_a_password_is_not_shown(url: str, shown: str) -> None:
    assert urls.shown(url) == shown


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("feed://example.org/a", "http://example.org/a"),
        ("feed:https://example.org/a", "https://example.org/a"),
        ("FEED://https://example.org/a", "https://example.org/a"),
        ("https://example.org/feed:a", "https://example.org/feed:a"),
    ],
)
def test_feed_addresses_mean_the_web(url: str, meant: str) -> None:
    assert urls.web(url) == meant


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/x?y=1#z", "https://a.example/x?y=1#z"),
        ("https://a.example/a|b[1]?c=^&d={e}#f#g", "https://a.example/a%7Cb%5B1%5D?c=%5E&d=%7Be%7D#f%23g"),
        ("https://a.example/100%/%zz/%20?%", "https://a.example/100%25/%25zz/%20?%25"),
        ("http://[::1]:80/x[1]", "http://[::1]:80/x%5B1%5D"),
        ("https://a.example?[", "https://a.example?%5B"),
        ('https://";a{b}`/x', "https://%22;a%7Bb%7D%60/x"),
        ("CC BY 4.0 [x]", "CC BY 4.0 [x]"),
    ],
)
def test_written_as_the_standard_has_it(url: str, expected: str) -> None:
    assert written(url) == expected
    assert written(expected) == expected
