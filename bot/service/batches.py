"""Enrolling a file of many people batch by batch, so that participants who write meanwhile are not kept waiting.

How far it has come is noted in `meta`, in the same commit as each batch: where it breaks off, the same file goes on
there. That it has come to its end stays noted, for whoever was cut off at the very end does not know that. A file of
one batch is one commit, all of it or nothing, and notes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from sqlalchemy import delete, insert, select

from bot.errors import EnrolmentError, OwnPaceError
from bot.records.database import Database
from bot.records.participants import Rules, Terms
from bot.records.tables import meta
from bot.records.unit_of_work import UnitOfWork
from bot.records.vault import Vault
from bot.service import enrolment
from bot.service.enrolment import Entry, Free, Placed

BATCH = 100
"""People who are enrolled in one commit: for a quarter of a second, on a busy machine one, nobody else can write."""

PAUSE = 0.15
"""Seconds between two commits. On SQLite whoever waits does not queue up: they look every 0.1 seconds whether they can
write (sqliteDefaultBusyCallback in sqlite.org/src/file/src/main.c)."""

FILE = "enrolled from a file"
"""Where `meta` notes of the last large file how many are enrolled, and a name of their rows."""

WHOLE = " whole"
"""The end of that where it was the whole file."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A file that was looked through. Its first `done` people were enrolled before; the others would be so `placed`.

    `found`: what `meta` notes now. `marks`: what it will, once so many are enrolled; none where that stays as it is.
    """

    entries: Sequence[Entry]
    done: int
    placed: list[Placed]
    found: str
    marks: Sequence[str]

    @property
    def left(self) -> Sequence[Entry]:
        """Who is still to be enrolled."""
        return self.entries[self.done :]

    def noted(self, number: int) -> str:
        """What `meta` notes once so many are enrolled."""
        if not self.marks:
            return self.found
        return self.marks[number] + (WHOLE if number == len(self.entries) else "")


def look(
    uow: UnitOfWork, rules: Rules, entries: Sequence[Entry], *, over_quota: bool = False, drop: bool = False
) -> Plan:
    """Look through a whole file; nobody is enrolled.

    Raises EnrolmentError with everything that is wrong in it, and where another large one broke off, unless that is
    one to `drop`.
    """
    found, marks = _noted(uow), _marks(uow.vault, entries)
    mark = found.removesuffix(WHOLE)
    done = marks.index(mark) if mark in marks else 0
    if not done and not drop:
        if len(entries) <= BATCH:
            marks = []
        elif found and mark == found:
            raise EnrolmentError(_unfinished(found.split()[0]))
    return Plan(entries, done, enrolment.preview(uow, rules, entries[done:], over_quota=over_quota), found, marks)


def enrol(
    database: Database,
    terms: Terms,
    rules: Rules,
    plan: Plan,
    actor: str,
    pause: Callable[[], None],
    *,
    over_quota: bool = False,
) -> Iterator[list[Placed]]:
    """Enrol those who are left, in order; those of each batch once they are on the disk. `pause` comes between two.

    Raises EnrolmentError where somebody cannot be enrolled any more, and OwnPaceError where somebody else is enrolling
    such a file too. The batches before stay.
    """
    highest: Mapping[str, int] = {}
    before, everybody = plan.found, len(plan.entries)
    for first in range(plan.done, everybody, BATCH) or (plan.done,):
        if first > plan.done:
            pause()
        last = min(first + BATCH, everybody)
        batch, marks = plan.entries[first:last], (before, plan.noted(last))
        try:
            placed, highest = database.run_now(
                _enrol, terms, rules, batch, actor, highest, marks, over_quota=over_quota
            )
        except EnrolmentError as problem:
            raise EnrolmentError(f"{problem}{_so_far(first)}") from None
        before = plan.noted(last)
        yield placed


def _enrol(
    uow: UnitOfWork,
    terms: Terms,
    rules: Rules,
    entries: Sequence[Entry],
    actor: str,
    highest: Mapping[str, int],
    marks: tuple[str, str],
    *,
    over_quota: bool,
) -> tuple[list[Placed], Mapping[str, int]]:
    """Enrol one batch; who was, and the highest codes in use now."""
    _note(uow, *marks)
    free = Free(uow, highest)
    return enrolment.enrol_all(uow, terms, rules, entries, actor, over_quota=over_quota, free=free), free.highest


def _noted(uow: UnitOfWork) -> str:
    return uow.execute(select(meta.c.value).where(meta.c.name == FILE)).scalar() or ""


def _note(uow: UnitOfWork, before: str, after: str) -> None:
    if before == after:
        return
    if _noted(uow) != before:
        raise OwnPaceError(
            "Somebody else is enrolling a file of many people at this moment, so this stops here. Nobody was enrolled "
            "twice. When they are done, run the same command again."
        )
    uow.execute(delete(meta).where(meta.c.name == FILE))
    uow.execute(insert(meta).values(name=FILE, value=after))


def _marks(vault: Vault, entries: Sequence[Entry]) -> list[str]:
    """For each number of people, from nobody on: that number, and a name that only these rows in this order have."""
    rows, marks = sha256(), [""]
    for number, entry in enumerate(entries, 1):
        rows.update(repr((entry.address.value, replace(entry, where=""))).encode())  # printing hides addresses
        marks.append(f"{number} {vault.short_name(rows.hexdigest())}")
    return marks


def _unfinished(count: str) -> str:
    return (
        f"A file is not enrolled to its end: {int(count):,} people of it are, and this file does not begin with the "
        "same people, written in the same way. If somebody is enrolling it at this moment, wait. If it broke off, run "
        "the command with that file as it was, and it goes on. If the rest of it is not to be enrolled, take out of "
        "this file whoever is enrolled already, and add --drop-unfinished."
    )


def _so_far(count: int) -> str:
    if not count:
        return ""
    return (
        f"\nThe first {count:,} people of the file are enrolled. Mend the rows that are named here, leave the others "
        "as they are, and run the same command again: it goes on there."
    )
