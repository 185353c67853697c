"""The shipped concepts are those of tools/concepts, as far as that can be told without CLDR, and pass the checks of the tool."""

import importlib
import json
import runpy
import sys
from pathlib import Path

import pytest
import yaml

TOOLS = Path(__file__).parent.parent / "tools"
DATA = Path(__file__).parent.parent / "aggregator" / "data" / "concepts"
TOOL = runpy.run_path(str(TOOLS / "make_concepts.py"))
SHIPPED = {
    path.stem: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for path in sorted(DATA.glob("*.jsonl"))
}


def concept(name: str, *aliases: str, **fields: object) -> dict[str, object]:
    return {"id": name, "label": "A label", "aliases": {"ru": list(aliases)}, **fields}


def test_shipped_concepts_pass_the_checks() -> None:
    assert set(SHIPPED) == set(TOOL["FILES"])
    assert TOOL["problems"]([one for listed in SHIPPED.values() for one in listed], TOOL["shared_names"]()) == []


def test_shipped_concepts_are_sorted_by_id_and_written_as_the_tool_writes() -> None:
    for name, listed in SHIPPED.items():
        assert [one["id"] for one in listed] == sorted(one["id"] for one in listed)
        assert TOOL["text"](listed) == (DATA / f"{name}.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["organisations", "people", "subjects"])
def test_what_needs_no_cldr_is_up_to_date(name: str) -> None:
    assert TOOL["text"](TOOL["read"](TOOLS / "concepts" / f"{name}.yaml")) == TOOL["text"](SHIPPED[name])


def test_every_country_of_the_source_is_shipped() -> None:
    text = (TOOLS / "concepts" / "countries.yaml").read_text(encoding="utf-8")
    source = yaml.load(text, yaml.CSafeLoader)["concepts"]
    assert {one["id"]: one.get("code") for one in SHIPPED["countries"]} == {
        name: fields.get("code") for name, fields in source.items()
    }


def test_countries_are_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    core = pytest.importorskip("babel.core")
    monkeypatch.syspath_prepend(str(TOOLS))
    used = importlib.import_module("cldr").VERSION
    if core.get_cldr_version() != used:
        pytest.skip(f"the shipped names are those of CLDR {used}")
    monkeypatch.setattr(sys, "argv", ["make_concepts.py", "--check"])
    assert TOOL["main"]() == 0


def test_the_notice_names_the_version_of_cldr(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("babel")
    monkeypatch.syspath_prepend(str(TOOLS))
    notice = (DATA / "NOTICE").read_text(encoding="utf-8")
    assert f"version {importlib.import_module('cldr').VERSION}," in notice
    assert "UNICODE LICENSE V3" in notice


@pytest.mark.parametrize(
    ("concepts", "problem"),
    [
        ([concept("country:a", "Омск"), concept("country:b", "омск")], "also an alias of country:a"),
        ([concept("country:a", "Омск*"), concept("country:b", "Омск", "омск*")], "also an alias of country:a"),
        ([concept("country:a", "Ом*")], "at least 3 letters"),
        ([concept("country:a", "!")], "neither letters nor digits"),
        ([concept("country:a")], "at least 1 item"),
        ([concept("country:a", "Омск", stands_for=[{"concept": "country:b"}])], "'country:b', which is not known"),
        ([concept("country:a", "Омск", guards={"ru": ["о*"]})], "behind two letters"),
    ],
)
def test_refused(concepts: list[dict[str, object]], problem: str) -> None:
    found = TOOL["problems"](concepts)
    assert len(found) == 1
    assert problem in found[0]


def test_what_is_shared_is_not_refused() -> None:
    concepts = [concept("country:a", "Омск"), concept("country:b", "Омск")]
    assert len(TOOL["problems"](concepts)) == 1
    assert TOOL["problems"](concepts, frozenset(["Омск"])) == []


def test_every_shared_name_is_one_of_several_concepts() -> None:
    concepts = [one for listed in SHIPPED.values() for one in listed]
    refused = "\n".join(TOOL["problems"](concepts))
    assert [name for name in sorted(TOOL["shared_names"]()) if f"'{name}'" not in refused] == []


def test_one_alias_in_two_languages_is_two_names() -> None:
    assert TOOL["problems"]([concept("country:a", "Омск"), {**concept("country:b"), "aliases": {"uk": ["Омск"]}}]) == []


def test_an_alias_of_any_language_is_claimed_in_each() -> None:
    found = TOOL["problems"]([concept("country:a", "Омск"), {**concept("country:b"), "aliases": ["Омск"]}])
    assert len(found) == 1


def test_a_mistake_is_found_at_its_place(tmp_path: Path) -> None:
    path = tmp_path / "organisations.yaml"
    path.write_text("concepts:\n  org:a:\n    label: A\n    aliases: {ru: [Иван Петр*, То*]}\n")
    assert TOOL["problems"](TOOL["read"](path))[0].startswith("organisations.yaml:4:32: ru 'То*'")


def test_the_surname_of_a_person_has_the_endings_of_its_cases(tmp_path: Path) -> None:
    path = tmp_path / "people.yaml"
    path.write_text(
        "concepts:\n  person:a:\n    label: A\n    aliases: {ru: [Петров*], uk: [Іван* Петр*], pl: [Petrow*]}\n"
    )
    aliases = TOOL["read"](path)[0]["aliases"]
    assert {"Петров", "Петрова", "Петровым"} <= set(aliases["ru"])
    assert "Петровский" not in aliases["ru"]
    assert not [alias for alias in aliases["ru"] if alias.endswith("*")]
    assert (aliases["uk"], aliases["pl"]) == (["Іван* Петр*"], ["Petrow*"])


def test_two_countries_in_one_word_stand_before_what_two_have() -> None:
    names = TOOL["names_of_pairs"]()
    assert "中美关系" in names["country:china", "zh"]
    assert "中美关系" in names["country:united-states", "zh"]
    assert "中美" not in names["country:china", "zh"]
    assert {"米中関係", "日中関係"} <= TOOL["shared_names"]()


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (["Омск", "-Омск"], []),
        (["Омск", "Омск"], ["Омск"]),
        (["омск*", "Омск", "Омска", "омич"], ["омск*", "омич"]),
        (["Омск*", "омск"], ["Омск*", "омск"]),
        (["Омск*", "Омск и Томск"], ["Омск*", "Омск и Томск"]),
    ],
)
def test_aliases_are_tidied(tmp_path: Path, written: list[str], kept: list[str]) -> None:
    path = tmp_path / "organisations.yaml"
    aliases = {"ru": written, "en": ["Omsk"]}
    source = {"concepts": {"org:a": {"label": "A", "aliases": aliases}}}
    path.write_text(yaml.safe_dump(source, allow_unicode=True))
    assert TOOL["read"](path)[0]["aliases"].get("ru", []) == kept
