"""`python -m tests.bench.export --cases 10000 --messages 1000000`: how long each export takes, and how much memory.

A study is filled as interviews would fill it, without holding them; then each export runs in a process of its own, and
its seconds and its greatest resident memory are printed.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select

from bot import bootstrap
from bot.bootstrap import Program
from bot.config import Settings
from bot.export.answers import Answers
from bot.export.archive import Archive
from bot.export.matrix import Matrix
from bot.export.methods import Methods
from bot.export.qdpx import Qdpx
from bot.export.record import Scope
from bot.export.transcript import Transcripts
from bot.export.writing import Exporter, Wanted, export
from bot.export_cli import track
from bot.interview.schedule import Schedule
from bot.interview.state import Progress
from bot.records.tables import addresses, consents, interviews, messages, outbox, participants
from bot.records.unit_of_work import UnitOfWork
from tests.bench import schedule

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
AT_ONCE = 50
"""Interviews in one transaction."""

EXPORTS: dict[str, tuple[str, Callable[[], Exporter]]] = {
    "transcript txt": ("transcripts", lambda: Transcripts("txt")),
    "transcript md": ("markdown", lambda: Transcripts("md")),
    "transcript html": ("pages", lambda: Transcripts("html")),
    "matrix xlsx": ("matrix.xlsx", lambda: Matrix("xlsx")),
    "matrix csv": ("matrix.csv", lambda: Matrix("csv")),
    "qdpx": ("study.qdpx", lambda: Qdpx(case_codes=True)),
    "answers csv": ("csv", lambda: Answers("csv")),
    "answers jsonl": ("jsonl", lambda: Answers("jsonl")),
    "answers parquet": ("parquet", lambda: Answers("parquet")),
    "archive": ("archive", Archive),
    "methods html": ("methods.html", lambda: Methods("html")),
    "methods docx": ("methods.docx", lambda: Methods("docx")),
    "transcript docx": ("word", lambda: Transcripts("docx")),
}
WORDS = [*Path(__file__).read_text(encoding="utf-8").split()[:60], "ŵyl", "📱"]
"""What people say here: the first words of this file, and two that are no ASCII."""


def settings(folder: Path) -> Settings:
    known: dict[str, Any] = {
        "study": {"prompts": folder / "prompts"},
        "database": {"url": f"sqlite:///{folder}/study.db"},
        "security": {"key_file": folder / "study.key"},
        "channels": {"simulator": {"enabled": True}},
    }
    return bootstrap.StudySettings(**known)


def fill(folder: Path, cases: int, total: int) -> None:
    """A study of so many interviews with so many messages between them."""
    schedule.write(folder / "prompts")
    bootstrap.prepare(settings(folder))
    program = bootstrap.build(settings(folder), channels={})
    (plan,) = program.schedules.values()
    program.database.run_now(lambda uow: uow.keep_schedule(plan))
    each = max(total // cases, 4 + 2 * len(plan.questions))
    for first in track("Filling the study", range(0, cases, AT_ONCE)):
        program.database.run_now(_people, plan, range(first, min(first + AT_ONCE, cases)), each)
    program.database.close()


def _people(uow: UnitOfWork, plan: Schedule, numbers: range, each: int) -> None:
    for number in numbers:
        _person(uow, plan, number, each)


def _person(uow: UnitOfWork, plan: Schedule, number: int, each: int) -> None:
    chance, key_id = random.Random(number), uow.new_key()
    key = uow.key(key_id)
    who: dict[str, Any] = {"participant_id": number + 1}
    uow.execute(
        insert(participants).values(
            id=number + 1,
            code=f"B{number + 1:05}",
            cohort=plan.cohort,
            key_id=key_id,
            name=key.seal(f"Xq{_letters(number)}", "name"),
            wording="standard",
            language="en",
            timezone="Europe/London",
            researcher="our researcher",
            attributes=key.seal(json.dumps({"region": chance.choice(WORDS)}), "attributes"),
            created_at=START,
        )
    )
    phone = f"+4477{number:08}"
    sealed = key.seal(phone, "address")
    uow.execute(
        insert(addresses).values(
            **who, kind="sms", found_by=phone.encode(), value=sealed, verified=True, main=True, closed=None
        )
    )
    rows = list(_messages(plan, chance, each))
    ids = range(number * 1_000_000 + 1, number * 1_000_000 + 1 + len(rows))
    parts: dict[str, list[int]] = {}
    for key_, row in zip(ids, rows, strict=True):
        if row["belongs"] == "answer":
            parts.setdefault(row["question"], []).append(key_)
        row |= {**who, "id": key_, "key_id": key_id, "body": key.seal(row["body"], "body")}
        row["raw"] = row["body"] if row["direction"] == "in" else None
        row["provider_key"] = f"k{key_}" if row["direction"] == "in" else None
    uow.execute(insert(messages), rows)
    uow.execute(insert(outbox), [_left(row, sealed, number) for row in rows if row["direction"] == "out"])
    first = plan.statements[0].id
    uow.execute(
        insert(consents).values(
            **who, statement=first, version=plan.version, wording="standard", agreed=True, message_id=ids[2],
            channel="sms", at=START,
        )
    )  # fmt: skip
    saved = {
        "state": "complete", "position": "", "consent": {first: True}, "menu": None, "unclear": 0, "heard": None,
        "until": None, "answers": {q: [Progress.SETTLED.value, of, False, [None] * len(of)] for q, of in parts.items()},
    }  # fmt: skip
    uow.execute(
        insert(interviews).values(
            **who, version=plan.version, state="complete", position="", saved=saved, cutoff="2027-06-01",
            changed_at=START, progress=" ".join(f"{q}:{Progress.SETTLED}" for q in parts),
        )
    )  # fmt: skip


def _messages(plan: Schedule, chance: random.Random, each: int) -> Iterator[dict[str, Any]]:
    """A whole interview: welcome, statement, yes, then each question and its answer in as many parts as are wanted."""
    moment = START
    questions = plan.questions
    parts = [(each - 3 - len(questions)) // len(questions)] * len(questions)
    parts[-1] += each - 3 - len(questions) - sum(parts)

    def row(direction: str, belongs: str, body: str, **more: Any) -> dict[str, Any]:
        nonlocal moment
        moment += timedelta(minutes=chance.randint(1, 600))
        author = "bot" if direction == "out" else "participant"
        at = {"at": moment, "written_at": None, "removed_at": None}
        known = {"question": None, "texts": None, "wording": "standard" if direction == "out" else None}
        return {"direction": direction, "channel": "sms", "author": author, "belongs": belongs, "body": body} | (
            at | known | more
        )

    yield row("out", "sent", "Hello, thank you for joining.", texts="welcome")
    yield row("out", "sent", plan.statements[0].standard)
    yield row("in", "consent", "yes")
    for question, many in zip(questions, parts, strict=True):
        yield row("out", "sent", question.standard, question=question.id)
        for _ in range(many):
            yield row("in", "answer", " ".join(chance.choices(WORDS, k=20)), question=question.id)


def _left(row: dict[str, Any], sealed: bytes, number: int) -> dict[str, Any]:
    return {
        "id": f"o{row['id']}", "lane": f"p{number + 1}", "participant_id": number + 1, "message_id": row["id"],
        "key_id": row["key_id"], "kind": "sms", "address": sealed, "question": row["question"], "state": "accepted",
        "attempts": 1, "provider_id": None, "delivery": "delivered", "not_before": row["at"],
        "claimed_at": row["at"], "changed_at": row["at"],
    }  # fmt: skip


def _letters(number: int) -> str:
    return "".join(chr(97 + int(digit)) for digit in str(number))


def one(folder: Path, name: str) -> None:
    """Make one export, and print its seconds (of which the processor's), messages a second, its memory and its size."""
    program: Program = bootstrap.build(settings(folder), channels={})
    place, make = EXPORTS[name]
    out = folder / place
    started = time.perf_counter()
    scope = Scope.ENROLLED if name.startswith("methods") else Scope.CONSENTED
    written = export(program.database, program.settings.study.zone, make(), Wanted(out, scope=scope), track)
    seconds, worked = time.perf_counter() - started, time.process_time()
    (held,) = program.database.read_now(lambda uow: uow.all(select(func.count(messages.c.id).label("messages"))))
    program.database.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = sum(path.stat().st_size for path in ([out] if out.is_file() else out.rglob("*"))) / 1024**2
    rate = held["messages"] / seconds
    print(f"{name:16} {written.cases:7,} cases {seconds:7.1f} s (worked {worked:.0f})", end="  ")
    print(f"{rate:6,.0f} messages a second", end="  ")
    print(f"{peak:6.0f} MB at most  {size:7.1f} MB", flush=True)


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m tests.bench.export", description=__doc__)
    asked.add_argument("--cases", type=int, default=200)
    asked.add_argument("--messages", type=int, default=20_000)
    asked.add_argument("--only", choices=EXPORTS, action="append", help="only these exports")
    asked.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.folder:
        one(given.folder, given.only[0])
        return
    with tempfile.TemporaryDirectory(prefix="ownpace-export-bench-") as folder:
        started = time.perf_counter()
        fill(Path(folder), given.cases, given.messages)
        size = (Path(folder) / "study.db").stat().st_size / 1024**2
        print(f"A study of {given.cases:,} interviews and {given.messages:,} messages: {size:,.0f} MB, filled in "
              f"{time.perf_counter() - started:.0f} s", flush=True)  # fmt: skip
        for name in given.only or EXPORTS:
            again = [sys.executable, "-m", "tests.bench.export", "--folder", folder, "--only", name]
            subprocess.run(again, check=True)


if __name__ == "__main__":
    main()
