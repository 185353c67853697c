"""Since when the copy that is shown is shown; when stories began; item ids of those that are in others now."""

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
    began = "the date of the article that founded it, as it was then: never moves"
    op.add_column("stories", sa.Column("founded_at", UtcDateTime(), comment=began))
    op.execute("UPDATE stories SET founded_at = (SELECT dated_at FROM articles WHERE articles.key = stories.id)")
    op.create_table(
        "retired",
        sa.Column(
            "story", sa.String(length=32), nullable=False, comment="of the past: its copies are in another one now"
        ),
        sa.Column("item_id", sa.Text(), nullable=False, comment="that it had, and has again when they are taken apart"),
        sa.PrimaryKeyConstraint("story", name="pk_retired"),
    )
