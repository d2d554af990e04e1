"""What comes in: stored first, whatever it is, then taken through the interview, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import structlog
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from bot.interview.events import Said
from bot.messages import DeliveryUpdate, Inbound, News, Reach, Undeciphered
from bot.records import participants
from bot.records.participants import Participant, Terms
from bot.records.prepared import Prepared
from bot.records.tables import addresses, messages, outbox
from bot.records.unit_of_work import UnitOfWork
from bot.service.conversations import happen, lane
from bot.service.outbox import update_delivery

log = structlog.get_logger()

_NEW_INBOUND = {
    "sqlite": Prepared(sqlite_insert(messages).on_conflict_do_nothing().returning(messages.c.id)),
    "postgresql": Prepared(postgresql_insert(messages).on_conflict_do_nothing().returning(messages.c.id)),
}
_WAITING = Prepared(
    select(outbox.c.question, outbox.c.not_before).where(outbox.c.lane == bindparam("of"), outbox.c.state == "pending")
)


def take(uow: UnitOfWork, terms: Terms, kind: str, news: Sequence[News]) -> None:
    """Everything that one delivery of a channel brings."""
    for one in news:
        match one:
            case Inbound():
                receive(uow, terms, one)
            case DeliveryUpdate():
                update_delivery(uow, terms, one)
            case Reach():
                reach(uow, one)
            case Undeciphered():
                keep_unreadable(uow, kind, one)


def reach(uow: UnitOfWork, news: Reach) -> None:
    """An address takes nothing any more, or takes messages again."""
    where = addresses.c.found_by == uow.vault.find(news.address)
    row = uow.one(select(addresses.c.participant_id).where(where))
    uow.execute(update(addresses).where(where).values(closed=news.closed))
    if row is not None and news.closed:
        uow.open_task("address closed", row["participant_id"], None, f"The {news.address.kind} address: {news.closed}")


class Received(StrEnum):
    """What became of a delivery."""

    TAKEN = "taken"
    AGAIN = "again"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class _Stored:
    id: int
    again: bool


def receive(uow: UnitOfWork, terms: Terms, inbound: Inbound) -> Received:
    """Store one message from a person and take it through their interview.

    A second copy changes nothing. If the interview cannot take it, the message is kept all the same, with a task.
    A sender nobody knows is held for a person to look at, and is told so once a day.
    """
    participant = participants.by_address(uow, terms, inbound.sender)
    if participant is None:
        return _hold(uow, inbound, terms.unknown_reply(inbound.sender.kind))
    stored = _store(uow, inbound, participant)
    if stored.again:
        return Received.AGAIN
    uow.changed |= {"participants", f"participant {participant.id}"}
    waiting = _release_held(uow, participant.id)
    said = Said(
        message=stored.id,
        text=inbound.body,
        replied_to=_question_of(uow, inbound.reply_to),
        unseen=bool(participant.interview.position) and participant.interview.position in waiting,
        opt_out=inbound.opt_out,
        media=bool(inbound.media),
    )
    try:
        with uow.undone_on_failure():
            happen(uow, participant, said)
    except Exception as error:
        log.error("a message could not be taken through its interview", code=participant.code, exc_info=error)
        problem = f"The interview could not take this message ({type(error).__name__}). It is kept; please read it."
        uow.execute(update(messages).where(messages.c.id == stored.id).values(problem=problem, belongs="unread"))
        uow.open_task("message not taken", participant.id, stored.id, problem)
    return Received.TAKEN


def keep_unreadable(uow: UnitOfWork, kind: str, news: Undeciphered) -> None:
    """Keep a genuine delivery that nobody could parse, with a task."""
    key_id, key = uow.holding_key()
    added = _insert(
        uow,
        {
            "key_id": key_id,
            "direction": "in",
            "channel": kind,
            "provider_key": news.provider_key,
            "author": "unknown",
            "belongs": "held",
            "raw": key.seal(news.raw, "raw"),
            "problem": news.problem,
            "at": uow.now,
        },
    )
    if added is not None:
        uow.open_task("unreadable delivery", None, added, news.problem)


# The holding area


def _hold(uow: UnitOfWork, inbound: Inbound, reply: str) -> Received:
    key_id, key = uow.holding_key()
    sender = uow.vault.find(inbound.sender)
    day_ago = uow.now - timedelta(days=1)
    answered = uow.one(
        select(messages.c.id)
        .where(messages.c.sender == sender, messages.c.direction == "out", messages.c.at > day_ago)
        .limit(1)
    )
    added = _insert(
        uow,
        {
            "key_id": key_id,
            "direction": "in",
            "channel": inbound.sender.kind,
            "provider_key": inbound.provider_key,
            "author": "unknown",
            "belongs": "held",
            "body": key.seal(inbound.body, "body"),
            "raw": key.seal(inbound.raw, "raw"),
            "sender": sender,
            "written_at": inbound.written_at,
            "at": uow.now,
        },
    )
    if added is None:
        return Received.AGAIN
    uow.open_task("unknown sender", None, added)
    if reply and not answered and inbound.opt_out is None:
        message_id = uow.execute(
            insert(messages)
            .values(
                key_id=key_id,
                direction="out",
                channel=inbound.sender.kind,
                author="bot",
                belongs="held",
                texts="unknown-sender",
                body=key.seal(reply, "body"),
                sender=sender,
                at=uow.now,
            )
            .returning(messages.c.id)
        ).scalar_one()
        uow.execute(
            insert(outbox).values(
                id=uow.new_id(),
                lane=f"held {sender.hex()[:24]}",
                message_id=message_id,
                key_id=key_id,
                kind=inbound.sender.kind,
                address=key.seal(inbound.sender.value, "address"),
                state="pending",
                attempts=0,
                not_before=uow.now,
                changed_at=uow.now,
            )
        )
        uow.changed.add("outbox")
    return Received.HELD


# Storing what came


def _store(uow: UnitOfWork, inbound: Inbound, participant: Participant) -> _Stored:
    added = _insert(
        uow,
        {
            "participant_id": participant.id,
            "key_id": participant.key_id,
            "direction": "in",
            "channel": inbound.sender.kind,
            "provider_key": inbound.provider_key,
            "author": "participant",
            "belongs": "unread",
            "body": participant.key.seal(inbound.body, "body"),
            "raw": participant.key.seal(inbound.raw, "raw"),
            "written_at": inbound.written_at,
            "at": uow.now,
        },
    )
    return _Stored(added or 0, added is None)


def _insert(uow: UnitOfWork, values: dict[str, object]) -> int | None:
    """Insert a message unless its provider key is there already; its id."""
    added = uow.run(_NEW_INBOUND[uow.connection.dialect.name], values)
    return added[0]["id"] if added else None


def _question_of(uow: UnitOfWork, reply_to: Sequence[str]) -> str | None:
    if not reply_to:
        return None
    row = uow.one(select(outbox.c.question).where(outbox.c.provider_id.in_(reply_to)))
    return row["question"] if row else None


def _release_held(uow: UnitOfWork, participant_id: int) -> set[str | None]:
    """The person is writing, so nothing waits for their waking hours any more; the questions that have not left."""
    waiting = uow.run(_WAITING, {"of": lane(participant_id)})
    if any(row["not_before"] > uow.now for row in waiting):
        uow.execute(
            update(outbox)
            .where(outbox.c.lane == lane(participant_id), outbox.c.state == "pending", outbox.c.not_before > uow.now)
            .values(not_before=uow.now)
        )
    return {row["question"] for row in waiting}
