"""What runs beside the web: sending, listening, fetching media, timers, and asking providers what became of things."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.channel import Ability, Channel
from bot.errors import LeaseLost, NotSent, OwnPaceError, Refused, SendError
from bot.messages import Inbound, News
from bot.records.database import Database
from bot.records.participants import Terms
from bot.records.unit_of_work import UnitOfWork
from bot.service import (
    conversations,
    deletion,
    drafts,
    figures,
    intake,
    leases,
    mailroom,
    media,
    outbox,
    outcomes,
    postponing,
    putting_right,
    withdrawal,
)
from bot.service.leases import RENEWED_EVERY, Lease
from bot.service.lookout import LONG_SINCE, Lookout
from bot.service.mailroom import Inbox
from bot.service.media import Wanted
from bot.service.outbox import Claimed

T = TypeVar("T")

log = structlog.get_logger()

LOOK_AGAIN = 1.0
"""Seconds after which everything is looked at again, for what another process or the clock has changed."""

CATCH_UP_EVERY = timedelta(minutes=5)

LOOKS_BACK = timedelta(days=1)
"""So long before the last catch-up the next one begins: a delivery is tried again, and providers list with delay."""

ON_ITS_WAY = timedelta(minutes=1)
"""What somebody wrote so lately is still being delivered, and its delivery says more than a list: what it answers."""

LOOKED_UP = 200
"""So many messages that a provider holds are looked up in one go."""

DELETE_EVERY = 5.0
"""Seconds between two looks for people whose receipt has left."""

LANDING = 5.0
"""Seconds for which what is being handed over may go on when the program is told to stop."""

SOON = 0.1
"""The same just after something left: what its provider's rate keeps back may leave soon."""

MOST_AT_A_TIME = 256
"""So many messages are with one provider; while it is slow the others wait in the database."""

LATE_AFTER = 60.0
"""Seconds without a good round after which a part counts as standing still."""

LONGEST_SILENCE = 300.0
"""The most seconds between two tries to reach a provider that does not answer."""


def _next(uow: UnitOfWork) -> datetime | None:
    """When something is to be done next."""
    moments = (conversations.next_wake(uow), postponing.next_due(uow))
    return min((moment for moment in moments if moment), default=None)


@dataclass
class Worker:
    """Runs until it is stopped. Everything it knows is in the database, so it can be killed at any moment."""

    database: Database
    terms: Terms
    me: str = field(default_factory=lambda: secrets.token_hex(8))
    """Which of several processes this is."""
    _awake: asyncio.Event = field(default_factory=asyncio.Event)
    _in_hand: set[int] = field(default_factory=set)
    _with: Counter[str] = field(default_factory=Counter)
    """How many messages each channel has in hand."""
    _claim_failed: datetime | None = None
    """When the answer to a claim was lost."""
    _held: dict[str, tuple[Lease, float]] = field(default_factory=dict)
    _flying: set[asyncio.Task[Any]] = field(default_factory=set)
    _good: dict[str, float] = field(default_factory=dict)
    _listened: dict[str, float] = field(default_factory=dict)
    _rung: asyncio.Event = field(default_factory=asyncio.Event)
    _alarm: datetime | None = None
    """When the alarm clock rings next."""
    _ends: bool = False
    """Nothing more is handed over."""
    _latest: datetime = LONG_SINCE
    """The latest that the machine's clock has said."""

    def __post_init__(self) -> None:
        self._lookout = Lookout(self.database)

    @property
    def channels(self) -> Mapping[str, Channel]:
        return self.terms.channels

    async def run(self) -> None:
        """Send, listen, fetch, wake and ask, until cancelled. No part that fails takes another along."""
        end = self._hear_of_messages()
        clock = AsyncIOScheduler(timezone="UTC")
        first, later = _until_told(self._catch_up), _until_told(self._catch_up_alone)
        clock.add_job(first, id="catch up at the start")  # whatever others do: a process may just have died
        clock.add_job(later, "interval", id="catch up", seconds=CATCH_UP_EVERY.total_seconds())
        put_right = _until_told(self._put_right)  # not at the start: a machine may not have set its clock yet
        clock.add_job(put_right, "interval", id="clock put right", seconds=CATCH_UP_EVERY.total_seconds())
        clock.start()
        parts: list[asyncio.Task[None]] = []
        try:
            await self._insist(outcomes.recover, self._asked_after)
            if self.database.shared:
                await self._insist(leases.forget_old)
            parts = list(map(asyncio.create_task, self._parts(clock)))
            await asyncio.gather(*parts)
        finally:
            self._ends = True
            for part in parts:  # where one has ended by itself, the others have not
                part.cancel()
            end()
            clock.shutdown(wait=False)
            await self._land()
            for channel in self.channels.values():
                await channel.close()

    def _parts(self, clock: AsyncIOScheduler) -> Iterator[Coroutine[Any, Any, None]]:
        if self.database.shared:
            yield self._keep("living", self._live_round)
        yield self._keep("looking", self._look_round)
        yield self._keep("sending", self._send_round)
        yield self._keep_alone("asking", self._ask_round)
        for kind in self.channels:
            yield self._keep_alone(f"media of {kind}", partial(self._fetch_round, kind))
        yield self._keep("timers", lambda: self._wake_round(clock))
        yield self._keep_alone("deleting", self._delete_round)
        for kind, channel in self.channels.items():
            yield self._listen(kind, channel)

    async def _land(self) -> None:
        """Finish what is being handed over; what does not end in time is unknown when the program is started again."""
        if self._flying:
            await asyncio.wait(self._flying, timeout=LANDING)
        unknown = tuple(self._in_hand)
        for task in tuple(self._flying):
            task.cancel()
        with suppress(Exception):
            await asyncio.wait_for(self.database.run(self._let_go, unknown), LOOK_AGAIN)

    def _let_go(self, uow: UnitOfWork, unknown: Sequence[int]) -> None:
        """What was claimed when we were told to stop did not leave: others may send it. We hold nothing any more."""
        outcomes.not_handed_over(uow, self.me, unknown, uow.now)
        leases.give_up(uow, self.me)

    def standing_still(self) -> list[str]:
        """The parts that have not had a good round for too long."""
        now = asyncio.get_running_loop().time()
        return sorted(part for part, at in self._good.items() if now - at > LATE_AFTER)

    def since_good(self) -> dict[str, float]:
        """For how many seconds each part has had no good round; a listener, when it was last known to listen."""
        now = asyncio.get_running_loop().time()
        return {part: now - at for part, at in (self._good | self._listened).items()}

    async def _keep(self, part: str, a_round: Callable[[], Awaitable[None]]) -> None:
        """One round after another; one that fails is told in the log and tried again."""
        loop = asyncio.get_running_loop()
        self._good[part] = loop.time()
        while True:
            try:
                await a_round()
            except Exception as error:
                log.error("a part of the worker failed and goes on", part=part, error=type(error).__name__)
                await asyncio.sleep(LOOK_AGAIN)
            else:
                self._good[part] = loop.time()

    async def _keep_alone(self, part: str, a_round: Callable[[], Awaitable[None]]) -> None:
        """The same for what one of several processes does at a time."""

        async def if_it_is_ours() -> None:
            await (a_round() if await self._holds(part) else asyncio.sleep(RENEWED_EVERY))

        await self._keep(part, if_it_is_ours)

    async def _insist(self, use_case: Callable[..., Any], *args: Any) -> Any:
        """Write down what has happened outside, however long the database does not take it."""
        while True:
            try:
                return await self.database.run_soon(use_case, *args)
            except Exception as error:
                log.error("could not be written down yet", act=use_case.__name__, error=type(error).__name__)
                await asyncio.sleep(LOOK_AGAIN)

    def _hear_of_messages(self) -> Callable[[], None]:
        """From now on notice what is to leave; call what it returns to end.

        On a database of our own a message is claimed in the commit that puts it into the outbox.
        """
        loop = asyncio.get_running_loop()

        def soon(act: Callable[..., object], *args: object) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(act, *args)

        def look(changed: frozenset[str]) -> None:
            if changed & {"outbox", "*"} and not self._awake.is_set():
                soon(self._awake.set)

        def send(claimed: list[Claimed]) -> None:
            if claimed:
                soon(self._send_all, claimed)
            if len(claimed) >= outbox.AT_ONCE:
                soon(self._awake.set)

        if self.database.shared:
            return self.database.listen(look)
        claim = partial(outbox.claim, terms=self.terms, holder=self.me, full=self._full)
        self.database.follow_up("outbox", claim, send)
        return self.database.follow_no_more

    # One of several processes

    @property
    def _asked_after(self) -> dict[str, timedelta]:
        return {kind: one.ask_after for kind, one in self.channels.items()}

    @property
    def _life(self) -> str:
        return str(leases.worker(self.me))

    async def _live_round(self) -> None:
        """Say that this process lives, and see to what dead ones were handing over."""
        await self._holds(self._life)
        await self.database.run(outcomes.recover, self._asked_after)
        await asyncio.sleep(RENEWED_EVERY)

    async def _holds(self, part: str) -> Lease | None:
        """The lease of a part, renewed where it has aged; None where another process has it."""
        if not self.database.shared:
            return Lease(part, self.me, 0)
        began = asyncio.get_running_loop().time()
        held = self._held.get(part)
        if held is None or began - held[1] >= RENEWED_EVERY / 2:
            lease = await self.database.run(leases.take, part, self.me)
            if lease is None:
                self._held.pop(part, None)
                return None
            self._held[part] = held = (lease, began)
        return held[0]

    def _lives_surely(self) -> bool:
        """Whether no other process can have taken this one for dead."""
        if not self.database.shared:
            return True
        held = self._held.get(self._life)
        return held is not None and asyncio.get_running_loop().time() - held[1] < leases.LENGTH.total_seconds() / 2

    # Looking for all of them

    async def _look_round(self) -> None:
        try:
            if self._went_back():
                await self._put_right()
            await self._lookout.look()
        finally:
            self._rung.set()
            if self._lookout.due("sending"):
                self._awake.set()
        await asyncio.sleep(LOOK_AGAIN)

    def _went_back(self) -> bool:
        """Whether the clock was put back since the last look."""
        now = self.database.clock()
        back = self._latest - now > putting_right.OFF
        self._latest = now if back else max(now, self._latest)
        return back

    async def _put_right(self) -> None:
        if await self.database.read(putting_right.ahead):
            await self.database.run(putting_right.put_right, self.terms)

    # Sending

    async def _send_round(self) -> None:
        awake = self._awake.is_set()
        self._awake.clear()
        if failed := self._claim_failed:
            await self.database.run(outcomes.not_handed_over, self.me, tuple(self._in_hand), failed)
            self._claim_failed = None if self._claim_failed == failed else self._claim_failed
        wait = LOOK_AGAIN
        while awake and self._lives_surely() and (claimed := await self._claim()):
            self._send_all(claimed)
            wait = SOON
        with suppress(TimeoutError):
            await asyncio.wait_for(self._awake.wait(), wait)
        if wait == SOON:
            self._awake.set()

    def _full(self) -> Set[str]:
        """The channels that have enough in hand. It is asked on a thread of the database's."""
        return frozenset(kind for kind in self.channels if self._with[kind] >= MOST_AT_A_TIME)

    def _send_all(self, claimed: list[Claimed]) -> None:
        for one in () if self._ends else claimed:
            self._in_hand.add(one.seq)
            self._with[one.kind] += 1
            self._fly(self._send(one))

    async def _claim(self) -> list[Claimed]:
        """One that was begun goes on when we are told to stop, so that what it claimed can be let go of after it."""
        claim = self.database.run(outbox.claim, self.terms, holder=self.me, full=self._full)
        try:
            return await asyncio.shield(self._fly(claim))
        except Exception:
            self._claim_failed = self.database.clock()
            raise

    def _fly(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._flying.add(task)
        task.add_done_callback(self._flying.discard)
        return task

    async def _send(self, claimed: Claimed) -> None:
        try:
            if self._lives_surely():
                await self._hand_over(claimed)
            else:
                self._claim_failed = self.database.clock()
        finally:
            self._in_hand.discard(claimed.seq)
            if claimed.kind in self._full():
                self._awake.set()
            self._with[claimed.kind] -= 1

    async def _hand_over(self, claimed: Claimed) -> None:
        channel = self.channels[claimed.kind]
        try:
            with figures.of(figures.SENDS, claimed.kind).time():
                receipt = await channel.send(claimed.message)
        except NotSent as why:
            figures.of(figures.OUTCOMES, claimed.kind, "not sent").inc()
            await self._insist(outcomes.not_sent, self.terms, claimed, why)
        except Refused as why:
            figures.of(figures.OUTCOMES, claimed.kind, "refused").inc()
            await self._insist(outcomes.refused, self.terms, claimed, why)
        except Exception as why:
            if not isinstance(why, SendError):
                log.error("a channel failed while sending", kind=claimed.kind, error=type(why).__name__)
            figures.of(figures.OUTCOMES, claimed.kind, "unknown").inc()
            await self._insist(outcomes.unknown, claimed.seq, channel.ask_after)
        else:
            figures.of(figures.OUTCOMES, claimed.kind, "accepted").inc()
            await self._insist(outcomes.accepted, claimed.seq, receipt.provider_id, receipt.further)

    # Asking about unknown sends

    async def _ask_round(self) -> None:
        if self._lookout.due("asking"):
            for claimed in await self.database.read(outcomes.doubtful, self.terms):
                await self._ask(claimed)
        await self._lookout.again()

    async def _ask(self, claimed: Claimed) -> None:
        try:
            receipt = await self.channels[claimed.kind].reconcile(claimed.message)
        except OwnPaceError:
            await self._insist(outcomes.cannot_tell, claimed.seq)
        else:
            if receipt:
                await self._insist(outcomes.accepted, claimed.seq, receipt.provider_id)
            else:
                await self._insist(outcomes.surely_not_sent, claimed.seq)

    # Voice notes, pictures, videos and files

    async def _fetch_round(self, kind: str) -> None:
        """One channel's alone: a provider that does not answer holds up no other's."""
        if self._lookout.due("media"):
            due = await self.database.read(media.due, kind)
            await asyncio.gather(*(self._fetch(one) for one in due))
        await self._lookout.again()

    async def _fetch(self, wanted: Wanted) -> None:
        channel = self.channels[wanted.channel]
        try:
            if wanted.here:
                await channel.forget(wanted.media)
                await self._insist(media.forgotten, wanted.id)
            else:
                content = await channel.fetch(wanted.media, media.LARGEST)
                await self._insist(media.stored, wanted.id, content)
        except Refused as why:
            await self._insist(
                media.forgotten if wanted.here else media.lost, wanted.id, *([] if wanted.here else [str(why)])
            )
        except Exception as why:
            problem = str(why) if isinstance(why, OwnPaceError) else f"It could not be fetched ({type(why).__name__})."
            await self._insist(media.later, wanted.id, problem)

    # Timers: APScheduler is the alarm clock, the rows are the memory

    async def _wake_round(self, clock: AsyncIOScheduler) -> None:
        self._rung.clear()
        due = await self.database.read(_next) if self._lookout.due("timers") else self._lookout.next("timers")
        if due is not None and due <= self.database.clock():
            await self.database.run(conversations.wake, self.terms)
            await self.database.run(postponing.leave, self.terms)
            return
        if due is not None and due != self._alarm:
            clock.add_job(self._rung.set, "date", run_date=due, id="next timer", replace_existing=True)
            self._alarm = due
        await self._rung.wait()

    # Those who were told that their words are deleted: their addresses go too. And what was not sent for too long

    async def _delete_round(self) -> None:
        if await self.database.read(withdrawal.unfinished):
            await self.database.run(withdrawal.finish)
        if await self.database.read(drafts.overdue):
            await self.database.run(drafts.forget_old)
        if await self.database.read(deletion.unclean):
            await asyncio.to_thread(deletion.clean, self.database, rewrite=False)
        await asyncio.sleep(DELETE_EVERY)

    # What comes to channels that listen, and what a lost delivery missed

    async def _listen(self, kind: str, channel: Channel) -> None:
        """Again and again, after longer and longer waits while the provider cannot be reached."""
        loop, wait = asyncio.get_running_loop(), 1.0
        self._listened[f"listen {kind}"] = loop.time()
        while True:
            began = loop.time()
            try:
                await self._listen_alone(kind, channel)
                del self._listened[f"listen {kind}"]
                return
            except Exception as why:
                reason = str(why) if isinstance(why, OwnPaceError) else type(why).__name__
                log.warning("a channel stopped listening and will try again", kind=kind, reason=reason)
            wait = 1.0 if loop.time() - began > LATE_AFTER else min(wait * 2, LONGEST_SILENCE)
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))

    async def _listen_alone(self, kind: str, channel: Channel) -> None:
        """Listen as long as this is the process that does; returns where the channel has nothing to listen to."""
        part = f"listen {kind}"
        while (lease := await self._holds(part)) is None:  # noqa: ASYNC110  # a process that dies sets no event
            await asyncio.sleep(RENEWED_EVERY)
        inbox = Inbox(kind, self.database, self.terms, lease if self.database.shared else None)
        listening = asyncio.create_task(channel.listen(inbox))
        try:
            while not (await asyncio.wait([listening], timeout=RENEWED_EVERY))[0]:
                if await self._holds(part) != lease:
                    raise LeaseLost("Another process listens now.")
                self._listened[part] = asyncio.get_running_loop().time()
            await listening
        finally:
            listening.cancel()

    async def _catch_up_alone(self) -> None:
        if await self._holds("catch up"):
            await self._catch_up(ON_ITS_WAY)

    async def _catch_up(self, on_its_way: timedelta = timedelta()) -> None:
        """At the start without delay: what was on its way has found nobody."""
        for kind, channel in self.channels.items():
            if Ability.CATCHES_UP in channel.abilities:
                await self._catch_up_with(kind, channel, on_its_way)

    async def _catch_up_with(self, kind: str, channel: Channel, on_its_way: timedelta) -> None:
        """Since the last time that it was done in full, however long the program was off, and a while before."""
        began, held, whole = self.database.clock(), list[News](), False
        try:
            last = await self.database.read(mailroom.caught_up, kind)
            async for news in channel.catch_up(min(last or began, began) - LOOKS_BACK):
                held.append(news)
            whole = True
        except Exception as why:
            reason = str(why) if isinstance(why, OwnPaceError) else type(why).__name__
            log.warning("the provider could not be asked for missed messages", kind=kind, reason=reason)
        try:
            settled = [one for one in held if not (on_its_way and _after(one, began - on_its_way))]
            await self._take_missed(kind, settled)
            if whole:
                await self.database.run(mailroom.catch_up_from, kind, began)
        except Exception as error:  # it is looked up again at the next round, and nothing of it is lost
            log.error("what was missed could not be stored yet", kind=kind, error=type(error).__name__)

    async def _take_missed(self, kind: str, held: Sequence[News]) -> None:
        for first in range(0, len(held), LOOKED_UP):
            for news in await self.database.read(intake.unseen, kind, held[first : first + LOOKED_UP]):
                figures.count_turns(kind, await self.database.run(intake.missed, self.terms, kind, news))


def _after(news: News, moment: datetime) -> bool:
    return isinstance(news, Inbound) and news.written_at is not None and news.written_at > moment


def _until_told(job: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """The job, which ends without a word when it is told to: APScheduler would log that as a failure."""

    async def quietly() -> None:
        with suppress(asyncio.CancelledError):
            await job()

    return quietly
