"""What people look at: the list of participants, and one participant's record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.engine import RowMapping

from bot.interview.events import TaskKind
from bot.interview.schedule import Wording
from bot.interview.state import State
from bot.interview.turn import ENDED
from bot.interview.wording import fill, values
from bot.records import participants
from bot.records.participants import CHANNEL_NAMES, Participant, Terms, channel_name
from bot.records.tables import addresses, consents, data_keys, interviews, media, messages, outbox, tasks
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.service import calls
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

    `delivery` is what became of it, for messages that we sent. `elided` is the text of earlier messages that came
    along; `replaces` the message of which this is a newer form.
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


@dataclass(frozen=True, slots=True)
class Consented:
    """One line of the consent ledger: the words that were shown, and the person's own reply.

    `answer` is 'Yes', 'No' or 'Not asked yet'; what was not asked has no reply, moment or channel.
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
    """One participant's whole record, in the order in which things happened."""

    row: Row
    id: int
    name: str
    notes: Mapping[str, str]
    address: str
    wording: str
    researcher: str
    title: str
    version: str
    entries: tuple[Entry, ...]
    consent: tuple[Consented, ...]
    tasks: tuple[str, ...]
    distressed: bool
    holder: str
    between: bool
    call: Call | None


def listed(uow: UnitOfWork) -> list[Row]:
    """Every participant, by code."""
    open_tasks = (
        select(func.count()).where(tasks.c.participant_id == people.c.id, tasks.c.closed_at.is_(None)).scalar_subquery()
    )
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
        .order_by(people.c.code)
    )
    return [
        Row(
            code=row["code"],
            cohort=row["cohort"],
            channel=channel_name(row["kind"], uow.vault.data_key(row["wrapped"]), row["value"]),
            simulated=row["kind"] == "simulator",
            state=STATES[row["state"]],
            held_by=row["saved"].get("holder", "") if row["state"] == State.HANDOVER else "",
            with_person=row["state"] == State.HANDOVER,
            may_take_over=State(row["state"]) not in ENDED | {State.INVITED},
            position=row["position"],
            place=_place(uow, row["version"], row["position"]),
            tasks=row["tasks"],
            changed_at=row["changed_at"],
        )
        for row in rows
    ]


ORDER = (
    TaskKind.DISTRESS, TaskKind.PERSON_ASKED, TaskKind.CALL_ASKED, TaskKind.UNCLEAR, TaskKind.GO_ON, "unknown sender",
    "sender not confirmed", "message not taken", "not delivered", "message refused", "message unknown",
    "address closed", TaskKind.SILENT, TaskKind.REVIEW, TaskKind.WRITE_UP,
)  # fmt: skip
"""Which tasks come first; any other comes after these."""


@dataclass(frozen=True, slots=True)
class Work:
    """Something for a person to do, about a participant or about somebody we do not know."""

    kind: str
    code: str
    note: str
    opened_at: datetime


def work(uow: UnitOfWork, most: int = 100) -> list[Work]:
    """What waits for a person, the most urgent first, and of a kind the oldest."""
    place = case({kind: number for number, kind in enumerate(ORDER)}, value=tasks.c.kind, else_=len(ORDER))
    rows = uow.all(
        select(tasks.c.kind, tasks.c.note, tasks.c.opened_at, people.c.code)
        .outerjoin(people, people.c.id == tasks.c.participant_id)
        .where(tasks.c.closed_at.is_(None))
        .order_by(place, tasks.c.opened_at, tasks.c.id)
        .limit(most)
    )
    return [Work(row["kind"], row["code"] or "", row["note"] or "", row["opened_at"]) for row in rows]


def held(uow: UnitOfWork) -> int:
    """How many messages are from people nobody knows yet."""
    found: int = uow.execute(
        select(func.count()).where(messages.c.belongs == "held", messages.c.direction == "in")
    ).scalar_one()
    return found


def record(uow: UnitOfWork, terms: Terms, code: str) -> Record | None:
    """The record of the participant with this code."""
    found = participants.by_code(uow, terms, code)
    if found is None:
        return None
    schedule = found.interview.schedule
    rows = uow.all(
        select(messages, outbox.c.state.label("leaving"), outbox.c.delivery, outbox.c.code)
        .outerjoin(outbox, outbox.c.message_id == messages.c.id)
        .where(messages.c.participant_id == found.id)
        .order_by(messages.c.id)
    )
    attached = _attached(uow, found)
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
        )
        for row in rows
    )
    row = next(row for row in listed(uow) if row.code == found.code)
    open_tasks = uow.all(
        select(tasks.c.kind).where(tasks.c.participant_id == found.id, tasks.c.closed_at.is_(None)).order_by(tasks.c.id)
    )
    return Record(
        row=row,
        id=found.id,
        name=found.interview.person.name,
        notes=found.interview.person.attributes,
        address=found.address.value,
        wording=found.interview.person.wording.value.replace("_", " "),
        researcher=found.interview.person.researcher,
        title=schedule.title,
        version=schedule.version,
        entries=entries,
        consent=tuple(_ledger(uow, found)),
        tasks=tuple(task["kind"] for task in open_tasks),
        distressed=found.interview.distressed,
        holder=found.interview.holder,
        between=found.interview.between,
        call=calls.of(uow, terms, found.code),
    )


def _ledger(uow: UnitOfWork, of: Participant) -> Iterator[Consented]:
    """Every answer to a consent statement as it was given, in order, then the statements that were not asked yet."""
    reply = messages.alias()
    shown = (
        select(messages.c.body)
        .where(
            messages.c.participant_id == of.id,
            messages.c.direction == "out",
            messages.c.question == consents.c.statement,
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
        if one.id not in of.interview.consent:
            words = fill(one.worded(wording), known)
            version = of.interview.schedule.version
            yield Consented(one.id, "Not asked yet", words, "", None, "", wording.value.replace("_", " "), version)


def _worded(uow: UnitOfWork, of: Participant, row: RowMapping) -> str:
    """The statement in the wording and version of the ledger, where what was sent is not here any more."""
    found = next((one for one in uow.schedule(row["version"]).statements if one.id == row["statement"]), None)
    return fill(found.worded(Wording(row["wording"])), values(of.interview)) if found else row["statement"]


def _attached(uow: UnitOfWork, of: Participant) -> dict[int, list[Attachment]]:
    rows = uow.all(
        select(media)
        .join(messages, messages.c.id == media.c.message_id)
        .where(messages.c.participant_id == of.id)
        .order_by(media.c.id)
    )
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
    return [row for row in listed(uow) if row.simulated]


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
        "refused": "refused by the provider",
        "unknown": "nobody knows whether it arrived",
        "cancelled": "not sent: it was not wanted any more",
    }.get(row["leaving"] or "", "")
