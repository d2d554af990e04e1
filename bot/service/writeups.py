"""What people wrote up of voice notes, pictures, videos and links: sealed under the participant's key.

What came stays as it came, and every version is kept. The newest version counts, and somebody other than its author
checks it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import RowMapping

from bot.errors import OwnPaceError, WrongUse
from bot.interview.events import TaskKind
from bot.records.tables import media, messages, participants, writeups
from bot.records.unit_of_work import UnitOfWork

ABOUT = "write-up"
"""What the text is sealed as."""

LONGEST_NAME = 60


class WriteUpKind(StrEnum):
    """What was done: words written down, a picture or sound described, or words put into another language."""

    TRANSCRIPTION = "transcription"
    DESCRIPTION = "description"
    TRANSLATION = "translation"


@dataclass(frozen=True, slots=True)
class Piece:
    """Something besides words. `media_id` is None for a message as a whole; `write_up` is the newest version's id."""

    message_id: int
    media_id: int | None
    kind: str
    seconds: int | None
    question: str | None
    at: datetime
    write_up: int | None = None
    author: str = ""
    checked_by: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a write-up, opened."""

    id: int
    kind: WriteUpKind
    text: str
    author: str
    at: datetime
    checked_by: str | None
    checked_at: datetime | None


def write_up(
    uow: UnitOfWork, message_id: int, kind: WriteUpKind, text: str, author: str, media_id: int | None = None
) -> int:
    """Store what a person wrote up of a message, as its newest version; the version's id.

    `media_id` is needed only where several came with the message. The task closes once nothing of the participant
    waits. Raises OwnPaceError for an empty text, a message that is nobody's, and media of another message.
    """
    words, name = text.strip(), _named(author)
    if not words:
        raise WrongUse("Write something first: the text is empty.")
    row = uow.one(
        select(messages.c.participant_id, participants.c.code, participants.c.key_id)
        .join(participants, participants.c.id == messages.c.participant_id)
        .where(messages.c.id == message_id, messages.c.direction == "in")
    )
    if row is None:
        raise WrongUse(f"{message_id} is no message of a participant. See: ownpace write-up CODE")
    piece = _which(uow, message_id, media_id)
    added: int = uow.execute(
        insert(writeups)
        .values(
            participant_id=row["participant_id"],
            message_id=message_id,
            media_id=piece,
            key_id=row["key_id"],
            kind=kind.value,
            text=uow.key(row["key_id"]).seal(words, ABOUT),
            author=name,
            at=uow.now,
        )
        .returning(writeups.c.id)
    ).scalar_one()
    if not any(one.write_up is None for one in pieces(uow, row["participant_id"])):
        uow.close_tasks(row["participant_id"], frozenset({TaskKind.WRITE_UP.value}))
    uow.note(name, "wrote up", row["code"], kind=kind.value, message=message_id, write_up=added)
    uow.changed.add("messages")
    return added


def check(uow: UnitOfWork, writeup_id: int, by: str) -> None:
    """Somebody other than the author found it right. Raises OwnPaceError for an old version and for the author."""
    name = _named(by)
    row = uow.one(select(writeups).where(writeups.c.id == writeup_id))
    if row is None:
        raise WrongUse(f"There is no write-up {writeup_id}.")
    if row["author"].casefold() == name.casefold():
        raise OwnPaceError(f"{name} wrote this; somebody else has to check it.")
    if newest(uow, row["message_id"], row["media_id"]) != writeup_id:
        raise OwnPaceError(f"There is a newer version than {writeup_id}: check that one.")
    uow.execute(update(writeups).where(writeups.c.id == writeup_id).values(checked_by=name, checked_at=uow.now))
    uow.note(name, "checked a write-up", _code(uow, row["participant_id"]), write_up=writeup_id)
    uow.changed.add("messages")


def newest(uow: UnitOfWork, message_id: int, media_id: int | None = None) -> int | None:
    """The id of the newest version for a message, or for one of its media; None where nothing is written up."""
    of = [writeups.c.message_id == message_id]
    if media_id is not None:
        of.append(writeups.c.media_id == media_id)
    found: int | None = uow.execute(select(func.max(writeups.c.id)).where(*of)).scalar_one()
    return found


def versions(uow: UnitOfWork, message_id: int) -> list[Version]:
    """Every version of every write-up of a message, the oldest first."""
    rows = uow.all(select(writeups).where(writeups.c.message_id == message_id).order_by(writeups.c.id))
    return [_version(uow, row) for row in rows]


def beside(uow: UnitOfWork, message_ids: Sequence[int]) -> dict[int, list[tuple[int | None, Version]]]:
    """The newest write-up of each piece of these messages, by message, each with its piece."""
    rows = uow.all(select(writeups).where(writeups.c.message_id.in_(message_ids)).order_by(writeups.c.id))
    last = {(row["message_id"], row["media_id"]): row for row in rows}
    found: dict[int, list[tuple[int | None, Version]]] = {}
    for (message, piece), row in last.items():
        found.setdefault(message, []).append((piece, _version(uow, row)))
    return found


def _version(uow: UnitOfWork, row: RowMapping) -> Version:
    return Version(
        row["id"],
        WriteUpKind(row["kind"]),
        uow.key(row["key_id"]).open(row["text"], ABOUT),
        row["author"],
        row["at"],
        row["checked_by"],
        row["checked_at"],
    )


def pieces(uow: UnitOfWork, participant_id: int) -> list[Piece]:
    """What a participant sent besides words, with who wrote it up; not what is lost or was taken back.

    The same content sent again, as with a newer form of its message, is written up once.
    """
    written = uow.all(select(writeups).where(writeups.c.participant_id == participant_id).order_by(writeups.c.id))
    rows = uow.all(
        select(media, messages.c.question, messages.c.at.label("came_at"))
        .join(messages, messages.c.id == media.c.message_id)
        .where(
            messages.c.participant_id == participant_id,
            messages.c.direction == "in",
            messages.c.removed_at.is_(None),
            media.c.state != "lost",
        )
        .order_by(media.c.id)
    )
    found_by = {row["id"]: row["found_by"] for row in rows}
    newest_of = {name: one for one in written for name in names(one["media_id"], found_by.get(one["media_id"]))}
    return [_piece(row, newest_of) for row in rows]


def names(media_id: int | None, found_by: bytes | None) -> list[int | bytes]:
    """By what a piece is known: its id, and its content, where that is here."""
    return [name for name in (media_id, found_by) if name is not None]


def message_of(uow: UnitOfWork, code: str, message_id: int) -> None:
    """Raises WrongUse unless the message is one that the participant with this code sent."""
    query = select(messages.c.id).join(participants, participants.c.id == messages.c.participant_id)
    mine = (participants.c.code == code.strip().upper(), messages.c.id == message_id, messages.c.direction == "in")
    if uow.one(query.where(*mine)) is None:
        numbers = ", ".join(str(number) for number in dict.fromkeys(piece.message_id for piece in of(uow, code)))
        raise WrongUse(
            f"{message_id} is no message of {code}. "
            f"With something to write up: {numbers or 'none'}. All numbers (id): ownpace show {code} --json"
        )


def of(uow: UnitOfWork, code: str) -> list[Piece]:
    """The pieces of the participant with this code. Raises WrongUse where there is none."""
    found = uow.one(select(participants.c.id).where(participants.c.code == code.strip().upper()))
    if found is None:
        raise WrongUse(f"There is no participant {code}. See: ownpace participants")
    return pieces(uow, found["id"])


def _piece(row: Mapping[Any, Any], newest_of: Mapping[int | bytes, Mapping[Any, Any]]) -> Piece:
    known = [newest_of[name] for name in names(row["id"], row["found_by"]) if name in newest_of]
    last = max(known, key=lambda one: int(one["id"]), default=None)
    piece = (row["message_id"], row["id"], row["kind"], row["seconds"], row["question"], row["came_at"])
    return Piece(*piece, last["id"], last["author"], last["checked_by"] or "") if last else Piece(*piece)


def _which(uow: UnitOfWork, message_id: int, media_id: int | None) -> int | None:
    """The one that is meant: the only one of the message, or that with the id; None for a message without any."""
    there = [row["id"] for row in uow.all(select(media.c.id).where(media.c.message_id == message_id))]
    if media_id is None and len(there) > 1:
        raise WrongUse(f"Several came with message {message_id}: say which with --media {', '.join(map(str, there))}.")
    if media_id is not None and media_id not in there:
        raise WrongUse(f"{media_id} did not come with message {message_id}. See: ownpace write-up CODE")
    return media_id or next(iter(there), None)


def _named(name: str) -> str:
    known = " ".join(name.split())
    if not known or len(known) > LONGEST_NAME:
        raise WrongUse(f"Say who: a name of at most {LONGEST_NAME} characters.")
    return known


def _code(uow: UnitOfWork, participant_id: int) -> str:
    found: str = uow.execute(select(participants.c.code).where(participants.c.id == participant_id)).scalar_one()
    return found
