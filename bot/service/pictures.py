"""How the study goes over time, how soon people answer, and where they rest. Nobody is named, and no answer is read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import JSON, Integer, String, bindparam, case, cast, column, func, literal, select, true
from sqlalchemy.sql.functions import Function

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
    select(consents.c.participant_id, func.max(consents.c.at).label("at"))
    .group_by(consents.c.participant_id)
    .subquery()
)
_begun = interviews.c.saved["answers"].as_string() != "{}"
_finished = interviews.c.state == State.COMPLETE.value
_MOMENTS = Prepared(
    select(
        people.c.cohort,
        people.c.created_at.label("enrolled"),
        case((_begun, _last_yes.c.at)).label("agreed"),
        case((_finished, interviews.c.changed_at)).label("finished"),
    )
    .join(interviews, interviews.c.participant_id == people.c.id)
    .outerjoin(_last_yes, _last_yes.c.participant_id == people.c.id)
)
"""When each person came to each column of the weeks."""

STEPS = ("enrolled", "agreed", "finished")


def weeks(uow: UnitOfWork, zone: ZoneInfo) -> dict[str, list[Week]]:
    """Each cohort's, by name; weeks begin on Monday in this zone."""
    came: dict[str, dict[str, Counter[date]]] = {}
    for row in uow.run(_MOMENTS, {}):
        counted = came.setdefault(row["cohort"], {step: Counter() for step in STEPS})
        for step in STEPS:
            if row[step] is not None:
                counted[step][_monday(row[step], zone)] += 1
    return {cohort: _weeks(counted, _monday(uow.now, zone)) for cohort, counted in sorted(came.items())}


def _monday(moment: datetime, zone: ZoneInfo) -> date:
    day = moment.astimezone(zone).date()
    return day - timedelta(days=day.weekday())


def _weeks(came: Mapping[str, Counter[date]], last: date) -> list[Week]:
    first = max(min(came["enrolled"]), last - timedelta(weeks=MOST_WEEKS - 1))
    starts = [first + timedelta(weeks=number) for number in range((last - first).days // 7 + 1)]
    return [Week(start, **{step: _until(counted, start) for step, counted in came.items()}) for start in starts]


def _until(counted: Counter[date], start: date) -> int:
    return sum(many for week, many in counted.items() if week <= start)


# Question by question


def _asked(answers: Function[Any]) -> Prepared:
    """How many were asked each question, by how far it came; `answers` are rows of key and value."""
    answer = answers.table_valued(column("key", String), column("value", JSON))
    progress = answer.c.value[0].as_string()
    names = (people.c.cohort, answer.c.key.label("question"), progress.label("progress"))
    return Prepared(
        select(*names, func.count().label("many"))
        .select_from(people.join(interviews, interviews.c.participant_id == people.c.id).join(answer, true()))
        .group_by(people.c.cohort, answer.c.key, progress)
    )


_ASKED = {
    "sqlite": _asked(func.json_each(interviews.c.saved, "$.answers")),
    "postgresql": _asked(func.json_each(interviews.c.saved["answers"])),
}
_RESTING = Prepared(
    select(people.c.cohort, interviews.c.version, interviews.c.position, interviews.c.state, func.count().label("many"))
    .join(interviews, interviews.c.participant_id == people.c.id)
    .group_by(people.c.cohort, interviews.c.version, interviews.c.position, interviews.c.state)
)


def questions(uow: UnitOfWork) -> dict[str, list[Question]]:
    """Each cohort's, by name: those that somebody was asked, in the order of the schedule."""
    asked, resting = uow.run(_ASKED[uow.connection.dialect.name], {}), uow.run(_RESTING, {})
    found = {}
    for cohort in sorted({row["cohort"] for row in resting}):
        theirs = [row for row in resting if row["cohort"] == cohort]
        found[cohort] = _questions([row for row in asked if row["cohort"] == cohort], theirs, _order(uow, theirs))
    return found


def _order(uow: UnitOfWork, resting: Iterable[Row]) -> list[str]:
    """The questions of every version that somebody has; those that are only in a later one come after the others."""
    versions = sorted({row["version"] for row in resting})
    return list(dict.fromkeys(question.id for version in versions for question in uow.schedule(version).questions))


def _questions(asked: Iterable[Row], resting: Iterable[Row], order: Iterable[str]) -> list[Question]:
    came: dict[str, Counter[str]] = defaultdict(Counter)
    rest: Counter[str] = Counter()
    for row in asked:
        came[row["question"]][row["progress"]] += row["many"]
    for row in resting:
        rest[row["position"]] += row["many"] * (row["state"] != State.COMPLETE.value)
    known = {key: of for key, of in came.items() if of.total() > of[Progress.AHEAD.value]}
    return [_question(key, known[key], rest[key]) for key in order if key in known]


def _question(key: str, came: Counter[str], rest: int) -> Question:
    asked = came.total() - came[Progress.AHEAD.value]
    return Question(key, asked, came[Progress.SETTLED.value], came[Progress.SKIPPED.value], rest)


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
