"""`scripts/bench --backlog N`: how fast what waits drains, whether in order, and how much memory that takes.

The messages are to ten times fewer people, ten to each, half of them nobody's reply. Their provider takes everything at
once, so that what is measured is our own part. Halfway through somebody writes, and the reply overtakes the rest.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import func, insert, select

from bot import bootstrap, config
from bot.bootstrap import Program
from bot.channel import Ability, Channel
from bot.messages import Outbound, Receipt
from bot.records.tables import messages, outbox
from bot.records.unit_of_work import UnitOfWork
from tests.bench import schedule

EACH = 10
PART = 1_000
"""Messages in one commit of those that fill the outbox."""


class Sink(Channel):
    """A provider that takes everything after a moment, and notes in which order."""

    kind = "sms"
    abilities = frozenset({Ability.WRITES_FIRST})

    def __init__(self) -> None:
        self.taken: dict[str, list[int]] = defaultdict(list)
        self.total = self.at_once = self.most_at_once = 0
        self.reply_after: float | None = None
        self.written = 0.0

    async def send(self, message: Outbound) -> Receipt:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.005)
        self.at_once -= 1
        self.total += 1
        if message.body == "reply":
            self.reply_after = time.perf_counter() - self.written
        else:
            self.taken[message.to.value].append(int(message.body))
        return Receipt(f"SM{message.id}")


def fill(uow: UnitOfWork, first: int, number: int, people: int) -> None:
    """So many messages more, to one person after the other."""
    key_id, key = uow.holding_key()
    at = {"at": uow.now}
    words = [
        {
            "key_id": key_id,
            "direction": "out",
            "channel": "sms",
            "author": "bot",
            "belongs": "sent",
            "body": key.seal(str(place), "body"),
            **at,
        }
        for place in range(first, first + number)
    ]
    uow.execute(insert(messages), words)
    last: int = uow.execute(select(func.max(messages.c.id))).scalar_one()
    ways = [
        {
            "id": uow.new_id(),
            "lane": f"lane {place % people}",
            "message_id": last - number + 1 + place - first,
            "key_id": key_id,
            "kind": "sms",
            "address": key.seal(f"+4477{place % people:08}", "address"),
            "unasked": place % 2 == 0,
            "state": "pending",
            "attempts": 0,
            "not_before": uow.now,
            "changed_at": uow.now,
        }
        for place in range(first, first + number)
    ]
    uow.execute(insert(outbox), ways)


def reply(uow: UnitOfWork) -> None:
    """One message that somebody just asked for by writing."""
    fill(uow, 0, 1, 1)
    key = uow.holding_key()[1]
    last = uow.execute(select(func.max(messages.c.id))).scalar_one()
    uow.execute(messages.update().where(messages.c.id == last).values(body=key.seal("reply", "body")))
    uow.execute(outbox.update().where(outbox.c.message_id == last).values(lane="a lane of its own", unasked=False))
    uow.changed.add("outbox")


@contextmanager
def program(folder: Path, sink: Sink) -> Iterator[Program]:
    """The program on a new database, with one channel."""
    schedule.write(folder / "prompts")
    settings = bootstrap.StudySettings(
        study=config.Study(prompts=folder / "prompts", contact_phone="01632 960000"),
        database=config.Database(url=f"sqlite:///{folder}/study.db"),
        security=config.Security(key_file=folder / "study.key"),
    )
    bootstrap.prepare(settings)
    made = bootstrap.build(settings, channels={"sms": sink})
    try:
        yield made
    finally:
        made.database.close()


def peak() -> float:
    """The most megabytes that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def drain(folder: Path, number: int) -> bool:
    """Print the figures; whether everything left once and in order."""
    sink = Sink()
    with program(folder, sink) as made:
        print(f"Filling the outbox with {number:,} messages ...")
        for first in range(0, number, PART):
            made.database.run_now(fill, first, min(PART, number - first), max(1, number // EACH))
        before, began, told = peak(), time.perf_counter(), 0
        worker = asyncio.create_task(made.worker.run())
        while sink.total < number + (1 if sink.written else 0):
            await asyncio.sleep(0.1)
            if not sink.written and sink.total >= number // 2:
                sink.written = time.perf_counter()
                await made.database.run(reply)
            if sink.total // (number // 5) > told:
                told = sink.total // (number // 5)
                print(f"  {sink.total:9,} left after {time.perf_counter() - began:6.1f} s, {peak():.0f} MB at most")
        took = time.perf_counter() - began
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker
    jumbled = sum(places != sorted(set(places)) for places in sink.taken.values())
    lost = number - sum(len(places) for places in sink.taken.values())
    print(f"{number:,} messages left in {took:.1f} s: {number / took:,.0f} a second")
    print(f"lost or doubled / people whose messages came out of order: {lost} / {jumbled}")
    print(f"with the provider at a time: {sink.most_at_once} at most")
    print(f"memory: {before:.0f} MB before, {peak():.0f} MB at most")
    print(f"a reply written halfway through was with the provider after {(sink.reply_after or 0) * 1000:.0f} ms")
    return lost == jumbled == 0
