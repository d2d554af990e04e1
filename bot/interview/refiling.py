"""Putting what somebody said under the question it belongs to. What they said stays as it is, and nothing is sent."""

from __future__ import annotations

from bot.interview import answering, settling
from bot.interview.events import Belongs, DropTimer, File, Refile, Refiled, TimerKind, WhoseWords
from bot.interview.state import Answer, Progress
from bot.interview.turn import Turn

IN_AN_ANSWER = frozenset({Belongs.ANSWER, Belongs.LATE})


def refile(turn: Turn, event: Refiled) -> None:
    """Take each message out of the answer that it is in, and put it where it belongs, in the order in which they came.

    A question that was not asked yet is still asked when its turn comes.
    """
    before = turn.interview.answer.parts
    for move in event.moves:
        was = answering.take_out(turn, move.message)
        if move.question is not None and move.belongs in IN_AN_ANSWER:
            _put(turn, move, move.question, was)
        turn.follow(File(move.message, move.belongs, move.question))
    if event.settling and turn.interview.answer.parts != before:
        if turn.interview.answer.parts:
            settling.set_timer(turn)
        else:
            turn.follow(DropTimer(TimerKind.SETTLE))


def whose_words(turn: Turn, event: WhoseWords) -> None:
    """What there is of that answer is in these words; what they write from now on is as they say it is."""
    if event.question in turn.interview.answers:
        turn.mark(event.question, who=event.who)


def _put(turn: Turn, move: Refile, key: str, was: Answer | None) -> None:
    goto = answering.branch_to(turn.interview.schedule.question(key), move.text)
    known = turn.interview.answers.get(key, Answer(Progress.AHEAD, who=was.who if was else None))
    turn.change(answers={**turn.interview.answers, key: known.holding(move.message, goto)})
