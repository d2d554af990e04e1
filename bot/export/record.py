"""The model of a record: what one participant said and was sent, as every export sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.export.measures import merged, words
from bot.interview.schedule import Schedule
from bot.interview.state import Progress
from bot.service.writeups import WriteUpKind


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


WRITTEN = {
    WriteUpKind.TRANSCRIPTION: "written up",
    WriteUpKind.DESCRIPTION: "described",
    WriteUpKind.TRANSLATION: "translated",
}


@dataclass(frozen=True, slots=True)
class WriteUp:
    """What a person wrote down of something besides words. `author` and `checked_by` are pseudonyms such as R02."""

    kind: WriteUpKind
    text: str
    author: str
    at: datetime
    day: str
    checked_by: str = ""
    checked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Medium:
    """Something besides words, as a reader is told of it: 'voice note 1:32'; and what was written up of it."""

    what: str
    write_up: WriteUp | None = None

    @property
    def mark(self) -> str:
        """`[voice note 1:32]`, or `[voice note 1:32, written up by R02]`; a translation has its date."""
        if self.write_up is None:
            return f"[{self.what}]"
        on = f" on {self.write_up.day}" if self.write_up.kind is WriteUpKind.TRANSLATION else ""
        return f"[{self.what}, {WRITTEN[self.write_up.kind]} by {self.write_up.author}{on}]"


@dataclass(frozen=True, slots=True)
class Turn:
    """One message as it was said. `at` is when it came or left; `left` is false while it waits or was not wanted.

    `author` is the code of the participant, a pseudonym such as R02, or Bot. `text` is the newest form of a message
    that was changed after it came, and `edits` how often it was. `piece` counts from 1 where a researcher has split the
    message between questions: its pieces are turns of the same id. `media` is what came besides words, and `elided`
    text that came along: of earlier messages, or around a short answer.
    """

    id: int
    speaker: Speaker
    author: str
    kind: Kind
    text: str
    at: datetime
    channel: str
    question: str | None = None
    piece: int = 0
    written_at: datetime | None = None
    texts: tuple[str, ...] = ()
    wording: str = ""
    removed_at: datetime | None = None
    left: bool = True
    delivery: str = ""
    edits: int = 0
    media: tuple[Medium, ...] = ()
    elided: str = ""

    @property
    def removed(self) -> bool:
        return self.removed_at is not None

    @property
    def written_up(self) -> tuple[WriteUp, ...]:
        return tuple(one.write_up for one in self.media if one.write_up is not None)

    @property
    def full(self) -> str:
        """The words, then what was written up of what came besides them, each under its mark."""
        if not self.written_up:
            return self.text
        below = [f"{one.mark}\n{one.write_up.text}" for one in self.media if one.write_up is not None]
        return "\n".join([self.text, *below] if self.text.strip() else below)

    @property
    def marked(self) -> str:
        """The same, with a mark for what waits to be written up."""
        waiting = [one.mark for one in self.media if one.write_up is None]
        return " ".join([self.full, *waiting] if self.full.strip() else waiting) if waiting else self.full

    @property
    def words(self) -> int:
        """Words said, typed or written up; marks are none."""
        return words(self.text) + sum(words(one.text) for one in self.written_up)


@dataclass(frozen=True, slots=True)
class Answer:
    """One question that was asked, and everything that was said to it. `text` is empty where it was skipped.

    `who`: whose words they said it is, a value of `Who`, or '' where nobody said.
    """

    question: str
    section: str
    number: int
    progress: Progress
    prompted: bool
    who: str = ""
    parts: tuple[Turn, ...] = ()
    removed: int = 0
    asked: tuple[Turn, ...] = ()
    prompts: tuple[Turn, ...] = ()
    probes: tuple[Turn, ...] = ()
    replies: tuple[Turn, ...] = ()
    reminders: int = 0

    @property
    def text(self) -> str:
        """The stored answer: its messages in the order they came, each on lines of its own, with what is written up."""
        return "\n".join(part.full for part in self.parts)

    @property
    def marked(self) -> str:
        """The answer, with a mark for what waits to be written up."""
        return "\n".join(part.marked for part in self.parts)

    @property
    def words(self) -> int:
        return sum(part.words for part in self.parts)


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
