"""Parts of a page again, whenever they change (server-sent events)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext, suppress

from starlette.requests import Request
from starlette.responses import StreamingResponse

from bot.web.signin import shut
from bot.web.state import web

HEARTBEAT = 20.0
"""Seconds after which an open page hears that it is still connected."""


def stream(
    request: Request,
    name: str,
    parts: Callable[[], Awaitable[dict[str, str]]],
    during: AbstractContextManager[None] | None = None,
) -> StreamingResponse:
    """The parts of a page, by name, whenever one changes, for as long as the page is open to whoever asked.

    In between, an open page hears that it is still connected, and at last why it is shut. `during` is held open as
    long as the page is.
    """

    async def events() -> AsyncIterator[str]:
        async with web(request).news.of(name) as changed:
            with during or nullcontext():
                shown: dict[str, str] = {}
                while not web(request).news.over and not await request.is_disconnected():
                    changed.clear()
                    now = await parts()
                    if why := await shut(request):
                        yield f"event: shut\ndata: {why}\n\n"
                        return
                    yield f"data: {json.dumps(now)}\n\n" if now != shown else "event: here\ndata:\n\n"
                    shown = now
                    with suppress(TimeoutError):
                        await asyncio.wait_for(changed.wait(), HEARTBEAT)

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)
