"""What a source remembers between visits, and when its host may be visited."""

import sqlalchemy as sa
from alembic import op

from aggregator.store.schema import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hosts",
        sa.Column("host", sa.String(length=255), nullable=False, comment="registrable domain"),
        sa.Column("free_at", UtcDateTime(), nullable=False, comment="no visit begins there before"),
        sa.PrimaryKeyConstraint("host", name="pk_hosts"),
    )
    for column in (
        sa.Column("plan", sa.Text(), nullable=False, server_default="", comment="why it is due then, in words"),
        sa.Column(
            "host",
            sa.String(length=255),
            comment="registrable domain to be polite to; empty for places on this machine",
        ),
        sa.Column("failing_since", UtcDateTime()),
        sa.Column("succeeded_at", UtcDateTime(), comment="the last visit that worked"),
        sa.Column(
            "lies",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="its validators are not to be trusted",
        ),
        sa.Column("read_at", UtcDateTime(), comment="the last whole answer, asked for without validators"),
        sa.Column("moved_to", sa.Text(), comment="where permanent redirects lead; followed directly after a week"),
        sa.Column("moved_since", UtcDateTime(), comment="since when they have led there"),
        sa.Column("advice", sa.JSON(none_as_null=True), comment="what the feed says of its own rhythm and address"),
        sa.Column("rhythm", sa.JSON(none_as_null=True), comment="how often it brings news, as learned"),
    ):
        op.add_column("sources", column)
    op.create_index("ix_sources_host_leased_until", "sources", ["host", "leased_until"], unique=False)
    op.add_column("visits", sa.Column("url", sa.Text(), comment="where a redirect led"))
    op.add_column("visits", sa.Column("kind", sa.String(length=32), comment="of the error"))
    op.create_index("ix_articles_link", "articles", ["link"], unique=False)
