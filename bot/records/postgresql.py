"""The database as several processes share it: PostgreSQL, with a small pool of connections.

A use case runs in a transaction of its own (READ COMMITTED). Usually it runs alone: while it does, nobody else writes,
as on SQLite. Those of every turn are marked `beside`: they run at the same time as others of their kind, and lock the
interview of the one participant whom they touch before they read it. Both are one advisory lock, which the ones take
exclusively and the others share. Of those that are marked `sharing`, all that wait at a moment are one transaction;
where anything is in its way, each has one of its own instead.

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
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
from sqlalchemy import Connection, text

from bot.errors import OwnPaceError
from bot.records.bell import CHANNEL, Bell, payload
from bot.records.database import A_MOMENT, Database, Job, Outcome, tell_all
from bot.records.faults import lost, passes
from bot.records.prepared import Ahead, driver_cursor
from bot.records.tables import metadata
from bot.records.unit_of_work import NotAlone, NotTrusted, Passing, UnitOfWork, runs_beside, sharing_of

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

LIVELY = f"""
SELECT set_config('idle_in_transaction_session_timeout', %s, true), {{take}}({TURNSTILE}),
set_config('lock_timeout', %s, true)
"""
"""Begins each transaction: who falls asleep in it loses it, and the turnstile is taken."""

TOGETHER = 16
"""The most use cases that share a transaction."""

SHORTLY, FOR_LONG = "100ms", "0"
"""How long a transaction waits for what another has locked: several that share one could each wait for the other's."""

WAITS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 1.0, 1.0, 2.0, 2.0)
"""Seconds before each further try; whoever delivers to us waits 15 seconds for an answer (Twilio's limit)."""


ASKED = 4
"""How often it is asked, through all waits (16 to 32 seconds together), whether a transaction was committed."""


class InDoubt(OwnPaceError):
    """Nobody knows whether it was done, and it is not done again: that could be twice."""

    def __init__(self) -> None:
        super().__init__(
            "The database went away in the middle of this, and nobody knows whether it was stored. Look first."
        )


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
        self._hand = threading.Lock()
        self._sharing: deque[Job] = deque()
        self._in_hand: set[Hashable] = set()
        self._writers = ThreadPoolExecutor(pool_size, thread_name_prefix="writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")

    # Changing things

    async def run(self, use_case: Callable[Concatenate[UnitOfWork, P], T], *args: P.args, **more: P.kwargs) -> T:
        """Run a use case and return what it returned, after the commit. Raises what it raised.

        It may be run a second time, after the first was undone: so it does nothing that the database does not undo,
        and takes no argument that can be read only once.
        """
        loop = asyncio.get_running_loop()
        if (of := sharing_of(use_case)) is None:
            return await loop.run_in_executor(self._writers, partial(self.run_now, use_case, *args, **more))
        done = self._queued_to_share(lambda uow: use_case(uow, *args, **more), loop, of(*args, **more))
        self._submit(self._share)
        return await done

    async def run_soon(self, use_case: Callable[Concatenate[UnitOfWork, P], T], *args: P.args, **more: P.kwargs) -> T:
        """The same for what can wait a moment, and so shares a transaction with others where there are any."""
        if (of := sharing_of(use_case)) is None:
            return await self.run(use_case, *args, **more)
        loop = asyncio.get_running_loop()
        done = self._queued_to_share(lambda uow: use_case(uow, *args, **more), loop, of(*args, **more))
        loop.call_later(A_MOMENT, self._submit, self._share)
        return await done

    def _queued_to_share(
        self, work: Callable[[UnitOfWork], T], loop: asyncio.AbstractEventLoop, of: Hashable
    ) -> asyncio.Future[T]:
        done: asyncio.Future[T] = loop.create_future()
        with self._hand:
            self._sharing.append(Job(work, done, loop, of=of))
        return done

    def _share(self) -> None:
        """Do what waits to share a transaction; where it cannot be had together, each by itself."""
        jobs = self._take_in_hand()
        if not jobs:  # whoever lets go of those in hand comes back for what waits for them
            return
        if len(jobs) == 1:
            self._settle(jobs)
            return
        try:
            results, changed = self._once([job.work for job in jobs], alone=False, trusting=True)
        except InDoubt as error:
            tell_all([Outcome(job, error=error) for job in jobs])
            self._let_go(jobs)
        except BaseException:
            for theirs in _by_whose(jobs):
                self._submit(self._settle, theirs)
        else:
            tell_all([Outcome(job, result) for job, result in zip(jobs, results, strict=True)])
            self._announce(changed)
            self._let_go(jobs)

    def _settle(self, jobs: Sequence[Job]) -> None:
        """One after the other, each by itself."""
        for job in jobs:
            try:
                outcome = Outcome(job, self._by_itself(job.work, alone=False))
            except BaseException as error:
                outcome = Outcome(job, error=error)
            tell_all([outcome])
        self._let_go(jobs)

    def _take_in_hand(self) -> list[Job]:
        """The first that wait, but for those of somebody of whom another thread has one in hand, or who has to wait."""
        with self._hand:
            jobs, left, busy = list[Job](), deque[Job](), set(self._in_hand)
            for job in self._sharing:
                if len(jobs) == TOGETHER or job.of in busy:
                    left.append(job)
                    busy.add(job.of)
                else:
                    jobs.append(job)
            self._sharing = left
            self._in_hand |= {job.of for job in jobs} - {None}
        return jobs

    def _let_go(self, jobs: Sequence[Job]) -> None:
        with self._hand:
            self._in_hand -= {job.of for job in jobs}
            waits = bool(self._sharing)
        if waits:
            self._submit(self._share)

    def _submit(self, act: Callable[..., None], *args: Any) -> None:
        try:
            self._writers.submit(act, *args)
        except RuntimeError:  # it is being closed
            act(*args)

    def run_now(self, use_case: Callable[Concatenate[UnitOfWork, P], T], *args: P.args, **more: P.kwargs) -> T:
        """The same for callers without an event loop."""
        return self._by_itself(lambda uow: use_case(uow, *args, **more), alone=not runs_beside(use_case))

    def _by_itself(self, work: Callable[[UnitOfWork], T], *, alone: bool) -> T:
        trusting = True

        def once() -> tuple[list[T], set[str]]:
            nonlocal alone, trusting
            while True:
                try:
                    return self._once([work], alone=alone, trusting=trusting)
                except NotAlone:
                    alone = True
                except NotTrusted:
                    trusting = False

        try:
            (result,), changed = self._insist(once)
        except Exception as error:
            self._heed(error)
            raise
        self._announce(changed)
        return result

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

    def _once(
        self, works: Sequence[Callable[[UnitOfWork], T]], *, alone: bool, trusting: bool
    ) -> tuple[list[T], set[str]]:
        """All of them in one transaction, each with a moment of its own; what they returned, and what they changed."""
        results, changed, locked = list[T](), set[str](), frozenset[int]()
        with self._engine.connect() as connection:
            transaction, ahead = connection.begin(), Ahead(connection) if trusting else None
            try:
                self._enter(connection, ahead, alone=alone, patience=FOR_LONG if len(works) == 1 else SHORTLY)
                for work in works:
                    if ahead and not ahead.on:
                        ahead = Ahead(connection)
                    uow = self._unit(connection, beside=not alone, trusting=trusting, ahead=ahead)
                    uow.locked = locked
                    results.append(work(uow))
                    changed, locked = changed | uow.changed, frozenset(uow.locked)
                mark = self._leave(connection, ahead, changed)
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
        return results, changed

    def _announce(self, changed: set[str]) -> None:
        """Tell whoever listens. That one of them fails does not undo what is committed, nor says that it was not."""
        if not changed:
            return
        self._trouble = ""
        with suppress(Exception):
            self._tell(frozenset(changed))
        if self._bell is not None:
            with suppress(Exception):
                self._bell.ring(frozenset(changed))

    def _enter(self, connection: Connection, ahead: Ahead | None, *, alone: bool, patience: str) -> None:
        take = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
        _cursor(connection, ahead).execute(LIVELY.format(take=take), (self.asleep, patience))
        if ahead:
            ahead.wait()  # for others, perhaps for long: what happens now happens after that

    def _leave(self, connection: Connection, ahead: Ahead | None, changed: set[str]) -> Mapping[str, Any]:
        """Say what was done, and by whom; the mark it leaves. Raises what any statement before met."""
        mark = self._mark()
        _cursor(connection, ahead).execute(MARK, mark)
        if changed and self._bell is None:
            _cursor(connection, ahead).execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload(frozenset(changed))))
        if ahead:
            ahead.stop()
        return mark

    def _mark(self) -> Mapping[str, Any]:
        name = f"commit {self._me} {threading.get_native_id()}"
        return {"name": name, "holder": self._me, "number": next(self._numbers)}

    def _was_committed(self, mark: Mapping[str, Any]) -> bool:
        """Whether the transaction with this mark was, once its fate is known. Raises InDoubt where it stays unknown."""

        def asked() -> bool:
            with self._engine.connect() as connection, connection.begin():
                cursor = driver_cursor(connection)
                cursor.execute(MARKED, mark)
                return bool(cursor.fetchone()[0] == mark["number"])

        for _ in range(ASKED):
            try:
                return self._insist(asked)
            except Exception as error:
                if not passes(error):
                    raise
        raise InDoubt

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
        self._share()
        self._writers.shutdown()
        if self._bell is not None:
            self._bell.close()
        self._readers.shutdown()
        self._engine.dispose()


def _by_whose(jobs: Sequence[Job]) -> list[list[Job]]:
    """Those of one person together, in order."""
    whose: dict[Hashable, list[Job]] = {}
    for number, job in enumerate(jobs):
        whose.setdefault(("nobody", number) if job.of is None else job.of, []).append(job)
    return list(whose.values())


def _cursor(connection: Connection, ahead: Ahead | None) -> Any:
    return ahead.cursor() if ahead and ahead.on else driver_cursor(connection)


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
