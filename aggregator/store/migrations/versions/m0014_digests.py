"""When stories entered the feeds of their topics, and which of them are in bundles: for digests and caps."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_BUNDLED = sa.text("bundled_at IS NOT NULL")


def upgrade() -> None:
    digested = "the digests tell what entered before; empty: some of it has changed"
    entered = "when the feed first showed it; empty: it does not, or not yet"
    bundled = "the hour in whose bundle it is; empty: it has an item of its own"
    op.add_column("topics", sa.Column("digested_at", sa.DateTime(timezone=True), comment=digested))
    op.add_column("memberships", sa.Column("entered_at", sa.DateTime(timezone=True), comment=entered))
    op.add_column("memberships", sa.Column("bundled_at", sa.DateTime(timezone=True), comment=bundled))
    op.add_column("departed", sa.Column("entered_at", sa.DateTime(timezone=True), comment="as in `memberships`"))
    op.add_column("departed", sa.Column("bundled_at", sa.DateTime(timezone=True), comment="likewise"))
    op.execute(  # what feeds show has entered them when it was first seen
        "UPDATE memberships SET entered_at ="
        " (SELECT first_seen_at FROM articles WHERE articles.key = memberships.story) WHERE NOT hidden"
    )
    op.execute(
        "UPDATE departed SET entered_at = (SELECT first_seen_at FROM articles WHERE articles.key = departed.story)"
    )
    op.create_index("ix_memberships_topic_entered_at", "memberships", ["topic", "entered_at"], unique=False)
    for table in ("memberships", "departed"):
        op.create_index(
            f"ix_{table}_topic_bundled_at",
            table,
            ["topic", "bundled_at"],
            unique=False,
            sqlite_where=_BUNDLED,
            postgresql_where=_BUNDLED,
        )
    op.create_index(
        "ix_memberships_waiting",
        "memberships",
        ["topic", "dated_at"],
        unique=False,
        sqlite_where=sa.text("entered_at IS NULL AND hidden IS 0"),
        postgresql_where=sa.text("entered_at IS NULL AND hidden IS false"),
    )
