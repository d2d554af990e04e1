"""One turn of an interview. `step` decides what follows from an event; the caller saves it and sends it.

`joining` says how somebody comes in; `hearing` what a message is; `consent`, `helping`, `answering` and `settling`
know what is open and what follows it; `words` the commands; `pausing`, `moving` and `leaving` what some of them begin;
`reminding` what a silence means; `adapting` what follows when they need something else; `distress` what its signs
begin; `persons` all that a researcher does, and `fetching` who is told that one is needed; `refiling` where messages
belong that were put under the wrong question, and whose words they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.interview import (
    adapting,
    calling,
    consent,
    distress,
    fetching,
    hearing,
    joining,
    leaving,
    moving,
    pausing,
    persons,
    refiling,
    reminding,
    settling,
)
from bot.interview.events import (
    Acknowledged,
    AddressTold,
    Admitted,
    ConsentChanged,
    Due,
    Effect,
    Enrolled,
    Event,
    HandedBack,
    Moved,
    NeedsChanged,
    OptedOut,
    OutOfOffice,
    Refiled,
    Reviewed,
    Said,
    SeenTo,
    TimerKind,
    TookBack,
    TookOver,
    ToRemind,
    WhoseWords,
    Withdrawn,
    Worried,
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
            joining.begin(turn, event)
        case Admitted():
            joining.admitted(turn)
        case Said():
            hearing.hear(turn, event)
            reminding.repeat(turn, interview)
        case Due():
            _ring(turn, event)
        case ConsentChanged():
            consent.statements_changed(turn, event)
        case NeedsChanged():
            adapting.changed(turn, event)
        case TookOver():
            persons.taken_over(turn, event)
        case HandedBack():
            persons.handed_back(turn, event)
        case Acknowledged():
            fetching.acknowledge(turn)
        case SeenTo():
            fetching.seen_to(turn)
        case Reviewed():
            settling.reviewed(turn)
        case ToRemind():
            reminding.now(turn)
        case OutOfOffice():
            turn.change(away=True)
        case Wrote():
            persons.written(turn, event)
        case Withdrawn():
            leaving.withdrawn(turn, event)
        case TookBack():
            persons.taken_back(turn, event)
        case Worried():
            distress.noticed(turn)
        case Refiled():
            refiling.refile(turn, event)
        case WhoseWords():
            refiling.whose_words(turn, event)
        case OptedOut():
            leaving.stopped(turn)
        case AddressTold():
            moving.address_told(turn, event)
        case Moved():
            moving.moved(turn, event)
    reminding.watch(turn, event)
    return Step(turn.interview, tuple(turn.effects))


def _ring(turn: Turn, due: Due) -> None:
    """A timer set for another position does nothing."""
    match due.kind:
        case TimerKind.SETTLE:
            settling.due(turn, due)
        case TimerKind.RESUME:
            pausing.over(turn, due)
        case TimerKind.ESCALATE:
            fetching.due(turn, due)
        case TimerKind.CALL:
            calling.due(turn, due)
        case TimerKind.HOLDING:
            persons.holding_due(turn, due)
        case TimerKind.REMIND:
            reminding.due(turn, due)
        case TimerKind.REVIEW:
            settling.review_due(turn, due)
