"""Some words of a message belong to another question than the rest of it. The message stays as it is.

A passage is a line of the trail of refilings that says from where to where. Exports show the message in pieces, each
under its question. The interview goes on as before: a question of which somebody spoke ahead is still asked. Once a
participant changes the message, its passages count no more, for they are of other words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, insert, or_, select

from bot.errors import OwnPaceError
from bot.export.measures import tidy
from bot.records import participants
from bot.records.participants import Participant, Terms
from bot.records.tables import messages, refilings
from bot.records.unit_of_work import UnitOfWork
from bot.service.reasons import sealed
from bot.service.refiling import checked, movable

Stretch = tuple[int, int]
"""From where to where in a text, in characters."""

_SENTENCE = re.compile(r"\S.*?(?:[.!?\N{HORIZONTAL ELLIPSIS}]+(?=\s|$)|(?=\n)|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Divisible:
    """A message that may be split: its newest words, and the sentences of them that are not moved yet."""

    id: int
    form: int
    text: str
    belongs: str
    question: str | None
    sentences: tuple[Stretch, ...]


def live(participant_id: Any) -> ColumnElement[bool]:
    """Of the trail's lines, those of a participant that are passages and were not taken back."""
    back = refilings.alias()
    undone = select(back.c.undoes).where(back.c.participant_id == participant_id, back.c.undoes.is_not(None))
    return and_(
        refilings.c.participant_id == participant_id,
        refilings.c.form.is_not(None),
        refilings.c.undoes.is_(None),
        refilings.c.act.not_in(undone),
    )


def divisible(uow: UnitOfWork, participant: Participant, message: int) -> Divisible:
    """The message, to be split. Raises OwnPaceError where it cannot be, or has no words."""
    (row,) = movable(uow, participant, [message])
    form = _form(uow, row["id"])
    text = tidy(participant.key.open(form["body"], "body"))
    if not text.strip():
        raise OwnPaceError("This message has no words that could be split.")
    taken = _taken(uow, participant, form["id"])
    sentences = tuple(each for each in sentences_of(text) if not any(_meet(each, one) for one in taken))
    return Divisible(row["id"], form["id"], text, row["belongs"], row["question"], sentences)


def sentences_of(text: str) -> tuple[Stretch, ...]:
    """Where each sentence, or line, begins and ends."""
    return tuple(found.span() for found in _SENTENCE.finditer(text))


def place_of(text: str, words: str) -> Stretch:
    """Where these words stand; white space may differ. Raises OwnPaceError unless they are there exactly once."""
    pattern = r"\s+".join(re.escape(word) for word in tidy(words).split())
    found = [one.span() for one in re.finditer(pattern, text, re.IGNORECASE)]
    if len(found) != 1:
        often = "are not in the message" if not found else f"are in the message {len(found)} times"
        raise OwnPaceError(f"These words {often}. Copy them from the message, as many as make them clear.")
    return found[0]


def split(
    uow: UnitOfWork,
    terms: Terms,
    code: str,
    researcher: str,
    message: int,
    chosen: Sequence[Stretch],
    question: str,
    reason: str,
) -> str:
    """Put some words of a message under another question, or under none (''); what the act is called in the trail.

    Raises OwnPaceError for words that are not there, are all of it, or were moved already, and for no reason.
    """
    participant = participants.named(uow, terms, code)
    reason = checked(participant, question, reason)
    whole = divisible(uow, participant, message)
    parts = _parts(whole, chosen)
    if any(_meet(one, other) for one in parts for other in _taken(uow, participant, whole.form)):
        raise OwnPaceError("Some of these words have been moved already. Take that back first.")
    if (question or None) == whole.question:
        raise OwnPaceError("The words are there already.")
    act = uow.new_id()
    for starts, ends in parts:
        uow.execute(
            insert(refilings).values(
                participant_id=participant.id,
                act=act,
                message_id=whole.id,
                belonged=whole.belongs,
                was=whole.question,
                belongs="answer" if question else "conversation",
                question=question or None,
                author=researcher,
                reason=participant.key.seal(reason, "reason"),
                form=whole.form,
                starts=starts,
                ends=ends,
                at=uow.now,
            )
        )
    uow.note(researcher, "split a message", participant.code, to=question, messages=[whole.id],
             **sealed(uow, participant, reason))  # fmt: skip
    uow.changed.add(f"participant {participant.id}")
    return act


@dataclass(frozen=True, slots=True)
class Passage:
    """Words of a message that were put elsewhere. `place` is what their question is called: 'Q3'."""

    place: str
    words: str


def passages(uow: UnitOfWork, terms: Terms, code: str, of: Sequence[int]) -> dict[int, list[Passage]]:
    """Of each of these messages the words that were put elsewhere."""
    participant = participants.named(uow, terms, code)
    schedule = participant.interview.schedule
    numbers = {one.id: "the closing question" if one.closing else f"Q{schedule.number(one.id)}"
               for one in schedule.questions}  # fmt: skip
    theirs = (live(participant.id), refilings.c.message_id.in_(of))
    found: dict[int, list[Passage]] = {}
    for row in uow.all(select(refilings).where(*theirs).order_by(refilings.c.starts)):
        form = _form(uow, row["message_id"])
        if form["id"] == row["form"]:
            words = tidy(participant.key.open(form["body"], "body"))[row["starts"] : row["ends"]]
            called = numbers.get(row["question"], "no question")
            found.setdefault(row["message_id"], []).append(Passage(called, words))
    return found


def _parts(whole: Divisible, chosen: Sequence[Stretch]) -> list[Stretch]:
    """What was chosen, in order; sentences that follow one another are one part."""
    parts: list[Stretch] = []
    for starts, ends in sorted(set(chosen)):
        if not (0 <= starts < ends <= len(whole.text)) or not whole.text[starts:ends].strip():
            raise OwnPaceError("These words are not in the message any more: it may have been changed. Look again.")
        if parts and starts < parts[-1][1]:
            raise OwnPaceError("Some words are chosen twice: tick the sentence, or write its words.")
        if parts and not whole.text[parts[-1][1] : starts].strip():
            parts[-1] = (parts[-1][0], ends)
        else:
            parts.append((starts, ends))
    if not parts:
        raise OwnPaceError("Choose the words that belong elsewhere.")
    if sum(len(whole.text[starts:ends].split()) for starts, ends in parts) >= len(whole.text.split()):
        raise OwnPaceError("These are all its words: move the whole message instead.")
    return parts


def _meet(one: Stretch, other: Stretch) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _taken(uow: UnitOfWork, participant: Participant, form: int) -> list[Stretch]:
    """What of this form of a message has been put elsewhere."""
    rows = uow.all(select(refilings.c.starts, refilings.c.ends).where(live(participant.id), refilings.c.form == form))
    return [(row["starts"], row["ends"]) for row in rows]


def _form(uow: UnitOfWork, message: int) -> Mapping[Any, Any]:
    """The newest form of a message."""
    every = or_(messages.c.id == message, messages.c.replaces == message)
    newest = select(messages.c.id, messages.c.body).where(every, messages.c.body.is_not(None))
    found = uow.one(newest.order_by(messages.c.id.desc()).limit(1))
    if found is None:
        raise OwnPaceError("This message has no words that could be split.")
    return found
