"""Serving until told to stop."""

from __future__ import annotations

import fcntl
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from bot.errors import OwnPaceError


def serve_forever(app: Starlette, host: str, port: int) -> None:
    """Serve the application until a signal says stop; what was begun is finished first."""
    gc.collect()
    gc.freeze()  # what is loaded by now stays: looking through it again and again would hold up every answer
    gc.set_threshold(20_000, 20, 50)  # a turn makes hundreds of short-lived objects, and hardly a cycle
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,
        server_header=False,
        proxy_headers=False,  # who asks is never taken from a header
    )


@contextmanager
def alone(url: str) -> Iterator[None]:
    """Hold the database for this process: two servers on one SQLite file would send things twice.

    Raises OwnPaceError when another one serves it already. The lock ends with the process, however it ends.
    """
    path = url.partition(":///")[2]
    with Path(f"{path}.serving").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OwnPaceError(f"Another ownpace serve is using {path}. Stop that one first.") from None
        yield
