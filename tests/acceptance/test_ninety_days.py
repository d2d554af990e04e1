"""Ninety days of 55 people, over each change of the clocks: no promise of the design is broken."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.records.tables import messages
from bot.records.unit_of_work import UnitOfWork
from bot.service import conversations
from tests.acceptance.ninety_days import CAP, Phone, Simulation, states, with_a_person
from tests.bot.world import World, world
from tests.rig import traces

# Easter with its bank holidays lies in the first, the last one of August in the second.
RUNS = {"March": datetime(2027, 2, 11, 8, tzinfo=UTC), "October": datetime(2027, 8, 26, 8, tzinfo=UTC)}


@pytest.mark.parametrize("change", RUNS)
def test_ninety_days_break_no_promise(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    channels = {kind: Phone(kind) for kind in ("sms", "email", "whatsapp")}
    with world(tmp_path, channels, pace={"caps": CAP}) as study:
        study.clock.now = RUNS[change]
        simulation = Simulation(study, RUNS[change], seed=sum(map(ord, change)))
        monkeypatch.setattr(conversations, "step", simulation.watched)
        simulation.run()
        print_table(change, simulation, study)
        assert simulation.broken == [], "\n".join(simulation.broken)
        every_message_is_kept_once_under_its_question(simulation, study)
        everybody_has_finished_or_is_with_a_person(simulation, study)
        nothing_can_be_read_in_the_database(study, tmp_path)


def every_message_is_kept_once_under_its_question(simulation: Simulation, study: World) -> None:
    """Promises 1, 2 and 4."""
    stored = study.program.database.read_now(_stored)
    said = Counter(body for person in simulation.people.values() for body, _ in person.said)
    assert Counter(body for body, _, _ in stored) == said
    wrong = [
        (person.code, body, question, person.meant[body])
        for person in simulation.people.values()
        for body, belongs, question in stored
        if body in person.meant and belongs == "answer" and question != person.meant[body]
    ]
    assert wrong == [], "\n".join(line for code in {c for c, *_ in wrong} for line in last_words(simulation, code))
    assert not [belongs for _, belongs, _ in stored if belongs in ("unread", "held", "flagged")]


def _stored(uow: UnitOfWork) -> list[tuple[str, str, str | None]]:
    rows = uow.all(select(messages).where(messages.c.direction == "in").order_by(messages.c.id))
    return [(uow.key(row["key_id"]).open(row["body"], "body"), row["belongs"], row["question"]) for row in rows]


def everybody_has_finished_or_is_with_a_person(simulation: Simulation, study: World) -> None:
    """Promise 8: nobody is dropped, however slow."""
    ended = study.program.database.read_now(states)
    seen_to = study.program.database.read_now(with_a_person)
    adrift = {
        code: (state, simulation.people[code].temper)
        for code, state in ended.items()
        if state not in ("complete", "stopped", "left", "handover") and code not in seen_to
    }
    print(*[line for code in adrift for line in last_words(simulation, code)], sep="\n")
    assert adrift == {}


def last_words(simulation: Simulation, code: str) -> list[str]:
    """What went to and fro at the end, for whoever has to find out why."""
    person = simulation.people[code]
    said = [(at, f"{at:%d %b %H:%M} {code}: {body}") for body, at in person.said]
    got = [(at, f"{at:%d %b %H:%M} us: {body[:90]}") for at, body in person.got]
    return [line for _, line in sorted(said + got)[-20:]]


def nothing_can_be_read_in_the_database(study: World, folder: Path) -> None:
    """Promise 11, as far as its files, if it has any, and its rows show it."""
    files = b"".join(path.read_bytes() for path in folder.glob("study.db*"))
    stored = files + traces.values(study.program.settings.database.url)
    for secret in (b"zebra", b"person1@example.org", b"+4477009", b"alive any more"):
        assert secret not in stored


def print_table(change: str, simulation: Simulation, study: World) -> None:
    ended = study.program.database.read_now(states)
    print(f"\n{change}: {len(simulation.people)} people, 90 days")
    for name, number in sorted(simulation.tally.items()):
        print(f"  {name:24} {number}")
    most = max(max(days.values(), default=0) for days in simulation.unasked.values())
    print(f"  {'most unasked in a day':24} {most}")
    for temper in sorted({person.temper for person in simulation.people.values()}):
        of = Counter(ended[code] for code, person in simulation.people.items() if person.temper == temper)
        print(f"  {temper:24} " + ", ".join(f"{state} {number}" for state, number in sorted(of.items())))
