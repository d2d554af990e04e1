"""Whose words an answer is in: the person's own, with help, or somebody's on their behalf."""

from __future__ import annotations

from bot.interview import answering
from bot.interview.commands import WHO_CHOICES, choice
from bot.interview.events import Belongs, Said, TaskKind
from bot.interview.state import State, Who
from bot.interview.turn import Turn


def choose(turn: Turn, said: Said) -> None:
    """Asked once more where it is not clear; then the interview goes on, and a person finds out."""
    turn.file(said, Belongs.CHOICE)
    picked = choice(said.text, WHO_CHOICES)
    if picked is None and turn.interview.unclear < 1:
        turn.change(unclear=turn.interview.unclear + 1)
        answering.ask(turn)
        return
    if picked is None:
        turn.task(TaskKind.HELPER)
    else:
        turn.change(who=Who(picked))
    turn.change(menu=None)
    if turn.interview.state is State.CONSENT:
        answering.advance(turn, after=None)
