"""What stands for words that may tell who somebody is: offered, decided by a person, kept sealed, and undone again.

The words and what stands for them are under the participant's own key; the trail says how many of which kind.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from bot.errors import ExportError, WrongUse
from bot.export.anonymise import Anonymiser, Replacement, Suggestion, again, apply
from bot.export.identifiers import Hiding
from bot.export.measures import tidy
from bot.export.telling import What
from bot.records.tables import data_keys, messages, replacements, writeups
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.records.vault import DataKey
from bot.service.writeups import ABOUT as WRITE_UP

ABOUT = "replacement"
"""What a decision is sealed as."""

BODY, ELIDED = "body", "elided"


@dataclass(frozen=True, slots=True)
class Spot:
    """A text that exports may show: of a message its words or what came along, or the text of a write-up."""

    message_id: int
    writeup_id: int | None
    part: str


@dataclass(frozen=True, slots=True)
class Offer:
    """One suggestion with its number in the list; `before` and `after` are the words around it."""

    number: int
    spot: Spot
    question: str | None
    at: datetime
    before: str
    after: str
    suggestion: Suggestion


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided about some words."""

    id: int
    spot: Spot
    what: What
    replacement: Replacement
    accepted: bool
    decided_by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Person:
    id: int
    code: str
    key_id: int
    key: DataKey
    name: str


@dataclass(frozen=True, slots=True)
class _Source:
    spot: Spot
    question: str | None
    at: datetime
    text: str


def offers(uow: UnitOfWork, code: str, also: Mapping[str, str] | None = None) -> list[Offer]:
    """Everything that may tell who somebody is in the texts of a participant, and that nobody has decided about.

    `also`: further words to look for, and what is to stand for them. Raises WrongUse for an unknown code.
    """
    person = _person(uow, code)
    sources, decided = _sources(uow, person), _decisions(uow, person)
    done: dict[Spot, list[tuple[int, int]]] = {}
    for one in decided:
        if one.accepted:
            done.setdefault(one.spot, []).append((one.replacement.start, one.replacement.end))
    refused = {(one.spot, one.replacement.start, one.replacement.end) for one in decided if not one.accepted}
    known = [(one.what, one.replacement.words, one.replacement.put) for one in decided if one.accepted]
    found = Anonymiser(person.code, [person.name], also, known).suggest(
        [source.text for source in sources], [done.get(source.spot, []) for source in sources]
    )
    added = {words.casefold() for words in also or {}}
    open_ = [
        one
        for one in found
        if (sources[one.text].spot, one.start, one.end) not in refused or one.words.casefold() in added
    ]
    return [_offer(number, sources[one.text], one) for number, one in enumerate(open_, start=1)]


def decide(
    uow: UnitOfWork, code: str, accepted: Sequence[Offer], refused: Sequence[Offer], by: str = "command line"
) -> None:
    """Keep what a person decided: what is accepted shows in exports, and what is refused is not offered again."""
    person = _person(uow, code)
    for offer in (*accepted, *refused):
        one = offer.suggestion
        sealed = {"part": offer.spot.part, "start": one.start, "end": one.end, "words": one.words, "put": one.put}
        uow.execute(
            insert(replacements).values(
                participant_id=person.id,
                message_id=offer.spot.message_id,
                writeup_id=offer.spot.writeup_id,
                key_id=person.key_id,
                kind=one.what.value,
                sealed=person.key.seal(json.dumps(sealed), ABOUT),
                accepted=offer in accepted,
                decided_by=by,
                at=uow.now,
            )
        )
    kinds = {name: dict(Counter(one.suggestion.what.value for one in some)) for name, some in _named(accepted, refused)}
    if kinds:
        uow.note(by, "anonymised", person.code, **kinds)


def decisions(uow: UnitOfWork, code: str) -> list[Decision]:
    """What was decided and not undone, in the order of time."""
    return _decisions(uow, _person(uow, code))


def undo(uow: UnitOfWork, code: str, ids: Collection[int], by: str = "command line") -> int:
    """Take decisions back: what stood for the words is gone, and they are offered again. How many there were.

    Raises WrongUse for a number that is none of them.
    """
    person = _person(uow, code)
    known = {one.id: one.what for one in _decisions(uow, person)}
    if strange := sorted(set(ids) - set(known)):
        raise WrongUse(
            f"{strange[0]} is no decision about {person.code}. See: ownpace anonymise {person.code} --decided --as NAME"
        )
    uow.execute(update(replacements).where(replacements.c.id.in_(sorted(set(ids)))).values(undone_at=uow.now))
    uow.note(by, "anonymising undone", person.code, undone=dict(Counter(known[one].value for one in set(ids))))
    return len(set(ids))


def refit(uow: UnitOfWork, message_id: int, part: str, key: DataKey, said: str, now: str, hiding: Hiding) -> None:
    """Let decisions about a part of a message go with its words, which are written anew with names hidden; those whose
    words are gone go too."""
    said, now = tidy(said), tidy(now)
    for row in uow.all(select(replacements).where(replacements.c.message_id == message_id)):
        held = json.loads(key.open(row["sealed"], ABOUT))
        if row["writeup_id"] is not None or held["part"] != part:
            continue
        start = len(hiding.hidden(said[: held["start"]]))
        end = start + len(held["words"])
        if now[start:end] == held["words"]:
            sealed = key.seal(json.dumps({**held, "start": start, "end": end}), ABOUT)
            uow.execute(update(replacements).where(replacements.c.id == row["id"]).values(sealed=sealed))
        else:
            uow.execute(delete(replacements).where(replacements.c.id == row["id"]))


class Decided:
    """What somebody decided about one participant's texts, as exports show them.

    `rows`: the decisions, of the table or of nothing. `first`: of a text that is a newer form of another one, the first
    form. What was decided about one form stands in every other that has the same words, until somebody decides there.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]], key: DataKey, first: Mapping[Spot, Spot]) -> None:
        self._first = first
        self._accepted: dict[Spot, list[Replacement]] = {}
        self._refused: dict[Spot, list[Replacement]] = {}
        for row in rows:
            spot, one = _opened(row, key)
            (self._accepted if row["accepted"] else self._refused).setdefault(spot, []).append(one)
        self._forms: dict[Spot, list[Spot]] = {}
        for spot in self._accepted:
            self._forms.setdefault(first.get(spot, spot), []).append(spot)

    def shown(self, spot: Spot, text: str) -> str:
        """The text as exports show it. Raises ExportError where a decision was made about another text."""
        if not self._accepted:
            return text
        try:
            return apply(text, self.made(spot, text))
        except ValueError:
            raise ExportError(
                "A replacement does not fit the text that it was made for, so nothing was written. "
                "See: ownpace anonymise CODE --decided --as NAME, undo it, and decide again."
            ) from None

    def made(self, spot: Spot, text: str) -> list[Replacement]:
        """What stands for words of the text."""
        if not self._accepted:
            return []
        own = self._accepted.get(spot, [])
        decided = [(one.start, one.end) for one in (*own, *self._refused.get(spot, ()))]
        return [*own, *again(text, self._of_other_forms(spot), decided)]

    def _of_other_forms(self, spot: Spot) -> Iterator[Replacement]:
        for other in self._forms.get(self._first.get(spot, spot), ()):
            if other != spot:
                yield from self._accepted[other]


NOTHING_DECIDED = Decided((), DataKey(bytes(32)), {})
"""Where words are shown as they were said, or nobody has decided anything."""


def _opened(row: Mapping[str, Any], key: DataKey) -> tuple[Spot, Replacement]:
    """A row of decisions, unsealed: where, and what stands for what."""
    held = json.loads(key.open(row["sealed"], ABOUT))
    spot = Spot(row["message_id"], row["writeup_id"], held["part"])
    return spot, Replacement(held["start"], held["end"], held["words"], held["put"])


def _named(accepted: Sequence[Offer], refused: Sequence[Offer]) -> list[tuple[str, Sequence[Offer]]]:
    return [(name, some) for name, some in (("accepted", accepted), ("refused", refused)) if some]


def _offer(number: int, source: _Source, one: Suggestion) -> Offer:
    around = source.text[max(0, one.start - 40) : one.start], source.text[one.end : one.end + 40]
    before, after = (" ".join(f"|{words}|".split())[1:-1] for words in around)
    return Offer(number, source.spot, source.question, source.at, before, after, one)


def _person(uow: UnitOfWork, code: str) -> _Person:
    row = uow.one(
        select(people.c.id, people.c.code, people.c.key_id, people.c.name, data_keys.c.wrapped)
        .join(data_keys, data_keys.c.id == people.c.key_id)
        .where(people.c.code == code.strip().upper(), data_keys.c.wrapped.is_not(None))
    )
    if row is None:
        raise WrongUse(f"There is no record of {code}. See: ownpace participants")
    key = uow.vault.data_key(row["wrapped"])
    return _Person(row["id"], row["code"], row["key_id"], key, key.open(row["name"], "name"))


def _decisions(uow: UnitOfWork, person: _Person) -> list[Decision]:
    rows = uow.all(
        select(replacements)
        .where(replacements.c.participant_id == person.id, replacements.c.undone_at.is_(None))
        .order_by(replacements.c.id)
    )
    return [
        Decision(row["id"], spot, What(row["kind"]), one, row["accepted"], row["decided_by"], row["at"])
        for row in rows
        for spot, one in (_opened({str(name): value for name, value in row.items()}, person.key),)
    ]


def _sources(uow: UnitOfWork, person: _Person) -> list[_Source]:
    """What the participant and researchers wrote, in the newest form, and the newest write-ups."""
    rows = uow.all(
        select(messages)
        .where(messages.c.participant_id == person.id, messages.c.author != "bot")
        .order_by(messages.c.id)
    )
    newest = {row["replaces"] or row["id"]: row for row in rows if row["body"] is not None}
    written = _written_up(uow, person)
    sources: list[_Source] = []
    for row in sorted(newest.values(), key=lambda each: int(each["id"])):
        if row["removed_at"] is not None:
            continue
        where = (row["question"], row["at"])
        for part in (BODY, ELIDED):
            if row[part] is not None:
                sources.append(_Source(Spot(row["id"], None, part), *where, tidy(person.key.open(row[part], part))))
        for number, text in written.get(row["id"], ()):
            sources.append(_Source(Spot(row["id"], number, BODY), *where, text))
    return [source for source in sources if source.text.strip()]


def _written_up(uow: UnitOfWork, person: _Person) -> dict[int, list[tuple[int, str]]]:
    """The newest version of each write-up, by message."""
    newest = (
        select(func.max(writeups.c.id))
        .where(writeups.c.participant_id == person.id)
        .group_by(writeups.c.message_id, writeups.c.media_id)
    )
    found: dict[int, list[tuple[int, str]]] = {}
    for row in uow.all(select(writeups).where(writeups.c.id.in_(newest)).order_by(writeups.c.id)):
        found.setdefault(row["message_id"], []).append((row["id"], tidy(person.key.open(row["text"], WRITE_UP))))
    return found
