"""The database: one writer thread that commits all waiting use cases together, and readers beside it.

This is SQLite; `bot.records.postgresql` has what is different where several processes share a database.

A use case is a plain function of a `UnitOfWork`. It runs in one hop on the writer's thread, in a savepoint of its own:
when it raises, only its own changes are undone. `run` returns after the commit, so what it returned is on the disk.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, Engine, create_engine, delete, event, insert, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from bot.interview.schedule import Schedule, Text
from bot.mends import storing_problem
from bot.records.prepared import Ahead, driver_cursor
from bot.records.tables import leases
from bot.records.unit_of_work import NotTrusted, UnitOfWork, in_transaction
from bot.records.vault import Vault

P = ParamSpec("P")
T = TypeVar("T")

BATCH = 64
"""The most use cases that share one commit."""

A_MOMENT = 0.01
"""Seconds for which what can wait does, to share the commit of what cannot."""

BUSY_MS = 15_000
"""How long to wait for another process, such as a command beside the server, to finish its commit."""

CACHE_KB = 16_000
"""Of the database, in the writer's memory; SQLite alone would keep 2,000 (sqlite.org/pragma.html#pragma_cache_size)."""

SETTINGS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", "temp_store=MEMORY")
"""On the disk before anybody is told so; and what is deleted is overwritten with zeros.

What SQLite keeps to undo a part of a transaction stays in memory: its temporary files are outside the study's folder
(sqlite.org/tempfiles.html, section 2.4), and a turn would write 25 pages to one.
"""

NOTICED_SOON = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
"""That we are gone, by the server: what a transaction holds is free again then."""

REACHING: Mapping[str, Any] = {
    "application_name": "ownpace",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""How PostgreSQL is connected to: a connection that goes silent is noticed within seconds."""

PATIENCE = timedelta(seconds=30)
"""How long one statement may take on PostgreSQL, with its wait for others, unless the settings say otherwise."""

SILENT = "the database does not answer"

_JSON: Mapping[str, Any] = {"json_serializer": lambda value: to_json(value).decode(), "json_deserializer": from_json}


@dataclass(frozen=True, slots=True)
class Job:
    """A use case that waits, and who waits for it: an event loop, or a thread where `loop` is None.

    `until`: so long, by the monotonic clock, it may wait for others to share its commit; 0 for not at all. `of`: whose
    it is, where theirs are to be taken one after the other.
    """

    work: Callable[[UnitOfWork], Any]
    done: Future[Any] | asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop | None = None
    until: float = 0.0
    of: Hashable = None


@dataclass(frozen=True, slots=True)
class _FollowUp:
    """A use case that is part of every commit which changes `name`; `tell` gets what it returned, after the commit."""

    name: str
    work: Callable[[UnitOfWork], Any]
    tell: Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job, to be told after the commit."""

    job: Job
    result: Any = None
    error: BaseException | None = None

    def tell(self) -> None:
        if self.job.done.done():  # whoever waited has been cancelled
            return
        if self.error is not None:
            self.job.done.set_exception(self.error)
        else:
            self.job.done.set_result(self.result)


class _JobFailed(Exception):
    """A use case raised `error`."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def _store(uow: UnitOfWork) -> None:
    """Anything at all, to see whether it can be."""
    uow.execute(delete(leases).where(leases.c.name == "problem"))
    uow.execute(insert(leases).values(name="problem", holder="", token=0, until=uow.now))
    uow.changed.add("problem")


def tell_all(outcomes: list[Outcome]) -> None:
    """Tell everybody who waits; those of one event loop are woken together, which costs one wake-up, not one each."""
    loops: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.job.loop is None:
            outcome.tell()
        else:
            loops.setdefault(outcome.job.loop, []).append(outcome)
    for loop, theirs in loops.items():
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(_tell_each, theirs)


def _tell_each(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        outcome.tell()


def open_engine(url: str, pool_size: int = 4, statement_timeout: timedelta = PATIENCE) -> Engine:
    """An engine with the settings the promises rest on. `statement_timeout` is PostgreSQL's."""
    if url.startswith("postgresql:"):
        return _open_postgresql(url.replace("postgresql:", "postgresql+psycopg:", 1), pool_size, statement_timeout)
    path = url.partition(":///")[2]
    if path and path != ":memory:":
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # whoever else uses the machine stays out
    engine = create_engine(
        url,
        hide_parameters=True,
        poolclass=QueuePool,
        pool_size=4,
        connect_args={"check_same_thread": False},
        **_JSON,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None  # SQLAlchemy says BEGIN itself, below
        cursor = connection.cursor()
        for setting in (*SETTINGS, f"busy_timeout={BUSY_MS}"):
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()

    return engine


def _open_postgresql(url: str, pool_size: int, statement_timeout: timedelta) -> Engine:
    milliseconds = int(statement_timeout.total_seconds() * 1000)
    return create_engine(
        url,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=4,
        connect_args={
            "options": f"-c timezone=UTC -c statement_timeout={milliseconds} {NOTICED_SOON}",
            **REACHING,
        },
        **_JSON,
    )


class Database:
    """Where everything is kept. `clock` and `new_id` come from outside, so that tests hold them still."""

    shared = False
    """Whether other processes may write to it too, other than a command beside the server."""

    def __init__(
        self,
        url: str,
        vault: Vault,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        pool_size: int = 4,
        statement_timeout: timedelta = PATIENCE,
    ) -> None:
        self.vault = vault
        self.clock = clock
        self.new_id = new_id
        self.schedules: dict[str, Schedule] = {}
        self.texts: Mapping[str, Mapping[str, Text]] = {}  # today's, for schedules that were stored before
        self._engine = open_engine(url, pool_size, statement_timeout)
        self._listeners: list[Callable[[frozenset[str]], None]] = []
        self._trouble = ""
        self._open(pool_size)

    def _open(self, _pool_size: int) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="reader")
        self._writer = threading.Thread(target=self._write, name="writer", daemon=True)
        self._writer.start()
        self._watch: Connection | None = None
        self._follow_ups: list[_FollowUp] = []

    # Changing things

    async def run(self, use_case: Callable[Concatenate[UnitOfWork, P], T], *args: P.args, **more: P.kwargs) -> T:
        """Run a use case and return what it returned, after the commit. Raises what it raised.

        It may be run a second time, after the first was undone, where another one that shared its commit failed: so it
        does nothing that the database does not undo, and takes no argument that can be read only once.
        """
        return await self._queued(lambda uow: use_case(uow, *args, **more))

    async def run_soon(self, use_case: Callable[Concatenate[UnitOfWork, P], T], *args: P.args, **more: P.kwargs) -> T:
        """The same for what can wait a moment, and so shares a commit with others where there are any."""
        return await self._queued(lambda uow: use_case(uow, *args, **more), time.monotonic() + A_MOMENT)

    async def _queued(self, work: Callable[[UnitOfWork], T], until: float = 0.0) -> T:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._jobs.put(Job(work, done, loop, until))
        return await done

    def run_now(self, use_case: Callable[Concatenate[UnitOfWork, P], T], *args: P.args, **more: P.kwargs) -> T:
        """The same for callers without an event loop."""
        done: Future[T] = Future()
        self._jobs.put(Job(lambda uow: use_case(uow, *args, **more), done))
        return done.result()

    def _write(self) -> None:
        connection: Connection | None = None
        while (job := self._jobs.get()) is not None:
            batch = self._with_others(job)
            try:
                if connection is None:
                    connection = self._writing()
                self._commit(connection, batch)
            except BaseException as error:
                self._heed(error)
                tell_all([Outcome(each, error=error) for each in batch])
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _writing(self) -> Connection:
        """A connection that keeps the pages of the last turns at hand."""
        connection = self._engine.connect()
        driver_cursor(connection).execute(f"PRAGMA cache_size=-{CACHE_KB}")
        return connection

    def _with_others(self, job: Job) -> list[Job]:
        """What waits besides; where all of that can wait a moment, also what comes until then."""
        batch, until = [job], job.until
        while len(batch) < BATCH:
            try:
                following = self._jobs.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if following is None:
                self._jobs.put(None)
                break
            batch.append(following)
            until = min(until, following.until)
        return batch

    def _commit(self, connection: Connection, batch: list[Job], *, trusting: bool = True) -> None:
        """All in one commit; where one of them fails, each in one of its own, so that it takes nobody along."""
        try:
            self._attempt(connection, batch, trusting=trusting)
        except NotTrusted:
            for job in batch:
                self._commit(connection, [job], trusting=False)
        except _JobFailed as failed:
            if len(batch) == 1:
                self._heed(failed.error)
                tell_all([Outcome(batch[0], error=failed.error)])
                return
            for job in batch:
                self._commit(connection, [job])

    def _attempt(self, connection: Connection, batch: list[Job], *, trusting: bool) -> None:
        """Do it all, or nothing of it. Raises _JobFailed, or NotTrusted where a part of one does."""
        outcomes: list[Outcome] = []
        changed: set[str] = set()
        with connection.begin():
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            for job in batch:
                uow = self._unit(connection, trusting=trusting)
                try:
                    outcomes.append(Outcome(job, job.work(uow)))
                except Exception as error:
                    raise _JobFailed(error) from error
                changed |= uow.changed
            told = self._follow(connection, changed, trusting=trusting)
        if changed:
            self._trouble = ""
        tell_all(outcomes)
        for tell in told:
            tell()
        if changed:
            self._tell(frozenset(changed))

    def _follow(self, connection: Connection, changed: set[str], *, trusting: bool) -> list[Callable[[], None]]:
        """Do what follows from these changes; who is to be told after the commit. What fails takes nobody along."""
        told: list[Callable[[], None]] = []
        for one in self._follow_ups:
            if one.name not in changed:
                continue
            uow = self._unit(connection, trusting=trusting)
            try:
                with uow.undone_on_failure():
                    told.append(partial(one.tell, one.work(uow)))
            except Exception:  # whoever asked for it tries again by itself, and says there what is wrong
                if not in_transaction(connection):
                    raise
            else:
                changed |= uow.changed
        return told

    def _unit(
        self, connection: Connection, *, beside: bool = False, trusting: bool = False, ahead: Ahead | None = None
    ) -> UnitOfWork:
        return UnitOfWork(
            connection,
            self.vault,
            self.clock(),
            self.new_id,
            self.schedules,
            self.texts,
            beside=beside,
            trusting=trusting,
            ahead=ahead,
        )

    # Reading things

    async def read(self, query: Callable[Concatenate[UnitOfWork, P], T], *args: P.args, **more: P.kwargs) -> T:
        """Run a query beside the writer, on what is committed."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, lambda: self.read_now(query, *args, **more))

    def read_now(self, query: Callable[Concatenate[UnitOfWork, P], T], *args: P.args, **more: P.kwargs) -> T:
        """The same for callers without an event loop."""
        with self._engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("BEGIN")
            return query(self._unit(connection), *args, **more)

    # Noticing things

    def listen(self, listener: Callable[[frozenset[str]], None]) -> Callable[[], None]:
        """Call `listener` on the writer's thread after each commit, with what changed; call what it returns to end."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def follow_up(self, name: str, use_case: Callable[[UnitOfWork], T], tell: Callable[[T], None]) -> None:
        """Do this too, as a part of every commit that changes what has this name, and tell after it.

        Where it fails nothing is told: it has to be tried in another way now and then.
        """
        self._follow_ups.append(_FollowUp(name, use_case, tell))

    def follow_no_more(self) -> None:
        """Nothing is a part of others' commits from now on."""
        self._follow_ups.clear()

    def _tell(self, changed: frozenset[str]) -> None:
        for listener in tuple(self._listeners):
            listener(changed)

    def version(self) -> int | None:
        """A number that is another one after each commit, by this process or another (PRAGMA data_version).

        None where it cannot be told so cheaply.
        """
        if self._watch is None:
            self._watch = self._engine.connect()
        with closing(driver_cursor(self._watch)) as cursor:
            return int(cursor.execute("PRAGMA data_version").fetchone()[0])

    def scrub(self, *, rewrite: bool = True) -> bool:
        """Leave nothing of what was deleted in the files: write the database anew and empty the write-ahead log.

        False while somebody still reads an older state; the log is emptied later then. Others wait meanwhile, about
        a second for each 100 MB. Without `rewrite` only the log is emptied; pages are zeroed as they are freed.
        """
        with self._engine.connect() as connection:
            if rewrite:
                connection.exec_driver_sql("VACUUM")
            busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            return not busy

    def problem(self) -> str:
        """What keeps it from its work, '' where nothing does: it does not answer, or has stored nothing of late."""
        if not self.ready():
            return SILENT
        if self._trouble:
            with suppress(Exception):
                self.run_now(_store)
        return self._trouble

    def _heed(self, error: BaseException) -> None:
        """Remember it where it says that nothing can be stored, until something is."""
        self._trouble = storing_problem(error) or self._trouble

    def ready(self) -> bool:
        """Whether the database answers."""
        try:
            with self._engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return False
        return True

    def close(self) -> None:
        """Finish what waits, then let go of the file."""
        self._jobs.put(None)
        self._writer.join()
        self._readers.shutdown()
        if self._watch is not None:
            self._watch.close()
        self._engine.dispose()
