"""Consent statements that changed in a way that matters: who is asked again, and of whom a person has to see to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select, update

from bot.errors import OwnPaceError, WrongUse
from bot.interview.consent import FINAL, is_to_be_asked, takes_changes
from bot.interview.events import ConsentChanged
from bot.interview.schedule import Schedule, Statement
from bot.interview.state import Interview, State
from bot.records import participants
from bot.records.participants import Participant, Rules, Terms
from bot.records.tables import interviews, tasks
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.service.conversations import happen

BY_HAND = "ask again by hand"
"""The task for somebody who has finished."""


class Outcome(StrEnum):
    """What a changed statement means for one person."""

    NOW = "is asked, outside their quiet hours"
    LATER = "is asked when they are back"
    IN_TURN = "hears the new words when they come to them"
    SAID_NO = "had said NO: is not asked again"
    BY_HAND = "has finished: a person has to ask them, and there is a task"
    ENDED = "has ended it: is not asked"


@dataclass(frozen=True, slots=True)
class Change:
    """One person, the names of the statements that are not as they know them, and what follows."""

    code: str
    statements: tuple[str, ...]
    outcome: Outcome


def preview(
    uow: UnitOfWork, terms: Terms, rules: Rules, codes: Sequence[str] = (), only: Sequence[str] = ()
) -> list[Change]:
    """Who would be asked what: everybody, or those with these codes; of all statements, or `only` some.

    Who knows every statement as it is now is not among them. Raises OwnPaceError for a code that nobody has, and
    WrongUse for a statement that is in no schedule.
    """
    return [change for _, _, change in _changes(uow, terms, rules, codes, only)]


def reconfirm(
    uow: UnitOfWork, terms: Terms, rules: Rules, actor: str, codes: Sequence[str] = (), only: Sequence[str] = ()
) -> list[Change]:
    """Ask them; what it meant for each. Their schedule stays as it was but for the statements. Raises as `preview`."""
    done = []
    schedules: dict[tuple[str, tuple[Statement, ...]], Schedule] = {}
    for participant, new, change in _changes(uow, terms, rules, codes, only):
        done.append(change)
        theirs = participant.interview.schedule
        if change.outcome is Outcome.BY_HAND:
            _leave_to_a_person(uow, participant, change)
        elif change.outcome is not Outcome.ENDED:
            if (theirs.version, new) not in schedules:
                schedules[theirs.version, new] = theirs.with_statements(new, _order(theirs, rules))
            _put(uow, terms, participant, ConsentChanged(schedules[theirs.version, new], change.statements))
            uow.note(actor, "changed the statements", participant.code, statements=list(change.statements))
    return done


def _leave_to_a_person(uow: UnitOfWork, participant: Participant, change: Change) -> None:
    """Once, whatever became of the task."""
    names = ", ".join(change.statements)
    note = f"What they agreed to has changed ({names}), and they have finished. Please ask whether they still agree."
    known = (tasks.c.participant_id == participant.id, tasks.c.kind == BY_HAND, tasks.c.note == note)
    if uow.one(select(tasks.c.id).where(*known)) is None:
        uow.open_task(BY_HAND, participant.id, None, note)


def _put(uow: UnitOfWork, terms: Terms, participant: Participant, event: ConsentChanged) -> None:
    uow.keep_schedule(event.schedule)
    happen(uow, terms, participant, event)
    of = interviews.c.participant_id == participant.id
    uow.execute(update(interviews).where(of).values(version=event.schedule.version))


def _changes(
    uow: UnitOfWork, terms: Terms, rules: Rules, codes: Sequence[str], only: Sequence[str]
) -> Iterator[tuple[Participant, tuple[Statement, ...], Change]]:
    """Everybody who does not know every statement as it is now."""
    known = {statement.id for schedule in rules.schedules.values() for statement in schedule.statements}
    if unknown := sorted(set(only) - known):
        raise WrongUse(f"There is no statement {', '.join(unknown)}. There is {', '.join(sorted(known))}.")
    for code in codes or _everybody(uow):
        participant = participants.by_code(uow, terms, code)
        if participant is None:
            raise OwnPaceError(f"There is no participant {code}. See: scripts/ownpace participants")
        new = differing(participant.interview, rules, only)
        if new:
            names = tuple(statement.id for statement in new)
            yield participant, new, Change(participant.code, names, _outcome(participant.interview, names))


def _everybody(uow: UnitOfWork) -> list[str]:
    return [row["code"] for row in uow.all(select(people.c.code).order_by(people.c.id))]


def differing(interview: Interview, rules: Rules, only: Iterable[str] = ()) -> tuple[Statement, ...]:
    """The statements of today that their version does not have, or has in other words in their wording."""
    theirs = interview.schedule
    today = rules.schedules.get((theirs.cohort, theirs.language))
    known = {statement.id: _meaning(statement, interview) for statement in theirs.statements}
    differing = (s for s in (today.statements if today else ()) if known.get(s.id) != _meaning(s, interview))
    return tuple(each for each in differing if not only or each.id in only)


def _meaning(statement: Statement, interview: Interview) -> tuple[str, bool, str | None]:
    """What they read of it, and what follows from it."""
    return statement.worded(interview.person.wording), statement.required, statement.permits


def _order(theirs: Schedule, rules: Rules) -> list[str]:
    return [statement.id for statement in rules.schedules[theirs.cohort, theirs.language].statements]


def _outcome(interview: Interview, statements: Sequence[str]) -> Outcome:
    if interview.state in FINAL:
        return Outcome.ENDED
    if not takes_changes(interview):
        return Outcome.BY_HAND
    if not any(is_to_be_asked(interview, key) for key in statements):
        declined = all(interview.consent.get(key) is False for key in statements)
        return Outcome.SAID_NO if declined else Outcome.IN_TURN
    return Outcome.NOW if interview.state in (State.ACTIVE, State.CONSENT) else Outcome.LATER
