"""What every page has in hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request

from bot.channel import Channel
from bot.interview.schedule import Schedule
from bot.records.database import Database
from bot.records.participants import Rules, Terms
from bot.service import drafts
from bot.web.presence import Presence


@dataclass
class Web:
    """The built parts of the program, as pages and webhooks use them."""

    database: Database
    terms: Terms
    rules: Rules
    channels: Mapping[str, Channel]
    schedules: Mapping[tuple[str, str], Schedule]
    study: str
    zone: ZoneInfo
    two_step_required: bool = False
    assigned_only: bool = True
    sent: dict[bytes, asyncio.Future[Any]] = field(default_factory=dict)
    """What came, or comes, of the forms that were sent of late, so that none does its work twice."""
    news: News = field(default_factory=lambda: News())
    presence: Presence = field(default_factory=Presence)
    exporting: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One export at a time."""


class News:
    """Tells open pages that something changed."""

    def __init__(self) -> None:
        self._waiting: set[tuple[str, asyncio.Event]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.over = False
        """Nothing more will change here: the program has been told to stop."""

    def end(self) -> None:
        """Wake every page for the last time."""
        self.over = True
        self._wake(frozenset({"*"}))

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Pages live on this loop; changes come from the writer's thread."""
        self._loop = loop

    def tell(self, changed: frozenset[str]) -> None:
        """Wake the pages that show one of these; callable from any thread."""
        if self._loop is not None and self._waiting:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._wake, changed)

    def _wake(self, changed: frozenset[str]) -> None:
        for name, event in tuple(self._waiting):
            if name in changed or "*" in changed:
                event.set()

    @asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever `name` changes."""
        event = asyncio.Event()
        self._waiting.add((name, event))
        try:
            yield event
        finally:
            self._waiting.discard((name, event))


async def keep_draft(request: Request, name: str, place: str, words: str) -> None:
    """Keep what somebody wrote at a place until it is sent; no words take away what was kept."""
    database = web(request).database
    if words.strip() or await kept_draft(request, name, place):
        await database.run_soon(drafts.keep, name, place, words)


async def kept_draft(request: Request, name: str, place: str) -> str:
    """What somebody wrote at a place and has not sent; '' where there is nothing."""
    return await web(request).database.read(drafts.kept, name, place)


def web(request: Request) -> Web:
    """The parts behind a request."""
    found: Web = request.app.state.web
    return found
