"""Write aggregator/data/concepts/*.jsonl, what the program knows when it comes, from tools/concepts/*.yaml.

Countries also get their names from CLDR, see tools/cldr.py, and those of two countries in one word from pairs.yaml. The
same sources give the same bytes.

Needs nothing that the program does not: babel comes with trafilatura. Another version of CLDR may give other names.

    python tools/make_concepts.py            write the files
    python tools/make_concepts.py --check    write nothing; exit 1 if a file is not up to date

Refused, with file, line and column: an alias that two concepts claim in one language and tools/concepts/shared.yaml
lacks, an alias without letters, a stem of fewer than three letters, a concept that stands for an unknown one.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from aggregator.config.concepts import Concept
from aggregator.lexicon import Name, name_of

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "tools" / "concepts"
OUTPUT = ROOT / "aggregator" / "data" / "concepts"
FILES = ("countries", "organisations", "people", "subjects")
FIELDS = ("id", "label", "code", "aliases", "guards", "stands_for")
SHORTEST_STEM = 3  # letters before a *
ANY = "any"
# What a surname that is written as a stem may end in: Путин* is found in Путину, but not in Путинцева.
CASES = {
    "ru": " а у ом ем е ым ы ой и ю я ей".split(" "),
    "uk": " а у ом ем о е им і и ою ій ові еві ю я єм".split(" "),
}
ADJECTIVES = "ий ого ому им ом".split()  # of surnames whose stem ends in цк or ск

Fields = dict[str, Any]  # of one concept, as in a line of the files


class Placed(str):
    """A text that knows where in its file it stands."""

    place = ""


class _Loader(yaml.CSafeLoader):  # three times as fast as the one in Python
    def construct_placed(self, node: yaml.ScalarNode) -> Placed:
        mark = node.start_mark
        return _placed(self.construct_scalar(node), f"{Path(mark.name).name}:{mark.line + 1}:{mark.column + 1}")


_Loader.add_constructor("tag:yaml.org,2002:str", _Loader.construct_placed)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not up to date")
    args = parser.parse_args()
    try:
        files = {name: read(SOURCES / f"{name}.yaml") for name in FILES}
    except (OSError, ValueError, yaml.YAMLError) as error:
        print(error, file=sys.stderr)
        return 2
    wrong = problems([concept for concepts in files.values() for concept in concepts], shared_names())
    if wrong:
        print(*wrong, sep="\n", file=sys.stderr)
        return 2
    old = [name for name, concepts in files.items() if not _is_current(name, text(concepts))]
    if args.check:
        for name in old:
            print(f"{name}.jsonl is not up to date: run python tools/make_concepts.py", file=sys.stderr)
        return 1 if old else 0
    for name in old:
        (OUTPUT / f"{name}.jsonl").write_text(text(files[name]), encoding="utf-8", newline="\n")
    return 0


def read(path: Path) -> list[Fields]:
    """The concepts of a source, by id, with what CLDR adds. Raises ValueError with the place of what is wrong."""
    with path.open(encoding="utf-8") as stream:
        written: dict[Placed, Fields] = yaml.load(stream, _Loader)["concepts"]  # noqa: S506  a SafeLoader
    return [_concept(name, fields) for name, fields in sorted(written.items())]


def shared_names() -> frozenset[str]:
    """The names that rightly belong to more than one concept."""
    with (SOURCES / "shared.yaml").open(encoding="utf-8") as stream:
        listed: Iterable[str] = yaml.safe_load(stream)
    return frozenset(listed) | {name for names in names_of_pairs().values() for name in names}


@cache
def names_of_pairs() -> Mapping[tuple[str, str], list[str]]:
    """The names that a country has together with another, by country and language."""
    with (SOURCES / "pairs.yaml").open(encoding="utf-8") as stream:
        source = yaml.safe_load(stream)
    found: dict[tuple[str, str], list[str]] = {}
    for language, written in source["pairs"].items():
        for countries, pairs in written.items():
            names = [pair + head for pair in pairs for head in source["heads"][language]]
            for country in countries.split():
                found.setdefault((country, language), []).extend(names)
    return found


def text(concepts: Iterable[Fields]) -> str:
    """The concepts as their file holds them: one JSON object a line."""
    return "".join(
        json.dumps({key: concept[key] for key in FIELDS if key in concept}, ensure_ascii=False, default=str) + "\n"
        for concept in concepts
    )


def problems(concepts: Iterable[Fields], shared: frozenset[str] = frozenset()) -> list[str]:
    """What is wrong with concepts, such as those of the shipped files: one line each, none if all is well.

    Names that are `shared` may belong to several concepts.
    """
    known = {concept["id"]: concept for concept in concepts}
    found = [problem for concept in known.values() for problem in _own_problems(concept, known)]
    return found + list(_claimed_twice(known, shared))


def by_language(names: Any) -> dict[str, list[str]]:
    """Aliases or guards by language: a plain list holds in any."""
    return names if isinstance(names, dict) else {ANY: list(names)}


def _concept(name: str, fields: Fields) -> Fields:
    aliases = by_language(fields["aliases"])
    if "code" in fields:
        aliases = _with_cldr(name, fields, aliases)
    if name.startswith("person:"):
        aliases = {
            language: [form for one in listed for form in _forms(one, language)] for language, listed in aliases.items()
        }
    tidy = {language: _tidied(listed) for language, listed in aliases.items()}
    kept = {language: listed for language, listed in tidy.items() if listed}
    return {**fields, "id": name, "aliases": kept.get(ANY) if list(kept) == [ANY] else kept}


def _forms(alias: str, language: str) -> list[str]:
    """The cases of a surname that is written as a stem; any other alias as it is."""
    stem = alias.removesuffix("*")
    if stem == alias or " " in alias or language not in CASES or len(stem) < SHORTEST_STEM:
        return [alias]
    endings = ADJECTIVES if stem.endswith(("цк", "ск", "цьк")) else CASES[language]
    return [_placed(stem + ending, _place(alias)) for ending in endings]


def _placed(text: str, place: str) -> Placed:
    placed = Placed(text)
    placed.place = place
    return placed


def _with_cldr(name: str, fields: Fields, aliases: Mapping[str, list[str]]) -> dict[str, list[str]]:
    from cldr import LOCALES, city_names, country_names  # needs babel, which the tests of the shipped files do without

    try:
        countries = country_names(fields["code"]) if fields.get("cldr", True) else {}
    except ValueError as error:
        raise ValueError(f"{_place(name)}: {error}") from None
    cities = city_names(fields.get("cities", ()))
    return {
        language: [
            *aliases.get(language, ()),
            *names_of_pairs().get((name, language), ()),
            *countries.get(language, ()),
            *cities[language],
        ]
        for language in LOCALES
    }


def _tidied(listed: Iterable[str]) -> list[str]:
    """Without what a minus sign strikes out, without repeats, and without what a stem among them finds anyway."""
    struck = {_key(name_of(alias[1:])) for alias in listed if alias.startswith("-")}
    unique: dict[Any, str] = {}
    for alias in listed:
        key = _key(name_of(alias))
        if not alias.startswith("-") and key not in struck:
            unique.setdefault(key, alias)
    names = [name_of(alias) for alias in unique.values()]
    stems = [name for name in names if any(name.stems)]
    return [alias for alias, name in zip(unique.values(), names, strict=True) if not _is_found(name, stems)]


def _key(name: Name) -> tuple[object, ...]:
    """Equal for names that the same texts hold."""
    letters = filter(str.isalpha, "".join(name.written))
    return name.words, name.stems, tuple(map(str.isupper, letters))


def _is_found(name: Name, stems: Iterable[Name]) -> bool:
    """Whether one of the others, with stems, stands wherever this name does."""
    return any(
        stem is not name
        and len(stem.words) == len(name.words)
        and stem.stands_in(name.words)
        and all(map(_wider, stem.words, stem.stems, name.words, name.stems))
        and all(map(_capitals_fit, stem.written, name.written))
        for stem in stems
    )


def _wider(word: str, is_stem: bool, other: str, other_is_stem: bool) -> bool:
    return not other_is_stem or (is_stem and word == other)


def _capitals_fit(word: str, other: str) -> bool:
    return all(theirs.isupper() for mine, theirs in zip(word, other, strict=False) if mine.isupper())


def _own_problems(concept: Fields, known: Mapping[str, Fields]) -> Iterator[str]:
    place = _place(concept["id"])
    try:
        Concept.model_validate({key: concept[key] for key in FIELDS[1:] if key in concept})
    except ValueError as error:
        yield f"{place}: {error}"
        return
    for field in ("aliases", "guards"):
        for language, listed in by_language(concept.get(field, [])).items():
            for alias in listed:
                if re.search(rf"(?<!\w{{{SHORTEST_STEM}}})\*", alias):
                    yield f"{_place(alias) or place}: {language} '{alias}': a stem has at least {SHORTEST_STEM} letters"
    for meant in concept.get("stands_for", ()):
        if meant["concept"] not in known:
            yield f"{place}: stands for '{meant['concept']}', which is not known"


def _claimed_twice(known: Mapping[str, Fields], shared: frozenset[str]) -> Iterator[str]:
    """Aliases that two concepts claim in one language, or one in any and the other in one."""
    claims: dict[Any, dict[str, tuple[str, str]]] = {}
    for identity, concept in known.items():
        for language, listed in by_language(concept["aliases"]).items():
            for alias in listed:
                name = name_of(alias)
                before = claims.setdefault((name.words, name.stems), {})
                for other in before if language == ANY else (language, ANY):
                    if other in before and before[other][0] != identity and alias not in shared:
                        yield (
                            f"{_place(alias) or identity}: {language} '{alias}' of {identity}"
                            f" is also an alias of {before[other][0]} ({before[other][1]})"
                        )
                before.setdefault(language, (identity, _place(alias)))


def _place(text: str) -> str:
    return getattr(text, "place", "")


def _is_current(name: str, text: str) -> bool:
    path = OUTPUT / f"{name}.jsonl"
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
