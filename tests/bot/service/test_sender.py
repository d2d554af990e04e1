"""The worker as it runs: what is claimed in the commit that wrote it, and what it does when it is told to stop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.messages import Address, Outbound, Receipt
from bot.records.tables import outbox
from bot.service import sender
from tests.bot.world import Post, World, on_sqlite, world


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
        with world(tmp_path, {"sms": slow}, **on_sqlite(tmp_path)) as study:
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
