"""The first schema."""

import sqlalchemy as sa
from alembic import op

from aggregator.store.schema import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "settings",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
    op.create_table(
        "sources",
        sa.Column("id", sa.String(length=2100), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True, comment="what readers see as the origin; empty for folders"),
        sa.Column("rank", sa.Integer(), nullable=False, comment="whose copy leads a story: the lower number"),
        sa.Column("active", sa.Boolean(), nullable=False, comment="false: no longer in the configuration"),
        sa.Column("due_at", UtcDateTime(), nullable=False, comment="the next visit"),
        sa.Column(
            "leased_until",
            UtcDateTime(),
            nullable=True,
            comment="a worker has claimed it until then, and proves it with this value",
        ),
        sa.Column("failures", sa.Integer(), nullable=False, comment="failed visits in a row"),
        sa.Column("etag", sa.Text(), nullable=True, comment="of the last document, for conditional requests"),
        sa.Column("last_modified", sa.Text(), nullable=True, comment="likewise, as the server wrote it"),
        sa.Column(
            "body_hash",
            sa.String(length=64),
            nullable=True,
            comment="SHA-256 of the last document, or of a folder's listing",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sources"),
    )
    op.create_index("ix_sources_due_at", "sources", ["due_at"], unique=False)
    op.create_table(
        "stories",
        sa.Column("id", sa.String(length=32), nullable=False, comment="the key of the article that founded it"),
        sa.Column("lead", sa.String(length=32), nullable=False, comment="the copy that is shown"),
        sa.Column("item_id", sa.Text(), nullable=True, comment="tag: URI, pinned when the story is first published"),
        sa.PrimaryKeyConstraint("id", name="pk_stories"),
        sa.UniqueConstraint("item_id", name="uq_stories_item_id"),
    )
    op.create_table(
        "topics",
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False, comment="dates a feed that has no items yet"),
        sa.Column("changes", sa.Integer(), nullable=False, comment="counts up whenever something in the topic changes"),
        sa.Column("published_changes", sa.Integer(), nullable=False, comment="the count that the published files show"),
        sa.Column(
            "expires_at", UtcDateTime(), nullable=True, comment="when the oldest item becomes too old for the feed"
        ),
        sa.PrimaryKeyConstraint("slug", name="pk_topics"),
    )
    op.create_table(
        "articles",
        sa.Column(
            "key",
            sa.String(length=32),
            nullable=False,
            comment="derived from source and guid: the same after a rebuild",
        ),
        sa.Column("source", sa.String(length=2100), nullable=False),
        sa.Column("guid", sa.Text(), nullable=False),
        sa.Column("story", sa.String(length=32), nullable=False),
        sa.Column("rule", sa.String(length=16), nullable=False, comment="why it is in its story: first, link or text"),
        sa.Column("rival", sa.String(length=32), nullable=True, comment="the copy that it was found equal to"),
        sa.Column("link", sa.Text(), nullable=True, comment="canonical"),
        sa.Column(
            "story_link",
            sa.Text(),
            nullable=True,
            comment="the link, where it can stand for the article: not a front page",
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("folded_title", sa.Text(), nullable=False, comment="words without case and accents, for comparison"),
        sa.Column("text", sa.Text(), nullable=False, comment="paragraphs separated by blank lines, furniture removed"),
        sa.Column("html", sa.Text(), nullable=False, comment="sanitised"),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("authors", sa.JSON(), nullable=False),
        sa.Column("categories", sa.JSON(), nullable=False),
        sa.Column("enclosures", sa.JSON(), nullable=False),
        sa.Column(
            "cut",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="the furniture that was removed, from which line, and why",
        ),
        sa.Column("language", sa.String(length=3), nullable=True),
        sa.Column("published_at", UtcDateTime(), nullable=True, comment="as claimed, if believable"),
        sa.Column("updated_at", UtcDateTime(), nullable=True, comment="when the publisher last changed it"),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False, comment="never moves"),
        sa.Column("dated_at", UtcDateTime(), nullable=False, comment="the date to sort by: never in the future"),
        sa.Column("content_hash", sa.String(length=32), nullable=False, comment="of all that is published"),
        sa.Column(
            "text_hash", sa.String(length=32), nullable=False, comment="of the folded words: equal for exact copies"
        ),
        sa.Column("word_count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["source"], ["sources.id"], name="fk_articles_source"),
        sa.PrimaryKeyConstraint("key", name="pk_articles"),
    )
    op.create_index("ix_articles_story", "articles", ["story"], unique=False)
    op.create_index("ix_articles_story_link", "articles", ["story_link"], unique=False)
    op.create_index("ix_articles_text_hash", "articles", ["text_hash"], unique=False)
    op.create_table(
        "memberships",
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("story", sa.String(length=32), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False, comment="the rules that held, with the values they saw"),
        sa.ForeignKeyConstraint(["story"], ["stories.id"], name="fk_memberships_story"),
        sa.ForeignKeyConstraint(["topic"], ["topics.slug"], name="fk_memberships_topic"),
        sa.PrimaryKeyConstraint("topic", "story", name="pk_memberships"),
    )
    op.create_index("ix_memberships_story", "memberships", ["story"], unique=False)
    op.create_table(
        "visits",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=2100), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False, comment="news, unchanged or failed"),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True, comment="HTTP"),
        sa.Column("byte_count", sa.Integer(), nullable=False, comment="as they came over the wire"),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False, comment="entries that could not be used"),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["source"], ["sources.id"], name="fk_visits_source"),
        sa.PrimaryKeyConstraint("id", name="pk_visits"),
    )
    op.create_index("ix_visits_source_id", "visits", ["source", "id"], unique=False)
    op.create_table(
        "tags",
        sa.Column("article", sa.String(length=32), nullable=False),
        sa.Column("concept", sa.String(length=300), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False, comment="0-100; from 25 on the article is about it"),
        sa.Column("evidence", sa.JSON(), nullable=False, comment="the parts of the score"),
        sa.ForeignKeyConstraint(["article"], ["articles.key"], name="fk_tags_article"),
        sa.PrimaryKeyConstraint("article", "concept", name="pk_tags"),
    )
