"""Fetching a person: whoever is on the rota is told, one after the other, until somebody has seen it."""

from __future__ import annotations

from datetime import datetime

from bot.interview.events import Alert, Cancel, Due, SetTimer, TaskKind, TimerKind
from bot.interview.state import Cause, Interview, State
from bot.interview.turn import ENDED, Turn

CAUSES = {
    TaskKind.PERSON_ASKED: Cause.PERSON,
    TaskKind.CALL_ASKED: Cause.CALL,
    TaskKind.UNCLEAR: Cause.UNCLEAR,
    TaskKind.GO_ON: Cause.SCHEDULE,
}


def hand_over(turn: Turn, kind: TaskKind) -> None:
    """From now on the bot is silent, until a person hands back."""
    turn.follow(Cancel())
    turn.change(state=State.HANDOVER, menu=None)
    turn.task(kind)
    call(turn, CAUSES[kind])


def call(turn: Turn, cause: Cause) -> None:
    """Begin to tell people, unless they are being told of this already."""
    if turn.interview.calling and turn.interview.cause is cause:
        return
    turn.change(cause=cause, calling=turn.now, told=0)
    _tell_next(turn)


def promise(turn: Turn) -> None:
    """Say who will write and by when, never later than was said first; a call only to those who want calls.

    Where that moment has passed there is no new one: it is said that nobody has written, and people are told again.
    """
    interview, no_calls = turn.interview, "-no-calls" if turn.interview.person.says("no_calls") else ""
    if interview.promised and interview.overdue(turn.now):
        _call_again(turn)
        turn.say(f"person-overdue{no_calls}", **turn.by(interview.promised))
        return
    name, by = read_by(turn)
    turn.change(promised=by)
    nothing_waits = interview.state in ENDED or not interview.position
    turn.say("person-asked-ended" if nothing_waits else f"person-asked{no_calls}", researcher=name, **turn.by(by))


def read_by(turn: Turn) -> tuple[str, datetime]:
    """Who will have read it and by when: as was said first, until that has passed."""
    interview = turn.interview
    name, by = interview.rota.read_by(turn.now, interview.person.researcher)
    return name, by if interview.promised is None or interview.overdue(turn.now) else min(by, interview.promised)


def _call_again(turn: Turn) -> None:
    """Tell whoever has the conversation; else everybody anew, unless that was just begun.

    Somebody who has stopped or left has no conversation that could be fetched for: whoever reads is told.
    """
    interview = turn.interview
    if interview.holder or not interview.cause:
        reads = interview.rota.read_by(turn.now, interview.person.researcher)[0]
        turn.follow(Alert(interview.holder or reads, (interview.cause or Cause.PERSON).value, 1))
    elif interview.calling != turn.now:
        acknowledge(turn)
        call(turn, interview.cause)


def seen_to(turn: Turn) -> None:
    """Somebody saw to it in another way than by writing. Who has the conversation, or is in distress, still waits."""
    if turn.interview.state is not State.HANDOVER and not turn.interview.distressed:
        turn.change(promised=None)


def acknowledge(turn: Turn) -> None:
    """Somebody has seen it."""
    turn.change(calling=None, told=0)


def due(turn: Turn, event: Due) -> None:
    """Nobody has seen it yet, unless this was set for another time."""
    if turn.interview.calling and event.position == position(turn.interview):
        _tell_next(turn)


def position(interview: Interview) -> str:
    """What an escalation timer is set for: this call, with as many people told as there are now."""
    return f"{interview.calling}/{interview.told}"


def _tell_next(turn: Turn) -> None:
    """Tell the next one if it is time; set the timer for the one after."""
    people = _people(turn.interview)
    if (told := turn.interview.told) < len(people) and people[told][0] <= turn.now:
        turn.follow(Alert(people[told][1], turn.interview.cause.value, told + 1))
        turn.change(told=told + 1)
    if (told := turn.interview.told) < len(people):
        turn.follow(SetTimer(TimerKind.ESCALATE, people[told][0], position(turn.interview)))


def _people(interview: Interview) -> tuple[tuple[datetime, str], ...]:
    """Whom to tell and when: of distress at any hour, of all else when they work."""
    assert interview.calling is not None
    if interview.distressed:
        return interview.rota.alerts(interview.calling)
    return interview.rota.fetched(interview.calling, interview.person.researcher)
