"""Where concepts and phrases occur in an article."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import lexicon
from aggregator.config import Concept
from aggregator.features import MAX_READ, Features, Hit, Vocabulary, sentence_texts
from aggregator.models import Article
from aggregator.spelling import pieces

CONCEPTS = {
    "country:china": Concept(label="China", aliases=("China", "Chinese", "中国", "중국"), guards=("South China Sea",)),
    "country:russia": Concept(label="Russia", aliases=("Russia", "Russian Federation")),
    "country:turkey": Concept(label="Turkey", aliases=("Turkey", "Türkiye", "Turkiye"), guards=("cold turkey",)),
    "country:united-states": Concept(label="United States", aliases=("US", "U.S.", "United States")),
    "place:sea": Concept(label="Sea", aliases=("East China Sea",)),
    "org:nato": Concept(label="NATO", aliases=("Nato", "NATO")),
    "org:eu": Concept(label="EU", aliases=("유럽연합",)),
    "subject:gas": Concept(label="Gas", aliases=("natural gas", "gas talks")),
}
VOCABULARY = Vocabulary(CONCEPTS, ("World Cup", "world cup", "gas talks"))


def read(
    text: str, title: str = "", vocabulary: Vocabulary = VOCABULARY, language: str | None = None, day: int = 24
) -> Features:
    return vocabulary.read(
        Article(
            key="k", source="s", guid="g", title=title, text=text, html="", summary="", language=language,
            first_seen_at=datetime(2026, 11, day, tzinfo=UTC),
        )
    )  # fmt: skip


def named(vocabulary: Vocabulary, text: str, language: str | None = None, title: str = "") -> str:
    """The names of the concepts that occur, without their kind."""
    return " ".join(sorted(name.partition(":")[2] for name in read(text, title, vocabulary, language).concepts))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("China Russia", {"country:china": [0], "country:russia": [1]}, id="neighbours"),
        pytest.param("China–Russia", {"country:china": [0], "country:russia": [1]}, id="neighbours with a dash"),
        pytest.param("China China", {"country:china": [0, 1]}, id="neighbours of one kind"),
        pytest.param("the East China Sea", {"place:sea": [1]}, id="longest match"),
        pytest.param("the South China Sea", {}, id="guard"),
        pytest.param("South China and China", {"country:china": [1, 3]}, id="half a guard"),
        pytest.param("went cold turkey, in Turkey", {"country:turkey": [4]}, id="guard, then the concept"),
        pytest.param("cold Turkey", {}, id="a guard's small letter fits a capital"),
        pytest.param("Eat turkey with us, off china", {}, id="an alias's capital wants a capital"),
        pytest.param("TURKEY AND NATO", {"country:turkey": [0], "org:nato": [2]}, id="capitals throughout"),
        pytest.param("Chinatown, Russians", {}, id="whole words only"),
        pytest.param("China's and Russia’s", {"country:china": [0], "country:russia": [2]}, id="possessives"),
        pytest.param("在中国的", {"country:china": [1]}, id="an alias without spaces around"),
        pytest.param("the U.S. and US", {"country:united-states": [1, 3]}, id="an alias written twice counts once"),
        pytest.param("Türkiye", {"country:turkey": [0]}, id="aliases that differ in an accent count once"),
        pytest.param("NATO", {"org:nato": [0]}, id="aliases that differ in capitals count once"),
        pytest.param("natural gas talks", {"subject:gas": [0, 1]}, id="overlapping, neither inside the other"),
        pytest.param("United\nStates", {"country:united-states": [0]}, id="over a line break"),
        pytest.param("United\n\nStates", {}, id="not over a paragraph"),
        pytest.param("They are united. States are not.", {}, id="not over a sentence, in small letters"),
        pytest.param("The United. States", {}, id="not over a sentence"),
        pytest.param("期間中、国内で 改革中 国内 途中。国道", {}, id="not over marks and spaces between characters"),
        pytest.param("《中国》和(中\n国)", {"country:china": [0, 3]}, id="characters over a line break"),
        pytest.param("조사 중 국내, 중국", {"country:china": [5]}, id="not over the spaces of Korean"),
        pytest.param("유럽연합, 유럽 연합", {"org:eu": [0, 4]}, id="a longer name with and without a space"),
    ],
)
def test_concepts_in_a_text(text: str, expected: dict[str, list[int]]) -> None:
    found = read(text).concepts
    assert {concept: [hit.start for hit in hits] for concept, hits in found.items()} == expected


def test_a_phrase_reaches_over_what_stands_in_it() -> None:
    vocabulary = Vocabulary({}, ("Yahoo! Inc", "gas deal", "中国"))
    features = read("Yahoo! Inc. will pay. It wants gas. Deal or not, a gas, deal. 期間中、国内", vocabulary=vocabulary)
    assert {phrase: len(hits) for phrase, hits in features.phrases.items()} == {"yahoo inc": 1, "gas deal": 1}


def test_nothing_is_half_in_the_title() -> None:
    features = read("States of mind", title="United")
    assert features.concepts == {}


def test_of_a_name_so_many_occurrences_are_found_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "MOST", 3)
    assert {name: len(hits) for name, hits in read("China " * 5 + "Russia").concepts.items()} == {
        "country:china": 3,
        "country:russia": 1,
    }


def test_of_a_huge_text_the_beginning_is_read() -> None:
    features = read("China " + "word " * (MAX_READ // 5) + "Russia")
    assert set(features.concepts) == {"country:china"}


def test_where_a_hit_stands() -> None:
    features = read("Of Russia.\n\n" + "word " * 70 + "China\n\nChina", title="China talks")
    title, late, last = features.concepts["country:china"]
    (early,) = features.concepts["country:russia"]
    assert (features.title_length, features.body_length) == (2, 74)
    assert [features.in_title(hit) for hit in (title, early, late)] == [True, False, False]
    assert [features.in_lede(hit) for hit in (title, early, late)] == [False, True, False]
    assert [features.paragraph_of(hit) for hit in (title, early, late, last)] == [-1, 0, 1, 2]


def test_phrases_ignore_case_and_stand_beside_concepts() -> None:
    features = read("Gas  Talks on natural gas: the WORLD cup")
    assert features.phrases["gas talks"] == (Hit(0, 2),)
    assert features.concepts["subject:gas"] == (Hit(0, 2), Hit(3, 5))


def test_a_phrase_that_topics_write_differently_counts_once() -> None:
    assert read("the World Cup").phrases == {"world cup": (Hit(1, 3),)}


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("China", "country:china"),
        (" u.s.", "country:united-states"),
        ("us", None),
        ("U.S.", "country:united-states"),
        ("turkiye", "country:turkey"),
        ("Turkiye talks", None),
        ("South China Sea", None),
        ("China and Russia", None),
        ("World Cup", None),
        ("中国", "country:china"),
        ("", None),
    ],
)
def test_a_concept_is_named_by_a_whole_alias_only(text: str, concept: str | None) -> None:
    assert VOCABULARY.concept_named(text) == concept


def test_an_empty_vocabulary_finds_nothing() -> None:
    features = read("China", vocabulary=Vocabulary({}))
    assert (features.words, features.concepts, features.phrases) == (("China",), {}, {})


@pytest.mark.parametrize("letter", ["ÿ", "é", "中", "𝐂"])
def test_words_of_many_bytes_shift_nothing(letter: str) -> None:
    features = read(f"{letter} {letter * 3} China")
    assert features.concepts["country:china"][0].end == len(features.words)


def test_a_place_in_the_text_has_its_sentence() -> None:
    features = read("China spoke. Mr. Li of China did not.\n\nRussia did! 中国。中国", "China")
    assert [features.sentence_of(hit) for hit in features.concepts["country:china"]] == [-1, 0, 1, 3, 4]
    assert [features.sentence_of(hit) for hit in features.concepts["country:russia"]] == [2]
    assert sentence_texts(features.article)[1] == "Mr. Li of China did not."


@given(st.text(alphabet="ab.!? \n。A1\u0301", max_size=60))
def test_sentences_are_numbered_alike_as_words_and_as_texts(text: str) -> None:
    features = read(text)
    texts = sentence_texts(features.article)
    begins = [*features.sentences, len(features.words)]
    assert [list(features.words[first:last]) for first, last in pairwise(begins)] == [pieces(one) for one in texts]


INFLECTED = Vocabulary(
    {
        "country:china": Concept(
            label="China",
            aliases={
                "en": ("China", "Chinese", "Sino"),
                "ru": ("Кита*", "китайск*", "КНР"),
                "de": ("China", "chinesisch*"),
                "tr": ("Çin",),
                "ar": ("الصين", "صيني*"),
                "fa": ("چین",),
                "el": ("Κίνα",),
                "zh": ("中国", "中國", "中"),
            },
            guards={"ru": ("Китай-город*",)},
        ),
        "country:south-korea": Concept(
            label="South Korea", aliases={"ru": ("Южн* Коре*",), "ar": ("كوريا الجنوبية",), "ja": ("韓国", "中")}
        ),
        "country:cuba": Concept(label="Cuba", aliases={"ru": ("Куб*",), "it": ("Cuba",)}, guards=("Кубан*",)),
        "country:iran": Concept(label="Iran", aliases={"fr": ("Iran",), "ar": ("إيران",), "fa": ("ایران",)}),
        "country:ivory-coast": Concept(label="Côte d'Ivoire", aliases={"fr": ("Côte d’Ivoire",)}),
        "country:fukuoka": Concept(label="-", aliases={"any": ("Ångström",)}),
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Переговоры с Китаем", "china"),
        ("китайскими товарами", "china"),
        ("в Китай-городе", ""),  # a guard
        ("Китаеведческими", ""),  # more than an ending
        ("из Южной Кореи", "south-korea"),
        ("на юге Кореи", ""),
        ("на Кубани", ""),  # a guard that has more letters
        ("на Кубе", "cuba"),
        ("Chinas Handel", "china"),
        ("Chinatown", ""),
        ("Çin’in ve Çin'den", "china"),
        ("l'Iran et la Côte d'Ivoire", "iran ivory-coast"),
        ("وللصين", "china"),
        ("بالصين والصينية", "china"),
        ("فإيران وإيران وبايران", "iran"),
        ("بصين", ""),  # the name has an article
        ("الـصّـين", "china"),  # stretched, with a vowel sign
        ("لكوريا الجنوبيه", "south-korea"),
        ("جمهوری ايران", "iran"),  # Arabic letters in a Persian name
        ("ایران‌ها", "iran"),  # a joiner of no width
        ("ΚΙΝΑ", "china"),
        ("Sino-Russian, China-led", "china"),
        ("Chi\u00adna", "china"),  # a soft hyphen
        ("angstrom A\u030angstro\u0308m", "fukuoka"),
    ],
)
def test_names_in_their_forms(text: str, expected: str) -> None:
    assert named(INFLECTED, text) == expected


BOUND = Vocabulary(
    {
        "country:oman": Concept(label="Oman", aliases={"en": ("Oman",), "pt": ("Omã",), "ru": ("Оман*",)}),
        "country:chad": Concept(label="Chad", aliases={"en": ("Chad", "Republic of Chad"), "de": ("Tschad",)}),
        "country:japan": Concept(label="Japan", aliases={"zh": ("日", "日本"), "ja": ("日本",)}),
        "country:mali": Concept(
            label="Mali", aliases={"any": ("Mali",), "fr": ("malien",)}, guards={"en": ("Mali Ltd",)}
        ),
        "place:lake": Concept(label="Lake", aliases={"ru": ("«Чад»",), "en": ("Lake",)}),
        "country:norway": Concept(label="Norway", aliases={"no": ("Norge",), "de": ("Norwegen",)}),
    }
)


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        pytest.param("Oma kommt", "pt", "oman", id="in its language"),
        pytest.param("Oma kommt", None, "oman", id="nobody knows the language"),
        pytest.param("Oma kommt", "de", "", id="a foreign word"),
        pytest.param("Oman meldet", "de", "oman", id="English where the concept has no word of the language"),
        pytest.param("Chad kommt", "de", "", id="the concept has one"),
        pytest.param("Republic of Chad", "de", "chad", id="several words"),
        pytest.param("„Чад“", "en", "lake", id="another script behind a quotation mark"),
        pytest.param("в Омане", "en", "oman", id="another script, whatever the article says it were"),
        pytest.param("一日", "ja", "", id="a character that means something else"),
        pytest.param("在日本", "ko", "japan", id="two characters"),
        pytest.param("a Mali Ltd branch", "fr", "", id="guards hold everywhere"),
        pytest.param("el Mali", "es", "mali", id="listed for any language"),
        pytest.param("Norges bank", "nb", "norway", id="Norwegian in its forms, with an s"),
    ],
)
def test_words_of_a_language(text: str, language: str | None, expected: str) -> None:
    assert named(BOUND, text, language) == expected


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        pytest.param("TELL US MORE", "", "", id="an ordinary word"),
        pytest.param("U.S. SENDS SHIPS", "", "united-states", id="points"),
        pytest.param("US AND CHINA AGREE", "", "china united-states", id="beside another name"),
        pytest.param("HOW TO ROAST A TURKEY", "At home, of course.", "", id="a dinner"),
        pytest.param("RESCUERS IN TURKEY", "The quake in Turkey was felt far away.", "turkey", id="named in the text"),
        pytest.param("CHINA MOVES ON", "", "china", id="no ordinary word"),
        pytest.param("china moves on", "", "china", id="no capital at all"),
        pytest.param("tell us more", "", "", id="an ordinary word without capitals"),
        pytest.param("Tell us more", "", "", id="where capitals tell something"),
        pytest.param("In china", "", "", id="a small letter where capitals tell something"),
    ],
)
def test_headlines_whose_capitals_tell_nothing(title: str, text: str, expected: str) -> None:
    assert named(VOCABULARY, text, title=title) == expected


ADA = Concept.model_validate(
    {
        "label": "Ada Brook",
        "aliases": ["Brook"],
        "stands_for": [{"concept": "country:china", "from": "2026-11-10", "until": "2026-11-20"}],
    }
)


@pytest.mark.parametrize(("day", "stands"), [(9, False), (10, True), (20, True), (21, False)])
def test_who_stands_for_a_country_does_so_in_days_of_office(day: int, stands: bool) -> None:
    vocabulary = Vocabulary({"person:ada": ADA, "country:china": Concept(label="China", aliases=("China",))})
    features = read("Brook spoke of China. Brook left.", vocabulary=vocabulary, day=day)
    assert features.concepts["person:ada"] == (Hit(0, 1), Hit(4, 5))
    assert [hit.start for hit in features.concepts["country:china"]] == ([0, 3, 4] if stands else [3])
    assert features.stand_ins == ({"country:china": {"person:ada": (Hit(0, 1), Hit(4, 5))}} if stands else {})
