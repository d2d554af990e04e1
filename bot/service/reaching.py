"""An address that takes nothing any more, and the other way to reach the person that they allowed."""

from __future__ import annotations

from sqlalchemy import insert, select, update

from bot.interview.events import Moved
from bot.interview.state import State
from bot.interview.turn import ENDED
from bot.messages import Address, Inbound
from bot.records import participants
from bot.records.participants import Found, Participant, Terms
from bot.records.tables import addresses, outbox
from bot.records.unit_of_work import UnitOfWork
from bot.service import moves
from bot.service.conversations import happen

LONGEST = 60
"""Characters that are kept of why an address takes nothing."""


def close(uow: UnitOfWork, terms: Terms, address_id: int, why: str) -> None:
    """Send nothing more there until the person writes from it, and tell the team.

    Where it is how they are reached, the interview goes on at another address of theirs, if they said that we may.
    """
    row = uow.one(select(addresses).where(addresses.c.id == address_id))
    if row is None or row["closed"]:
        return
    uow.execute(update(addresses).where(addresses.c.id == address_id).values(closed=why[:LONGEST]))
    participant = participants.by_id(uow, terms, row["participant_id"])
    note = f"Nothing can be sent to their {row['kind']} address: {why}."
    if participant.interview.wants_messages:
        note += " They have not asked to stop."
    if row["main"] and (other := _go_on_elsewhere(uow, terms, participant)):
        note += f" We go on at their {other} address, as they said we may."
    uow.open_task("address closed", participant.id, None, note)


def open_again(uow: UnitOfWork, terms: Terms, found: Found) -> None:
    """It takes messages again: what was held for it may leave, but for what gives something away on a shared phone."""
    uow.execute(update(addresses).where(addresses.c.id == found.address_id).values(closed=None))
    held = [outbox.c.address_id == found.address_id, outbox.c.state == "held"]
    if participants.read(uow, terms, found).interview.person.discreet:
        held.append(~outbox.c.unasked)
    uow.execute(update(outbox).where(*held).values(state="pending", not_before=uow.now))
    uow.changed.add("outbox")


def keep_also(uow: UnitOfWork, found: Found, inbound: Inbound) -> None:
    """The provider says that all these addresses are one person's: those that nobody has yet are theirs too.

    So somebody who hides their number later is still known. Where the number itself is new, they are written to there
    instead of at the old one, which may be a stranger's by now.
    """
    if not inbound.also:
        return
    new = [address for address in (inbound.sender, *inbound.also) if participants.find(uow, address) is None]
    if new:
        uow.alone()  # somebody else could come to have them
    for address in new:
        _add(uow, found, address)
    if inbound.sender in new:
        _go_on_at(uow, found.id, inbound.sender)


def keep_sender(uow: UnitOfWork, inbound: Inbound, participant_id: int) -> Found | None:
    """The sender answers a message in the chat to which we sent it, so the address is this participant's too.

    So somebody who hid their number before they first wrote is known, and written to where they write.
    """
    if found := participants.found_by_id(uow, participant_id):
        _add(uow, found, inbound.sender)
        _go_on_at(uow, found.id, inbound.sender)
    return participants.find(uow, inbound.sender)


def _add(uow: UnitOfWork, found: Found, address: Address) -> None:
    their = {"participant_id": found.id, "kind": address.kind, "found_by": uow.vault.find(address)}
    sealed = found.key.seal(address.value, "address")
    uow.execute(insert(addresses).values(**their, value=sealed, verified=True, main=False))


def _go_on_at(uow: UnitOfWork, participant_id: int, address: Address) -> None:
    """Write to this address of theirs, where they are written to at another of its kind; what waits goes there too."""
    main = (addresses.c.participant_id == participant_id, addresses.c.main, addresses.c.kind == address.kind)
    old = uow.one(select(addresses.c.id).where(*main))
    new = uow.one(select(addresses).where(addresses.c.found_by == uow.vault.find(address)))
    if old is None or new is None:
        return
    uow.execute(update(addresses).where(addresses.c.id == old["id"]).values(main=False))
    uow.execute(update(addresses).where(addresses.c.id == new["id"]).values(main=True))
    waiting = (outbox.c.address_id == old["id"], outbox.c.state.in_(["pending", "held", "aside"]))
    uow.execute(update(outbox).where(*waiting).values(address_id=new["id"], address=new["value"]))


def _go_on_elsewhere(uow: UnitOfWork, terms: Terms, participant: Participant) -> str | None:
    """The kind of channel on which the interview goes on; None where it cannot."""
    interview = participant.interview
    wanted = interview.state not in ENDED and interview.state is not State.COMPLETE
    address = _other_address(uow, terms, participant) if wanted and interview.permits("other channel") else None
    if address is None:
        return None
    moves.relocate(uow, participant, address)
    uow.note("bot", "went on by another channel", participant.code, channel=address.kind)
    happen(uow, terms, participants.by_id(uow, terms, participant.id), Moved(unasked=True))
    return address.kind


def _other_address(uow: UnitOfWork, terms: Terms, participant: Participant) -> Address | None:
    """The other address that they wrote from last, of those that are surely theirs and take messages."""
    theirs = (addresses.c.participant_id == participant.id, addresses.c.id != participant.address_id)
    usable = (addresses.c.verified, addresses.c.closed.is_(None), addresses.c.kind.in_(list(terms.channels)))
    last = (addresses.c.heard_at.desc().nulls_last(), addresses.c.id.desc())
    row = uow.one(select(addresses).where(*theirs, *usable).order_by(*last).limit(1))
    return Address(row["kind"], participant.key.open(row["value"], "address")) if row else None
