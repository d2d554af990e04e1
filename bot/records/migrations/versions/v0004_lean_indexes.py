"""Lean indexes: only of the rows that have a value, and the open messages of a lane without its old ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KNOWN = (
    ("messages", ("provider_id",)),
    ("messages", ("replaces",)),
    ("messages", ("sender", "at")),
    ("outbox", ("provider_id",)),
)


def upgrade() -> None:
    for table, columns in KNOWN:
        name, there = f"ix_{table}_{'_'.join(columns)}", sa.text(f"{columns[0]} IS NOT NULL")
        op.drop_index(name, table)
        op.create_index(name, table, list(columns), sqlite_where=there, postgresql_where=there)
    op.drop_index("ix_outbox_lane_seq", "outbox")
    op.create_index("ix_outbox_lane_state_seq", "outbox", ["lane", "state", "seq"])
