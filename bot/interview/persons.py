"""Handover: a person is fetched, speaks, and hands back to the exact open point."""

from __future__ import annotations

from bot.interview import alerting, answering, pausing
from bot.interview.commands import Command, Word
from bot.interview.events import Belongs, Cancel, HandedBack, Said, TaskKind, TookOver, Wrote
from bot.interview.state import Cause, State
from bot.interview.turn import ENDED, Turn

TO_A_PERSON = {
    Command.PERSON: TaskKind.PERSON_ASKED,
    Command.CALL: TaskKind.CALL_ASKED,
    Command.COPY: TaskKind.COPY,
    Command.CHANGE: TaskKind.CHANGE_CHANNEL,
}
"""Words that a person sees to, also while a person has the conversation."""


CAUSES = {
    TaskKind.PERSON_ASKED: Cause.PERSON,
    TaskKind.CALL_ASKED: Cause.CALL,
    TaskKind.UNCLEAR: Cause.UNCLEAR,
}


def fetch(turn: Turn, kind: TaskKind) -> None:
    """The person wants a person."""
    if turn.interview.state in ENDED:
        turn.task(kind)
    else:
        hand_over(turn, kind)
    turn.say("person-asked", **turn.promise())


def hand_over(turn: Turn, kind: TaskKind) -> None:
    turn.follow(Cancel())
    turn.change(state=State.HANDOVER, menu=None)
    turn.task(kind)
    alerting.call(turn, CAUSES[kind])


def tell(turn: Turn, said: Said, word: Word | None) -> None:
    """While a person has the conversation everything is for them, and the bot is silent."""
    asked = TO_A_PERSON.get(word.command) if word else None
    if asked is None:
        turn.file(said, Belongs.CONVERSATION, turn.interview.position or None)
    else:
        turn.file(said, Belongs.COMMAND)
        turn.task(asked)
    if said.media is not None:
        turn.task(TaskKind.WRITE_UP)


def taken_over(turn: Turn, event: TookOver) -> None:
    """The researcher has the conversation, and nobody else needs to be told."""
    if turn.interview.state in ENDED | {State.INVITED}:
        return
    turn.follow(Cancel())
    cause = turn.interview.cause or Cause.TAKEN_OVER
    turn.change(state=State.HANDOVER, menu=None, cause=cause, holder=event.researcher)
    alerting.acknowledge(turn)


def written(turn: Turn, wrote: Wrote) -> None:
    """A researcher's own words, signed; never to somebody who asked for silence, unless they asked for a person."""
    if wrote.asked or turn.interview.state not in (State.STOPPED, State.LEFT):
        turn.send(f"{wrote.text}\n\n{wrote.researcher}", author=wrote.researcher)
        alerting.acknowledge(turn)
        if turn.interview.state is State.HANDOVER:
            turn.change(holder=wrote.researcher)


def handed_back(turn: Turn, event: HandedBack) -> None:
    """The bot speaks again: the exact open point is asked once, and nothing where nothing is open.

    After signs of distress it does so only for a reason, which also releases somebody who has stopped or left.
    """
    if turn.interview.distressed and not event.reason:
        return
    handed_over = turn.interview.state is State.HANDOVER
    if handed_over or turn.interview.distressed:
        turn.change(cause=Cause.NONE, holder="")
        alerting.acknowledge(turn)
    if handed_over:
        pausing.resume(turn)
        answering.ask(turn)
