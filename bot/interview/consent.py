"""Consent: information first, then one statement at a time; it is never guessed."""

from __future__ import annotations

from bot.interview import answering, fetching, settling
from bot.interview.commands import yes_or_no
from bot.interview.events import Belongs, Consent, Said, TaskKind
from bot.interview.needs import WHO
from bot.interview.schedule import Wording
from bot.interview.state import AGREED_AGAIN, State
from bot.interview.turn import Turn


def begin(turn: Turn) -> None:
    """Information first, then the first statement."""
    for group in turn.interview.schedule.opening:
        turn.say(*group)
    turn.change(state=State.CONSENT)
    next_statement(turn)


def next_statement(turn: Turn) -> None:
    waiting = [s.id for s in turn.interview.schedule.statements if s.id not in turn.interview.consent]
    if waiting:
        turn.change(position=waiting[0], unclear=0)
        answering.ask(turn)
    else:
        turn.say("consent-done")
        _who_answers(turn)


def _who_answers(turn: Turn) -> None:
    """Where it is to be asked whose words they are, it is asked before the first question."""
    said = turn.interview.person.attributes.get("who", "").strip().casefold()
    turn.change(who=WHO.get(said), unclear=0)
    if said == "ask":
        answering.ask(turn)
    else:
        answering.advance(turn, after=None)


def answer(turn: Turn, said: Said) -> None:
    """A YES or NO to the open statement."""
    turn.file(said, Belongs.CONSENT)
    if said.unseen:  # it cannot be about a statement that has not left; that one comes now
        return
    interview = turn.interview
    key = interview.position
    place = [s.id for s in interview.schedule.statements].index(key) + 1
    numbered = interview.person.wording is Wording.SHORT
    agreed = yes_or_no(said.text, numbered, place if numbered else None)
    if agreed is None:
        unclear(turn)
        return
    turn.follow(Consent(key, agreed, said.message))
    turn.change(consent={**interview.consent, key: agreed})
    required = next(s.required for s in interview.schedule.statements if s.id == key)
    if required and not agreed:
        decline(turn)
    else:
        next_statement(turn)


def answer_again(turn: Turn, said: Said) -> None:
    """Consent on the new way: a YES goes on, a NO ends it kindly, and doubt fetches a person."""
    turn.file(said, Belongs.CONSENT)
    if said.unseen:
        return
    agreed = yes_or_no(said.text, numbered=False)
    if agreed is None:
        unclear(turn)
        return
    turn.follow(Consent(AGREED_AGAIN, agreed, said.message))
    turn.change(agreeing=False, unclear=0)
    if not agreed:
        decline(turn)
        return
    settling.carry_on(turn)
    if turn.interview.state is State.ACTIVE and turn.interview.answer.parts:
        settling.set_timer(turn)


def decline(turn: Turn) -> None:
    turn.change(state=State.DECLINED)
    turn.say("consent-declined")


def unclear(turn: Turn) -> None:
    """Asked once more, then a person."""
    turn.change(unclear=turn.interview.unclear + 1)
    if turn.interview.unclear < 2:
        turn.say("consent-unclear")
    else:
        fetching.hand_over(turn, TaskKind.UNCLEAR)
        fetching.promise(turn)
