"""One turn of an interview. `step` decides what follows from an event; the caller saves it and sends it.

Who decides what: `hearing` what a message is, `consent` and `answering` what is open, `words` the commands, `pausing`,
`moving` and `leaving` what some of them begin, `distress` what signs of it begin, `persons` everything that a
researcher does, and `alerting` who is told that one is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.interview import alerting, answering, consent, hearing, leaving, moving, pausing, persons
from bot.interview.events import (
    Acknowledged,
    AddressTold,
    Due,
    Effect,
    Enrolled,
    Event,
    HandedBack,
    Moved,
    OptedOut,
    Said,
    TimerKind,
    TookOver,
    Wrote,
)
from bot.interview.state import Interview
from bot.interview.turn import Turn


@dataclass(frozen=True, slots=True)
class Step:
    """The interview after the event, and what follows from it, in order."""

    interview: Interview
    effects: tuple[Effect, ...]


def step(interview: Interview, event: Event, now: datetime) -> Step:
    """Take one event through the interview. Pure: no clock, no storage, no provider. `now` must know its zone."""
    turn = Turn(interview, now)
    match event:
        case Enrolled():
            consent.begin(turn)
        case Said():
            hearing.hear(turn, event)
        case Due():
            _ring(turn, event)
        case TookOver():
            persons.taken_over(turn, event)
        case HandedBack():
            persons.handed_back(turn, event)
        case Acknowledged():
            alerting.acknowledge(turn)
        case Wrote():
            persons.written(turn, event)
        case OptedOut():
            leaving.stopped(turn)
        case AddressTold():
            moving.address_told(turn, event)
        case Moved():
            moving.moved(turn, event)
    return Step(turn.interview, tuple(turn.effects))


def _ring(turn: Turn, due: Due) -> None:
    """A timer set for another position does nothing."""
    match due.kind:
        case TimerKind.SETTLE:
            answering.settle_due(turn, due)
        case TimerKind.RESUME:
            pausing.over(turn, due)
        case TimerKind.ESCALATE:
            alerting.due(turn, due)
