"""What only one of several processes may do: one holds it, a dead one's is taken over, and a late one is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from bot.errors import LeaseLost
from bot.messages import Address, Inbound
from bot.records.tables import leases as rows
from bot.records.tables import outbox as outgoing
from bot.records.unit_of_work import UnitOfWork
from bot.service import leases, outbox, outcomes
from bot.service.leases import Lease
from bot.service.mailroom import Inbox
from tests.bot.world import PHONE, World, world

OVER = timedelta(0)
ASK_AFTER = {"sms": timedelta(minutes=2)}


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def end(uow: UnitOfWork, holder: str) -> None:
    """The time of everything that a process holds is over: it has died, or was held up for too long."""
    uow.execute(update(rows).where(rows.c.holder == holder).values(until=uow.database_time() - timedelta(seconds=1)))


def states(study: World) -> list[str]:
    query = select(outgoing.c.state).order_by(outgoing.c.seq)
    return study.program.database.read_now(lambda uow: [row["state"] for row in uow.all(query)])


def test_one_holds_it_until_its_time_is_over_and_the_next_gets_a_higher_token(study: World) -> None:
    assert study.run(leases.take, "listen email", "a") == Lease("listen email", "a", 1)
    assert study.run(leases.take, "listen email", "b") is None
    assert study.run(leases.take, "listen email", "a") == Lease("listen email", "a", 1), "renewed, not taken over"
    study.run(end, "a")
    assert study.run(leases.take, "listen email", "b") == Lease("listen email", "b", 2)
    assert study.run(leases.take, "listen email", "a") is None
    study.run(leases.give_up, "b")
    assert study.run(leases.take, "listen email", "a") == Lease("listen email", "a", 3)


def test_leases_of_processes_that_are_no_more_are_forgotten_and_others_keep_their_token(study: World) -> None:
    for name in ("worker a", "listen email"):
        study.run(leases.take, name, "a", -leases.FORGOTTEN_AFTER * 2)
    study.run(leases.forget_old)
    assert study.count_of(rows, rows.c.name == "worker a") == 0
    assert study.run(leases.take, "listen email", "b") == Lease("listen email", "b", 2)


def test_a_listener_that_lost_its_lease_can_store_nothing_more(study: World) -> None:
    """Neither what came nor how far it was read: the one that listens now reads it itself."""
    study.enrol()
    database, terms = study.program.database, study.program.terms
    said = [Inbound("k1", PHONE, "hello", b"hello")]

    def take(lease: Lease, place: str) -> None:
        asyncio.run(Inbox("sms", database, terms, lease).take(said, place))

    slow = study.run(leases.take, "listen sms", "slow")
    study.run(end, "slow")
    quick = study.run(leases.take, "listen sms", "quick")
    with pytest.raises(LeaseLost):
        take(slow, "far ahead")
    assert study.stored() == 0
    assert asyncio.run(Inbox("sms", database, terms).place()) == ""
    take(quick, "7")
    assert study.stored() == 1
    assert asyncio.run(Inbox("sms", database, terms).place()) == "7"


def test_what_a_dead_process_was_handing_over_is_unknown_and_a_live_ones_is_left_alone(study: World) -> None:
    """Nobody knows whether it left: it is asked about, and never sent again by guess."""
    other = Address("sms", "+447700900124")
    study.run(leases.take, "worker alive", "alive")
    study.run(leases.take, "worker dead", "dead")
    study.enrol()
    (first,) = study.run(outbox.claim, study.program.terms, 64, "alive")
    study.enrol(other)
    study.run(outbox.claim, study.program.terms, 64, "dead")
    assert study.run(outcomes.recover, ASK_AFTER) == 0
    study.run(end, "dead")
    assert study.run(outcomes.recover, ASK_AFTER) == 1
    assert states(study)[0] == "sending"
    assert "unknown" in states(study)
    assert study.claim() == []
    study.run(outcomes.accepted, first.seq, "SM1")
    assert states(study)[0] == "accepted"


def test_a_claim_whose_answer_was_lost_leaves_after_all(study: World) -> None:
    """The process knows that it never handed it over; what it has in hand stays as it is."""
    study.run(leases.take, "worker me", "me")
    study.enrol()
    (lost,) = study.run(outbox.claim, study.program.terms, 64, "me")
    study.run(outcomes.not_handed_over, "me", [lost.seq], study.clock.now)
    study.run(outcomes.not_handed_over, "other", [], study.clock.now)
    study.run(outcomes.not_handed_over, "me", [], study.clock.now - timedelta(seconds=1))  # it was claimed since
    assert states(study)[0] == "sending"
    study.run(outcomes.not_handed_over, "me", [], study.clock.now)
    assert [one.seq for one in study.claim()] == [lost.seq]


def test_it_is_known_how_many_live_that_send(study: World) -> None:
    assert study.run(leases.alive) == 0
    for holder in ("a", "b"):
        study.run(leases.take, str(leases.worker(holder)), holder)
    study.run(leases.take, "listen email", "a")
    assert study.run(leases.alive) == 2
    study.run(end, "b")
    assert study.run(leases.alive) == 1
