"""What every page has in hand."""

from __future__ import annotations

import asyncio
import re
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
    drafts: dict[tuple[str, str], str] = field(default_factory=dict)
    """Words that were not sent: by whose they are, and where they stand (`draft_place`). Kept nowhere else."""
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


MOST_DRAFTS = 100
"""Places at which unsent words of one person are kept: the newest ones."""


def draft_place(page: str, field: str = "text") -> str:
    """Where words stand: a message on its page, any other words in their field of it."""
    return page if field == "text" else f"{page}#{field}"


def keep_draft(request: Request, name: str, place: str, words: str) -> None:
    """Keep what somebody wrote at a place until it is sent; no words take away what was kept."""
    drafts = web(request).drafts
    drafts.pop((name, place), None)
    if words.strip():
        drafts[(name, place)] = words
        for old in [key for key in drafts if key[0] == name][:-MOST_DRAFTS]:
            del drafts[old]


def drop_drafts(request: Request, code: str) -> None:
    """Keep nothing that anybody wrote about a participant who is no more."""
    drafts = web(request).drafts
    for key in [key for key in drafts if code.casefold() in re.split("[/#]", key[1].casefold())]:
        del drafts[key]


def web(request: Request) -> Web:
    """The parts behind a request."""
    found: Web = request.app.state.web
    return found
