"""Names of countries and cities in the Unicode Common Locale Data Repository, as aliases. Reads CLDR through babel.

Languages that inflect names get stems: Албания is "Албани*". A name too short for one stays as it is; its forms are
written by hand in tools/concepts/countries.yaml.
"""

import re
from collections.abc import Iterable, Iterator

from babel import Locale

VERSION = "49"  # of CLDR, of which the shipped names are; aggregator/data/concepts/NOTICE says so, too
# The order in the files. The locales of a language give each its names: Irã in Brazil, Irão in Portugal.
LOCALES = {
    "en": ["en"],
    "ru": ["ru"],
    "uk": ["uk"],
    "pl": ["pl"],
    "zh": ["zh", "zh_Hant", "zh_Hant_HK"],
    "ja": ["ja"],
    "ko": ["ko"],
    "ar": ["ar"],
    "fa": ["fa"],
    "hi": ["hi"],
    "fr": ["fr"],
    "de": ["de"],
    "es": ["es"],
    "pt": ["pt", "pt_PT"],
    "it": ["it"],
    "nl": ["nl"],
    "tr": ["tr"],
    "id": ["id"],
    "vi": ["vi"],
}
_LATIN = frozenset("pl fr de es pt it nl tr id vi".split())
# Endings of the nominative that go to leave the stem, longest first; a name in another vowel has one form only.
_ENDINGS = {
    "ru": ("ия", "ая", "ие", "ые", "а", "я", "й", "ь", ""),
    "uk": ("ія", "а", "я", "й", "ь", ""),
    "pl": ("a", ""),
}
_FORMS = {"ия": "ия ии ию ией", "ія": "ія ії ію ією"}  # for Росси* is a surname, too: these are never stems
_VOWELS = "аеёиоуыэюяіїєaeioóuyąę"
_SHORTEST_STEM = 5  # letters, of a name of one word; 3 in a longer name


def country_names(code: str) -> dict[str, list[str]]:
    """The names of a country, by language. Raises ValueError where CLDR has no such country."""
    return {
        language: list(dict.fromkeys(_country_names(code, language, locales))) for language, locales in LOCALES.items()
    }


def city_names(zones: Iterable[str]) -> dict[str, list[str]]:
    """The names of the cities of time zones, by language. English ones are not in CLDR: those of the zones count."""
    found: dict[str, list[str]] = {language: [] for language in LOCALES}
    for zone in zones:
        for language, locales in LOCALES.items():
            names = dict.fromkeys(_city_names(zone, language, locales))
            found[language] += [form for name in names for form in inflected(name, language)]
    return found


def inflected(name: str, language: str) -> list[str]:
    """A name as aliases that hold in all its forms, as far as this can be told by its end."""
    words = name.split()
    if language == "de" and len(words) == 1 and name[-1] not in "szxß":
        return [name, name + "s"]
    if language not in _ENDINGS:
        return [name]
    if len(words) > 1:
        return [" ".join(_stem(word, language, 3) for word in words)]
    for ending, forms in _FORMS.items():
        if name.endswith(ending):
            return [name.removesuffix(ending) + form for form in forms.split()]
    return [_stem(name, language, _SHORTEST_STEM)]


def _country_names(code: str, language: str, locales: list[str]) -> Iterator[str]:
    for locale in locales:
        name = Locale.parse(locale).territories.get(code)
        if name is None:
            raise ValueError(f"CLDR has no country {code!r}")
        for part in _parts(name):
            yield from inflected(part, language)


def _parts(name: str) -> list[str]:
    """The name, and another that stands behind it in brackets: "Myanmar (Burma)"."""
    both = re.fullmatch(r"(.+?) ?[(（](.+)[)）]", _plain(name))
    return list(both.groups()) if both else [_plain(name)]


def _city_names(zone: str, language: str, locales: list[str]) -> Iterator[str]:
    for locale in locales:
        zones = Locale.parse(locale).time_zones
        name = zones.get(zone, {}).get("city")
        if name or language in _LATIN:  # where it is written as in English, CLDR leaves it out
            yield _plain(name or zone.rpartition("/")[2].replace("_", " "))


def _plain(name: str) -> str:
    for short, full in (("’", "'"), ("ʼ", "'"), ("о-ва", "острова"), ("о-в", "остров"), ("Св.", "Святой")):
        name = name.replace(short, full)
    return name


def _stem(word: str, language: str, shortest: int) -> str:
    for ending in _ENDINGS[language]:
        stem = word.removesuffix(ending)
        if word.endswith(ending) and (ending or word[-1].lower() not in _VOWELS):
            return f"{stem}*" if len(stem) >= shortest and re.search(r"\w{3}$", stem) else word
    return word
