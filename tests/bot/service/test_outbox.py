"""What leaves: one at a time for each person, in order, never twice, never blindly again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import NotSent, Refused
from bot.interview.schedule import Wording
from bot.messages import Address, Delivery, DeliveryUpdate, Inbound
from bot.service import intake, outbox
from bot.service.outbox import Claimed
from tests.bot.world import PHONE, World, world


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def claim(study: World, ordered: bool = False) -> list[Claimed]:
    study.program.channels["sms"].waits_for_sent = ordered
    return study.claim()


def says(study: World, words: str, sender: Address = PHONE) -> None:
    key = f"AC1/{words}/{sender.value}/{study.clock.now}"
    study.run(intake.receive, study.program.terms, Inbound(key, sender, words, words.encode()))


def states(study: World, code: str) -> list[str]:
    return [entry.delivery for entry in study.record(code).entries if not entry.incoming]


def test_messages_of_one_person_leave_one_at_a_time_and_in_order(study: World) -> None:
    code = study.enrol(wording=Wording.STANDARD)
    sent = []
    while claimed := claim(study):
        (one,) = claimed
        assert claim(study) == [], "nothing more while one is in flight"
        study.run(outbox.accepted, one.seq, f"SM{one.seq}")
        sent.append(one.message.body)
    assert sent == [entry.body for entry in study.record(code).entries]


def test_messages_of_different_people_do_not_wait_for_each_other(study: World) -> None:
    for number in range(5):
        study.enrol(Address("sms", f"+44770090010{number}"))
    assert len({one.message.to.value for one in claim(study)}) == 5


def test_where_a_provider_may_overtake_itself_the_next_waits_until_this_one_is_sent(study: World) -> None:
    study.enrol(wording=Wording.STANDARD)
    (first,) = claim(study, ordered=True)
    study.run(outbox.accepted, first.seq, "SM1")
    assert claim(study, ordered=True) == []
    news = DeliveryUpdate("SM1", Delivery.SENT, first.message.id)
    study.run(outbox.update_delivery, study.program.terms, news)
    assert len(claim(study, ordered=True)) == 1


def test_it_does_not_wait_for_ever_for_that(study: World) -> None:
    study.enrol(wording=Wording.STANDARD)
    (first,) = claim(study, ordered=True)
    study.run(outbox.accepted, first.seq, "SM1")
    study.clock.forward(seconds=4)
    assert len(claim(study, ordered=True)) == 1


def test_what_did_not_leave_is_tried_again_later_each_time_and_brings_a_person(study: World) -> None:
    study.enrol()
    waits = []
    for _ in range(7):
        (one,) = claim(study)
        study.run(outbox.not_sent, one, NotSent("Twilio could not be reached."))
        start = study.clock.now
        while not (again := study.run(outbox.claim, study.program.terms, 1)):
            study.clock.forward(seconds=1)
        waits.append((study.clock.now - start).total_seconds())
        study.run(outbox.not_sent, again[0], NotSent("again"))
        study.clock.forward(minutes=6)
    assert waits[0] == 1
    assert waits == sorted(waits)
    assert max(waits) <= 300
    assert study.open_tasks() == ["cannot send"]


def test_a_provider_that_says_when_is_believed(study: World) -> None:
    study.enrol()
    (one,) = claim(study)
    study.run(outbox.not_sent, one, NotSent("slow down", retry_after=timedelta(seconds=40)))
    study.clock.forward(seconds=39)
    assert claim(study) == []
    study.clock.forward(seconds=1)
    assert len(claim(study)) == 1


def test_a_refused_message_is_not_fought_and_a_person_sees_it(study: World) -> None:
    code = study.enrol()
    (one,) = claim(study)
    study.run(outbox.refused, study.program.terms, one, Refused("this is not a phone number", code="21211"))
    assert states(study, code)[0] == "refused by the provider"
    assert study.open_tasks() == ["message refused"]


def test_somebody_who_blocked_us_has_stopped_and_nothing_more_leaves(study: World) -> None:
    code = study.enrol(wording=Wording.STANDARD)
    (one,) = claim(study)
    study.run(outbox.refused, study.program.terms, one, Refused("opted out", code="21610", opted_out=True))
    assert study.record(code).row.state == "Stopped messages"
    study.clock.forward(days=2)
    assert claim(study) == []
    assert set(states(study, code)[1:]) == {"not sent: it was not wanted any more"}


def test_a_status_that_says_opted_out_stops_them_too(study: World) -> None:
    code = study.enrol()
    (one,) = claim(study)
    news = DeliveryUpdate("SM1", Delivery.FAILED, one.message.id, "21610", "they sent STOP", opted_out=True)
    study.run(outbox.update_delivery, study.program.terms, news)
    assert study.record(code).row.state == "Stopped messages"


def test_an_unknown_message_holds_back_the_next_until_the_provider_was_asked(study: World) -> None:
    study.enrol(wording=Wording.STANDARD)
    (one,) = claim(study)
    study.run(outbox.unknown, one.seq, timedelta(minutes=2))
    assert claim(study) == []
    assert study.run(outbox.doubtful, study.program.terms) == [], "not yet: a late answer may settle it"
    study.clock.forward(minutes=2)
    (asked,) = study.run(outbox.doubtful, study.program.terms)
    assert asked.message.id == one.message.id
    study.run(outbox.accepted, asked.seq, "SM1")
    assert len(claim(study)) == 1


def test_an_unknown_message_that_surely_did_not_leave_is_sent_again(study: World) -> None:
    study.enrol()
    (one,) = claim(study)
    study.run(outbox.unknown, one.seq, timedelta())
    study.run(outbox.surely_not_sent, one.seq)
    (again,) = claim(study)
    assert again.message.id == one.message.id
    assert again.attempts == 2


def test_an_unknown_message_that_nobody_can_ask_about_is_for_a_person_and_never_sent_again(study: World) -> None:
    code = study.enrol(wording=Wording.STANDARD)
    (one,) = claim(study)
    study.run(outbox.unknown, one.seq, timedelta())
    study.run(outbox.cannot_tell, one.seq)
    study.clock.forward(minutes=21)
    study.run(outbox.cannot_tell, one.seq)
    assert study.open_tasks() == ["message unknown"]
    assert states(study, code)[0] == "nobody knows whether it arrived"
    (following,) = claim(study)
    assert following.seq > one.seq, "the rest of the interview is not held up by it"


def test_a_late_status_settles_an_unknown_message(study: World) -> None:
    code = study.enrol()
    (one,) = claim(study)
    study.run(outbox.unknown, one.seq, timedelta(minutes=2))
    news = DeliveryUpdate("SM1", Delivery.DELIVERED, one.message.id)
    study.run(outbox.update_delivery, study.program.terms, news)
    study.clock.forward(minutes=5)
    assert study.run(outbox.doubtful, study.program.terms) == []
    assert states(study, code)[0] == "delivered"


def test_what_a_killed_process_was_sending_is_unknown_and_not_sent_again(study: World) -> None:
    study.enrol()
    claim(study)
    assert study.run(outbox.recover, {"sms": timedelta(minutes=2)}) == 1
    assert claim(study) == []
    assert study.run(outbox.recover, {}) == 0


def test_a_stop_takes_back_what_has_not_left(study: World) -> None:
    code = study.enrol(wording=Wording.STANDARD)
    claim(study)
    says(study, "STOP")
    waiting = [entry.body for entry in study.record(code).entries if entry.delivery == "waiting to leave"]
    assert len(waiting) == 1, "only that it has stopped"


def test_what_waits_for_the_morning_leaves_when_the_person_writes(study: World) -> None:
    study.clock.forward(hours=10)  # 22:00
    study.enrol()
    assert claim(study) == []
    says(study, "hello?")
    assert len(claim(study)) == 1


def test_what_waits_for_the_morning_leaves_in_the_morning(study: World) -> None:
    study.clock.forward(hours=10)
    study.enrol()
    study.clock.forward(hours=10, minutes=59)
    assert claim(study) == []
    study.clock.forward(minutes=1)
    assert len(claim(study)) == 1
