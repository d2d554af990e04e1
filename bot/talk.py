"""A whole interview in the terminal: what a participant would see, and the line they type."""

from __future__ import annotations

import asyncio
import itertools
import sys
import textwrap
from datetime import timedelta
from zoneinfo import ZoneInfo

from rich.console import Console

from bot import bootstrap
from bot.bootstrap import Program
from bot.interview.rehearsal import scenes
from bot.interview.state import Interview, Pace, Person
from bot.messages import Address, Inbound
from bot.records.database import Database
from bot.records.participants import Terms
from bot.records.unit_of_work import UnitOfWork
from bot.service import intake, outbox, outcomes, views
from bot.service.enrolment import Entry

ENDS = frozenset({"Finished", "Said no to taking part", "Left the study"})


BY_HAND = "An answer may have many lines; DONE or an empty line ends it. HELP lists the words. Ctrl-D ends."
BY_PIPE = "Each line is a message, and a whole answer."


async def converse(database: Database, terms: Terms, code: str, address: Address, *, by_hand: bool) -> None:
    """Say what is new, then take a line, until the interview or the input ends.

    By hand, an empty line says DONE for somebody who has written; in a pipe it is nothing.
    """
    screen = Console(highlight=False, soft_wrap=True)
    screen.print(f"You are the participant. {BY_HAND if by_hand else BY_PIPE} Nothing is kept.\n")
    said = 0
    for number in itertools.count():
        await database.run(_show_everything, terms)
        record = await database.read(views.record, terms, code)
        assert record is not None
        for entry in record.entries:
            if entry.id > said and not entry.incoming:
                screen.print(f"{entry.body}\n", markup=False)
        said = max(entry.id for entry in record.entries)
        if record.row.state in ENDS:
            return
        line = await asyncio.to_thread(_line)
        if line is None:
            return
        if by_hand and not line.strip() and record.entries[-1].incoming:
            line = "DONE"
        if line.strip():
            inbound = Inbound(f"talk-{number}", address, line, line.encode())
            await database.run(intake.receive, terms, inbound)


def tell_all(program: Program, entry: Entry) -> None:
    """Say what somebody would be sent who agrees to everything and answers every question, and where it branches."""
    schedule, terms, rules = program.schedules[entry.cohort, entry.language], program.terms, program.rules
    zone, prompts = ZoneInfo(rules.timezone), terms.pace(entry.cohort, entry.address.kind).prompts
    cutoff = rules.cutoff_from(bootstrap.now().astimezone(zone).date())
    person = Person("(name)", entry.wording, "(channel)", zone, rules.researcher, cutoff)
    interview = Interview(schedule, terms.study, person, Pace(timedelta(), None, prompts=prompts))
    screen = Console(highlight=False, soft_wrap=True)
    screen.print(
        f"{schedule.title}: {entry.language}, {entry.wording.value}, version {schedule.version}\n", markup=False
    )
    for scene in scenes(interview):
        open_ = f": {scene.open}" if scene.open else ""
        told = "\n\n".join([f"--- {scene.after}{open_}", *scene.sent])
        screen.print(f"{textwrap.indent(told, '    ' * scene.depth)}\n", markup=False)
    screen.print(
        "Words such as HELP and PAUSE bring other texts. All are in: scripts/ownpace export ethics-pack --out PATH"
    )


def _show_everything(uow: UnitOfWork, terms: Terms) -> None:
    """On this screen a message is there as soon as it is written."""
    while claimed := outbox.claim(uow, terms):
        for one in claimed:
            outcomes.accepted(uow, one.seq, one.message.id)


def _line() -> str | None:
    if sys.stdin.isatty():
        print("> ", end="", flush=True)
    line = sys.stdin.readline()
    return line.rstrip("\n") if line else None
