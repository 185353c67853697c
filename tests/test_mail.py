"""Mails: their text in whatever form it comes, and what is damaged, attached or forwarded."""

import time
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from aggregator.errors import DocumentError
from aggregator.models import Document, Parsed
from aggregator.parsers import _headers, _mail_text, mail

SAID = "The ferry to Skell was stopped on Monday, the harbour board said, since the wind had risen in the night."
AT = datetime(2026, 3, 1, tzinfo=UTC)


def parsed(body: bytes | str) -> Parsed:
    return mail.parse(Document(body.encode() if isinstance(body, str) else body, "m.eml", identity="m", modified_at=AT))


def message(text: str = SAID, **headers: str) -> EmailMessage:
    made = EmailMessage()
    for name, value in ({"From": "Anna Reiter <anna@paper.example>", "Subject": "Ferry stopped"} | headers).items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made


def raw(*lines: str) -> str:
    return "\n".join(("From: Anna Reiter <anna@paper.example>", *lines))


def test_headers_are_the_facts() -> None:
    body = message(
        Date="Mon, 02 Mar 2026 10:00:00 +0100",
        List_Id="News of the harbour <news.harbour.example>",
        Archived_At="<https://lists.harbour.example/a/1>",
    )
    (found,) = parsed(body.as_bytes()).entries
    assert (found.title.value, found.authors, found.guid) == ("Ferry stopped", ("Anna Reiter",), "m")
    assert str(found.published_at) == "2026-03-02 10:00:00+01:00"
    assert found.link == "https://lists.harbour.example/a/1"
    assert found.origin and found.origin.title == "News of the harbour"
    assert dict(found.told)["published"] == "mail header Date"
    assert found.framed and found.content.value == SAID


def test_the_senders_domain_stands_for_a_list() -> None:
    (found,) = parsed(message().as_bytes()).entries
    assert found.origin and found.origin.title == "paper.example"
    assert found.published_at == AT


@pytest.mark.parametrize(
    ("subject", "title"),
    [
        ("Re: Fwd: RE[2]: AW: Ferry", "Ferry"),
        ("=?utf-8?Q?Re:_F=C3=A4hre?=", "Fähre"),
        ("=?utf-8?b?RsOk?= =?utf-8?b?aHJl?=", "Fähre"),
        ("=?utf-8?b?RsM=?= =?utf-8?b?pGhyZQ==?=", "Fähre"),
        ("=?iso-8859-1?q?F=E4hre?= nach Skell", "Fähre nach Skell"),
        ("=?gb2312?B?0ru6xc/f?=", "一号线"),
        ("=?x-unknown?q?Ferry?=", "Ferry"),
        ("=?utf-8?b?not base64!?= x", "x"),
        ("Fähre ohne Not", "Fähre ohne Not"),
        ("Ferry\n\tto Skell", "Ferry to Skell"),
        ("Ready for sea: the Skua", "Ready for sea: the Skua"),
        ("=?utf-8?q?=?=", ""),
    ],
)
def test_subjects(subject: str, title: str) -> None:
    (found,) = parsed(raw(f"Subject: {subject}", "", SAID)).entries
    assert found.title.value.strip() == title


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("=?koi8-r?B?4c7OwQ==?= <a@b.example>", "Анна"),
        ('"Reiter, Anna" <a@b.example>', "Reiter, Anna"),
        ('"Anna Reiter via Harbour News" <a@b.example>', "Anna Reiter"),
        ("a@b.example", None),
        ("a@b.example (Anna Reiter)", "Anna Reiter"),
        ("<<<>>>,,,", None),
    ],
)
def test_senders(written: str, name: str | None) -> None:
    (found,) = parsed(f"From: {written}\nSubject: x\nMessage-ID: <a@b>\n\n{SAID}").entries
    assert found.authors == ((name,) if name else ())


def test_the_plain_text_is_taken_unless_it_is_a_stub() -> None:
    page = f"<html><body><p>{SAID}</p><p>It sails again on Tuesday, or so the board hopes.</p></body></html>"
    both = message(f"{SAID}\n\nIt sails again on Tuesday, or so the board hopes.")
    both.add_alternative(page, subtype="html")
    (found,) = parsed(both.as_bytes()).entries
    assert not found.content.html
    stub = message("View this mail in your browser: https://paper.example/1")
    stub.add_alternative(page, subtype="html")
    (found,) = parsed(stub.as_bytes()).entries
    assert found.content.html and "sails again on Tuesday" in found.content.value


def test_lines_that_flow_are_paragraphs() -> None:
    text = "The ferry to \nSkell is stopped.\n\n> A quoted \n> line.\n From here\n-- \nAnna"
    assert _mail_text.unwrapped(text, joins=False) == (
        "The ferry to Skell is stopped.\n\n> A quoted line.\nFrom here\n-- \nAnna"
    )
    assert _mail_text.unwrapped("東京 \n都", joins=True) == "東京都"


PLAIN = ("Subject: x", "MIME-Version: 1.0")
DAMAGED = {
    "wrong charset": (raw(*PLAIN, "Content-Type: text/plain; charset=us-ascii", "", "Fähre"), "Fähre"),
    "no such charset": (raw(*PLAIN, "Content-Type: text/plain; charset=foo", "", "Fähre"), "Fähre"),
    "cut base64": (raw(*PLAIN, "Content-Transfer-Encoding: base64", "", "RmVycnkgc3RvcHBlZA="), "Ferry stopped"),
    "dirty base64": (raw(*PLAIN, "Content-Transfer-Encoding: base64", "", "RmVy!cnkgc3Rv\n##cHBlZA=="), "Ferry stopped"),
    "quoted-printable": (raw(*PLAIN, "Content-Transfer-Encoding: quoted-printable", "", "F=C3=A4hre =ZZ =\nx="), "Fähre =ZZ x"),
    "no boundary": (raw(*PLAIN, "Content-Type: multipart/mixed", "", "--x", "", "Ferry stopped"), "Ferry stopped"),
    "boundary never closed": (
        raw(*PLAIN, 'Content-Type: multipart/mixed; boundary="b"', "", "--b", "Content-Type: text/plain", "", "Ferry"), "Ferry",
    ),
    "another boundary": (raw(*PLAIN, 'Content-Type: multipart/mixed; boundary="b"', "", "--c", "", "Ferry"), "Ferry"),
    "no such type": (raw(*PLAIN, "Content-Type: nonsense", "", "Ferry stopped"), "Ferry stopped"),
    "empty type": (raw(*PLAIN, "Content-Type:", "", "Ferry stopped"), "Ferry stopped"),
    "a bad date": (raw(*PLAIN, "Date: yesterday at noon", "", "Ferry stopped"), "Ferry stopped"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_read_as_it_was_meant(name: str) -> None:
    body, text = DAMAGED[name]
    (found,) = parsed(body).entries
    assert text in found.content.value


def test_attached_articles_are_their_own() -> None:
    body = message("Two pieces.")
    body.add_attachment(f"Owls\n\n{SAID}".encode(), maintype="text", subtype="plain", filename="owls.txt")
    body.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename="a.csv")
    body.add_attachment(b"PK\3\4", maintype="application", subtype="zip", filename="a.zip")
    body.add_attachment(b"\0\1\2" * 99, maintype="application", subtype="octet-stream", filename="b.txt")
    inner = message("The inner text of the forwarded mail.", Subject="Inner", Date="Sun, 01 Feb 2026 10:00:00 +0000")
    body.add_attachment(inner)
    found = parsed(body.as_bytes())
    assert [entry.title.value or entry.content.value[:4] for entry in found.entries] == [
        "Ferry stopped",
        "Owls",
        "Inner",
    ]
    assert [(entry.guid or "")[:7] for entry in found.entries] == ["m", "sha256:", "sha256:"]
    assert [(one.name, one.reason) for one in found.refused] == [
        ("b.txt", "no text; drop the article as text, HTML, Markdown or a mail")
    ]


def test_a_forwarded_mail_stays_in_the_text() -> None:
    inner = message("The inner text.", Subject="Inner")
    outer = "\n".join(
        (*PLAIN, 'Content-Type: multipart/mixed; boundary="b"', "", "--b", "Content-Type: text/plain", "", "See below.")
    )
    body = raw(outer, "--b", "Content-Type: message/rfc822", "", inner.as_string(), "--b--")
    (found,) = parsed(body).entries
    assert found.content.value.split("\n\n") == ["See below.", "Anna Reiter, Inner", "The inner text."]


def test_an_mbox_holds_messages() -> None:
    one, two = (
        f"From anna@paper.example Mon Mar  2 10:00:00 2026\nFrom: a@b.example\nSubject: {n}\n\n{SAID} {n}\n\n"
        for n in (1, 2)
    )
    found = parsed(one + two)
    assert [entry.title.value for entry in found.entries] == ["1", "2"]
    assert len({entry.guid for entry in found.entries}) == 2
    (single,) = parsed(one).entries
    assert single.guid == "m"


def test_prose_that_begins_with_from_begins_no_message() -> None:
    (single,) = parsed(raw("Subject: x", "", SAID, "", "From January to March of 2024", "it was so.")).entries
    assert single.content.value.endswith("From January to March of 2024\nit was so.")
    mark = "From anna@paper.example Mon Mar  2 10:00:00 2026\n"
    found = parsed(
        f"{mark}{raw('Subject: 1', '', SAID)}\n\n>From then on: it was so.\n\n{mark}{raw('Subject: 2', '', SAID)}\n"
    )
    assert [entry.title.value for entry in found.entries] == ["1", "2"]
    assert found.entries[0].content.value.endswith("\n\nFrom then on: it was so.")


def test_messages_beyond_the_limit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "MAX_MESSAGES", 2)
    mark = "From anna@paper.example Mon Mar  2 10:00:00 2026\n"
    found = parsed("".join(f"{mark}{raw(f'Subject: {n}', '', SAID)} {n}\n\n" for n in range(3)))
    assert len(found.entries) == 2
    assert [part.reason for part in found.refused] == ["from here on more than 2 messages: split it into several files"]


@pytest.mark.parametrize(
    ("behind", "stays"),
    [("-- \nAnna\nThe Paper", False), ("--\nThe second item.", True), ("-- \n" + "A line.\n" * 30, True)],
    ids=["a signature", "a line of dashes", "too long for one"],
)
def test_signatures(behind: str, stays: bool) -> None:
    text = "A line of text.\n" * 40 + behind
    (found,) = parsed(raw("Subject: x", "", text)).entries
    assert found.content.value == (text if stays else text[: -len(behind)]).strip()


def test_what_is_attached_beside_the_page_is_read_though_the_plain_text_is_taken() -> None:
    page = f"Content-Type: text/html\n\n<p>{SAID}</p>\n"
    file = f"Content-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nFile\n\n{SAID}\n"
    mixed = f'Content-Type: multipart/mixed; boundary="c"\n\n--c\n{page}--c\n{file}--c--\n'
    body = raw(*PLAIN, 'Content-Type: multipart/alternative; boundary="b"', "", f"--b\n\n{SAID}\n--b\n{mixed}--b--\n")
    assert [entry.content.value for entry in parsed(body).entries] == [SAID, f"File\n\n{SAID}"]


def test_a_page_that_cannot_be_read_costs_none_of_what_is_attached() -> None:
    page = "Content-Type: text/html\n\n<!-- nothing -->\n"
    file = f"Content-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nFile\n\n{SAID}\n"
    found = parsed(raw(*PLAIN, 'Content-Type: multipart/mixed; boundary="b"', "", f"--b\n{page}--b\n{file}--b--\n"))
    assert [entry.content.value for entry in found.entries] == [f"File\n\n{SAID}"]
    assert [part.name for part in found.refused] == ["message"]


def nested(depth: int) -> str:
    parts = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(depth))
    return raw("Subject: x", "MIME-Version: 1.0", parts + "\n" + SAID)


HOSTILE = {
    "nested": nested(3000),
    "rfc822 in itself": raw("Subject: x", "MIME-Version: 1.0", "Content-Type: message/rfc822\n\n" * 3000, SAID),
    "a header": raw("Subject: " + "x =?utf-8?q?y?= " * 200_000, "", SAID),
    "a type": raw("Subject: x", 'Content-Type: text/plain; a="' + "\\" * 200_000, "", SAID),
    "parameters": raw(
        "Subject: x", "Content-Type: text/plain" + "".join(f"; a{n}*0*=x" for n in range(20_000)), "", SAID
    ),
    "headers": raw("Subject: x", *(f"X-{n}: y" for n in range(100_000)), "", SAID),
    "addresses": "From: " + "a@b.example, " * 50_000 + f"\nSubject: x\nDate: x\n\n{SAID}",
    "comments": "From: " + "(" * 50_000 + f"a@b.example\nSubject: x\n\n{SAID}",
    "parts": raw(*PLAIN, 'Content-Type: multipart/mixed; boundary="b"', "", "--b\n\nx\n" * 4000, SAID),
    "boundaries": raw(*PLAIN, 'Content-Type: multipart/mixed; boundary="b"', "", "--b\n\nx\n" * 400_000, SAID),
    "file names": raw(*PLAIN, "Content-Disposition: attachment; filename*=" + "%41" * 100_000, "", SAID),
    "lines that flow": raw(*PLAIN, "Content-Type: text/plain; format=flowed", "", "word \n" * 200_000),
    "a postmark": raw(*PLAIN, "", "", "From " + "a" * 3_000_000),
    "readers and links": raw(
        *PLAIN,
        *(f"To: {n}reader{n}@reader{n % 40}.example" for n in range(300)),
        *(
            "Content-Type: text/html",
            "",
            *(f'<a href="https://a.example/{n}?u=r.{n}">{n}reader{n}@x</a>' for n in range(14_000)),
        ),
    ),
    "a long link": raw(
        *PLAIN, "Content-Type: text/html", "", f'<a href="https://click.a.example/{".%" * 400_000}">x</a>', SAID
    ),
    "endless labels": raw(*PLAIN, "", "From: a\nTo: b@c.example\nSubject: d\n" * 20_000),
    "endless answers": raw(*PLAIN, "", "On 3 May 2026 a <b@c.example> wrote:\n\n> x\n" * 20_000),
    "readers in a text": raw(
        *PLAIN, *(f"To: a{n}@b{n}.example" for n in range(300)), "", "a299@b299.example a1@b1 " * 40_000
    ),
    "controls": raw(*PLAIN, "", SAID + "\0\1\x1b[2J"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_mail_takes_long(name: str) -> None:
    begun = time.process_time()
    try:
        parsed(HOSTILE[name])
    except DocumentError as error:
        assert "a mail without a text" in str(error)
    assert time.process_time() - begun < 5


def test_a_mail_without_a_text_is_refused() -> None:
    with pytest.raises(DocumentError, match=r"m\.eml: a mail without a text"):
        parsed(message("").as_bytes())
    with pytest.raises(DocumentError, match="more than 5,000 lines"):
        parsed(HOSTILE["boundaries"])


def test_letters_that_nobody_encoded() -> None:
    assert _headers.readable("=?utf-8?q?a?=  =?utf-8?q?b?= c") == "ab c"
    (found,) = parsed("From: Björn <a@b.example>\nSubject: Fähre\n\n".encode("latin-1") + SAID.encode()).entries
    assert (found.title.value, found.authors) == ("Fähre", ("Björn",))
