"""When a message that nobody asked for may go: quiet and preferred hours, days, bank holidays, and a cap a day.

It is always the first allowed moment from now on, in the person's own zone, so that a clock change, an outage or a
queue never makes anything leave too early, too late or all at once. Replies to the person's own message do not come
here: see `pace.is_reply`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.interview.bank_holidays import is_bank_holiday

DAY = 24 * 60
"""Minutes of a day on the clock."""
EVERY_DAY = frozenset(range(7))

Minutes = tuple[int, int]
"""From and until, in local minutes of the day; until is no longer part of it, and it may cross midnight."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one person and the study allow.

    `quiet`: never then. `hours`: only then, where the person prefers some. `days`: only those, 0 is Monday.
    `away`: no contact from one local date to another, both included. `most` a local day, 0 for no limit. `apart`: so
    long between two messages. Raises ValueError for rules that allow no moment at all.
    """

    zone: ZoneInfo
    quiet: Minutes | None = (20 * 60, 9 * 60)
    hours: Minutes | None = None
    days: frozenset[int] = EVERY_DAY
    away: tuple[tuple[date, date], ...] = ()
    bank_holidays: bool = True
    most: int = 4
    apart: timedelta = timedelta()

    def __post_init__(self) -> None:
        if not self.days & EVERY_DAY:
            raise ValueError("no day of the week is left to send on; allow at least one")
        if not any(self.allows_minute(minute) for minute in self._edges()):
            raise ValueError("the preferred hours lie inside the quiet hours; change one of them")

    def allows_day(self, day: date) -> bool:
        holiday = self.bank_holidays and is_bank_holiday(day)
        return day.weekday() in self.days and not holiday and not any(a <= day <= b for a, b in self.away)

    def allows_minute(self, minute: int) -> bool:
        quiet = self.quiet is not None and _within(minute, self.quiet)
        return not quiet and (self.hours is None or _within(minute, self.hours))

    def next_edge(self, minute: int) -> int:
        """The next minute of the day at which what is allowed may change; the end of the day is one."""
        return min((edge for edge in self._edges() if edge > minute), default=DAY)

    def _edges(self) -> set[int]:
        return {0, *(self.quiet or ()), *(self.hours or ())}


def next_allowed(now: datetime, rules: Rules, sent: Collection[datetime] = ()) -> datetime:
    """The first moment from `now` on at which one more message may go.

    `sent`: when unrequested messages to this person went or are planned to go, today's at least.
    """
    days = Counter(moment.astimezone(rules.zone).date() for moment in sent)
    moment = now
    while True:
        local = moment.astimezone(rules.zone)
        minute = local.hour * 60 + local.minute
        full = bool(rules.most) and days[local.date()] >= rules.most
        close = [other for other in sent if abs(moment - other) < rules.apart]
        if full or not rules.allows_day(local.date()):
            moment = _later(moment, DAY, rules.zone)
        elif not rules.allows_minute(minute):
            moment = _later(moment, rules.next_edge(minute), rules.zone)
        elif close:
            moment = max(close) + rules.apart
        else:
            return moment


@dataclass(frozen=True, slots=True)
class Waiting:
    """An unrequested message that fell due. Of one `kind`, only the latest is worth sending."""

    id: int
    kind: str
    due: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """When each message goes, in order, and which are not wanted any more."""

    times: tuple[tuple[int, datetime], ...]
    merged: tuple[int, ...]


def plan(waiting: Iterable[Waiting], now: datetime, rules: Rules, sent: Collection[datetime] = ()) -> Plan:
    """What to do with all that waits for one person, however long nothing could leave."""
    ordered = sorted(waiting, key=lambda each: (each.due, each.id))
    latest = {each.kind: each for each in ordered}
    kept = [each for each in ordered if latest[each.kind] is each]
    merged = tuple(each.id for each in ordered if latest[each.kind] is not each)
    times: list[tuple[int, datetime]] = []
    taken = list(sent)
    for each in kept:
        earliest = max(now, each.due, *(moment for _, moment in times[-1:]))
        moment = next_allowed(earliest, rules, taken)
        taken.append(moment)
        times.append((each.id, moment))
    return Plan(tuple(times), merged)


def _within(minute: int, span: Minutes) -> bool:
    start, until = span
    return start <= minute < until if start < until else minute >= start or minute < until


def _later(moment: datetime, minute: int, zone: ZoneInfo) -> datetime:
    """When that later minute of the local day comes, or the clocks change, whichever is first; in UTC."""
    local = moment.astimezone(zone)
    since = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    before = moment.astimezone(UTC)
    after = before + timedelta(minutes=minute) - since
    if after.astimezone(zone).utcoffset() == local.utcoffset():
        return after
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == local.utcoffset():
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
