"""The holding area: messages of people nobody knows, until a person says whose they are or sets them aside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.engine import RowMapping

from bot.errors import OwnPaceError
from bot.interview.commands import Command, parse
from bot.interview.events import Belongs, Said, TaskKind, Worried
from bot.interview.pace import is_reply
from bot.interview.quiet import next_allowed
from bot.interview.state import State
from bot.messages import MediaKind
from bot.records import participants
from bot.records.participants import Participant, Terms, lane
from bot.records.tables import addresses, media, messages, outbox, tasks
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.records.vault import DataKey
from bot.service import intake
from bot.service import media as attachments
from bot.service.conversations import happen
from bot.service.reasons import sealed, sealed_with

SEALED = {"body": "body", "elided": "elided", "raw": "raw", "sent_from": "address"}
"""The columns that are sealed, each with what it was sealed as."""


@dataclass(frozen=True, slots=True)
class Held:
    """A message that waits for somebody to say whose it is. `others`: how many more there are of the same sender."""

    id: int
    channel: str
    body: str
    elided: str
    problem: str
    at: datetime
    state: str
    others: int
    kept_with: str
    can_add: bool
    can_undo: bool
    media: tuple[tuple[int, str, bool], ...]


def listed(uow: UnitOfWork, aside: bool = False, before: int | None = None, most: int = 20) -> tuple[list[Held], bool]:
    """What is held, or was set aside, the newest first; and whether there is more."""
    place = [messages.c.participant_id.is_(None), messages.c.direction == "in", _belongs(aside)]
    if before is not None:
        place.append(messages.c.id < before)
    rows = uow.all(select(messages).where(*place).order_by(messages.c.id.desc()).limit(most + 1))
    return [_held(uow, row) for row in rows[:most]], len(rows) > most


def _belongs(aside: bool) -> ColumnElement[bool]:
    return messages.c.belongs == ("set aside" if aside else "held")


def one(uow: UnitOfWork, message_id: int) -> Held | None:
    """One message that is held, was set aside, or was kept with somebody from here."""
    row = uow.one(select(messages).where(messages.c.id == message_id, messages.c.direction == "in"))
    came_here = row is not None and (row["participant_id"] is None or row["sender"] is not None)
    return _held(uow, row) if row is not None and came_here else None


def whose(uow: UnitOfWork, message_id: int) -> str:
    """The code of the participant with whom the message is kept, '' while it is nobody's."""
    found = select(people.c.code).join(messages, messages.c.participant_id == people.c.id)
    return uow.execute(found.where(messages.c.id == message_id)).scalar() or ""


def _held(uow: UnitOfWork, row: RowMapping) -> Held:
    key = uow.key(row["key_id"])
    others = 0
    if row["sender"] is not None:
        same = (messages.c.sender == row["sender"], messages.c.direction == "in", messages.c.participant_id.is_(None))
        others = uow.execute(select(func.count()).where(*same, messages.c.id != row["id"])).scalar_one()
    came = uow.all(select(media).where(media.c.message_id == row["id"]).order_by(media.c.id))
    code = participants.found_by_id(uow, row["participant_id"]) if row["participant_id"] else None
    return Held(
        id=row["id"],
        channel=row["channel"],
        body=key.open(row["body"], "body") if row["body"] else "",
        elided=key.open(row["elided"], "elided") if row["elided"] else "",
        problem=row["problem"] or "",
        at=row["at"],
        state=row["belongs"] if row["participant_id"] is None else "kept",
        others=others,
        kept_with=code.row["code"] if code else "",
        can_add=row["participant_id"] is None and _address_of(uow, row) is not None,
        can_undo=row["participant_id"] is not None and row["belongs"] == Belongs.ASIDE,
        media=tuple((each["id"], each["kind"], each["found_by"] is not None) for each in came),
    )


# Whose it is


def link(
    uow: UnitOfWork,
    terms: Terms,
    message_id: int,
    code: str,
    researcher: str,
    reason: str,
    through: bool = False,
    address: bool = False,
) -> str:
    """The message is this participant's; their code.

    `through`: take it through their interview, as if they had sent it from an address of theirs. `address`: from now
    on what comes from there is theirs. Raises OwnPaceError with the mend where something of this cannot be.
    """
    row = _waiting(uow, message_id)
    participant = participants.by_code(uow, terms, code)
    if participant is None:
        raise OwnPaceError(f"There is no participant {code.strip() or 'without a code'}. Write a code such as P07.")
    reason = " ".join(reason.split())
    if not reason:
        raise OwnPaceError("Say how you know that it is theirs.")
    body = uow.key(row["key_id"]).open(row["body"], "body") if row["body"] else ""
    if through:
        _check_may_answer(uow, participant, body)
    if address:
        _add_address(uow, participant, row)
    _open_again(uow, row)
    _hand_over(uow, row, participant.id, participant.key_id, participant.key, Belongs.ASIDE.value)
    alarming = _take_tasks(uow, participant, row)
    if through:
        _take_through(uow, terms, participant, row, body)
    elif alarming and participant.interview.state is not State.INVITED:
        happen(uow, terms, participant, Worried(researcher))
    uow.changed |= {"tasks", "participants", f"participant {participant.id}"}
    chosen = {"message": row["id"], "through": through, "address": address}
    uow.note(researcher, "linked a held message", participant.code, **chosen, **sealed(uow, participant, reason))
    return participant.code


def _check_may_answer(uow: UnitOfWork, participant: Participant, body: str) -> None:
    """The service would answer at once, though they may have written hours ago."""
    word = parse(body)
    if word and word.command in (Command.STOP, Command.LEAVE):
        return
    interview = participant.interview
    rules = interview.pace.rules(interview.person.timezone)
    if not is_reply(uow.now, interview.heard) and next_allowed(uow.now, rules, ()) > uow.now:
        raise OwnPaceError(
            f"The service would answer {participant.code} now, outside the hours in which they want messages. "
            "Do this later, or only keep the message with them."
        )


def _take_through(uow: UnitOfWork, terms: Terms, participant: Participant, row: RowMapping, body: str) -> None:
    """As if they had sent it now; to a phone that others may see, as if when they did: nobody has it in hand now."""
    came = uow.one(select(media.c.kind).where(media.c.message_id == row["id"]).order_by(media.c.id).limit(1))
    sign = intake.sign_of(uow, terms, participant, body)
    away = participant.interview.person.discreet and sign is None and not is_reply(uow.now, row["at"])
    held = (outbox.c.lane == lane(participant.id), outbox.c.state == "held")
    said = Said(
        message=row["id"],
        text=body,
        media=MediaKind(came["kind"]) if came else None,
        kept_back=away and uow.one(select(outbox.c.seq).where(*held).limit(1)) is not None,
        sign=sign,
        wrote=row["at"] if away else None,
    )
    happen(uow, terms, participant, said)


def _take_tasks(uow: UnitOfWork, participant: Participant, row: RowMapping) -> bool:
    """What was to be done about the message is done, but for signs of distress: those are the participant's now."""
    of = (tasks.c.message_id == row["id"], tasks.c.participant_id.is_(None), tasks.c.closed_at.is_(None))
    alarming = (*of, tasks.c.kind == TaskKind.DISTRESS.value)
    moved = uow.execute(update(tasks).where(*alarming).values(participant_id=participant.id)).rowcount
    uow.execute(update(tasks).where(*of).values(closed_at=uow.now))
    return bool(moved)


def _open_again(uow: UnitOfWork, row: RowMapping) -> None:
    """What was closed by setting the message aside is to be done again; what somebody saw to stays done."""
    shut = (tasks.c.message_id == row["id"], tasks.c.closed_by.is_not(None), tasks.c.outcome.is_(None))
    uow.execute(update(tasks).where(*shut, tasks.c.participant_id.is_(None)).values(closed_at=None, closed_by=None))


def _give_back_tasks(uow: UnitOfWork, row: RowMapping) -> None:
    """What is to be done about the message, now that it is nobody's again.

    Signs of distress in it are to be seen to again, whatever was done about them with whomever it was kept with: that
    was another person. What waits there stays, for their questions are held.
    """
    _open_again(uow, row)
    of = (tasks.c.message_id == row["id"], tasks.c.kind == TaskKind.DISTRESS.value)
    theirs = uow.one(select(tasks.c.id, tasks.c.note).where(*of, tasks.c.participant_id.is_not(None)))
    if theirs:
        uow.execute(update(tasks).where(tasks.c.id == theirs["id"]).values(message_id=None))
        uow.open_task(TaskKind.DISTRESS.value, None, row["id"], theirs["note"])
    waits = (tasks.c.message_id == row["id"], tasks.c.kind == "unknown sender", tasks.c.closed_at.is_(None))
    if uow.one(select(tasks.c.id).where(*waits)) is None:
        uow.open_task("unknown sender", None, row["id"])


def _add_address(uow: UnitOfWork, participant: Participant, row: RowMapping) -> None:
    value = _address_of(uow, row)
    if value is None:
        raise OwnPaceError("The address of this message is not known here, so it cannot be added.")
    if uow.one(select(addresses.c.id).where(addresses.c.found_by == row["sender"])):
        raise OwnPaceError("This address is somebody's already. It cannot be used twice.")
    there = {"kind": row["channel"], "found_by": row["sender"], "value": participant.key.seal(value, "address")}
    uow.execute(insert(addresses).values(participant_id=participant.id, **there, verified=False, main=False))


def _address_of(uow: UnitOfWork, row: RowMapping) -> str | None:
    """From where it came: kept with it, or with the reply that a stranger got."""
    if row["sent_from"]:
        return uow.key(row["key_id"]).open(row["sent_from"], "address")
    if row["sender"] is None:
        return None
    ours = (messages.c.sender == row["sender"], messages.c.direction == "out")
    sent = uow.one(
        select(outbox.c.address, outbox.c.key_id)
        .join(messages, messages.c.id == outbox.c.message_id)
        .where(*ours)
        .limit(1)
    )
    return uow.key(sent["key_id"]).open(sent["address"], "address") if sent else None


# Setting aside, and undoing


def set_aside(uow: UnitOfWork, message_id: int, researcher: str, reason: str) -> None:
    """It is nobody's of the study. It is kept, and asks for nothing any more. Raises OwnPaceError without a reason."""
    row = _waiting(uow, message_id)
    reason = " ".join(reason.split())
    if not reason:
        raise OwnPaceError("Say why it is set aside.")
    uow.execute(update(messages).where(messages.c.id == row["id"]).values(belongs="set aside"))
    of = (tasks.c.message_id == row["id"], tasks.c.closed_at.is_(None))
    done = {"closed_at": uow.now, "closed_by": researcher}
    uow.execute(update(tasks).where(*of).values(**done))
    uow.changed |= {"tasks", "participants"}
    kept = sealed_with(uow.holding_key()[1], reason)
    uow.note(researcher, "set a held message aside", None, message=row["id"], **kept)


def put_back(uow: UnitOfWork, message_id: int, researcher: str) -> None:
    """It is held again, and somebody's to see to.

    An address that was added with it is not theirs any more, unless they confirmed it themselves. Raises
    OwnPaceError for a message that has been taken through an interview, or moved to a question since.
    """
    row = uow.one(select(messages).where(messages.c.id == message_id, messages.c.direction == "in"))
    came_here = row is not None and row["belongs"] in ("set aside", Belongs.ASIDE.value) and row["sender"] is not None
    if row is None or not (came_here or row["belongs"] == "set aside"):
        raise OwnPaceError("This cannot be taken back: the message is part of an interview now.")
    code = None
    if row["participant_id"] is not None:
        found = participants.found_by_id(uow, row["participant_id"])
        code = found.row["code"] if found else None
        added = (addresses.c.participant_id == row["participant_id"], addresses.c.found_by == row["sender"])
        uow.execute(delete(addresses).where(*added, addresses.c.main.is_(False), addresses.c.verified.is_(False)))
        uow.changed.add(f"participant {row['participant_id']}")
    key_id, key = uow.holding_key()
    _hand_over(uow, row, None, key_id, key, "held")
    _give_back_tasks(uow, row)
    uow.changed |= {"tasks", "participants"}
    uow.note(researcher, "put a message back into the holding area", code, message=row["id"])


def _waiting(uow: UnitOfWork, message_id: int) -> RowMapping:
    held = (messages.c.participant_id.is_(None), messages.c.belongs.in_(["held", "set aside"]))
    row = uow.one(select(messages).where(messages.c.id == message_id, messages.c.direction == "in", *held))
    if row is None:
        raise OwnPaceError("This message is not in the holding area any more.")
    return row


def _hand_over(
    uow: UnitOfWork, row: RowMapping, participant_id: int | None, key_id: int, key: DataKey, belongs: str
) -> None:
    """Seal the message, and what came with it, under another key: it goes when that person's words go."""
    if row["key_id"] != key_id:
        old = uow.key(row["key_id"])
        again = {name: key.seal(old.open_bytes(row[name], kind), kind) for name, kind in SEALED.items() if row[name]}
        attachments.hand_over(uow, row["id"], old, key_id, key)
    else:
        again = {}
    values = {"participant_id": participant_id, "key_id": key_id, "belongs": belongs, **again}
    uow.execute(update(messages).where(messages.c.id == row["id"]).values(**values))
