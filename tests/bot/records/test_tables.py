from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import create_engine, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import StatementError
from sqlalchemy.schema import CreateTable

from bot.records.tables import metadata, timers, users


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


def test_the_same_tables_suit_postgresql() -> None:
    """Every table can be written as PostgreSQL would have it, with times that carry their zone."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this one without types
    for table in metadata.sorted_tables:
        CreateTable(table).compile(dialect=dialect)
    assert "due TIMESTAMP WITH TIME ZONE" in str(CreateTable(timers).compile(dialect=dialect))
