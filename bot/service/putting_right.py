"""What was written by a clock that was ahead, once that has been put right.

It would wait for as long as the clock was wrong. Instead what was to leave at once leaves now, and what was to wait for
so long after it was written waits for no longer from now on; never less than it would have by a clock that was right.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import bindparam, func, or_, select, update

from bot.interview import fetching, moments, reminding
from bot.interview.events import TimerKind
from bot.records import participants
from bot.records.participants import Participant, Terms
from bot.records.prepared import Prepared, Values
from bot.records.tables import addresses, interviews, media, outbox, tasks, timers
from bot.records.unit_of_work import UnitOfWork
from bot.service.media import LONGEST_WAIT

log = structlog.get_logger()

OFF = timedelta(minutes=1)
"""Clocks that differ by less are right."""

TASK = "clock was wrong"

_LENGTHS = (TimerKind.SETTLE, TimerKind.REVIEW, TimerKind.HOLDING, TimerKind.REMIND)
"""Timers that ring after a length of time. Of a pause and of a call people were told the moment."""

_OF_SEQ = Prepared(update(outbox).where(outbox.c.seq == bindparam("of")))


def ahead(uow: UnitOfWork) -> timedelta | None:
    """By how much the clock was ahead, at least; None where nothing shows that it was."""
    waits = outbox.c.state.in_(["pending", "held", "aside", "unknown"])
    latest = (
        uow.execute(select(func.max(outbox.c.changed_at)).where(waits)).scalar(),
        uow.execute(select(func.max(interviews.c.changed_at))).scalar(),
    )
    by = max((moment - uow.now for moment in latest if moment), default=timedelta())
    return by if by > OFF else None


def put_right(uow: UnitOfWork, terms: Terms) -> timedelta | None:
    """See to all that was written in what is the future now; by how much the clock was ahead, if it was.

    It moves nothing twice. What a provider is asked about keeps the moment of its attempt, see `outcomes`.
    """
    by = ahead(uow)
    if by is None:
        return None
    limit = uow.now + OFF
    _messages(uow, limit)
    _sent(uow, limit, by)
    for participant_id, written in _people(uow, limit):
        try:
            with uow.undone_on_failure():
                _interview(uow, participants.by_id(uow, terms, participant_id), written)
        except Exception as error:  # somebody whose words are deleted holds up nobody else
            log.error(
                "what waits for somebody could not be put right", participant=participant_id, error=type(error).__name__
            )
    uow.execute(update(interviews).where(interviews.c.changed_at > limit).values(changed_at=uow.now))
    uow.execute(update(addresses).where(addresses.c.heard_at > limit).values(heard_at=uow.now))
    uow.execute(update(media).where(media.c.fetch_at > uow.now + LONGEST_WAIT + OFF).values(fetch_at=uow.now))
    if uow.one(select(tasks.c.id).where(tasks.c.kind == TASK, tasks.c.closed_at.is_(None))) is None:
        uow.open_task(TASK, note=f"The machine's clock was ahead by {_said(by)} and has been put right. {_PLEASE}")
    uow.changed |= {"outbox", "timers", "participants"}
    log.warning("the clock was ahead and has been put right: what waited by it leaves", ahead=_said(by))
    return by


_PLEASE = (
    "What waited to leave leaves now. Breaks and calls that were agreed meanwhile keep the dates that people were "
    "told: please look whether they are meant. Messages of that time bear wrong dates."
)


_LENGTHS_OF_TIME = {"day": timedelta(days=1), "hour": timedelta(hours=1), "minute": timedelta(minutes=1)}


def _said(by: timedelta) -> str:
    name, length = next((name, length) for name, length in _LENGTHS_OF_TIME.items() if by >= length)
    many = round(by / length)
    return f"{many} {name}{'s' if many > 1 else ''}"


def _messages(uow: UnitOfWork, limit: datetime) -> None:
    """What waits to leave, and what the provider is to be asked about."""
    waits = outbox.c.state.in_(["pending", "held", "aside", "unknown"])
    of = select(outbox.c.seq, outbox.c.changed_at, outbox.c.not_before, outbox.c.reconcile_at)
    for row in uow.all(of.where(waits, outbox.c.changed_at > limit)):
        by = row["changed_at"] - uow.now
        asked = row["reconcile_at"] and row["reconcile_at"] - by
        moved = {"not_before": row["not_before"] - by, "reconcile_at": asked}
        uow.run(_OF_SEQ, {**moved, "changed_at": uow.now, "of": row["seq"]})
    uow.execute(update(outbox).where(outbox.c.changed_at > limit).values(changed_at=uow.now))


def _sent(uow: UnitOfWork, limit: datetime, by: timedelta) -> None:
    """What has left, has not left in the future; how far apart it left stays."""
    over = outbox.c.state.not_in(["sending", "unknown"])
    for row in uow.all(select(outbox.c.seq, outbox.c.claimed_at).where(over, outbox.c.claimed_at > limit)):
        uow.run(_OF_SEQ, {"claimed_at": min(uow.now, row["claimed_at"] - by), "of": row["seq"]})


def _people(uow: UnitOfWork, limit: datetime) -> list[tuple[int, datetime]]:
    """Whose interview was written in the future, or may call for people since a moment there; and when."""
    calls = select(timers.c.id).where(
        timers.c.participant_id == interviews.c.participant_id,
        timers.c.kind == TimerKind.ESCALATE.value,
        timers.c.due > limit,
    )
    of = select(interviews.c.participant_id, interviews.c.changed_at).order_by(interviews.c.participant_id)
    rows = uow.all(of.where(or_(interviews.c.changed_at > limit, calls.exists())))
    return [(row["participant_id"], row["changed_at"]) for row in rows]


def _interview(uow: UnitOfWork, participant: Participant, written: datetime) -> None:
    """Their interview and its timers; whom to fetch next, and when, is decided again now."""
    before, by = participant.interview, written - uow.now
    theirs, after = timers.c.participant_id == participant.id, before
    if by > OFF:
        after = moments.put_right(before, uow.now)
        for row in uow.all(select(timers).where(theirs, timers.c.kind.in_([kind.value for kind in _LENGTHS]))):
            sooner = update(timers).where(timers.c.id == row["id"])
            uow.execute(sooner.values(due=max(uow.now, row["due"] - by)))
        _set_anew(
            uow, participant, TimerKind.REMIND, reminding.position(before), {"position": reminding.position(after)}
        )
    if before.calling is not None and before.calling > uow.now + OFF:
        after = after.but(calling=uow.now)
        now = {"due": uow.now, "position": fetching.position(after)}
        _set_anew(uow, participant, TimerKind.ESCALATE, fetching.position(before), now)
    participants.save(uow, participant.id, after)


def _set_anew(uow: UnitOfWork, participant: Participant, kind: TimerKind, position: str, values: Values) -> None:
    """The timer of this kind, if it was set for this position."""
    this = (timers.c.kind == kind.value, timers.c.position == position)
    uow.execute(update(timers).where(timers.c.participant_id == participant.id, *this).values(**values))
