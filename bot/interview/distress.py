"""Signs of harm or distress. The bot does the first thing only: it says where help is, stops asking, fetches a person.

It never probes, advises or judges, and only a person releases the interview, with a reason.
"""

from __future__ import annotations

from bot.interview import answering, fetching
from bot.interview.commands import Command
from bot.interview.events import Belongs, Cancel, Said, TaskKind
from bot.interview.safeguarding import signposts
from bot.interview.state import Cause, Interview, State
from bot.interview.turn import ENDED, Turn

SUPPORT = ("distress", "distress-discreet")
"""Where help is; the second one gives nothing away to others who see it."""

ASKED = ("distress-asked", "distress-discreet-asked")
"""The answer to somebody in distress who asks for a person before one has come."""

URGENT = (*SUPPORT, *ASKED)
"""Texts that wait for nothing: not for daylight, nor for what was to leave before them, nor for the study's switch."""

FOR_HELP = {
    Command.CALL: TaskKind.CALL_ASKED,
    Command.PERSON: TaskKind.PERSON_ASKED,
    Command.HELP: TaskKind.PERSON_ASKED,
}
"""Words with which somebody in distress asks for a person. HELP is one of them: "help me" means it."""


def hear(turn: Turn, said: Said) -> None:
    """Keep what was said, answer it at once at any hour, hold the questions and tell whoever is on call."""
    _keep(turn, said)
    if said.media is not None:
        turn.task(TaskKind.WRITE_UP)
    alarm(turn)
    if signposts(turn.now, turn.interview.signposted):
        turn.change(signposted=turn.now)
        _say(turn, SUPPORT)


def unattended(interview: Interview) -> bool:
    """Whether there were signs of distress, and nobody has come yet: until then the bot answers who asks for one.

    Also after a STOP or LEAVE, which is no reason to send a list of words to somebody who asks for help.
    """
    alone = not interview.holder or interview.calling is not None
    return interview.distressed and interview.state in ENDED | {State.HANDOVER} and alone


def asked(turn: Turn, said: Said, kind: TaskKind) -> None:
    """They ask for a person: say that it is passed on and who can be called now. No times to choose from: it is urgent.

    It is no signposting, of which there is one a day: it answers what they asked.
    """
    turn.file(said, Belongs.COMMAND)
    turn.task(kind)
    fetching.call(turn, Cause.SAFEGUARDING)
    _say(turn, ASKED)


def alarm(turn: Turn) -> None:
    """A person is needed, whatever else the message was. What the person chose to end stays ended."""
    turn.task(TaskKind.DISTRESS)
    if turn.interview.state is State.HANDOVER:
        turn.change(menu=None)  # it is urgent: they are not to choose a time
    elif turn.interview.state not in ENDED | {State.INVITED}:
        turn.follow(Cancel())
        turn.change(state=State.HANDOVER, menu=None)
    fetching.call(turn, Cause.SAFEGUARDING)


def noticed(turn: Turn) -> None:
    """A researcher noticed them. Nothing is said by itself; whoever has said nothing yet has shown none."""
    if turn.interview.state is not State.INVITED:
        alarm(turn)


def _say(turn: Turn, texts: tuple[str, str]) -> None:
    usual, discreet = texts
    name, by = fetching.read_by(turn)
    turn.say(discreet if turn.interview.person.discreet else usual, researcher=name, **turn.by(by))


def _keep(turn: Turn, said: Said) -> None:
    interview = turn.interview
    answering_now = interview.state in (State.ACTIVE, State.PAUSED) and not interview.agreeing
    if answering_now and interview.position in interview.answers:
        answering.keep(turn, said, *answering.meant(interview, said))
    else:
        turn.file(said, Belongs.CONVERSATION, interview.position or None)
