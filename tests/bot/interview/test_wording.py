"""Texts as they are put into words."""

from __future__ import annotations

import pytest

from bot.interview import wording
from bot.interview.lint import filled
from bot.interview.schedule import PLACEHOLDERS
from tests.bot.interview.small import schedule


@pytest.mark.parametrize(("key", "named"), [("a-ways", "question 1"), ("a-close", "the last question")])
def test_a_question_is_named_by_the_number_that_a_person_sees(key: str, named: str) -> None:
    assert wording.question_named(schedule(), key) == named
    assert len(named) <= PLACEHOLDERS["question"] == len(filled("{question}"))
