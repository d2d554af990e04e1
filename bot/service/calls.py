"""Calls that are booked: one for each participant at a time, with an invitation for calendars."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select, update

from bot.interview.rota import Booked, Slot, invitation
from bot.records import participants
from bot.records.participants import Participant, Terms
from bot.records.tables import calls
from bot.records.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Call:
    """A booked call, as the team sees it."""

    code: str
    researcher: str
    way: str
    starts_at: datetime
    invitation: bytes


def booked(uow: UnitOfWork) -> tuple[Booked, ...]:
    """Every call from now on; nobody else books one until what follows from them is committed."""
    uow.alone()
    rows = uow.all(select(calls.c.researcher, calls.c.starts_at, calls.c.ends_at).where(calls.c.ends_at > uow.now))
    return tuple(Booked(row["researcher"], row["starts_at"], row["ends_at"]) for row in rows)


def book(uow: UnitOfWork, terms: Terms, participant: Participant, slot: Slot) -> None:
    """Keep the call; one that the participant had is moved, and calendars move it too."""
    of_person = calls.c.participant_id == participant.id
    known = uow.one(select(calls).where(of_person, calls.c.ends_at > uow.now).limit(1))
    uid, changed = (known["uid"], known["changed"] + 1) if known else (uow.new_id(), 0)
    zone: ZoneInfo = participant.interview.person.timezone
    values = {
        "researcher": slot.researcher,
        "way": slot.way.value,
        "changed": changed,
        "invitation": invitation(slot, uid, zone, terms.study.name, uow.now, change=changed),
        "starts_at": slot.start,
        "ends_at": slot.end,
        "booked_at": uow.now,
    }
    if known:
        uow.execute(update(calls).where(calls.c.id == known["id"]).values(**values))
    else:
        uow.execute(insert(calls).values(participant_id=participant.id, uid=uid, **values))


def of(uow: UnitOfWork, terms: Terms, code: str) -> Call | None:
    """The participant's next call."""
    found = participants.by_code(uow, terms, code)
    if found is None:
        return None
    mine = (calls.c.participant_id == found.id, calls.c.ends_at > uow.now)
    row = uow.one(select(calls).where(*mine).order_by(calls.c.starts_at).limit(1))
    return Call(found.code, row["researcher"], row["way"], row["starts_at"], row["invitation"]) if row else None


def invitation_of(uow: UnitOfWork, participant_id: int) -> bytes | None:
    """The .ics file of the participant's next call."""
    mine = (calls.c.participant_id == participant_id, calls.c.ends_at > uow.now)
    row = uow.one(select(calls.c.invitation).where(*mine).order_by(calls.c.starts_at).limit(1))
    return row["invitation"] if row else None
