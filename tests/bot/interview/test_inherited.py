"""A study about something else is told which of its texts still speak of the subject of ours."""

from __future__ import annotations

from bot import prompts
from bot.interview.inherited import inherited
from bot.interview.lint import Severity
from bot.interview.schedule import Question, Schedule, Section
from tests.rig import ROOT


def asking(words: str) -> Schedule:
    """Our statements and texts around a question of somebody else's."""
    ours = prompts.load(ROOT / "prompts")[("social-workers", "en")]
    question = Question(id="first", standard=words, easy_read=words, short=words, closing=True)
    section = Section(id="one", title="Allotments", questions=(question,))
    theirs = ours.model_copy(update={"title": "Gardeners", "eligibility": (), "sections": (section,)})
    return Schedule.from_json(theirs.to_json())  # a copy keeps what was worked out of ours


def test_our_texts_in_another_study_are_warned_of_by_name_and_wording() -> None:
    info, thanks = inherited(asking("What do you grow?"))
    assert str(info) == (
        "info-who (standard): speaks of 'social care', which no question here does: if that is left from the study "
        "that came with the program, write your own"
    )
    assert thanks.place == ("thanks", "standard")
    assert {info.severity, thanks.severity} == {Severity.NOTE}


def test_a_study_that_asks_about_it_may_speak_of_it() -> None:
    assert inherited(asking("Has a social worker ever seen your garden?")) == []
    for schedule in prompts.load(ROOT / "prompts").values():
        assert inherited(schedule) == []
