"""Withdrawn invitations: since when a code that was given out is not to be used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.records.tables import Moment

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("invitations", sa.Column("withdrawn_at", Moment(), nullable=True))
