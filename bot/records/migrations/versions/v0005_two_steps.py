"""Two steps: the second step of signing in, and the audit trail as a chain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("audit", sa.Column("chain", sa.LargeBinary(), nullable=True))
    op.add_column("sessions", sa.Column("waiting", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("users", sa.Column("second_step", sa.LargeBinary(), nullable=True))
    op.add_column("users", sa.Column("second_step_used", Id, nullable=True))
    op.add_column("users", sa.Column("recovery", sa.JSON(), nullable=True))
