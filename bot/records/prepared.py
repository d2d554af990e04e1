"""Statements of every turn, compiled once and run straight on the driver.

SQLAlchemy needs four times as long to build and run such a statement as SQLite needs to carry it out, and a turn has
a dozen of them. The statement, its types and its dialect stay SQLAlchemy's; only the way to the driver is shorter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Select, Update
from sqlalchemy.engine import Dialect

Values = Mapping[str, Any]
Row = dict[str, Any]
Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """`fixed`: the values that the statement itself holds; `sent` and `found`: what is not taken as it is.

    `places`: where each bind stands among the given values and, after them, the fixed ones; a driver that wants names
    has none.
    """

    sql: str
    places: tuple[int, ...] | None
    chosen: Callable[[list[Any]], Any]
    fixed: Mapping[str, Any]
    sent: tuple[tuple[str, int, Convert], ...]
    columns: tuple[str, ...]
    found: tuple[tuple[str, Convert], ...]

    def parameters(self, values: Values) -> Any:
        """What the driver is given; the names in `values` must be in the order for which this was compiled."""
        if self.places is None:
            named = {**values, **self.fixed}
            for name, _, convert in self.sent:
                named[name] = convert(named[name])
            return named
        all_given = [*values.values(), *self.fixed.values()]
        for _, place, convert in self.sent:
            all_given[place] = convert(all_given[place])
        return self.chosen(all_given)

    def row(self, found: tuple[Any, ...]) -> Row:
        row = dict(zip(self.columns, found, strict=True))
        for name, convert in self.found:
            if row[name] is not None:
                row[name] = convert(row[name])
        return row


class Prepared:
    """One statement; a name in `values` is a column to set or a bindparam of the statement."""

    def __init__(self, statement: Select[Any] | Insert | Update | Delete) -> None:
        self.statement = statement
        self._compiled: dict[tuple[str, ...], _Compiled] = {}

    def run(self, cursor: Any, dialect: Dialect, values: Values) -> list[Row]:
        """Run it with a cursor of the driver, in its transaction; the rows it gave, by column name."""
        compiled = self._for(dialect, values)
        cursor.execute(compiled.sql, compiled.parameters(values))
        return [compiled.row(found) for found in cursor.fetchall()] if compiled.columns else []

    def run_each(self, cursor: Any, dialect: Dialect, values: Sequence[Values]) -> None:
        """Run it once for each, all with the same names in the same order; for a statement that gives no rows."""
        if values:
            compiled = self._for(dialect, values[0])
            cursor.executemany(compiled.sql, [compiled.parameters(each) for each in values])

    def _for(self, dialect: Dialect, values: Values) -> _Compiled:
        key = (dialect.name, *values)
        if key not in self._compiled:
            self._compiled[key] = self._compile(dialect, list(values))
        return self._compiled[key]

    def _compile(self, dialect: Dialect, names: list[str]) -> _Compiled:
        keys = None if isinstance(self.statement, Select) else names
        compiled: Any = self.statement.compile(dialect=dialect, column_keys=keys)
        binds = tuple(compiled.positiontup if compiled.positional else compiled.binds)
        columns = tuple(getattr(self.statement, "exported_columns", ()))
        both = {name: compiled.binds[name] for name in binds}
        fixed = {name: bind.value for name, bind in both.items() if name not in names}
        place = {name: number for number, name in enumerate([*names, *fixed])}
        sent = [(name, bind.type.dialect_impl(dialect).bind_processor(dialect)) for name, bind in both.items()]
        found = [(one.key, one.type.dialect_impl(dialect).result_processor(dialect, None)) for one in columns]
        places = tuple(place[name] for name in binds) if compiled.positional else None
        return _Compiled(
            sql=compiled.string,
            places=places,
            chosen=_chooser(places or ()),
            fixed=fixed,
            sent=tuple((name, place[name], convert) for name, convert in sent if convert),
            columns=tuple(one.key for one in columns),
            found=tuple((name, convert) for name, convert in found if convert),
        )


def _chooser(places: tuple[int, ...]) -> Callable[[list[Any]], Any]:
    """Takes what stands at these places out of a list, in order."""
    return itemgetter(*places) if len(places) > 1 else lambda given: [given[place] for place in places]


def driver_cursor(connection: Connection) -> Any:
    """A cursor of the driver itself, inside the connection's transaction."""
    return _driver(connection).cursor()


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


class Ahead:
    """PostgreSQL is sent the next statement before it has answered the last one, where nobody waits for its rows.

    What fails is told at the next statement whose rows are read, at `wait` or at `stop`
    (postgresql.org/docs/15/libpq-pipeline-mode.html). Each wait ends with a Sync: without one the server would take
    us for busy, and end no transaction of a process that went to sleep in it.
    """

    def __init__(self, connection: Connection) -> None:
        self._driver = _driver(connection)
        self._around = self._driver.pipeline()
        self._pipeline = self._around.__enter__()
        self._on = True

    def cursor(self) -> Any:
        """A cursor for one statement."""
        return _Patient(self._driver.cursor(), self)

    def wait(self) -> None:
        """Wait for every answer. Raises what failed."""
        self._pipeline.sync()

    def stop(self) -> None:
        """The same; and from now on each statement waits for its own."""
        if self._on:
            self._on = False
            self._around.__exit__(None, None, None)


@dataclass(frozen=True, slots=True)
class _Patient:
    """A cursor of the driver that waits for its answer only where it is read."""

    cursor: Any
    ahead: Ahead

    def execute(self, sql: str, parameters: Any = None) -> None:
        self.cursor.execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any) -> None:
        self.cursor.executemany(sql, parameters)

    def fetchall(self) -> list[tuple[Any, ...]]:
        self.ahead.wait()
        rows: list[tuple[Any, ...]] = self.cursor.fetchall()
        return rows
