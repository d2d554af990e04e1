"""Putting a message where it waits to leave: one row for its words, one for its way."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from bot.interview.distress import URGENT
from bot.records.prepared import Prepared, Values
from bot.records.tables import messages, outbox
from bot.records.unit_of_work import UnitOfWork

_NEW_MESSAGE = Prepared(insert(messages).returning(messages.c.id))
_NEW_OUTBOX = Prepared(insert(outbox).returning(outbox.c.seq))


def queue(uow: UnitOfWork, words: Values, way: Values) -> int:
    """Store a message, sealed, and let it leave as soon as it may; its place in the outbox.

    `words` are columns of messages: whose it is, their key and channel, what it belongs to, and the sealed body.
    `way` are columns of outbox: its lane, the sealed address, and what is not as usual. Usual is that the bot is the
    author, that it waits, and that it may leave now.
    """
    message: dict[str, Any] = {"direction": "out", "author": "bot", **words, "at": uow.now}
    (kept,) = uow.run(_NEW_MESSAGE, message)
    waits: dict[str, Any] = {
        "id": uow.new_id(),
        "message_id": kept["id"],
        "participant_id": words.get("participant_id"),
        "key_id": words["key_id"],
        "kind": words["channel"],
        "urgent": words.get("texts") in URGENT,
        "state": "pending",
        "attempts": 0,
        "not_before": uow.now,
        **way,
        "changed_at": uow.now,
    }
    (waiting,) = uow.run(_NEW_OUTBOX, waits)
    uow.changed.add("outbox")
    place: int = waiting["seq"]
    return place
