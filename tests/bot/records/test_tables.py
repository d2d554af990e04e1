from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import DateTime, Select, bindparam, create_engine, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import StatementError
from sqlalchemy.schema import CreateTable

from bot.records.prepared import Prepared, driver_cursor
from bot.records.tables import Moment, metadata, timers, users
from tests.bot.world import NOON

SQLITE = sqlite.dialect()


def test_every_moment_comes_back_in_utc_and_knows_its_zone() -> None:
    """Time is stored in UTC, wherever it was said, and a time without a zone is refused."""
    engine = create_engine("sqlite://")
    users.create(engine)
    spoken = datetime(2027, 3, 28, 3, 30, tzinfo=timezone(timedelta(hours=1)))
    row = {"name": "kim", "password": "x", "role": "researcher", "created_at": spoken}
    with engine.begin() as connection:
        connection.execute(insert(users).values(**row))
        stored = connection.execute(select(users.c.created_at)).scalar_one()
        assert stored == datetime(2027, 3, 28, 2, 30, tzinfo=UTC)
        assert stored.tzinfo is UTC
        with pytest.raises(StatementError, match="without a zone"):
            connection.execute(insert(users).values(**{**row, "created_at": spoken.replace(tzinfo=None)}))
    engine.dispose()


def test_a_prepared_statement_refuses_a_time_without_a_zone_and_keeps_an_empty_one_empty() -> None:
    engine = create_engine("sqlite://")
    users.create(engine)
    made, found = Prepared(insert(users)), Prepared(select(users.c.created_at, users.c.disabled_at))
    row = {"name": "kim", "password": "x", "role": "researcher", "created_at": NOON, "disabled_at": None}
    with engine.begin() as connection:
        cursor = driver_cursor(connection)
        made.run(cursor, engine.dialect, row)
        assert found.run(cursor, engine.dialect, {}) == [{"created_at": NOON, "disabled_at": None}]
        with pytest.raises(ValueError, match="without a zone"):
            made.run(cursor, engine.dialect, {**row, "name": "lee", "created_at": NOON.replace(tzinfo=None)})
    engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        select(users.c.name, users.c.role.label("name")),
        select(func.count(), func.max(users.c.name)),
        select(users.c.name).where(users.c.role == bindparam("which")),
    ],
    ids=["two of one name", "two of none", "a value left out"],
)
def test_a_prepared_statement_that_could_be_taken_wrongly_is_refused(statement: Select[Any]) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection, pytest.raises(TypeError):
        Prepared(statement).run(driver_cursor(connection), engine.dialect, {})
    engine.dispose()


@given(st.datetimes(timezones=st.timezones()))
def test_a_moment_is_written_as_sqlalchemy_writes_it_so_that_old_databases_stay_in_order(moment: datetime) -> None:
    try:
        in_utc = moment.astimezone(UTC)
    except OverflowError:  # at either end of time
        return
    theirs = DateTime().dialect_impl(SQLITE).bind_processor(SQLITE)
    ours = Moment().dialect_impl(SQLITE).bind_processor(SQLITE)
    back = Moment().dialect_impl(SQLITE).result_processor(SQLITE, None)
    assert theirs is not None
    assert ours is not None
    assert back is not None
    assert ours(moment) == theirs(in_utc.replace(tzinfo=None))
    assert back(ours(moment)) == in_utc


def test_the_same_tables_suit_postgresql() -> None:
    """Every table can be written as PostgreSQL would have it, with times that carry their zone."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this one without types
    for table in metadata.sorted_tables:
        CreateTable(table).compile(dialect=dialect)
    assert "due TIMESTAMP WITH TIME ZONE" in str(CreateTable(timers).compile(dialect=dialect))
