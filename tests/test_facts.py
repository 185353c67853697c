"""The facts of a dropped file: where they stand, which of them is believed, and that little else is taken for one."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import config, explain
from aggregator.errors import DocumentError
from aggregator.models import Document, Entry, Markup, Origin
from aggregator.parsers import _facts, text
from aggregator.parsers._byline import said
from aggregator.parsers._dates_in_words import date_in_words, day_in_words
from aggregator.reading import Request, parser_of, read

DROPPED = datetime(2026, 11, 27, 12, tzinfo=UTC)
PROSE = "The ferry between the two islands will run again from Monday, the harbour office said on Friday."


def at(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


def entry(body: str | bytes, beside: str | bytes | None = None) -> Entry:
    (found,) = text.parse(
        Document(
            body.encode() if isinstance(body, str) else body,
            "rail.txt",
            modified_at=DROPPED,
            beside=beside.encode() if isinstance(beside, str) else beside,
            beside_name="rail.yaml",
        )
    ).entries
    return found


def stated(*lines: str) -> dict[str, object]:
    """What a text with these lines says of itself, in plain values."""
    found = said(lines, DROPPED)
    values = {name: fact.value for name, fact in found.items()}
    values |= {name: value.title or value.url for name, value in values.items() if isinstance(value, Origin)}
    values |= {"tags": tuple(tag.term for tag in values["tags"])} if "tags" in values else {}
    return values


# --- what stands beside it


BESIDE = """\
title: "Ferry: it runs"
url: https://example.org/ferry?utm_source=x
author: Jane Doe
published: 2026-03-02 07:30
updated: 2026-03-03T08:00:00+01:00
source: {title: The Island Post, url: https://example.org/}
tags: ferries, islands
language: en
licence: CC BY 4.0
summary: It runs again.
"""


def test_what_stands_beside_a_file_wins() -> None:
    found = entry(f"Title\n\nBy John Roe\n\n12 March 2024\n\n{PROSE}\n\nSource: Reuters", BESIDE)
    assert found.title.value == "Ferry: it runs"
    assert (found.link, found.base) == ("https://example.org/ferry?utm_source=x",) * 2
    assert found.authors == ("Jane Doe",)
    assert found.published_at == at("2026-03-02T07:30")
    assert found.updated_at == datetime(2026, 3, 3, 8, tzinfo=timezone(timedelta(hours=1)))
    assert found.origin == Origin("The Island Post", "https://example.org/")
    assert [tag.term for tag in found.categories] == ["ferries", "islands"]
    assert (found.language, found.licence, found.summary.value) == ("en", "CC BY 4.0", "It runs again.")
    assert {place for _, place in found.told} == {"rail.yaml"}
    assert [name for name, _ in found.told] == _facts._ORDER


def test_what_is_not_beside_it_is_taken_from_the_text_and_then_from_the_files_time() -> None:
    found = entry(f"Title\n\nBy John Roe\n\n{PROSE}", "tags: [one]\nauthor:\n")
    assert dict(found.told) == {
        "title": "first line",
        "author": "the byline",
        "published": "the file's time",
        "tags": "rail.yaml",
    }
    assert found.published_at == DROPPED
    assert "By John Roe" in found.content.value


@pytest.mark.parametrize("line", ["Updated: 12 March 2024", "Stand: 12.03.2024, 00:00 Uhr"])
def test_a_lone_date_of_change_is_the_date(line: str) -> None:
    found = entry(f"Title\n\n{line}\n\n{PROSE}")
    assert (found.published_at, found.updated_at) == (at("2024-03-12"), None)
    assert "updated" not in dict(found.told)
    assert dict(found.told)["published"] == "the line of the date"


WRONG = {
    "unknown key": ("titel: x\n", "rail.yaml:1:1: unknown key 'titel' (did you mean 'title'?)"),
    "relative address": ("a: b\nurl: /x\n", "rail.yaml:2:1: url: write the whole address"),
    "an address of another kind": ("url: javascript:alert(1)\n", "url: write the whole address"),
    "no date": ("published: yesterday\n", "rail.yaml:1:1: published: write a date such as 2024-03-12"),
    "no day": ("published: 2024-02-30\n", "published: write a date"),
    "two readings": ("published: 03/06/2024\n", "published: write a date"),
    "before the web": ("published: 1987-03-02\n", "nothing before 1990 is believed"),
    "no language": ("language: klingon\n", "rail.yaml:1:1: language: write a language code such as en or pt-BR (got 'klingon')"),
    "a colon": ("title: China: deal\n", "rail.yaml:1:13: a second ': ' in one line: put the text that has it into quotes"),
    "a colon in a list": ("tags:\n- a\n- China: deal\n", "rail.yaml:3:3: tags.1: must be one text: put quotes around it"),
    "a wrong type": ("title: [a]\n", "rail.yaml:1:1: title: must be one text"),
    "an author that is none": ("author: {name: x}\n", "rail.yaml:1:1: author"),
    "a list": ("- title\n", "rail.yaml:1:1"),
    "a text": ("just text\n", "rail.yaml:1:1"),
    "no YAML": ("title: [\n", "rail.yaml:2:1"),
    "no end": ('title: "a\nurl: b\n', "rail.yaml:1:8: the text in quotes that begins here has no end: close it with "),
    "twice": ("title: a\ntitle: b\n", "rail.yaml:2:1: the key 'title' stands here twice"),
    "a tag": ("title: !!python/object:os.system x\n", "rail.yaml:1:8: tags such as"),
    "too much": ("tags: [" + "x, " * 30_000 + "]", "rail.yaml:1:1: larger than 64,000 bytes"),
    "no text": (b"\xff\xfe\x00t", "not UTF-8 text"),
    "NULs": (b"title: a\0b", "rail.yaml:1:9: the character U+0000"),
    "depth": ("title: " + "[" * 5000, "too deeply nested"),
    "aliases": (
        "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdefghijk", "bcdefghijkl", strict=True)),
        "too many or too deeply nested",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("yaml", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_beside_a_file_is_said_with_its_place(yaml: str | bytes, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        entry(PROSE, yaml)
    assert message in str(caught.value)
    assert str(caught.value).startswith("rail.yaml:")


def test_all_problems_are_said_at_once() -> None:
    with pytest.raises(DocumentError) as caught:
        entry(PROSE, "titel: y\nurl: x\npublished: never\n")
    assert [line[:12] for line in str(caught.value).split("\n")] == ["rail.yaml:1:", "rail.yaml:2:", "rail.yaml:3:"]


def test_empty_and_marked_yaml_are_read() -> None:
    assert entry(PROSE, "").authors == ()
    assert entry(PROSE, b"\xef\xbb\xbfauthor: Jane").authors == ("Jane",)


@pytest.mark.parametrize(
    "body", [b"<rss version='2.0'><channel/></rss>", b'{"version": "https://jsonfeed.org/version/1.1", "items": []}']
)
def test_nothing_stands_beside_a_feed(body: bytes) -> None:
    accepts = frozenset({"application/xml+feed", "application/feed+json"})
    with pytest.raises(DocumentError, match=r"x\.yaml: stands beside a feed"):
        parser_of(Document(body, "x", beside=b"title: x", beside_name="x.yaml"), accepts)


def test_nothing_stands_beside_an_archive() -> None:
    document = Document(b"PK\5\6" + bytes(18), "x", beside=b"title: x", beside_name="x.yaml")
    with pytest.raises(DocumentError, match=r"x\.yaml: stands beside an archive"):
        parser_of(document, frozenset({"application/x-archive"}))


# --- front matter


def front(block: str, rest: str = f"\nTitle\n\n{PROSE}\n") -> Entry:
    return entry(f"---\n{block}\n---{rest}")


FRONT = {
    "our own keys": ("title: T\npublished: 2026-03-02", {"title", "published"}),
    "Jekyll": ("layout: post\ndate: 2026-03-02 08:00:00 +0100\ncategories: [a]\ntags: b c", {"published", "tags"}),
    "Hugo": (
        "title: T\nlastmod: 2026-03-02T08:00:00Z\ndraft: true\nurl: /relative/",
        {"title", "published", "updated"},
    ),
    "Obsidian": (
        'title: "T"\nsource: "https://example.org/x"\nauthor:\n  - "[[Jane Doe]]"\npublished: 2026-03-02\ncreated: 2026-04-02',
        {"title", "url", "author", "published"},
    ),
    "capitals": ("Title: T\nAuthor: Jane Doe\nDate: 2 March 2026", {"title", "author", "published"}),
    "what is of no use": ("title: T\ndate: soon\nauthor: {}", {"title"}),
}


@pytest.mark.parametrize(("block", "names"), FRONT.values(), ids=FRONT)
def test_front_matter_states_facts(block: str, names: set[str]) -> None:
    found = front(block)
    places = dict(found.told)
    assert {name for name, place in places.items() if place == "front matter"} == names
    assert found.content.value.startswith("Title")
    assert found.published_at in (DROPPED, *map(at, ("2026-03-02", "2026-03-02T07:00", "2026-03-02T08:00")))


@pytest.mark.parametrize(
    "body",
    [
        "---\nno keys of ours: x\n---\nText",
        "---\ntitle: [\n---\nText",
        "---\nA: sentence, and\ntitle: x: y\nanother one\n---\nText",
        "---\nA line of dashes, then text.\n\n---\n\nMore.",
        "---\ntitle: without an end\n\nText",
        "Text\n---\ntitle: not at the beginning\n---\n",
        "---\n---\nText",
    ],
)
def test_a_block_that_is_none_is_text(body: str) -> None:
    assert entry(body).content.value == body.strip()


def test_front_matter_may_end_in_dots_and_be_of_windows() -> None:
    assert entry("\ufeff---\r\ntitle: T\r\n...\r\nText").title == Markup("T")


# --- what the text says


SAID = {
    "en": (
        "Ferry to run again\nBy Jane Doe and John Roe, Staff Writers\nPublished March 12, 2024, 10:30 am GMT | Updated: March 13, 2024\n" + PROSE,
        {"author": ("Jane Doe", "John Roe"), "published": at("2024-03-12T10:30"), "updated": at("2024-03-13")},
    ),
    "en, blog": (
        f"Ferry to run again\nPosted on March 12, 2024 by Jane Doe\n{PROSE}\nTags: ferries, islands\nThe post Ferry to run again appeared first on Island Post.",
        {"author": ("Jane Doe",), "published": at("2024-03-12"), "tags": ("ferries", "islands"), "source": "Island Post"},
    ),
    "en, agency": (
        f"Ferry to run again\nHARBOUR TOWN, Scotland, Oct. 21 (Meridian Wire) — {PROSE}\n(Reporting by Jane Doe in Oban; Editing by John Roe)",
        {"source": "Meridian Wire", "published": at("2026-10-21"), "author": ("Jane Doe",)},
    ),
    "en, copied": (
        f"Ferry to run again\n{PROSE}\nSource: Reuters\nOriginally published at https://example.org/ferry.",
        {"source": "Reuters", "url": "https://example.org/ferry"},
    ),
    "en, headers": (
        f"Ferry to run again\nURL: https://example.org/1\nAuthor: Jane Doe\nDate: 2024-03-12\n{PROSE}",
        {"url": "https://example.org/1", "author": ("Jane Doe",), "published": at("2024-03-12")},
    ),
    "en, section": (f"Ferry to run again\nWorld · 12 March 2024 · 5 min read\n{PROSE}", {"published": at("2024-03-12")}),
    "de": (
        "Fähre fährt wieder\nVon Anna Schmidt und Karl von Meier, Berlin\nStand: 12.03.2024, 10:30 Uhr\nDie Fähre zwischen den beiden Inseln fährt ab Montag wieder, sagte das Hafenamt.\nQuelle: dpa",
        {"author": ("Anna Schmidt", "Karl von Meier"), "updated": at("2024-03-12T10:30"), "source": "dpa"},
    ),
    "de, agency": (
        "Fähre fährt wieder\nBerlin (dpa) - Die Fähre zwischen den beiden Inseln fährt ab Montag wieder, sagte das Hafenamt.",
        {"source": "dpa"},
    ),
    "fr": (
        "Le ferry repart\nPar Jean Dupont avec AFP\nPublié le 12 mars 2024 à 10h30 - Mis à jour le 13 mars 2024\nLe ferry entre les deux îles circulera de nouveau à partir de lundi, a annoncé le port.",
        {"author": ("Jean Dupont",), "published": at("2024-03-12T10:30"), "updated": at("2024-03-13")},
    ),
    "es": (
        "El ferry vuelve\nPor Juan Pérez y María de la Cruz\nMADRID, 12 Mar. (EUROPA PRESS) - El ferry entre las dos islas volverá a navegar a partir del lunes, anunció el puerto.\nFuente: Europa Press",
        {"author": ("Juan Pérez", "María de la Cruz"), "published": at("2026-03-12"), "source": "Europa Press"},
    ),
    "ru": (
        "Паром пойдёт снова\nАвтор: Иван Петров\nМОСКВА, 12 мар — РИА Новости. Паром между островами снова пойдёт с понедельника, сообщили в порту.",
        {"author": ("Иван Петров",), "published": at("2026-03-12"), "source": "РИА Новости"},
    ),
    "ru, ТАСС": (
        "Паром пойдёт снова\n12 марта 2024, 10:30\nМОСКВА, 12 марта. /ТАСС/. Паром между островами снова пойдёт с понедельника, сообщили в порту.\nИсточник: ТАСС",
        {"published": at("2024-03-12T10:30"), "source": "ТАСС"},
    ),
    "zh": (
        "渡轮恢复运行\n2024年3月12日 10:30 来源：新华网 作者：张三\n港务局表示，两岛之间的渡轮将于星期一恢复运行。",
        {"published": at("2024-03-12T10:30"), "source": "新华网", "author": ("张三",)},
    ),
    "zh, agency": (
        "渡轮恢复运行\n新华社北京3月12日电（记者张三、李四）港务局表示，两岛之间的渡轮将于星期一恢复运行。",
        {"published": at("2026-03-12"), "source": "Xinhua", "author": ("张三", "李四")},
    ),
    "zh, slash": (
        "渡轮恢复运行\n文/张三\n2024-03-12 10:30:00\n港务局表示，两岛之间的渡轮将于星期一恢复运行。",
        {"published": at("2024-03-12T10:30"), "author": ("张三",)},
    ),
    "ar": (
        "العبارة تعود\nبقلم محمد علي\nنشر في ١٢ مارس ٢٠٢٤\nالقاهرة 12 مارس (رويترز) - قالت هيئة الميناء إن العبارة بين الجزيرتين ستعود يوم الاثنين.\nالمصدر: رويترز",
        {"author": ("محمد علي",), "published": at("2024-03-12"), "source": "رويترز"},
    ),
    "ja": (
        "フェリー再開\n文・山田太郎\n2024年3月12日(火) 10時30分\n【北京共同】港湾局は、二つの島を結ぶフェリーが月曜日に再開すると発表した。",
        {"author": ("山田太郎",), "published": at("2024-03-12T10:30"), "source": "Kyodo"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "facts"), SAID.values(), ids=SAID)
def test_what_a_text_says_of_itself_is_found(body: str, facts: dict[str, object]) -> None:
    assert stated(*body.split("\n")) == facts


ENGLISH, RUSSIAN = f" {PROSE}", " Паром между островами снова пойдёт с понедельника, сообщили в порту."
CHINESE, JAPANESE = "港务局表示，两岛之间的渡轮将于星期一恢复运行。", "港湾局は、フェリーが月曜日に再開すると発表した。"
ARABIC, SPANISH = (
    " قالت هيئة الميناء إن العبارة ستعود يوم الاثنين.",
    " El ferry entre las dos islas volverá a navegar el lunes.",
)
DATELINES = [
    ("WASHINGTON, D.C. (AP) —" + ENGLISH, "AP", None),
    ("(Reuters) -" + ENGLISH, "Reuters", None),
    ("March 12 (Reuters) -" + ENGLISH, "Reuters", "2026-03-12"),
    ("BRUSSELS/PARIS, March 12 (Reuters) -" + ENGLISH, "Reuters", "2026-03-12"),
    ("LONDON, UK, March 12, 2024 /PRNewswire/ --" + ENGLISH, "PRNewswire", "2024-03-12"),
    ("SAN FRANCISCO--(BUSINESS WIRE)--" + ENGLISH, "Business Wire", None),
    ("OTTAWA, 5 November 2026 —" + ENGLISH, None, "2026-11-05"),
    ("MOSCOW, March 12. /TASS/." + ENGLISH, "ТАСС", "2026-03-12"),
    ("Madrid, 12 mar (EFE).-" + SPANISH, "EFE", "2026-03-12"),
    ("MADRID 12 Mar. (EUROPA PRESS) -" + SPANISH, "Europa Press", "2026-03-12"),
    ("Москва. 12 марта. INTERFAX.RU -" + RUSSIAN, "Интерфакс", "2026-03-12"),
    ("КИЕВ, 12 марта - Укринформ." + RUSSIAN, "Укринформ", "2026-03-12"),
    ("（中央社記者張三台北12日電）" + CHINESE, "中央社", "2026-11-12"),
    ("【新华社北京3月12日电】" + CHINESE, "Xinhua", "2026-03-12"),
    ("［ワシントン　１２日　ロイター］ - " + JAPANESE, "Reuters", "2026-11-12"),
    ("موسكو (أ ف ب) –" + ARABIC, "AFP", None),
    ("دبي في 12 مارس / وام /" + ARABIC, "WAM", "2026-03-12"),
]


@pytest.mark.parametrize(("line", "source", "date"), DATELINES)
def test_datelines_of_agencies(line: str, source: str | None, date: str | None) -> None:
    facts = ({"source": source} if source else {}) | ({"published": at(date)} if date else {})
    assert stated("Title", line) == facts


@pytest.mark.parametrize(
    "line",
    [
        "By Monday the river had risen.",
        "By the river",
        "By Popular Demand",
        "By selling her son (right) to pay the bills, she hopes to live",
        "By 2025, most people will be online, says a study.",
        "By the President of the United States of America",
        "Von der Leyen fordert mehr Geld",
        "Par exemple",
        "Por Supuesto",
        "Source link",
        "Source: yesterday’s figures were taken from the bank, and from others",
        "Published works of the author",
        "Updated at 1:23 p.m.",
        "March 2024",
        "03/06/2024",
        "In the year 2024, on 12 March, the ferry stopped.",
        "Date: soon",
        "Link: see below",
        "Source: javascript:alert(1)",
        "PARIS — Ministers met on Monday to talk about the ferry between the islands and more.",
        "Obama (Democrat) – the president said that things would be well in the end, and no one else.",
        "IRAN - 12 people were rescued on Monday as the river rose above the town again and again.",
        "记者招待会",
        "Source: Getty Images",
        "Source: own",
        "Author: unknown",
        "Von Berlin nach Paris",
        "Date: 14 January 2027",
        "2 March 1987",
        "The source: a man who knows the matter and who asked not to be named",
    ],
)
def test_prose_states_nothing(line: str) -> None:
    assert stated("Title", line, PROSE) == {}


def test_only_the_ends_of_a_text_are_asked() -> None:
    middle = [PROSE] * 20
    assert stated("Title", *middle, "Source: Reuters", *middle) == {}
    assert stated("Title", *middle, "By Jane Doe", "12 March 2024") == {}
    assert stated("Title", *middle, "Author: Jane Doe") == {"author": ("Jane Doe",)}


@pytest.mark.parametrize(
    ("language", "written", "date"),
    [
        ("en", "13:05, 12 Mar 2024", "2024-03-12T13:05"),
        ("en", "12 March 2024 1:05 p.m. EST", "2024-03-12T18:05"),
        ("en", "03/25/2024", "2024-03-25"),
        ("fr", "03/06/2024", "2024-06-03"),
        ("de", "3.6.2024", "2024-06-03"),
        ("ru", "12 марта 2024 г. в 10:30 (МСК)", "2024-03-12T07:30"),
        ("zh", "2024年3月12日下午3:30", "2024-03-12T15:30"),
        ("ar", "12 آذار 2024", "2024-03-12"),
        ("ko", "2024년 3월 12일", "2024-03-12"),
        ("en", "2024-03-12 10:30:00 +0200", "2024-03-12T08:30"),
        ("en", "03/06/2024", None),
        ("en", "March 2024", None),
        ("en", "yesterday, 2024", None),
        ("en", "30 February 2024", None),
        ("en", "12 March 2024 in the village", None),
        ("xx", "12 March 2024", "2024-03-12"),
        ("en", "1" * 60 + " 2024", None),
    ],
)
def test_dates_in_words(language: str, written: str, date: str | None) -> None:
    assert date_in_words(written, language) == (at(date) if date else None)


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("5 December", "2025-12-05"),
        ("Nov 28", "2026-11-28"),
        ("Feb. 29", "2024-02-29"),
        ("3月12日", "2026-03-12"),
        ("Spain", None),
    ],
)
def test_a_day_without_a_year_is_the_last_one(written: str, date: str | None) -> None:
    assert day_in_words(written, "en", DROPPED) == (at(date) if date else None)


@given(st.text(max_size=120))
def test_any_line_is_asked_in_peace(line: str) -> None:
    said(["Title", line, f"Source: {line}", f"Published {line}", f"By {line}", f"PARIS, {line} (AP) - x"], DROPPED)


def test_many_lines_take_no_time() -> None:
    began = time.process_time()
    for line in ("By Jane Doe", "Source: " * 20, "12 March 2024", "A" + " ," * 95 + " - x", "(" * 200, "/" * 200):
        said([line] * 50_000, DROPPED)
    said(["x" * 1_000_000], DROPPED)
    assert time.process_time() - began < 3


# --- the contract, and what `explain` says


def test_what_a_format_states_counts_more_than_its_text() -> None:
    document = Document(b"x", "x.html", modified_at=DROPPED)
    found = _facts.completed(
        Entry(link="https://example.org/canonical", authors=("Jane Doe",)),
        document,
        {"author": "meta author", "url": "canonical link"},
        ["Title", "By John Roe", "URL: https://example.org/other", "12 March 2024", PROSE],
    )
    assert found.told == (
        ("url", "canonical link"),
        ("author", "meta author"),
        ("published", "the line of the date"),
    )
    assert found.link == "https://example.org/canonical"
    assert replace(found, told=()).authors == ("Jane Doe",)


def test_first_line_is_a_byline_where_the_title_stands_elsewhere() -> None:
    assert entry(f"By John Roe\n\n{PROSE}").authors == ()
    assert entry(f"By John Roe\n\n{PROSE}", "title: Ferry").authors == ("John Roe",)


def test_explain_says_where_each_fact_stands(config_directory: Path, tmp_path: Path) -> None:
    (tmp_path / "rail.txt").write_text(f"Title\n\nHARBOUR, March 12, 2024 (Reuters) — {PROSE}\n", encoding="utf-8")
    (tmp_path / "rail.yaml").write_text("url: https://example.org/rail\npublished: 1999-01-01\n", encoding="utf-8")
    found = config.load(config_directory, {})
    (trace,) = explain.traces(str(tmp_path / "rail.txt"), found, None)
    lines = list(explain.lines(trace, found))
    assert "  facts     url https://example.org/rail: rail.yaml" in lines
    assert "  facts     published 1999-01-01 00:00 UTC: rail.yaml" in lines
    assert "  facts     source Reuters: the dateline" in lines
    assert "  agency    Reuters: the dateline" in lines
    assert explain.facts(trace)["agency"] == {"name": "Reuters", "found": "dateline"}
    assert "  facts     language en: the words of the text" in lines
    assert explain.facts(trace)["facts"]["source"] == {"value": "Reuters", "found": "the dateline"}


NAVIGATION = {
    "en": "Home\nWorld\nPolitics\nBusiness\nSport\nSign in\nSubscribe\n\n"
    "Islands agree on a ferry after a decade of talks about who should pay for it\nBy Helen Carter\n"
    f"12 March 2024, 10:45 GMT\nShare\nFacebook\nTwitter\n\n{PROSE}",
    "fr": "Accueil\nInternational\nÉconomie\nSe connecter\nS’abonner\n\nLes îles signent un accord sur le bac\n"
    "Par Helen Carter\nPublié le 12 mars 2024 à 10h45, modifié le 13 mars 2024 à 11h40\nTemps de lecture : 3 min\n\n"
    "PARIS, 14 mars (AFP) - Les deux îles ont signé mardi un accord sur le bac, a annoncé le ministère des Transports.",
    "ar": "الرئيسية\nسياسة\nاقتصاد\nرياضة\nثقافة\nتسجيل الدخول\n\nالجزيرتان توقعان اتفاقا للعبارة\nBy Helen Carter\n"
    "12 مارس 2024، 10:45\nمشاركة\n\nوقعت الجزيرتان يوم الثلاثاء اتفاقا جديدا للعبارة، حسبما أعلنت وزارة النقل في بيان.",
    "dates of others above": "Home\n11 March 2024\nRents level off\nBy Jane Doe\nWorld\nSport\nSubscribe\n\n"
    f"Islands agree on a ferry after a decade of talks\nBy Helen Carter\n12 March 2024, 10:45\n\n{PROSE}",
}


@pytest.mark.parametrize("body", NAVIGATION.values(), ids=NAVIGATION)
def test_navigation_above_hides_no_byline(body: str) -> None:
    found = entry(body)
    assert (found.authors, found.published_at) == (("Helen Carter",), at("2024-03-12T10:45"))


def test_what_is_broken_in_front_matter_is_read_line_by_line_and_said() -> None:
    found = front("title: Russia: China deal\ndate: 2026-13-45\nauthor: Jane Doe\ntags:\n  - a: b")
    assert (found.title.value, found.authors) == ("Russia: China deal", ("Jane Doe",))
    assert found.content.value.startswith("Title")
    said = dict(found.told)[_facts.UNREAD]
    assert said.startswith("no YAML: front matter:1:14: a second ': ' in one line") and "date: 2026-13-45" in said
    assert front("title: a\ntitle: b").title.value == "a"
    assert dict(front("title: T\ndate: soon").told)[_facts.UNREAD] == "front matter: date: soon"


@pytest.mark.parametrize(("day", "is_read"), [("2026-11-28", True), ("2026-12-01", False)])
def test_a_date_to_come_is_an_error(day: str, is_read: bool) -> None:
    document = Document(
        f"Title\n\n{PROSE}".encode(), "a.txt", beside=f"published: {day}".encode(), beside_name="a.yaml"
    )
    request = Request("s", frozenset({"text/plain"}), DROPPED)
    if is_read:
        assert read(document, request).articles
    else:
        with pytest.raises(DocumentError, match=r"a\.yaml: published: 2026-12-01 has not come yet"):
            read(document, request)
