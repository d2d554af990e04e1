"""How long somebody wants to wait, in their own words. Today is Tuesday 12 January 2027."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interview.ownwords import LONGEST, understood

TODAY = date(2027, 1, 12)


def days(number: float) -> timedelta:
    return timedelta(days=number)


def day(month: int, number: int, year: int = 2027) -> date:
    return date(year, month, number)


PHRASINGS: list[tuple[str, date | timedelta]] = [
    ("1", days(1)), ("2", days(7)), ("3", days(30)), ("2.", days(7)),
    ("a day", days(1)), ("one day", days(1)), ("day", days(1)), ("a week", days(7)), ("A week please", days(7)),
    ("for a week", days(7)), ("1 week", days(7)), ("one week", days(7)), ("week", days(7)), ("next week", days(7)),
    ("in a week", days(7)), ("in a week's time", days(7)), ("in one weeks time", days(7)), ("another week", days(7)),
    ("3 days", days(3)), ("three days", days(3)), ("3days", days(3)), ("in 3 days", days(3)),
    ("3 days please", days(3)),
    ("a couple of days", days(2)), ("couple of weeks", days(14)), ("give me a couple of days", days(2)),
    ("two weeks", days(14)), ("2 wks", days(14)), ("in two weeks' time", days(14)), ("a fortnight", days(14)),
    ("in a fortnight", days(14)), ("fortnight", days(14)), ("ten days", days(10)), ("10 days off", days(10)),
    ("a month", days(30)), ("next month", days(30)), ("for 2 months", days(60)), ("six months", days(180)),
    ("an hour", timedelta(hours=1)), ("in 2 hours", timedelta(hours=2)), ("48 hours", timedelta(hours=48)),
    ("30 minutes", timedelta(minutes=30)),
    ("I need two weeks off", days(14)), ("can I have a week", days(7)), ("pause for 5 days", days(5)),
    ("a 2 week break", days(14)), ("wait 4 days", days(4)), ("ask me again in 3 weeks", days(21)),
    ("tomorrow", day(1, 13)), ("Tomorrow!", day(1, 13)), ("tommorow", day(1, 13)), ("until tomorrow", day(1, 13)),
    ("tmrw", day(1, 13)), ("the day after tomorrow", day(1, 14)), ("after tomorrow", day(1, 14)),
    ("a week tomorrow", day(1, 20)), ("Friday", day(1, 15)), ("until Friday", day(1, 15)), ("till fri", day(1, 15)),
    ("'til Friday", day(1, 15)), ("on Friday please", day(1, 15)), ("this Friday", day(1, 15)),
    ("after Friday", day(1, 16)), ("not until Friday", day(1, 15)), ("not before Friday", day(1, 15)),
    ("Tuesday", day(1, 19)), ("until Tuesday", day(1, 19)), ("wendesday", day(1, 13)), ("thurs", day(1, 14)),
    ("Monday week", day(1, 25)), ("a week on Monday", day(1, 25)), ("the weekend", day(1, 16)),
    ("at the weekend", day(1, 16)), ("after the weekend", day(1, 18)), ("until next week", day(1, 18)),
    ("until next month", day(2, 1)), ("until the end of the month", day(2, 1)),
    ("after the 13th", day(1, 14)), ("after the 20th", day(1, 21)), ("until the 20th", day(1, 20)),
    ("the 20th", day(1, 20)), ("20th", day(1, 20)), ("on the 3rd", day(2, 3)), ("20 January", day(1, 20)),
    ("until 20th of January", day(1, 20)), ("January 20th", day(1, 20)), ("Jan 20", day(1, 20)),
    ("5 Febuary", day(2, 5)), ("until 5/2", day(2, 5)), ("5/2/27", day(2, 5)), ("05.02.2027", day(2, 5)),
    ("2027-02-05", day(2, 5)), ("Friday 5 February", day(2, 5)), ("10 January", day(1, 10, 2028)),
    ("Monday morning", day(1, 18)), ("tomorrow morning please", day(1, 13)),
    ("until March", day(3, 1)), ("in June", day(6, 1)), ("after June", day(7, 1)), ("until January", day(1, 1, 2028)),
    ("after Christmas", day(12, 29)), ("after xmas", day(12, 29)), ("after Easter", day(3, 30)),
    ("until after Easter", day(3, 30)), ("after new year", day(1, 2, 2028)), ("in the new year", day(1, 2, 2028)),
    ("after the bank holiday", day(3, 27)), ("come back to me after the 20th please", day(1, 21)),
]  # fmt: skip

UNSURE = [
    "", "soon", "later", "later today", "tonight", "in a bit", "a bit", "a while", "a few days", "some time",
    "whenever",
    "next Friday", "next weekend", "before Friday", "by Friday", "not Friday", "Friday or Saturday", "a week or two",
    "1 or 2 weeks", "about a week", "maybe a week", "when I am better", "after my operation", "after my holiday",
    "until my mum goes home", "the 32nd", "the 12th", "after the 12th",
     "31 February", "12/13", "today", "not today", "until today", "0 days",
    "400 days", "two years", "99 weeks", "5", "17", "12", "2 3", "a week on the 12th", "never", "yes", "no",
    "christmas",
    "after a week or so", "half a week", "week days", "the other day", "last week", "yesterday", "12 January 2020",
    "12 January 2030", "I had a bad week", "Friday was hard", "tomorrow evening", "monthly", "every week",
    "once a week",
]  # fmt: skip


@pytest.mark.parametrize(("text", "wait"), PHRASINGS)
def test_a_wait_is_understood_in_many_words(text: str, wait: date | timedelta) -> None:
    assert understood(text, TODAY) == wait


@pytest.mark.parametrize("text", UNSURE)
def test_what_is_not_sure_is_asked_and_not_guessed(text: str) -> None:
    assert understood(text, TODAY) is None


def test_the_tables_are_long_enough() -> None:
    assert len(PHRASINGS) >= 80
    assert len(UNSURE) >= 40


@pytest.mark.parametrize(
    ("today", "text", "when"),
    [
        (date(2027, 3, 31), "the 31st", None),  # today, or the next one? May has it, April has not
        (date(2027, 4, 1), "the 31st", None),  # April has no 31st
        (date(2026, 12, 24), "after Christmas", date(2026, 12, 27)),
        (date(2026, 12, 24), "after new year", date(2027, 1, 2)),
        (date(2026, 12, 31), "the 2nd", date(2027, 1, 2)),
        (date(2028, 2, 28), "29 February", date(2028, 2, 29)),
        (date(2027, 2, 1), "29 February", None),
        (date(2027, 12, 31), "after Friday", date(2028, 1, 8)),
    ],
)
def test_the_end_of_a_month_or_a_year_is_no_trap(today: date, text: str, when: date | None) -> None:
    assert understood(text, today) == when


PIECES = """a the 1 2 12th 31st week weeks days month until after on in next friday june christmas easter new year /
couple of please not 12/1 2027-02-05 29 february tomorrow end"""
pieces = st.sampled_from(PIECES.split())


@given(st.text() | st.lists(pieces, max_size=6).map(" ".join), st.dates(date(2026, 1, 1), date(2030, 12, 31)))
def test_no_text_raises_and_every_wait_lies_ahead_and_within_a_year(text: str, today: date) -> None:
    found = understood(text, today)
    if isinstance(found, date):
        assert today < found <= today + LONGEST
    elif found is not None:
        assert timedelta() < found <= LONGEST
