"""What leaves: committed messages, handed to their channel one at a time for each person, in order.

A send ends in one of four ways. Accepted: there is a receipt. Not sent: it surely did not leave, and is tried later.
Refused: the provider will not take it; a person sees to it. Unknown: nobody can tell; the provider is asked after a
while, and only a message that surely did not leave is sent again. Nothing is ever retried blindly.

Texts for somebody in distress, and mails that fetch the team, leave also while the study is on hold; and what waits
or is in doubt keeps no text for distress from leaving.

A message is pending until its moment comes; held until the person writes on that channel, where the provider or the
address wants that; aside until the bot speaks again; sending while a channel has it; and then accepted, refused,
unknown, or cancelled because it was not wanted any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

import structlog
from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.engine import RowMapping

from bot.channel import Channel
from bot.errors import KeyFileError, NotSent, Refused
from bot.interview.calling import CALL_BOOKED
from bot.interview.distress import URGENT
from bot.interview.pace import REPLY_WITHIN, is_reply
from bot.interview.quiet import next_allowed
from bot.interview.wording import stock
from bot.messages import Address, Delivery, DeliveryUpdate, Outbound, Template
from bot.records import participants
from bot.records.participants import Participant, Terms
from bot.records.prepared import Prepared, Row
from bot.records.tables import addresses, data_keys, delivery_updates, interviews, messages, outbox
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork, beside
from bot.service import alerts, calls, conversations, leases, outgoing, rates, reaching
from bot.service.switch import HELD

log = structlog.get_logger()

OVERTAKING = timedelta(seconds=3)
"""How long a text waits for the one before it to be really sent, where the provider may overtake itself."""

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=1), timedelta(minutes=5)
WORRY_AFTER = 6
"""So many attempts that did not leave open a task."""

WINDOW_MARGIN = timedelta(minutes=10)
"""How long before a provider's window closes nothing more is begun in it."""

REOPEN = "template-reopen"
"""The text that asks somebody to write, so that the provider lets us answer."""

NO_MORE = "the provider takes nothing for it any more"
"""Why an address is closed, where the provider gives no reason."""

GIVE_UP = timedelta(minutes=20)
"""For so long after a send the provider is asked what became of it; then a person decides."""


AT_ONCE = 64
"""The most messages of a channel that are claimed in one go."""

CLAIMING = 0x636C6169
"""The advisory lock of claims."""

PART = "part"
"""Marks the id of a further part of a long message, to which somebody may reply as well."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process, and no other, hands over now."""

    seq: int
    kind: str
    attempts: int
    message: Outbound


_waiting = outbox.alias("waiting")
_flying = outbox.alias()
_one_flies = select(_flying.c.seq).where(_flying.c.lane == _waiting.c.lane, _flying.c.state == "sending").exists()
_earlier = outbox.alias()
_in_the_way = (
    select(_earlier.c.seq)
    .where(
        _earlier.c.lane == _waiting.c.lane,
        _earlier.c.seq < _waiting.c.seq,
        or_(
            _earlier.c.state == "pending",
            and_(_earlier.c.state == "unknown", _earlier.c.reconcile_at.is_not(None)),
        ),
    )
    .exists()
)
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
_TAKE = Prepared(
    update(outbox).where(outbox.c.seq == bindparam("of")).values(state="sending", attempts=outbox.c.attempts + 1)
)
_OF_SEQ = Prepared(update(outbox).where(outbox.c.seq == bindparam("of")).returning(outbox.c.participant_id))
_heads = (
    select(
        outbox.c.seq,
        outbox.c.id,
        outbox.c.lane,
        outbox.c.participant_id,
        outbox.c.message_id,
        outbox.c.kind,
        outbox.c.address,
        outbox.c.address_id,
        outbox.c.template,
        outbox.c.urgent,
        outbox.c.unasked,
        outbox.c.attempts,
        outbox.c.follows,
        outbox.c.claimed_at,
        messages.c.body,
        messages.c.author,
        messages.c.texts,
        messages.c.at.label("made_at"),
        data_keys.c.wrapped,
        people.c.thread,
        people.c.language,
        addresses.c.heard_at,
        addresses.c.closed,
    )
    .join(messages, messages.c.id == outbox.c.message_id)
    .join(data_keys, data_keys.c.id == outbox.c.key_id)
    .outerjoin(people, people.c.id == outbox.c.participant_id)
    .outerjoin(addresses, addresses.c.id == outbox.c.address_id)
)


_locked = (
    select(interviews.c.participant_id)
    .join(outbox, outbox.c.participant_id == interviews.c.participant_id)
    .with_for_update(of=interviews)
)
_LOCK = {name: Prepared(_locked.where(outbox.c[name] == bindparam("of"))) for name in ("seq", "id", "provider_id")}


@lru_cache
def _ready(kinds: frozenset[str], roomy: frozenset[str]) -> Prepared:
    """What may leave on these channels: what is urgent, on any; then replies, then the rest, where there is room.

    Of each lane it is the first, unless everything is on hold. Each channel is looked at by itself, in the order of
    one index, so that what waits for one, however much, is not in the way of another.
    """
    released = or_(~HELD, _waiting.c.lane.like(f"{alerts.LANE}%"))
    looks = [_look(or_(*(_waiting.c.kind == kind for kind in sorted(kinds))), _waiting.c.urgent)]
    for kind in sorted(roomy):
        ours = (_waiting.c.kind == kind, ~_waiting.c.urgent, ~_in_the_way, released)
        most = bindparam(f"most_{kind}", type_=Integer)
        looks += [_look(*ours, asked).limit(most) for asked in (~_waiting.c.unasked, _waiting.c.unasked)]
    found = union_all(*(select(look.subquery().c.seq) for look in looks))
    # Not the bare column: SQLite would go through all that waits, where it is to look up what was found.
    still = func.coalesce(outbox.c.state, "") == "pending"
    heads = _heads.where(outbox.c.seq.in_(found), still)
    in_turn = heads.order_by(outbox.c.urgent.desc(), outbox.c.unasked, outbox.c.not_before, outbox.c.seq)
    return Prepared(in_turn.with_for_update(of=outbox, skip_locked=True))


def _look(*which: ColumnElement[bool]) -> Select[int]:
    due = (_waiting.c.state == "pending", _waiting.c.not_before <= bindparam("now"), ~_one_flies)
    return select(_waiting.c.seq).where(*due, *which).order_by(_waiting.c.not_before, _waiting.c.seq)


@beside
def claim(
    uow: UnitOfWork,
    terms: Terms,
    limit: int = AT_ONCE,
    holder: str | None = None,
    full: Callable[[], Set[str]] = frozenset,
) -> list[Claimed]:
    """Take what may leave now: the first of each lane, where its channel and its address allow it.

    It takes no more of a channel than `limit` and than its provider's rate leaves, and of channels that are `full`
    only what is urgent. Of several processes one claims at a time. What a turn has in hand at this moment, which may
    cancel it, waits.
    """
    uow.queue_up(CLAIMING)
    buckets = rates.look(uow, terms.channels)
    room = {kind: min(limit, buckets[kind].left) if kind in buckets else limit for kind in terms.channels}
    roomy = frozenset(kind for kind, number in room.items() if number > 0) - full()
    most = {f"most_{kind}": room[kind] for kind in sorted(roomy)}
    ready, tokens = list[Claimed](), Counter[str]()
    for row in _one_a_lane(uow.run(_ready(frozenset(terms.channels), roomy), {"now": uow.now, **most})):
        kind = row["kind"]
        if not row["urgent"] and tokens[kind] >= room[kind]:
            continue
        if _may_leave(uow, terms, row) and (one := _read(uow, terms, row)):
            ready.append(one)
            tokens[kind] += terms.channels[kind].weight(one.message) if kind in buckets else 1
    rates.take(uow, buckets, tokens)
    taken = {"claimed_at": uow.now, "claimed_by": holder, "changed_at": uow.now}
    uow.run_each(_TAKE, [{**taken, "of": one.seq} for one in ready])
    return ready


def _one_a_lane(rows: Sequence[Row]) -> list[Row]:
    """One message of a lane is in flight at a time: what is urgent, which comes first, or the first of the lane."""
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row["lane"], row)
    return list(first.values())


def _read(uow: UnitOfWork, terms: Terms, row: RowMapping | Row) -> Claimed | None:
    """The message; one that cannot be read any more holds up nobody else."""
    try:
        return _claimed(uow, terms.channels[row["kind"]], row, uow.now)
    except (KeyFileError, TypeError) as error:
        log.error("a message to send cannot be read", seq=row["seq"], error=type(error).__name__)
        _settle(uow, row["seq"], state="refused", code="unreadable")
        note = "A message to them cannot be read, and was not sent."
        uow.open_task("message refused", row["participant_id"], row["message_id"], note)
        return None


def _may_leave(uow: UnitOfWork, terms: Terms, row: RowMapping | Row) -> bool:
    channel = terms.channels[row["kind"]]
    if channel.waits_for_sent and _too_soon(uow, row):
        return False
    if row["closed"]:
        _hold(uow, row)
        return False
    if _unwelcome_now(uow, terms, row):
        return False
    if channel.window and row["template"] is None and _outside(uow, channel, row):
        _open_window(uow, terms, channel, row)
        return False
    if channel.most_an_hour is None or row["texts"] in URGENT:
        return True
    return not _too_many(uow, channel.most_an_hour, row)


def _too_soon(uow: UnitOfWork, row: RowMapping | Row) -> bool:
    """Whether the provider may still be handing over the one before it, and could let this one overtake; it waits."""
    if row["follows"] is None:
        return False
    before = uow.one(select(outbox).where(outbox.c.seq == row["follows"]))
    if before is None or before["state"] != "accepted":
        return False
    gone = before["delivery"] is not None and Delivery(before["delivery"]).rank >= Delivery.SENT.rank
    over = before["changed_at"] + OVERTAKING
    if gone or over <= uow.now:
        return False
    uow.execute(update(outbox).where(outbox.c.seq == row["seq"]).values(not_before=over))
    return True


def _let_follow(uow: UnitOfWork, row: RowMapping | Row) -> None:
    """The one after it need not wait any longer; what is to leave still later has other reasons."""
    waits = (outbox.c.lane == row["lane"], outbox.c.state == "pending", outbox.c.follows == row["seq"])
    soon = outbox.c.not_before <= row["changed_at"] + OVERTAKING
    uow.execute(update(outbox).where(*waits, soon).values(not_before=uow.now))


def _unwelcome_now(uow: UnitOfWork, terms: Terms, row: RowMapping | Row) -> bool:
    """Whether what the person did not just ask for would come at a bad hour or be one too many; then it waits.

    What was a reply when it was written is one no longer when it could not leave for long.
    """
    late = row["made_at"] is not None and uow.now - row["made_at"] > REPLY_WITHIN
    ours = row["author"] == "bot" and row["participant_id"] is not None and row["texts"] not in URGENT
    if not ours or not (row["unasked"] or late) or row["lane"] != conversations.lane(row["participant_id"]):
        return False
    interview = participants.by_id(uow, terms, row["participant_id"], lock=False).interview
    if is_reply(uow.now, interview.heard):
        return False
    went = (outbox.c.lane == row["lane"], outbox.c.unasked, outbox.c.state.in_(["sending", "accepted", "unknown"]))
    sent = uow.all(select(outbox.c.claimed_at).where(*went, outbox.c.claimed_at > uow.now - timedelta(days=2)))
    rules = interview.pace.rules(interview.person.timezone)
    allowed = next_allowed(uow.now, rules, [one["claimed_at"] for one in sent])
    if allowed > uow.now:
        _settle(uow, row["seq"], not_before=allowed, unasked=True)
        return True
    if not row["unasked"]:
        _settle(uow, row["seq"], unasked=True)
    return False


def _hold(uow: UnitOfWork, row: RowMapping | Row) -> None:
    _settle(uow, row["seq"], state="held")


def _too_many(uow: UnitOfWork, most: int, row: RowMapping | Row) -> bool:
    """Whether so much went to this person in the last hour that two programs must be talking: a person looks."""
    lately = (outbox.c.lane == row["lane"], outbox.c.claimed_at > uow.now - timedelta(hours=1))
    if uow.execute(select(func.count()).select_from(outbox).where(*lately)).scalar_one() < most:
        return False
    _settle(uow, row["seq"], not_before=uow.now + timedelta(hours=1))
    uow.open_task("too many messages", row["participant_id"], None, f"{most} messages went out within an hour.")
    return True


# Where the provider lets us write only for a while after the person wrote


def _outside(uow: UnitOfWork, channel: Channel, row: RowMapping | Row) -> bool:
    """Whether the window has closed; it closes a little early, for what is still under way then."""
    assert channel.window is not None
    return row["heard_at"] is None or uow.now - row["heard_at"] > channel.window - WINDOW_MARGIN


def _open_window(uow: UnitOfWork, terms: Terms, channel: Channel, row: RowMapping | Row) -> None:
    """Send an approved text in its place, or before it; where there is none, a person sees to it."""
    if row["participant_id"] is None:
        _settle(uow, row["seq"], state="cancelled")
        return
    own = row["texts"] if row["texts"] in channel.templates else None
    if own:
        uow.execute(update(outbox).where(outbox.c.seq == row["seq"]).values(template=own))
        uow.changed.add("outbox")
        return
    _hold(uow, row)
    if REOPEN not in channel.templates:
        note = f"A message waits, and {row['kind']} takes only approved texts now. Set templates in the configuration."
        uow.open_task("no approved text", row["participant_id"], row["message_id"], note)
    elif not _is_opening(uow, row):
        _send_template(uow, participants.by_id(uow, terms, row["participant_id"], lock=False), row)


def _is_opening(uow: UnitOfWork, row: RowMapping | Row) -> bool:
    """Whether the person has been asked to write already, and has not written since."""
    asked = (outbox.c.lane == row["lane"], outbox.c.template == REOPEN, outbox.c.state != "cancelled")
    since = [outbox.c.changed_at > row["heard_at"]] if row["heard_at"] else []
    return uow.one(select(outbox.c.seq).where(*asked, *since).limit(1)) is not None


def _send_template(uow: UnitOfWork, participant: Participant, row: RowMapping | Row) -> None:
    body = stock(participant.interview, [REOPEN])
    words = {
        "participant_id": participant.id,
        "key_id": participant.key_id,
        "channel": row["kind"],
        "belongs": "sent",
        "texts": REOPEN,
        "wording": participant.interview.person.wording.value,
        "version": participant.interview.schedule.version,
        "body": participant.key.seal(body, "body"),
    }
    there = {"lane": row["lane"], "address": row["address"], "address_id": row["address_id"]}
    outgoing.queue(uow, words, {**there, "template": REOPEN, "unasked": True})


# What a channel is given


def _claimed(uow: UnitOfWork, channel: Channel, row: RowMapping | Row, at: datetime) -> Claimed:
    key = uow.vault.data_key(row["wrapped"])
    message = Outbound(
        id=row["id"],
        to=Address(row["kind"], key.open(row["address"], "address")),
        body=key.open(row["body"], "body"),
        attempted_at=at,
        earlier=_earlier_ids(uow, row) if channel.threads else (),
        thread=row["thread"] or "",
        language=row["language"] or "en",
        author=None if row["author"] == "bot" else row["author"],
        unasked=row["unasked"],
        template=_template(uow, row) if row["template"] else None,
        calendar=calls.invitation_of(uow, row["participant_id"]) if row["texts"] == CALL_BOOKED else None,
    )
    return Claimed(row["seq"], row["kind"], row["attempts"] + 1, message)


def _template(uow: UnitOfWork, row: RowMapping | Row) -> Template:
    """The approved text, filled with the person's name."""
    name = uow.one(select(people.c.name).where(people.c.id == row["participant_id"]))
    key = uow.vault.data_key(row["wrapped"])
    return Template(row["template"], (key.open(name["name"], "name"),) if name else ())


def _earlier_ids(uow: UnitOfWork, row: RowMapping | Row, most: int = 10) -> tuple[str, ...]:
    """The provider's ids of the messages before this one with the person, both ways, oldest first."""
    here = (messages.c.participant_id == row["participant_id"], messages.c.channel == row["kind"])
    rows = uow.all(
        select(messages.c.provider_id, outbox.c.provider_id.label("sent_as"))
        .outerjoin(outbox, outbox.c.message_id == messages.c.id)
        .where(*here, messages.c.id < row["message_id"])
        .where(or_(messages.c.provider_id.is_not(None), outbox.c.provider_id.is_not(None)))
        .order_by(messages.c.id.desc())
        .limit(most)
    )
    return tuple(one["provider_id"] or one["sent_as"] for one in reversed(rows))


# What became of it


@beside
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
        _settle(uow, seq, state="unknown")
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
        _settle(uow, claimed.seq, state="refused", delivery=Delivery.FAILED.value, code=why.code)
        note = f"This message could not be delivered for {patience.total_seconds() / 3600:.0f} hours. {why}"
        uow.open_task("not delivered", _participant_of(uow, claimed.seq), _message_of(uow, claimed.seq), note)
        return
    wait = why.retry_after or min(FIRST_WAIT * 2 ** min(claimed.attempts - 1, 10), LONGEST_WAIT)
    later = {"not_before": uow.now + wait, "code": why.code, "claimed_at": None, "put_off_since": since}
    _settle(uow, claimed.seq, state="pending", **later)
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
    if why.outside_window:
        _wait_for_them(uow, terms, claimed.seq)
        return
    _settle(uow, claimed.seq, state="refused", code=why.code)
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

    Nothing goes to somebody who has stopped meanwhile.
    """
    row = uow.one(select(outbox).where(outbox.c.seq == seq))
    assert row is not None
    uow.execute(update(addresses).where(addresses.c.id == row["address_id"]).values(heard_at=None))
    if row["template"] is None and not _dropped(uow, seq):
        state = "pending" if _wanted(uow, terms, row) else "cancelled"
        _settle(uow, seq, state=state, not_before=uow.now, claimed_at=None, provider_id=None)


def _wanted(uow: UnitOfWork, terms: Terms, row: RowMapping) -> bool:
    known = row["participant_id"]
    return known is None or participants.by_id(uow, terms, known).interview.wants_messages


@beside
def unknown(uow: UnitOfWork, seq: int, ask_after: timedelta) -> None:
    """Nobody knows whether it left: the provider is asked after a while. News of it may have come meanwhile."""
    if _still(uow, seq, "sending"):
        _settle(uow, seq, state="unknown", reconcile_at=uow.now + ask_after)


@beside
def recover(uow: UnitOfWork, ask_after: Mapping[str, timedelta]) -> int:
    """What a process was handing over that is dead is unknown. Returns how many there were."""
    alive = leases.is_alive(outbox.c.claimed_by, uow.database_time())
    dead = (outbox.c.state == "sending", ~alive)
    rows = uow.all(select(outbox.c.seq, outbox.c.kind).where(*dead).order_by(outbox.c.seq))
    for row in rows:
        unknown(uow, row["seq"], ask_after.get(row["kind"], timedelta()))
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
    rows = uow.all(_heads.where(*known).limit(limit))
    readable = (row for row in rows if row["wrapped"])  # whose key was destroyed holds up nobody else
    return [_asked(uow, terms.channels[row["kind"]], row) for row in readable]


def _asked(uow: UnitOfWork, channel: Channel, row: RowMapping) -> Claimed:
    """With the ids of the messages before it, as one of them may have the same words."""
    claimed = _claimed(uow, channel, row, row["claimed_at"])
    return replace(claimed, message=replace(claimed.message, earlier=_earlier_ids(uow, row)))


@beside
def surely_not_sent(uow: UnitOfWork, seq: int) -> None:
    """The provider has never seen it: it may be sent once more, if it is still wanted."""
    if _still(uow, seq, "unknown") and not _dropped(uow, seq):
        _settle(uow, seq, state="pending", reconcile_at=None, not_before=uow.now, code="sent again")


@beside
def cannot_tell(uow: UnitOfWork, seq: int) -> None:
    """The provider could not be asked: again later, and after a time a person decides."""
    _lock(uow, "seq", seq)
    row = uow.one(select(outbox).where(outbox.c.seq == seq).with_for_update())
    if row is None or row["state"] != "unknown":
        return
    late = row["claimed_at"] is None or uow.now - row["claimed_at"] > GIVE_UP
    _settle(uow, seq, state="unknown", reconcile_at=None if late else uow.now + timedelta(minutes=2))
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
    if row["state"] in ("sending", "unknown") and news.provider_id:  # the provider speaks of it, so it did leave
        _settle(uow, row["seq"], state="accepted", provider_id=news.provider_id[:100], reconcile_at=None)
    if news.outside_window:
        if _is_about(row, news):
            _wait_for_them(uow, terms, row["seq"])
    elif news.status.rank > known.rank:
        _settle(uow, row["seq"], delivery=news.status.value, code=news.code or row["code"])
        _let_follow(uow, row)
        if news.status is Delivery.FAILED:
            note = f"The provider could not deliver this message: {news.reason or 'it gave no reason'}."
            uow.open_task("not delivered", row["participant_id"], row["message_id"], note)
            if news.opted_out and row["participant_id"] is not None:
                conversations.opted_out(uow, terms, row["participant_id"])
            if (news.closed or news.opted_out) and row["address_id"] is not None:
                reaching.close(uow, terms, row["address_id"], news.reason or NO_MORE)
    return True


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
    _settle(uow, seq, state="cancelled", reconcile_at=None)
    return True


def _settle(uow: UnitOfWork, seq: int, **values: object) -> None:
    for row in uow.run(_OF_SEQ, {**values, "changed_at": uow.now, "of": seq}):
        uow.changed |= {"outbox", f"participant {row['participant_id']}"}


def _participant_of(uow: UnitOfWork, seq: int) -> int | None:
    found: int | None = uow.execute(select(outbox.c.participant_id).where(outbox.c.seq == seq)).scalar_one()
    return found


def _address_of(uow: UnitOfWork, seq: int) -> int | None:
    found: int | None = uow.execute(select(outbox.c.address_id).where(outbox.c.seq == seq)).scalar_one()
    return found


def _message_of(uow: UnitOfWork, seq: int) -> int:
    found: int = uow.execute(select(outbox.c.message_id).where(outbox.c.seq == seq)).scalar_one()
    return found
