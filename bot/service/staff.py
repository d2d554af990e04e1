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

from bot.errors import OwnPaceError
from bot.records.tables import sessions, users
from bot.records.unit_of_work import UnitOfWork

SIGNED_IN_FOR = timedelta(hours=12)
SHORTEST_PASSWORD = 12
ROLES = ("researcher", "coordinator", "admin")

_hasher = PasswordHasher()


@cache
def _nobody() -> str:
    """A hash that nothing fits, so that a wrong name takes as long as a wrong password."""
    return _hasher.hash(secrets.token_hex(16))


@dataclass(frozen=True, slots=True)
class User:
    """Somebody of the study team."""

    id: int
    name: str
    role: str
    disabled: bool = False


def add_user(uow: UnitOfWork, name: str, password: str, role: str) -> None:
    """Let somebody sign in. Raises OwnPaceError when the name is taken or the password is too short."""
    name = name.strip()
    if role not in ROLES:
        raise OwnPaceError(f"Role {role!r} must be one of {', '.join(ROLES)}.")
    if not 0 < len(name) <= 60:
        raise OwnPaceError("The name must have 1 to 60 characters.")
    if len(password) < SHORTEST_PASSWORD:
        raise OwnPaceError(f"The password must have at least {SHORTEST_PASSWORD} characters; three or four words do.")
    if uow.one(select(users.c.id).where(users.c.name == name)):
        raise OwnPaceError(f"There is a user {name} already.")
    row = {"name": name, "password": _hasher.hash(password), "role": role, "created_at": uow.now}
    uow.execute(insert(users).values(**row))
    uow.note("command line", "user added", name, role=role)


def set_email(uow: UnitOfWork, name: str, address: str) -> None:
    """Where a user is told that a person is needed; '' for nowhere. Raises OwnPaceError if nobody has this name."""
    row = uow.one(select(users).where(users.c.name == name))
    if row is None:
        raise OwnPaceError(f"There is no user {name}. See: ownpace users list")
    written = address.strip()
    if written and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", written):
        raise OwnPaceError("This is not an email address; write one like name@example.org.")
    _, key = uow.holding_key()
    sealed = key.seal(written, "address") if written else None
    uow.execute(update(users).where(users.c.id == row["id"]).values(email=sealed))
    uow.note("command line", "user email", name)


def disable_user(uow: UnitOfWork, name: str) -> None:
    """Sign somebody out everywhere, for good. Raises OwnPaceError if nobody has this name."""
    row = uow.one(select(users).where(users.c.name == name))
    if row is None:
        raise OwnPaceError(f"There is no user {name}. See: ownpace users list")
    uow.execute(update(users).where(users.c.id == row["id"]).values(disabled_at=uow.now))
    uow.execute(delete(sessions).where(sessions.c.user_id == row["id"]))
    uow.note("command line", "user disabled", name)


def list_users(uow: UnitOfWork) -> list[User]:
    """Everybody, by name."""
    rows = uow.all(select(users).order_by(users.c.name))
    return [User(row["id"], row["name"], row["role"], row["disabled_at"] is not None) for row in rows]


def password_fits(uow: UnitOfWork, name: str, password: str) -> User | None:
    """The user with this name and password; takes the same time whether or not there is one."""
    row = uow.one(select(users).where(users.c.name == name.strip(), users.c.disabled_at.is_(None)))
    try:
        _hasher.verify(row["password"] if row else _nobody(), password)
    except (VerifyMismatchError, InvalidHashError):
        return None
    return User(row["id"], row["name"], row["role"]) if row else None


def sign_in(uow: UnitOfWork, user: User) -> str:
    """Begin a session; its token, which is stored nowhere."""
    token = secrets.token_urlsafe(32)
    uow.execute(delete(sessions).where(sessions.c.expires_at <= uow.now))
    row = {"token": _hash(token), "user_id": user.id, "created_at": uow.now, "expires_at": uow.now + SIGNED_IN_FOR}
    uow.execute(insert(sessions).values(**row))
    uow.note(user.name, "signed in")
    return token


def sign_out(uow: UnitOfWork, token: str) -> None:
    """End a session."""
    uow.execute(delete(sessions).where(sessions.c.token == _hash(token)))


def signed_in(uow: UnitOfWork, token: str) -> User | None:
    """Whose session this token is, while it lasts."""
    row = uow.one(
        select(users.c.id, users.c.name, users.c.role)
        .join(sessions, sessions.c.user_id == users.c.id)
        .where(sessions.c.token == _hash(token), sessions.c.expires_at > uow.now, users.c.disabled_at.is_(None))
    )
    return User(row["id"], row["name"], row["role"]) if row else None


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
