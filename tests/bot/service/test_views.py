"""What the study team is shown: the consent ledger as it was, and who has the conversation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import OwnPaceError
from bot.interview.schedule import Wording
from bot.service import handovers
from tests.bot.world import NOON, World, world


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def test_the_ledger_shows_the_words_that_were_shown_and_the_reply_as_it_was_given(study: World) -> None:
    code = study.enrol(wording=Wording.EASY_READ)
    study.leave()
    study.clock.forward(hours=2)
    study.says("Yes.")
    study.leave()
    study.says("no")
    first, second, *others = study.record(code).consent
    sent = [entry.body for entry in study.record(code).entries if entry.question == "c1-info"]
    assert [first.words] == sent
    assert first.words.startswith("I understand what this is about.")
    assert (first.answer, first.reply, first.channel) == ("Yes", "Yes.", "text")
    assert (first.at, first.wording) == (NOON.replace(hour=14), "easy read")
    assert first.version == study.program.schedules[("social-workers", "en")].version
    assert (second.answer, second.reply) == ("No", "no")
    assert {(one.answer, one.reply, one.at) for one in others} == {("Not asked yet", "", None)}
    assert len(others) == 11


def test_changed_words_of_a_study_leave_the_ledger_as_it_was(study: World) -> None:
    code = study.consented()
    before = study.record(code).consent
    assert all(one.reply == "yes" for one in before)
    renamed = replace(study.program.terms, study=replace(study.program.terms.study, name="Another name"))
    study.program = replace(study.program, terms=renamed)
    assert study.record(code).consent == before


def test_the_list_and_the_record_say_who_has_the_conversation(study: World) -> None:
    code, terms = study.consented(), study.program.terms
    assert study.record(code).row.held_by == ""
    study.run(handovers.take_over, terms, code, "Ann")
    assert study.record(code).row.held_by == "Ann"
    with pytest.raises(OwnPaceError, match="Ann has the conversation"):
        study.run(handovers.take_over, terms, code, "Ben")
    study.run(handovers.take_over, terms, code, "Ben", "anyway")
    assert study.record(code).row.held_by == "Ben"
    study.run(handovers.hand_back, terms, code, "Ben")
    assert study.record(code).row.held_by == ""


def test_nobody_is_named_for_a_conversation_that_no_person_took(study: World) -> None:
    code = study.enrol()
    study.run(handovers.take_over, study.program.terms, code, "Ann")
    study.run(handovers.hand_back, study.program.terms, code, "Ann")
    study.clock.forward(days=1)  # the statement is the fifth unasked message of the first day
    study.leave()
    study.says("perhaps")
    study.says("perhaps not")
    assert study.record(code).row.state == "Waiting for a person"
    assert study.record(code).row.held_by == ""


def test_a_record_has_the_name_and_the_notes_of_the_file(study: World) -> None:
    record = study.record(study.enrol(attributes={"team": "Hospital"}))
    assert (record.name, record.notes) == ("Sam", {"team": "Hospital"})
