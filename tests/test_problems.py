"""All that is wrong with a configuration is said at once, in plain words, each with its place."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from aggregator.cli import main
from aggregator.config import yamlfile
from aggregator.errors import ConfigError

SOUND = {
    "aggregator.yaml": "",
    "sources.yaml": "sources:\n  - {folder: ../in, name: Desk}\n",
    "topics.yaml": "topics:\n  a: {title: A, any: [{phrase: rail}]}\n",
}


def checked(directory: Path, *options: str, **files: str) -> tuple[int, list[str]]:
    """The exit code of `check`, and its lines without the directory's name."""
    (directory / "concepts").mkdir(exist_ok=True)
    for name, text in {**SOUND, **{name.replace("__", "/") + ".yaml": text for name, text in files.items()}}.items():
        (directory / name).write_text(text)
    ran = CliRunner().invoke(main, ["--config", str(directory), "check", *options])
    return ran.exit_code, ran.output.replace(f"{directory}/", "").splitlines()


def test_what_is_wrong_in_one_place_hides_nothing_that_is_wrong_in_another(tmp_path: Path) -> None:
    topics = """topics:
  wrong-key: {title: A, any: [{phrase: rail}], limt: 3}
  unknown: {title: B, any: [country:chine]}
  failing:
    title: C
    any: [{phrase: rail}]
    examples: {match: [{title: Ferry}]}
  no-source: {title: D, any: [{source: Dusk}]}
  rests-on-wrong: {title: E, any: [{rule: bad}], examples: {match: [{title: Ferry}]}}
  extends-wrong: {title: F, extends: rests-on-wrong, examples: {match: [{title: Ferry}]}}
  named: {title: G, any: [person:ada], examples: {match: [{title: Ada}]}}
rules:
  bad: {length: {min: 9, max: 5}}
"""
    concepts = "concepts:\n  person:ada: {label: Ada, aliases: [Ada]}\n  \tx: 1\n"
    code, lines = checked(
        tmp_path,
        aggregator="listn: x\n",
        sources="sources:\n  - {folder: ../in, name: Desk, rnk: 3}\n",
        concepts__own=concepts,
        topics=topics,
    )
    assert code == 78
    assert lines == [
        "aggregator.yaml:1:1: unknown key 'listn' (did you mean 'listen'?)",
        "concepts/own.yaml:3:3: a tab stands here: YAML is indented with spaces, so put spaces in its place",
        "sources.yaml:2:33: unknown key 'rnk' (did you mean 'rank'?)",
        "topics.yaml:2:48: unknown key 'limt' (did you mean 'limit'?)",
        "topics.yaml:3:29: unknown concept 'country:chine' (did you mean 'country:china'?); define new ones in concepts/",
        "topics.yaml:7:24: topic 'failing' rejects “Ferry”: phrase “rail” in text: not found",
        "topics.yaml:8:32: no source has the name, id or label 'Dusk'",
        "topics.yaml:13:9: rules.bad.length: no text has 9 words at least and 5 at most: min is above max",
    ]


def test_of_what_a_broken_file_may_define_nothing_is_said(tmp_path: Path) -> None:
    topics = """topics:
  a: {title: A, any: [{source: Desk}], examples: {match: [{title: x, source: Desk}]}}
  b: {title: B, any: [person:ada], examples: {match: [{title: Ada}]}}
  c: {title: C, any: [{source: "De*"}], examples: {match: [{title: x, source: desk}]}}
"""
    concepts = "concepts:\n  person:ada: {label: Ada, alias: [Ada]}\n"
    _, lines = checked(
        tmp_path, sources="sources:\n  - {folder: ../in, name: Desk\n", concepts__own=concepts, topics=topics
    )
    assert [line.partition(": ")[0] for line in lines] == [
        "concepts/own.yaml:2:3",
        "concepts/own.yaml:2:28",
        "sources.yaml:3:1",
    ]


def test_a_broken_source_is_left_out_and_the_places_of_the_others_stay(tmp_path: Path) -> None:
    sources = "sources:\n  - {folder: ../a, nam: x}\n  - {folder: ../b}\n  - {folder: ../b}\n"
    assert checked(tmp_path, sources=sources)[1] == [
        "sources.yaml:2:20: unknown key 'nam' (did you mean 'name'?)",
        "sources.yaml:4:5: another source has the id 'folder:b' too: give one of them an `id:` of its own",
    ]


def test_check_for_machines(tmp_path: Path) -> None:
    code, lines = checked(tmp_path, "--json", topics="topics:\n  a: {title: A, any: [{phrase: rail}], limt: 3}\n")
    found = json.loads("\n".join(lines))
    assert (code, found["good"]) == (78, False)
    assert found["problems"] == [
        {
            "file": "topics.yaml",
            "line": 2,
            "column": 40,
            "key": "topics.a.limt",
            "message": "unknown key 'limt' (did you mean 'limit'?)",
        }
    ]
    code, lines = checked(tmp_path, "--json")
    found = json.loads("\n".join(lines))
    assert (code, found["good"], found["problems"], found["topics"], found["sources"]) == (0, True, [], 1, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a:\n\tb: 1\n", "2:1: a tab stands here"),
        ("a:\n  b: 1\n\tc: 2\n", "3:1: a tab stands here"),
        ("a: b: c\n", "1:5: a second ': ' in one line"),
        ("a: x\n   b: y\n", "2:5: a key cannot stand here: indent it"),
        ("a:1\nb: 2\n", "2:2: a key cannot stand here: indent it as far as the other keys; each needs a space behind"),
        ("a:\n    b: 1\n  c: 2\n", "3:3: this line is not indented like the others"),
        ("a:\n  - b: 1\n   c: 2\n", "3:4: this line is not indented like the others"),
        ("a: 'it's'\n", "1:8: something stands behind the end of the value: put all of it into quotes"),
        ('a: "x\nb: y\n', "1:4: the text in quotes that begins here has no end"),
        ("a: [x\nb: y\n", "2:2: a comma is missing, or the [ of line 1 is not closed"),
        ("a: {x: y\nb: z\n", "2:2: a comma is missing, or the { of line 1 is not closed"),
        ("a: 1\nfoo\nb: 2\n", "2:1: here is neither a key nor an item of a list"),
        ("a: *x\n", "1:4: a value that begins with * stands in quotes"),
        ("a: !x!y z\n", "1:4: a value that begins with ! stands in quotes"),
        ("a: @x\n", "1:4: no value begins with @: put it into quotes"),
        ("a: [x,, y]\n", "1:7: a value is missing before this ,"),
        ('a: "\\d"\n', "1:5: in double quotes \\ begins a special character: use single quotes"),
        ("a: - b\n", "1:4: an item of a list, '- …', stands in a line of its own"),
        ("a: 1\n---\nb: 2\n", "2:1: '---' begins another document"),
        ("a: |x\n  y\n", "1:5: behind | or > the text begins in the next line"),
        ("a: 1\nb: \x01\n", "2:4: the character U+0001 is not allowed in YAML"),
    ],
)
def test_what_is_no_yaml_is_said_in_plain_words(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        yamlfile.parse(text.encode(), "x")
    assert str(caught.value).startswith(f"x:{said}")
