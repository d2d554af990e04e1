"""When a reminder is due, which one, and why none goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import prompts
from bot.interview.reminders import (
    USUAL,
    Ask,
    Decision,
    Guard,
    Ladder,
    Nothing,
    Remind,
    Silence,
    by_hand,
    decide,
    one_line,
    repeats_question,
)
from bot.interview.schedule import Wording
from tests.rig import ROOT

ASKED = datetime(2027, 1, 12, 10, tzinfo=UTC)
BEFORE = ASKED - timedelta(hours=1)


def day(number: float) -> datetime:
    """So many days after the question."""
    return ASKED + timedelta(days=number)


@pytest.mark.parametrize(
    ("reminded", "decision"),
    [
        ((), Remind(day(4), "reminder-1")),
        ((day(4),), Remind(day(10), "reminder-2")),
        ((day(4), day(10)), Ask(day(16), Guard.ENOUGH_IN_SILENCE)),
        ((day(8),), Remind(day(14), "reminder-2")),  # the first went late: the second keeps its distance
        ((day(1),), Remind(day(10), "reminder-2")),  # one by hand counts
        (tuple(day(-n) for n in (6, 5, 4, 3, 2, 1)), Ask(day(4), Guard.ENOUGH_IN_INTERVIEW)),
        (tuple(day(-n) for n in (5, 4, 3, 2, 1)), Remind(day(4), "reminder-2")),  # the last of the interview says so
    ],
)
def test_a_silence_brings_two_reminders_and_then_a_person(reminded: tuple[datetime, ...], decision: Decision) -> None:
    assert decide(Silence(ASKED, BEFORE, reminded)) == decision


def test_any_message_of_the_person_starts_the_ladder_anew() -> None:
    climbed = Silence(ASKED, BEFORE, (day(4), day(10)))
    heard = replace(climbed, heard=day(11))
    assert decide(heard) == Nothing(Guard.AWAITING_US)
    assert decide(replace(heard, asked=day(11.5))) == Remind(day(15.5), "reminder-1")


def test_another_message_of_ours_does_not_start_it_anew() -> None:
    """A researcher who writes into a silence moves the next reminder, and adds none."""
    assert decide(Silence(day(5), BEFORE, (day(4),))) == Remind(day(15), "reminder-2")


@pytest.mark.parametrize("guard", list(Guard)[: list(Guard).index(Guard.NOT_ASKED)])
def test_nobody_is_reminded_who_should_not_be_and_the_reason_is_said(guard: Guard) -> None:
    silence = Silence(ASKED, BEFORE, guards=frozenset({guard}))
    assert decide(silence) == Nothing(guard)
    assert by_hand(silence, day(2)) == Nothing(guard)


def test_of_several_reasons_the_gravest_is_said() -> None:
    assert decide(Silence(ASKED, guards=frozenset({Guard.PAUSED, Guard.STOPPED}))) == Nothing(Guard.STOPPED)


def test_nothing_asked_or_reminders_off_is_nothing_to_remind_of() -> None:
    assert decide(Silence(None)) == Nothing(Guard.NOT_ASKED)
    assert decide(Silence(ASKED), Ladder(())) == Nothing(Guard.SWITCHED_OFF)


def test_a_coordinator_need_not_wait_for_the_step_but_has_the_same_most() -> None:
    assert by_hand(Silence(ASKED), day(1)) == Remind(day(1), "reminder-1")
    assert by_hand(Silence(ASKED, reminded=(day(1),)), day(2)) == Remind(day(2), "reminder-2")
    assert by_hand(Silence(ASKED, reminded=(day(1), day(2))), day(3)) == Nothing(Guard.ENOUGH_IN_SILENCE)
    assert by_hand(Silence(ASKED), day(1), Ladder(())) == Remind(day(1), "reminder-1")
    assert by_hand(Silence(ASKED), day(0.9), Ladder(())) == Nothing(Guard.FRESH)
    assert by_hand(Silence(ASKED), day(0.9)) == Nothing(Guard.FRESH)
    quick = Ladder((timedelta(hours=4), timedelta(days=10)))
    assert by_hand(Silence(ASKED), day(0.1), quick) == Nothing(Guard.FRESH)
    assert by_hand(Silence(ASKED), day(0.2), quick) == Remind(day(0.2), "reminder-1")
    six = Silence(ASKED, BEFORE, tuple(day(-n) for n in (6, 5, 4, 3, 2, 1)))
    assert by_hand(six, day(3)) == Nothing(Guard.ENOUGH_IN_INTERVIEW)


def test_a_phone_that_others_see_is_told_only_that_a_message_is_ready() -> None:
    assert decide(Silence(ASKED, discreet=True)) == Remind(day(4), "template-reopen")


steps = st.lists(st.integers(1, 30), min_size=1, max_size=4, unique=True).map(
    lambda days: tuple(timedelta(days=day) for day in sorted(days))
)


@given(st.builds(Ladder, steps, st.integers(1, 3), st.integers(1, 8)), st.lists(st.integers(0, 400), max_size=8))
def test_an_interview_of_silences_never_breaks_the_ladder(ladder: Ladder, answers: list[int]) -> None:
    """Someone answers some hours after each reminder or question, or not: neither most is ever passed."""
    silence = Silence(ASKED)
    for hours in answers:
        in_silence = 0
        while isinstance(decision := decide(silence, ladder), Remind):
            if decision.due > (silence.asked or ASKED) + timedelta(hours=hours):
                break
            assert all(decision.due - moment >= timedelta(days=1) for moment in silence.reminded[-in_silence:])
            silence = replace(silence, reminded=(*silence.reminded, decision.due))
            in_silence += 1
        assert in_silence <= min(ladder.in_silence, len(ladder.steps))
        heard = max((silence.asked or ASKED) + timedelta(hours=hours), *silence.reminded[-1:], ASKED) + timedelta(
            hours=1
        )
        silence = replace(silence, heard=heard, asked=heard + timedelta(hours=1))
    assert len(silence.reminded) <= ladder.in_interview
    assert all(earlier < later for earlier, later in pairwise(silence.reminded))
    assert USUAL.in_interview == 6


@pytest.mark.parametrize(("days", "repeats"), [(0, False), (2.9, False), (3, True), (60, True)])
def test_after_three_silent_days_the_question_is_repeated(days: float, repeats: bool) -> None:
    assert repeats_question(day(days), BEFORE, ASKED) is repeats
    assert repeats_question(day(days), ASKED, BEFORE) is repeats


def test_one_who_was_never_asked_hears_no_repetition() -> None:
    assert repeats_question(day(9), None, None) is False


# One line

LONG = (
    "This question is about privacy and safety, and you may skip it. How private and how safe does it feel to use "
    "phone, text, email or video with a social worker?"
)


@pytest.mark.parametrize(
    ("question", "limit", "line"),
    [
        ("What happened?", 60, "What happened?"),
        ("What\nhappened,  then?", 60, "What happened, then?"),
        (LONG, 200, LONG),
        (LONG, 100, "How private and how safe does it feel to use phone, text, email or video with a social worker?"),
        (LONG, 60, "How private and how safe does it feel to use phone, text..."),
        ("Who helps? Do you want that help? Please think of home.", 40, "Who helps? Do you want that help?"),
        ("Who helps? Do you want that help? Please think of home.", 20, "Who helps?"),
        ("Do you use phones (or text, or email) with anyone at all?", 30, "Do you use phones..."),
        ("Do you hear from {researcher} often, or never at all?", 26, "Do you hear from..."),
        ("Please tell us about a good call.", 20, "Please tell us..."),
    ],
)
def test_a_question_is_told_in_one_line(question: str, limit: int, line: str) -> None:
    assert one_line(question, limit) == line


@given(st.text(alphabet="ab cd,.?()[]{}“”\n'-é😀"), st.integers(10, 80))
def test_one_line_is_one_line_and_no_longer(question: str, limit: int) -> None:
    line = one_line(question, limit)
    assert len(line) <= limit
    assert "\n" not in line


def test_the_studys_own_questions_fit_a_line_without_losing_a_bracket() -> None:
    for schedule in prompts.load(ROOT / "prompts").values():
        for question in schedule.questions:
            for wording in Wording:
                line = one_line(question.worded(wording), 100)
                assert 8 <= len(line) <= 100
                assert line.count("(") == line.count(")")
                assert line.endswith(("?", "...", "."))
