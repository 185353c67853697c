"""What of a mail is nobody else's business: who got it, what it answers, how its writer is reached."""

from base64 import b64encode, urlsafe_b64encode
from email.message import EmailMessage
from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.models import Document, Entry
from aggregator.parsers import mail
from aggregator.parsers._private import Private

WHO = "ines.carvalho@reader.example"
SAID = "The ferry to Skell was stopped on Monday, the harbour board said, since the wind had risen in the night."
MORE = "It sails again on Wednesday, or so the board hopes, and tickets of this week are good for the next one, too."


def entry(text: str = "", html: str = "", **headers: str) -> Entry:
    made = EmailMessage()
    for name, value in (
        {"From": "Anna Reiter <anna@paper.example>", "To": f"Ines <{WHO}>", "Subject": "Ferry stopped"} | headers
    ).items():
        made[name.replace("_", "-")] = value
    if text:
        made.set_content(text)
    if html:
        made.set_content(html, subtype="html")
    (found, *_) = mail.parse(Document(made.as_bytes(), "m.eml", identity="m")).entries
    return found


def page(inside: str) -> str:
    return f"<html><body><p>{SAID}</p>{inside}<p>{MORE}</p></body></html>"


HIDDEN = {
    "plain": WHO,
    "in capitals": WHO.upper(),
    "encoded": WHO.replace("@", "%40"),
    "encoded twice": WHO.replace("@", "%2540"),
    "in base64": b64encode(WHO.encode()).decode(),
    "in base64 amid more": urlsafe_b64encode(f"x:{WHO}:7".encode()).decode(),
    "its hash": md5(WHO.encode(), usedforsecurity=False).hexdigest(),
    "in two parts": "ines.carvalho&d=reader.example",
    "its first part": "ines.carvalho",
    "as a sender's return": "bounce-ines.carvalho=reader.example",
}


@pytest.mark.parametrize("name", HIDDEN)
def test_no_link_or_picture_tells_who_got_a_mail(name: str) -> None:
    url = f"https://paper.example/read?id={HIDDEN[name]}"
    html = page(f'<p>More <a href="{url}">of it</a>.</p><p><img src="{url}" width="600"> {url} </p>')
    found = entry(html=html).content.value
    assert "paper.example" not in found and ">of it</a>" in found
    text = entry(f"{SAID}\n\nMore: {url}\n\n{MORE}").content.value
    assert text == f"{SAID}\n\nMore: \n\n{MORE}"


@pytest.mark.parametrize(
    "header", ["To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "Received"], ids=lambda name: name
)
def test_no_text_tells_who_got_a_mail(header: str) -> None:
    value = f"from x by y for <{WHO}>; Mon, 2 Mar 2026 10:00:00 +0100" if header == "Received" else f"Ines <{WHO}>"
    found = entry(f"{SAID}\n\nThis went to {WHO.title()}, as ever.", **({"To": ""} | {header.replace("-", "_"): value}))
    assert found.content.value == f"{SAID}\n\nThis went to …, as ever."


@pytest.mark.parametrize(
    "written",
    [f"<b>ines.carvalho</b>@{WHO[14:]}", "ines.carvalho<wbr>@reader.example", WHO.replace("@", " at ")],
    ids=["bold", "broken", "in words"],
)  # fmt: skip
def test_no_markup_hides_an_address(written: str) -> None:
    found = entry(html=page(f"<p>This went to {written} as ever.</p>")).content.value
    assert "This went to … as ever." in found


@given(
    st.sampled_from(sorted(HIDDEN.values())),
    st.text(alphabet=st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), max_size=30),
    st.booleans(),
)
def test_an_address_is_never_published(form: str, around: str, is_html: bool) -> None:
    inside = f"<p>{around}<a title='{form}' href='https://a.example/?{form}'>{WHO}</a>{around}</p>"
    found = entry(html=page(inside)) if is_html else entry(f"{SAID}\n{around} {form} {around} <{WHO}>")
    assert WHO not in repr(found).lower()


LISTS = [
    "https://list.example/unsubscribe/7",
    "https://list.example/a?b=optout",
    "https://list.example/preferences",
    "https://list.example/manage?id=7",
    "https://list.example/leave/7",
]


@pytest.mark.parametrize("url", LISTS)
def test_nobody_leaves_a_list_in_the_place_of_another(url: str) -> None:
    html = page(f'<p>The list: <a href="{url}">leave it</a>.</p>')
    found = entry(html=html, List_Unsubscribe="<https://list.example/leave/7>, <mailto:leave@list.example>")
    assert "list.example" not in found.content.value


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://click.list.example/ls/click?upn=u001.Zk3-2Bq8x7", ""),
        ("https://link.list.example/c/443/7f0a9c1e5b7d4e21/cf1a2b3c4d5e6f70", ""),
        ("https://list.us7.list-manage.com/track/click?u=98f1c2&id=7d21a0&e=01ab23cd45ef67ab8", ""),
        ("https://track.list.example/go?id=7&to=https%3A%2F%2Fpaper.example%2Fferry", "https://paper.example/ferry"),
        ("https://t.list.example/CL0/https:%2F%2Fpaper.example%2Fferry/1/0100018f2c", "https://paper.example/ferry"),
        ("https://paper.example/news/2026/ferry-to-skell-stopped-on-monday", None),
        ("https://paper.example/news/how-to-manage-debt-2026", None),
        ("https://paper.example/unsubstantiated-claims", None),
        ("mailto:anna@paper.example", None),
    ],
)
def test_links_by_way_of_a_counter_lead_where_they_plainly_lead(url: str, target: str | None) -> None:
    found = entry(html=page(f'<p>More <a href="{url.replace("&", "&amp;")}">of it</a>.</p>')).content.value
    wanted = url if target is None else target
    assert (f'<a href="{wanted}">of it</a>' if wanted else "<a>of it</a>") in found


def test_signatures_go() -> None:
    assert entry(f"{SAID}\n-- \nAnna Reiter\n+49 30 555 0100").content.value == SAID
    html = page("").replace("</body>", "<p>-- <br>Anna Reiter<br>+49 30 555 0100</p></body>")
    assert "555" not in entry(html=html).content.value


QUOTED = {
    "en": "On Mon, Mar 2, 2026 at 9:00 AM Ines Two <two@reader.example> wrote:",
    "en, wrapped": "On Mon, Mar 2, 2026 at 9:00 AM Ines Carvalho of Porto\n<two@reader.example> wrote:",
    "de": "Am 02.03.2026 um 09:00 schrieb Ines Two <two@reader.example>:",
    "fr": "Le lun. 2 mars 2026 à 09:00, Ines Two <two@reader.example> a écrit :",
    "es": "El lun, 2 mar 2026 a las 9:00, Ines Two (<two@reader.example>) escribió:",
    "ru": "пн, 2 мар. 2026 г. в 09:00, Ines Two <two@reader.example>:",
    "ru, otherwise": "02.03.2026 09:00, Ines Two пишет:",
    "zh": "Ines Two <two@reader.example> 于2026年3月2日周一 09:00写道：",
}


@pytest.mark.parametrize("name", QUOTED)
def test_what_a_mail_answers_goes(name: str) -> None:
    found = entry(f"{SAID}\n\n{MORE}\n\n{QUOTED[name]}\n> Please send it.\n> Ines", Subject="Re: Ferry")
    assert "two@" not in found.content.value and "Please" not in found.content.value
    assert found.content.value.startswith(f"{SAID}\n\n{MORE}")


def test_prose_that_quotes_stays() -> None:
    text = f"{SAID}\n\nOn Monday 2 March 2026 the captain wrote:\n\nWe shall sail.\n\nFrom: the sea\nthe wind came."
    assert entry(text).content.value == text


@pytest.mark.parametrize("is_html", [False, True], ids=["text", "page"])
def test_of_a_forwarded_mail_the_sender_subject_and_date_are_the_facts(is_html: bool) -> None:
    said = [
        "See below, and call me on +49 30 555 0100.", "---------- Forwarded message ---------",
        "From: Wire Service <wire@agency.example>", "Sent: Sunday, 1 March 2026 10:00", f"To: Ines <{WHO}>; Bo <bo@x.example>",
        "Subject: Ferries stopped", "", SAID, f"Bo is bo@x.example and Ines {WHO}, who sends: paul@reader.example", MORE,
    ]  # fmt: skip
    quoted = [line.replace("&", "&amp;").replace("<", "&lt;") for line in said]
    form = {"html": "".join(f"<p>{line}</p>" for line in quoted)} if is_html else {"text": "\n".join(said)}
    found = entry(**form, From="Paul <paul@reader.example>", To="desk@reader.example", Subject="Fwd: Ferry")
    assert (found.title.value, found.authors) == ("Ferries stopped", ("Wire Service",))
    assert str(found.published_at) == "2026-03-01 10:00:00+00:00"
    assert "Bo is … and Ines …, who sends: …" in found.content.value
    assert "@" not in found.content.value and "555" not in found.content.value


def test_real_pictures_stay_and_words_for_a_preview_go() -> None:
    html = page(
        '<div style="display:none">What is inside</div><table><tr><td><div>'
        '<img src="https://list.example/photo.jpg" width="560" height="300" alt="Ferry">'
        '<img src="https://list.example/x.gif?m=7" width="1" height="1"></div></td></tr></table>'
    )
    found = entry(html=html).content.value
    assert "photo.jpg" in found and "x.gif" not in found and "inside" not in found


def test_an_author_is_never_an_address() -> None:
    assert entry(SAID, From='"anna@paper.example" <anna@paper.example>').authors == ()


def test_a_link_that_ends_a_subscription_loses_its_target() -> None:
    private = Private(frozenset({"jo@corp.example"}))
    html = '<p><a href="https://letters.example/u/TOKEN99">Opt out</a> <a href="https://letters.example/n/1">Read on</a></p>'
    found = private.html(html)
    assert "TOKEN99" not in found
    assert "Opt out" in found and "https://letters.example/n/1" in found
