"""What the team wrote down on the way: why they held, took over or went on, and what came of things."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from types import MappingProxyType

from sqlalchemy import ColumnElement, select

from bot.errors import KeyFileError
from bot.export.identifiers import Hiding
from bot.records.participants import Participant, Terms, named, reached_at
from bot.records.tables import audit, messages, tasks
from bot.records.unit_of_work import UnitOfWork
from bot.records.vault import DataKey

HELD, ASIDE, RESOLVED = "held", "set a held message aside", "resolved a task"
ACTS: Mapping[str, str] = MappingProxyType(
    {
        HELD: "held the questions",
        "released": "let the questions go on",
        "took over": "took over",
        "handed back": "handed back",
        "linked a held message": "linked a message of somebody unknown",
        RESOLVED: "resolved",
        ASIDE: "set this message aside",
    }
)
"""What is in the trail with words of the team, as pages say it."""


NOBODY = Hiding("", "")
"""Where no participant's name is known."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Who did what, and the words they gave for it."""

    who: str
    did: str
    words: str
    at: datetime


def sealed(uow: UnitOfWork, participant: Participant, reason: str) -> dict[str, str]:
    """What the trail keeps of a reason: under the participant's key, for it may say what happened to them, and without
    name and addresses, for nothing in the trail is changed when these are deleted."""
    reached = reached_at(uow, participant.id, participant.key)
    hiding = Hiding(participant.interview.person.name, participant.code, reached=reached)
    return sealed_with(participant.key, hiding.hidden(reason))


def sealed_with(key: DataKey, reason: str) -> dict[str, str]:
    """The same for what is about nobody known."""
    return {"reason": key.seal(reason, "reason").hex()} if reason else {}


def about(uow: UnitOfWork, terms: Terms, code: str, most: int = 20) -> tuple[Reason, ...]:
    """The newest words about one participant, the newest first. Raises OwnPaceError where there is no such code."""
    participant = named(uow, terms, code)
    hiding = Hiding(participant.interview.person.name, participant.code)
    return tuple(islice(_said(uow, participant.key, audit.c.subject == participant.code, hiding=hiding), most))


def worries(uow: UnitOfWork, key: DataKey, code: str, name: bytes, since: datetime) -> tuple[Reason, ...]:
    """Why the questions were held, since then, the newest first. `name`: the participant's, sealed."""
    held = (audit.c.subject == code, audit.c.act == HELD, audit.c.at >= since)
    return tuple(_said(uow, key, *held, hiding=Hiding(key.open(name, "name"), code)))


def about_message(uow: UnitOfWork, message_id: int) -> tuple[Reason, ...]:
    """Why a message that is nobody's was set aside, and what came of it, the newest first."""
    nobodys = (messages.c.id == message_id, messages.c.participant_id.is_(None))
    row = uow.one(select(messages.c.key_id).where(*nobodys))
    if row is None:
        return ()
    key = uow.key(row["key_id"])
    aside = list(_said(uow, key, audit.c.act == ASIDE, message=message_id))
    done = (tasks.c.message_id == message_id, tasks.c.participant_id.is_(None), tasks.c.outcome.is_not(None))
    came = [
        Reason(each["closed_by"] or "", f"resolved: {each['kind']}", key.open(each["outcome"], "outcome"), at)
        for each in uow.all(select(tasks).where(*done))
        if (at := each["closed_at"])
    ]
    return tuple(sorted(aside + came, key=lambda one: one.at, reverse=True))


def _said(
    uow: UnitOfWork,
    key: DataKey,
    *which: ColumnElement[bool],
    message: int | None = None,
    hiding: Hiding = NOBODY,
) -> Iterator[Reason]:
    """What these lines of the trail say. What was sealed under an older key was deleted, and is left out."""
    lines = select(audit).where(audit.c.act.in_(ACTS), *which).order_by(audit.c.id.desc())
    for row in uow.all(lines):
        detail = row["detail"]
        if "reason" in detail and message in (None, detail.get("message")):
            did = ACTS[row["act"]] + (f": {detail['task']}" if row["act"] == RESOLVED else "")
            with suppress(KeyFileError):
                words = hiding.hidden(key.open(bytes.fromhex(detail["reason"]), "reason"))
                yield Reason(row["actor"], did, words, row["at"])
