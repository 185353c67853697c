"""What do capitals tell of a name? "Turkey" is a country and "turkey" is not, in a text that has both. Pure.

A headline in capitals throughout, or in small letters throughout, tells nothing: there a name counts however it is
written, but a name that is an ordinary word as well ("TELL US MORE") only if its points show it to be one ("U.S."), if
the headline names somebody else beside it ("US AND CHINA AGREE"), or if the same is named elsewhere in the article.
"""

from collections.abc import Iterable, Sequence

_LEAST = 3  # words: two words in capitals may be two names
# Names that are ordinary words of a language written in Latin letters once their capitals are lost.
_WORDS = frozenset(
    "aid apple brown bush car catar chad cole cook da dania de do dr es et eu fed gana grant hun hunt ice in"
    " intel is it jersey la lai le lima long mali man mars may meta nice no pa pole poles polish reading sa se"
    " shell si so son swede swedes temer to trump turkey un us who xi".split()
)


def are_lost(passage: str) -> bool:
    """Whether a passage is in capitals throughout or in small letters throughout, so that they tell nothing."""
    if not (passage.isupper() or passage.islower()):
        return False
    return sum(word.isupper() or word.islower() for word in passage.split()) >= _LEAST


def fit(name: Iterable[str], words: Iterable[str]) -> bool:
    """Whether the text has a capital wherever the name has one. Both as written; only what is as long is compared."""
    return all(
        mine == theirs
        or all(not letter.isupper() or other.isupper() for letter, other in zip(mine, theirs, strict=False))
        for mine, theirs in zip(name, words, strict=True)
    )


class Uniform:
    """A passage whose capitals are lost."""

    def __init__(self, passage: str) -> None:
        self._passage = passage.lower()
        self._known: dict[str, bool] = {}  # by word: a name may stand here very often

    def is_doubtful(self, name: Sequence[str]) -> bool:
        """Whether a name (loose words) may be an ordinary word here."""
        if len(name) > 1 or name[0] not in _WORDS:
            return False
        if name[0] not in self._known:
            self._known[name[0]] = ".".join(name[0]) not in self._passage
        return self._known[name[0]]
