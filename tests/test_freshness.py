"""What servers say about time, sense and nonsense."""

from datetime import UTC, datetime, timedelta

import pytest

from aggregator import freshness

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"cache-control": "max-age=900"}, 900),
        ({"cache-control": 'public, MAX-AGE = "60", must-revalidate'}, 60),
        ({"cache-control": "s-maxage=900"}, None),
        ({"cache-control": "max-age=900", "age": "300"}, 600),
        ({"cache-control": "max-age=900", "age": "901"}, None),
        ({"cache-control": "max-age=900", "age": "old"}, 900),
        ({"cache-control": "max-age=0", "expires": "Tue, 24 Nov 2026 13:00:00 GMT"}, None),
        ({"cache-control": "no-cache, max-age=900"}, None),
        ({"cache-control": "max-age=-1"}, None),
        ({"expires": "Tue, 24 Nov 2026 13:00:00 GMT"}, 3600),
        ({"expires": "Tue, 24 Nov 2026 13:00:00 GMT", "date": "Tue, 24 Nov 2026 12:30:00 GMT"}, 1800),
        ({"expires": "0"}, None),
        ({"expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, None),
        ({"expires": "Fri, 31 Dec 9999 23:59:59 GMT"}, 3650 * 86400),
        ({}, None),
    ],
)
def test_fresh_for(headers: dict[str, str], seconds: int | None) -> None:
    assert freshness.fresh_for(headers, NOW) == (timedelta(seconds=seconds) if seconds else None)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120),
        ({"retry-after": "317100"}, 317100),
        ({"retry-after": "Tue, 24 Nov 2026 12:10:00 GMT"}, 600),
        ({"retry-after": "Tue, 24 Nov 2026 11:10:00 GMT"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"x-ratelimit-reset": "42.5"}, 42.5),
        ({"x-ratelimit-reset": "1795536000"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert freshness.retry_after(headers, NOW) == (timedelta(seconds=seconds) if seconds else None)


@pytest.mark.parametrize("value", ['"a"', 'W/"a"', "abc"])
def test_useful_entity_tags(value: str) -> None:
    assert freshness.etag(f" {value} ") == value


@pytest.mark.parametrize("value", [None, "", '""', 'W/""', '"' + "a" * 1000 + '"', '"caf\udce9"', '"é"', '"a\r\nb"'])
def test_useless_entity_tags(value: str | None) -> None:
    assert freshness.etag(value) is None


def test_a_modification_date_must_be_a_date_that_has_passed() -> None:
    past, future = "Mon, 23 Nov 2026 10:00:00 GMT", "Wed, 23 Nov 2041 10:00:00 GMT"
    assert freshness.last_modified(past, NOW) == past
    assert [freshness.last_modified(value, NOW) for value in (future, "yesterday", "", None, past + "\udc80")] == [
        None
    ] * 5
