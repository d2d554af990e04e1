"""A researcher takes the conversation, speaks in their own name, and hands it back to the exact open question.

One person has it at a time. Somebody else may take it from them, but only by saying so.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update

from bot.errors import OwnPaceError
from bot.interview.events import Acknowledged, HandedBack, Reviewed, TaskKind, TookBack, TookOver, Worried, Wrote
from bot.interview.fetching import CAUSES
from bot.interview.state import State
from bot.interview.wording import NAME, called
from bot.records import participants
from bot.records.participants import Participant, Terms
from bot.records.tables import messages, outbox, tasks
from bot.records.unit_of_work import UnitOfWork
from bot.service.conversations import happen
from bot.service.reasons import sealed

ASKED_FOR = frozenset(kind.value for kind in CAUSES)

LONGEST_REPLY = 1500
"""Characters of one reply: with the name below it, within the 1,600 that Twilio takes."""


def take_over(uow: UnitOfWork, terms: Terms, code: str, researcher: str, anyway: str = "", reason: str = "") -> None:
    """From now on only the researcher speaks. Raises OwnPaceError where nobody may, or somebody else does.

    `anyway`: take it from whoever has it. `reason`: why, for the trail.
    """
    participant = participants.named(uow, terms, code)
    held_by = participant.interview.holder
    if not anyway:
        _check_holder(participant, researcher)
    if happen(uow, terms, participant, TookOver(researcher)).interview.state is not State.HANDOVER:
        raise OwnPaceError(f"{participant.code} cannot be taken over now: {participant.interview.state.value}.")
    detail = {"from": held_by} if held_by not in ("", researcher) else {}
    uow.note(researcher, "took over", participant.code, **detail, **sealed(uow, participant, " ".join(reason.split())))


def reply(uow: UnitOfWork, terms: Terms, code: str, researcher: str, text: str, after: timedelta = timedelta()) -> None:
    """Send the researcher's words, signed with their name; between two questions that is a probe, and holds the next.

    `{name}` becomes the person's. They leave after a while, in which they can be taken back. Raises OwnPaceError
    unless they may speak.
    """
    participant = participants.named(uow, terms, code)
    words = checked(called(text, participant.interview.person.name))
    _check_holder(participant, researcher)
    asked = uow.has_task(participant.id, ASKED_FOR)
    if participant.interview.state is not State.HANDOVER and not asked and not participant.interview.between:
        raise OwnPaceError("Take over first, so that only one voice speaks to the participant.")
    happen(uow, terms, participant, Wrote(researcher, words, asked, uow.now + after if after else None))
    uow.close_tasks(participant.id, ASKED_FOR | {TaskKind.REVIEW.value})
    uow.note(researcher, "wrote", participant.code, **({"greeted": "by name"} if NAME in text else {}))


def checked(text: str) -> str:
    """The words of a reply. Raises OwnPaceError where there are none, or too many."""
    words = text.strip()
    if not words:
        raise OwnPaceError("Write something first: the message is empty.")
    if len(words) > LONGEST_REPLY:
        raise OwnPaceError(f"The message has {len(words)} characters; use at most {LONGEST_REPLY}.")
    return words


def take_back(uow: UnitOfWork, terms: Terms, code: str, researcher: str, message_id: int) -> str:
    """Take back what they wrote, if it has not left yet; its words, without the name below them.

    What writing it had settled is open again. Raises OwnPaceError where it has left, or is not theirs.
    """
    participant = participants.named(uow, terms, code)
    theirs = (messages.c.participant_id == participant.id, messages.c.author == researcher)
    row = uow.one(select(messages.c.body, messages.c.at).where(messages.c.id == message_id, *theirs))
    waits = (outbox.c.message_id == message_id, outbox.c.state.in_(["pending", "held", "aside"]))
    taken = {"state": "cancelled", "changed_at": uow.now}
    if row is None or not uow.execute(update(outbox).where(*waits).values(**taken)).rowcount:
        raise OwnPaceError("This message has left already, and cannot be taken back. You can write another.")
    last = max(participant.interview.answer.parts, default=0)
    happen(uow, terms, participant, TookBack(researcher, probe=0 < last < message_id))
    seen_to = (tasks.c.participant_id == participant.id, tasks.c.kind.in_(ASKED_FOR), tasks.c.closed_at == row["at"])
    uow.execute(update(tasks).where(*seen_to).values(closed_at=None))
    uow.changed |= {"tasks", "outbox"}
    uow.note(researcher, "took a message back", participant.code)
    return participant.key.open(row["body"], "body").removesuffix(f"\n\n{researcher}")


def worry(uow: UnitOfWork, terms: Terms, code: str, researcher: str, reason: str) -> None:
    """A researcher read signs of harm or distress: questions wait, and whoever is on call is told.

    Raises OwnPaceError without a reason, and where somebody has not said anything yet.
    """
    participant = participants.named(uow, terms, code)
    reason = " ".join(reason.split())
    if not reason:
        raise OwnPaceError("Say what worries you, for whoever is on call.")
    if participant.interview.state is State.INVITED:
        raise OwnPaceError(f"{participant.code} has not begun yet.")
    happen(uow, terms, participant, Worried(researcher))
    uow.note(researcher, "held", participant.code, **sealed(uow, participant, reason))


def acknowledge(uow: UnitOfWork, terms: Terms, code: str, researcher: str) -> None:
    """Somebody has seen that a person is needed: nobody else is told."""
    participant = participants.named(uow, terms, code)
    happen(uow, terms, participant, Acknowledged(researcher))
    uow.note(researcher, "acknowledged", participant.code)


def reviewed(uow: UnitOfWork, terms: Terms, code: str, researcher: str) -> None:
    """The answer has been read, and the next question may go. Raises OwnPaceError where none waits for that."""
    participant = participants.named(uow, terms, code)
    if not participant.interview.between:
        raise OwnPaceError(f"No answer of {participant.code} waits to be read.")
    happen(uow, terms, participant, Reviewed(researcher))
    uow.close_tasks(participant.id, frozenset({TaskKind.REVIEW.value}))
    uow.note(researcher, "reviewed an answer", participant.code)


def hand_back(uow: UnitOfWork, terms: Terms, code: str, researcher: str, reason: str = "") -> None:
    """The service speaks again, and asks the open question. Raises OwnPaceError if nobody had taken over.

    After signs of distress a person says why it is all right to go on; so too where the participant has stopped or
    left, and nothing is asked.
    """
    participant = participants.named(uow, terms, code)
    distressed = participant.interview.distressed
    if participant.interview.state is not State.HANDOVER and not distressed:
        raise OwnPaceError(f"{participant.code} is not with a researcher.")
    _check_holder(participant, researcher)
    reason = " ".join(reason.split())
    if distressed and not reason:
        raise OwnPaceError("Say why it is all right to go on: they wrote something that may be a sign of distress.")
    happen(uow, terms, participant, HandedBack(researcher, reason))
    uow.close_tasks(participant.id, ASKED_FOR | ({TaskKind.DISTRESS.value} if distressed else frozenset()))
    act = "released" if distressed else "handed back"
    uow.note(researcher, act, participant.code, **sealed(uow, participant, reason))


def _check_holder(participant: Participant, researcher: str) -> None:
    holder = participant.interview.holder
    if holder not in ("", researcher):
        raise OwnPaceError(f"{holder} has the conversation with {participant.code}. Take it over from them first.")
