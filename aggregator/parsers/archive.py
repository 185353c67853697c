"""Documents packed together (zip, tar) or alone (gzip, bzip2, xz): each is read as if it had been dropped by itself.

Nothing is ever written: names in an archive are labels. What a header claims of sizes is not believed; bytes are
counted while they come out. Facts in YAML beside a member (`NAME.yaml` or `NAME.txt.yaml` for `NAME.txt`) are its own.
What belongs to a page but is no text (`page_files/`, stylesheets, scripts, fonts, pictures) is left out.
Archives inside of archives are refused, and so is what only looks like one: a Word document, an e-book.
"""

from collections.abc import Callable, Iterable, Iterator

from aggregator import sniff
from aggregator.errors import DocumentError
from aggregator.identity import of_content
from aggregator.models import Document, Entry, Parsed, Rejected
from aggregator.parsers import _members, _tar, _unpacking, _zip
from aggregator.parsers._main_text import load
from aggregator.parsers._stream import Stream
from aggregator.parsers._unpacking import Member
from aggregator.registry import Parser

MAX_MEMBERS = 2000
MAX_FACTS_BYTES = 100_000  # of YAML beside a member
MAX_ENTRIES = 5000

MEMBERS = frozenset({sniff.TEXT, sniff.MARKDOWN, sniff.HTML, sniff.MAIL, sniff.FEED, sniff.JSON_FEED, sniff.SITEMAP})


def parse(document: Document) -> Parsed:
    """The entries of all members. Raises DocumentError where none could be read, with the reasons."""
    facts = {one.name: one for one in _unpacked(document, _is_yaml) if one.name != _unpacking.REST}
    entries: list[Entry] = []
    refused: list[Rejected] = []
    seen: set[str] = set()
    used: set[str] = set()
    for member in _unpacked(document, lambda name: not _is_yaml(name)):
        beside = next((name for name in _names_of_facts(member.name) if name in facts), "")
        used.add(beside)
        key = of_content(member.body)
        if key in seen:
            continue
        try:
            found = _read(member, document, facts.get(beside))
        except DocumentError as error:
            reason = str(error).removeprefix(f"{document.name}/{member.name}: ")
            refused.append(Rejected(member.name, reason))
            continue
        seen.add(key)
        entries += found.entries
        refused += found.refused
        if len(entries) > MAX_ENTRIES:
            refused.append(
                Rejected(member.name, f"from here on more than {MAX_ENTRIES:,} entries; pack fewer together")
            )
            break
    refused += [Rejected(name, "no document of that name is beside it") for name in facts if name not in used]
    if not entries:
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in refused[:5]) or "it is empty, or holds no texts"
        raise DocumentError(f"{document.name}: nothing in this archive can be read: {reasons}")
    return Parsed(tuple(entries[:MAX_ENTRIES]), format="an archive", refused=tuple(refused))


def _read(member: Member, document: Document, facts: Member | None) -> Parsed:
    name = f"{document.name}/{member.name}"
    if member.refused:
        raise DocumentError(f"{name}: {member.refused}")
    if facts and (facts.refused or len(facts.body) > MAX_FACTS_BYTES):
        raise DocumentError(f"{name}: {facts.name}: {facts.refused or f'larger than {MAX_FACTS_BYTES:,} bytes'}")
    if sniff.media_type(member.body) == sniff.ARCHIVE:
        what = _zip.office(member.body)
        raise DocumentError(f"{name}: {what or 'an archive inside of an archive; unpack it'}")
    inner = Document(
        member.body,
        name,
        modified_at=member.modified_at or document.modified_at,
        beside=facts.body if facts else None,
        beside_name=f"{document.name}/{facts.name}" if facts else "",
    )
    return _members.read(inner, MEMBERS)


def _is_yaml(name: str) -> bool:
    return name.lower().endswith((".yaml", ".yml"))


def _names_of_facts(name: str) -> Iterator[str]:
    """Under which names facts about a member stand beside it."""
    folder, slash, last = name.rpartition("/")
    stem = last.rpartition(".")[0] or last
    for beginning in (name, f"{folder}{slash}{stem}"):
        yield from (f"{beginning}.yaml", f"{beginning}.yml")


def _unpacked(document: Document, wanted: Callable[[str], bool]) -> Iterator[Member]:
    """The members of a name that is wanted, but for what systems leave in archives for themselves."""
    body = document.body
    if body.startswith(b"PK"):
        if what := _zip.office(body):
            raise DocumentError(f"{document.name}: {what}")
        return _within_bounds(_zip.members(body, wanted))
    stream = Stream(body)
    if sniff.is_tar(stream.peek()):
        return _within_bounds(_tar.members(stream, wanted))
    name = document.name.rpartition("/")[2].rpartition(".")[0] or document.name
    return iter([_alone(stream, name)] if wanted("") else [])


def _within_bounds(members: Iterable[Member]) -> Iterator[Member]:
    for number, member in enumerate(members):
        if number == MAX_MEMBERS:
            yield Member(
                _unpacking.REST, refused=f"from here on more than {MAX_MEMBERS:,} members; pack fewer together"
            )
            return
        yield member


def _alone(stream: Stream, name: str) -> Member:
    """A document that was packed by itself. What is damaged ends where the damage begins."""
    body = stream.read(_unpacking.MAX_MEMBER_BYTES + 1)
    if len(body) > _unpacking.MAX_MEMBER_BYTES:
        return Member(name, refused=_unpacking.too_large())
    return Member(name, body, refused="" if body.strip() else "damaged, or empty")


PLUGIN = Parser(frozenset({sniff.ARCHIVE}), parse, prepare=load)
