"""The tables. Comments are for operators who look at the database with their own tools.

A change here needs a migration in `migrations/versions`; a test compares the two.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    text,
    true,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python; `timestamptz` on PostgreSQL, ISO text in UTC on SQLite, which knows no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without its zone must not be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    # The standard library reads and writes the very text of SQLAlchemy's DateTime, in a tenth of the time.
    def bind_processor(self, dialect: Any) -> Any:
        return self._written if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        return _read if dialect.name == "sqlite" else super().result_processor(dialect, coltype)

    def _written(self, value: datetime | None) -> str | None:
        value = self.process_bind_param(value, None)
        return None if value is None else value.isoformat(" ", "microseconds")[:26]  # without its zone


def _read(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


KEY = String(32)  # of an article: 128 bits in hexadecimal

sources = Table(
    "sources",
    metadata,
    Column("id", String(2100), primary_key=True),
    Column("name", Text, nullable=False),
    Column("url", Text, comment="what readers see as the origin; empty for folders"),
    Column("rank", Integer, nullable=False, comment="whose copy leads a story: the lower number"),
    Column("paywall", Boolean, nullable=False, server_default=false(), comment="its articles are for subscribers only"),
    Column("active", Boolean, nullable=False, comment="false: no longer in the configuration"),
    Column("due_at", UtcDateTime, nullable=False, comment="the next visit"),
    Column("plan", Text, nullable=False, server_default="", comment="why it is due then, in words"),
    Column("leased_until", UtcDateTime, comment="a worker has claimed it until then, and proves it with this value"),
    Column("host", String(255), comment="registrable domain to be polite to; empty for places on this machine"),
    Column("failures", Integer, nullable=False, comment="failed visits in a row"),
    Column("failing_since", UtcDateTime),
    Column("succeeded_at", UtcDateTime, comment="the last visit that worked"),
    Column("etag", Text, comment="of the last document, for conditional requests"),
    Column("last_modified", Text, comment="likewise, as the server wrote it"),
    Column("packed_hash", String(64), comment="of the last document as it came over the wire"),
    Column("body_hash", String(64), comment="of the last document"),
    Column("lies", Boolean, nullable=False, server_default=false(), comment="its validators are not to be trusted"),
    Column("read_at", UtcDateTime, comment="the last whole answer, asked for without validators"),
    Column("moved_to", Text, comment="where permanent redirects lead; followed directly after a week"),
    Column("moved_since", UtcDateTime, comment="since when they have led there"),
    Column("advice", JSON(none_as_null=True), comment="what the feed says of its own rhythm and address"),
    Column("rhythm", JSON(none_as_null=True), comment="how often it brings news, as learned"),
    Index(None, "due_at"),  # claim
    Index(None, "host", "leased_until"),  # claim: what is being visited on each host
)

files = Table(
    "files",
    metadata,
    Column("source", String(2100), ForeignKey("sources.id"), primary_key=True),
    Column("name", String(255), primary_key=True, comment="of a file that stays in its folder"),
    Column("stamp", Text, nullable=False, comment="its size and times, and those of the facts beside it"),
    Column("digest", String(32), nullable=False, comment="of its content and of the facts beside it"),
    Column("guid", Text, nullable=False, comment="of its article: stays when it is corrected or renamed"),
    Column("version", String(32), nullable=False, comment="of the program that read it: a newer one may read more"),
    Column("reason", Text, comment="why it could not be used"),
)

hosts = Table(
    "hosts",
    metadata,
    Column("host", String(255), primary_key=True, comment="registrable domain"),
    Column("free_at", UtcDateTime, nullable=False, comment="no visit begins there before"),
)

memories = Table(
    "memories",
    metadata,
    Column("source", String(2100), ForeignKey("sources.id"), primary_key=True),
    Column("context", LargeBinary, nullable=False, comment="hash of what gives the bytes of entries their meaning"),
    Column("head", LargeBinary, nullable=False, comment="hash of what stands around the entries"),
    Column("inherited", JSON, nullable=False, comment="what entries take over from the head"),
    Column("entries", LargeBinary, nullable=False, comment="8 bytes of hash of each entry, 8 of its guid (zero: none)"),
    Column("whole_at", UtcDateTime, nullable=False, comment="the last time that nothing was skipped"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("source", String(2100), ForeignKey("sources.id"), primary_key=True),
    Column("hub", Text, nullable=False, comment="who was asked to push"),
    Column("topic", Text, nullable=False, comment="the source's self URL, as the hub knows it"),
    Column("token", String(64), nullable=False, unique=True, comment="secret: the end of the callback URL"),
    Column("secret", String(64), comment="signs what is pushed; empty for hubs without https: only hints are taken"),
    Column("state", String(16), nullable=False, comment="asked, active, denied, leaving or off"),
    Column("next_at", UtcDateTime, nullable=False, comment="when the hub is asked next, to begin, renew or end"),
    Column("asked_at", UtcDateTime, comment="of the request that the hub has not verified yet"),
    Column("lease_until", UtcDateTime, comment="the hub pushes until then"),
    Column("pushed_at", UtcDateTime, comment="the last push that was believed"),
    Column("failures", Integer, nullable=False, comment="requests in a row that came to nothing"),
    Column("error", Text),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(8), primary_key=True, comment="by which people name it"),
    Column("topic", String(64), nullable=False),
    Column("name", Text, nullable=False, comment="for whom"),
    Column("digest", String(64), nullable=False, unique=True, comment="SHA-256 of the token, which is not stored"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime, comment="the last use, to within an hour"),
)

subscribers = Table(
    "subscribers",
    metadata,
    Column("id", String(32), primary_key=True, comment="digest of topic and callback"),
    Column("topic", Text, nullable=False, comment="address of a feed of ours"),
    Column("callback", Text, nullable=False, comment="where our hub delivers it, or another hub"),
    Column("site", String(255), nullable=False, comment="registrable domain of the callback"),
    Column("secret", Text, comment="signs what is delivered"),
    Column("lease_until", UtcDateTime, nullable=False),
    Column("ping", Boolean, nullable=False, comment="it is another hub, which is told that there is news"),
    Column("due_at", UtcDateTime, comment="the next delivery; empty while nothing is to be delivered"),
    Column("delivered", String(64), comment="hash of what was delivered last"),
    Column("delivered_at", UtcDateTime),
    Column("failures", Integer, nullable=False, comment="deliveries in a row that came to nothing"),
    Column("error", Text),
    Index(None, "due_at"),  # what is to be delivered
    Index(None, "topic"),  # whom a publication concerns
)

visits = Table(
    "visits",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),  # millions come in a day
    Column("source", String(2100), ForeignKey("sources.id"), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("outcome", String(16), nullable=False, comment="news, unchanged or failed"),
    Column("milliseconds", Integer, nullable=False),
    Column("status", Integer, comment="HTTP"),
    Column("byte_count", Integer, nullable=False, comment="as they came over the wire"),
    Column("new", Integer, nullable=False),
    Column("updated", Integer, nullable=False),
    Column("known", Integer, nullable=False),
    Column("skipped", Integer, nullable=False, comment="entries that could not be used"),
    Column("folded", Integer, nullable=False, server_default="0", comment="new ones that are copies of stored ones"),
    Column("rekeyed", Integer, nullable=False, server_default="0", comment="known ones that came under other ids"),
    Column("url", Text, comment="where a redirect led"),
    Column("kind", String(32), comment="of the error"),
    Column("error", Text),
    Index(None, "source", "id"),  # the last visits of a source
)

articles = Table(
    "articles",
    metadata,
    Column("key", KEY, primary_key=True, comment="derived from source and guid: the same after a rebuild"),
    Column("source", String(2100), ForeignKey("sources.id"), nullable=False),
    Column("guid", Text, nullable=False),
    Column("story", KEY, nullable=False),
    Column("rule", String(16), nullable=False, comment="why it is in its story: first, link or text"),
    Column("rival", KEY, comment="the copy that it was found equal to"),
    Column("likeness", JSON(none_as_null=True), comment="the figures of that decision"),
    Column("chosen", Boolean, nullable=False, server_default=false(), comment="a person wants it to lead its story"),
    Column("voice", Text, nullable=False, server_default="", comment="who speaks in it: an agency, a site, a source"),
    Column("is_reprint", Boolean, nullable=False, server_default=false(), comment="of an agency's text, by another"),
    Column("link", Text, comment="canonical"),
    Column(
        "story_link", Text, comment="the link as it is compared, where it can stand for the article: not a front page"
    ),
    Column("title", Text, nullable=False),
    Column("folded_title", Text, nullable=False, comment="words without case and accents, for comparison"),
    Column("text", Text, nullable=False, comment="paragraphs separated by blank lines, furniture removed"),
    Column("html", Text, nullable=False, comment="sanitised"),
    Column("summary", Text, nullable=False),
    Column("subtitle", Text, nullable=False, server_default=""),
    Column("authors", JSON, nullable=False),
    Column("categories", JSON, nullable=False),
    Column("enclosures", JSON, nullable=False),
    Column("links", JSON, nullable=False, server_default="[]", comment="with rel and type, besides `link`"),
    Column("thumbnail", Text, comment="URL of the picture that stands for it"),
    Column("comments", Text, comment="URL of the page where people talk about it"),
    Column("origin", JSON(none_as_null=True), comment="where its publisher has it from"),
    Column("licence", Text, comment="a URL, or words"),
    Column("original", Text, comment="the HTML before anything was cut; empty where nothing is looked for"),
    Column("cuts", JSON, nullable=False, server_default="[]", comment="start, end in `original`, and why"),
    Column("told", JSON, nullable=False, server_default="[]", comment="of a file: which field was found where"),
    Column("language", String(3)),
    Column("published_at", UtcDateTime, comment="as claimed, if believable"),
    Column("updated_at", UtcDateTime, comment="when something that readers would call news was last changed in it"),
    Column("claimed_at", UtcDateTime, comment="when its publisher says that it was last changed"),
    Column("first_seen_at", UtcDateTime, nullable=False, comment="never moves"),
    Column("dated_at", UtcDateTime, nullable=False, comment="the date to sort by: never in the future"),
    Column("content_hash", String(32), nullable=False, comment="of all that is published but dates"),
    Column("news_hash", String(32), nullable=False, server_default="", comment="of what a reader would call news"),
    Column("text_hash", String(32), nullable=False, comment="of the folded words: equal for exact copies"),
    Column("word_count", Integer, nullable=False),
    Column(
        "silent_changes",
        Integer,
        nullable=False,
        server_default="0",
        comment="in a row, without a newer date of the publisher's",
    ),
    Index(None, "story", "first_seen_at"),  # the copies of a story; retention
    Index(None, "text_hash"),  # copies
    Index(None, "story_link"),  # copies
    Index(None, "link"),  # explain; kin
    Index(None, "source", "first_seen_at"),  # kin
    Index(None, "first_seen_at", "key"),  # what has come of late, in an order
    Index(None, "language", "first_seen_at"),  # and in one language
)

sketches = Table(
    "sketches",
    metadata,
    Column(
        "hash", Integer, primary_key=True, autoincrement=False, comment="of three words in a row, one of the smallest"
    ),
    Column("article", KEY, primary_key=True),
    Column("day", Integer, nullable=False, comment="since 1970, on which the article was first seen"),
    Index(None, "article"),  # replaced with their article
    Index(None, "day"),  # forgotten together
    sqlite_with_rowid=False,
)

rulings = Table(
    "rulings",
    metadata,
    Column("one", KEY, primary_key=True, comment="of two articles, the one with the lower key"),
    Column("other", KEY, primary_key=True),
    Column("same", Boolean, nullable=False, comment="a person's word: true: copies of one article; false: never"),
    Column("made_at", UtcDateTime, nullable=False),
    Index(None, "other"),  # rulings on an article
)

wishes = Table(
    "wishes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(8), nullable=False, comment="split, merge or lead"),
    Column("article", KEY, nullable=False),
    Column("other", KEY, comment="with which it is to be merged"),
    Column("made_at", UtcDateTime, nullable=False),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("key", KEY, primary_key=True, comment="of an article that retention has taken away"),
    Column("source", String(2100), ForeignKey("sources.id"), nullable=False),
    Column("carried_at", UtcDateTime, nullable=False, comment="when its source was last seen to carry it"),
    Column("guid_mark", String(16), nullable=False, comment="hash of its guid: keys change when a source moves"),
    Column("page_mark", String(16), comment="hash of its page, title and date: guids may change"),
    Index(None, "source", "guid_mark"),  # buried
    Index(None, "source", "page_mark"),  # buried
    Index(None, "carried_at"),  # forget_tombstones
)

stories = Table(
    "stories",
    metadata,
    Column("id", KEY, primary_key=True, comment="the key of the article that founded it"),
    Column("lead", KEY, nullable=False, comment="the copy that is shown"),
    Column("item_id", Text, unique=True, comment="tag: URI, pinned when the story is first published"),
    Column("led_at", UtcDateTime, comment="since when this copy leads, if another one did before"),
    Column("founded_at", UtcDateTime, comment="the date of the article that founded it, as it was then: never moves"),
    Column("event", KEY, comment="the story that was the first to tell of what it tells of; empty: not looked for yet"),
    Column("unrelated", Boolean, nullable=False, server_default=false(), comment="its relations are to be looked for"),
    Index(None, "event"),  # one story of each event
    Index(None, "founded_at"),  # the newest of all
)
Index(  # waiting; SQLite uses it where the question has the very words
    "ix_stories_unrelated", stories.c.id, sqlite_where=text("unrelated = 1"), postgresql_where=stories.c.unrelated
)

terms = Table(
    "terms",
    metadata,
    Column("term", String(40), comment="one of the heaviest of the story's lead"),
    Column("hour", Integer, autoincrement=False, comment="since 1970, of the date of the lead"),
    Column("story", KEY),
    Column("weight", Integer, nullable=False, comment="in thousandths; the squares of a story's add up to 1"),
    # Where tables and keys are apart, the weight is beside the key, too: thousands of rows are read for each story.
    PrimaryKeyConstraint("term", "hour", "story", postgresql_include=["weight"]),
    Index(None, "story"),  # replaced with their story
    Index(None, "hour"),  # forgotten together
    sqlite_with_rowid=False,
)

relations = Table(
    "relations",
    metadata,
    Column("story", KEY, primary_key=True),
    Column("other", KEY, primary_key=True, comment="a story about the same event; there is a row each way"),
    Column("likeness", Integer, nullable=False, comment="in millionths"),
    Index(None, "other"),  # deleted with it
    sqlite_with_rowid=False,
)

frequencies = Table(
    "frequencies",
    metadata,
    Column("language", String(3), primary_key=True, comment="empty: of articles whose language is not known"),
    Column("articles", Integer, nullable=False, comment="so many were looked at, the latest of the language"),
    Column("seen", Integer, nullable=False, comment="stories that have come since"),
    Column("counts", JSON, nullable=False, comment="in how many of them a term comes; not those in only one"),
)

retired = Table(
    "retired",
    metadata,
    Column("story", KEY, primary_key=True, comment="of the past: its copies are in another one now"),
    Column("item_id", Text, nullable=False, comment="that it had, and has again when they are taken apart"),
    Column("loose_at", UtcDateTime, comment="since when, if it was in no topic"),
    Index(None, "loose_at"),  # what is withdrawn from the feed of everything
)

tags = Table(
    "tags",
    metadata,
    Column("article", KEY, ForeignKey("articles.key"), primary_key=True),
    Column("concept", String(300), primary_key=True),
    Column("label", Text, nullable=False),
    Column("score", Integer, nullable=False, comment="0-100; topics say from which score on an article is about it"),
    Column("evidence", JSON, nullable=False, comment="the parts of the score"),
)

topics = Table(
    "topics",
    metadata,
    Column("slug", String(64), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False, comment="dates a feed that has no items yet"),
    Column("changes", Integer, nullable=False, comment="counts up whenever something in the topic changes"),
    Column("published_changes", Integer, nullable=False, comment="the count that the published files show"),
    Column("expires_at", UtcDateTime, comment="when the oldest item becomes too old for the feed"),
    Column("digested_at", UtcDateTime, comment="the digests tell what entered before; empty: some of it has changed"),
    Column(
        "filled", Boolean, nullable=False, server_default=true(), comment="false: new, and the past not yet looked at"
    ),
)

memberships = Table(
    "memberships",
    metadata,
    Column("topic", String(64), ForeignKey("topics.slug"), primary_key=True),
    Column("story", KEY, ForeignKey("stories.id"), primary_key=True),
    Column("score", Integer, nullable=False),
    Column("reasons", JSON, nullable=False, comment="the rules that held, with the values they saw"),
    Column("rules", String(32), nullable=False, server_default="", comment="hash of the topic's rules that said so"),
    Column(
        "hidden",
        Boolean,
        server_default=false(),
        comment="true: from the past, and not shown in the feed; empty: that is still to be decided",
    ),
    Column("dated_at", UtcDateTime, comment="of the article that founded the story"),
    Column("lang", String(3), comment="of the article that leads the story"),
    Column("page", Integer, comment="of the topic's archive; empty: not in it"),
    Column("entered_at", UtcDateTime, comment="when the feed first showed it; empty: it does not, or not yet"),
    Column("bundled_at", UtcDateTime, comment="the hour in whose bundle it is; empty: it has an item of its own"),
    Index(None, "topic", "entered_at"),  # what entered in a period
    Index(None, "topic", "page"),  # what is on a page, what is on none
    Index(None, "story"),  # the topics of a story
    Index(None, "topic", "dated_at"),  # the latest stories of a topic
    Index(None, "topic", "lang", "dated_at"),  # and in one language
)

WAITS_TO_ENTER = memberships.c.entered_at.is_(None) & memberships.c.hidden.is_(False)
Index(  # what waits to enter: hardly anything
    "ix_memberships_waiting",
    memberships.c.topic,
    memberships.c.dated_at,
    sqlite_where=WAITS_TO_ENTER,
    postgresql_where=WAITS_TO_ENTER,
)
_IS_BUNDLED = memberships.c.bundled_at.is_not(None)
Index(  # the latest bundles
    "ix_memberships_topic_bundled_at",
    memberships.c.topic,
    memberships.c.bundled_at,
    sqlite_where=_IS_BUNDLED,
    postgresql_where=_IS_BUNDLED,
)

withdrawn = Table(
    "withdrawn",
    metadata,
    Column("topic", String(64), ForeignKey("topics.slug"), primary_key=True),
    Column("story", KEY, primary_key=True, comment="of the past, as in `retired`: readers of the feed may have it"),
    Column("withdrawn_at", UtcDateTime, nullable=False),
    Column("score", Integer, nullable=False, server_default="0", comment="that it had in the topic"),
    Column("lang", String(3), comment="in which it was shown"),
)

editions = Table(
    "editions",
    metadata,
    Column(
        "name",
        String(80),
        primary_key=True,
        comment="of a variant, of a label's feed, or of that of everything",
    ),
    Column("created_at", UtcDateTime, nullable=False, comment="dates a feed that has no items yet"),
    Column("changes", Integer, nullable=False, comment="counts up whenever something in it changes"),
    Column("published_changes", Integer, nullable=False, comment="the count that the published files show"),
    Column("expires_at", UtcDateTime, comment="when its oldest item becomes too old for it"),
)

pages = Table(
    "pages",
    metadata,
    Column("topic", String(64), ForeignKey("topics.slug"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="in the topic's archive, from 1"),
    Column("sealed_at", UtcDateTime, nullable=False, comment="since then no story has come to it"),
    Column("changes", Integer, nullable=False, comment="counts up when a story of it changes; 0: published as it is"),
)

departed = Table(  # what a feed has shown, and shows again if it comes back
    "departed",
    metadata,
    Column("topic", String(64), ForeignKey("topics.slug", ondelete="CASCADE"), primary_key=True),
    Column("story", KEY, ForeignKey("stories.id", ondelete="CASCADE"), primary_key=True),
    Column("entered_at", UtcDateTime, comment="as in `memberships`"),
    Column("bundled_at", UtcDateTime, comment="likewise"),
    Index(None, "story"),  # deleted with it
    sqlite_with_rowid=False,
)
_WAS_BUNDLED = departed.c.bundled_at.is_not(None)
Index(  # what was in bundles
    "ix_departed_topic_bundled_at",
    departed.c.topic,
    departed.c.bundled_at,
    sqlite_where=_WAS_BUNDLED,
    postgresql_where=_WAS_BUNDLED,
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False, comment="silent, failing, challenge, drift, ids, refused, disk …"),
    Column("subject", String(2100), nullable=False, comment="what it is about: a source's id, or a name of ours"),
    Column("name", Text, nullable=False, comment="the subject, for people"),
    Column("text", Text, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False, comment="when it was told, or told to be over"),
    Column("resolved_at", UtcDateTime, comment="empty: it is not over"),
    Index(None, "resolved_at"),  # what is not over; what is to be forgotten
)

settings = Table(
    "settings",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

duties = Table(  # PostgreSQL only has rows here
    "duties",
    metadata,
    Column("name", String(32), primary_key=True, comment="what one of the workers does for all"),
    Column("worker", Text, nullable=False, comment="who does it: host, process, a random number"),
    Column("held_until", UtcDateTime, nullable=False, comment="then another one may, unless this one says more"),
)

renditions = Table(  # likewise
    "renditions",
    metadata,
    Column("name", String(255), primary_key=True, comment="of a published file, below the state directory"),
    Column("edition", String(128), nullable=False),
    Column("packed", LargeBinary, comment="gzip; empty: the file has been taken away"),
    Column("changed_at", BigInteger, nullable=False, comment="its date, in nanoseconds since 1970"),
    Column("noted_at", UtcDateTime, nullable=False, comment="when it was put here"),
    Index(None, "noted_at"),  # what is new
    Index(None, "edition"),  # what its publication replaces
)
