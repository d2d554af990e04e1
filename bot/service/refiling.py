"""Putting messages under the question they belong to. The messages stay as they are; a trail row says who, and why.

Moving some messages of an answer splits it, moving all of them joins it to another; each can be taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.engine import RowMapping

from bot.errors import OwnPaceError
from bot.export.measures import tidy
from bot.interview.events import Belongs, Refile, Refiled, TimerKind, WhoseWords
from bot.interview.state import Who
from bot.records import participants
from bot.records.participants import Participant, Terms
from bot.records.tables import messages, refilings, timers
from bot.records.unit_of_work import UnitOfWork
from bot.service.conversations import happen
from bot.service.reasons import sealed
from bot.service.views import MOVABLE


@dataclass(frozen=True, slots=True)
class Act:
    """Messages that were put under another question together. `was` are the questions that they came from.

    `words` are what was moved, where it was not the whole message.
    """

    id: str
    messages: tuple[int, ...]
    was: tuple[str, ...]
    question: str
    author: str
    reason: str
    at: datetime
    undone: bool
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a message belongs: as the table says it."""

    belongs: str
    question: str | None


def refile(
    uow: UnitOfWork, terms: Terms, code: str, researcher: str, chosen: Sequence[int], question: str, reason: str
) -> str:
    """Put these messages under a question, or under none (''); what the act is called in the trail.

    Raises OwnPaceError for messages that cannot be moved, a question that is not there, or no reason.
    """
    participant = participants.named(uow, terms, code)
    if not chosen:
        raise OwnPaceError("Choose at least one message.")
    reason = checked(participant, question, reason)
    rows = movable(uow, participant, chosen)
    place = _Place("answer", question) if question else _Place("conversation", None)
    moved = [row for row in rows if (row["belongs"], row["question"]) != (place.belongs, place.question)]
    if not moved:
        raise OwnPaceError("The messages are there already.")
    return _put(uow, terms, participant, researcher, [(row, place) for row in moved], reason)


def say_whose_words(uow: UnitOfWork, terms: Terms, code: str, researcher: str, question: str, said: str) -> None:
    """Correct whose words an answer is in; '' takes that back. Raises OwnPaceError where there is no such answer."""
    participant = participants.named(uow, terms, code)
    answer = participant.interview.answers.get(question)
    if answer is None or not answer.parts:
        raise OwnPaceError("There is no answer to this question.")
    if said and said not in list(Who):
        raise OwnPaceError(f"Choose whose words they are: {', '.join(Who)}.")
    happen(uow, terms, participant, WhoseWords(question, Who(said) if said else None))
    was = answer.who.value if answer.who else ""
    uow.note(researcher, "said whose words they are", participant.code, question=question, was=was, now=said)


def checked(participant: Participant, question: str, reason: str) -> str:
    """The reason, tidied. Raises OwnPaceError where there is none, or no such question."""
    reason = " ".join(reason.split())
    if not reason:
        raise OwnPaceError("Say why it belongs there: the trail keeps it for whoever reads the record.")
    if question and question not in {one.id for one in participant.interview.schedule.questions}:
        raise OwnPaceError("There is no such question in this interview.")
    return reason


def undo(uow: UnitOfWork, terms: Terms, code: str, researcher: str, act: str) -> None:
    """Put the messages back where they were. Raises OwnPaceError where that was done, or they have moved on since."""
    participant = participants.named(uow, terms, code)
    of = (refilings.c.participant_id == participant.id, refilings.c.act == act)
    trail = {row["message_id"]: row for row in uow.all(select(refilings).where(*of, refilings.c.undoes.is_(None)))}
    if not trail:
        raise OwnPaceError("There is nothing to take back.")
    if uow.one(select(refilings.c.id).where(refilings.c.undoes == act).limit(1)):
        raise OwnPaceError("This was taken back already.")
    if any(line["form"] is not None for line in trail.values()):
        _join(uow, participant, researcher, act)
        return
    moves = []
    for row in movable(uow, participant, list(trail)):
        line = trail[row["id"]]
        if (row["belongs"], row["question"]) != (line["belongs"], line["question"]):
            raise OwnPaceError("One of these messages has been moved again since. Take that back first.")
        moves.append((row, _Place(line["belonged"], line["was"])))
    _put(uow, terms, participant, researcher, moves, "", undoes=act)


def _join(uow: UnitOfWork, participant: Participant, researcher: str, act: str) -> None:
    """The words that were put elsewhere are with the rest of their message again."""
    of = (refilings.c.participant_id == participant.id, refilings.c.act == act)
    rows = uow.all(select(refilings).where(*of).order_by(refilings.c.id))
    back = {"author": researcher, "reason": None, "undoes": act, "act": uow.new_id(), "at": uow.now}
    places = [{"belonged": row["belongs"], "was": row["question"], "belongs": row["belonged"], "question": row["was"]}
              for row in rows]  # fmt: skip
    for row, place in zip(rows, places, strict=True):
        same = {name: row[name] for name in ("participant_id", "message_id", "form", "starts", "ends")}
        uow.execute(insert(refilings).values(**same, **place, **back))
    uow.note(researcher, "joined a message", participant.code, messages=[rows[0]["message_id"]])
    uow.changed.add(f"participant {participant.id}")


def acts(uow: UnitOfWork, participant: Participant, most: int = 20) -> list[Act]:
    """What was moved of late, the newest first."""
    of = (refilings.c.participant_id == participant.id, refilings.c.undoes.is_(None))
    latest = select(refilings.c.act, func.max(refilings.c.id).label("last")).where(*of).group_by(refilings.c.act)
    names = [row["act"] for row in uow.all(latest.order_by(func.max(refilings.c.id).desc()).limit(most))]
    rows = uow.all(select(refilings).where(*of, refilings.c.act.in_(names)).order_by(refilings.c.id))
    undone = {row["undoes"] for row in uow.all(select(refilings.c.undoes).where(refilings.c.undoes.in_(names)))}
    made = [_act(participant, name, [row for row in rows if row["act"] == name], name in undone) for name in names]
    return [replace(act, words=_words(uow, participant, rows, act.id)) for act in made]


def _words(uow: UnitOfWork, participant: Participant, rows: list[RowMapping], act: str) -> tuple[str, ...]:
    """The words that an act moved out of their message."""
    parts = [row for row in rows if row["act"] == act and row["form"] is not None]
    if not parts:
        return ()
    form = uow.one(select(messages.c.body).where(messages.c.id == parts[0]["form"]))
    text = tidy(participant.key.open(form["body"], "body")) if form and form["body"] else ""
    return tuple(text[row["starts"] : row["ends"]] for row in parts)


def _act(participant: Participant, name: str, rows: list[RowMapping], undone: bool) -> Act:
    first = rows[0]
    return Act(
        id=name,
        messages=tuple(dict.fromkeys(row["message_id"] for row in rows)),
        was=tuple(dict.fromkeys(row["was"] or "" for row in rows)),
        question=first["question"] or "",
        author=first["author"],
        reason=participant.key.open(first["reason"], "reason") if first["reason"] else "",
        at=first["at"],
        undone=undone,
    )


def _put(
    uow: UnitOfWork,
    terms: Terms,
    participant: Participant,
    researcher: str,
    moves: Sequence[tuple[RowMapping, _Place]],
    reason: str,
    undoes: str | None = None,
) -> str:
    settling = (timers.c.participant_id == participant.id, timers.c.kind == TimerKind.SETTLE.value)
    happen(
        uow,
        terms,
        participant,
        Refiled(
            researcher,
            tuple(_refile(participant, row, place) for row, place in moves),
            settling=uow.one(select(timers.c.id).where(*settling)) is not None,
        ),
    )
    act = uow.new_id()
    for row, place in moves:
        every_form = or_(messages.c.id == row["id"], messages.c.replaces == row["id"])
        values = {"belongs": place.belongs, "question": place.question}
        uow.execute(update(messages).where(every_form).values(**values))
        uow.execute(
            insert(refilings).values(
                participant_id=participant.id,
                act=act,
                message_id=row["id"],
                belonged=row["belongs"],
                was=row["question"],
                belongs=place.belongs,
                question=place.question,
                author=researcher,
                reason=participant.key.seal(reason, "reason") if reason else None,
                undoes=undoes,
                at=uow.now,
            )
        )
    said = {"to": moves[0][1].question or "", "messages": [row["id"] for row, _ in moves]}
    act_name = "took a refiling back" if undoes else "refiled"
    uow.note(researcher, act_name, participant.code, **said, **sealed(uow, participant, reason))
    return act


def _refile(participant: Participant, row: RowMapping, place: _Place) -> Refile:
    """What the interview knows no name for, such as a message from an address to confirm, is in none of its answers."""
    belongs = Belongs(place.belongs) if place.belongs in set(Belongs) else Belongs.ASIDE
    return Refile(row["id"], participant.key.open(row["body"], "body") if row["body"] else "", belongs, place.question)


def movable(uow: UnitOfWork, participant: Participant, chosen: Sequence[int]) -> list[RowMapping]:
    """The messages as they first came, in order: newer forms of one go along with it.

    Raises OwnPaceError for one that cannot be moved.
    """
    mine = (messages.c.participant_id == participant.id, messages.c.direction == "in")
    picked = uow.all(select(messages.c.id, messages.c.replaces).where(*mine, messages.c.id.in_(list(chosen))))
    first = {row["replaces"] or row["id"] for row in picked}
    free = (messages.c.belongs.in_(MOVABLE), messages.c.removed_at.is_(None))
    rows = uow.all(select(messages).where(*mine, *free, messages.c.id.in_(first)).order_by(messages.c.id))
    if len(picked) != len(set(chosen)) or len(rows) != len(first):
        raise OwnPaceError("One of these messages cannot be moved: it is a command, about consent, or was taken out.")
    return rows
