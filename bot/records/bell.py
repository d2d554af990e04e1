"""Tells the other processes of a study what was changed, and hears it from them (PostgreSQL's NOTIFY and LISTEN).

Names of what changed are told soon after the commit, together: within it, commits would wait for each other. Whoever
misses them, as while there is no connection, looks again by itself.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable, Set

import psycopg

from bot.records.database import NOTICED_SOON, REACHING

CHANNEL = "ownpace"
MOST = 4000
"""Characters told at once; a payload has fewer than 8000 bytes."""

EVERYTHING = frozenset({"*"})
"""Told where more changed than can be said."""

TOGETHER, AGAIN, ALIVE = 0.01, 1.0, 20.0
"""Seconds in which changes are gathered; before a new connection; after which the connection is tried."""

ENDING = 2.0
"""Seconds for which a server that does not answer may hold up the end."""


def payload(changed: frozenset[str]) -> str:
    """What is told of them."""
    words = "\n".join(sorted(changed))
    return words if len(words) <= MOST else "*"


class Bell:
    """A connection and a thread of its own. `hear` is called on that thread."""

    def __init__(self, url: str, hear: Callable[[frozenset[str]], None]) -> None:
        self._url = url
        self._hear = hear
        self._to_tell: set[str] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._woken, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="bell", daemon=True)
        self._thread.start()

    def ring(self, changed: frozenset[str]) -> None:
        """Tell the others, soon; from any thread."""
        with self._lock:
            first, self._to_tell = not self._to_tell, self._to_tell | changed
        if first:
            self._wake.send(b"!")

    def close(self) -> None:
        """Tell nothing more."""
        self._closed.set()
        self._wake.send(b"!")
        self._thread.join(ENDING)
        if not self._thread.is_alive():
            self._wake.close()
            self._woken.close()

    def _run(self) -> None:
        missed = False
        while not self._closed.is_set():
            try:
                with self._connect() as connection:
                    connection.execute(f"LISTEN {CHANNEL}".encode())
                    if missed:
                        self._hear(EVERYTHING)
                    self._serve(connection)
            except Exception:  # whatever it was, those who listen are to hear again
                missed = True
                self._closed.wait(AGAIN)

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self._url, autocommit=True, options=NOTICED_SOON, **REACHING)

    def _serve(self, connection: psycopg.Connection) -> None:
        with selectors.DefaultSelector() as both:
            for one in (connection, self._woken):
                both.register(one, selectors.EVENT_READ)
            while not self._closed.is_set():
                self._go_on(connection, {key.fileobj for key, _ in both.select(ALIVE)})

    def _go_on(self, connection: psycopg.Connection, news: Set[object]) -> None:
        if self._woken in news:
            self._woken.recv(64)
            self._tell(connection)
        if not news:
            connection.execute("SELECT 1")
        for told in connection.notifies(timeout=0):
            if told.pid != connection.info.backend_pid:
                self._hear(frozenset(told.payload.split("\n")))

    def _tell(self, connection: psycopg.Connection) -> None:
        self._closed.wait(TOGETHER)
        with self._lock:
            changed, self._to_tell = frozenset(self._to_tell), set()
        if changed:
            connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload(changed)))
