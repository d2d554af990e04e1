"""Loading one case: the rows of a participant, opened, and what becomes of each.

A new column or table is added here and in `record`, and every export has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, select

from bot.export.identifiers import Hiding
from bot.export.measures import channel_word, media_word, tidy
from bot.export.record import ANSWERS, Answer, Case, Head, Kind, Medium, Speaker, Turn, WriteUp
from bot.export.replacing import BODY, ELIDED, NOTHING_DECIDED, Decided, Spot
from bot.export.splitting import pieces
from bot.interview.schedule import Schedule
from bot.interview.state import AGREED_AGAIN, Progress
from bot.records.participants import channel_name
from bot.records.prepared import Prepared, Row
from bot.records.tables import (
    addresses,
    consents,
    data_keys,
    interviews,
    media,
    messages,
    outbox,
    refilings,
    replacements,
    writeups,
)
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.records.vault import DataKey
from bot.service import splitting
from bot.service.writeups import ABOUT as WRITE_UP
from bot.service.writeups import WriteUpKind, names

_PERSON = Prepared(
    select(
        people.c.name,
        people.c.wording,
        people.c.attributes,
        people.c.created_at,
        data_keys.c.wrapped,
        interviews.c.saved,
    )
    .join(data_keys, data_keys.c.id == people.c.key_id)
    .join(interviews, interviews.c.participant_id == people.c.id)
    .where(people.c.id == bindparam("of"))
)
_MESSAGES = Prepared(
    select(
        messages.c.id,
        messages.c.direction,
        messages.c.channel,
        messages.c.author,
        messages.c.belongs,
        messages.c.question,
        messages.c.texts,
        messages.c.wording,
        messages.c.body,
        messages.c.elided,
        messages.c.written_at,
        messages.c.at,
        messages.c.removed_at,
        messages.c.replaces,
    )
    .where(messages.c.participant_id == bindparam("of"))
    .order_by(messages.c.id)
)
_LEAVING = Prepared(
    select(outbox.c.message_id, outbox.c.state, outbox.c.delivery, outbox.c.claimed_at)
    .join(messages, messages.c.id == outbox.c.message_id)  # the outbox has no index of participants
    .where(messages.c.participant_id == bindparam("of"))
    .order_by(outbox.c.seq)
)
_MEDIA = Prepared(
    select(media.c.id, media.c.message_id, media.c.kind, media.c.seconds, media.c.found_by)
    .join(messages, messages.c.id == media.c.message_id)
    .where(messages.c.participant_id == bindparam("of"))
    .order_by(media.c.id)
)
_WRITE_UPS = Prepared(
    select(
        writeups.c.id,
        writeups.c.message_id,
        writeups.c.media_id,
        writeups.c.kind,
        writeups.c.text,
        writeups.c.author,
        writeups.c.at,
        writeups.c.checked_by,
        writeups.c.checked_at,
    )
    .where(writeups.c.participant_id == bindparam("of"))
    .order_by(writeups.c.id)
)
_REPLACEMENTS = Prepared(
    select(replacements.c.message_id, replacements.c.writeup_id, replacements.c.sealed, replacements.c.accepted)
    .where(replacements.c.participant_id == bindparam("of"), replacements.c.undone_at.is_(None))
    .order_by(replacements.c.id)
)
_PASSAGES = Prepared(
    select(
        refilings.c.message_id,
        refilings.c.form,
        refilings.c.starts,
        refilings.c.ends,
        refilings.c.belongs,
        refilings.c.question,
    )
    .where(splitting.live(bindparam("of")))
    .order_by(refilings.c.starts)
)
_LEDGER = Prepared(
    select(consents.c.statement, consents.c.agreed)
    .where(consents.c.participant_id == bindparam("of"))
    .order_by(consents.c.id)
)
_ADDRESSES = Prepared(select(addresses.c.kind, addresses.c.value).where(addresses.c.participant_id == bindparam("of")))
_THEIRS = frozenset({"answer", "late", "conversation", "aside", "consent", "command", "choice", "unread"})
CONTACT = frozenset({"safe_contact"})
"""Columns of the enrolment file that say how to reach somebody: they are no data of the study."""

LEFT_US = frozenset({"accepted", "unknown", "refused"})
"""States of the outbox in which a message was handed over, or may have been."""


class Loader:
    """Rows of one participant, as a case."""

    def __init__(
        self,
        uow: UnitOfWork,
        researchers: Mapping[str, str],
        originals: bool,
        day: Callable[[datetime], str],
        whole: bool = False,
    ) -> None:
        self.uow = uow
        self.researchers = researchers
        self.originals = originals
        self.day = day
        self.whole = whole
        self._decided = NOTHING_DECIDED
        self._prompts: dict[str, Mapping[str, frozenset[str]]] = {}

    def case(self, head: Head) -> Case:
        of = {"of": head.id}
        (person,) = self.uow.run(_PERSON, of)
        key = self.uow.vault.data_key(person["wrapped"])
        schedule = self.uow.schedule(head.version)
        leaving = {row["message_id"]: row for row in self.uow.run(_LEAVING, of)}
        played = self._played(of, key)
        hide = None if self.originals else Hiding(key.open(person["name"], "name"), head.code, self.researchers)
        rows = self.uow.run(_MESSAGES, of)
        forms = _forms(rows)
        self._decided = NOTHING_DECIDED if self.originals else self._decisions(of, key, rows)
        came_along = self._media(of, key)
        turns = _placed(
            self._turn(row, self._shown(forms[row["id"]][0], BODY, key), head, leaving.get(row["id"]), played, hide)
            for row in rows
            if row["id"] in forms
        )
        turns = tuple(self._with_form(turn, *forms[turn.id], came_along, key) for turn in turns)
        if not self.whole:
            turns = self._split(turns, forms, of, key)
        ledger = {row["statement"]: row["agreed"] for row in self.uow.run(_LEDGER, of)}
        return Case(
            head=head,
            schedule=schedule,
            language=schedule.language,
            wording=person["wording"],
            attributes={
                tidy(name): tidy(value)
                for name, value in json.loads(key.open(person["attributes"], "attributes")).items()
                if self.originals or name not in CONTACT
            },
            consent=ledger,
            enrolled_at=person["created_at"],
            turns=turns,
            answers=tuple(_answers(schedule, person["saved"]["answers"], turns)),
        )

    def _decisions(self, of: dict[str, int], key: DataKey, rows: Sequence[Row]) -> Decided:
        """What stands for words that tell who somebody is; and which texts are forms of the same."""
        made = self.uow.run(_REPLACEMENTS, of)
        if not made:
            return NOTHING_DECIDED
        first = {
            Spot(row["id"], None, part): Spot(row["replaces"], None, part)
            for row in rows
            if row["replaces"] is not None
            for part in (BODY, ELIDED)
        }
        versions: dict[tuple[int, int | None], Spot] = {}
        for row in self.uow.run(_WRITE_UPS, of):
            spot = Spot(row["message_id"], row["id"], BODY)
            first[spot] = versions.setdefault((row["message_id"], row["media_id"]), spot)
        return Decided(made, key, first)

    def _split(
        self, turns: tuple[Turn, ...], forms: Mapping[int, tuple[Row, int]], of: dict[str, int], key: DataKey
    ) -> tuple[Turn, ...]:
        """The turns, and in place of a message that was split between questions its pieces."""
        found: dict[int, list[Row]] = {}
        for row in self.uow.run(_PASSAGES, of):
            if row["message_id"] in forms and forms[row["message_id"]][0]["id"] == row["form"]:
                found.setdefault(row["message_id"], []).append(row)
        return tuple(piece for turn in turns for piece in self._pieces(turn, found.get(turn.id, ()), forms, key))

    def _pieces(
        self, turn: Turn, passages: Sequence[Row], forms: Mapping[int, tuple[Row, int]], key: DataKey
    ) -> Iterable[Turn]:
        if not passages:
            return (turn,)
        newest, _ = forms[turn.id]
        said = tidy(key.open(newest[BODY], BODY))
        return pieces(turn, passages, self._decided.made(Spot(newest["id"], None, BODY), said))

    def _shown(self, row: Row, part: str, key: DataKey) -> str:
        """The words of a message, or what came along with it, as this export shows them."""
        return self._decided.shown(Spot(row["id"], None, part), tidy(key.open(row[part], part)))

    def _with_form(
        self, turn: Turn, newest: Row, edits: int, came_along: Mapping[int, tuple[Medium, ...]], key: DataKey
    ) -> Turn:
        """The turn with what came besides words, what came along, and how often it was changed."""
        media_ = came_along.get(newest["id"], ())
        elided = self._shown(newest, ELIDED, key) if newest["elided"] else ""
        return replace(turn, edits=edits, media=media_, elided=elided) if edits or media_ or elided else turn

    def _media(self, of: dict[str, int], key: DataKey) -> dict[int, tuple[Medium, ...]]:
        """What came besides words, by message, each with the newest version of what was written up of it."""
        rows = self.uow.run(_MEDIA, of)
        content = {row["id"]: row["found_by"] for row in rows}
        written: dict[int | bytes, WriteUp] = {}
        found: dict[int, tuple[Medium, ...]] = {}
        for row in self.uow.run(_WRITE_UPS, of):
            made = self._write_up(row, key)
            if row["media_id"] is None:
                found[row["message_id"]] = (Medium("message", made),)
            written |= dict.fromkeys(names(row["media_id"], content.get(row["media_id"])), made)
        for row in rows:
            known = [written[name] for name in names(row["id"], row["found_by"]) if name in written]
            medium = Medium(media_word(row["kind"], row["seconds"]), max(known, key=lambda one: one.at, default=None))
            found[row["message_id"]] = (*found.get(row["message_id"], ()), medium)
        return found

    def _write_up(self, row: Row, key: DataKey) -> WriteUp:
        spot = Spot(row["message_id"], row["id"], BODY)
        return WriteUp(
            kind=WriteUpKind(row["kind"]),
            text=self._decided.shown(spot, tidy(key.open(row["text"], WRITE_UP))),
            author=self.researchers[row["author"]],
            at=row["at"],
            day=self.day(row["at"]),
            checked_by=self.researchers[row["checked_by"]] if row["checked_by"] else "",
            checked_at=row["checked_at"],
        )

    def _played(self, of: dict[str, int], key: DataKey) -> str:
        """The channel that a simulated phone plays."""
        for row in self.uow.run(_ADDRESSES, of):
            if row["kind"] == "simulator":
                return channel_name(row["kind"], key, row["value"])
        return "simulator"

    def _turn(self, row: Row, text: str, head: Head, leaving: Row | None, played: str, hide: Hiding | None) -> Turn:
        incoming = row["direction"] == "in"
        speaker = Speaker.PARTICIPANT if incoming else Speaker.BOT if row["author"] == "bot" else Speaker.RESEARCHER
        return Turn(
            id=row["id"],
            speaker=speaker,
            author=head.code if incoming else self.researchers.get(row["author"], "Bot"),
            kind=self._kind(row, speaker, text, head.version),
            text=text if incoming or hide is None else hide.hidden(text),
            at=leaving["claimed_at"] or row["at"] if leaving else row["at"],
            channel=played if row["channel"] == "simulator" else channel_word(row["channel"]),
            question=None if self._is_statement(row["question"], head.version) else row["question"],
            written_at=row["written_at"],
            texts=tuple((row["texts"] or "").split()),
            wording=row["wording"] or "",
            removed_at=row["removed_at"],
            left=incoming or (leaving is not None and leaving["state"] in LEFT_US),
            delivery="" if leaving is None else _delivery(leaving),
        )

    def _kind(self, row: Row, speaker: Speaker, text: str, version: str) -> Kind:
        if speaker is Speaker.PARTICIPANT:
            return Kind(row["belongs"]) if row["belongs"] in _THEIRS else Kind.OTHER
        if speaker is Speaker.RESEARCHER:
            return Kind.PROBE
        if any(name.startswith("reminder") for name in (row["texts"] or "").split()):
            return Kind.REMINDER
        if row["question"] is None or row["texts"] or self._is_statement(row["question"], version):
            return Kind.STOCK
        return Kind.PROMPT if text in self._stock_prompts(version).get(row["question"], ()) else Kind.QUESTION

    def _is_statement(self, point: str | None, version: str) -> bool:
        """Whether a message was about consent; a statement that was changed is asked with a part of its version."""
        return point is not None and point.partition(" ")[0] in self._statements(version)

    @cache  # noqa: B019  # a loader lives as long as one pass
    def _statements(self, version: str) -> frozenset[str]:
        return frozenset(statement.id for statement in self.uow.schedule(version).statements) | {AGREED_AGAIN}

    def _stock_prompts(self, version: str) -> Mapping[str, frozenset[str]]:
        if version not in self._prompts:
            questions = self.uow.schedule(version).questions
            self._prompts[version] = {q.id: frozenset(tidy(prompt) for prompt in q.prompts) for q in questions}
        return self._prompts[version]


def _forms(rows: Sequence[Row]) -> dict[int, tuple[Row, int]]:
    """Of each message the newest form and how often it was changed, by the id of the first; those without words not."""
    found: dict[int, tuple[Row, int]] = {}
    for row in rows:
        if row["body"] is not None:
            first = row["replaces"] or row["id"]
            found[first] = (row, found[first][1] + 1 if first in found else 0)
    return found


def _placed(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """The turns; what a researcher wrote belongs to the question that was asked last."""
    placed: list[Turn] = []
    last = None
    for turn in turns:
        if turn.kind is Kind.QUESTION and turn.left:
            last = turn.question
        placed.append(replace(turn, question=last) if turn.kind is Kind.PROBE and turn.question is None else turn)
    return tuple(placed)


def _answers(schedule: Schedule, saved: Mapping[str, Any], turns: tuple[Turn, ...]) -> Iterator[Answer]:
    """One for each question that was asked, in the order of the schedule; then those of an earlier version."""
    of: dict[str, list[Turn]] = {}
    for turn in turns:
        if turn.question is not None:
            of.setdefault(turn.question, []).append(turn)
    reminders = _reminders(turns)
    known = {question.id: section.id for section in schedule.sections for question in section.questions}
    for key in [*known, *(key for key in of if key not in known)]:
        if key not in saved and key not in of:
            continue
        said = [turn for turn in of.get(key, []) if turn.left]
        kept = [turn for turn in said if not turn.removed]
        kept_of_it: tuple[Any, ...] = (*saved.get(key, ("asked", [], False)), None, None)
        progress, _, prompted, _, who = kept_of_it[:5]
        yield Answer(
            question=key,
            section=known.get(key, ""),
            number=schedule.number(key) if key in known else 0,
            progress=Progress(progress),
            prompted=prompted,
            who=who or "",
            parts=tuple(turn for turn in kept if turn.kind in ANSWERS),
            removed=sum(turn.removed for turn in said),
            asked=tuple(turn for turn in kept if turn.kind is Kind.QUESTION),
            prompts=tuple(turn for turn in kept if turn.kind is Kind.PROMPT),
            probes=tuple(turn for turn in kept if turn.kind is Kind.PROBE),
            replies=tuple(turn for turn in kept if turn.kind is Kind.CONVERSATION),
            reminders=reminders.get(key, 0),
        )


def _reminders(turns: tuple[Turn, ...]) -> dict[str, int]:
    """How many reminders came while each question was open and before it had an answer."""
    counted: dict[str, int] = {}
    open_question, answered = None, False
    for turn in turns:
        if turn.kind is Kind.QUESTION:
            open_question, answered = turn.question, False
        elif turn.kind in ANSWERS and turn.question == open_question:
            answered = True
        elif turn.kind is Kind.REMINDER and turn.left and open_question and not answered:
            counted[open_question] = counted.get(open_question, 0) + 1
    return counted


def _delivery(row: Row) -> str:
    if row["state"] == "accepted":
        return row["delivery"] or "accepted"
    return str(row["state"])
