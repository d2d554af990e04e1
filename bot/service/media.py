"""Voice notes, pictures, videos and files: fetched from the provider at once, and kept sealed under the person's key.

The same content is stored once. A person listens and looks; no program does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from bot.messages import Inbound, Media, MediaKind
from bot.records.tables import contents, data_keys, media, messages
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork, beside
from bot.records.vault import DataKey
from bot.service.programs import is_program

LARGEST = 25 * 1024 * 1024
"""Bytes of one voice note, picture, video or file; what is larger stays with the provider, and a person is told."""

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=10), timedelta(hours=1)
GIVE_UP = timedelta(days=2)
"""For so long the provider is asked again; Twilio's and Telegram's links live longer."""

_NEW_CONTENT = {
    "sqlite": sqlite_insert(contents).on_conflict_do_nothing(),
    "postgresql": postgresql_insert(contents).on_conflict_do_nothing(),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Something to fetch, or to delete at the provider because it is here."""

    id: int
    channel: str
    media: Media
    here: bool


MOST = 2**31 - 1
"""No larger number is kept: a column of PostgreSQL holds no larger one, and Telegram tells of files of 4 GB."""


def keep(uow: UnitOfWork, message_id: int, key_id: int, key: DataKey, inbound: Inbound) -> None:
    """Note what came with a message; what came along is stored now, and the rest is fetched soon."""
    for one in inbound.media:
        row_id: int = uow.execute(
            insert(media)
            .values(
                message_id=message_id,
                key_id=key_id,
                channel=inbound.sender.kind,
                kind=one.kind.value,
                content_type=one.content_type[:100],
                name=key.seal(one.name, "file name") if one.name else None,
                reference=key.seal(one.reference, "reference") if one.reference else None,
                size=_at_most(one.size),
                seconds=_at_most(one.seconds),
                state="waiting",
                tries=0,
                fetch_at=uow.now,
                at=uow.now,
            )
            .returning(media.c.id)
        ).scalar_one()
        if one.content is not None:
            stored(uow, row_id, one.content)
    uow.changed.add("media")


def first_new(uow: UnitOfWork, participant_id: int, message_id: int) -> MediaKind | None:
    """What came with the message that they had not sent before: the logo in a signature comes with every mail."""
    of = select(media.c.kind, media.c.found_by).join(messages, messages.c.id == media.c.message_id)
    theirs = of.where(messages.c.participant_id == participant_id)
    before = {row["found_by"] for row in uow.all(theirs.where(messages.c.id < message_id)) if row["found_by"]}
    here = uow.all(theirs.where(messages.c.id == message_id).order_by(media.c.id))
    return next((MediaKind(row["kind"]) for row in here if row["found_by"] not in before), None)


def _at_most(said: int | None) -> int | None:
    return None if said is None else min(said, MOST)


@beside
def stored(uow: UnitOfWork, media_id: int, content: bytes) -> None:
    """Here it is. What is too large, or is a program, is not kept, and a person is told."""
    row = uow.one(select(media).where(media.c.id == media_id))
    if row is None:  # deleted meanwhile
        return
    if len(content) > LARGEST:
        lost(uow, media_id, f"It has {len(content) // 1_000_000} MB; at most {LARGEST // 1_000_000} MB can be kept.")
        return
    key = uow.key(row["key_id"])
    if is_program(row["content_type"], key.open(row["name"], "file name") if row["name"] else "", content):
        lost(uow, media_id, "It is a file that a computer would run, and is not kept. Please ask what they meant.")
        return
    found_by = uow.vault.name_of(content, row["key_id"])
    sealed = {"found_by": found_by, "key_id": row["key_id"], "sealed": key.seal(content, "media")}
    uow.execute(_NEW_CONTENT[uow.dialect].values(**sealed))
    here = {"state": "stored" if row["reference"] else "kept", "found_by": found_by, "size": len(content)}
    uow.execute(update(media).where(media.c.id == media_id).values(**here, problem=None, fetch_at=uow.now))
    uow.changed.add("media")


def content(uow: UnitOfWork, media_id: int) -> bytes | None:
    """What was sent, unsealed; None while it is not here."""
    row = uow.one(
        select(contents.c.sealed, contents.c.key_id)
        .join(media, media.c.found_by == contents.c.found_by)
        .where(media.c.id == media_id)
    )
    return uow.key(row["key_id"]).open_bytes(row["sealed"], "media") if row else None


def opened(uow: UnitOfWork, media_id: int, user: str) -> tuple[str, bytes] | None:
    """Content type and content for somebody of the study team, noted in the trail; None while it is not here."""
    row = uow.one(select(media.c.content_type).where(media.c.id == media_id))
    found = content(uow, media_id) if row else None
    if row is None or found is None:
        return None
    uow.note(user, "opened media", str(media_id))
    return row["content_type"], found


def hand_over(uow: UnitOfWork, message_id: int, old: DataKey, key_id: int, key: DataKey) -> None:
    """Seal what came with a message under another key, since the message is somebody else's."""
    for row in uow.all(select(media).where(media.c.message_id == message_id)):
        names = {"name": "file name", "reference": "reference"}
        again = {name: key.seal(old.open(row[name], kind), kind) for name, kind in names.items() if row[name]}
        uow.execute(update(media).where(media.c.id == row["id"]).values(key_id=key_id, **again))
        if row["found_by"] is not None:
            words = uow.one(select(contents.c.sealed).where(contents.c.found_by == row["found_by"]))
            assert words is not None
            plain = old.open_bytes(words["sealed"], "media")
            found_by = uow.vault.name_of(plain, key_id)
            sealed = {"found_by": found_by, "key_id": key_id, "sealed": key.seal(plain, "media")}
            uow.execute(_NEW_CONTENT[uow.dialect].values(**sealed))
            uow.execute(update(media).where(media.c.id == row["id"]).values(found_by=found_by))
            if uow.one(select(media.c.id).where(media.c.found_by == row["found_by"]).limit(1)) is None:
                uow.execute(delete(contents).where(contents.c.found_by == row["found_by"]))


def delete_with(uow: UnitOfWork, of: Select[tuple[int]]) -> int:
    """Delete what came with these messages, but for content that came with another one too; how much was deleted."""
    theirs, another = media.c.message_id.in_(of), media.alias()
    found_by = select(media.c.found_by).where(theirs)
    elses = select(another.c.id).where(another.c.found_by == contents.c.found_by, another.c.message_id.not_in(of))
    uow.execute(delete(contents).where(contents.c.found_by.in_(found_by), ~elses.exists()))
    return uow.execute(delete(media).where(theirs)).rowcount


def whose(uow: UnitOfWork, media_id: int) -> str | None:
    """The code of the participant who sent it; None for somebody we do not know."""
    sent = select(people.c.code).join(messages, messages.c.participant_id == people.c.id)
    row = uow.one(sent.join(media, media.c.message_id == messages.c.id).where(media.c.id == media_id))
    return row["code"] if row else None


def due(uow: UnitOfWork, kind: str, limit: int = 20) -> list[Wanted]:
    """What should be fetched from a channel, or deleted at its provider, now."""
    rows = uow.all(
        select(media, data_keys.c.wrapped)
        .join(data_keys, data_keys.c.id == media.c.key_id)
        .where(media.c.channel == kind, media.c.state.in_(["waiting", "stored"]), media.c.fetch_at <= uow.now)
        .where(data_keys.c.wrapped.is_not(None))
        .order_by(media.c.fetch_at)
        .limit(limit)
    )
    wanted = []
    for row in rows:
        reference = uow.vault.data_key(row["wrapped"]).open(row["reference"], "reference") if row["reference"] else ""
        one = Media(MediaKind(row["kind"]), row["content_type"], reference=reference)
        wanted.append(Wanted(row["id"], row["channel"], one, here=row["state"] == "stored"))
    return wanted


@beside
def forgotten(uow: UnitOfWork, media_id: int) -> None:
    """The provider has no copy any more."""
    uow.execute(update(media).where(media.c.id == media_id).values(state="kept", reference=None))


@beside
def later(uow: UnitOfWork, media_id: int, problem: str) -> None:
    """The provider could not be asked: again after a while, longer each time, and in the end a person is told."""
    row = uow.one(select(media).where(media.c.id == media_id))
    if row is None:  # deleted meanwhile
        return
    if uow.now - row["at"] > GIVE_UP:
        if row["state"] == "waiting":
            lost(uow, media_id, problem)
        else:
            forgotten(uow, media_id)
        return
    wait = min(FIRST_WAIT * 2 ** min(row["tries"], 10), LONGEST_WAIT)
    again = {"fetch_at": uow.now + wait, "tries": row["tries"] + 1, "problem": problem}
    uow.execute(update(media).where(media.c.id == media_id).values(**again))


@beside
def lost(uow: UnitOfWork, media_id: int, problem: str) -> None:
    """It cannot be had: a person asks for it again."""
    uow.execute(update(media).where(media.c.id == media_id).values(state="lost", problem=problem))
    of = select(messages.c.participant_id, messages.c.id).join(media, media.c.message_id == messages.c.id)
    row = uow.one(of.where(media.c.id == media_id))
    if row is not None:
        uow.open_task("media lost", row["participant_id"], row["id"], problem)


def waiting(uow: UnitOfWork) -> int:
    """How many are not here yet."""
    found: int = uow.execute(select(func.count()).where(media.c.state == "waiting")).scalar_one()
    return found
