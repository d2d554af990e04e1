"""Deletion: withdrawals, seeds of data keys, and a door in what is append-only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.records.tables import Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CLOSED = "NOT EXISTS (SELECT 1 FROM meta WHERE name = 'deleting')"


def upgrade() -> None:
    op.add_column("data_keys", sa.Column("leaf", sa.String(12), nullable=True))
    op.create_table(
        "withdrawals",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("participant_id", Id, nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.String(60), nullable=False),
        sa.Column("cutoff", sa.String(10), nullable=False),
        sa.Column("deleted", sa.JSON(), nullable=False),
        sa.Column("asked_at", Moment(), nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["participant_id"], ["participants.id"], name=op.f("fk_withdrawals_participant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawals")),
        sa.UniqueConstraint("participant_id", name=op.f("uq_withdrawals_participant_id")),
    )
    for table in ("consents", "audit", "delivery_updates"):
        let_deletions_through(table)


def let_deletions_through(table: str) -> None:
    """Rows are removed only within a deletion that says so in `meta`; changed they are never."""
    problem = f"{table} is append-only"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"DROP TRIGGER {table}_no_delete")
        op.execute(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} WHEN {CLOSED} "
            f"BEGIN SELECT RAISE(ABORT, '{problem}'); END"
        )
        return
    op.execute(
        f"CREATE OR REPLACE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF TG_OP = 'DELETE' AND NOT ({CLOSED}) THEN RETURN OLD; END IF; "
        f"RAISE EXCEPTION '{problem}'; END $$"
    )
