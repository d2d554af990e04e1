"""The team's desk: what came of tasks, field notes, refiling, replies for later, held messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.records.migrations.versions.v0001_first_tables import refuse_changes
from bot.records.migrations.versions.v0006_deletion import let_deletions_through
from bot.records.tables import Moment

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for name, kind in (("asked_by", sa.String(60)), ("closed_by", sa.String(60)), ("outcome", sa.LargeBinary())):
        op.add_column("tasks", sa.Column(name, kind, nullable=True))
    op.add_column("messages", sa.Column("sent_from", sa.LargeBinary(), nullable=True))
    index("ix_tasks_open", "tasks", "opened_at", "closed_at IS NULL")
    index("ix_messages_held", "messages", "id", "participant_id IS NULL")
    of_person(
        "field_notes",
        sa.Column("author", sa.String(60), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
    )
    of_person(
        "refilings",
        sa.Column("act", sa.String(32), nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("belonged", sa.String(20), nullable=False),
        sa.Column("was", sa.String(60), nullable=True),
        sa.Column("belongs", sa.String(20), nullable=False),
        sa.Column("question", sa.String(60), nullable=True),
        sa.Column("author", sa.String(60), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.Column("undoes", sa.String(32), nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_refilings_message_id")),
    )
    op.create_index(op.f("ix_refilings_undoes"), "refilings", ["undoes"])
    refuse_changes("refilings")
    let_deletions_through("refilings")
    of_person(
        "postponed",
        sa.Column("author", sa.String(60), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("due", Moment(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("done_at", Moment(), nullable=True),
    )
    index("ix_postponed_waiting", "postponed", "due", "done_at IS NULL")


def of_person(table: str, *more: sa.Column[object] | sa.Constraint) -> None:
    """A table whose rows belong to a participant."""
    op.create_table(
        table,
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("participant_id", Id, nullable=False),
        *more,
        sa.ForeignKeyConstraint(["participant_id"], ["participants.id"], name=op.f(f"fk_{table}_participant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_participant_id"), table, ["participant_id"])


def index(name: str, table: str, column: str, where: str) -> None:
    """An index of few of the rows."""
    op.create_index(name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))
