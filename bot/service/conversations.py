"""Taking what happened through the interview: store, step, save what follows, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from bot.interview.engine import Step, step
from bot.interview.events import (
    Cancel,
    Consent,
    Due,
    Effect,
    Event,
    File,
    OpenTask,
    OptedOut,
    Remove,
    Said,
    Send,
    SetTimer,
    TimerKind,
)
from bot.messages import Inbound
from bot.records import participants
from bot.records.participants import Participant, Terms
from bot.records.prepared import Prepared
from bot.records.tables import consents, messages, outbox, timers
from bot.records.unit_of_work import UnitOfWork

log = structlog.get_logger()

_NEW_INBOUND = {
    "sqlite": Prepared(sqlite_insert(messages).on_conflict_do_nothing().returning(messages.c.id)),
    "postgresql": Prepared(postgresql_insert(messages).on_conflict_do_nothing().returning(messages.c.id)),
}
_NEW_MESSAGE = Prepared(insert(messages).returning(messages.c.id))
_NEW_OUTBOX = Prepared(insert(outbox).returning(outbox.c.seq))
_MESSAGE = Prepared(update(messages).where(messages.c.id == bindparam("of")))
_WAITING = Prepared(
    select(outbox.c.question, outbox.c.not_before).where(outbox.c.lane == bindparam("of"), outbox.c.state == "pending")
)


class Received(StrEnum):
    """What became of a delivery."""

    TAKEN = "taken"
    AGAIN = "again"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class _Stored:
    id: int
    again: bool


def receive(uow: UnitOfWork, terms: Terms, inbound: Inbound, unknown_reply: str = "") -> Received:
    """Store one message from a person and take it through their interview.

    A second copy changes nothing. If the interview cannot take it, the message is kept all the same, with a task.
    A sender nobody knows is held for a person to look at, and gets `unknown_reply` once a day.
    """
    participant = participants.by_address(uow, terms, inbound.sender)
    if participant is None:
        return _hold(uow, inbound, unknown_reply)
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


def happen(uow: UnitOfWork, participant: Participant, event: Event) -> Step:
    """Take any event through a participant's interview and save what follows."""
    after = step(participant.interview, event, uow.now)
    _Turn(uow, participant, event).save(after)
    uow.changed |= {"participants", f"participant {participant.id}"}
    return after


def wake(uow: UnitOfWork, terms: Terms, limit: int = 100) -> int:
    """Take the timers that are due through their interviews, oldest first; returns how many there were."""
    due = uow.all(select(timers).where(timers.c.due <= uow.now).order_by(timers.c.due).limit(limit))
    for row in due:
        uow.execute(delete(timers).where(timers.c.id == row["id"]))
        participant = participants.by_id(uow, terms, row["participant_id"])
        happen(uow, participant, Due(TimerKind(row["kind"]), row["position"]))
    return len(due)


def next_wake(uow: UnitOfWork) -> datetime | None:
    """When the next timer is due."""
    row = uow.one(select(timers.c.due).order_by(timers.c.due).limit(1))
    return row["due"] if row else None


def opted_out(uow: UnitOfWork, terms: Terms, participant_id: int) -> None:
    """The provider says that the person blocked us: it is final, on every channel."""
    happen(uow, participants.by_id(uow, terms, participant_id), OptedOut())


def keep_unreadable(uow: UnitOfWork, kind: str, raw: bytes, problem: str) -> None:
    """Keep a genuine delivery that nobody could parse, with a task."""
    key_id, key = uow.holding_key()
    message_id = uow.execute(
        insert(messages)
        .values(
            key_id=key_id,
            direction="in",
            channel=kind,
            author="unknown",
            belongs="held",
            raw=key.seal(raw, "raw"),
            problem=problem,
            at=uow.now,
        )
        .returning(messages.c.id)
    ).scalar_one()
    uow.open_task("unreadable delivery", None, message_id, problem)


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


def _question_of(uow: UnitOfWork, provider_id: str | None) -> str | None:
    if provider_id is None:
        return None
    row = uow.one(select(outbox.c.question).where(outbox.c.provider_id == provider_id))
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


def lane(participant_id: int) -> str:
    """The queue in which one person's messages leave, one at a time."""
    return f"p{participant_id}"


class _Turn:
    """Writes down what follows from one event."""

    def __init__(self, uow: UnitOfWork, participant: Participant, event: Event) -> None:
        self.uow = uow
        self.participant = participant
        self.message = event.message if isinstance(event, Said) else None
        self.before: int | None = None

    def save(self, after: Step) -> None:
        for effect in after.effects:
            self.save_effect(effect, after)
        participants.save(self.uow, self.participant.id, after.interview)

    def save_effect(self, effect: Effect, after: Step) -> None:
        match effect:
            case File():
                filed = {"belongs": effect.belongs.value, "question": effect.question}
                self.uow.run(_MESSAGE, {**filed, "of": effect.message})
            case Remove():
                taken_back = update(messages).where(messages.c.id == effect.message)
                self.uow.execute(taken_back.values(removed_at=self.uow.now))
            case Send():
                self.send(effect)
            case Cancel():
                self.cancel()
            case Consent():
                self.consent(effect)
            case SetTimer():
                self.set_timer(effect)
            case OpenTask():
                self.uow.open_task(effect.kind.value, self.participant.id, self.message)

    def send(self, effect: Send) -> None:
        uow, person = self.uow, self.participant
        (message,) = uow.run(
            _NEW_MESSAGE,
            {
                "participant_id": person.id,
                "key_id": person.key_id,
                "direction": "out",
                "channel": person.kind,
                "author": effect.author or "bot",
                "belongs": "sent",
                "question": effect.question,
                "texts": " ".join(effect.texts) or None,
                "wording": person.interview.person.wording.value,
                "body": person.key.seal(effect.body, "body"),
                "at": uow.now,
            },
        )
        (waiting,) = uow.run(
            _NEW_OUTBOX,
            {
                "id": uow.new_id(),
                "lane": lane(person.id),
                "participant_id": person.id,
                "message_id": message["id"],
                "key_id": person.key_id,
                "kind": person.kind,
                "address": person.sealed_address,
                "question": effect.question,
                "state": "pending",
                "attempts": 0,
                "follows": self.before,
                "not_before": effect.not_before or uow.now,
                "changed_at": uow.now,
            },
        )
        self.before = waiting["seq"]
        uow.changed.add("outbox")

    def cancel(self) -> None:
        waiting = (outbox.c.lane == lane(self.participant.id), outbox.c.state == "pending")
        self.uow.execute(update(outbox).where(*waiting).values(state="cancelled", changed_at=self.uow.now))
        self.uow.execute(delete(timers).where(timers.c.participant_id == self.participant.id))

    def consent(self, effect: Consent) -> None:
        person = self.participant
        self.uow.execute(
            insert(consents).values(
                participant_id=person.id,
                statement=effect.statement,
                version=person.interview.schedule.version,
                wording=person.interview.person.wording.value,
                agreed=effect.agreed,
                message_id=effect.message,
                channel=person.kind,
                at=self.uow.now,
            )
        )

    def set_timer(self, effect: SetTimer) -> None:
        of_kind = (timers.c.participant_id == self.participant.id, timers.c.kind == effect.kind.value)
        self.uow.execute(delete(timers).where(*of_kind))
        self.uow.execute(
            insert(timers).values(
                participant_id=self.participant.id, kind=effect.kind.value, position=effect.position, due=effect.due
            )
        )
        self.uow.changed.add("timers")
