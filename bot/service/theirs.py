"""What is in somebody's hands on the team, so that others take it when they leave, or take another role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from bot.interview.state import State
from bot.records.participants import Terms
from bot.records.tables import interviews, participants, postponed, tasks
from bot.records.unit_of_work import UnitOfWork
from bot.service import access, staff


@dataclass(frozen=True, slots=True)
class Theirs:
    """What somebody can no longer see to: codes of participants, and how many tasks.

    `speaks`: whose conversation they have, in which the service is silent. `later`: to whom they wrote words that have
    not left. `rota`: whether they are named as who reads, or is told of distress.
    """

    name: str
    people: tuple[str, ...] = ()
    speaks: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    tasks: int = 0
    rota: bool = False

    def said(self) -> Iterator[str]:
        """Each with what it means and the command that mends it."""
        if self.people:
            yield (
                f"{self.name} is still named as the researcher of {', '.join(self.people)}. Until somebody else is, "
                "every researcher may open them, and texts name "
                f"{self.name}: scripts/ownpace assign {self.people[0]} NAME"
            )
        if self.speaks:
            yield (
                f"{self.name} has the conversation with {', '.join(self.speaks)}, and the questions wait. Somebody "
                f"else takes it: scripts/ownpace handover {self.speaks[0]} --as NAME --anyway"
            )
        if self.later:
            yield (
                f"What {self.name} wrote for later to {', '.join(self.later)} will not be sent; when it is due there "
                "is a task."
            )
        if self.tasks:
            yield (
                f"{self.tasks} open task{'s are' if self.tasks > 1 else ' is'} {self.name}'s: give to others what "
                "others can do, in Work queue."
            )
        if self.rota:
            yield (
                f"{self.name} is named as somebody who reads, or is told of distress: take the name out of rota.yaml "
                "in the prompts folder, or researcher in [study], run check, and start the server again."
            )


def left_by(uow: UnitOfWork, terms: Terms, name: str) -> Theirs:
    """What this user, by name in any case, cannot see to as they now are. Raises OwnPaceError if nobody has it."""
    user = staff.known(uow, name)
    cannot = [kind for kind in _tasks(uow, user.name) if user.disabled or not access.may_own(user.role, kind)]
    if user.name in access.writers(uow):
        return Theirs(user.name, tasks=len(cannot))
    return Theirs(
        user.name,
        people=_codes(uow, user.name),
        speaks=_spoken_to(uow, user.name),
        later=_later(uow, user.name),
        tasks=len(cannot),
        rota=_is_named(terms, user.name),
    )


def _tasks(uow: UnitOfWork, name: str) -> list[str]:
    theirs = (tasks.c.owner == name, tasks.c.closed_at.is_(None))
    return [row["kind"] for row in uow.all(select(tasks.c.kind).where(*theirs))]


def _codes(uow: UnitOfWork, name: str) -> tuple[str, ...]:
    rows = uow.all(select(participants.c.code, participants.c.researcher).order_by(participants.c.code))
    return tuple(row["code"] for row in rows if row["researcher"].casefold() == name.casefold())


def _spoken_to(uow: UnitOfWork, name: str) -> tuple[str, ...]:
    held = (interviews.c.state == State.HANDOVER.value, interviews.c.saved["holder"].as_string() == name)
    of = select(participants.c.code).join(interviews, interviews.c.participant_id == participants.c.id)
    return tuple(row["code"] for row in uow.all(of.where(*held).order_by(participants.c.code)))


def _later(uow: UnitOfWork, name: str) -> tuple[str, ...]:
    waits = (postponed.c.author == name, postponed.c.done_at.is_(None))
    of = select(participants.c.code).join(postponed, postponed.c.participant_id == participants.c.id)
    return tuple(row["code"] for row in uow.all(of.where(*waits).distinct().order_by(participants.c.code)))


def _is_named(terms: Terms, name: str) -> bool:
    rota = terms.study.rota
    usual = [terms.rules.researcher] if terms.rules else []
    named = [*(one.name for one in rota.people), *(who for turn in rota.turns for who in turn.who)] if rota else usual
    return name.casefold() in {one.casefold() for one in named}
