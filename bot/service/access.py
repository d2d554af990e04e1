"""What each role may do, and whose conversations a researcher may open."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.engine import RowMapping

from bot.interview.events import TaskKind
from bot.interview.fetching import CAUSES
from bot.interview.state import Cause, State
from bot.records.tables import interviews, participants, tasks, users
from bot.records.unit_of_work import UnitOfWork
from bot.service.staff import User


class May(StrEnum):
    """What a page is for, in the words that are said to somebody who may not."""

    LOOK = "see where people are"
    READ = "read what people say"
    WRITE = "write to people"
    ARRANGE = "enrol, remind and hold"
    ADAPT = "change what somebody needs"
    EXPORT = "take the record out"
    CONTACT = "see names and addresses"
    OWN = "keep your own sign-in"


ROLES: Mapping[str, frozenset[May]] = MappingProxyType(
    {
        "researcher": frozenset({May.LOOK, May.READ, May.WRITE, May.ADAPT, May.OWN}),
        "coordinator": frozenset({May.LOOK, May.ARRANGE, May.ADAPT, May.CONTACT, May.OWN}),
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


FETCHED = frozenset({TaskKind.DISTRESS.value, *(kind.value for kind in CAUSES)})
"""Tasks for which somebody is fetched."""


BY_WRITING = FETCHED - {TaskKind.CALL_ASKED.value} | {
    TaskKind.REVIEW.value,
    TaskKind.WRITE_UP.value,
    TaskKind.HELPER.value,
    "check an answer",
}
"""Tasks that nobody can do who does not read what people say and write to them."""


def may(user: User, what: May) -> bool:
    """Whether their role lets them."""
    return what in ROLES.get(user.role, frozenset())


def may_see_to(user: User, kind: str, *, done: bool = False) -> bool:
    """Whether their role lets them give such a task to somebody, or say that it is `done`.

    Distress is done with only by somebody who can write to people.
    """
    if done and kind == TaskKind.DISTRESS.value:
        return may(user, May.WRITE)
    return may(user, May.WRITE) or may(user, May.ARRANGE)


def may_own(role: str, kind: str) -> bool:
    """Whether somebody of this role can do such a task, so that it can be theirs: a call can also be arranged."""
    granted = ROLES.get(role, frozenset())
    return May.WRITE in granted or (May.ARRANGE in granted and kind not in BY_WRITING)


def may_open(uow: UnitOfWork, user: User, code: str, *, assigned_only: bool) -> bool:
    """Whether this conversation is theirs to open. A code that nobody has is open to all: the page says so."""
    wanted = code.strip().upper()
    return wanted in open_to(uow, user, [wanted], assigned_only=assigned_only)


def open_to(uow: UnitOfWork, user: User, codes: Collection[str], *, assigned_only: bool) -> frozenset[str]:
    """Those of the codes whose conversation is theirs to open.

    It is when it is assigned to them or to nobody who signs in here, or when a person is needed at once: whoever is
    fetched may come.
    """
    if user.role != "researcher" or not assigned_only:
        return frozenset(codes)
    rows = uow.all(
        select(
            participants.c.id, participants.c.code, participants.c.researcher, interviews.c.state, interviews.c.cause
        )
        .join(interviews, interviews.c.participant_id == participants.c.id)
        .where(participants.c.code.in_(codes))
    )
    others = [name for name in writers(uow) if not _same(name, user.name)]
    assigned = [row for row in rows if any(_same(row["researcher"], other) for other in others)]
    fetched = _fetched(uow, [row["id"] for row in assigned]) if assigned else frozenset()
    return frozenset(codes) - {row["code"] for row in assigned if not (_needed(row) or row["id"] in fetched)}


def _needed(row: RowMapping) -> bool:
    return bool(row["state"] == State.HANDOVER.value or row["cause"] == Cause.SAFEGUARDING.value)


def _fetched(uow: UnitOfWork, ids: Collection[int]) -> frozenset[int]:
    """For whom of these somebody is fetched."""
    of = (tasks.c.participant_id.in_(ids), tasks.c.kind.in_(FETCHED), tasks.c.closed_at.is_(None))
    return frozenset(row["participant_id"] for row in uow.all(select(tasks.c.participant_id).where(*of).distinct()))


def may_reach(uow: UnitOfWork, user: User, code: str) -> bool:
    """Whether they may see this participant's name and addresses, once they ask for them.

    By their role; and a researcher while the person needs somebody and it is them, or nobody yet.
    """
    if may(user, May.CONTACT) or not may(user, May.WRITE):
        return may(user, May.CONTACT)
    row = uow.one(
        select(interviews.c.state, interviews.c.cause, interviews.c.saved)
        .join(participants, participants.c.id == interviews.c.participant_id)
        .where(participants.c.code == code.strip().upper())
    )
    return bool(row and _needed(row) and row["saved"].get("holder", "") in ("", user.name))


def writers(uow: UnitOfWork) -> list[str]:
    """Who signs in here and may write to participants: to nobody else can a participant be given."""
    return [user["name"] for user in _signing_in(uow) if May.WRITE in ROLES[user["role"]]]


def signs_in(uow: UnitOfWork, name: str) -> bool:
    """Whether somebody of this name signs in here."""
    return any(_same(user["name"], name) for user in _signing_in(uow))


def _signing_in(uow: UnitOfWork) -> list[RowMapping]:
    columns = (users.c.name, users.c.role)
    return uow.all(select(*columns).where(users.c.disabled_at.is_(None)).order_by(users.c.name))


def refused(uow: UnitOfWork, user: User, what: str, path: str) -> None:
    """Note that somebody tried what they may not."""
    uow.note(user.name, "was refused", path[:60], wanted=what, role=user.role)


def greeted(uow: UnitOfWork, user: User, code: str) -> None:
    """Note that somebody saw a participant's name in a message of their own, before it was sent."""
    uow.note(user.name, "saw the name in a message", code.strip().upper()[:60])


def seen(uow: UnitOfWork, user: User, code: str) -> None:
    """Note that somebody opened a conversation, or a page with words of it."""
    uow.note(user.name, "opened a conversation", code.strip().upper()[:60])


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
