"""Invitations: each is for one person, once, and for a time. A code says nothing of anybody, and is stored nowhere.

Whoever sends a code that does not fit hears what every unknown sender hears, whatever the reason; only the team is
told it. After so many codes in a day no more of them are tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, insert, select, update
from sqlalchemy.engine import RowMapping

from bot.errors import WrongUse
from bot.interview.invitation import CODES, code_in, spelled, wants_to_join
from bot.interview.schedule import Wording
from bot.interview.state import State
from bot.messages import Address, Inbound
from bot.records.participants import Rules, not_set_up
from bot.records.tables import interviews, invitations, messages
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.service import enrolment
from bot.service.enrolment import Entry

MOST_TRIES = 5
"""Codes that one sender may try in a day."""

MOST_AT_ONCE = 1000

TRIED = "join"
"""Marks a message in the holding area as an attempt to join."""


@dataclass(frozen=True, slots=True)
class Group:
    """Whom invitations are for. No `wording`: the short one by text message, else the standard one."""

    cohort: str
    language: str = "en"
    channel: str | None = None
    wording: Wording | None = None


# Making them


def make(uow: UnitOfWork, rules: Rules, group: Group, number: int, expires_at: datetime, actor: str) -> list[str]:
    """New codes, to be given out: they cannot be read back. Raises WrongUse, with the mend, for what cannot be."""
    if not 1 <= number <= MOST_AT_ONCE:
        raise WrongUse(f"Make from 1 to {MOST_AT_ONCE} invitations at once, not {number}.")
    if (group.cohort, group.language) not in rules.schedules:
        known = ", ".join(f"{cohort} ({language})" for cohort, language in sorted(rules.schedules))
        raise WrongUse(f"There is no cohort {group.cohort!r} in language {group.language!r}; there is {known}.")
    if group.channel is not None and group.channel not in rules.channels:
        raise WrongUse(f"The channel {not_set_up(group.channel, rules.channels)}")
    if expires_at <= uow.now:
        raise WrongUse("The invitations would have expired already; give --expires a length such as 60d.")
    codes = [spelled(_random(uow)) for _ in range(number)]
    row = {
        "cohort": group.cohort,
        "language": group.language,
        "wording": group.wording and group.wording.value,
        "channel": group.channel,
        "made_at": uow.now,
        "expires_at": expires_at,
    }
    uow.execute(insert(invitations), [{**row, "found_by": _found_by(uow, code)} for code in codes])
    uow.note(actor, "invitations made", None, cohort=group.cohort, number=number, channel=group.channel or "any")
    return codes


def _random(uow: UnitOfWork) -> int:
    """Evenly over all codes, to one in two to the power of 200, and nobody can guess it."""
    drawn = int.from_bytes(uow.vault.find(Address("invitation", uow.new_id())))
    return drawn % CODES


def _found_by(uow: UnitOfWork, code: str) -> bytes:
    return uow.vault.find(Address("invitation", code))


# Taking them back


def withdraw(uow: UnitOfWork, codes: Sequence[str], actor: str, *, undo: bool = False) -> int:
    """These are not to be used from now on, or with `undo` are again; how many. Raises WrongUse, and then does none."""
    rows = {row["id"]: row for code in codes for row in [_to_withdraw(uow, code, undo=undo)]}
    for row in rows.values():
        changed = {"withdrawn_at": None if undo else uow.now}
        uow.execute(update(invitations).where(invitations.c.id == row["id"]).values(**changed))
        act = "invitation given back" if undo else "invitation withdrawn"
        uow.note(actor, act, None, cohort=row["cohort"], invitation=row["id"])
    return len(rows)


def _to_withdraw(uow: UnitOfWork, written: str, *, undo: bool) -> RowMapping:
    row = _of_code(uow, written)
    if row is None:
        raise WrongUse(f"{written.strip()[:40]!r} is no code of an invitation here. Look for a slip in it.")
    if row["used_at"] is not None:
        raise WrongUse(f"{code_in(written)} was used already. Whoever used it is among the participants.")
    if undo and row["withdrawn_at"] is None:
        raise WrongUse(f"{code_in(written)} was not withdrawn.")
    if not undo and row["withdrawn_at"] is not None:
        raise WrongUse(f"{code_in(written)} was withdrawn already.")
    return row


def _of_code(uow: UnitOfWork, text: str) -> RowMapping | None:
    """The invitation whose code stands in the text."""
    code = code_in(text)
    return uow.one(select(invitations).where(invitations.c.found_by == _found_by(uow, code))) if code else None


# Using them


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody unknown tries to join: by this invitation, or why not. `tries` counts theirs of the last day."""

    row: RowMapping | None
    problem: str
    tries: int

    @property
    def wants_a_person(self) -> bool:
        """Whether it looks like an honest try; whoever goes on trying codes is no more work for anybody."""
        return self.tries <= MOST_TRIES


def attempt(uow: UnitOfWork, inbound: Inbound) -> Attempt | None:
    """What an unknown sender's message is as an attempt to join; None where it is none."""
    written = inbound.start or inbound.body
    if inbound.automatic or inbound.opt_out or not wants_to_join(written):
        return None
    tries = _tries(uow, inbound.sender)
    if tries >= MOST_TRIES:
        return Attempt(None, f"They have sent {tries} codes in a day that did not fit; no more are tried.", tries + 1)
    row = _of_code(uow, written)
    return Attempt(row, _problem(uow, row, inbound), tries + 1)


def _tries(uow: UnitOfWork, sender: Address) -> int:
    of_sender = (messages.c.sender == uow.vault.find(sender), messages.c.at > uow.now - timedelta(days=1))
    tried = (messages.c.direction == "in", messages.c.texts == TRIED)
    count: int = uow.execute(select(func.count()).select_from(messages).where(*of_sender, *tried)).scalar_one()
    return count


def _problem(uow: UnitOfWork, row: RowMapping | None, inbound: Inbound) -> str:
    if row is None:
        return "They tried to join with a code that is none of ours. Perhaps it has a slip: please help them."
    if row["used_at"] is not None:
        return "They tried to join with an invitation that somebody has used. Each is for one person."
    if row["withdrawn_at"] is not None:
        return "They tried to join with an invitation that was withdrawn. Please write to them, if they are welcome."
    if row["expires_at"] <= uow.now:
        return "They tried to join with an invitation that has expired. Please give them another, if they are welcome."
    if row["channel"] not in (None, inbound.sender.kind, _played(inbound.sender)):
        return f"They tried to join with an invitation that is for {row['channel']} only."
    if inbound.doubt:
        return "They tried to join, but it is not sure who sent this. Please make sure, and enrol them yourself."
    return ""


def _played(sender: Address) -> str:
    """The kind of channel that a simulated phone plays."""
    return sender.value.partition("/")[0] if sender.kind == "simulator" else sender.kind


def entry(row: RowMapping, inbound: Inbound) -> Entry:
    """Whoever joins, as they are to be enrolled. Their name is not known; texts do without."""
    short = _played(inbound.sender) == "sms"
    usual = Wording.SHORT if short else Wording.STANDARD
    wording = Wording(row["wording"]) if row["wording"] else usual
    return Entry(row["cohort"], inbound.sender, wording=wording, language=row["language"])


def use(uow: UnitOfWork, row: RowMapping, participant_id: int) -> None:
    """It is used up."""
    used = {"used_at": uow.now, "participant_id": participant_id}
    uow.execute(update(invitations).where(invitations.c.id == row["id"]).values(**used))


def is_open(uow: UnitOfWork, text: str) -> bool:
    """Whether the text holds the code of an invitation that could still be used."""
    row = _of_code(uow, text)
    kept = row is not None and row["used_at"] is None and row["withdrawn_at"] is None
    return row is not None and kept and row["expires_at"] > uow.now


# Looking at them


@dataclass(frozen=True, slots=True)
class Standing:
    """How a cohort stands: its places, and its invitations. `quota` is None where there is no limit."""

    cohort: str
    quota: int | None
    taken: int
    waiting: int
    not_eligible: int
    open: int
    used: int
    expired: int
    withdrawn: int


def standing(uow: UnitOfWork, rules: Rules) -> list[Standing]:
    """Every cohort, by name."""
    of = case(
        (invitations.c.used_at.is_not(None), "used"),
        (invitations.c.withdrawn_at.is_not(None), "withdrawn"),
        (invitations.c.expires_at <= uow.now, "expired"),
        else_="open",
    )
    counted = uow.all(
        select(invitations.c.cohort, of.label("as"), func.count().label("count")).group_by(invitations.c.cohort, of)
    )
    made = {(row["cohort"], row["as"]): row["count"] for row in counted}
    return [
        Standing(
            cohort=cohort,
            quota=rules.quotas.get(cohort),
            taken=enrolment.taken(uow, cohort),
            waiting=_in_state(uow, cohort, State.WAITING),
            not_eligible=_in_state(uow, cohort, State.INELIGIBLE),
            open=made.get((cohort, "open"), 0),
            used=made.get((cohort, "used"), 0),
            expired=made.get((cohort, "expired"), 0),
            withdrawn=made.get((cohort, "withdrawn"), 0),
        )
        for cohort in sorted({cohort for cohort, _language in rules.schedules})
    ]


def _in_state(uow: UnitOfWork, cohort: str, state: State) -> int:
    of = (interviews.c.participant_id == people.c.id, people.c.cohort == cohort, interviews.c.state == state.value)
    count: int = uow.execute(select(func.count(people.c.id)).where(*of)).scalar_one()
    return count
