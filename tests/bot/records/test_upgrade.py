"""A new version's migrations run while the old version still serves: what it writes and reads goes on working.

So every migration only adds: a column has a default or may be empty, and nothing is renamed, removed or made stricter
in the same version that stops using it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import JSON, Column, Connection, Engine, LargeBinary, MetaData, Table, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from bot.records import migrate
from bot.records.database import open_engine
from bot.records.tables import APPEND_ONLY
from tests.bot.world import new_database

FIRST, LAST = 1, int(migrate.HEAD)
WHEN = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NEVER_CHANGED = {table.name for table in APPEND_ONLY}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A database without tables."""
    with new_database(tmp_path, empty=True) as url:
        made = open_engine(url)
        yield made
        made.dispose()


def upgrade(engine: Engine, version: int) -> MetaData:
    """Bring it to a version; its tables as the program of that version knows them."""
    config, known = Config(), MetaData()
    config.set_main_option("script_location", str(migrate.VERSIONS.parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, f"{version:04}")
        known.reflect(connection)
    known.remove(known.tables["alembic_version"])
    return known


def value(column: Column[Any], number: int) -> Any:
    """Something that the column takes, another one for each number."""
    if isinstance(column.type, JSON):
        return {"number": number}
    if isinstance(column.type, LargeBinary):
        return b"%d" % number
    kinds = {bool: True, int: number, str: str(number), datetime: WHEN}
    return kinds[column.type.python_type]


def row(table: Table, number: int) -> dict[str, Any]:
    """A row with every column filled; each row of one number belongs to those of the same number."""
    found = {column.name: value(column, number) for column in table.c}
    for column in table.c:
        for key in column.foreign_keys:
            found[column.name] = value(key.column, number)
    return found


def write(connection: Connection, known: MetaData, number: int) -> None:
    """What a program that knows these tables does: a new row everywhere, read back, and changed where that may be."""
    for table in known.sorted_tables:
        made, (key, *_) = row(table, number), table.primary_key.columns
        connection.execute(insert(table).values(made))
        back = connection.execute(select(table).where(key == made[key.name])).mappings().one()
        assert set(back) == set(made), table.name
        if table.name not in NEVER_CHANGED:
            changed = update(table).where(key == made[key.name]).values(made)
            assert connection.execute(changed).rowcount == 1, table.name


def test_the_version_before_goes_on_writing_after_every_migration(engine: Engine) -> None:
    known = upgrade(engine, FIRST)
    for version in range(FIRST + 1, LAST + 1):
        newer = upgrade(engine, version)
        with engine.begin() as connection:
            write(connection, known, number=version)
        known = newer
    with engine.begin() as connection:
        write(connection, known, number=LAST + 1)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE buckets RENAME COLUMN full_at TO filled_at",
        "ALTER TABLE users DROP COLUMN undo_for",
        "CREATE UNIQUE INDEX only_one ON users (role, created_at)",
    ],
    ids=["renamed", "removed", "stricter"],
)
def test_a_migration_that_would_stop_the_version_before_is_noticed(engine: Engine, change: str) -> None:
    known = upgrade(engine, LAST)
    with engine.begin() as connection:
        write(connection, known, number=1)
        connection.execute(text("UPDATE users SET role = '2'"))
        connection.execute(text(change))
    with pytest.raises(DBAPIError), engine.begin() as connection:
        write(connection, known, number=2)
