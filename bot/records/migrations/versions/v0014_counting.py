"""Counting: how far each question came, why a person is needed, and who of the team wrote."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

AT_ONCE = 500
WRITTEN_BY_TEAM = "direction = 'out' AND author != 'bot' AND participant_id IS NOT NULL"

interviews = sa.table(
    "interviews", sa.column("id"), sa.column("saved", sa.JSON()), sa.column("cause"), sa.column("progress")
)


def upgrade() -> None:
    op.add_column("interviews", sa.Column("cause", sa.String(20), nullable=False, server_default=""))
    op.add_column("interviews", sa.Column("progress", sa.Text(), nullable=False, server_default=""))
    fill_from_saved()
    op.drop_index("ix_consents_participant_id", "consents")
    op.create_index("ix_consents_participant_id_id", "consents", ["participant_id", "id"])
    there = sa.text(WRITTEN_BY_TEAM)
    op.create_index("ix_messages_team", "messages", ["author", "id"], sqlite_where=there, postgresql_where=there)


def fill_from_saved() -> None:
    """The new columns of interviews that there are, never all of them in memory."""
    connection, last = op.get_bind(), 0
    query = sa.select(interviews.c.id, interviews.c.saved).order_by(interviews.c.id).limit(AT_ONCE)
    change = sa.update(interviews).where(interviews.c.id == sa.bindparam("of"))
    while rows := connection.execute(query.where(interviews.c.id > last)).all():
        connection.execute(change, [{"of": row.id, **_counted(row.saved)} for row in rows])
        last = rows[-1].id


def _counted(saved: dict[str, Any]) -> dict[str, str]:
    answers = saved.get("answers", {})
    line = " ".join(f"{key}:{progress}" for key, (progress, *_) in answers.items())
    return {"cause": saved.get("cause", ""), "progress": line}
