"""Handover: a person is fetched, speaks, and hands back to the exact open point."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.interview import calling, fetching, pausing, settling
from bot.interview.commands import Command, Word
from bot.interview.events import (
    Alert,
    Belongs,
    Cancel,
    Due,
    HandedBack,
    Said,
    SetTimer,
    TaskKind,
    TimerKind,
    TookBack,
    TookOver,
    Wrote,
)
from bot.interview.state import Cause, Interview, Menu, Progress, State
from bot.interview.turn import ENDED, Turn

TO_A_PERSON = {
    Command.PERSON: TaskKind.PERSON_ASKED,
    Command.CALL: TaskKind.CALL_ASKED,
    Command.COPY: TaskKind.COPY,
    Command.CHANGE: TaskKind.CHANGE_CHANNEL,
}
"""Words that a person sees to, also while a person has the conversation."""

ASKING_AGAIN = {
    Command.PERSON: TaskKind.PERSON_ASKED,
    Command.CALL: TaskKind.CALL_ASKED,
    Command.HELP: TaskKind.PERSON_ASKED,
}
"""Words that ask for a person who has the conversation already, or is told that somebody waits."""


def fetch(turn: Turn, kind: TaskKind) -> None:
    """The person wants a person."""
    if turn.interview.state in ENDED:
        turn.task(kind)
    else:
        fetching.hand_over(turn, kind)
    fetching.promise(turn)


def fetch_by_call(turn: Turn, said: Said) -> None:
    """The person wants a call: they choose a time, or hear when somebody will write to arrange one."""
    if turn.interview.state in ENDED:
        turn.task(TaskKind.CALL_ASKED)
    else:
        fetching.hand_over(turn, TaskKind.CALL_ASKED)
    if not calling.offer(turn, said.booked):
        fetching.promise(turn)


def tell(turn: Turn, said: Said, word: Word | None) -> None:
    """While a person has the conversation everything is for them, and the bot is silent.

    Until one has it, who asks again for a person is answered.
    """
    asked = TO_A_PERSON.get(word.command) if word else None
    if asked is None:
        turn.file(said, Belongs.CONVERSATION, turn.interview.position or None)
    else:
        turn.file(said, Belongs.COMMAND)
        turn.task(asked)
    if word and word.command is Command.HELP:  # it is for the person to read, and to see to
        turn.task(TaskKind.PERSON_ASKED)
    if word and word.command in ASKING_AGAIN:
        _assure(turn, ASKING_AGAIN[word.command])
    if said.media is not None:
        turn.task(TaskKind.WRITE_UP)


def _assure(turn: Turn, kind: TaskKind) -> None:
    """Tell whoever has the conversation; or say by when a person writes, where nobody has it yet.

    It is the moment that was said first, or that it has passed. Once a day, so that no two programs talk to each
    other. Not in distress: whoever asks then, before somebody has come, is answered by `distress`.
    """
    interview = turn.interview
    if interview.distressed or (interview.assured and turn.now - interview.assured < timedelta(days=1)):
        return
    turn.change(assured=turn.now)
    if interview.holder:
        turn.follow(Alert(interview.holder, fetching.CAUSES[kind].value, 1))
        return
    fetching.call(turn, interview.cause or fetching.CAUSES[kind])
    fetching.promise(turn)


def taken_over(turn: Turn, event: TookOver) -> None:
    """The researcher has the conversation, and nobody else needs to be told."""
    if turn.interview.state in ENDED | {State.INVITED}:
        return
    turn.follow(Cancel())
    cause = turn.interview.cause or Cause.TAKEN_OVER
    turn.change(state=State.HANDOVER, menu=None, cause=cause)
    fetching.acknowledge(turn)
    _hold(turn, event.researcher)


def _hold(turn: Turn, researcher: str) -> None:
    """This researcher has the conversation, and is reminded of it after a day."""
    turn.change(holder=researcher, menu=None)
    turn.follow(SetTimer(TimerKind.HOLDING, _next_reminder(turn), holding_position(turn.interview)))


def holding_position(interview: Interview) -> str:
    """What the timer of a researcher is set for: that they have this conversation."""
    return f"{interview.position}/{interview.holder}"


def holding_due(turn: Turn, event: Due) -> None:
    """A researcher who still has the conversation is told so, again and again; nothing is handed back by itself."""
    interview = turn.interview
    if interview.state is State.HANDOVER and interview.holder and event.position == holding_position(interview):
        turn.follow(Alert(interview.holder, Cause.TAKEN_OVER.value, 1))
        turn.follow(SetTimer(TimerKind.HOLDING, _next_reminder(turn), holding_position(interview)))


def _next_reminder(turn: Turn) -> datetime:
    """A day later, when they work."""
    later, minute = turn.now + timedelta(days=1), timedelta(minutes=1)
    return turn.interview.rota.working_after(later, minute, turn.interview.holder) - minute


def written(turn: Turn, wrote: Wrote) -> None:
    """A researcher's own words, signed; never to somebody who asked for silence, unless they asked for a person."""
    if wrote.asked or turn.interview.state not in (State.STOPPED, State.LEFT):
        turn.send(f"{wrote.text}\n\n{wrote.researcher}", author=wrote.researcher, not_before=wrote.not_before)
        fetching.acknowledge(turn)
        turn.change(promised=None)
        if turn.interview.menu is Menu.COPY:  # from now on a YES is to them
            turn.change(menu=None)
        if turn.interview.position in turn.interview.answers:
            turn.mark(turn.interview.position, probes=turn.interview.answer.probes + 1)
        if turn.interview.between:  # a probe: the next question waits for what they say to it
            turn.mark(turn.interview.position, progress=Progress.ASKED)
        if turn.interview.state is State.HANDOVER:
            _hold(turn, wrote.researcher)


def taken_back(turn: Turn, event: TookBack) -> None:
    """What they had written never left: if it held the next question, that waits for it no longer."""
    if probes := turn.interview.answer.probes:
        turn.mark(turn.interview.position, probes=probes - 1)
    here = turn.interview.state is State.ACTIVE and not turn.interview.agreeing
    if event.probe and here and turn.interview.answer.progress is Progress.ASKED:
        settling.whole(turn)


def handed_back(turn: Turn, event: HandedBack) -> None:
    """The bot speaks again: the exact open point is asked once, and nothing where nothing is open.

    After signs of distress it does so only for a reason, which also releases somebody who has stopped or left.
    """
    if turn.interview.distressed and not event.reason:
        return
    handed_over = turn.interview.state is State.HANDOVER
    if handed_over or turn.interview.distressed:
        turn.change(cause=Cause.NONE, holder="", assured=None, promised=None)
        fetching.acknowledge(turn)
    if handed_over:
        pausing.resume(turn)
        if turn.interview.between:
            settling.go_on(turn)
        else:
            settling.carry_on(turn)
