"""Counts in English. Pure."""


def counted(count: int, one: str, many: str = "") -> str:
    """`1 story`, `1,204 stories`; `many` is `one` with an s where it is not given."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
