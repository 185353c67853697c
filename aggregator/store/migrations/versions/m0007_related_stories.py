"""Stories about one event are linked: by their heaviest terms, and how frequent terms are in each language."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    first = "the story that was the first to tell of what it tells of; empty: not looked for yet"
    op.add_column("stories", sa.Column("event", sa.String(length=32), comment=first))
    op.add_column(
        "stories",
        sa.Column(
            "unrelated",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="its relations are to be looked for",
        ),
    )
    op.create_index("ix_stories_event", "stories", ["event"], unique=False)
    where = sa.column("unrelated", sa.Boolean())
    op.create_index("ix_stories_unrelated", "stories", ["id"], sqlite_where=where, postgresql_where=where)
    op.create_index("ix_articles_first_seen_at", "articles", ["first_seen_at"], unique=False)
    op.create_index("ix_articles_language_first_seen_at", "articles", ["language", "first_seen_at"], unique=False)
    op.create_table(
        "terms",
        sa.Column("term", sa.String(length=40), nullable=False, comment="one of the heaviest of the story's lead"),
        sa.Column(
            "hour", sa.Integer(), autoincrement=False, nullable=False, comment="since 1970, of the date of the lead"
        ),
        sa.Column("story", sa.String(length=32), nullable=False),
        sa.Column(
            "weight", sa.Integer(), nullable=False, comment="in thousandths; the squares of a story's add up to 1"
        ),
        sa.PrimaryKeyConstraint("term", "hour", "story", name="pk_terms"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_terms_story", "terms", ["story"], unique=False)
    op.create_table(
        "relations",
        sa.Column("story", sa.String(length=32), nullable=False),
        sa.Column(
            "other",
            sa.String(length=32),
            nullable=False,
            comment="a story about the same event; there is a row each way",
        ),
        sa.Column("likeness", sa.Integer(), nullable=False, comment="in millionths"),
        sa.PrimaryKeyConstraint("story", "other", name="pk_relations"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_relations_other", "relations", ["other"], unique=False)
    op.create_table(
        "frequencies",
        sa.Column(
            "language",
            sa.String(length=3),
            nullable=False,
            comment="empty: of articles whose language is not known",
        ),
        sa.Column(
            "articles", sa.Integer(), nullable=False, comment="so many were looked at, the latest of the language"
        ),
        sa.Column("seen", sa.Integer(), nullable=False, comment="stories that have come since"),
        sa.Column(
            "counts", sa.JSON(), nullable=False, comment="in how many of them a term comes; not those in only one"
        ),
        sa.PrimaryKeyConstraint("language", name="pk_frequencies"),
    )
