"""The feeds that a page names are found, wherever and however it names them."""

import resource

import pytest

from aggregator.autodiscovery import MAX_LINKS, FeedLink, feed_links, header_links

PAGE = "https://a.example/news/"
RSS = 'rel="alternate" type="application/rss+xml"'


@pytest.mark.parametrize(
    ("html", "urls"),
    [
        pytest.param(f'<head><link {RSS} href="/f.xml"></head>', ["https://a.example/f.xml"], id="path"),
        pytest.param(f'<link {RSS} href="f.xml">', ["https://a.example/news/f.xml"], id="relative, no head"),
        pytest.param(f'<base href="//b.example/x/"><link {RSS} href="f">', ["https://b.example/x/f"], id="base"),
        pytest.param(f'<link {RSS} href="f"><base href="/x/">', ["https://a.example/x/f"], id="base behind"),
        pytest.param(f'<base href="javascript:x"><link {RSS} href="f">', ["https://a.example/news/f"], id="bad base"),
        pytest.param(
            "<LINK REL='Alternate Nofollow' TYPE='Application/Atom+XML; charset=utf-8' HREF=f>",
            [PAGE + "f"],
            id="capitals",
        ),
        pytest.param("<link rel=alternate type=application/feed+json href=f>", [PAGE + "f"], id="json"),
        pytest.param("<link rel=feed href=f>", [PAGE + "f"], id="rel feed"),
        pytest.param(f"<link {RSS} href=f><link {RSS} href=f>", [PAGE + "f"], id="twice"),
        pytest.param(f'<link {RSS} href="?a=1&amp;b=2">', [PAGE + "?a=1&b=2"], id="entity"),
        pytest.param(
            f'<link {RSS} href="javascript:alert(1)"><link {RSS} href="file:///etc/passwd"><link {RSS} href>',
            [],
            id="other schemes",
        ),
        pytest.param(
            "<link rel=stylesheet type=text/css href=f><link rel=alternate hreflang=de href=f>", [], id="no feeds"
        ),
        pytest.param(f"<head></head><body><link {RSS} href=f>", [], id="in the body"),
        pytest.param(
            f'<!-- <link {RSS} href=f> --><script>"<link {RSS} href=f>"</script>', [], id="in a comment or script"
        ),
        pytest.param("", [], id="nothing"),
    ],
)
def test_page(html: str, urls: list[str]) -> None:
    assert [link.url for link in feed_links(html.encode(), PAGE)] == urls


def test_title_is_one_line() -> None:
    (link,) = feed_links(f'<link {RSS} title="All\n the  news" href=f>'.encode(), PAGE)
    assert link == FeedLink(PAGE + "f", "All the news")


@pytest.mark.parametrize(
    ("values", "urls"),
    [
        (['<f.xml>; rel="alternate"; type="application/rss+xml"'], [PAGE + "f.xml"]),
        (["<https://b.example/f>; type=application/atom+xml; rel=alternate, </hub>; rel=hub"], ["https://b.example/f"]),
        (['</a>; rel="x", </b>; rel="alternate"; title="a, b"; type="application/rss+xml"'], ["https://a.example/b"]),
        (['<f>; rel="alternate"; type="text/html"', "nonsense", "<", ">;;;"], []),
    ],
)
def test_link_header(values: list[str], urls: list[str]) -> None:
    assert [link.url for link in header_links(values, PAGE)] == urls


@pytest.mark.parametrize(
    "part", ["<div>", "<link>", f"<link {RSS} href=f>", "<base href=/>", "<svg><title>", "<!--", "<head"]
)
def test_hostile_pages_cost_little(part: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    assert len(feed_links(part.encode() * 2_000_000, PAGE)) <= MAX_LINKS
    header_links(["<a>; rel=" * 100_000, "<" * 100_000, ";rel=" * 100_000], PAGE)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 5
