"""Who reads when: working hours, leave and cover, who is on call, and when a call can be held. All moments are UTC."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import count
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.interview import wording
from bot.interview.bank_holidays import is_bank_holiday
from bot.interview.pace import at_local

Name = Annotated[str, Field(min_length=1, max_length=15)]
"""A researcher as texts name them; {researcher} has room for 15 letters."""

Place = tuple[str | int, ...]

ENOUGH_TODAY = timedelta(hours=4)
"""With more working time than this left in a day, an answer comes by the end of that day."""
NEXT_DAY_WITHIN = timedelta(hours=3)
"""Else it comes within this much working time on the next one: by noon, where work begins at nine."""
NOTICE = timedelta(hours=24)
"""How long ahead a call has to be booked."""


class Day(StrEnum):
    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


DAYS = tuple(Day)
WEEKDAYS = DAYS[:5]


class CallWay(StrEnum):
    """How a call is held."""

    PHONE = "phone"
    VIDEO = "video"
    BSL = "bsl"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Hours(_Part):
    """Hours of work on some days of the week, local time."""

    days: tuple[Day, ...] = WEEKDAYS
    start: time = Field(alias="from")
    end: time = Field(alias="to")

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.end <= self.start:
            raise ValueError("to must be later than from; write hours over midnight as two lines")
        return self


class Away(_Part):
    """Leave, both days included."""

    start: date = Field(alias="from")
    end: date = Field(alias="to")

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.end < self.start:
            raise ValueError("to must not be before from")
        return self


class Researcher(_Part):
    """One person who reads. `cover` answers instead where leave would make somebody wait.

    `telegram`: their chat with the study's bot, where they are told too that a person is needed.
    """

    name: Name
    hours: tuple[Hours, ...] = Field(min_length=1)
    away: tuple[Away, ...] = ()
    cover: Name | None = None
    calls: tuple[CallWay, ...] = (CallWay.PHONE,)
    telegram: Annotated[int, Field(gt=0)] | None = None

    def is_away(self, day: date) -> bool:
        return any(away.start <= day <= away.end for away in self.away)


class Turn(_Part):
    """Who is told of distress, the first one first. Hours may cross midnight; none named means at all hours."""

    who: tuple[Name, ...] = Field(min_length=1)
    days: tuple[Day, ...] = DAYS
    start: time = Field(default=time(0), alias="from")
    end: time = Field(default=time(0), alias="to")

    def holds(self, local: datetime) -> bool:
        today, now = DAYS[local.weekday()], local.time()
        yesterday = DAYS[local.weekday() - 1]
        if self.start < self.end:
            return today in self.days and self.start <= now < self.end
        return (today in self.days and now >= self.start) or (yesterday in self.days and now < self.end)


@dataclass(frozen=True, slots=True)
class Slot:
    """A time for a call, with the number a participant picks it by."""

    number: int
    researcher: str
    way: CallWay
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Booked:
    """A time that a researcher has given away."""

    researcher: str
    start: datetime
    end: datetime


Span = tuple[datetime, datetime]


class Rota(_Part):
    """The researchers of a study, in the zone they work in. `escalate_after`: minutes until the next one is told."""

    zone: ZoneInfo = ZoneInfo("Europe/London")
    escalate_after: int = Field(default=15, gt=0)
    people: tuple[Researcher, ...] = Field(min_length=1)
    turns: tuple[Turn, ...] = Field(default=(), alias="on_call")

    @classmethod
    def usual(cls, researcher: str, zone: ZoneInfo) -> Self:
        """The rota of a study that has none: one name, weekdays from nine to five, every kind of call."""
        hours = Hours.model_validate({"from": time(9), "to": time(17)})
        return cls(zone=zone, people=(Researcher(name=researcher, hours=(hours,), calls=tuple(CallWay)),))

    def problems(self) -> Iterator[tuple[Place, str]]:
        """What is wrong with the rota as a whole: where, as keys from the top, and a sentence with the mend."""
        known = {person.name for person in self.people}
        seen: set[str] = set()
        for number, person in enumerate(self.people):
            if person.name in seen:
                yield ("people", number, "name"), f"two people are called {person.name}; tell them apart"
            seen.add(person.name)
            if person.cover == person.name:
                yield ("people", number, "cover"), f"{person.name} cannot cover for {person.name}; name another person"
            elif person.cover and person.cover not in known:
                yield ("people", number, "cover"), f"{person.cover} is nobody on this rota; add them under people"
        for number, turn in enumerate(self.turns):
            for name in turn.who:
                if name not in known:
                    yield ("on_call", number, "who"), f"{name} is nobody on this rota; add them under people"

    def chat(self, name: str) -> int | None:
        """Where this person is told by Telegram, if they wish."""
        return next((person.telegram for person in self.people if person.name == name), None)

    # Reading

    def read_by(self, now: datetime, researcher: str) -> tuple[str, datetime]:
        """Who will answer, and by when: their own researcher, or whoever covers where leave would delay it.

        Where the researcher is nobody on the rota, or all who cover are away too, it is whoever answers first.
        """
        chain = self._chain(researcher)
        for person in chain:
            promised = self._promise(now, person)
            if promised == self._promise(now, person.model_copy(update={"away": ()})):
                return person.name, promised
        promised, name = min((self._promise(now, person), person.name) for person in chain or self.people)
        return name, promised

    def working_after(self, moment: datetime, hours: timedelta, researcher: str | None = None) -> datetime:
        """The moment when that much working time has passed: this researcher's, or anybody's."""
        people = [person for person in self.people if person.name == researcher] or self.people
        return self._after(people, moment, hours)

    def _after(self, people: Iterable[Researcher], moment: datetime, left: timedelta) -> datetime:
        spans = self._working(people, moment)
        while left:
            start, end = next(spans)
            moment = min(end, start + left)
            left -= moment - start
        return moment

    def _promise(self, now: datetime, person: Researcher) -> datetime:
        local = now.astimezone(self.zone)
        today = [span for span in self._day(person, local.date()) if span[1] > now]
        if sum((end - max(start, now) for start, end in today), timedelta()) > ENOUGH_TODAY:
            return today[-1][1]
        start, _ = next(self._working([person], at_local(local + timedelta(days=1), 0, self.zone)))
        end_of_day = self._day(person, start.astimezone(self.zone).date())[-1][1]
        return min(self._after([person], start, NEXT_DAY_WITHIN), end_of_day)

    def _chain(self, researcher: str) -> list[Researcher]:
        """The researcher, whoever covers for them, and so on, each once."""
        named = {person.name: person for person in self.people}
        chain: list[Researcher] = []
        person = named.get(researcher)
        while person and person not in chain:
            chain.append(person)
            person = named.get(person.cover or "")
        return chain

    def _day(self, person: Researcher, day: date) -> list[Span]:
        """The person's working time on one day, in order; none on leave or a bank holiday."""
        if person.is_away(day) or is_bank_holiday(day):
            return []
        noon = datetime.combine(day, time(12))
        hours = [hours for hours in person.hours if DAYS[day.weekday()] in hours.days]
        spans = [
            (at_local(noon, _minute(h.start), self.zone), at_local(noon, _minute(h.end), self.zone)) for h in hours
        ]
        return sorted(span for span in spans if span[0] < span[1])

    def _working(self, people: Iterable[Researcher], moment: datetime) -> Iterator[Span]:
        """From the moment on, each stretch in which at least one of them works; without end."""
        people = list(people)
        first = moment.astimezone(self.zone).date()
        for days in count():
            spans = sorted(span for person in people for span in self._day(person, first + timedelta(days=days)))
            for start, end in spans:
                start = max(start, moment)
                if start < end:
                    yield start, end
                    moment = end

    # Distress

    def on_call(self, now: datetime) -> tuple[str, ...]:
        """Whom to tell of distress, the first one first: whoever's turn it is, then everyone else who is not away."""
        local = now.astimezone(self.zone)
        away = {person.name for person in self.people if person.is_away(local.date())}
        turn = [name for turn in self.turns if turn.holds(local) for name in turn.who]
        names = dict.fromkeys([*turn, *(person.name for person in self.people)])
        return tuple(name for name in names if name not in away) or tuple(names)

    def alerts(self, opened: datetime) -> tuple[tuple[datetime, str], ...]:
        """When each person is told unless somebody has acknowledged by then: the first at once, the next later.

        There is always a second alert; where there is one person only, it goes to them again.
        """
        names = self.on_call(opened)
        names = names if len(names) > 1 else names * 2
        return tuple(
            (opened + number * timedelta(minutes=self.escalate_after), name) for number, name in enumerate(names)
        )

    def fetched(self, opened: datetime, researcher: str) -> tuple[tuple[datetime, str], ...]:
        """When each person is told that somebody waits for one, unless somebody has acknowledged by then.

        Whoever will answer is told when they work; by the moment that was promised, another person is, or they again.
        """
        name, promised = self.read_by(opened, researcher)
        minute = timedelta(minutes=1)
        first = self.working_after(opened, minute, name) - minute
        others = [other for other in self.on_call(promised) if other != name]
        return (first, name), (max(first, promised), others[0] if others else name)

    # Calls

    def slots(
        self,
        now: datetime,
        researcher: str,
        way: CallWay,
        zone: ZoneInfo,
        *,
        taken: Collection[Booked] = (),
        most: int = 4,
        length: timedelta = timedelta(minutes=30),
        apart: timedelta = timedelta(hours=2),
        notice: timedelta = NOTICE,
        between: tuple[int, int] = (9 * 60, 20 * 60),
    ) -> tuple[Slot, ...]:
        """The next free times for a call, numbered from 1, with somebody who holds that kind of call.

        It is the participant's researcher or whoever covers; where none of them holds such calls, anyone who does.
        `apart` spreads the times; `between`, in minutes of the day in the participant's `zone`, is when they may be
        called. None within 60 days means that a person has to arrange it.
        """
        people = [person for person in self._chain(researcher) if way in person.calls][:1]
        people = people or [person for person in self.people if way in person.calls]
        found: list[Slot] = []
        earliest = now + notice
        for start, end, name in self._times(people, earliest, length):
            local = start.astimezone(zone)
            minute = local.hour * 60 + local.minute
            fits = between[0] <= minute and minute + length // timedelta(minutes=1) <= between[1]
            free = not any(b.researcher == name and b.start < end and start < b.end for b in taken)
            if fits and free and start >= earliest:
                found.append(Slot(len(found) + 1, name, way, start, end))
                earliest = start + apart
            if len(found) == most:
                break
        return tuple(found)

    def _times(
        self, people: list[Researcher], earliest: datetime, length: timedelta
    ) -> Iterator[tuple[datetime, datetime, str]]:
        """Every start of a call in the next 60 days, in order."""
        first = earliest.astimezone(self.zone).date()
        for days in range(60):
            starts = [
                (start + number * length, start + (number + 1) * length, person.name)
                for person in people
                for start, end in self._day(person, first + timedelta(days=days))
                for number in range((end - start) // length)
            ]
            yield from sorted(starts)


def offered(slots: Iterable[Slot], zone: ZoneInfo) -> str:
    """The slots as a participant reads them, one a line: '1: Tuesday 24 November, 10:00 am'."""
    return "\n".join(
        f"{slot.number}: {wording.day(local)}, {wording.clock(local)}"
        for slot in slots
        for local in [slot.start.astimezone(zone)]
    )


def invitation(slot: Slot, uid: str, zone: ZoneInfo, study: str, stamp: datetime, *, change: int = 0) -> bytes:
    """An .ics file for the call, in the reader's own zone: one for the participant, one for the researcher.

    `uid` stays the same when the call is moved, and `change` counts up: calendars then move it too. It names the
    study and the researcher, never what the study is about.
    """
    from icalendar import Calendar, Event, vText

    event = Event()
    event.add("uid", uid)
    event.add("sequence", change)
    event.add("dtstamp", stamp.astimezone(UTC))
    event.add("dtstart", slot.start.astimezone(zone))
    event.add("dtend", slot.end.astimezone(zone))
    event.add("summary", vText(f"{study}: call with {slot.researcher}"))
    event.add("location", vText({"phone": "Phone", "video": "Video", "bsl": "Video, in BSL"}[slot.way]))
    calendar = Calendar()
    calendar.add("prodid", "-//Own Pace//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    calendar.add_missing_timezones(slot.start.date() - timedelta(days=366), slot.end.date() + timedelta(days=366))
    made: bytes = calendar.to_ical()
    return made


def _minute(clock: time) -> int:
    return clock.hour * 60 + clock.minute
