"""What each role may do, and whose conversations a researcher may open."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from sqlalchemy import select

from bot.interview.state import State
from bot.records.tables import interviews, participants, users
from bot.records.unit_of_work import UnitOfWork
from bot.service.staff import User


class May(StrEnum):
    """What a page is for, in the words that are said to somebody who may not."""

    LOOK = "see where people are"
    READ = "read what people say"
    WRITE = "write to people"
    ARRANGE = "enrol, remind and hold"
    EXPORT = "take the record out"
    CONTACT = "see names and addresses"
    OWN = "keep your own sign-in"


ROLES: Mapping[str, frozenset[May]] = MappingProxyType(
    {
        "researcher": frozenset({May.LOOK, May.READ, May.WRITE, May.OWN}),
        "coordinator": frozenset({May.LOOK, May.ARRANGE, May.CONTACT, May.OWN}),
        "key-holder": frozenset({May.LOOK, May.READ, May.EXPORT, May.CONTACT, May.OWN}),
        "admin": frozenset(May),
    }
)
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "researcher": "a researcher",
        "coordinator": "a coordinator",
        "key-holder": "a key holder",
        "admin": "an administrator",
    }
)


def may(user: User, what: May) -> bool:
    """Whether their role lets them."""
    return what in ROLES.get(user.role, frozenset())


def may_open(uow: UnitOfWork, user: User, code: str, *, assigned_only: bool) -> bool:
    """Whether this conversation is theirs to open.

    It is when it is assigned to them or to nobody who signs in here, or when a person is needed at once: whoever is
    fetched may come. A code that nobody has is open to all: the page says so.
    """
    if user.role != "researcher" or not assigned_only:
        return True
    row = uow.one(
        select(participants.c.researcher, interviews.c.state)
        .join(interviews, interviews.c.participant_id == participants.c.id)
        .where(participants.c.code == code.strip().upper())
    )
    if row is None or row["state"] == State.HANDOVER.value or _same(row["researcher"], user.name):
        return True
    others = uow.all(select(users.c.name).where(users.c.disabled_at.is_(None)))
    return not any(_same(row["researcher"], other["name"]) for other in others)


def refused(uow: UnitOfWork, user: User, what: str, path: str) -> None:
    """Note that somebody tried what they may not."""
    uow.note(user.name, "was refused", path[:60], wanted=what, role=user.role)


def seen(uow: UnitOfWork, user: User, code: str) -> None:
    """Note that somebody opened a conversation."""
    uow.note(user.name, "opened a conversation", code.strip().upper()[:60])


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
