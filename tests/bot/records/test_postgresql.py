"""What is PostgreSQL's alone: transactions beside each other, again after a passing failure, and news by NOTIFY."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, bindparam, delete, func, insert, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from bot.bootstrap import open_database
from bot.config import Database as Settings
from bot.records import participants, trail
from bot.records.database import Database
from bot.records.faults import lost, passes
from bot.records.prepared import Prepared
from bot.records.tables import meta
from bot.records.unit_of_work import UnitOfWork, beside
from bot.service import outbox
from tests.bot.world import World, world
from tests.rig import postgres

SECONDS = 20


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.server().database() as made:
        yield made


@pytest.fixture
def study(tmp_path: Path, url: str) -> Iterator[World]:
    with world(tmp_path, database={"url": url}) as made:
        yield made


@contextmanager
def another(study: World, **more: Any) -> Iterator[Database]:
    """The same database in another process."""
    first = study.program.database
    made = open_database(Settings(url=study.program.settings.database.url, **more), first.vault, study.clock)
    try:
        yield made
    finally:
        made.close()


def write(uow: UnitOfWork, name: str) -> None:
    uow.execute(insert(meta).values(name=name, value="x"))


def names(database: Database) -> list[str]:
    rows = database.read_now(lambda uow: uow.all(select(meta.c.name).where(meta.c.name.like("row%"))))
    return sorted(row["name"] for row in rows)


def cut(connection: Connection) -> None:
    """Its server process ends, as when the server stops or the line is cut."""
    connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")


def cut_by_another(study: World, connection: Connection) -> None:
    """The same, while nothing is asked of it: the next statement finds out."""
    with psycopg.connect(study.program.settings.database.url, autocommit=True) as other:
        pid = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]  # it is open
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def test_a_transaction_whose_connection_is_cut_is_done_again_once(study: World) -> None:
    tries = []

    def use_case(uow: UnitOfWork) -> str:
        tries.append(1)
        write(uow, "row")
        if len(tries) == 1:
            cut(uow.connection)
        return "done"

    assert study.run(use_case) == "done"
    assert len(tries) == 2
    assert names(study.program.database) == ["row"]


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_whose_answer_is_lost_is_asked_about_and_done_once(
    study: World, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """The server is asked what became of it: what was committed is not done again, and what was not, is."""
    real, commits, runs = Connection._commit_impl, [], []

    def commit(connection: Connection) -> None:
        commits.append(1)
        if len(commits) > 1:
            return real(connection)
        if committed:
            real(connection)
        cut_by_another(study, connection)
        raise psycopg.OperationalError("the line was cut")

    def use_case(uow: UnitOfWork) -> str:
        runs.append(1)
        write(uow, f"row {len(runs)}")
        return f"row {len(runs)}"

    wanted = f"row {1 if committed else 2}"
    for again in (False, True):  # the first transaction of a thread has no mark before it
        if again:
            study.run(write, "something before")
            study.run(lambda uow: uow.execute(delete(meta).where(meta.c.name == wanted)))
        commits.clear()
        runs.clear()
        with monkeypatch.context() as cutting:
            cutting.setattr(Connection, "_commit_impl", commit)
            assert study.run(use_case) == wanted
        assert names(study.program.database) == [wanted]


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("when", ["before it begins", "in it", "as it ends"])
def test_a_passing_failure_of_a_part_undoes_the_whole_also_where_somebody_has_caught_it(
    study: World, when: str, parts: int
) -> None:
    """No message becomes a task for a person because a connection was cut."""
    tries, caught = [], []

    def use_case(uow: UnitOfWork) -> str:
        tries.append(1)
        if len(tries) == 1 and when == "before it begins":
            cut_by_another(study, uow.connection)
        try:
            with ExitStack() as around:
                for _ in range(parts):
                    around.enter_context(uow.undone_on_failure())
                if len(tries) == 1 and when == "in it":
                    cut_by_another(study, uow.connection)
                write(uow, "row")
                if len(tries) == 1 and when == "as it ends":
                    cut_by_another(study, uow.connection)
        except Exception as error:
            caught.append(error)
            return "a person must see to it"
        return "done"

    assert study.run(use_case) == "done"
    assert not caught, "nobody is told of what passes"
    assert names(study.program.database) == ["row"]


def test_what_fails_for_good_is_raised_at_once(study: World) -> None:
    tries = []

    def use_case(uow: UnitOfWork) -> None:
        tries.append(1)
        write(uow, "row")
        write(uow, "row")

    with pytest.raises(DBAPIError):
        study.run(use_case)
    assert len(tries) == 1
    assert names(study.program.database) == []


_WRITE = Prepared(insert(meta))
_SLEEP = Prepared(select(func.pg_sleep(20).label("slept")))
_READ = Prepared(select(meta.c.value).where(meta.c.name == bindparam("of")))


def test_a_statement_whose_answer_nobody_waited_for_fails_as_if_they_had(study: World) -> None:
    """What is sent ahead fails somewhere later: so it is run once more, waiting for each."""
    places = []

    def use_case(uow: UnitOfWork) -> None:
        for number in range(3):
            places.append(number)
            uow.run(_WRITE, {"name": "row", "value": ""})

    with pytest.raises(psycopg.errors.UniqueViolation):
        study.run(use_case)
    assert places == [0, 1, 2, 0, 1]
    assert names(study.program.database) == []


def test_a_failure_that_was_sent_ahead_and_caught_is_no_success(study: World) -> None:
    def use_case(uow: UnitOfWork) -> str:
        uow.run(_WRITE, {"name": "row", "value": ""})
        try:
            with uow.undone_on_failure():
                uow.run(_WRITE, {"name": "row", "value": ""})
                uow.one(select(meta.c.name))
        except psycopg.errors.UniqueViolation:
            uow.run(_WRITE, {"name": "row instead", "value": ""})
            return "instead"
        return "twice"

    assert study.run(use_case) == "instead"
    assert names(study.program.database) == ["row", "row instead"]


def test_two_that_wait_for_each_other_both_get_done(study: World) -> None:
    """PostgreSQL breaks a deadlock by undoing one of them, which is done again."""
    codes = [study.enrol(), study.enrol(address=study.program.channels["sms"].address("+447700900124"))]
    both_have_one = threading.Barrier(2)

    def use_case(first: str, second: str) -> Callable[[UnitOfWork], str]:
        tries = []

        @beside
        def touch_two(uow: UnitOfWork) -> str:
            tries.append(1)
            participants.by_code(uow, study.program.terms, first)
            if len(tries) == 1:
                both_have_one.wait(SECONDS)
            participants.by_code(uow, study.program.terms, second)
            return "done"

        return touch_two

    with ThreadPoolExecutor(2) as pool:
        told = [pool.submit(study.run, use_case(*pair)) for pair in (codes, codes[::-1])]
        assert [one.result(SECONDS) for one in told] == ["done", "done"]


def test_turns_of_two_people_run_beside_each_other_and_two_of_one_person_do_not(study: World) -> None:
    code, other = study.enrol(), study.enrol(address=study.program.channels["sms"].address("+447700900124"))
    inside, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    @beside
    def slow(uow: UnitOfWork) -> None:
        participants.by_code(uow, study.program.terms, code)
        inside.set()
        assert go_on.wait(SECONDS)
        order.append("slow")

    @beside
    def quick(uow: UnitOfWork, whose: str) -> None:
        participants.by_code(uow, study.program.terms, whose)
        order.append(whose)

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(study.run, slow)
        assert inside.wait(SECONDS)
        same = pool.submit(study.run, quick, code)
        study.run(quick, other)
        assert order == [other]
        go_on.set()
        first.result(SECONDS)
        same.result(SECONDS)
    assert order == [other, "slow", code]


def test_a_use_case_that_turns_out_to_touch_more_is_run_again_alone(study: World) -> None:
    """Lines of the trail follow one from the other, so no two are written at once, whoever writes them."""
    seen, caught = [], []

    @beside
    def use_case(uow: UnitOfWork, number: int) -> None:
        seen.append(uow.beside)
        try:
            uow.note("Kim", "looked", f"P{number:02}")
        except Exception as error:
            caught.append(error)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: study.run(use_case, number), range(20)))
    assert (set(seen), caught) == ({True, False}, [])
    verdict = study.program.database.read_now(lambda uow: trail.verify(uow.connection, uow.vault))
    assert (verdict.broken, verdict.unchained) == (None, 0)
    assert verdict.lines >= 20


def test_no_two_claims_have_the_same_message_nor_two_of_one_person(study: World) -> None:
    for number in range(12):
        study.enrol(study.program.channels["sms"].address(f"+4477009002{number:02}"))
    with ThreadPoolExecutor(6) as pool:
        claims = list(pool.map(lambda _: study.run(outbox.claim, study.program.terms, 3), range(12)))
    lanes = [one.message.to for claimed in claims for one in claimed]
    assert len(lanes) == 12
    assert len(set(lanes)) == 12


def test_a_change_is_heard_in_another_process_and_not_twice_in_ones_own(study: World) -> None:
    heard: list[frozenset[str]] = []
    rung = threading.Event()

    def hear(changed: frozenset[str]) -> None:
        heard.append(changed)
        rung.set()

    own: list[frozenset[str]] = []
    with another(study) as other:
        study.program.database.listen(own.append)
        other.listen(hear)
        while not rung.is_set():  # until the other one's ear is at the door
            study.run(lambda uow: uow.changed.add("outbox"))
            rung.wait(0.05)
        assert "outbox" in heard[0]
        said = len(own)
        study.run(lambda uow: uow.changed.update({f"participant {n}" for n in range(2000)}))
        rung.clear()
        while "*" not in heard[-1]:
            assert rung.wait(SECONDS), "more than can be said is told as everything"
            rung.clear()
        assert len(own) == said + 1


def test_a_server_that_only_lets_read_is_told_of_until_it_lets_write_again(study: World, url: str) -> None:
    """Such as one that stands by for another, or whose disk is full."""
    database = study.program.database
    name = url.rpartition("/")[2]
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode())
        database._engine.dispose()
        with pytest.raises(DBAPIError, match="read-only"):
            study.run(write, "this")
        for _ in range(2):
            assert database.problem() == "the database refused (25006, ReadOnlySqlTransaction)"
        server.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'.encode())
        database._engine.dispose()
        assert database.problem() == ""


def test_a_command_beside_the_servers_is_heard_too(study: World) -> None:
    rung = threading.Event()
    study.program.database.listen(lambda changed: rung.set() if "outbox" in changed else None)
    with another(study) as command:
        while not rung.is_set():
            command.run_now(lambda uow: uow.changed.add("outbox"))
            rung.wait(0.05)


def test_a_statement_that_takes_too_long_is_ended(study: World) -> None:
    with another(study, statement_timeout=timedelta(milliseconds=50)) as hasty:
        with pytest.raises(OperationalError, match="statement timeout"):
            hasty.run_now(lambda uow: uow.execute(text("SELECT pg_sleep(20)")))
        tries = []

        def prepared(uow: UnitOfWork) -> None:
            tries.append(1)
            uow.run(_SLEEP, {})

        with pytest.raises(psycopg.errors.QueryCanceled):
            hasty.run_now(prepared)
        assert len(tries) == 1, "what took too long is not waited for once more"
        assert hasty.read_now(lambda uow: uow.execute(select(func.count()).select_from(meta)).scalar_one()) > 0


LONG_AT_IT = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'VACUUM%' AND now() - query_start > '0.5s'"


def test_whoever_deletes_is_not_told_of_a_failure_where_cleaning_up_takes_long(study: World, url: str) -> None:
    """As it does in a large database. What was deleted is committed by then."""
    with (
        another(study, statement_timeout=timedelta(milliseconds=100)) as hasty,
        ThreadPoolExecutor(1) as hand,
        psycopg.connect(url, autocommit=True) as watcher,
        psycopg.connect(url) as holder,
    ):
        holder.execute("LOCK TABLE audit IN SHARE UPDATE EXCLUSIVE MODE")
        cleaned = hand.submit(hasty.scrub)
        while not (cleaned.done() or watcher.execute(LONG_AT_IT).fetchone()):
            threading.Event().wait(0.02)
        holder.rollback()
        assert cleaned.result(SECONDS)


@pytest.mark.parametrize("last", ["anything", "a prepared one"])
def test_who_falls_asleep_within_a_transaction_holds_nobody_up_and_does_it_again_awake(study: World, last: str) -> None:
    """As a process that is stopped, or a machine that is moved, in the middle of a turn."""
    inside, awake = threading.Event(), threading.Event()
    study.program.database.asleep = "100ms"  # type: ignore[attr-defined]  # PostgreSQL's own

    def sleeps(uow: UnitOfWork) -> None:
        if last == "anything":
            write(uow, "row asleep")
        else:
            uow.run(_WRITE, {"name": "row asleep", "value": ""})
            uow.run(_READ, {"of": "row asleep"})
        inside.set()
        assert awake.wait(SECONDS)
        write(uow, "row awake")

    with ThreadPoolExecutor(1) as pool, another(study) as other:
        slow = pool.submit(study.run, sleeps)
        assert inside.wait(SECONDS)
        other.run_now(write, "row beside")
        awake.set()
        slow.result(SECONDS)
        assert names(other) == ["row asleep", "row awake", "row beside"]


@pytest.mark.parametrize("mark", [beside, lambda use_case: use_case])
def test_what_waited_for_others_happens_when_it_is_its_turn(study: World, mark: Callable[[Any], Any]) -> None:
    """What may leave, and whether it is night, is decided by the clock after the wait."""
    inside, go_on = threading.Event(), threading.Event()

    def holds(_uow: UnitOfWork) -> None:
        inside.set()
        assert go_on.wait(SECONDS)

    @mark
    def waits(uow: UnitOfWork) -> datetime:
        return uow.now

    with ThreadPoolExecutor(2) as pool, another(study) as other:
        first = pool.submit(study.run, holds)
        assert inside.wait(SECONDS)
        second = pool.submit(other.run_now, waits)
        with study.program.database._engine.connect() as connection:
            asked = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            while not connection.execute(asked).scalar_one():
                connection.rollback()
        study.clock.forward(minutes=5)
        go_on.set()
        first.result(SECONDS)
        assert second.result(SECONDS) == study.clock()


def test_a_reader_sees_one_moment_and_changes_nothing(study: World) -> None:
    def read(uow: UnitOfWork) -> tuple[int, int]:
        count = select(func.count()).select_from(meta)
        before = uow.execute(count).scalar_one()
        study.run(write, "row")
        return before, uow.execute(count).scalar_one()

    before, after = study.program.database.read_now(read)
    assert before == after
    with pytest.raises(DBAPIError, match="read-only"):
        study.program.database.read_now(write, "row 2")


@pytest.mark.parametrize(
    ("error", "again", "gone"),
    [
        (psycopg.errors.SerializationFailure(), True, False),
        (psycopg.errors.DeadlockDetected(), True, False),
        (psycopg.errors.AdminShutdown(), True, True),
        (psycopg.errors.CrashShutdown(), True, True),
        (psycopg.errors.CannotConnectNow(), True, True),
        (psycopg.errors.IdleInTransactionSessionTimeout(), True, True),
        (psycopg.errors.ConnectionFailure(), True, True),
        (psycopg.OperationalError("connection refused"), True, True),
        (psycopg.InterfaceError("the connection is closed"), True, True),
        (psycopg.errors.UniqueViolation(), False, False),
        (psycopg.errors.QueryCanceled(), False, False),
        (psycopg.errors.DiskFull(), False, False),
        (ValueError(), False, False),
    ],
)
def test_which_failures_pass(error: Exception, again: bool, gone: bool) -> None:
    assert (passes(error), lost(error)) == (again, gone)
    assert passes(OperationalError("", {}, error)) == again
