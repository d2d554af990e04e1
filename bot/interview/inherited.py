"""What is left in a study's texts of the study that came with the program: its subject, which is not theirs."""

from __future__ import annotations

from collections.abc import Iterator

from bot.interview.discreet import blocked
from bot.interview.lint import Finding, Severity
from bot.interview.schedule import Schedule, Text, Wording

SUBJECT = ("social work*", "social care")
"""How our own texts name what they are about; * stands for any ending."""


def inherited(schedule: Schedule) -> list[Finding]:
    """The first word of our subject in each stock text and statement of a schedule that asks about something else."""
    if blocked(" ".join(_asked(schedule)), SUBJECT):
        return []
    texts = (*schedule.texts.items(), *((statement.id, statement) for statement in schedule.statements))
    return [_finding(key, *found) for key, text in texts for found in _found(text)[:1]]


def _asked(schedule: Schedule) -> Iterator[str]:
    yield schedule.title
    yield from (section.title for section in schedule.sections)
    for asked in (*schedule.eligibility, *schedule.questions):
        yield from (asked.worded(wording) for wording in Wording)


def _found(text: Text) -> list[tuple[Wording, str]]:
    return [(wording, word) for wording in Wording for word in blocked(text.worded(wording), SUBJECT)]


def _finding(key: str, wording: Wording, word: str) -> Finding:
    mend = "if that is left from the study that came with the program, write your own"
    problem = f"speaks of '{word}', which no question here does: {mend}"
    return Finding(key, wording, problem, (key, wording.value), Severity.NOTE)
