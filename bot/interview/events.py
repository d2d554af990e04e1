"""Everything that can happen to an interview, and everything that can follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.interview.rota import Booked, Slot
from bot.interview.schedule import Schedule
from bot.interview.state import Who
from bot.messages import MediaKind

# What happens: every event comes in by the same door, `engine.step`.


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A coordinator, or the person, has put them into the study.

    `message` is the one with which they came in by an invitation. `full`: there is no place now, so they wait. `wrote`:
    when they wrote it, where that was long ago.
    """

    message: int | None = None
    full: bool = False
    wrote: datetime | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """A place is free for somebody who waits."""


@dataclass(frozen=True, slots=True)
class Said:
    """The person sent a message.

    `replied_to` is the question they answered, where their channel can say. `unseen`: nothing of the open question
    had left when they wrote, so they cannot have read it. `unsent`: nothing of the open statement has left yet at all,
    or what left did not arrive, and nothing leaves now. `reopened`: messages waited for them to write, and leave now.
    `kept_back`: others may see their phone, and messages wait until they say that they want them, which this does not,
    or did too long ago.
    `opt_out`: their provider already acted on a STOP or START. `media` says what came besides words; `joined`
    that more of the same came just before. `sign` is the group of the words of harm or distress that are in it, or in
    it together with what came just before. `booked`: every call from now on, where they ask for one. `wrote`: when they
    wrote it, where that was long ago, so that nobody waits for an answer at this moment.
    """

    message: int
    text: str
    replied_to: str | None = None
    unseen: bool = False
    unsent: bool = False
    reopened: bool = False
    kept_back: bool = False
    opt_out: str | None = None
    media: MediaKind | None = None
    joined: bool = False
    sign: str | None = None
    booked: tuple[Booked, ...] = ()
    wrote: datetime | None = None


class TimerKind(StrEnum):
    """What a timer is for."""

    SETTLE = "settle"
    RESUME = "resume"
    ESCALATE = "escalate"
    REMIND = "remind"
    REVIEW = "review"
    HOLDING = "holding"
    CALL = "call"


OUTLASTS = frozenset({TimerKind.ESCALATE, TimerKind.HOLDING, TimerKind.CALL})
"""Timers that concern the team: they ring on whatever the person says, STOP too."""


@dataclass(frozen=True, slots=True)
class Due:
    """A timer fell due; `position` is what it was set for.

    `left`: when our last message, but for reminders, really left; `waits` if one of them has not left yet.
    """

    kind: TimerKind
    position: str
    left: datetime | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class ConsentChanged:
    """The study changed these consent statements in a way that matters; `schedule` is theirs, with the new ones."""

    schedule: Schedule
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NeedsChanged:
    """What the person needs is another than it was; the interview has it already.

    `words`: their wording or language is another. `pace`: their pace is. `waits`: the open point has not left yet,
    and is to leave in another way or at another time. `settling`: a timer waits for the open answer to be whole.
    """

    words: bool = False
    pace: bool = False
    waits: bool = False
    settling: bool = False


@dataclass(frozen=True, slots=True)
class TookOver:
    """A researcher speaks from now on."""

    researcher: str


@dataclass(frozen=True, slots=True)
class HandedBack:
    """The bot speaks again. Where there were signs of distress that needs a `reason`."""

    researcher: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Somebody has seen that a person is needed, and nobody else has to be told."""

    researcher: str


@dataclass(frozen=True, slots=True)
class SeenTo:
    """The last thing for which they waited for a person was seen to, such as by a call outside the service."""

    by: str


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A person has looked at the answer, and the next question may go."""

    researcher: str


@dataclass(frozen=True, slots=True)
class ToRemind:
    """A coordinator wants to remind somebody now."""

    by: str


@dataclass(frozen=True, slots=True)
class OutOfOffice:
    """Their mailbox or phone answered by itself."""


@dataclass(frozen=True, slots=True)
class Wrote:
    """A researcher wrote to the person; `asked`: the person had asked for a person. It leaves from `not_before` on."""

    researcher: str
    text: str
    asked: bool = False
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class TookBack:
    """A researcher took back what they had written, before it left; `probe`: it held the next question."""

    researcher: str
    probe: bool = False


@dataclass(frozen=True, slots=True)
class Worried:
    """A researcher read signs of harm or distress that nothing else had noticed."""

    researcher: str


@dataclass(frozen=True, slots=True)
class Refile:
    """Where one message of the person's belongs from now on. `text` is what it says, for branches."""

    message: int
    text: str
    belongs: Belongs
    question: str | None = None


@dataclass(frozen=True, slots=True)
class Refiled:
    """A researcher put messages where they belong; `settling`: a timer waits for the open answer to be whole."""

    researcher: str
    moves: tuple[Refile, ...]
    settling: bool = False


@dataclass(frozen=True, slots=True)
class WhoseWords:
    """A researcher learned whose words the answer to this question is in; None: nobody has said."""

    question: str
    who: Who | None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The team has seen to it that they leave; `kept`: what they said stays. `told`: they are to hear of it."""

    kept: bool
    told: bool = True


@dataclass(frozen=True, slots=True)
class OptedOut:
    """The person blocked us at their provider."""


class Told(StrEnum):
    """What became of an address that somebody wants to move to."""

    CODE_SENT = "code sent"
    LINK = "link"
    NO_ADDRESS = "no address"
    WRONG_CODE = "wrong code"
    EXPIRED = "expired"
    TOO_MANY = "too many"


@dataclass(frozen=True, slots=True)
class AddressTold:
    """What became of the address that the person wants to move to; `message` held a code that does not fit.

    `wrote`: when they wrote it, where that was long ago.
    """

    outcome: Told
    link: str = ""
    message: int | None = None
    wrote: datetime | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """The person is reached somewhere else from now on; `message` is the one with the code, if there was one.

    `unasked`: they did not ask for it; nothing reached them where they were. `wrote`: when they wrote the code, where
    that was long ago.
    """

    message: int | None = None
    unasked: bool = False
    wrote: datetime | None = None


Event = (
    Enrolled
    | Admitted
    | Said
    | Due
    | ConsentChanged
    | NeedsChanged
    | TookOver
    | HandedBack
    | Acknowledged
    | SeenTo
    | Reviewed
    | ToRemind
    | OutOfOffice
    | Wrote
    | Withdrawn
    | TookBack
    | Worried
    | Refiled
    | WhoseWords
    | OptedOut
    | AddressTold
    | Moved
)


# What follows: the caller saves and sends; the engine only decides.


class Belongs(StrEnum):
    """What an inbound message is part of."""

    ANSWER = "answer"
    LATE = "late"
    CONSENT = "consent"
    COMMAND = "command"
    ELIGIBILITY = "eligibility"
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
class Forget:
    """What they answered to the eligibility questions is not kept."""


@dataclass(frozen=True, slots=True)
class Send:
    """A message to the person. `author` is a researcher's name, or None for the bot; `not_before` keeps it quiet.

    `question` is the question or statement that it asks. `unasked`: it follows no message of the person's.
    """

    body: str
    texts: tuple[str, ...] = ()
    question: str | None = None
    author: str | None = None
    not_before: datetime | None = None
    unasked: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    """What waits to leave is not wanted now, and no timer rings.

    Timers in `OUTLASTS` go on. Questions are cancelled, for they are asked again; anything else of the bot's is set
    aside for `Release`.
    `people`: what researchers wrote is cancelled too. `anew`: so is what nobody asked for, as it is said again.
    """

    people: bool = False
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Release:
    """What was set aside leaves now, or from `not_before` on."""

    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """The person wants to carry on at this address, as they wrote it, on a kind of channel."""

    kind: str
    written: str


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


@dataclass(frozen=True, slots=True)
class Book:
    """The person and this researcher call each other then; an earlier booking of the person's is moved."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class DropTimer:
    """What this timer was set for has happened."""

    kind: TimerKind


class TaskKind(StrEnum):
    """What a person has to do."""

    DISTRESS = "distress"
    PERSON_ASKED = "person asked"
    CALL_ASKED = "call asked"
    UNCLEAR = "unclear"
    CHANGE_CHANNEL = "change channel"
    COPY = "copy asked"
    LEAVE = "leave"
    DELETE = "delete answers"
    AFTERWARDS = "wrote afterwards"
    WRITE_UP = "write up"
    REVIEW = "to review"
    GO_ON = "a person goes on"
    SILENT = "silent"
    HELPER = "who answers"
    PAUSE = "how long a break"


@dataclass(frozen=True, slots=True)
class OpenTask:
    """Something for a person to do."""

    kind: TaskKind


@dataclass(frozen=True, slots=True)
class Alert:
    """Tell somebody on the rota that a person is needed; `number` counts how many were told, from 1."""

    who: str
    cause: str
    number: int


Effect = (
    File | Remove | Forget | Send | Cancel | Release | Move | Consent | SetTimer | DropTimer | OpenTask | Alert | Book
)
