"""Statements of every turn, compiled once and run straight on the driver.

SQLAlchemy needs four times as long to build and run such a statement as SQLite needs to carry it out, and a turn has
eight of them. The statement, its types and its dialect stay SQLAlchemy's; only the way to the driver is shorter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Select, Update
from sqlalchemy.engine import Dialect

Values = Mapping[str, Any]
Row = dict[str, Any]
Convert = Callable[[Any], Any] | None


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    positional: bool
    binds: tuple[tuple[str, Convert, Any], ...]
    columns: tuple[tuple[str, Convert], ...]

    def parameters(self, values: Values) -> Any:
        if self.positional:
            return [self._value(bind, values) for bind in self.binds]
        return {bind[0]: self._value(bind, values) for bind in self.binds}

    @staticmethod
    def _value(bind: tuple[str, Convert, Any], values: Values) -> Any:
        name, convert, default = bind
        value = values.get(name, default)
        return convert(value) if convert else value

    def row(self, found: tuple[Any, ...]) -> Row:
        pairs = zip(self.columns, found, strict=True)
        return {name: convert(value) if convert else value for (name, convert), value in pairs}


class Prepared:
    """One statement; a name in `values` is a column to set or a bindparam of the statement."""

    def __init__(self, statement: Select[Any] | Insert | Update | Delete) -> None:
        self.statement = statement
        self._compiled: dict[tuple[str, ...], _Compiled] = {}

    def run(self, connection: Connection, values: Values) -> list[Row]:
        """Run it in the connection's transaction; the rows it gave, by column name."""
        dialect = connection.dialect
        key = (dialect.name, *values)
        if key not in self._compiled:
            self._compiled[key] = self._compile(dialect, list(values))
        compiled = self._compiled[key]
        with closing(driver_cursor(connection)) as cursor:
            cursor.execute(compiled.sql, compiled.parameters(values))
            return [compiled.row(found) for found in cursor.fetchall()] if compiled.columns else []

    def _compile(self, dialect: Dialect, names: list[str]) -> _Compiled:
        keys = None if isinstance(self.statement, Select) else names
        compiled: Any = self.statement.compile(dialect=dialect, column_keys=keys)
        order = compiled.positiontup if compiled.positional else list(compiled.binds)
        return _Compiled(
            sql=compiled.string,
            positional=compiled.positional,
            binds=tuple((name, *_bind(compiled.binds[name], dialect)) for name in order),
            columns=tuple(
                (column.key, column.type.dialect_impl(dialect).result_processor(dialect, None))
                for column in getattr(self.statement, "exported_columns", ())
            ),
        )


def driver_cursor(connection: Connection) -> Any:
    """A cursor of the driver itself, inside the connection's transaction."""
    driver = connection.connection.driver_connection
    assert driver is not None
    return driver.cursor()


def _bind(bind: Any, dialect: Dialect) -> tuple[Convert, Any]:
    """How a value goes to the driver, and the value that the statement itself holds."""
    return bind.type.dialect_impl(dialect).bind_processor(dialect), bind.value
