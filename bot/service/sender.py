"""The tasks that run beside the web: sending, asking about unknown sends, timers, and what a lost webhook missed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.channel import Channel
from bot.errors import NotSent, OwnPaceError, Refused, SendError
from bot.records.database import Database
from bot.records.participants import Terms
from bot.service import conversations, intake, outbox
from bot.service.outbox import Claimed

log = structlog.get_logger()

LOOK_AGAIN = 1.0
"""Seconds after which everything is looked at again, for what another process or the clock has changed."""

CATCH_UP_EVERY = timedelta(minutes=5)


@dataclass
class Worker:
    """Runs until it is stopped. Everything it knows is in the database, so it can be killed at any moment."""

    database: Database
    terms: Terms
    _awake: asyncio.Event = field(default_factory=asyncio.Event)
    _flying: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def channels(self) -> Mapping[str, Channel]:
        return self.terms.channels

    async def run(self) -> None:
        """Send, wake and ask, until cancelled."""
        loop = asyncio.get_running_loop()
        end = self.database.listen(lambda changed: self._hear(loop, changed))
        clock = AsyncIOScheduler(timezone="UTC")
        every = {"seconds": CATCH_UP_EVERY.total_seconds(), "next_run_time": self.database.clock()}
        clock.add_job(self._catch_up, "interval", id="catch up", **every)
        clock.start()
        try:
            await self.database.run(outbox.recover, {kind: one.ask_after for kind, one in self.channels.items()})
            await asyncio.gather(self._send_forever(), self._ask_forever(), self._wake_forever(clock))
        finally:
            end()
            clock.shutdown(wait=False)
            for task in tuple(self._flying):
                task.cancel()
            for channel in self.channels.values():
                await channel.close()

    def _hear(self, loop: asyncio.AbstractEventLoop, changed: frozenset[str]) -> None:
        if changed & {"outbox", "timers"}:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._awake.set)

    # Sending

    async def _send_forever(self) -> None:
        while True:
            self._awake.clear()
            while claimed := await self._claim():
                for one in claimed:
                    self._fly(self._send(one))
            await self._rest()

    async def _claim(self) -> list[Claimed]:
        ordered = frozenset(kind for kind, channel in self.channels.items() if channel.waits_for_sent)
        return await self.database.run(outbox.claim, tuple(self.channels), ordered)

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._awake.wait(), LOOK_AGAIN)

    def _fly(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._flying.add(task)
        task.add_done_callback(self._flying.discard)

    async def _send(self, claimed: Claimed) -> None:
        run = self.database.run
        try:
            receipt = await self.channels[claimed.kind].send(claimed.message)
        except NotSent as why:
            await run(outbox.not_sent, claimed, why)
        except Refused as why:
            await run(outbox.refused, self.terms, claimed, why)
        except Exception as why:
            if not isinstance(why, SendError):
                log.error("a channel failed while sending", kind=claimed.kind, error=type(why).__name__)
            await run(outbox.unknown, claimed.seq, self.channels[claimed.kind].ask_after)
        else:
            await run(outbox.accepted, claimed.seq, receipt.provider_id)

    # Asking about unknown sends

    async def _ask_forever(self) -> None:
        while True:
            for claimed in await self.database.read(outbox.doubtful, tuple(self.channels)):
                await self._ask(claimed)
            await asyncio.sleep(LOOK_AGAIN)

    async def _ask(self, claimed: Claimed) -> None:
        run = self.database.run
        try:
            receipt = await self.channels[claimed.kind].reconcile(claimed.message)
        except OwnPaceError:
            await run(outbox.cannot_tell, claimed.seq)
        else:
            if receipt:
                await run(outbox.accepted, claimed.seq, receipt.provider_id)
            else:
                await run(outbox.surely_not_sent, claimed.seq)

    # Timers: APScheduler is the alarm clock, the rows are the memory

    async def _wake_forever(self, clock: AsyncIOScheduler) -> None:
        while True:
            rung = asyncio.Event()
            due = await self.database.read(conversations.next_wake)
            if due is not None and due <= self.database.clock():
                await self.database.run(conversations.wake, self.terms)
                continue
            if due is not None:
                clock.add_job(rung.set, "date", run_date=due, id="next timer", replace_existing=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(rung.wait(), LOOK_AGAIN)

    # What a lost webhook missed

    async def _catch_up(self) -> None:
        for kind, channel in self.channels.items():
            try:
                async for news in channel.catch_up():
                    await self.database.run(intake.take, self.terms, kind, [news])
            except OwnPaceError as why:
                log.warning("the provider could not be asked for missed messages", kind=kind, reason=str(why))
