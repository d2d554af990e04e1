"""The one switch: while it is on hold nothing leaves; released, what waited goes in order, spread under the caps."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from sqlalchemy import delete, insert, select, update

from bot.interview import quiet
from bot.records import participants
from bot.records.participants import Terms
from bot.records.tables import messages, meta, outbox
from bot.records.unit_of_work import UnitOfWork

NAME = "outgoing on hold"
HELD = select(meta.c.value).where(meta.c.name == NAME).exists()
"""Whether nothing leaves, as a part of a query."""


def hold(uow: UnitOfWork, actor: str) -> bool:
    """Let nothing leave from now on; False if it was so already. What is under way may still arrive."""
    if on_hold(uow):
        return False
    uow.execute(insert(meta).values(name=NAME, value=uow.now.isoformat()))
    uow.note(actor, "held all outgoing messages")
    uow.changed |= {"outbox", "participants"}
    return True


def on_hold(uow: UnitOfWork) -> bool:
    """Whether nothing leaves."""
    return uow.one(select(meta.c.value).where(meta.c.name == NAME)) is not None


def release(uow: UnitOfWork, terms: Terms, actor: str) -> bool:
    """Let messages leave again, in order, each person's under their caps; False if nothing was on hold."""
    if not on_hold(uow):
        return False
    uow.execute(delete(meta).where(meta.c.name == NAME))
    for participant_id, waiting in _waiting(uow).items():
        _spread(uow, terms, participant_id, waiting)
    uow.note(actor, "released outgoing messages")
    uow.changed |= {"outbox", "participants"}
    return True


def _waiting(uow: UnitOfWork) -> dict[int, list[quiet.Waiting]]:
    """What nobody asked for and waits, by person. Of reminders and of each question only the latest is wanted."""
    rows = uow.all(
        select(outbox.c.seq, outbox.c.participant_id, outbox.c.question, outbox.c.not_before, messages.c.texts)
        .join(messages, messages.c.id == outbox.c.message_id)
        .where(outbox.c.state == "pending", outbox.c.unasked, outbox.c.participant_id.is_not(None))
        .order_by(outbox.c.seq)
    )
    found: dict[int, list[quiet.Waiting]] = defaultdict(list)
    for row in rows:
        kind = row["question"] or row["texts"] or f"message {row['seq']}"
        kind = "reminder" if kind.startswith("reminder-") else kind
        found[row["participant_id"]].append(quiet.Waiting(row["seq"], kind, row["not_before"]))
    return found


def _spread(uow: UnitOfWork, terms: Terms, participant_id: int, waiting: list[quiet.Waiting]) -> None:
    interview = participants.by_id(uow, terms, participant_id).interview
    went = (outbox.c.participant_id == participant_id, outbox.c.unasked, outbox.c.claimed_at.is_not(None))
    sent = uow.all(select(outbox.c.claimed_at).where(*went, outbox.c.claimed_at > uow.now - timedelta(days=2)))
    rules = interview.pace.rules(interview.person.timezone)
    plan = quiet.plan(waiting, uow.now, rules, [row["claimed_at"] for row in sent])
    for seq, moment in plan.times:
        uow.execute(update(outbox).where(outbox.c.seq == seq).values(not_before=moment))
    for seq in plan.merged:
        uow.execute(update(outbox).where(outbox.c.seq == seq).values(state="cancelled", changed_at=uow.now))
