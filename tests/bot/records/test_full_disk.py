"""A full disk: whoever was told that their words are stored can rely on it; the others are told the truth."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import OperationalError

from bot.records.tables import meta
from bot.records.unit_of_work import UnitOfWork
from tests.bot.world import on_sqlite, world


def keep(uow: UnitOfWork, name: str, size: int) -> None:
    uow.execute(insert(meta).values(name=name, value="x" * size))


def test_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with world(tmp_path, **on_sqlite(tmp_path)) as study:
        database = study.program.database

        def limit(uow: UnitOfWork) -> None:
            pages = uow.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            uow.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 8}")

        database.run_now(limit)
        with ThreadPoolExecutor(8) as pool:  # so that several share a commit with the one that does not fit
            sizes = [10, 10, 10, 200_000, 10, 10, 10, 10]
            told = [pool.submit(database.run_now, keep, f"row {n}", size) for n, size in enumerate(sizes)]
        stored = {n for n, one in enumerate(told) if one.exception() is None}
        rows = database.read_now(lambda uow: uow.all(select(meta.c.name).where(meta.c.name.like("row %"))))
        assert {row["name"] for row in rows} == {f"row {n}" for n in stored}
        with pytest.raises(OperationalError, match="full"):
            database.run_now(keep, "too much", 200_000)
        database.run_now(keep, "afterwards", 10)
        count = select(func.count()).select_from(meta).where(meta.c.name == "afterwards")
        assert database.read_now(lambda uow: uow.execute(count).scalar_one()) == 1
