"""What an export reads: one participant at a time, in the order of the codes, all on one state of the database.

Everything that becomes of a stored row is decided here: a new column or table is added in `_Loader` and in the classes
below, and every export has it. At most one participant's words are in memory at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cache, cached_property
from itertools import pairwise
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, select
from sqlalchemy.engine import RowMapping

from bot.export.identifiers import ORDINARY
from bot.interview.events import TaskKind
from bot.interview.schedule import Schedule
from bot.interview.state import Progress
from bot.records.participants import channel_name
from bot.records.prepared import Prepared, Row
from bot.records.tables import (
    addresses,
    consents,
    data_keys,
    interviews,
    media,
    messages,
    outbox,
    schedules,
    tasks,
    withdrawals,
)
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork

T = TypeVar("T")
Track = Callable[[str, Collection[T]], Iterable[T]]
"""Shows how far a long work has come: what it is, and the things that are gone through."""


def untracked(label: str, things: Collection[T]) -> Iterable[T]:
    """No progress bar."""
    return things


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


@dataclass
class Survey:
    """What must be known of all cases before the first is written: gathered in one pass, without keeping words."""

    attributes: dict[str, None] = field(default_factory=dict)
    longest: dict[tuple[str, str], int] = field(default_factory=dict)
    last: datetime | None = None
    empty: int = 0
    answers: int = 0
    turns: int = 0

    def see(self, case: Case) -> None:
        self.attributes.update(dict.fromkeys(case.attributes))
        self.turns += len(case.turns)
        for answer in case.answers:
            key = (case.head.cohort, answer.question)
            self.longest[key] = max(self.longest.get(key, 0), utf16(answer.text))
            self.answers += bool(answer.parts)
            self.empty += bool(answer.parts) and not answer.text.strip()
        moments = [case.enrolled_at, *(turn.at for turn in case.turns)]
        self.last = max([*moments, self.last] if self.last else moments)


class Study:
    """Everybody whose record may leave, read on one state of the database.

    By default only those who consented to everything required; never those whose key is destroyed. Words are
    tidied: line ends are LF, and characters that no document can hold are shown as U+FFFD.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        zone: ZoneInfo,
        *,
        originals: bool = False,
        named: bool = False,
        codes: Collection[str] = (),
        scope: Scope = Scope.CONSENTED,
        agreed_to: str = "",
        track: Track[Head] = untracked,
    ) -> None:
        self.uow = uow
        self.zone = zone
        self.originals = originals
        self.track = track
        self.researchers = _researchers(uow, named)
        self.heads = tuple(_heads(uow, {code.strip().upper() for code in codes}, scope))
        if agreed_to:
            willing = _willing(uow, agreed_to)
            self.heads = tuple(head for head in self.heads if head.id in willing)
        self.survey = Survey()

    def cases(self, label: str) -> Iterator[Case]:
        """Each case in turn, under a progress bar that says `label`."""
        load = _Loader(self.uow, self.researchers, self.originals)
        for head in self.track(label, self.heads):
            yield load.case(head)

    @cached_property
    def cohorts(self) -> tuple[Cohort, ...]:
        """The cohorts there are cases of; their schedules, every stored version, from the oldest to the newest."""
        rows = self.uow.all(select(schedules).order_by(schedules.c.added_at, schedules.c.version))
        return tuple(
            Cohort(name, tuple(self.uow.schedule(row["version"]) for row in rows if row["cohort"] == name))
            for name in dict.fromkeys(head.cohort for head in self.heads)
        )

    def day(self, moment: datetime) -> str:
        """A day in the study's zone: '24 November 2026'."""
        local = moment.astimezone(self.zone)
        return f"{local.day} {local:%B %Y}"

    def clock(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.zone):%H:%M}"


# Loading one case

_PERSON = Prepared(
    select(
        people.c.name,
        people.c.wording,
        people.c.attributes,
        people.c.created_at,
        data_keys.c.wrapped,
        interviews.c.saved,
    )
    .join(data_keys, data_keys.c.id == people.c.key_id)
    .join(interviews, interviews.c.participant_id == people.c.id)
    .where(people.c.id == bindparam("of"))
)
_MESSAGES = Prepared(
    select(
        messages.c.id,
        messages.c.direction,
        messages.c.channel,
        messages.c.author,
        messages.c.belongs,
        messages.c.question,
        messages.c.texts,
        messages.c.wording,
        messages.c.body,
        messages.c.written_at,
        messages.c.at,
        messages.c.removed_at,
        messages.c.replaces,
    )
    .where(messages.c.participant_id == bindparam("of"))
    .order_by(messages.c.id)
)
_LEAVING = Prepared(
    select(outbox.c.message_id, outbox.c.state, outbox.c.delivery, outbox.c.claimed_at)
    .where(outbox.c.participant_id == bindparam("of"))
    .order_by(outbox.c.seq)
)
_MEDIA = Prepared(
    select(media.c.message_id, media.c.kind, media.c.seconds)
    .join(messages, messages.c.id == media.c.message_id)
    .where(messages.c.participant_id == bindparam("of"))
    .order_by(media.c.id)
)
_LEDGER = Prepared(
    select(consents.c.statement, consents.c.agreed)
    .where(consents.c.participant_id == bindparam("of"))
    .order_by(consents.c.id)
)
_ADDRESSES = Prepared(select(addresses.c.kind, addresses.c.value).where(addresses.c.participant_id == bindparam("of")))
_THEIRS = frozenset({"answer", "late", "conversation", "aside", "consent", "command", "choice", "unread"})
LEFT_US = frozenset({"accepted", "unknown", "refused"})
"""States of the outbox in which a message was handed over, or may have been."""


class _Loader:
    """Rows of one participant, as a case."""

    def __init__(self, uow: UnitOfWork, researchers: Mapping[str, str], originals: bool) -> None:
        self.uow = uow
        self.researchers = researchers
        self.originals = originals
        self._prompts: dict[str, Mapping[str, frozenset[str]]] = {}

    def case(self, head: Head) -> Case:
        of = {"of": head.id}
        (person,) = self.uow.run(_PERSON, of)
        key = self.uow.vault.data_key(person["wrapped"])
        schedule = self.uow.schedule(head.version)
        leaving = {row["message_id"]: row for row in self.uow.run(_LEAVING, of)}
        played = self._played(of, key)
        hide = None if self.originals else _Hiding(key.open(person["name"], "name"), head.code, self.researchers)
        rows = self.uow.run(_MESSAGES, of)
        forms = _forms(rows)
        came_along = self._media(of)
        turns = _placed(
            self._turn(row, key.open(forms[row["id"]][0]["body"], "body"), head, leaving.get(row["id"]), played, hide)
            for row in rows
            if row["id"] in forms
        )
        turns = tuple(_with_form(turn, *forms[turn.id], came_along) for turn in turns)
        ledger = {row["statement"]: row["agreed"] for row in self.uow.run(_LEDGER, of)}
        return Case(
            head=head,
            schedule=schedule,
            language=schedule.language,
            wording=person["wording"],
            attributes={
                name: tidy(value) for name, value in json.loads(key.open(person["attributes"], "attributes")).items()
            },
            consent=ledger,
            enrolled_at=person["created_at"],
            turns=turns,
            answers=tuple(_answers(schedule, person["saved"]["answers"], turns)),
        )

    def _media(self, of: dict[str, int]) -> dict[int, tuple[str, ...]]:
        """What came besides words, by message: 'voice note 1:32'."""
        found: dict[int, tuple[str, ...]] = {}
        for row in self.uow.run(_MEDIA, of):
            found[row["message_id"]] = (*found.get(row["message_id"], ()), media_word(row["kind"], row["seconds"]))
        return found

    def _played(self, of: dict[str, int], key: Any) -> str:
        """The channel that a simulated phone plays."""
        for row in self.uow.run(_ADDRESSES, of):
            if row["kind"] == "simulator":
                return channel_name(row["kind"], key, row["value"])
        return "simulator"

    def _turn(self, row: Row, body: str, head: Head, leaving: Row | None, played: str, hide: _Hiding | None) -> Turn:
        incoming = row["direction"] == "in"
        speaker = Speaker.PARTICIPANT if incoming else Speaker.BOT if row["author"] == "bot" else Speaker.RESEARCHER
        text = tidy(body)
        return Turn(
            id=row["id"],
            speaker=speaker,
            author=head.code if incoming else self.researchers.get(row["author"], "Bot"),
            kind=self._kind(row, speaker, text, head.version),
            text=text if incoming or hide is None else hide.hidden(text),
            at=leaving["claimed_at"] or row["at"] if leaving else row["at"],
            channel=played if row["channel"] == "simulator" else channel_word(row["channel"]),
            question=None if row["question"] in self._statements(head.version) else row["question"],
            written_at=row["written_at"],
            texts=tuple((row["texts"] or "").split()),
            wording=row["wording"] or "",
            removed_at=row["removed_at"],
            left=incoming or (leaving is not None and leaving["state"] in LEFT_US),
            delivery="" if leaving is None else _delivery(leaving),
        )

    def _kind(self, row: Row, speaker: Speaker, text: str, version: str) -> Kind:
        if speaker is Speaker.PARTICIPANT:
            return Kind(row["belongs"]) if row["belongs"] in _THEIRS else Kind.OTHER
        if speaker is Speaker.RESEARCHER:
            return Kind.PROBE
        if any(name.startswith("reminder") for name in (row["texts"] or "").split()):
            return Kind.REMINDER
        if row["question"] is None or row["texts"] or row["question"] in self._statements(version):
            return Kind.STOCK
        return Kind.PROMPT if text in self._stock_prompts(version).get(row["question"], ()) else Kind.QUESTION

    @cache  # noqa: B019  # a loader lives as long as one pass
    def _statements(self, version: str) -> frozenset[str]:
        return frozenset(statement.id for statement in self.uow.schedule(version).statements)

    def _stock_prompts(self, version: str) -> Mapping[str, frozenset[str]]:
        if version not in self._prompts:
            questions = self.uow.schedule(version).questions
            self._prompts[version] = {q.id: frozenset(tidy(prompt) for prompt in q.prompts) for q in questions}
        return self._prompts[version]


def _forms(rows: Sequence[Row]) -> dict[int, tuple[Row, int]]:
    """Of each message the newest form and how often it was changed, by the id of the first; those without words not."""
    found: dict[int, tuple[Row, int]] = {}
    for row in rows:
        if row["body"] is not None:
            first = row["replaces"] or row["id"]
            found[first] = (row, found[first][1] + 1 if first in found else 0)
    return found


def _with_form(turn: Turn, newest: Row, edits: int, came_along: Mapping[int, tuple[str, ...]]) -> Turn:
    """The turn with what came besides words, and how often it was changed."""
    media_ = came_along.get(newest["id"], ())
    return replace(turn, edits=edits, media=media_) if edits or media_ else turn


class _Hiding:
    """Takes the participant's own name, and the name a researcher signs with, out of what was written to them."""

    def __init__(self, name: str, code: str, researchers: Mapping[str, str]) -> None:
        known = {word: f"[{code}]" for word in [name, *name.split()] if len(word) > 1}
        known |= {name: shown for name, shown in researchers.items() if name != shown}
        self._known = {word.casefold(): shown for word, shown in known.items()}
        forms = [re.escape(word) if word.casefold() in ORDINARY else f"(?i:{re.escape(word)})" for word in known]
        forms.sort(key=len, reverse=True)
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(forms)})(?!\w)") if forms else None

    def hidden(self, text: str) -> str:
        """The text with the code in brackets where the name was."""
        return self._pattern.sub(lambda found: self._known[found[0].casefold()], text) if self._pattern else text


def _placed(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """The turns; what a researcher wrote belongs to the question that was asked last."""
    placed: list[Turn] = []
    last = None
    for turn in turns:
        if turn.kind is Kind.QUESTION and turn.left:
            last = turn.question
        placed.append(replace(turn, question=last) if turn.kind is Kind.PROBE and turn.question is None else turn)
    return tuple(placed)


def _answers(schedule: Schedule, saved: Mapping[str, Any], turns: tuple[Turn, ...]) -> Iterator[Answer]:
    """One for each question that was asked, in the order of the schedule; then those of an earlier version."""
    of: dict[str, list[Turn]] = {}
    for turn in turns:
        if turn.question is not None:
            of.setdefault(turn.question, []).append(turn)
    reminders = _reminders(turns)
    known = {question.id: section.id for section in schedule.sections for question in section.questions}
    for key in [*known, *(key for key in of if key not in known)]:
        if key not in saved and key not in of:
            continue
        said = [turn for turn in of.get(key, []) if turn.left]
        kept = [turn for turn in said if not turn.removed]
        progress, _, prompted, *_ = saved.get(key, ("asked", [], False))
        yield Answer(
            question=key,
            section=known.get(key, ""),
            number=schedule.number(key) if key in known else 0,
            progress=Progress(progress),
            prompted=prompted,
            parts=tuple(turn for turn in kept if turn.kind in ANSWERS),
            removed=sum(turn.removed for turn in said),
            asked=tuple(turn for turn in kept if turn.kind is Kind.QUESTION),
            prompts=tuple(turn for turn in kept if turn.kind is Kind.PROMPT),
            probes=tuple(turn for turn in kept if turn.kind is Kind.PROBE),
            replies=tuple(turn for turn in kept if turn.kind is Kind.CONVERSATION),
            reminders=reminders.get(key, 0),
        )


def _reminders(turns: tuple[Turn, ...]) -> dict[str, int]:
    """How many reminders came while each question was open and before it had an answer."""
    counted: dict[str, int] = {}
    open_question, answered = None, False
    for turn in turns:
        if turn.kind is Kind.QUESTION:
            open_question, answered = turn.question, False
        elif turn.kind in ANSWERS and turn.question == open_question:
            answered = True
        elif turn.kind is Kind.REMINDER and turn.left and open_question and not answered:
            counted[open_question] = counted.get(open_question, 0) + 1
    return counted


def _delivery(row: Row) -> str:
    if row["state"] == "accepted":
        return row["delivery"] or "accepted"
    return str(row["state"])


def _heads(uow: UnitOfWork, codes: Collection[str], scope: Scope) -> list[Head]:
    to_be_deleted = select(tasks.c.participant_id).where(
        tasks.c.kind == TaskKind.DELETE.value, tasks.c.participant_id.is_not(None)
    )
    query = (
        select(
            people.c.id,
            people.c.code,
            people.c.cohort,
            interviews.c.version,
            interviews.c.state,
            interviews.c.position,
            interviews.c.saved,
        )
        .join(interviews, interviews.c.participant_id == people.c.id)
        .join(data_keys, data_keys.c.id == people.c.key_id)
        .where(data_keys.c.wrapped.is_not(None))
    )
    deleted = select(withdrawals.c.participant_id).where(withdrawals.c.kept.is_(False))
    query = query.where(people.c.id.not_in(deleted))
    if scope is not Scope.ALL:
        query = query.where(people.c.id.not_in(to_be_deleted))
    if codes:
        query = query.where(people.c.code.in_(sorted(codes)))
    found = [_head(uow, row) for row in uow.execute(query).mappings()]
    wanted = (head for head in found if head.consented or scope is not Scope.CONSENTED)
    return sorted(wanted, key=lambda head: (head.cohort, natural(head.code)))


def _head(uow: UnitOfWork, row: RowMapping) -> Head:
    said = row["saved"]["consent"]
    required = (one.id for one in uow.schedule(row["version"]).statements if one.required)
    return Head(
        id=row["id"],
        code=row["code"],
        cohort=row["cohort"],
        version=row["version"],
        state=row["state"],
        position=row["position"],
        consented=all(said.get(key) is True for key in required),
    )


def _willing(uow: UnitOfWork, statement: str) -> set[int]:
    """Who last answered YES to a consent statement, called by its id or the part of it before the first hyphen."""
    query = select(consents.c.participant_id, consents.c.statement, consents.c.agreed).order_by(consents.c.id)
    last = {
        row["participant_id"]: row["agreed"]
        for row in uow.execute(query).mappings()
        if statement in (row["statement"], row["statement"].partition("-")[0])
    }
    return {person for person, yes in last.items() if yes}


def _researchers(uow: UnitOfWork, named: bool) -> dict[str, str]:
    """Each researcher's name with what stands for it: R01, R02 in the order in which they first wrote."""
    query = (
        select(messages.c.author)
        .where(messages.c.direction == "out", messages.c.author != "bot", messages.c.participant_id.is_not(None))
        .group_by(messages.c.author)
        .order_by(func.min(messages.c.id))
    )
    names = [row["author"] for row in uow.all(query)]
    return {name: name if named else f"R{number:02}" for number, name in enumerate(names, start=1)}


# Small things that every export needs

_UNFIT = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffe\uffff]")


def tidy(text: str) -> str:
    """The text as documents can hold it (XML 1.0, section 2.2): LF line ends, and U+FFFD for what is no character."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0b", "\n").replace("\x0c", "\n")
    return _UNFIT.sub("\ufffd", text)


def words(text: str) -> int:
    return len(text.split())


def utf16(text: str) -> int:
    """The length in UTF-16 units, as Excel counts characters."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def natural(code: str) -> tuple[tuple[str, int], ...]:
    """P2 before P10."""
    return tuple((letters, int(digits or 0)) for letters, digits in re.findall(r"(\D*)(\d*)", code))


def channel_word(kind: str) -> str:
    return {"sms": "text message", "whatsapp": "WhatsApp", "telegram": "Telegram", "email": "email"}.get(kind, kind)


def media_word(kind: str, seconds: int | None) -> str:
    """What came besides words, as a reader is told of it."""
    word = {"voice": "voice note"}.get(kind, kind)
    return word if seconds is None else f"{word} {seconds // 60}:{seconds % 60:02}"


def merged(orders: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Several orders as one: what only some have stands after what it followed there."""
    whole: list[str] = []
    for order in orders:
        place = 0
        for name in order:
            if name in whole:
                place = whole.index(name) + 1
            else:
                whole.insert(place, name)
                place += 1
    return tuple(whole)


def seconds_between(turns: Iterable[Turn]) -> list[int]:
    """The seconds from each turn to the next."""
    return [int((later.at - earlier.at).total_seconds()) for earlier, later in pairwise(turns)]
