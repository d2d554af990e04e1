"""STOP and LEAVE: both always work, and nobody but the person takes them back."""

from __future__ import annotations

from bot.interview.commands import LEAVE_CHOICES, choice
from bot.interview.events import Belongs, Cancel, Said, TaskKind, Withdrawn
from bot.interview.state import Menu, State
from bot.interview.turn import Turn


def stopped(turn: Turn) -> None:
    """Silence, however it was asked for."""
    if turn.interview.state not in (State.LEFT, State.DECLINED, State.INELIGIBLE):
        turn.change(state=State.STOPPED, menu=None)
    turn.follow(Cancel(people=True))


def stop(turn: Turn, said: Said) -> None:
    """One confirmation, unless the provider has given it already."""
    again = turn.interview.state in (State.STOPPED, State.LEFT, State.DECLINED, State.INELIGIBLE)
    stopped(turn)
    if not again and said.opt_out is None:
        turn.say("stopped")


def leave(turn: Turn, said: Said) -> None:
    """They want to go; 'delete my answers' says so too, and answers what it would be asked."""
    if turn.interview.menu is Menu.LEAVE and choice(said.text, LEAVE_CHOICES):
        choose(turn, said)
    elif turn.interview.state is State.LEFT:
        after_all(turn, said)
    else:
        turn.follow(Cancel(people=True))
        turn.change(state=State.LEAVING, menu=Menu.LEAVE)
        turn.task(TaskKind.LEAVE)
        turn.say("leave-ask")


def after_all(turn: Turn, said: Said) -> None:
    """They have left; what was kept is deleted if they ask for it, as they were told. All else a person reads."""
    if choice(said.text, LEAVE_CHOICES) == "delete" and said.text.strip() != "2":
        _left(turn, "delete")
    else:
        turn.task(TaskKind.AFTERWARDS)


def ask_again(turn: Turn, *, unclear: bool) -> None:
    """Once more whether the answers are kept; `unclear`: what they said is no choice, so a person reads it too."""
    turn.change(menu=Menu.LEAVE)
    turn.say("leave-unclear" if unclear else "leave-ask")
    turn.task(TaskKind.LEAVE)


def choose(turn: Turn, said: Said) -> None:
    """Whether the answers are kept."""
    turn.file(said, Belongs.CHOICE)
    picked = choice(said.text, LEAVE_CHOICES)
    if picked is None:
        ask_again(turn, unclear=True)
    else:
        turn.change(menu=None)
        _left(turn, picked)


def _left(turn: Turn, picked: str) -> None:
    turn.change(state=State.LEFT)
    if picked == "keep":
        _say_kept(turn)
    elif turn.past_cutoff:
        turn.task(TaskKind.DELETE)
        turn.say("left-late")
    else:
        turn.task(TaskKind.DELETE)
        turn.say("left-delete", day=turn.promise()["day"])


def _say_kept(turn: Turn) -> None:
    turn.say("left-keep-late" if turn.past_cutoff else "left-keep")


def withdrawn(turn: Turn, event: Withdrawn) -> None:
    """They are out of the study, and hear so once."""
    known = turn.interview.state is State.LEFT
    turn.follow(Cancel(people=True))
    turn.change(state=State.LEFT, menu=None)
    if event.told and not event.kept:
        turn.say("answers-deleted")
    elif event.told and not known:
        _say_kept(turn)
