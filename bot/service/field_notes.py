"""What researchers note for themselves about an interview: apart from what was said, and in no participant's copy.

They are sealed under the participant's key, so they go when that goes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import insert, select

from bot.errors import OwnPaceError
from bot.export.identifiers import Hiding
from bot.records.participants import Participant
from bot.records.tables import field_notes
from bot.records.unit_of_work import UnitOfWork

LONGEST = 5000
"""Characters of one note."""


@dataclass(frozen=True, slots=True)
class Note:
    """One note, as it was written."""

    id: int
    author: str
    words: str
    at: datetime


def write(uow: UnitOfWork, participant: Participant, researcher: str, text: str) -> None:
    """Keep a note. Raises OwnPaceError where it is empty or too long."""
    words = text.strip()
    if not 0 < len(words) <= LONGEST:
        raise OwnPaceError(f"Write a note of 1 to {LONGEST} characters.")
    sealed = participant.key.seal(words, "field note")
    row = {"participant_id": participant.id, "author": researcher, "body": sealed, "at": uow.now}
    uow.execute(insert(field_notes).values(**row))
    uow.changed.add(f"participant {participant.id}")
    uow.note(researcher, "wrote a field note", participant.code)


def shown(uow: UnitOfWork, participant: Participant, most: int | None = None) -> tuple[Note, ...]:
    """The same, with the code in brackets where somebody wrote the participant's name."""
    hidden = Hiding(participant.interview.person.name, participant.code).hidden
    return tuple(replace(note, words=hidden(note.words)) for note in read(uow, participant, most))


def read(uow: UnitOfWork, participant: Participant, most: int | None = None) -> tuple[Note, ...]:
    """The notes about this interview, the newest first."""
    of = select(field_notes).where(field_notes.c.participant_id == participant.id)
    rows = uow.all(of.order_by(field_notes.c.id.desc()).limit(most))
    return tuple(
        Note(row["id"], row["author"], participant.key.open(row["body"], "field note"), row["at"]) for row in rows
    )
