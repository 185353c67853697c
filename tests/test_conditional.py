"""Whether a reader has a feed already (RFC 9110 §13), and whether it wants it packed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.web.conditional import status, takes_gzip

ETAG = '"abc"'
AT = 1_790_000_000  # Mon, 21 Sep 2026 14:13:20 GMT
SAME, LATER, EARLIER = (f"Mon, 21 Sep 2026 14:13:{second} GMT" for second in (20, 21, 19))


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, 200),
        ({"if-none-match": '"abc"'}, 304),
        ({"if-none-match": 'W/"abc"'}, 304),  # by weak comparison
        ({"if-none-match": '"x", W/"y",, "abc"'}, 304),
        ({"if-none-match": '"a,b" , "abc"'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"ABC"'}, 200),
        ({"if-none-match": "abc"}, 200),
        ({"if-none-match": '"x" "abc"'}, 200),
        ({"if-none-match": ""}, 200),
        ({"if-modified-since": SAME}, 304),
        ({"if-modified-since": LATER}, 304),
        ({"if-modified-since": EARLIER}, 200),
        ({"if-modified-since": "Monday, 21-Sep-26 14:13:20 GMT"}, 304),
        ({"if-modified-since": "Mon Sep 21 14:13:20 2026"}, 304),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-modified-since": "Mon, 99 Sep 99999999999 14:13:20 GMT"}, 200),
        ({"if-none-match": '"x"', "if-modified-since": SAME}, 200),  # the tag wins
        ({"if-none-match": '"abc"', "if-modified-since": EARLIER}, 304),
        ({"if-match": '"abc"'}, 200),
        ({"if-match": '"x", "abc"'}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": 'W/"abc"'}, 412),  # by strong comparison
        ({"if-match": '"x"'}, 412),
        ({"if-unmodified-since": SAME}, 200),
        ({"if-unmodified-since": EARLIER}, 412),
        ({"if-unmodified-since": "?"}, 200),
        ({"if-match": '"abc"', "if-unmodified-since": EARLIER}, 200),
        ({"if-match": '"abc"', "if-none-match": '"abc"'}, 304),
        ({"if-match": '"x"', "if-none-match": '"abc"'}, 412),
    ],
)
def test_precedence(fields: dict[str, str], found: int) -> None:
    assert status(fields, ETAG, AT) == found


def test_nothing_is_said_of_a_date_that_is_not_known() -> None:
    assert status({"if-modified-since": LATER}, ETAG, None) == 200
    assert status({"if-unmodified-since": EARLIER}, ETAG, None) == 200


@given(st.text(alphabet='"W/, *\\abcé\t', max_size=200))
def test_no_list_of_tags_breaks_the_reader(value: str) -> None:
    assert status({"if-none-match": value}, ETAG, AT) in (200, 304)
    assert status({"if-none-match": f'"x",{value}'}, '"none"', AT) == 200


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("deflate, GZIP ;q=0.5, br", True),
        ("x-gzip", True),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("identity;q=1, *;q=0", False),
        ("br", False),
        ("notgzip", False),
        ("gzip;q=x", False),
        ("", False),
    ],
)
def test_encoding(accepted: str, packed: bool) -> None:
    assert takes_gzip(accepted) is packed
