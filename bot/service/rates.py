"""What a provider takes from one number, bot or mailbox: a bucket of tokens for each, shared by all processes.

A bucket holds as many tokens as the rate allows in one stretch of its time, and fills evenly. All that is kept of it is
when it will be full; whoever takes a token moves that on. So in no stretch of time more leaves than one full bucket and
what flows in meanwhile. What is urgent waits for no token, and takes one all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Insert, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from bot.channel import Channel, Rate
from bot.records.prepared import Prepared
from bot.records.tables import buckets
from bot.records.unit_of_work import UnitOfWork

SKEW = timedelta(minutes=1)
"""A bucket that is to be full so much later than it can be was written by a clock that was wrong."""

_EVERY = Prepared(select(buckets))


def _kept(new: Insert) -> Prepared:
    changed = {"full_at": new.excluded.full_at}  # type: ignore[attr-defined]  # both dialects have it
    return Prepared(new.on_conflict_do_update(index_elements=["name"], set_=changed))  # type: ignore[attr-defined]


_KEEP = {"sqlite": _kept(sqlite_insert(buckets)), "postgresql": _kept(postgresql_insert(buckets))}


@dataclass(frozen=True, slots=True)
class Bucket:
    """How a bucket stands at a moment: after `filling` it is full."""

    rate: Rate
    filling: timedelta

    @classmethod
    def at(cls, rate: Rate, full_at: datetime | None, now: datetime) -> Bucket:
        """The bucket that was to be full at `full_at`; one that nobody has taken from is full."""
        filling = full_at - now if full_at else timedelta()
        return cls(rate, filling if timedelta() < filling <= 2 * rate.per + SKEW else timedelta())

    @property
    def left(self) -> int:
        """How many tokens are in it; less than none after more that was urgent than there was room for."""
        return self.rate.most + (-self.filling * self.rate.most) // self.rate.per

    def without(self, tokens: int) -> Bucket:
        """The bucket after so many were taken."""
        return Bucket(self.rate, self.filling + self.rate.per * tokens // self.rate.most)


def look(uow: UnitOfWork, channels: Mapping[str, Channel]) -> dict[str, Bucket]:
    """The buckets of these channels, by kind; of those that have a rate."""
    rates = {kind: channel.rate for kind, channel in channels.items() if channel.rate}
    known = {row["name"]: row["full_at"] for row in uow.run(_EVERY, {})} if rates else {}
    return {kind: Bucket.at(rate, known.get(kind), uow.now) for kind, rate in rates.items()}


def take(uow: UnitOfWork, standing: Mapping[str, Bucket], tokens: Mapping[str, int]) -> None:
    """Take so many tokens of each kind, as the buckets stand now."""
    taken = {kind: standing[kind].without(number) for kind, number in tokens.items() if kind in standing}
    values = [{"name": kind, "full_at": uow.now + bucket.filling} for kind, bucket in taken.items()]
    uow.run_each(_KEEP[uow.dialect], values)
