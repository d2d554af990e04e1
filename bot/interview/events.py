"""Everything that can happen to an interview, and everything that can follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# What happens: every event comes in by the same door, `engine.step`.


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A coordinator, or the person, has put them into the study."""


@dataclass(frozen=True, slots=True)
class Said:
    """The person sent a message.

    `replied_to` is the question they answered, where their channel can say. `unseen`: the open question has not
    begun to leave, so they cannot have read it. `opt_out`: their provider already acted on a STOP or START.
    """

    message: int
    text: str
    replied_to: str | None = None
    unseen: bool = False
    opt_out: str | None = None
    media: bool = False


class TimerKind(StrEnum):
    """What a timer is for."""

    SETTLE = "settle"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Due:
    """A timer fell due; `position` is what it was set for."""

    kind: TimerKind
    position: str


@dataclass(frozen=True, slots=True)
class TookOver:
    """A researcher speaks from now on."""

    researcher: str


@dataclass(frozen=True, slots=True)
class HandedBack:
    """The bot speaks again."""

    researcher: str


@dataclass(frozen=True, slots=True)
class Wrote:
    """A researcher wrote to the person."""

    researcher: str
    text: str


@dataclass(frozen=True, slots=True)
class OptedOut:
    """The person blocked us at their provider."""


Event = Enrolled | Said | Due | TookOver | HandedBack | Wrote | OptedOut


# What follows: the caller saves and sends; the engine only decides.


class Belongs(StrEnum):
    """What an inbound message is part of."""

    ANSWER = "answer"
    LATE = "late"
    CONSENT = "consent"
    COMMAND = "command"
    CHOICE = "choice"
    CONVERSATION = "conversation"
    ASIDE = "aside"


@dataclass(frozen=True, slots=True)
class File:
    """The inbound message belongs here."""

    message: int
    belongs: Belongs
    question: str | None = None


@dataclass(frozen=True, slots=True)
class Remove:
    """The person took this message of theirs back."""

    message: int


@dataclass(frozen=True, slots=True)
class Send:
    """A message to the person. `author` is a researcher's name, or None for the bot; `not_before` keeps it quiet."""

    body: str
    texts: tuple[str, ...] = ()
    question: str | None = None
    author: str | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Messages that still wait to leave are not wanted any more."""


@dataclass(frozen=True, slots=True)
class Consent:
    """One line of the consent ledger."""

    statement: str
    agreed: bool
    message: int


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Wake this interview at a moment; an earlier timer of the same kind is replaced."""

    kind: TimerKind
    due: datetime
    position: str


class TaskKind(StrEnum):
    """What a person has to do."""

    PERSON_ASKED = "person asked"
    CALL_ASKED = "call asked"
    UNCLEAR = "unclear"
    CHANGE_CHANNEL = "change channel"
    COPY = "copy asked"
    LEAVE = "leave"
    DELETE = "delete answers"
    AFTERWARDS = "wrote afterwards"


@dataclass(frozen=True, slots=True)
class OpenTask:
    """Something for a person to do."""

    kind: TaskKind


Effect = File | Remove | Send | Cancel | Consent | SetTimer | OpenTask
