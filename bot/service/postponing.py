"""What a researcher wrote to be sent later: it waits in a row of its own, and holds up nobody's messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update

from bot.errors import OwnPaceError
from bot.records import participants
from bot.records.participants import Participant, Terms
from bot.records.tables import participants as people
from bot.records.tables import postponed, tasks
from bot.records.unit_of_work import UnitOfWork, beside
from bot.service import handovers

LATEST = timedelta(days=60)
"""So long ahead words may be left to wait."""

NOT_SENT = "reply not sent"
"""The task where they could not be said any more."""


@dataclass(frozen=True, slots=True)
class Later:
    """Words that wait for their moment."""

    id: int
    author: str
    words: str
    due: datetime


def write(uow: UnitOfWork, terms: Terms, code: str, researcher: str, text: str, due: datetime) -> None:
    """Keep the words until then. Raises OwnPaceError for a moment that is past, or too far away."""
    participant = participants.named(uow, terms, code)
    words = handovers.checked(text)
    if not uow.now < due <= uow.now + LATEST:
        raise OwnPaceError(f"Choose a moment from now on, and within {LATEST.days} days.")
    sealed = participant.key.seal(words, "body")
    row = {"participant_id": participant.id, "author": researcher, "body": sealed, "due": due, "at": uow.now}
    uow.execute(insert(postponed).values(**row))
    uow.note(researcher, "wrote for later", participant.code)
    uow.changed.add(f"participant {participant.id}")


def waiting(uow: UnitOfWork, participant: Participant) -> tuple[Later, ...]:
    """What waits for this person, soonest first."""
    of = (postponed.c.participant_id == participant.id, postponed.c.done_at.is_(None))
    rows = uow.all(select(postponed).where(*of).order_by(postponed.c.due, postponed.c.id))
    return tuple(Later(row["id"], row["author"], participant.key.open(row["body"], "body"), row["due"]) for row in rows)


def take_back(uow: UnitOfWork, terms: Terms, code: str, researcher: str, later_id: int) -> str:
    """Do not send it; its words. Raises OwnPaceError where it has left already."""
    participant = participants.named(uow, terms, code)
    of = (postponed.c.id == later_id, postponed.c.participant_id == participant.id, postponed.c.done_at.is_(None))
    row = uow.one(select(postponed.c.body).where(*of))
    if row is None:
        raise OwnPaceError("This does not wait any more: it has left, or somebody has taken it back.")
    uow.execute(update(postponed).where(*of).values(done_at=uow.now, problem=f"taken back by {researcher}"))
    uow.note(researcher, "took a message back", participant.code)
    uow.changed.add(f"participant {participant.id}")
    return participant.key.open(row["body"], "body")


@beside
def leave(uow: UnitOfWork, terms: Terms) -> int:
    """Send what is due, as if it had been written now; what may not be said any more is for a person to see to."""
    due = (postponed.c.done_at.is_(None), postponed.c.due <= uow.now)
    rows = uow.all(
        select(postponed, people.c.code)
        .join(people, people.c.id == postponed.c.participant_id)
        .where(*due)
        .order_by(postponed.c.due)
        .limit(100)
    )
    if rows:
        uow.alone()
    for row in rows:
        problem = _send(uow, terms, row["code"], row["participant_id"], row["author"], row["body"])
        done = {"done_at": uow.now, "problem": problem or None}
        uow.execute(update(postponed).where(postponed.c.id == row["id"]).values(**done))
        uow.changed.add(f"participant {row['participant_id']}")
    return len(rows)


def _send(uow: UnitOfWork, terms: Terms, code: str, participant_id: int, author: str, sealed: bytes) -> str:
    """Why it was not sent, or ''."""
    try:
        with uow.undone_on_failure():
            words = participants.by_id(uow, terms, participant_id).key.open(sealed, "body")
            handovers.reply(uow, terms, code, author, words)
    except OwnPaceError as problem:
        _tell(uow, participant_id, f"What {author} wrote for later was not sent: {problem}")
        return str(problem)
    return ""


def _tell(uow: UnitOfWork, participant_id: int, note: str) -> None:
    """Say it with a task; with the one that is open, where somebody is to be told of others already."""
    waits = (tasks.c.participant_id == participant_id, tasks.c.kind == NOT_SENT, tasks.c.closed_at.is_(None))
    known = uow.one(select(tasks.c.id, tasks.c.note).where(*waits))
    if known is None:
        uow.open_task(NOT_SENT, participant_id, None, note)
    else:
        uow.execute(update(tasks).where(tasks.c.id == known["id"]).values(note=f"{known['note'] or ''} {note}".strip()))
        uow.changed.add("tasks")


def next_due(uow: UnitOfWork) -> datetime | None:
    """When the next of them is due."""
    of = select(postponed.c.due).where(postponed.c.done_at.is_(None)).order_by(postponed.c.due).limit(1)
    row = uow.one(of)
    return row["due"] if row else None
