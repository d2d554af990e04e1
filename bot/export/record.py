"""The model of a record: what one participant said and was sent, as every export sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.export.measures import merged, words
from bot.interview.schedule import Schedule
from bot.interview.state import Progress


class Speaker(StrEnum):
    """Whose words a turn is."""

    PARTICIPANT = "participant"
    RESEARCHER = "researcher"
    BOT = "bot"


class Scope(StrEnum):
    """Whose record may be in an export: of those who consented; of everybody enrolled; or even of those who asked for
    their answers to be deleted, which only they themselves may have."""

    CONSENTED = "consented"
    ENROLLED = "enrolled"
    ALL = "all"


class Kind(StrEnum):
    """What a turn is for. `answer` to `other` are the participant's, the rest is what they were sent.

    `other` is what no participant wrote on purpose, such as an automatic reply.
    """

    ANSWER = "answer"
    LATE = "late"
    CONVERSATION = "conversation"
    ASIDE = "aside"
    CONSENT = "consent"
    COMMAND = "command"
    CHOICE = "choice"
    UNREAD = "unread"
    OTHER = "other"
    QUESTION = "question"
    PROMPT = "prompt"
    PROBE = "probe"
    REMINDER = "reminder"
    STOCK = "stock"


ANSWERS = frozenset({Kind.ANSWER, Kind.LATE})
DATA = frozenset({Kind.ANSWER, Kind.LATE, Kind.CONVERSATION, Kind.ASIDE, Kind.UNREAD})
"""The participant's own words that a study is about; the others steer the interview."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message as it was said. `at` is when it came or left; `left` is false while it waits or was not wanted.

    `author` is the code of the participant, a pseudonym such as R02, or Bot. `text` is the newest form of a message
    that was changed after it came, and `edits` how often it was. `media` names what came besides words.
    """

    id: int
    speaker: Speaker
    author: str
    kind: Kind
    text: str
    at: datetime
    channel: str
    question: str | None = None
    written_at: datetime | None = None
    texts: tuple[str, ...] = ()
    wording: str = ""
    removed_at: datetime | None = None
    left: bool = True
    delivery: str = ""
    edits: int = 0
    media: tuple[str, ...] = ()

    @property
    def removed(self) -> bool:
        return self.removed_at is not None


@dataclass(frozen=True, slots=True)
class Answer:
    """One question that was asked, and everything that was said to it. `text` is empty where it was skipped."""

    question: str
    section: str
    number: int
    progress: Progress
    prompted: bool
    parts: tuple[Turn, ...] = ()
    removed: int = 0
    asked: tuple[Turn, ...] = ()
    prompts: tuple[Turn, ...] = ()
    probes: tuple[Turn, ...] = ()
    replies: tuple[Turn, ...] = ()
    reminders: int = 0

    @property
    def text(self) -> str:
        """The stored answer: its messages in the order they came, each on lines of its own."""
        return "\n".join(part.text for part in self.parts)

    @property
    def words(self) -> int:
        return words(self.text)


@dataclass(frozen=True, slots=True)
class Head:
    """A participant without a word of theirs: enough to know that there is a case, and where it belongs."""

    id: int
    code: str
    cohort: str
    version: str
    state: str
    position: str
    consented: bool


@dataclass(frozen=True, slots=True)
class Case:
    """One participant, pseudonymous, with everything that was said. `language` is that of their schedule."""

    head: Head
    schedule: Schedule
    language: str
    wording: str
    attributes: Mapping[str, str]
    consent: Mapping[str, bool]
    enrolled_at: datetime
    turns: tuple[Turn, ...]
    answers: tuple[Answer, ...]

    @property
    def code(self) -> str:
        return self.head.code

    @property
    def heard(self) -> tuple[Turn, ...]:
        """What was said by both sides, in order, without what was taken back and what never left."""
        return tuple(turn for turn in self.turns if turn.left and not turn.removed)

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels the person wrote on, in the order of their first use."""
        return tuple(dict.fromkeys(t.channel for t in self.turns if t.speaker is Speaker.PARTICIPANT))


@dataclass(frozen=True, slots=True)
class Cohort:
    """The questions of a cohort's schedules, every version, as one list in order."""

    name: str
    schedules: tuple[Schedule, ...]

    @property
    def latest(self) -> Schedule:
        return self.schedules[-1]

    @property
    def questions(self) -> tuple[str, ...]:
        return merged([[question.id for question in schedule.questions] for schedule in self.schedules])

    @property
    def sections(self) -> tuple[str, ...]:
        return merged([[section.id for section in schedule.sections] for schedule in self.schedules])
