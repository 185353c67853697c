"""The nouns, in the order in which an article becomes them. Frozen values; every time is aware UTC.

Document → Entry → Article → Copy, Story → Tag → Verdict, Membership → Item, Feed
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Document:
    """The bytes of one visit to a source and what was said about them. Not stored."""

    body: bytes
    name: str  # what messages call it: the URL or the file's name
    url: str | None = None  # where it was found in the end: the base of relative links
    media_type: str | None = None  # as declared, without parameters: a hint, never believed
    charset: str | None = None  # as declared over HTTP
    identity: str | None = None  # the guid of an entry that brings none
    modified_at: datetime | None = None  # the date of an entry that brings none
    beside: bytes | None = None  # YAML with facts that the document does not state, and that win over those it does
    beside_name: str = ""  # what messages call that
    stamp: str = ""  # of a file: tells whether it, or what stands beside it, has changed since


@dataclass(frozen=True, slots=True)
class Markup:
    """Text as a publisher wrote it: HTML, or plain text. Untrusted."""

    value: str
    html: bool = False

    def __bool__(self) -> bool:
        return bool(self.value.strip())


@dataclass(frozen=True, slots=True)
class Category:
    """What a publisher files an entry under (RFC 4287 §4.2.2)."""

    term: str
    scheme: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """Where an entry points, and as what (RFC 4287 §4.2.7). `rel` in lower case."""

    href: str
    rel: str = "alternate"
    media_type: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an entry was taken from, as its publisher says: Atom `source`, RSS `source`."""

    title: str | None = None
    url: str | None = None  # of the feed, or of its page


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file that belongs to an entry. `length` in bytes, None when the publisher does not say."""

    url: str
    media_type: str | None = None
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What the publisher wrote, as parsed. Untrusted in every field. Dates keep the publisher's zone."""

    guid: str | None = None
    link: str | None = None
    links: tuple[Link, ...] = ()  # all of them, `link` too; enclosures stand apart
    base: str | None = None  # what relative links in this entry are relative to
    title: Markup = Markup("")
    subtitle: Markup = Markup("")
    summary: Markup = Markup("")
    content: Markup = Markup("")
    authors: tuple[str, ...] = ()
    categories: tuple[Category, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    published_at: datetime | None = None
    updated_at: datetime | None = None
    language: str | None = None
    thumbnail: str | None = None  # URL of the picture that stands for it
    comments: str | None = None  # URL of the page where people talk about it
    origin: Origin | None = None
    licence: str | None = None  # a URL, or words
    framed: bool = False  # copied from a page: what stands around an article there may stand around this one
    told: tuple[tuple[str, str], ...] = ()  # of a file: which field was found where, in words; see `parsers._facts`


@dataclass(frozen=True, slots=True)
class Advice:
    """What a document says of itself: when to come back, and who pushes its news. Believed only within bounds."""

    ttl: timedelta | None = None  # not to be read more often: RSS `ttl`, `sy:updatePeriod`
    skip_hours: frozenset[int] = frozenset()  # 0–23, UTC
    skip_days: frozenset[int] = frozenset()  # 0 is Monday, UTC
    hubs: tuple[str, ...] = ()  # WebSub: who tells of changes
    self_url: str | None = None  # WebSub: under which name


@dataclass(frozen=True, slots=True)
class Memory:
    """What a source's document looked like when it was last read: lets a parser skip what it has seen.

    Hashes have 8 bytes. An equal hash of an entry means nothing unless `context` is equal, too.
    """

    context: bytes  # of all that gives the bytes of an entry their meaning, the version of our reading among it
    head: bytes  # of what stands around the entries, without its dates
    inherited: tuple[tuple[str, str], ...]  # what entries take over from the head; the parser's own business
    entries: tuple[tuple[bytes, bytes], ...]  # of each entry: hash of its bytes, hash of its guid (empty: it has none)
    whole_at: datetime | None = None  # the last time that nothing was skipped; None: just now


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a document holds, or, where the parser was given a memory, what of it is new."""

    entries: tuple[Entry, ...]
    advice: Advice | None = Advice()  # None: the head is that of last time, so nothing was looked up in it
    title: str | None = None  # of the feed, as its publisher wrote it
    format: str | None = None  # in words: "RSS 2.0"
    known_guids: tuple[bytes, ...] = ()  # hashes of the guids of the entries that were skipped (empty: it has none)
    dropped: int = 0  # entries beyond the limit: the oldest ones
    memory: Memory | None = None  # for next time; None where the parser keeps none, or nothing can be skipped
    refused: tuple["Rejected", ...] = ()  # parts of the document that could not be read, while others could


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of an article's original that is no part of the article: [start, end) in characters, and the reason."""

    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True)
class Article:
    """A cleaned entry. Text and HTML are safe to publish; identity is (source, guid) and nothing else."""

    key: str  # derived from (source, guid): the public address of the article
    source: str
    guid: str
    title: str
    text: str  # paragraphs separated by blank lines
    html: str
    summary: str  # plain text, may be empty
    first_seen_at: datetime
    subtitle: str = ""  # plain text
    link: str | None = None  # canonical
    authors: tuple[str, ...] = ()
    categories: tuple[Category, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    published_at: datetime | None = None  # as claimed, if believable
    updated_at: datetime | None = None  # when something that readers would call news was last changed in it
    claimed_at: datetime | None = None  # when its publisher says that it was last changed
    language: str | None = None  # ISO 639-1
    links: tuple[Link, ...] = ()  # absolute; `link` is not among them
    thumbnail: str | None = None  # absolute
    comments: str | None = None  # absolute
    origin: Origin | None = None
    licence: str | None = None  # an absolute URL, or words
    content_hash: str = ""  # of everything published but dates: differs when the publisher changed something
    news_hash: str = ""  # of what a reader would call news: equal when only counters, times, pictures … have changed
    text_hash: str = ""  # of the words alone: equal for copies that differ in layout only
    word_count: int = 0
    original: str | None = None  # the HTML before anything was cut; None where an article comes without furniture
    cuts: tuple[Cut, ...] = ()  # what `html` leaves out of `original`: in order, apart from each other
    told: tuple[tuple[str, str], ...] = ()  # of a file: which field was found where, in words
    silent_changes: int = 0  # in a row that came without a newer date of the publisher's

    @property
    def dated_at(self) -> datetime:
        """The date to sort by: a date in the future never pins an article to the top."""
        return min(self.published_at or self.first_seen_at, self.first_seen_at)


@dataclass(frozen=True, slots=True)
class Known:
    """What the store remembers of an article that is seen again."""

    key: str
    content_hash: str
    news_hash: str
    first_seen_at: datetime
    updated_at: datetime | None
    claimed_at: datetime | None
    silent_changes: int


@dataclass(frozen=True, slots=True)
class Kin:
    """A stored article of the same source, as it can be recognised under another key."""

    key: str
    guid: str
    title: str  # folded
    link: str | None
    text_hash: str
    word_count: int
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a document says to us: its articles, cleaned, or those of them that are new since `Memory`."""

    articles: tuple[Article, ...]
    advice: Advice | None = Advice()  # as in `Parsed`
    skipped: int = 0  # entries that could not be used
    known_guids: tuple[bytes, ...] = ()  # of entries that were not looked at, since their bytes are known: as `Parsed`
    dropped: int = 0  # entries beyond the limit: the oldest ones
    memory: Memory | None = None
    whole: bool = True  # nothing was skipped
    differs: str | None = None  # how reading in part differed from reading the whole, where that was asked
    refused: tuple["Rejected", ...] = ()  # parts of the document that could not be read, while others could

    @property
    def known(self) -> int:
        """The number of entries that were not looked at."""
        return len(self.known_guids)


@dataclass(frozen=True, slots=True)
class Likeness:
    """What two articles have in common, and what follows. Shares are 0–1."""

    is_copy: bool
    rule: str  # that made them copies, or kept them apart
    shared: int  # shingles
    jaccard: float  # shared of all shingles of both
    containment: float  # shared of those of the text with fewer
    length_ratio: float  # the fewer to the more shingles
    hours: float  # between their dates


@dataclass(frozen=True, slots=True)
class Placement:
    """Why an article is in its story. `rival` is the key of the copy it was found equal to."""

    rule: str  # first | link | text | near | person
    rival: str | None = None
    likeness: Likeness | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """An article as its story sees it: just what is needed to compare it and to choose who leads."""

    key: str
    source: str
    rank: int
    title: str  # folded
    link: str | None  # as it is compared: `links.page_key`; None where it cannot stand for the article
    text_hash: str
    word_count: int
    dated_at: datetime
    story: str | None = None
    placement: Placement = Placement("first")
    chosen: bool = False  # a person wants it to lead
    voice: str = ""  # who speaks in it: copies of one voice count once, see `origins.independent`
    is_reprint: bool = False  # of an agency's text, by another
    is_paywalled: bool = False  # its source shows it to subscribers only
    breaks_off: bool = False  # its text says that it goes on elsewhere
    host: str | None = None  # the registrable domain of its source; None for a place on this machine


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants of a story, until it is done."""

    id: int
    kind: str  # split | merge | lead
    article: str  # key
    other: str | None = None  # key of the article with which it is to be merged


@dataclass(frozen=True, slots=True)
class Story:
    """All copies of one article: the unit we publish. `lead` is the key of the copy that is shown."""

    id: str
    lead: str
    copies: tuple[Copy, ...]


@dataclass(frozen=True, slots=True)
class Frequencies:
    """How common terms are in a language: of the latest articles, in how many each comes."""

    articles: int
    seen: int  # stories that have come since
    counts: Mapping[str, int]  # without those that come in one only


@dataclass(frozen=True, slots=True)
class Terms:
    """What a story is known by when stories are compared: the heaviest terms of the article that leads it."""

    article: str  # key
    dated_at: datetime
    weights: Mapping[str, float]  # the squares add up to 1; or none


@dataclass(frozen=True, slots=True)
class Related:
    """Another story about the same event, as it is shown."""

    story: str
    article: str  # key of the lead
    title: str
    link: str | None
    source: str  # name
    dated_at: datetime
    likeness: float  # 0–1


@dataclass(frozen=True, slots=True)
class Credit:
    """Whose text an article is: a news agency's, by its id and as readers know it, and where the article says so."""

    agency: str
    label: str
    place: str  # dateline | byline | credit line | source | host


@dataclass(frozen=True, slots=True)
class Tag:
    """What an article is about, 0–100, with the parts that make the score up, for people to read."""

    concept: str  # a concept's id, or `category:…` for a publisher's own word
    label: str
    score: int
    evidence: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's answer about one article: the value it saw against its bound, and the answers below it."""

    holds: bool
    rule: str  # as a person would write it: "about country:china ≥ 25"
    value: str  # what was found: "65 = title 35 + lede 25 + density 5"
    score: int = 0  # 0–100
    parts: tuple["Verdict", ...] = ()
    excerpts: tuple[str, ...] = ()  # sentences with [what was found] marked; only where somebody wants to see them


@dataclass(frozen=True, slots=True)
class Membership:
    """A story belongs to a topic, and why."""

    topic: str
    story: str
    score: int
    reasons: tuple[str, ...]
    rules: str = ""  # hash of the topic's rules that said so


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a source brings news, as learned from its visits. Counts fade with age; see `schedule.learned`."""

    seen_at: datetime | None = None  # the visit up to which it was watched
    days: float = 0.0  # watched, faded
    bursts: float = 0.0  # times at which something new appeared, faded over weeks
    recent: float = 0.0  # the same, faded over hours
    by_hour: tuple[float, ...] = (0.0,) * 24  # bursts by the hour of the day (UTC), faded over weeks


@dataclass(frozen=True, slots=True)
class File:
    """A file that stays in its folder, as it was when it was last read."""

    name: str
    stamp: str  # its size and times, and those of the facts beside it: equal while nobody has touched them
    digest: str  # of its content and of the facts beside it; empty where it could not be read
    guid: str  # of its article: stays when the file is corrected or renamed
    version: str  # of this program: a newer one may be able to read what was refused
    reason: str | None = None  # why it could not be used


@dataclass(frozen=True, slots=True)
class SourceState:
    """What a source remembers between visits, so that the next one costs little and comes at the right time."""

    etag: str | None = None
    last_modified: str | None = None
    packed_hash: str | None = None  # of the body as it came over the wire
    body_hash: str | None = None
    lies: bool = False  # its validators were equal for different bodies: never sent again
    read_at: datetime | None = None  # the last answer to a request without validators
    moved_to: str | None = None  # where a wholly permanent redirect has led on each visit since `moved_since`
    moved_since: datetime | None = None
    advice: Advice = Advice()
    rhythm: Rhythm = Rhythm()
    succeeded_at: datetime | None = None
    failing_since: datetime | None = None
    files: Mapping[str, File] = field(default_factory=dict, hash=False)  # by name; where `Source.remembers_files`


@dataclass(frozen=True, slots=True)
class Found:
    """What a visit brought. No documents: nothing has changed since last time."""

    documents: tuple[Document, ...]
    state: SourceState
    refused: tuple["Rejected", ...] = ()  # not even read: a directory entry that is no plain file, too large, …
    again_in: timedelta | None = None  # something is still being written, or there was too much for one visit
    left: int = 0  # files that were too many for this visit
    files: tuple[File, ...] = ()  # to be remembered: those that were read, or refused
    gone: tuple[str, ...] = ()  # names of remembered files that are there no more
    status: int | None = None  # HTTP
    byte_count: int = 0  # as they came over the wire
    url: str | None = None  # where it was found, if a redirect led there
    fresh_for: timedelta | None = None  # how long the answer may be kept, as its server says
    advice: Advice | None = None  # what HTTP says; it wins over what the document says of itself
    reload: bool = False  # which sources there are has changed: read the configuration again


@dataclass(frozen=True, slots=True)
class Rejected:
    """A document that could not be used, and what its owner can do about it."""

    name: str
    reason: str
    stamp: str = ""  # of a file that was not read: as in `Document`
    beside_name: str = ""  # likewise


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's claim on a due source. `until` doubles as the fencing token of `store.save`."""

    source: str
    until: datetime
    due_at: datetime
    state: SourceState
    failures: int


@dataclass(frozen=True, slots=True)
class Visit:
    """The record that each visit leaves."""

    source: str
    started_at: datetime
    outcome: str  # news | unchanged | failed
    milliseconds: int
    status: int | None = None
    byte_count: int = 0
    new: int = 0
    updated: int = 0
    known: int = 0
    skipped: int = 0  # entries that could not be used
    folded: int = 0  # of the new ones, copies of what was stored already
    rekeyed: int = 0  # of the known ones, those that came under other ids than before
    url: str | None = None  # where a redirect led
    kind: str | None = None  # of the error, as `SourceError.kind`
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What the store knew of some articles when it was decided to which stories they belong, and what it was asked."""

    keys: frozenset[str]
    links: frozenset[str]
    text_hashes: frozenset[str]
    sketches: Mapping[str, tuple[int, ...]]  # by article key
    copies: Mapping[str, Copy]  # of all stories that they could belong to, by key
    shared: Mapping[str, Mapping[str, int]]  # possible near copies of each, with how many numbers they share
    rulings: Mapping[frozenset[str], bool]  # a person's word: copies of one article, or never


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that one visit changes, written in one transaction."""

    visit: Visit
    state: SourceState
    due_at: datetime
    failures: int = 0
    articles: tuple[Article, ...] = ()
    stories: tuple[Story, ...] = ()
    tags: dict[str, tuple[Tag, ...]] = field(default_factory=dict)  # by article key
    memberships: dict[str, tuple[Membership, ...]] = field(default_factory=dict)  # by id of each story judged anew
    plan: str | None = None  # why it is due then, in words; None: as before
    rest_until: datetime | None = None  # nobody visits the source's host before
    memory: Memory | None = None  # None: what is remembered stays
    forgets: bool = False  # what was remembered is not to be relied on
    files: tuple[File, ...] = ()  # to be remembered
    gone: tuple[str, ...] = ()  # names of files to be forgotten
    sketches: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # by article key
    past: Past | None = None  # by which it was decided where its articles belong; None: it has none


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What is known of a source that something may be wrong with."""

    id: str
    name: str
    failures: int = 0
    failing_since: datetime | None = None
    error: str = ""  # of its last visit
    kind: str = ""  # of that error
    rhythm: Rhythm = field(default_factory=Rhythm)
    news_at: datetime | None = None  # when its latest article was first seen, if that is long ago
    visits: tuple[Visit, ...] = ()  # the latest first; only where some are new
    hub: str = ""
    hub_failures: int = 0
    hub_error: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """What an operator should know, from its beginning until it is over."""

    id: str
    kind: str  # as `alerts` explains it
    subject: str  # what it is about: a source's id, or a name of ours
    name: str  # the subject, for people
    text: str
    since: datetime
    updated_at: datetime
    resolved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """A hub's promise to push a source's news to us, or our wish for it. `state` is as `websub` explains it."""

    source: str
    hub: str
    topic: str  # the self URL that was subscribed to, exactly
    token: str = field(repr=False)  # names the subscription in its callback URL: who knows it is believed to be the hub
    secret: str | None = field(repr=False)  # signs what is pushed; None where the hub cannot be told in private
    state: str  # asked | active | denied | leaving | off
    next_at: datetime  # nothing is to be asked before
    asked_at: datetime | None = None  # of the request that the hub has not verified yet
    lease_until: datetime | None = None
    pushed_at: datetime | None = None
    failures: int = 0  # in a row
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Attribution:
    """Where a copy of a story stands, for credit lines."""

    name: str  # of the source
    source_url: str | None  # of the feed it was read from
    link: str | None  # of the copy


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """An item that is no more, and where its story is told."""

    item_id: str
    withdrawn_at: datetime
    title: str
    dated_at: datetime
    lead: str | None  # key of the article that leads the story that its copies are in; None: it is not to be named
    link: str | None  # of that article
    told_as: str | None  # its title


@dataclass(frozen=True, slots=True)
class Item:
    """A story as a feed shows it. `id` never changes once published; every URL is absolute, and after RFC 3986."""

    id: str
    title: str
    html: str
    summary: str
    published_at: datetime
    updated_at: datetime
    link: str | None  # absolute; our own page where the publisher gave none; None where there is no page
    trace: str | None  # our page about the lead: why it is here; likewise
    origin: Attribution
    also: tuple[Attribution, ...] = ()
    agency: str | None = None  # whose text it is, as readers know it, where that is not the source
    independent: int = 1  # sources that tell it: reprints of one agency's text count once
    related: tuple[Attribution, ...] = ()  # stories about the same event, under their titles
    authors: tuple[str, ...] = ()
    categories: tuple[Category, ...] = ()  # concepts, with a scheme of ours; words of publishers, without
    enclosures: tuple[Enclosure, ...] = ()
    thumbnail: str | None = None
    comments: str | None = None
    licence: str | None = None  # a URL, or words
    language: str | None = None
    reasons: tuple[str, ...] = ()
    score: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """What lets one subscriber read a private topic. The token itself is known to the subscriber alone."""

    id: str
    topic: str
    name: str  # for whom
    digest: str = field(repr=False)  # SHA-256 of the token, in hexadecimal
    created_at: datetime
    used_at: datetime | None = None  # the last use, to within an hour


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Somebody who wants a feed of ours delivered; or, where `ping`, a hub of others that is to be told of it."""

    id: str
    topic: str  # the feed's address
    callback: str = field(repr=False)
    site: str  # registrable domain of the callback
    secret: str | None = field(repr=False)
    lease_until: datetime
    ping: bool = False
    due_at: datetime | None = None  # the next delivery
    delivered: str | None = None  # hash of what was delivered last
    delivered_at: datetime | None = None
    failures: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A configuration that was not taken over: the one before it goes on."""

    at: datetime
    message: str  # a line for each problem, the first one first: file:line:column: what is wrong

    @property
    def first(self) -> str:
        """The first problem, with its place."""
        return self.message.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Feed:
    """A topic as published, before it has a format. All URLs absolute."""

    id: str
    title: str
    description: str
    page: str  # the topic's page for people
    urls: dict[str, str]  # by format name: where each format of this feed is served
    updated_at: datetime
    items: tuple[Item, ...]
    withdrawn: tuple[Item, ...] = ()  # that were in it and are no more; each says so
    language: str | None = None
    hubs: tuple[str, ...] = ()  # that push it (WebSub)
    previous: Mapping[str, str] = field(default_factory=dict, hash=False)  # likewise: the page of the archive before it
    current: Mapping[str, str] = field(default_factory=dict, hash=False)  # of a page: the feed that is subscribed to
    complete: bool = False  # there is no more than this (RFC 5005 §2)
