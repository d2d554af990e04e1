"""The second step of signing in: six figures that an authenticator shows (TOTP, RFC 6238), or a recovery code."""

from __future__ import annotations

import hmac
import re
import secrets
from hashlib import sha256

import pyotp
from sqlalchemy import select, update

from bot.errors import WrongUse
from bot.records.tables import users
from bot.records.unit_of_work import UnitOfWork

ISSUER = "Own Pace"
STEP = 30
"""Seconds for which figures are right (RFC 6238, 5.2); those just before and after are taken too, as clocks differ."""

RECOVERY_CODES = 10
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""None that are taken for another."""


def new_secret() -> str:
    """A secret for an authenticator: 160 bits, in base32."""
    return pyotp.random_base32()


def is_secret(text: str) -> bool:
    """Whether it could be one that was made here."""
    return re.fullmatch("[A-Z2-7]{32}", text) is not None


def address(secret: str, name: str) -> str:
    """What an authenticator reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


def begin(uow: UnitOfWork, name: str, secret: str, figures: str) -> list[str]:
    """Ask for a second step from now on; recovery codes, shown this once. Raises WrongUse if the figures do not fit."""
    step = _step(uow, secret, figures, None)
    if step is None:
        raise WrongUse(
            "These are not the six figures that the authenticator shows now. Look again: they change every half "
            "minute. If they never fit, set the clock of the phone to the network's."
        )
    sealed = uow.vault.team.seal(secret, "second step")
    uow.execute(update(users).where(users.c.name == name).values(second_step=sealed, second_step_used=step))
    uow.note(name, "second step set up", name)
    return new_codes(uow, name)


def new_codes(uow: UnitOfWork, name: str) -> list[str]:
    """Recovery codes in place of all that there were; each works once."""
    codes = ["-".join(_part() for _ in range(3)) for _ in range(RECOVERY_CODES)]
    uow.execute(update(users).where(users.c.name == name).values(recovery=[_hash(code) for code in codes]))
    uow.note(name, "recovery codes made", name)
    return codes


def fits(uow: UnitOfWork, name: str, written: str) -> bool:
    """Whether these are the figures of now, not used before, or a recovery code that is left; neither works again."""
    row = uow.one(select(users).where(users.c.name == name))
    if row is None or row["second_step"] is None:
        return False
    secret = uow.open_of_team(row["second_step"], "second step")
    if (step := _step(uow, secret, written, row["second_step_used"])) is not None:
        uow.execute(update(users).where(users.c.id == row["id"]).values(second_step_used=step))
        return True
    left = [one for one in row["recovery"] or [] if not hmac.compare_digest(one, _hash(written))]
    if len(left) == len(row["recovery"] or []):
        return False
    uow.execute(update(users).where(users.c.id == row["id"]).values(recovery=left))
    uow.note(row["name"], "recovery code used", row["name"], left=len(left))
    return True


def drop(uow: UnitOfWork, name: str, actor: str) -> bool:
    """No second step for somebody whose phone is lost; False if there was none."""
    there = (users.c.name == name, users.c.second_step.is_not(None))
    gone = uow.execute(update(users).where(*there).values(second_step=None, second_step_used=None, recovery=None))
    if gone.rowcount:
        uow.note(actor, "second step removed", name)
    return bool(gone.rowcount)


def _step(uow: UnitOfWork, secret: str, written: str, used: int | None) -> int | None:
    """The half minute whose figures these are, if none as late was used; so nobody who looked on can use them again."""
    figures = re.sub(r"[^0-9]", "", written)
    now = int(uow.now.timestamp()) // STEP
    for step in (now, now - 1, now + 1):
        if hmac.compare_digest(pyotp.TOTP(secret).generate_otp(step), figures) and (used is None or step > used):
            return step
    return None


def _part() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(4))


def _hash(code: str) -> str:
    """What is stored of a recovery code; it has 59 bits, so that nobody finds it by trying."""
    plain = re.sub(r"[^a-z0-9]", "", code.casefold())
    return sha256(f"recovery {plain}".encode()).hexdigest()
