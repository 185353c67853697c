"""An mbox → the messages in it, as they were before they were put together (RFC 4155). Pure."""

import re

_POSTMARK = re.compile(  # with a time and a year, and a header behind it: prose may begin with "From", too
    rb"(?:\A>?|(?<=\n)\r?\n)From \S{1,300} [^\n]{0,100}\d\d:\d\d[^\n]{0,100}\d{4}[^\n]{0,20}\r?\n"
    rb"(?=[A-Za-z][\w-]{0,60}:)"
)
_QUOTED = re.compile(rb"^>(?=>*From )", re.MULTILINE)


def messages(body: bytes) -> list[bytes]:
    """Each message; the whole, where it is but one that came by itself."""
    if not _POSTMARK.match(body):
        return [body]
    return [_QUOTED.sub(b"", piece) for piece in _POSTMARK.split(body) if piece.strip()]
