"""Near copies are found by sketches; decisions keep their figures, and a person's word is kept."""

import sqlalchemy as sa
from alembic import op

from aggregator.store.schema import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sketches",
        sa.Column(
            "hash",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="of three words in a row, one of the smallest",
        ),
        sa.Column("article", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False, comment="since 1970, on which the article was first seen"),
        sa.PrimaryKeyConstraint("hash", "article", name="pk_sketches"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sketches_article", "sketches", ["article"], unique=False)
    op.create_index("ix_sketches_day", "sketches", ["day"], unique=False)
    op.create_table(
        "rulings",
        sa.Column("one", sa.String(length=32), nullable=False, comment="of two articles, the one with the lower key"),
        sa.Column("other", sa.String(length=32), nullable=False),
        sa.Column(
            "same", sa.Boolean(), nullable=False, comment="a person's word: true: copies of one article; false: never"
        ),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("one", "other", name="pk_rulings"),
    )
    op.create_index("ix_rulings_other", "rulings", ["other"], unique=False)
    op.create_table(
        "wishes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False, comment="split, merge or lead"),
        sa.Column("article", sa.String(length=32), nullable=False),
        sa.Column("other", sa.String(length=32), comment="with which it is to be merged"),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_wishes"),
    )
    op.add_column("articles", sa.Column("likeness", sa.JSON(), comment="the figures of that decision"))
    for table, column in (
        ("articles", _boolean("chosen", "a person wants it to lead its story")),
        ("articles", _boolean("is_reprint", "of an agency's text, by another")),
        ("sources", _boolean("paywall", "its articles are for subscribers only")),
    ):
        op.add_column(table, column)
    said = "who speaks in it: an agency, a site, a source"
    op.add_column("articles", sa.Column("voice", sa.Text(), nullable=False, server_default="", comment=said))


def _boolean(name: str, comment: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false(), comment=comment)
