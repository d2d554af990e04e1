"""Who may sign in, and who is signed in. Passwords as argon2id hashes; session tokens only as hashes."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from hashlib import sha256

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import RowMapping

from bot.errors import OwnPaceError, WrongUse
from bot.records.tables import sessions, users
from bot.records.unit_of_work import UnitOfWork
from bot.service import second_step

SIGNED_IN_FOR = timedelta(hours=12)
SHORTEST_PASSWORD = 12
LONGEST_NAME = 60
SECOND_STEP_WITHIN = timedelta(minutes=10)
UNDO_FOR = timedelta(seconds=10)
"""So long a researcher's message waits before it leaves, and can be taken back, unless they want longer."""

UNDO_CHOICES = (UNDO_FOR, timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
"""Up to more than ten times as long (WCAG 2.2.1)."""

ROLES = ("researcher", "coordinator", "key-holder", "admin")
"""See bot.service.access for what each may do."""


_hasher = PasswordHasher()


@cache
def _nobody() -> str:
    """A hash that nothing fits, so that a wrong name takes as long as a wrong password."""
    return _hasher.hash(secrets.token_hex(16))


@dataclass(frozen=True, slots=True)
class User:
    """Somebody of the study team. `told`: by mail, when a person is needed."""

    id: int
    name: str
    role: str
    disabled: bool = False
    two_steps: bool = False
    undo_for: timedelta = UNDO_FOR
    told: bool = False


def add_user(uow: UnitOfWork, name: str, password: str, role: str) -> None:
    """Let somebody sign in. Raises WrongUse for a role or password that will not do, OwnPaceError for a name taken."""
    name = name.strip()
    _check_role(role)
    if not 0 < len(name) <= LONGEST_NAME:
        raise WrongUse(f"The name must have 1 to {LONGEST_NAME} characters.")
    sealed = _sealed(password)
    if (there := _by_name(uow, name)) is not None:
        raise OwnPaceError(f"There is a user {there['name']} already.")
    row = {"name": name, "password": sealed, "role": role, "created_at": uow.now}
    uow.execute(insert(users).values(**row))
    uow.note("command line", "user added", name, role=role)


def set_email(uow: UnitOfWork, name: str, address: str) -> None:
    """Where a user is told that a person is needed; '' for nowhere. Raises OwnPaceError if nobody has this name."""
    row = _known(uow, name)
    written = address.strip()
    if written and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", written):
        raise OwnPaceError("This is not an email address; write one like name@example.org.")
    sealed = uow.vault.team.seal(written, "address") if written else None
    uow.execute(update(users).where(users.c.id == row["id"]).values(email=sealed))
    uow.note("command line", "user email", row["name"])


def disable_user(uow: UnitOfWork, name: str) -> None:
    """Sign somebody out everywhere, until they are enabled again.

    Raises OwnPaceError if nobody has this name, and for the last admin: nobody would be left who may do everything.
    """
    row = _known(uow, name)
    if row["disabled_at"] is not None:
        return
    _check_admin_left(uow, row)
    uow.execute(update(users).where(users.c.id == row["id"]).values(disabled_at=uow.now))
    uow.execute(delete(sessions).where(sessions.c.user_id == row["id"]))
    uow.note("command line", "user disabled", row["name"])


def set_role(uow: UnitOfWork, name: str, role: str) -> str:
    """What somebody may do from now on, and what they might before. They are signed out, so that no page is left open.

    Raises WrongUse for a role that there is not, OwnPaceError if nobody has this name, and for the last admin.
    """
    _check_role(role)
    row = _known(uow, name)
    before: str = row["role"]
    if role == before:
        return before
    _check_admin_left(uow, row)
    uow.execute(update(users).where(users.c.id == row["id"]).values(role=role))
    uow.execute(delete(sessions).where(sessions.c.user_id == row["id"]))
    uow.note("command line", "user role", row["name"], was=before, now=role)
    return before


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise WrongUse(f"Role {role!r} must be one of {', '.join(ROLES)}.")


def _check_admin_left(uow: UnitOfWork, leaving: RowMapping) -> None:
    """Raises OwnPaceError where nobody else would be left who may do everything; two at once wait for each other."""
    admins = select(users.c.id).where(users.c.role == "admin", users.c.disabled_at.is_(None)).order_by(users.c.id)
    if [each["id"] for each in uow.all(admins.with_for_update())] == [leaving["id"]]:
        raise OwnPaceError(
            f"{leaving['name']} is the last admin who can sign in. Make another one first: "
            "scripts/ownpace users add NAME --role admin, or scripts/ownpace users role NAME admin"
        )


def enable_user(uow: UnitOfWork, name: str) -> None:
    """Let somebody who was disabled sign in again. Raises OwnPaceError if nobody has this name."""
    row = _known(uow, name)
    uow.execute(update(users).where(users.c.id == row["id"]).values(disabled_at=None))
    uow.note("command line", "user enabled", row["name"])


def set_password(uow: UnitOfWork, name: str, password: str) -> None:
    """A new password; whoever is signed in with the old one is out. Raises WrongUse or OwnPaceError."""
    row = _known(uow, name)
    uow.execute(update(users).where(users.c.id == row["id"]).values(password=_sealed(password)))
    uow.execute(delete(sessions).where(sessions.c.user_id == row["id"]))
    uow.note("command line", "password set", row["name"])


def _sealed(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise WrongUse(f"The password must have at least {SHORTEST_PASSWORD} characters; three or four words do.")
    return _hasher.hash(password)


def known(uow: UnitOfWork, name: str) -> User:
    """The user with this name. Raises OwnPaceError if nobody has it."""
    return _user(_known(uow, name))


def _known(uow: UnitOfWork, name: str) -> RowMapping:
    row = _by_name(uow, name)
    if row is None:
        raise OwnPaceError(f"There is no user {name}. See: scripts/ownpace users list")
    return row


def _by_name(uow: UnitOfWork, name: str) -> RowMapping | None:
    """Who has this name, in any case; the same case first."""
    name = name.strip()
    rows = [row for row in uow.all(select(users)) if row["name"].casefold() == name.casefold()]
    return min(rows, key=lambda row: row["name"] != name, default=None)


def colleague(uow: UnitOfWork, name: str) -> User:
    """Somebody who may sign in, by name in any case. Raises OwnPaceError for nobody and for the disabled."""
    row = _known(uow, name)
    if row["disabled_at"] is not None:
        raise OwnPaceError(f"{row['name']} is disabled and cannot speak to anybody. See: scripts/ownpace users enable")
    return User(row["id"], row["name"], row["role"])


def list_users(uow: UnitOfWork) -> list[User]:
    """Everybody, by name."""
    rows = uow.all(select(users).order_by(users.c.name))
    return [_user(row) for row in rows]


def _user(row: RowMapping) -> User:
    undo_for = timedelta(seconds=row["undo_for"]) if row["undo_for"] else UNDO_FOR
    disabled, two_steps = row["disabled_at"] is not None, row["second_step"] is not None
    return User(row["id"], row["name"], row["role"], disabled, two_steps, undo_for, told=row["email"] is not None)


def set_undo(uow: UnitOfWork, user: User, seconds: str) -> None:
    """How long they can take a message back. Raises OwnPaceError for a time that is not among the choices."""
    chosen = {str(int(each.total_seconds())): each for each in UNDO_CHOICES}.get(seconds)
    if chosen is None:
        raise OwnPaceError("Choose one of the times.")
    uow.execute(update(users).where(users.c.id == user.id).values(undo_for=int(seconds)))
    uow.note(user.name, "chose how long to take back", seconds=int(seconds))


def password_fits(uow: UnitOfWork, name: str, password: str) -> User | None:
    """The user with this name and password; takes the same time whether or not there is one."""
    user, sealed = password_of(uow, name)
    return user if fits(sealed, password) else None


def password_of(uow: UnitOfWork, name: str) -> tuple[User | None, str]:
    """Who may sign in by this name, if anybody, and the hash of their password; one that nothing fits for nobody's."""
    row = _by_name(uow, name)
    if row is None or row["disabled_at"] is not None:
        return None, _nobody()
    return _user(row), row["password"]


def fits(sealed: str, password: str) -> bool:
    """Whether this is the password; takes about a twentieth of a second of a processor."""
    try:
        return _hasher.verify(sealed, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def sign_in(uow: UnitOfWork, user: User) -> str:
    """Begin a session; its token, which is stored nowhere. With a second step it is good for nothing else before."""
    uow.execute(delete(sessions).where(sessions.c.expires_at <= uow.now))
    if user.two_steps:
        return _begin(uow, user, waiting=True)
    uow.note(user.name, "signed in")
    return _begin(uow, user)


def finish_sign_in(uow: UnitOfWork, token: str, written: str) -> str | None:
    """The token of the session that begins when the second step fits; None if it does not, or came too late."""
    user = _whose(uow, token, waiting=True)
    if user is None or not second_step.fits(uow, user.name, written):
        return None
    sign_out(uow, token)
    uow.note(user.name, "signed in", steps=2)
    return _begin(uow, user)


def half_signed_in(uow: UnitOfWork, token: str) -> User | None:
    """Whose second step is still to come."""
    return _whose(uow, token, waiting=True)


def _begin(uow: UnitOfWork, user: User, waiting: bool = False) -> str:
    token = secrets.token_urlsafe(32)
    end = uow.now + (SECOND_STEP_WITHIN if waiting else SIGNED_IN_FOR)
    row = {"token": _hash(token), "user_id": user.id, "created_at": uow.now, "expires_at": end, "waiting": waiting}
    uow.execute(insert(sessions).values(**row))
    return token


def sign_out(uow: UnitOfWork, token: str) -> None:
    """End a session."""
    uow.execute(delete(sessions).where(sessions.c.token == _hash(token)))


def signed_in(uow: UnitOfWork, token: str) -> User | None:
    """Whose session this token is, while it lasts."""
    return _whose(uow, token, waiting=False)


def _whose(uow: UnitOfWork, token: str, *, waiting: bool) -> User | None:
    good = (sessions.c.token == _hash(token), sessions.c.expires_at > uow.now, sessions.c.waiting.is_(waiting))
    known = select(users).join(sessions, sessions.c.user_id == users.c.id)
    row = uow.one(known.where(*good, users.c.disabled_at.is_(None)))
    return _user(row) if row else None


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
