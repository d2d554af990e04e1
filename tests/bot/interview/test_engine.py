"""The promises of the engine, against whatever order of events hypothesis can think of."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant

from bot.interview import answering
from bot.interview.events import Belongs, Due, Enrolled, TimerKind, Worried
from bot.interview.schedule import Branch, Condition
from bot.interview.state import Interview, Menu, State
from tests.bot.interview.happening import ELIGIBILITY, QUESTIONS, STATEMENTS
from tests.bot.interview.player import Player
from tests.bot.interview.promises import Promises
from tests.bot.interview.small import interview


class Interviews(Promises):
    """One interview to which anything may happen, in any order and at any hour; what is true of it at every moment."""

    @invariant()
    def position_is_never_lost(self) -> None:
        now = self.player.interview if hasattr(self, "player") else None
        if now is None:
            return
        match now.state:
            case State.SCREENING:
                assert now.position in ELIGIBILITY
            case State.CONSENT:
                assert now.position in [*STATEMENTS, "c9"]
            case State.ACTIVE:
                assert now.position in QUESTIONS
                assert now.consented
            case State.INVITED | State.WAITING | State.INELIGIBLE | State.COMPLETE:
                assert now.position == ""
            case _:
                assert now.position in ["", *ELIGIBILITY, *STATEMENTS, "c9", *QUESTIONS]

    @invariant()
    def every_part_is_a_message_filed_under_its_question(self) -> None:
        if not hasattr(self, "player"):
            return
        parts = [(part, key) for key, answer in self.player.interview.answers.items() for part in answer.parts]
        assert max(Counter(part for part, _key in parts).values(), default=0) <= 1
        for part, key in parts:
            filed = self.player.filed[part]
            assert filed.question == key
            assert filed.belongs in (Belongs.ANSWER, Belongs.LATE)
            assert part not in self.player.removed

    @invariant()
    def every_answer_is_kept_unless_it_was_taken_back(self) -> None:
        if not hasattr(self, "player"):
            return
        kept = {part for answer in self.player.interview.answers.values() for part in answer.parts}
        for number, filed in self.player.filed.items():
            if filed.belongs is Belongs.ANSWER and number not in self.player.removed:
                assert number in kept

    @invariant()
    def the_ledger_says_what_the_interview_knows(self) -> None:
        if hasattr(self, "player"):
            said = {line.statement: line.agreed for line in self.player.ledger}
            said.pop("consent-again", None)
            now = self.player.interview
            assert said == dict(now.consent)

    @invariant()
    def a_restart_changes_nothing(self) -> None:
        if not hasattr(self, "player"):
            return
        now = self.player.interview
        again = Interview.restored(
            now.saved(), schedule=now.schedule, study=now.study, person=now.person, pace=now.pace
        )
        assert again == replace(now, answers=dict(now.answers), consent=dict(now.consent))
        before = {key: value for key, value in now.saved().items() if key != "promised"}  # of a version without it
        old = Interview.restored(before, schedule=now.schedule, study=now.study, person=now.person, pace=now.pace)
        assert old == replace(again, promised=None)

    @invariant()
    def nobody_is_forgotten(self) -> None:
        """While we wait for the person, or they for us, there is a timer that will ring, or a task for somebody."""
        now = self.player.interview if hasattr(self, "player") else None
        if now is None or now.state not in (State.SCREENING, State.CONSENT, State.ACTIVE) or not now.pace.ladder.steps:
            return
        if now.between:
            assert now.pace.review is None or TimerKind.REVIEW in self.player.timers
        else:
            assert self.given_up or self.player.timers.keys() & {TimerKind.REMIND, TimerKind.SETTLE}

    @invariant()
    def a_stock_follow_up_is_offered_once_at_the_most(self) -> None:
        if hasattr(self, "player"):
            assert sum(send.body == "Anything more?" for send in self.player.sent) <= 1


TestInterviews = Interviews.TestCase
TestInterviews.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("team", ["hospital", "Hospital", " HOSPITAL. "])
def test_a_branch_on_what_is_known_of_a_person_is_taken_however_a_spreadsheet_spells_it(team: str) -> None:
    begun = interview(attributes={"team": team})
    known = Branch(when=Condition.model_validate({"attribute": "Team", "is": "hospital"}), goto="a-hard")
    first, *others = begun.schedule.sections[0].questions
    section = begun.schedule.sections[0].model_copy(
        update={"questions": (first.model_copy(update={"branches": (known,)}), *others)}
    )
    made = begun.schedule.model_copy(update={"sections": (section, *begun.schedule.sections[1:])})
    following = answering.following(begun.but(schedule=made), "a-ways")
    assert following is not None
    assert following.id == "a-hard"


def test_the_end_of_an_earlier_pause_does_not_end_a_later_one() -> None:
    player = Player(interview())
    player.take(Enrolled())
    for text in ("yes", "yes", "yes", "PAUSE 1"):
        player.say(text)
    earlier = player.timers[TimerKind.RESUME]
    for text in ("READY", "PAUSE 2"):
        player.say(text)
    assert not player.take(Due(earlier.kind, earlier.position))
    later = player.timers[TimerKind.RESUME]
    assert player.take(Due(later.kind, later.position))


def test_no_times_for_a_call_are_open_any_more_once_somebody_is_in_distress() -> None:
    player = Player(interview())
    player.take(Enrolled())
    for text in ("yes", "yes", "yes", "PERSON", "CALL"):
        player.say(text)
    assert player.interview.menu is Menu.CALL
    player.take(Worried("Ann"))
    assert player.interview.menu is None
