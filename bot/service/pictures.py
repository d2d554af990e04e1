"""How the study goes over time, how soon people answer, and where they rest. Nobody is named, and no answer is read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy import Integer, String, bindparam, cast, func, literal, select

from bot.interview.state import Progress, State
from bot.records.participants import CHANNEL_NAMES
from bot.records.prepared import Prepared, Row
from bot.records.tables import consents, interviews, messages, outbox
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork

MOST_WEEKS = 104
"""So many of the last weeks are shown."""

LATEST = 1000
"""So many of the last answers tell how soon people answer now; a study that grows costs no more to look at."""

SPANS = (
    ("Within 10 minutes", timedelta(minutes=10)),
    ("Within an hour", timedelta(hours=1)),
    ("Within 6 hours", timedelta(hours=6)),
    ("Within a day", timedelta(days=1)),
    ("Within 3 days", timedelta(days=3)),
    ("Within a week", timedelta(days=7)),
    ("Later", timedelta.max),
)


@dataclass(frozen=True, slots=True)
class Week:
    """How many there were by the end of the week that begins on this Monday."""

    start: date
    enrolled: int
    agreed: int
    finished: int


@dataclass(frozen=True, slots=True)
class Question:
    """How many were asked it, and what became of that. `rest`: it is the open point of an interview not finished."""

    id: str
    asked: int
    answered: int
    skipped: int
    rest: int


@dataclass(frozen=True, slots=True)
class Cohort:
    """One group of people, week by week and question by question."""

    name: str
    weeks: Sequence[Week]
    questions: Sequence[Question]


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon the last answers on one channel came after their question. `spans` as in SPANS."""

    channel: str
    answers: int
    median: timedelta
    spans: Mapping[str, int]


# Week by week, and question by question

_agreed = select(consents.c.participant_id, func.max(consents.c.at).label("at")).group_by(consents.c.participant_id)
_last_consent = _agreed.subquery()
_EVERYBODY = Prepared(
    select(
        people.c.cohort,
        people.c.created_at,
        _last_consent.c.at.label("agreed_at"),
        interviews.c.state,
        interviews.c.position,
        interviews.c.saved,
        interviews.c.version,
        interviews.c.changed_at,
    )
    .join(interviews, interviews.c.participant_id == people.c.id)
    .outerjoin(_last_consent, _last_consent.c.participant_id == people.c.id)
)


@dataclass
class _Counted:
    """What is counted in one cohort; days count under the Monday of their week."""

    versions: set[str] = field(default_factory=set)
    enrolled: Counter[date] = field(default_factory=Counter)
    agreed: Counter[date] = field(default_factory=Counter)
    finished: Counter[date] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    rest: Counter[str] = field(default_factory=Counter)

    def see(self, row: Row, zone: ZoneInfo) -> None:
        answers = row["saved"]["answers"]
        self.versions.add(row["version"])
        self.enrolled[_monday(row["created_at"], zone)] += 1
        if answers and row["agreed_at"]:
            self.agreed[_monday(row["agreed_at"], zone)] += 1
        finished = row["state"] == State.COMPLETE.value
        if finished:
            self.finished[_monday(row["changed_at"], zone)] += 1
        elif row["position"] in answers:
            self.rest[row["position"]] += 1
        for question, (progress, parts, *_) in answers.items():
            self.asked[question] += progress != Progress.AHEAD.value
            self.answered[question] += bool(parts)
            self.skipped[question] += progress == Progress.SKIPPED.value


def cohorts(uow: UnitOfWork, zone: ZoneInfo) -> list[Cohort]:
    """Every cohort, by name; one question to the database."""
    counted: dict[str, _Counted] = defaultdict(_Counted)
    for row in uow.run(_EVERYBODY, {}):
        counted[row["cohort"]].see(row, zone)
    this_week = _monday(uow.now, zone)
    return [Cohort(name, _weeks(of, this_week), _questions(uow, of)) for name, of in sorted(counted.items())]


def _monday(moment: datetime, zone: ZoneInfo) -> date:
    day = moment.astimezone(zone).date()
    return day - timedelta(days=day.weekday())


def _weeks(of: _Counted, last: date) -> list[Week]:
    first = max(min(of.enrolled), last - timedelta(weeks=MOST_WEEKS - 1))
    starts = [first + timedelta(weeks=number) for number in range((last - first).days // 7 + 1)]
    return [
        Week(start, *(_by(counted, start) for counted in (of.enrolled, of.agreed, of.finished))) for start in starts
    ]


def _by(counted: Counter[date], start: date) -> int:
    return sum(many for week, many in counted.items() if week <= start)


def _questions(uow: UnitOfWork, of: _Counted) -> list[Question]:
    """Those that somebody was asked, in the order of the schedule; those of other versions after them."""
    order = [question.id for version in sorted(of.versions) for question in uow.schedule(version).questions]
    shown = (key for key in dict.fromkeys(order) if of.asked[key])
    return [Question(key, of.asked[key], of.answered[key], of.skipped[key], of.rest[key]) for key in shown]


# How soon people answer

_ASKED_AT = (
    select(func.max(outbox.c.claimed_at))
    .where(
        outbox.c.participant_id == messages.c.participant_id,
        outbox.c.lane == literal("p").concat(cast(messages.c.participant_id, String)),
        outbox.c.question == messages.c.question,
        outbox.c.claimed_at <= messages.c.at,
    )
    .scalar_subquery()
)
_ANSWERS = Prepared(
    select(
        messages.c.participant_id,
        messages.c.channel,
        messages.c.question,
        messages.c.at,
        _ASKED_AT.label("asked_at"),
    )
    .where(messages.c.belongs == "answer", messages.c.direction == "in", messages.c.participant_id.is_not(None))
    .order_by(messages.c.id.desc())
    .limit(bindparam("most", type_=Integer))
)


def paces(uow: UnitOfWork) -> list[Pace]:
    """Each channel's, by name. Of an answer in several messages the first counts."""
    firsts = {(row["participant_id"], row["question"]): row for row in uow.run(_ANSWERS, {"most": LATEST})}
    took: dict[str, list[timedelta]] = defaultdict(list)
    for row in firsts.values():
        if row["asked_at"] is not None:
            took[row["channel"]].append(row["at"] - row["asked_at"])
    return [_pace(CHANNEL_NAMES.get(kind, kind), lengths) for kind, lengths in sorted(took.items())]


def _pace(channel: str, lengths: list[timedelta]) -> Pace:
    middle = timedelta(seconds=median(length.total_seconds() for length in lengths))
    spans = Counter(_span(length, SPANS) for length in lengths)
    return Pace(channel, len(lengths), middle, {name: spans[name] for name, _ in SPANS})


def _span(length: timedelta, spans: Iterable[tuple[str, timedelta]]) -> str:
    return next(name for name, longest in spans if length <= longest)
