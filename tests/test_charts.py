"""Numbers as bars, and in words; and what else pages are made of."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from aggregator.web import charts
from aggregator.web.assets import assets
from aggregator.web.conditions import Asked, asked
from aggregator.web.limits import is_at_hand
from aggregator.web.rendering import apart, language, moment, without_queries

TODAY = date(2026, 11, 27)


def test_days_stand_in_order_and_are_told_in_words() -> None:
    drawn = charts.by_day({TODAY: 2, TODAY - timedelta(days=2): 8, TODAY - timedelta(days=40): 99}, TODAY, 4, "stories")
    assert 'aria-label="10 stories in 4 days, 8 at most in a day (25 November), 2 today"' in drawn
    assert '<path fill="currentColor" d="M5 24v-24h4v24zM15 24v-6h4v6z"/>' in drawn


def test_no_news_is_a_line_and_says_so() -> None:
    drawn = charts.by_day({}, TODAY, 30, "articles")
    assert 'aria-label="no articles in 30 days"' in drawn
    assert "currentColor" not in drawn


def test_hours_are_named_by_where_most_comes() -> None:
    shares = [0.0] * 24
    shares[7], shares[18] = 3.0, 1.5
    assert 'aria-label="News by hour (UTC): most at 7:00, 18:00"' in charts.by_hour(shares, "News")
    assert "nothing known yet" in charts.by_hour([0.0] * 24, "News")


@given(st.lists(st.floats(0, 1e12), max_size=60), st.text(st.characters(exclude_categories=["C"])))
def test_every_chart_is_xml_within_its_bounds_without_style(values: list[float], label: str) -> None:
    drawn = charts.bars(values, label)
    assert "style" not in re.sub('aria-label="[^"]*"', "", drawn)
    root = etree.fromstring(drawn)
    assert root.get("aria-label") == label
    for x, top, width, height in re.findall(r"M(\d+) 24v-(\d+)h(\d+)v(\d+)z", drawn):
        assert 0 < int(top) == int(height) <= charts.HEIGHT
        assert int(x) + int(width) <= int(root.get("width"))


def test_assets_are_named_by_their_content() -> None:
    assert set(assets()) == {"style.css", "copy.js", "icon.svg"}
    assert all(re.fullmatch(r"[a-z]+\.[0-9a-f]{12}\.[a-z]+", asset.name) for asset in assets().values())
    style = assets()["style.css"].body.decode()
    assert "url(" not in style  # nothing is fetched from elsewhere
    assert "@import" not in style


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://u:p@a.example/feed?key=1: is not there", "https://a.example/feed?…: is not there"),
        ("see (https://a.example/x?y#z), or http://b.example.", "see (https://a.example/x?…), or http://b.example."),
        ("moved: write HTTPS://A.example/?t=1 as its url", "moved: write https://A.example/?… as its url"),
        ("http://[::1/x?key=1", "…"),
        ("no address at all", "no address at all"),
    ],
)
def test_addresses_lose_what_may_be_secret(text: str, shown: str) -> None:
    assert without_queries(text) == shown


@pytest.mark.parametrize(
    ("code", "attributes"),
    [("en", ' lang="en" dir="auto"'), ("fa", ' lang="fa" dir="rtl"'), (None, ' dir="auto"'), ('x"', ' dir="auto"')],
)
def test_texts_say_their_language_and_direction(code: str | None, attributes: str) -> None:
    assert language(code) == attributes


def test_times_are_for_people_and_machines() -> None:
    at = datetime(2026, 11, 7, 9, 5, tzinfo=UTC)
    assert moment(at) == '<time datetime="2026-11-07T09:05:00+00:00">7 November 2026, 09:05 UTC</time>'
    assert ">3 h ago<" in apart(at, at + timedelta(hours=3))
    assert ">in 5 min<" in apart(at, at - timedelta(minutes=5))


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, Asked()),
        ({"state": "failing", "q": "  a   b ", "sort": "name", "page": "3"}, Asked("failing", "a b", "name", 3)),
        ({"state": "'; drop", "q": "\0" * 200, "sort": "url", "page": "-1"}, Asked()),
        ({"page": "9" * 5}, Asked(page=1000)),
        ({"page": "9" * 50}, Asked()),
        ({"page": "³"}, Asked()),
    ],
)
def test_what_is_asked_of_sources_is_what_can_be_understood(query: dict[str, str], wanted: Asked) -> None:
    assert asked(query) == wanted


def test_the_next_page_asks_for_the_same() -> None:
    assert Asked("silent", "a&b", "name", 2).address(3) == "?state=silent&q=a%26b&sort=name&page=3"


@pytest.mark.parametrize(
    ("peer", "host", "fields", "answer"),
    [
        ("127.0.0.1", "localhost:8080", {"accept"}, True),
        ("::1", "[::1]:8080", set(), True),
        ("127.0.0.1", "127.0.0.1:8080", {"x-forwarded-for"}, False),
        ("127.0.0.1", "127.0.0.1:8080", {"via"}, False),
        ("127.0.0.1", "news.example.org", set(), False),  # a proxy, or another site's name that leads here
        ("127.0.0.1", "[", set(), False),
        ("192.168.7.2", "127.0.0.1", set(), False),
        ("", "localhost", set(), False),
    ],
)
def test_who_is_at_hand(peer: str, host: str, fields: set[str], answer: bool) -> None:
    assert is_at_hand(peer, host, fields) is answer
