"""Changing channel: a code goes to the new address and comes back, and the interview goes on there.

Nobody's address is ever taken from them, and nobody learns whether an address is known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import RowMapping

from bot.channel import Ability
from bot.errors import AddressError, OwnPaceError
from bot.interview.events import AddressTold, Move, Moved, Told
from bot.interview.wording import stock
from bot.messages import Address, Inbound
from bot.records import participants
from bot.records.participants import Found, Participant, Terms, lane, not_set_up
from bot.records.tables import addresses, messages, moves, outbox
from bot.records.unit_of_work import UnitOfWork
from bot.service import outgoing
from bot.service.conversations import happen

MOST_TRIES = 5
"""Wrong codes after which a person sees to it."""

MOST_A_DAY = 3
"""So many codes and links somebody gets in a day; after that a person sees to it, and nobody else is written to."""

LASTS = timedelta(days=7)
"""For so long a code or link may be used."""

CODE = "change-code"
"""The text that holds a code."""

TOLD = ("change-code-sent", "change-link")
"""The texts that say that a code was sent, or hold a link."""

NOT_YET = "they have not opened the link yet"
"""Why nothing is sent to somebody who must write first."""

IN_USE = "They want to move to an address that cannot be used for them. Please arrange it with them."


# What the person asked for


def offer(uow: UnitOfWork, terms: Terms, participant: Participant, move: Move) -> None:
    """Send a code to the address that the person named, or a link where they must write first, and tell them."""
    channel = terms.channels[_kind(participant, move.kind)]
    if _asked_today(uow, participant) >= MOST_A_DAY:
        happen(uow, terms, participant, AddressTold(Told.TOO_MANY))
        return
    if Ability.WRITES_FIRST not in channel.abilities:
        link = channel.link(_wait_for(uow, participant, move.kind, uow.new_id()))
        if link:
            happen(uow, terms, participant, AddressTold(Told.LINK, link))
        else:
            uow.open_task("change channel", participant.id, None, f"They want {move.kind}, and no link could be made.")
        return
    try:
        address = channel.address(_written(participant, move))
    except AddressError:
        happen(uow, terms, participant, AddressTold(Told.NO_ADDRESS))
        return
    owner = _owner(uow, address)
    if owner == participant.id:
        relocate(uow, participant, address)
        happen(uow, terms, participants.by_id(uow, terms, participant.id), Moved())
        return
    if owner is None:
        _send_code(uow, participant, address)
    else:
        uow.open_task("address in use", participant.id, None, IN_USE)
    happen(uow, terms, participant, AddressTold(Told.CODE_SENT))


def _asked_today(uow: UnitOfWork, participant: Participant) -> int:
    """Also for an address that is somebody else's, of which nobody learns."""
    told = (messages.c.participant_id == participant.id, messages.c.direction == "out", messages.c.texts.in_(TOLD))
    lately = messages.c.at > uow.now - timedelta(days=1)
    count: int = uow.execute(select(func.count()).select_from(messages).where(*told, lately)).scalar_one()
    return count


def _kind(participant: Participant, kind: str) -> str:
    """Somebody on a simulated phone moves to a simulated one."""
    return "simulator" if participant.kind == "simulator" else kind


def _written(participant: Participant, move: Move) -> str:
    written = " ".join(move.written.split())
    return f"{move.kind}/{written}" if participant.kind == "simulator" else written


def _owner(uow: UnitOfWork, address: Address) -> int | None:
    row = uow.one(select(addresses.c.participant_id).where(addresses.c.found_by == uow.vault.find(address)))
    return row["participant_id"] if row else None


def code_lane(participant_id: int) -> str:
    """The queue of somebody's codes."""
    return f"m{participant_id}"


def _send_code(uow: UnitOfWork, participant: Participant, address: Address) -> None:
    """A text of its own queue, so that a wrong address does not hold up the conversation."""
    code = uow.new_code()
    _keep(uow, participant, address, code)
    body = stock(participant.interview, [CODE], code=code)
    words = {
        "participant_id": participant.id,
        "key_id": participant.key_id,
        "channel": address.kind,
        "belongs": "sent",
        "texts": CODE,
        "wording": participant.interview.person.wording.value,
        "version": participant.interview.schedule.version,
        "body": participant.key.seal(body, "body"),
    }
    sealed = participant.key.seal(address.value, "address")
    outgoing.queue(uow, words, {"lane": code_lane(participant.id), "address": sealed})


def _wait_for(uow: UnitOfWork, participant: Participant, kind: str, code: str) -> str:
    """Whoever opens the conversation with this code is the person."""
    _keep(uow, participant, start_address(kind, code), code)
    return code


def start_address(kind: str, code: str) -> Address:
    """Stands for the address of somebody who has not opened the conversation yet."""
    return Address(kind, f"start {code}")


def _keep(uow: UnitOfWork, participant: Participant, address: Address, code: str) -> None:
    uow.execute(delete(moves).where(moves.c.participant_id == participant.id))
    uow.execute(
        insert(moves).values(
            participant_id=participant.id,
            kind=address.kind,
            found_by=uow.vault.find(address),
            value=participant.key.seal(address.value, "address"),
            code=_hash(uow, participant.id, code),
            tries=0,
            created_at=uow.now,
        )
    )


def _hash(uow: UnitOfWork, participant_id: int, code: str) -> bytes:
    return uow.vault.find(Address("code", f"{participant_id} {code}"))


# What came back


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who was unknown at this address and no longer is; `moved` if they were reached elsewhere before."""

    found: Found
    moved: bool


def arrived(uow: UnitOfWork, terms: Terms, inbound: Inbound) -> Arrival | None:
    """Whose new address this is, when somebody unknown sends the right code or opens the right link.

    Where the code has expired, or was wrong too often, the person hears it where they are reached.
    """
    if inbound.start:
        found_by = uow.vault.find(start_address(inbound.sender.kind, inbound.start))
        if waiting := _first_start(uow, inbound, found_by):
            return Arrival(waiting, moved=False)
        codes = [inbound.start]
    else:
        found_by = uow.vault.find(inbound.sender)
        codes = [] if inbound.automatic else codes_in(inbound.body)
    waiting_here = uow.all(select(moves).where(moves.c.found_by == found_by)) if codes else []
    row = next((row for row in waiting_here if any(_is_code(uow, row, code) for code in codes)), None)
    if row is None:
        for other in waiting_here:
            if _miss(uow, other):
                _tell(uow, terms, other, Told.TOO_MANY)
        return None
    if _expired(uow, row):
        _tell(uow, terms, row, Told.EXPIRED)
        return None
    _relocate(uow, _main_address(uow, row["participant_id"]), inbound.sender)
    found = participants.find(uow, inbound.sender)
    return Arrival(found, moved=True) if found else None


def let_code_leave(uow: UnitOfWork, sender: Address) -> bool:
    """Whether a code waits until somebody writes from where it is to go, as on WhatsApp; they have, and it leaves."""
    leaves = False
    for row in uow.all(select(moves).where(moves.c.found_by == uow.vault.find(sender))):
        waits = (outbox.c.lane == code_lane(row["participant_id"]), outbox.c.state == "held")
        code = (messages.c.id == outbox.c.message_id, messages.c.texts == CODE)
        last = uow.execute(select(func.max(outbox.c.seq)).where(*waits, *code)).scalar()
        if last is not None and not _expired(uow, row):
            now = {"state": "pending", "not_before": uow.now, "changed_at": uow.now}
            uow.execute(update(outbox).where(outbox.c.seq == last).values(**now))
            uow.changed.add("outbox")
            leaves = True
    return leaves


def opened(uow: UnitOfWork, terms: Terms, participant: Participant, message_id: int, inbound: Inbound) -> bool:
    """Whether somebody has come back by their own link to where they were reached before; then it is so again."""
    row = _waits_for(uow, inbound)
    if row is None or row["participant_id"] != participant.id:
        return False
    if _expired(uow, row):
        happen(uow, terms, participant, AddressTold(Told.EXPIRED, message=message_id))
        return True
    relocate(uow, participant, inbound.sender)
    happen(uow, terms, participants.by_id(uow, terms, participant.id), Moved(message_id))
    return True


def is_elses(uow: UnitOfWork, participant: Participant, inbound: Inbound) -> bool:
    """Whether it is a link by which somebody else was to come, enrolled or moving."""
    found_by = uow.vault.find(start_address(inbound.sender.kind, inbound.start))
    enrolled = uow.one(select(addresses.c.id).where(addresses.c.found_by == found_by))
    moving = _waits_for(uow, inbound)
    return enrolled is not None or (moving is not None and moving["participant_id"] != participant.id)


def _waits_for(uow: UnitOfWork, inbound: Inbound) -> RowMapping | None:
    """The change of channel that waits until this link is opened."""
    found_by = uow.vault.find(start_address(inbound.sender.kind, inbound.start))
    return uow.one(select(moves).where(moves.c.found_by == found_by)) if inbound.start else None


def _first_start(uow: UnitOfWork, inbound: Inbound, found_by: bytes) -> Found | None:
    """Somebody who was enrolled with a link opens it: from now on their address is known."""
    row = uow.one(select(addresses.c.id).where(addresses.c.found_by == found_by))
    if row is None:
        return None
    waiting = participants.find(uow, start_address(inbound.sender.kind, inbound.start))
    assert waiting is not None
    real = {
        "found_by": uow.vault.find(inbound.sender),
        "value": waiting.key.seal(inbound.sender.value, "address"),
        "closed": None,
        "verified": True,
    }
    uow.execute(update(addresses).where(addresses.c.id == row["id"]).values(**real))
    sealed = {"address": real["value"], "changed_at": uow.now}
    uow.execute(update(outbox).where(outbox.c.address_id == row["id"], outbox.c.state == "held").values(**sealed))
    return participants.find(uow, inbound.sender)


def code_in(text: str) -> str | None:
    """The code that a message is, if it is nothing else."""
    found = re.fullmatch(r"\D{0,12}(\d{3})[ -]?(\d{3})\D{0,3}", text.strip(), re.ASCII)
    return found[1] + found[2] if found else None


def codes_in(text: str) -> list[str]:
    """What in a message might be the code, whatever stands around it: two, so that nobody sends a thousand at once."""
    found = re.findall(r"(?<!\d)(\d{3})[ -]?(\d{3})(?!\d)", text, re.ASCII)
    return [first + second for first, second in found[:2]]


def returned(
    uow: UnitOfWork, terms: Terms, participant: Participant, message_id: int, text: str, wrote: datetime | None
) -> bool:
    """Whether the message, from an address we knew, was about the code; if it fits, the interview moves."""
    row = uow.one(select(moves).where(moves.c.participant_id == participant.id))
    codes = codes_in(text)
    if row is None or not codes:
        return False
    if not any(_is_code(uow, row, code) for code in codes):
        if code_in(text) is None:  # an answer with a number in it
            return False
        told = Told.TOO_MANY if _miss(uow, row) else Told.WRONG_CODE
        happen(uow, terms, participant, AddressTold(told, message=message_id, wrote=wrote))
        return True
    if _expired(uow, row):
        happen(uow, terms, participant, AddressTold(Told.EXPIRED, message=message_id, wrote=wrote))
        return True
    relocate(uow, participant, Address(row["kind"], participant.key.open(row["value"], "address")))
    happen(uow, terms, participants.by_id(uow, terms, participant.id), Moved(message_id, wrote=wrote))
    return True


def _is_code(uow: UnitOfWork, row: RowMapping, code: str) -> bool:
    return _hash(uow, row["participant_id"], code) == bytes(row["code"])


def _miss(uow: UnitOfWork, row: RowMapping) -> bool:
    """A wrong code; whether there were too many of them: then none is right any more, and a person sees to it."""
    uow.execute(update(moves).where(moves.c.id == row["id"]).values(tries=row["tries"] + 1))
    if row["tries"] + 1 < MOST_TRIES:
        return False
    uow.execute(delete(moves).where(moves.c.id == row["id"]))
    uow.open_task("change channel", row["participant_id"], None, "They sent too many wrong codes.")
    return True


def _expired(uow: UnitOfWork, row: RowMapping) -> bool:
    """Whether it has been too long; then it is of no use any more."""
    if uow.now - row["created_at"] <= LASTS:
        return False
    uow.execute(delete(moves).where(moves.c.id == row["id"]))
    return True


def _tell(uow: UnitOfWork, terms: Terms, row: RowMapping, told: Told) -> None:
    happen(uow, terms, participants.by_id(uow, terms, row["participant_id"]), AddressTold(told))


# Moving


def move(uow: UnitOfWork, terms: Terms, code: str, kind: str, written: str, researcher: str) -> None:
    """A researcher moves somebody, having made sure with them that the address is theirs.

    Raises OwnPaceError with the mend when there is no such participant or channel, or the address cannot be used.
    """
    participant = participants.named(uow, terms, code)
    if _kind(participant, kind) not in terms.channels:
        raise OwnPaceError(f"The channel {not_set_up(kind, terms.channels)}")
    try:
        address = terms.channels[_kind(participant, kind)].address(_written(participant, Move(kind, written)))
    except AddressError as problem:
        raise OwnPaceError(f"The address {problem}.") from None
    if _owner(uow, address) not in (None, participant.id):
        raise OwnPaceError("This address is somebody else's in this study. It cannot be used twice.")
    relocate(uow, participant, address)
    uow.note(researcher, "moved to another channel", participant.code, channel=kind)
    uow.close_tasks(participant.id, frozenset({"change channel", "address in use", "address closed"}))
    happen(uow, terms, participants.by_id(uow, terms, participant.id), Moved())


def relocate(uow: UnitOfWork, participant: Participant, address: Address) -> None:
    """Make this the main address. What waits to leave goes there, but for questions, which are asked again.

    What waits for somebody whose phone others may see waits there too, until they write.
    """
    found = _main_address(uow, participant.id)
    _relocate(uow, found, address, discreet=participant.interview.person.discreet)


def _main_address(uow: UnitOfWork, participant_id: int) -> Found:
    found = participants.found_by_id(uow, participant_id)
    assert found is not None
    return found


def _relocate(uow: UnitOfWork, found: Found, address: Address, *, discreet: bool = False) -> None:
    uow.alone()  # somebody else could come to have the address
    of_person = addresses.c.participant_id == found.id
    uow.execute(update(addresses).where(of_person).values(main=False))
    found_by, sealed = uow.vault.find(address), found.key.seal(address.value, "address")
    values: dict[str, object] = {"main": True, "verified": True, "closed": None}
    if uow.execute(update(addresses).where(of_person, addresses.c.found_by == found_by).values(**values)).rowcount == 0:
        values |= {"participant_id": found.id, "kind": address.kind, "found_by": found_by, "value": sealed}
        uow.execute(insert(addresses).values(**values))
    address_id = uow.execute(select(addresses.c.id).where(addresses.c.found_by == found_by)).scalar_one()
    uow.execute(delete(moves).where(moves.c.participant_id == found.id))
    waiting = (outbox.c.lane == lane(found.id), outbox.c.state.in_(["pending", "held", "aside"]))
    asked = outbox.c.question.is_not(None)
    uow.execute(update(outbox).where(*waiting, asked).values(state="cancelled", changed_at=uow.now))
    flying = (outbox.c.lane == lane(found.id), outbox.c.state.in_(["sending", "unknown"]))
    uow.execute(update(outbox).where(*flying, asked).values(unwanted=True))  # no second try at the old address
    there = {"kind": address.kind, "address": sealed, "address_id": address_id}
    uow.execute(update(outbox).where(*waiting).values(**there))
    held = (*waiting, outbox.c.state == "held", *([~outbox.c.unasked] if discreet else []))
    uow.execute(update(outbox).where(*held).values(state="pending"))
