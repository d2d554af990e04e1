"""A study in a folder of the test's own: a real database, the real schedules, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from bot import bootstrap
from bot.bootstrap import Program
from bot.channel import Ability, Channel
from bot.config import Settings
from bot.interview.schedule import Wording
from bot.messages import Address, Inbound, Outbound, Receipt
from bot.records import migrate, tables
from bot.records.tables import messages, tasks
from bot.records.vault import create_key_file
from bot.service import enrolment, intake, outbox, outcomes, views
from bot.service.enrolment import Entry
from bot.service.outbox import Claimed
from tests.rig import ROOT, postgres, template

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PHONE = Address("sms", "+447700900123")
SECRET = "the auth token"
URL = "https://study.example"


class Clock:
    """Says the same moment until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **length: float) -> None:
        self.now += timedelta(**length)


@dataclass
class World:
    """The program and its clock."""

    program: Program
    clock: Clock
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def run(self, use_case: Any, *args: Any) -> Any:
        return self.program.database.run_now(use_case, *args)

    def enrol(self, address: Address = PHONE, wording: Wording = Wording.SHORT, **more: Any) -> str:
        """Somebody of the social workers' cohort; their code."""
        entry = Entry("social-workers", address, name="Sam", wording=wording, **more)
        code: str = self.run(enrolment.enrol, self.program.terms, self.program.rules, entry)
        return code

    def says(self, words: str, sender: Address = PHONE, **more: Any) -> intake.Received:
        """Somebody writes; `more` are fields of the Inbound."""
        inbound = Inbound(f"key-{next(self.numbers)}", sender, words, words.encode(), **more)
        received: intake.Received = self.run(intake.receive, self.program.terms, inbound)
        return received

    def consented(self, address: Address = PHONE, **more: Any) -> str:
        """Somebody who has said YES to every statement and has read the first question; their code."""
        code = self.enrol(address, **more)
        for _ in self.program.schedules[("social-workers", "en")].statements:
            self.leave()
            self.says("yes", address)
        self.leave()
        return code

    def claim(self) -> list[Claimed]:
        """What may leave now; until it is accepted it is on its way."""
        found: list[Claimed] = self.run(outbox.claim, self.program.terms)
        return found

    def leave(self) -> list[str]:
        """Everything that waits is handed to the provider, which overtakes nothing, and accepted; what it said."""
        for channel in self.program.channels.values():
            channel.waits_for_sent = False
        said = []
        while claimed := self.claim():
            for one in claimed:
                self.run(outcomes.accepted, one.seq, f"SMout{one.seq}")
                said.append(one.message.body)
        return said

    def record(self, code: str) -> views.Record:
        found = self.program.database.read_now(views.record, self.program.terms, code)
        assert found is not None
        return found

    def heard(self, code: str) -> list[str]:
        return [entry.body for entry in self.record(code).entries if entry.incoming]

    def count_of(self, table: Any, *conditions: Any) -> int:
        query = select(func.count()).select_from(table).where(*conditions)
        found: int = self.program.database.read_now(lambda uow: uow.execute(query).scalar_one())
        return found

    def stored(self) -> int:
        """Messages that came in, known sender or not."""
        return self.count_of(messages, messages.c.direction == "in")

    def waiting(self) -> int:
        """Messages that wait to leave."""
        return self.count_of(tables.outbox, tables.outbox.c.state == "pending")

    def open_tasks(self) -> list[str]:
        query = select(tasks.c.kind).where(tasks.c.closed_at.is_(None)).order_by(tasks.c.id)
        return self.program.database.read_now(lambda uow: [row["kind"] for row in uow.all(query)])


class Post(Channel):
    """A channel of a test's own: it takes everything, and can be told what it is like."""

    def __init__(self, kind: str, **traits: Any) -> None:
        self.kind = kind
        self.abilities = frozenset({Ability.WRITES_FIRST})
        for name, value in traits.items():
            setattr(self, name, value)

    def link(self, code: str) -> str:
        return "" if Ability.WRITES_FIRST in self.abilities else f"https://chat.example/{code}"

    async def send(self, message: Outbound) -> Receipt:
        return Receipt(f"{self.kind}-{message.id}")


@contextmanager
def new_database(folder: Path, *, empty: bool = False) -> Iterator[str]:
    """The address of a new database: SQLite's, or with OWNPACE_TEST_DATABASE=postgresql one of a real server.

    One of PostgreSQL's has the tables already, unless it is to be empty.
    """
    if postgres.wanted():
        with postgres.server().database(empty=empty) as url:
            yield url
    else:
        yield f"sqlite:///{folder}/study.db"


def _prepare(settings: Settings) -> None:
    """A new study has a key of its own, and a copy of the tables that every one has."""
    shared, url = settings.database.shared, settings.database.url
    if not settings.security.key_file.exists() and (shared or not migrate.exists(url)):
        if not shared:
            template.copy_to(Path(url.removeprefix("sqlite:///")))
        create_key_file(settings.security.key_file)
    bootstrap.prepare(settings)


@contextmanager
def world(folder: Path, channels: Mapping[str, Channel] | None = None, **settings: Any) -> Iterator[World]:
    """A new study. Without `channels`, those of the settings: text messages by Twilio, and the simulator."""
    with nullcontext("") if "database" in settings else new_database(folder) as url:
        yield from _world(folder, url, channels, settings)


def on_sqlite(folder: Path) -> dict[str, Any]:
    """The settings for `world` where what is tested is SQLite's, or a file."""
    return {"database": {"url": f"sqlite:///{folder}/study.db"}}


def _world(
    folder: Path, url: str, channels: Mapping[str, Channel] | None, settings: Mapping[str, Any]
) -> Iterator[World]:
    sms = {"account_sid": "AC1", "auth_token": SECRET, "from": "+447700900000", "rate": 0}
    known: dict[str, Any] = {
        "study": {"prompts": ROOT / "prompts", "contact_phone": "01632 960000"},
        "database": {"url": url},
        "security": {"key_file": folder / "study.key"},
        "server": {"public_base_url": URL},
        "channels": {"sms": sms, "simulator": {"enabled": True}},
    }
    made = bootstrap.StudySettings(**(known | dict(settings)))
    _prepare(made)
    clock, numbers = Clock(), count(1)
    program = bootstrap.build(made, clock=clock, ids=lambda: f"id-{next(numbers)}", channels=channels)
    try:
        yield World(program, clock)
    finally:
        program.database.close()
