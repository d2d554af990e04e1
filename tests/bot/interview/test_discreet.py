"""Reminders, templates and the study's name say nothing of what the study is about."""

from __future__ import annotations

import pytest

from bot import prompts
from bot.interview.discreet import blocked, exposed, study_name_problem
from bot.interview.lint import Severity
from bot.interview.schedule import Schedule, Text
from tests.rig import ROOT


def with_text(key: str, words: str) -> Schedule:
    schedule = prompts.load(ROOT / "prompts")[("social-workers", "en")]
    text = Text(standard="Fine.", easy_read=words, short="Fine.")
    return schedule.model_copy(update={"texts": {**schedule.texts, key: text}})


def test_the_studys_own_reminders_and_templates_are_neutral() -> None:
    for schedule in prompts.load(ROOT / "prompts").values():
        checked = [key for key in schedule.texts if key.startswith(("reminder-", "template-", "distress-discreet"))]
        assert {"reminder-1", "reminder-2", "template-reopen", "distress-discreet"} <= set(checked)
        assert [str(finding) for finding in exposed(schedule)] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Your DISABILITY interview", ("DISABILITY",)),
        ("Disabled people", ("Disabled",)),
        ("The social-work study", ("social-work",)),
        ("Social  workers and carers", ("Social  workers", "carers")),
        ("Adult social care", ("care",)),
        ("Mental health, health", ("Mental", "health")),
        ("Your council", ("council",)),
        ("Reply to our service users' panel", ("service users",)),
        ("Take care", ("care",)),
    ],
)
def test_a_blocked_word_is_found_however_it_is_written(text: str, words: tuple[str, ...]) -> None:
    assert blocked(text) == words


@pytest.mark.parametrize("text", ["Careful", "Own Pace", "No rush. Scarce", "pipe", "Social evening"])
def test_a_word_that_only_looks_like_one_is_free(text: str) -> None:
    assert blocked(text) == ()


@pytest.mark.parametrize(
    "key", ["reminder-1", "reminder-call", "template-reopen", "distress-discreet", "distress-discreet-asked"]
)
def test_a_text_that_others_may_read_is_told_with_its_name_and_the_mend(key: str) -> None:
    (finding,) = exposed(with_text(key, "Hello from the council."))
    assert str(finding) == (
        f"{key} (easy_read): says 'council', which tells others at a glance what the study is about; leave it out"
    )


def test_in_another_language_such_a_word_may_be_another_one() -> None:
    english = with_text("reminder-1", "Un mesaj care asteapta.")
    (wrong,) = exposed(english)
    (doubtful,) = exposed(english.model_copy(update={"language": "ro"}))
    assert (wrong.severity, doubtful.severity) == (Severity.WRONG, Severity.STYLE)


def test_a_question_may_say_what_it_asks() -> None:
    assert exposed(with_text("info-who", "Hello from the council.")) == []


def test_the_studys_name_is_neutral_too() -> None:
    assert study_name_problem("Own Pace") is None
    told = study_name_problem("Disability and care")
    assert told is not None
    assert "'Disability', 'care'" in told
