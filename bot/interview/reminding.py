"""Waiting for the person: when to remind them, and the open question in one line after a long silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.interview import discreet, wording
from bot.interview.events import DropTimer, Due, Event, Refiled, Said, Send, SetTimer, TaskKind, TimerKind
from bot.interview.reminders import (
    DISCREET,
    FIRST,
    LAST,
    Ask,
    Guard,
    Nothing,
    Remind,
    Silence,
    by_hand,
    decide,
    one_line,
    repeats_question,
)
from bot.interview.state import Interview, State
from bot.interview.turn import Turn

REMINDERS = frozenset({FIRST, LAST, DISCREET})

LINE = 140
"""Characters of the open question, where it is repeated in one line."""

LOOK_AGAIN = timedelta(days=1)
"""When to look again, where our own message has not left."""

AWAY_FOR = timedelta(days=7)
"""How long an automatic reply holds reminders, if nothing else is heard."""

_GUARDS = {
    State.LEFT: Guard.LEFT,
    State.LEAVING: Guard.LEFT,
    State.STOPPED: Guard.STOPPED,
    State.DECLINED: Guard.DECLINED,
    State.COMPLETE: Guard.COMPLETE,
    State.HANDOVER: Guard.HANDED_OVER,
    State.PAUSED: Guard.PAUSED,
    State.INVITED: Guard.NOT_ASKED,
    State.WAITING: Guard.NOT_ASKED,
    State.INELIGIBLE: Guard.DECLINED,
}


def silence(interview: Interview, now: datetime, *, left: bool = False) -> Silence:
    """What is known of the silence that we are in; `left`: as it will be once what is ours to say has left."""
    asked, heard = interview.asked, interview.heard
    guards = {_GUARDS[interview.state]} if interview.state in _GUARDS else set()
    guards |= {Guard.HELD} if interview.distressed else set()
    guards |= {Guard.AWAY} if interview.away else set()
    guards |= {Guard.AWAITING_US} if not left and (interview.between or (asked and asked > now)) else set()
    if asked and heard:  # `asked` is set only after they wrote, perhaps in the same moment
        heard = min(heard, asked - datetime.resolution)
    return Silence(asked, heard, interview.reminded, frozenset(guards), interview.person.discreet)


def watch(turn: Turn, event: Event) -> None:
    """After every event: if something of ours waits for the person, the ladder starts at the moment it leaves.

    It starts too where what they wrote was about something else, and left the open point as it was.
    """
    ours = [s for s in turn.effects if isinstance(s, Send) and not REMINDERS.intersection(s.texts)]
    open_here = turn.interview.state in (State.SCREENING, State.CONSENT, State.ACTIVE) and not turn.interview.between
    settling = any(isinstance(effect, SetTimer) and effect.kind is TimerKind.SETTLE for effect in turn.effects)
    if ours and open_here:
        turn.change(asked=max(send.not_before or turn.now for send in ours), away=False)
        _set_timer(turn)
    elif (isinstance(event, Said) and open_here and not settling) or _emptied(turn, event):
        turn.change(asked=turn.now)
        _set_timer(turn)


def _emptied(turn: Turn, event: Event) -> bool:
    """Whether what they had said to the open question was found to belong elsewhere, so that we wait for them again."""
    return isinstance(event, Refiled) and DropTimer(TimerKind.SETTLE) in turn.effects


def due(turn: Turn, event: Due) -> None:
    """Decide again: whether to remind, to fetch a person, or to wait longer."""
    if event.position != position(turn.interview) or turn.interview.asked is None:
        return
    if event.left:
        turn.change(asked=max(turn.interview.asked, event.left))
    if event.waits:
        _look_again(turn, turn.now + LOOK_AGAIN)
        return
    if turn.interview.away:
        turn.change(away=False)
        _look_again(turn, turn.now + AWAY_FOR)
        return
    match decide(silence(turn.interview, turn.now), turn.interview.pace.ladder):
        case Nothing():
            pass
        case Remind() | Ask() as later if later.due > turn.now:
            _look_again(turn, later.due)
        case Remind(text=text):
            _remind(turn, text)
        case Ask():
            turn.task(TaskKind.SILENT)


def now(turn: Turn) -> None:
    """A coordinator reminds by hand: the same guards, without waiting for the next step."""
    decision = by_hand(silence(turn.interview, turn.now), turn.now, turn.interview.pace.ladder)
    if isinstance(decision, Remind):
        _remind(turn, decision.text)


def position(interview: Interview) -> str:
    """What a reminder timer is set for: this silence, with as many reminders as there were."""
    return f"{interview.position}/{interview.asked}/{len(interview.reminded)}"


def words(interview: Interview, text: str) -> str:
    """A reminder as it is sent: with the open question in one line, unless that would give something away."""
    body = wording.stock(interview, [text])
    line = "" if text == DISCREET else _shown(interview)
    return f"{body}\n\n{line}" if line else body


def was_last(interview: Interview, now: datetime) -> bool:
    """Whether all they got last is a reminder that does not show the open question, so that a yes or no answers it.

    What is said to a statement is said to the statement, whatever reminded them of it.
    """
    left = [moment for moment in interview.reminded if moment <= now]
    since = max((moment for moment in (interview.asked, interview.heard) if moment), default=now)
    answering = interview.state is State.ACTIVE and not interview.agreeing
    return answering and bool(left) and since < left[-1] and not _shown(interview)


def _shown(interview: Interview) -> str:
    """The open question as a reminder shows it: not where it would give something away."""
    line = line_of(interview)
    return "" if discreet.blocked(line) else line


def line_of(interview: Interview) -> str:
    """The open question in one line, or nothing."""
    if interview.state is not State.ACTIVE or interview.between or interview.agreeing:
        return ""
    question = interview.schedule.question(interview.position)
    known = wording.values(interview, n=str(interview.schedule.number(question.id)))
    text = wording.fill(question.worded(interview.person.wording), known)
    return one_line(text, LINE)


def repeat(turn: Turn, before: Interview) -> None:
    """After three silent days, what we reply repeats the open question in one line, if it does not ask it anyway.

    Not on a phone that others may see: it may be somebody else who sent HELP.
    """
    if before.person.discreet:
        return
    last = max((m for m in (before.asked, *before.reminded[-1:]) if m and m <= turn.now), default=None)
    ours = [(n, s) for n, s in enumerate(turn.effects) if isinstance(s, Send) and not s.author]
    asks = any(send.question for _, send in ours) or turn.interview.menu is not None
    if not ours or asks or not repeats_question(turn.now, before.heard, last):
        return
    if line := line_of(turn.interview):
        number, send = ours[-1]
        turn.effects[number] = replace(send, body=f"{send.body}\n\n{line}")


def _remind(turn: Turn, text: str) -> None:
    moment = turn.waking() or turn.now
    turn.send(words(turn.interview, text), (text,))
    turn.change(reminded=(*turn.interview.reminded, moment), beckoned=text == DISCREET)
    _set_timer(turn)


def _set_timer(turn: Turn) -> None:
    decision = decide(silence(turn.interview, turn.now, left=True), turn.interview.pace.ladder)
    if not isinstance(decision, Nothing):
        _look_again(turn, max(decision.due, turn.now))


def _look_again(turn: Turn, moment: datetime) -> None:
    turn.follow(SetTimer(TimerKind.REMIND, moment, position(turn.interview)))
