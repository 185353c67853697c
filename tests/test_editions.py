"""Editions: which there are, under which names; how a query asks for one; what a configuration may say of them."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import config, editions
from aggregator.config import Config
from aggregator.errors import ConfigError

TOPICS = """topics:
  fairs: {title: Fairs, labels: [asia, trade], limit: 7, variants: {lang: [en, ru], min_score: [50]}, any: [{phrase: fair}]}
  wine: {title: Wine, labels: [trade], limit: 9, any: [{phrase: wine}]}
  desk: {title: Desk, labels: [asia, inside], private: true, variants: {lang: [en]}, any: [{phrase: desk}]}
"""


def loaded(directory: Path, topics: str = TOPICS, **environment: str) -> Config:
    (directory / "topics.yaml").write_text(topics)
    return config.load(directory, {f"AGGREGATOR_{name}": value for name, value in environment.items()})


def test_a_configuration_has_topics_variants_labels_and_everything(config_directory: Path) -> None:
    found = editions.of(loaded(config_directory, EVERYTHING__PUBLISH="true", EVERYTHING__LIMIT="5"))
    assert {name: (one.topics, one.limit, one.private, one.lang, one.min_score) for name, one in found.items()} == {
        "fairs": (("fairs",), 7, False, "", 0),
        "fairs.min50": (("fairs",), 7, False, "", 50),
        "fairs.en": (("fairs",), 7, False, "en", 0),
        "fairs.en.min50": (("fairs",), 7, False, "en", 50),
        "fairs.ru": (("fairs",), 7, False, "ru", 0),
        "fairs.ru.min50": (("fairs",), 7, False, "ru", 50),
        "wine": (("wine",), 9, False, "", 0),
        "desk": (("desk",), 100, True, "", 0),
        "desk.en": (("desk",), 100, True, "en", 0),
        "_label-asia": (("fairs",), 7, False, "", 0),
        "_label-trade": (("fairs", "wine"), 9, False, "", 0),
        "_all": ((), 5, False, "", 0),
    }
    assert found["fairs.en.min50"].title == "Fairs (en, score 50+)"
    assert len({one.id for one in found.values()}) == len(found)


def test_nobody_is_told_of_labels_that_only_private_topics_have_and_everything_is_asked_for(
    config_directory: Path,
) -> None:
    found = editions.of(loaded(config_directory))
    assert "_all" not in found
    assert "_label-inside" not in found
    assert "Desk" not in found["_label-asia"].description


def test_editions_are_made_once_and_come_behind_their_topics(config_directory: Path) -> None:
    settled = loaded(config_directory, EVERYTHING__PUBLISH="true")
    found = editions.of(settled)
    assert editions.of(settled) is found is not editions.of(replace(settled))
    for slug, topic in settled.topics.items():
        of_it = {name for name, one in found.items() if slug in one.topics and not one.is_topic}
        assert of_it == set(editions.behind(slug, topic))


def test_addresses_and_files_come_from_the_name(config_directory: Path) -> None:
    settled = loaded(config_directory)
    found = editions.of(settled)
    assert editions.urls(found["fairs.ru"], "https://n.example/")["rss"] == "https://n.example/feeds/fairs.ru.rss"
    own = editions.urls(found["desk.en"], "https://n.example/", "TOKEN")
    assert own["atom"] == "https://n.example/feeds/private/TOKEN/desk.en.atom"
    assert editions.files(found["_label-asia"])["jsonfeed"] == "_label-asia.json"
    assert editions.root(found["desk.en"], settled) == settled.private
    assert editions.root(found["fairs.en"], settled) == settled.public


# What nobody else's names have in them, so that nothing is asked for by chance.
others = st.tuples(st.text(max_size=8).filter(lambda name: name not in ("lang", "min_score")), st.text(max_size=8))


@given(st.permutations([("lang", "en"), ("min_score", "50")]), st.lists(others, max_size=5))
def test_order_and_other_parameters_do_not_matter(wanted: list[tuple[str, str]], more: list[tuple[str, str]]) -> None:
    assert editions.chosen(urlencode([more[0], *wanted, *more[1:]] if more else wanted)) == ("en", "50")
    assert editions.chosen(urlencode(more)) is None


@given(st.text(st.characters(codec="ascii"), max_size=200))
def test_any_query_is_understood_in_some_way(query: str) -> None:
    choice = editions.chosen(query)
    assert choice is None or any(choice)


@pytest.mark.parametrize(
    ("query", "choice"),
    [
        ("lang=en", ("en", "")),
        ("%6Cang=%65n", ("en", "")),
        ("lang=&min_score=50", ("", "50")),
        ("lang", None),
        ("LANG=en", None),
        ("lang=en&lang=en", ("en,en", "")),
        ("lang=en&lang=ru", ("en,ru", "")),
        ("lang=../../x", ("../../x", "")),
        ("min_score=1e9", ("", "1e9")),
        ("min_score=050", ("", "050")),
        ("&" * 8000, None),
        (f"lang={quote('е' * 1300)}", ("е" * 1300, "")),
    ],
)
def test_what_a_query_asks_for(query: str, choice: tuple[str, str] | None) -> None:
    assert editions.chosen(query) == choice


def test_what_is_offered_says_nothing_of_what_was_asked() -> None:
    assert editions.offered([("en", ""), ("en", "50")]).startswith(
        "Of this feed there are ?lang=en, ?lang=en&min_score=50"
    )
    assert editions.offered([]).startswith("Of this feed there are no selections")
    assert editions.offered([]).count("\n") == 1


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("variants: {lang: [english]}", "2:35: topics.t.variants.lang.0: a language is its ISO 639 code"),
        ("variants: {lang: [en, ru, en]}", "2:28: topics.t.variants.lang: en stands here twice"),
        ("variants: {min_score: [0]}", "2:40: topics.t.variants.min_score.0: must be at least 1"),
        ("variants: {min_score: [50, 101]}", "2:44: topics.t.variants.min_score.1: must be at most 100"),
        ("variants: {min_score: [1e9]}", "2:40: topics.t.variants.min_score.0: must be a whole number"),
        ("variants: {min_score: 50}", "2:28: topics.t.variants.min_score: write a list: [50]"),
        ("variants: {language: [en]}", "2:28: unknown key 'language' (did you mean 'lang'?)"),
        (f"variants: {{min_score: [{', '.join(map(str, range(1, 50)))}]}}", "2:17: topics.t.variants: with each"),
        ("variants: {lang: [en]}, language: [ru]", "2:35: nothing is in it: the language of this topic is ru"),
        ("labels: [Asia]", "2:26: topics.t.labels.0: a label stands in addresses"),
        ("labels: [../x]", "2:26: topics.t.labels.0: a label stands in addresses"),
        ("labels: [a, a]", "2:17: topics.t.labels: a stands here twice"),
        (f"labels: [{', '.join('abcdefghijk')}]", "2:17: topics.t.labels: "),
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_stands(config_directory: Path, keys: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(config_directory, f"topics:\n  t: {{title: T, {keys}, any: [{{phrase: x}}]}}\n")
    (problem,) = refused.value.problems
    assert f"topics.yaml:{said}" in str(problem)
