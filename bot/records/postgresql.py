"""The database as several processes share it: PostgreSQL, with a small pool of connections.

A use case runs in a transaction of its own (READ COMMITTED). Usually it runs alone: while it does, nobody else writes,
as on SQLite. Those of every turn are marked `beside`: they run at the same time as others of their kind, and lock the
interview of the one participant whom they touch before they read it. Both are one advisory lock, which the ones take
exclusively and the others share.

A transaction that failed for a passing reason, such as a deadlock or a connection that was cut, is done again. Where
the connection was cut during the commit, its mark shows whether it was committed: nothing is done twice. (The number
that PostgreSQL gives a transaction shows it not: after a crash that number may be given again.)
"""

from __future__ import annotations

import asyncio
import random
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
from sqlalchemy import Connection, text

from bot.records.bell import CHANNEL, Bell, payload
from bot.records.database import Database
from bot.records.faults import lost, passes
from bot.records.prepared import Ahead, driver_cursor
from bot.records.tables import metadata
from bot.records.unit_of_work import NotAlone, NotTrusted, Passing, UnitOfWork, runs_beside

P = ParamSpec("P")
T = TypeVar("T")

MARK = """
INSERT INTO leases (name, holder, token, until)
SELECT %(name)s, %(holder)s, %(number)s, clock_timestamp() WHERE pg_current_xact_id_if_assigned() IS NOT NULL
ON CONFLICT (name) DO UPDATE SET token = excluded.token, until = excluded.until
"""
"""Written by each transaction that has written: a row for each thread, with a number that only grows."""

MARKED = """
INSERT INTO leases (name, holder, token, until) VALUES (%(name)s, %(holder)s, 0, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder RETURNING token
"""
"""The number of the last transaction of a thread that was committed; waits for one that is under way."""

READERS = 2
"""Connections that are kept for reading, beside those of the pool."""

TURNSTILE = 0x4F776E50
"""The advisory lock that a use case takes, alone or beside others."""

LIVELY = f"SELECT set_config('idle_in_transaction_session_timeout', %s, true), {{take}}({TURNSTILE})"
"""Begins each transaction: who falls asleep in it loses it, and the turnstile is taken."""

WAITS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 1.0, 1.0, 2.0, 2.0)
"""Seconds before each further try; whoever delivers to us waits 15 seconds for an answer (Twilio's limit)."""


class PostgreSQL(Database):
    """The same database for several processes, on several machines."""

    shared = True

    asleep = "20s"
    """A process that goes silent within a transaction for so long has lost it: others wait for what it locked.

    A process that is paused, as a machine is that is moved, keeps its connections: no keepalive notices that.
    """

    def _open(self, pool_size: int) -> None:
        self._bell: Bell | None = None
        self._me = secrets.token_hex(8)
        self._numbers = count(1)
        self._writers = ThreadPoolExecutor(pool_size, thread_name_prefix="writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")

    # Changing things

    async def run(self, use_case: Callable[Concatenate[UnitOfWork, P], T], *args: P.args, **more: P.kwargs) -> T:
        """Run a use case and return what it returned, after the commit. Raises what it raised.

        It may be run a second time, after the first was undone: so it does nothing that the database does not undo,
        and takes no argument that can be read only once.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writers, partial(self.run_now, use_case, *args, **more))

    run_soon = run
    """There is no commit to share: each has its own."""

    def run_now(self, use_case: Callable[Concatenate[UnitOfWork, P], T], *args: P.args, **more: P.kwargs) -> T:
        """The same for callers without an event loop."""
        alone, trusting = not runs_beside(use_case), True

        def once() -> T:
            nonlocal alone, trusting
            while True:
                try:
                    return self._once(lambda uow: use_case(uow, *args, **more), alone=alone, trusting=trusting)
                except NotAlone:
                    alone = True
                except NotTrusted:
                    trusting = False

        try:
            return self._insist(once)
        except Exception as error:
            self._heed(error)
            raise

    def _insist(self, once: Callable[[], T]) -> T:
        """Again, after longer and longer waits, where it failed for a passing reason."""
        for wait in WAITS:
            try:
                return once()
            except Exception as error:
                if not passes(error):
                    raise
                if lost(error):
                    self._engine.dispose()  # the others of the pool were cut too, as like as not
            time.sleep(wait * random.uniform(0.5, 1.0))
        return once()

    def _once(self, work: Callable[[UnitOfWork], T], *, alone: bool, trusting: bool) -> T:
        with self._engine.connect() as connection:
            transaction, ahead = connection.begin(), Ahead(connection) if trusting else None
            cursor = ahead.cursor if ahead else partial(driver_cursor, connection)
            try:
                take = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
                cursor().execute(LIVELY.format(take=take), (self.asleep,))
                if ahead:
                    ahead.wait()  # for others, perhaps for long: what happens now happens after that
                uow = self._unit(connection, beside=not alone, trusting=trusting, ahead=ahead)
                result = work(uow)
                mark = self._mark()
                cursor().execute(MARK, mark)
                if uow.changed and self._bell is None:
                    cursor().execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload(frozenset(uow.changed))))
                if ahead:
                    ahead.stop()
            except Passing as passing:
                _give_up(connection, passing.error, ahead)
                raise passing.error from None
            except BaseException as error:
                _give_up(connection, error, ahead)
                if ahead and _may_be_anothers(error):
                    raise NotTrusted from error
                raise
            try:
                transaction.commit()
            except Exception as error:
                _give_up(connection, error)
                if not (lost(error) and self._was_committed(mark)):
                    raise
        for call in uow.after_commit:
            call()
        if uow.changed:
            self._trouble = ""
            self._tell(frozenset(uow.changed))
            if self._bell is not None:
                self._bell.ring(frozenset(uow.changed))
        return result

    def _mark(self) -> Mapping[str, Any]:
        name = f"commit {self._me} {threading.get_native_id()}"
        return {"name": name, "holder": self._me, "number": next(self._numbers)}

    def _was_committed(self, mark: Mapping[str, Any]) -> bool:
        """Whether the transaction with this mark was, once its fate is known."""

        def asked() -> bool:
            with self._engine.connect() as connection, connection.begin():
                cursor = driver_cursor(connection)
                cursor.execute(MARKED, mark)
                return bool(cursor.fetchone()[0] == mark["number"])

        return self._insist(asked)

    # Reading things

    def read_now(self, query: Callable[Concatenate[UnitOfWork, P], T], *args: P.args, **more: P.kwargs) -> T:
        """Run a query beside the writers, on what is committed at its beginning."""

        def once() -> T:
            with self._engine.connect() as connection:
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                try:
                    with connection.begin():
                        return query(self._unit(connection), *args, **more)
                except BaseException as error:
                    _give_up(connection, error)
                    raise

        return self._insist(once)

    # Noticing things

    def listen(self, listener: Callable[[frozenset[str]], None]) -> Callable[[], None]:
        """Call `listener` after each commit, also of other processes, with what changed: '*' is anything."""
        if self._bell is None:
            self._bell = Bell(self._engine.url.set(drivername="postgresql").render_as_string(False), self._tell)
        return super().listen(listener)

    def version(self) -> int | None:
        """There is none; other processes say themselves what they changed."""
        return None

    def scrub(self, *, rewrite: bool = True) -> bool:
        """Let the server reuse the room of what was deleted; its key is destroyed, so that no copy opens any more.

        However long that takes: of a large database it is more than any other statement may.
        """
        if rewrite:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.detach()  # nobody else is to have it with so much patience
                connection.execute(text("SET statement_timeout = 0"))
                connection.execute(text(f"VACUUM {', '.join(metadata.tables)}"))
        return True

    def close(self) -> None:
        """Finish what was begun, then let go of the connections."""
        self._writers.shutdown()
        if self._bell is not None:
            self._bell.close()
        self._readers.shutdown()
        self._engine.dispose()


def _may_be_anothers(error: BaseException) -> bool:
    """Whether a statement that was sent before may have failed: which did is seen only where each is waited for."""
    return isinstance(error, psycopg.Error) and not (passes(error) or isinstance(error, psycopg.errors.QueryCanceled))


def _give_up(connection: Connection, error: BaseException, ahead: Ahead | None = None) -> None:
    if ahead is not None:
        with suppress(Exception):
            ahead.stop()
    with suppress(Exception):
        if lost(error):
            connection.invalidate()
        transaction: Any = connection.get_transaction()
        if transaction is not None:
            transaction.rollback()
