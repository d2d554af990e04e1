"""Deliveries: since when a provider has put a message off, and the further parts of a long one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.records.tables import Moment

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

PART = sa.text("status = 'part'")


def upgrade() -> None:
    op.add_column("outbox", sa.Column("put_off_since", Moment(), nullable=True))
    op.create_index(
        "ix_delivery_updates_part", "delivery_updates", ["provider_id"], sqlite_where=PART, postgresql_where=PART
    )
