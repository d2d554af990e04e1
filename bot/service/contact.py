"""Who somebody is and how they are reached: shown to whoever asks for it on purpose, and noted in the trail.

Everywhere else the team sees the code. It stands in brackets for the name in what was written to the person, as it does
in exports; what they said themselves stays as they said it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import select

from bot.export.identifiers import Hiding
from bot.export.loading import CONTACT
from bot.records import participants
from bot.records.participants import CHANNEL_NAMES, Terms
from bot.records.tables import addresses
from bot.records.unit_of_work import UnitOfWork
from bot.service.staff import User
from bot.service.views import Record


@dataclass(frozen=True, slots=True)
class Place:
    """One of a person's addresses. `closed`: why nothing more is sent there."""

    channel: str
    value: str
    main: bool
    verified: bool
    closed: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A person's name, how it is safe to reach them in their own words, and where."""

    code: str
    name: str
    safely: str
    places: tuple[Place, ...]


def shown(uow: UnitOfWork, terms: Terms, user: User, code: str) -> Contact:
    """Name and addresses; that they were looked at is noted. Raises OwnPaceError for a code that nobody has."""
    found = participants.named(uow, terms, code)
    seen(uow, user, found.code)
    rows = uow.all(select(addresses).where(addresses.c.participant_id == found.id).order_by(addresses.c.id))
    places = (
        Place(
            channel=CHANNEL_NAMES.get(row["kind"], row["kind"]),
            value=found.key.open(row["value"], "address"),
            main=row["main"],
            verified=row["verified"],
            closed=row["closed"] or "",
        )
        for row in rows
    )
    person = found.interview.person
    return Contact(found.code, person.name, person.attributes.get("safe_contact", "").strip(), tuple(places))


def seen(uow: UnitOfWork, user: User, code: str) -> None:
    """Note that somebody looked at name or contact details."""
    uow.note(user.name, "saw name and contact details", code)


def under_code(record: Record) -> Record:
    """The record as pages show it, by the code alone."""
    hidden = Hiding(record.name, record.row.code).hidden
    return replace(
        record,
        name="",
        address="",
        notes={name: hidden(note) for name, note in record.notes.items() if name not in CONTACT},
        entries=tuple(
            replace(entry, body=entry.body if entry.incoming else hidden(entry.body), elided=hidden(entry.elided))
            for entry in record.entries
        ),
        consent=tuple(replace(one, words=hidden(one.words)) for one in record.consent),
    )
