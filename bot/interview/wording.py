"""Putting a text into words: the person's wording, with every placeholder filled."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING

from bot.interview.schedule import Eligibility, Schedule, Statement

if TYPE_CHECKING:  # the state holds a rota, and the rota puts its days into words
    from bot.interview.state import Interview

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def day(moment: date) -> str:
    """A day as a person would say it: 'Tuesday 24 November', at most 22 letters."""
    return f"{_DAYS[moment.weekday()]} {moment.day} {_MONTHS[moment.month - 1]}"


def full_date(moment: date) -> str:
    """A date with its year: '30 September 2027'."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def clock(moment: datetime) -> str:
    """A time of day as a person would say it: '5:00 pm', at most 8 letters."""
    half = "am" if moment.hour < 12 else "pm"
    return f"{(moment.hour - 1) % 12 + 1}:{moment.minute:02} {half}"


_OPEN = re.compile(r"\{(\w+)\}")
_OPEN_AND_BEFORE = re.compile(r"(,? )?\{(\w+)\}")


def fill(text: str, values: dict[str, str]) -> str:
    """The text with its placeholders filled; a value that opens a sentence starts with a capital.

    An empty value takes the comma or space before it along: "Thank you, {name}." becomes "Thank you."
    """
    if "{" not in text:
        return text
    text = _OPEN_AND_BEFORE.sub(lambda found: found[0] if values[found[2]] else "", text)

    def value(match: re.Match[str]) -> str:
        word = values[match[1]]
        before = text[: match.start()].rstrip()
        opens = not before or before[-1] in ".!?"
        return word[:1].upper() + word[1:] if opens else word

    return _OPEN.sub(value, text)


NAME = "{name}"
"""Where a researcher writes this in their message, the person's first name stands."""


class _Others(dict[str, str]):
    """Braces that a person wrote stay as they are."""

    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"


def called(text: str, name: str) -> str:
    """A researcher's words with the person's name where {name} stands."""
    return fill(text, _Others(name=name)) if NAME in text else text


def values(interview: Interview, **more: str) -> dict[str, str]:
    """What every text may name."""
    return {
        "study": interview.study.name,
        "phone": interview.study.phone,
        "name": interview.person.name,
        "researcher": interview.person.researcher,
        "channel": interview.person.channel,
        "cutoff": full_date(interview.person.cutoff),
        "total": str(interview.schedule.total),
        "version": interview.schedule.version[:6],
    } | more


def stock(interview: Interview, keys: Iterable[str], **more: str) -> str:
    """Stock texts as one message, a paragraph each."""
    known = values(interview, **more)
    texts = (interview.schedule.texts[key].worded(interview.person.wording) for key in keys)
    return "\n\n".join(fill(text, known) for text in texts)


def statement(interview: Interview, key: str) -> str:
    """A consent statement, or an eligibility question, as it is sent."""
    asked: tuple[Statement | Eligibility, ...] = (*interview.schedule.statements, *interview.schedule.eligibility)
    text = next(each for each in asked if each.id == key).worded(interview.person.wording)
    return fill(text if "YES or NO" in text else f"{text} YES or NO?", values(interview))


def question_named(schedule: Schedule, key: str) -> str:
    """A question as a text names it: 'question 3'; the closing one, which shows no number, is 'the last question'."""
    return "the last question" if schedule.question(key).closing else f"question {schedule.number(key)}"


def question(interview: Interview, key: str) -> str:
    """A question as it is sent: its place, its words, and that it may be missed; a sensitive one says so first."""
    schedule, wording = interview.schedule, interview.person.wording
    found = schedule.question(key)
    place = "" if found.closing else schedule.texts["progress"].worded(wording)
    hint = schedule.texts["skip-first" if found.sensitive else "skip-hint"].worded(wording)
    words = found.worded(wording)
    parts = [place, hint, words] if found.sensitive else [place, words, hint]
    return fill(" ".join(part for part in parts if part), values(interview, n=str(schedule.number(key))))
