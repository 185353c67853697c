"""Many workers: what one does for all, and the published files by which all serve the same."""

import sqlalchemy as sa
from alembic import op

from aggregator.store.schema import UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "duties",
        sa.Column("name", sa.String(32), nullable=False, comment="what one of the workers does for all"),
        sa.Column("worker", sa.Text, nullable=False, comment="who does it: host, process, a random number"),
        sa.Column("held_until", UtcDateTime, nullable=False, comment="then another one may, unless this one says more"),
        sa.PrimaryKeyConstraint("name", name="pk_duties"),
    )
    op.create_table(
        "renditions",
        sa.Column("name", sa.String(255), nullable=False, comment="of a published file, below the state directory"),
        sa.Column("edition", sa.String(128), nullable=False),
        sa.Column("packed", sa.LargeBinary, comment="gzip; empty: the file has been taken away"),
        sa.Column("changed_at", sa.BigInteger, nullable=False, comment="its date, in nanoseconds since 1970"),
        sa.Column("noted_at", UtcDateTime, nullable=False, comment="when it was put here"),
        sa.PrimaryKeyConstraint("name", name="pk_renditions"),
    )
    op.create_index("ix_renditions_noted_at", "renditions", ["noted_at"])
    op.create_index("ix_renditions_edition", "renditions", ["edition"])
