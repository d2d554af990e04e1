"""One interview as the engine sees it: its state, its position, and what has been answered. No words of the person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self
from zoneinfo import ZoneInfo

from bot.interview.rota import Rota
from bot.interview.schedule import Schedule, Wording

YES = frozenset({"yes", "true", "1", "y", "on"})
"""How a column of the enrolment file says yes."""


class State(StrEnum):
    """Where an interview stands. Position says at which statement or question."""

    INVITED = "invited"
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
    ADDRESS = "address"


class Cause(StrEnum):
    """Why a person has, or is to have, the conversation."""

    NONE = ""
    SAFEGUARDING = "distress"
    PERSON = "person asked"
    CALL = "call asked"
    UNCLEAR = "unclear"
    TAKEN_OVER = "taken over"
    SCHEDULE = "schedule"


class Progress(StrEnum):
    """How far one question has come."""

    ASKED = "asked"
    SETTLED = "settled"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Answer:
    """The messages that belong to one question, by id, in the order they came.

    `prompted` once the one stock prompt was offered; `gotos` says of each part where a branch would lead if it were
    the whole answer.
    """

    progress: Progress = Progress.ASKED
    parts: tuple[int, ...] = ()
    prompted: bool = False
    gotos: tuple[str | None, ...] = ()

    @property
    def goto(self) -> str | None:
        """Where a branch leads, judged on the answer as a whole."""
        return self.gotos[0] if len(self.gotos) == 1 else None

    def plus(self, part: int, goto: str | None) -> Answer:
        """The answer with one more part."""
        return replace(self, parts=(*self.parts, part), gotos=(*self.gotos, goto))

    def minus(self, part: int) -> Answer:
        """The answer without this part."""
        kept = [(one, goto) for one, goto in zip(self.parts, self.gotos, strict=True) if one != part]
        return replace(self, parts=tuple(one for one, _ in kept), gotos=tuple(goto for _, goto in kept))


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
    def discreet(self) -> bool:
        """Whether others may see their phone."""
        return self.says("discreet")


@dataclass(frozen=True, slots=True)
class Pace:
    """The settings of pace that act on one interview. `quiet`: from and until, local minutes of the day."""

    settle: timedelta
    quiet: tuple[int, int] | None
    prompts: bool = False


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


@dataclass(frozen=True, slots=True)
class Interview:
    """One participant's way through one schedule version.

    `position` is the id of the statement or question that is open, or '' before the first and after the last.
    `heard` is the moment of the person's last message; `unclear` how often the open point was not understood;
    `until` when a pause ends by itself; `moving` the kind of channel they want to move to;
    `agreeing` while they are asked again whether they still agree, on a new channel. `cause`: why a person has, or is
    to have, the conversation; `holder`: who has it, once somebody took it. `calling`: since when people on the rota
    are being told so, until one has seen it, and `told` how many were. `signposted`: when the numbers to call last
    went.
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
    agreeing: bool = False
    cause: Cause = Cause.NONE
    holder: str = ""
    calling: datetime | None = None
    told: int = 0
    signposted: datetime | None = None

    @property
    def rota(self) -> Rota:
        """Who reads when."""
        return self.study.rota or Rota.usual(self.person.researcher, self.person.timezone)

    @property
    def distressed(self) -> bool:
        """Whether there were signs of distress that no person has released."""
        return self.cause is Cause.SAFEGUARDING

    @property
    def consented(self) -> bool:
        """Whether every required statement has a YES."""
        return all(self.consent.get(s.id) is True for s in self.schedule.statements if s.required)

    @property
    def answer(self) -> Answer:
        """What has been said to the open question so far."""
        return self.answers.get(self.position, Answer())

    def saved(self) -> dict[str, Any]:
        """The part that changes, as JSON can hold it."""
        return {
            "state": self.state.value,
            "position": self.position,
            "answers": {
                key: [a.progress.value, list(a.parts), a.prompted, list(a.gotos)] for key, a in self.answers.items()
            },
            "consent": dict(self.consent),
            "menu": self.menu and self.menu.value,
            "unclear": self.unclear,
            "heard": _written(self.heard),
            "until": _written(self.until),
            "moving": self.moving,
            "agreeing": self.agreeing,
            "cause": self.cause.value,
            "holder": self.holder,
            "calling": _written(self.calling),
            "told": self.told,
            "signposted": _written(self.signposted),
        }

    @classmethod
    def restored(
        cls, saved: Mapping[str, Any], *, schedule: Schedule, study: Study, person: Person, pace: Pace
    ) -> Self:
        """The interview that `saved` described."""
        return cls(
            schedule=schedule,
            study=study,
            person=person,
            pace=pace,
            state=State(saved["state"]),
            position=saved["position"],
            answers={
                key: Answer(Progress(progress), tuple(parts), prompted, tuple(gotos))
                for key, (progress, parts, prompted, gotos) in saved["answers"].items()
            },
            consent=saved["consent"],
            menu=Menu(saved["menu"]) if saved["menu"] else None,
            unclear=saved["unclear"],
            heard=_moment(saved["heard"]),
            until=_moment(saved["until"]),
            moving=saved.get("moving", ""),
            agreeing=saved.get("agreeing", False),
            cause=Cause(saved.get("cause", "")),
            holder=saved.get("holder", ""),
            calling=_moment(saved.get("calling")),
            told=saved.get("told", 0),
            signposted=_moment(saved.get("signposted")),
        )


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None
