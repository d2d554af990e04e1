"""When a message nobody asked for may go."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.interview.bank_holidays import is_bank_holiday
from bot.interview.quiet import EVERY_DAY, Rules, Waiting, next_allowed, plan

LONDON = ZoneInfo("Europe/London")
MINUTE = timedelta(minutes=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# The weeks around both changes of clocks in England; Good Friday and Easter Monday are in the first.
SPRING, AUTUMN = utc("2027-03-21T00:00"), utc("2027-10-24T00:00")
moments = st.builds(
    lambda start, seconds: start + timedelta(seconds=seconds),
    st.sampled_from([SPRING, AUTUMN]),
    st.integers(0, 14 * 24 * 3600),
)
minutes = st.integers(0, 24 * 60 - 1) | st.sampled_from([0, 30, 60, 90, 120, 150])
spans = st.none() | st.tuples(minutes, minutes).filter(lambda span: span[0] != span[1])


@st.composite
def all_rules(draw: st.DrawFn) -> Rules:
    first = draw(st.sampled_from([date(2027, 3, 24), date(2027, 10, 30)]))
    away = draw(st.just(()) | st.just(((first, first + timedelta(days=draw(st.integers(0, 5)))),)))
    quiet, hours = draw(spans), draw(spans)
    days = draw(st.frozensets(st.integers(0, 6), min_size=1))
    zone = ZoneInfo(draw(st.sampled_from(["Europe/London", "Europe/London", "America/New_York", "Asia/Kolkata"])))
    apart = timedelta(minutes=draw(st.sampled_from([0, 0, 30, 90])))
    most = draw(st.integers(0, 3))
    try:
        return Rules(zone, quiet, hours, days, away, draw(st.booleans()), most, apart)
    except ValueError:
        return Rules(zone, quiet, None, days, away, draw(st.booleans()), most, apart)


def within(minute: int, span: tuple[int, int]) -> bool:
    day = [*range(24 * 60)] * 2
    return minute in day[span[0] : span[1] if span[0] < span[1] else span[1] + 24 * 60]


def allowed(moment: datetime, rules: Rules, sent: list[datetime]) -> bool:
    """The rules again, in the plainest way there is."""
    local = moment.astimezone(rules.zone)
    minute = local.hour * 60 + local.minute
    today = sum(other.astimezone(rules.zone).date() == local.date() for other in sent)
    return not (
        local.weekday() not in rules.days
        or any(first <= local.date() <= last for first, last in rules.away)
        or (rules.bank_holidays and is_bank_holiday(local.date()))
        or (rules.quiet is not None and within(minute, rules.quiet))
        or (rules.hours is not None and not within(minute, rules.hours))
        or (rules.most and today >= rules.most)
        or any(abs(moment - other) < rules.apart for other in sent)
    )


def slow(now: datetime, rules: Rules, sent: list[datetime]) -> datetime:
    """Minute by minute: now, or the first whole minute after it that is allowed."""
    if allowed(now, rules, sent):
        return now
    moment = now.replace(second=0, microsecond=0)
    moment += MINUTE if moment < now else timedelta()
    while not allowed(moment, rules, sent):
        moment += MINUTE
    return moment


whole = moments.map(lambda moment: moment.replace(second=0))


@given(moments, all_rules(), st.lists(whole, max_size=6))
@example(utc("2027-03-28T00:10"), Rules(LONDON, None, (90, 180)), [])  # the hours begin inside the missing hour
@example(utc("2027-10-31T00:10"), Rules(LONDON, None, (90, 180)), [])  # and inside the repeated one
@example(utc("2027-10-31T00:40"), Rules(LONDON, (90, 100)), [])
@settings(max_examples=300, deadline=None)
def test_it_is_the_first_allowed_moment_that_a_slow_search_finds(
    now: datetime, rules: Rules, sent: list[datetime]
) -> None:
    assert next_allowed(now, rules, sent) == slow(now, rules, sent)


@given(moments, moments, all_rules())
@settings(deadline=None)
def test_later_is_never_earlier(one: datetime, other: datetime, rules: Rules) -> None:
    first, second = sorted((one, other))
    assert first <= next_allowed(first, rules) <= next_allowed(second, rules)
    assert next_allowed(next_allowed(first, rules), rules) == next_allowed(first, rules)


@given(moments, all_rules(), st.lists(st.tuples(st.sampled_from("abcdef"), moments), max_size=12))
@settings(deadline=None)
def test_whatever_waits_goes_in_order_under_the_cap_and_never_when_it_may_not(
    now: datetime, rules: Rules, due: list[tuple[str, datetime]]
) -> None:
    waiting = [Waiting(number, kind, moment) for number, (kind, moment) in enumerate(due)]
    made = plan(waiting, now, rules)
    times = [moment for _, moment in made.times]
    assert times == sorted(times)
    assert all(moment >= now for moment in times)
    for place, moment in enumerate(times):
        assert allowed(moment, rules, times[:place])
    days = Counter(moment.astimezone(rules.zone).date() for moment in times)
    assert not rules.most or max(days.values(), default=0) <= rules.most
    assert all(later - earlier >= rules.apart for earlier, later in pairwise(times))
    assert sorted([key for key, _ in made.times] + list(made.merged)) == [each.id for each in waiting]


@pytest.mark.parametrize(
    ("now", "rules", "when"),
    [
        ("2027-01-12T03:00", Rules(LONDON), "2027-01-12T09:00"),
        ("2027-01-12T19:59", Rules(LONDON), "2027-01-12T19:59"),
        ("2027-07-12T19:30", Rules(LONDON), "2027-07-13T08:00"),  # 20:30 in London's summer
        ("2027-01-12T03:00", Rules(LONDON, quiet=None), "2027-01-12T03:00"),
        ("2027-03-27T22:00", Rules(LONDON), "2027-03-28T08:00"),  # Easter Sunday is no bank holiday
        ("2027-03-28T20:00", Rules(LONDON), "2027-03-30T08:00"),  # Easter Monday is
        ("2027-03-25T21:00", Rules(LONDON), "2027-03-27T09:00"),  # Good Friday is left out
        ("2027-10-30T22:00", Rules(LONDON), "2027-10-31T09:00"),  # nine o'clock stays nine o'clock
        ("2027-01-12T10:00", Rules(LONDON, hours=(14 * 60, 16 * 60)), "2027-01-12T14:00"),
        ("2027-01-12T16:00", Rules(LONDON, hours=(14 * 60, 16 * 60)), "2027-01-13T14:00"),
        ("2027-01-12T10:00", Rules(LONDON, days=frozenset({4, 5})), "2027-01-15T09:00"),
        ("2027-01-12T10:00", Rules(LONDON, away=((date(2027, 1, 12), date(2027, 1, 20)),)), "2027-01-21T09:00"),
        ("2026-12-24T21:00", Rules(LONDON), "2026-12-27T09:00"),
        ("2026-12-24T21:00", Rules(LONDON, bank_holidays=False), "2026-12-25T09:00"),
    ],
)
def test_a_message_waits_for_the_persons_own_days_and_hours(now: str, rules: Rules, when: str) -> None:
    assert next_allowed(utc(now), rules) == utc(when)


def test_the_fifth_message_of_a_day_goes_on_the_next() -> None:
    now = utc("2027-01-12T15:00")
    sent = [now - timedelta(hours=hours) for hours in (1, 2, 3)]
    assert next_allowed(now, Rules(LONDON), sent) == now
    assert next_allowed(now, Rules(LONDON), [*sent, now]) == utc("2027-01-13T09:00")
    assert next_allowed(now, Rules(LONDON, most=0), [*sent, now]) == now


def test_after_three_days_of_outage_one_of_each_kind_goes_and_spread_out() -> None:
    """Nine messages fell due while nothing could leave: three go, an hour apart, from the first allowed moment on."""
    start = utc("2027-01-11T10:00")
    waiting = [Waiting(n, kind, start + timedelta(hours=8 * n)) for n, kind in enumerate(["a", "b", "c"] * 3)]
    made = plan(waiting, utc("2027-01-14T02:00"), Rules(LONDON, apart=timedelta(hours=1)))
    assert made.merged == (0, 1, 2, 3, 4, 5)
    assert made.times == tuple((n, utc(f"2027-01-14T{n + 3:02}:00")) for n in (6, 7, 8))


def test_rules_that_allow_nothing_are_refused_with_the_mend() -> None:
    with pytest.raises(ValueError, match="allow at least one"):
        Rules(LONDON, days=frozenset())
    with pytest.raises(ValueError, match="inside the quiet hours"):
        Rules(LONDON, hours=(22 * 60, 23 * 60))
    assert Rules(LONDON, hours=(8 * 60, 10 * 60)).days == EVERY_DAY
