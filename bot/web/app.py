"""The ASGI application: its routes, and the worker that runs beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.service.sender import LOOK_AGAIN, Worker
from bot.web import (
    account,
    attachments,
    conversation,
    coordinator,
    dashboard,
    exports,
    health,
    holding,
    join,
    leaving,
    needs,
    pictures,
    posted,
    queue,
    refile,
    search,
    signin,
    simulator,
    team,
    unsent,
    unsubscribe,
    webhooks,
    writeup,
)
from bot.web.guessing import Checking, Tries
from bot.web.pages import page
from bot.web.state import Web

log = structlog.get_logger()


class WithoutNul:
    """In a path or a query, NUL becomes U+FFFD, as in forms: PostgreSQL refuses to look for it in a text."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and ("\0" in scope["path"] or b"%00" in scope["query_string"]):
            path, query = scope["path"].replace("\0", "\ufffd"), scope["query_string"].replace(b"%00", b"%EF%BF%BD")
            scope = {**scope, "path": path, "query_string": query}
        await self.app(scope, receive, send)


def create_app(parts: Web, worker: Worker | None) -> Starlette:
    """The application. With a worker, it also sends, wakes timers and asks providers while it is served.

    Whoever serves it sets `state.give_up`: it is called with a task that was to go on for ever and has ended.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        parts.news.bind(asyncio.get_running_loop())
        end = parts.database.listen(parts.news.tell)
        tasks = [asyncio.create_task(_notice(parts))]
        if worker is not None:
            tasks.append(asyncio.create_task(worker.run()))
        for task in tasks:
            task.add_done_callback(ended)
        try:
            yield
        finally:
            end()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelling():
            app.state.give_up(task)

    routes = [
        *webhooks.routes(parts.channels),
        *signin.routes,
        *unsubscribe.routes,
        *unsent.routes,
        *account.routes,
        *join.routes,
        *dashboard.routes,
        *attachments.routes,
        *queue.routes,
        *refile.routes,
        *writeup.routes,
        *leaving.routes,
        *needs.routes,
        *conversation.routes,
        *holding.routes,
        *coordinator.routes,
        *pictures.routes,
        *exports.routes,
        *search.routes,
        *team.routes,
        *(simulator.routes if "simulator" in parts.channels else []),
        *health.routes,
        Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
    ]
    handlers = {404: missing, 405: missing, 500: failed, posted.TooLarge: signin.too_large, ClientDisconnect: left}
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers, middleware=[Middleware(WithoutNul)])
    app.state.web = parts
    app.state.give_up = lambda task: None
    app.state.tries = Tries(parts.database.clock)
    app.state.checking = Checking()
    return health.watch(app, parts.database, worker)


async def _notice(parts: Web) -> None:
    """Tell open pages what other processes changed, such as a command beside the server."""
    seen = version = None
    while True:
        try:
            version = parts.database.version()
        except Exception as error:
            log.error("changes by other processes are not noticed for now", error=type(error).__name__)
        if seen is not None and version != seen:
            parts.news.tell(frozenset({"*"}))
        seen = version
        await asyncio.sleep(LOOK_AGAIN)


async def missing(request: Request, error: Exception) -> Response:
    """There is no such page, or only a form is sent there."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    return page(request, "problem.html", status=status, problem="There is no such page.")


async def left(_request: Request, _error: Exception) -> Response:
    """Whoever asked has gone in the middle of it, and sees no answer."""
    return Response(status_code=400)


async def failed(request: Request, _error: Exception) -> Response:
    """Something of ours went wrong; the log has it, the page does not."""
    return page(request, "problem.html", status=500, problem="Something went wrong here. It has been noted; try again.")
