"""A study's way from SQLite to PostgreSQL: every row, counted and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json
from sqlalchemy import JSON, Connection, Table, bindparam, delete, exists, func, insert, inspect, select, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from bot.errors import OwnPaceError
from bot.records import migrate
from bot.records.database import open_engine
from bot.records.tables import meta, metadata
from bot.records.vault import Vault

AT_ONCE = 500
BROKE_OFF = (
    "The connection broke at the very end, and the old file is marked as moved. Set url and look at: ownpace "
    "participants. If nobody is there, nothing arrived: set url back, and run: ownpace move --back"
)
Progress = Callable[[str, int, int], None]


def transfer(source: str, target: str, vault: Vault, progress: Progress) -> dict[str, int]:
    """Copy everything from one database into an empty one, in one transaction; how many rows each table has.

    The old one is marked then, so that it is not served any more: what waits there would leave twice. Nothing changes
    it meanwhile. Raises OwnPaceError, with nothing copied, where there are rows already, or where what was copied is
    not the same.
    """
    migrate.check(source, vault)
    from_engine, to_engine = open_engine(source), open_engine(target)
    try:
        with to_engine.begin() as there:
            _refuse_rows(there)  # before another study is touched
        migrate.migrate(target, vault)
        with from_engine.connect() as here, to_engine.connect() as there:
            arriving = there.begin()
            with here.begin():  # marked before it is there: whatever comes between, it is not served at both places
                here.exec_driver_sql("BEGIN IMMEDIATE")
                there.exec_driver_sql("SET LOCAL statement_timeout = 0")
                _refuse_rows(there)
                counts = {table.name: _copy(here, there, table, progress) for table in metadata.sorted_tables}
                here.execute(insert(meta).values(name=migrate.MOVED, value="to PostgreSQL"))
            try:
                arriving.commit()
            except DBAPIError:
                raise OwnPaceError(BROKE_OFF) from None
            return counts
    finally:
        from_engine.dispose()
        to_engine.dispose()


def come_back(source: str) -> bool:
    """Take the mark away, so that the old database is served again; whether it had one."""
    engine = open_engine(source)
    try:
        with engine.begin() as here:
            return bool(here.execute(delete(meta).where(meta.c.name == migrate.MOVED)).rowcount)
    finally:
        engine.dispose()


def _refuse_rows(there: Connection) -> None:
    """Raise OwnPaceError if there is a study; of tables that are empty only the mark of a study key is removed."""
    known = inspect(there).get_table_names()
    for table in (table for table in metadata.sorted_tables if table.name in known):
        if table is meta:
            continue
        if there.execute(select(exists().select_from(table))).scalar_one():
            raise OwnPaceError(f"There is a study in that database already: {table.name} has rows. Name an empty one.")
    if meta.name in known:
        there.execute(delete(meta))


def _copy(here: Connection, there: Connection, table: Table, progress: Progress) -> int:
    total = here.execute(select(func.count()).select_from(table)).scalar_one()
    done, sum_here = 0, hashlib.sha256()
    for rows in _rows(here, table):
        try:
            there.execute(_inserted(table), rows)
        except (DataError, IntegrityError) as error:
            kind = type(error.orig).__name__
            raise OwnPaceError(
                f"A row of {table.name} does not fit into PostgreSQL ({kind}). Nothing was moved."
            ) from None
        _add(sum_here, rows)
        done += len(rows)
        progress(f"Moving {table.name}", done, total)
    sum_there = hashlib.sha256()
    for rows in _rows(there, table):
        _add(sum_there, rows)
    count: int = there.execute(select(func.count()).select_from(table)).scalar_one()
    if (done, sum_here.digest()) != (count, sum_there.digest()):
        raise OwnPaceError(f"{table.name} did not arrive as it was. Nothing was moved; please tell us.")
    _count_on(there, table)
    return count


def _inserted(table: Table) -> Any:
    """A statement that keeps NULL in a JSON column as NULL."""
    json = {one.name: bindparam(one.name, type_=JSON(none_as_null=True)) for one in table.c if type(one.type) is JSON}
    return insert(table).values(json) if json else insert(table)


def _rows(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """All rows in the order of their key, never all of them in memory."""
    (key,) = table.primary_key.columns
    query, last = select(table).order_by(key).limit(AT_ONCE), None
    while True:
        found = connection.execute(query if last is None else query.where(key > last))
        rows = [dict(row) for row in found.mappings()]
        if not rows:
            return
        yield rows
        last = rows[-1][key.name]


def _add(whole: Any, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        whole.update(to_json([_plain(value) for value in row.values()]) + b"\n")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value.hex() if isinstance(value, bytes) else value


def _count_on(there: Connection, table: Table) -> None:
    """New rows get numbers after those that are there."""
    column = table.autoincrement_column
    if column is None:
        return
    sequence = func.pg_get_serial_sequence(table.name, column.name)
    last = there.execute(select(func.max(column))).scalar()
    if last is not None:
        there.execute(text("SELECT setval(:of, :last)"), {"of": there.execute(select(sequence)).scalar(), "last": last})
