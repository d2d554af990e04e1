"""What one person needs, as columns of the enrolment file say it, turned into settings that act.

settle          how long they are quiet before an answer counts as whole: 1m to 72h
review          how long a person may look before the next question: 0, 4h, or manual
questions_a_day the most questions in a day
days, hours     when they want to hear from us: "mon, tue, sat" and "10:00-16:00"
no_contact      dates without a message: "2027-02-01..2027-02-14", several with ; between
prompts         yes: stock follow-up questions are welcome
discreet        yes: others may see their phone
no_calls        yes: they are never offered a call
safe_contact    how the team may safely reach them, in words: whoever is fetched is told to read it first
call            how they want to be called: phone, video or bsl
who             whose words they write: own, help, behalf, or ask
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from bot.channel import duration
from bot.interview.quiet import Minutes
from bot.interview.rota import CallWay, Day
from bot.interview.state import Pace, Who

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(hours=72)
"""Of a settle time."""

WHO = {"own": Who.OWN, "help": Who.HELP, "behalf": Who.BEHALF, "ask": None}
_DAYS = {day.value[:3]: number for number, day in enumerate(Day)}
_YES_OR_NO = {"yes", "no", "true", "false", "1", "0", "y", "n", "on", "off"}


def onto(pace: Pace, attributes: Mapping[str, str]) -> Pace:
    """The study's pace with the person's own over it. Raises ValueError with the column and the mend."""
    columns = frozenset((key, value) for key, value in attributes.items() if key in _READERS)
    return _onto(pace, columns) if columns else pace


@lru_cache(maxsize=1000)
def _onto(pace: Pace, columns: frozenset[tuple[str, str]]) -> Pace:
    return replace(pace, **dict(_read(columns)))


def _read(columns: frozenset[tuple[str, str]]) -> Iterator[tuple[str, Any]]:
    for column, written in columns:
        field, reader = _READERS[column]
        try:
            yield field, reader(written.strip().casefold())
        except ValueError as problem:
            raise ValueError(f"{column} {written!r} {problem}") from None


def problem(pace: Pace, attributes: Mapping[str, str], zone: ZoneInfo) -> str | None:
    """What is wrong with the columns, with the mend, or None."""
    try:
        onto(pace, attributes).rules(zone)
    except ValueError as why:
        return str(why)
    for column in ("discreet", "no_calls", "prompts"):
        if attributes.get(column, "no").strip().casefold() not in _YES_OR_NO:
            return f"{column} {attributes[column]!r} must be yes or no"
    if attributes.get("who", "own").strip().casefold() not in WHO:
        return f"who {attributes['who']!r} must be own, help, behalf or ask"
    if attributes.get("call", "phone").strip().casefold() not in list(CallWay):
        return f"call {attributes['call']!r} must be {', '.join(CallWay)}"
    return None


def _settle(written: str) -> timedelta:
    length = duration(written)
    if not SHORTEST <= length <= LONGEST:
        raise ValueError("must be from 1m to 72h")
    return length


def _review(written: str) -> timedelta | None:
    return None if written == "manual" else duration(written)


def _count(written: str) -> int:
    if not re.fullmatch(r"\d{1,2}", written, re.ASCII):
        raise ValueError("must be a number; 0 for as many as they like")
    return int(written)


def _days(written: str) -> frozenset[int]:
    names = re.findall(r"[^\s,;]+", written)
    if not names or any(name[:3] not in _DAYS for name in names):
        raise ValueError('must be days of the week, as in "mon, tue, sat"')
    return frozenset(_DAYS[name[:3]] for name in names)


def _hours(written: str) -> Minutes:
    found = re.fullmatch(r"(\d\d:\d\d)\s*-\s*(\d\d:\d\d)", written)
    try:
        start, end = (time.fromisoformat(each) for each in found.groups()) if found else (time(), time())
    except ValueError:
        start = end = time()
    if start == end:
        raise ValueError('must be two times of day, as in "10:00-16:00"')
    return start.hour * 60 + start.minute, end.hour * 60 + end.minute


def _no_contact(written: str) -> tuple[tuple[date, date], ...]:
    try:
        spans = [span.split("..") for span in written.split(";")]
        dates = tuple((date.fromisoformat(span[0].strip()), date.fromisoformat(span[-1].strip())) for span in spans)
    except ValueError:
        dates = ((date.max, date.min),)
    if any(start > end for start, end in dates):
        raise ValueError('must be dates, as in "2027-02-01..2027-02-14"; put ; between several')
    return dates


_READERS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "settle": ("settle", _settle),
    "review": ("review", _review),
    "questions_a_day": ("questions_a_day", _count),
    "days": ("days", _days),
    "hours": ("hours", _hours),
    "no_contact": ("away", _no_contact),
}

SETTINGS = (*_READERS, "prompts", "discreet", "no_calls", "safe_contact", "call", "who")
"""The columns that act."""
