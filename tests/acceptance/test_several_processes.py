"""Two processes for pages and two workers on PostgreSQL: killed, cut off, left without a database, again and again.

With many people, by hand: OWNPACE_TEST_PEOPLE=2000 scripts/test -s tests/acceptance/test_several_processes.py
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot import bootstrap, prompts
from tests.acceptance.crowd import crowd, enrol, judge, points
from tests.bench import schedule
from tests.rig.exchange import Exchange
from tests.rig.faults import FaultProxy, fault_proxy
from tests.rig.participant import Participant
from tests.rig.postgres import Server, durable
from tests.rig.study import Process, Study

PEOPLE = int(os.environ.get("OWNPACE_TEST_PEOPLE", "20"))
QUESTIONS = 4
RESTARTS = 2
TURNS_A_KILL, LEAST_KILLS = 300, 3
SILENCE = 12 + PEOPLE / 100
"""Seconds in which nobody says anything, after which a worker is started anew: then it asks for what was missed."""

STUCK = 120.0
"""Seconds after which nobody will say anything any more."""


class Phones:
    """Everybody's phones: what reaches one is read, and answered at once."""

    def __init__(self, people: dict[str, Participant], url: str) -> None:
        self.people = people
        self.exchange = Exchange(url, self.hear)
        self.turns = 0
        self.last = time.monotonic()
        self._saying: set[asyncio.Task[None]] = set()

    def hear(self, phone: str, body: str) -> None:
        self.last = time.monotonic()
        for reply in self.people[phone].answers(body):
            self.turns += 1
            task = asyncio.create_task(self.exchange.text(phone, reply))
            self._saying.add(task)
            task.add_done_callback(self._saying.discard)

    @property
    def finished(self) -> bool:
        return all(person.thanked for person in self.people.values())


@asynccontextmanager
async def door(port: int, behind: list[Process]) -> AsyncIterator[None]:
    """Leads to whoever serves. Who comes waits a little where nobody does, as proxies let them."""

    async def enter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(100):
            for one in random.sample(behind, len(behind)):
                with suppress(OSError):
                    (await asyncio.open_connection("127.0.0.1", one.port))[1].close()
                    await FaultProxy(one.port).serve(reader, writer)
                    return
            await asyncio.sleep(0.1)
        writer.transport.abort()

    server = await asyncio.start_server(enter, "127.0.0.1", port, backlog=2048)
    try:
        yield
    finally:
        server.close()


@dataclass
class Trouble:
    """What happens to the processes, the database and the connections between them, and how often it has."""

    chance: random.Random
    server: Server
    database: FaultProxy
    processes: list[Process]
    phones: Phones
    hand: ThreadPoolExecutor
    done: Counter[str] = field(default_factory=Counter)

    async def make(self, turns: int, kills: int) -> None:
        """One after the other, each when the crowd has come so far; at last a worker asks for what was missed."""
        acts = [self.kill] * kills + [self.restart] * RESTARTS + [self.cut] * (kills // 2)
        self.chance.shuffle(acts)
        moments = sorted(self.chance.sample(range(turns * 2 // 3), len(acts)))
        for moment, act in zip(moments, acts, strict=True):
            while self.phones.turns < moment:  # noqa: ASYNC110  # turns come by the hundred a second
                await asyncio.sleep(0.01)
            await act()
            self.done[act.__name__] += 1
        await self.by_hand(self.processes[-1].start_gently)

    async def kill(self) -> None:
        await self.by_hand(self.chance.choice(self.processes).start_anew)

    async def restart(self) -> None:
        """PostgreSQL crashes, and is there again."""
        await self.by_hand(self.server.stop)
        await self.by_hand(self.server.start)

    async def cut(self) -> None:
        """Every connection to the database."""
        self.database.cut()

    async def by_hand(self, act: Callable[[], Any]) -> None:
        await asyncio.get_running_loop().run_in_executor(self.hand, act)

    async def keep_alive(self) -> None:
        """What came while nobody was there is fetched within five minutes, and when a worker starts: one does here."""
        since = time.monotonic()
        while True:
            await asyncio.sleep(0.5)
            for one in self.processes:
                await self.by_hand(one.keep)
            if time.monotonic() - max(since, self.phones.last) > SILENCE:
                await self.by_hand(self.processes[-1].start_gently)
                self.done["silence"] += 1
                since = time.monotonic()


@asynccontextmanager
async def running(processes: list[Process]) -> AsyncIterator[list[int | None]]:
    """All of them, from the start until they are asked to stop; how each ended is in the list then."""
    ended: list[int | None] = []
    for one in processes:
        one.start()
    try:
        yield ended
    finally:
        ended += [await asyncio.to_thread(one.stop) for one in processes]


async def test_four_processes_on_one_database_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    schedule.write(tmp_path / "prompts", QUESTIONS)
    questions = prompts.load(tmp_path / "prompts")["bench", "en"]
    turns = PEOPLE * len(points(questions))
    kills = max(LEAST_KILLS, turns // TURNS_A_KILL)
    study, hand = Study(tmp_path), ThreadPoolExecutor(1)
    phones = Phones(crowd(PEOPLE, questions), study.url)
    processes = [Process(study, role) for role in ("web", "web", "worker", "worker")]

    with durable() as server:
        async with fault_proxy(server.port) as database, phones.exchange.open() as api, door(study.port, processes[:2]):
            study.environment["OWNPACE_DATABASE__URL"] = server.url("study", database.port)
            await asyncio.to_thread(study.configure, api=api, settle="0", prompts=tmp_path / "prompts")
            await asyncio.to_thread(enrol, study, "bench", phones.people)
            trouble = Trouble(random.Random(seed), server, database, processes, phones, hand)
            async with running(processes) as ended:
                for one in processes:
                    await asyncio.to_thread(one.wait)
                began = phones.last = time.monotonic()
                around = [asyncio.create_task(work) for work in (trouble.make(turns, kills), trouble.keep_alive())]
                while not (phones.finished and around[0].done()):
                    stuck = f"stuck after {phones.turns} turns, {trouble.done}, seed {seed}"
                    assert time.monotonic() - phones.last < STUCK, stuck
                    await asyncio.sleep(0.05)
                took = time.monotonic() - began
                around[1].cancel()
                await asyncio.gather(*around, return_exceptions=True)
                await asyncio.sleep(1)  # whatever would still leave has its chance to be seen

        settings = bootstrap.load_settings(tmp_path / "config.toml")
        direct = settings.database.model_copy(update={"url": server.url("study")})
        program = bootstrap.build(settings.model_copy(update={"database": direct}))
        unknown = judge(program, phones.people, phones.exchange.reached, seed)
        program.database.close()

    assert around[0].exception() is None
    assert set(ended) <= {0, -signal.SIGTERM}, "asked to stop, each does so in time"  # uvicorn hands the signal on
    print(
        f"{dict(trouble.done)} in {turns} turns of {PEOPLE} interviews, {took:.0f} s; {phones.exchange.again} "
        f"deliveries made again; {unknown} messages flagged unknown"
    )
