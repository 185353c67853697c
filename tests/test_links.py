"""Links of articles: what is shown, what is compared, and what is in the data."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator import links, packaged, urls
from aggregator.config.links import SCHEMA
from aggregator.links import Rules, built_in, canonical, page_key
from aggregator.urls import MAX_LENGTH

CASES = Path(__file__).parent.parent.parent / "shared" / "cases" / "reliability"
PAGE = "https://www.example.com/world/ferry?id=7"
QUOTED = "https%3A%2F%2Fwww.example.com%2Fworld%2Fferry%3Fid%3D7"


def in_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def in_google_news(url: str, kind: bytes = b"\x13") -> str:
    """An id as Google made them until 2024."""
    raw = url.encode()
    length = bytes([len(raw)]) if len(raw) < 128 else bytes([len(raw) & 127 | 128, len(raw) >> 7])
    return in_base64(b"\x08" + kind + b"\x22" + length + raw + b"\xd2\x01\x00")


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


REDIRECTED = [
    f"https://www.google.com/url?rct=j&sa=t&url={QUOTED}&ct=ga&usg=x",
    f"https://www.google.co.uk/url?q={QUOTED}&sa=D",
    f"https://news.google.com/rss/articles/{in_google_news(PAGE)}?oc=5",
    f"https://news.google.com/__i/rss/rd/articles/{in_google_news(PAGE)}?oc=5",
    "https://www.google.com/amp/s/www.example.com/world/ferry?id=7",
    "https://www-example-com.cdn.ampproject.org/c/s/www.example.com/world/ferry?id=7&usqp=mq331",
    f"https://www.bing.com/ck/a?!&&p=0&hsh=3&u=a1{in_base64(PAGE.encode())}&ntb=1",
    f"http://www.bing.com/news/apiclick.aspx?ref=FexRss&aid=&tid=1&url={QUOTED}&c=1&mkt=en-us",
    f"https://r.search.yahoo.com/_ylt=A;_ylu=B/RV=2/RE=17/RO=10/RU={QUOTED}/RK=2/RS=x-",
    f"http://us.rd.yahoo.com/dailynews/rss/world/*{PAGE}",
    f"https://duckduckgo.com/l/?uddg={QUOTED}&rut=1",
    f"https://l.facebook.com/l.php?u={QUOTED}&h=AT0",
    f"https://l.instagram.com/?u={QUOTED}&e=AT0",
    f"https://t.umblr.com/redirect?z={QUOTED}&t=x&p=1",
    f"https://out.reddit.com/t3_abc?url={QUOTED}&token=x&app_name=web",
    f"https://www.youtube.com/redirect?event=video&q={QUOTED}",
    f"https://slack-redir.net/link?url={QUOTED}",
    f"https://steamcommunity.com/linkfilter/?u={QUOTED}",
    f"https://vk.com/away.php?to={QUOTED}&cc_key=",
    f"https://eur01.safelinks.protection.outlook.com/?url={QUOTED}&data=05%7C01&reserved=0",
    "https://urldefense.proofpoint.com/v2/url?u=https-3A__www.example.com_world_ferry-3Fid-3D7&d=DwMF&c=x",
    "https://urldefense.com/v3/__https://www.example.com/world/ferry?id=7__;!!AbC$",
    "https://urldefense.com/v3/__https:/www.example.com/world/ferry*id=7__;Pw!!AbC$",
    f"https://feeds.feedblitz.com/~/t/0/0/islandpost/~{PAGE}",
    f"http://feedproxy.google.com/~r/islandpost/~3/x/{PAGE}",
    f"https://link.zhihu.com/?target={QUOTED}",
    "https://www.google.com/url?q=https%253A%252F%252Fwww.example.com%252Fworld%252Fferry%253Fid%253D7",
    f"https://www.google.com/url?url={QUOTED}%26utm_source%3Drss",
]


@pytest.mark.parametrize("link", REDIRECTED)
def test_a_redirector_is_left_out(link: str) -> None:
    assert canonical(link) == PAGE


@pytest.mark.parametrize(
    "link",
    [
        "https://www.google.com/url?q=ferry+news",
        "https://www.google.com/url?q=%2Fworld%2Fferry",
        "https://www.google.com/url?q=javascript%3Aalert(1)",
        "https://www.google.com/url?q=ftp%3A%2F%2Fwww.example.com%2F",
        "https://www.google.com/url?q=http%3A%2F%2F127.0.0.1%2Fx",
        "https://www.google.com/url?q=http%3A%2F%2F2130706433%2Fx",
        "https://www.google.com/url?q=http%3A%2F%2F[::1]%2Fx",
        "https://www.google.com/url?q=http%3A%2F%2Frouter.local%2Fx",
        "https://www.google.com/url?q=http%3A%2F%2Flocalhost%2Fx",
        "https://www.google.com/url?q=https://www.example.com/x?a=1&b=2",
        "https://www.google.example.com/url?q=https%3A%2F%2Fwww.example.com%2F",
        "https://notgoogle.com/url?q=https%3A%2F%2Fwww.example.com%2F",
        "https://www.google.com/urls?q=https%3A%2F%2Fwww.example.com%2F",
        f"https://news.google.com/rss/articles/{in_google_news('AU_yqLNx')}",
        "https://news.google.com/rss/articles/CBMi",
        "https://news.google.com/rss/articles/%FF%00",
        "http://feedproxy.google.com/~r/islandpost/~3/abcdef/",
        "https://bing.com/ck/a?u=a1aHR0c",
        "https://urldefense.com/v3/__https://www.example.com/*__;!!AbC$",
        "https://urldefense.com/v3/__https://www.example.com/**A__;!!AbC$",
        "https://share.example.com/?url=https%3A%2F%2Fwww.example.com%2F",
    ],
)  # fmt: skip
def test_what_leads_nowhere_stays(link: str) -> None:
    assert canonical(link) == urls.absolute(link)


def wrapped(link: str, times: int) -> str:
    for _ in range(times):
        link = "https://l.facebook.com/l.php?u=" + link.replace("%", "%25").replace("?", "%3F").replace("&", "%26")
    return link


@pytest.mark.parametrize(("times", "reached"), [(1, True), (3, True), (4, False), (6, False)])
def test_redirectors_within_redirectors(times: int, reached: bool) -> None:
    link = wrapped(PAGE, times)
    assert canonical(link) == (PAGE if reached else link)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://www.youtube.com/watch?v=1&si=2&t=60", "https://www.youtube.com/watch?v=1&t=60"),
        ("https://example.com/watch?v=1&si=2", "https://example.com/watch?v=1&si=2"),
        ("https://www.bbc.co.uk/news/1?at_medium=RSS&at_anything=2", "https://www.bbc.co.uk/news/1"),
        ("https://rss.dw.com/x?maca=en-rss", "https://rss.dw.com/x"),
        ("https://notdw.com/x?maca=en-rss", "https://notdw.com/x?maca=en-rss"),
        ("https://groups.google.com/forum/#!topic/a/b", "https://groups.google.com/forum/#!topic/a/b"),
        ("https://a.example/amp/?outputType=amp", "https://a.example/amp/?outputType=amp"),
        ("http://m.a.example/index.html", "http://m.a.example/index.html"),
    ],
)
def test_what_is_shown(link: str, expected: str) -> None:
    assert canonical(link) == expected


SAME = [
    ("http://www.example.com/a/b/", "https://example.com/a/b"),
    ("https://example.com:443/a", "http://example.com:80/a"),
    ("https://m.example.com/a", "https://www.example.com/a"),
    ("https://mobile.example.co.uk/a", "https://example.co.uk/a"),
    ("https://en.m.wikipedia.org/wiki/Ferry", "https://en.wikipedia.org/wiki/Ferry"),
    ("https://amp.example.com/a", "https://example.com/a"),
    ("https://example.com/a/amp/", "https://example.com/a"),
    ("https://example.com/a/amp", "https://example.com/a/"),
    ("https://example.com/a.amp.html", "https://example.com/a.html"),
    ("https://example.com/a?amp=1&id=7", "https://example.com/a?id=7"),
    ("https://example.com/a?outputType=amp", "https://example.com/a"),
    ("https://example.com/a/index.html", "https://example.com/a/"),
    ("https://example.com/a/Default.aspx?id=1", "https://example.com/a?id=1"),
    ("https://example.com/%7Ejane/%c3%bc", "https://example.com/~jane/%C3%BC"),
    ("https://example.com/a?b=1&c=2", "https://example.com/a?c=2&b=1"),
    ("https://edition.cnn.com/2026/a", "http://www.cnn.com/2026/a/"),
    ("https://www.bbc.co.uk/news/1", "https://www.bbc.com/news/1"),
    ("https://www.google.com/amp/s/amp.example.com/a/amp/", "https://example.com/a"),
]
DIFFERENT = [
    ("https://example.com/a", "https://example.com/A"),
    ("https://example.com/a?p=1", "https://example.com/a?p=2"),
    ("https://example.com/a?p=1&p=2", "https://example.com/a?p=2&p=1"),
    ("https://example.com:8080/a", "https://example.com/a"),
    ("https://m.com/a", "https://www.com/a"),
    ("https://m.blogspot.com/a", "https://amp.blogspot.com/a"),
    ("https://mobile.substack.com/p/a", "https://substack.com/p/a"),
    ("https://news.example.com/a", "https://example.com/a"),
    ("https://example.com/amp/a", "https://example.com/a"),
    ("https://example.com/a/lamp", "https://example.com/a/l"),
    ("https://example.com/a%2Fb", "https://example.com/a/b"),
    ("https://example.com/stamp", "https://example.com/st"),
    ("https://example.com/index-of-prices.html", "https://example.com/"),
    ("https://example.com/#!/a", "https://example.com/#!/b"),
    ("https://1.2.3.4/a", "https://2.3.4/a"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_page(one: str, other: str) -> None:
    assert page_key(one) == page_key(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_pages(one: str, other: str) -> None:
    assert page_key(one) != page_key(other)


@pytest.mark.parametrize("link", ["https://example.com/amp/", "https://www.example.com/index.html", "http://[::1]/"])
def test_a_front_page_stays_one(link: str) -> None:
    assert not urls.names_a_page(page_key(link))


def test_rules_of_a_configuration_are_added() -> None:
    own = {
        "tracking": ["Ref*"],
        "tracking_at": {"news.example.org": ["from"]},
        "redirectors": [{"at": "go.example.net/out", "parameter": ["to"]}],
        "forms": ["view=plain"],
        "same_pages": {"text.example.org": "example.org"},
        "hosting": ["example.net"],
    }
    rules = Rules.of(packaged.data("links.yaml"), own)
    for link, same in [
        ("https://news.example.org/a?from=x&referrer=y&utm_source=z", "https://news.example.org/a"),
        ("https://go.example.net/out?to=https%3A%2F%2Fexample.org%2Fa%3Fview%3Dplain", "https://example.org/a"),
        ("https://text.example.org/a", "https://www.example.org/a"),
        ("https://m.example.net/a", "http://www.m.example.net/a"),
    ]:
        assert page_key(link, rules) == page_key(same, rules)
        assert page_key(link) != page_key(same) or "example.net" in same
    assert page_key("https://m.example.net/a", rules) != page_key("https://example.net/a", rules)


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("www.news.example.co.uk", "example.co.uk"),
        ("jane.blogspot.com", "jane.blogspot.com"),
        ("www.jane.blogspot.co.uk", "jane.blogspot.co.uk"),
        ("www.bbc.co.uk", "bbc.com"),
        ("sport.bbc.co.uk", "bbc.com"),
        ("1.2.3.4", "1.2.3.4"),
    ],
)
def test_whose_host_it_is(host: str, site: str) -> None:
    assert built_in().site(host) == site


def test_packaged_rules_are_what_they_look_like() -> None:
    rules = packaged.data("links.yaml")
    assert rules.keys() == set(links.LISTS) == SCHEMA.validate_python(rules).model_dump().keys()
    names = [name for group in (rules["tracking"], *rules["tracking_at"].values()) for name in group]
    assert [name for name in names if name != name.lower() or "*" in name[:-1]] == []
    assert len(rules["tracking"]) == len(set(rules["tracking"]))
    # What an article's id is called somewhere is no tracking.
    assert (
        set(names) & {"id", "p", "page_id", "article", "articleid", "aid", "sid", "story", "cid", "q", "url"} == set()
    )
    assert [other for other in rules["same_pages"].values() if other in rules["same_pages"]] == []


# --- whatever is written


_hosts = st.sampled_from(
    "www.google.com l.facebook.com cdn.ampproject.org urldefense.com m.example.com a.example".split()
)
_paths = st.sampled_from("/url /l.php /c/s/ /v3/__ /amp/ /index.html /~r/ / /articles/".split())
_pieces = st.text(st.sampled_from("aZ1.:/?#&=%@[]\\ ü中\t;+-_~'\"<>*!"), max_size=14)
_wrapped = st.sampled_from("&u= &url= &q= &amp=1 https://example.com/ https%3A%2F%2Fexample.com%2F &utm_a=1 #!".split())


@given(_hosts, _paths, st.lists(st.one_of(_pieces, _wrapped), max_size=6))
@example("www.google.com", "/url", ["?q=https://example.com/?a=1", "&utm_a=1"])
def test_whatever_is_written(host: str, path: str, rest: list[str]) -> None:
    link = f"http://{host}{path}{''.join(rest)}"
    shown = canonical(link)
    if shown is None:
        return
    assert canonical(shown) == shown
    assert urls.absolute(shown) == shown and len(shown) <= MAX_LENGTH
    assert len(shown) <= len(urls.absolute(link) or "")
    key = page_key(shown)
    assert page_key(key) == key == page_key(link if urls.absolute(link) == link else shown)
    assert key.startswith("https://") and len(key) <= len(shown) + len("s")


@pytest.mark.parametrize(
    "link",
    [
        "https://www.google.com/url?q=" + "https%3A%2F%2Fwww.google.com%2Furl%3Fq%3D" * 40,
        "https://l.facebook.com/l.php?u=" + "%25" * 600,
        "https://urldefense.com/v3/__https://example.com/" + "**-" * 300 + "__;" + "QUJD" * 100 + "!!x$",
        "https://urldefense.com/v3/__" + "__;" * 500,
        "https://www.google.com/amp/s/" + "www.google.com/amp/s/" * 90,
        "https://example.com/" + "amp/index.html/" * 120,
        "https://news.google.com/articles/" + "C" * 1900,
        "https://news.google.com/articles/" + in_base64(b"\x08\x13\x22\xff\x7f" + b"http://" * 9),
        "https://" + "m." * 60 + "example.com/",
        "https://example.com/?" + "&" * 1900,
        "https://r.search.yahoo.com/" + "RU=/" * 450,
        "https://\u202eexample.com/\u0000?q=\ud800",
    ],
    ids=range(12),
)
def test_hostile_links_are_bounded(link: str) -> None:
    shown = canonical(link)
    assert shown is None or canonical(shown) == shown
    assert shown is None or page_key(page_key(shown)) == page_key(shown)


# --- other people's tables


def table(name: str) -> list[dict[str, str]]:
    path = CASES / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# Miniflux keeps fragments and links of other kinds, and takes `ref` for tracking where its value is the feed's host.
MINIFLUX = {
    "URL with only tracking parameters and fragments": "https://example.com/page",
    "ref parameter for feed url": "https://example.com/page?ref=feed.com",
    "ref parameter for site url": "https://example.com/page?ref=example.com",
    "ref parameter for base url": "https://example.com/page?ref=example.com",
    "Invalid URL": None,
    "Non-HTTP URL": None,
}


@pytest.mark.parametrize("case", table("miniflux_tables/urlcleaner.jsonl"), ids=lambda case: str(case["name"]))
def test_miniflux(case: dict[str, str]) -> None:
    assert canonical(case["input"]) == MINIFLUX.get(case["name"], case["expected"])


def test_addresses_of_the_web_platform() -> None:
    """What browsers take for an address of the web is understood as they do, and nothing else is one."""
    for case in table("wpt_url/urltestdata.jsonl"):
        expected = case["href"] if case.get("protocol") in ("http:", "https:") else None
        if not case["input"]:
            expected = None  # the base itself: for an article it is no link
        assert urls.absolute(case["input"], case["base"]) == expected, case


def test_hosts_of_the_web_platform() -> None:
    for case in table("wpt_url/toascii.jsonl"):
        expected = f"https://{case['output']}/x" if case["output"] else None
        assert urls.absolute(f"https://{case['input']}/x") == expected, case
