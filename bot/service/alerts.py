"""Telling the team that a person is needed: whoever is on the rota is sent a code and a link, and no words."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update

from bot.interview.events import Alert, TaskKind
from bot.interview.fetching import CAUSES
from bot.interview.state import Cause
from bot.records.participants import Participant, Terms
from bot.records.tables import participants as people
from bot.records.tables import tasks, users
from bot.records.unit_of_work import UnitOfWork
from bot.service import access, outgoing

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

WAITING = {cause: kind for kind, cause in CAUSES.items()} | {Cause.SAFEGUARDING: TaskKind.DISTRESS}
"""The task that is open by the time somebody is told, by cause."""

REMINDED = {
    Cause.CALL_SOON: (TaskKind.CALL_ASKED, "A call with them is soon: the time is on their page."),
    Cause.TAKEN_OVER: (TaskKind.GO_ON, "A person has had the conversation for a day: hand it back when that is done."),
}
"""Causes for which no task is open: the one that is opened where nobody could be told, and what it says."""

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
    told = _write(uow, terms, alert.who, f"{words}{safely}{again}\n\n{link}", alert.cause, participant.code)
    if not told:
        _say_with_task(uow, participant, Cause(alert.cause), untold(uow, terms, alert.who))


def tell_of_stranger(uow: UnitOfWork, terms: Terms) -> str:
    """Write to the first two who are on call, both at once: what a stranger wrote is escalated by no timer.

    Returns what to say where none of them could be told.
    """
    rota = terms.study.rota
    usual = [terms.rules.researcher] if terms.rules else []
    names = rota.on_call(uow.now)[:2] if rota else usual
    words, cause = f"{STRANGER}\n\n{terms.site}/holding", Cause.SAFEGUARDING.value
    told = [_write(uow, terms, who, words, cause, None) for who in names]
    return "" if any(told) or not names else untold(uow, terms, names[0])


def untold(uow: UnitOfWork, terms: Terms, who: str) -> str:
    """What the task says where somebody could not be told of it, and the mend."""
    said = "Nobody could" if unreached(uow, terms) else f"{who} could not"
    return f"{said} be told of this by mail or Telegram. {_mend(uow, terms, who)}"


def unreached(uow: UnitOfWork, terms: Terms) -> str:
    """What to mend where nobody who may be told that a person is needed can be; '' where somebody can."""
    names = _ever_told(uow, terms)
    if any(_ways(uow, terms, who) for who in names):
        return ""
    wanted = "Nobody can be told of distress, or that somebody wants a person, by mail or Telegram."
    return f"{wanted} {_mend(uow, terms, names[0])}"


def warning(uow: UnitOfWork, terms: Terms) -> str:
    """What to mend where somebody who may be told that a person is needed cannot be; '' where everybody can."""
    silent = [who for who in _ever_told(uow, terms) if not _ways(uow, terms, who)]
    if nobody := unreached(uow, terms):
        return nobody
    if not silent:
        return ""
    cannot = f"{', '.join(silent)} cannot be told by mail or Telegram that somebody needs or wants a person."
    return f"{cannot} {_mend(uow, terms, silent[0])}"


def _mend(uow: UnitOfWork, terms: Terms, who: str) -> str:
    active = [row["name"] for row in uow.all(select(users.c.name).where(users.c.disabled_at.is_(None)))]
    name = next((name for name in active if name.casefold() == who.casefold()), None)
    mail = "" if "email" in terms.channels else "Fill in [channels.email] in the settings. "
    if name:
        return f"{mail}Say where {who} is told: scripts/ownpace users email {shlex.quote(name)} ADDRESS"
    told = "Then say where they are told: scripts/ownpace users email NAME ADDRESS"
    return f"{mail}Nobody signs in as {who}, {_signing_in(uow, terms, who)}. {told}"


def _signing_in(uow: UnitOfWork, terms: Terms, who: str) -> str:
    """Where the name of somebody who does not sign in comes from, and what to do about it."""
    add = f"scripts/ownpace users add {shlex.quote(who)}"
    if terms.study.rota and who in _ever_told(uow, terms):
        return f"who stands in rota.yaml. Add them: {add}; or write a name there with which somebody signs in"
    if terms.rules and who == terms.rules.researcher:
        there = ", ".join(access.writers(uow)) or "nobody yet: scripts/ownpace users add NAME"
        return (
            "which is how researcher in [study] names whoever reads. Write there the name with which one of the team "
            f"signs in (there is {there}), or several in rota.yaml: rota.example.yaml in the prompts folder shows how"
        )
    give = "give those to somebody who does: scripts/ownpace assign CODE NAME"
    return f"who has participants. Add them: {add}; or {give}"


def _ever_told(uow: UnitOfWork, terms: Terms) -> list[str]:
    """Everybody whom the rota names; without one, whoever reads for a participant."""
    if rota := terms.study.rota:
        return list(
            dict.fromkeys([*(one.name for one in rota.people), *(who for turn in rota.turns for who in turn.who)])
        )
    reading = [row["researcher"] for row in uow.all(select(people.c.researcher).distinct())]
    return list(dict.fromkeys([*([terms.rules.researcher] if terms.rules else []), *sorted(reading)]))


def _say_with_task(uow: UnitOfWork, participant: Participant, cause: Cause, untold: str) -> None:
    """Say it with the task that is open, once; where none waits for this, with one that is opened."""
    kind, why = REMINDED.get(cause) or (WAITING[cause], "")
    if why:
        uow.open_task(kind.value, participant.id)
    words = f"{why} {untold}".strip()
    waits = (tasks.c.participant_id == participant.id, tasks.c.kind == kind.value, tasks.c.closed_at.is_(None))
    task = uow.one(select(tasks.c.id, tasks.c.note).where(*waits))
    if task and words not in (known := task["note"] or ""):
        uow.execute(update(tasks).where(tasks.c.id == task["id"]).values(note=f"{known} {words}".strip()))
        uow.changed.add("tasks")


def _ways(uow: UnitOfWork, terms: Terms, who: str) -> list[tuple[str, str, str]]:
    """Where somebody is told: the kind of channel, the lane, and the address."""
    user, chat = _user(uow, who), terms.study.rota.chat(who) if terms.study.rota else None
    ways: list[tuple[str, str, str]] = []
    if user is not None and "email" in terms.channels:
        ways.append(("email", f"{LANE}{user['id']}", uow.open_of_team(user["email"], "address")))
    if chat is not None and "telegram" in terms.channels:
        ways.append(("telegram", f"{LANE}telegram {chat}", str(chat)))
    return ways


def _write(uow: UnitOfWork, terms: Terms, who: str, words: str, cause: str, code: str | None) -> bool:
    """Whether there was a way to tell them."""
    key_id, key = uow.holding_key()
    ways = _ways(uow, terms, who)
    uow.note("service", "alerted" if ways else "could not alert", code, who=who, cause=cause)
    for kind, lane, address in ways:
        message = {"key_id": key_id, "channel": kind, "belongs": "alert", "body": key.seal(words, "body")}
        outgoing.queue(uow, message, {"lane": lane, "address": key.seal(address, "address"), "urgent": True})
    return bool(ways)


def _user(uow: UnitOfWork, name: str) -> Mapping[str, Any] | None:
    """The user who is called as the rota says, and has an address."""
    known = (users.c.disabled_at.is_(None), users.c.email.is_not(None))
    rows = uow.all(select(users.c.id, users.c.name, users.c.email).where(*known))
    return next((dict(row) for row in rows if row["name"].casefold() == name.casefold()), None)
