"""How the study goes: how many people stand where, by cohort and channel. Nobody is named, and no answer is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.engine import RowMapping

from bot.interview.events import TaskKind
from bot.interview.state import Cause, State
from bot.records.participants import CHANNEL_NAMES
from bot.records.tables import addresses, interviews, schedules, tasks
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork

STAGES = (
    "Waiting",
    "Invited",
    "Informed",
    "Active",
    "Paused",
    "Silent",
    "Waiting for a person",
    "With a person",
    "Held",
    "Stopped",
    "Complete",
    "Said no",
    "Not eligible",
    "Left",
)
"""Where people stand, one place each. Waiting: no place is free. Informed: they are reading the statements. Waiting for
a person: nobody has taken over yet. Held: signs of distress."""

_STAGE_OF = {
    State.WAITING: "Waiting",
    State.INVITED: "Invited",
    State.SCREENING: "Invited",
    State.CONSENT: "Informed",
    State.ACTIVE: "Active",
    State.PAUSED: "Paused",
    State.HANDOVER: "With a person",
    State.STOPPED: "Stopped",
    State.COMPLETE: "Complete",
    State.DECLINED: "Said no",
    State.INELIGIBLE: "Not eligible",
    State.LEAVING: "Left",
    State.LEFT: "Left",
}

OVER = [state.value for state, stage in _STAGE_OF.items() if stage in ("Complete", "Said no", "Not eligible", "Left")]
"""States in which no further question comes."""


@dataclass(frozen=True, slots=True)
class Line:
    """People of one cohort on one channel; of the whole cohort where `channel` is ''."""

    cohort: str
    channel: str
    stages: Mapping[str, int]
    consented: int
    total: int

    @property
    def counts(self) -> dict[str, int]:
        """Everything that is counted, in the order in which it is shown."""
        return {**self.stages, "Consented": self.consented, "All": self.total}


def board(uow: UnitOfWork) -> list[Line]:
    """A line for each cohort and channel, after each cohort's own; one question to the database."""
    silent = (tasks.c.participant_id == people.c.id, tasks.c.kind == TaskKind.SILENT.value, tasks.c.closed_at.is_(None))
    what = (
        people.c.cohort,
        addresses.c.kind,
        interviews.c.state,
        (interviews.c.cause == Cause.SAFEGUARDING.value).label("held"),
        select(tasks.c.id).where(*silent).exists().label("silent"),
        (interviews.c.progress != "").label("asked"),
        (func.coalesce(interviews.c.saved["holder"].as_string(), "") != "").label("taken"),
    )
    rows = uow.all(
        select(*what, func.count().label("many"))
        .join(addresses, (addresses.c.participant_id == people.c.id) & addresses.c.main)
        .join(interviews, interviews.c.participant_id == people.c.id)
        .group_by(*what)
    )
    places = sorted({(row["cohort"], "") for row in rows} | {(row["cohort"], _channel(row)) for row in rows})
    return [_line(place, [row for row in rows if _in(row, place)]) for place in places]


def under_way(uow: UnitOfWork) -> dict[tuple[str, str], Counter[str]]:
    """How many interviews go on with each version of the schedule, by cohort and language."""
    version = (schedules.c.cohort, schedules.c.language, schedules.c.version)
    rows = uow.all(
        select(*version, func.count().label("many"))
        .join(interviews, interviews.c.version == schedules.c.version)
        .where(interviews.c.state.not_in(OVER))
        .group_by(*version)
    )
    found: dict[tuple[str, str], Counter[str]] = {}
    for row in rows:
        found.setdefault((row["cohort"], row["language"]), Counter())[row["version"]] = row["many"]
    return found


def _in(row: RowMapping, place: tuple[str, str]) -> bool:
    return row["cohort"] == place[0] and place[1] in ("", _channel(row))


def _channel(row: RowMapping) -> str:
    kind: str = row["kind"]
    return CHANNEL_NAMES.get(kind, kind)


def _line(place: tuple[str, str], rows: list[RowMapping]) -> Line:
    counted: Counter[str] = Counter()
    for row in rows:
        counted[_stage(row)] += row["many"]
    consented = sum(row["many"] for row in rows if row["asked"])
    return Line(*place, {stage: counted[stage] for stage in STAGES}, consented, counted.total())


def _stage(row: RowMapping) -> str:
    state = State(row["state"])
    stage = _STAGE_OF[state]
    if row["held"] and stage != "Left":
        return "Held"
    if state is State.HANDOVER and not row["taken"]:
        return "Waiting for a person"
    return "Silent" if row["silent"] and state in (State.CONSENT, State.ACTIVE) else stage
