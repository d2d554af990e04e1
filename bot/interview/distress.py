"""Signs of harm or distress. The bot does the first thing only: it says where help is, stops asking, fetches a person.

It never probes, advises or judges, and only a person releases the interview, with a reason.
"""

from __future__ import annotations

from bot.interview import answering, fetching
from bot.interview.events import Belongs, Cancel, Said, TaskKind
from bot.interview.safeguarding import signposts
from bot.interview.state import Cause, State
from bot.interview.turn import ENDED, Turn

URGENT = ("distress", "distress-discreet")
"""Texts that wait for nothing: not for daylight, nor for what was to leave before them, nor for the study's switch."""


def hear(turn: Turn, said: Said) -> None:
    """Keep what was said, answer it at once at any hour, hold the questions and tell whoever is on call."""
    _keep(turn, said)
    if said.media is not None:
        turn.task(TaskKind.WRITE_UP)
    alarm(turn)
    if signposts(turn.now, turn.interview.signposted):
        turn.change(signposted=turn.now)
        usual, discreet = URGENT
        turn.say(discreet if turn.interview.person.discreet else usual, **turn.promise())


def alarm(turn: Turn) -> None:
    """A person is needed, whatever else the message was. What the person chose to end stays ended."""
    turn.task(TaskKind.DISTRESS)
    if turn.interview.state not in ENDED | {State.INVITED, State.HANDOVER}:
        turn.follow(Cancel())
        turn.change(state=State.HANDOVER, menu=None)
    fetching.call(turn, Cause.SAFEGUARDING)


def noticed(turn: Turn) -> None:
    """A researcher noticed them. Nothing is said by itself; whoever has said nothing yet has shown none."""
    if turn.interview.state is not State.INVITED:
        alarm(turn)


def _keep(turn: Turn, said: Said) -> None:
    interview = turn.interview
    answering_now = interview.state in (State.ACTIVE, State.PAUSED) and not interview.agreeing
    if answering_now and interview.position in interview.answers:
        answering.keep(turn, said, *answering.meant(interview, said))
    else:
        turn.file(said, Belongs.CONVERSATION, interview.position or None)
