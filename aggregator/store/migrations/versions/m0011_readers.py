"""Tokens for private topics, and subscribers at our own hub."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(length=8), nullable=False, comment="by which people name it"),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="for whom"),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of the token, which is not stored"),
        sa.Column("created_at", time, nullable=False),
        sa.Column("used_at", time, comment="the last use, to within an hour"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("digest", name="uq_tokens_digest"),
    )
    op.create_table(
        "subscribers",
        sa.Column("id", sa.String(length=32), nullable=False, comment="digest of topic and callback"),
        sa.Column("topic", sa.Text(), nullable=False, comment="address of a feed of ours"),
        sa.Column("callback", sa.Text(), nullable=False, comment="where our hub delivers it, or another hub"),
        sa.Column("site", sa.String(length=255), nullable=False, comment="registrable domain of the callback"),
        sa.Column("secret", sa.Text(), comment="signs what is delivered"),
        sa.Column("lease_until", time, nullable=False),
        sa.Column("ping", sa.Boolean(), nullable=False, comment="it is another hub, which is told that there is news"),
        sa.Column("due_at", time, comment="the next delivery; empty while nothing is to be delivered"),
        sa.Column("delivered", sa.String(length=64), comment="hash of what was delivered last"),
        sa.Column("delivered_at", time),
        sa.Column("failures", sa.Integer(), nullable=False, comment="deliveries in a row that came to nothing"),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_subscribers"),
    )
    op.create_index("ix_subscribers_due_at", "subscribers", ["due_at"], unique=False)
    op.create_index("ix_subscribers_topic", "subscribers", ["topic"], unique=False)
