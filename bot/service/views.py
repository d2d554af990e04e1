"""What people look at: the list of participants, and one participant's record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.engine import RowMapping

from bot.interview.schedule import Wording
from bot.interview.state import State
from bot.interview.turn import ENDED
from bot.interview.wording import fill, values
from bot.messages import Delivery
from bot.records import participants
from bot.records.participants import CHANNEL_NAMES, Participant, Terms, channel_name
from bot.records.tables import addresses, consents, data_keys, interviews, media, messages, outbox, tasks
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.service import calls, work
from bot.service.calls import Call

STATES = {
    "invited": "Invited",
    "waiting": "On the waiting list",
    "screening": "Being asked whom the study is for",
    "not eligible": "Not eligible",
    "consent": "Reading the statements",
    "active": "Answering",
    "paused": "On a break",
    "stopped": "Stopped messages",
    "handover": "With a researcher",
    "declined": "Said no to taking part",
    "complete": "Finished",
    "leaving": "Is leaving the study",
    "left": "Left the study",
}
"""Each state in words for the study team."""

NOBODY_YET = "Waiting for a person"
"""They asked for one, or there were signs of distress, and nobody has taken over."""

CHOICES = STATES | {"handover": f"{STATES['handover']}, or waiting for one"}
"""The same where one of them is chosen."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list of participants. `held_by` is the researcher who has the conversation, where known."""

    code: str
    cohort: str
    channel: str
    simulated: bool
    state: str
    held_by: str
    with_person: bool
    may_take_over: bool
    position: str
    place: str
    tasks: int
    changed_at: datetime

    @property
    def standing(self) -> str:
        """The state, with the name of whoever has the conversation: 'With Ann'."""
        return f"With {self.held_by}" if self.held_by else self.state


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something besides words; `here` once it is stored."""

    id: int
    kind: str
    content_type: str
    name: str
    size: int | None
    seconds: int | None
    here: bool
    problem: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a record.

    `delivery` is what became of it, for messages that we sent. `elided` is text that came along, of earlier messages or
    around a short answer; `replaces` the message of which this is a newer form. `wording` and `version` of the
    schedule: what it was sent from. `movable`: it may be put under another question.
    """

    id: int
    incoming: bool
    author: str
    body: str
    at: datetime
    belongs: str
    question: str | None
    number: str
    channel: str
    removed: bool
    delivery: str
    problem: str | None
    elided: str
    replaces: int | None
    media: tuple[Attachment, ...]
    wording: str = ""
    version: str = ""
    movable: bool = False


@dataclass(frozen=True, slots=True)
class Consented:
    """One line of the consent ledger: the words that were shown, and the person's own reply.

    `answer` is 'Yes', 'No' or that it was not asked, or not again; such a line has no reply, moment or channel.
    """

    statement: str
    answer: str
    words: str
    reply: str
    at: datetime | None
    channel: str
    wording: str
    version: str


@dataclass(frozen=True, slots=True)
class Record:
    """One participant's record, whole or a stretch of it, in the order in which things happened.

    `older` and `newer`: there are entries before and after those that are here.
    """

    row: Row
    id: int
    name: str
    notes: Mapping[str, str]
    address: str
    wording: str
    researcher: str
    title: str
    language: str
    version: str
    entries: tuple[Entry, ...]
    consent: tuple[Consented, ...]
    tasks: tuple[str, ...]
    distressed: bool
    guarded: bool
    holder: str
    between: bool
    call: Call | None
    zone: ZoneInfo
    older: bool = False
    newer: bool = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which part of a record: the newest entries, those before one, those from one on, or from one to another.

    All are message ids. `most`: so many, unless both ends are given. `only` these, where they are named.
    """

    most: int = 50
    before: int | None = None
    start: int | None = None
    end: int | None = None
    only: tuple[int, ...] = ()


def listed(uow: UnitOfWork, *only: ColumnElement[bool], most: int | None = None) -> list[Row]:
    """Every participant, or those of whom this is true, by code."""
    theirs = (tasks.c.participant_id == people.c.id, tasks.c.closed_at.is_(None), work.public())
    open_tasks = select(func.count()).where(*theirs).scalar_subquery()
    rows = uow.all(
        select(
            people.c.code,
            people.c.cohort,
            addresses.c.kind,
            addresses.c.value,
            data_keys.c.wrapped,
            interviews.c.state,
            interviews.c.position,
            interviews.c.version,
            interviews.c.saved,
            interviews.c.changed_at,
            open_tasks.label("tasks"),
        )
        .join(addresses, (addresses.c.participant_id == people.c.id) & addresses.c.main)
        .join(data_keys, data_keys.c.id == people.c.key_id)
        .join(interviews, interviews.c.participant_id == people.c.id)
        .where(*only)
        .order_by(people.c.code)
        .limit(most)
    )
    return [
        Row(
            code=row["code"],
            cohort=row["cohort"],
            channel=channel_name(row["kind"], uow.vault.data_key(row["wrapped"]), row["value"]),
            simulated=row["kind"] == "simulator",
            state=NOBODY_YET if row["state"] == State.HANDOVER and not _holder(row) else STATES[row["state"]],
            held_by=_holder(row),
            with_person=row["state"] == State.HANDOVER,
            may_take_over=State(row["state"]) not in ENDED | {State.INVITED},
            position=row["position"],
            place=_place(uow, row["version"], row["position"]),
            tasks=row["tasks"],
            changed_at=row["changed_at"],
        )
        for row in rows
    ]


def _holder(row: RowMapping) -> str:
    holder: str = row["saved"].get("holder", "") if row["state"] == State.HANDOVER else ""
    return holder


def page(uow: UnitOfWork, after: str = "", most: int = 50) -> tuple[list[Row], bool]:
    """Participants whose code comes after this one, and whether there are more."""
    rows = listed(uow, people.c.code > after, most=most + 1)
    return rows[:most], len(rows) > most


def everybody(uow: UnitOfWork) -> int:
    """How many participants there are."""
    found: int = uow.execute(select(func.count()).select_from(people)).scalar_one()
    return found


def is_known(uow: UnitOfWork, code: str) -> bool:
    """Whether somebody has this code."""
    return uow.one(select(people.c.id).where(people.c.code == code)) is not None


def held(uow: UnitOfWork) -> int:
    """How many messages are from people nobody knows yet."""
    found: int = uow.execute(
        select(func.count()).where(
            messages.c.participant_id.is_(None), messages.c.belongs == "held", messages.c.direction == "in"
        )
    ).scalar_one()
    return found


MOVABLE = frozenset({"answer", "late", "conversation", "aside", "unread", "flagged"})
"""What may be put under another question: not consent, not words that were commands or choices."""


def record(uow: UnitOfWork, terms: Terms, code: str, stretch: Stretch | None = None) -> Record | None:
    """The record of the participant with this code, or a stretch of it."""
    found = participants.by_code(uow, terms, code)
    if found is None:
        return None
    schedule = found.interview.schedule
    rows = _stretch(uow, found.id, stretch)
    attached = _attached(uow, [row["id"] for row in rows] if stretch else None, found)
    numbers = {question.id: schedule.number(question.id) for question in schedule.questions}
    entries = tuple(
        Entry(
            id=row["id"],
            incoming=row["direction"] == "in",
            author=row["author"],
            body=found.key.open(row["body"], "body") if row["body"] else "",
            at=row["at"],
            belongs=row["belongs"],
            question=row["question"],
            number=f"Q{numbers[row['question']]}" if row["question"] in numbers else "",
            channel=row["channel"],
            removed=row["removed_at"] is not None,
            delivery=_delivery(row) if row["direction"] == "out" else "",
            problem=row["problem"],
            elided=found.key.open(row["elided"], "elided") if row["elided"] else "",
            replaces=row["replaces"],
            media=tuple(attached.get(row["id"], ())),
            wording=(row["wording"] or "").replace("_", " "),
            version=row["version"] or "",
            movable=row["direction"] == "in"
            and row["belongs"] in MOVABLE
            and row["removed_at"] is None
            and row["replaces"] is None,
        )
        for row in rows
    )
    (row,) = listed(uow, people.c.id == found.id)
    waits = (tasks.c.participant_id == found.id, tasks.c.closed_at.is_(None), work.public())
    open_tasks = uow.all(select(tasks.c.kind).where(*waits).order_by(tasks.c.id))
    before, after = _beyond(uow, found.id, entries) if stretch else (False, False)
    return Record(
        row=row,
        id=found.id,
        name=found.interview.person.name,
        notes=found.interview.person.attributes,
        address=found.address.value,
        wording=found.interview.person.wording.value.replace("_", " "),
        researcher=found.interview.person.researcher,
        title=schedule.title,
        language=schedule.language,
        version=schedule.version,
        entries=entries,
        consent=tuple(_ledger(uow, found)),
        tasks=tuple(task["kind"] for task in open_tasks),
        distressed=found.interview.distressed,
        guarded=found.interview.person.guarded,
        holder=found.interview.holder,
        between=found.interview.between,
        call=calls.of(uow, terms, found.code),
        zone=found.interview.person.timezone,
        older=before,
        newer=after,
    )


def _stretch(uow: UnitOfWork, participant_id: int, stretch: Stretch | None) -> list[RowMapping]:
    """The messages, oldest first."""
    query = (
        select(messages, outbox.c.state.label("leaving"), outbox.c.delivery, outbox.c.code)
        .outerjoin(outbox, outbox.c.message_id == messages.c.id)
        .where(messages.c.participant_id == participant_id)
    )
    if stretch is None:
        return uow.all(query.order_by(messages.c.id))
    if stretch.only:
        return uow.all(query.where(messages.c.id.in_(stretch.only)).order_by(messages.c.id))
    if stretch.before is not None:
        query = query.where(messages.c.id < stretch.before)
    if stretch.start is not None:
        query = query.where(messages.c.id >= stretch.start)
    if stretch.end is not None:
        query = query.where(messages.c.id <= stretch.end)
    if stretch.start is not None:
        rows = uow.all(query.order_by(messages.c.id).limit(None if stretch.end is not None else stretch.most))
    else:
        rows = uow.all(query.order_by(messages.c.id.desc()).limit(stretch.most))[::-1]
    return rows


def _beyond(uow: UnitOfWork, participant_id: int, entries: Sequence[Entry]) -> tuple[bool, bool]:
    """Whether there are messages before these, and after them."""
    if not entries:
        return False, False
    theirs = select(messages.c.id).where(messages.c.participant_id == participant_id).limit(1)
    older = uow.one(theirs.where(messages.c.id < entries[0].id))
    newer = uow.one(theirs.where(messages.c.id > entries[-1].id))
    return older is not None, newer is not None


def _ledger(uow: UnitOfWork, of: Participant) -> Iterator[Consented]:
    """Every answer to a consent statement as it was given, in order, then the statements that were not asked yet."""
    reply = messages.alias()
    came = or_(outbox.c.delivery.is_(None), outbox.c.delivery != Delivery.FAILED.value)
    shown = (
        select(messages.c.body)
        .join(outbox, outbox.c.message_id == messages.c.id)
        .where(
            outbox.c.state.in_(["accepted", "unknown"]),
            outbox.c.claimed_at <= consents.c.at,
            came,
            messages.c.participant_id == of.id,
            messages.c.direction == "out",
            or_(
                messages.c.question == consents.c.statement,
                messages.c.question.startswith(consents.c.statement + " "),  # it was changed: see `open_point`
            ),
            messages.c.id < consents.c.message_id,
        )
        .order_by(messages.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = uow.all(
        select(consents, reply.c.body.label("reply"), shown.label("shown"))
        .join(reply, reply.c.id == consents.c.message_id)
        .where(consents.c.participant_id == of.id)
        .order_by(consents.c.id)
    )
    for row in rows:
        yield Consented(
            statement=row["statement"],
            answer="Yes" if row["agreed"] else "No",
            words=of.key.open(row["shown"], "body") if row["shown"] else _worded(uow, of, row),
            reply=of.key.open(row["reply"], "body") if row["reply"] else "",
            at=row["at"],
            channel=CHANNEL_NAMES.get(row["channel"], of.interview.person.channel),
            wording=row["wording"].replace("_", " "),
            version=row["version"],
        )
    wording, known = of.interview.person.wording, values(of.interview)
    for one in of.interview.schedule.statements:
        changed = one.id in of.interview.again
        if changed or one.id not in of.interview.consent:
            words = fill(one.worded(wording), known)
            version = of.interview.schedule.version
            answer = "Changed since, and not answered again yet" if changed else "Not asked yet"
            yield Consented(one.id, answer, words, "", None, "", wording.value.replace("_", " "), version)


def _worded(uow: UnitOfWork, of: Participant, row: RowMapping) -> str:
    """The statement in the wording and version of the ledger, where what was sent is not here any more."""
    schedule = uow.schedule(row["version"])
    found = {one.id: one for one in schedule.statements}.get(row["statement"]) or schedule.texts[row["statement"]]
    return fill(found.worded(Wording(row["wording"])), values(of.interview))


def _attached(uow: UnitOfWork, only: Sequence[int] | None, of: Participant) -> dict[int, list[Attachment]]:
    query = select(media).join(messages, messages.c.id == media.c.message_id).where(messages.c.participant_id == of.id)
    rows = uow.all((query if only is None else query.where(messages.c.id.in_(only))).order_by(media.c.id))
    found: dict[int, list[Attachment]] = {}
    for row in rows:
        one = Attachment(
            id=row["id"],
            kind=row["kind"],
            content_type=row["content_type"],
            name=of.key.open(row["name"], "file name") if row["name"] else "",
            size=row["size"],
            seconds=row["seconds"],
            here=row["found_by"] is not None,
            problem=row["problem"],
        )
        found.setdefault(row["message_id"], []).append(one)
    return found


def phones(uow: UnitOfWork) -> list[Row]:
    """The simulated participants."""
    return listed(uow, addresses.c.kind == "simulator")


def _place(uow: UnitOfWork, version: str, position: str) -> str:
    schedule = uow.schedule(version)
    if any(question.id == position for question in schedule.questions):
        question = schedule.question(position)
        return "Closing question" if question.closing else f"Question {schedule.number(position)} of {schedule.total}"
    statements = [statement.id for statement in schedule.statements]
    eligibility = [asked.id for asked in schedule.eligibility]
    for what, ids in (("Statement", statements), ("Eligibility", eligibility)):
        if position in ids:
            return f"{what} {ids.index(position) + 1} of {len(ids)}"
    return ""


def _delivery(row: RowMapping) -> str:
    if row["leaving"] == "accepted":
        taken = "on the phone" if row["channel"] == "simulator" else "handed to the provider"
        return {"sent": "sent", "delivered": "delivered", "read": "read", "failed": "could not be delivered"}.get(
            row["delivery"] or "", taken
        )
    return {
        "pending": "waiting to leave",
        "held": "waits until they write on this channel",
        "aside": "set aside until the service speaks again",
        "sending": "leaving now",
        "refused": "could not be delivered" if row["delivery"] == "failed" else "refused by the provider",
        "unknown": "nobody knows whether it arrived",
        "cancelled": "not sent: it was not wanted any more",
    }.get(row["leaving"] or "", "")
