"""Alerts for operators; how many articles of a visit were folded, and how many came under other ids."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column(
            "kind",
            sa.String(length=16),
            nullable=False,
            comment="silent, failing, challenge, drift, ids, refused, disk …",
        ),
        sa.Column(
            "subject",
            sa.String(length=2100),
            nullable=False,
            comment="what it is about: a source's id, or a name of ours",
        ),
        sa.Column("name", sa.Text(), nullable=False, comment="the subject, for people"),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when it was told, or told to be over",
        ),
        sa.Column("resolved_at", sa.DateTime(timezone=True), comment="empty: it is not over"),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_resolved_at", "alerts", ["resolved_at"], unique=False)
    with op.batch_alter_table("visits") as table:
        table.add_column(
            sa.Column(
                "folded",
                sa.Integer(),
                nullable=False,
                server_default="0",
                comment="new ones that are copies of stored ones",
            )
        )
        table.add_column(
            sa.Column(
                "rekeyed",
                sa.Integer(),
                nullable=False,
                server_default="0",
                comment="known ones that came under other ids",
            )
        )
