"""Where a channel that listens hands over what came."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update

from bot.messages import Address, News
from bot.records import participants
from bot.records.database import Database
from bot.records.participants import Terms
from bot.records.tables import data_keys, messages, meta, outbox, tasks
from bot.records.unit_of_work import UnitOfWork, beside
from bot.service import figures, intake, leases
from bot.service.intake import Received
from bot.service.leases import Lease

QUOTED = 30
"""So many of our last messages may be quoted in a reply."""

TROUBLE = "channel trouble"

_CAUGHT_UP = "caught up "
"""Begins the name under which `meta` has the moment at which a provider was last asked for all that it holds."""


class Inbox:
    """The mailroom of one channel: what came and how far it was read are stored in the same commit."""

    def __init__(self, kind: str, database: Database, terms: Terms, lease: Lease | None = None) -> None:
        self.kind = kind
        self.database = database
        self.terms = terms
        self.lease = lease
        self._may_be_troubled = True

    async def place(self) -> str:
        """How far the channel has read."""
        return await self.database.read(_place, self.kind)

    async def sent(self, sender: Address, reply_to: Sequence[str]) -> list[str]:
        """Our last texts to whoever wrote this, newest first."""
        return await self.database.read(_sent, sender, reply_to)

    async def take(self, news: Sequence[News], place: str) -> None:
        """Store it all, with the place up to which it was read. Raises LeaseLost where another process listens now."""
        with figures.of(figures.DELIVERIES, self.kind).time() if news else nullcontext():
            figures.count_turns(
                self.kind,
                await self.database.run(_take, self.terms, self.kind, news, place, self._may_be_troubled, self.lease),
            )
        self._may_be_troubled = False

    async def trouble(self, problem: str) -> None:
        """A task for a person, unless there is one."""
        await self.database.run(_trouble, self.kind, problem)
        self._may_be_troubled = True


def _place(uow: UnitOfWork, kind: str) -> str:
    row = uow.one(select(meta.c.value).where(meta.c.name == f"place {kind}"))
    return row["value"] if row else ""


@beside
def _take(
    uow: UnitOfWork, terms: Terms, kind: str, news: Sequence[News], place: str, troubled: bool, lease: Lease | None
) -> list[Received]:
    if lease is not None:
        leases.check(uow, lease)
    received = intake.take(uow, terms, kind, news)
    uow.execute(delete(meta).where(meta.c.name == f"place {kind}"))
    uow.execute(insert(meta).values(name=f"place {kind}", value=place))
    if troubled:
        uow.execute(update(tasks).where(_trouble_of(kind)).values(closed_at=uow.now))
    return received


def _trouble(uow: UnitOfWork, kind: str, problem: str) -> None:
    if uow.one(select(tasks.c.id).where(_trouble_of(kind)).limit(1)) is None:
        uow.open_task(TROUBLE, None, None, f"{kind}: {problem}")


def _trouble_of(kind: str) -> ColumnElement[bool]:
    return and_(tasks.c.kind == TROUBLE, tasks.c.closed_at.is_(None), tasks.c.note.startswith(f"{kind}: "))


def _sent(uow: UnitOfWork, sender: Address, reply_to: Sequence[str]) -> list[str]:
    ids = list(reply_to)
    found = participants.find(uow, sender)
    person = found.id if found else None
    if person is None and ids:
        answers = or_(outbox.c.id.in_(ids), outbox.c.provider_id.in_(ids))
        person = uow.execute(select(outbox.c.participant_id).where(answers).limit(1)).scalar()
    if person is None:
        return []
    rows = uow.all(
        select(messages.c.body, data_keys.c.wrapped)
        .join(data_keys, data_keys.c.id == messages.c.key_id)
        .where(messages.c.participant_id == person, messages.c.direction == "out", messages.c.body.is_not(None))
        .order_by(messages.c.id.desc())
        .limit(QUOTED)
    )
    return [uow.vault.data_key(row["wrapped"]).open(row["body"], "body") for row in rows]


# What providers hold


def caught_up(uow: UnitOfWork, kind: str) -> datetime | None:
    """When the provider was last asked for what a lost delivery missed, and all of it was stored."""
    row = uow.one(select(meta.c.value).where(meta.c.name == _CAUGHT_UP + kind))
    return datetime.fromisoformat(row["value"]) if row else None


@beside
def catch_up_from(uow: UnitOfWork, kind: str, moment: datetime) -> None:
    """All that the provider held at this moment is stored."""
    name, value = _CAUGHT_UP + kind, moment.isoformat()
    if not uow.execute(update(meta).where(meta.c.name == name).values(value=value)).rowcount:
        uow.execute(insert(meta).values(name=name, value=value))
