"""Editions: selections of topics by language and score, feeds of labels, and that of everything."""

import sqlalchemy as sa
from alembic import op

from aggregator.store.schema import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_LANG = """UPDATE memberships SET lang = (
    SELECT articles.language FROM stories JOIN articles ON articles.key = stories.lead
    WHERE stories.id = memberships.story
)"""


def upgrade() -> None:
    op.create_table(
        "editions",
        sa.Column(
            "name",
            sa.String(length=80),
            nullable=False,
            comment="of a variant, of a label's feed, or of that of everything",
        ),
        sa.Column("created_at", UtcDateTime(), nullable=False, comment="dates a feed that has no items yet"),
        sa.Column("changes", sa.Integer(), nullable=False, comment="counts up whenever something in it changes"),
        sa.Column("published_changes", sa.Integer(), nullable=False, comment="the count that the published files show"),
        sa.Column("expires_at", UtcDateTime(), comment="when its oldest item becomes too old for it"),
        sa.PrimaryKeyConstraint("name", name="pk_editions"),
    )
    op.add_column("memberships", sa.Column("lang", sa.String(length=3), comment="of the article that leads the story"))
    op.execute(_LANG)
    op.create_index("ix_memberships_topic_lang_dated_at", "memberships", ["topic", "lang", "dated_at"])
    op.create_index("ix_stories_founded_at", "stories", ["founded_at"])
    op.add_column(
        "withdrawn",
        sa.Column("score", sa.Integer(), nullable=False, server_default="0", comment="that it had in the topic"),
    )
    op.add_column("withdrawn", sa.Column("lang", sa.String(length=3), comment="in which it was shown"))
    op.add_column("retired", sa.Column("loose_at", UtcDateTime(), comment="since when, if it was in no topic"))
    op.create_index("ix_retired_loose_at", "retired", ["loose_at"])
