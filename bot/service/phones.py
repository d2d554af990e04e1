"""What a simulated phone shows: the messages as its owner sees them, each with how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from bot.records.participants import Terms
from bot.records.tables import outbox
from bot.records.unit_of_work import UnitOfWork
from bot.service import views


@dataclass(frozen=True, slots=True)
class Line:
    """One message on the phone. `at` is when it was sent from here, or when it reached the phone."""

    id: int
    own: bool
    body: str
    at: datetime
    delivery: str


@dataclass(frozen=True, slots=True)
class Screen:
    """The phone of one participant: what is on it, and how many messages are still on their way to it."""

    code: str
    participant_id: int
    address: str
    language: str
    lines: tuple[Line, ...]
    coming: int


def screen(uow: UnitOfWork, terms: Terms, code: str) -> Screen | None:
    """The phone of the participant with this code, if it is a simulated one."""
    record = views.record(uow, terms, code)
    if record is None or not record.row.simulated:
        return None
    sent = uow.all(select(outbox).where(outbox.c.participant_id == record.id))
    reached = {row["message_id"]: row["changed_at"] for row in sent if row["state"] == "accepted"}
    lines = [
        Line(entry.id, entry.incoming, entry.body, reached.get(entry.id, entry.at), _delivery(entry))
        for entry in record.entries
        if not entry.removed and (entry.incoming or entry.id in reached)
    ]
    lines.sort(key=lambda line: (line.at, line.id))
    coming = sum(row["state"] in ("pending", "sending") for row in sent)
    return Screen(record.row.code, record.id, record.address, record.language, tuple(lines), coming)


def _delivery(entry: views.Entry) -> str:
    return "Received by the study" if entry.incoming else "Reached this phone"
