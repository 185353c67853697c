"""Texts of strangers as they can be shown: nothing in them moves a cursor, or makes a line of its own. Pure."""

_JOINERS = "\u200c\u200d"  # not printable, but words and emoji fall apart without them


def plain(text: str) -> str:
    """The text, with a space for each letter that cannot be printed."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in _JOINERS else " " for letter in text)


def on_one_line(text: str, limit: int) -> str:
    """The same with single spaces, cut to a length."""
    return " ".join(plain(text[: 20 * limit]).split())[:limit].strip()
