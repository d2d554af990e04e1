"""Statements of every turn, compiled once and run straight on the driver.

SQLAlchemy needs four times as long to build and run such a statement as SQLite needs to carry it out, and a turn has
a dozen of them. The statement, its types and its dialect stay SQLAlchemy's; only the way to the driver is shorter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Select, Update
from sqlalchemy.engine import Dialect

Values = Mapping[str, Any]
Row = dict[str, Any]
Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """`parameters` makes of what is given what the driver takes; `row`, of what it found, what we take."""

    sql: str
    parameters: Callable[[Values], Any]
    row: Callable[[tuple[Any, ...]], Row] | None


class Prepared:
    """One statement; a name in `values` is a column to set or a bindparam of the statement."""

    def __init__(self, statement: Select[Any] | Insert | Update | Delete) -> None:
        self.statement = statement
        self._compiled: dict[tuple[str, ...], _Compiled] = {}

    def run(self, cursor: Any, dialect: Dialect, values: Values) -> list[Row]:
        """Run it with a cursor of the driver, in its transaction; the rows it gave, by column name."""
        compiled = self._for(dialect, values)
        cursor.execute(compiled.sql, compiled.parameters(values))
        return [*map(compiled.row, cursor.fetchall())] if compiled.row else []

    def run_each(self, cursor: Any, dialect: Dialect, values: Sequence[Values]) -> None:
        """Run it once for each, all with the same names; for a statement that gives no rows."""
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
        columns = tuple(getattr(self.statement, "exported_columns", ()))
        _check(names, compiled.binds, [one.key for one in columns])
        sent = {
            name: (bind.value, bind.type.dialect_impl(dialect).bind_processor(dialect))
            for name, bind in compiled.binds.items()
        }
        found = {one.key: one.type.dialect_impl(dialect).result_processor(dialect, None) for one in columns}
        order = compiled.positiontup if compiled.positional else None
        return _Compiled(compiled.string, _parameters(names, sent, order), _row(found) if found else None)


def _check(names: list[str], binds: Mapping[str, Any], columns: list[str | None]) -> None:
    """Raises TypeError for a bind without a value, and for columns that cannot be told apart by name."""
    if missing := [name for name, bind in binds.items() if bind.required and name not in names]:
        raise TypeError(f"The statement wants {', '.join(missing)}.")
    if len({*columns, None}) <= len(columns):
        raise TypeError(f"Columns of one name, or of none: {columns}.")


def _parameters(
    names: list[str], sent: Mapping[str, tuple[Any, Convert | None]], order: list[str] | None
) -> Callable[[Values], Any]:
    """Makes a tuple in `order`, or a dict for a driver that wants names.

    `sent`: the value that the statement itself holds, for what is not in `names`, and how it is written, by name.
    """
    known: dict[str, Any] = {}
    terms = {}
    for number, (name, (value, convert)) in enumerate(sent.items()):
        if name not in names:
            terms[name], known[f"_{number}"] = f"_{number}", convert(value) if convert else value
        elif convert:
            terms[name], known[f"_{number}"] = f"_{number}(given[{name!r}])", convert
        else:
            terms[name] = f"given[{name!r}]"
    if order is None:
        return _function("given", "{" + ", ".join(f"{name!r}: {term}" for name, term in terms.items()) + "}", known)
    return _function("given", "(" + "".join(f"{terms[name]}, " for name in order) + ")", known)


def _row(found: Mapping[str, Convert | None]) -> Callable[[tuple[Any, ...]], Row]:
    """Makes a dict by column name; what is empty stays empty."""
    known = {f"_{number}": convert for number, convert in enumerate(found.values())}
    terms = [
        f"{name!r}: None if found[{number}] is None else _{number}(found[{number}])"
        if convert
        else f"{name!r}: found[{number}]"
        for number, (name, convert) in enumerate(found.items())
    ]
    return _function("found", "{" + ", ".join(terms) + "}", known)


def _function(argument: str, expression: str, known: dict[str, Any]) -> Callable[[Any], Any]:
    """One expression in the place of a loop over a dozen columns, which takes twice as long; names are ours alone."""
    function: Callable[[Any], Any] = eval(f"lambda {argument}: {expression}", known)
    return function


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
        self.on = True

    def cursor(self) -> Any:
        """A cursor for one statement."""
        return _Patient(self._driver.cursor(), self)

    def wait(self) -> None:
        """Wait for every answer. Raises what failed."""
        self._pipeline.sync()

    def stop(self) -> None:
        """The same; and from now on each statement waits for its own."""
        if self.on:
            self.on = False
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
