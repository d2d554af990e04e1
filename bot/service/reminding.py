"""Reminders by hand: who would be reminded and with what words, or why not; and doing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from bot.errors import OwnPaceError
from bot.export.identifiers import Hiding
from bot.interview.events import TaskKind, ToRemind
from bot.interview.reminders import Guard, Nothing, by_hand
from bot.interview.reminding import silence, words
from bot.interview.turn import Turn
from bot.records import participants
from bot.records.participants import Participant, Terms
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.service.conversations import happen, ours_left


@dataclass(frozen=True, slots=True)
class Preview:
    """What one person would get, with their code for their name, or why they get nothing.

    `asked`: since when we wait for them; `at`: from when on it may leave. Both are in their own time.
    """

    code: str
    words: str
    why_not: str
    asked: datetime | None = None
    at: datetime | None = None


def preview(uow: UnitOfWork, terms: Terms, codes: Sequence[str] = ()) -> list[Preview]:
    """Everybody, or those with these codes. Raises OwnPaceError for a code that nobody has."""
    return [_preview(uow, one) for one in _those(uow, terms, codes)]


def remind(uow: UnitOfWork, terms: Terms, actor: str, codes: Sequence[str] = ()) -> list[Preview]:
    """Remind them now, by the same guards; what each got, or why not. It still waits for their waking hours."""
    done = []
    for participant in _those(uow, terms, codes):
        one = _preview(uow, participant)
        done.append(one)
        if not one.why_not:
            happen(uow, terms, participant, ToRemind(actor))
            uow.close_tasks(participant.id, frozenset({TaskKind.SILENT.value}))
            uow.note(actor, "reminded", participant.code)
    return done


def _those(uow: UnitOfWork, terms: Terms, codes: Sequence[str]) -> list[Participant]:
    wanted = codes or [row["code"] for row in uow.all(select(people.c.code).order_by(people.c.code))]
    found = [(code, participants.by_code(uow, terms, code)) for code in wanted]
    if unknown := [code for code, participant in found if participant is None]:
        raise OwnPaceError(f"There is no participant {', '.join(unknown)}. See: ownpace participants")
    return [participant for _, participant in found if participant is not None]


def _preview(uow: UnitOfWork, participant: Participant) -> Preview:
    interview, (left, waits) = participant.interview, ours_left(uow, participant)
    if interview.asked and left:
        interview = interview.but(asked=max(interview.asked, left))
    decision = by_hand(silence(interview, uow.now), uow.now, interview.pace.ladder)
    if participant.closed:
        return Preview(participant.code, "", participant.closed)
    if waits and not isinstance(decision, Nothing):
        decision = Nothing(Guard.AWAITING_US)
    if isinstance(decision, Nothing):
        return Preview(participant.code, "", decision.why.value)
    assert interview.asked is not None
    hiding, zone = Hiding(interview.person.name, participant.code), interview.person.timezone
    shown = hiding.hidden(words(interview, decision.text))
    at = Turn(interview, uow.now).allowed(uow.now)
    return Preview(participant.code, shown, "", interview.asked.astimezone(zone), at.astimezone(zone))
