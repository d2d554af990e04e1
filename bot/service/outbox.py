"""What leaves: committed messages, handed to their channel one at a time for each person, in order.

A send ends in one of four ways. Accepted: there is a receipt. Not sent: it surely did not leave, and is tried later.
Refused: the provider will not take it; a person sees to it. Unknown: nobody can tell; the provider is asked after a
while, and only a message that surely did not leave is sent again. Nothing is ever retried blindly.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, insert, or_, select, update
from sqlalchemy.engine import RowMapping

from bot.errors import NotSent, Refused
from bot.messages import Address, Delivery, DeliveryUpdate, Outbound
from bot.records.participants import Terms
from bot.records.prepared import Prepared
from bot.records.tables import addresses, data_keys, delivery_updates, messages, outbox
from bot.records.unit_of_work import UnitOfWork
from bot.service import conversations

OVERTAKING = timedelta(seconds=3)
"""How long a text waits for the one before it to be really sent, where the provider may overtake itself."""

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=1), timedelta(minutes=5)
WORRY_AFTER = 6
"""So many attempts that did not leave open a task."""

GIVE_UP = timedelta(minutes=20)
"""For so long after a send the provider is asked what became of it; then a person decides."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process, and no other, hands over now."""

    seq: int
    kind: str
    attempts: int
    message: Outbound


_earlier = outbox.alias()
_in_the_way = (
    select(_earlier.c.seq)
    .where(
        _earlier.c.lane == outbox.c.lane,
        _earlier.c.seq < outbox.c.seq,
        or_(
            _earlier.c.state.in_(["pending", "sending"]),
            and_(_earlier.c.state == "unknown", _earlier.c.reconcile_at.is_not(None)),
        ),
    )
    .exists()
)
_OF_SEQ = Prepared(update(outbox).where(outbox.c.seq == bindparam("of")).returning(outbox.c.participant_id))
_heads = (
    select(outbox, messages.c.body, data_keys.c.wrapped)
    .join(messages, messages.c.id == outbox.c.message_id)
    .join(data_keys, data_keys.c.id == outbox.c.key_id)
)
_READY = (
    _heads.where(outbox.c.state == "pending", outbox.c.not_before <= bindparam("now"))
    .where(outbox.c.kind.in_(bindparam("kinds", expanding=True)), ~_in_the_way)
    .order_by(outbox.c.seq)
    .limit(bindparam("most"))
)


def claim(uow: UnitOfWork, kinds: Collection[str], ordered: Collection[str], limit: int = 64) -> list[Claimed]:
    """Take what may leave now: the first of each lane and, on `ordered` kinds, only once the one before is sent."""
    rows = uow.all(_READY, {"now": uow.now, "kinds": list(kinds), "most": limit})
    ready = [row for row in rows if row["kind"] not in ordered or not _too_soon(uow, row)]
    if ready:
        uow.execute(
            update(outbox)
            .where(outbox.c.seq.in_([row["seq"] for row in ready]))
            .values(state="sending", claimed_at=uow.now, changed_at=uow.now, attempts=outbox.c.attempts + 1)
        )
    return [_claimed(uow, row, uow.now) for row in ready]


def _too_soon(uow: UnitOfWork, row: RowMapping) -> bool:
    if row["follows"] is None:
        return False
    before = uow.one(select(outbox).where(outbox.c.seq == row["follows"]))
    if before is None or before["state"] != "accepted":
        return False
    gone = before["delivery"] is not None and Delivery(before["delivery"]).rank >= Delivery.SENT.rank
    return not gone and bool(uow.now - before["changed_at"] < OVERTAKING)


def _claimed(uow: UnitOfWork, row: RowMapping, at: datetime) -> Claimed:
    key = uow.vault.data_key(row["wrapped"])
    to = Address(row["kind"], key.open(row["address"], "address"))
    message = Outbound(row["id"], to, key.open(row["body"], "body"), attempted_at=at)
    return Claimed(row["seq"], row["kind"], row["attempts"] + 1, message)


# What became of it


def accepted(uow: UnitOfWork, seq: int, provider_id: str) -> None:
    """The provider gave a receipt."""
    _settle(uow, seq, state="accepted", provider_id=provider_id, reconcile_at=None)


def not_sent(uow: UnitOfWork, claimed: Claimed, why: NotSent) -> None:
    """It did not leave: try again, later each time."""
    wait = why.retry_after or min(FIRST_WAIT * 2 ** min(claimed.attempts - 1, 10), LONGEST_WAIT)
    _settle(uow, claimed.seq, state="pending", not_before=uow.now + wait, code=why.code, claimed_at=None)
    if claimed.attempts >= WORRY_AFTER:
        uow.open_task("cannot send", _participant_of(uow, claimed.seq), None, str(why))


def refused(uow: UnitOfWork, terms: Terms, claimed: Claimed, why: Refused) -> None:
    """The provider will not take it. Somebody who blocked us there has stopped, everywhere."""
    _settle(uow, claimed.seq, state="refused", code=why.code)
    participant_id = _participant_of(uow, claimed.seq)
    uow.open_task("message refused", participant_id, _message_of(uow, claimed.seq), str(why))
    if why.opted_out and participant_id is not None:
        uow.execute(
            update(addresses)
            .where(addresses.c.found_by == uow.vault.find(claimed.message.to))
            .values(closed="blocked us at the provider")
        )
        conversations.opted_out(uow, terms, participant_id)


def unknown(uow: UnitOfWork, seq: int, ask_after: timedelta) -> None:
    """Nobody knows whether it left: the provider is asked after a while."""
    _settle(uow, seq, state="unknown", reconcile_at=uow.now + ask_after)


def recover(uow: UnitOfWork, ask_after: Mapping[str, timedelta]) -> int:
    """At the start: what a killed process was handing over is unknown. Returns how many there were."""
    rows = uow.all(select(outbox.c.seq, outbox.c.kind).where(outbox.c.state == "sending"))
    for row in rows:
        unknown(uow, row["seq"], ask_after.get(row["kind"], timedelta()))
    return len(rows)


def doubtful(uow: UnitOfWork, kinds: Collection[str], limit: int = 20) -> list[Claimed]:
    """The unknown messages that the provider should be asked about now."""
    rows = uow.all(
        _heads.where(outbox.c.state == "unknown", outbox.c.reconcile_at <= uow.now, outbox.c.kind.in_(kinds)).limit(
            limit
        )
    )
    return [_claimed(uow, row, row["claimed_at"]) for row in rows]


def surely_not_sent(uow: UnitOfWork, seq: int) -> None:
    """The provider has never seen it: it may be sent once more."""
    _settle(uow, seq, state="pending", reconcile_at=None, not_before=uow.now, code="sent again")


def cannot_tell(uow: UnitOfWork, seq: int) -> None:
    """The provider could not be asked: again later, and after a time a person decides."""
    row = uow.one(select(outbox).where(outbox.c.seq == seq))
    if row is None:
        return
    late = row["claimed_at"] is None or uow.now - row["claimed_at"] > GIVE_UP
    _settle(uow, seq, state="unknown", reconcile_at=None if late else uow.now + timedelta(minutes=2))
    if late:
        note = "Nobody can tell whether this message arrived. It is not sent again by itself."
        uow.open_task("message unknown", row["participant_id"], row["message_id"], note)


def update_delivery(uow: UnitOfWork, terms: Terms, news: DeliveryUpdate) -> bool:
    """Believe what the provider said later, if it says more than is known; False when no message of ours is meant."""
    which = outbox.c.id == news.outbound_id if news.outbound_id else outbox.c.provider_id == news.provider_id
    row = uow.one(select(outbox).where(which))
    if row is None:
        return False
    uow.execute(
        insert(delivery_updates).values(
            outbox_seq=row["seq"],
            provider_id=news.provider_id,
            status=news.status.value,
            code=news.code,
            at=uow.now,
        )
    )
    known = Delivery(row["delivery"]) if row["delivery"] else Delivery.UNKNOWN
    if news.status.rank > known.rank:
        values: dict[str, object] = {"delivery": news.status.value, "code": news.code or row["code"]}
        if row["state"] in ("sending", "unknown"):  # it carries our id, so it did leave
            values |= {"state": "accepted", "provider_id": news.provider_id, "reconcile_at": None}
        _settle(uow, row["seq"], **values)
        if news.status is Delivery.FAILED:
            note = f"The provider could not deliver this message: {news.reason or 'it gave no reason'}."
            uow.open_task("not delivered", row["participant_id"], row["message_id"], note)
            if news.opted_out and row["participant_id"] is not None:
                conversations.opted_out(uow, terms, row["participant_id"])
    return True


def waiting(uow: UnitOfWork) -> int:
    """How many messages have not left yet."""
    return len(uow.all(select(outbox.c.seq).where(outbox.c.state.in_(["pending", "sending"]))))


def _settle(uow: UnitOfWork, seq: int, **values: object) -> None:
    for row in uow.run(_OF_SEQ, {**values, "changed_at": uow.now, "of": seq}):
        uow.changed |= {"outbox", f"participant {row['participant_id']}"}


def _participant_of(uow: UnitOfWork, seq: int) -> int | None:
    found: int | None = uow.execute(select(outbox.c.participant_id).where(outbox.c.seq == seq)).scalar_one()
    return found


def _message_of(uow: UnitOfWork, seq: int) -> int:
    found: int = uow.execute(select(outbox.c.message_id).where(outbox.c.seq == seq)).scalar_one()
    return found
