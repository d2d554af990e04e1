"""A file of many people: batch by batch, others between them, and nobody twice however often it breaks off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from bot import bootstrap
from bot.errors import EnrolmentError, OwnPaceError
from bot.messages import Address, Inbound
from bot.records.database import Database
from bot.records.tables import audit, interviews, meta, participants
from bot.service import batches, enrolment, intake, views
from bot.service.batches import Plan
from bot.service.enrolment import Entry
from tests.bot.world import Post, World, world

BATCH = 5
CODES = [f"SW{number:02}" for number in range(1, 14)]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few people are many here."""
    monkeypatch.setattr(batches, "BATCH", BATCH)


@contextmanager
def with_telegram(folder: Path, **settings: Any) -> Iterator[World]:
    """A study where some have no address until they write."""
    channels = {"sms": Post("sms"), "telegram": Post("telegram", abilities=frozenset())}
    with world(folder, channels, **settings) as made:
        yield made


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with with_telegram(tmp_path) as made:
        yield made


@pytest.fixture
def beside(study: World) -> Iterator[Database]:
    """The same study as another process has it, such as the server."""
    ids = (f"beside-{number}" for number in count(1))
    program = bootstrap.build(
        study.program.settings, clock=study.clock, ids=lambda: next(ids), channels=study.program.channels
    )
    yield program.database
    program.database.close()


def sms(number: int) -> Address:
    return Address("sms", f"+4477009{number:05}")


def people(number: int) -> list[Entry]:
    """Every third has no address, by which they could be known again."""
    return [
        Entry(
            "social-workers", Address("telegram", "") if n % 3 == 1 else sms(n), name=f"n{n}", where=f"people.csv:{n}"
        )
        for n in range(1, number + 1)
    ]


def look(study: World, entries: list[Entry], **how: bool) -> Plan:
    plan: Plan = study.program.database.read_now(batches.look, study.program.rules, entries, **how)
    return plan


def nothing() -> None:
    """No pause."""


def enrolling(
    study: World, plan: Plan, pause: Callable[[], None] = nothing, on: Database | None = None
) -> Iterator[Any]:
    terms, rules = study.program.terms, study.program.rules
    return batches.enrol(on or study.program.database, terms, rules, plan, "Kim", pause)


def enrol(study: World, entries: list[Entry], **how: bool) -> list[str]:
    return [one.code for some in enrolling(study, look(study, entries, **how)) for one in some]


def names(study: World) -> list[str]:
    """Everybody, in the order of their codes: by what name they were welcomed. Each was welcomed once."""
    found = []
    for row in study.program.database.read_now(views.listed):
        welcomes = [entry.body for entry in study.record(row.code).entries if entry.body.startswith("Hello ")]
        assert len(welcomes) == 1, row.code
        found.append(welcomes[0].split()[1].rstrip(",."))
    return found


def unfinished(study: World) -> bool:
    """Whether it is noted that a file has not come to its end."""
    return study.count_of(meta, meta.c.name == batches.FILE, meta.c.value.not_like(f"%{batches.WHOLE}")) == 1


@pytest.mark.parametrize("stops", [(1,), (2,), (1, 1)], ids=["after one batch", "after two", "twice"])
def test_what_broke_off_goes_on_with_the_same_file_and_everybody_is_enrolled_once_in_its_order(
    study: World, stops: tuple[int, ...]
) -> None:
    entries, done = people(13), 0
    for stop in stops:
        list(islice(enrolling(study, look(study, entries)), stop))
        done += stop * BATCH
        plan = look(study, entries)
        assert plan.done == done
        assert [one.code for one in plan.placed] == CODES[done:]
    assert enrol(study, entries) == CODES[done:]
    assert names(study) == [entry.name for entry in entries]
    assert study.count_of(audit, audit.c.act == "enrolled") == 13
    assert not unfinished(study)


def test_a_row_that_is_wrong_anywhere_keeps_everybody_out(study: World) -> None:
    study.enrol(sms(99), code="SW99")
    entries, before = people(13), study.count_of(meta)
    entries[7] = replace(entries[7], address=sms(99))
    entries[10] = replace(entries[10], code="SW99")
    entries[12] = replace(entries[12], address=entries[2].address)
    with pytest.raises(EnrolmentError) as caught:
        look(study, entries)
    assert [line.partition(" ")[0] for line in str(caught.value).splitlines()] == [
        "people.csv:8:",
        "people.csv:11:",
        "people.csv:13:",
    ]
    assert (study.count_of(participants), study.count_of(meta)) == (1, before)


def test_a_file_of_one_batch_is_one_commit_and_notes_nothing(study: World) -> None:
    def never() -> None:
        raise AssertionError

    entries, before = people(BATCH), study.count_of(meta)
    plan = look(study, entries)
    study.enrol(entries[-1].address, code="P1")  # somebody was quicker
    with pytest.raises(
        EnrolmentError, match=r"^people\.csv:5: somebody is enrolled with this sms address already[^\n]*$"
    ):
        list(enrolling(study, plan, never))
    assert (study.count_of(participants), study.count_of(meta)) == (1, before)
    (placed,) = enrolling(study, look(study, people(BATCH - 1)), never)
    assert [one.code for one in placed] == CODES[: BATCH - 1]
    assert study.count_of(meta) == before


def test_who_writes_and_who_joins_meanwhile_gets_their_turn_between_two_batches(study: World, beside: Database) -> None:
    terms, rules = study.program.terms, study.program.rules
    study.enrol(sms(77), code="P1")
    turns: list[Any] = []

    def turn() -> None:
        """From another thread and by another connection, to which the database is free."""
        number = len(turns)
        inbound = Inbound(f"key-{number}", sms(77), f"message {number}", b"raw")
        entry = Entry("social-workers", sms(80 + number), name="Ann")
        turns.append(threads.submit(beside.run_now, intake.receive, terms, inbound).result(5))
        turns.append(threads.submit(beside.run_now, enrolment.enrol, terms, rules, entry).result(5))

    with ThreadPoolExecutor(1) as threads:
        placed = [one.code for some in enrolling(study, look(study, people(13)), turn) for one in some]
    assert turns[1::2] == ["SW06", "SW12"], "codes that the file was to have, had nobody been quicker"
    assert placed == [*CODES[:5], *CODES[6:11], "SW13", "SW14", "SW15"]
    assert study.heard("P1") == ["message 0", "message 2"]


def test_whoever_was_quicker_than_a_later_batch_is_named_and_once_that_is_mended_it_goes_on(study: World) -> None:
    entries = people(13)
    doing = enrolling(study, look(study, entries))
    next(doing)
    study.enrol(entries[11].address, code="P1")  # by an invitation, or on the dashboard
    next(doing)
    with pytest.raises(EnrolmentError) as caught:
        next(doing)
    named, advice = str(caught.value).splitlines()
    assert named.startswith("people.csv:12: somebody is enrolled with this sms address already")
    assert advice.startswith("The first 10 people of the file are enrolled.")
    assert study.count_of(participants) == 11
    mended = [*entries[:11], *entries[12:]]
    assert enrol(study, mended) == ["SW11", "SW12"]
    assert study.count_of(participants) == 13
    assert not unfinished(study)


def changed(entries: list[Entry]) -> dict[str, list[Entry]]:
    return {
        "a row of those who are enrolled": [replace(entries[0], name="Sam"), *entries[1:]],
        "a row more above": [Entry("social-workers", sms(90)), *entries],
        "another order": entries[::-1],
        "another file": [Entry("social-workers", sms(number)) for number in range(50, 60)],
    }


@pytest.mark.parametrize("what", changed(people(13)))
def test_a_large_file_that_begins_otherwise_than_the_one_that_broke_off_is_not_begun(study: World, what: str) -> None:
    """Whoever has no address in it could not be known again, and would be written to twice."""
    entries = people(13)
    list(islice(enrolling(study, look(study, entries)), 2))
    with pytest.raises(EnrolmentError, match=r"not enrolled to its end: 10 people of it are, .* --drop-unfinished"):
        look(study, changed(entries)[what])
    assert enrol(study, entries) == CODES[10:], "and the first one goes on"


def test_what_is_not_to_go_on_is_dropped_with_the_first_batch_of_another_file(study: World) -> None:
    entries = people(13)
    list(islice(enrolling(study, look(study, entries)), 1))
    other = [Entry("social-workers", sms(number), name=f"n{number}") for number in range(50, 57)]
    assert look(study, [*other, *entries[5:]], drop=True).done == 0
    assert unfinished(study), "a look drops nothing"
    assert look(study, entries, drop=True).done == BATCH, "it is not another one"
    assert enrol(study, other, drop=True) == CODES[5:12]
    assert not unfinished(study)


def test_a_small_file_need_not_wait_for_a_large_one(study: World) -> None:
    entries = people(13)
    list(islice(enrolling(study, look(study, entries)), 1))
    assert enrol(study, [Entry("social-workers", sms(50), name="Ann")]) == ["SW06"]
    assert enrol(study, entries) == [*CODES[6:], "SW14"]
    assert not unfinished(study)


def test_a_file_that_was_cut_after_those_who_are_enrolled_has_come_to_its_end(study: World) -> None:
    entries = people(13)
    list(islice(enrolling(study, look(study, entries)), 1))
    assert enrol(study, entries[:BATCH]) == []
    assert (study.count_of(participants), unfinished(study)) == (BATCH, False)


def test_a_large_file_that_came_to_its_end_is_not_begun_again_and_goes_on_where_it_has_grown(study: World) -> None:
    """Whoever was cut off at the very end does not know that it was the end."""
    enrol(study, people(13))
    assert enrol(study, people(13)) == []
    assert enrol(study, people(14)) == ["SW14"]
    assert names(study) == [entry.name for entry in people(14)]
    other = [Entry("social-workers", sms(number), name=f"n{number}") for number in range(50, 57)]
    assert len(enrol(study, other)) == 7, "nothing is unfinished"


def test_another_file_whose_people_differ_in_their_addresses_alone_is_another_one(study: World) -> None:
    """Without names and codes; an address shows its last three digits where it is printed."""
    first, second = ([Entry("social-workers", sms(n * 1000)) for n in range(begin, begin + 13)] for begin in (1, 21))
    enrol(study, first)
    assert look(study, second).done == 0
    assert enrol(study, second) == [f"SW{number}" for number in range(14, 27)]


def test_of_two_who_enrol_the_same_file_at_the_same_time_one_stops(study: World, beside: Database) -> None:
    entries = people(13)
    one, other = enrolling(study, look(study, entries)), enrolling(study, look(study, entries), on=beside)
    next(one)
    with pytest.raises(OwnPaceError, match="Somebody else is enrolling a file of many people"):
        next(other)
    third = enrolling(study, look(study, entries), on=beside)
    next(third)
    with pytest.raises(OwnPaceError, match="Somebody else is enrolling a file of many people"):
        next(one)
    assert [placed.code for some in third for placed in some] == CODES[10:]
    assert names(study) == [entry.name for entry in entries]


def test_places_are_counted_for_each_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who is let in between two batches takes one."""
    monkeypatch.chdir(Path(__file__).parents[3])
    of_seven = {"prompts": "prompts", "contact_phone": "01632 960000", "quotas": {"social-workers": 7}}
    with with_telegram(tmp_path, study=of_seven) as study:
        plan = look(study, people(13))
        assert [one.code for one in plan.placed if one.waits] == CODES[7:]
        doing = enrolling(study, plan)
        next(doing)
        study.enrol(sms(77), code="P1")
        assert [one.waits for some in doing for one in some] == [False] + [True] * 7
        states = study.program.database.read_now(lambda uow: uow.execute(interviews.select()).mappings().all())
        assert [row["state"] == "waiting" for row in states] == [False] * 7 + [True] * 7
