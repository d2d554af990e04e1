"""Texts as they are put into words."""

from __future__ import annotations

import pytest

from bot import prompts
from bot.interview import wording
from bot.interview.lint import filled
from bot.interview.schedule import PLACEHOLDERS, Wording
from tests.bot.interview.small import interview, schedule
from tests.rig import ROOT


@pytest.mark.parametrize(("key", "named"), [("a-ways", "question 1"), ("a-close", "the last question")])
def test_a_question_is_named_by_the_number_that_a_person_sees(key: str, named: str) -> None:
    assert wording.question_named(schedule(), key) == named
    assert len(named) <= PLACEHOLDERS["question"] == len(filled("{question}"))


@pytest.mark.parametrize("each", Wording)
def test_every_question_of_the_study_says_once_that_it_may_be_skipped(each: Wording) -> None:
    for made in prompts.load(ROOT / "prompts").values():
        asked = interview(wording=each).but(schedule=made)
        for question in made.questions:
            assert wording.question(asked, question.id).casefold().count("skip") == 1, question.id
