"""A researcher takes the conversation, speaks in their own name, and hands it back to the exact open question."""

from __future__ import annotations

from bot.errors import OwnPaceError
from bot.interview.events import HandedBack, TaskKind, TookOver, Wrote
from bot.interview.state import State
from bot.records import participants
from bot.records.participants import Participant, Terms
from bot.records.unit_of_work import UnitOfWork
from bot.service.conversations import happen

ASKED_FOR = frozenset({TaskKind.PERSON_ASKED.value, TaskKind.CALL_ASKED.value, TaskKind.UNCLEAR.value})

LONGEST_REPLY = 1500
"""Characters of one reply: with the name below it, within the 1,600 that Twilio takes."""


def take_over(uow: UnitOfWork, terms: Terms, code: str, researcher: str) -> None:
    """From now on only the researcher speaks. Raises OwnPaceError where nobody may."""
    participant = _known(uow, terms, code)
    if happen(uow, participant, TookOver(researcher)).interview.state is not State.HANDOVER:
        raise OwnPaceError(f"{participant.code} cannot be taken over now: {participant.interview.state.value}.")
    uow.note(researcher, "took over", participant.code)


def reply(uow: UnitOfWork, terms: Terms, code: str, researcher: str, text: str) -> None:
    """Send the researcher's words, signed with their name. Raises OwnPaceError unless they have the conversation."""
    participant = _known(uow, terms, code)
    words = text.strip()
    if not words:
        raise OwnPaceError("Write something first: the message is empty.")
    if len(words) > LONGEST_REPLY:
        raise OwnPaceError(f"The message has {len(words)} characters; use at most {LONGEST_REPLY}.")
    asked = uow.has_task(participant.id, ASKED_FOR)
    if participant.interview.state is not State.HANDOVER and not asked:
        raise OwnPaceError("Take over first, so that only one voice speaks to the participant.")
    happen(uow, participant, Wrote(researcher, words, asked))
    uow.close_tasks(participant.id, ASKED_FOR)
    uow.note(researcher, "wrote", participant.code)


def hand_back(uow: UnitOfWork, terms: Terms, code: str, researcher: str) -> None:
    """The service speaks again, and asks the open question. Raises OwnPaceError if nobody had taken over."""
    participant = _known(uow, terms, code)
    if participant.interview.state is not State.HANDOVER:
        raise OwnPaceError(f"{participant.code} is not with a researcher.")
    happen(uow, participant, HandedBack(researcher))
    uow.close_tasks(participant.id, ASKED_FOR)
    uow.note(researcher, "handed back", participant.code)


def _known(uow: UnitOfWork, terms: Terms, code: str) -> Participant:
    participant = participants.by_code(uow, terms, code)
    if participant is None:
        raise OwnPaceError(f"There is no participant {code}. See: scripts/ownpace participants")
    return participant
