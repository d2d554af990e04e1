"""Two processes for pages and two workers on PostgreSQL: killed, cut off, left without a database, again and again.

Not part of `scripts/test` until it has been seen to pass whole; by hand:
.venv/bin/python -m pytest tests/acceptance/several_processes.py
"""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bot import bootstrap, prompts
from bot.service import views
from tests.acceptance.test_kill import Crowd, person
from tests.rig import ROOT, free_port
from tests.rig.faults import FaultProxy
from tests.rig.postgres import Server, require
from tests.rig.study import Study
from tests.rig.twilio_emulator import Emulator, emulator

PEOPLE, KILLS, RESTARTS, CUTS = 60, 12, 2, 8
MOST_SECONDS, SILENCE = 900, 30
DURABLE = ("fsync=on", "synchronous_commit=on")


@dataclass
class Network(threading.Thread):
    """What lies between: connections to the database, which can be cut, and a door that leads to whoever serves."""

    database: FaultProxy
    door: int
    behind: list[int]
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    open: threading.Event = field(default_factory=threading.Event)

    def __hash__(self) -> int:
        return id(self)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        self.loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        await asyncio.start_server(self.database.accept, "127.0.0.1", self.database.port)
        await asyncio.start_server(self._enter, "127.0.0.1", self.door)
        self.open.set()
        await asyncio.Event().wait()

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Whoever comes waits a little where nobody serves, as proxies let them."""
        for _ in range(100):
            for port in random.sample(self.behind, len(self.behind)):
                with suppress(OSError):
                    (await asyncio.open_connection("127.0.0.1", port))[1].close()
                    await FaultProxy(port).serve(reader, writer)
                    return
            await asyncio.sleep(0.1)
        writer.transport.abort()

    def cut(self) -> None:
        """Cut every connection to the database."""
        self.loop.call_soon_threadsafe(self.database.cut)


@dataclass
class Process:
    """One serving process, killed and started as often as you like."""

    study: Study
    role: str
    port: int = field(default_factory=free_port)
    running: subprocess.Popen[Any] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        words = ["serve", "--role", self.role, "--port", str(self.port)]
        with (self.study.folder / f"{self.role}.log").open("a") as log:
            self.running = subprocess.Popen(
                [sys.executable, "-m", "bot", *words, "--config", str(self.study.folder / "config.toml")],
                cwd=ROOT,
                env=self.study._environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        assert self.running is not None
        self.running.kill()
        self.running.wait()

    def stop(self) -> int:
        """Ask it to stop; how it ended."""
        assert self.running is not None
        self.running.terminate()
        return self.running.wait(20)


class Sparing(Emulator):
    """The emulator answers 5,000 requests in an hour: there is news of every sixth text, and phones rest a little."""

    def becomes(self, sid: str, status: str) -> None:
        if int(sid[-6:], 16) % 6 == 0:
            super().becomes(sid, status)

    def texts(self, **wanted: str) -> list[dict[str, Any]]:
        time.sleep(0.5)
        return super().texts(**wanted)


def ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready").is_success
    except httpx.HTTPError:
        return False


def make_trouble(
    acts: list[tuple[int, str, Callable[[], None]]], crowd: Crowd, done: Counter[str], over: threading.Event
) -> None:
    """Each whenever the crowd has come so far. The database ends with the thread that started it, so that one stays."""
    for moment, what, act in acts:
        while crowd.turns < moment and not over.wait(0.01):
            pass
        if over.is_set():
            break
        act()
        done[what] += 1
    threading.Event().wait()


def keep_alive(processes: list[Process], crowd: Crowd, over: threading.Event) -> None:
    """As systemd does: one that ended by itself, as it found no database, is started again.

    The emulator delivers nothing twice. What came while nobody was there is fetched within five minutes, and when a
    worker starts: where nobody says anything for a while, one is started anew.
    """
    turns, since = 0, time.monotonic()
    while not over.wait(1):
        if crowd.turns != turns:
            turns, since = crowd.turns, time.monotonic()
        for one in processes:
            with one.lock:
                stuck = one.role == "worker" and time.monotonic() - since > SILENCE
                if stuck:
                    one.kill()
                    since = time.monotonic()
                if one.running is not None and one.running.poll() is not None:
                    one.start()


@contextmanager
def servers(folder: Path) -> Iterator[tuple[Server, Network, Study]]:
    require()
    server, study = Server(settings=DURABLE), Study(folder)
    network = Network(FaultProxy(server.port, port=free_port()), study.port, [])
    try:
        server.create()
        server.start()
        server.execute("CREATE DATABASE study")
        network.start()
        assert network.open.wait(10)
        yield server, network, study
    finally:
        server.remove()


def test_four_processes_on_one_database_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    schedule = prompts.load(ROOT / "prompts")[("social-workers", "en")]
    people = {one.phone: one for one in (person(number, schedule) for number in range(PEOPLE))}
    expected = [s.id for s in schedule.statements] + [q.id for q in schedule.questions if not q.follow_up]
    turns = PEOPLE * len(expected)
    done: Counter[str] = Counter()
    over = threading.Event()

    with servers(tmp_path) as (server, between, study), emulator(f"{study.url}/webhooks/twilio/messages") as network:
        study.environment["OWNPACE_DATABASE__URL"] = server.url("study", between.database.port)
        processes = [Process(study, role) for role in ("web", "web", "worker", "worker")]
        between.behind += [one.port for one in processes if one.role == "web"]
        study.configure(api=network.url, settle="0")
        study.enrol(*(f"social-workers,sms,{phone},short,SW{n:02}" for n, phone in enumerate(people)))
        crowd = Crowd(Sparing(network.url, network.http), people)

        def kill_one() -> None:
            one = chance.choice(processes)
            with one.lock:
                one.kill()
                one.start()

        def restart() -> None:
            server.stop()
            server.start()

        acts: list[tuple[str, Callable[[], None]]] = [
            *[("kill", kill_one)] * KILLS,
            *[("restart", restart)] * RESTARTS,
            *[("cut", between.cut)] * CUTS,
        ]
        chance.shuffle(acts)
        moments = sorted(chance.sample(range(turns * 9 // 10), len(acts)))
        planned = [(moment, what, act) for moment, (what, act) in zip(moments, acts, strict=True)]
        trouble = threading.Thread(target=make_trouble, args=(planned, crowd, done, over), daemon=True)
        keeper = threading.Thread(target=keep_alive, args=(processes, crowd, over), daemon=True)
        try:
            for one in processes:
                one.start()
            end = time.monotonic() + MOST_SECONDS
            while not all(ready(port) for port in between.behind):
                assert time.monotonic() < end
                time.sleep(0.1)
            began = time.monotonic()
            trouble.start()
            keeper.start()
            with ThreadPoolExecutor(16) as pool:
                while not crowd.finished:
                    assert time.monotonic() < end, f"stuck after {crowd.turns} turns, {done}, seed {seed}"
                    crowd.go_on(pool)
            took = time.monotonic() - began
            time.sleep(1)  # whatever would still leave has its chance to be seen
            crowd_texts = network.texts()
        finally:
            over.set()
            if keeper.is_alive():
                keeper.join()
            ended = [one.stop() for one in processes if one.running is not None]
        settings = bootstrap.load_settings(tmp_path / "config.toml")
        direct = settings.database.model_copy(update={"url": server.url("study")})
        program = bootstrap.build(settings.model_copy(update={"database": direct}))
        records = [program.database.read_now(views.record, program.terms, f"SW{n:02}") for n in range(PEOPLE)]
        program.database.close()
        assert done == {"kill": KILLS, "restart": RESTARTS, "cut": CUTS}

    unknown = 0
    for record, phone in zip(records, people, strict=True):
        somebody = people[phone]
        assert record is not None
        heard = [entry.body for entry in record.entries if entry.incoming]
        assert record.row.state == "Finished"
        assert Counter(heard) == Counter(body for _place, body in somebody.said), f"lost or doubled, seed {seed}"
        assert somebody.asked == expected, f"asked twice, never, or out of order: seed {seed}"
        reached = [t["body"] for t in crowd_texts if t["direction"] != "inbound" and t["to"] == phone]
        sent = [entry for entry in record.entries if not entry.incoming]
        unknown += sum("nobody knows" in entry.delivery for entry in sent)
        assert len(reached) == len(sent), f"the record and the phone differ, seed {seed}"
    assert set(ended) <= {0, -signal.SIGTERM}, "asked to stop, each does so in time"  # uvicorn hands the signal on
    print(f"{dict(done)} in {turns} turns of {PEOPLE} interviews, {took:.0f} s; {unknown} messages flagged unknown")
