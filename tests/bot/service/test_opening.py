"""What is shown before people are enrolled is what they are sent, when they are sent it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.channel import Ability
from bot.interview.schedule import Wording
from bot.records.tables import outbox
from bot.service.enrolment import Entry
from bot.service.opening import Opening, opening
from tests.bot.world import PHONE, Post, World, world

ENTRY = Entry("social-workers", PHONE, name="Sam", wording=Wording.SHORT)


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def shown(study: World, entry: Entry) -> Opening:
    program = study.program
    return opening(program.terms, program.rules, entry, study.clock.now)


@pytest.mark.parametrize("hours", [0, 11], ids=["by day", "at night"])
@pytest.mark.parametrize("attributes", [{}, {"hours": "14:00-16:00"}, {"discreet": "yes"}], ids=str)
def test_what_is_shown_first_is_what_is_sent_and_when(study: World, hours: int, attributes: dict[str, str]) -> None:
    study.clock.forward(hours=hours)
    first = shown(study, replace(ENTRY, attributes=attributes))
    study.enrol(attributes=attributes)
    moments = study.program.database.read_now(
        lambda uow: [row["not_before"] for row in uow.all(outbox.select().where(outbox.c.state == "pending"))]
    )
    assert min(moments) == first.at
    study.clock.now = max(moments)
    assert study.leave() == list(first.messages)


def test_on_a_channel_that_cannot_write_first_it_says_so(tmp_path: Path) -> None:
    channels = {"sms": Post("sms", abilities=frozenset[Ability]())}
    with world(tmp_path, channels) as study:
        assert shown(study, ENTRY).notes == ("gets nothing before they open their link",)


def test_only_letters_that_texts_cannot_hold_are_named_as_costly(study: World) -> None:
    assert shown(study, ENTRY).notes == ()
    assert shown(study, replace(ENTRY, name="Zo\u00eb")).notes == ("costs more SMS parts for \u00eb",)
    assert shown(study, replace(ENTRY, name="Ren\u00e9")).notes == ()
