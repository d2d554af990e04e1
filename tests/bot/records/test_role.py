"""The user that serves on PostgreSQL may do what serving needs, and cannot change the tables or the ledger."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bot.records.tables import APPEND_ONLY, interviews, messages
from bot.service import deletion, withdrawal
from tests.bot.world import world
from tests.rig import ROOT, postgres

SERVING = "ownpace_serving"
APPENDED = sorted(table.name for table in APPEND_ONLY)


@pytest.fixture
def url() -> Iterator[str]:
    """A database with tables, as the user that serves reaches it."""
    server = postgres.server()
    with server.database() as made:
        server.execute(f"CREATE ROLE {SERVING} LOGIN")
        try:
            psql = postgres.BINARIES[-1].with_name("psql")
            script = ["--set", f"serving={SERVING}", "--file", str(ROOT / "scripts/database-role.sql")]
            subprocess.run([psql, "-q", *script, made], check=True, capture_output=True)
            yield made.replace(f"//{postgres.OWNER}@", f"//{SERVING}@")
        finally:
            with psycopg.connect(made, autocommit=True) as connection:
                connection.execute(f"DROP OWNED BY {SERVING}".encode())
            server.execute(f"DROP ROLE {SERVING}")


def test_a_whole_interview_and_a_deletion_run_under_it(url: str, tmp_path: Path) -> None:
    with world(tmp_path, database={"url": url}) as study:
        code = study.consented()
        for _ in study.program.schedules[("social-workers", "en")].questions:
            study.says("I begin at eight.")
            study.says("DONE")
            study.leave()
        assert study.count_of(interviews, interviews.c.state == "complete") == 1
        study.run(lambda uow: withdrawal.withdraw(uow, study.program.terms, code, "Kim", tell=False))
        deletion.clean(study.program.database)
        assert study.count_of(messages, messages.c.body.is_not(None)) == 0


@pytest.mark.parametrize("table", [*APPENDED, "messages"])
@pytest.mark.parametrize("act", ["DROP TABLE {}", "ALTER TABLE {} ADD COLUMN x int", "TRUNCATE {}"])
def test_it_cannot_touch_the_tables(url: str, act: str, table: str) -> None:
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(act.format(table).encode())


@pytest.mark.parametrize("table", APPENDED)
def test_it_cannot_change_what_is_append_only(url: str, table: str) -> None:
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"UPDATE {table} SET at = now()".encode())


def test_it_makes_no_table(url: str) -> None:
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE mine (x int)")
