"""Since when the copy that is shown is shown; which item ids stories had that are in others now."""

import sqlalchemy as sa
from alembic import op

from aggregator.store.schema import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    since = "since when this copy leads, if another one did before"
    op.add_column("stories", sa.Column("led_at", UtcDateTime(), comment=since))
    op.create_table(
        "retired",
        sa.Column(
            "story", sa.String(length=32), nullable=False, comment="of the past: its copies are in another one now"
        ),
        sa.Column("item_id", sa.Text(), nullable=False, comment="that it had, and has again when they are taken apart"),
        sa.PrimaryKeyConstraint("story", name="pk_retired"),
    )
