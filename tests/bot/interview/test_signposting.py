"""The numbers in the texts are the reviewed ones, and somebody is told when they want looking at."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from bot import prompts
from bot.errors import ScheduleError
from bot.interview.schedule import Schedule, Text
from bot.interview.signposting import unlisted
from tests.rig import ROOT

SIGNPOSTING = prompts.signposting(ROOT / "prompts")["en"]


def with_text(key: str, words: str) -> Schedule:
    schedule = prompts.load(ROOT / "prompts")[("social-workers", "en")]
    text = Text(standard=words, easy_read="Fine.", short="Fine.")
    return schedule.model_copy(update={"texts": {**schedule.texts, key: text}})


def test_every_number_in_the_studys_texts_is_a_reviewed_one() -> None:
    for schedule in prompts.load(ROOT / "prompts").values():
        assert [str(finding) for finding in unlisted(schedule, SIGNPOSTING)] == []


def test_the_places_people_are_sent_to_are_all_there() -> None:
    assert SIGNPOSTING.numbers() == {"999", "116123", "85258", "111", "18001"}
    assert {"emergency-bsl", "relay-uk", "council"} <= {each.id for each in SIGNPOSTING.signposts}


@pytest.mark.parametrize(("words", "number"), [("Call 116 124.", "116 124"), ("Text 85257 or 999.", "85257")])
def test_a_number_that_nobody_reviewed_is_named(words: str, number: str) -> None:
    (finding,) = unlisted(with_text("distress", words), SIGNPOSTING)
    assert str(finding).startswith(f"distress (standard): names the number {number}, which is not in signposting.yaml")


@pytest.mark.parametrize("words", ["Call 116123 or 116 123.", "Reply 1 or 2.", "999 BSL"])
def test_known_numbers_and_choices_pass(words: str) -> None:
    assert unlisted(with_text("distress", words), SIGNPOSTING) == []


def test_what_nobody_has_reviewed_is_told_until_somebody_has() -> None:
    """The files come unreviewed: a study's own safeguarding lead has to look before anybody is written to."""
    for fresh in (SIGNPOSTING, prompts.safeguarding(ROOT / "prompts")["en"]):
        told = fresh.overdue(date(2026, 1, 1))
        assert told is not None
        assert told.startswith("has never been reviewed; the study's safeguarding lead")


def test_numbers_want_reviewing_from_the_day_after() -> None:
    due = SIGNPOSTING.review_by
    reviewed = SIGNPOSTING.model_copy(update={"reviewed": due - timedelta(days=90)})
    assert reviewed.overdue(due) is None
    told = reviewed.overdue(due + timedelta(days=1))
    assert told is not None
    assert "safeguarding lead" in told
    assert str(due.year) in told


def test_a_damaged_file_names_its_line(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ROOT / "prompts", tmp_path / "prompts"))
    path = folder / "en" / "signposting.yaml"
    text = path.read_text(encoding="utf-8").replace("116 123", "one one six")
    path.write_text(text, encoding="utf-8")
    line = text[: text.index("one one six")].count("\n") + 1
    with pytest.raises(ScheduleError, match=f"signposting.yaml:{line}: samaritans: number must be figures and spaces"):
        prompts.signposting(folder)
