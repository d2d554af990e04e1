"""How the study goes over time, how soon people answer, and where they rest. Nobody is named, and no answer is read."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy import Integer, String, bindparam, case, cast, func, literal, select

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
    """How many were asked it, and of those gave an answer that is whole, or skipped it.

    `rest`: it is the open point of an interview that is not finished.
    """

    id: str
    asked: int
    answered: int
    skipped: int
    rest: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon the last answers on one channel came after their question. `spans` as in SPANS."""

    channel: str
    answers: int
    median: timedelta
    spans: Mapping[str, int]


# Week by week

_last_yes = (
    select(consents.c.at)
    .where(consents.c.participant_id == people.c.id)
    .order_by(consents.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_begun = interviews.c.progress != ""
_finished = interviews.c.state == State.COMPLETE.value
_MOMENTS = Prepared(
    select(
        people.c.cohort,
        people.c.created_at.label("enrolled"),
        case((_begun, _last_yes)).label("agreed"),
        case((_finished, interviews.c.changed_at)).label("finished"),
    ).join(interviews, interviews.c.participant_id == people.c.id)
)
"""When each person came to each column of the weeks."""

STEPS = ("enrolled", "agreed", "finished")


def weeks(uow: UnitOfWork, zone: ZoneInfo) -> dict[str, list[Week]]:
    """Each cohort's, by name; weeks begin on Monday in this zone."""
    came: dict[str, dict[str, list[datetime]]] = {}
    for row in uow.run(_MOMENTS, {}):
        moments = came.setdefault(row["cohort"], {step: [] for step in STEPS})
        for step in STEPS:
            if row[step] is not None:
                moments[step].append(row[step])
    return {cohort: _weeks(moments, uow.now, zone) for cohort, moments in sorted(came.items())}


def _weeks(came: Mapping[str, list[datetime]], now: datetime, zone: ZoneInfo) -> list[Week]:
    for moments in came.values():
        moments.sort()
    last = _monday(now, zone)
    first = max(_monday(came["enrolled"][0], zone), last - timedelta(weeks=MOST_WEEKS - 1))
    starts = [first + timedelta(weeks=number) for number in range((last - first).days // 7 + 1)]
    return [Week(start, **{step: _until(moments, start, zone) for step, moments in came.items()}) for start in starts]


def _monday(moment: datetime, zone: ZoneInfo) -> date:
    day = moment.astimezone(zone).date()
    return day - timedelta(days=day.weekday())


def _until(moments: list[datetime], start: date, zone: ZoneInfo) -> int:
    """How many of these, in order, are before the end of the week."""
    end = datetime.combine(start + timedelta(weeks=1), time(), zone)
    return bisect_left(moments, end.astimezone(UTC))


# Question by question

_STANDING = (people.c.cohort, interviews.c.version, interviews.c.position, interviews.c.state, interviews.c.progress)
_ALIKE = Prepared(
    select(*_STANDING, func.count().label("many"))
    .join_from(people, interviews, interviews.c.participant_id == people.c.id)
    .group_by(*_STANDING)
)
"""How many people came equally far."""


def questions(uow: UnitOfWork) -> dict[str, list[Question]]:
    """Each cohort's, by name: those that somebody was asked, in the order of the schedule."""
    cohorts: dict[str, list[Row]] = {}
    for row in uow.run(_ALIKE, {}):
        cohorts.setdefault(row["cohort"], []).append(row)
    return {cohort: _questions(alike, _order(uow, alike)) for cohort, alike in sorted(cohorts.items())}


def _order(uow: UnitOfWork, alike: Iterable[Row]) -> list[str]:
    """The questions of every version that somebody has; those that are only in a later one come after the others."""
    versions = sorted({row["version"] for row in alike})
    return list(dict.fromkeys(question.id for version in versions for question in uow.schedule(version).questions))


def _questions(alike: Iterable[Row], order: Iterable[str]) -> list[Question]:
    came: Counter[str] = Counter()
    rest: Counter[str] = Counter()
    for row in alike:
        for point in row["progress"].split():
            came[point] += row["many"]
        rest[row["position"]] += row["many"] * (row["state"] != State.COMPLETE.value)
    made = [_question(key, {of: came[f"{key}:{of.value}"] for of in Progress}, rest[key]) for key in order]
    return [question for question in made if question.asked]


def _question(key: str, came: Mapping[Progress, int], rest: int) -> Question:
    asked = sum(came.values()) - came[Progress.AHEAD]
    return Question(key, asked, came[Progress.SETTLED], came[Progress.SKIPPED], rest)


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
    return [_pace(CHANNEL_NAMES.get(kind, "simulated phone"), lengths) for kind, lengths in sorted(took.items())]


def _pace(channel: str, lengths: list[timedelta]) -> Pace:
    middle = timedelta(seconds=median(length.total_seconds() for length in lengths))
    spans = Counter(_span(length, SPANS) for length in lengths)
    return Pace(channel, len(lengths), middle, {name: spans[name] for name, _ in SPANS})


def _span(length: timedelta, spans: Iterable[tuple[str, timedelta]]) -> str:
    return next(name for name, longest in spans if length <= longest)
