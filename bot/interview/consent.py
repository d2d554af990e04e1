"""Consent: information first, then one statement at a time; it is never guessed."""

from __future__ import annotations

import re

from bot.interview import answering, fetching, settling
from bot.interview.commands import yes_or_no
from bot.interview.events import Belongs, Consent, ConsentChanged, Said, TaskKind
from bot.interview.needs import WHO
from bot.interview.schedule import Wording
from bot.interview.state import AGREED_AGAIN, Interview, State
from bot.interview.turn import Turn

_NUMBER = re.compile(r"\s*(\d{1,2})[.)] ")
"""How a statement in short wording begins."""

FINAL = frozenset({State.DECLINED, State.INELIGIBLE, State.LEFT})
"""States in which nobody is asked anything any more."""


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
    if _says_nothing_of_it(turn, said):
        return
    key = turn.interview.position
    agreed = _verdict(turn.interview, key, said.text)
    if agreed is None:
        unclear(turn)
        return
    _write_down(turn, key, said, agreed)
    if not agreed and _required(turn.interview, key):
        decline(turn)
    else:
        next_statement(turn)


def _says_nothing_of_it(turn: Turn, said: Said) -> bool:
    """Whether it cannot be about the open statement: they cannot have read that, or they answer an earlier one.

    What has not left at all is asked now, and what they answer an earlier one instead of is asked once more, and then
    a person helps.
    """
    if said.unsent:
        answering.ask_instead(turn)
    elif said.replied_to and said.replied_to != turn.interview.open_point and not said.unseen:
        unclear(turn, again=True)
    else:
        return said.unseen
    return True


def _verdict(interview: Interview, key: str, text: str) -> bool | None:
    """What they say to a statement; in short wording that may carry its number."""
    if key == AGREED_AGAIN or interview.person.wording is not Wording.SHORT:
        return yes_or_no(text, numbered=False)
    place, statement = next((n, s) for n, s in enumerate(interview.schedule.statements, 1) if s.id == key)
    number = _NUMBER.match(statement.short)
    return yes_or_no(text, numbered=True, number=int(number[1]) if number else place)


def _required(interview: Interview, key: str) -> bool:
    return key == AGREED_AGAIN or next(s.required for s in interview.schedule.statements if s.id == key)


def _write_down(turn: Turn, key: str, said: Said, agreed: bool) -> None:
    turn.follow(Consent(key, agreed, said.message))
    if key != AGREED_AGAIN:
        turn.change(consent={**turn.interview.consent, key: agreed})


def decline(turn: Turn) -> None:
    turn.change(state=State.DECLINED, again=())
    turn.say("consent-declined")


# Agreeing once more


def answer_again(turn: Turn, said: Said) -> None:
    """To a changed statement or on a new way: a YES goes on, a NO may end it kindly, and doubt fetches a person."""
    key = turn.interview.again[0]
    agreed = _verdict(turn.interview, key, said.text)
    if question := _answered(turn.interview, said, agreed):
        answering.keep(turn, said, question, Belongs.ANSWER)
        answering.acknowledge(turn, said)
        if said.unsent:
            answering.ask_instead(turn)
        return
    movable = agreed is None and turn.interview.state is State.ACTIVE
    turn.file(said, Belongs.ASIDE if movable else Belongs.CONSENT)
    if _says_nothing_of_it(turn, said):
        return
    if agreed is None:
        unclear(turn)
        return
    _write_down(turn, key, said, agreed)
    turn.change(again=turn.interview.again[1:], unclear=0)
    if not agreed and _required(turn.interview, key):
        decline(turn)
    else:
        _go_on(turn, there_already=key != AGREED_AGAIN)


def _answered(interview: Interview, said: Said, agreed: bool | None) -> str | None:
    """The question that it belongs to all the same: one they reply to, or the open one, if they knew of no other.

    So does a voice note; but a YES is a YES also where a mail program puts a logo below it.
    """
    if interview.state is not State.ACTIVE:
        return None
    if said.replied_to in interview.answers:
        return said.replied_to
    unaware = said.unseen or said.unsent or said.media is not None
    return interview.position if agreed is None and unaware else None


def _go_on(turn: Turn, *, there_already: bool) -> None:
    """To what else they are to agree to, and then back to where they were.

    A question that they have begun to answer is asked again on a new way only.
    """
    if turn.interview.again:
        answering.ask(turn)
    elif turn.interview.state is State.CONSENT:
        next_statement(turn)
    else:
        begun = turn.interview.answer.parts and not turn.interview.between
        turn.say("got-it") if there_already and begun else settling.carry_on(turn)
        if turn.interview.answer.parts and not turn.interview.between:
            settling.set_timer(turn)


def takes_changes(interview: Interview) -> bool:
    """Whether changed statements reach them: not those who have ended it, or have been through all of it."""
    return interview.state not in FINAL and not (interview.consented and not interview.position)


def statements_changed(turn: Turn, event: ConsentChanged) -> None:
    """Who had said YES is asked again, and the interview waits for it; nobody else sees that anything changed."""
    interview = turn.interview
    if not takes_changes(interview):
        return
    turn.change(schedule=event.schedule)
    wanted = [key for key in event.statements if is_to_be_asked(interview, key)]
    if not wanted and not interview.again:
        return
    turn.change(again=tuple(dict.fromkeys((*wanted, *interview.again))))
    if interview.state in (State.CONSENT, State.ACTIVE):
        answering.ask_instead(turn)


def is_to_be_asked(interview: Interview, key: str) -> bool:
    """Whether they know it in other words and did not say NO; once they are past the statements, a new one too."""
    statements = {statement.id for statement in interview.schedule.statements}
    past = interview.position in interview.consent or interview.position in interview.answers
    known = key in interview.consent or (key == interview.position and key in statements)
    return interview.consent.get(key) is not False and (known or past)


def unclear(turn: Turn, *, again: bool = False) -> None:
    """Asked once more, then a person; `again`: in full."""
    turn.change(unclear=turn.interview.unclear + 1)
    if turn.interview.unclear < 2 and again:
        answering.ask(turn)
    elif turn.interview.unclear < 2:
        turn.say("consent-unclear")
    else:
        fetching.hand_over(turn, TaskKind.UNCLEAR)
        fetching.promise(turn)
