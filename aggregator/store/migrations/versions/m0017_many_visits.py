"""Numbers of visits that last: a million sources use up those of four bytes within a year, and then none is stored."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":  # its numbers have eight
        return
    op.alter_column("visits", "id", type_=sa.BigInteger())
    op.execute("ALTER SEQUENCE visits_id_seq AS bigint")
