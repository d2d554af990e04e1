"""When each part of the worker has something to do next, found in one look for all of them.

A service that has nothing to do asks the database for one number a second, and for nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, select

from bot.records.database import Database
from bot.records.prepared import Prepared
from bot.records.tables import data_keys, media, outbox, postponed, timers
from bot.records.unit_of_work import UnitOfWork

LONG_SINCE = datetime.min.replace(tzinfo=UTC)


def _first(moment: ColumnElement[Any], *which: ColumnElement[bool]) -> ScalarSelect[Any]:
    return select(moment).where(*which).order_by(moment).limit(1).scalar_subquery()


_known = media.c.key_id.in_(select(data_keys.c.id).where(data_keys.c.wrapped.is_not(None)))
_MOMENTS = Prepared(
    select(
        select(outbox.c.not_before).where(outbox.c.state == "pending").limit(1).scalar_subquery().label("sending"),
        _first(outbox.c.reconcile_at, outbox.c.state == "unknown", outbox.c.reconcile_at.is_not(None)).label("asking"),
        _first(media.c.fetch_at, media.c.state == "waiting", _known).label("fetching"),
        _first(media.c.fetch_at, media.c.state == "stored", _known).label("forgetting"),
        _first(timers.c.due).label("timers"),
        _first(postponed.c.due, postponed.c.done_at.is_(None)).label("postponed"),
    )
)


def moments(uow: UnitOfWork) -> dict[str, datetime | None]:
    """When each part is to look. For what waits to leave that is always, as it hangs on more than a moment."""
    (found,) = uow.run(_MOMENTS, {})
    return {
        "sending": found["sending"] and LONG_SINCE,
        "asking": found["asking"],
        "media": _earliest(found["fetching"], found["forgetting"]),
        "timers": _earliest(found["timers"], found["postponed"]),
    }


def _earliest(*known: datetime | None) -> datetime | None:
    return min((moment for moment in known if moment), default=None)


class Lookout:
    """What the last look found. Before it, and after one that failed, every part is to look for itself."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._moments: Mapping[str, datetime | None] | None = None
        self._version: int | None = None
        self._looked = asyncio.Event()

    def due(self, part: str) -> bool:
        """Whether the part is to look now."""
        if self._moments is None:
            return True
        moment = self._moments[part]
        return moment is not None and moment <= self._database.clock()

    def next(self, part: str) -> datetime | None:
        """When the part has something to do next, as far as it is known."""
        return None if self._moments is None else self._moments[part]

    async def look(self) -> None:
        """Look, unless nothing was committed since the last look and none of its moments has come."""
        try:
            version = self._database.version()
            if (
                version is None
                or version != self._version
                or self._moments is None
                or any(map(self.due, self._moments))
            ):
                self._moments, self._version = None, None
                self._moments = await self._database.read(moments)
                self._version = version
        except Exception:
            self._moments = None
            raise
        finally:
            looked, self._looked = self._looked, asyncio.Event()
            looked.set()

    async def again(self) -> None:
        """Return after the next look."""
        await self._looked.wait()
