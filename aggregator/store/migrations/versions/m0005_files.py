"""Articles keep what was cut from them; files that stay in their folder are remembered."""

from html import escape

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("source", sa.String(length=2100), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False, comment="of a file that stays in its folder"),
        sa.Column("stamp", sa.Text(), nullable=False, comment="its size and times, and those of the facts beside it"),
        sa.Column("digest", sa.String(length=32), nullable=False, comment="of its content and of the facts beside it"),
        sa.Column("guid", sa.Text(), nullable=False, comment="of its article: stays when it is corrected or renamed"),
        sa.Column(
            "version",
            sa.String(length=32),
            nullable=False,
            comment="of the program that read it: a newer one may read more",
        ),
        sa.Column("reason", sa.Text(), comment="why it could not be used"),
        sa.ForeignKeyConstraint(["source"], ["sources.id"], name="fk_files_source"),
        sa.PrimaryKeyConstraint("source", "name", name="pk_files"),
    )
    for column in (
        sa.Column("original", sa.Text(), comment="the HTML before anything was cut; empty where nothing is looked for"),
        sa.Column("cuts", sa.JSON(), nullable=False, server_default="[]", comment="start, end in `original`, and why"),
        sa.Column(
            "told", sa.JSON(), nullable=False, server_default="[]", comment="of a file: which field was found where"
        ),
    ):
        op.add_column("articles", column)
    _keep_what_was_cut()
    op.drop_column("articles", "cut")


def _keep_what_was_cut() -> None:
    """A line that was cut becomes a paragraph behind the article, as it was in the text."""
    names = "key", "html", "original"
    articles = sa.table("articles", *map(sa.column, names), *(sa.column(name, sa.JSON()) for name in ("cut", "cuts")))
    connection = op.get_bind()
    is_cut = sa.column("cut").is_not(None)
    for key in connection.execute(sa.select(articles.c.key).where(is_cut)).scalars().all():
        mine = articles.c.key == key
        html, cut = connection.execute(sa.select(articles.c.html, articles.c.cut).where(mine)).one()
        if cut:
            behind = "".join(f"<p>{escape(line, quote=False)}</p>\n" for line in cut["removed"])
            where = {"start": len(html), "end": len(html) + len(behind), "reason": cut["reason"]}
            connection.execute(sa.update(articles).where(mine).values(original=html + behind, cuts=[where]))
