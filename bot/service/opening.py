"""What somebody would be sent first if they were enrolled now, for whoever looks before they enrol."""

from __future__ import annotations

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
from bot.service.enrolment import Entry


@dataclass(frozen=True, slots=True)
class Opening:
    """The messages in order, when the first of them may leave, in their own time, and what is not as usual."""

    messages: tuple[str, ...]
    at: datetime
    notes: tuple[str, ...]


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
