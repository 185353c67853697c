"""Pages of archives, on which the stories of a topic stay when they leave its feed; and stories that are withdrawn."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pages",
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column(
            "number", sa.Integer(), autoincrement=False, nullable=False, comment="in the topic's archive, from 1"
        ),
        sa.Column(
            "sealed_at", sa.DateTime(timezone=True), nullable=False, comment="since then no story has come to it"
        ),
        sa.Column(
            "changes",
            sa.Integer(),
            nullable=False,
            comment="counts up when a story of it changes; 0: published as it is",
        ),
        sa.ForeignKeyConstraint(["topic"], ["topics.slug"], name="fk_pages_topic"),
        sa.PrimaryKeyConstraint("topic", "number", name="pk_pages"),
    )
    op.create_table(
        "withdrawn",
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column(
            "story",
            sa.String(length=32),
            nullable=False,
            comment="of the past, as in `retired`: readers of the feed may have it",
        ),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["topic"], ["topics.slug"], name="fk_withdrawn_topic"),
        sa.PrimaryKeyConstraint("topic", "story", name="pk_withdrawn"),
    )
    with op.batch_alter_table("memberships") as table:
        table.add_column(sa.Column("page", sa.Integer(), comment="of the topic's archive; empty: not in it"))
        table.create_index("ix_memberships_topic_page", ["topic", "page"], unique=False)
