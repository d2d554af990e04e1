from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.interview.pace import REPLY_WITHIN, at_local, is_reply

LONDON = ZoneInfo("Europe/London")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "minute", "moment"),
    [
        ("2027-01-12", 9 * 60, "2027-01-12T09:00"),
        ("2027-03-27", 9 * 60, "2027-03-27T09:00"),  # the clocks go forward in the night after it
        ("2027-03-28", 9 * 60, "2027-03-28T08:00"),
        ("2027-10-31", 9 * 60, "2027-10-31T09:00"),  # and back in the night before this one
        ("2027-03-28", 90, "2027-03-28T01:30"),  # half past one is missing: half past two, summer time
        ("2027-10-31", 90, "2027-10-31T00:30"),  # half past one comes twice: the first
    ],
)
def test_a_minute_of_the_day_is_the_persons_own_whatever_the_clocks_do(day: str, minute: int, moment: str) -> None:
    assert at_local(datetime.fromisoformat(day).replace(tzinfo=LONDON), minute, LONDON) == utc(moment)


def test_what_follows_the_persons_own_message_within_half_an_hour_is_a_reply() -> None:
    now = utc("2027-01-12T03:00")
    assert is_reply(now, now - REPLY_WITHIN)
    assert not is_reply(now, now - REPLY_WITHIN - timedelta(seconds=1))
    assert not is_reply(now, None)
