"""The tables. Words of people are sealed under their own data key; states, ids and times are in the clear."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)


class Moment(TypeDecorator[datetime]):
    """A moment in time, kept in UTC. A datetime without a zone is refused.

    For SQLite, which keeps it as text, the way there and back is our own: SQLAlchemy's takes five times as long, and
    a turn has thirty of them. The text is the same, '2026-11-24 12:00:00.000000'.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any] | None:
        return _as_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        return _from_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A datetime without a zone cannot be stored.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.astimezone(UTC)


@lru_cache(256)  # a turn writes the moment it happens at into every row, and `isoformat` takes ten times as long
def _as_text(value: datetime | None) -> str | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("A datetime without a zone cannot be stored.")
    return value.astimezone(UTC).isoformat(" ", "microseconds")[:26]


def _from_text(value: str | None) -> datetime | None:
    return datetime.fromisoformat(f"{value}Z") if value else None  # `replace` of the zone takes six times as long


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only for INTEGER; PostgreSQL should not run out at two thousand million.
Id = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[Any]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def _known(table: str, *columns: str) -> Index:
    """An index of the rows that have a value there, which are few."""
    there = text(f"{columns[0]} IS NOT NULL")
    return Index(f"ix_{table}_{'_'.join(columns)}", *columns, sqlite_where=there, postgresql_where=there)


def _at(name: str, *, optional: bool = False) -> Column[Any]:
    return Column(name, Moment, nullable=optional)


leases = Table(
    "leases",  # see bot.service.leases
    metadata,
    Column("name", String(60), primary_key=True),
    Column("holder", String(32), nullable=False),
    Column("token", Id, nullable=False),  # grows with every change of holder
    _at("until"),
)

buckets = Table(
    "buckets",  # see bot.service.rates
    metadata,
    Column("name", String(20), primary_key=True),
    _at("full_at"),
)

forms = Table(
    "forms",  # that were sent of late, see bot.service.forms
    metadata,
    Column("pressed", LargeBinary, primary_key=True),  # a hash of the form's key and what it says
    _at("at"),
)

meta = Table("meta", metadata, Column("name", String(40), primary_key=True), Column("value", Text, nullable=False))

schedules = Table(
    "schedules",
    metadata,
    Column("version", String(12), primary_key=True),
    Column("cohort", String(60), nullable=False),
    Column("language", String(12), nullable=False),
    Column("content", Text, nullable=False),
    _at("added_at"),
)

data_keys = Table(
    "data_keys",
    metadata,
    _id(),
    Column("wrapped", LargeBinary),  # null once destroyed: what it sealed is gone everywhere
    _at("created_at"),
    _at("destroyed_at", optional=True),
    Column("leaf", String(12)),  # of a destroyed key: its seed is to be in no key file
)

participants = Table(
    "participants",
    metadata,
    _id(),
    Column("code", String(20), nullable=False, unique=True),
    Column("cohort", String(60), nullable=False),
    Column("key_id", ForeignKey("data_keys.id"), nullable=False),
    Column("name", LargeBinary, nullable=False),
    Column("wording", String(20), nullable=False),
    Column("language", String(12), nullable=False),
    Column("timezone", String(60), nullable=False),
    Column("researcher", String(60), nullable=False),
    Column("attributes", LargeBinary, nullable=False),
    Column("thread", String(8), index=True),  # names the conversation to the person, as in an email's subject
    _at("created_at"),
)

addresses = Table(
    "addresses",
    metadata,
    _id(),
    Column("participant_id", ForeignKey("participants.id"), nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("found_by", LargeBinary, nullable=False, unique=True),
    Column("value", LargeBinary, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("main", Boolean, nullable=False),
    Column("closed", String(60)),  # why nothing more is sent here
    _at("heard_at", optional=True),  # the last message from here, where the provider counts the time from it
)

moves = Table(
    "moves",  # a change of channel that waits until the code sent there comes back
    metadata,
    _id(),
    Column("participant_id", ForeignKey("participants.id"), nullable=False, unique=True),
    Column("kind", String(20), nullable=False),
    Column("found_by", LargeBinary, nullable=False, index=True),
    Column("value", LargeBinary, nullable=False),
    Column("code", LargeBinary, nullable=False),  # a keyed hash
    Column("tries", Integer, nullable=False),
    _at("created_at"),
)

invitations = Table(
    "invitations",  # by which people put themselves into the study
    metadata,
    _id(),
    Column("found_by", LargeBinary, nullable=False, unique=True),  # the code's keyed hash: the code is stored nowhere
    Column("cohort", String(60), nullable=False),
    Column("language", String(12), nullable=False),
    Column("wording", String(20)),  # null: short by text message, standard elsewhere
    Column("channel", String(20)),  # null: any
    Column("participant_id", ForeignKey("participants.id")),  # who used it
    _at("made_at"),
    _at("expires_at"),
    _at("used_at", optional=True),
    _at("withdrawn_at", optional=True),
)

interviews = Table(
    "interviews",
    metadata,
    _id(),
    Column("participant_id", ForeignKey("participants.id"), nullable=False, unique=True),
    Column("version", ForeignKey("schedules.version"), nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("position", String(60), nullable=False),
    Column("saved", JSON, nullable=False),
    Column("cutoff", String(10), nullable=False),
    _at("changed_at"),
    Column("cause", String(20), nullable=False, server_default=""),  # of `saved`, as state and position are
    Column("progress", Text, nullable=False, server_default=""),  # how far each question came: 'q1:settled q2:asked'
)

_HELD = "participant_id IS NULL"

WRITTEN_BY_TEAM = "direction = 'out' AND author != 'bot' AND participant_id IS NOT NULL"
"""Of messages. Who looks for them asks in these words: SQLite takes an index of some rows only then."""

messages = Table(
    "messages",
    metadata,
    _id(),
    Column("participant_id", ForeignKey("participants.id"), index=True),  # null: in the holding area
    Column("key_id", ForeignKey("data_keys.id"), nullable=False),
    Column("direction", String(3), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("provider_key", String(200)),
    Column("author", String(60), nullable=False),
    Column("belongs", String(20), nullable=False),
    Column("question", String(60)),
    Column("texts", String(400)),
    Column("wording", String(20)),
    Column("version", String(12)),  # of the schedule that it was sent from
    Column("body", LargeBinary),
    Column("raw", LargeBinary),
    Column("elided", LargeBinary),  # text of earlier messages that came along, and is no part of the body
    Column("provider_id", String(300)),
    Column("replaces", Id),  # the message of which this is a newer form
    Column("album", String(100)),  # the same for pictures that were sent as one
    Column("sender", LargeBinary),  # the sender's keyed hash, for the holding area
    Column("sent_from", LargeBinary),  # their address, sealed with the holding area's key, while they are there
    Column("problem", Text),
    _at("written_at", optional=True),
    _at("at"),
    _at("removed_at", optional=True),
    UniqueConstraint("channel", "provider_key"),
    _known("messages", "provider_id"),
    _known("messages", "replaces"),
    _known("messages", "sender", "at"),
    Index("ix_messages_held", "id", sqlite_where=text(_HELD), postgresql_where=text(_HELD)),
    Index(
        "ix_messages_team", "author", "id", sqlite_where=text(WRITTEN_BY_TEAM), postgresql_where=text(WRITTEN_BY_TEAM)
    ),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("lane", String(40), nullable=False),  # one message of a lane is in flight at a time, in order of seq
    Column("participant_id", ForeignKey("participants.id")),
    Column("message_id", ForeignKey("messages.id"), nullable=False, index=True),
    Column("key_id", ForeignKey("data_keys.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("address", LargeBinary, nullable=False),
    Column("address_id", Id),  # null: an address of nobody we know
    Column("question", String(60)),
    Column("template", String(60)),  # the approved text that it is sent as, outside the provider's window
    Column("urgent", Boolean, nullable=False, server_default=false()),  # see bot.interview.distress
    Column("unasked", Boolean, nullable=False, server_default=false()),  # it follows no message of the person's
    Column("unwanted", Boolean, nullable=False, server_default=false()),  # if it has not left, it is not to leave
    Column("state", String(10), nullable=False),  # see bot.service.outbox, bot.service.outcomes
    Column("attempts", Integer, nullable=False, default=0),
    Column("follows", Id),
    Column("provider_id", String(100)),
    Column("delivery", String(10)),
    Column("code", String(40)),
    _at("not_before"),
    _at("claimed_at", optional=True),
    Column("claimed_by", String(32)),  # the process that hands it over
    _at("reconcile_at", optional=True),
    _at("put_off_since", optional=True),  # the first time that the provider itself said "later"
    _at("changed_at"),
    Index("ix_outbox_turn", "state", "kind", "urgent", "unasked", "not_before"),
    Index("ix_outbox_lane_state_seq", "lane", "state", "seq"),
    _known("outbox", "provider_id"),
)

media = Table(
    "media",
    metadata,
    _id(),
    Column("message_id", ForeignKey("messages.id"), nullable=False, index=True),
    Column("key_id", ForeignKey("data_keys.id"), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("content_type", String(100), nullable=False),
    Column("name", LargeBinary),
    Column("reference", LargeBinary),  # where the provider keeps it, until it is here
    Column("size", Integer),
    Column("seconds", Integer),
    Column("state", String(10), nullable=False),  # waiting, stored, kept (stored, and the provider has no copy), lost
    Column("found_by", LargeBinary, index=True),  # the content's keyed hash: the same content is stored once
    Column("problem", Text),
    Column("tries", Integer, nullable=False),
    _at("fetch_at"),
    _at("at"),
    Index("ix_media_state_fetch_at", "state", "fetch_at"),
)

contents = Table(
    "contents",
    metadata,
    Column("found_by", LargeBinary, primary_key=True),
    Column("key_id", ForeignKey("data_keys.id"), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

writeups = Table(
    "writeups",  # what a person wrote down of something besides words; a newer version is a row of its own
    metadata,
    _id(),
    Column("participant_id", ForeignKey("participants.id"), nullable=False, index=True),
    Column("message_id", ForeignKey("messages.id"), nullable=False),
    Column("media_id", ForeignKey("media.id")),  # null: of the message as a whole, as of what a link in it leads to
    Column("key_id", ForeignKey("data_keys.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("text", LargeBinary, nullable=False),
    Column("author", String(60), nullable=False),
    Column("checked_by", String(60)),
    _at("at"),
    _at("checked_at", optional=True),
)

replacements = Table(
    "replacements",  # what somebody decided about words that may tell who a person is
    metadata,
    _id(),
    Column("participant_id", ForeignKey("participants.id"), nullable=False, index=True),
    Column("message_id", ForeignKey("messages.id"), nullable=False),
    Column("writeup_id", ForeignKey("writeups.id")),  # null: in the message's own words
    Column("key_id", ForeignKey("data_keys.id"), nullable=False),
    Column("kind", String(30), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # where, the words, and what stands for them in exports
    Column("accepted", Boolean, nullable=False),
    Column("decided_by", String(60), nullable=False),
    _at("at"),
    _at("undone_at", optional=True),
)

_PART = "status = 'part'"

delivery_updates = Table(
    "delivery_updates",
    metadata,
    _id(),
    Column("outbox_seq", ForeignKey("outbox.seq"), index=True),
    Column("provider_id", String(100), nullable=False),
    Column("status", String(10), nullable=False),  # "part": the id of a further part of a long message
    Column("code", String(40)),
    _at("at"),
    Index("ix_delivery_updates_part", "provider_id", sqlite_where=text(_PART), postgresql_where=text(_PART)),
)

timers = Table(
    "timers",
    metadata,
    _id(),
    Column("participant_id", ForeignKey("participants.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("position", String(80), nullable=False),
    _at("due"),
    UniqueConstraint("participant_id", "kind"),
    Index("ix_timers_due", "due"),
)

_OPEN, _WAITING = "closed_at IS NULL", "done_at IS NULL"

tasks = Table(
    "tasks",
    metadata,
    _id(),
    Column("kind", String(40), nullable=False),
    Column("participant_id", ForeignKey("participants.id"), index=True),
    Column("message_id", ForeignKey("messages.id")),
    Column("note", Text),
    Column("owner", String(60)),
    Column("asked_by", String(60)),  # who of the team wants to talk about it
    Column("closed_by", String(60)),
    Column("outcome", LargeBinary),  # what came of it, under the participant's key, or the holding area's
    _at("opened_at"),
    _at("closed_at", optional=True),
    Index("ix_tasks_open", "opened_at", sqlite_where=text(_OPEN), postgresql_where=text(_OPEN)),
)

field_notes = Table(
    "field_notes",  # a researcher's own words about an interview; in no copy for a participant
    metadata,
    _id(),
    Column("participant_id", ForeignKey("participants.id"), nullable=False, index=True),
    Column("author", String(60), nullable=False),
    Column("body", LargeBinary, nullable=False),  # under the participant's key
    _at("at"),
)

refilings = Table(
    "refilings",  # the trail of messages that were put under another question
    metadata,
    _id(),
    Column("participant_id", ForeignKey("participants.id"), nullable=False, index=True),
    Column("act", String(32), nullable=False),  # the same for messages that were moved together
    Column("message_id", ForeignKey("messages.id"), nullable=False),
    Column("belonged", String(20), nullable=False),
    Column("was", String(60)),  # the question before
    Column("belongs", String(20), nullable=False),
    Column("question", String(60)),
    Column("author", String(60), nullable=False),
    Column("reason", LargeBinary),  # under the participant's key
    Column("undoes", String(32), index=True),  # the act that this takes back
    Column("form", Id),  # where only some words were moved: the form of the message that has them, and from where to
    Column("starts", Integer),  # where; null where the whole message was
    Column("ends", Integer),
    _at("at"),
)

postponed = Table(
    "postponed",  # what a researcher wrote to be sent later
    metadata,
    _id(),
    Column("participant_id", ForeignKey("participants.id"), nullable=False, index=True),
    Column("author", String(60), nullable=False),
    Column("body", LargeBinary, nullable=False),  # under the participant's key
    Column("problem", Text),  # why it was not sent
    _at("due"),
    _at("at"),
    _at("done_at", optional=True),
    Index("ix_postponed_waiting", "due", sqlite_where=text(_WAITING), postgresql_where=text(_WAITING)),
)

drafts = Table(
    "drafts",  # what somebody of the team is writing and has not sent, see bot.service.drafts
    metadata,
    _id(),
    Column("participant_id", ForeignKey("participants.id"), index=True),  # null: about nobody we know
    Column("author", String(60), nullable=False),
    Column("place", String(200), nullable=False),  # the page, and the field of it
    Column("body", LargeBinary, nullable=False),  # under the participant's key, or the team's
    _at("at"),
    UniqueConstraint("author", "place"),
)

consents = Table(
    "consents",
    metadata,
    _id(),
    Column("participant_id", ForeignKey("participants.id"), nullable=False),
    Column("statement", String(60), nullable=False),
    Column("version", String(12), nullable=False),
    Column("wording", String(20), nullable=False),
    Column("agreed", Boolean, nullable=False),
    Column("message_id", ForeignKey("messages.id"), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("helper", String(60)),
    _at("at"),
    Index("ix_consents_participant_id_id", "participant_id", "id"),  # PostgreSQL finds somebody's last line by it
)

withdrawals = Table(
    "withdrawals",  # who left, and what became of what they had said: all that stays of somebody who wants it deleted
    metadata,
    _id(),
    Column("participant_id", ForeignKey("participants.id"), nullable=False, unique=True),
    Column("kept", Boolean, nullable=False),  # they left, and what they said stays
    Column("actor", String(60), nullable=False),
    Column("cutoff", String(10), nullable=False),
    Column("deleted", JSON, nullable=False),  # how many rows of what
    _at("asked_at", optional=True),
    _at("at"),
    _at("finished_at", optional=True),  # the receipt has left, and with it their name and addresses are gone
)

calls = Table(
    "calls",
    metadata,
    _id(),
    Column("participant_id", ForeignKey("participants.id"), nullable=False, index=True),
    Column("researcher", String(60), nullable=False),
    Column("way", String(10), nullable=False),
    Column("uid", String(40), nullable=False, unique=True),  # names it in calendars, also once it is moved
    Column("changed", Integer, nullable=False),  # how often it was moved
    Column("invitation", LargeBinary, nullable=False),  # an .ics file
    _at("starts_at"),
    _at("ends_at"),
    _at("booked_at"),
    Index("ix_calls_starts_at", "starts_at"),
)

users = Table(
    "users",
    metadata,
    _id(),
    Column("name", String(60), nullable=False, unique=True),
    Column("password", String(200), nullable=False),
    Column("role", String(20), nullable=False),
    Column("email", LargeBinary),  # where they are told that a person is needed, under the holding key
    Column("second_step", LargeBinary),  # the secret of their authenticator, under the holding key
    Column("second_step_used", Id),  # the last thirty seconds whose figures were taken: none work twice
    Column("recovery", JSON),  # hashes of the recovery codes that are left
    Column("undo_for", Integer),  # seconds in which they can take a message back; null: as long as is usual
    _at("created_at"),
    _at("disabled_at", optional=True),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token", LargeBinary, primary_key=True),  # a hash: a stolen copy signs nobody in
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("waiting", Boolean, nullable=False, server_default=false()),  # the second step is still to come
    _at("created_at"),
    _at("expires_at"),
)

audit = Table(
    "audit",
    metadata,
    _id(),
    Column("actor", String(60), nullable=False),
    Column("act", String(40), nullable=False),
    Column("subject", String(60)),
    Column("detail", JSON, nullable=False),
    _at("at"),
    Column("chain", LargeBinary),  # see bot.records.trail; null in lines from before there was one
)

APPEND_ONLY = (consents, audit, delivery_updates, refilings)
"""Rows of these are never changed; the database itself refuses it. Nor are they removed, but by a deletion that a
person confirmed: while the row of `meta` called so is there, within that one transaction."""

DELETING = "deleting"
