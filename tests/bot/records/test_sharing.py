"""Turns that wait at the same time share a transaction on PostgreSQL, and none of them suffers from another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, func, insert, select

from bot.records import participants, postgresql
from bot.records.tables import meta
from bot.records.unit_of_work import UnitOfWork, beside, sharing
from tests.bot.world import World, world
from tests.rig import postgres

SECONDS = 20
WRITERS = 2


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with (
        postgres.server().database() as url,
        world(tmp_path, database={"url": url, "pool_size": WRITERS}) as made,
    ):
        yield made


def writes(name: str, then: Callable[[UnitOfWork], object] = lambda uow: None) -> Callable[[UnitOfWork], int]:
    """A use case that leaves a row, and returns the number of its transaction."""

    @sharing(of=lambda: None)
    def write(uow: UnitOfWork) -> int:
        uow.execute(insert(meta).values(name=name, value="x"))
        then(uow)
        return int(uow.execute(select(func.txid_current())).scalar_one())

    return write


def of_ann(name: str, order: list[str]) -> Callable[[UnitOfWork], None]:
    """One of those that are Ann's; it says when it is taken."""

    @sharing(of=lambda: "Ann")
    def take(_: UnitOfWork) -> None:
        order.append(name)

    return take


def names(study: World) -> list[str]:
    rows = study.program.database.read_now(lambda uow: uow.all(select(meta.c.name).where(meta.c.name.like("row%"))))
    return sorted(row["name"] for row in rows)


async def come_together(study: World, *use_cases: Callable[[UnitOfWork], object]) -> list[asyncio.Task[Any]]:
    """They come while every writer has something else in hand, and so wait together."""
    database, inside, go_on = study.program.database, threading.Barrier(WRITERS + 1), threading.Event()

    @beside
    def busy(_: UnitOfWork) -> None:
        inside.wait(SECONDS)
        assert go_on.wait(SECONDS)

    others = [asyncio.create_task(database.run(busy)) for _ in range(WRITERS)]
    await asyncio.to_thread(inside.wait, SECONDS)
    waiting = [asyncio.create_task(database.run(use_case)) for use_case in use_cases]
    await asyncio.sleep(0)  # each is in the queue
    go_on.set()
    await asyncio.gather(*others)
    return waiting


def at_once(study: World, *use_cases: Callable[[UnitOfWork], object]) -> list[Any]:
    """What becomes of each."""

    async def come() -> list[Any]:
        return await asyncio.gather(*await come_together(study, *use_cases), return_exceptions=True)

    return asyncio.run(come())


def test_what_waits_at_the_same_time_is_one_transaction(study: World) -> None:
    numbers = at_once(study, writes("row a"), writes("row b"), writes("row c"))
    assert len(set(numbers)) == 1
    assert names(study) == ["row a", "row b", "row c"]


def test_one_that_fails_takes_nobody_along(study: World) -> None:
    def fail(_: UnitOfWork) -> None:
        raise ValueError("no")

    a, b, c = at_once(study, writes("row a"), writes("row b", fail), writes("row c"))
    assert isinstance(b, ValueError)
    assert a != c
    assert names(study) == ["row a", "row c"]


def test_one_whose_statement_fails_takes_nobody_along(study: World) -> None:
    study.run(writes("row b"))
    a, b, c = at_once(study, writes("row a"), writes("row b"), writes("row c"))
    assert "UniqueViolation" in str(b)
    assert {type(a), type(c)} == {int}
    assert names(study) == ["row a", "row b", "row c"]


def test_one_that_has_to_run_alone_does(study: World) -> None:
    beside_others = []

    def touch_more(uow: UnitOfWork) -> None:
        uow.alone()
        beside_others.append(uow.beside)

    at_once(study, writes("row a"), writes("row b", touch_more))
    assert beside_others == [False]
    assert names(study) == ["row a", "row b"]


def test_one_who_is_in_another_process_s_hands_holds_up_nobody_else(study: World) -> None:
    code, other = study.enrol(), study.enrol(address=study.program.channels["sms"].address("+447700900124"))
    held, let_go, done = threading.Event(), threading.Event(), threading.Event()

    @beside
    def hold(uow: UnitOfWork) -> None:
        participants.by_code(uow, study.program.terms, code)
        held.set()
        assert let_go.wait(SECONDS)

    def turn(whose: str, after: Callable[[], None]) -> Callable[[UnitOfWork], None]:
        @sharing(of=lambda: None)
        def take(uow: UnitOfWork) -> None:
            participants.by_code(uow, study.program.terms, whose)
            after()

        return take

    def free_when_the_other_is_done() -> None:
        assert done.wait(SECONDS)
        let_go.set()

    with ThreadPoolExecutor(2) as pool:
        holding = pool.submit(study.run, hold)
        assert held.wait(SECONDS)
        freeing = pool.submit(free_when_the_other_is_done)
        told = at_once(study, turn(code, lambda: None), turn(other, done.set))
        assert told == [None, None]
        freeing.result(SECONDS)
        holding.result(SECONDS)


def test_of_two_batches_that_wait_for_each_other_one_soon_gives_up(study: World) -> None:
    """None waits long enough for PostgreSQL to look for a deadlock, which takes it a second."""
    codes = [study.enrol(), study.enrol(address=study.program.channels["sms"].address("+447700900124"))]
    both_have_one, meeting = threading.Barrier(2), [True, True]

    def turn(batch: int, whose: str, *, meet: bool) -> Callable[[UnitOfWork], None]:
        @sharing(of=lambda: None)
        def take(uow: UnitOfWork) -> None:
            participants.by_code(uow, study.program.terms, whose)
            if meet and meeting[batch]:
                meeting[batch] = False
                both_have_one.wait(SECONDS)

        return take

    database = study.program.database

    def batch(number: int, first: str, second: str) -> object:
        works = [turn(number, first, meet=True), turn(number, second, meet=False)]
        return database._once(works, alone=False, trusting=True)  # type: ignore[attr-defined]  # PostgreSQL's

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(batch, 0, *codes), pool.submit(batch, 1, *codes[::-1])]
        failures = [one.exception(SECONDS) for one in both]
    given_up = [one for one in failures if one is not None]
    assert given_up
    assert {type(one.__cause__) for one in given_up} == {psycopg.errors.LockNotAvailable}


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_of_several_whose_answer_is_lost_is_done_once(
    study: World, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    real, ours, cuts = Connection._commit_impl, set[int](), list[int]()

    def commit(connection: Connection) -> None:
        if threading.get_ident() not in ours or cuts:  # the one that was busy before, or again
            return real(connection)
        cuts.append(1)
        if committed:
            real(connection)
        pid = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]  # it is open
        with psycopg.connect(study.program.settings.database.url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        raise psycopg.OperationalError("the line was cut")

    monkeypatch.setattr(Connection, "_commit_impl", commit)
    numbers = at_once(study, *(writes(f"row {one}", lambda _: ours.add(threading.get_ident())) for one in "ab"))
    assert cuts
    assert len(set(numbers)) == (1 if committed else 2)
    assert names(study) == ["row a", "row b"]


def test_two_of_one_person_s_are_taken_in_the_order_in_which_they_came(study: World) -> None:
    """Also where the second comes while the first is in hand with others, and another thread is free."""
    order: list[str] = []
    inside, go_on = threading.Event(), threading.Event()

    @sharing(of=lambda: "Ben")
    def slow(_: UnitOfWork) -> None:
        inside.set()
        assert go_on.wait(SECONDS)
        order.append("Ben")

    async def come() -> None:
        database = study.program.database
        first = await come_together(study, slow, of_ann("first", order))
        await asyncio.to_thread(inside.wait, SECONDS)
        second = asyncio.create_task(database.run(of_ann("second", order)))
        third = asyncio.create_task(database.run(writes("row of somebody else", lambda _: go_on.set())))
        await asyncio.gather(*first, second, third)

    asyncio.run(come())
    assert order == ["Ben", "first", "second"]
    assert names(study) == ["row of somebody else"]


def test_what_waits_for_one_in_hand_keeps_no_thread_busy(study: World, monkeypatch: pytest.MonkeyPatch) -> None:
    database, order, inside, go_on = study.program.database, list[str](), threading.Event(), threading.Event()
    assert isinstance(database, postgresql.PostgreSQL)

    @sharing(of=lambda: "Ann")
    def slow(_: UnitOfWork) -> None:
        inside.set()
        assert go_on.wait(SECONDS)

    async def come() -> None:
        first = asyncio.create_task(database.run(slow))
        assert await asyncio.to_thread(inside.wait, SECONDS)
        submitted: list[object] = []
        with monkeypatch.context() as counting:
            counting.setattr(database, "_submit", lambda act, *_: submitted.append(act))
            second = asyncio.create_task(database.run(of_ann("second", order)))
            await asyncio.sleep(0)  # it is in the queue
            database._share()
        assert len(submitted) == 1, "only its own coming brought a thread to look"
        go_on.set()
        await asyncio.gather(first, second)

    asyncio.run(come())
    assert order == ["second"]


def test_after_a_batch_that_failed_each_person_s_are_still_in_order(study: World) -> None:
    order: list[str] = []

    def fail(_: UnitOfWork) -> None:
        raise ValueError("no")

    told = at_once(study, of_ann("first", order), of_ann("second", order), writes("row", fail))
    assert isinstance(told.pop(), ValueError)
    assert told == [None, None]
    assert order == ["first", "second"] * 2  # together, and then by themselves


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_whoever_fails_to_hear_what_changed_keeps_nobody_waiting(study: World, error: type[BaseException]) -> None:
    def deaf(_: frozenset[str]) -> None:
        raise RuntimeError("no")

    def odd(uow: UnitOfWork) -> None:
        uow.changed.add("rows")
        if error is KeyboardInterrupt and uow.trusting and not tries:
            tries.append(1)
            raise error

    tries: list[int] = []
    study.program.database.listen(deaf)
    told = at_once(study, writes("row a", odd), writes("row b", odd))
    assert [type(one) for one in told] == [int, int]


@pytest.mark.parametrize("several", [True, False])
def test_what_nobody_knows_to_be_committed_is_not_done_again(
    study: World, monkeypatch: pytest.MonkeyPatch, several: bool
) -> None:
    """The server goes away as it commits, and for longer than it is asked about it."""
    real, runs = Connection._commit_impl, list[int]()

    def commit(connection: Connection) -> None:
        real(connection)
        if threading.get_ident() in runs:  # not the one that was busy before
            raise psycopg.OperationalError("the line was cut")

    monkeypatch.setattr(postgresql, "WAITS", ())
    monkeypatch.setattr(postgresql, "MARKED", "SELECT pg_terminate_backend(pg_backend_pid())")
    monkeypatch.setattr(Connection, "_commit_impl", commit)
    rows = [writes(f"row {one}", lambda _: runs.append(threading.get_ident())) for one in "ab"[: 2 if several else 1]]
    told = at_once(study, *rows)
    assert {type(one) for one in told} == {postgresql.InDoubt}
    assert len(runs) == len(rows)
    monkeypatch.undo()
    assert len(names(study)) == len(rows)


def test_what_waits_for_company_is_done_before_the_database_is_closed(study: World) -> None:
    async def close_meanwhile() -> int:
        waiting = asyncio.create_task(study.program.database.run_soon(writes("row a")))
        await asyncio.sleep(0)  # it is in the queue
        await asyncio.to_thread(study.program.database.close)
        return await waiting

    assert asyncio.run(close_meanwhile()) > 0


def test_what_can_wait_a_moment_shares_the_transaction_of_what_cannot(study: World) -> None:
    async def both() -> list[int]:
        database = study.program.database
        soon = asyncio.create_task(database.run_soon(writes("row a")))
        await asyncio.sleep(0)  # it is in the queue
        return list(await asyncio.gather(soon, database.run(writes("row b"))))

    assert len(set(asyncio.run(both()))) == 1
