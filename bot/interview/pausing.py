"""A break: how long, what waits, and coming back to the same place."""

from __future__ import annotations

from bot.interview import answering, pace, wording
from bot.interview.commands import PAUSE_CHOICES, choice
from bot.interview.events import Belongs, Cancel, Due, Release, Said, SetTimer, TimerKind
from bot.interview.state import Interview, Menu, State
from bot.interview.turn import Turn

PAUSE_DAYS = {"day": 1, "week": 7, "month": 30}

LONG_REPLY = 12
"""Words from which on a message that follows the pause menu is taken as an answer, not as a choice."""


def resume_position(interview: Interview) -> str:
    """What a resume timer is set for: this point, at the end of this very pause."""
    return f"{interview.position}/{interview.until}"


def pause(turn: Turn, number: int | None) -> None:
    turn.change(state=State.PAUSED, menu=Menu.PAUSE, until=None)
    turn.follow(Cancel())
    picked = choice(str(number), PAUSE_CHOICES) if number is not None else None
    if picked:
        turn.change(menu=None)
        _pause_for(turn, picked)
    else:
        turn.say("pause-ask")


def choose(turn: Turn, said: Said) -> bool:
    """Whether the message says how long; a long one is an answer, and the break is open."""
    picked = choice(said.text, PAUSE_CHOICES)
    if picked is None and len(said.text.split()) >= LONG_REPLY:
        turn.change(menu=None)
        turn.say("paused-open")
        return False
    turn.file(said, Belongs.CHOICE)
    if picked is None:
        turn.say("pause-unclear")
    else:
        turn.change(menu=None)
        _pause_for(turn, picked)
    return True


def _pause_for(turn: Turn, picked: str) -> None:
    days = PAUSE_DAYS.get(picked)
    if days is None:
        turn.say("paused-open")
        return
    zone = turn.interview.person.timezone
    until = pace.resume_at(turn.now, days, turn.interview.pace.quiet, zone)
    turn.change(until=until)
    turn.follow(SetTimer(TimerKind.RESUME, until, resume_position(turn.interview)))
    turn.say("paused", day=wording.day(until.astimezone(zone)))


def resume(turn: Turn) -> None:
    """Back to where the person was, or to a person who has to release them. What was set aside leaves now."""
    interview = turn.interview
    if interview.distressed:
        state = State.HANDOVER
    elif not interview.position:
        state = State.COMPLETE
    elif interview.position in {s.id for s in interview.schedule.statements}:
        state = State.CONSENT
    else:
        state = State.ACTIVE
    turn.change(state=state, menu=None)
    if state is not State.HANDOVER:
        turn.follow(Release(None if turn.replying else turn.waking()))


def over(turn: Turn, due: Due) -> None:
    """The end of a break, unless it has been ended or replaced."""
    interview = turn.interview
    if interview.state is State.PAUSED and interview.until and due.position == resume_position(interview):
        resume(turn)
        turn.say("welcome-back")
        answering.ask(turn)
