"""Dates as people write them for people: 12 марта 2024, 10:30; le 12 mars 2024 à 10h30; 2024年3月12日. Pure.

Only whole dates are believed: with day, month and a year of four digits, and nothing beside them. 03/06/2024 is none
in English, where it means two days; elsewhere, and with dots, the day stands first.
"""

import re
import unicodedata
import warnings
from calendar import day_abbr, day_name
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

_MAX_LENGTH = 80  # characters of a text that can be a date
_OLDEST, _NEWEST = 1800, 2200
_YEAR = re.compile(r"(?<!\d)(1[89]\d\d|2[01]\d\d)(?!\d)")
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})\s?[-/.年년]\s?(\d{1,2})\s?[-/.月월]\s?(\d{1,2})(?!\d)\s?[日일]?,?")
_YEAR_LAST = re.compile(r"(?<!\d)(\d{1,2})([-/.])\s?(\d{1,2})\2\s?(\d{4})(?!\d)")
_CLOCK = re.compile(r"(?<!\d)(\d{1,2})\s?[時时点點시h]\s?(?:(\d{1,2})\s?[分분]?)?(?!\w)")
_HALF = re.compile(r"(上午|午前|오전|下午|午後|오후)\s*(\d{1,2}:\d\d(?::\d\d)?)")
_WEEKDAY = re.compile(r"[(（]?(?:星期|周|週)[一二三四五六日天][)）]?|[(（][月火水木金土日][)）]")
_LONE_DAY = re.compile(r"^(\d{1,2})\s?月\s?(\d{1,2})\s?日$")
_ZONES = {"мск": "+0300", "uhr": "", "utc+8": "+0800", "北京时间": "+0800", "jst": "+0900", "ист": ""}
_ZONE = re.compile("|".join(map(re.escape, _ZONES)), re.IGNORECASE)
_FILLING = re.compile(r"(?<![^\W_])(?:at|um|à|a las|в|г|года|الساعة|على)(?![^\W_])\.?|[|،]", re.IGNORECASE)
_LEVANTINE = dict(
    zip(
        "كانون الثاني,شباط,آذار,نيسان,أيار,حزيران,تموز,آب,أيلول,تشرين الأول,تشرين الثاني,كانون الأول".split(","),
        "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر".split(),
        strict=True,
    )
)
_MONTH = re.compile("|".join(map(re.escape, _LEVANTINE)))
_ENGLISH = ("%B %d %Y", "%d %B %Y", "%b %d %Y", "%d %b %Y")
_ENGLISH_MONTH = re.compile(r"\d-\d|(?<![^\W\d_])(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE)
_DAYS = frozenset(name.lower() for name in (*day_name, *day_abbr))
_SETTINGS: dict[str, Any] = {
    "PARSERS": ["absolute-time"],  # never "yesterday", never a stamp in seconds
    "REQUIRE_PARTS": ["day", "month", "year"],
    "DATE_ORDER": "YMD",  # of figures, which are put so before; words speak for themselves
    "RETURN_AS_TIMEZONE_AWARE": True,
    "TIMEZONE": "UTC",
}


def date_in_words(text: str, language: str | None) -> datetime | None:
    """The date that a text is; midnight UTC where it states no time or no zone. None for everything else.

    `language` (ISO 639-1) is that of the text around it; English is tried, too.
    """
    if len(text) > _MAX_LENGTH or not any(map(str.isdigit, text)):
        return None
    written = _figures(_plain(text), language)
    if not _YEAR.search(written):
        return None
    found = _iso(written) or _named(written, language)
    return found if found and _OLDEST < found.year < _NEWEST else None


def day_in_words(text: str, language: str | None, near: datetime) -> datetime | None:
    """The date that a day and month are in the year that brings them nearest before `near`; midnight UTC.

    Japanese datelines state the day alone: 12日.
    """
    text = _LONE_DAY.sub(r"\1-\2", _plain(text))
    day = re.fullmatch(r"(\d{1,2})日", text)
    if day:
        days = (near - timedelta(days=number) for number in range(-1, 31))
        return next((_midnight(found) for found in days if found.day == int(day[1])), None)
    if len(text) > _MAX_LENGTH or _YEAR.search(text) or not any(map(str.isdigit, text)):
        return None
    numbers = re.fullmatch(r"(\d{1,2})-(\d{1,2})", text)
    leap = _iso(f"2000-{int(numbers[1]):02}-{int(numbers[2]):02}") if numbers else _named(f"{text} 2000", language)
    years = range(near.year + 1, near.year - 8, -1) if leap else ()  # 29 February may be eight years away
    found = filter(None, (_in_year(leap, year) for year in years if leap))
    return next((day for day in found if day <= near + timedelta(days=1)), None)


def _in_year(day: datetime, year: int) -> datetime | None:
    try:
        return day.replace(year=year)
    except ValueError:  # 29 February
        return None


def _plain(text: str) -> str:
    """With the figures and spaces of ASCII."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)
    text = _MONTH.sub(lambda found: _LEVANTINE[found[0]], text)
    return " ".join(text.split()).strip(" .,;")


def _figures(text: str, language: str | None) -> str:
    """With a date in figures as year-month-day, a time as hour:minute, zones as offsets, and no filling words."""
    text = _YEAR_FIRST.sub(lambda found: f"{found[1]}-{int(found[2]):02}-{int(found[3]):02} ", text)
    text = _YEAR_LAST.sub(lambda found: _day_first(found, language), text)
    text = _WEEKDAY.sub(" ", text) if "-" in text else text
    text = _CLOCK.sub(lambda found: f" {int(found[1]):02}:{int(found[2] or 0):02}", text)
    text = _HALF.sub(lambda found: f"{found[2]} {'am' if found[1] in '上午午前오전' else 'pm'}", text)
    text = _ZONE.sub(lambda found: _ZONES[found[0].lower()], text)
    return " ".join(_FILLING.sub(" ", text).split()).strip(" .,;")


def _day_first(found: re.Match[str], language: str | None) -> str:
    first, second, year = int(found[1]), int(found[3]), found[4]
    english = language in (None, "en") and found[2] != "."
    if english and first <= 12 and second <= 12 and first != second:
        return "?"  # two readings
    day, month = (second, first) if second > 12 or (english and first <= 12) else (first, second)
    return f"{year}-{month:02}-{day:02}"


def _iso(text: str) -> datetime | None:
    text = re.sub(r"\s+(?=[+-]\d\d:?\d\d$)", "", text)  # as Jekyll and Hugo write it
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _english(text: str) -> datetime | None:
    """What most datelines are, without the library: November 3, 2026; 3 Nov 2026."""
    written = text.replace(",", "").replace(".", "")
    for form in _ENGLISH:
        try:
            return datetime.strptime(written, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def _named(text: str, language: str | None) -> datetime | None:
    """A date with its month in words. What can be told without the library is not asked of it."""
    found = _english(text)
    before, _, rest = text.rpartition(", ")
    if found is None and before.isalpha() and (found := _english(rest)):
        return found if before.lower() in _DAYS else None  # another word is a place
    if found is None and language == "en" and not _ENGLISH_MONTH.search(text):
        return None
    return found or _parsed(text, language)


def _midnight(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@lru_cache(maxsize=1000)  # a call takes milliseconds, and agencies' texts of a day share their date
def _parsed(text: str, language: str | None) -> datetime | None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"dateparser|dateutil|tzlocal|regex")
        import dateparser  # here: it takes a quarter of a second and 12 MB, and few files need it

        for tongue in dict.fromkeys((language, "en")):
            try:
                found: datetime | None = (
                    dateparser.parse(text, languages=[tongue], settings=_SETTINGS) if tongue else None
                )
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError):  # a language it does not know, …
                continue
            if found:
                return found
    return None
