"""Serving until told to stop."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import structlog
import uvicorn
import uvloop
from starlette.applications import Starlette

from bot.errors import NoStudyYet, OwnPaceError, place
from bot.service.sender import Worker
from bot.web import health
from bot.web.answering import OneWrite

log = structlog.get_logger()

BACKLOG = 2048
"""Connections that may wait to be taken."""

FINISHING = 3
"""Seconds for which a request may go on when the program is told to stop; sends land after that (LANDING)."""


ENDED = 8.0
"""Seconds after which what was told to stop, or ended by itself, is ended: its sends have landed long before that."""


def listen(host: str, port: int, mend: str = "choose another with --port, --host") -> socket.socket:
    """Take the port. Raises OwnPaceError, with the mend, when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise OwnPaceError(f"Cannot listen at {host}, port {port}: {reason}. Stop what uses it, or {mend}.") from None


def serve_forever(app: Starlette, listening: socket.socket) -> None:
    """Serve the application until a signal says stop; what was begun is finished first.

    Raises OwnPaceError when it could not begin, or when a part that is to go on for ever has ended.
    """
    _sweep_seldom()
    server, ended = server_of(app, app.state.web.news.end), list[OwnPaceError]()

    def give_up(task: asyncio.Task[None]) -> None:
        ended.append(_by_itself(task))
        _end_soon(str(ended[0]))
        server.should_exit = True

    app.state.give_up = give_up
    with suppress(KeyboardInterrupt):  # uvicorn has stopped by then, and only hands the signal on
        server.run([listening])
    if not server.started:
        raise OwnPaceError("The service could not be started; what is logged above says why.")
    if ended:
        raise ended[0]


class _Server(uvicorn.Server):
    """Told to stop, it first lets go of the pages that are open: they would stay so for ever."""

    def __init__(self, config: uvicorn.Config, let_go: Callable[[], None]) -> None:
        super().__init__(config)
        self._let_go = let_go

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._let_go()
        await super().shutdown(sockets)


class _Beside(uvicorn.Server):
    """Serves beside other work, which hears signals itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def server_of(app: Starlette, let_go: Callable[[], None] = lambda: None) -> uvicorn.Server:
    """The server, which says of a fault in a page only its kind and place."""
    return _Server(_config(app), let_go)


def _config(app: Starlette) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=OneWrite,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=FINISHING,
        server_header=False,
        proxy_headers=False,  # who asks is never taken from a header
    )
    _say_no_words()
    return config


def _by_itself(task: asyncio.Task[None]) -> OwnPaceError:
    """What to say of a task that was to go on for ever. The error's own words could be a participant's."""
    why = "cancelled" if task.cancelled() else type(task.exception()).__name__
    return OwnPaceError(f"A part of the service ended by itself ({why}), and all of it has stopped. Start it again.")


def _say_no_words() -> None:
    for name in ("uvicorn.error", "asyncio"):  # what a page raises, and what a task does for which nobody waits
        logging.getLogger(name).addFilter(_without_words)


def _without_words(record: logging.LogRecord) -> bool:
    """What an error says, and where it came from, could be somebody's words."""
    if record.exc_info and (error := record.exc_info[1]):
        record.msg, record.args = f"Something went wrong here: {place(error)}", ()
        record.exc_info = record.exc_text = None
    return True


def _sweep_seldom() -> None:
    """What is loaded by now stays, and a turn makes hundreds of short-lived objects, and hardly a cycle."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def work_forever(worker: Worker, listening: socket.socket | None = None) -> None:
    """Send, listen and wake timers until a signal says stop; whoever watches it is answered on `listening`.

    Raises OwnPaceError when they have ended by themselves.

    The process ends soon after either, whatever happens: see `_end_soon`.
    """

    async def until_stopped() -> None:
        work = asyncio.create_task(worker.run())
        server = _Beside(_config(health.create_app(worker)))
        pages = [asyncio.create_task(server.serve([listening]))] if listening else []

        def stop() -> None:
            _end_soon("It was told to stop.")
            work.cancel()
            server.should_exit = True

        for told in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(told, stop)
        ended, _ = await asyncio.wait([work, *pages], return_when=asyncio.FIRST_COMPLETED)
        if not work.cancelling():
            problem = _by_itself(ended.pop())
            _end_soon(str(problem))
            raise problem
        await asyncio.wait([work, *pages])

    _sweep_seldom()
    _say_no_words()
    uvloop.run(until_stopped())


def _end_soon(why: str) -> None:
    """End the process, whatever happens: a thread that waits for a silent database cannot be ended alone.

    What was committed is safe.
    """

    def end() -> None:
        log.error("not all has ended in time: the database may have gone silent", why=why)
        os._exit(1)

    timer = threading.Timer(ENDED, end)
    timer.daemon = True
    timer.start()


@contextmanager
def keeping_libraries() -> Iterator[None]:
    """As long as this process serves, scripts/environment installs nothing into the environment it runs in."""
    ours = Path(sys.prefix, "pyvenv.cfg")
    with ours.open() if ours.exists() else nullcontext() as file:
        with suppress(BlockingIOError):
            if file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield


@contextmanager
def alone(url: str) -> Iterator[None]:
    """Hold the database for this process: two servers on one SQLite file would send things twice.

    Raises OwnPaceError when there is none yet or another one serves it. The lock ends with the process, however it
    ends.
    """
    path = url.partition(":///")[2]
    if not Path(path).exists():
        raise NoStudyYet
    with Path(f"{path}.serving").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OwnPaceError(f"Another server is using {path}. Stop that one first.") from None
        yield
