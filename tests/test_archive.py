"""Archives: what is in them is read as if it lay there alone, and no archive can do harm."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from aggregator.errors import DocumentError
from aggregator.models import Document, Parsed
from aggregator.parsers import _unpacking, archive

WORDS = "The ferry to Skell was stopped on Monday, the harbour board said, since the wind had risen in the night."
TEXT = f"Ferry stopped\n\n{WORDS}\n".encode()
OTHER = f"Ferry sails\n\n{WORDS} It sails again.\n".encode()
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def parsed(body: bytes, name: str = "a.zip") -> Parsed:
    return archive.parse(Document(body, name, modified_at=AT))


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as packed:
        for name, body in members:
            packed.writestr(zipfile.ZipInfo(name, (2026, 2, 3, 4, 5, 6)), body, method)
    return file.getvalue()


def tarred(*members: tuple[str | tarfile.TarInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as packed:
        for name, body in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.mtime = 1772539506
            info.size = len(body)
            packed.addfile(info, io.BytesIO(body))
    return file.getvalue()


def texts(found: Parsed) -> list[str]:
    return [entry.content.value.split("\n")[0] for entry in found.entries]


def refusals(found: Parsed) -> dict[str, str]:
    return {part.name: part.reason for part in found.refused}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(zipped(("one.txt", TEXT), ("b/two.txt", OTHER)), id="zip"),
        pytest.param(zipped(("one.txt", TEXT), ("b/two.txt", OTHER), method=zipfile.ZIP_STORED), id="stored"),
        pytest.param(zipped(("one.txt", TEXT), ("b/two.txt", OTHER), method=zipfile.ZIP_BZIP2), id="zip with bzip2"),
        pytest.param(tarred(("one.txt", TEXT), ("b/two.txt", OTHER)), id="tar"),
        pytest.param(gzip.compress(tarred(("one.txt", TEXT), ("b/two.txt", OTHER))), id="tar.gz"),
        pytest.param(bz2.compress(tarred(("one.txt", TEXT), ("b/two.txt", OTHER))), id="tar.bz2"),
        pytest.param(lzma.compress(tarred(("one.txt", TEXT), ("b/two.txt", OTHER))), id="tar.xz"),
    ],
)
def test_each_member_is_an_article(body: bytes) -> None:
    found = parsed(body)
    assert texts(found) == ["Ferry stopped", "Ferry sails"]
    assert [(entry.guid or "")[:7] for entry in found.entries] == ["sha256:"] * 2
    assert len({entry.guid for entry in found.entries}) == 2
    assert found.entries[0].published_at is not None and found.entries[0].published_at.year == 2026
    assert found.refused == ()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gz", "bz2", "xz"])
def test_a_document_may_be_packed_alone(pack: Callable[[bytes], bytes]) -> None:
    assert texts(parsed(pack(TEXT), "one.txt.gz")) == ["Ferry stopped"]
    assert texts(parsed(gzip.compress(TEXT[:20]) + gzip.compress(TEXT[20:]), "two.gz")) == ["Ferry stopped"]


def test_what_systems_leave_for_themselves_is_passed_over_and_doubles_count_once() -> None:
    body = zipped(
        ("one.txt", TEXT), ("__MACOSX/._one.txt", b"\0\5\x16\7" * 9), (".DS_Store", b"\0\0\0\1Bud1"), ("copy.txt", TEXT)
    )  # fmt: skip
    found = parsed(body)
    assert (len(found.entries), found.refused) == (1, ())


def test_facts_beside_a_member_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    monkeypatch.setattr(
        archive._members, "read", lambda one, kinds: seen.setdefault(one.name, one) and Parsed(())
    )  # fmt: skip
    body = tarred(("b/one.txt", TEXT), ("b/one.yaml", b"title: X"), ("two.txt", OTHER), ("two.txt.yml", b"title: Y"))
    with pytest.raises(DocumentError):
        parsed(body, "a.tar")
    assert {name: (one.beside, one.beside_name) for name, one in seen.items()} == {
        "a.tar/b/one.txt": (b"title: X", "a.tar/b/one.yaml"),
        "a.tar/two.txt": (b"title: Y", "a.tar/two.txt.yml"),
    }


def test_facts_without_their_document_are_named() -> None:
    found = parsed(zipped(("one.txt", TEXT), ("two.yaml", b"title: X")))
    assert refusals(found) == {"two.yaml": "no document of that name is beside it"}


def test_what_cannot_be_read_is_named_and_costs_nothing_else() -> None:
    body = zipped(("a.bin", b"\x89PNG\r\n" + b"\0" * 99), ("one.txt", TEXT), ("b.zip", zipped(("c.txt", TEXT))))
    found = parsed(body)
    assert texts(found) == ["Ferry stopped"]
    assert refusals(found) == {
        "a.bin": "a picture; drop its text",
        "b.zip": "an archive inside of an archive; unpack it",
    }


def test_nothing_to_read_is_an_error_with_its_reasons() -> None:
    with pytest.raises(DocumentError, match=r"a.zip: nothing in this archive can be read: a.bin: a picture"):
        parsed(zipped(("a.bin", b"\x89PNG\r\n" + b"\0" * 99)))
    with pytest.raises(DocumentError, match="it is empty"):
        parsed(zipped())


OFFICE = {
    "a Word document": zipped(("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<w/>")),
    "a spreadsheet": zipped(("[Content_Types].xml", b"<Types/>"), ("xl/workbook.xml", b"<w/>")),
    "an e-book": zipped(("mimetype", b"application/epub+zip"), ("a.xhtml", b"<p>x"), method=zipfile.ZIP_STORED),
    "a program": zipped(("META-INF/MANIFEST.MF", b"x"), ("A.class", b"\xca\xfe")),
}


@pytest.mark.parametrize("what", OFFICE)
def test_what_only_looks_like_an_archive_is_refused_by_its_name(what: str) -> None:
    with pytest.raises(DocumentError, match=f"a.zip: {what}"):
        parsed(OFFICE[what])
    found = parsed(zipped(("one.txt", TEXT), ("x.docx", OFFICE[what]), method=zipfile.ZIP_STORED))
    assert what in refusals(found)["x.docx"]
    assert texts(found) == ["Ferry stopped"]


def test_names_are_labels() -> None:
    body = tarred(("../../etc/passwd.bin", b"\x89PNG" + b"\0" * 99), ("/abs.txt", TEXT), ("a\nb\x1b[2J.txt", OTHER))
    found = parsed(body, "a.tar")
    assert len(found.entries) == 2
    assert list(refusals(found)) == ["../../etc/passwd.bin"]
    assert _unpacking.label("a\nb\x1b[2J.txt") == "a?b?[2J.txt"


def test_names_of_old_programs_are_read() -> None:
    body = zipped(("новость.bin", b"\x89PNG" + b"\0" * 99), ("one.txt", TEXT))
    old = body.replace("новость".encode(), "новость".encode())  # the flag alone makes the difference
    flagless = bytearray(old)
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = flagless.find(mark) + place
        flagless[at : at + 2] = b"\0\0"
    assert list(refusals(parsed(bytes(flagless)))) == ["новость.bin"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE]
)
def test_nothing_but_plain_files_is_read(kind: bytes) -> None:
    link = tarfile.TarInfo("link")
    link.type, link.linkname = kind, "/etc/passwd"
    found = parsed(tarred((link, b""), ("one.txt", TEXT)), "a.tar")
    assert texts(found) == ["Ferry stopped"]
    assert all("not a plain file" in reason for reason in refusals(found).values())


def test_bombs_are_counted_while_they_come_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_unpacking, "MAX_MEMBER_BYTES", 100_000)
    monkeypatch.setattr(_unpacking, "MAX_BYTES", 300_000)
    bomb = b"\n" * 200_000
    found = parsed(zipped(("one.txt", TEXT), ("bomb.txt", bomb)))
    assert "larger than 100,000 bytes" in refusals(found)["bomb.txt"]
    found = parsed(gzip.compress(tarred(("one.txt", TEXT), ("b", bomb), ("c", bomb), ("two.txt", OTHER))), "a.tgz")
    assert texts(found) == ["Ferry stopped"]
    assert "more than 300,000 bytes" in refusals(found)["…"]
    with pytest.raises(DocumentError, match="larger than 100,000 bytes"):
        parsed(gzip.compress(bomb), "bomb.gz")
    many = zipped(("one.txt", TEXT), *((f"{n}.txt", b"%d" % n + b"\n" * 90_000) for n in range(9)))
    assert "more than 300,000 bytes" in refusals(parsed(many))["…"]


def test_the_size_in_a_header_is_a_claim() -> None:
    body = bytearray(zipped(("one.txt", TEXT), ("two.txt", OTHER)))
    for mark, place in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = body.find(mark) + place
        body[at : at + 4] = struct.pack("<I", 10)
    found = parsed(bytes(body))
    assert texts(found) == ["Ferry sails"]
    assert "damaged" in refusals(found)["one.txt"]


def test_members_that_lie_over_each_other_are_refused() -> None:
    body = bytearray(zipped(("one.txt", TEXT), ("two.txt", OTHER), ("three.txt", OTHER + b"More.")))
    first, second = body.find(b"PK\1\2"), body.find(b"PK\1\2", body.find(b"PK\1\2") + 1)
    body[second + 42 : second + 46] = body[first + 42 : first + 46]
    found = parsed(bytes(body))
    assert texts(found) == ["Ferry sails"]
    assert set(refusals(found)) == {"one.txt", "two.txt"}


def test_encrypted_members_are_named() -> None:
    body = bytearray(zipped(("one.txt", TEXT), ("two.txt", OTHER)))
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        body[body.find(mark) + place] |= 1
    assert refusals(parsed(bytes(body))) == {"one.txt": "encrypted; pack it without a password"}


def test_a_damaged_end_costs_what_is_behind_it() -> None:
    long = b"".join(b"Line %d of a long text, and no line is like another.\n" % n for n in range(20_000))
    for body in (
        zipped(("one.txt", TEXT), ("long.txt", long)),
        tarred(("one.txt", TEXT), ("long.txt", long)),
        gzip.compress(tarred(("one.txt", TEXT), ("long.txt", long))),
        lzma.compress(tarred(("one.txt", TEXT), ("long.txt", long))),
    ):
        found = parsed(body[: len(body) // 2])
        assert texts(found)[:1] == ["Ferry stopped"]
        assert any("damaged" in reason for reason in refusals(found).values())
    assert texts(parsed(gzip.compress(TEXT * 400)[:-9], "one.txt.gz")) == ["Ferry stopped"]


def test_many_members_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    body = zipped(*((f"{n}.txt", TEXT + b"%d" % n) for n in range(5)))
    found = parsed(body)
    assert len(found.entries) == 3
    assert "more than 3 members" in refusals(found)["…"]


@pytest.mark.parametrize(
    "body",
    [
        b"PK\3\4",
        b"PK\5\6" + b"\0" * 18,
        b"\x1f\x8b\x08",
        b"BZh91AY&SY",
        b"\xfd7zXZ\0",
        b"PK\3\4" + b"\xff" * 99,
        bytes(257) + b"ustar\0" + bytes(300),
    ],
)
def test_what_only_begins_like_an_archive_is_refused(body: bytes) -> None:
    with pytest.raises(DocumentError):
        parsed(body)


def test_bzip2_in_a_zip_unpacks_no_more_than_its_header_says() -> None:
    honest = zipped(("a.txt", TEXT), ("b.txt", b"a" * 1000), method=zipfile.ZIP_BZIP2)
    packed, bomb = bz2.compress(b"a" * 1000), bz2.compress(bytes(300_000_000))
    directory = bytearray(
        honest[honest.index(b"PK\1\2") :].replace(*(struct.pack("<I", len(one)) for one in (packed, bomb)))
    )
    body = bytearray(honest[: honest.index(b"PK\1\2")].replace(packed, bomb)) + directory
    body[-6:-2] = struct.pack("<I", body.index(b"PK\1\2"))
    tracemalloc.start()
    found = parsed(bytes(body))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000_000
    assert texts(found) == ["Ferry stopped"]
    assert "damaged" in refusals(found)["b.txt"]


def test_a_zip_without_its_directory_takes_linear_time() -> None:
    begun = time.process_time()
    member = zipped(("a.png", b""))
    member = member[: member.index(b"PK\1\2")]
    with pytest.raises(DocumentError):
        parsed(member * 150_000 + b"\xff" * 5_000_000)
    assert time.process_time() - begun < 5


def test_a_double_of_a_member_has_used_its_facts() -> None:
    found = parsed(zipped(("a.txt", TEXT), ("b.txt", TEXT), ("b.yaml", b"title: X")))
    assert (len(found.entries), found.refused) == (1, ())


def test_entries_beyond_the_limit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_ENTRIES", 1)
    found = parsed(zipped(("one.txt", TEXT), ("two.txt", OTHER), ("three.txt", OTHER + b"More.")))
    assert texts(found) == ["Ferry stopped"]
    assert refusals(found) == {"two.txt": "from here on more than 1 entries; pack fewer together"}


def test_what_a_page_is_made_of_is_left_out_quietly() -> None:
    page = f"<!DOCTYPE html><html><body><h1>Ferry stopped</h1><p>{WORDS}</p><p>{WORDS[::2]}</p></body></html>".encode()
    rest = [("page_files/a.css", b"body{color:red}"), ("page_files/frame.html", page), ("page_files/p.png", b"\x89PNG")]
    rest += [("x-Dateien/a.txt", TEXT), ("y.files/b.txt", TEXT), ("main.js", b"var a = 1;"), ("f.woff2", b"wOF2\0")]
    found = parsed(zipped(("page.html", page), *rest, ("c.bin", b"\1\2\3\4")))
    assert len(found.entries) == 1
    assert list(refusals(found)) == ["c.bin"]
    with pytest.raises(DocumentError, match="it is empty, or holds no texts"):
        parsed(zipped(*rest))
