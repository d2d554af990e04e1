"""What became of a message that was handed to its channel, now or as the provider says later.

A send ends in one of four ways. Accepted: there is a receipt. Not sent: it surely did not leave, and is tried later.
Refused: the provider will not take it; a person sees to it. Unknown: nobody can tell; the provider is asked after a
while, and only a message that surely did not leave is sent again. Nothing is ever retried blindly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, insert, literal_column, or_, select, update
from sqlalchemy.engine import RowMapping

from bot.channel import Channel
from bot.errors import NotSent, Refused
from bot.messages import Delivery, DeliveryUpdate
from bot.records import participants
from bot.records.participants import Terms
from bot.records.prepared import Prepared, Row
from bot.records.tables import addresses, delivery_updates, interviews, outbox
from bot.records.unit_of_work import UnitOfWork, beside, sharing
from bot.service import conversations, leases, reaching
from bot.service.outbox import HEADS, OVERTAKING, Claimed, as_claimed, earlier_ids, settle

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=1), timedelta(minutes=5)
WORRY_AFTER = 6
"""So many attempts that did not leave open a task."""

NO_MORE = "the provider takes nothing for it any more"
"""Why an address is closed, where the provider gives no reason."""

GIVE_UP = timedelta(minutes=20)
"""For so long after a send the provider is asked what became of it; then a person decides."""


AGAIN = "sent again"
"""The code of what waits to be tried once more because its provider did not know of it."""

LISTED = 100
"""The most messages that a provider is asked for, to find one among them."""

PART = "part"
"""Marks the id of a further part of a long message, to which somebody may reply as well."""


_later = outbox.alias()
_one_follows = (
    # In RETURNING SQLAlchemy leaves the table's name out, and a bare column would be the inner one; and SQLite compares
    # a bare outer column with everything that waits, where it looks up what is worked out from it in the index.
    select(_later.c.seq)
    .where(
        _later.c.lane == literal_column("outbox.lane || ''"),
        _later.c.seq > literal_column("outbox.seq + 0"),
        _later.c.state == "pending",
    )
    .exists()
)
_another = outbox.alias()
_anothers = (
    select(_another.c.seq)
    .where(_another.c.provider_id == bindparam("given"), _another.c.seq != bindparam("of"))
    .exists()
)
_ACCEPTED = Prepared(
    update(outbox)
    .where(outbox.c.seq == bindparam("of"), or_(outbox.c.state == "sending", outbox.c.state == "unknown"))
    .where(~_anothers)
    .values(state="accepted", reconcile_at=None)
    .returning(outbox.c.participant_id, _one_follows.label("followed"))
)
_locked = (
    select(interviews.c.participant_id)
    .join(outbox, outbox.c.participant_id == interviews.c.participant_id)
    .with_for_update(of=interviews)
)
_LOCK = {name: Prepared(_locked.where(outbox.c[name] == bindparam("of"))) for name in ("seq", "id", "provider_id")}


@sharing(of=lambda *_, **__: None)
def accepted(uow: UnitOfWork, seq: int, provider_id: str, further: Sequence[str] = ()) -> None:
    """The provider gave a receipt; what it said of the message even before that counts more.

    Where another message waits for this one, it may leave now. A receipt that is another message's says nothing of
    this one: nobody knows of it yet.
    """
    given = provider_id[:100]
    rows = uow.run(_ACCEPTED, {"provider_id": given, "given": given, "changed_at": uow.now, "of": seq})
    for row in rows:
        uow.changed |= {"outbox"} if row["followed"] else set()
        uow.changed.add(f"participant {row['participant_id']}")
    for part in further:
        named = {"outbox_seq": seq, "provider_id": part[:100], "status": PART, "at": uow.now}
        uow.execute(insert(delivery_updates).values(**named))
    if not rows and _still(uow, seq, "sending", "unknown"):  # which locks it
        settle(uow, seq, state="unknown")
        cannot_tell(uow, seq)


@beside
def not_sent(uow: UnitOfWork, terms: Terms, claimed: Claimed, why: NotSent) -> None:
    """It did not leave: try again, later each time, unless it is not wanted any more or has left after all.

    A provider that says "later" itself is believed for as long as the channel's `patience`.
    """
    if not _still(uow, claimed.seq, "sending") or _dropped(uow, claimed.seq):
        return
    since, patience = _put_off(uow, claimed.seq, why), terms.channels[claimed.kind].patience
    if patience is not None and since is not None and uow.now - since >= patience:
        settle(uow, claimed.seq, state="refused", delivery=Delivery.FAILED.value, code=why.code)
        note = f"This message could not be delivered for {patience.total_seconds() / 3600:.0f} hours. {why}"
        uow.open_task("not delivered", _participant_of(uow, claimed.seq), _message_of(uow, claimed.seq), note)
        return
    wait = why.retry_after or min(FIRST_WAIT * 2 ** min(claimed.attempts - 1, 10), LONGEST_WAIT)
    later = {"not_before": uow.now + wait, "code": why.code, "claimed_at": None, "put_off_since": since}
    settle(uow, claimed.seq, state="pending", **later)
    if claimed.attempts >= WORRY_AFTER:
        uow.open_task("cannot send", _participant_of(uow, claimed.seq), None, str(why))


def _put_off(uow: UnitOfWork, seq: int, why: NotSent) -> datetime | None:
    """Since when the provider puts it off; what never reached the provider has no code, and does not count."""
    since: datetime | None = uow.execute(select(outbox.c.put_off_since).where(outbox.c.seq == seq)).scalar_one()
    return since or (uow.now if why.code else None)


@beside
def refused(uow: UnitOfWork, terms: Terms, claimed: Claimed, why: Refused) -> None:
    """The provider will not take it. Somebody who blocked us there has stopped, everywhere."""
    _lock(uow, "seq", claimed.seq)
    if why.outside_window and claimed.message.template is None:
        _wait_for_them(uow, terms, claimed.seq)
        return
    settle(uow, claimed.seq, state="refused", code=why.code)
    participant_id = _participant_of(uow, claimed.seq)
    uow.open_task("message refused", participant_id, _message_of(uow, claimed.seq), str(why))
    if why.opted_out and participant_id is not None:
        conversations.opted_out(uow, terms, participant_id)
    address_id = _address_of(uow, claimed.seq)
    if (why.opted_out or why.closed) and address_id is not None:
        reason = "they blocked us there" if why.opted_out else NO_MORE
        reaching.close(uow, terms, address_id, reason)


def _wait_for_them(uow: UnitOfWork, terms: Terms, seq: int) -> None:
    """The provider knows when the person last wrote: this did not go out, and an approved text goes first.

    Nothing goes to somebody who has stopped meanwhile. An approved text of which it says the same is none, or of a kind
    that opens no conversation: it has failed like any other.
    """
    row = uow.one(select(outbox).where(outbox.c.seq == seq))
    assert row is not None
    uow.execute(update(addresses).where(addresses.c.id == row["address_id"]).values(heard_at=None))
    if not _dropped(uow, seq):
        state = "pending" if _wanted(uow, terms, row) else "cancelled"
        settle(uow, seq, state=state, not_before=uow.now, claimed_at=None, provider_id=None, code=None)


def _wanted(uow: UnitOfWork, terms: Terms, row: RowMapping) -> bool:
    known = row["participant_id"]
    return known is None or participants.by_id(uow, terms, known).interview.wants_messages


@beside
def unknown(uow: UnitOfWork, seq: int, ask_after: timedelta) -> None:
    """Nobody knows whether it left: the provider is asked after a while. News of it may have come meanwhile."""
    if _still(uow, seq, "sending"):
        settle(uow, seq, state="unknown", reconcile_at=uow.now + ask_after)


@beside
def recover(uow: UnitOfWork, ask_after: Mapping[str, timedelta]) -> int:
    """What a process was handing over that is dead is unknown. Returns how many there were.

    Of a channel that is not set up any more nobody can be asked, and what comes after would wait for that: a person
    decides at once. `ask_after` names every channel that there is.
    """
    alive = leases.is_alive(outbox.c.claimed_by, uow.database_time())
    dead = (outbox.c.state == "sending", ~alive)
    rows = uow.all(select(outbox.c.seq, outbox.c.kind).where(*dead).order_by(outbox.c.seq))
    for row in rows:
        unknown(uow, row["seq"], ask_after.get(row["kind"], timedelta()))
    gone = (outbox.c.state == "unknown", outbox.c.reconcile_at.is_not(None), outbox.c.kind.not_in(list(ask_after)))
    for row in uow.all(select(outbox.c.seq).where(*gone).order_by(outbox.c.seq)):
        cannot_tell(uow, row["seq"], ever=False)
    return len(rows)


@beside
def not_handed_over(uow: UnitOfWork, holder: str, in_hand: Sequence[int], until: datetime) -> None:
    """What this process has claimed and does not know of, as the answer to the claim was lost: it did not leave.

    `until`: when that was. What was claimed since, in the commit of a turn, may be about to leave.
    """
    ours = (outbox.c.state == "sending", outbox.c.claimed_by == holder, outbox.c.claimed_at <= until)
    claimed = (*ours, outbox.c.seq.not_in(in_hand))
    again = {"state": "pending", "claimed_at": None, "claimed_by": None, "changed_at": uow.now}
    uow.execute(update(outbox).where(*claimed).values(**again))


def doubtful(uow: UnitOfWork, terms: Terms, limit: int = 20) -> list[Claimed]:
    """The unknown messages that the provider should be asked about now."""
    known = (outbox.c.state == "unknown", outbox.c.reconcile_at <= uow.now, outbox.c.kind.in_(list(terms.channels)))
    rows = uow.all(HEADS.where(*known).limit(limit))
    readable = (row for row in rows if row["wrapped"])  # whose key was destroyed holds up nobody else
    return [_asked(uow, terms.channels[row["kind"]], row) for row in readable]


def _asked(uow: UnitOfWork, channel: Channel, row: RowMapping) -> Claimed:
    """With the ids of the messages before it, as one of them may have the same words."""
    claimed = as_claimed(uow, channel, row, row["claimed_at"])
    return replace(claimed, message=replace(claimed.message, earlier=earlier_ids(uow, row, LISTED)))


@beside
def surely_not_sent(uow: UnitOfWork, seq: int) -> None:
    """The provider has never seen it: it may be sent once more, if it is still wanted.

    If it was attempted in the future, by a clock that has been put right since, the provider was asked about another
    time: then a person decides.
    """
    if not _still(uow, seq, "unknown") or _dropped(uow, seq):
        return
    if uow.execute(select(outbox.c.claimed_at > uow.now).where(outbox.c.seq == seq)).scalar():
        cannot_tell(uow, seq)
    else:
        settle(uow, seq, state="pending", reconcile_at=None, not_before=uow.now, code=AGAIN)


@beside
def cannot_tell(uow: UnitOfWork, seq: int, *, ever: bool = True) -> None:
    """The provider could not be asked: again later, and after a time a person decides; at once if it never can be."""
    _lock(uow, "seq", seq)
    row = uow.one(select(outbox).where(outbox.c.seq == seq).with_for_update())
    if row is None or row["state"] != "unknown":
        return
    claimed = row["claimed_at"]
    late = not ever or claimed is None or claimed > uow.now or uow.now - claimed > GIVE_UP
    again = None if late else uow.now + timedelta(minutes=2)
    settle(uow, seq, state="unknown", reconcile_at=again, claimed_at=claimed and min(claimed, uow.now))
    if late:
        note = "Nobody can tell whether this message arrived. It is not sent again by itself."
        uow.open_task("message unknown", row["participant_id"], row["message_id"], note)


def update_delivery(uow: UnitOfWork, terms: Terms, news: DeliveryUpdate) -> bool:
    """Believe what the provider said later, if it says more than is known; False when no message of ours is meant."""
    name, known_by = ("id", news.outbound_id) if news.outbound_id else ("provider_id", news.provider_id)
    _lock(uow, name, known_by)
    row = uow.one(select(outbox).where(outbox.c[name] == known_by).with_for_update())
    if row is None:
        return False
    uow.execute(
        insert(delivery_updates).values(
            outbox_seq=row["seq"],
            provider_id=news.provider_id[:100],
            status=news.status.value,
            code=news.code,
            at=uow.now,
        )
    )
    known = Delivery(row["delivery"]) if row["delivery"] else Delivery.UNKNOWN
    doubted = row["state"] == "pending" and row["code"] == AGAIN and news.status is not Delivery.FAILED
    if (row["state"] in ("sending", "unknown") or doubted) and news.provider_id:  # it speaks of it, so it did leave
        settle(uow, row["seq"], state="accepted", provider_id=news.provider_id[:100], reconcile_at=None)
    about = _is_about(row, news)
    if news.outside_window and (row["template"] is None or not about):
        if about:
            _wait_for_them(uow, terms, row["seq"])
    elif news.status.rank > known.rank:
        settle(uow, row["seq"], delivery=news.status.value, code=news.code or row["code"])
        _let_follow(uow, row)
        if news.status is Delivery.FAILED:
            note = f"The provider could not deliver this message: {news.reason or 'it gave no reason'}."
            uow.open_task("not delivered", row["participant_id"], row["message_id"], note)
            if news.opted_out and row["participant_id"] is not None:
                conversations.opted_out(uow, terms, row["participant_id"])
            if (news.closed or news.opted_out) and row["address_id"] is not None:
                reaching.close(uow, terms, row["address_id"], news.reason or NO_MORE)
    return True


def _let_follow(uow: UnitOfWork, row: RowMapping | Row) -> None:
    """The one after it need not wait any longer; what is to leave still later has other reasons."""
    waits = (outbox.c.lane == row["lane"], outbox.c.state == "pending", outbox.c.follows == row["seq"])
    soon = outbox.c.not_before <= row["changed_at"] + OVERTAKING
    uow.execute(update(outbox).where(*waits, soon).values(not_before=uow.now, changed_at=uow.now))


def _is_about(row: RowMapping, news: DeliveryUpdate) -> bool:
    """Whether the news is about the last attempt: a second copy of what was told of an earlier one is not."""
    attempted = row["state"] in ("sending", "unknown", "accepted")
    return attempted and row["provider_id"] in (None, news.provider_id[:100])


def _lock(uow: UnitOfWork, name: str, known_by: object) -> None:
    """Let nobody else touch whoever the message is to; one to nobody we know is locked where it is read."""
    uow.lock(_LOCK[name], {"of": known_by})


def _still(uow: UnitOfWork, seq: int, *states: str) -> bool:
    _lock(uow, "seq", seq)
    return uow.execute(select(outbox.c.state).where(outbox.c.seq == seq).with_for_update()).scalar() in states


def _dropped(uow: UnitOfWork, seq: int) -> bool:
    """Whether it was not wanted any more by the time it was known not to have left; then it ends here."""
    if not uow.execute(select(outbox.c.unwanted).where(outbox.c.seq == seq)).scalar():
        return False
    settle(uow, seq, state="cancelled", reconcile_at=None)
    return True


def _participant_of(uow: UnitOfWork, seq: int) -> int | None:
    found: int | None = uow.execute(select(outbox.c.participant_id).where(outbox.c.seq == seq)).scalar_one()
    return found


def _address_of(uow: UnitOfWork, seq: int) -> int | None:
    found: int | None = uow.execute(select(outbox.c.address_id).where(outbox.c.seq == seq)).scalar_one()
    return found


def _message_of(uow: UnitOfWork, seq: int) -> int:
    found: int = uow.execute(select(outbox.c.message_id).where(outbox.c.seq == seq)).scalar_one()
    return found
