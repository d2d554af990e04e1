"""What shares a commit: what follows from a change, and what can wait a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from bot.records import database as database_module
from bot.records.database import Database
from bot.records.tables import meta
from bot.records.unit_of_work import UnitOfWork
from tests.bot.world import on_sqlite, world


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with world(tmp_path, **on_sqlite(tmp_path)) as study:
        yield study.program.database


def keep(uow: UnitOfWork, name: str) -> None:
    uow.execute(insert(meta).values(name=name, value=""))
    uow.changed.add("rows")


def kept(database: Database) -> list[str]:
    rows = database.read_now(lambda uow: uow.all(select(meta.c.name).where(meta.c.name.like("row %"))))
    return sorted(row["name"] for row in rows)


def count(uow: UnitOfWork) -> int:
    """How many rows there are; it leaves one behind itself."""
    found = len(uow.all(select(meta.c.name).where(meta.c.name.like("row %"))))
    keep(uow, f"row counted {found}")
    return found


def test_what_follows_is_in_the_same_commit_and_told_after_it(database: Database) -> None:
    told: list[tuple[int, list[str]]] = []
    database.follow_up("rows", count, lambda found: told.append((found, kept(database))))
    database.run_now(keep, "row a")
    database.run_now(lambda uow: uow.changed.add("something else"))
    database.follow_no_more()
    database.run_now(keep, "row b")
    database.run_now(lambda uow: None)
    assert told == [(1, ["row a", "row counted 1"])]
    assert kept(database) == ["row a", "row b", "row counted 1"]


def test_nothing_follows_from_what_was_undone(database: Database) -> None:
    told: list[int] = []
    database.follow_up("rows", count, told.append)

    def fail(uow: UnitOfWork) -> None:
        keep(uow, "row a")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        database.run_now(fail)
    assert kept(database) == []
    assert told == []


def test_what_fails_to_follow_takes_nobody_along_and_leaves_nothing(database: Database) -> None:
    told: list[int] = []

    def count_badly(uow: UnitOfWork) -> int:
        count(uow)
        raise ValueError("no")

    database.follow_up("rows", count_badly, told.append)
    database.run_now(keep, "row a")
    database.run_now(lambda uow: None)
    assert kept(database) == ["row a"]
    assert told == []


def test_what_can_wait_a_moment_shares_its_commit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "A_MOMENT", 60.0)
    commits: list[frozenset[str]] = []
    database.listen(commits.append)

    async def all_three() -> None:
        soon = [asyncio.create_task(database.run_soon(keep, f"row {name}")) for name in "ab"]
        await asyncio.sleep(0)  # both are waiting now
        await database.run(keep, "row c")
        await asyncio.gather(*soon)

    asyncio.run(all_three())
    database.run_now(lambda uow: None)  # the one before has been told of by now
    assert kept(database) == ["row a", "row b", "row c"]
    assert len(commits) == 1


def test_what_can_wait_a_moment_does_not_wait_longer(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "A_MOMENT", 0.0)
    asyncio.run(database.run_soon(keep, "row a"))
    assert kept(database) == ["row a"]


def test_what_waits_for_a_moment_is_written_down_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "A_MOMENT", 60.0)
    with world(tmp_path, **on_sqlite(tmp_path)) as study:
        database = study.program.database

        async def begin() -> None:
            task = asyncio.create_task(database.run_soon(keep, "row a"))
            await asyncio.sleep(0)
            database.close()
            await task

        asyncio.run(begin())
    with world(tmp_path, **on_sqlite(tmp_path)) as study:
        assert kept(study.program.database) == ["row a"]


def test_a_part_that_fails_leaves_nothing_and_takes_nobody_along(database: Database) -> None:
    """Parts are trusted at first: then the whole is run once more, in a commit of its own, with what undoes a part."""
    runs: list[str] = []

    def in_parts(uow: UnitOfWork, name: str, broken: bool) -> str:
        runs.append(name)
        keep(uow, f"row {name} before")
        try:
            with uow.undone_on_failure():
                keep(uow, f"row {name} within")
                if broken:
                    raise ValueError("no")
        except ValueError:
            keep(uow, f"row {name} after")
            return "failed"
        return "done"

    async def together() -> list[str]:
        return await asyncio.gather(
            *(database.run(in_parts, name, broken) for name, broken in (("a", False), ("b", True), ("c", False)))
        )

    assert asyncio.run(together()) == ["done", "failed", "done"]
    wanted = ["a before", "a within", "b before", "b after", "c before", "c within"]
    assert kept(database) == sorted(f"row {name}" for name in wanted)
    assert runs.count("b") == 2


def test_what_undoes_a_part_is_written_nowhere_but_in_the_folder(database: Database) -> None:
    """SQLite keeps the pages that a savepoint changes; once they are many, in a file elsewhere unless it is told."""

    def fill(uow: UnitOfWork) -> list[str]:
        with suppress(ValueError), uow.undone_on_failure():
            raise ValueError("from here on no part is trusted")
        with uow.undone_on_failure():
            for number in range(500):
                uow.execute(insert(meta).values(name=f"row {number:036}", value="x" * 2000))
        with uow.undone_on_failure():
            uow.execute(update(meta).values(value="y" * 2000))
            return [str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]

    assert [path for path in database.run_now(fill) if "etilqs" in path] == []
