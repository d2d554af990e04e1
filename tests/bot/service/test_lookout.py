"""What an idle service asks its database; and that it notices all the same what others commit, and when it is time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from bot.bootstrap import Program
from bot.messages import Address, Media, MediaKind, Outbound, Receipt
from bot.records.database import Database
from bot.records.unit_of_work import UnitOfWork
from bot.service import enrolment, lookout, media, outcomes, sender
from bot.service.enrolment import Entry
from bot.service.lookout import Lookout
from tests.bot.world import NOON, PHONE, Post, World, on_sqlite, world

QUESTION = "PRAGMA data_version"
OTHER = Address("sms", "+447700900124")


class Mailbox(Post):
    """A provider that tells what has reached it, and what it was asked about."""

    def __init__(self, kind: str = "sms") -> None:
        super().__init__(kind)
        self.reached: asyncio.Queue[Outbound] = asyncio.Queue()
        self.asked = asyncio.Event()

    async def send(self, message: Outbound) -> Receipt:
        self.reached.put_nowait(message)
        return await super().send(message)

    async def reconcile(self, message: Outbound) -> Receipt | None:
        self.asked.set()
        return Receipt(f"{self.kind}-{message.id}")

    async def next(self) -> Outbound:
        return await asyncio.wait_for(self.reached.get(), 20)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred looks a second."""
    monkeypatch.setattr(sender, "LOOK_AGAIN", 0.01)
    monkeypatch.setattr(sender, "DELETE_EVERY", 3600.0)


@asynccontextmanager
async def at_work(program: Program) -> AsyncIterator[None]:
    work = asyncio.create_task(program.worker.run())
    try:
        yield
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Every statement that SQLite is given, on any connection."""
    said: list[str] = []

    def traced(connection: Any, _record: object) -> None:
        connection.set_trace_callback(said.append)

    event.listen(database._engine, "connect", traced)
    database._engine.dispose()  # so that each connection is a new one
    yield said


async def idle(program: Program, said: list[str]) -> None:
    """Return once fifty looks in a row have asked for nothing else."""
    for _ in range(20):
        said.clear()
        for _ in range(50):
            await program.worker._lookout.again()
        if set(said) == {QUESTION}:
            return
    raise AssertionError(f"It goes on asking: {sorted(set(said))}")


async def test_with_nothing_to_do_a_look_is_one_number(tmp_path: Path) -> None:
    """Four channels and somebody whose next reminder is days away."""
    channels = {kind: Mailbox(kind) for kind in ("sms", "whatsapp", "telegram", "email")}
    with world(tmp_path, channels, **on_sqlite(tmp_path)) as study, statements(study.program.database) as said:
        study.consented()
        async with at_work(study.program):
            await idle(study.program, said)
            assert len(said) == pytest.approx(50, abs=1), "one question a look"


async def test_what_another_process_commits_is_noticed_at_the_next_look(tmp_path: Path) -> None:
    """A command beside the server has a connection of its own, and tells nobody."""
    provider = Mailbox()
    with world(tmp_path, {"sms": provider}, **on_sqlite(tmp_path)) as study:
        ours = study.program.database
        beside = Database(ours._engine.url.render_as_string(), ours.vault, clock=study.clock, new_id=ours.new_id)
        beside.texts = ours.texts
        with statements(ours) as said:
            async with at_work(study.program):
                await idle(study.program, said)
                entry = Entry("social-workers", OTHER, name="Sam")
                await asyncio.to_thread(
                    beside.run_now, enrolment.enrol, study.program.terms, study.program.rules, entry
                )
                assert (await provider.next()).to == OTHER
        beside.close()


async def test_a_time_that_comes_is_noticed_also_when_the_clock_leaps_to_it(tmp_path: Path) -> None:
    """The alarm clock sleeps by another clock; a look compares the time with what is due."""
    provider = Mailbox()
    with world(tmp_path, {"sms": provider}, **on_sqlite(tmp_path)) as study, statements(study.program.database) as said:
        study.consented()
        async with at_work(study.program):
            await idle(study.program, said)
            study.clock.forward(days=7)
            assert (await provider.next()).to == PHONE, "the reminder"


async def test_a_provider_is_asked_about_an_unknown_message_when_its_time_has_come(tmp_path: Path) -> None:
    provider = Mailbox()
    with world(tmp_path, {"sms": provider}, **on_sqlite(tmp_path)) as study:
        study.enrol()
        study.run(outcomes.unknown, study.claim()[0].seq, timedelta(minutes=1))
        async with at_work(study.program):
            for _ in range(50):
                await study.program.worker._lookout.again()
            assert not provider.asked.is_set()
            study.clock.forward(minutes=1)
            await asyncio.wait_for(provider.asked.wait(), 20)


async def test_what_waits_may_leave_also_after_the_clock_was_put_back(tmp_path: Path) -> None:
    with world(tmp_path, {"sms": Post("sms")}) as study:
        study.enrol()
        found = lookout.Lookout(study.program.database)
        await found.look()
        study.clock.forward(hours=-1)
        assert found.due("sending")


async def test_where_the_look_fails_every_part_looks_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_uow: UnitOfWork) -> dict[str, datetime | None]:
        raise OSError("no such luck")

    provider = Mailbox()
    monkeypatch.setattr(lookout, "moments", fails)
    with world(tmp_path, {"sms": provider}, **on_sqlite(tmp_path)) as study:
        study.enrol()
        async with at_work(study.program):
            assert (await provider.next()).to == PHONE


def moments(study: World) -> dict[str, datetime | None]:
    return study.program.database.read_now(lookout.moments)


def test_each_part_is_called_when_it_has_something_to_do(tmp_path: Path) -> None:
    with world(tmp_path, {"sms": Post("sms")}) as study:
        assert set(moments(study).values()) == {None}

        study.enrol()
        assert moments(study)["sending"], "it may leave"
        claimed = study.claim()
        study.run(outcomes.unknown, claimed[0].seq, timedelta(minutes=1))
        assert moments(study)["asking"] == NOON + timedelta(minutes=1)

        study.run(outcomes.accepted, claimed[0].seq, "SM1")
        study.leave()
        assert not moments(study)["sending"]
        assert not moments(study)["asking"]

        study.says("", media=(Media(MediaKind.VOICE, "audio/ogg", reference="https://provider.example/1"),))
        assert moments(study)["media"] == NOON
        (wanted,) = study.program.database.read_now(media.due, "sms")
        study.run(media.stored, wanted.id, b"sound")
        assert moments(study)["media"] == NOON, "the provider's copy is to be deleted"
        study.run(media.forgotten, wanted.id)
        assert moments(study)["media"] is None

    (folder := tmp_path / "another").mkdir()
    with world(folder, {"sms": Post("sms")}) as study:
        study.consented()
        due = moments(study)["timers"]
        assert due
        assert due > NOON, "the next reminder"


async def test_after_a_look_that_failed_every_part_looks_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the first question failed already, and those who wait for a look are not left waiting."""
    with world(tmp_path) as study:
        lookout = Lookout(study.program.database)
        await lookout.look()
        assert not lookout.due("asking")
        waiting = asyncio.create_task(lookout.again())
        await asyncio.sleep(0)
        monkeypatch.setattr(study.program.database, "version", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await lookout.look()
        await asyncio.wait_for(waiting, 10)
        assert lookout.due("asking")
