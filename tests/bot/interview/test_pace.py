from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bot.interview.pace import next_allowed, read_by, resume_at

LONDON = ZoneInfo("Europe/London")
NIGHT = (20 * 60, 9 * 60)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "allowed"),
    [
        ("2027-01-12T03:00", "2027-01-12T09:00"),
        ("2027-01-12T09:00", "2027-01-12T09:00"),
        ("2027-01-12T19:59", "2027-01-12T19:59"),
        ("2027-01-12T20:00", "2027-01-13T09:00"),
        ("2027-07-12T19:30", "2027-07-13T08:00"),  # 20:30 in London's summer
        ("2027-03-27T22:00", "2027-03-28T08:00"),  # the clocks go forward in this night
        ("2027-10-30T22:00", "2027-10-31T09:00"),  # and back in this one
    ],
)
def test_nothing_unrequested_leaves_in_the_night(now: str, allowed: str) -> None:
    """Quiet hours are the person's own local hours, whatever the clocks do."""
    assert next_allowed(utc(now), NIGHT, LONDON) == utc(allowed)


def test_no_quiet_hours_means_now() -> None:
    """A study without quiet hours holds nothing back."""
    assert next_allowed(utc("2027-01-12T03:00"), None, LONDON) == utc("2027-01-12T03:00")


def test_a_pause_ends_at_the_same_wall_time() -> None:
    """A week's pause over the change of clocks ends at the same time of day."""
    assert resume_at(utc("2027-03-24T10:30"), 7, NIGHT, LONDON) == utc("2027-03-31T09:30")


@pytest.mark.parametrize(
    ("now", "by"),
    [
        ("2027-01-12T10:00", "2027-01-12T17:00"),
        ("2027-01-12T14:00", "2027-01-13T12:00"),
        ("2027-01-15T22:00", "2027-01-18T12:00"),  # Friday night: Monday
        ("2027-01-17T10:00", "2027-01-18T12:00"),  # Sunday: Monday
    ],
)
def test_a_promised_time_is_a_working_time(now: str, by: str) -> None:
    """Nobody is promised an answer on a Sunday."""
    assert read_by(utc(now), LONDON) == utc(by)
