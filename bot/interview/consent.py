"""Consent: information first, then one statement at a time; it is never guessed."""

from __future__ import annotations

from bot.interview import answering, fetching, settling
from bot.interview.commands import yes_or_no
from bot.interview.events import Belongs, Cancel, Consent, ConsentChanged, Release, Said, TaskKind
from bot.interview.needs import WHO
from bot.interview.schedule import Wording
from bot.interview.state import AGREED_AGAIN, Interview, State
from bot.interview.turn import Turn

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
    if said.unseen:  # it cannot be about a statement that has not left; that one comes now
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


def _verdict(interview: Interview, key: str, text: str) -> bool | None:
    """What they say to a statement, which in short wording carries its number."""
    place = [s.id for s in interview.schedule.statements].index(key) + 1
    numbered = interview.person.wording is Wording.SHORT
    return yes_or_no(text, numbered, place if numbered else None)


def _required(interview: Interview, key: str) -> bool:
    return next(s.required for s in interview.schedule.statements if s.id == key)


def _write_down(turn: Turn, key: str, said: Said, agreed: bool) -> None:
    turn.follow(Consent(key, agreed, said.message))
    changed = tuple(each for each in turn.interview.changed if each != key)
    turn.change(consent={**turn.interview.consent, key: agreed}, changed=changed)


def decline(turn: Turn) -> None:
    turn.change(state=State.DECLINED, agreeing=False, changed=())
    turn.say("consent-declined")


# Agreeing again


def answer_again(turn: Turn, said: Said) -> None:
    """To a changed statement or on a new way: a YES goes on, a NO may end it kindly, and doubt fetches a person."""
    turn.file(said, Belongs.CONSENT)
    if said.unseen:
        return
    key = turn.interview.reworded
    agreed = _verdict(turn.interview, key, said.text) if key else yes_or_no(said.text, numbered=False)
    if agreed is None:
        unclear(turn)
        return
    if key:
        _write_down(turn, key, said, agreed)
    else:
        turn.follow(Consent(AGREED_AGAIN, agreed, said.message))
    turn.change(agreeing=bool(turn.interview.changed), unclear=0)
    if not agreed and (not key or _required(turn.interview, key)):
        decline(turn)
        return
    settling.carry_on(turn)
    if turn.interview.state is State.ACTIVE and turn.interview.answer.parts and not turn.interview.agreeing:
        settling.set_timer(turn)


def takes_changes(interview: Interview) -> bool:
    """Whether changed statements reach them: not those who have ended it, or have been through all of it."""
    return interview.state not in FINAL and not (interview.consented and not interview.position)


def statements_changed(turn: Turn, event: ConsentChanged) -> None:
    """Who has been asked is asked again, and the interview waits for it; nobody else sees that anything changed."""
    interview = turn.interview
    if not takes_changes(interview):
        return
    turn.change(schedule=event.schedule)
    if interview.position in {statement.id for statement in interview.schedule.statements}:
        _back_to_statements(turn, event)
    elif interview.position in {question.id for question in interview.schedule.questions}:
        changed = tuple(dict.fromkeys((*interview.changed, *event.statements)))
        turn.change(agreeing=True, changed=changed)
        if interview.state is State.ACTIVE:
            _ask_instead(turn)


def _back_to_statements(turn: Turn, event: ConsentChanged) -> None:
    """They are still agreeing: what they had said to those is asked in its turn, and at once where it is open."""
    interview = turn.interview
    known = {*interview.consent, interview.position}
    changed = tuple(dict.fromkeys((*interview.changed, *(key for key in event.statements if key in known))))
    consent = {key: agreed for key, agreed in interview.consent.items() if key not in changed}
    turn.change(changed=changed, consent=consent)
    waiting = [s.id for s in event.schedule.statements if s.id not in consent]
    was_through = interview.position in interview.consent
    if was_through and waiting:
        turn.change(position=waiting[0])
    if interview.state is State.CONSENT and waiting and (was_through or turn.interview.reworded):
        _ask_instead(turn)


def _ask_instead(turn: Turn) -> None:
    """What was open and has not left gives way to the statement."""
    turn.follow(Cancel())
    turn.follow(Release(None if turn.replying else turn.waking()))
    turn.change(menu=None, unclear=0)
    answering.ask(turn)


def unclear(turn: Turn) -> None:
    """Asked once more, then a person."""
    turn.change(unclear=turn.interview.unclear + 1)
    if turn.interview.unclear < 2:
        turn.say("consent-unclear")
    else:
        fetching.hand_over(turn, TaskKind.UNCLEAR)
        fetching.promise(turn)
