"""Messages through the service: answers, timers, late parts, and a restart in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import bootstrap
from bot.errors import OwnPaceError
from bot.messages import Inbound
from bot.records.tables import audit, consents, timers
from bot.records.tables import outbox as outbox_table
from bot.service import conversations, handovers, intake
from bot.service.intake import Received
from tests.bot.world import NOON, PHONE, World, world


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def says(study: World, words: str, **more: object) -> Received:
    inbound = Inbound(f"AC1/SM{next(study.numbers)}", PHONE, words, words.encode(), **more)  # type: ignore[arg-type]
    received: Received = study.run(intake.receive, study.program.terms, inbound)
    return received


def consented(study: World) -> str:
    code = study.enrol()
    for _ in study.program.schedules[("social-workers", "en")].statements:
        study.leave()
        says(study, "yes")
    study.leave()
    return code


def wake(study: World) -> int:
    rung: int = study.run(conversations.wake, study.program.terms)
    return rung


def place(study: World, code: str) -> str:
    return study.record(code).row.place


def test_an_answer_in_parts_settles_after_quiet_time_and_then_the_next_question_comes(study: World) -> None:
    code = consented(study)
    says(study, "I am a social worker")
    study.clock.forward(minutes=15)
    says(study, "in a hospital")
    study.clock.forward(minutes=15)
    assert wake(study) == 0, "the second part began the wait anew"
    study.clock.forward(minutes=5)
    assert wake(study) == 1
    assert place(study, code).startswith("Question 2 ")
    answers = [entry.body for entry in study.record(code).entries if entry.question == "b-now" and entry.incoming]
    assert answers == ["I am a social worker", "in a hospital"]


def test_a_part_that_comes_before_the_next_question_left_belongs_to_the_one_before(study: World) -> None:
    code = consented(study)
    says(study, "I am a social worker")
    study.clock.forward(minutes=20)
    wake(study)
    says(study, "and I forgot this")
    assert [entry.question for entry in study.record(code).entries if entry.incoming][-1] == "b-now"


def test_a_reply_to_an_earlier_question_belongs_there(study: World) -> None:
    code = consented(study)
    asked = [entry for entry in study.record(code).entries if entry.question == "b-now"]
    query = outbox_table.select().where(outbox_table.c.message_id == asked[0].id)
    provider_id = study.program.database.read_now(lambda uow: uow.all(query)[0]["provider_id"])
    says(study, "First answer")
    says(study, "DONE")
    study.leave()
    says(study, "More about the first", reply_to=(provider_id,))
    assert [entry.question for entry in study.record(code).entries if entry.incoming][-1] == "b-now"


def test_a_second_copy_changes_nothing(study: World) -> None:
    code = study.enrol()
    inbound = Inbound("AC1/SM1", PHONE, "yes", b"raw")
    outcomes = [study.run(intake.receive, study.program.terms, inbound) for _ in range(3)]
    assert outcomes == [Received.TAKEN, Received.AGAIN, Received.AGAIN]
    assert study.heard(code) == ["yes"]


def test_a_restart_keeps_the_place_the_timers_and_every_word(study: World, tmp_path: Path) -> None:
    code = consented(study)
    says(study, "Half an answer")
    study.program.database.close()
    study.program = bootstrap.build(study.program.settings, clock=study.clock, ids=lambda: f"new-{next(study.numbers)}")
    study.clock.forward(minutes=20)
    assert wake(study) == 1
    assert place(study, code).startswith("Question 2 ")
    assert "Half an answer" in study.heard(code)


def test_sixty_days_of_silence_bring_two_reminders_and_a_task_and_lose_nothing(study: World) -> None:
    code = consented(study)
    study.leave()
    before = len(study.record(code).entries)
    for _ in range(60):
        study.clock.forward(days=1)
        wake(study)
        study.leave()
    assert len(study.record(code).entries) == before + 2
    assert study.open_tasks() == ["silent"]
    says(study, "By phone, after all")
    assert study.heard(code)[-1] == "By phone, after all"


def test_the_ledger_of_consent_has_a_line_for_each_answer_and_cannot_be_changed(study: World) -> None:
    consented(study)
    statements = study.program.schedules[("social-workers", "en")].statements
    assert study.count_of(consents) == len(statements)
    with pytest.raises(Exception, match=r"append-only|never changed"):
        study.run(lambda uow: uow.execute(consents.update().values(agreed=False)))
    with pytest.raises(Exception, match=r"append-only|never changed"):
        study.run(lambda uow: uow.execute(audit.delete()))


def test_a_pause_sets_one_timer_and_the_end_of_it_asks_the_same_question(study: World) -> None:
    code = consented(study)
    says(study, "PAUSE 2")
    assert study.count_of(timers) == 1
    study.clock.forward(days=7)
    assert wake(study) == 1
    assert place(study, code).startswith("Question 1 ")
    assert study.record(code).row.state == "Answering"


def test_a_researcher_takes_over_speaks_and_hands_back_to_the_open_question(study: World) -> None:
    code = consented(study)
    terms = study.program.terms
    says(study, "PERSON")
    assert study.open_tasks() == ["person asked"]
    study.run(handovers.reply, terms, code, "Ann", "Hello, what is it?")
    assert study.open_tasks() == []
    says(study, "I am unsure what to write")
    study.clock.forward(days=1)
    wake(study)
    assert study.record(code).row.state == "With a researcher", "no timer hands back"
    study.run(handovers.hand_back, terms, code, "Ann")
    last = study.record(code).entries[-1]
    assert (last.author, last.question) == ("bot", "b-now")


def test_only_the_one_who_has_the_conversation_can_write(study: World) -> None:
    code = consented(study)
    with pytest.raises(OwnPaceError, match="Take over first"):
        study.run(handovers.reply, study.program.terms, code, "Ann", "Hello")
    with pytest.raises(OwnPaceError, match="not with a researcher"):
        study.run(handovers.hand_back, study.program.terms, code, "Ann")
    with pytest.raises(OwnPaceError, match="no participant"):
        study.run(handovers.take_over, study.program.terms, "P99", "Ann")


def test_a_pause_ends_at_the_same_time_of_day_across_a_change_of_the_clocks(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        study.clock.now = NOON.replace(month=3, day=25, year=2027)
        code = consented(study)
        says(study, "PAUSE 2")
        due = study.program.database.read_now(conversations.next_wake)
        assert due is not None
        assert due.hour == 11, "noon in London on 1 April is 11:00 UTC"
        assert "Thursday 1 April" in study.record(code).entries[-1].body
