"""Words that somebody of the team is writing on a page and has not sent: kept for them until they are, on whichever
machine they sign in again, and over a restart.

What stands on the page of a participant is sealed under the participant's key, and goes with everything else that was
written about them; any other words are sealed as what the team has.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import ColumnElement, RowMapping, and_, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from bot.records.tables import data_keys, drafts, tasks, withdrawals
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork, beside

P = ParamSpec("P")
T = TypeVar("T")

KEPT_FOR = timedelta(days=7)
"""Since they were last changed: over a weekend, and a day of illness."""

LONGEST_PLACE = 200
"""Characters. None of our pages has such a long path."""

MOST = 100
"""Places at which words of one person are kept: the newest ones."""

_PERSON = re.compile(r"/(?:participants/|simulator/|unsaved#)([^/#]+)")
_TASK = re.compile(r"/queue#outcome(\d{1,18})")


def _kept_once(made: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
    """There is one row for each place of one person."""
    newer = {name: made.excluded[name] for name in ("participant_id", "body", "at")}
    return made.on_conflict_do_update(index_elements=["author", "place"], set_=newer)


_KEEP = {
    "sqlite": _kept_once(sqlite.insert(drafts)),
    "postgresql": _kept_once(postgresql.insert(drafts)),
}


def place(page: str, field: str = "text") -> str:
    """Where words stand: a message on its page, any other words in their field of it."""
    return page if field == "text" else f"{page}#{field}"


@beside
def keep(uow: UnitOfWork, author: str, where: str, words: str) -> None:
    """Keep what somebody wrote at a place until it is sent; no words take away what was kept.

    Nothing is kept about somebody whose answers were deleted, which nobody does meanwhile: that is done alone.
    """
    if len(where) > LONGEST_PLACE:
        return
    if not words.strip():
        drop(uow, author, where)
        return
    about = _about(uow, where)
    if about.gone:
        return
    key = uow.vault.team if about.wrapped is None else uow.vault.data_key(about.wrapped)
    row = {"participant_id": about.participant_id, "body": key.seal(words, "body"), "at": uow.now}
    uow.execute(_KEEP[uow.dialect].values(author=author, place=where, **row))
    mine = drafts.c.author == author
    newest = select(drafts.c.id).where(mine).order_by(drafts.c.at.desc(), drafts.c.id.desc()).limit(MOST)
    uow.execute(delete(drafts).where(mine, drafts.c.id.not_in(newest)))


@beside
def drop(uow: UnitOfWork, author: str, *places: str) -> None:
    """They are sent, or not wanted any more."""
    uow.execute(delete(drafts).where(drafts.c.author == author, drafts.c.place.in_(places)))


def sending(
    author: str, where: str, use_case: Callable[Concatenate[UnitOfWork, P], T]
) -> Callable[Concatenate[UnitOfWork, P], T]:
    """What sends the words of a place, which are unsent no more in the same commit: so they are not sent twice."""

    def send(uow: UnitOfWork, /, *args: P.args, **more: P.kwargs) -> T:
        done = use_case(uow, *args, **more)
        drop(uow, author, where)
        return done

    return send


def kept(uow: UnitOfWork, author: str, where: str) -> str:
    """The words of theirs at a place; '' where there are none."""
    return next((words for _, words in _read(uow, author, drafts.c.place == where)), "")


@beside
def on_page(uow: UnitOfWork, author: str, page: str) -> dict[str, str]:
    """The words of theirs on a page, by their field."""
    here = or_(drafts.c.place == page, drafts.c.place.startswith(f"{page}#", autoescape=True))
    return {where.partition("#")[2] or "text": words for where, words in _read(uow, author, here)}


def among(uow: UnitOfWork, author: str, posted: set[str]) -> list[str]:
    """Places of theirs, other than of messages, whose words are among these but for the space between them."""
    fields = _read(uow, author, drafts.c.place.contains("#"))
    return [where for where, words in fields if " ".join(words.split()) in posted]


def overdue(uow: UnitOfWork) -> bool:
    """Whether words have been kept for long enough."""
    return uow.one(select(drafts.c.id).where(drafts.c.at <= uow.now - KEPT_FOR).limit(1)) is not None


@beside
def forget_old(uow: UnitOfWork) -> None:
    """Keep them no longer."""
    uow.execute(delete(drafts).where(drafts.c.at <= uow.now - KEPT_FOR))


def forget_strangers(uow: UnitOfWork) -> None:
    """Keep nothing that may be about somebody nobody knew, of whom what they wrote was deleted."""
    theirs = or_(drafts.c.place.startswith("/holding/"), drafts.c.place.startswith("/queue#"))
    uow.execute(delete(drafts).where(theirs, drafts.c.participant_id.is_(None)))


def _read(uow: UnitOfWork, author: str, condition: ColumnElement[bool]) -> list[tuple[str, str]]:
    """The newest last."""
    fresh = and_(drafts.c.author == author, drafts.c.at > uow.now - KEPT_FOR, condition)
    of = select(drafts, data_keys.c.wrapped).select_from(
        drafts.outerjoin(people, people.c.id == drafts.c.participant_id).outerjoin(
            data_keys, data_keys.c.id == people.c.key_id
        )
    )
    return [(row["place"], _opened(uow, row)) for row in uow.all(of.where(fresh).order_by(drafts.c.id))]


def _opened(uow: UnitOfWork, row: RowMapping) -> str:
    key = uow.vault.team if row["participant_id"] is None else uow.vault.data_key(row["wrapped"])
    return key.open(row["body"], "body")


@dataclass(frozen=True, slots=True)
class _About:
    """About whom words are, with their data key; or that they are gone."""

    participant_id: int | None = None
    wrapped: bytes | None = None
    gone: bool = False


def _about(uow: UnitOfWork, where: str) -> _About:
    """About whom words at a place are."""
    if person := _PERSON.match(where):
        theirs = people.c.code == person[1].strip().upper()
    elif task := _TASK.fullmatch(where):
        theirs = people.c.id == select(tasks.c.participant_id).where(tasks.c.id == int(task[1])).scalar_subquery()
    else:
        return _About()
    deleted = and_(withdrawals.c.participant_id == people.c.id, withdrawals.c.kept.is_(False))
    joined = people.join(data_keys, data_keys.c.id == people.c.key_id).outerjoin(withdrawals, deleted)
    of = select(people.c.id, data_keys.c.wrapped, withdrawals.c.id.label("deleted")).select_from(joined)
    row = uow.one(of.where(theirs))
    if row is None:
        return _About()
    return _About(row["id"], row["wrapped"], gone=row["wrapped"] is None or row["deleted"] is not None)
