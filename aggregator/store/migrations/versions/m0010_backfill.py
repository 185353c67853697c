"""What changed rules find in the past does not flood a topic's feed."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    said = "hash of the topic's rules that said so"
    op.add_column(
        "memberships", sa.Column("rules", sa.String(length=32), nullable=False, server_default="", comment=said)
    )
    hidden = "true: from the past, and not shown in the feed; empty: that is still to be decided"
    op.add_column("memberships", sa.Column("hidden", sa.Boolean(), server_default=sa.false(), comment=hidden))
    filled = "false: new, and the past not yet looked at"
    op.add_column("topics", sa.Column("filled", sa.Boolean(), nullable=False, server_default=sa.true(), comment=filled))
    op.create_table(
        "departed",
        sa.Column("topic", sa.String(length=64), sa.ForeignKey("topics.slug", ondelete="CASCADE"), primary_key=True),
        sa.Column("story", sa.String(length=32), sa.ForeignKey("stories.id", ondelete="CASCADE"), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_departed_story", "departed", ["story"])
    op.drop_index("ix_articles_first_seen_at", "articles")
    op.create_index("ix_articles_first_seen_at_key", "articles", ["first_seen_at", "key"])
