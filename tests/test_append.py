"""Items added to sources.yaml are text at its end; what stands there stays, byte for byte."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config import append, yamlfile
from aggregator.errors import AppendError
from aggregator.terminal import on_one_line

NEW = ("https://n.example/feed", "New", ("World", "Asia"))
ITEM = "- url: https://n.example/feed\n  name: New\n  labels: [World, Asia]\n"


def indented(by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in ITEM.splitlines())


@pytest.mark.parametrize(
    ("before", "added"),
    [
        pytest.param("# mine\nsources:\n  - url: https://a.example/ # one\n\n# end\n", indented(2), id="comments"),
        pytest.param("sources:\n- url: https://a.example/\n", indented(0), id="no indentation"),
        pytest.param("sources:\n    - url: https://a.example/\n", indented(4), id="deep indentation"),
        pytest.param("sources:\n  - {url: https://a.example/}", "\n" + indented(2), id="no last line end"),
        pytest.param("sources:\n", indented(2), id="empty list"),
        pytest.param("sources: # none yet\n", indented(2), id="empty list with comment"),
        pytest.param("# nothing\n", "sources:\n" + indented(2), id="no list"),
        pytest.param("", "sources:\n" + indented(2), id="empty file"),
        pytest.param("sources:\r\n  - url: https://a.example/\r\n", indented(2).replace("\n", "\r\n"), id="CRLF"),
    ],
)
def test_item_is_added(before: str, added: str, tmp_path: Path) -> None:
    after = append.appended(before, [NEW], "s.yaml")
    assert after == before + added
    (tmp_path / "s.yaml").write_text(after, newline="")
    items = yamlfile.load(tmp_path / "s.yaml").data["sources"]
    assert items[-1] == {"url": NEW[0], "name": "New", "labels": ["World", "Asia"]}


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        pytest.param(
            "sources: [{url: https://a.example/}]\n", "s.yaml:1:1: the list is not written with a line", id="flow"
        ),
        pytest.param("sources: []\n", "s.yaml:1:1: the list is not written", id="empty flow"),
        pytest.param("{sources: [{url: x}]}\n", "s.yaml:1:1: not written with a line for each key", id="flow file"),
        pytest.param("sources:\n  - url: x\nmore: 1\n", "s.yaml:3:1: the key 'more' stands behind", id="key behind"),
        pytest.param("sources: !!seq\n  - url: x\n", "s.yaml:1:1: the list", id="tag"),
        pytest.param("- url: x\n", "s.yaml:1:1: not written", id="list alone"),
        pytest.param("sources: {\n", "s.yaml:1:1: cannot be read as YAML", id="broken"),
        pytest.param("sources:\n  - url: x\n---\nsources:\n", "s.yaml:1:1: cannot be read as YAML", id="two documents"),
    ],
)
def test_where_no_text_can_be_added_the_place_is_named(before: str, reason: str) -> None:
    with pytest.raises(AppendError) as caught:
        append.appended(before, [NEW], "s.yaml")
    assert str(caught.value).startswith(reason)


words = st.text(max_size=60).map(lambda text: on_one_line(text, 60)).filter(bool)
tricky = st.sampled_from(
    [
        "no",
        "NULL",
        "1:30",
        "012",
        "a: b",
        "a #b",
        "- a",
        "[a]",
        "{a}",
        "'a'",
        '"a"',
        "&a",
        "*a",
        "!a",
        "%a",
        "@a",
        "a,b",
        "~",
        "a\u200db",
        "😀",
    ]
)


@given(
    words | tricky,
    st.lists(words | tricky, max_size=4, unique=True),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30),
)
def test_every_text_comes_back_as_it_was(tmp_path_factory, name: str, labels: list[str], path: str) -> None:
    url = f"https://n.example/{path}"
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(append.appended("sources:\n", [(url, name, labels)], "s.yaml"), encoding="utf-8")
    wanted = {"url": url, "name": name} | ({"labels": labels} if labels else {})
    assert yamlfile.load(file).data == {"sources": [wanted]}
