"""How long somebody wants to wait, in their own words: 'tomorrow', 'a fortnight', 'after the 12th'.

Only what is surely understood counts. All else is None: then it is asked once, and goes to a person after that.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from bot.interview.bank_holidays import is_bank_holiday, of_year
from bot.interview.commands import slips, words_of

LONGEST = timedelta(days=366)
"""A longer wait is for a person to talk about."""

_MENU = {"1": timedelta(days=1), "2": timedelta(days=7), "3": timedelta(days=30)}
_NUMBERS = {
    word: number
    for number, words in enumerate(
        ["", "a an one", "two couple", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
         "twelve", "", "fourteen"]
    )
    for word in words.split()
}  # fmt: skip
_UNITS = {
    "minute": timedelta(minutes=1), "min": timedelta(minutes=1), "hour": timedelta(hours=1), "hr": timedelta(hours=1),
    "day": timedelta(days=1), "week": timedelta(days=7), "wk": timedelta(days=7), "fortnight": timedelta(days=14),
    "month": timedelta(days=30), "year": timedelta(days=365),
}  # fmt: skip
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY_SHORT = {"mon": 0, "tue": 1, "tues": 1, "wed": 2, "weds": 2, "thu": 3, "thur": 3, "thurs": 3, "fri": 4,
                  "sat": 5, "sun": 6}  # fmt: skip
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")  # fmt: skip
_MONTH_SHORT = {"jan": 1, "feb": 2, "mar": 3, "apr": 4, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "sept": 9, "oct": 10,
                "nov": 11, "dec": 12}  # fmt: skip


def _spelt(names: tuple[str, ...], first: int) -> dict[str, int]:
    known = {name: number for number, name in enumerate(names, first)}
    return {slip: n for name, n in known.items() if len(name) > 5 for slip in slips(name)} | known


_WEEKDAY = _spelt(_WEEKDAYS, 0) | _WEEKDAY_SHORT
_MONTH = _spelt(_MONTHS, 1) | _MONTH_SHORT
_TOMORROW = {"tomorrow", "tommorow", "tommorrow", "tomorow", "tomoz", "tmrw", "tmr", "2moro", "tomorro"}

_LEADS = (
    "please", "ok", "okay", "yes", "can you", "could you", "can i have", "could i have", "can we", "may i have",
    "i want", "i need", "i would like", "i'd like", "id like", "give me", "let me have", "leave it", "leave me",
    "pause", "wait", "stop", "break", "a break", "a pause", "message me", "text me", "email me", "write to me",
    "ask me", "ask me again", "contact me", "come back", "come back to me", "try me", "try me again", "try again",
    "start again", "carry on", "for", "make it", "let's say", "say", "have", "we", "start", "again", "off",
)  # fmt: skip
_TAILS = ("please", "pls", "thanks", "thank you", "ok", "okay", "time", "from now", "off", "break", "pause", "if i can",
          "if that is ok", "if that's ok", "x", "instead", "again", "then", "if possible", "morning")  # fmt: skip
UNTIL = ("until", "till", "til", "untill", "not until", "not before", "not till")
_AFTER = ("after", "until after", "till after", "til after", "sometime after", "any time after", "not until after")
_ON = ("on", "from", "in", "at", "again on", "back on")


def understood(text: str, today: date) -> date | timedelta | None:
    """The local day on which to go on, or a length of time, or None where that is not sure.

    1, 2 and 3 are a day, a week and a month, as the menu has them. A month is thirty days.
    """
    words = _bare([word.replace("'til", "til") for word in words_of(text)])
    said = " ".join(words)
    if said in _MENU:
        return _MENU[said]
    length = _length(words)
    if length is not None:
        return length if timedelta() < length <= LONGEST else None
    day = _day(words, today)
    return day if day is not None and today < day <= today + LONGEST else None


def _bare(words: list[str]) -> list[str]:
    """The words without what people say around them."""
    said = " ".join(words)
    while True:
        lead = max((lead for lead in _LEADS if said.startswith(f"{lead} ")), key=len, default=None)
        tail = max((tail for tail in _TAILS if said.endswith(f" {tail}")), key=len, default=None)
        if lead is None and tail is None:
            return said.split()
        said = said.removeprefix(f"{lead} ") if lead else said.removesuffix(f" {tail}")


# Lengths


def _length(words: list[str]) -> timedelta | None:
    """'a week', 'in 3 days', 'two weeks' time', 'a couple of days', 'another week', 'next week'."""
    if words[:1] == ["in"] or words[:1] == ["another"] or words[:1] == ["within"]:
        words = [*(["a"] if words[0] == "another" and words[1:2] and words[1] in _UNITS else []), *words[1:]]
    if words in (["next", "week"], ["next", "month"]):
        words = ["a", words[1]]
    words = [word for word in words if word != "of"]
    if words[:1] == ["a"] and len(words) == 3 and _number(words[1]):
        words = words[1:]
    if len(words) == 1 and (found := re.fullmatch(r"(\d{1,3})([a-z]+)", words[0])):
        words = [found[1], found[2]]
    if len(words) == 1 and words[0] in ("day", "week", "month", "fortnight"):
        words = ["a", words[0]]
    if len(words) != 2:
        return None
    number, unit = _number(words[0]), _unit(words[1])
    return number * unit if number and unit else None


def _number(word: str) -> int | None:
    return int(word) if word.isascii() and word.isdigit() and len(word) < 4 else _NUMBERS.get(word)


def _unit(word: str) -> timedelta | None:
    singular = re.sub(r"('s|s'|s)$", "", word)
    return _UNITS.get(word) or _UNITS.get(singular)


# Days


def _day(words: list[str], today: date) -> date | None:
    said = " ".join(words)
    for relations, later in ((_AFTER, True), (UNTIL, False), (_ON, False), (("",), False)):
        for relation in sorted(relations, key=len, reverse=True):
            if not relation or said.startswith(f"{relation} "):
                rest = said.removeprefix(relation).strip()
                return _named(rest.removeprefix("the "), today, has_relation=bool(relation), later=later)
    return None


def _named(said: str, today: date, *, has_relation: bool, later: bool) -> date | None:
    """The day that was named, or with `later` the first one after it."""
    step = timedelta(days=later)
    if said in _TOMORROW:
        return today + timedelta(days=1) + step
    if said == "day after tomorrow" and not later:
        return today + timedelta(days=2)
    if said == "weekend":
        return _coming(today, 0) if later else _coming(today, 5)
    if said == "next week" and has_relation:
        return _coming(today, 0) + timedelta(days=7 * later)
    if said in ("end of the month", "next month") and has_relation:
        return _month(today.month % 12 + 1 + (later and said == "next month"), today)
    if (weekday := _weekday(said, today)) is not None:
        return weekday + step
    if has_relation and said in _MONTH and said not in ("mar",):
        return _month(_MONTH[said] + later, today)
    if (feast := _feast(said, today, later=later)) is not None:
        return feast
    dated = _dated(said, today)
    return dated + step if dated else None


def _weekday(said: str, today: date) -> date | None:
    """'Friday', 'this Friday', 'Monday week', 'a week on Monday', 'a week tomorrow'; 'next Friday' is not sure."""
    if said in ("a week tomorrow", "week tomorrow", "tomorrow week"):
        return today + timedelta(days=8)
    found = re.fullmatch(r"(?:(this|coming|this coming) |(a week on) )?(\w+)( week)?", said)
    if not found or found[3] not in _WEEKDAY:
        return None
    weeks = bool(found[2]) + bool(found[4])
    return None if weeks > 1 else _coming(today, _WEEKDAY[found[3]]) + timedelta(days=7 * weeks)


def _coming(today: date, weekday: int) -> date:
    """The first such weekday after today."""
    return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)


def _month(month: int, today: date) -> date:
    """The first day of that month after today; 13 is January."""
    month = (month - 1) % 12 + 1
    return date(today.year + (month <= today.month), month, 1)


def _feast(said: str, today: date, *, later: bool) -> date | None:
    """'After' Christmas, New Year or Easter is after the bank holidays that belong to it."""
    if said in ("new year", "the new year"):
        return date(today.year + 1, 1, 2) if today.month > 1 or today.day > 1 else date(today.year, 1, 2)
    if not later:
        return None
    if said in ("christmas", "xmas", "boxing day", "the christmas holidays"):
        day = date(today.year, 12, 25)
    elif said in ("easter", "bank holiday", "easter monday"):
        names = sorted(of_year(today.year) | of_year(today.year + 1))
        ahead = [d for d in names if d > today and (said == "bank holiday" or _is_good_friday(d))]
        day = ahead[0]
    else:
        return None
    while is_bank_holiday(day) or (said == "easter" and day.weekday() > 4):
        day += timedelta(days=1)
    return day


def _is_good_friday(day: date) -> bool:
    return day.weekday() == 4 and is_bank_holiday(day + timedelta(days=3)) and day.month in (3, 4)


_ORDINAL = r"(\d{1,2})(?:st|nd|rd|th)?"


def _dated(said: str, today: date) -> date | None:
    """'the 12th', '12 January', 'January 12th', '12/1', '12/01/27', '2027-01-12': day before month, as in Britain."""
    said = re.sub(r"\b(of|the)\b ?", "", said).strip()
    first, _, rest = said.partition(" ")
    said = rest if first in _WEEKDAY and rest else said
    if found := re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", said):
        return _date(int(found[1]), int(found[2]), int(found[3]))
    if found := re.fullmatch(r"(\d{1,2})[/.](\d{1,2})(?:[/.](\d{4}|\d\d))?", said):
        return _coming_date(int(found[1]), int(found[2]), found[3], today)
    if (found := re.fullmatch(rf"{_ORDINAL} ([a-z]+)(?: (\d{{4}}))?", said)) and found[2] in _MONTH:
        return _coming_date(int(found[1]), _MONTH[found[2]], found[3], today)
    if (found := re.fullmatch(rf"([a-z]+) {_ORDINAL}(?: (\d{{4}}))?", said)) and found[1] in _MONTH:
        return _coming_date(int(found[2]), _MONTH[found[1]], found[3], today)
    if found := re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)", said):
        return _coming_number(int(found[1]), today)
    return None


def _coming_date(day: int, month: int, year: str | None, today: date) -> date | None:
    if year:
        return _date(int(year) + (2000 if len(year) == 2 else 0), month, day)
    found = _date(today.year, month, day)
    return found if found and found > today else _date(today.year + 1, month, day)


def _coming_number(day: int, today: date) -> date | None:
    """The next day of that number; None on that very day, which may mean today or next month."""
    if day == today.day:
        return None
    month = today.month + (day < today.day)
    return _date(today.year + (month > 12), (month - 1) % 12 + 1, day)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
