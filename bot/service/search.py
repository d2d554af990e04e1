"""Finding words in what was said.

Words are stored sealed, and there is no index of them: one that finds words would tell whoever has the file which words
somebody used. So each message is opened, compared and forgotten again, the newest first, until there are enough or it
has taken long enough; then the reader may go on from there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, bindparam, func, select

from bot.export.identifiers import Hiding
from bot.records.participants import CHANNEL_NAMES
from bot.records.prepared import Prepared, Row
from bot.records.tables import data_keys, interviews, messages
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.records.vault import DataKey
from bot.service import access
from bot.service.staff import User

CHUNK = 1000
"""Messages that are looked at between two looks at the time."""

MOST = 30
"""Messages on one page."""

BEFORE, AFTER = 60, 140
"""Letters that are shown around what was found."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """All of these words, in any order, of letters in any case, with or without accents; and where. '' is anywhere.

    `speaker`: 'in' for the participants, 'out' for what was sent to them. `state`: where the interview stands now.
    """

    words: str
    question: str = ""
    channel: str = ""
    state: str = ""
    speaker: str = ""

    @property
    def each(self) -> tuple[str, ...]:
        return tuple(folded(self.words).split())


@dataclass(frozen=True, slots=True)
class Hit:
    """A message with the words in it, and the letters around the first of them."""

    id: int
    code: str
    author: str
    incoming: bool
    question: str
    channel: str
    at: datetime
    before: str
    found: str
    after: str


@dataclass(frozen=True, slots=True)
class Found:
    """What was found; messages since `since` were looked through. `more`: from where to go on, None at the end."""

    hits: tuple[Hit, ...]
    searched: int
    since: datetime | None
    more: int | None


def folded(text: str) -> str:
    """The same for letters that differ only in case or accents."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))


def find(
    uow: UnitOfWork,
    user: User,
    wanted: Wanted,
    before: int | None = None,
    *,
    assigned_only: bool,
    enough: Callable[[], bool],
) -> Found:
    """Messages with these words that are the user's to read, the newest first, until there are MOST or it is `enough`.

    What a participant took back is not found, nor words of people we do not know.
    """
    look = _Look(uow, user, wanted, assigned_only)
    place = before if before is not None else 2**62
    searched, since = 0, None
    while wanted.each:
        chunk = uow.run(_CHUNK, {"before": place, "most": CHUNK})[0]
        if not chunk["many"]:
            return Found(tuple(look.hits), searched, since, None)
        stopped = look.through(chunk["first"], place)
        place = stopped or chunk["first"]
        searched, since = searched + chunk["many"], chunk["at"]
        if stopped or enough():
            return Found(tuple(look.hits), searched, since, place)
    return Found((), 0, None, None)


_newest = (
    select(messages.c.id, messages.c.at)
    .where(messages.c.id < bindparam("before"))
    .order_by(messages.c.id.desc())
    .limit(bindparam("most", type_=Integer))
    .subquery()
)
_span: Any = select(
    func.min(_newest.c.id).label("first"), func.min(_newest.c.at).label("at"), func.count().label("many")
)
_CHUNK = Prepared(_span)


@dataclass
class _Look:
    """One search on its way; keys and permissions are found out once for each participant."""

    uow: UnitOfWork
    user: User
    wanted: Wanted
    assigned_only: bool
    hits: list[Hit] = field(default_factory=list)
    keys: dict[int, DataKey] = field(default_factory=dict)
    open: dict[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.statement = Prepared(_statement(self.wanted))

    def through(self, first: int, place: int) -> int | None:
        """Look through the messages from `first` to before `place`; where it stopped because there are enough."""
        for row in self.uow.run(self.statement, {"first": first, "place": place}):
            hit = self.hit(row)
            if hit is not None and self.may_read(hit.code):
                self.hits.append(hit)
                if len(self.hits) == MOST:
                    return hit.id
        return None

    def hit(self, row: Row) -> Hit | None:
        body = self.key(row).open(row["body"], "body")
        text = folded(body)
        if not all(word in text for word in self.wanted.each):
            return None
        if row["direction"] == "out":  # it shows the code where the name is, and is not found by the name
            body = Hiding(self.key(row).open(row["name"], "name"), row["code"]).hidden(body)
            text = folded(body)
            if not all(word in text for word in self.wanted.each):
                return None
        start = text.index(self.wanted.each[0]) if len(text) == len(body) else 0
        end = start + (len(self.wanted.each[0]) if len(text) == len(body) else 0)
        return Hit(
            id=row["id"],
            code=row["code"],
            author=row["author"],
            incoming=row["direction"] == "in",
            question=row["question"] or "",
            channel=CHANNEL_NAMES.get(str(row["channel"]), str(row["channel"])),
            at=row["at"],
            before=("…" if start > BEFORE else "") + body[max(0, start - BEFORE) : start],
            found=body[start:end],
            after=body[end : end + AFTER] + ("…" if len(body) > end + AFTER else ""),
        )

    def key(self, row: Row) -> DataKey:
        known = self.keys.get(row["key_id"])
        if known is None:
            known = self.keys[row["key_id"]] = self.uow.vault.data_key(row["wrapped"])
        return known

    def may_read(self, code: str) -> bool:
        if code not in self.open:
            self.open[code] = access.may_open(self.uow, self.user, code, assigned_only=self.assigned_only)
        return self.open[code]


def _statement(wanted: Wanted) -> Any:
    named = {
        messages.c.question: wanted.question,
        messages.c.channel: wanted.channel,
        messages.c.direction: wanted.speaker,
        interviews.c.state: wanted.state,
    }
    return (
        select(
            messages.c.id,
            messages.c.key_id,
            messages.c.author,
            messages.c.direction,
            messages.c.question,
            messages.c.channel,
            messages.c.at,
            messages.c.body,
            people.c.code,
            people.c.name,
            data_keys.c.wrapped,
        )
        .join(people, people.c.id == messages.c.participant_id)
        .join(interviews, interviews.c.participant_id == people.c.id)
        .join(data_keys, data_keys.c.id == messages.c.key_id)
        .where(messages.c.id >= bindparam("first"), messages.c.id < bindparam("place"))
        .where(messages.c.body.is_not(None), messages.c.removed_at.is_(None), data_keys.c.wrapped.is_not(None))
        .where(*(column == value for column, value in named.items() if value))
        .order_by(messages.c.id.desc())
    )


def noted(uow: UnitOfWork, user: User, found: Found) -> None:
    """That somebody searched, and how much it showed; never for which words."""
    uow.note(user.name, "searched", None, messages=len(found.hits), participants=len({hit.code for hit in found.hits}))
