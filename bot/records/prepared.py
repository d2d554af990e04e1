"""Statements of every turn, compiled once and run straight on the driver.

SQLAlchemy needs four times as long to build and run such a statement as SQLite needs to carry it out, and a turn has
a dozen of them. The statement, its types and its dialect stay SQLAlchemy's; only the way to the driver is shorter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Select, Update
from sqlalchemy.engine import Dialect

Values = Mapping[str, Any]
Row = dict[str, Any]
Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """`fixed`: the values that the statement itself holds; `sent` and `found`: what is not taken as it is."""

    sql: str
    positional: bool
    fixed: Mapping[str, Any]
    binds: tuple[str, ...]
    sent: tuple[tuple[str, Convert], ...]
    columns: tuple[str, ...]
    found: tuple[tuple[str, Convert], ...]

    def parameters(self, values: Values) -> Any:
        given = {**self.fixed, **values}
        for name, convert in self.sent:
            given[name] = convert(given[name])
        return [given[name] for name in self.binds] if self.positional else given

    def row(self, found: tuple[Any, ...]) -> Row:
        row = dict(zip(self.columns, found, strict=True))
        for name, convert in self.found:
            row[name] = convert(row[name])
        return row


class Prepared:
    """One statement; a name in `values` is a column to set or a bindparam of the statement."""

    def __init__(self, statement: Select[Any] | Insert | Update | Delete) -> None:
        self.statement = statement
        self._compiled: dict[tuple[str, ...], _Compiled] = {}

    def run(self, cursor: Any, dialect: Dialect, values: Values) -> list[Row]:
        """Run it with a cursor of the driver, in its transaction; the rows it gave, by column name."""
        key = (dialect.name, *values)
        if key not in self._compiled:
            self._compiled[key] = self._compile(dialect, list(values))
        compiled = self._compiled[key]
        cursor.execute(compiled.sql, compiled.parameters(values))
        return [compiled.row(found) for found in cursor.fetchall()] if compiled.columns else []

    def _compile(self, dialect: Dialect, names: list[str]) -> _Compiled:
        keys = None if isinstance(self.statement, Select) else names
        compiled: Any = self.statement.compile(dialect=dialect, column_keys=keys)
        binds = tuple(compiled.positiontup if compiled.positional else compiled.binds)
        columns = tuple(getattr(self.statement, "exported_columns", ()))
        both = [(name, compiled.binds[name]) for name in dict.fromkeys(binds)]
        sent = [(name, bind.type.dialect_impl(dialect).bind_processor(dialect)) for name, bind in both]
        found = [(one.key, one.type.dialect_impl(dialect).result_processor(dialect, None)) for one in columns]
        return _Compiled(
            sql=compiled.string,
            positional=compiled.positional,
            fixed={name: bind.value for name, bind in both if name not in names},
            binds=binds,
            sent=tuple((name, convert) for name, convert in sent if convert),
            columns=tuple(one.key for one in columns),
            found=tuple((name, convert) for name, convert in found if convert),
        )


def driver_cursor(connection: Connection) -> Any:
    """A cursor of the driver itself, inside the connection's transaction."""
    driver = connection.connection.driver_connection
    assert driver is not None
    return driver.cursor()
