"""Somebody leaves the study, and what they said is kept or deleted: what they asked for with LEAVE, done by a person.

Deleting happens at once: every word, file and raw delivery is removed, and the data key under which they were sealed is
destroyed, so that no earlier copy opens for them. Name and addresses live on under a new key until the receipt has left
that tells them so; then these go too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, and_, delete, insert, or_, select, update

from bot.errors import OwnPaceError
from bot.interview.events import TaskKind, Withdrawn
from bot.interview.state import Interview, State
from bot.records import participants
from bot.records.participants import Participant, Terms
from bot.records.tables import audit, messages, outbox, tasks, withdrawals
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.service import deletion
from bot.service.conversations import happen

FIELD_NOTES = "exported field notes"
"""What the trail says where somebody took what the team noted about a participant."""

PATIENCE = timedelta(days=30)
"""So long a receipt that cannot leave, as on WhatsApp outside its window, holds up the deletion of the address."""


@dataclass(frozen=True, slots=True)
class Export:
    """A past export that holds what somebody said: when, what and where it was written."""

    at: datetime
    what: str
    to: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was done, for whoever did it. `elsewhere`: files that a channel's provider may still hold, by channel.

    `told`: the participant is sent a receipt of their own; `finished` once that has left and their address is gone.
    """

    code: str
    kept: bool
    deleted: Mapping[str, int]
    exports: tuple[Export, ...]
    channels: tuple[str, ...]
    elsewhere: Mapping[str, int]
    told: bool
    finished: bool


def withdraw(
    uow: UnitOfWork, terms: Terms, code: str, actor: str, *, keep: bool = False, tell: bool = True, late: bool = False
) -> Receipt:
    """Take somebody out of the study. `keep`: what they said stays; `late`: delete also after their cut-off date.

    Raises OwnPaceError where nobody has the code, it was done already, they have said no to it or it is too late, or a
    message to them is leaving at this very moment.
    """
    person = _present(uow, terms, code)
    if keep:
        return _keep(uow, terms, person, actor, tell)
    _check(uow, person, late)
    told = tell and person.closed is None and person.interview.state not in (State.STOPPED, State.DECLINED)
    exports, channels = exports_of(uow, person.code), _channels(uow, person)
    elsewhere = deletion.at_the_provider(uow, person.id)
    asked_at = _asked_at(uow, person)
    deleted = _delete(uow, person)
    _write_down(uow, person, actor, kept=False, deleted=deleted, asked_at=asked_at)
    again = participants.by_id(uow, terms, person.id)
    blank = _blank(again.interview)
    participants.save(uow, person.id, blank)
    happen(uow, terms, participants.by_id(uow, terms, person.id), Withdrawn(kept=False, told=told))
    finished = finish(uow) > 0 and not told
    return Receipt(person.code, False, deleted, exports, channels, elsewhere, told, finished)


def _keep(uow: UnitOfWork, terms: Terms, person: Participant, actor: str, tell: bool) -> Receipt:
    """They leave, and their answers stay, unless they have asked for the opposite."""
    if uow.has_task(person.id, frozenset({TaskKind.DELETE.value})):
        raise OwnPaceError(f"{person.code} has asked for their answers to be deleted. Leave out --keep.")
    if person.interview.state is State.DECLINED:
        raise OwnPaceError(f"{person.code} has said no to taking part; there is nothing to leave.")
    told = tell and person.closed is None and person.interview.state is not State.STOPPED
    happen(uow, terms, person, Withdrawn(kept=True, told=told))
    uow.close_tasks(person.id, frozenset({TaskKind.LEAVE.value}))
    _write_down(uow, person, actor, kept=True, deleted={}, asked_at=_asked_at(uow, person))
    return Receipt(person.code, True, {}, (), (), {}, told, True)


def exports_of(uow: UnitOfWork, code: str) -> tuple[Export, ...]:
    """The exports that hold what somebody said, oldest first."""
    acts = audit.c.act.in_(["exported", FIELD_NOTES])
    return tuple(
        _export(row)
        for row in uow.all(select(audit).where(acts).order_by(audit.c.id))
        if code in row["detail"].get("codes", ()) or (row["act"], row["subject"]) == (FIELD_NOTES, code)
    )


def _export(row: RowMapping) -> Export:
    what = "field notes" if row["act"] == FIELD_NOTES else row["detail"].get("what", "")
    to = row["detail"].get("to", "browser")
    return Export(row["at"], what, f"downloaded by {row['actor']}" if to == "browser" else to)


def when(uow: UnitOfWork, code: str) -> datetime | None:
    """When what somebody said was deleted; None where it was not."""
    deleted = (people.c.code == code.strip().upper(), withdrawals.c.kept.is_(False))
    row = uow.one(select(withdrawals.c.at).join(people, people.c.id == withdrawals.c.participant_id).where(*deleted))
    return row["at"] if row else None


# The end: the receipt has left


def unfinished(uow: UnitOfWork) -> list[int]:
    """Participants whose receipt has left, or will not any more, and whose name and addresses are still here."""
    waits = or_(
        outbox.c.state.in_(["pending", "held", "aside", "sending"]),
        and_(outbox.c.state == "unknown", outbox.c.reconcile_at.is_not(None)),
    )
    waiting = select(outbox.c.participant_id).where(outbox.c.participant_id.is_not(None), waits)
    over = or_(withdrawals.c.participant_id.not_in(waiting), withdrawals.c.at < uow.now - PATIENCE)
    open_ = (withdrawals.c.kept.is_(False), withdrawals.c.finished_at.is_(None))
    return [row["participant_id"] for row in uow.all(select(withdrawals.c.participant_id).where(*open_, over))]


def finish(uow: UnitOfWork) -> int:
    """Delete the name and addresses of those who have been told; how many. Their keys are to be forgotten then."""
    those = [one for one in unfinished(uow) if not deletion.in_flight(uow, one)]
    for participant_id in those:
        deletion.words(uow, participant_id)
        deletion.as_strangers(uow, participant_id)
        deletion.telling_keys(uow, participant_id)
        deletion.whereabouts(uow, participant_id)
        deletion.destroy_key_of(uow, participant_id)
        mine = withdrawals.c.participant_id == participant_id
        uow.execute(update(withdrawals).where(mine).values(finished_at=uow.now))
        uow.changed |= {"participants", f"participant {participant_id}"}
    if those:
        deletion.leave_to_clean(uow)
    return len(those)


# The parts


def _present(uow: UnitOfWork, terms: Terms, code: str) -> Participant:
    if done := when(uow, code):
        raise OwnPaceError(f"What {code.strip().upper()} had said was deleted on {done:%d %B %Y} already.")
    person = participants.named(uow, terms, code)
    if deletion.in_flight(uow, person.id):
        raise OwnPaceError(f"A message to {person.code} is leaving at this moment. Try again in a minute.")
    return person


def _check(uow: UnitOfWork, person: Participant, late: bool) -> None:
    """After the cut-off date some of it may be in the findings already, and a person decides."""
    cutoff = person.interview.person.cutoff
    today = uow.now.astimezone(person.interview.person.timezone).date()
    asked = _asked_at(uow, person)
    day = asked.astimezone(person.interview.person.timezone).date() if asked else today
    if day > cutoff and not late:
        raise OwnPaceError(
            f"Answers of {person.code} could be withdrawn until {cutoff:%d %B %Y}; some may be part of the findings. "
            "To delete what is here all the same: --after-cutoff"
        )


def _asked_at(uow: UnitOfWork, person: Participant) -> datetime | None:
    """When they said that they leave."""
    kinds = [TaskKind.DELETE.value, TaskKind.LEAVE.value]
    of = (tasks.c.participant_id == person.id, tasks.c.kind.in_(kinds))
    row = uow.one(select(tasks.c.opened_at).where(*of).order_by(tasks.c.id).limit(1))
    return row["opened_at"] if row else None


def _delete(uow: UnitOfWork, person: Participant) -> dict[str, int]:
    gone = deletion.words(uow, person.id) + deletion.as_strangers(uow, person.id)
    deletion.telling_keys(uow, person.id)
    deletion.rekey(uow, person.id)
    deletion.leave_to_clean(uow)
    uow.execute(
        update(tasks).where(tasks.c.participant_id == person.id, tasks.c.closed_at.is_(None)).values(closed_at=uow.now)
    )
    return dict(gone)


def _channels(uow: UnitOfWork, person: Participant) -> tuple[str, ...]:
    """The channels on which something was said, whose providers keep logs of their own."""
    query = select(messages.c.channel).where(messages.c.participant_id == person.id).distinct()
    return tuple(sorted(row["channel"] for row in uow.all(query)))


def _blank(interview: Interview) -> Interview:
    """The interview of somebody who left, as if nothing had been said in it."""
    return Interview(
        schedule=interview.schedule,
        study=interview.study,
        person=interview.person,
        pace=interview.pace,
        state=State.LEFT,
    )


def _write_down(
    uow: UnitOfWork,
    person: Participant,
    actor: str,
    *,
    kept: bool,
    deleted: Mapping[str, int],
    asked_at: datetime | None,
) -> None:
    cutoff = person.interview.person.cutoff.isoformat()
    fact = {
        "kept": kept,
        "actor": actor,
        "cutoff": cutoff,
        "deleted": dict(deleted),
        "asked_at": asked_at,
        "at": uow.now,
    }
    uow.execute(delete(withdrawals).where(withdrawals.c.participant_id == person.id))
    uow.execute(insert(withdrawals).values(participant_id=person.id, **fact))
    uow.note(actor, "withdrew", person.code, kept=kept, **({} if kept else {"deleted": dict(deleted)}))
    uow.changed |= {"participants", f"participant {person.id}", "tasks"}
