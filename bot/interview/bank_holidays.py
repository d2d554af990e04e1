"""England's bank holidays, from the holidays library's own table."""

from __future__ import annotations

from datetime import date
from functools import cache


@cache
def of_year(year: int) -> frozenset[date]:
    """Every bank holiday of that year, the days given instead of a weekend among them."""
    import holidays

    return frozenset(holidays.country_holidays("GB", subdiv="ENG", years=year))


def is_bank_holiday(day: date) -> bool:
    return day in of_year(day.year)
