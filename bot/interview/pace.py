"""When things may happen: quiet hours, resuming after a pause, and when a person will have read a message."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

REPLY_WITHIN = timedelta(minutes=30)
"""A message that follows the person's own within this time counts as a reply, and is never held back."""


def is_reply(now: datetime, heard: datetime | None) -> bool:
    """Whether a message sent now answers something the person just sent."""
    return heard is not None and now - heard <= REPLY_WITHIN


def next_allowed(now: datetime, quiet: tuple[int, int] | None, zone: ZoneInfo) -> datetime:
    """The first moment from `now` on that lies outside the quiet hours, in the person's own zone.

    `quiet` is (from, until) in minutes of the local day and may cross midnight; None means no quiet hours.
    """
    if quiet is None:
        return now
    start, until = quiet
    local = now.astimezone(zone)
    minute = local.hour * 60 + local.minute
    inside = start <= minute < until if start < until else minute >= start or minute < until
    if not inside:
        return now
    tomorrow = start > until and minute >= start
    return at_local(local + timedelta(days=1) if tomorrow else local, until, zone)


def at_local(day: datetime, minute: int, zone: ZoneInfo) -> datetime:
    """That minute of that local day, in UTC. In a missing hour: the first moment after it; in a repeated one: once."""
    wall = datetime.combine(day.date(), time(minute // 60 % 24, minute % 60), tzinfo=zone)
    # A time that does not exist comes back from UTC as another wall time (PEP 495): that one is after the gap.
    return wall.astimezone(UTC)


def resume_at(now: datetime, days: int, quiet: tuple[int, int] | None, zone: ZoneInfo) -> datetime:
    """The end of a pause: the same wall time some days on, or the first allowed moment after it."""
    local = now.astimezone(zone) + timedelta(days=days)
    return next_allowed(at_local(local, local.hour * 60 + local.minute, zone), quiet, zone)


def read_by(now: datetime, zone: ZoneInfo) -> datetime:
    """When a researcher will have read and answered: by 17:00 on a weekday before 13:00, else noon on the next."""
    local = now.astimezone(zone)
    if local.weekday() < 5 and local.hour < 13:
        return at_local(local, 17 * 60, zone)
    day = local + timedelta(days=1)
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return at_local(day, 12 * 60, zone)
