"""The interview schedule: sections of questions, consent statements and stock texts, in three wordings.

A schedule never changes. A changed one is another, with another `version`; an interview stays on the one it began with.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

PLACEHOLDERS = MappingProxyType(
    {
        "study": 20,
        "name": 15,
        "researcher": 15,
        "phone": 13,
        "day": 22,
        "time": 8,
        "channel": 8,
        "cutoff": 22,
        "n": 2,
        "total": 2,
        "version": 6,
        "code": 6,
        "amount": 4,
        "link": 40,
        "question": 17,
    }
)
"""What a text may leave open, with the longest value that may fill it, in characters."""

ALWAYS = frozenset({"study", "phone", "name", "researcher", "channel", "cutoff", "total", "version"})
"""Placeholders that are filled in every text to a participant."""

TO_STRANGERS = frozenset({"study", "phone"})
"""Placeholders that are filled in a text to somebody we do not know."""

ONLY_IN = MappingProxyType(
    {
        "call-booked": frozenset({"day", "time"}),
        "change-code": frozenset({"code"}),
        "change-link": frozenset({"link"}),
        "change-not-there": frozenset({"day", "time"}),
        "change-too-many": frozenset({"day", "time"}),
        "copy-asked": frozenset({"day", "time"}),
        "distress": frozenset({"day", "time"}),
        "distress-discreet": frozenset({"day", "time"}),
        "left-delete": frozenset({"day"}),
        "paused": frozenset({"day"}),
        "person-asked": frozenset({"day", "time"}),
        "person-asked-ended": frozenset({"day", "time"}),
        "person-asked-no-calls": frozenset({"day", "time"}),
        "person-overdue": frozenset({"day", "time"}),
        "person-overdue-no-calls": frozenset({"day", "time"}),
        "progress": frozenset({"n"}),
        "skip-first": frozenset({"n"}),
        "skip-hint": frozenset({"n"}),
        "undo": frozenset({"question"}),
        "voucher": frozenset({"amount"}),
    }
)
"""What these stock texts may leave open besides; in any other it would stay open, and the text could not be sent."""


def fillable(key: str) -> frozenset[str]:
    """The placeholders that are filled in the stock text of this name."""
    return TO_STRANGERS if key == "unknown-sender" else ALWAYS | ONLY_IN.get(key, frozenset())


SAY_WHO_HELPS = frozenset(
    {
        "distress",
        "distress-asked",
        "distress-discreet",
        "distress-discreet-asked",
        "help",
        "person-overdue",
        "person-overdue-no-calls",
        "thanks",
    }
)
"""Texts with numbers to call. Everybody gets today's, whatever version they began with: nobody is to call a number that
is not there any more."""


MUST_HOLD = MappingProxyType(
    {
        "call-booked": ("{day}", "{time}"),
        "change-address": ("{channel}",),
        "change-code": ("{code}",),
        "change-link": ("{link}",),
        "change-not-there": ("{day}",),
        "change-too-many": ("{day}",),
        "copy-asked": ("{day}",),
        "help": ("PERSON", "STOP"),
        "leave-ask": ("1", "2"),
        "leave-unclear": ("1", "2"),
        "left-delete": ("{day}",),
        "left-keep": ("{cutoff}",),
        "new-researcher": ("{researcher}",),
        "pause-ask": ("1", "2", "3", "4"),
        "pause-unclear": ("1", "2", "3", "4"),
        "paused": ("{day}", "READY"),
        "paused-open": ("READY",),
        "person-asked": ("{day}", "{time}"),
        "person-asked-ended": ("{day}", "{time}"),
        "person-asked-no-calls": ("{day}", "{time}"),
        "person-overdue": ("{day}", "{time}"),
        "person-overdue-no-calls": ("{day}", "{time}"),
        "progress": ("{n}",),
        "quota-full": ("{cutoff}", "YES", "NO"),
        "skip-first": ("SKIP",),
        "skip-hint": ("SKIP",),
        "stopped": ("READY", "LEAVE"),
        "template-reopen": ("YES",),
        "undo": ("{question}",),
        "voucher": ("{amount}",),
        "who-answered": ("1", "2", "3"),
    }
)
"""What these stock texts are there to say, in every wording: what is filled in, and what somebody can reply.

The words to reply are the same in every language: the program knows no others (`commands`).
"""


def lacking(texts: Mapping[str, Text]) -> Iterator[tuple[str, str]]:
    """What stock texts no longer say: the text it concerns, and a sentence with the mend.

    For texts as somebody writes them; a schedule that was stored keeps what it has.
    """
    for key, words in MUST_HOLD.items():
        for wording in Wording if key in texts else ():
            written = texts[key].worded(wording)
            for word in words:
                if not _says(written, word):
                    mend = f"put it in; this text must say {' and '.join(words)} in every wording"
                    yield key, f"{key}: {word} is missing in {wording.value}: {mend}"


def _says(written: str, word: str) -> bool:
    """A placeholder stands anywhere, a word to reply by itself."""
    return word in (written if word.startswith("{") else re.findall(r"\w+", written))


REQUIRED_TEXTS = frozenset(
    {
        "again-when-open",
        "answers-deleted",
        "back",
        "call-ask",
        "call-booked",
        "change-address",
        "change-channel",
        "change-code",
        "change-code-sent",
        "change-done",
        "change-expired",
        "change-unasked",
        "change-link",
        "change-no-address",
        "change-not-there",
        "change-too-many",
        "change-wrong-code",
        "check-answers",
        "check-answers-late",
        "consent-again",
        "consent-changed",
        "consent-declined",
        "consent-done",
        "consent-intro",
        "consent-unclear",
        "copy-asked",
        "copy-intro",
        "copy-late",
        "distress",
        "distress-asked",
        "distress-discreet",
        "distress-discreet-asked",
        "done-empty",
        "eligibility-intro",
        "file",
        "got-it",
        "help",
        "info-channel",
        "info-cost",
        "info-private",
        "info-what",
        "info-who",
        "leave-ask",
        "leave-unclear",
        "left-delete",
        "left-keep",
        "left-keep-late",
        "left-late",
        "no-earlier-question",
        "not-eligible",
        "nothing-open",
        "nothing-to-undo",
        "pause-ask",
        "pause-unclear",
        "paused",
        "paused-open",
        "person-asked",
        "person-asked-ended",
        "person-asked-no-calls",
        "person-overdue",
        "person-overdue-no-calls",
        "picture",
        "place-free",
        "progress",
        "quota-full",
        "reminder-1",
        "reminder-2",
        "skip-first",
        "skip-hint",
        "skipped",
        "stopped",
        "template-reopen",
        "thanks",
        "undo",
        "unknown-sender",
        "voice-note",
        "waiting-no",
        "waiting-yes",
        "welcome",
        "welcome-back",
        "who-answered",
    }
)
"""The stock texts that the interview itself sends; a study may have more."""


class Wording(StrEnum):
    """A variant of every text."""

    STANDARD = "standard"
    EASY_READ = "easy_read"
    SHORT = "short"


Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Words = Annotated[str, Field(min_length=1)]


def _prefix(written: str) -> str:
    if not re.fullmatch(r"[A-Z]{1,4}", written):
        raise ValueError("code_prefix must be one to four capital letters, such as P")
    return written


Prefix = Annotated[str, AfterValidator(_prefix)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Text(_Part):
    """Words in all three wordings; none may be missing."""

    standard: Words
    easy_read: Words
    short: Words

    def worded(self, wording: Wording) -> str:
        """This text in that wording, placeholders still open."""
        words: str = getattr(self, wording.value)
        return words

    @model_validator(mode="after")
    def _known_placeholders(self) -> Self:
        for wording in Wording:
            for name in re.findall(r"\{(.*?)\}", self.worded(wording)):
                if name not in PLACEHOLDERS:
                    known = _listed(PLACEHOLDERS)
                    raise ValueError(f"{{{name}}} in {wording.value} is not a placeholder; use one of {known}")
        return self


class Condition(_Part):
    """When a branch is taken: on an answer that is one of these, as a whole, or on an attribute of the person."""

    answer_is: tuple[str, ...] = ()
    attribute: str | None = None
    is_: str | None = Field(default=None, alias="is")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if bool(self.answer_is) == bool(self.attribute) or (self.attribute is None) != (self.is_ is None):
            raise ValueError("needs either answer_is, or attribute together with is")
        return self


def compared(answer: str) -> str:
    """An answer as branches know it: in small letters, without full stops and needless spaces."""
    return " ".join(answer.casefold().strip(" .!").split())


class Branch(_Part):
    when: Condition
    goto: Id


class Question(Text):
    """One question. A `follow_up` is only reached by a branch; `prompts` are stock follow-ups, `probes` a person's.

    After the answer to one with `handover` a person goes on.
    """

    id: Id
    prompts: tuple[Words, ...] = ()
    probes: tuple[Words, ...] = ()
    objectives: tuple[int, ...] = ()
    sensitive: bool = False
    optional: bool = False
    closing: bool = False
    follow_up: bool = False
    handover: bool = Field(default=False, exclude_if=lambda ends: not ends)  # older versions keep their name
    branches: tuple[Branch, ...] = ()


class Section(_Part):
    id: Id
    title: Words
    intro: Text | None = None
    questions: tuple[Question, ...] = Field(min_length=1)


class Statement(Text):
    """One consent statement; taking part needs a YES to every required one. `permits`: what a YES lets us do."""

    id: Id
    required: bool
    permits: Literal["other channel"] | None = None


class Eligibility(Text):
    """A YES or NO question about whether the study is for somebody who joins by an invitation.

    `qualifies` is the answer that lets them in.
    """

    id: Id
    qualifies: bool


STORED = {"stored": True}
"""Says that a schedule is read as it was stored: it was right then, and interviews are on it."""


class Schedule(_Part):
    """A cohort's whole interview in one language."""

    cohort: Id
    language: Words
    title: Words
    code_prefix: Prefix
    eligibility: tuple[Eligibility, ...] = Field(default=(), exclude_if=lambda asked: not asked)
    opening: tuple[tuple[str, ...], ...] = Field(min_length=1)
    statements: tuple[Statement, ...] = Field(min_length=1)
    sections: tuple[Section, ...] = Field(min_length=1)
    texts: dict[str, Text]

    @cached_property
    def version(self) -> str:
        """Twelve hexadecimal digits of the content's SHA-256."""
        return sha256(self.to_json().encode()).hexdigest()[:12]

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """Every question in order, follow-ups and the closing one too."""
        return tuple(question for section in self.sections for question in section.questions)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {question.id: place for place, question in enumerate(self.questions)}

    @cached_property
    def _numbers(self) -> dict[str, int]:
        numbers: dict[str, int] = {}
        number = 0
        for question in self.questions:
            number += not question.follow_up
            numbers[question.id] = number
        return numbers

    @cached_property
    def total(self) -> int:
        """How many questions a person is told of: follow-ups and the closing question are not counted."""
        return sum(not (question.follow_up or question.closing) for question in self.questions)

    def question(self, key: str) -> Question:
        """The question with this id. Raises KeyError."""
        return self.questions[self._places[key]]

    def place(self, key: str) -> int:
        """Where the question stands in order, from 0. Raises KeyError."""
        return self._places[key]

    def number(self, key: str) -> int:
        """The number a person sees: a follow-up has that of the question before it. Raises KeyError."""
        return self._numbers[key]

    def to_json(self) -> str:
        """The schedule as text: the same content gives the same text, and `from_json` reads it back."""
        return self.model_dump_json(by_alias=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """A schedule as it was stored, which may be older than a rule of today."""
        return cls.model_validate_json(text, context=STORED)

    def with_todays(self, texts: Mapping[str, Text]) -> Self:
        """The same schedule, of the same version, with today's texts that say who helps, or that did not exist yet."""
        assert self.version  # worked out now, from what was stored, and kept in the copy
        help_now = {key: texts[key] for key in SAY_WHO_HELPS & texts.keys()}
        return self.model_copy(update={"texts": {**texts, **self.texts, **help_now}})

    def with_statements(self, new: Iterable[Statement], order: Iterable[str] = ()) -> Self:
        """A version of its own: these statements in place of those of the same name, or besides them.

        `order`: the names in the order in which they are asked; what is not named comes last.
        """
        statements = {statement.id: statement for statement in (*self.statements, *new)}
        place = {key: number for number, key in enumerate(order)}
        ordered = sorted(statements.values(), key=lambda one: place.get(one.id, len(place)))
        return self.from_json(self.model_copy(update={"statements": tuple(ordered)}).to_json())

    @model_validator(mode="after")
    def _whole(self, info: ValidationInfo) -> Self:
        if info.context is STORED:
            return self
        problems = dict.fromkeys(problem for _, problem in self.problems())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def problems(self) -> Iterator[tuple[str, str]]:
        """What is wrong with the schedule as a whole: the id or text it concerns, and a sentence with the mend.

        What is wrong in several places, as with two of one name, comes as often.
        """
        questions = [question for section in self.sections for question in section.questions]
        yield from _twice([question.id for question in questions], "question")
        yield from _twice([statement.id for statement in self.statements], "consent statement")
        yield from _twice([asked.id for asked in self.eligibility], "eligibility question")
        for clash in {question.id for question in questions} & {statement.id for statement in self.statements}:
            yield from [(clash, f"{clash} is both a question and a consent statement; rename one")] * 2
        others = {question.id for question in questions} | {statement.id for statement in self.statements}
        for clash in {asked.id for asked in self.eligibility} & others:
            yield from [(clash, f"{clash} is an eligibility question and something else too; rename one")] * 2
        if not any(statement.required for statement in self.statements):
            yield self.statements[0].id, "no consent statement is required; mark at least one with required: true"
        yield from self._branch_problems(questions)
        yield from self._closing_problems(questions)
        yield from self._text_problems()
        yield from self._placeholder_problems()

    @staticmethod
    def _branch_problems(questions: list[Question]) -> Iterator[tuple[str, str]]:
        place = {question.id: number for number, question in enumerate(questions)}
        reached = {branch.goto for question in questions for branch in question.branches}
        for question in questions:
            for branch in question.branches:
                for answer in branch.when.answer_is:
                    if answer != compared(answer):
                        mend = f"write it as '{compared(answer)}'"
                        yield question.id, f"{question.id} waits for the answer '{answer}', which never comes; {mend}"
                if branch.goto not in place:
                    yield question.id, f"{question.id} branches to {branch.goto}, which is no question here"
                elif place[branch.goto] <= place[question.id]:
                    yield (
                        question.id,
                        f"{question.id} branches back to {branch.goto}, and would go round for ever; "
                        "branch to a later question",
                    )
            if question.follow_up and question.id not in reached:
                yield question.id, f"{question.id} is a follow-up that no branch reaches; add a branch or remove it"

    @staticmethod
    def _closing_problems(questions: list[Question]) -> Iterator[tuple[str, str]]:
        closing = [question.id for question in questions if question.closing]
        last = questions[-1]
        if closing != [last.id]:
            yield last.id, f"the last question, {last.id}, and only that one must have closing: true"
        if last.follow_up:
            yield last.id, f"{last.id} is the closing question and cannot be a follow-up"

    def _text_problems(self) -> Iterator[tuple[str, str]]:
        for key in sorted(REQUIRED_TEXTS - self.texts.keys()):
            mend = "copy it from the texts.yaml that came with this version, and make it yours"
            yield key, f"the text {key} is missing; every study needs it: {mend}"
        for key in sorted({key for group in self.opening for key in group} - self.texts.keys() - REQUIRED_TEXTS):
            yield "opening", f"the opening names {key}, which is no text here"

    def _placeholder_problems(self) -> Iterator[tuple[str, str]]:
        for section in self.sections:
            if section.intro:
                yield from _unfilled(section.id, section.intro, ALWAYS, "the intro")
            for question in section.questions:
                yield from _unfilled(question.id, question, ALWAYS | {"n"}, "a question")
                for prompt in question.prompts:
                    if "{" in prompt:
                        yield question.id, f"the prompt '{prompt}' has a placeholder; prompts are sent as they stand"
        for statement in self.statements:
            yield from _unfilled(statement.id, statement, ALWAYS, "a statement")
        for asked in self.eligibility:
            yield from _unfilled(asked.id, asked, ALWAYS, "an eligibility question")
        for key, text in self.texts.items():
            yield from _unfilled(key, text, fillable(key), "this text")


def _twice(ids: list[str], what: str) -> Iterator[tuple[str, str]]:
    for found, times in Counter(ids).items():
        if times > 1:
            yield from [(found, f"{times} {what}s are called {found}; give each its own id")] * times


def _unfilled(name: str, text: Text, filled: frozenset[str], what: str) -> Iterator[tuple[str, str]]:
    """Placeholders of the text that nothing would fill when it is sent."""
    for wording in Wording:
        words = text.worded(wording)
        for open_ in sorted(set(re.findall(r"\{(.*?)\}", words)) - filled):
            mend = f"take it out; {what} can hold {_listed(sorted(filled))}"
            yield name, f"{name}: {{{open_}}} in {wording.value} cannot be filled: {mend}"
        if re.search(r"[{}]", re.sub(r"\{\w+\}", "", words)):
            yield name, f"{name}: {wording.value} has a single {{ or }}; write a placeholder such as {{name}}, or none"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)
