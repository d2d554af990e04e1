"""Rates: a bucket for each number, bot and mailbox; what is urgent is marked, and replies leave before reminders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.records.tables import Moment

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

URGENT = ("distress", "distress-discreet")

messages = sa.table("messages", sa.column("id"), sa.column("texts"))
outbox = sa.table("outbox", sa.column("message_id"), sa.column("state"), sa.column("urgent", sa.Boolean()))


def upgrade() -> None:
    op.create_table(
        "buckets",
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("full_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_buckets")),
    )
    op.add_column("outbox", sa.Column("urgent", sa.Boolean(), nullable=False, server_default=sa.false()))
    of_distress = sa.select(messages.c.id).where(messages.c.texts.in_(URGENT))
    waits = outbox.c.state.in_(["pending", "held", "aside", "sending", "unknown"])
    op.execute(outbox.update().where(waits, outbox.c.message_id.in_(of_distress)).values(urgent=True))
    op.drop_index("ix_outbox_state_not_before", "outbox")
    op.create_index("ix_outbox_turn", "outbox", ["state", "kind", "urgent", "unasked", "not_before"])
