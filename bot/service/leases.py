"""Which of several processes does what only one may do at a time.

A lease is held until its time is over, and renewed long before. Whoever takes it over from somebody else gets a higher
token, and a commit that carries an older one is refused: a process that was only slow does no harm when it wakes up.
The time is the database's, so that clocks that differ decide nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from bot.errors import LeaseLost
from bot.records.tables import leases
from bot.records.unit_of_work import UnitOfWork, beside

LENGTH = timedelta(seconds=15)
"""So long after a process has died another one takes its part."""

RENEWED_EVERY = 4.0
"""Seconds."""

FORGOTTEN_AFTER = timedelta(days=1)
"""So long after its end a lease of a process, whose name never comes again, is of no use."""


@dataclass(frozen=True, slots=True)
class Lease:
    """What somebody holds."""

    name: str
    holder: str
    token: int


@beside
def take(uow: UnitOfWork, name: str, holder: str, length: timedelta = LENGTH) -> Lease | None:
    """Take it, or keep it for longer; None while another one holds it."""
    now = uow.database_time()
    new = sqlite_insert(leases) if uow.dialect == "sqlite" else postgresql_insert(leases)
    own = leases.c.holder == holder
    values = {"holder": holder, "until": now + length, "token": case((own, leases.c.token), else_=leases.c.token + 1)}
    taken = new.values(name=name, holder=holder, token=1, until=now + length).on_conflict_do_update(
        index_elements=["name"], set_=values, where=or_(own, leases.c.until <= now)
    )
    token = uow.execute(taken.returning(leases.c.token)).scalar()
    return Lease(name, holder, token) if token is not None else None


def check(uow: UnitOfWork, lease: Lease) -> None:
    """Nobody takes the lease over until the commit. Raises LeaseLost where somebody has."""
    found = uow.one(select(leases).where(leases.c.name == lease.name).with_for_update(read=True))
    if found is None or (found["holder"], found["token"]) != (lease.holder, lease.token):
        raise LeaseLost("Another process has taken this over.")


def give_up(uow: UnitOfWork, holder: str) -> None:
    """Whoever ends holds nothing any more."""
    uow.execute(update(leases).where(leases.c.holder == holder).values(until=uow.database_time()))


def forget_old(uow: UnitOfWork) -> None:
    """Those of processes that are no more, and their marks. A lease that has a name for good keeps its token."""
    old = leases.c.until < uow.database_time() - FORGOTTEN_AFTER
    theirs = or_(leases.c.name == worker(leases.c.holder), leases.c.name.startswith("commit "))
    uow.execute(delete(leases).where(old, theirs))


def is_alive(holder: ColumnElement[str], now: datetime) -> ColumnElement[bool]:
    """Whether this process lives, as a part of a query."""
    return select(leases.c.name).where(leases.c.name == worker(holder), leases.c.until > now).exists()


def alive(uow: UnitOfWork) -> int:
    """How many processes live that send and wake timers, where they hold leases."""
    those = (leases.c.name.startswith("worker "), leases.c.until > uow.database_time())
    found: int = uow.execute(select(func.count()).select_from(leases).where(*those)).scalar_one()
    return found


def worker(holder: ColumnElement[str] | str) -> ColumnElement[str] | str:
    """The name of the lease that says that a process lives."""
    return "worker " + holder
