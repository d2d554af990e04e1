"""Write-ups of what is not words, and replacements for words that tell who somebody is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.records.tables import Moment

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _table(
        "writeups",
        {"participant_id": "participants", "message_id": "messages", "media_id": "media", "key_id": "data_keys"},
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("author", sa.String(60), nullable=False),
        sa.Column("checked_by", sa.String(60), nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("checked_at", Moment(), nullable=True),
    )
    _table(
        "replacements",
        {"participant_id": "participants", "message_id": "messages", "writeup_id": "writeups", "key_id": "data_keys"},
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("decided_by", sa.String(60), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("undone_at", Moment(), nullable=True),
    )


def _table(name: str, of: dict[str, str], *columns: sa.Column[object]) -> None:
    """A table of rows that belong to a participant; `of`: what it points at, by column."""
    optional = ("media_id", "writeup_id")
    op.create_table(
        name,
        sa.Column("id", Id, autoincrement=True, nullable=False),
        *(sa.Column(column, Id, nullable=column in optional) for column in of),
        *columns,
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_{name}_{column}"))
            for column, table in of.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )
    op.create_index(op.f(f"ix_{name}_participant_id"), name, ["participant_id"])
