"""Who reads when, who is told, and when a call can be held."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from bot import prompts
from bot.errors import ScheduleError
from bot.interview.bank_holidays import is_bank_holiday, of_year
from bot.interview.rota import Booked, CallWay, Rota, Slot, invitation, offered
from tests.rig import ROOT

LONDON = ZoneInfo("Europe/London")
NEW_YORK = ZoneInfo("America/New_York")

ROTA = """\
zone: Europe/London
escalate_after: 15
people:
  - name: Ann
    hours:
      - {days: [monday, tuesday, wednesday], from: "09:00", to: "17:00"}
    away:
      - {from: 2027-02-08, to: 2027-02-12}
    cover: Ben
    calls: [phone, video]
  - name: Ben
    hours:
      - {from: "10:00", to: "13:00"}
      - {days: [thursday, friday], from: "14:00", to: "18:00"}
    away:
      - {from: 2027-06-01, to: 2027-06-30}
  - name: Cleo
    hours:
      - {days: [thursday], from: "09:00", to: "12:00"}
    calls: [bsl]
on_call:
  - {who: [Ben, Ann], days: [monday, tuesday, wednesday, thursday, friday], from: "18:00", to: "09:00"}
  - {who: [Ann, Ben], days: [saturday, sunday]}
"""


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def read(tmp_path: Path, text: str) -> Rota:
    (tmp_path / "rota.yaml").write_text(text, encoding="utf-8")
    rota = prompts.rota(tmp_path)
    assert rota is not None
    return rota


@pytest.fixture
def rota(tmp_path: Path) -> Rota:
    return read(tmp_path, ROTA)


def test_england_has_its_own_bank_holidays() -> None:
    """Easter Monday is one, St Andrew's Day is none, and a Christmas on a Saturday is given on the Monday."""
    assert {date(2027, 3, 26), date(2027, 3, 29), date(2027, 12, 27), date(2027, 12, 28)} <= of_year(2027)
    assert not is_bank_holiday(date(2027, 11, 30))
    assert is_bank_holiday(date(2026, 12, 28))


START = datetime(2026, 1, 1, tzinfo=UTC)
moments = st.integers(0, 3 * 365 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))


# Reading


@pytest.mark.parametrize(
    ("now", "by"),
    [
        ("2027-01-12T10:00", "2027-01-12T17:00"),
        ("2027-01-12T14:00", "2027-01-13T12:00"),
        ("2027-01-15T22:00", "2027-01-18T12:00"),  # Friday night: Monday
        ("2027-01-17T10:00", "2027-01-18T12:00"),  # Sunday: Monday
        ("2027-03-25T14:00", "2027-03-30T11:00"),  # the day before Good Friday: Tuesday, in summer time
    ],
)
def test_without_a_rota_it_is_read_by_five_or_by_noon_on_the_next_working_day(now: str, by: str) -> None:
    assert Rota.usual("Ann", LONDON).read_by(utc(now), "Ann") == ("Ann", utc(by))


@given(moments)
def test_nobody_is_promised_for_a_weekend_a_bank_holiday_or_the_past(now: datetime) -> None:
    _, moment = Rota.usual("Ann", LONDON).read_by(now, "Ann")
    local = moment.astimezone(LONDON)
    assert moment > now
    assert local.weekday() < 5
    assert not is_bank_holiday(local.date())
    assert 9 <= local.hour <= 17


@pytest.mark.parametrize(
    ("now", "name", "by"),
    [
        ("2027-01-11T09:30", "Ann", "2027-01-11T17:00"),  # Monday morning: today
        ("2027-01-11T15:00", "Ann", "2027-01-12T12:00"),  # Monday afternoon: tomorrow at noon
        ("2027-01-13T15:00", "Ann", "2027-01-18T12:00"),  # Wednesday: her next day is Monday
        ("2027-02-09T09:30", "Ben", "2027-02-10T13:00"),  # on leave: Ben, who has three hours that day
        ("2027-03-25T20:00", "Ann", "2027-03-30T11:00"),  # over Easter: Tuesday, in summer time
        ("2027-10-29T20:00", "Ann", "2027-11-01T12:00"),  # over the end of summer time
    ],
)
def test_the_promise_is_kept_by_whoever_is_there(rota: Rota, now: str, name: str, by: str) -> None:
    assert rota.read_by(utc(now), "Ann") == (name, utc(by))


def test_somebody_reads_for_a_researcher_who_is_nobody_on_the_rota(rota: Rota) -> None:
    assert rota.read_by(utc("2027-01-11T09:30"), "Zoe") == ("Ann", utc("2027-01-11T17:00"))


@pytest.mark.parametrize(
    ("moment", "hours", "who", "after"),
    [
        ("2027-01-11T10:00", 4, "Ann", "2027-01-11T14:00"),
        ("2027-01-11T15:00", 4, "Ann", "2027-01-12T11:00"),
        ("2027-01-13T16:00", 4, "Ann", "2027-01-18T12:00"),
        ("2027-01-13T16:00", 4, None, "2027-01-14T12:00"),  # anybody's hours: Cleo and Ben on Thursday
        ("2027-01-09T10:00", 0, "Ann", "2027-01-09T10:00"),
        ("2027-03-24T15:00", 4, "Ann", "2027-03-30T10:00"),  # Easter and the change of clocks between
        ("2027-02-03T15:00", 4, "Ann", "2027-02-15T11:00"),  # her leave between
    ],
)
def test_working_hours_are_counted_only_while_somebody_works(
    rota: Rota, moment: str, hours: int, who: str | None, after: str
) -> None:
    assert rota.working_after(utc(moment), timedelta(hours=hours), who) == utc(after)


@given(moments, st.integers(0, 40), st.integers(0, 40))
def test_working_hours_add_up(moment: datetime, first: int, second: int) -> None:
    usual = Rota.usual("Ann", LONDON)
    parts = usual.working_after(usual.working_after(moment, timedelta(hours=first)), timedelta(hours=second))
    assert parts == usual.working_after(moment, timedelta(hours=first + second))


# Distress


@pytest.mark.parametrize(
    ("now", "names"),
    [
        ("2027-01-11T19:00", ("Ben", "Ann", "Cleo")),  # Monday evening
        ("2027-01-12T03:00", ("Ben", "Ann", "Cleo")),  # the night after it
        ("2027-01-12T10:00", ("Ann", "Ben", "Cleo")),  # nobody's turn: everybody
        ("2027-01-16T10:00", ("Ann", "Ben", "Cleo")),  # Saturday
        ("2027-02-08T19:00", ("Ben", "Cleo")),  # Ann is on leave
        ("2027-07-12T17:30", ("Ben", "Ann", "Cleo")),  # 18:30 in London's summer
    ],
)
def test_on_call_is_whoevers_turn_it_is_then_everybody(rota: Rota, now: str, names: tuple[str, ...]) -> None:
    assert rota.on_call(utc(now)) == names


def test_the_second_person_is_told_after_a_quarter_of_an_hour(rota: Rota) -> None:
    opened = utc("2027-01-11T19:00")
    assert rota.alerts(opened) == (
        (opened, "Ben"),
        (opened + timedelta(minutes=15), "Ann"),
        (opened + timedelta(minutes=30), "Cleo"),
    )


def test_one_person_alone_is_told_twice() -> None:
    opened = utc("2027-01-11T19:00")
    usual = Rota.usual("Ann", LONDON)
    assert usual.alerts(opened) == ((opened, "Ann"), (opened + timedelta(minutes=15), "Ann"))


# Calls


def test_slots_are_numbered_spread_and_far_enough_ahead(rota: Rota) -> None:
    slots = rota.slots(utc("2027-01-11T10:15"), "Ann", CallWay.PHONE, LONDON)
    assert [slot.number for slot in slots] == [1, 2, 3, 4]
    assert offered(slots, LONDON).splitlines() == [
        "1: Tuesday 12 January, 10:30 am",
        "2: Tuesday 12 January, 12:30 pm",
        "3: Tuesday 12 January, 2:30 pm",
        "4: Tuesday 12 January, 4:30 pm",
    ]
    assert all(slot.end - slot.start == timedelta(minutes=30) for slot in slots)


def test_a_slot_that_is_taken_is_not_offered(rota: Rota) -> None:
    now = utc("2027-01-11T10:15")
    first = rota.slots(now, "Ann", CallWay.PHONE, LONDON)[0]
    others = rota.slots(now, "Ann", CallWay.PHONE, LONDON, taken=[Booked("Ann", first.start, first.end)])
    assert others[0].start == first.end
    same = rota.slots(now, "Ann", CallWay.PHONE, LONDON, taken=[Booked("Ben", first.start, first.end)])
    assert same[0].start == first.start


def test_a_call_in_bsl_is_with_somebody_who_holds_them(rota: Rota) -> None:
    slots = rota.slots(utc("2027-01-11T10:15"), "Ann", CallWay.BSL, LONDON, most=2)
    assert {slot.researcher for slot in slots} == {"Cleo"}
    assert [slot.start for slot in slots] == [utc("2027-01-14T09:00"), utc("2027-01-14T11:00")]


def test_nobody_holds_such_calls_is_nothing_to_offer(tmp_path: Path) -> None:
    rota = read(tmp_path, ROTA.replace("calls: [bsl]", "calls: [phone]"))
    assert rota.slots(utc("2027-01-11T10:15"), "Ann", CallWay.BSL, LONDON) == ()


def test_no_call_on_leave_or_a_bank_holiday(rota: Rota) -> None:
    days = {s.start.date() for s in rota.slots(utc("2027-02-06T10:00"), "Ann", CallWay.PHONE, LONDON, most=40)}
    assert not any(date(2027, 2, 8) <= day <= date(2027, 2, 12) for day in days)
    assert not any(is_bank_holiday(day) for day in days)


@given(moments, st.sampled_from([LONDON, NEW_YORK, ZoneInfo("Pacific/Auckland"), ZoneInfo("Asia/Kolkata")]))
def test_slots_suit_both_sides_at_any_season(now: datetime, zone: ZoneInfo) -> None:
    """In the researcher's working hours, in the participant's waking ones, with notice, in order, apart."""
    slots = Rota.usual("Ann", LONDON).slots(now, "Ann", CallWay.VIDEO, zone)
    for slot in slots:
        theirs, ours = slot.start.astimezone(zone), slot.start.astimezone(LONDON)
        assert 9 <= theirs.hour < 20
        assert 9 <= ours.hour < 17
        assert ours.weekday() < 5
        assert not is_bank_holiday(ours.date())
        assert slot.start - now >= timedelta(hours=24)
    assert all(later.start - earlier.start >= timedelta(hours=2) for earlier, later in pairwise(slots))


@pytest.mark.parametrize(
    ("start", "local"),
    [
        ("2027-03-29T13:00", "2027-03-29T09:00"),  # New York changed two weeks earlier
        ("2027-11-01T14:00", "2027-11-01T10:00"),  # and changes one week later
        ("2027-01-12T15:00", "2027-01-12T10:00"),
    ],
)
def test_an_invitation_says_the_same_moment_in_both_zones(start: str, local: str) -> None:
    slot = Slot(1, "Ann", CallWay.BSL, utc(start), utc(start) + timedelta(minutes=30))
    for zone in (NEW_YORK, LONDON):
        made = invitation(slot, "call-7@ownpace", zone, "Own Pace", utc("2027-01-01T00:00"), change=2)
        calendar = Calendar.from_ical(made)
        (event,) = calendar.walk("VEVENT")
        assert event.decoded("dtstart") == slot.start
        assert event.decoded("dtend") == slot.end
        assert event["uid"] == "call-7@ownpace"
        assert event["sequence"] == 2
        assert f"TZID={zone.key}" in made.decode()
        assert [str(each["tzid"]) for each in calendar.walk("VTIMEZONE")] == [zone.key]
        assert made.endswith(b"END:VCALENDAR\r\n")
        assert all(len(line) <= 75 for line in made.split(b"\r\n"))
    theirs = slot.start.astimezone(NEW_YORK)
    assert theirs.replace(tzinfo=None) == datetime.fromisoformat(local)


# The file


def test_no_file_is_no_rota(tmp_path: Path) -> None:
    assert prompts.rota(tmp_path) is None


def test_the_example_can_be_used_as_it_is(tmp_path: Path) -> None:
    rota = read(tmp_path, (ROOT / "prompts" / "rota.example.yaml").read_text(encoding="utf-8"))
    assert [person.name for person in rota.people] == ["Ann", "Ben"]
    assert rota.on_call(utc("2027-01-16T10:00")) == ("Ben", "Ann")


DAMAGES = {
    "cover by a stranger": ("cover: Ben", "cover: Dan", "Dan is nobody on this rota"),
    "cover by oneself": ("cover: Ben", "cover: Ann", "Ann cannot cover for Ann"),
    "a stranger on call": ("who: [Ben, Ann]", "who: [Ben, Dan]", "Dan is nobody on this rota"),
    "two of one name": ("name: Cleo", "name: Ann", "two people are called Ann"),
    "a time that is none": ('to: "17:00"', 'to: "five"', "to must be a time such as 09:00"),
    "hours that go backwards": ('to: "17:00"', 'to: "08:00"', "to must be later than from"),
    "leave that goes backwards": ("to: 2027-02-12", "to: 2027-02-01", "to must not be before from"),
    "a day that is none": ("days: [thursday]", "days: [thirsday]", "must be one of"),
    "a zone that is none": ("zone: Europe/London", "zone: Europe/Londun", "zone must be a time zone"),
    "a misspelt key": ("escalate_after", "escalate_aftr", "did you mean escalate_after"),
}


@pytest.mark.parametrize(("old", "new", "what"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_rota_names_file_line_and_mend(tmp_path: Path, old: str, new: str, what: str) -> None:
    text = ROTA.replace(old, new, 1)
    with pytest.raises(ScheduleError) as caught:
        read(tmp_path, text)
    line = ROTA[: ROTA.index(old)].count("\n") + 1
    assert f"rota.yaml:{line}:" in str(caught.value)
    assert what in str(caught.value)
