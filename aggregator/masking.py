"""What must not stand in a log, taken out of a text: passwords and tokens in addresses, in headers, in our own paths.
Pure.

It goes by names and places, not by knowing the secrets: what a server or a driver says is masked as well.
"""

import re

MASK = "***"

# What the name of a secret ends with. Of longer words that end so, some are no secrets: a compass, a monkey.
_NAMES = (
    r"(?:token|secret|passw(?:or)?d|passphrase|pwd|pw|auth|sig|signature|session(?:_?id)?|sid|jwt|credentials?"
    r"|(?<!com)(?<!by)(?<!sur)pass|(?<!mon)(?<!turn)(?<!tur)(?<!don)(?<!hoc)(?<!joc)(?<!whis)key)\d{0,2}"
)
_CODES = r"(?:access|(?:auth(?:orization)?[_-]?)?code)"  # elsewhere than in addresses they are words like others
_PARAMETER = rf"[?&;#](?:[\w.%-]{{0,60}}{_NAMES}|{_CODES})="
_PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE), shown)
    for pattern, shown in (
        # Of a database a password may hold anything, an @ and a / too; of other addresses the name ends at the first /.
        (r"\b((?:postgresql|postgres|sqlite)[+\w]*://)[^\s\"'<>]{1,500}@", rf"\1{MASK}@"),
        (r"\b([a-z][a-z0-9+.-]{1,20}://)[^\s/?#\"'<>\\]{1,500}@", rf"\1{MASK}@"),
        (rf"({_PARAMETER})[^&;#\s\"'<>\\]+", rf"\1{MASK}"),
        (rf"\b([\w-]{{0,40}}{_NAMES}[\"']?=[\"']?)(?!\*\*\*)[^\s&;,\"'<>\\]+", rf"\1{MASK}"),
        (r"(\bauthorization[\"']?: *[\"']?\w+ +)[^\s\"']+", rf"\1{MASK}"),
        (r"(/private/)[\w-]{16,}", rf"\1{MASK}"),  # of a feed that not everybody may read
        (r"(/websub/)[\w-]{16,}", rf"\1{MASK}"),  # known to one hub
    )
)
# In what is an address as a whole, be it ever so odd.
_USER = re.compile(r"(?<=://)[^/?#\s]*@")
_PASSWORD = re.compile(r"(?<=://)([^:/@]*):.*@", re.DOTALL)
_VALUE = re.compile(rf"({_PARAMETER})[^&;#]+", re.IGNORECASE)


def masked(text: str) -> str:
    """The text, with *** in the place of what nobody is to read. A masked text stays as it is."""
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    return text


def masked_address(address: str, *, keeps_user: bool = False) -> str:
    """The same of a text that is an address from end to end, in which nothing ends a secret but the next part of it.
    `keeps_user`: of a database, whose user is no secret. What is no address stays."""
    if "://" not in address:
        return address
    shown = _VALUE.sub(rf"\1{MASK}", address)
    return _PASSWORD.sub(rf"\1:{MASK}@", shown) if keeps_user else masked(_USER.sub(f"{MASK}@", shown))
