"""A break: how long, what waits, and coming back to the same place."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from bot.interview import settling, wording
from bot.interview.commands import PAUSE_CHOICES, Command, Word, choice, parse, words_of
from bot.interview.events import Belongs, Cancel, Due, Release, Said, SetTimer, TaskKind, TimerKind
from bot.interview.ownwords import UNTIL, understood
from bot.interview.pace import at_local
from bot.interview.state import Interview, Menu, State
from bot.interview.turn import Turn

Length = date | timedelta
"""A day to go on, or so long a wait."""

OPEN = timedelta()
"""Until they say READY."""

PAUSES = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30), "open": OPEN}

MORNING = 10 * 60
"""When to go on, on a day that was named; in minutes of the day."""

LONG_REPLY = 12
"""Words from which on a message that follows the pause menu is taken as an answer, not as a choice."""


def resume_position(interview: Interview) -> str:
    """What a resume timer is set for: this point, at the end of this very pause."""
    return f"{interview.position}/{interview.until}"


def named(turn: Turn, text: str) -> Word | None:
    """PAUSE and how long, in one message; where how long is not understood, only if nothing else can be meant."""
    first, *rest = words_of(text) or [""]
    if not 1 <= len(rest) < LONG_REPLY or parse(first) != Word(Command.PAUSE):
        return None
    sure = _length(turn, " ".join(rest)) is not None or rest[0] in UNTIL
    return Word(Command.PAUSE, rest=" ".join(rest)) if sure else None


def pause(turn: Turn, word: Word) -> None:
    turn.change(state=State.PAUSED, menu=Menu.PAUSE, until=None, unclear=0)
    turn.follow(Cancel())
    length = _length(turn, word.rest or str(word.number)) if word.rest or word.number else None
    if length is None:
        turn.say("pause-ask")
    else:
        _pause_for(turn, length)


def not_now(turn: Turn) -> None:
    """They do not want what is ready for them: nothing more until they say READY."""
    turn.change(state=State.PAUSED, until=None)
    turn.follow(Cancel())
    _pause_for(turn, OPEN)


def choose(turn: Turn, said: Said) -> bool:
    """Whether the message says how long; a long one is an answer, and the break is open.

    What is not understood is asked once more; after that the break is open, and a person sees to it.
    """
    length = _length(turn, said.text)
    if length is None and len(said.text.split()) >= LONG_REPLY:
        _pause_for(turn, OPEN)
        return False
    turn.file(said, Belongs.CHOICE)
    if length is not None:
        _pause_for(turn, length)
    elif not turn.interview.unclear:
        turn.change(unclear=1)
        turn.say("pause-unclear")
    else:
        turn.task(TaskKind.PAUSE)
        _pause_for(turn, OPEN)
    return True


def _length(turn: Turn, text: str) -> Length | None:
    """How long, by the menu or in their own words; None where that is not sure."""
    picked = choice(text, PAUSE_CHOICES)
    if picked is not None:
        return PAUSES[picked]
    today = turn.now.astimezone(turn.interview.person.timezone).date()
    return understood(text, today)


def _pause_for(turn: Turn, length: Length) -> None:
    turn.change(menu=None, unclear=0)
    if length == OPEN:
        turn.say("paused-open")
        return
    until = turn.allowed(_end(turn, length))
    turn.change(until=until)
    turn.follow(SetTimer(TimerKind.RESUME, until, resume_position(turn.interview)))
    turn.say("paused", day=_said(turn, until, hours=isinstance(length, timedelta) and length < timedelta(days=1)))


def _said(turn: Turn, until: datetime, *, hours: bool) -> str:
    """The day on which it goes on; after a break of `hours` the time too: '4:00 pm today'."""
    zone = turn.interview.person.timezone
    local, today = until.astimezone(zone), turn.now.astimezone(zone).date()
    near = {today: "today", today + timedelta(days=1): "tomorrow"}.get(local.date())
    return f"{wording.clock(local)} {near}" if hours and near else wording.day(local)


def _end(turn: Turn, length: Length) -> datetime:
    """Days later at the same wall time; on a day that was named, in the morning; hours later for less than a day."""
    zone = turn.interview.person.timezone
    local = turn.now.astimezone(zone)
    if isinstance(length, timedelta):
        if length < timedelta(days=1):
            return turn.now + length
        return at_local(local + length, local.hour * 60 + local.minute, zone)
    return at_local(datetime.combine(length, time(), tzinfo=zone), MORNING, zone)


def resume(turn: Turn) -> None:
    """Back to where the person was, or to a person who has to release them. What was set aside leaves now."""
    interview = turn.interview
    if interview.distressed:
        state = State.HANDOVER
    elif not interview.position:
        state = State.COMPLETE if interview.consented else State.WAITING
    elif interview.position in {asked.id for asked in interview.schedule.eligibility}:
        state = State.SCREENING
    elif interview.position in {s.id for s in interview.schedule.statements}:
        state = State.CONSENT
    else:
        state = State.ACTIVE
    turn.change(state=state, menu=None)
    if state is State.ACTIVE and (refused := interview.refused):
        turn.change(again=(*interview.again, *refused))  # who comes back after a NO says YES before anything else
    if state is not State.HANDOVER:
        turn.follow(Release(None if turn.replying else turn.waking()))


def over(turn: Turn, due: Due) -> None:
    """The end of a break, unless it has been ended or replaced; the greeting must not cost them the question."""
    interview = turn.interview
    if interview.state is State.PAUSED and interview.until and due.position == resume_position(interview):
        resume(turn)
        if turn.has_room_for(2):
            turn.say("welcome-back")
        settling.carry_on(turn)
