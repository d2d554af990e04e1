"""What somebody needs is changed in the middle of their interview, and acts at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import String, cast, func, select, update

from bot.errors import EnrolmentError, OwnPaceError, WrongUse
from bot.interview.schedule import Wording
from bot.records import participants
from bot.records.participants import Rules
from bot.records.tables import audit, consents, interviews, outbox, timers
from bot.service import adapting, conversations, handovers
from tests.bot.world import Post, World, world


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, {"sms": Post("sms")}) as made:
        yield made


def change(study: World, code: str = "SW01", **wanted: str) -> list[adapting.Change]:
    program = study.program
    changes: list[adapting.Change] = study.run(adapting.change, program.terms, program.rules, code, wanted, "Ann")
    return changes


def wake(study: World, **length: float) -> None:
    study.clock.forward(**length)
    study.run(conversations.wake, study.program.terms)


# Their words


def test_the_open_question_is_asked_again_in_easy_read(study: World) -> None:
    study.consented()
    study.clock.forward(days=1)
    (changed,) = change(study, wording="easy read")
    assert changed == adapting.Change("wording", "short", "easy_read")
    (again,) = study.leave()
    question = study.program.schedules["social-workers", "en"].questions[0]
    assert question.worded(Wording.EASY_READ).splitlines()[0] in again
    study.says("By phone")
    assert study.record("SW01").row.place == "Question 1 of 14"
    wake(study, hours=1)
    assert study.record("SW01").row.place == "Question 2 of 14"


def test_at_night_it_is_asked_again_in_the_morning(study: World) -> None:
    study.consented()
    study.clock.forward(hours=35)  # eleven at night
    change(study, wording="easy_read")
    assert study.leave() == []
    study.clock.forward(hours=10)
    assert len(study.leave()) == 1


def test_a_slip_at_enrolment_is_mended_before_anything_was_read_in_the_wrong_words(study: World) -> None:
    study.enrol(wording=Wording.STANDARD)
    change(study, wording="easy_read")
    said = study.leave()
    study.clock.forward(days=1)
    said += study.leave()
    texts = study.program.schedules["social-workers", "en"].texts
    standard, easy = (
        texts["welcome"].worded(one).replace("{name}", "Sam")[:30] for one in (Wording.STANDARD, Wording.EASY_READ)
    )
    assert standard != easy
    assert [one[:30] for one in said].count(easy) == 1
    assert not any(one.startswith(standard) for one in said)
    study.says("yes")
    assert study.count_of(consents, consents.c.wording == "easy_read") == 1


def test_a_yes_to_the_old_words_is_written_down_with_the_old_words(study: World) -> None:
    study.enrol(wording=Wording.STANDARD)
    study.leave()
    study.says("yes")
    study.leave()
    study.clock.forward(hours=10)  # ten at night: the new words wait for the morning
    change(study, wording="easy_read")
    assert study.leave() == []
    study.says("yes")
    assert study.count_of(consents, consents.c.wording == "standard") == 2
    assert study.count_of(consents, consents.c.wording == "easy_read") == 0


def test_nothing_is_asked_of_somebody_who_has_a_break_or_a_person(study: World) -> None:
    study.consented()
    study.says("PAUSE 2")
    study.leave()
    change(study, wording="easy_read")
    assert study.leave() == []
    wake(study, days=7, hours=1)
    assert len(study.leave()) == 2, "they are greeted and asked when the break is over"
    study.run(handovers.take_over, study.program.terms, "SW01", "Ann")
    change(study, wording="standard")
    assert study.leave() == []


# Their pace


def test_an_answer_that_is_being_given_settles_at_the_new_pace(study: World) -> None:
    study.consented()
    study.says("By phone")
    change(study, settle="48h")
    wake(study, hours=47)
    assert study.record("SW01").row.place == "Question 1 of 14"
    wake(study, hours=2)
    assert study.record("SW01").row.place == "Question 2 of 14"


def test_an_answer_that_waited_to_be_read_waits_no_more(study: World) -> None:
    study.consented(attributes={"review": "manual"})
    study.says("By phone")
    study.says("DONE")
    assert study.open_tasks() == ["to review"]
    change(study, review="0")
    assert study.record("SW01").row.place == "Question 2 of 14"
    assert study.open_tasks() == []


def test_a_time_without_messages_holds_what_had_a_time_already(study: World) -> None:
    study.consented()
    study.clock.forward(days=1)
    study.says("By phone")
    wake(study, hours=10)  # ten at night: the next question waits for the morning
    change(study, no_contact="2026-11-26..2026-11-30")
    study.clock.forward(days=3)
    assert study.leave() == []
    study.clock.forward(days=2, hours=14)
    assert [one[:11] for one in study.leave()] == ["Q2 of 14. H"]


def test_a_break_still_ends_after_a_change(study: World) -> None:
    study.consented()
    study.says("PAUSE 2")
    change(study, hours="10:00-12:00", discreet="yes")
    assert study.count_of(timers, timers.c.kind == "resume") == 1


def test_the_ledger_shows_the_words_that_they_had_read_not_those_that_wait_or_came_after(study: World) -> None:
    study.enrol(wording=Wording.STANDARD)
    (*_, read) = study.leave()
    study.clock.forward(hours=10)  # ten at night: the new words wait for the morning
    change(study, wording="easy_read")
    study.says("yes")
    for _ in range(2):
        (agreed,) = [one for one in study.record("SW01").consent if one.at]
        assert (agreed.words, agreed.wording) == (read, "standard")
        study.clock.forward(minutes=1)
        study.leave()


# Who may see their phone


def test_from_now_on_others_may_see_the_phone(study: World) -> None:
    study.consented()
    study.clock.forward(days=1)
    study.says("By phone")
    wake(study, hours=10)
    change(study, discreet="yes")
    study.clock.forward(hours=12)
    (ready,) = study.leave()
    assert "message ready for you" in ready
    study.says("yes")
    assert [one[:8] for one in study.leave()] == ["Q2 of 14"]


def test_what_is_no_question_is_hidden_too(study: World) -> None:
    study.enrol()
    change(study, discreet="yes")
    said = study.leave()
    assert len(said) == 1
    assert "message ready for you" in said[0]


def test_nobody_else_sees_the_phone_any_more(study: World) -> None:
    study.enrol(attributes={"discreet": "yes"})
    change(study, discreet="no")  # before they were told that a message is ready
    said = study.leave()
    study.clock.forward(days=1)
    said += study.leave()
    assert any("study" in one for one in said)
    assert not any("message ready for you" in one for one in said)
    assert study.count_of(outbox, outbox.c.state == "held") == 0


def test_whose_words_they_write_from_now_on(study: World) -> None:
    study.consented()
    study.says("By phone")
    change(study, who="help")
    study.says("and by letter")
    found = study.run(adapting.of, study.program.terms, "SW01")
    assert found["who"] == "help"
    interview = study.run(participants.named, study.program.terms, "SW01").interview
    assert interview.answer.who == "with help"


def test_a_reply_that_could_not_leave_is_hidden_too_and_they_are_told_once(study: World) -> None:
    study.consented()
    study.clock.forward(hours=9)  # nine in the evening
    study.says("SKIP")
    change(study, discreet="yes")
    study.clock.forward(hours=13)
    (ready,) = study.leave()
    assert "message ready for you" in ready
    study.says("yes")
    assert any(one.startswith("Q2 of 14") for one in study.leave())


def test_a_change_is_no_reply_so_nothing_leaves_at_night(study: World) -> None:
    study.consented(attributes={"discreet": "yes"})
    study.clock.forward(hours=11)
    study.says("HELP")
    study.leave()
    study.clock.forward(minutes=25)
    change(study, wording="easy_read")
    change(study, wording="short")
    assert study.leave() == []
    study.clock.forward(hours=11)
    (ready,) = study.leave()
    assert "Q1" not in ready


def test_a_yes_to_the_question_is_no_yes_to_an_old_reminder(study: World) -> None:
    study.consented(attributes={"discreet": "yes"})
    study.says("yes")  # one was for the message that was ready
    study.leave()
    wake(study, days=4)
    assert ["message ready for you" in one for one in study.leave()] == [True]
    study.clock.forward(days=1)
    change(study, discreet="no", wording="easy_read")
    study.leave()
    study.says("Yes")
    (yes,) = [entry for entry in study.record("SW01").entries if entry.incoming][-1:]
    assert (yes.body, yes.belongs) == ("Yes", "answer")


def test_what_they_were_told_is_ready_waits_for_their_word(study: World) -> None:
    study.enrol(attributes={"discreet": "yes"})
    assert len(study.leave()) == 1
    change(study, discreet="no")
    study.clock.forward(days=1)
    assert study.leave() == []
    study.says("Yes")
    assert study.count_of(consents) == 0, "it was for the message that is ready"
    assert any("study" in one for one in study.leave())


# What is open beside the question


def test_after_a_prompt_it_stays_their_turn(study: World) -> None:
    study.consented(attributes={"prompts": "yes"})
    study.clock.forward(days=1)
    study.says("By phone")
    wake(study, hours=1)
    (prompt,) = study.leave()
    change(study, days="mon, tue, wed, thu, fri", settle="1h")
    wake(study, hours=3)
    assert study.leave() == [], prompt
    study.says("And by post")
    assert study.record("SW01").entries[-1].question == "b-now"


def test_while_a_menu_is_open_nothing_else_is_asked(study: World) -> None:
    study.consented()
    study.clock.forward(days=1)
    study.says("CHANGE")
    study.leave()
    change(study, wording="easy_read")
    assert study.leave() == []
    study.says("carrier pigeon")
    assert study.record("SW01").entries[-1].belongs != "answer"


def test_a_reply_to_help_still_comes_where_the_information_comes_again(study: World) -> None:
    study.enrol(wording=Wording.STANDARD)
    study.leave()
    study.says("HELP")
    change(study, wording="easy_read")
    study.clock.forward(days=1)
    texts = study.program.schedules["social-workers", "en"].texts
    said = study.leave()
    assert sum(one.startswith(texts["help"].standard[:20]) for one in said) == 1


def test_from_now_on_somebody_reads_first(study: World) -> None:
    study.consented(attributes={"review": "4h"})
    study.clock.forward(days=1)
    study.says("By phone")
    study.says("DONE")
    change(study, review="manual")
    wake(study, days=3)
    assert study.record("SW01").row.place == "Question 1 of 14"
    assert study.open_tasks() == ["to review"]
    change(study, review="4h")
    assert study.open_tasks() == []


def test_words_that_did_not_arrive_are_not_those_they_agreed_to(study: World) -> None:
    study.enrol(wording=Wording.STANDARD)
    study.leave()
    study.says("yes")
    study.leave()
    change(study, wording="easy_read")
    study.clock.forward(days=1)
    study.leave()
    last = (outbox.c.seq == select(func.max(outbox.c.seq)).scalar_subquery(),)
    study.run(lambda uow: uow.execute(update(outbox).where(*last).values(delivery="failed")))
    study.says("yes")
    assert study.count_of(consents, consents.c.wording == "easy_read") == 0


# What cannot be


@pytest.mark.parametrize(
    ("wanted", "problem", "error"),
    [
        ({"setle": "2h"}, "did you mean settle", WrongUse),
        ({"wording": "simple"}, "must be one of standard", WrongUse),
        ({"language": "cy"}, "there is no cohort 'social-workers' in language 'cy'", EnrolmentError),
        ({"settle": "1s"}, "must be from 1m to 72h", EnrolmentError),
        ({"timezone": "Mars"}, "is not a time zone", EnrolmentError),
    ],
)
def test_a_wrong_value_is_refused_with_the_mend_and_changes_nothing(
    study: World, wanted: dict[str, str], problem: str, error: type[OwnPaceError]
) -> None:
    study.consented()
    before = study.run(adapting.of, study.program.terms, "SW01")
    with pytest.raises(error, match=problem):
        change(study, discreet="yes", **wanted)
    assert study.run(adapting.of, study.program.terms, "SW01") == before


def test_no_change_does_nothing_and_a_change_is_in_the_trail_without_its_words(study: World) -> None:
    study.consented()
    assert change(study, wording="short") == []
    assert study.count_of(audit, audit.c.act == "changed what they need") == 0
    change(study, safe_contact="Ring the neighbour, Mrs Jones")
    assert study.count_of(audit, audit.c.act == "changed what they need") == 1
    assert study.count_of(audit, cast(audit.c.detail, String).contains("Jones")) == 0
    assert [one.after for one in change(study, safe_contact="")] == [""]


def test_a_preview_changes_nothing(study: World) -> None:
    study.consented()
    program = study.program
    (shown,) = program.database.read_now(
        adapting.preview, program.terms, program.rules, "sw01", {"wording": "standard"}
    )
    assert shown.after == "standard"
    assert study.leave() == []
    assert study.count_of(interviews, interviews.c.state == "active") == 1


# Another language


def welsh(study: World, **more: Any) -> Rules:
    """The rules of a study that has the social workers' schedule in Welsh too."""
    english = study.program.schedules["social-workers", "en"]
    statements = [one.model_copy(update={"short": f"Cymraeg: {one.short}"}) for one in english.statements]
    translated = english.with_statements(statements).model_copy(update={"language": "cy"} | more)
    rules = study.program.rules
    return replace(rules, schedules={**rules.schedules, ("social-workers", "cy"): translated})


def test_the_interview_goes_on_in_another_language(study: World) -> None:
    study.consented()
    study.says("By phone")
    rules = welsh(study)
    (changed,) = study.run(adapting.change, study.program.terms, rules, "SW01", {"language": "cy"}, "Ann")
    assert (changed.before, changed.after) == ("en", "cy")
    interview = study.run(participants.named, study.program.terms, "SW01").interview
    assert (interview.schedule.language, interview.position, len(interview.answer.parts)) == ("cy", "b-now", 1)
    assert study.run(adapting.of, study.program.terms, "SW01")["language"] == "cy"
    wake(study, hours=1)
    assert study.record("SW01").row.place == "Question 2 of 14"


def test_a_yes_to_the_words_of_the_old_language_is_written_down_with_them(study: World) -> None:
    study.enrol()
    study.leave()
    study.says("yes")
    study.leave()
    study.clock.forward(hours=10)
    study.run(adapting.change, study.program.terms, welsh(study), "SW01", {"language": "cy"}, "Ann")
    study.says("yes")
    old = study.program.schedules["social-workers", "en"].version
    assert study.count_of(consents, consents.c.version == old) == 2
    study.leave()
    study.says("yes")
    assert study.count_of(consents, consents.c.version != old) == 1


def test_statements_that_have_changed_are_put_to_them_before_the_language_changes(study: World) -> None:
    study.consented()
    rules = welsh(study)
    english = rules.schedules["social-workers", "en"]
    new = [one.model_copy(update={"short": "Other words. YES or NO?"}) for one in english.statements[:1]]
    rules = replace(rules, schedules={**rules.schedules, ("social-workers", "en"): english.with_statements(new)})
    with pytest.raises(OwnPaceError, match=r"Statements have changed .* run reconfirm first"):
        study.run(adapting.change, study.program.terms, rules, "SW01", {"language": "cy"}, "Ann")


def test_a_language_that_asks_something_else_is_refused(study: World) -> None:
    study.consented()
    english = study.program.schedules["social-workers", "en"]
    rules = welsh(study, sections=english.sections[1:])
    with pytest.raises(OwnPaceError, match="has other statements or questions"):
        study.run(adapting.change, study.program.terms, rules, "SW01", {"language": "cy"}, "Ann")
    assert study.run(adapting.of, study.program.terms, "SW01")["language"] == "en"
