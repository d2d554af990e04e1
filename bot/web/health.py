"""Whether the process and what it stands on are well, and its figures, for whoever watches it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread

from prometheus_client import CONTENT_TYPE_LATEST, Metric
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.records.database import SILENT, Database
from bot.service import figures
from bot.service.sender import Worker

PATIENCE = 5.0
"""Seconds for which an answer of the database is waited for."""


class Probe:
    """Asks, one question at a time, on a thread that holds up nobody: not the pages, and not the end of the process."""

    def __init__(self, question: Callable[[], str]) -> None:
        self._question = question
        self._asked: Future[str] | None = None

    async def problem(self) -> str:
        """What is wrong, '' where nothing is; no answer in time is wrong too. Whoever asks meanwhile gets the same."""
        if self._asked is None or self._asked.done():
            self._asked = Future()
            Thread(target=self._ask, args=(self._asked,), name="probe", daemon=True).start()
        with suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._asked)), PATIENCE)
        return SILENT

    def _ask(self, asked: Future[str]) -> None:
        try:
            asked.set_result(self._question())
        except Exception:
            asked.set_result(SILENT)


async def live(request: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("live\n")


async def ready(request: Request) -> Response:
    """The database answers too and stores what it is given, and no part of the worker stands still."""
    probe: Probe = request.app.state.probe
    problems = [problem] if (problem := await probe.problem()) else []
    worker: Worker | None = request.app.state.worker
    problems += [f"{part} stands still" for part in (worker.standing_still() if worker else [])]
    return PlainTextResponse("\n".join(problems or ["ready"]) + "\n", 503 if problems else 200)


async def metrics(request: Request) -> Response:
    """Figures for Prometheus; none is about one person. While the database does not answer, only the process's own."""
    worker: Worker | None = request.app.state.worker
    database: Database = request.app.state.database
    parts = [figures.rounds(worker.since_good())] if worker else []
    standing: list[Metric] = []
    with suppress(SQLAlchemyError, TimeoutError):
        standing = await asyncio.wait_for(database.read(figures.standing), PATIENCE)
    return Response(figures.text(*standing, *parts), media_type=CONTENT_TYPE_LATEST)


routes = [Route("/health/live", live), Route("/health/ready", ready), Route("/metrics", metrics)]


def watch(app: Starlette, database: Database, worker: Worker | None) -> Starlette:
    """The application, with what these pages are about."""
    app.state.database = database
    app.state.worker = worker
    app.state.probe = Probe(database.problem)
    return app


def create_app(worker: Worker) -> Starlette:
    """These pages and nothing else, for a process that only works."""
    return watch(Starlette(routes=routes), worker.database, worker)
