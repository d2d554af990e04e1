"""What stands beside a conversation: the schedule and the place in it, the pace, what may be sent, field notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import select

from bot.channel import Channel
from bot.interview.lint import warnings
from bot.interview.schedule import Question
from bot.interview.state import AGREED_AGAIN, Answer, Interview, Pace, Progress
from bot.interview.wording import NAME, called, clock, day, fill, values
from bot.messages import Address, Outbound, gsm7_lookalike, segments
from bot.records import participants
from bot.records.participants import Participant, Terms, channel_name
from bot.records.tables import addresses, messages, outbox
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.service import field_notes, postponing, work
from bot.service.field_notes import Note
from bot.service.outbox import WINDOW_MARGIN
from bot.service.postponing import Later
from bot.service.staff import User

TEXTED = frozenset({"text"})
"""What the person calls a channel whose messages are paid for in parts."""


@dataclass(frozen=True, slots=True)
class Step:
    """One question of the schedule, and how far it has come. `first`: the first message of its answer."""

    id: str
    number: str
    words: str
    state: str
    parts: int
    first: int | None
    here: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A section of the schedule with its questions."""

    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Leaving:
    """A message of the user's that has not left yet. `seconds`: how soon it does, 0 where it waits for more."""

    id: int
    words: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Beside:
    """Everything beside one conversation, as one person of the team sees it."""

    plan: tuple[Part, ...]
    probes: tuple[str, ...]
    pace: tuple[str, ...]
    window: str
    leaving: tuple[Leaving, ...]
    later: tuple[Later, ...]
    notes: tuple[Note, ...]
    talk: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """Words as they would arrive at one of a person's addresses. `parts`: how many texts are paid for, 0 where nobody
    pays by the part. `subject`: of a mail. `window`: whether we may write freely there, where that is not always so.
    """

    as_sent: str
    channel: str
    characters: int
    parts: int
    warnings: tuple[str, ...]
    subject: str
    window: str


def beside(uow: UnitOfWork, terms: Terms, user: User, code: str) -> Beside:
    """What stands beside this conversation. Raises OwnPaceError where there is none."""
    participant = participants.named(uow, terms, code)
    interview = participant.interview
    known = {question.id: question for question in interview.schedule.questions}
    open_question = known.get(interview.position)
    return Beside(
        plan=plan(interview),
        probes=_probes(interview, open_question) if open_question else (),
        pace=(*_agreeing(interview), *pace_in_words(interview.pace)),
        window=_window(uow, terms, participant, participant.kind, participant.address_id),
        leaving=tuple(_leaving(uow, participant, user.name)),
        later=postponing.waiting(uow, participant),
        notes=field_notes.shown(uow, participant, most=20),
        talk=work.wants_to_talk(uow, user, participant.id),
    )


def plan(interview: Interview) -> tuple[Part, ...]:
    """The schedule with what became of each question."""
    return tuple(
        Part(section.title, tuple(_step(interview, question) for question in section.questions))
        for section in interview.schedule.sections
    )


def _step(interview: Interview, question: Question) -> Step:
    answer = interview.answers.get(question.id)
    words = fill(question.worded(interview.person.wording), values(interview, name=""))
    return Step(
        id=question.id,
        number="" if question.closing else str(interview.schedule.number(question.id)),
        words=words,
        state=_state(interview, question, answer),
        parts=len(answer.parts) if answer else 0,
        first=answer.parts[0] if answer and answer.parts else None,
        here=question.id == interview.position,
    )


def _state(interview: Interview, question: Question, answer: Answer | None) -> str:
    """'answered, probed twice', in words for the study team."""
    if answer is None:
        return "only after some answers" if question.follow_up else "to come"
    waits = "open" if question.id == interview.position else "no answer yet"
    said = {
        Progress.ASKED: "being answered" if answer.parts else waits,
        Progress.SETTLED: "answered" if answer.parts else "asked, and nothing filed here",
        Progress.SKIPPED: "skipped" + (", with words" if answer.parts else ""),
        Progress.AHEAD: "said before it was asked",
    }[answer.progress]
    times = {0: "", 1: ", probed once", 2: ", probed twice"}.get(answer.probes, f", probed {answer.probes} times")
    return said + (", prompt offered" if answer.prompted else "") + times


def _probes(interview: Interview, question: Question) -> tuple[str, ...]:
    known = values(interview, name=NAME)
    return tuple(fill(probe, known) for probe in question.probes)


# Needs and pace


def _agreeing(interview: Interview) -> Iterator[str]:
    if changed := [one for one in interview.again if one != AGREED_AGAIN]:
        yield f"The interview waits for their YES or NO to what changed in the statements: {', '.join(changed)}."
    if AGREED_AGAIN in interview.again:
        yield "The interview waits for whether they still agree on this way of messaging."


def pace_in_words(pace: Pace) -> Iterator[str]:
    """The settings of pace that act on this interview, as short sentences."""
    yield f"An answer is whole after {_length(pace.settle)} of quiet, or DONE."
    if pace.review is None:
        yield "The next question waits until somebody has read the answer."
    elif pace.review:
        yield f"The next question waits {_length(pace.review)} of working time for somebody to read the answer."
    hours = pace.hours
    if hours is not None:
        yield f"Messages they did not just ask for come between {_minute(hours[0])} and {_minute(hours[1])}."
    elif pace.quiet is not None:
        yield f"No messages they did not just ask for between {_minute(pace.quiet[0])} and {_minute(pace.quiet[1])}."
    if len(pace.days) < 7:
        names = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
        yield f"Only on {', '.join(names[each] for each in sorted(pace.days))}."
    for begins, ends in pace.away:
        yield f"Away from {day(begins)} to {day(ends)}."
    if pace.questions_a_day:
        yield f"At most {pace.questions_a_day} question{'s' if pace.questions_a_day > 1 else ''} a day."
    yield "Stock prompts may be offered." if pace.prompts else "No stock prompts, unless they allow them."


def _length(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    for unit, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds // unit} {name}{'s' if seconds // unit > 1 else ''}"
    return f"{seconds} seconds"


def _minute(minute: int) -> str:
    return f"{minute // 60 % 24:02}:{minute % 60:02}"


# What may be sent


def _window(uow: UnitOfWork, terms: Terms, participant: Participant, kind: str, address_id: int) -> str:
    """Whether the provider lets us write freely now, where it does so only for a while after they wrote."""
    channel = terms.channels.get(kind)
    if channel is None or channel.window is None:
        return ""
    here = select(addresses.c.heard_at).where(addresses.c.id == address_id)
    heard_at: datetime | None = uow.execute(here).scalar()
    closes = heard_at + channel.window - WINDOW_MARGIN if heard_at else None
    if closes is None or closes <= uow.now:
        return "The window is closed: an approved text goes first, and your words follow when they write."
    local = closes.astimezone(participant.interview.person.timezone)
    return f"The window is open until {clock(local)} on {day(local)}: until then you can write freely."


def _leaving(uow: UnitOfWork, participant: Participant, author: str) -> Iterator[Leaving]:
    """What the user wrote and can still take back, the newest first."""
    waits = (outbox.c.participant_id == participant.id, outbox.c.state.in_(["pending", "held", "aside"]))
    rows = uow.all(
        select(messages.c.id, messages.c.body, outbox.c.not_before)
        .join(messages, messages.c.id == outbox.c.message_id)
        .where(*waits, messages.c.author == author)
        .order_by(outbox.c.seq.desc())
    )
    for row in rows:
        seconds = max(0, ceil((row["not_before"] - uow.now).total_seconds()))
        yield Leaving(row["id"], participant.key.open(row["body"], "body").removesuffix(f"\n\n{author}"), seconds)


def preview(uow: UnitOfWork, terms: Terms, code: str, researcher: str, text: str) -> Preview:
    """The words as they would arrive where the person is now. Raises OwnPaceError where there is no such code."""
    participant = participants.named(uow, terms, code)
    here = (participant.address_id, participant.kind, participant.sealed_address)
    return _arriving(uow, terms, participant, researcher, text, *here)


def previews(uow: UnitOfWork, terms: Terms, code: str, researcher: str, text: str) -> tuple[Preview, ...]:
    """The same, and then as they would arrive at each other address of theirs that is open."""
    participant = participants.named(uow, terms, code)
    of = (addresses.c.participant_id == participant.id, addresses.c.closed.is_(None))
    others = uow.all(select(addresses).where(*of, addresses.c.main.is_(False)).order_by(addresses.c.id))
    here = (participant.address_id, participant.kind, participant.sealed_address)
    each = [here, *((row["id"], row["kind"], row["value"]) for row in others)]
    return tuple(_arriving(uow, terms, participant, researcher, text, *one) for one in each)


def _arriving(
    uow: UnitOfWork,
    terms: Terms,
    participant: Participant,
    researcher: str,
    text: str,
    address_id: int,
    kind: str,
    sealed: bytes,
) -> Preview:
    """The words at one address, what they cost there, and what may be hard to read."""
    person, name = participant.interview.person, channel_name(kind, participant.key, sealed)
    words, texted = called(text.strip(), person.name), name in TEXTED
    message = Outbound(
        "preview",
        Address(kind, participant.key.open(sealed, "address")),
        f"{words}\n\n{researcher}",
        earlier=_earlier(uow, participant, kind),
        thread=uow.execute(select(people.c.thread).where(people.c.id == participant.id)).scalar() or "",
        author=researcher,
    )
    look = terms.channels.get(kind, Channel()).look(message)
    as_sent = gsm7_lookalike(look.body) if texted else look.body
    return Preview(
        as_sent=as_sent,
        channel=name,
        characters=len(words),
        parts=segments(as_sent) if texted else 0,
        warnings=tuple(warnings(words, person.wording, texted)),
        subject=look.subject,
        window=_window(uow, terms, participant, kind, address_id),
    )


def _earlier(uow: UnitOfWork, participant: Participant, kind: str) -> tuple[str, ...]:
    """A message that went before on this channel: a mail is an answer then."""
    before = (messages.c.participant_id == participant.id, messages.c.channel == kind)
    row = uow.one(select(messages.c.provider_id).where(*before, messages.c.provider_id.is_not(None)).limit(1))
    return (row["provider_id"],) if row else ()


def probe(uow: UnitOfWork, terms: Terms, code: str, number: str) -> str:
    """A probe of the open question, '' where there is no such one any more."""
    interview = participants.named(uow, terms, code).interview
    question = next((one for one in interview.schedule.questions if one.id == interview.position), None)
    probes = _probes(interview, question) if question else ()
    return {str(place): words for place, words in enumerate(probes)}.get(number, "")
