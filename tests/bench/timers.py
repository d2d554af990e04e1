"""`scripts/bench --timers N`: how late timers are while N wait and people answer.

Most of the N are due in the days to come, as in a study of many people. What is measured is the timer of each answer:
a second of quiet ends it, and the next question follows. Late is how long after that second the provider had it.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, insert, select

from bot import bootstrap, config
from bot.bootstrap import Program
from bot.channel import Ability, Channel
from bot.messages import Address, Inbound, Outbound, Receipt
from bot.records.tables import participants, timers
from bot.records.unit_of_work import UnitOfWork
from bot.service import enrolment, intake
from bot.service.enrolment import Entry
from tests.bench import schedule

EACH = 10
PART = 10_000
PEOPLE, A_SECOND, ANSWERS = 40, 20, 5
"""So many people answer, so many answers begin in a second, and so often each."""

SETTLE = timedelta(seconds=1)
MOST_LATE = 1.0


class Phones(Channel):
    """A provider that takes everything at once, and knows when each phone had its last text."""

    kind = "sms"
    abilities = frozenset({Ability.WRITES_FIRST})

    def __init__(self) -> None:
        self.texts: dict[str, int] = defaultdict(int)
        self.came: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def send(self, message: Outbound) -> Receipt:
        self.texts[message.to.value] += 1
        self.came[message.to.value].set()
        return Receipt(f"SM{message.id}")

    async def have(self, phone: str, count: int) -> None:
        """Wait until the phone has had so many texts."""
        while self.texts[phone] < count:
            self.came[phone].clear()
            await asyncio.wait_for(self.came[phone].wait(), 60)


def fill(uow: UnitOfWork, number: int) -> None:
    """So many timers more, of people of whom nothing else is known, ten each."""
    key_id = uow.new_key()
    after: int = uow.execute(select(func.coalesce(func.max(participants.c.id), 0))).scalar_one()
    people = [
        {
            "id": after + place + 1,
            "code": f"T{after + place}",
            "cohort": "elsewhere",
            "key_id": key_id,
            "name": b"",
            "wording": "short",
            "language": "en",
            "timezone": "Europe/London",
            "researcher": "Ann",
            "attributes": b"",
            "created_at": uow.now,
        }
        for place in range(number // EACH)
    ]
    uow.execute(insert(participants), people)
    due = uow.now + timedelta(days=1)
    waiting = [
        {"participant_id": one["id"], "kind": f"kind {kind}", "position": "", "due": due + timedelta(seconds=place)}
        for place, one in enumerate(people)
        for kind in range(EACH)
    ]
    uow.execute(insert(timers), waiting)


def program(folder: Path, phones: Phones) -> Program:
    """The program on a new database, at any hour of the day."""
    schedule.write(folder / "prompts")
    settings = bootstrap.StudySettings(
        study=config.Study(prompts=folder / "prompts", contact_phone="01632 960000"),
        database=config.Database(url=f"sqlite:///{folder}/study.db"),
        security=config.Security(key_file=folder / "study.key"),
        pace=config.Pace(settle={"sms": SETTLE}, quiet_hours=None, bank_holidays=False, caps=0),
    )
    bootstrap.prepare(settings)
    return bootstrap.build(settings, channels={"sms": phones})


async def measure(folder: Path, number: int) -> bool:
    """Print the figures; whether every question came."""
    phones = Phones()
    made = program(folder, phones)
    database, late = made.database, list[float]()
    print(f"Filling in {number:,} timers ...")
    for _ in range(0, number, PART):
        database.run_now(fill, min(PART, number))
    worker = asyncio.create_task(made.worker.run())

    async def say(phone: str, words: str) -> None:
        key = f"{phone} {time.perf_counter()}"
        await database.run(intake.receive, made.terms, Inbound(key, Address("sms", phone), words, words.encode()))

    async def answer(phone: str) -> None:
        count = phones.texts[phone]
        for place in range(ANSWERS):
            await asyncio.sleep(PEOPLE / A_SECOND)
            await say(phone, f"My answer is this, in a sentence or two; it is number {place}.")
            said = time.perf_counter()
            count += 1
            await phones.have(phone, count)
            late.append(time.perf_counter() - said - SETTLE.total_seconds())

    everybody = [f"+4477{place:08}" for place in range(PEOPLE)]
    for phone in everybody:
        entry = Entry("bench", Address("sms", phone), name="Sam")
        await database.run(enrolment.enrol, made.terms, made.rules, entry)
        await phones.have(phone, 2)
        await say(phone, "YES")
        await phones.have(phone, 4)
    await asyncio.gather(*(answer(phone) for phone in everybody))
    worker.cancel()
    with suppress(asyncio.CancelledError):
        await worker
    waiting = database.read_now(lambda uow: uow.execute(select(func.count()).select_from(timers)).scalar_one())
    database.close()
    late.sort()
    p50, p99 = late[len(late) // 2], late[int(len(late) * 0.99)]
    print(f"{len(late)} timers were due, while {waiting:,} more waited")
    print(f"late by p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms")
    print(f"Late at p99 (target <= {MOST_LATE:.0f} s): {'met' if p99 <= MOST_LATE else 'MISSED'}")
    return len(late) == PEOPLE * ANSWERS
