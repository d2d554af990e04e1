"""Taking what somebody said out of the database, kind by kind, and destroying the key it was sealed under.

What the consent ledger points at stays as an empty row, and so does every message that came in: its provider may bring
a second copy, which must be known as one. Everything else is removed. Within a use case the data key is destroyed in
the database; `forget_keys` then takes its seed out of the key file, so that no copy opens any more, and `clean` leaves
nothing in the files. Both may be repeated: `meta` notes what is to be cleaned, and the server does what somebody who
was interrupted did not.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import ColumnElement, Delete, RowMapping, Table, and_, delete, func, insert, or_, select, update
from sqlalchemy.sql.selectable import Select

from bot.errors import KeyFileError
from bot.messages import Address
from bot.records.database import Database
from bot.records.tables import (
    DELETING,
    addresses,
    calls,
    consents,
    contents,
    data_keys,
    delivery_updates,
    drafts,
    field_notes,
    interviews,
    media,
    messages,
    meta,
    moves,
    outbox,
    postponed,
    refilings,
    replacements,
    tasks,
    timers,
    users,
    writeups,
)
from bot.records.tables import participants as people
from bot.records.unit_of_work import HOLDING_KEY, UnitOfWork
from bot.records.vault import DataKey, leaf_of
from bot.service import drafts as unsent
from bot.service import forgetting
from bot.service import media as attachments

Counts = Counter[str]
"""How much of what was deleted."""

GONE = "deleted"
"""What an emptied message belongs to, and the state of media whose content was deleted."""

NOWHERE = "the address was deleted"
"""Why nothing can be sent to the address of somebody whose contact details were deleted."""


TO_CLEAN = "to clean"
"""Where `meta` notes that what was deleted may still be in the files: whoever was killed did not get there."""


@contextmanager
def removing(uow: UnitOfWork) -> Iterator[None]:
    """Within this, and nowhere else, what is append-only may be removed."""
    uow.alone()
    uow.execute(insert(meta).values(name=DELETING, value=uow.now.isoformat()))
    yield
    uow.execute(delete(meta).where(meta.c.name == DELETING))


def words(uow: UnitOfWork, participant_id: int) -> Counts:
    """Everything they said and were sent, in every form, with what was written about it and what was to come."""
    gone = _written_by_the_team(uow, participant_id)
    return gone + messages_where(uow, messages.c.participant_id == participant_id) + _plans(uow, participant_id)


def _written_by_the_team(uow: UnitOfWork, participant_id: int) -> Counts:
    """Write-ups, replacements, field notes, reasons for refiling, replies that were to go later, and unsent words."""
    gone: Counts = Counter()
    with removing(uow):
        for name, table in OF_THE_TEAM.items():
            gone[name] = _delete(uow, delete(table).where(table.c.participant_id == participant_id))
    return +gone


def messages_where(uow: UnitOfWork, condition: ColumnElement[bool]) -> Counts:
    """Messages with their raw forms, media, deliveries and notes on tasks."""
    of = select(messages.c.id).where(condition)
    deliveries = select(outbox.c.seq).where(outbox.c.message_id.in_(of))
    gone = Counter(messages=_count(uow, of.where(messages.c.body.is_not(None) | messages.c.raw.is_not(None))))
    gone += raw(uow, condition)
    gone += Counter({"voice notes, pictures and files": attachments.delete_with(uow, of)})
    with removing(uow):
        _delete(uow, delete(delivery_updates).where(delivery_updates.c.outbox_seq.in_(deliveries)))
    _delete(uow, delete(outbox).where(outbox.c.message_id.in_(of)))
    about = tasks.c.message_id.in_(of)
    nobodys = (about, tasks.c.participant_id.is_(None), tasks.c.closed_at.is_(None))
    uow.execute(update(tasks).where(*nobodys).values(closed_at=uow.now))
    uow.execute(update(tasks).where(about).values(message_id=None, note=None))
    ledger = select(consents.c.message_id)
    _delete(uow, delete(messages).where(condition, messages.c.direction == "out", messages.c.id.not_in(ledger)))
    _keys_telling_their_sender(uow, condition)
    empty = dict.fromkeys(
        ("body", "raw", "elided", "provider_id", "replaces", "album", "sender", "sent_from", "problem")
    )
    uow.execute(update(messages).where(condition).values(**empty, belongs=GONE))
    uow.changed |= {"outbox", "media", "tasks"}
    return gone


def raw(uow: UnitOfWork, condition: ColumnElement[bool]) -> Counts:
    """Messages as the provider delivered them."""
    held = (condition, messages.c.raw.is_not(None))
    gone = Counter({"raw deliveries": _count(uow, select(messages.c.id).where(*held))})
    uow.execute(update(messages).where(*held).values(raw=None))
    return gone


def files(uow: UnitOfWork, participant_id: int) -> Counts:
    """Voice notes, pictures, videos and files; that there was one is still known."""
    of = select(messages.c.id).where(messages.c.participant_id == participant_id)
    found_by = select(media.c.found_by).where(media.c.message_id.in_(of))
    gone = Counter(
        {"voice notes, pictures and files": _delete(uow, delete(contents).where(contents.c.found_by.in_(found_by)))}
    )
    emptied = {"name": None, "reference": None, "found_by": None, "problem": None, "state": GONE}
    uow.execute(update(media).where(media.c.message_id.in_(of)).values(**emptied))
    uow.changed.add("media")
    return gone


def _plans(uow: UnitOfWork, participant_id: int) -> Counts:
    """Timers, and what the team noted on tasks."""
    _delete(uow, delete(timers).where(timers.c.participant_id == participant_id))
    uow.execute(update(tasks).where(tasks.c.participant_id == participant_id).values(note=None, outcome=None))
    return Counter()


def at_the_provider(uow: UnitOfWork, participant_id: int) -> Counts:
    """By channel, the files that the provider may still hold."""
    of = select(messages.c.id).where(messages.c.participant_id == participant_id)
    rows = uow.all(
        select(media.c.channel, func.count().label("files"))
        .where(media.c.message_id.in_(of), media.c.reference.is_not(None))
        .group_by(media.c.channel)
    )
    return Counter({row["channel"]: row["files"] for row in rows})


def contact(uow: UnitOfWork, participant_id: int) -> Counts:
    """Name, addresses, calls and how the conversation is called; a closed address of nobody stays in their place.

    Also where the words that stay hold the name or an address, and raw deliveries, each of which says from where it is.
    """
    telling_keys(uow, participant_id)
    _from_nowhere(uow, participant_id)
    raw(uow, messages.c.participant_id == participant_id)
    with removing(uow):
        forgetting.forget(uow, participant_id)
    of = addresses.c.participant_id == participant_id
    gone = Counter(addresses=_count(uow, select(addresses.c.id).where(of)))
    for table in (moves, calls):
        uow.execute(delete(table).where(table.c.participant_id == participant_id))
    waits = (postponed.c.participant_id == participant_id, postponed.c.done_at.is_(None))
    uow.execute(update(postponed).where(*waits).values(done_at=uow.now, problem=NOWHERE))
    uow.execute(delete(addresses).where(of, addresses.c.main.is_(False)))
    key = uow.key(_key_id(uow, participant_id))
    nameless = {"name": key.seal("", "name"), "thread": None}
    uow.execute(update(people).where(people.c.id == participant_id).values(**nameless))
    nobody = {
        "found_by": secrets.token_bytes(32),
        "value": key.seal("", "address"),
        "closed": NOWHERE,
    }
    uow.execute(update(addresses).where(of).values(**nobody, verified=False, heard_at=None))
    blank = {"address": key.seal("", "address"), "address_id": None}
    uow.execute(update(outbox).where(outbox.c.participant_id == participant_id).values(**blank))
    return gone


def _from_nowhere(uow: UnitOfWork, participant_id: int) -> None:
    """What came from an address of theirs while nobody knew whose it is, and the replies to it, keep their words, and
    nothing of the address."""
    unknown = and_(messages.c.participant_id.is_(None), messages.c.sender.in_(senders(uow, participant_id)))
    of = [row["id"] for row in uow.all(select(messages.c.id).where(unknown))]
    if not of:
        return
    _keys_telling_their_sender(uow, unknown)
    blank = {"address": uow.holding_key()[1].seal("", "address"), "provider_id": None}
    deliveries = select(outbox.c.seq).where(outbox.c.message_id.in_(of))
    with removing(uow):
        _delete(uow, delete(delivery_updates).where(delivery_updates.c.outbox_seq.in_(deliveries)))
    uow.execute(update(outbox).where(outbox.c.message_id.in_(of)).values(**blank))
    nowhere = dict.fromkeys(("raw", "sender", "sent_from", "provider_id"))
    uow.execute(update(messages).where(messages.c.id.in_(of)).values(**nowhere))


def whereabouts(uow: UnitOfWork, participant_id: int) -> None:
    """Name and addresses of somebody of whom nothing is left, not even a key."""
    for table in (moves, calls, addresses):
        uow.execute(delete(table).where(table.c.participant_id == participant_id))
    nobody = {"name": b"", "attributes": b"", "thread": None}
    uow.execute(update(people).where(people.c.id == participant_id).values(**nobody))


def senders(uow: UnitOfWork, participant_id: int) -> set[bytes]:
    """The hashes of their addresses, and of the one that they want to move to."""
    return {
        row["found_by"]
        for table in (addresses, moves)
        for row in uow.all(select(table.c.found_by).where(table.c.participant_id == participant_id))
    }


def telling_keys(uow: UnitOfWork, participant_id: int) -> None:
    """Take away the provider's keys of their messages, and of strangers' deleted ones, that have an address of theirs
    in them."""
    theirs = senders(uow, participant_id)
    unknown = and_(messages.c.participant_id.is_(None), messages.c.belongs == GONE)
    for row in _with_provider_key(uow, or_(messages.c.participant_id == participant_id, unknown)):
        if _told_by(uow, row) & theirs:
            uow.execute(update(messages).where(messages.c.id == row["id"]).values(provider_key=None))


def _keys_telling_their_sender(uow: UnitOfWork, condition: ColumnElement[bool]) -> None:
    """The same for messages of people whom nobody knows, as long as it is known from where they came."""
    for row in _with_provider_key(uow, and_(condition, messages.c.sender.is_not(None))):
        if row["sender"] in _told_by(uow, row):
            uow.execute(update(messages).where(messages.c.id == row["id"]).values(provider_key=None))


def _with_provider_key(uow: UnitOfWork, condition: ColumnElement[bool]) -> list[RowMapping]:
    of = select(messages.c.id, messages.c.channel, messages.c.provider_key, messages.c.sender)
    return uow.all(of.where(condition, messages.c.provider_key.is_not(None)))


def _told_by(uow: UnitOfWork, row: RowMapping) -> set[bytes]:
    """The hashes of the addresses that may be in the provider's key of a message."""
    return {uow.vault.find(Address(row["channel"], part)) for part in row["provider_key"].split("/")}


# Keys


def forget_answers(uow: UnitOfWork, participant_id: int) -> None:
    """Which messages answered which question is not known any more; what was agreed to is."""
    mine = interviews.c.participant_id == participant_id
    saved = uow.execute(select(interviews.c.saved).where(mine)).scalar_one()
    uow.execute(update(interviews).where(mine).values(saved={**saved, "answers": {}}, progress=""))


OF_THE_TEAM: Mapping[str, Table] = MappingProxyType(
    {
        "replacements": replacements,
        "write-ups": writeups,
        "refilings": refilings,
        "field notes": field_notes,
        "replies for later": postponed,
        "words not sent": drafts,
    }
)
"""What people of the team wrote about somebody, in an order in which nothing points at what is gone already."""

UNTIL_TOLD = ("discreet", "hours", "days", "no_contact")
"""Needs that are still minded while somebody is told that everything else is deleted."""


def rekey(uow: UnitOfWork, participant_id: int) -> None:
    """Give somebody whose words are gone a new data key, for their name and addresses, and destroy the old one."""
    old_id = _key_id(uow, participant_id)
    old, new_id = uow.key(old_id), uow.new_key()
    new = uow.key(new_id)
    person = uow.one(select(people.c.name, people.c.attributes).where(people.c.id == participant_id))
    assert person is not None
    attributes = json.loads(old.open(person["attributes"], "attributes"))
    needs = json.dumps({name: value for name, value in attributes.items() if name in UNTIL_TOLD})
    name = new.seal(old.open(person["name"], "name"), "name")
    again = {"key_id": new_id, "name": name, "attributes": new.seal(needs, "attributes")}
    uow.execute(update(people).where(people.c.id == participant_id).values(**again))
    for row in uow.all(select(addresses.c.id, addresses.c.value).where(addresses.c.participant_id == participant_id)):
        value = new.seal(old.open(row["value"], "address"), "address")
        uow.execute(update(addresses).where(addresses.c.id == row["id"]).values(value=value))
    for table in (moves, calls):
        uow.execute(delete(table).where(table.c.participant_id == participant_id))
    destroy_key(uow, old_id)


def destroy_key(uow: UnitOfWork, key_id: int) -> None:
    """Destroy a data key here; `forget_keys` sees to every copy."""
    wrapped = uow.execute(select(data_keys.c.wrapped).where(data_keys.c.id == key_id)).scalar_one()
    if wrapped is not None:
        gone = {"wrapped": None, "destroyed_at": uow.now, "leaf": leaf_of(wrapped)}
        uow.execute(update(data_keys).where(data_keys.c.id == key_id).values(**gone))


def destroy_key_of(uow: UnitOfWork, participant_id: int) -> None:
    """Destroy the data key of a participant."""
    destroy_key(uow, _key_id(uow, participant_id))


def as_strangers(uow: UnitOfWork, participant_id: int) -> Counts:
    """What they wrote where nobody knew that it is theirs, and the key it was sealed under."""
    of = and_(messages.c.participant_id.is_(None), messages.c.sender.in_(senders(uow, participant_id)))
    if _count(uow, select(messages.c.id).where(of)) == 0:
        return Counter()
    gone = messages_where(uow, of)
    unsent.forget_strangers(uow)
    renew_holding_key(uow)
    return gone


def renew_holding_key(uow: UnitOfWork) -> None:
    """Seal everything in the holding area under a new key, and destroy the old one."""
    _give_users_the_teams_key(uow)
    old_id, old = uow.holding_key()
    uow.execute(delete(meta).where(meta.c.name == HOLDING_KEY))
    new_id, new = uow.holding_key()
    sealed = (
        (messages, messages.c.id, {"body": "body", "raw": "raw", "elided": "elided", "sent_from": "address"}),
        (media, media.c.id, {"name": "file name", "reference": "reference"}),
        (contents, contents.c.found_by, {"sealed": "media"}),
        (outbox, outbox.c.seq, {"address": "address"}),
        (tasks, tasks.c.id, {"outcome": "outcome"}),
    )
    for table, key, columns in sealed:
        own = or_(*(table.c[name].is_not(None) for name in columns))
        if "key_id" in table.c:
            own = table.c.key_id == old_id
        elif "participant_id" in table.c:
            own = and_(own, table.c.participant_id.is_(None))
        for row in uow.all(select(table).where(own)):
            again: dict[str, object] = {
                name: new.seal(old.open_bytes(row[name], about), about)
                for name, about in columns.items()
                if row[name] is not None
            }
            if "key_id" in table.c:
                again["key_id"] = new_id
            uow.execute(update(table).where(key == row[key.name]).values(**again))
    destroy_key(uow, old_id)


OF_USERS = {"email": "address", "second_step": "second step"}
"""What is sealed of users, and as what."""


def _give_users_the_teams_key(uow: UnitOfWork) -> None:
    """What earlier versions sealed with the holding area's key is sealed with the team's."""
    for row in uow.all(select(users)):
        again = {
            name: uow.vault.team.seal(uow.open_of_team(row[name], about), about)
            for name, about in OF_USERS.items()
            if row[name] is not None
        }
        if again:
            uow.execute(update(users).where(users.c.id == row["id"]).values(**again))


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What is not there any more in an older state. `codes`: people who left since; `held`: messages that came in from
    people whom nobody knew, of whom one left since; `users`: those without email and second step now."""

    codes: tuple[str, ...]
    held: int
    users: tuple[str, ...]


def is_older(uow: UnitOfWork) -> bool:
    """Whether this is an older state of the database, which holds somebody who was deleted since."""
    return bool(_destroyed(uow))


def _destroyed(uow: UnitOfWork) -> list[int]:
    """The keys whose seed is gone."""
    rows = uow.all(select(data_keys.c.id, data_keys.c.wrapped).where(data_keys.c.wrapped.is_not(None)))
    return [row["id"] for row in rows if uow.vault.destroyed(row["wrapped"])]


def catch_up(uow: UnitOfWork) -> CaughtUp:
    """In an older state of the database, delete what was deleted since: all whose seed is gone.

    With the key of the holding area everything in it is gone, also what others had written.
    """
    gone, held, stepless = _destroyed(uow), 0, []
    for key_id in gone:
        uow.execute(update(data_keys).where(data_keys.c.id == key_id).values(wrapped=None, destroyed_at=uow.now))
        held += _empty_holding_area(uow, key_id)
        if uow.one(select(meta).where(meta.c.name == HOLDING_KEY, meta.c.value == str(key_id))):
            uow.execute(delete(meta).where(meta.c.name == HOLDING_KEY))
            stepless += _users_without_key(uow)
    codes = [code for key_id in gone for code in _people_without_key(uow, key_id)]
    for code in codes:
        uow.note("service", "deleted again", code)
    return CaughtUp(tuple(codes), held, tuple(stepless))


def _empty_holding_area(uow: UnitOfWork, key_id: int) -> int:
    """Remove what a destroyed key had sealed of people whom nobody knew; how many messages of theirs."""
    of = and_(messages.c.participant_id.is_(None), messages.c.key_id == key_id)
    theirs = (of, messages.c.direction == "in", messages.c.body.is_not(None) | messages.c.raw.is_not(None))
    many = _count(uow, select(messages.c.id).where(*theirs))
    messages_where(uow, of)
    return many


def _users_without_key(uow: UnitOfWork) -> list[str]:
    """Remove what nobody can open any more of users, which earlier versions sealed with the holding area's key."""
    names = []
    for row in uow.all(select(users)):
        lost = [name for name, about in OF_USERS.items() if row[name] and not _opens(uow.vault.team, row[name], about)]
        if lost:
            names.append(row["name"])
            gone = dict.fromkeys(lost)
            if "second_step" in lost:
                gone |= dict.fromkeys(("second_step_used", "recovery"))
            uow.execute(update(users).where(users.c.id == row["id"]).values(**gone))
    return names


def _opens(key: DataKey, sealed: bytes, about: str) -> bool:
    try:
        key.open_bytes(sealed, about)
    except KeyFileError:
        return False
    return True


def _people_without_key(uow: UnitOfWork, key_id: int) -> list[str]:
    """Remove what there is of those whose key was destroyed; their codes."""
    theirs = uow.all(select(people.c.id, people.c.code).where(people.c.key_id == key_id))
    for row in theirs:
        words(uow, row["id"])
        as_strangers(uow, row["id"])
        telling_keys(uow, row["id"])
        whereabouts(uow, row["id"])
        forget_answers(uow, row["id"])
        uow.execute(
            update(tasks)
            .where(tasks.c.participant_id == row["id"], tasks.c.closed_at.is_(None))
            .values(closed_at=uow.now)
        )
    return [row["code"] for row in theirs]


def keys_to_forget(uow: UnitOfWork) -> list[str]:
    """Leaves of destroyed data keys whose seed this process still knows, be it from an old copy of the key file."""
    rows = uow.all(select(data_keys.c.leaf).where(data_keys.c.leaf.is_not(None)))
    return [row["leaf"] for row in rows if uow.vault.reaches(row["leaf"])]


def forget_keys(database: Database) -> int:
    """Take the seeds of destroyed data keys out of the key file; how many. Raises KeyFileError if that fails."""
    leaves = database.read_now(keys_to_forget)
    if leaves:
        database.vault.destroy(leaves)
    return len(leaves)


def leave_to_clean(uow: UnitOfWork) -> None:
    """Part of every deletion: the files are to be cleaned, by whoever deletes, or else by the server."""
    uow.execute(delete(meta).where(meta.c.name == TO_CLEAN))
    uow.execute(insert(meta).values(name=TO_CLEAN, value=secrets.token_hex(16)))


def to_clean(uow: UnitOfWork) -> str:
    """What is to be cleaned, by a name that no later deletion has; '' where nothing is."""
    noted = uow.one(select(meta.c.value).where(meta.c.name == TO_CLEAN))
    return noted["value"] if noted else ""


def unclean(uow: UnitOfWork) -> bool:
    """Whether keys are to be forgotten or files to be cleaned."""
    return bool(to_clean(uow) or keys_to_forget(uow))


def clean(database: Database, *, rewrite: bool = True) -> bool:
    """After a deletion: forget the keys, and leave nothing in the files. False where the log is emptied only later."""
    noted = database.read_now(to_clean)
    forget_keys(database)
    emptied = database.scrub(rewrite=rewrite)
    if emptied and noted:
        database.run_now(_cleaned, noted)
    return emptied


def _cleaned(uow: UnitOfWork, noted: str) -> None:
    uow.execute(delete(meta).where(meta.c.name == TO_CLEAN, meta.c.value == noted))


def in_flight(uow: UnitOfWork, participant_id: int) -> bool:
    """Whether a message to them is being handed over at this moment."""
    theirs = (outbox.c.participant_id == participant_id, outbox.c.state == "sending")
    return uow.one(select(outbox.c.seq).where(*theirs).limit(1)) is not None


def _key_id(uow: UnitOfWork, participant_id: int) -> int:
    found: int = uow.execute(select(people.c.key_id).where(people.c.id == participant_id)).scalar_one()
    return found


def _count(uow: UnitOfWork, query: Select[tuple[int]]) -> int:
    found: int = uow.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    return found


def _delete(uow: UnitOfWork, statement: Delete) -> int:
    return uow.execute(statement).rowcount
