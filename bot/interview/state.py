"""One interview as the engine sees it: its state, its position, and what has been answered. No words of the person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Self
from zoneinfo import ZoneInfo

from bot.interview.quiet import EVERY_DAY, Minutes, Rules
from bot.interview.reminders import Ladder
from bot.interview.rota import CallWay, Rota, Slot
from bot.interview.schedule import Schedule, Wording

AGREED_AGAIN = "consent-again"
"""The text that asks whether they still agree, and the name of what they say to it in the ledger."""

YES = frozenset({"yes", "true", "1", "y", "on"})
"""How a column of the enrolment file says yes."""


class State(StrEnum):
    """Where an interview stands. Position says at which statement or question."""

    INVITED = "invited"
    WAITING = "waiting"
    SCREENING = "screening"
    INELIGIBLE = "not eligible"
    CONSENT = "consent"
    ACTIVE = "active"
    PAUSED = "paused"
    STOPPED = "stopped"
    HANDOVER = "handover"
    DECLINED = "declined"
    COMPLETE = "complete"
    LEAVING = "leaving"
    LEFT = "left"


class Menu(StrEnum):
    """A short choice the person was offered and has not made yet."""

    PAUSE = "pause"
    LEAVE = "leave"
    CHANGE = "change"
    WHO = "who"
    CALL = "call"
    ADDRESS = "address"
    COPY = "copy"


class Who(StrEnum):
    """Whose words an answer is in."""

    OWN = "own words"
    HELP = "with help"
    BEHALF = "on behalf"


class Cause(StrEnum):
    """Why a person has, or is to have, the conversation."""

    NONE = ""
    SAFEGUARDING = "distress"
    PERSON = "person asked"
    CALL = "call asked"
    UNCLEAR = "unclear"
    TAKEN_OVER = "taken over"
    SCHEDULE = "schedule"
    CALL_SOON = "call soon"


class Progress(StrEnum):
    """How far one question has come."""

    ASKED = "asked"
    SETTLED = "settled"
    SKIPPED = "skipped"
    AHEAD = "ahead"
    """Not asked yet; what they said of it before, a researcher has put here."""


class Changing:
    """A frozen dataclass without slots, of which a changed copy is made in every turn."""

    def but(self, **changes: object) -> Self:
        """The same with these fields changed. `dataclasses.replace` takes twenty times as long."""
        known = self.__dict__
        made = {**known, **changes}
        if len(made) != len(known):
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(changes.keys() - known.keys()))}.")
        return self._made(made)

    @classmethod
    def whole(cls, **given: object) -> Self:
        """One with each of its fields given. A frozen class's own way to set them takes five times as long."""
        if given.keys() != cls.__annotations__.keys():
            raise TypeError(f"{cls.__name__} wants {', '.join(sorted(given.keys() ^ cls.__annotations__.keys()))}.")
        return cls._made(given)

    @classmethod
    def _made(cls, given: dict[str, object]) -> Self:
        made = object.__new__(cls)
        object.__setattr__(made, "__dict__", given)
        return made


@dataclass(frozen=True)
class Answer(Changing):
    """The messages that belong to one question, by id, in the order they came.

    `prompted` once the one stock prompt was offered; `gotos` says of each part where a branch would lead if it were
    the whole answer. `who`: whose words it is in, where that was said. `probes`: how often a researcher wrote to them
    about it.
    """

    progress: Progress = Progress.ASKED
    parts: tuple[int, ...] = ()
    prompted: bool = False
    gotos: tuple[str | None, ...] = ()
    who: Who | None = None
    probes: int = 0

    @property
    def goto(self) -> str | None:
        """Where a branch leads, judged on the answer as a whole."""
        return self.gotos[0] if len(self.gotos) == 1 else None

    def plus(self, part: int, goto: str | None) -> Answer:
        """The answer with one more part."""
        return self.but(parts=(*self.parts, part), gotos=(*self.gotos, goto))

    def holding(self, part: int, goto: str | None) -> Answer:
        """The answer with this part where it belongs in the order in which they came."""
        place = sum(one < part for one in self.parts)
        parts = (*self.parts[:place], part, *self.parts[place:])
        return self.but(parts=parts, gotos=(*self.gotos[:place], goto, *self.gotos[place:]))

    def minus(self, part: int) -> Answer:
        """The answer without this part."""
        kept = [(one, goto) for one, goto in zip(self.parts, self.gotos, strict=True) if one != part]
        return self.but(parts=tuple(one for one, _ in kept), gotos=tuple(goto for _, goto in kept))


@dataclass(frozen=True, slots=True)
class Person:
    """What the engine may know of a participant: enough to word a message, nothing that finds them."""

    name: str
    wording: Wording
    channel: str
    timezone: ZoneInfo
    researcher: str
    cutoff: date
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def says(self, attribute: str) -> bool:
        """Whether the person's attribute of that name is a yes."""
        return self.attributes.get(attribute, "").strip().casefold() in YES

    @property
    def guarded(self) -> bool:
        """Whether they have said how the team may safely reach them."""
        return bool(self.attributes.get("safe_contact", "").strip())

    @property
    def discreet(self) -> bool:
        """Whether others may see their phone."""
        return self.says("discreet")


NO_LADDER = Ladder(steps=())


@dataclass(frozen=True, slots=True)
class Pace:
    """The settings of pace that act on one interview: the study's, and over them the person's own.

    `quiet`: from and until, local minutes of the day. `prompts`: stock follow-ups may be offered. `hours`, `days`,
    `away`, `bank_holidays` and `most` a day: see `quiet.Rules`. `review`: so much working time passes before the next
    question, None until a person says so. `questions_a_day`: 0 for as many as they like. `ladder`: the reminders.
    """

    settle: timedelta
    quiet: Minutes | None
    prompts: bool = False
    hours: Minutes | None = None
    days: frozenset[int] = EVERY_DAY
    away: tuple[tuple[date, date], ...] = ()
    bank_holidays: bool = True
    most: int = 4
    review: timedelta | None = timedelta()
    questions_a_day: int = 0
    ladder: Ladder = NO_LADDER

    def rules(self, zone: ZoneInfo) -> Rules:
        """When something unasked may go. Raises ValueError where that is never."""
        return Rules(zone, self.quiet, self.hours, self.days, self.away, self.bank_holidays, self.most)


@dataclass(frozen=True, slots=True)
class Study:
    """What every text may name of the study.

    `channels` are the kinds that people may move to, each with its name; `agree_again` asks for consent there again.
    `rota` says who reads when; without one the person's researcher reads on weekdays from nine to five.
    """

    name: str
    phone: str
    channels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    agree_again: bool = False
    rota: Rota | None = None


@dataclass(frozen=True)
class Interview(Changing):
    """One participant's way through one schedule version.

    `position` is the id of the statement or question that is open, or '' before the first and after the last.
    `heard` is the moment of the person's last message; `unclear` how often the open point was not understood;
    `until` when a pause ends by itself; `moving` the kind of channel they want to move to;
    `again`: what they are to agree to once more before anything else: statements that were changed since they were put
    to them, and AGREED_AGAIN on a new channel. `cause`: why a person has, or is
    to have, the conversation; `holder`: who has it, once somebody took it. `calling`: since when people on the rota
    are being told so, until one has seen it, and `told` how many were. `signposted`: when the numbers to call last
    went. `assured`: when they had last asked again for a person, and somebody was told. `promised`: by when they were
    first told that one writes, until one has, or it was seen to in another way.
    `unasked`: when unrequested messages of the last two days went or are to go. `opened`: when questions were, in those
    days. `asked`: when our last message that waits for the person went or is to go, None once they wrote. `reminded`:
    every reminder. `away`: their mailbox answered by itself since our last message. `beckoned`: they were told only
    that a message is ready. `who`: whose words they say that they write. `slots`: times for a
    call that they were offered; `call` the one they took. `joined`: they came in by an invitation of their own.
    """

    schedule: Schedule
    study: Study
    person: Person
    pace: Pace
    state: State = State.INVITED
    position: str = ""
    answers: Mapping[str, Answer] = field(default_factory=lambda: MappingProxyType({}))
    consent: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    menu: Menu | None = None
    unclear: int = 0
    heard: datetime | None = None
    until: datetime | None = None
    moving: str = ""
    again: tuple[str, ...] = ()
    cause: Cause = Cause.NONE
    holder: str = ""
    calling: datetime | None = None
    told: int = 0
    signposted: datetime | None = None
    assured: datetime | None = None
    promised: datetime | None = None
    unasked: tuple[datetime, ...] = ()
    opened: tuple[datetime, ...] = ()
    asked: datetime | None = None
    reminded: tuple[datetime, ...] = ()
    away: bool = False
    beckoned: bool = False
    who: Who | None = None
    slots: tuple[Slot, ...] = ()
    call: Slot | None = None
    joined: bool = False

    @property
    def wants_messages(self) -> bool:
        """Whether they have not ended it, and have not said no."""
        return self.state not in (State.STOPPED, State.DECLINED, State.INELIGIBLE, State.LEAVING, State.LEFT)

    @property
    def rota(self) -> Rota:
        """Who reads when."""
        return self.study.rota or Rota.usual(self.person.researcher, self.person.timezone)

    @property
    def distressed(self) -> bool:
        """Whether there were signs of distress that no person has released."""
        return self.cause is Cause.SAFEGUARDING

    def overdue(self, now: datetime) -> bool:
        """Whether a person was to have written by now, and none has."""
        return self.promised is not None and self.promised <= now

    @property
    def agreeing(self) -> bool:
        """Whether they are asked once more what they agree to."""
        return bool(self.again)

    @property
    def open_point(self) -> str:
        """What a message of theirs would answer now: the open statement or question, or whether they still agree.

        A changed statement is another point than the one they know: what was said to that does not count for it.
        """
        if not self.again:
            return self.position
        return AGREED_AGAIN if self.again[0] == AGREED_AGAIN else f"{self.again[0]} {self.schedule.version[:6]}"

    @property
    def between(self) -> bool:
        """Whether the open question has its answer, and nothing but the next one is still to come."""
        return self.state is State.ACTIVE and not self.again and self.answer.progress is Progress.SETTLED

    @property
    def consented(self) -> bool:
        """Whether every required statement has a YES; one that changed since counts until they are heard."""
        waits = self.again if self.answers else ()
        required = (s.id for s in self.schedule.statements if s.required)
        return all(self.consent.get(key) is True or key in waits for key in required)

    @property
    def refused(self) -> tuple[str, ...]:
        """The required statements that have no YES, nor are to be asked again."""
        required = (s.id for s in self.schedule.statements if s.required)
        return tuple(key for key in required if self.consent.get(key) is not True and key not in self.again)

    def permits(self, what: str) -> bool:
        """Whether the person said YES to the statement that lets us do this, in the words that it has now."""
        agreed = {key for key, yes in self.consent.items() if yes and key not in self.again}
        return any(s.id in agreed for s in self.schedule.statements if s.permits == what)

    @property
    def answer(self) -> Answer:
        """What has been said to the open question so far."""
        return self.answers.get(self.position, Answer())

    @property
    def progress(self) -> str:
        """How far each question came, as one line to count by: 'q1:settled q2:asked'."""
        return " ".join([f"{key}:{answer.progress}" for key, answer in self.answers.items()])

    def saved(self) -> dict[str, Any]:
        """The part that changes, as JSON can hold it; of what not every interview has, only what it has."""
        known = self.__dict__
        return {
            "state": self.state.value,
            "position": self.position,
            "answers": {
                key: [a.progress.value, list(a.parts), a.prompted, list(a.gotos), a.who and a.who.value, a.probes]
                for key, a in self.answers.items()
            },
            "consent": dict(self.consent),
            "menu": self.menu and self.menu.value,
            "unclear": self.unclear,
            "heard": _written(self.heard),
            "until": _written(self.until),
            **{name: write(known[name]) for name, (write, _) in _BESIDES.items() if known[name]},
        }

    @classmethod
    def restored(
        cls, saved: Mapping[str, Any], *, schedule: Schedule, study: Study, person: Person, pace: Pace
    ) -> Self:
        """The interview that `saved` described."""
        besides = {name: read(saved[name]) for name, (_, read) in _BESIDES.items() if saved.get(name)}
        if saved.get("agreeing") and "again" not in saved:  # as it was called once
            besides["again"] = (AGREED_AGAIN,)
        return cls.whole(
            schedule=schedule,
            study=study,
            person=person,
            pace=pace,
            state=State(saved["state"]),
            position=saved["position"],
            answers={key: _answer(*written) for key, written in saved["answers"].items()},
            consent=saved["consent"],
            menu=Menu(saved["menu"]) if saved["menu"] else None,
            unclear=saved["unclear"],
            heard=_moment(saved["heard"]),
            until=_moment(saved["until"]),
            **{**_WITHOUT, **besides},
        )


def _answer(
    progress: str, parts: list[int], prompted: bool, gotos: list[str | None], who: str | None = None, probes: int = 0
) -> Answer:
    return Answer.whole(
        progress=_PROGRESS[progress],
        parts=tuple(parts),
        prompted=prompted,
        gotos=tuple(gotos),
        who=Who(who) if who else None,
        probes=probes,
    )


_PROGRESS = {str(progress): progress for progress in Progress}


def _written(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return _in_utc(moment) if moment.tzinfo is UTC else moment.isoformat()


@lru_cache(256)  # most moments of an interview are the same from one turn to the next
def _in_utc(moment: datetime) -> str:
    return moment.isoformat()


def _moment(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None


def _moments_written(moments: Iterable[datetime]) -> list[str | None]:
    return [_written(moment) for moment in moments]


def _moments(written: Iterable[str]) -> tuple[datetime, ...]:
    return tuple(datetime.fromisoformat(each) for each in written)


def _slot_written(slot: Slot) -> list[Any]:
    return [slot.number, slot.researcher, slot.way.value, slot.start.isoformat(), slot.end.isoformat()]


def _slot(written: list[Any]) -> Slot:
    number, researcher, way, start, end = written
    return Slot(number, researcher, CallWay(way), datetime.fromisoformat(start), datetime.fromisoformat(end))


def _slots_written(slots: Iterable[Slot]) -> list[list[Any]]:
    return [_slot_written(slot) for slot in slots]


def _slots(written: Iterable[list[Any]]) -> tuple[Slot, ...]:
    return tuple(_slot(each) for each in written)


_MOMENT, _MOMENTS = (_written, _moment), (_moments_written, _moments)

_BESIDES: Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "moving": (str, str),
    "again": (list, tuple),
    "cause": (str, Cause),
    "holder": (str, str),
    "calling": _MOMENT,
    "told": (int, int),
    "signposted": _MOMENT,
    "assured": _MOMENT,
    "promised": _MOMENT,
    "unasked": _MOMENTS,
    "opened": _MOMENTS,
    "asked": _MOMENT,
    "reminded": _MOMENTS,
    "away": (bool, bool),
    "beckoned": (bool, bool),
    "who": (str, Who),
    "slots": (_slots_written, _slots),
    "call": (_slot_written, _slot),
    "joined": (bool, bool),
}
"""How what not every interview has is written and read; where it has none of it, the field is empty."""

_WITHOUT = {one.name: one.default for one in fields(Interview) if one.name in _BESIDES}
