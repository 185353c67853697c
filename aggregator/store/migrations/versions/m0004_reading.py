"""Sources are read in part, articles keep all that their entries say, and what is gone leaves a tombstone."""

import sqlalchemy as sa
from alembic import op

from aggregator.store.schema import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "memories",
        sa.Column("source", sa.String(length=2100), nullable=False),
        sa.Column(
            "context", sa.LargeBinary(), nullable=False, comment="hash of what gives the bytes of entries their meaning"
        ),
        sa.Column("head", sa.LargeBinary(), nullable=False, comment="hash of what stands around the entries"),
        sa.Column("inherited", sa.JSON(), nullable=False, comment="what entries take over from the head"),
        sa.Column(
            "entries",
            sa.LargeBinary(),
            nullable=False,
            comment="8 bytes of hash of each entry, 8 of its guid (zero: none)",
        ),
        sa.Column("whole_at", UtcDateTime(), nullable=False, comment="the last time that nothing was skipped"),
        sa.ForeignKeyConstraint(["source"], ["sources.id"], name="fk_memories_source"),
        sa.PrimaryKeyConstraint("source", name="pk_memories"),
    )
    op.create_table(
        "tombstones",
        sa.Column("key", sa.String(length=32), nullable=False, comment="of an article that retention has taken away"),
        sa.Column("source", sa.String(length=2100), nullable=False),
        sa.Column("carried_at", UtcDateTime(), nullable=False, comment="when its source was last seen to carry it"),
        sa.Column(
            "guid_mark",
            sa.String(length=16),
            nullable=False,
            comment="hash of its guid: keys change when a source moves",
        ),
        sa.Column("page_mark", sa.String(length=16), comment="hash of its page, title and date: guids may change"),
        sa.ForeignKeyConstraint(["source"], ["sources.id"], name="fk_tombstones_source"),
        sa.PrimaryKeyConstraint("key", name="pk_tombstones"),
    )
    op.create_index("ix_tombstones_source_guid_mark", "tombstones", ["source", "guid_mark"], unique=False)
    op.create_index("ix_tombstones_source_page_mark", "tombstones", ["source", "page_mark"], unique=False)
    op.create_index("ix_tombstones_carried_at", "tombstones", ["carried_at"], unique=False)
    op.add_column(
        "sources",
        sa.Column("packed_hash", sa.String(length=64), comment="of the last document as it came over the wire"),
    )
    for column in (
        sa.Column("subtitle", sa.Text(), nullable=False, server_default=""),
        sa.Column("links", sa.JSON(), nullable=False, server_default="[]", comment="with rel and type, besides `link`"),
        sa.Column("thumbnail", sa.Text(), comment="URL of the picture that stands for it"),
        sa.Column("comments", sa.Text(), comment="URL of the page where people talk about it"),
        sa.Column("claimed_at", UtcDateTime(), comment="when its publisher says that it was last changed"),
        sa.Column("origin", sa.JSON(none_as_null=True), comment="where its publisher has it from"),
        sa.Column("licence", sa.Text(), comment="a URL, or words"),
        sa.Column(
            "news_hash",
            sa.String(length=32),
            nullable=False,
            server_default="",
            comment="of what a reader would call news",
        ),
        sa.Column(
            "silent_changes",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="in a row, without a newer date of the publisher's",
        ),
    ):
        op.add_column("articles", column)
    op.create_index("ix_articles_source_first_seen_at", "articles", ["source", "first_seen_at"], unique=False)
    op.drop_index("ix_articles_story", "articles")
    op.create_index("ix_articles_story_first_seen_at", "articles", ["story", "first_seen_at"], unique=False)
