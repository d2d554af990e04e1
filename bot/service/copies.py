"""Somebody's own copy: sending it to an address that is known to be theirs, and taking lines out of it."""

from __future__ import annotations

from sqlalchemy import or_, select, update

from bot.errors import OwnPaceError
from bot.export import copy
from bot.export.copy import Line
from bot.interview.events import Send, TaskKind
from bot.interview.turn import Turn
from bot.records import participants
from bot.records.participants import Terms
from bot.records.tables import addresses, audit, messages
from bot.records.unit_of_work import UnitOfWork
from bot.service.conversations import send_all
from bot.service.handovers import LONGEST_REPLY

COPY = "copy-intro"

TAKEN_OUT = "took lines out"
"""What the trail calls it."""


def send_copy(uow: UnitOfWork, terms: Terms, code: str, actor: str) -> int:
    """Put the copy into the outbox: one mail, or as many texts as it takes; how many messages.

    Raises OwnPaceError where the address was never confirmed as theirs, or takes nothing any more.
    """
    person = participants.named(uow, terms, code)
    verified = uow.execute(select(addresses.c.verified).where(addresses.c.id == person.address_id)).scalar_one()
    if not verified:
        raise OwnPaceError(f"The address of {person.code} was never confirmed as theirs, so nothing is sent there.")
    if person.closed is not None:
        raise OwnPaceError(f"Nothing can be sent to {person.code}: {person.closed}. Give them the copy another way.")
    paragraphs = copy.read(uow, terms, code).paragraphs()
    whole = person.kind == "email"
    bodies = ["\n\n".join(paragraphs)] if whole else list(packed(paragraphs, LONGEST_REPLY))
    turn = Turn(person.interview, uow.now)
    when = None if turn.replying else turn.waking()
    send_all(uow, terms, person, [Send(body, (COPY,), not_before=when) for body in bodies])
    uow.close_tasks(person.id, frozenset({TaskKind.COPY.value}))
    uow.note(actor, "sent a copy", person.code, messages=len(bodies))
    return len(bodies)


def take_out(uow: UnitOfWork, terms: Terms, code: str, numbers: list[int], actor: str, *, back: bool = False) -> None:
    """Take lines out of every export from now on, or put them back, until the person's cut-off date.

    Raises OwnPaceError after that, where a number is of no line, or where they took the line back themselves by UNDO.
    """
    person = participants.named(uow, terms, code)
    cutoff = person.interview.person.cutoff
    if uow.now.astimezone(person.interview.person.timezone).date() > cutoff:
        raise OwnPaceError(f"Lines of {person.code} could be taken out until {cutoff:%d %B %Y}.")
    chosen = lines(uow, terms, code, numbers)
    ours = taken_out(uow, person.code)
    if undone := [line.number for line in chosen if line.removed and line.number not in ours]:
        raise OwnPaceError(f"{person.code} took line {undone[0]} back by UNDO: it stays out.")
    ids = [line.number for line in chosen]
    every_form = or_(messages.c.id.in_(ids), messages.c.replaces.in_(ids))
    uow.execute(update(messages).where(every_form).values(removed_at=None if back else uow.now))
    uow.note(actor, "put lines back" if back else TAKEN_OUT, person.code, messages=ids)
    uow.changed.add(f"participant {person.id}")


def lines(uow: UnitOfWork, terms: Terms, code: str, numbers: list[int]) -> list[Line]:
    """Lines of somebody's copy, by their numbers. Raises OwnPaceError where a number is of no line."""
    known = {line.number: line for block in copy.read(uow, terms, code).blocks for line in block.lines}
    if unknown := sorted(set(numbers) - known.keys()):
        raise OwnPaceError(f"The copy of {code.upper()} has no line {unknown[0]}.")
    return [known[number] for number in numbers]


def taken_out(uow: UnitOfWork, code: str) -> frozenset[int]:
    """The messages that were taken out by `take_out` and not by an UNDO of the person's: these can be put back."""
    noted = uow.all(select(audit.c.detail, audit.c.at).where(audit.c.subject == code, audit.c.act == TAKEN_OUT))
    at = {(number, row["at"]) for row in noted for number in row["detail"]["messages"]}
    of = messages.c.id.in_({number for number, _ in at})
    rows = uow.all(select(messages.c.id, messages.c.removed_at).where(of))
    return frozenset(row["id"] for row in rows if (row["id"], row["removed_at"]) in at)


def packed(paragraphs: list[str], most: int) -> list[str]:
    """The paragraphs as messages of at most so many characters, cut between words only where one is too long."""
    bodies = [""]
    for piece in [piece for paragraph in paragraphs for piece in pieces(paragraph, most)]:
        joined = f"{bodies[-1]}\n\n{piece}" if bodies[-1] else piece
        if len(joined) <= most:
            bodies[-1] = joined
        else:
            bodies.append(piece)
    return bodies


def pieces(text: str, most: int) -> list[str]:
    """A text in pieces of at most so many characters, cut after a line or else a word where there is one."""
    found = []
    while len(text) > most:
        cut = max(text.rfind("\n", 1, most), text.rfind(" ", 1, most)) + 1 or most
        found.append(text[:cut].rstrip())
        text = text[cut:]
    return [*found, text]
