"""What counts as a reply, and moments on somebody's own clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

REPLY_WITHIN = timedelta(minutes=30)
"""A message that follows the person's own within this time counts as a reply, and is never held back."""


def is_reply(now: datetime, heard: datetime | None) -> bool:
    """Whether a message sent now answers something the person just sent; a clock that was wrong may have heard it."""
    return heard is not None and abs(now - heard) <= REPLY_WITHIN


def at_local(day: datetime, minute: int, zone: ZoneInfo) -> datetime:
    """That minute of that local day, in UTC. In a missing hour: the first moment after it; in a repeated one: once."""
    wall = datetime.combine(day.date(), time(minute // 60 % 24, minute % 60), tzinfo=zone)
    # A time that does not exist comes back from UTC as another wall time (PEP 495): that one is after the gap.
    return wall.astimezone(UTC)
