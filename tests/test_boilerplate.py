"""The page's furniture goes, the article stays."""

from pathlib import Path

import pytest

from aggregator.boilerplate import CONFIRMED_WITHIN, cut, is_marker

SEEDS = Path(__file__).parent.parent / "seeds"
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


@pytest.mark.parametrize("path", sorted(SEEDS.glob("*.txt")), ids=lambda path: path.stem)
def test_furniture_is_cut_exactly(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines()[1:] if line]
    found = cut(lines)
    expected = FURNITURE[path.stem]
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert found[0] == lines.index(expected)
        assert "“" in found[1]


def test_without_a_marker_nothing_is_cut() -> None:
    assert cut([PROSE, PROSE, "Ferry operators agree", "Coffee growers count", "Village shop …"]) is None


def test_a_marker_in_the_first_line_is_the_text_itself() -> None:
    assert cut(["Share this", PROSE, PROSE]) is None
    assert cut([]) is None


def test_a_marker_early_in_the_text_cuts_nothing() -> None:
    assert cut([PROSE, "Advertisement", *[PROSE] * 8]) is None


def test_a_marker_late_in_the_text_cuts_though_prose_follows() -> None:
    found = cut([*[PROSE] * 4, "Related Articles", PROSE, PROSE])
    assert found is not None
    assert found[0] == 4


def test_headlines_long_before_a_marker_are_not_taken_with_it() -> None:
    headlines = [f"A heading number {number}" for number in range(CONFIRMED_WITHIN + 2)]
    found = cut([PROSE, PROSE, *headlines, "Leave a Reply"])
    assert found is not None


@pytest.mark.parametrize(
    "line",
    ["Related Articles", "  — Share this: ", "© 2026 Harbour Post.", "SUBSCRIBE", "3 comments", "Tags: gas, oil"],
)
def test_markers(line: str) -> None:
    assert is_marker(line)


@pytest.mark.parametrize(
    "line",
    [
        "Related stories of loss ran through the village that winter, and no family in it was spared by them at all.",
        "Facebook said on Monday that it would appeal.",
        "Tweets were deleted.",
        "Comments on the rule are open until 18 December.",
        "The next call is planned for 14 January 2027.",
        "Subscribers left in droves.",
    ],
)
def test_sentences_that_begin_like_markers(line: str) -> None:
    assert not is_marker(line)


@pytest.mark.parametrize("line", ["…" * 1_000_000 + "x", ":" * 1_000_000 + "x"], ids=["points", "colons"])
def test_a_long_line_is_read_once(line: str) -> None:
    found = cut([PROSE, PROSE, line, "Source link"])  # hours, if it were tried from each character to the end
    assert found is not None


def test_many_markers_are_looked_up_not_searched() -> None:
    assert cut(["Tweet"] * 100_000 + [PROSE] * 100_000) is None
