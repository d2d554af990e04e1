"""What an export reads: one participant at a time, in the order of the codes, all on one state of the database.

At most one participant's words are in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property, lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.engine import RowMapping

from bot.export.loading import Loader
from bot.export.measures import natural, utf16
from bot.export.record import Case, Cohort, Head, Scope
from bot.export.undecided import NAMES, Undecided
from bot.interview.events import TaskKind
from bot.records.prepared import Prepared
from bot.records.tables import (
    WRITTEN_BY_TEAM,
    consents,
    data_keys,
    interviews,
    messages,
    schedules,
    tasks,
    withdrawals,
    writeups,
)
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork

T = TypeVar("T")
Track = Callable[[str, Collection[T]], Iterable[T]]
"""Shows how far a long work has come: what it is, and the things that are gone through."""


def untracked(label: str, things: Collection[T]) -> Iterable[T]:
    """No progress bar."""
    return things


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
            self.longest[key] = max(self.longest.get(key, 0), utf16(answer.marked))
            self.answers += bool(answer.parts)
            self.empty += bool(answer.parts) and not answer.text.strip()
        moments = [case.enrolled_at, *(turn.at for turn in case.turns)]
        self.last = max([*moments, self.last] if self.last else moments)


class Study:
    """Everybody whose record may leave, read on one state of the database.

    By default only those who consented to everything required; never those whose key is destroyed. Words are
    tidied: line ends are LF, and characters that no document can hold are shown as U+FFFD. `whole`: messages that were
    split between questions are shown as they came.
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
        whole: bool = False,
    ) -> None:
        self.uow = uow
        self.zone = zone
        self.originals = originals
        self.scope = scope
        self.track = track
        self.whole = whole
        self.researchers = _researchers(uow, named)
        there = _heads(uow, {code.strip().upper() for code in codes}, scope)
        self.heads = tuple(_may_leave(there, scope))
        self.left_out: dict[str, int] = {}
        if not codes:
            self._leave_out("withdrawn: their answers are deleted, or are to be", _everybody(uow) - len(there))
            self._leave_out("no YES to every statement that is required", len(there) - len(self.heads))
        if agreed_to:
            willing, before = _willing(uow, agreed_to), len(self.heads)
            self.heads = tuple(head for head in self.heads if head.id in willing)
            self._leave_out(f"no YES to the statement {agreed_to}", before - len(self.heads))
        self.survey = Survey()
        self.undecided = Undecided()

    def _leave_out(self, reason: str, many: int) -> None:
        if many:
            self.left_out[reason] = many

    def cases(self, label: str) -> Iterator[Case]:
        """Each case in turn, under a progress bar that says `label`."""
        load = Loader(self.uow, self.researchers, self.originals, self.day, self.whole)
        for head in self.track(label, self.heads):
            yield load.case(head)

    @property
    def names(self) -> str:
        """What a reader must know of names in the words of this export."""
        return "Original words: they may name people." if self.originals else f"{NAMES} {self.undecided.told()}"

    def left(self, uow: UnitOfWork) -> list[str]:
        """The codes of those whose record may not leave any more in this newer state of the database."""
        still = {head.id for head in _may_leave(_heads(uow, (), self.scope), self.scope)}
        return [head.code for head in self.heads if head.id not in still]

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
        return _told(moment.astimezone(self.zone).date())

    def clock(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.zone):%H:%M}"


@lru_cache(maxsize=4096)
def _told(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


# Who is in it


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
    return sorted(found, key=lambda head: (head.cohort, natural(head.code)))


def _may_leave(heads: Iterable[Head], scope: Scope) -> Iterator[Head]:
    """Those whose words the scope permits."""
    return (head for head in heads if head.consented or scope is not Scope.CONSENTED)


def _everybody(uow: UnitOfWork) -> int:
    """How many people were ever enrolled."""
    count: int = uow.execute(select(func.count()).select_from(people)).scalar_one()
    return count


def _head(uow: UnitOfWork, row: RowMapping) -> Head:
    said, waits = row["saved"]["consent"], row["saved"].get("again", ()) if row["saved"]["answers"] else ()
    required = (one.id for one in uow.schedule(row["version"]).statements if one.required)
    return Head(
        id=row["id"],
        code=row["code"],
        cohort=row["cohort"],
        version=row["version"],
        state=row["state"],
        position=row["position"],
        consented=all(said.get(key) is True or key in waits for key in required),
    )


def _willing(uow: UnitOfWork, statement: str) -> set[int]:
    """Who last answered YES to a consent statement, called by its id or the part of it before the first hyphen.

    Whoever is asked again, as its words have changed, has not answered it.
    """

    def is_it(name: str) -> bool:
        return statement in (name, name.partition("-")[0])

    query = select(consents.c.participant_id, consents.c.statement, consents.c.agreed).order_by(consents.c.id)
    said = ((row["participant_id"], row["agreed"]) for row in uow.all(query) if is_it(row["statement"]))
    willing = {person for person, yes in dict(said).items() if yes}
    rows = uow.all(select(interviews.c.participant_id, interviews.c.saved))
    return willing - {row["participant_id"] for row in rows if any(is_it(key) for key in row["saved"].get("again", ()))}


_NEXT_AUTHOR = Prepared(
    select(messages.c.author, messages.c.id)
    .where(text(WRITTEN_BY_TEAM), messages.c.author > bindparam("after"))
    .order_by(messages.c.author, messages.c.id)
    .limit(1)
)


def _researchers(uow: UnitOfWork, named: bool) -> dict[str, str]:
    """Each researcher's name with what stands for it: R01, R02 in the order in which they first wrote.

    Those who only wrote something up come after those who wrote to participants, and last those whose name participants
    were only told.
    """
    told = uow.all(select(people.c.researcher).where(people.c.researcher != "").order_by(people.c.id))
    wrote_up = uow.all(select(writeups.c.author, writeups.c.checked_by).order_by(writeups.c.id))
    names = dict.fromkeys(_authors(uow))
    names |= dict.fromkeys(name for row in wrote_up for name in (row["author"], row["checked_by"]) if name)
    names |= dict.fromkeys(row["researcher"] for row in told)
    return {name: name if named else f"R{number:02}" for number, name in enumerate(names, start=1)}


def _authors(uow: UnitOfWork) -> list[str]:
    """Who of the team wrote to participants, in the order of their first messages; the others of each are not read."""
    firsts: dict[str, int] = {}
    author = ""
    while found := uow.run(_NEXT_AUTHOR, {"after": author}):
        author = found[0]["author"]
        firsts[author] = found[0]["id"]
    return sorted(firsts, key=firsts.__getitem__)
