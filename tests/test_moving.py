"""Feeds and filters come over from other readers: what can be said is a topic, all else is listed, nothing is run."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from aggregator import config, moving
from aggregator.config import topics as topic_files
from aggregator.errors import DocumentError
from aggregator.judge import Judge
from aggregator.models import Category
from aggregator.moving import comparisons, newsboat, php, searches
from aggregator.moving.entries import entries
from aggregator.moving.filters import Untranslatable, as_topic, pcre, posix
from aggregator.moving.moved import File, Wanted
from aggregator.subscriptions import add, plan, report_left_out, topics_of
from tests.in_process import aggregator
from tests.test_store import article

EXPORTS = Path(__file__).parent / "moving"
FILES = {
    "freshrss": ("freshrss.opml.xml", "config.php"),
    "miniflux": ("miniflux.opml", "me.json", "feeds.json"),
    "newsboat": ("urls", "config"),
}


@pytest.fixture(scope="module")
def shipped() -> config.Config:
    return config.load(Path(__file__).parent.parent / "config", {})


def moved(reader: str, **files: str | bytes) -> moving.Moved:
    return moving.READERS[reader](
        [File(name, body if isinstance(body, bytes) else body.encode()) for name, body in files.items()]
    )


@pytest.mark.parametrize("reader", FILES)
def test_export_becomes_topics_and_a_list_of_what_is_left_out(reader: str, shipped: config.Config) -> None:
    found = moving.READERS[reader]([File(name, (EXPORTS / name).read_bytes()) for name in FILES[reader]])
    entries, left_out = topics_of(found, plan(found.feeds, ()), shipped)
    text = "\n".join([*(entry for _, entry in entries), *report_left_out(left_out)]) + "\n"
    assert text == (EXPORTS / f"{reader}.expected.txt").read_text()
    assert "hush" not in text


@pytest.mark.parametrize("reader", FILES)
def test_configuration_is_good_with_what_came_over(reader: str, config_directory: Path) -> None:
    before = {name: (config_directory / name).read_bytes() for name in ("sources.yaml", "topics.yaml")}
    found = moving.READERS[reader]([File(name, (EXPORTS / name).read_bytes()) for name in FILES[reader]])
    wanted = plan(found.feeds, ())
    entries, _ = topics_of(found, wanted, config.load(config_directory, {}))
    add(config_directory, wanted.add, [text for _, text in entries])
    after = config.load(config_directory, {})
    assert {slug for slug, _ in entries} < after.topics.keys()
    assert all((config_directory / name).read_bytes().startswith(text) for name, text in before.items())
    assert topics_of(found, plan(found.feeds, after.sources.keys()), after)[0] == ()


def test_commands_of_an_import(config_directory: Path) -> None:
    files = [str(EXPORTS / name) for name in FILES["newsboat"]]
    before = (config_directory / "topics.yaml").read_bytes()
    shown = aggregator(config_directory, "import", "--dry-run", "--from", "newsboat", *files)
    assert (shown.exit_code, shown.stderr.splitlines()[-1]) == (0, "3 feeds and 8 topics would be added")
    assert (config_directory / "topics.yaml").read_bytes() == before
    ended = aggregator(config_directory, "import", "--from", "newsboat", *files)
    assert (ended.exit_code, "config:16: ignore-article" in ended.stderr) == (0, True)
    assert ended.stdout.startswith(f"3 feeds and 8 topics added to {config_directory / 'sources.yaml'} and ")
    assert aggregator(config_directory, "check").exit_code == 0
    again = aggregator(config_directory, "import", "--from", "newsboat", *files)
    assert (again.exit_code, again.stdout, again.stderr.splitlines()[-1]) == (0, "", "nothing to add")
    assert sorted(path.name for path in config_directory.glob(".*")) == []


def holds(rule: dict[str, object], shipped: config.Config, **fields: object) -> bool:
    """Whether an article of the source `wire.example.org/feed` belongs to a topic of this rule."""
    text = yaml.safe_dump({"topics": {"one": {"title": "One", **rule}}})
    topic = topic_files.schema().validate_python(yaml.safe_load(text)).topics["one"]
    judge = Judge(replace(shipped, topics={"one": topic}))
    one = article("1", "wire.example.org/feed", **{"title": "Title", "text": "Words.", **fields})
    return judge.explain(one, ["one"]).verdicts["one"].holds


def freshrss(search: str) -> dict[str, Any]:
    rule, age = searches.rule(search)
    assert age is None
    return as_topic(rule)


def of_newsboat(text: str) -> dict[str, Any]:
    asked = comparisons.read(text, {})
    assert asked.rule
    return as_topic(asked.rule)


@pytest.mark.parametrize(
    ("rule", "said", "title", "expected"),
    [
        pytest.param(freshrss, "intitle:cat", "Concatenated", True, id="a word may stand within another"),
        pytest.param(freshrss, "intitle:'no limits'", "A no limits pact", True, id="single quotes"),
        pytest.param(freshrss, 'intitle:"no limits"', "No such limits", False, id="double quotes"),
        pytest.param(freshrss, "gas oil", "Gas and oil", True, id="side by side: both"),
        pytest.param(freshrss, "gas oil", "Gas alone", False, id="side by side: one"),
        pytest.param(freshrss, "gas OR oil coal", "Gas alone", True, id="OR binds less"),
        pytest.param(freshrss, "(gas OR oil) coal", "Gas alone", False, id="brackets"),
        pytest.param(freshrss, "gas !oil", "Gas and oil", False, id="not"),
        pytest.param(freshrss, "gas -(oil coal)", "Gas and oil", True, id="not a bracket"),
        pytest.param(freshrss, "intitle:/^Ga+s/", "gas", False, id="a regex heeds case"),
        pytest.param(freshrss, r"intitle:/a\/b/i", "A/B", True, id="a slash in a regex"),
        pytest.param(freshrss, r"intitle:\(gas\)", "It is (gas)", True, id="brackets that are text"),
        pytest.param(freshrss, "intitle:a.c", "abc", False, id="a dot is a dot"),
        pytest.param(freshrss, "author:'ivan petrov'", "By", True, id="author"),
        pytest.param(freshrss, "inurl:/SPORT/i", "By", True, id="address"),
        pytest.param(freshrss, "orange", "An ORange", True, id="OR within a word"),
        pytest.param(of_newsboat, 'title =~ "^gas"', "Gas", True, id="case does not matter"),
        pytest.param(of_newsboat, 'title !~ "gas"', "Gas", False, id="not like"),
        pytest.param(of_newsboat, 'title = "Gas"', "gas", False, id="equal is equal"),
        pytest.param(of_newsboat, 'title == "Gas (2)"', "Gas (2)", True, id="equal takes signs as they are"),
        pytest.param(
            of_newsboat,
            'title =~ "x" and title =~ "y" or title =~ "z"',
            "z",
            False,
            id="from the right: x and (y or z)",
        ),
        pytest.param(of_newsboat, '(title =~ "x" and title =~ "y")or(title =~ "z")', "z", True, id="brackets"),
        pytest.param(of_newsboat, r'title =~ "\<gas\>"', "Gasoline", False, id="edges of words"),
        pytest.param(of_newsboat, r'title =~ "a[\.]b"', "a.b", True, id="a class"),
        pytest.param(of_newsboat, 'title =~ "say \\"gas\\""', 'say "gas"', True, id="quotes within"),
        pytest.param(of_newsboat, 'tags # "wires"', "Gas", False, id="tags"),
    ],
)
def test_what_is_said_there_means_the_same_here(
    rule: Callable[[str], dict[str, Any]], said: str, title: str, expected: bool, shipped: config.Config
) -> None:
    facts = {"title": title, "authors": ("Ivan Petrov",), "link": "https://a.example/sport/1"}
    assert holds(rule(said), shipped, **facts) is expected


@pytest.mark.parametrize(
    ("title", "category", "expected"),
    [
        ("Gas", (), True),
        ("Sale of gas", (), False),
        ("Gas", ("Ads",), False),
        ("Oil", (), False),
        ("Gas", ("Ad",), True),
    ],
)
def test_rules_of_miniflux_keep_and_block(
    title: str, category: tuple[str, ...], expected: bool, shipped: config.Config
) -> None:
    said = 'miniflux:blocklistRules="^(Sale|Ads)" miniflux:keepFilterEntryRules="EntryTitle=(?i)gas" miniflux:keeplistRules="x"'
    feed = f'<outline text="A" xmlUrl="https://wire.example.org/feed" {said}/>'
    found = moved("miniflux", f=f'<opml xmlns:miniflux="https://miniflux.app/opml"><body>{feed}</body></opml>')
    (one,) = found.topics
    assert holds(one.rule, shipped, title=title, categories=tuple(map(Category, category))) is expected


@pytest.mark.parametrize(
    ("read", "said"),
    [
        *((searches.rule, said) for said in (
        "(a", "a)", "f:1 gas", "label:x", "date:2024", "gas !pubdate:P1D", "pubdate:P1D a OR b", "OR", "", "e:1", "S:2",
        "intitle:/(?<=a)b/", "intitle:/a/x", "(" * 12 + "a" + ")" * 12, "a " * 400, "x" * 6000,
        )),
        *((lambda said: comparisons.read(said, {}), said) for said in (
        "title", 'title =~ "a" or', '(title =~ "a"', 'title =~ "a")', 'title =~ "a" title =~ "b"', 'x =~ "a"', "age > 7",
        'unread = "no"', 'unread = "yes" or title =~ "a"', 'flags # "a"', 'title =~ "(a)\\1"', 'title =~ "[[=a=]]"', "",
        "(" * 12 + 'title = "a"' + ")" * 12, 'feedtitle = "none"', "age < 0",
        )),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused(read: Callable[[str], object], said: str) -> None:
    with pytest.raises(Untranslatable):
        read(said)


def test_regexes_are_those_of_re2() -> None:
    assert posix(r"a{,3}[^\]b]", "title")["regex"] == r"a{0,3}[^\\]b]"
    assert pcre("^a", "m", "title")["regex"] == "(?m)^a"
    with pytest.raises(Untranslatable, match="no beginning and end"):
        pcre("^a", "", "text")


@pytest.mark.parametrize(
    ("reader", "body", "reason"),
    [
        pytest.param(
            "freshrss", b"<?php return array('a' => system('id'));", "nothing here is run", id="php that calls"
        ),
        pytest.param("freshrss", b'<?php return array("a" => "$x");', "nothing here is run", id="php that expands"),
        pytest.param("freshrss", b"<?php echo 1;", r"begins with <\?php return", id="php of another kind"),
        pytest.param("freshrss", b"<?php return " + b"array(" * 50, "deeper than 20", id="php too deep"),
        pytest.param("freshrss", b"<?php return array(1 2);", "a comma is missing", id="php cut"),
        pytest.param("freshrss", b"<?php return array('a' =>", "a value is missing", id="php without an end"),
        pytest.param("freshrss", b"<!DOCTYPE x [<!ENTITY a 'b'>]><opml/>", "defines entities", id="entities"),
        pytest.param("miniflux", b"[" * 100_000, "too deep|no JSON", id="json too deep"),
        pytest.param("miniflux", b'{"a": ' + b"9" * 10_000 + b"}", "numbers too long", id="json with a long number"),
        pytest.param("miniflux", b"[1]", "item 1 is no feed", id="json of something else"),
        pytest.param("miniflux", b'[{"a": ', r"f:1:8: no JSON", id="json cut"),
        pytest.param("newsboat", b"https://a.example/ \xff\n", "f:1:1: not UTF-8", id="no text"),
        pytest.param("newsboat", b"https://a.example/" + b"x" * 30_000, "f:1:1: a line of more", id="a long line"),
        pytest.param("newsboat", b"x " * 3_000_000, "larger than", id="too large"),
    ],
)
def test_hostile_file_is_refused_with_its_place(reader: str, body: bytes, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        moved(reader, f=body)


def test_a_flood_of_filters_is_refused_and_a_hostile_one_takes_no_time() -> None:
    with pytest.raises(DocumentError, match="more than 2,000 filters"):
        moved("newsboat", f="https://a.example/\n" + 'ignore-article * "title =~ \\"x\\""\n' * 2_001)
    began = time.process_time()
    for text in ("[" * 999, "[[:" * 333, "\\" * 999, "(a*)*" * 1_000, '"' * 4_999):
        for read in (
            searches.rule,
            lambda one: comparisons.read(f'title =~ "{one}"', {}),
            lambda one: posix(one, "url"),
        ):
            with pytest.raises(Untranslatable):
                read(text)
    assert time.process_time() - began < 20  # of what would take for ever


def test_all_filters_of_all_files_are_counted_together() -> None:
    queries = '"query:Gas:title =~ \\"gas\\""\n'
    searches_ = "array('name' => 'Gas', 'search' => 'intitle:gas'),\n"
    php_ = "<?php\nreturn array('queries' => array(" + searches_ * 1_001 + "));\n"
    feed = '{"feed_url": "https://a.example/%d", "blocklist_rules": "gas"}'
    for reader, files in (
        ("newsboat", {"urls": queries * 1_001, "more": queries * 1_000}),
        ("freshrss", {"me": php_, "you": php_}),
        ("miniflux", {"feeds": f"[{','.join(feed % number for number in range(2_001))}]"}),
    ):
        with pytest.raises(DocumentError, match="more than 2,000 filters"):
            moved(reader, **files)


def test_what_filters_ask_of_the_names_of_feeds_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newsboat, "MAX_LOOKS", 20)
    feeds = "".join(f'https://a.example/{number} "~T{number}"\n' for number in range(10))
    asks = '"query:A:feedtitle =~ \\"T\\""\n'
    assert len(moved("newsboat", urls=feeds + asks * 2).topics) == 2
    for more in (asks * 3, 'ignore-article "regex:a" "title =~ \\"x\\""\n' * 3):
        with pytest.raises(DocumentError, match=r"urls:1\d:1: the filters so far ask too much"):
            moved("newsboat", urls=feeds + more)


def test_what_is_said_of_all_feeds_does_not_multiply_without_end() -> None:
    of_all = 'ignore-article * "title =~ \\"x\\""\n' * 200
    queries = '"query:Gas:title =~ \\"gas\\""\n' * 200
    with pytest.raises(DocumentError, match="more than 20,000 rules"):
        moved("newsboat", urls=of_all + queries)


def test_a_line_that_goes_on_and_on_is_refused() -> None:
    with pytest.raises(DocumentError, match="f:1:1: a line of more"):
        moved("newsboat", f="aa\\\n" * 1_000_000)


def test_topics_of_one_title_get_numbers() -> None:
    wanted = [Wanted(title, "f:1", {"any": [{"regex": "gas"}]}) for title in ("Gas", "Gas", "Gas 2", "Gas", "Other")]
    found, refused = entries(wanted, [], ["other"])
    assert [slug for slug, _ in found] == ["gas", "gas-2", "gas-2-2", "gas-3"]
    assert len(refused) == 1


def test_the_lines_of_searches_are_known() -> None:
    search = "array('name' => 'Gas', 'get' => 'f_1', 'search' => 'x'),"
    body = f"<?php\nreturn array('queries' => array(\n{search}\n\n{search}));\n"
    assert [one.place for one in moved("freshrss", f=body).left_out] == ["f:3", "f:5"]


def test_php_is_read_as_it_is_written() -> None:
    text = "<?php\n// mine\nreturn [ 'a' => 'it\\'s \\\\n', 3 => -1.5, array (true, null,), ];\n"
    assert php.read(text, "f") == {"a": "it's \\n", 3: -1.5, 2: {0: True, 1: None}}
