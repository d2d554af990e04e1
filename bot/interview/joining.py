"""Coming in: when there is a place, and the study is for them; only then information and consent.

A coordinator has seen to it that the study is for those whom they enrol. Whoever joins by an invitation is asked, one
YES or NO question at a time. Where it is not for them they are told so kindly, and what they answered is forgotten.
"""

from __future__ import annotations

from bot.interview import answering, consent
from bot.interview.commands import yes_or_no
from bot.interview.events import Belongs, Cancel, Consent, Enrolled, File, Forget, Said, TaskKind
from bot.interview.state import State
from bot.interview.turn import Turn

FULL = "quota-full"
"""The text that asks whether their details may be kept, and the name of what they say to it in the ledger."""


def begin(turn: Turn, event: Enrolled) -> None:
    """They come in, or wait where there is no place."""
    if turn.interview.state is not State.INVITED:
        return
    if event.message is not None:
        turn.follow(File(event.message, Belongs.COMMAND))
        turn.change(heard=turn.heard(event.wrote), joined=True)
    if event.full:
        turn.change(state=State.WAITING)
        turn.say(FULL)
    else:
        _come_in(turn)


def admitted(turn: Turn) -> None:
    """A place is free, and they had not said NO to waiting for one."""
    if turn.interview.state is State.WAITING:
        turn.say("place-free")
        _come_in(turn)


def _come_in(turn: Turn) -> None:
    if turn.interview.joined and turn.interview.schedule.eligibility:
        turn.say("eligibility-intro")
        turn.change(state=State.SCREENING)
        _next_question(turn, after="")
    else:
        consent.begin(turn)


def _next_question(turn: Turn, after: str) -> None:
    asked = [each.id for each in turn.interview.schedule.eligibility]
    place = asked.index(after) + 1 if after else 0
    if place < len(asked):
        turn.change(position=asked[place], unclear=0)
        answering.ask(turn)
    else:
        turn.change(position="", unclear=0)
        consent.begin(turn)


def answer(turn: Turn, said: Said) -> None:
    """A YES or NO to the open eligibility question. It is never guessed, and only its outcome is remembered."""
    turn.file(said, Belongs.ELIGIBILITY, turn.interview.position)
    if said.unsent:
        answering.ask_instead(turn)
    if said.unsent or said.unseen:  # it cannot be about a question that has not left; that one comes now
        return
    question = next(each for each in turn.interview.schedule.eligibility if each.id == turn.interview.position)
    yes = yes_or_no(said.text, numbered=False)
    if yes is None:
        consent.unclear(turn)
    elif yes is question.qualifies:
        _next_question(turn, after=question.id)
    else:
        _not_for_them(turn)


def _not_for_them(turn: Turn) -> None:
    """Their words are forgotten at once; a person deletes the rest, once the text that says so has left."""
    turn.follow(Cancel())
    turn.follow(Forget())
    turn.change(state=State.INELIGIBLE, position="", unclear=0)
    turn.task(TaskKind.DELETE)
    turn.say("not-eligible")


def answer_waiting(turn: Turn, said: Said) -> None:
    """Whether their details may be kept until a place is free. A NO counts at any time; what is unclear, as ever."""
    kept = yes_or_no(said.text, numbered=False)
    if kept is False:
        _keep(turn, said, kept=False)
        turn.change(state=State.DECLINED)
        turn.task(TaskKind.DELETE)
        turn.say("waiting-no")
    elif turn.interview.consent.get(FULL):
        turn.file(said, Belongs.ASIDE)
        turn.task(TaskKind.AFTERWARDS)
    elif kept:
        _keep(turn, said, kept=True)
        turn.say("waiting-yes")
    else:
        turn.file(said, Belongs.CHOICE)
        consent.unclear(turn)


def _keep(turn: Turn, said: Said, *, kept: bool) -> None:
    turn.file(said, Belongs.CHOICE)
    turn.follow(Consent(FULL, kept, said.message))
    turn.change(consent={**turn.interview.consent, FULL: kept}, unclear=0)
