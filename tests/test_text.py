"""A text file, in whatever letters and lines: nothing of it is lost."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import furniture, plaintext, sniff
from aggregator.clean import clean
from aggregator.errors import DocumentError
from aggregator.markers import built_in
from aggregator.markup import MAX_HTML, legal, paragraphs
from aggregator.models import Article, Document
from aggregator.parsers import text
from aggregator.parsers._decoding import decoded
from aggregator.words import words

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def read(body: bytes | str) -> Article:
    document = Document(body.encode() if isinstance(body, str) else body, "a.txt", identity="a.txt", modified_at=NOW)
    (entry,) = text.parse(document).entries
    return furniture.cut(clean(entry, source="s", now=NOW), built_in())


ENGLISH = """\
    The ferry between the two islands will run again from Monday, the harbour
office said, after a winter in which ice had closed the channel for eleven
weeks. “We have waited for this,” said the captain – and laughed.

    Tickets cost the same as last year. Children under six travel free, and
bicycles are carried when there is room on deck.
"""
CHINESE = """\
　　港务局表示，两岛之间的渡轮将于星期一恢复运行，此前整个冬天海峡被冰封
闭了十一个星期。船长笑着说：“我们一直在等这一天。”今年的票价与去年相同，
六岁以下儿童免费乘船。
"""
PARAGRAPHS = {
    "wrapped, begun by indentation": (ENGLISH, ["The ferry between", "Tickets cost"]),
    "wrapped, indented without blank lines": (ENGLISH.replace("\n\n", "\n"), ["The ferry between", "Tickets cost"]),
    "wrapped without spaces": (
        CHINESE,
        ["港务局表示，两岛之间的渡轮将于星期一恢复运行，此前整个冬天海峡被冰封闭了十一个星期。船长"],
    ),
    "a line is a paragraph": (
        "The ferry will run again from Monday, the harbour office said on Friday.\n"
        "Ice had closed the channel for eleven weeks.\n"
        "Tickets cost the same as last year, and children under six travel free.\n",
        ["The ferry", "Ice had", "Tickets cost"],
    ),
    "a poem": (
        "The ice has gone, the ferry sails,\nthe harbour lights are lit,\nand in the wind the captain hails\nthe gulls that follow it.\n",
        ["The ice", "the harbour", "and in", "the gulls"],
    ),
    "a list": (
        "What changes in the harbour from Monday on:\n"
        "- the ferry runs again, every two hours from eight in the morning until\n  the evening\n"
        "- tickets cost as much as last year, and children under six travel free\n",
        ["What changes", "- the ferry", "- tickets"],
    ),
    "numbers": (
        "1. The ferry runs again, every two hours from eight in the morning.\n2. Tickets cost as much as they did last year.\n",
        ["1. The", "2. Tickets"],
    ),
    "headlines": (
        "Ferry between the islands to run again from Monday, says harbour office\nRents level off in the north\nChess club wins the cup for the third year in a row, to its own surprise\n",
        ["Ferry between", "Rents level", "Chess club"],
    ),
    "a page": ("The first page.\fThe second page.", ["The first page.", "The second page."]),
    "Unicode's own ends": ("One.\u2028Two.\u2029Three.", ["One.", "Two.", "Three."]),
    "of a Mac": ("One.\rTwo.", ["One.", "Two."]),
    "of Windows": ("One.\r\n\r\nTwo.", ["One.", "Two."]),
    "soft hyphens": ("Die Regie\u00adrung und die Oppo\u00ad\nsition.", ["Die Regierung und die Opposition."]),
    "no-break spaces": ("10\u00a0000 people", ["10\u00a0000 people"]),
}


@pytest.mark.parametrize(("written", "starts"), PARAGRAPHS.values(), ids=PARAGRAPHS)
def test_paragraphs_are_those_that_were_meant(written: str, starts: list[str]) -> None:
    found = plaintext.paragraphs(plaintext.unified(written))
    assert [line[: len(start)] for line, start in zip(found, starts, strict=True)] == starts


def test_short_paragraphs_of_a_wrapped_text_are_joined_at_its_margin() -> None:
    block = "Bicycles are carried when there is room, said the captain of the boat.\nThe harbour office agreed."
    assert len(plaintext.paragraphs(block)) == 2
    assert len(plaintext.paragraphs(f"{ENGLISH}\n{block}")) == 3


def test_quotes_and_dashes_are_left_alone() -> None:
    said = "“We – of course — waited,” he said… ‘Twice’ or «thrice», „so“ 10½ … O'Brien -- the end"
    article = read(f"Title\n\n{said}")
    assert article.text == said


def test_what_is_too_long_is_refused_and_not_cut() -> None:
    with pytest.raises(DocumentError, match=r"a\.txt: longer than 1,000,000 characters: split it"):
        read("word " * (MAX_HTML // 5 + 1))
    assert read("word " * (MAX_HTML // 5 - 1)).word_count == MAX_HTML // 5 - 1


SENTENCES = {
    "ru": (
        "Россия и Китай подписали соглашение о железной дороге.",
        "cp1251 koi8-r cp866 iso8859-5 utf-16-le utf-16-be utf-32",
    ),
    "ru, short": ("Погода в Москве", "cp1251 koi8-r cp866 utf-16-le"),
    "uk": ("Уряд підтримав законопроєкт про новий міст через річку.", "cp1251 koi8-u"),
    "zh": ("外交部发言人表示，双方将继续就贸易问题进行磋商。", "gb18030 utf-16"),
    "zh, traditional": ("外交部發言人表示，雙方將繼續就貿易問題進行磋商。", "big5"),
    "ja": ("首相は記者会見で、来週の会談について説明した。", "cp932 euc_jp iso2022_jp"),
    "ko": ("대통령은 기자회견에서 회담에 대해 설명했다.", "cp949"),
    "pl": ("Rząd ogłosił nowe przepisy dotyczące żeglugi śródlądowej.", "cp1250 iso8859-2"),
    "de": ("Die Regierung kündigte „schärfere Maßnahmen“ an – mehr nicht.", "cp1252"),
    "fr": ("Élections : les résultats définitifs seront connus vendredi", "cp1252 mac_roman"),
    "es": ("¿Qué pasará mañana en la reunión?", "cp1252 iso8859-1"),
    "tr": ("Hükümet yeni önlemleri açıkladı, işçiler şaşırdı.", "cp1254"),
    "el": ("Η κυβέρνηση ανακοίνωσε νέα μέτρα για την ενέργεια.", "cp1253"),
    "ar": ("قال الرئيس إن المفاوضات ستستمر يوم الاثنين.", "cp1256"),
    "he": ("הממשלה הודיעה על צעדים חדשים לתמיכה בכלכלה.", "cp1255"),
}


@pytest.mark.parametrize(
    ("said", "encoding"),
    [
        pytest.param(said, name, id=f"{tongue} {name}")
        for tongue, (said, names) in SENTENCES.items()
        for name in names.split()
    ],
)
def test_encoding_of_a_sentence_is_told_from_its_letters(said: str, encoding: str) -> None:
    assert decoded(said.encode(encoding)) == said


@pytest.mark.parametrize(
    ("tongue", "said"),
    [
        ("zh", "外交部发言人表示，双方将继续就贸易问题进行磋商。今年以来，两国贸易额增长了百分之五。" * 2),
        ("ja", "首相は記者会見で、来週の会談について説明した。両国の関係は改善しているという。" * 2),
        ("ar", "قال الرئيس إن المفاوضات ستستمر يوم الاثنين في العاصمة بعد توقف دام أسبوعين."),
        ("th", "นายกรัฐมนตรีกล่าวเมื่อวันจันทร์ว่าการเจรจาจะดำเนินต่อไปในสัปดาห์หน้าที่กรุงเทพมหานคร"),
        ("ru", "Президент сообщил журналистам, что переговоры продолжатся в понедельник."),
    ],
)
def test_other_languages_are_read_whole(tongue: str, said: str) -> None:
    article = read(f"{said[:12]}\n\n{said}\n\n{said[::-1]}")
    assert article.language == tongue
    assert said in article.text
    assert article.word_count > len(said) / 15


UTF_16 = {
    "en": "The ferry runs again",
    "ru": "Паром\n\nПаром между островами снова пойдёт — сообщили в порту.",
    "zh": "标题：渡轮恢复运行\n\n港务局表示，两岛之间的渡轮将于星期一恢复运行。",
    "ja": "フェリー再開\n港湾局は、二つの島を結ぶフェリーが月曜日に再開すると発表した。",
    "ko": "페리 재개\n항만청은 두 섬을 잇는 페리가 월요일에 재개된다고 발표했다.",
    "ar": "قال الرئيس إن المفاوضات ستستمر يوم الاثنين.",
    "el": "Η κυβέρνηση ανακοίνωσε νέα μέτρα.",
    "th": "นายกรัฐมนตรีกล่าวเมื่อวันจันทร์ว่า",
    "hi": "प्रधानमंत्री ने सोमवार को कहा कि वार्ता जारी रहेगी।",
}


@pytest.mark.parametrize("said", UTF_16.values(), ids=UTF_16)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_utf_16_and_utf_32_need_no_mark(said: str, encoding: str) -> None:
    body = said.encode(encoding)
    assert (sniff.media_type(body), decoded(body)) == (sniff.TEXT, said)


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=400))
def test_no_word_is_lost(said: str) -> None:
    article = read(said)
    kept = " ".join(paragraphs(article.original or ""))
    assert words(kept) == words(" ".join(legal(plaintext.unified(said).removeprefix("\ufeff")).split()))


@given(st.binary(max_size=300))
def test_any_bytes_are_read(body: bytes) -> None:
    read(body)


HOSTILE = {
    "one line": "word" * 240_000,
    "a thousand bylines": "By Jane Doe\n" * 1000,
    "labels": "Source: " * 25 + "\n" + "Source: x " * 20,
    "nothing but signs": ".\"" * 100_000 + "\n" + "(" * 100_000,
    "spaces": " " * 900_000 + "x",
    "blank lines": "\n \n" * 200_000 + "x",
    "NULs": "a\0b\n" * 1000,
    "items": "- a\n" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_odd_texts_take_no_time(said: str) -> None:
    began = time.process_time()
    text.parse(Document(said.encode(), "a.txt", modified_at=NOW))
    plaintext.paragraphs(plaintext.unified(said))
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("The harbour is to be closed for", False),
        ("The harbour is to be closed.", False),
        ("The harbour is to be closed …", True),
        ("The harbour is to be [...]", True),
        ("The harbour is to be […]\n\nThe post Harbour closed appeared first on Island Post.", True),
        ("The harbour is … closed.", False),
        ("“Closed…”\n\n" + "So said the harbour master, who has seen many ships come and go in his time. " * 3, False),
        ("", False),
        ("…", True),
        ("." * 1_000_000 + "\n" * 1_000_000, False),
    ],
)
def test_a_text_may_break_off(written: str, expected: bool) -> None:
    assert plaintext.breaks_off(written) is expected
