"""What somebody would be sent first if they were enrolled now, for whoever looks before they enrol."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.channel import Ability
from bot.interview import needs, wording
from bot.interview.engine import step
from bot.interview.events import Enrolled, Send
from bot.interview.reminders import DISCREET
from bot.interview.state import Interview, Person
from bot.messages import gsm7_lookalike, is_gsm7, segments
from bot.records.participants import Rules, Terms
from bot.records.unit_of_work import UnitOfWork
from bot.service import enrolment
from bot.service.enrolment import Entry, Placed


@dataclass(frozen=True, slots=True)
class Opening:
    """The messages in order, when the first of them may leave, in their own time, and what is not as usual."""

    messages: tuple[str, ...]
    at: datetime
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """Somebody who is to be enrolled, and what they would be sent first."""

    code: str
    entry: Entry
    researcher: str
    waits: bool
    sent: Opening
    when: str
    """'at once', or 'Tue 24 Nov 09:00' in their own time."""

    @property
    def notes(self) -> list[str]:
        """What is not as usual, then what the file says about them that is no column of ours."""
        waits = ["waits for a place"] if self.waits else []
        return [*waits, *self.sent.notes, *(f"{name}: {value}" for name, value in self.entry.attributes.items())]


@dataclass(frozen=True, slots=True)
class First:
    """What comes first for people who are alike, in the words of the first of them."""

    to: str
    text: str
    language: str


def preview(uow: UnitOfWork, terms: Terms, rules: Rules, entries: Sequence[Entry]) -> list[Looked]:
    """Each as they would be enrolled; nobody is. Raises EnrolmentError as `enrolment.enrol_all` does."""
    return looked(terms, rules, entries, enrolment.preview(uow, rules, entries), uow.now)


def looked(
    terms: Terms, rules: Rules, entries: Iterable[Entry], placed: Iterable[Placed], now: datetime
) -> list[Looked]:
    """Each with what they would be sent first."""
    return [_looked(terms, rules, entry, one, now) for entry, one in zip(entries, placed, strict=True)]


def _looked(terms: Terms, rules: Rules, entry: Entry, placed: Placed, now: datetime) -> Looked:
    sent = opening(terms, rules, entry, now, waits=placed.waits)
    when = "at once" if sent.at <= now else f"{sent.at:%a %d %b %H:%M}"
    return Looked(placed.code, entry, entry.researcher or rules.researcher, placed.waits, sent, when)


def firsts(people: Iterable[Looked]) -> list[First]:
    """The first message of each kind of person."""
    alike: dict[tuple[object, ...], list[Looked]] = {}
    for one in people:
        entry = one.entry
        kind = (entry.cohort, entry.wording, entry.language, played(entry), one.waits, len(one.sent.messages))
        alike.setdefault(kind, []).append(one)
    return [_first(some[0], len(some) - 1) for some in alike.values()]


def _first(one: Looked, others: int) -> First:
    messages = one.sent.messages
    more = f" and, in the same way, {others} more" if others else ""
    many = "1 message comes" if len(messages) == 1 else f"{len(messages)} messages come"
    cost = sum(map(parts, messages))
    size = f", in {cost} SMS part{'s' if cost != 1 else ''}" if played(one.entry) == "sms" else ""
    return First(f"To {one.code}{more}: {many} before they answer{size}. The first:", messages[0], one.entry.language)


def opening(terms: Terms, rules: Rules, entry: Entry, now: datetime, *, waits: bool = False) -> Opening:
    """What they would be sent first. `waits`: there is no place for them. Nothing is stored or sent."""
    fresh = _fresh(terms, rules, entry, now)
    sends = [each for each in step(fresh, Enrolled(full=waits), now).effects if isinstance(each, Send)]
    bodies = tuple(send.body for send in sends)
    at = min((send.not_before or now for send in sends), default=now)
    if fresh.person.discreet and any(send.unasked for send in sends):
        bodies = (wording.stock(fresh, [DISCREET]),)
    return Opening(bodies, at.astimezone(fresh.person.timezone), tuple(_notes(rules, entry, fresh.person, bodies)))


def parts(message: str) -> int:
    """How many SMS parts it takes, as it is sent."""
    return segments(gsm7_lookalike(message))


def played(entry: Entry) -> str:
    """The kind of channel that they read on, also on a simulated phone."""
    kind, value = entry.address.kind, entry.address.value
    return value.partition("/")[0] if kind == "simulator" else kind


def _fresh(terms: Terms, rules: Rules, entry: Entry, now: datetime) -> Interview:
    zone = ZoneInfo(entry.timezone or rules.timezone)
    person = Person(
        name=entry.name,
        wording=entry.wording,
        channel=entry.address.kind,
        timezone=zone,
        researcher=entry.researcher or rules.researcher,
        cutoff=rules.cutoff_from(now.astimezone(zone).date()),
        attributes=entry.attributes,
    )
    pace = needs.onto(terms.pace(entry.cohort, entry.address.kind), entry.attributes)
    return Interview(rules.schedules[(entry.cohort, entry.language)], terms.study, person, pace)


def _notes(rules: Rules, entry: Entry, person: Person, bodies: tuple[str, ...]) -> list[str]:
    channel, notes = rules.channels[entry.address.kind], []
    if Ability.WRITES_FIRST not in channel.abilities:
        notes.append("gets nothing before they open their link")
    if channel.window is not None:
        notes.append("gets the approved text first, this when they answer")
    if person.discreet:
        notes.append("is told only that a message is ready")
    if played(entry) == "sms" and (costly := _costly(bodies)):
        notes.append(f"costs more SMS parts for {' '.join(costly)}")
    return notes


def _costly(bodies: tuple[str, ...]) -> list[str]:
    """The characters for which a text message has room for 70 characters instead of 160."""
    return sorted({sign for body in bodies for sign in gsm7_lookalike(body) if not is_gsm7(sign)})
