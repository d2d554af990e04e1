"""Telling the team that a person is needed: a mail to whoever is on the rota, with a code and a link, and no words."""

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


SAFELY = "They have said how it is safe to contact them: read safe_contact on their page first."
"""What it is stays on their page: this goes into a mail and onto a list."""


LANE = "staff "
"""How the lanes of the team's own mails begin: they leave also while the study is on hold."""


def tell(uow: UnitOfWork, terms: Terms, participant: Participant, alert: Alert) -> None:
    """Write to somebody on the rota, if they are a user with an address and there is a mail channel."""
    user = _user(uow, alert.who)
    told = "email" in terms.channels and user is not None
    uow.note("service", "alerted" if told else "could not alert", participant.code, who=alert.who, cause=alert.cause)
    if user is not None and told:
        safely = f"\n\n{SAFELY}" if participant.interview.person.guarded else ""
        again = "" if alert.number == 1 else "\n\nNobody has seen to it yet. Take over, and nobody else is told."
        link = f"{terms.site}/participants/{participant.code}"
        words = WORDS[Cause(alert.cause)].format(code=participant.code)
        _write(uow, user, f"{words}{safely}{again}\n\n{link}")


def tell_of_stranger(uow: UnitOfWork, terms: Terms) -> None:
    """Write to the first two who are on call, both at once: what a stranger wrote is escalated by no timer."""
    rota = terms.study.rota
    usual = [terms.rules.researcher] if terms.rules else []
    for who in rota.on_call(uow.now)[:2] if rota else usual:
        user = _user(uow, who)
        told = "email" in terms.channels and user is not None
        uow.note("service", "alerted" if told else "could not alert", None, who=who, cause=Cause.SAFEGUARDING.value)
        if user is not None and told:
            _write(uow, user, f"{STRANGER}\n\n{terms.site}/holding")


def _write(uow: UnitOfWork, user: Mapping[str, Any], words: str) -> None:
    key_id, key = uow.holding_key()
    message = {"key_id": key_id, "channel": "email", "belongs": "alert", "body": key.seal(words, "body")}
    outgoing.queue(uow, message, {"lane": f"{LANE}{user['id']}", "address": user["email"]})


def _user(uow: UnitOfWork, name: str) -> Mapping[str, Any] | None:
    """The user who is called as the rota says, and has an address."""
    known = (users.c.disabled_at.is_(None), users.c.email.is_not(None))
    rows = uow.all(select(users.c.id, users.c.name, users.c.email).where(*known))
    return next((dict(row) for row in rows if row["name"].casefold() == name.casefold()), None)
