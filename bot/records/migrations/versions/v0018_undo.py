"""Undo: how long each of the team wants to be able to take a message back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("undo_for", sa.Integer(), nullable=True))
