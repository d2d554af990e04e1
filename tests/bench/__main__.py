"""`scripts/bench`: full turns a second, and how long a webhook and the next question take.

A full turn: a signed webhook arrives; it is verified, deduplicated and stored; the interview is stepped; the webhook
is answered; the next question goes to the provider's REST API over HTTP; its receipt is stored.
At the end it says how many texts were lost, doubled or out of order, and ends with 1 if that is not 0.
The raw limit is the smallest durable turn that plain sqlite3 can commit, one commit each, WAL, synchronous=FULL; with
--postgresql the same three statements by psycopg, one commit each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path

import uvloop

from tests.bench import backlog, profile, raw, schedule, spent, start, timers
from tests.bench.outside import Api, Line, Phones, line, text
from tests.bench.schedule import TURNS
from tests.bench.serving import Serving
from tests.bench.spent import Spent
from tests.rig.postgres import Server, durable
from tests.rig.study import Study

FIRST_TEXTS = 2  # the welcome and the statement
AFTER_YES = 2  # that consent is complete, and the first question
RATE = 100
ROUNDS = 3
AT_ONCE = 1_000
"""People in one file of people."""

CONNECTIONS = (1, 8)
"""On so many the limit of PostgreSQL is measured."""

IDLE = 10.0
"""Seconds without anything to do before memory is looked at."""

MOST_MB = (250, 200)
FLAT_MB = 5
"""More than that over the second half of many turns is no flat line."""


@dataclass
class Person:
    """One phone: how many texts it should have, and how many turns it has taken."""

    phone: str
    texts: int = FIRST_TEXTS
    turns: int = 0


@dataclass
class Figures:
    """Seconds, one for each turn."""

    answered: list[float] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)


class Bench:
    """The running program in its processes, the phones, and the lines between them."""

    def __init__(self, study: Study, phones: Phones, processes: Sequence[Serving]) -> None:
        self.study = study
        self.phones = phones
        self.processes = processes
        self.ports = cycle([one.port for one in processes if one.role != "worker"])
        self.sids: Iterator[int] = count(1)

    async def line(self) -> Line:
        """A connection to the process whose turn it is."""
        return await line(self.study.url, next(self.ports))

    @property
    def pids(self) -> list[int]:
        """The processes, in order."""
        return [one.pid for one in self.processes]

    @property
    def memory(self) -> float:
        """Megabytes of the largest process."""
        return max(map(memory, self.pids))

    def says(self, person: Person, words: str) -> bytes:
        """The request by which their text is delivered."""
        return text(self.study.url, person.phone, f"SM{next(self.sids):032}", words)

    async def turn(self, on: Line, person: Person, said: bytes) -> tuple[float, float]:
        """Deliver it and wait for the next question: seconds until answered, and until asked."""
        start = time.perf_counter()
        answered = await on.post(said)
        person.texts += 1
        asked = await self.phones.have(person.phone, person.texts)
        return answered, asked - start

    async def consent(self, people: list[Person]) -> None:
        """Bring everybody to the first question."""
        on = await self.line()
        for person in people:
            await self.phones.have(person.phone, FIRST_TEXTS)
            await on.post(self.says(person, "YES"))
            person.texts += AFTER_YES
        for person in people:
            await self.phones.have(person.phone, person.texts)

    async def closed(self, people: list[Person], at_once: int) -> tuple[float, Figures]:
        """So many people answer at once, each as soon as they are asked; turns a second.

        What they will say is written and signed before the clock starts, for here it would take time from the program.
        """
        waiting, figures = [(person, self.answers(person)) for person in reversed(people)], Figures()

        async def keep_answering() -> None:
            on = await self.line()
            while waiting:
                person, answers = waiting.pop()
                for said in answers:
                    answered, asked = await self.turn(on, person, said)
                    figures.answered.append(answered)
                    figures.asked.append(asked)

        start = time.perf_counter()
        await asyncio.gather(*(keep_answering() for _ in range(at_once)))
        return len(figures.answered) / (time.perf_counter() - start), figures

    def answers(self, person: Person) -> list[bytes]:
        return [self.says(person, f"My answer to question {number} is this.") for number in range(TURNS)]

    async def open(self, people: list[Person], rate: int) -> Figures:
        """So many answers begin in each second, however long the ones before them take."""
        figures, lines, flying = Figures(), [await self.line() for _ in range(32)], []
        ready, free = asyncio.Queue[Person](), asyncio.Queue[Line]()
        for one in lines:
            free.put_nowait(one)
        for person in people:
            ready.put_nowait(person)

        async def answer(person: Person, due: float) -> None:
            on = await free.get()
            waited = time.perf_counter() - due
            answered, asked = await self.turn(on, person, self.says(person, "My answer is this, in a sentence or two."))
            free.put_nowait(on)
            figures.answered.append(answered + waited)
            figures.asked.append(asked + waited)
            person.turns += 1
            if person.turns < TURNS:
                ready.put_nowait(person)

        start = time.perf_counter()
        for number in range(len(people) * TURNS * 2 // 3):
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            flying.append(asyncio.create_task(answer(await ready.get(), due)))
        await asyncio.gather(*flying)
        return figures


def percentiles(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    places = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 for share in (0.5, 0.95, 0.99))
    return "p50 {:5.1f}   p95 {:5.1f}   p99 {:5.1f} ms".format(*places)


def p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)] * 1000


def verdict(good: bool) -> str:
    return "met" if good else "MISSED"


def targets(figure: float, wanted: tuple[float, float], *, least: bool = False) -> str:
    """Whether the first target is met, and the one for a program under load."""
    sign = ">=" if least else "<="
    return ", then ".join(f"{sign} {one:g}: {verdict(figure >= one if least else figure <= one)}" for one in wanted)


def growth(used: Sequence[float]) -> float:
    """Megabytes more at the end than in the middle, when everything that is kept at hand is there."""
    return used[-1] - used[len(used) // 2]


def memory(pid: int) -> float:
    """Resident megabytes of a process (Linux)."""
    status = Path(f"/proc/{pid}/status")
    rows = status.read_text().splitlines() if status.exists() else []
    return next((int(row.split()[1]) / 1024 for row in rows if row.startswith("VmRSS")), 0.0)


def judged(people: list[Person], phones: Phones) -> tuple[int, int, int]:
    """Texts that were lost, texts that came twice, and phones on which they came out of order."""
    lost = doubled = jumbled = 0
    for person in people:
        came = [schedule.place(body) for _, body in phones.texts[person.phone]]
        once = list(dict.fromkeys(came))
        lost += len(set(range(person.texts)) - set(came))
        doubled += len(came) - len(once)
        jumbled += once != sorted(once)
    return lost, doubled, jumbled


@asynccontextmanager
async def running(
    folder: Path, people: list[Person], roles: Sequence[str] = ("all",), database: str = ""
) -> AsyncIterator[Bench]:
    """The program, served by processes of these roles, with these people enrolled, and everything outside it."""
    phones, study = Phones(), Study(folder)
    if database:
        study.environment["OWNPACE_DATABASE__URL"] = database
    schedule.write(folder / "prompts")
    server = await asyncio.get_running_loop().create_server(lambda: Api(phones), "127.0.0.1", 0)
    api = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    study.configure(api=api, settle="0", prompts=folder / "prompts")
    print(f"Enrolling {len(people):,} people and taking their consent ...\n")
    for first in range(0, len(people), AT_ONCE):
        part = enumerate(people[first : first + AT_ONCE], start=first + 1)
        rows = [f"bench,sms,{person.phone},short,B{number:05}" for number, person in part]
        await asyncio.to_thread(study.enrol, *rows)
    processes = [Serving(study, role) for role in roles]
    try:
        for one in processes:
            one.start()
        for one in processes:
            await asyncio.to_thread(one.wait)
        bench = Bench(study, phones, processes)
        await bench.consent(people)
        yield bench
    finally:
        for one in processes:
            await asyncio.to_thread(one.stop)
        server.close()


async def speed(folder: Path, people: int, save: Path | None = None) -> bool:
    """Turns a second and waiting times; whether no text was lost, doubled or out of order."""
    everybody = everyone(people)
    async with running(folder, everybody) as bench:
        third = people // 3
        await bench.closed(everybody[:32], 32)  # warm
        print(
            "Closed loop: 32 people answer at once; the raw limit is the mean of just before and just after each round"
        )
        ratios = []
        worked, texts = spent.cpu(bench.pids[0]), sum(person.texts for person in everybody)
        size = (2 * third - 32) // ROUNDS
        limits = [raw.commits_per_second(folder, 1.0)]
        for number in range(ROUNDS):
            part = everybody[32 + number * size : 32 + (number + 1) * size]
            rate, figures = await bench.closed(part, 32)
            limits.append(raw.commits_per_second(folder, 1.0))
            limit = statistics.mean(limits[-2:])
            ratios.append(rate / limit)
            print(
                f"  {rate:6.0f} full turns a second, {rate / limit:.2f} of {limit:,.0f}"
                f"   webhook answered {percentiles(figures.answered)}"
            )
        ratio = statistics.median(ratios)
        turns = ROUNDS * size * TURNS
        cost = (spent.cpu(bench.pids[0]) - worked) * 1000 / turns
        print(f"  one turn takes {cost:.2f} ms of a processor, with the database's part")
        if save:
            left = sum(person.texts for person in everybody) - texts
            keep(save, turn_ms=cost, database_ms=0, texts=left / turns)
        print(f"  R = {ratio:.3f}, the median ({targets(ratio, (0.15, 0.30), least=True)})\n")

        print(f"Open loop: {RATE} answers a second")
        figures = await bench.open(everybody[2 * third :], RATE)
        print(
            f"  webhook answered  {percentiles(figures.answered)} (p99: {targets(p99(figures.answered), (40, 15))})\n"
            f"  next question out {percentiles(figures.asked)} (p99: {targets(p99(figures.asked), (100, 50))})\n"
        )
        return await whole(bench, everybody)


async def profiled(folder: Path, people: int, database: str = "") -> bool:
    """Where the time of a turn goes, in one process; whether no text was lost, doubled or out of order."""
    everybody = everyone(people)
    async with running(folder, everybody, database=database) as bench:
        await bench.closed(everybody[:32], 32)  # warm
        with profile.taken(bench.pids[0], folder / "looks"):
            await bench.closed(everybody[32:], 32)
        profile.read((folder / "looks").read_text().splitlines()).print()
        return await whole(bench, everybody)


async def profiled_on_postgresql(folder: Path, people: int) -> bool:
    """The same on PostgreSQL."""
    with durable() as server:
        server.execute("CREATE DATABASE one")
        return await profiled(folder, people, server.url("one"))


def keep(file: Path, **costs: float) -> None:
    """What `scripts/capacity --costs` reads."""
    found = {name: round(cost, 3) for name, cost in costs.items()}
    file.write_text(json.dumps(found) + "\n", encoding="utf-8")


async def live(folder: Path, people: int) -> bool:
    """The program's memory with so many interviews open; whether no text was lost, doubled or out of order."""
    everybody = everyone(people)
    async with running(folder, everybody) as bench:
        good = await whole(bench, everybody)
        await asyncio.sleep(IDLE)
        used = bench.memory
        print(f"Memory with {people:,} interviews live: {used:.0f} MB ({targets(used, MOST_MB)})")
        return good


async def shared(folder: Path, people: int, save: Path | None = None) -> bool:
    """Turns a second on PostgreSQL, of one process and of two for pages and two workers; whether all texts came."""
    good, medians = True, []
    with durable() as server:
        for name, roles in (("one", ["all"]), ("four", ["web", "web", "worker", "worker"])):
            server.execute(f"CREATE DATABASE {name}")
            (folder / name).mkdir()
            everybody = everyone(people)
            async with running(folder / name, everybody, roles, server.url(name)) as bench:
                await bench.closed(everybody[:32], 32)  # warm
                print(f"Closed loop on PostgreSQL, {' + '.join(roles)}: 32 people answer at once")
                medians.append(await rounds(bench, server, everybody[32:], save))
                good &= await whole(bench, everybody)
    one, four = medians
    enough = four >= 1.5 * one and four >= 900
    print(f"Four processes: {four / one:.2f} x one process (target 1.5, and 900 a second: {verdict(enough)})")
    return good


async def rounds(bench: Bench, server: Server, people: list[Person], save: Path | None) -> float:
    """The median of turns a second, beside the limits of the same minute; and where the processors' time goes."""
    size, speeds, ratios, seconds, gone = len(people) // ROUNDS, list[float](), list[float](), 0.0, list[Spent]()
    for number in range(ROUNDS):
        limits = [await raw.shared_commits_per_second(server.url("study"), 1.0, many) for many in CONNECTIONS]
        before = spent.now(bench.pids, server.pid)
        turns, figures = await bench.closed(people[number * size : (number + 1) * size], 32)
        gone.append(spent.now(bench.pids, server.pid).since(before))
        seconds += len(figures.answered) / turns
        speeds.append(turns)
        ratios.append(turns / limits[0])
        print(
            f"  {turns:6.0f} full turns a second, {turns / limits[0]:.2f} of {limits[0]:,.0f} on one "
            f"connection, {turns / limits[1]:.2f} of {limits[1]:,.0f} on {CONNECTIONS[1]}"
            f"   webhook answered {percentiles(figures.answered)}"
        )
    turns, whole = ROUNDS * size * TURNS, sum(gone, Spent(0, 0, 0))
    idle = 1 - whole.together / (seconds * (os.cpu_count() or 1))
    each = whole.share(turns)
    print(f"  the median: {statistics.median(speeds):.0f} a second, {statistics.median(ratios):.2f} of the limit")
    print(
        f"  a turn takes {each.ours:.2f} ms of a processor here, {each.database:.2f} in PostgreSQL and "
        f"{each.outside:.2f} outside; {max(0.0, idle):.0%} of {os.cpu_count()} cores is left"
    )
    if save:
        keep(save, turn_ms=each.ours, database_ms=each.database)
    return statistics.median(speeds)


async def lasting(folder: Path, turns: int) -> bool:
    """The program's memory every so many turns; whether no text was lost, doubled or out of order."""
    laps, used = -(-turns // (AT_ONCE * TURNS)), list[float]()
    everybody = everyone(laps * AT_ONCE)
    async with running(folder, everybody[:AT_ONCE]) as bench:
        for lap in range(laps):
            part = everybody[lap * AT_ONCE : (lap + 1) * AT_ONCE]
            if lap:
                rows = [f"bench,sms,{person.phone},short," for person in part]
                await asyncio.to_thread(bench.study.enrol, *rows)
                await bench.consent(part)
            speed, _ = await bench.closed(part, 32)
            used.append(bench.memory)
            print(f"  {(lap + 1) * AT_ONCE * TURNS:9,} turns   {used[-1]:4.0f} MB   {speed:5.0f} turns a second")
        more = growth(used)
        print(f"From the middle to the end: {more:+.1f} MB (target <= {FLAT_MB}: {verdict(more <= FLAT_MB)})")
        return await whole(bench, everybody)


async def whole(bench: Bench, people: list[Person]) -> bool:
    """Print what became of every text, and the memory used; whether all came, once and in order."""
    await asyncio.sleep(1)  # a text that leaves twice would come by now
    lost, doubled, jumbled = judged(people, bench.phones)
    print(f"Texts that should have left: {sum(person.texts for person in people):,}")
    print(f"lost / doubled / out of order: {lost} / {doubled} / {jumbled}")
    print(f"Memory of the largest process: {bench.memory:.0f} MB\n")
    return lost == doubled == jumbled == 0


def everyone(people: int) -> list[Person]:
    return [Person(f"+4477{number:08}") for number in range(people)]


def main() -> None:
    asked = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    asked.add_argument("--people", type=int, default=390, help="how many interviews to run (390 takes about a minute)")
    asked.add_argument(
        "--live", type=int, metavar="N", help="instead: the memory with N interviews open, such as 10000"
    )
    asked.add_argument("--backlog", type=int, metavar="N", help="instead: how N waiting messages drain, such as 100000")
    asked.add_argument(
        "--timers", type=int, metavar="N", help="instead: how late timers are while N wait, such as 1000000"
    )
    asked.add_argument("--turns", type=int, metavar="N", help="instead: the memory over N turns, such as 200000")
    asked.add_argument("--save", type=Path, metavar="FILE", help="write what a turn cost, for scripts/capacity --costs")
    asked.add_argument("--start", action="store_true", help="instead: start to ready, and the processor used when idle")
    asked.add_argument("--postgresql", action="store_true", help="instead: on PostgreSQL, in one process and in four")
    asked.add_argument("--profile", action="store_true", help="instead: where the time of a turn goes (by py-spy)")
    chosen = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="ownpace-bench-") as folder:
        if chosen.start:
            sys.exit(0 if start.measure(Path(folder)) else 1)
        if chosen.live:
            work = live(Path(folder), chosen.live)
        elif chosen.timers:
            work = timers.measure(Path(folder), chosen.timers)
        elif chosen.turns:
            work = lasting(Path(folder), chosen.turns)
        elif chosen.backlog:
            work = backlog.drain(Path(folder), max(chosen.backlog, 10))
        elif chosen.profile:
            work = (profiled_on_postgresql if chosen.postgresql else profiled)(Path(folder), max(chosen.people, 120))
        elif chosen.postgresql:
            work = shared(Path(folder), max(chosen.people, 120), chosen.save)
        else:
            work = speed(Path(folder), max(chosen.people, 120), chosen.save)
        try:
            good = uvloop.run(work)
        except TimeoutError:
            print("lost: an answer or a question did not come within 30 seconds")
            good = False
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
