"""What leaves: committed messages, handed to their channel one at a time for each person, in order.

`outcomes` knows what became of each.

Texts for somebody in distress, and mails that fetch the team, leave also while the study is on hold; and what waits
or is in doubt keeps no text for distress from leaving.

A message is pending until its moment comes; held until the person writes on that channel, where the provider or the
address wants that; aside until the bot speaks again; sending while a channel has it; and then accepted, refused,
unknown, or cancelled because it was not wanted any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
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
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.engine import RowMapping

from bot.channel import Channel
from bot.errors import KeyFileError
from bot.interview.calling import CALL_BOOKED
from bot.interview.distress import URGENT
from bot.interview.pace import REPLY_WITHIN, is_reply
from bot.interview.quiet import next_allowed
from bot.interview.wording import stock
from bot.messages import Address, Delivery, Outbound, Template
from bot.records import participants
from bot.records.participants import Participant, Terms, lane
from bot.records.prepared import Prepared, Row
from bot.records.tables import addresses, data_keys, messages, outbox
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork, beside
from bot.service import alerts, calls, outgoing, rates
from bot.service.switch import HELD

log = structlog.get_logger()

OVERTAKING = timedelta(seconds=3)
"""How long a text waits for the one before it to be really sent, where the provider may overtake itself."""

WINDOW_MARGIN = timedelta(minutes=10)
"""How long before a provider's window closes nothing more is begun in it."""

REOPEN = "template-reopen"
"""The text that asks somebody to write, so that the provider lets us answer."""

AT_ONCE = 64
"""The most messages of a channel that are claimed in one go."""

CLAIMING = 0x636C6169
"""The advisory lock of claims."""


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
_TAKE = Prepared(
    update(outbox).where(outbox.c.seq == bindparam("of")).values(state="sending", attempts=outbox.c.attempts + 1)
)
_OF_SEQ = Prepared(update(outbox).where(outbox.c.seq == bindparam("of")).returning(outbox.c.participant_id))
HEADS = (
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
    heads = HEADS.where(outbox.c.seq.in_(found), still)
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
        return as_claimed(uow, terms.channels[row["kind"]], row, uow.now)
    except (KeyFileError, TypeError) as error:
        log.error("a message to send cannot be read", seq=row["seq"], error=type(error).__name__)
        settle(uow, row["seq"], state="refused", code="unreadable")
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
    if row["texts"] == CALL_BOOKED and _call_is_over(uow, terms, row):
        settle(uow, row["seq"], state="cancelled")
        return False
    if _unwelcome_now(uow, terms, row):
        return False
    if channel.window and row["template"] is None and _outside(uow, channel, row):
        _open_window(uow, terms, channel, row)
        return False
    if channel.most_an_hour is None or row["texts"] in URGENT:
        return True
    return not _too_many(uow, channel.most_an_hour, row)


def _call_is_over(uow: UnitOfWork, terms: Terms, row: RowMapping | Row) -> bool:
    """Whether it tells of a call whose time has come: it was held back, or could not leave for long."""
    call = participants.by_id(uow, terms, row["participant_id"], lock=False).interview.call
    return call is None or call.start <= uow.now


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
    uow.execute(update(outbox).where(outbox.c.seq == row["seq"]).values(not_before=over, changed_at=uow.now))
    return True


def _unwelcome_now(uow: UnitOfWork, terms: Terms, row: RowMapping | Row) -> bool:
    """Whether what the person did not just ask for would come at a bad hour or be one too many; then it waits.

    What was a reply when it was written is one no longer when it could not leave for long. Where the clock was ahead
    when it was written nobody knows for how long it waited: it is a reply by day, and waits while it is night.
    """
    waited = uow.now - row["made_at"] if row["made_at"] is not None else timedelta()
    late, unsure = waited > REPLY_WITHIN, waited < -REPLY_WITHIN
    ours = row["author"] == "bot" and row["participant_id"] is not None and row["texts"] not in URGENT
    if not ours or not (row["unasked"] or late or unsure) or row["lane"] != lane(row["participant_id"]):
        return False
    interview = participants.by_id(uow, terms, row["participant_id"], lock=False).interview
    if is_reply(uow.now, interview.heard):
        return False
    went = (outbox.c.lane == row["lane"], outbox.c.unasked, outbox.c.state.in_(["sending", "accepted", "unknown"]))
    lately = select(outbox.c.claimed_at).where(*went, outbox.c.claimed_at > uow.now - timedelta(days=2))
    sent = uow.all(lately) if row["unasked"] or late else ()
    rules = interview.pace.rules(interview.person.timezone)
    allowed = next_allowed(uow.now, rules, [one["claimed_at"] for one in sent])
    if allowed > uow.now:
        settle(uow, row["seq"], not_before=allowed, unasked=True)
        return True
    if late and not row["unasked"]:
        settle(uow, row["seq"], unasked=True)
    return False


def _hold(uow: UnitOfWork, row: RowMapping | Row) -> None:
    settle(uow, row["seq"], state="held")


def _too_many(uow: UnitOfWork, most: int, row: RowMapping | Row) -> bool:
    """Whether so much went to this person in the last hour that two programs must be talking: a person looks."""
    lately = (outbox.c.lane == row["lane"], outbox.c.claimed_at > uow.now - timedelta(hours=1))
    if uow.execute(select(func.count()).select_from(outbox).where(*lately)).scalar_one() < most:
        return False
    settle(uow, row["seq"], not_before=uow.now + timedelta(hours=1))
    uow.open_task("too many messages", row["participant_id"], None, f"{most} messages went out within an hour.")
    return True


# Where the provider lets us write only for a while after the person wrote


def _outside(uow: UnitOfWork, channel: Channel, row: RowMapping | Row) -> bool:
    """Whether the window has closed; it closes a little early, for what is still under way then."""
    assert channel.window is not None
    heard_at = row["heard_at"] if row["address_id"] is not None else _heard_there(uow, row)
    return heard_at is None or uow.now - heard_at > channel.window - WINDOW_MARGIN


def _heard_there(uow: UnitOfWork, row: RowMapping | Row) -> datetime | None:
    """When somebody wrote last from an address that is nobody's whom we know, so that it lies with the unknown."""
    try:
        there = Address(row["kind"], uow.vault.data_key(row["wrapped"]).open(row["address"], "address"))
    except (KeyFileError, TypeError):  # it cannot be read any more, and is not sent
        return None
    wrote = (messages.c.sender == uow.vault.find(there), messages.c.direction == "in")
    last: datetime | None = uow.execute(select(func.max(messages.c.at)).where(*wrote)).scalar()
    return last


def _open_window(uow: UnitOfWork, terms: Terms, channel: Channel, row: RowMapping | Row) -> None:
    """Send an approved text in its place, or before it; where there is none, a person sees to it."""
    if row["participant_id"] is None:
        settle(uow, row["seq"], state="cancelled")
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
    """Whether the person has been asked to write already, and has not written since. What failed has asked nobody.

    By the order of the messages: news of the one that asked may come after their reply, and when they were heard is
    not known once the provider says that the window has closed. Each code may be for another number, of which no more
    is known: only what went after it asked there.
    """
    here = (messages.c.participant_id == row["participant_id"], messages.c.channel == row["kind"])
    wrote = (*here, messages.c.direction == "in", messages.c.belongs != "automatic")
    heard = func.coalesce(select(func.max(messages.c.id)).where(*wrote).scalar_subquery(), 0)
    last = heard if row["address_id"] is not None else row["message_id"]
    asked = (outbox.c.lane == row["lane"], outbox.c.template == REOPEN, outbox.c.state.not_in(["cancelled", "refused"]))
    came = or_(outbox.c.delivery.is_(None), outbox.c.delivery != Delivery.FAILED.value)
    return uow.one(select(outbox.c.seq).where(*asked, came, outbox.c.message_id > last).limit(1)) is not None


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


def as_claimed(uow: UnitOfWork, channel: Channel, row: RowMapping | Row, at: datetime) -> Claimed:
    key = uow.vault.data_key(row["wrapped"])
    message = Outbound(
        id=row["id"],
        to=Address(row["kind"], key.open(row["address"], "address")),
        body=key.open(row["body"], "body"),
        attempted_at=at,
        earlier=earlier_ids(uow, row) if channel.threads else (),
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


def earlier_ids(uow: UnitOfWork, row: RowMapping | Row, most: int = 10) -> tuple[str, ...]:
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


def settle(uow: UnitOfWork, seq: int, **values: object) -> None:
    for row in uow.run(_OF_SEQ, {**values, "changed_at": uow.now, "of": seq}):
        uow.changed |= {"outbox", f"participant {row['participant_id']}"}
