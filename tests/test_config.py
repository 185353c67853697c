"""The configuration: what is written is what is meant, and what is wrong is named with its place."""

import subprocess
import sys
from contextlib import nullcontext
from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from aggregator import agencies, config, markers, units
from aggregator.config import Concept
from aggregator.config.concepts import shipped
from aggregator.errors import ConfigError
from aggregator.links import built_in, page_key

FILES = {
    "aggregator.yaml": "listen: 127.0.0.1:8080\npoll:\n  every: 30m\n",
    "sources.yaml": "sources:\n  - url: https://a.example/feed\n  - {folder: ../seeds, rank: 90}\n",
    "topics.yaml": "topics:\n  china:\n    title: China\n    all:\n      - country:china\n",
    "concepts/all.yaml": "concepts:\n  country:china:\n    label: China\n    aliases: [China]\n",
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "c" / "concepts").mkdir(parents=True)
    for name, text in FILES.items():
        (tmp_path / "c" / name).write_text(text)
    return tmp_path / "c"


def problems(directory: Path, **environment: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config.load(directory, environment)
    return [str(problem).removeprefix(f"{directory}/") for problem in caught.value.problems]


def test_a_good_configuration(directory: Path) -> None:
    found = config.load(directory, {})
    assert found.settings.poll.every == timedelta(minutes=30)
    assert list(found.sources) == ["a.example/feed", "folder:seeds"]
    assert found.sources["folder:seeds"].watched() == directory.parent / "seeds"
    assert found.state == directory.parent / "var"


def test_a_value_is_the_text_it_looks_like(directory: Path) -> None:
    text = "topics:\n  a: {title: no, description: 1:30, any: [x:y], limit: 012}\n  b: {title: 012, any: [x:y]}\n"
    (directory / "topics.yaml").write_text(text.replace("x:y", "country:china"))
    topics = config.load(directory, {}).topics
    assert (topics["a"].title, topics["a"].description, topics["a"].limit, topics["b"].title) == (
        "no",
        "1:30",
        12,
        "012",
    )


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param(
            "aggregator.yaml",
            "poll:\n  evry: 30m\n",
            "2:3: unknown key 'evry' (did you mean 'every'?)",
            id="unknown key",
        ),
        pytest.param(
            "sources.yaml",
            "sources:\n  - folder: x\n    aftr: move\n",
            "3:5: unknown key 'aftr' (did you mean 'after'?)",
            id="unknown key of a source",
        ),
        pytest.param(
            "topics.yaml",
            "topics:\n  t:\n    title: T\n    any:\n      - all: [{phrase: x, on: title}]\n",
            "5:27: unknown key 'on' (known: count, in, phrase)",
            id="unknown key in a nested rule",
        ),
        pytest.param(
            "aggregator.yaml", "listen: a:1\nlisten: a:2\n", "2:1: the key 'listen' stands here twice", id="twice"
        ),
        pytest.param(
            "topics.yaml",
            "topics:\n  t:\n    title: T\n    any: [{about: country:chine}]\n",
            "4:12: unknown concept 'country:chine' (did you mean 'country:china'?)",
            id="unknown concept",
        ),
        pytest.param(
            "topics.yaml", "topics:\n  t: {title: T}\n", "2:3: topics.t: a rule needs something", id="no rule"
        ),
        pytest.param(
            "topics.yaml", "topics:\n  t: {any: [country:china]}\n", "2:3: the key 'title' is missing", id="missing key"
        ),
        pytest.param("sources.yaml", "sources: [{name: A}]\n", "1:11: a source needs one of the keys", id="no kind"),
        pytest.param(
            "sources.yaml", "sources: [{url: ftp://a/}]\n", "1:12: sources.0.url: an address begins", id="ftp"
        ),
        pytest.param(
            "sources.yaml",
            "sources:\n  - url: http://a.example/x\n  - url: https://www.a.example/x/\n",
            "3:5: another source has the id 'a.example/x' too",
            id="two sources with one id",
        ),
        pytest.param(
            "aggregator.yaml", "poll: {every: 1:30}\n", "1:8: poll.every: a duration is a number", id="duration"
        ),
        pytest.param(
            "aggregator.yaml",
            "retention: {articles: 12h}\n",
            "1:1: retention: articles are kept for a day at least",
            id="retention",
        ),
        pytest.param("aggregator.yaml", "state: [x\n", "2:1: ", id="malformed"),
        pytest.param("aggregator.yaml", "state: !env x\n", "1:8: tags such as", id="tag"),
        pytest.param(
            "aggregator.yaml", "state: !!python/name:os x\n", "1:8: tags such as '!!python/name:os'", id="!!tag"
        ),
        pytest.param("aggregator.yaml", "!!set listen: a:1\n", "1:1: tags such as '!!set'", id="tag of a key"),
        pytest.param("aggregator.yaml", "listen: a:65536\n", "1:1: listen: a port is at most 65535", id="port"),
        pytest.param("aggregator.yaml", "listen: x\n", "1:1: listen: host and port are written like", id="listen"),
        pytest.param(
            "aggregator.yaml", "health_listen: 81\n", "1:1: health_listen: host and port are written", id="health"
        ),
        pytest.param(
            "aggregator.yaml",
            "listen: 127.0.0.1:81\nhealth_listen: 0.0.0.0:81\n",
            "2:1: health_listen: `listen` has port 81, too: give one of them another",
            id="both",
        ),
        pytest.param(
            "aggregator.yaml", "fetch: {total: 0s}\n", "1:9: fetch.total: this duration must be longer", id="0s"
        ),
        pytest.param(
            "aggregator.yaml",
            "fetch: {total: 999999w}\n",
            "1:9: fetch.total: a duration is at most 100 years",
            id="ages",
        ),
        *(
            pytest.param(
                "topics.yaml", f"topics:\n  t:\n    title: T\n    any: [country:china]\n    {line}\n", problem, id=line
            )
            for line, problem in (
                ("digests: [daily, yearly]", "5:22: topics.t.digests.1: must be 'hourly', 'daily' or 'weekly'"),
                ("digests: [daily, daily]", "5:5: topics.t.digests: daily stands here twice"),
                (
                    "timezone: Europe/Zurch",
                    "5:5: topics.t.timezone: a time zone is named as in 'Europe/Zurich' or 'UTC' (did",
                ),
                ("timezone: ../../etc/passwd", "5:5: topics.t.timezone: a time zone is named as in 'Europe/Zurich'"),
                ("digest_at: 24:00", "5:5: topics.t.digest_at: a time of the day is written like '07:00'"),
                ("max_per_hour: 0", "5:5: topics.t.max_per_hour: must be at least 1"),
                ("max_share: 0.3", "5:5: topics.t.max_share: a share is written in percent, from 1% to 100%"),
                ("max_share: 101%", "5:5: topics.t.max_share: a share is written in percent, from 1% to 100%"),
            )
        ),
        pytest.param("topics.yaml", "topics: {}\n", "1:1: topics: must have at least 1 entry", id="no topics"),
        pytest.param(
            "topics.yaml",
            "topics:\n  My Topic: {title: T, any: [country:china]}\n",
            "2:3: topics.My Topic: a topic's name in addresses has small letters, digits and hyphens",
            id="slug",
        ),
        pytest.param(
            "topics.yaml",
            "topics:\n  t: {title: T, all: country:china}\n",
            "2:17: topics.t.all: write a list: [country:china]",
            id="no list",
        ),
        pytest.param(
            "topics.yaml",
            "topics:\n  t: {title: T, all: [country:china], language: [english]}\n",
            "2:50: topics.t.language.0: a language is its ISO 639 code, such as 'en', and this is none (did you mean 'en'?)",
            id="language",
        ),
        pytest.param(
            "topics.yaml",
            "topics:\n  t: {title: T, all: [country:china], variants: {lang: [EN]}}\n",
            "2:57: topics.t.variants.lang.0: a language is its ISO 639 code, such as 'en', and this is none (did you mean 'en'?)",
            id="language in capitals",
        ),
        pytest.param(
            "topics.yaml",
            "topics:\n  t: {title: T, all: [{language: [jp]}]}\n",
            "2:35: topics.t.all.0.language.0: a language is its ISO 639 code, such as 'en', and this is none (did you mean 'ja'?)",
            id="country for a language",
        ),
        pytest.param(
            "sources.yaml",
            "sources: [{folder: x, language: xx}]\n",
            "1:23: sources.0.language: a language is its ISO 639 code, such as 'en', and this is none (got 'xx')",
            id="language of a source",
        ),
        pytest.param(
            "topics.yaml",
            "topics:\n  t: {title: T, all: [country:china], examples: {match: [{title: A, txt: B}]}}\n",
            "2:69: unknown key 'txt' (did you mean 'text'?)",
            id="unknown key of an example",
        ),
        pytest.param(
            "links.yaml", "tracking: [ref]\ntraking_at: {}\n", "2:1: unknown key 'traking_at' (did you mean", id="links"
        ),
        pytest.param("links.yaml", "tracking: [a*b]\n", "1:12: tracking.0: does not have the form", id="parameter"),
        pytest.param(
            "links.yaml",
            "redirectors:\n  - {at: go.example.org}\n",
            "2:5: redirectors.0: say where the target is",
            id="redirector",
        ),
        pytest.param(
            "links.yaml",
            "redirectors:\n  - {at: go.example.org, parameter: [u], form: rot13}\n",
            "2:42: redirectors.0.form: must be 'url', 'https'",
            id="form of a target",
        ),
        pytest.param(
            "links.yaml", "same_pages: {a.example: https://b.example/}\n", "1:14: same_pages.a.example: ", id="no host"
        ),
        pytest.param(
            "agencies.yaml",
            "agencies:\n  isle:\n    name: Isle News\n",
            "3:5: unknown key 'name' (did you mean 'names'?)",
            id="agency",
        ),
        pytest.param(
            "agencies.yaml",
            "agencies:\n  isle: {hosts: [https://isle.example/]}\n",
            "2:18: agencies.isle.hosts.0: does not have the form",
            id="host of an agency",
        ),
        pytest.param("concepts/all.yaml", "concepts:\n  Bad: {label: B, aliases: [Bad]}\n", "2:3: ", id="concept id"),
    ],
)
def test_a_problem_names_its_place(directory: Path, name: str, text: str, expected: str) -> None:
    (directory / name).write_text(text)
    found = problems(directory)
    assert found[0].startswith(f"{name}:{expected}")
    assert len(found) == 1


def test_the_file_of_links_may_be_absent_and_adds_to_what_is_known(directory: Path) -> None:
    assert config.load(directory, {}).links == built_in()
    (directory / "links.yaml").write_text("tracking: [ref]\n")
    rules = config.load(directory, {}).links
    assert page_key("https://a.example/x?ref=y&utm_source=z", rules) == "https://a.example/x"


def test_the_file_of_agencies_may_be_absent_and_adds_to_what_is_known(directory: Path) -> None:
    assert config.load(directory, {}).agencies == agencies.built_in()
    (directory / "agencies.yaml").write_text("agencies:\n  isle: {names: [Isle News]}\n  reuters: {names: [Rtr]}\n")
    known = config.load(directory, {}).agencies
    found = [known.named(name) for name in ("Isle News", "Rtr", "Reuters")]
    assert [one and one.label for one in found] == ["isle", "Reuters", "Reuters"]


def test_a_file_of_furniture_that_is_empty_adds_nothing_and_takes_no_time(directory: Path) -> None:
    (directory / "furniture").mkdir()
    own = directory / "furniture" / "own.yaml"
    own.write_text("behind: []\n")
    assert config.load(directory, {}).markers is markers.built_in()
    own.write_text("behind: [an odd line]\n")
    assert config.load(directory, {}).markers.kinds("An odd line!") == markers.BEHIND


def test_articles_are_kept_for_as_long_as_a_topic_shows_them(directory: Path) -> None:
    assert config.load(directory, {}).kept_for == timedelta(days=365)
    short = {"AGGREGATOR_RETENTION__ARTICLES": "30d"}
    assert config.load(directory, short).kept_for == timedelta(days=30)
    (directory / "topics.yaml").write_text("topics:\n  t: {title: T, any: [country:china], max_age: 60d}\n")
    assert config.load(directory, short).kept_for == timedelta(days=60)
    (directory / "topics.yaml").write_text(
        "topics:\n  t: {title: T, any: [country:china], max_age: 60d, keep: 90d}\n  s: {title: S, any: [country:china]}\n"
    )
    found = config.load(directory, short)
    assert (found.kept_for, found.kept_by_topic) == (timedelta(days=30), {"t": timedelta(days=90)})
    (directory / "topics.yaml").write_text("topics:\n  t: {title: T, any: [country:china], max_age: 60d, keep: 30d}\n")
    with pytest.raises(ConfigError, match=r"topics.yaml:2:\d+: `keep` must not be shorter than `max_age`, 60d$"):
        config.load(directory, short)


@pytest.mark.parametrize(
    ("base", "more", "kept", "place"),
    [
        ("digests: [daily, weekly], keep: 13d", "", "365d", "2:65"),
        ("digests: [daily, weekly]", "keep: 1d", "365d", "3:51"),
        ("digests: [hourly, daily, weekly]", "keep: 14d", "13d", "2:39"),
        ("digests: [hourly, daily]", "keep: 47h", "2d", "3:51"),
        ("limit: 9", "digests: [daily]", "47h", "3:51"),
        ("digests: [weekly], keep: 14d", "", "13d", "3:3"),
        ("digests: [hourly, daily]", "keep: 2d", "2d", None),
        ("digests: [hourly]", "", "1d", None),
    ],
)
def test_stories_are_kept_until_their_digests_are_over(
    directory: Path, base: str, more: str, kept: str, place: str | None
) -> None:
    (directory / "topics.yaml").write_text(
        f"topics:\n  t: {{title: T, any: [country:china], {base}}}\n  s: {{title: S, any: [country:china], extends: t, {more}}}\n"
    )
    with nullcontext() if place is None else pytest.raises(ConfigError) as caught:
        config.load(directory, {"AGGREGATOR_RETENTION__ARTICLES": kept})
    if caught is not None:
        assert f"topics.yaml:{place}:" in str(caught.value)


def test_several_problems_are_reported_at_once(directory: Path) -> None:
    (directory / "aggregator.yaml").write_text("listn: x\npoll: {every: never}\n")
    (directory / "sources.yaml").unlink()
    assert [problem.split(": ")[0] for problem in problems(directory)] == [
        "aggregator.yaml:1:1",
        "aggregator.yaml:2:8",
        "sources.yaml:1:1",
    ]


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("china", " (did you mean 'country:china'?)"),
        ("countri:china", " (did you mean 'country:china'?)"),
        ("subject:quay", ""),  # not subject:oil
        ("subject:chine", ""),  # another kind of thing
        ("x y", ": a concept is written like 'country:china'"),
    ],
)
def test_an_unknown_concept_gets_no_far_fetched_suggestion(directory: Path, written: str, hint: str) -> None:
    (directory / "concepts" / "more.yaml").write_text("concepts:\n  subject:oil: {label: Oil, aliases: [oil]}\n")
    (directory / "topics.yaml").write_text(f"topics:\n  t: {{title: T, any: [{written}]}}\n")
    expected = f"topics.yaml:2:23: unknown concept '{written}'{hint}; define new ones in {directory}/concepts/"
    assert problems(directory) == [expected]


def test_one_wrong_value_does_not_hide_the_other_problems_of_its_file(directory: Path) -> None:
    (directory / "topics.yaml").write_text(
        "topics:\n  about: {title: T, title: U, limt: 1, any: [country:none]}\n  u: !x {title: U, any: [country:china]}\n"
    )
    assert [problem.partition(": ")[2].partition(" '")[0] for problem in problems(directory)] == [
        "the key",  # stands here twice
        "unknown key",
        "unknown concept",
        "tags such as",
    ]


def test_a_concept_in_two_files(directory: Path) -> None:
    (directory / "concepts" / "more.yaml").write_text(FILES["concepts/all.yaml"])
    assert problems(directory) == ["concepts/more.yaml:2:3: the concept 'country:china' is in another file as well"]


def own(directory: Path, concepts: str) -> None:
    (directory / "concepts" / "more.yaml").write_text(f"concepts:\n{concepts}")


def test_a_concept_of_the_folder_stands_in_the_place_of_the_shipped_one(directory: Path) -> None:
    known = config.load(directory, {}).concepts
    assert known["country:china"] == Concept(label="China", aliases=("China",))
    assert "Moscow" in [alias for _, alias in known["country:russia"].named()]


def test_words_by_language_and_what_a_concept_stands_for(directory: Path) -> None:
    own(
        directory,
        "  person:ada-brook:\n    label: Ada Brook\n    aliases: {en: [Ada Brook], no: [Ada], any: [Brook]}\n"
        "    guards: {de: [Brook Verlag]}\n"
        "    stands_for: [{concept: country:ireland, from: 2025-01-20, until: 2026-11-30}, {concept: country:china}]\n",
    )
    ada = config.load(directory, {}).concepts["person:ada-brook"]
    assert list(ada.named()) == [("en", "Ada Brook"), ("no", "Ada"), ("any", "Brook")]
    assert list(ada.guarded()) == [("de", "Brook Verlag")]
    days = [date(2025, 1, 19), date(2025, 1, 20), date(2026, 11, 30), date(2026, 12, 1)]
    assert [[meant.holds_on(day) for day in days] for meant in ada.stands_for] == [
        [False, True, True, False],
        [True, True, True, True],
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("aliases: X", "2:19: concepts.a:b.aliases: write a list: [X]"),
        ("aliases: {en: X}", "2:29: concepts.a:b.aliases.en: write a list: [X]"),
        ("aliases: {english: [Xyz]}", "2:29: concepts.a:b.aliases.english: a language is its ISO 639 code"),
        ("aliases: []", "2:19: concepts.a:b.aliases: must have at least 1 entry"),
        ("aliases: {}", "2:19: concepts.a:b.aliases: must have at least 1 entry"),
        ("aliases: [—]", "2:29: concepts.a:b.aliases.0: has neither letters nor digits (got '—')"),
        ("aliases: [C, 日]", "2:29: concepts.a:b.aliases.0: one letter by itself stands in too many texts"),
        ("aliases: {xx: [Xyz]}", "a language is its ISO 639 code, such as 'en', and this is none (got 'xx')"),
        ("aliases: [К*]", "2:29: concepts.a:b.aliases.0: a * stands at the end of a word"),
        ("aliases: [Ки*та]", "2:29: concepts.a:b.aliases.0: a * stands at the end of a word"),
        (
            "aliases: [Xy], stands_for: [{concept: country:chyna}]",
            "2:48: unknown concept 'country:chyna' (did you mean",
        ),
        ("aliases: [Xy], stands_for: [{concept: a:b, from: May}]", "concepts.a:b.stands_for.0.from: "),
        ("aliases: [Xy], stands_for: [{concept: a:b, from: 2026-01-02, until: 2026-01-01}]", "until is before from"),
        (
            "aliases: [Xy], stands_for: [{concept: a:b, to: 2026-01-02}]",
            "unknown key 'to' (known: concept, from, until)",
        ),
    ],
)
def test_what_is_wrong_with_a_concept(directory: Path, fields: str, expected: str) -> None:
    own(directory, f"  a:b: {{label: B, {fields}}}\n")
    (problem,) = problems(directory)
    assert problem.startswith("concepts/more.yaml:2:")
    assert expected in problem


def test_the_shipped_concepts_stand_for_concepts_that_there_are(directory: Path) -> None:
    known = shipped()
    meant = {meant.concept for concept in known.values() for meant in concept.stands_for}
    assert sorted(meant - known.keys()) == []


def test_a_missing_directory(tmp_path: Path) -> None:
    assert "there is no such directory" in problems(tmp_path / "none")[0]


def test_a_directory_that_the_environment_names_is_blamed_on_the_variable(tmp_path: Path) -> None:
    assert config.find(None, {"AGGREGATOR_CONFIG": str(tmp_path)}) == tmp_path
    with pytest.raises(ConfigError, match="AGGREGATOR_CONFIG: there is no directory /nowhere"):
        config.find(None, {"AGGREGATOR_CONFIG": "/nowhere"})


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"a: 1\nb: \xff\n", "2:1: not UTF-8 text"),
        (b"a: 1\nb: x\x00\n", "2:5: the character U+0000 is not allowed in YAML"),
        (b"- a\n", "1:1: "),
        (b"a: &a [*a]", "1:4: too"),
        (b'listen: a:1\nstate: "a\\x01"\n', "2:8: has the character U+0001 in it"),
        (b'listen: a:1\n"a\\0": x\n', "2:1: has the character U+0000 in it"),
    ],
    ids=["not UTF-8", "NUL", "a list", "an alias of itself", "a control in a value", "a control in a key"],
)
def test_bytes_that_are_no_configuration(directory: Path, raw: bytes, expected: str) -> None:
    (directory / "aggregator.yaml").write_bytes(raw)
    assert problems(directory)[0].startswith(f"aggregator.yaml:{expected}")


def test_an_alias_bomb_is_bounded(directory: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 9)}]" for number in range(1, 10)]
    (directory / "aggregator.yaml").write_text("\n".join(lines))
    assert "too many" in problems(directory)[0]


def test_deep_nesting_is_an_error_and_no_crash(directory: Path) -> None:
    (directory / "aggregator.yaml").write_text("[" * 100_000)  # in a process of its own: libyaml's is a C stack
    code = "import sys; from pathlib import Path; from aggregator import config; config.load(Path(sys.argv[1]), {})"
    ran = subprocess.run([sys.executable, "-c", code, directory], capture_output=True, text=True, check=False)
    assert (ran.returncode, "ConfigError" in ran.stderr) == (1, True)


def test_the_environment_is_put_over_the_file(directory: Path) -> None:
    over = {"AGGREGATOR_LISTEN": "[::1]:9", "AGGREGATOR_POLL__EVERY": "5m", "AGGREGATOR_FETCH__ALLOW": "10.0.0.0/8 ::1"}
    settings = config.load(directory, over).settings
    assert (settings.address, settings.poll.every, len(settings.fetch.allow)) == (("::1", 9), timedelta(minutes=5), 2)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("AGGREGATOR_POLL__EVERY", "often"), ("AGGREGATOR_LISTEN", "x"), ("AGGREGATOR_FETCH__ALLOW", "x")],
)
def test_a_problem_in_the_environment_names_the_variable(directory: Path, variable: str, value: str) -> None:
    (found,) = problems(directory, **{variable: value})
    assert found.startswith(f"environment variable {variable}: ") and repr(value) in found


def test_an_unknown_variable_is_an_error(directory: Path) -> None:
    bare = {"AGGREGATOR_CONFIG": "x", "AGGREGATOR_TEST_ALL": "1"}
    assert config.load(directory, bare).settings.address == ("127.0.0.1", 8080)
    assert problems(directory, AGGREGATOR_LISTN="a:1") == [
        "environment variable AGGREGATOR_LISTN: there is no such setting (did you mean 'AGGREGATOR_LISTEN'?)"
    ]


def test_state_in_the_environment_is_relative_to_where_one_stands(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(directory.parent)
    assert config.load(directory, {"AGGREGATOR_STATE": "here"}).state == directory.parent / "here"


@pytest.mark.parametrize(
    ("listen", "base"),
    [
        ("127.0.0.1:8081", "http://127.0.0.1:8081/"),
        ("news.example:80", "http://news.example:80/"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080/"),
        ("[::]:8080", "http://[::1]:8080/"),
    ],
)
def test_base_url_follows_from_listen_unless_it_is_given(directory: Path, listen: str, base: str) -> None:
    variables = {"AGGREGATOR_LISTEN": listen}
    assert config.load(directory, variables).settings.base_url == base
    variables["AGGREGATOR_BASE_URL"] = "https://news.example.org"
    assert config.load(directory, variables).settings.base_url == "https://news.example.org/"


def test_a_pause_may_be_nothing_and_a_duration_may_not() -> None:
    assert TypeAdapter(units.Pause).validate_python("0s") == timedelta(0)
    with pytest.raises(ValidationError, match="longer than 0"):
        TypeAdapter(units.Duration).validate_python("0s")


@pytest.mark.parametrize(
    "line",
    [
        "url: 'http://me:s3cret@example.org/feed'",
        "opml: 'http://me:s3cret@example.org/list.opml'",
        "url: 'https://me:s3cret/x@example.org/feed'",
        "url: 'https://me:s3cret@s3cret@'",
        "{url: 'http://example.org/', auth: s3cret}",
        "{url: 'http://example.org/', cookies: s3cret}",
        "{url: 'http://example.org/', headers: {X-Key: \"s3cret\\n\"}}",
        "{url: 'http://example.org/', auth: {token: \"s3cret\\n\"}}",
        "{url: 'http://example.org/', proxy: 'socks://me:s3cret@127.0.0.1/'}",
    ],
)
def test_no_message_shows_a_secret(config_directory: Path, line: str) -> None:
    (config_directory / "sources.yaml").write_text(f"sources:\n  - {line}\n")
    with pytest.raises(ConfigError) as caught:
        config.load(config_directory, {})
    assert "sources.yaml:2:" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_digests_and_caps(directory: Path) -> None:
    text = "digests: [weekly, daily]\n    timezone: Asia/Kathmandu\n    digest_at: 07:30\n    max_share: 30 %\n    max_per_hour: 9\n"
    more = "  b: {title: B, any: [country:china], extends: a, digests: [hourly]}\n"
    (directory / "topics.yaml").write_text(f"topics:\n  a:\n    title: A\n    any: [country:china]\n    {text}{more}")
    found = config.load(directory, {"AGGREGATOR_TIMEZONE": "Europe/Zurich"})
    assert (found.settings.timezone, found.settings.digest_at) == ("Europe/Zurich", "00:00")
    one, other = found.topics.values()
    looks = (one.timezone, one.digest_at, one.max_share, one.max_per_hour)
    assert (one.digests, looks) == (("weekly", "daily"), ("Asia/Kathmandu", "07:30", 30, 9))
    assert other.digests == ("hourly",)
    assert (other.timezone, other.digest_at, other.max_share, other.max_per_hour) == looks
