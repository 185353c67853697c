"""How leaves say what they found, and the keys that several of them have."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from aggregator.case import Case
from aggregator.features import Hit, phrase_key
from aggregator.models import Verdict

Phrase = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(lambda value: _with_words(value))]
Count = Annotated[int, Field(ge=1, le=100)]
WHERE = "title, lede (the title and first 70 words), text (the title and all), author, url, category."


def one_or_more(item: Any) -> BeforeValidator:
    """For Annotated tuples: one may be written without a list around it."""
    return BeforeValidator(
        lambda value: (value,) if isinstance(value, str) else value, json_schema_input_type=item | tuple[item, ...]
    )


def answer(holds: bool, rule: str, value: str, excerpts: Callable[[], Iterable[str]] = tuple) -> Verdict:
    """The verdict of a rule that is no matter of degree: a score of 100, or none. `excerpts` are of what it found."""
    return Verdict(holds, rule, value, 100 if holds else 0, (), tuple(excerpts()))


def counted(case: Case, rule: str, count: int, least: int, hits: Callable[[], Iterable[Hit]]) -> Verdict:
    """The verdict of a rule that wants something so many times."""
    text = f"{rule} at least {least} times" if least > 1 else rule
    return answer(count >= least, text, times(count), lambda: case.excerpts(hits()) if case.shows and count else ())


def _with_words(value: str) -> str:
    if not phrase_key(value):
        raise ValueError("there is no letter and no digit in it: look for signs by `regex`")
    return value


def times(count: int) -> str:
    return "not found" if not count else "once" if count == 1 else f"{count} times"
