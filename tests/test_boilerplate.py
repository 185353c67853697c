"""The page's furniture goes, the article stays."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.boilerplate import MANY, NAMES_BEFORE, Range, furniture, line_hash
from aggregator.markers import Markers, built_in

SEEDS = Path(__file__).parent.parent / "seeds"
PAGES = Path(__file__).parent / "furniture"  # lines that are furniture begin with "> "
FURNITURE = {  # by file: the first line that is not the article's
    "beijing-moscow-gas-talks": "Source link",
    "beijing-moscow-gas-talks-reprint": "Related Articles",
    "brief": None,
    "chip-export-licences": "Read more",
    "g7-readout": "For media inquiries",
    "lisbon-marathon": None,
    "opec-output-pause": "Most Read",
    "solar-grid-storage": "Source link",
    "washington-beijing-tariff-hotline": "Source link",
    "yuan-rouble-settlement": "About the Author",
}
PROSE = "The ministers of the two countries met on Monday for the third time in as many weeks to talk about gas."
TITLE = "Ferry to the northern islands runs again"


def found(lines: list[str], titled: bool = True, repeated: tuple[str, ...] = ()) -> list[tuple[int, int]]:
    ranges = furniture(lines, built_in(), repeated={line_hash(line) for line in repeated}, titled=titled)
    return [(part.start, part.end) for part in ranges]


@pytest.mark.parametrize("path", sorted(SEEDS.glob("*.txt")), ids=lambda path: path.stem)
def test_furniture_is_cut_exactly(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines()[1:] if line]
    result = furniture(lines, built_in(), titled=True)
    expected = FURNITURE[path.stem]
    if expected is None:
        assert result == ()
    else:
        assert (result[-1].start, result[-1].end) == (lines.index(expected), len(lines))
        assert "“" in result[-1].reason


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.txt")), ids=lambda path: path.stem)
@pytest.mark.parametrize("script", ["", "\u200f"], ids=["plain", "marked right-to-left"])
def test_a_page_is_told_from_its_article(path: Path, script: str) -> None:
    written = path.read_text(encoding="utf-8").splitlines()
    lines = [script + line.removeprefix("> ") for line in written]
    gone = {n for start, end in found(lines, titled=False) for n in range(start, end)}
    assert [line for n, line in enumerate(lines) if n not in gone] == [
        script + line for line in written if not line.startswith("> ")
    ]


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.txt")), ids=lambda path: path.stem)
def test_an_article_without_furniture_stays_whole(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("> ")]
    assert found(lines, titled=False) == []
    assert found(lines[1:], titled=True) == []


def test_a_reason_quotes_the_line_that_gave_it_away() -> None:
    top = ["The Harbour Post", TITLE, "Skip to content", PROSE]
    lines = [
        *top,
        "Advertisement",
        PROSE,
        PROSE,
        "Check also",
        "Gulls leave the market for good",
        "Share",
        "Ring the quay: 555 0100",
    ]
    assert furniture(lines, built_in(), repeated={line_hash(lines[0]), line_hash(lines[-1])}) == (
        Range(0, 1, "“The Harbour Post” stands in other files of this source"),
        Range(2, 3, "“Skip to content” stands before articles"),
        Range(4, 5, "“Advertisement” stands by itself in articles"),
        Range(7, 9, "“Check also” stands behind articles"),
        Range(9, 11, "“Ring the quay: 555 0100” stands in other files of this source"),
    )
    assert furniture(lines, built_in())[-1].reason == "“Check also” stands behind articles, as 1 more of these lines do"


class TestTail:
    def test_without_a_marker_nothing_goes(self) -> None:
        assert found([PROSE, PROSE, "Ferry operators agree", "Coffee growers count", "Village shop …"]) == []

    def test_a_marker_in_the_first_line_is_no_tail(self) -> None:
        assert found(["Share this", PROSE, PROSE]) == [(0, 1)]
        assert found([]) == []
        assert found(["Source link"]) == []
        assert found(["Source link", "Check also", "Leave a reply"]) == [(1, 3)]

    def test_a_marker_early_in_the_text_takes_nothing_with_it(self) -> None:
        assert found([PROSE, "Related Articles", *[PROSE] * 8]) == []

    def test_a_row_of_buttons_in_a_short_article_takes_no_paragraph_with_it(self) -> None:
        assert found([PROSE, PROSE, "Share", "Facebook", "Twitter", PROSE, PROSE]) == []

    def test_prose_behind_a_marker_keeps_it(self) -> None:
        assert found([*[PROSE] * 6, "Related", PROSE]) == []

    def test_a_marker_above_a_list_that_is_all_of_the_text_takes_nothing_with_it(self) -> None:
        assert found([TITLE, "Share this", *[f"Heat {n}: the boats and their times" for n in range(40)]]) == []

    def test_most_of_a_text_goes_where_markers_are_dense(self) -> None:
        tail = ["Check also", "Gulls leave the market for the winter", "Share this", "Wind takes a roof off the school"]
        assert found([PROSE, *tail * 5]) == [(1, 21)]

    def test_a_long_menu_above_a_short_article_does_not_take_it_for_its_end(self) -> None:
        menu = ["World", "Politics", "Business", "Sports", "Science", "Health", "Travel", "Weather"]
        assert found([*menu, TITLE, PROSE, PROSE, "Share this"], titled=False) == [(0, 8), (11, 12)]

    def test_teasers_go_with_the_marker_above_them(self) -> None:
        teaser = "The council of the port has told everyone at several places along the quay that they should …"
        assert found([PROSE, PROSE, "Check Also", "Ice on the quay", teaser, "Leave a Reply"]) == [(2, 6)]

    def test_names_before_a_marker_go_with_it(self) -> None:
        assert found([PROSE, PROSE, "Ana Silva", "Coast reporter", "Herring", "Share this"]) == [(2, 6)]

    def test_a_long_list_before_a_marker_stays(self) -> None:
        names = [f"Boat number {n}" for n in range(NAMES_BEFORE + 1)]
        assert found([PROSE, PROSE, *names, "Leave a Reply"]) == [(len(names) + 2, len(names) + 3)]

    def test_headlines_before_a_marker_stay(self) -> None:
        assert found([PROSE, PROSE, "What the harbour master said of it", "Leave a Reply"]) == [(3, 4)]

    def test_sections_that_stand_together_are_a_marker(self) -> None:
        assert found([PROSE, PROSE, "Herring", "World", "Ice", "Politics", "Science"]) == [(2, 7)]
        assert found([PROSE, PROSE, "Herring", "World", "Ice", "Politics", "Boats"]) == []

    def test_a_wrapped_text_is_prose(self) -> None:
        wrapped = [
            "The harbour master said that the paper was",
            "published today, and that he would not",
            "share it with",
        ]
        assert found([*wrapped * 5, "the fishermen."]) == []
        assert found([*wrapped * 5, "the fishermen.", "Source link"]) == [(16, 17)]

    @pytest.mark.parametrize(
        ("marker", "end"),
        [
            ("READ MORE: Gulls leave the market", "Related topics"),
            ("Also read", "Comments"),
            ("Advertisement", "About the author"),
            ("Subscribe to our newsletter", "Tags: herring, ice"),
            ("Subscribe", "Share"),
            ("Published: 3 April 2019", "Updated: 4 April 2019"),
            ("Contact", "More"),
            ("Learn more", "More"),
            ("À lire aussi : les mouettes quittent le marché", "Sur le même sujet"),
            ("Publicité", "Partager"),
            ("Publié le 3 avril 2019", "Mis à jour le 4 avril 2019"),
            ("Lesen Sie auch: Möwen verlassen den Markt", "Mehr zum Thema"),
            ("Anzeige", "Über den Autor"),
            ("Veröffentlicht am 3. April 2019", "Aktualisiert am 4. April 2019"),
            ("Lea también: las gaviotas dejan el mercado", "Noticias relacionadas"),
            ("Publicidad", "Compartir"),
            ("Читайте также: чайки покидают рынок", "Материалы по теме"),
            ("Реклама", "Поделиться"),
            ("Опубликовано: 3 апреля 2019", "Обновлено: 4 апреля 2019"),
            ("延伸阅读：海鸥离开市场", "相关新闻"),
            ("广告", "分享"),
            ("اقرأ أيضا: النوارس تغادر السوق", "مواضيع ذات صلة"),
            ("إعلان", "شارك"),
        ],
    )
    @pytest.mark.parametrize("last", ["The council has not voted yet.", PROSE], ids=["short", "long"])
    def test_sentences_between_two_markers_stay(self, marker: str, end: str, last: str) -> None:
        for lines in ([TITLE, marker, last, end], [TITLE, PROSE, PROSE, marker, last, end]):
            gone = {n for first, behind in found(lines, titled=False) for n in range(first, behind)}
            assert lines.index(last, len(lines) - 2) not in gone
            assert len(lines) - 1 in gone

    def test_a_last_paragraph_below_a_row_of_buttons_stays(self) -> None:
        lines = [PROSE, PROSE, "Share", "Facebook", "Twitter", "Email", "The council has not voted yet.", "Share"]
        assert found(lines) == [(7, 8)]

    def test_an_article_between_rows_of_markers_stays(self) -> None:
        row = ["Share", "Facebook", "Twitter", "Email", "Comments"]
        lines = [TITLE, "Published: 3 April 2019", *row, "The council has not voted yet.", *row]
        assert found(lines, titled=False) == [(1, 7), (8, 13)]

    def test_a_mail_that_is_answered_goes(self) -> None:
        reply = ["On Mon, 9 Nov 2026 at 10:00, Ana Silva wrote:", f"> {PROSE}", ">", "> Ana"]
        assert found([PROSE, PROSE, *reply]) == [(2, 6)]
        assert found([PROSE, PROSE, *reply, "Unsubscribe"]) == [(2, 7)]
        assert found([PROSE, "Am 09.11.2026 um 10:00 schrieb Ana Silva:", "> Hallo.", PROSE]) == []
        assert found([PROSE, PROSE, "The harbour master wrote:", f"> {PROSE}"]) == []

    def test_footers_of_mails_go(self) -> None:
        footer = [
            "You are receiving this email because you signed up.",
            "Unsubscribe | View in browser",
            "Sent to a@x.example",
        ]
        assert found([PROSE, PROSE, *footer]) == [(2, 5)]
        assert found([PROSE, PROSE, "Sent to <a@x.example>", "The Harbour Post, 3 Quay Street"]) == [(2, 4)]
        assert found([PROSE, PROSE, "Ana Silva ana@x.example"]) == []


class TestHead:
    def test_what_stands_above_and_below_the_title_goes(self) -> None:
        lines = ["Home > News", TITLE, "By Ana Silva", "3 March 2026", "1,204 views", PROSE, PROSE]
        assert found(lines, titled=False) == [(0, 1), (2, 5)]

    def test_names_above_a_marker_go_with_it(self) -> None:
        assert found([TITLE, "By", "Ana Silva", "3 min read", PROSE, PROSE], titled=False) == [(1, 4)]
        assert found([TITLE, "Ana Silva", "3 min read", PROSE, PROSE], titled=False) == [(1, 3)]
        assert found(["Ana Silva", "3 min read", PROSE, PROSE]) == [(0, 2)]
        assert found(["3 min read", "Ana Silva", PROSE, PROSE]) == [(0, 1)]

    @pytest.mark.parametrize("title", ["Photos: dawn comes up over the harbour", "Live", "By the sea", "Search"])
    def test_the_title_stays_though_it_reads_like_a_marker(self, title: str) -> None:
        assert found([title, PROSE, PROSE], titled=False) == []
        assert found([title, "By Ana Silva", PROSE, PROSE], titled=False) == [(1, 2)]

    def test_a_summary_may_stand_before_the_author_and_the_date(self) -> None:
        assert found([TITLE, PROSE, "By Ana Silva", "3 March 2026", PROSE, PROSE], titled=False) == [(2, 4)]

    def test_a_marker_among_paragraphs_is_not_the_head(self) -> None:
        assert found([TITLE, PROSE, "10:15", PROSE, "By Ana Silva", PROSE, PROSE], titled=False) == []
        log = [TITLE, "10:45", "The ferry leaves.", "10:30", "The captain is on board.", "09:00", "Rain."]
        assert found(log, titled=False) == []

    def test_an_article_of_short_sentences_has_a_head(self) -> None:
        assert found([TITLE, "Subscribe", "3 April 2019", "The council voted.", "Share"], titled=False) == [
            (1, 3),
            (4, 5),
        ]

    def test_sentences_are_not_the_head(self) -> None:
        assert found([TITLE, "By then it was over.", PROSE, PROSE], titled=False) == []
        assert found([TITLE, "March 11, the harbour said.", PROSE, PROSE], titled=False) == []
        assert found([TITLE, "Updated March 11, 2026, at 10 a.m.", PROSE, PROSE], titled=False) == [(1, 2)]

    def test_no_head_without_an_article_below(self) -> None:
        assert found(["Home", "By Ana Silva", "3 March 2026", TITLE], titled=False) == []


class TestAmid:
    def test_single_lines_go_anywhere(self) -> None:
        lines = [PROSE, "Advertisement", PROSE, "Read more: Gulls leave the market", "Story continues below", PROSE]
        assert found(lines) == [(1, 2), (3, 5)]

    def test_sentences_stay(self) -> None:
        assert found([PROSE, f"Related: {PROSE}", PROSE]) == []


class TestRepeated:
    NOTICE = "Whoever finds a mistake in what we write is asked to come to the quay and say so to one of us."

    def test_repeated_lines_are_markers_at_the_end(self) -> None:
        lines = [PROSE, PROSE, "Herring and ice", "Write to the harbour master", self.NOTICE, "Share", "Ring 555 0100"]
        assert found(lines, repeated=(lines[3], lines[6], self.NOTICE)) == [(2, 7)]
        assert found([PROSE, lines[3], PROSE, PROSE], repeated=(lines[3],)) == []

    @pytest.mark.parametrize(
        "background",
        [
            "The two countries share a border of 4,200 kilometres, and their trade has grown since 2014.",
            "A spokesman did not answer on Monday.",
            "Thank you very much for the interview.",
            "感谢您接受采访，祝您一切顺利。",
        ],
    )
    def test_sentences_that_are_told_each_time_are_no_markers(self, background: str) -> None:
        last = "The two presidents, who had met in March, did not attend the ceremony."
        for end in ([], [last], ["Ferry by noon"], [background, last], ["Ana Silva"]):
            assert found([TITLE, PROSE, PROSE, background, *end], titled=False, repeated=(background,)) == []
            assert found([TITLE, background, PROSE, PROSE, *end], titled=False, repeated=(background,)) == []
        assert found([PROSE, PROSE, background, "Source link"], repeated=(background,)) == [(3, 4)]

    def test_a_repeated_line_takes_nothing_with_it_that_others_do_not_have(self) -> None:
        heading = "What happens next"
        for end in (
            PROSE,
            "Ferries leave at nine.",
            "Ferry tickets for the islands cost more",
            "Fares: 3 crowns a head",
        ):
            assert found([PROSE, PROSE, heading, end], repeated=(heading,)) == []
            assert found([PROSE, PROSE, heading, end, "Ring 555 0100"], repeated=(heading, "Ring 555 0100")) == [(4, 5)]

    def test_a_marker_that_is_repeated_is_one_still(self) -> None:
        lines = [PROSE, PROSE, "About the author", "Ana Silva has written for us since 1999.", "Share"]
        assert found(lines) == found(lines, repeated=(lines[2],)) == [(2, 5)]
        assert found(lines, repeated=(lines[2], "Share")) == [(2, 4), (4, 5)]

    def test_a_masthead_and_a_footer_are_found_around_a_short_article(self) -> None:
        top = ["THE HARBOUR POST", "Your quay, your voice.", "Subscriptions from 3 a month"]
        end = ["Readers are invited to our summer fair", "Ring the desk: 555 0100"]
        lines = [*top, "Council votes on bridge", "The council voted on Monday.", *end]
        assert found(lines, titled=False, repeated=(*top, *end)) == [(0, 3), (5, 7)]
        assert found(lines, titled=True, repeated=(*top, *end)) == [(0, 3), (5, 7)]

    @pytest.mark.parametrize("first", [PROSE, "Snow fell overnight."])
    def test_the_title_of_a_daily_column_is_repeated(self, first: str) -> None:
        lines = ["Morning briefing", first, f"{PROSE} And so on.", PROSE]
        assert found(lines, titled=False, repeated=(lines[0],)) == []

    def test_a_text_without_sentences_stays(self) -> None:
        lines = ["Weather", "Oslo: rain", "Bergen: rain", "Skell: fog"]
        assert found(lines, titled=False, repeated=tuple(lines[1:])) == []

    def test_repeated_lines_are_markers_at_the_top(self) -> None:
        lines = ["The Harbour Post, since 1903", TITLE, PROSE, PROSE]
        assert found(lines, titled=False, repeated=(lines[0],)) == [(0, 1)]
        assert found(lines, titled=False) == []

    def test_a_line_is_the_same_in_other_spaces_and_case(self) -> None:
        assert line_hash("The  Harbour Post ") == line_hash("THE HARBOUR\tPOST")
        assert line_hash("The Harbour Post") != line_hash("The Harbour")
        assert len(line_hash("")) == 8

    def test_a_copy_of_another_text_stays(self) -> None:
        lines = [TITLE, *(f"{PROSE} And so on, {n} times." for n in range(6))]
        assert found(lines, repeated=tuple(lines)) == []
        assert found(["Ferry stops again", *lines[1:], PROSE], repeated=tuple(lines)) == []


class TestUnspacedScripts:
    def test_sentences_without_spaces_are_prose(self) -> None:
        chinese = "市议会星期一决定把防洪基金剩下的钱全部用来修补海堤好让鱼市在风浪里也能保持干燥。"
        japanese = "市議会は月曜日に残っている洪水基金をすべて魚市場を守る堤防の修理に使うことを決めました。"
        thai = "สภาเมืองตัดสินใจเมื่อวันจันทร์ว่าจะใช้เงินที่เหลือจากกองทุนน้ำท่วมเพื่อซ่อมกำแพงที่ปกป้องตลาดปลาจากน้ำทะเลในฤดูหนาวนี้และปีต่อไปโดยไม่ต้องรอความช่วยเหลือจากที่อื่นอีก"
        for prose in (chinese, japanese, thai):
            assert found([prose, "Share this", *[prose] * 8]) == []
            assert found([*[prose] * 4, "灯塔", "相关阅读", "海鸥"]) == [(4, 7)]


@pytest.mark.parametrize(
    "line",
    ["…" * 1_000_000 + "x", ":" * 1_000_000 + "x", "> " * 500_000, "a" * 1_000_000, "1 " * 500_000, "字" * 1_000_000],
    ids=["points", "colons", "crumbs", "letters", "numbers", "han"],
)
def test_a_long_line_is_read_once(line: str) -> None:
    result = found([PROSE, PROSE, line, "Source link"])  # hours, if it were tried from each character to the end
    assert result == [] or result[0][1] == 4
    furniture([line, PROSE, line], built_in(), repeated={line_hash(line)})


@pytest.mark.parametrize("line", ["Tweet", "World", "Ana Silva", PROSE, ""])
def test_many_lines_are_looked_up_not_searched(line: str) -> None:
    assert found([*[line] * (MANY - 2), PROSE, PROSE]) == []
    found([PROSE, *[line] * (MANY - 2), "Source link"])
    assert found([PROSE, *[line] * 1_000_000, "Source link"]) == []


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            ["Share", "Home", "World", "Sport", "Advertisement", "By Ana", "Source link", "3 shares", "", "—"]
        ),
        st.sampled_from(
            [PROSE, TITLE, "Ana Silva", "and so on with the herring", "What comes next …", "它们：", "10:15"]
        ),
        st.text(max_size=40),
    ),
    max_size=30,
)


@given(LINES, st.booleans(), st.sets(st.integers(0, 29)))
def test_ranges_are_in_order_apart_and_never_everything(lines: list[str], titled: bool, again: set[int]) -> None:
    repeated = {line_hash(lines[n]) for n in again if n < len(lines)}
    ranges = furniture(lines, built_in(), repeated=repeated, titled=titled)
    ends = [0, *(part.end for part in ranges)]
    assert all(last <= part.start < part.end for last, part in zip(ends, ranges, strict=False))
    assert ends[-1] <= len(lines)
    gone = {n for part in ranges for n in range(part.start, part.end)}
    assert not gone or any(line.split() for n, line in enumerate(lines) if n not in gone)
    assert all("“" in part.reason for part in ranges)


@given(LINES, st.booleans())
def test_without_markers_only_numbers_and_ways_through_a_site_go(lines: list[str], titled: bool) -> None:
    lines = [line for line in lines if not set(line) & set("0123456789@>›»→|/·•") and not any(map(str.isdecimal, line))]
    assert furniture(lines, Markers.of(), titled=titled) == ()
