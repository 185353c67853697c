"""What must not stand in a log, taken out of a text: passwords and tokens in addresses, in headers, in our own paths.
Pure.

It goes by names and places, not by knowing the secrets: what a server or a driver says is masked as well.
"""

import re

MASK = "***"

_NAMES = r"(?:token|key|secret|passw(?:or)?d|passphrase|pwd|auth|sig|signature|session|sid|credentials?)"
_PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE), shown)
    for pattern, shown in (
        # Of a database a password may hold anything, an @ and a / too; of other addresses the name ends at the first /.
        (r"\b((?:postgresql|postgres|sqlite)[+\w]*://)[^\s\"'<>]{1,500}@", rf"\1{MASK}@"),
        (r"\b([a-z][a-z0-9+.-]{1,20}://)[^\s/?#\"'<>\\]{1,500}@", rf"\1{MASK}@"),
        (rf"([?&;#](?:[\w.%-]{{0,40}}[_.-])?[a-z]{{0,20}}{_NAMES}=)[^&;#\s\"'<>\\]+", rf"\1{MASK}"),
        (rf"\b([\w-]{{0,40}}{_NAMES}[\"']?=[\"']?)(?!\*\*\*)[^\s&;,\"'<>\\]+", rf"\1{MASK}"),
        (r"(\bauthorization[\"']?: *[\"']?\w+ +)[^\s\"']+", rf"\1{MASK}"),
        (r"(/private/)[\w-]{16,}", rf"\1{MASK}"),  # of a feed that not everybody may read
        (r"(/websub/)[\w-]{16,}", rf"\1{MASK}"),  # known to one hub
    )
)


def masked(text: str) -> str:
    """The text, with *** in the place of what nobody is to read. A masked text stays as it is."""
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    return text
