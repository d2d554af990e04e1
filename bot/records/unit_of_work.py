"""What one use case has in hand: the open transaction, the moment it happens at, and the keys."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, nullcontext
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, bindparam, func, insert, select, update
from sqlalchemy.engine import CursorResult, RowMapping

from bot.errors import KeyFileError
from bot.interview.schedule import Schedule, Text
from bot.messages import Address
from bot.records import trail
from bot.records.faults import passes
from bot.records.prepared import Ahead, Prepared, Row, Values, driver_cursor
from bot.records.tables import data_keys, meta, schedules, tasks
from bot.records.vault import DataKey, Vault

UseCase = TypeVar("UseCase", bound=Callable[..., Any])

HOLDING_KEY = "holding key"
"""Where `meta` says which data key is that of the holding area."""


_NEW_KEY = Prepared(insert(data_keys).returning(data_keys.c.id))
_KEY = Prepared(select(data_keys.c.wrapped).where(data_keys.c.id == bindparam("of")))
_SCHEDULE = Prepared(select(schedules.c.version).where(schedules.c.version == bindparam("of")))


class Again(BaseException):
    """The use case is undone and run again. No `except Exception` on the way may take this for a failure of its own."""


class NotAlone(Again):
    """It ran beside others, and has to run alone after all."""


class NotTrusted(Again):
    """A part of it failed that has to leave nothing behind while the rest stays: it has to run with savepoints."""


class Passing(Again):
    """It failed with `error`, for a reason that passes."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def beside(use_case: UseCase) -> UseCase:
    """Mark a use case that may run beside others on PostgreSQL, for it touches one participant, whom it locks.

    Where it turns out to touch more, it says so by `uow.alone()` before it reads what others could change.
    """
    use_case.beside = True  # type: ignore[attr-defined]  # a function takes attributes
    return use_case


def sharing(of: Callable[..., Hashable]) -> Callable[[UseCase], UseCase]:
    """Mark a use case that may run beside others, and is short enough to share a transaction with others of its kind.

    `of`: given what the use case is given, whose it is: theirs are taken in the order in which they came. None where
    the order is all one.
    """

    def mark(use_case: UseCase) -> UseCase:
        use_case.shares = of  # type: ignore[attr-defined]  # a function takes attributes
        return beside(use_case)

    return mark


def runs_beside(use_case: Callable[..., Any]) -> bool:
    """Whether it is marked so."""
    return getattr(use_case, "beside", False)


def sharing_of(use_case: Callable[..., Any]) -> Callable[..., Hashable] | None:
    """Whose it is, where it is marked so; else None."""
    return getattr(use_case, "shares", None)


def in_transaction(connection: Connection) -> bool:
    """Whether what was done so far is still there.

    On a full disk, an I/O error or no memory SQLite undoes the whole transaction by itself
    (sqlite.org/lang_transaction.html, section 3).
    """
    return bool(getattr(connection.connection.driver_connection, "in_transaction", True))


class UnitOfWork:
    """One transaction. `changed` gathers names of what changed, told to listeners after the commit.

    `beside`: others write at the same time, each to participants of their own, whose ids are in `locked`.
    `trusting`: no part is expected to fail, so none has a savepoint, which costs more than a part is worth; where one
    does fail, the whole is undone and run again with them. `ahead`: prepared statements do not wait for the answers of
    those before them, until a statement comes that is not prepared.
    """

    def __init__(
        self,
        connection: Connection,
        vault: Vault,
        now: datetime,
        new_id: Callable[[], str],
        known_schedules: dict[str, Schedule],
        texts: Mapping[str, Mapping[str, Text]] = MappingProxyType({}),
        *,
        beside: bool = False,
        trusting: bool = False,
        ahead: Ahead | None = None,
    ) -> None:
        self._connection = connection
        self._ahead = ahead
        self.vault = vault
        self.now = now
        self.new_id = new_id
        self.changed: set[str] = set()
        self.beside = beside
        self.trusting = trusting
        self.locked: Set[int] = frozenset()
        self._cursor = driver_cursor(connection)
        self._known_schedules = known_schedules
        self._texts = texts

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's, in the transaction; everything that was sent before is done."""
        if self._ahead is not None:
            self._ahead.stop()
            self._ahead = None
        return self._connection

    @property
    def dialect(self) -> str:
        """The name of the database's kind: sqlite or postgresql."""
        return self._connection.dialect.name

    @property
    def _next_cursor(self) -> Any:
        """The cursor for the next statement: one of its own, where the answer to the last may not have come."""
        return self._ahead.cursor() if self._ahead is not None else self._cursor

    def execute(self, statement: Executable, *args: Any) -> CursorResult[Any]:
        """Run one statement."""
        return self.connection.execute(statement, *args)

    def one(self, statement: Executable) -> RowMapping | None:
        """The first row, by column name, or None."""
        return self.connection.execute(statement).mappings().first()

    def all(self, statement: Executable, *args: Any) -> list[RowMapping]:
        """Every row, by column name."""
        return list(self.connection.execute(statement, *args).mappings())

    def run(self, prepared: Prepared, values: Values) -> list[Row]:
        """Run a prepared statement; the rows it gave."""
        return prepared.run(self._next_cursor, self._connection.dialect, values)

    def run_each(self, prepared: Prepared, values: Sequence[Values]) -> None:
        """Run a prepared statement that gives no rows once for each."""
        prepared.run_each(self._next_cursor, self._connection.dialect, values)

    def alone(self) -> None:
        """From here on nobody else may write: others could change what decides what is done."""
        if self.beside:
            raise NotAlone

    def lock(self, interview: Prepared, values: Values) -> None:
        """Let nobody else touch a participant until the commit; `interview` selects theirs for update."""
        if self.beside:
            self.locked |= {row["participant_id"] for row in self.run(interview, values)}

    def queue_up(self, number: int) -> None:
        """Until the commit, nobody else who runs beside us is past this point."""
        if self.beside:
            self._next_cursor.execute(f"SELECT pg_advisory_xact_lock({number})")

    @contextmanager
    def undone_on_failure(self) -> Iterator[None]:
        """A part that leaves nothing behind when it raises, while what came before it stays.

        What fails for a reason that passes, at its begin and its end too, is no failure of the part's own.
        """
        try:
            with nullcontext() if self.trusting else self._savepoint():
                yield
        except Exception as error:
            if passes(error):
                raise Passing(error) from error
            if self.trusting:
                raise NotTrusted from error
            raise

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        self._cursor.execute("SAVEPOINT part")
        locked = self.locked
        try:
            yield
        except BaseException as error:
            whole = isinstance(error, Again) or passes(error)  # then all is undone
            if not whole and in_transaction(self.connection):
                self.locked = locked  # what was locked since is free again
                self._cursor.execute("ROLLBACK TO SAVEPOINT part")
                self._cursor.execute("RELEASE SAVEPOINT part")
            raise
        self._cursor.execute("RELEASE SAVEPOINT part")

    def database_time(self) -> datetime:
        """By the one clock that all processes share: `now` is that of this machine."""
        if self.dialect == "sqlite":
            return self.now
        found: datetime = self.connection.execute(select(func.clock_timestamp())).scalar_one()
        return found

    def new_code(self) -> str:
        """Six figures that nobody can guess, for somebody to send back."""
        return f"{int.from_bytes(self.vault.find(Address('code', self.new_id()))[:8]) % 1_000_000:06}"

    # Keys

    def new_key(self) -> int:
        """A data key for somebody new; its id."""
        (kept,) = self.run(_NEW_KEY, {"wrapped": self.vault.new_data_key(), "created_at": self.now})
        return int(kept["id"])

    def key(self, key_id: int) -> DataKey:
        """The data key with this id."""
        (kept,) = self.run(_KEY, {"of": key_id})
        return self.vault.data_key(kept["wrapped"])

    def holding_key(self) -> tuple[int, DataKey]:
        """The key of the holding area, for words of people we do not know yet."""
        self.alone()
        known = self.one(select(meta.c.value).where(meta.c.name == HOLDING_KEY))
        if known:
            key_id = int(known["value"])
        else:
            key_id = self.new_key()
            self.execute(insert(meta).values(name=HOLDING_KEY, value=str(key_id)))
        return key_id, self.key(key_id)

    def open_of_team(self, sealed: bytes, about: str) -> str:
        """What was sealed of somebody of the team: with the team's key, or the holding area's in earlier versions."""
        try:
            return self.vault.team.open(sealed, about)
        except KeyFileError:
            return self.holding_key()[1].open(sealed, about)

    # Schedules

    def schedule(self, version: str) -> Schedule:
        """The schedule with this version, as it was when it was first used; who helps, as it is said today."""
        if version not in self._known_schedules:
            content = self.execute(select(schedules.c.content).where(schedules.c.version == version)).scalar_one()
            stored = Schedule.from_json(content)
            self._known_schedules[version] = stored.with_todays(self._texts.get(stored.language, {}))
        return self._known_schedules[version]

    def keep_schedule(self, schedule: Schedule) -> None:
        """Store a schedule version that an interview is to stay on."""
        if not self.run(_SCHEDULE, {"of": schedule.version}):
            self.execute(
                insert(schedules).values(
                    version=schedule.version,
                    cohort=schedule.cohort,
                    language=schedule.language,
                    content=schedule.to_json(),
                    added_at=self.now,
                )
            )

    # The work queue and the trail

    def open_task(
        self, kind: str, participant_id: int | None = None, message_id: int | None = None, note: str | None = None
    ) -> None:
        """Something for a person to do; one that is open already for this participant is not opened twice."""
        if participant_id is not None:
            same = (tasks.c.participant_id == participant_id, tasks.c.kind == kind, tasks.c.closed_at.is_(None))
            if self.one(select(tasks.c.id).where(*same)):
                return
        self.execute(
            insert(tasks).values(
                kind=kind, participant_id=participant_id, message_id=message_id, note=note, opened_at=self.now
            )
        )
        self.changed.add("tasks")

    def has_task(self, participant_id: int, kinds: frozenset[str]) -> bool:
        """Whether one of these is open for the participant."""
        of = (tasks.c.participant_id == participant_id, tasks.c.kind.in_(kinds), tasks.c.closed_at.is_(None))
        return self.one(select(tasks.c.id).where(*of).limit(1)) is not None

    def close_tasks(self, participant_id: int, kinds: frozenset[str]) -> None:
        """These have been seen to."""
        self.execute(
            update(tasks)
            .where(tasks.c.participant_id == participant_id, tasks.c.kind.in_(kinds), tasks.c.closed_at.is_(None))
            .values(closed_at=self.now)
        )
        self.changed.add("tasks")

    def note(self, actor: str, act: str, subject: str | None = None, **detail: Any) -> None:
        """One line of the audit trail: who did what to whom. Never words of a participant."""
        self.alone()  # each line follows from the one before
        trail.add(self.connection, self.vault, actor, act, subject, detail, self.now)
