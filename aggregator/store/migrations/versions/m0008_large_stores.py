"""Large stores: stories that wait are found by their index on SQLite, too; terms are forgotten in pieces; the
latest stories of a topic are found without a look at the others.

On PostgreSQL the weights of terms are read from their index; SQLite has whole rows there anyway.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_stories_unrelated", "stories")
    op.create_index(
        "ix_stories_unrelated",
        "stories",
        ["id"],
        sqlite_where=sa.text("unrelated = 1"),
        postgresql_where=sa.column("unrelated", sa.Boolean()),
    )
    op.create_index("ix_terms_hour", "terms", ["hour"], unique=False)
    if op.get_context().dialect.name == "postgresql":
        op.drop_constraint("pk_terms", "terms")
        op.execute("ALTER TABLE terms ADD CONSTRAINT pk_terms PRIMARY KEY (term, hour, story) INCLUDE (weight)")
    of_founder = "of the article that founded the story"
    op.add_column("memberships", sa.Column("dated_at", sa.DateTime(timezone=True), comment=of_founder))
    op.execute(
        "UPDATE memberships SET dated_at = (SELECT dated_at FROM articles WHERE articles.key = memberships.story)"
    )
    op.create_index("ix_memberships_topic_dated_at", "memberships", ["topic", "dated_at"], unique=False)
