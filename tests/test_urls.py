"""Links: absolute, canonical, and the identity of a feed's address."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator import urls
from aggregator.urls import MAX_LENGTH, absolute, canonical, identity, names_a_page, written


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


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        pytest.param("https://a.example/x?utm_source=r&id=7&fbclid=z", "https://a.example/x?id=7", id="tracking"),
        pytest.param("https://a.example/x?UTM_Campaign=r&gclid", "https://a.example/x", id="only tracking"),
        pytest.param("https://a.example/x?b=2&a=1&b=3", "https://a.example/x?b=2&a=1&b=3", id="order is kept"),
        pytest.param("https://a.example/x?&&a=1&", "https://a.example/x?a=1", id="empty parameters"),
        pytest.param("https://a.example/x#part", "https://a.example/x", id="fragment"),
        pytest.param("https://me:secret@a.example/x", "https://a.example/x", id="credentials"),
        pytest.param("https://a.example:443/x", "https://a.example/x", id="default port"),
        pytest.param("https://a.example./x", "https://a.example/x", id="root dot"),
        pytest.param("https://a.example/x/?", "https://a.example/x/", id="empty query; the path's slash stays"),
        pytest.param("javascript:alert(1)", None, id="javascript"),
    ],
)
def test_canonical(link: str, expected: str | None) -> None:
    assert canonical(link) == expected


_piece = st.text(st.sampled_from("aZ1.:/?#&=%@[]\\ ü中\t;+-_~'\"<>utm_"), max_size=12)


@given(st.tuples(st.sampled_from(["http://", "https:/", "//"]), st.sampled_from(["a.example", ""]), _piece, _piece))
@example(("https://", "a.example", "/?utm_a", "&#&"))
@example(("https://", "a.example", "?&", "?"))
def test_canonical_is_idempotent(pieces: tuple[str, ...]) -> None:
    once = canonical("".join(pieces), "https://base.example/p/")
    assert once is None or canonical(once) == once


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
        ("CC BY 4.0 [x]", "CC BY 4.0 [x]"),
    ],
)
def test_written_as_the_standard_has_it(url: str, expected: str) -> None:
    assert written(url) == expected
    assert written(expected) == expected
