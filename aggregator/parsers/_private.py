"""What of a mail is between two people, and not for publication → the mail without it. Pure.

Addresses of those it was sent to go wherever they stand, and so do the targets of links that tell them: those that hold
an address in whatever form, a list's own links, and links by way of a counter whose end is not to be seen. Of the text,
signatures, what is quoted of an earlier mail, and the headers of a forwarded one go.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from email.message import EmailMessage
from functools import cached_property
from html import escape, unescape
from itertools import accumulate
from urllib.parse import unquote, urlsplit

from aggregator import urls
from aggregator.markup import paragraphs, plain, safe_html
from aggregator.models import Entry, Markup
from aggregator.parsers import _headers

MAX_ADDRESSES = 200
MAX_REMARK = 300  # characters before a forwarded mail, of who forwards it
MAX_BLANK = 10  # lines between what announces a quotation, and that
MAX_SIGNATURE, MAX_LINE = 12, 80  # lines, and characters of each, of one not quite marked as such
_FEWEST = 3  # characters of a local part by which a link is known to tell it

_RECIPIENTS = (
    "to cc bcc resent-to resent-cc delivered-to x-original-to x-delivered-to x-forwarded-to x-forwarded-for envelope-to"
    " x-envelope-to apparently-to x-rcpt-to"
).split()
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_FOR = re.compile(r"\bfor\s+<?([^\s<>;]{1,255}@[^\s<>;]{1,255})>?")  # as servers note in Received
_AT = r"\s?(?:@|%(?:25)?40|&#64;|\(at\)|\[at\]|\sat\s)\s?"
_NOTHING = "…"

_URL = re.compile(r"<?(?:https?://|mailto:)[^\s<>\"“”«»]+>?", re.IGNORECASE)
_OF_A_LIST = re.compile(
    r"unsub(?:scribe|scription)?s?(?![a-z])|opt[-_]?out|[/?&=](?:manage|prefs?|preferences)(?![a-z-])"
    r"|(?:manage|update|edit|e?mail|subscription|user)[-_]?(?:subscription|pref|setting)|list-manage\d*\.com/(?:profile|vcard)",
    re.IGNORECASE,
)
_COUNTER_HOST = re.compile(
    r"^(?:e?clicks?|click\w*|track\w*|trk|links?|lnk|url\d+|ct|cl|em?\d+|mkt\w*|email|go|r)\d*\.|(?:sendgrid\.net|awstrack\.me"
    r"|list-manage\.com|mandrillapp\.com|hubspotlinks\.com|hubspotemail\.net|mailgun\.org|cmail\d+\.com|rs6\.net"
    r"|exct\.net|sparkpostmail\.com)$"
)
_COUNTER_PATH = re.compile(
    r"/(?:ls|wf|track|e|s?)/?(?:click|clk)|/click|/CL0/|/redirect|/track/|/trk/|/c/", re.IGNORECASE
)
_TOKEN = re.compile(
    r"(?:^|[/=.])(?=[\w%.~-]{0,60}\d)(?=[\w%.~-]{0,60}[A-Za-z])[\w%~-]{16,}|[?&](?:upn|[a-z]{0,3}token)=", re.IGNORECASE
)
_TARGET = re.compile(
    r"(?:[=/]|^)(https?(?::|%3A|%253A)(?:%2F%2F|%252F%252F)[^&/?\s\"<>]+|https?:/[^&\s\"<>]+)", re.IGNORECASE
)

_ANCHOR = re.compile(r"<a(?:\s[^<>]*)?>((?:(?!</a>).){0,500})</a>", re.DOTALL)
_ENDS = re.compile(
    r"^\W*(?:unsubscribe|opt[- ]?out"
    r"|(?:manage|update|change|edit) (?:your |my )?(?:\w+ )?(?:preferences|subscriptions?|settings)"
    r"|abmelden|abbestellen|se désabonner|désinscription|(?:darse|dar) de baja|cancelar|отписаться|退订|取消订阅"
    r"|配信停止|disiscriviti|cancellami|إلغاء الاشتراك)\b",
    re.IGNORECASE,
)
_TAG = re.compile(r"""</?([a-z0-9]+)((?:\s[^"<>=]+(?:="[^"]*")?)*+)>""")  # as nh3 writes it
_ATTRIBUTE = re.compile(r"""\s([^\s"<>=]+)="([^"]*)\"""")
_EDGES = frozenset(
    "address article aside blockquote br center dd div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr"
    " li main nav ol p pre section table tbody td tfoot th thead tr ul".split()
)
_LINKS = frozenset("href src srcset poster cite".split())

_MARKED = "-- "  # RFC 3676 §4.3
_SIGNATURE = re.compile(r"^--\s?$")
_CONTACT = re.compile(r"@|://|www\.|\+?\d[\d ()/-]{6,}\d")
_WROTE = re.compile(
    r"^(?:on\b.*\bwrote|am\b.*\bschrieb\b.*|le\b.*\ba écrit|el\b.*\bescribió|il\b.*\bha scritto|em\b.*\bescreveu"
    r"|op\b.*\bschreef\b.*|.*\b(?:пишет|писал|писала|написал|написала)|.*写道|.*寫道|.*(?:のメール|書きました)|.*작성"
    r"|.*\bكتب\b.*|.*@.*\b(?:wrote|schrieb|skrev|kirjoitti|napisał|napsal)|.*\d.*@[^\s@]+>\)?)\s*[:：]$",
    re.IGNORECASE,
)
_MARK = re.compile(
    r"^[-_\s>]*(?:begin )?(?:-{2,}.*(?:forwarded|original|weitergeleitete|ursprüngliche|transféré|d.origine|reenviado"
    r"|пересыла|исходн|转发|原始|転送|전달).*-{2,}|begin forwarded message|anfang der weitergeleiteten \w+"
    r"|début du message \w+|_{10,}|-{10,})\s*[:：]?\s*$",
    re.IGNORECASE,
)
_LABELS = {
    "from": "from von de da от 发件人 寄件者 寄件人 差出人 보낸사람 من van från fra od",
    "date": "date sent datum gesendet envoyé enviado fecha data inviato дата отправлено 日期 发送时间 日時 送信日時"
    " 보낸날짜 التاريخ verzonden skickat sendt",
    "to": "to an à para a кому 收件人 宛先 받는사람 إلى aan till til cc bcc kopie copie копия 抄送 참조 نسخة reply-to",
    "subject": "subject betreff objet asunto assunto oggetto тема 主题 主旨 件名 제목 الموضوع onderwerp ämne emne",
}
_LABEL_OF = {word: name for name, words in _LABELS.items() for word in words.split()}
_LABELLED = re.compile(r"^[>\s*_]*([^\W\d_][^\d_:：]{0,12}?)[*_\s]*[:：][*_\s]*(.*)$")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a mail's text, and whether it is quoted."""

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What the headers of a mail say that somebody forwards: without addresses."""

    sender: str = ""
    date: str = ""
    subject: str = ""


@dataclass(frozen=True)
class Private:
    """Those whom a mail was sent to, and where a list lets them leave."""

    addresses: frozenset[str]  # in lower case
    links: frozenset[str] = frozenset()

    @classmethod
    def of(cls, message: EmailMessage, texts: Iterable[str] = ()) -> "Private":
        """Of a message, of the mails in it, and of the headers that stand in its texts."""
        found: dict[str, None] = {}
        links: list[str] = []
        for part in _messages(message):
            for name, value in part.raw_items():
                if name.lower() in _RECIPIENTS:
                    found.update(dict.fromkeys(_ADDRESS.findall(str(value))))
                elif name.lower() == "received":
                    found.update(dict.fromkeys(_FOR.findall(str(value))))
                elif name.lower() == "list-unsubscribe":
                    links += _URL.findall(str(value))
        blocks = [_labelled(line) for text in texts for line in text.split("\n") if "@" in line]
        for name, value in blocks:
            found.update(dict.fromkeys(_ADDRESS.findall(value) if name == "to" else ()))
        if any(name == "to" for name, _ in blocks):  # who forwards it has received it
            found.update((address, None) for _, address in _headers.people(message, "from") if "@" in address)
        addresses = {address.strip(".<>'\"").lower() for address in list(found)[:MAX_ADDRESSES]}
        return cls(frozenset(filter(None, addresses)), frozenset(link.strip("<>") for link in links))

    def entry(self, entry: Entry) -> Entry:
        """An entry without what is private in its values."""
        links = tuple(link for link in entry.links if self._is_public(link.href))
        return replace(
            entry,
            title=self.markup(entry.title),
            content=self.markup(entry.content),
            summary=self.markup(entry.summary),
            subtitle=self.markup(entry.subtitle),
            authors=tuple(name for name in entry.authors if "@" not in name),
            link=entry.link if entry.link and self._is_public(entry.link) else None,
            links=links,
            base=entry.base if entry.base and self._is_public(entry.base) else None,
        )

    def markup(self, markup: Markup) -> Markup:
        return Markup(self.html(markup.value), True) if markup.html else Markup(self.text(markup.value))

    def text(self, text: str) -> str:
        """Plain text without addresses and links that are private."""
        if "@" not in text and "%" not in text and "//" not in text and " at " not in text and "(at)" not in text:
            return text
        text = _URL.sub(self._shown, text)
        return self._written.sub(_NOTHING, text) if self.addresses else text

    def html(self, html: str) -> str:
        """Safe HTML, likewise; pictures whose address is private go."""
        pieces: list[str] = []
        place = 0
        html = _ANCHOR.sub(_unless_it_ends, safe_html(html, None))
        for tag in _TAG.finditer(html):
            pieces += (self._of_html(html[place : tag.start()]), self._tag(tag))
            place = tag.end()
        found = "".join([*pieces, self._of_html(html[place:])])
        return found if not self._is_told(plain(Markup(found, True))) else self._as_text(found)

    def _of_html(self, text: str) -> str:
        shown = unescape(text)
        said = self.text(shown)
        return text if said == shown else escape(said, quote=False)

    def _as_text(self, html: str) -> str:
        """Where an address goes over several elements, these go."""
        lines = (self.text(line) for line in paragraphs(html))
        return "".join(f"<p>{escape(line, quote=False)}</p>\n" for line in lines)

    def _tag(self, tag: re.Match[str]) -> str:
        if "=" not in tag[2]:
            return tag[0]
        written = tag[0]
        for name, value in _ATTRIBUTE.findall(tag[2]):
            shown = unescape(value)
            kept = self._link(shown) if name in _LINKS else self.text(shown)
            if name == "src" and kept != shown and not kept:
                return ""  # a picture that tells who has opened the mail
            if kept != shown:
                changed = f' {name}="{escape(kept)}"' if kept else ""
                written = written.replace(f' {name}="{value}"', changed)
        return written

    def _link(self, url: str) -> str:
        """Where a link leads that may be published; empty if nowhere."""
        if not self._is_public(url):
            target = self._target(url)
            return target if target and self._is_public(target) else ""
        return url

    def _shown(self, found: re.Match[str]) -> str:
        inner = found[0].strip("<>")
        end = inner[len(inner.rstrip(".,;:!?)]")) :]
        url = inner.removesuffix(end)
        kept = self._link(url)
        return found[0] if kept == url else kept + end

    def _target(self, url: str) -> str | None:
        """Where a link by way of somebody else leads, if it says so."""
        found = _TARGET.search(url, 8)
        if found is None:
            return None
        return urls.absolute(unquote(found[1]) if "%" in found[1] else found[1])

    def _is_public(self, url: str) -> bool:
        if self._is_told(url) or self._is_in(url) or url in self.links:
            return False
        if url.lower().startswith("mailto:"):
            return True
        parts = urlsplit(url) if "[" not in url and "]" not in url else None
        if parts is None or _OF_A_LIST.search(f"{parts.netloc}{parts.path}?{parts.query}"):
            return False
        counted = _COUNTER_HOST.search((parts.hostname or "").lower()) or _COUNTER_PATH.search(parts.path)
        rest = f"{parts.path}?{parts.query}"
        return not (counted and (_TOKEN.search(rest) or _TARGET.search(url, 8)))

    def _is_told(self, text: str) -> bool:
        return bool(self.addresses) and self._written.search(text) is not None

    def _is_in(self, url: str) -> bool:
        """Whether an address is in a link: encoded, in two parts, or as a hash."""
        said = unquote(unquote(url)).lower()
        if any(code in url or code in said for code in self._codes):
            return True
        values = set(re.split(r"[?&=/#;:,]", said))
        parts = [address.partition("@")[::2] for address in self.addresses]
        return any(
            (len(local) >= _FEWEST and (local in values or (local in said and domain in said)))
            for local, domain in parts
        )

    @cached_property
    def _written(self) -> re.Pattern[str]:
        forms = sorted({form for address in self.addresses for form in (address, _untagged(address))}, key=len)
        parts = (address.partition("@")[::2] for address in reversed(forms))
        each = "|".join(f"{re.escape(local)}{_AT}{re.escape(domain)}" for local, domain in parts)
        return re.compile(rf"(?<![\w.+-])(?:mailto:|<)?(?:{each})(?![\w-])>?", re.IGNORECASE)

    @cached_property
    def _codes(self) -> frozenset[str]:
        """What stands for an address: in base64 at each of its three places in a byte, and as hashes."""
        codes: set[str] = set()
        for data in (address.encode() for address in self.addresses):
            codes |= {hash(data).hexdigest() for hash in (hashlib.md5, hashlib.sha1, hashlib.sha256)}
            codes.add(data.hex())
            for before in range(3):
                coded = b64encode(b"\0" * before + data).decode()
                inner = coded[(0, 2, 3)[before] :].rstrip("=")
                inner = inner[: len(inner) - ((len(data) + before) % 3 > 0)]
                codes |= {inner, inner.replace("+", "-").replace("/", "_")}
        return frozenset(codes)


def _unless_it_ends(anchor: re.Match[str]) -> str:
    """A link without its target, where its words say that it ends or changes what somebody gets."""
    return f"<a>{anchor[1]}</a>" if _ENDS.search(plain(Markup(anchor[1], True))) else anchor[0]


def _messages(message: EmailMessage) -> Iterator[EmailMessage]:
    for number, part in enumerate(message.walk()):
        if number < MAX_ADDRESSES and (number == 0 or part.get_content_maintype() != "text"):
            yield part


def _untagged(address: str) -> str:
    local, _, domain = address.partition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


def lines_of(html: str) -> Iterator[tuple[int, int, Line]]:
    """The lines of safe HTML: where each begins and ends."""
    start = depth = 0
    for tag in _TAG.finditer(html):
        if tag[1] not in _EDGES:
            continue
        if text := plain(Markup(html[start : tag.start()], True)):
            yield start, tag.start(), Line(text, depth > 0)
        if tag[1] == "blockquote":
            depth += -1 if tag[0].startswith("</") else 1
        start = tag.end()
    if text := plain(Markup(html[start:], True)):
        yield start, len(html), Line(text, depth > 0)


def without_others(lines: Sequence[Line], *, is_answer: bool) -> tuple[list[bool], Forwarded | None]:
    """Which lines are the article's, and what is said of a mail that is forwarded in them.

    What goes: signatures, quoted mails, headers. `is_answer`: what is quoted at the end is what it answers.
    """
    kept = [True] * len(lines)
    forwarded = _without_headers(lines, kept, is_answer=is_answer)
    _without_quotes(lines, kept, is_answer=is_answer)
    _without_signature(lines, kept)
    if not any(kept[number] and lines[number].text.strip() for number in range(len(lines))):
        return [_labelled(line.text)[0] != "to" for line in lines], forwarded
    return kept, forwarded


def _without_headers(lines: Sequence[Line], kept: list[bool], *, is_answer: bool) -> Forwarded | None:
    first: Forwarded | None = None
    lengths = list(accumulate((len(line.text.strip()) for line in lines), initial=0))
    for start, end, said in _blocks(lines):
        before = lengths[start]
        if is_answer and before:
            kept[start:] = [False] * (len(lines) - start)
            return first
        kept[start:end] = [False] * (end - start)
        if before <= MAX_REMARK and first is None:
            kept[:start] = [False] * start
            first = said
    return first


def _blocks(lines: Sequence[Line]) -> Iterator[tuple[int, int, Forwarded]]:
    """Where headers of a mail stand in a text, with what announces them."""
    number = 0
    while number < len(lines):
        name, _ = _labelled(lines[number].text)
        end, said = _block(lines, number) if name else (number, {})
        if "from" in said and len(said) > 1:
            start = number
            while start and (not lines[start - 1].text.strip() or _MARK.match(lines[start - 1].text)):
                start -= 1
            yield start, end, Forwarded(_name(said["from"]), said.get("date", ""), said.get("subject", ""))
        number = max(end, number + 1)


def _block(lines: Sequence[Line], start: int) -> tuple[int, dict[str, str]]:
    said: dict[str, str] = {}
    end, last = start, ""
    for number in range(start, min(len(lines), start + 20)):
        text = lines[number].text
        name, value = _labelled(text)
        if name:
            said.setdefault(name, value)
            last = name
        elif not text.strip() and end == number and not said.get(last):
            pass
        elif not (last == "to" and "@" in text):
            break
        end = number + 1
    return end, said


def _labelled(line: str) -> tuple[str, str]:
    found = _LABELLED.match(line) if len(line) <= 1000 else None
    if found is None:
        return "", ""
    return _LABEL_OF.get(found[1].lower().replace(" ", ""), ""), found[2].strip(" *_")


def _name(sender: str) -> str:
    """A sender's name without the address."""
    return " ".join(re.sub(r"[<(\[][^<>()\[\]]*@[^<>()\[\]]*[>)\]]|\S*@\S*", "", sender).split()).strip("\"' ")


def _without_quotes(lines: Sequence[Line], kept: list[bool], *, is_answer: bool) -> None:
    answers = False
    for number, line in enumerate(lines):
        length = next((count for count in (1, 2, 3) if _is_intro(lines, number, count)), 0) if kept[number] else 0
        if length:
            last = number + length
            is_quoted = next((one.quoted for one in lines[last : last + MAX_BLANK] if one.text.strip()), False)
            if is_quoted:
                answers = True
                kept[number:last] = [False] * length
            elif "@" in line.text + lines[last - 1].text:  # programs that mark no quotation
                kept[number:] = [False] * (len(lines) - number)
                return
        kept[number] = kept[number] and not (answers and line.quoted)
    last = len(lines)
    while is_answer and last and (lines[last - 1].quoted or not lines[last - 1].text.strip()):
        last -= 1
        kept[last] = False


def _is_intro(lines: Sequence[Line], number: int, count: int) -> bool:
    """Whether what is quoted is announced in so many lines, and not in fewer of them."""
    own = [line.text.strip() for line in lines[number : number + count]]
    text = " ".join(own)
    if len(text) > MAX_REMARK or not text.endswith((":", "：")) or not all(own):
        return False
    found = _WROTE.match(text) is not None and re.search(r"\d|@", text) is not None
    return found and (count == 1 or not _is_intro(lines, number + 1, count - 1))


def _without_signature(lines: Sequence[Line], kept: list[bool]) -> None:
    left = [number for number in range(len(lines)) if kept[number] and lines[number].text.strip()]
    for place, number in enumerate(left):
        line, behind = lines[number].text, [lines[other].text for other in left[place + 1 :]]
        is_short = all(len(other) <= MAX_LINE for other in behind)
        is_sure = line == _MARKED or (is_short and any(map(_CONTACT.search, behind)))
        if place and _SIGNATURE.match(line) and len(behind) <= MAX_SIGNATURE and is_sure:
            kept[number:] = [False] * (len(lines) - number)
            return
