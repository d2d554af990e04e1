"""The worker as it runs: what is claimed in the commit that wrote it, and what it does when it is told to stop."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.channel import Ability
from bot.errors import Unavailable
from bot.messages import Address, Inbound, News, Outbound, Receipt
from bot.records.participants import Terms
from bot.records.tables import outbox
from bot.records.unit_of_work import UnitOfWork
from bot.service import intake, sender
from bot.service import outbox as service_outbox
from bot.service.outbox import Claimed
from tests.bot.world import PHONE, Post, World, on_sqlite, world


class Slow(Post):
    """A provider that answers when it is let."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.asked = asyncio.Event()
        self.let = asyncio.Event()

    async def send(self, message: Outbound) -> Receipt:
        self.asked.set()
        await self.let.wait()
        return await super().send(message)


def states(study: World) -> list[str]:
    return study.program.database.read_now(
        lambda uow: [row["state"] for row in uow.all(select(outbox.c.state).order_by(outbox.c.seq))]
    )


def test_a_message_is_claimed_in_the_commit_that_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "LOOK_AGAIN", 3600.0)  # so that no round of its own finds it

    async def run() -> None:
        slow = Slow("sms")
        with world(tmp_path, {"sms": slow}, **on_sqlite(tmp_path)) as study:
            work = asyncio.create_task(study.program.worker.run())
            await asyncio.to_thread(study.enrol)
            await slow.asked.wait()  # it is at work now
            before = len(states(study))
            await asyncio.to_thread(study.enrol, Address("sms", "+447700900124"))
            assert states(study)[before] == "sending", "before anybody was told that they are enrolled"
            slow.let.set()
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work

    asyncio.run(run())


def test_told_to_stop_it_finishes_what_it_is_handing_over_and_begins_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        slow = Slow("sms")
        with world(tmp_path, {"sms": slow}) as study:
            work = asyncio.create_task(study.program.worker.run())
            await asyncio.to_thread(study.enrol)
            await slow.asked.wait()
            work.cancel()
            await asyncio.sleep(0)
            slow.let.set()
            with pytest.raises(asyncio.CancelledError):
                await work
            assert states(study)[0] == "accepted"
            assert set(states(study)[1:]) == {"pending"}

    asyncio.run(run())


def test_what_is_being_claimed_when_it_is_told_to_stop_is_let_go_and_not_in_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never reached a provider: whoever looks after it sends it, and no person has to find out."""
    claims, stops = threading.Event(), threading.Event()
    real = service_outbox.claim

    @functools.wraps(real)
    def claim(*args: Any, **how: Any) -> list[Claimed]:
        claimed = real(*args, **how)
        if claimed:
            claims.set()
            assert stops.wait(20)
        return claimed

    async def run() -> None:
        slow = Slow("sms")
        with world(tmp_path, {"sms": slow}) as study:
            study.enrol()
            monkeypatch.setattr(service_outbox, "claim", claim)
            work = asyncio.create_task(study.program.worker.run())
            await asyncio.to_thread(claims.wait)
            work.cancel()
            await asyncio.sleep(0)
            stops.set()
            with pytest.raises(asyncio.CancelledError):
                await work
            assert set(states(study)) == {"pending"}
            assert not slow.asked.is_set()

    asyncio.run(run())


class Holding(Post):
    """A provider that can be asked what people have written."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind, abilities=frozenset({Ability.CATCHES_UP}))
        self.holds: list[Inbound] = []
        self.breaks = False

    async def catch_up(self, since: datetime) -> AsyncIterator[News]:
        for one in self.holds:
            if one.written_at is None or one.written_at >= since:
                yield one
        if self.breaks:
            raise Unavailable("Twilio did not answer in time.")


async def test_of_what_a_provider_holds_only_what_is_new_takes_a_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day's messages are asked for every few minutes, and at each start."""
    turns: list[News] = []
    real = intake.missed

    def missed(uow: UnitOfWork, terms: Terms, kind: str, news: News) -> list[intake.Received]:
        turns.append(news)
        return real(uow, terms, kind, news)

    monkeypatch.setattr(intake, "missed", missed)
    monkeypatch.setattr(sender, "LOOKED_UP", 2)
    provider = Holding("sms")
    with world(tmp_path, {"sms": provider}) as study:
        study.enrol()
        written = [Inbound(f"AC1/SM{n}", PHONE, f"Hello {n}", b"raw", study.clock.now) for n in range(6)]
        for known in ([], written[:3], written[:3], [*written[:2], written[4], *written[2:4], written[5]]):
            provider.holds = known
            await study.program.worker._catch_up()
        assert turns == [*written[:3], written[4], written[3], written[5]]
        assert study.stored() == 6


async def test_what_came_while_the_program_was_off_for_days_is_found_when_it_starts_again(tmp_path: Path) -> None:
    """Twilio does not deliver a second time: what is not asked for is lost, and nobody knows."""
    provider = Holding("sms")
    with world(tmp_path, {"sms": provider}) as study:
        study.enrol()
        await study.program.worker._catch_up()
        study.clock.forward(hours=1)
        provider.holds = [Inbound("AC1/SM1", PHONE, "On Friday evening", b"raw", study.clock.now)]
        study.clock.forward(days=3)
        provider.breaks, held = True, provider.holds
        provider.holds = []
        await study.program.worker._catch_up()
        provider.breaks, provider.holds = False, held
        await study.program.worker._catch_up()
        assert study.stored() == 1, "also where Twilio could not be asked at first"


async def test_what_is_still_being_delivered_is_not_taken_from_a_list_that_knows_less_of_it(tmp_path: Path) -> None:
    """Twilio's list does not say which message was answered, nor that somebody opted out."""
    provider = Holding("sms")
    with world(tmp_path, {"sms": provider}) as study:
        code = study.consented()
        study.says("First")
        study.says("DONE")
        study.leave()
        provider.holds = [Inbound("AC1/SM1", PHONE, "More about the first", b"raw", study.clock.now)]
        await study.program.worker._catch_up_alone()
        asked = select(outbox.c.id).where(outbox.c.question == "b-now")
        token = study.program.database.read_now(lambda uow: uow.execute(asked).scalars().first())
        delivered = Inbound("AC1/SM1", PHONE, "More about the first", b"raw", reply_to=(str(token),))
        assert study.run(intake.receive, study.program.terms, delivered) is intake.Received.TAKEN
        assert [entry.question for entry in study.record(code).entries if entry.incoming][-1] == "b-now"
        provider.holds.append(Inbound("AC1/SM2", PHONE, "This one was lost", b"raw", study.clock.now))
        study.clock.forward(minutes=5)
        await study.program.worker._catch_up_alone()
        assert study.heard(code)[-1] == "This one was lost"


class Endless(Post):
    """A provider that does not end saying what it holds."""

    asked = asyncio.Event()

    async def catch_up(self, since: datetime) -> AsyncIterator[News]:
        self.asked.set()
        await asyncio.Event().wait()
        yield Inbound("never", PHONE, "", b"")


async def test_told_to_stop_while_it_catches_up_it_logs_no_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    provider = Endless("sms", abilities=frozenset({Ability.CATCHES_UP}))
    with world(tmp_path, {"sms": provider}) as study:
        running = asyncio.create_task(study.program.worker.run())
        await asyncio.wait_for(provider.asked.wait(), 10)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        for _ in range(10):
            await asyncio.sleep(0)
        assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
