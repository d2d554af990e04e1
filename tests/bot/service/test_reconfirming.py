"""Statements that change while people are in the study: who is asked again, what counts, and what stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.errors import OwnPaceError, Refused, WrongUse
from bot.export import reading
from bot.interview.schedule import Schedule
from bot.messages import Address, Media, MediaKind
from bot.records.participants import Rules
from bot.records.tables import consents, outbox, schedules
from bot.service import desk, outcomes, reconfirming
from bot.service.reconfirming import Change, Outcome
from bot.service.staff import User
from tests.bot.world import Post, World, world

MAIL = Address("email", "bo@example.org")
NEW = "We may also keep your words for teaching."
STORE = "c2-choice"


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, {"sms": Post("sms"), "email": Post("email")}) as made:
        yield made


def changed(study: World, *names: str) -> Rules:
    """The rules once these statements say something else, in every wording."""
    words = {"standard": NEW, "easy_read": NEW, "short": f"{NEW} YES or NO?"}

    def one_of(schedule: Schedule) -> Schedule:
        return schedule.with_statements(s.model_copy(update=words) for s in schedule.statements if s.id in names)

    rules = study.program.rules
    return replace(rules, schedules={key: one_of(schedule) for key, schedule in rules.schedules.items()})


def asks(study: World, rules: Rules, *codes: str, only: tuple[str, ...] = ()) -> dict[str, Outcome]:
    done: list[Change] = study.run(reconfirming.reconfirm, study.program.terms, rules, "Ann", codes, only)
    return {change.code: change.outcome for change in done}


def ledger(study: World, code: str) -> list[tuple[str, bool]]:
    query = consents.select().where(consents.c.statement == STORE).order_by(consents.c.id)
    return study.program.database.read_now(lambda uow: [(row["version"], row["agreed"]) for row in uow.all(query)])


def test_the_interview_waits_for_the_new_statement_and_goes_on_where_it_was(study: World) -> None:
    code = study.consented()
    study.says("The first part of an answer")
    before = study.program.schedules["social-workers", "en"].version
    assert asks(study, changed(study, STORE)) == {code: Outcome.NOW}
    ann = User(1, "Ann", "researcher")
    beside = study.program.database.read_now(desk.beside, study.program.terms, ann, code)
    assert beside.pace[0] == f"The interview waits for their YES or NO to what changed in the statements: {STORE}."
    (said,) = study.leave()
    assert said.startswith("The statements about taking part have changed.")
    assert said.endswith(f"{NEW} YES or NO?")
    waiting = [one for one in study.record(code).consent if one.answer.startswith("Changed since")]
    assert [(one.statement, one.words) for one in waiting] == [(STORE, f"{NEW} YES or NO?")]

    study.says("yes")
    (said,) = study.leave()
    assert said.startswith("Thank you, we have that."), "they know the question that is open"
    (first, second) = ledger(study, code)
    assert first == (before, True)
    assert second[0] != before
    last = [one for one in study.record(code).consent if one.statement == STORE][-1]
    assert (last.answer, last.words.endswith(f"{NEW} YES or NO?"), last.reply) == ("Yes", True, "yes")
    study.says("The second part")
    study.says("DONE")
    record = study.record(code)
    assert [e.body for e in record.entries if e.incoming and e.number == "Q1"] == [
        "The first part of an answer",
        "The second part",
    ]
    assert record.row.place.startswith("Question 2 ")
    assert asks(study, changed(study, STORE)) == {}, "they know it as it is now"


def test_a_yes_with_a_logo_below_it_is_a_yes(study: World) -> None:
    code = study.consented(MAIL)
    asks(study, changed(study, STORE))
    study.leave()
    study.says("yes", MAIL, media=(Media(MediaKind.PICTURE, "image/png", content=b"logo"),))
    assert [agreed for _, agreed in ledger(study, code)] == [True, True]
    assert [body[:6] for body in study.leave()] == ["Q1 of "]


def test_a_no_to_a_needed_statement_ends_it_and_an_export_leaves_them_out(study: World) -> None:
    code = study.consented()
    study.says("An answer")
    asks(study, changed(study, STORE))
    study.leave()
    assert exported(study) == [code], "what they said yes to stands until they are heard"
    study.says("no")
    (said,) = study.leave()
    assert said.startswith("Thank you for letting us know. We will not send questions")
    assert study.record(code).row.state == "Said no to taking part"
    assert exported(study) == []


def exported(study: World) -> list[str]:
    zone = study.program.settings.study.zone
    return study.program.database.read_now(lambda uow: [head.code for head in reading.Study(uow, zone).heads])


def test_what_they_wrote_before_they_could_read_it_is_no_answer_to_it(study: World) -> None:
    code = study.consented(MAIL)
    asks(study, changed(study, STORE))
    study.leave()
    earlier = study.clock.now - timedelta(hours=1)
    study.says("yes", MAIL, written_at=earlier)
    assert len(ledger(study, code)) == 1
    study.says("yes", MAIL, written_at=study.clock.now + timedelta(minutes=1))
    assert len(ledger(study, code)) == 2


def test_nothing_is_sent_in_the_quiet_hours(study: World) -> None:
    study.consented()
    study.clock.forward(hours=10)
    asks(study, changed(study, STORE))
    assert study.leave() == []
    study.clock.forward(hours=11)
    assert len(study.leave()) == 1


def test_a_question_that_waited_for_the_morning_gives_way(study: World) -> None:
    study.consented()
    study.says("An answer")
    study.clock.forward(hours=10)
    study.says("DONE")
    asks(study, changed(study, STORE))
    study.clock.forward(hours=11)
    assert [NEW in said for said in study.leave()] == [True]


def test_each_is_told_by_where_they_are_and_only_those_who_are_named(study: World) -> None:
    rules = changed(study, STORE, "c1-info")
    code = study.consented()
    fresh = study.enrol(Address("sms", "+447700900124"))
    gone = study.consented(Address("sms", "+447700900125"))
    study.says("LEAVE", Address("sms", "+447700900125"))
    study.says("1", Address("sms", "+447700900125"))
    done: list[Change] = study.run(reconfirming.preview, study.program.terms, rules)
    assert [(c.code, c.outcome) for c in done] == [
        (code, Outcome.NOW),
        (fresh, Outcome.NOW),
        (gone, Outcome.ENDED),
    ]
    assert {c.statements for c in done} == {("c1-info", STORE)}
    kept = study.count_of(schedules)
    assert asks(study, rules, code, only=(STORE,)) == {code: Outcome.NOW}
    assert asks(study, rules, fresh, only=(STORE,)) == {fresh: Outcome.IN_TURN}
    assert study.count_of(schedules) == kept + 1, "one version for all who know the same"
    assert asks(study, rules, code) == {code: Outcome.NOW}, "the other statement is still to be asked"
    with pytest.raises(WrongUse, match="There is no statement c99"):
        asks(study, rules, only=("c99",))
    with pytest.raises(OwnPaceError, match="There is no participant SW77"):
        asks(study, rules, "SW77")


def test_nobody_is_asked_where_nothing_changed(study: World) -> None:
    study.consented()
    assert asks(study, study.program.rules) == {}
    assert study.leave() == []


def test_a_yes_after_a_break_counts_only_once_the_new_words_have_left(study: World) -> None:
    code = study.enrol()
    study.leave()
    study.says("yes")
    study.leave()
    study.says("PAUSE 2")
    study.leave()
    assert asks(study, changed(study, STORE)) == {code: Outcome.LATER}
    study.says("yes")
    assert ledger(study, code) == [], "the new words have not left"
    (said,) = study.leave()
    assert said.endswith(f"{NEW} YES or NO?")
    study.says("yes")
    assert [agreed for _, agreed in ledger(study, code)] == [True]


def test_a_reply_to_the_mail_with_the_old_words_is_no_answer_to_the_new_ones(study: World) -> None:
    code = study.consented(MAIL)
    old = next(e.id for e in study.record(code).entries if not e.incoming and e.question == STORE)
    token = study.program.database.read_now(
        lambda uow: uow.execute(select(outbox.c.id).where(outbox.c.message_id == old)).scalar_one()
    )
    asks(study, changed(study, STORE))
    study.leave()
    study.says("yes", MAIL, reply_to=(token,))
    assert len(ledger(study, code)) == 1
    assert study.leave()[0].endswith(f"{NEW}") or NEW in study.record(code).entries[-1].body
    study.says("yes", MAIL)
    assert len(ledger(study, code)) == 2


def test_a_statement_that_was_refused_cannot_be_agreed_to(study: World) -> None:
    code = study.consented()
    asks(study, changed(study, STORE))
    (claimed,) = study.claim()
    study.run(outcomes.refused, study.program.terms, claimed, Refused("It is a landline.", code="30006"))
    study.says("yes")
    assert len(ledger(study, code)) == 1
    assert study.leave()[0].endswith(f"{NEW} YES or NO?"), "it is asked again"


def test_who_has_finished_is_left_to_a_person_once(study: World) -> None:
    code = study.consented()
    study.says("SKIP")
    while "Question" in study.record(code).row.place or "Closing" in study.record(code).row.place:
        study.leave()
        study.says("SKIP")
    rules = changed(study, STORE)
    for _ in range(2):
        assert asks(study, rules) == {code: Outcome.BY_HAND}
    assert study.open_tasks().count("ask again by hand") == 1


def test_who_reads_other_words_that_did_not_change_is_not_asked(study: World) -> None:
    study.consented()  # in short wording
    rules = study.program.rules
    schedules = {
        key: one.with_statements(s.model_copy(update={"standard": NEW}) for s in one.statements if s.id == STORE)
        for key, one in rules.schedules.items()
    }
    assert asks(study, replace(rules, schedules=schedules)) == {}
