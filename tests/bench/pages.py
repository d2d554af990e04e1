"""`python -m tests.bench.pages --cases 10000 --messages 1000000`: how long each page takes, and its queries.

A study is filled as interviews would fill it; each page is asked for in the same process, as a browser would, and its
median and slowest answer are printed with the number of statements it runs. A page whose statements or time grow with
the number of messages shows when the bench is run with few and with many.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import event, func, insert, select

from bot import bootstrap
from bot.records.tables import interviews, messages, tasks, users
from bot.records.unit_of_work import UnitOfWork
from bot.service import staff
from bot.web.app import create_app
from bot.web.signin import COOKIE
from tests.bench.export import START, fill, settings

URL = "http://127.0.0.1"
MOST_MS = 300
TIMES = 15
TASKS = 500
PAGES = (
    "/",
    "/?after={code}",
    "/queue",
    "/queue?group=Distress",
    "/participants/{code}",
    "/participants/{code}?before={message}",
    "/participants/{code}/refile?message={message}",
    "/participants/{code}/split/{said}",
    "/participants/{code}/write-ups",
    "/participants/{code}/copy",
    "/participants/{code}/withdraw",
    "/holding",
    "/progress",
    "/pictures",
    "/pictures/questions",
    "/reminders",
    "/enrol",
    "/search",
    "/account",
)
SEARCHES = {"a word that is common": "ŵyl", "a word that is nowhere": "zebracrossing"}


def admin(uow: UnitOfWork) -> str:
    """Somebody who is signed in; with open tasks, and every third interview still going on. Their token."""
    uow.execute(users.insert().values(name="Root", password="none", role="admin", created_at=uow.now))
    kinds = ("distress", "person asked", "unclear", "write up", "not delivered")
    rows = [{"kind": kinds[number % 5], "participant_id": number + 1, "opened_at": START} for number in range(TASKS)]
    uow.execute(insert(tasks), rows)
    uow.execute(interviews.update().where(interviews.c.id % 3 == 0).values(state="active"))
    (user,) = staff.list_users(uow)
    return staff.sign_in(uow, user)


def answer_after(uow: UnitOfWork, message: int) -> int:
    """The next message that is part of an answer."""
    theirs = (messages.c.direction == "in", messages.c.belongs == "answer", messages.c.id > message)
    found: int = uow.execute(select(func.min(messages.c.id)).where(*theirs)).scalar_one()
    return found


async def measure(folder: Path, cases: int, each: int) -> bool:
    """Ask for every page; whether each was good and quick enough."""
    program = bootstrap.build(settings(folder))
    token = await program.database.run(admin)
    counted: Counter[str] = Counter()

    @event.listens_for(program.database._engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        connection.set_trace_callback(lambda _sql: counted.update(["statements"]))

    program.database._engine.dispose()
    app = create_app(bootstrap.web_parts(program), None)
    transport = httpx.ASGITransport(app)
    names = {"code": f"B{cases // 2:05}", "message": str((cases // 2 - 1) * 1_000_000 + each // 2)}
    names["said"] = str(await program.database.read(answer_after, int(names["message"])))
    good = True
    async with httpx.AsyncClient(transport=transport, base_url=URL, cookies={COOKIE: token}) as client:
        for path in PAGES:
            good &= await _timed(path, counted, client, "GET", path.format(**names))
        for name, words in SEARCHES.items():
            good &= await _timed(f"/search for {name}", counted, client, "POST", "/search", words)
    program.database.close()
    return good


async def _timed(
    name: str, counted: Counter[str], client: httpx.AsyncClient, method: str, path: str, words: str = ""
) -> bool:
    took, queries = [], []
    for _ in range(TIMES):
        counted.clear()
        started = time.perf_counter()
        fields = {"words": words} if words else None
        answer = await client.request(method, path, data=fields, headers={"origin": URL})
        took.append((time.perf_counter() - started) * 1000)
        queries.append(counted["statements"])
        assert answer.status_code == 200, (path, answer.status_code)
    middle = statistics.median(took)
    verdict = "met" if middle <= MOST_MS else "MISSED"
    many = statistics.median(queries)
    print(f"{name:48} {middle:7.1f} ms  slowest {max(took):7.1f}  {many:5.0f} statements  {verdict}", flush=True)
    return middle <= MOST_MS


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m tests.bench.pages", description=__doc__)
    asked.add_argument("--cases", type=int, default=200)
    asked.add_argument("--messages", type=int, default=20_000)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="ownpace-pages-bench-") as folder:
        fill(Path(folder), given.cases, given.messages)
        print(f"{given.cases:,} interviews, {given.messages:,} messages, {TASKS:,} open tasks; target {MOST_MS} ms")
        met = asyncio.run(measure(Path(folder), given.cases, given.messages // given.cases))
    sys.exit(not met)


if __name__ == "__main__":
    main()
