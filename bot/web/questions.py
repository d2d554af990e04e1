"""The study's questions as pages name them: by their number, as people know them, and by their id, as exports do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.interview.schedule import Question, Schedule, Wording

Schedules = Mapping[tuple[str, str], Schedule]
"""By cohort and language. One question has the same id and number in each language."""


def names(schedules: Schedules) -> dict[str, str]:
    """'Q1 (a-now)' for each id."""
    return {question.id: f"{_place(schedule, question)} ({question.id})" for schedule, question in _each(schedules)}


def words(schedules: Schedules) -> dict[str, str]:
    """What each asks, by its id, in the standard wording of the first language."""
    return {question.id: question.worded(Wording.STANDARD) for _, question in _each(schedules)}


def _place(schedule: Schedule, question: Question) -> str:
    return "Closing" if question.closing else f"Q{schedule.number(question.id)}"


def _each(schedules: Schedules) -> Iterator[tuple[Schedule, Question]]:
    """In their order; of a question in several languages, the first comes last."""
    for key in sorted(schedules, key=lambda each: each[1] == "en"):
        for question in schedules[key].questions:
            yield schedules[key], question
