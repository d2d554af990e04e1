"""Telling the team that a person is needed: whoever is on the rota is sent a code and a link, and no words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from bot.interview.events import Alert
from bot.interview.state import Cause
from bot.records.participants import Participant, Terms
from bot.records.tables import users
from bot.records.unit_of_work import UnitOfWork
from bot.service import outgoing

WORDS = {
    Cause.SAFEGUARDING: "Something that {code} wrote may be a sign of harm or distress. Please read it now.",
    Cause.PERSON: "{code} would like a person to write to them.",
    Cause.CALL: "{code} would like a call.",
    Cause.UNCLEAR: "{code} was not understood twice, and waits for a person.",
    Cause.SCHEDULE: "{code} has come to a point where a person goes on.",
    Cause.CALL_SOON: "Your call with {code} is soon. The time and the invitation are on their page.",
    Cause.TAKEN_OVER: "You have had the conversation with {code} for a day. Hand it back when you are done.",
}
"""What has happened, by cause: never what anybody said."""

STRANGER = "A message under Unknown senders may be a sign of harm or distress. Please read it now."


SAFELY = "They have said how it is safe to contact them: read it on their page first, under Name and contact details."
"""What it is stays on their page: this goes into a mail and onto a list."""


LANE = "staff "
"""How the lanes of what goes to the team begin: it leaves also while the study is on hold."""


def tell(uow: UnitOfWork, terms: Terms, participant: Participant, alert: Alert) -> None:
    """Write to somebody on the rota: by email if they are a user with an address, by Telegram where the rota says."""
    safely = f"\n\n{SAFELY}" if participant.interview.person.guarded else ""
    again = "" if alert.number == 1 else "\n\nNobody has seen to it yet. Take over, and nobody else is told."
    words = WORDS[Cause(alert.cause)].format(code=participant.code)
    link = f"{terms.site}/participants/{participant.code}"
    _write(uow, terms, alert.who, f"{words}{safely}{again}\n\n{link}", alert.cause, participant.code)


def tell_of_stranger(uow: UnitOfWork, terms: Terms) -> None:
    """Write to the first two who are on call, both at once: what a stranger wrote is escalated by no timer."""
    rota = terms.study.rota
    usual = [terms.rules.researcher] if terms.rules else []
    for who in rota.on_call(uow.now)[:2] if rota else usual:
        _write(uow, terms, who, f"{STRANGER}\n\n{terms.site}/holding", Cause.SAFEGUARDING.value, None)


def _write(uow: UnitOfWork, terms: Terms, who: str, words: str, cause: str, code: str | None) -> None:
    key_id, key = uow.holding_key()
    user, chat = _user(uow, who), terms.study.rota.chat(who) if terms.study.rota else None
    ways: list[tuple[str, str, bytes]] = []
    if user is not None and "email" in terms.channels:
        address = uow.open_of_team(user["email"], "address")
        ways.append(("email", f"{LANE}{user['id']}", key.seal(address, "address")))
    if chat is not None and "telegram" in terms.channels:
        ways.append(("telegram", f"{LANE}telegram {chat}", key.seal(str(chat), "address")))
    uow.note("service", "alerted" if ways else "could not alert", code, who=who, cause=cause)
    for kind, lane, sealed in ways:
        message = {"key_id": key_id, "channel": kind, "belongs": "alert", "body": key.seal(words, "body")}
        outgoing.queue(uow, message, {"lane": lane, "address": sealed, "urgent": True})


def _user(uow: UnitOfWork, name: str) -> Mapping[str, Any] | None:
    """The user who is called as the rota says, and has an address."""
    known = (users.c.disabled_at.is_(None), users.c.email.is_not(None))
    rows = uow.all(select(users.c.id, users.c.name, users.c.email).where(*known))
    return next((dict(row) for row in rows if row["name"].casefold() == name.casefold()), None)
