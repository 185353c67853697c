"""Subscriptions at hubs, which push the news of sources to us."""

import sqlalchemy as sa
from alembic import op

from aggregator.store.schema import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("source", sa.String(length=2100), nullable=False),
        sa.Column("hub", sa.Text(), nullable=False, comment="who was asked to push"),
        sa.Column("topic", sa.Text(), nullable=False, comment="the source's self URL, as the hub knows it"),
        sa.Column("token", sa.String(length=64), nullable=False, comment="secret: the end of the callback URL"),
        sa.Column(
            "secret",
            sa.String(length=64),
            comment="signs what is pushed; empty for hubs without https: only hints are taken",
        ),
        sa.Column("state", sa.String(length=16), nullable=False, comment="asked, active, denied, leaving or off"),
        sa.Column(
            "next_at", UtcDateTime(), nullable=False, comment="when the hub is asked next, to begin, renew or end"
        ),
        sa.Column("asked_at", UtcDateTime(), comment="of the request that the hub has not verified yet"),
        sa.Column("lease_until", UtcDateTime(), comment="the hub pushes until then"),
        sa.Column("pushed_at", UtcDateTime(), comment="the last push that was believed"),
        sa.Column("failures", sa.Integer(), nullable=False, comment="requests in a row that came to nothing"),
        sa.Column("error", sa.Text()),
        sa.ForeignKeyConstraint(["source"], ["sources.id"], name="fk_subscriptions_source"),
        sa.PrimaryKeyConstraint("source", name="pk_subscriptions"),
        sa.UniqueConstraint("token", name="uq_subscriptions_token"),
    )
