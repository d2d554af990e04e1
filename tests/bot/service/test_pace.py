"""Pace, as it reaches a phone: what waits, what is reminded, what leaves after a night, an outage or a hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar
from sqlalchemy import select

from bot.channel import Ability, Channel
from bot.errors import ConfigError, EnrolmentError, NotSent, OwnPaceError
from bot.interview.schedule import Wording
from bot.interview.state import State
from bot.messages import Address, Inbound
from bot.records import participants
from bot.records.tables import audit, consents, messages, tasks, timers
from bot.records.unit_of_work import UnitOfWork
from bot.service import (
    alerts,
    calls,
    conversations,
    copies,
    enrolment,
    handovers,
    holding,
    intake,
    invitations,
    moves,
    outcomes,
    progress,
    reminding,
    switch,
)
from bot.service.enrolment import Entry
from tests.bot.world import PHONE, World, world


class Anything(Channel):
    """A channel that takes anything; nothing is ever really sent in these tests."""

    abilities = frozenset({Ability.WRITES_FIRST})

    def __init__(self, kind: str) -> None:
        self.kind = kind


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, {"sms": Anything("sms")}) as made:
        yield made


def say(study: World, text: str, **more: object) -> None:
    inbound = Inbound(f"SM{next(study.numbers)}", PHONE, text, text.encode(), **more)  # type: ignore[arg-type]  # names of Inbound
    study.run(intake.receive, study.program.terms, inbound)


def to_the_first_question(study: World, **columns: str) -> str:
    code = study.enrol(attributes=columns)
    while study.record(code).row.state != "Answering":
        study.leave()
        say(study, "yes")
    study.leave()
    return code


def wake(study: World, **length: float) -> None:
    study.clock.forward(**length)
    study.run(conversations.wake, study.program.terms)


def interview(study: World, code: str) -> Any:
    found = study.program.database.read_now(participants.by_code, study.program.terms, code)
    assert found is not None
    return found.interview


# What leaves, and when


def find(study: World, text: str, *, hours: float) -> None:
    """A message that they sent so long ago, and the provider was asked for only now."""
    inbound = Inbound(f"SM{next(study.numbers)}", PHONE, text, b"", study.clock.now - timedelta(hours=hours))
    study.run(intake.missed, study.program.terms, "sms", inbound)


@pytest.mark.parametrize("text", ["HELP", "SKIP", "I ring her first.", "PERSON", "STOP"])
def test_what_was_written_in_the_evening_and_is_found_at_night_is_answered_in_the_morning(
    study: World, text: str
) -> None:
    """As where the power failed at eleven, and came back at three."""
    to_the_first_question(study)
    study.clock.now = study.clock.now.replace(hour=3) + timedelta(days=1)
    find(study, text, hours=4)
    for minutes in (0, 25, 335 - 25):
        wake(study, minutes=minutes)
        assert study.leave() == []
    wake(study, minutes=25)
    assert study.leave() != [], "at nine"


def test_signs_of_distress_are_answered_at_any_hour_however_late_they_are_found(study: World) -> None:
    to_the_first_question(study)
    study.clock.now = study.clock.now.replace(hour=3) + timedelta(days=1)
    find(study, "I want to die", hours=4)
    (reply,) = study.leave()
    assert "116 123" in reply


def test_an_invitation_that_is_found_at_night_is_answered_in_the_morning(study: World) -> None:
    study.enrol(Address("sms", "+447700900777"))
    study.leave()
    group, soon = invitations.Group("social-workers"), study.clock.now + timedelta(days=9)
    (code,) = study.run(invitations.make, study.program.rules, group, 1, soon, "Kim")
    study.clock.now = study.clock.now.replace(hour=3) + timedelta(days=1)
    find(study, f"JOIN {code}", hours=4)
    assert study.leave() == []
    wake(study, hours=6)
    assert study.leave() != []


@pytest.mark.parametrize("right", [True, False])
def test_a_code_that_is_found_at_night_is_answered_in_the_morning(tmp_path: Path, *, right: bool) -> None:
    with world(tmp_path, {"sms": Anything("sms"), "email": Anything("email")}) as study:
        study.consented()
        for words in ("CHANGE", "email", "sam@example.org"):
            study.says(words)
        code = next(match[1] for body in study.leave() if (match := re.search(r"code is (\d{6})", body)))
        study.clock.now = study.clock.now.replace(hour=3) + timedelta(days=1)
        find(study, code if right else "000000", hours=4)
        assert study.leave() == []
        wake(study, hours=6)
        assert study.leave() != []


def test_a_message_that_could_not_leave_in_the_evening_does_not_leave_at_night(study: World) -> None:
    code = to_the_first_question(study, settle="1h")
    study.clock.forward(days=1)
    say(study, "By phone")
    wake(study, hours=1)  # the next question, at one o'clock
    (claimed,) = study.claim()
    study.run(outcomes.not_sent, study.program.terms, claimed, NotSent("no way out"))
    study.clock.forward(hours=12)
    assert study.claim() == [], "a text at one in the morning"
    study.clock.forward(hours=8)
    assert len(study.leave()) == 1
    assert study.record(code).row.state == "Answering"


def test_a_reply_that_waited_out_an_outage_is_no_reply_any_more(study: World) -> None:
    to_the_first_question(study)
    say(study, "HELP")
    study.clock.forward(hours=14)
    assert study.claim() == [], "the answer to HELP, fourteen hours late at two in the morning"
    say(study, "HELP")
    assert len(study.leave()) == 2


def test_four_a_day_at_the_most_however_much_waits(study: World) -> None:
    code = study.enrol()
    assert len(study.leave()) == 4, "the information and the first statement"
    study.run(handovers.take_over, study.program.terms, code, "Ann")
    study.run(handovers.hand_back, study.program.terms, code, "Ann")
    assert study.claim() == []
    study.clock.forward(hours=24)
    assert len(study.leave()) == 1


def test_others_may_see_the_phone_so_the_question_waits_until_they_say_yes(study: World) -> None:
    to_the_first_question(study, discreet="yes", settle="1h")
    study.clock.forward(days=1)
    say(study, "By phone")
    wake(study, hours=1)
    (ready,) = study.leave()
    assert "message ready for you" in ready
    assert study.leave() == []
    study.clock.forward(days=1)
    say(study, "Yes")
    (question,) = study.leave()
    assert question.startswith("Q2 of")
    yes = study.record("SW01").entries[-1]
    assert (yes.body, yes.belongs) == ("Yes", "choice")


READY = "We have a message ready for you"


def test_others_may_see_the_phone_so_the_next_question_does_not_come_by_itself_minutes_after_an_answer(
    study: World,
) -> None:
    code = to_the_first_question(study, discreet="yes")
    say(study, "By phone")
    wake(study, minutes=20)
    (ready,) = study.leave()
    assert READY in ready
    say(study, "and by text")
    assert study.leave() == []
    assert study.record(code).entries[-1].question == "b-now", "they have not seen another question yet"
    say(study, "Yes")
    (question,) = study.leave()
    assert question.startswith("Q2 of")
    say(study, "With them")
    say(study, "DONE")
    assert [body[:5] for body in study.leave()] == ["Q3 of"], "that they asked for themselves"


@pytest.mark.parametrize("word", ["Yes", "READY", "SKIP"])
def test_a_yes_that_is_found_hours_later_brings_nothing_to_a_phone_that_others_may_see(study: World, word: str) -> None:
    to_the_first_question(study, discreet="yes")
    say(study, "By phone")
    wake(study, minutes=20)
    (ready,) = study.leave()
    study.clock.now = study.clock.now.replace(hour=3) + timedelta(days=1)
    find(study, word, hours=4)
    assert study.leave() == []
    study.clock.now = study.clock.now.replace(hour=11)
    assert study.leave() == [ready]
    say(study, "Yes")
    assert [body[:5] for body in study.leave()] == ["Q2 of"]


def test_a_message_that_is_linked_hours_later_brings_nothing_to_a_phone_that_others_may_see(study: World) -> None:
    code = to_the_first_question(study, discreet="yes")
    say(study, "By phone")
    wake(study, minutes=20)
    (ready,) = study.leave()
    study.says("READY", Address("sms", "+447700900888"))
    study.clock.forward(hours=22)
    study.leave()
    (held,) = study.program.database.read_now(
        lambda uow: uow.all(select(messages.c.id).where(messages.c.belongs == "held", messages.c.direction == "in"))
    )
    study.run(holding.link, study.program.terms, held["id"], code, "kim", "They told me.", True)
    assert study.leave() == [ready]
    say(study, "Yes")
    assert [body[:5] for body in study.leave()] == ["Q2 of"]


@pytest.mark.parametrize("words", ["who is this", "wrong number", "Hello?", "?"])
def test_whoever_finds_the_phone_and_asks_hears_only_that_a_message_is_ready(study: World, words: str) -> None:
    study.enrol(attributes={"discreet": "yes"})
    (ready,) = study.leave()
    say(study, words)
    assert study.leave() == [ready]
    say(study, "yes")
    assert [body[:9] for body in study.leave()] == ["Hello Sam", "We will n", "We will n", "1. I have"]


def test_whoever_finds_the_phone_and_sends_help_hears_nothing_of_the_questions(study: World) -> None:
    to_the_first_question(study, discreet="yes", settle="1h")
    study.clock.forward(days=5)
    say(study, "HELP")
    (told,) = study.leave()
    assert told.endswith("01632 960000.")


@pytest.mark.parametrize("words", ["no", "No thanks"])
def test_a_no_to_what_is_ready_is_a_break_until_they_say_ready(study: World, words: str) -> None:
    code = study.enrol(attributes={"discreet": "yes"})
    study.leave()
    say(study, words)
    assert study.leave() == ["We will not send anything until you tell us. Reply READY to start again."]
    wake(study, days=30)
    assert study.leave() == []
    say(study, "READY")
    assert len(study.leave()) == 4
    assert study.record(code).row.state == "Reading the statements"


def test_a_yes_after_such_a_no_is_no_answer_to_a_question_that_they_have_not_read(study: World) -> None:
    code = to_the_first_question(study, discreet="yes")
    say(study, "By phone")
    wake(study, minutes=20)
    study.leave()
    say(study, "Not now")
    study.leave()
    study.clock.forward(hours=20)
    say(study, "Yes")
    assert [body[:5] for body in study.leave()] == ["Q2 of"]
    assert next(e.belongs for e in reversed(study.record(code).entries) if e.incoming) == "choice"


def test_others_may_see_the_phone_so_a_copy_waits_until_they_say_yes(study: World) -> None:
    code = to_the_first_question(study, discreet="yes")
    say(study, "By phone, mostly")
    say(study, "COPY")
    study.leave()
    study.clock.forward(minutes=5)
    study.run(copies.send_copy, study.program.terms, code, "kim")
    (ready,) = study.leave()
    assert READY in ready
    say(study, "Yes")
    assert any("By phone, mostly" in body for body in study.leave())


@pytest.mark.parametrize("word", ["YES", "READY", "NO"])
def test_what_they_say_to_what_is_ready_says_nothing_of_the_copy_that_it_asks_them_about(
    study: World, word: str
) -> None:
    code = to_the_first_question(study, discreet="yes", settle="1h")
    while interview(study, code).schedule.questions[-1].id != interview(study, code).position:
        say(study, "By phone")
        say(study, "DONE")
        if interview(study, code).state is State.HANDOVER:
            study.run(handovers.hand_back, study.program.terms, code, "Ann")
        study.leave()
        study.clock.forward(minutes=2)
    say(study, "By phone")
    study.clock.now = study.clock.now.replace(hour=12) + timedelta(days=2)
    wake(study)
    assert [READY in body for body in study.leave()] == [True]
    for said in (word, "READY") if word == "NO" else (word,):
        say(study, said)
    assert ["copy of your answers" in body for body in study.leave()] == [True]
    assert study.open_tasks() == []
    say(study, "Yes")
    assert study.open_tasks() == ["copy asked"]


def test_a_call_that_is_over_is_told_to_nobody_who_says_yes_later(study: World) -> None:
    code = to_the_first_question(study, discreet="yes")
    say(study, "CALL")
    say(study, "1")
    assert any(body.startswith("Your call with") for body in study.leave())
    booked = interview(study, code).call.start
    study.clock.now = booked - timedelta(hours=1)
    wake(study)
    (ready,) = study.leave()
    assert READY in ready
    study.clock.now = booked + timedelta(days=1)
    say(study, "Yes")
    assert study.leave() == []
    study.run(handovers.hand_back, study.program.terms, code, "Ann")
    assert [body[:5] for body in study.leave()] == ["Q1 of"], "and what comes after it leaves"


def test_others_may_see_the_phone_so_a_hand_back_gives_nothing_away_either(study: World) -> None:
    study.enrol(attributes={"discreet": "yes"})
    (ready,) = study.leave()
    assert "message ready for you" in ready
    study.run(handovers.take_over, study.program.terms, "SW01", "Ann")
    study.run(handovers.hand_back, study.program.terms, "SW01", "Ann")
    for _ in range(3):
        study.clock.forward(days=1)
        assert study.leave() == []
    say(study, "Yes")
    assert any("study" in words for words in study.leave())


def test_others_may_see_the_phone_and_who_wrote_since_is_told_anew_that_a_message_is_ready(study: World) -> None:
    study.enrol(attributes={"discreet": "yes"})
    study.leave()
    study.run(handovers.take_over, study.program.terms, "SW01", "Ann")
    study.clock.forward(days=1)
    say(study, "Who are you?")
    study.clock.forward(days=1)
    study.run(handovers.hand_back, study.program.terms, "SW01", "Ann")
    (ready,) = study.leave()
    assert "message ready for you" in ready
    study.clock.forward(days=1)
    assert study.leave() == []
    say(study, "Yes")
    assert any("study" in words for words in study.leave())


def test_others_may_see_the_new_address_too_so_what_waited_waits_there_until_they_say_yes(tmp_path: Path) -> None:
    mailbox = Address("email", "sam@example.org")
    with world(tmp_path, {"sms": Anything("sms"), "email": Anything("email")}) as study:
        study.enrol(attributes={"discreet": "yes"})
        study.leave()
        study.clock.forward(days=1)
        study.run(moves.move, study.program.terms, "SW01", "email", mailbox.value, "Ann")
        (ready,) = study.leave()
        assert "message ready for you" in ready
        study.clock.forward(days=1)
        assert study.leave() == []
        study.says("Yes", mailbox)
        assert any("thank you for joining" in words for words in study.leave())


def test_while_the_switch_is_off_nothing_leaves_and_then_all_of_it_in_order(study: World) -> None:
    to_the_first_question(study)
    study.run(switch.hold, "coordinator")
    say(study, "HELP")
    say(study, "AGAIN")
    assert study.claim() == []
    assert not study.run(switch.hold, "coordinator"), "it is on hold already"
    study.run(switch.release, study.program.terms, "coordinator")
    assert [body[:8] for body in study.leave()] == ["You can ", "Q1 of 14"]
    assert study.count_of(audit, audit.c.act.in_(["held all outgoing messages", "released outgoing messages"])) == 2


def test_a_release_sends_one_reminder_where_two_have_waited(study: World) -> None:
    to_the_first_question(study)
    wake(study, days=4)
    study.run(switch.hold, "coordinator")
    study.run(reminding.remind, study.program.terms, "coordinator", ["SW01"])
    study.clock.forward(days=1)
    study.run(switch.release, study.program.terms, "coordinator")
    assert len(study.leave()) == 1


# Reminders


def test_a_reminder_is_not_due_before_the_question_has_really_left(study: World) -> None:
    to_the_first_question(study)
    say(study, "AGAIN")
    wake(study, days=5)  # an outage: the answer to AGAIN has not left
    assert study.count_of(messages, messages.c.texts == "reminder-1") == 0
    study.leave()
    wake(study, days=3)
    assert study.count_of(messages, messages.c.texts == "reminder-1") == 0
    wake(study, days=2)
    assert study.count_of(messages, messages.c.texts == "reminder-1") == 1


def test_a_reminder_comes_also_where_its_timer_was_set_again_while_both_were_late(study: World) -> None:
    """The worker was away while an answer became whole and the reminder of its question fell due."""
    to_the_first_question(study)
    study.clock.forward(days=3, hours=23, minutes=30)
    say(study, "A desk by the door")
    wake(study, minutes=45)  # the answer is whole after twenty minutes; the reminder was due after thirty
    assert any("2 of" in body for body in study.leave())
    reminders = [timer for timer in study.program.database.read_now(_timers) if timer["kind"] == "remind"]
    assert len(reminders) == 1
    wake(study, days=4, hours=1)
    assert len(study.leave()) == 1, "the reminder of the second question"


def _timers(uow: UnitOfWork) -> list[Any]:
    return uow.all(select(timers))


def test_whoever_writes_after_a_silence_is_silent_no_longer_and_the_next_silence_is_told_anew(study: World) -> None:
    code = to_the_first_question(study)
    be_silent(study)
    assert (stages(study, "Silent"), study.open_tasks()) == (1, ["silent"])
    say(study, "I was away", automatic=True)
    assert stages(study, "Silent") == 1
    say(study, "A desk by the door")
    assert (stages(study, "Silent"), stages(study, "Active"), study.open_tasks()) == (0, 1, [])
    wake(study, hours=1)
    be_silent(study)
    assert study.open_tasks() == ["silent"]
    assert study.record(code).tasks == ("silent",)


def be_silent(study: World) -> None:
    """Until a person is told."""
    for _ in range(30):
        study.leave()
        wake(study, days=1)


def stages(study: World, stage: str) -> int:
    board = study.program.database.read_now(progress.board)
    return next(line for line in board if not line.channel).stages[stage]


@pytest.mark.parametrize("reminders", [1, 2])
@pytest.mark.parametrize(
    ("word", "reply"),
    [
        ("Yes please", "Q1 of 14"),
        ("no", "We will not send anything until you tell us"),
        ("Not now thanks", "We will not send anything until you tell us"),
    ],
)
def test_a_yes_or_no_to_a_reminder_without_the_question_is_no_answer_to_the_question(
    study: World, word: str, reply: str, reminders: int
) -> None:
    code = to_the_first_question(study)
    for days in (4, 6)[:reminders]:
        wake(study, days=days)
        (reminder,) = study.leave()
        assert "social work" not in reminder
    say(study, word)
    assert [body[: len(reply)] for body in study.leave()] == [reply]
    assert study.record(code).entries[-2].belongs == "choice"
    assert interview(study, code).answer.parts == ()


def test_a_yes_to_a_reminder_that_shows_the_question_is_an_answer(study: World) -> None:
    code = to_the_first_question(study)
    for _ in range(11):
        say(study, "SKIP")
    study.leave()
    wake(study, days=4)
    (reminder,) = study.leave()
    assert "What rules, equipment, systems and training" in reminder
    say(study, "yes")
    assert (study.leave(), study.record(code).entries[-1].belongs) == ([], "answer")


def test_an_automatic_reply_holds_reminders(study: World) -> None:
    to_the_first_question(study)
    say(study, "I am away until Monday", automatic=True)
    wake(study, days=5)
    assert study.count_of(messages, messages.c.texts == "reminder-1") == 0


def test_a_reminder_that_waits_for_daylight_does_not_follow_what_they_write_meanwhile(study: World) -> None:
    code = to_the_first_question(study)
    wake(study, days=4, hours=10)  # ten at night: it waits for the morning
    assert study.claim() == []
    say(study, "By phone, mostly")
    study.clock.forward(hours=12)
    assert [body for body in study.leave() if body.startswith("Hello")] == []
    assert interview(study, code).reminded == ()


def test_a_reminder_that_waits_does_not_follow_a_break_of_a_week(study: World) -> None:
    to_the_first_question(study)
    wake(study, days=4, hours=10)
    say(study, "PAUSE 2")
    study.leave()
    wake(study, days=7, hours=12)
    assert [body[:11] for body in study.leave()] == ["Hello again", "Q1 of 14. P"]


def test_nobody_is_reminded_by_hand_of_what_has_not_left_or_left_a_moment_ago(study: World) -> None:
    to_the_first_question(study)
    say(study, "AGAIN")
    study.clock.forward(days=5)
    terms = study.program.terms
    assert [one.why_not for one in study.run(reminding.remind, terms, "Ann")] == ["awaiting us"]
    study.leave()
    assert [one.why_not for one in study.run(reminding.remind, terms, "Ann")] == ["asked only lately"]
    study.clock.forward(days=1)
    assert [one.why_not for one in study.run(reminding.remind, terms, "Ann")] == [""]


def test_two_coordinators_who_remind_on_one_evening_send_one_reminder(study: World) -> None:
    to_the_first_question(study)
    study.clock.forward(days=1, hours=9)
    terms = study.program.terms
    (first,), (second,) = (study.run(reminding.remind, terms, name, ["SW01"]) for name in ("Ann", "Ben"))
    assert (first.why_not, second.why_not) == ("", "reminded less than a day ago")
    study.clock.forward(hours=12)
    assert len(study.leave()) == 1


def test_reminding_by_hand_shows_first_and_keeps_to_the_same_guards(study: World) -> None:
    to_the_first_question(study)
    terms = study.program.terms
    (shown,) = study.program.database.read_now(reminding.preview, terms)
    assert (shown.why_not, shown.words) == ("asked only lately", ""), "a moment ago"
    study.clock.forward(days=1, hours=9)
    (shown,) = study.program.database.read_now(reminding.preview, terms)
    assert shown.words.startswith("Hello [SW01]"), "pages show codes"
    assert shown.at is not None
    assert (shown.at - study.clock.now, shown.at.hour) == (timedelta(hours=12), 9), "it is evening, so it waits"
    study.clock.forward(hours=12)
    assert study.claim() == []
    why_not = []
    for _ in range(3):
        why_not += [one.why_not for one in study.run(reminding.remind, terms, "coordinator")]
        study.clock.forward(days=2)  # the welcome was as much as one day may bring
        assert len(study.leave()) == (0 if why_not[-1] else 1)
    assert why_not == ["", "", "enough in this silence"]
    say(study, "PAUSE 1")
    assert study.run(reminding.remind, terms, "coordinator", ["sw01"])[0].why_not == "paused"
    with pytest.raises(OwnPaceError, match="no participant P99"):
        study.run(reminding.remind, terms, "coordinator", ["P99"])


# What one group, and what one person needs


def test_a_group_has_its_own_pace_and_a_person_theirs_over_it(tmp_path: Path) -> None:
    own = {"settle": "5m", "cohorts": {"social-workers": {"settle": "2h", "prompts": True}}}
    with world(tmp_path, {"sms": Anything("sms")}, pace=own) as study:
        paces = [interview(study, to_the_first_question(study)).pace]
        paces.append(interview(study, study.enrol(Address("sms", "+447700900555"), attributes={"settle": "3h"})).pace)
        other = Entry("disabled-adults", Address("sms", "+447700900556"), name="Sam")
        code = study.run(enrolment.enrol, study.program.terms, study.program.rules, other)
        paces.append(interview(study, code).pace)
        assert [(pace.settle.total_seconds() / 60, pace.prompts) for pace in paces] == [
            (120, True),
            (180, True),
            (5, False),
        ]
        study.clock.forward(days=1)
        study.leave()
        say(study, "By phone")
        followed = []
        for _ in range(2):
            wake(study, hours=1)
            followed.append(len(study.leave()))
        assert followed == [0, 1]


def test_a_pace_for_a_group_that_is_not_there_is_refused(tmp_path: Path) -> None:
    problem = r"social-worker in \[pace\.cohorts\] has no cohort to act on"
    wrong = world(tmp_path, {"sms": Anything("sms")}, pace={"cohorts": {"social-worker": {"caps": 2}}})
    with pytest.raises(ConfigError, match=problem), wrong:
        pass


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"settle": "10s"}, "settle '10s' must be from 1m to 72h"),
        ({"days": "someday"}, "must be days of the week"),
        ({"hours": "21:00-22:00"}, "preferred hours lie inside the quiet hours"),
        ({"hours": "25:00-26:00"}, "must be two times of day"),
        ({"no_contact": "2027-02-14..2027-02-01"}, "must be dates"),
        ({"questions_a_day": "many"}, "must be a number"),
        ({"discreet": "perhaps"}, "must be yes or no"),
        ({"who": "my aunt"}, "must be own, help, behalf or ask"),
        ({"call": "pigeon"}, "must be phone, video, bsl"),
    ],
)
def test_a_column_that_cannot_act_is_refused_with_the_mend(study: World, columns: dict[str, str], problem: str) -> None:
    entry = Entry("social-workers", Address("sms", "+447700900124"), wording=Wording.SHORT, attributes=columns)
    with pytest.raises(EnrolmentError, match=problem):
        enrolment.check(entry, study.program.rules)


def test_whose_words_they_are_is_kept_with_each_answer_and_each_consent(study: World) -> None:
    code = to_the_first_question(study, who="help")
    say(study, "By phone")
    assert interview(study, code).answer.who == "with help"


def test_somebody_who_answers_for_them_says_so_before_the_first_question(study: World) -> None:
    code = study.enrol(attributes={"who": "ask"})
    while "Is someone helping" not in (last := study.record(code).entries[-1]).body:
        assert not last.incoming
        study.leave()
        say(study, "yes")
    study.leave()
    say(study, "3")
    say(study, "By letter")
    assert interview(study, code).answer.who == "on behalf"
    assert study.count_of(consents, consents.c.helper.is_not(None)) == 0, "they had not said so when they agreed"


def test_a_person_reads_the_answer_before_the_next_question(study: World) -> None:
    code = to_the_first_question(study, review="manual")
    say(study, "By phone")
    say(study, "DONE")
    assert study.open_tasks() == ["to review"]
    wake(study, days=30)
    assert study.record(code).row.place == "Question 1 of 14"
    study.run(handovers.reviewed, study.program.terms, code, "Ann")
    assert study.record(code).row.place == "Question 2 of 14"
    assert study.open_tasks() == []
    with pytest.raises(OwnPaceError, match="No answer of SW01 waits"):
        study.run(handovers.reviewed, study.program.terms, code, "Ann")


@pytest.mark.parametrize(("word", "text"), [("PERSON", "person-asked"), ("COPY", "copy-asked")])
def test_a_task_says_by_when_they_were_told_that_it_is_done(study: World, word: str, text: str) -> None:
    to_the_first_question(study, safe_contact="Ring the neighbour")
    say(study, word)
    (told,) = study.leave()
    query = select(tasks.c.note).where(tasks.c.closed_at.is_(None))
    note = study.program.database.read_now(lambda uow: uow.execute(query).scalar_one())
    promised = note.removeprefix("They were told: by ").partition(".")[0]
    day, _, hour = promised.partition(", ")
    assert day in told
    assert hour in told or text == "copy-asked"
    assert alerts.SAFELY in note
    assert "neighbour" not in note


# Calls


def test_a_call_is_booked_with_an_invitation_and_moved_with_a_newer_one(study: World) -> None:
    code = to_the_first_question(study)
    say(study, "CALL")
    (offer,) = study.claim()
    assert "1: Wednesday 25 November" in offer.message.body
    assert offer.message.calendar is None
    study.run(outcomes.accepted, offer.seq, "SM0")
    say(study, "2")
    (leaving,) = study.claim()
    assert leaving.message.body.startswith("Your call with our researcher is on Wednesday 25 November")
    along = Calendar.from_ical(leaving.message.calendar or b"").events[0]
    assert str(along["summary"]) == "our study: call with our researcher"
    study.run(outcomes.accepted, leaving.seq, "SM1")
    first = study.program.database.read_now(calls.of, study.program.terms, code)
    say(study, "change call")
    say(study, "1")
    second = study.program.database.read_now(calls.of, study.program.terms, code)
    assert first is not None
    assert second is not None
    assert second.starts_at < first.starts_at
    before, after = (Calendar.from_ical(one.invitation).events[0] for one in (first, second))
    assert before["uid"] == after["uid"]
    assert (before["sequence"], after["sequence"]) == (0, 1)


def test_two_people_cannot_take_the_same_time(study: World) -> None:
    to_the_first_question(study)
    other = Address("sms", "+447700900555")
    study.enrol(other)
    study.leave()
    say(study, "CALL")
    study.run(intake.receive, study.program.terms, Inbound("o1", other, "CALL", b"CALL"))
    study.run(intake.receive, study.program.terms, Inbound("o2", other, "1", b"1"))
    say(study, "1")
    booked = study.program.database.read_now(calls.booked)
    assert len(booked) == 1
    again = study.leave()[-1]
    assert "1: Wednesday 25 November, 12:30 pm" in again, "the first time that is left"
