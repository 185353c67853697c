"""Markdown becomes flat HTML; what only looks a little like it stays text."""

import re
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import registry, sniff
from aggregator.clean import clean
from aggregator.errors import DocumentError
from aggregator.markup import blocks, legal
from aggregator.models import Article, Document, Entry
from aggregator.parsers import markdown
from aggregator.plaintext import unified
from aggregator.words import words

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def entry(said: str) -> Entry:
    (found,) = markdown.parse(Document(said.encode(), "a.md", identity="a.md", modified_at=NOW)).entries
    return found


def article(said: str) -> Article:
    return clean(entry(said), source="s", now=NOW)


ARTICLE = """\
---
url: https://example.org/news/ferry
date: 2026-03-02 07:30:00 +0100
authors: [{name: Jane Doe}]
layout: post
draft: false
---

# Ferry *runs* again

The [harbour office](/office) said so, with `code` and **weight**.

    An indented paragraph is no code.

1984. It was a year like others.

- one
- two

| fare | price |
|------|-------|
| adult | 4 |

> A quotation.

<div class="box">

Inside of a box.

</div>
"""


def test_markdown_is_read_with_its_front_matter() -> None:
    found = article(ARTICLE)
    assert (found.title, found.link, found.authors) == (
        "Ferry runs again",
        "https://example.org/news/ferry",
        ("Jane Doe",),
    )
    assert found.published_at == datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
    assert dict(found.told) == {
        "title": "first heading",
        "url": "front matter",
        "author": "front matter",
        "published": "front matter",
    }
    assert 'href="https://example.org/office"' in found.html
    assert "<strong>weight</strong>" in found.html


def test_blocks_stand_side_by_side() -> None:
    found = article(ARTICLE)
    tags = [re.match(r"<(\w+)", found.html[start:end]) for start, end in blocks(found.html)]
    assert [tag and tag[1] for tag in tags] == ["p", "p", "p", "ul", "table", "blockquote", "p"]
    assert "1984. It was" in found.text
    assert "<pre>" not in found.html


def test_stated_title_leaves_the_heading_where_it_is() -> None:
    found = entry("---\ntitle: Stated\n---\n# A heading\n\nText.")
    assert (found.title.value, dict(found.told)["title"]) == ("Stated", "front matter")
    assert "<h1>A heading</h1>" in found.content.value


def test_heading_amid_the_text_is_no_title() -> None:
    found = entry("First line of all\n\nText.\n\n## Background\n\nMore.")
    assert (found.title.value, dict(found.told)["title"]) == ("", "first line")
    assert "Background" in found.content.value


@pytest.mark.parametrize(
    "said",
    [
        "    An indented paragraph.\n\n1984. Something.\n\n5 * 3 * 2 and snake_case_name and *** and __init__",
        "It costs < 5 & > 3, he said.",
        "[sic] is what (they) wrote",
        "#hashtag is no heading",
        "- one dash is a dialogue",
        "Regards\n-- \nJane",
    ],
)
def test_text_that_is_no_markdown_stays_as_it_is(said: str) -> None:
    for front in ("", "---\ntitle: T\n---\n"):
        found = entry(front + said)
        assert not found.content.html
        assert found.content.value.split() == said.split()


@pytest.mark.parametrize(
    "said",
    [
        "# T\n\nText <!-- without an end",
        "# T\n\n<script>without an end",
        "# T\n\nends ?> before <?it begins",
        "# T\n\n<foo>, who is <bar>\n\n<baz>\n",
        "# T\n\n" + "> " * 50 + "deep",
        "# T\n\n" + "".join(" " * 2 * depth + "- deep\n" for depth in range(50)),
        "# T\n\n[Note]: important",
        "# T\n\n&lt;b&gt; &amp;amp; \\* 2024. Year",
    ],
)
def test_no_word_of_markdown_is_lost(said: str) -> None:
    found = article(said)
    kept = words(found.title + " " + found.text)
    assert {word for word in re.findall("[a-zA-Z]{3,}", said) if word not in ("amp",)} <= set(kept)


@given(st.text(alphabet="ab #*_->[]()`~|!\n1.<&\\:é中", max_size=200))
def test_letters_survive_any_markdown(said: str) -> None:
    found = entry(said)
    kept = f"{found.title.value} {article(said).text}"
    plain = legal(unified(said))
    links = "".join(re.findall(r"\[[^\]\n]*\]:?\s*\(?[^)\n]*", plain))  # addresses, and words before code
    for sign in "é中":
        if not links and "<" not in plain and "`" not in plain and "~" not in plain:
            assert kept.count(sign) == plain.count(sign)


def test_what_becomes_too_long_is_refused() -> None:
    with pytest.raises(DocumentError, match="split it"):
        entry("# T\n\n" + "&" * 250_000)


HOSTILE = {
    "brackets": "# T\n" + "[" * 50_000,
    "pictures": "# T\n" + "![" * 30_000,
    "links": "# T\n" + "[a](b" * 20_000,
    "quotes": "# T\n" + "> " * 50_000,
    "emphasis": "# T\n" + "**x" * 20_000,
    "a table": "|a" * 5000 + "\n" + "|-" * 5000 + "\n",
    "ticks": "# T\n" + "`a" * 30_000,
    "dashes": "---|" * 50_000,
    "lines": "\n" * 500_000,
}


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_odd_markdown_takes_little_time(said: str) -> None:
    began = time.process_time()
    entry(said)
    assert time.process_time() - began < 4


def test_small_documents_are_read_in_passing_and_large_ones_are_not() -> None:
    parser = registry.parsers()[sniff.MARKDOWN]
    assert parser.is_quick(Document(b"# T\n\nText.", "a.md"))
    assert not parser.is_quick(Document(b"# T\n\n" + b"word " * 2_000, "a.md"))


@pytest.mark.parametrize(
    ("picture", "stays"),
    [
        ("![tracking](https://track.example.net/p.gif)", False),
        ("![](https://mail.example/open.php?u=7)", False),
        ("![](https://a.example/pixel.png)", False),
        ('<img src="https://a.example/7" width="1" height="1">', False),
        ('<img src="https://a.example/7" style="display:none">', False),
        ("![Owls](https://a.example/owls.png)", True),
        ("![A phone](https://a.example/pixel/8-pro.jpg)", True),
        ('<img src="https://a.example/7" width="100%" height="300">', True),
    ],
)
def test_pictures_that_count_readers_go(picture: str, stays: bool) -> None:
    body = f"# Owls\n\nThree owls have **moved** into the mill.\n\n{picture}\n".encode()
    (entry,) = markdown.parse(Document(body, "a.md", identity="a.md")).entries
    article = clean(entry, source="s", now=datetime(2026, 3, 1, tzinfo=UTC))
    assert ("<img" in article.html) == stays
