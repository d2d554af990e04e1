"""What leaves: one at a time for each person, in order, never twice, never blindly again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from bot.channel import Channel
from bot.errors import NotSent, Refused
from bot.interview.events import Send
from bot.interview.schedule import Wording
from bot.messages import Address, Delivery, DeliveryUpdate, Inbound
from bot.records import participants, tables
from bot.service import conversations, handovers, intake, invitations, moves, outbox, outcomes
from bot.service.outbox import Claimed
from tests.bot.world import PHONE, Post, World, world


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
        study.run(outcomes.accepted, one.seq, f"SM{one.seq}")
        sent.append(one.message.body)
    assert sent == [entry.body for entry in study.record(code).entries]


def test_a_receipt_wakes_the_sender_where_another_message_of_the_person_waits_and_only_there(study: World) -> None:
    heard: list[frozenset[str]] = []
    study.enrol(wording=Wording.STANDARD)
    end = study.program.database.listen(heard.append)
    woken = []
    while claimed := claim(study):
        heard.clear()
        study.run(outcomes.accepted, claimed[0].seq, f"SM{claimed[0].seq}")
        study.run(lambda uow: None)  # the listeners of the commit before it have been told by now
        woken.append("outbox" in frozenset().union(*heard))
    end()
    assert len(woken) > 1
    assert woken == [True] * (len(woken) - 1) + [False]


def test_messages_of_different_people_do_not_wait_for_each_other(study: World) -> None:
    for number in range(5):
        study.enrol(Address("sms", f"+44770090010{number}"))
    assert len({one.message.to.value for one in claim(study)}) == 5


def test_where_a_provider_may_overtake_itself_the_next_waits_until_this_one_is_sent(study: World) -> None:
    study.enrol(wording=Wording.STANDARD)
    (first,) = claim(study, ordered=True)
    study.run(outcomes.accepted, first.seq, "SM1")
    assert claim(study, ordered=True) == []
    news = DeliveryUpdate("SM1", Delivery.SENT, first.message.id)
    study.run(outcomes.update_delivery, study.program.terms, news)
    assert len(claim(study, ordered=True)) == 1


def test_those_who_wait_so_hold_up_nobody_else(study: World) -> None:
    for number in range(3):
        study.enrol(Address("sms", f"+44770090001{number}"), wording=Wording.STANDARD)
    for first in claim(study, ordered=True):
        study.run(outcomes.accepted, first.seq, f"SM{first.seq}")
    study.enrol(Address("sms", "+447700900099"), wording=Wording.STANDARD)
    found = [one for _ in range(2) for one in study.run(outbox.claim, study.program.terms, 3)]
    assert [one.message.to.value for one in found] == ["+447700900099"]


def test_it_does_not_wait_for_ever_for_that(study: World) -> None:
    study.enrol(wording=Wording.STANDARD)
    (first,) = claim(study, ordered=True)
    study.run(outcomes.accepted, first.seq, "SM1")
    study.clock.forward(seconds=4)
    assert len(claim(study, ordered=True)) == 1


def test_what_did_not_leave_is_tried_again_later_each_time_and_brings_a_person(study: World) -> None:
    study.enrol()
    waits = []
    for _ in range(7):
        (one,) = claim(study)
        study.run(outcomes.not_sent, study.program.terms, one, NotSent("Twilio could not be reached."))
        start = study.clock.now
        while not (again := study.run(outbox.claim, study.program.terms, 1)):
            study.clock.forward(seconds=1)
        waits.append((study.clock.now - start).total_seconds())
        study.run(outcomes.not_sent, study.program.terms, again[0], NotSent("again"))
        study.clock.forward(minutes=6)
    assert waits[0] == 1
    assert waits == sorted(waits)
    assert max(waits) <= 300
    assert study.open_tasks() == ["cannot send"]


def test_a_mail_that_its_server_puts_off_for_two_days_ends_as_not_delivered_with_a_task(tmp_path: Path) -> None:
    """Nor is a mail given up because our own line was down."""
    address = Address("email", "sam@example.org")
    with world(tmp_path, {"email": Post("email", patience=timedelta(hours=48))}, pace={"quiet_hours": 0}) as study:
        code = study.enrol(address)
        study.says("HELP", address)
        (first,) = study.claim()
        study.run(outcomes.not_sent, study.program.terms, first, NotSent("There is no line."))
        study.clock.forward(hours=60)
        began, tries = study.clock.now, 0
        while (mail := study.claim()) and mail[0].seq == first.seq:
            study.run(outcomes.not_sent, study.program.terms, mail[0], NotSent("Later.", code="4.2.2"))
            tries += 1
            study.clock.forward(minutes=6)
        assert timedelta(hours=48) <= study.clock.now - began < timedelta(hours=49)
        assert tries > 400
        assert states(study, code)[0] == "could not be delivered"
        assert "not delivered" in study.open_tasks()
        assert len(mail) == 1, "what comes after it may leave"


def test_a_provider_that_says_when_is_believed(study: World) -> None:
    study.enrol()
    (one,) = claim(study)
    study.run(outcomes.not_sent, study.program.terms, one, NotSent("slow down", retry_after=timedelta(seconds=40)))
    study.clock.forward(seconds=39)
    assert claim(study) == []
    study.clock.forward(seconds=1)
    assert len(claim(study)) == 1


def test_a_refused_message_is_not_fought_and_a_person_sees_it(study: World) -> None:
    code = study.enrol()
    (one,) = claim(study)
    study.run(outcomes.refused, study.program.terms, one, Refused("this is not a phone number", code="21211"))
    assert states(study, code)[0] == "refused by the provider"
    assert study.open_tasks() == ["message refused"]


def test_somebody_who_blocked_us_has_stopped_and_nothing_more_leaves(study: World) -> None:
    code = study.enrol(wording=Wording.STANDARD)
    (one,) = claim(study)
    study.run(outcomes.refused, study.program.terms, one, Refused("opted out", code="21610", opted_out=True))
    assert study.record(code).row.state == "Stopped messages"
    study.clock.forward(days=2)
    assert claim(study) == []
    kept = {"not sent: it was not wanted any more", "set aside until the service speaks again"}
    assert set(states(study, code)[1:]) == kept, "what they have not been told yet waits for a READY"


def test_a_status_that_says_opted_out_stops_them_too(study: World) -> None:
    code = study.enrol()
    (one,) = claim(study)
    news = DeliveryUpdate("SM1", Delivery.FAILED, one.message.id, "21610", "they sent STOP", opted_out=True)
    study.run(outcomes.update_delivery, study.program.terms, news)
    assert study.record(code).row.state == "Stopped messages"


def test_an_unknown_message_holds_back_the_next_until_the_provider_was_asked(study: World) -> None:
    study.enrol(wording=Wording.STANDARD)
    (one,) = claim(study)
    study.run(outcomes.unknown, one.seq, timedelta(minutes=2))
    assert claim(study) == []
    assert study.run(outcomes.doubtful, study.program.terms) == [], "not yet: a late answer may settle it"
    study.clock.forward(minutes=2)
    (asked,) = study.run(outcomes.doubtful, study.program.terms)
    assert asked.message.id == one.message.id
    study.run(outcomes.accepted, asked.seq, "SM1")
    assert len(claim(study)) == 1


def test_an_unknown_message_that_surely_did_not_leave_is_sent_again(study: World) -> None:
    study.enrol()
    (one,) = claim(study)
    study.run(outcomes.unknown, one.seq, timedelta())
    study.run(outcomes.surely_not_sent, one.seq)
    (again,) = claim(study)
    assert again.message.id == one.message.id
    assert again.attempts == 2


def test_an_unknown_message_that_nobody_can_ask_about_is_for_a_person_and_never_sent_again(study: World) -> None:
    code = study.enrol(wording=Wording.STANDARD)
    (one,) = claim(study)
    study.run(outcomes.unknown, one.seq, timedelta())
    study.run(outcomes.cannot_tell, one.seq)
    study.clock.forward(minutes=21)
    study.run(outcomes.cannot_tell, one.seq)
    assert study.open_tasks() == ["message unknown"]
    assert states(study, code)[0] == "nobody knows whether it arrived"
    (following,) = claim(study)
    assert following.seq > one.seq, "the rest of the interview is not held up by it"


def test_a_late_status_settles_an_unknown_message(study: World) -> None:
    code = study.enrol()
    (one,) = claim(study)
    study.run(outcomes.unknown, one.seq, timedelta(minutes=2))
    news = DeliveryUpdate("SM1", Delivery.DELIVERED, one.message.id)
    study.run(outcomes.update_delivery, study.program.terms, news)
    study.clock.forward(minutes=5)
    assert study.run(outcomes.doubtful, study.program.terms) == []
    assert states(study, code)[0] == "delivered"


def test_a_text_that_was_lost_is_not_taken_for_the_one_before_with_the_same_words(study: World) -> None:
    """Twilio is asked for what has the same words, and is told which of those we know already."""
    study.consented()
    study.says("HELP")
    (first,) = claim(study)
    study.run(outcomes.accepted, first.seq, "SM1")
    study.says("HELP")
    (second,) = claim(study)
    assert second.message.body == first.message.body
    study.run(outcomes.unknown, second.seq, timedelta())
    (asked,) = study.run(outcomes.doubtful, study.program.terms)
    assert "SM1" in asked.message.earlier
    study.run(outcomes.accepted, second.seq, "SM1")
    assert study.count_of(tables.outbox, tables.outbox.c.seq == second.seq, tables.outbox.c.state == "unknown") == 1
    study.clock.forward(minutes=2)
    assert len(study.run(outcomes.doubtful, study.program.terms)) == 1, "it is asked about again"


def test_a_receipt_given_for_two_messages_is_believed_for_the_first(study: World) -> None:
    study.enrol()
    study.enrol(Address("sms", "+447700900124"))
    first, second = claim(study)
    study.run(outcomes.accepted, first.seq, "SM1")
    study.run(outcomes.accepted, second.seq, "SM1")
    unknown = study.count_of(tables.outbox, tables.outbox.c.seq == second.seq, tables.outbox.c.state == "unknown")
    assert unknown == 1


def test_what_a_killed_process_was_sending_is_unknown_and_not_sent_again(study: World) -> None:
    study.enrol()
    claim(study)
    assert study.run(outcomes.recover, {"sms": timedelta(minutes=2)}) == 1
    assert claim(study) == []
    assert study.run(outcomes.recover, {}) == 0


def test_what_is_in_doubt_on_a_channel_that_is_set_up_no_more_holds_up_nothing_for_ever(tmp_path: Path) -> None:
    channels: dict[str, Channel] = {"sms": Post("sms"), "email": Post("email")}
    with world(tmp_path, channels) as study:
        code = study.consented()
        study.says("First")
        study.says("DONE")
        (question,) = study.claim()
        del channels["sms"]  # killed, and started again without it
        study.run(outcomes.recover, {"email": timedelta()})
        assert study.open_tasks() == ["message unknown"]
        study.run(moves.move, study.program.terms, code, "email", "sam@mail.example", "Kim")
        assert question.message.body in study.leave()


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


# Not wanted any more


def in_flight(study: World) -> Claimed:
    """Somebody's first question, which the provider has and has not answered for."""
    study.consented()
    study.says("First")
    study.says("DONE")
    (one,) = study.claim()
    return one


def test_a_question_that_did_not_leave_before_a_stop_never_leaves(study: World) -> None:
    one = in_flight(study)
    study.says("STOP")
    study.run(outcomes.not_sent, study.program.terms, one, NotSent("The provider could not be reached."))
    study.clock.forward(minutes=10)
    (only,) = study.leave()
    assert only.startswith("We have stopped all automatic messages")


def test_an_unknown_question_that_did_not_leave_is_not_sent_while_a_researcher_speaks(study: World) -> None:
    one = in_flight(study)
    study.run(outcomes.unknown, one.seq, timedelta(minutes=2))
    study.run(handovers.take_over, study.program.terms, "SW01", "Ann")
    study.clock.forward(minutes=3)
    study.run(outcomes.surely_not_sent, one.seq)
    assert study.leave() == []


def test_what_the_provider_has_spoken_of_is_never_sent_again(study: World) -> None:
    """A status came while the answer to the request was still awaited, and then that answer was lost."""
    one = in_flight(study)
    news = DeliveryUpdate("SM9", Delivery.ACCEPTED, outbound_id=one.message.id)
    study.run(outcomes.update_delivery, study.program.terms, news)
    study.run(outcomes.unknown, one.seq, timedelta(minutes=2))
    study.clock.forward(minutes=3)
    assert study.run(outcomes.doubtful, study.program.terms) == []
    study.run(outcomes.surely_not_sent, one.seq)
    study.run(outcomes.not_sent, study.program.terms, one, NotSent("The connection broke."))
    assert study.leave() == []


def test_what_arrived_after_all_is_not_sent_again(study: World) -> None:
    """Twilio's list did not have it yet, and the news of it comes before the second try."""
    study.consented()
    study.says("First")
    study.says("DONE")
    (claimed,) = study.claim()
    study.run(outcomes.unknown, claimed.seq, timedelta())
    study.run(outcomes.surely_not_sent, claimed.seq)
    arrived = DeliveryUpdate("SM7", Delivery.DELIVERED, claimed.message.id)
    assert study.run(outcomes.update_delivery, study.program.terms, arrived)
    assert study.leave() == []
    study.says("I have got it")
    assert claimed.message.body not in study.leave()


def test_information_that_a_person_was_promised_is_not_lost_when_they_ask_for_a_person(study: World) -> None:
    """Nobody is asked whether they have read what was never sent."""
    code = study.enrol(wording=Wording.STANDARD)
    (first,) = study.claim()
    study.run(outcomes.accepted, first.seq, "SM1")
    study.says("PERSON")
    assert [said[:10] for said in study.leave()] == ["Thank you."], "only that a person will come"
    study.run(handovers.hand_back, study.program.terms, code, "Ann")
    said = study.leave()
    assert any("We keep your name and number apart" in words for words in said)
    assert said[-1].startswith("I have read or heard the information")
    assert len([words for words in said if words.startswith("I have read or heard")]) == 1, "asked once"


# Where the provider lets us write only for a while


@pytest.fixture
def windowed(tmp_path: Path) -> Iterator[World]:
    approved = frozenset({"template-reopen"})
    with world(tmp_path, {"whatsapp": Post("whatsapp", window=timedelta(hours=24), templates=approved)}) as made:
        yield made


NUMBER = Address("whatsapp", "+447700900123")


def test_outside_the_window_an_approved_text_goes_first_and_the_question_follows_the_reply(windowed: World) -> None:
    study = windowed
    code = study.enrol(NUMBER)
    (template,) = next(claimed for _ in range(20) if (claimed := study.claim()))
    assert template.message.template is not None
    assert template.message.template.key == "template-reopen"
    assert "We have a message ready for you" in template.message.body
    study.run(outcomes.accepted, template.seq, "SM1")
    assert study.leave() == [], "and it is sent once"
    study.says("Yes", NUMBER)
    said = study.leave()
    assert said[0].startswith("Hello Sam")
    assert said[-1].endswith("YES or NO?")
    assert study.record(code).row.place.startswith("Statement 1 "), "the yes was to the template, not to a statement"


def test_whoever_is_unknown_hears_so_as_they_have_just_written(windowed: World) -> None:
    windowed.says("Hello?", NUMBER)
    (said,) = windowed.leave()
    assert "We do not have this number or address on our list." in said


def test_whoever_joins_has_just_written_and_is_welcomed_at_once(windowed: World) -> None:
    group, soon = invitations.Group("social-workers"), windowed.clock.now + timedelta(days=1)
    (code,) = windowed.run(invitations.make, windowed.program.rules, group, 1, soon, "Kim")
    windowed.says(f"JOIN {code}", NUMBER)
    said = windowed.leave()
    assert len(said) > 1
    assert not any("message ready for you" in each for each in said)


def test_inside_the_window_nothing_is_held_and_at_its_end_it_begins_anew(windowed: World) -> None:
    study = windowed
    study.enrol(NUMBER)
    study.leave()
    study.says("yes", NUMBER)
    for _ in study.program.schedules[("social-workers", "en")].statements:
        study.leave()
        study.says("yes", NUMBER)
    study.leave()
    study.says("First", NUMBER)
    study.clock.forward(hours=23, minutes=55)
    study.run(conversations.wake, study.program.terms)
    assert study.claim() == []
    (claimed,) = study.claim()
    assert claimed.message.template is not None
    study.run(outcomes.accepted, claimed.seq, "SM1")
    study.says("yes", NUMBER)
    assert len(study.leave()) == 1


def test_without_an_approved_text_a_person_is_told_and_nothing_fails_in_silence(tmp_path: Path) -> None:
    with world(tmp_path, {"whatsapp": Post("whatsapp", window=timedelta(hours=24))}) as study:
        study.enrol(NUMBER)
        assert study.leave() == []
        assert study.open_tasks() == ["no approved text"]
        study.says("Hello", NUMBER)
        assert len(study.leave()) > 2, "what waited leaves once they write"


def test_two_programs_do_not_talk_to_each_other_for_long(tmp_path: Path) -> None:
    with world(tmp_path, {"sms": Post("sms", most_an_hour=20)}) as study:
        study.enrol()
        sent = 0
        for _ in range(100):
            study.says("HELP")
            sent += len(study.leave())
        assert sent == 20
        assert "too many messages" in study.open_tasks()
        study.clock.forward(hours=2)
        assert study.leave() == [], "a reply that is hours late is unasked, and there were enough of those today"
        study.clock.forward(days=1)
        assert study.leave()


def test_a_message_that_cannot_be_read_any_more_holds_up_nobody_else(study: World) -> None:
    study.enrol()
    study.enrol(Address("sms", "+447700900124"))
    damage = update(tables.messages).where(tables.messages.c.id == 1).values(body=b"damaged, and no longer readable")
    study.run(lambda uow: uow.execute(damage))
    assert len(study.claim()) == 1
    assert study.open_tasks() == ["message refused"]


def test_a_message_that_is_found_late_opens_the_window_from_when_it_was_written(windowed: World) -> None:
    """As where the program was off since Friday: the provider would refuse each first reply."""
    study = windowed
    study.consented(NUMBER)
    study.clock.forward(days=3)
    for hours, reply in ((30, "message ready for you"), (20, "You can send")):
        words = Inbound(f"SM-{hours}", NUMBER, "HELP", b"", study.clock.now - timedelta(hours=hours), found=True)
        study.run(intake.receive, study.program.terms, words)
        said = [*study.leave(), *study.leave()]
        assert reply in said[0], hours


def test_a_provider_that_says_the_window_has_closed_is_believed(windowed: World) -> None:
    study = windowed
    study.enrol(NUMBER)
    study.leave()
    study.says("yes", NUMBER)
    (first, *_) = study.claim()
    study.run(outcomes.refused, study.program.terms, first, Refused("outside the window", outside_window=True))
    (template,) = next(claimed for _ in range(20) if (claimed := study.claim()))
    assert template.message.template is not None
    study.run(outcomes.accepted, template.seq, "SM1")
    assert study.leave() == []
    study.says("yes", NUMBER)
    assert study.leave()[0] == first.message.body, "it follows, first of all"
    assert study.open_tasks() == []


def _opened(study: World) -> outbox.Claimed:
    """The approved text, which is answered; what waited for that has left."""
    study.enrol(NUMBER)
    (template,) = next(claimed for _ in range(20) if (claimed := study.claim()))
    study.run(outcomes.accepted, template.seq, "SM1")
    study.clock.forward(minutes=1)
    study.says("yes", NUMBER)
    study.leave()
    return template


def _templates(study: World) -> int:
    """How many approved texts leave now."""
    claimed = [one for _ in range(5) for one in study.claim()]
    return sum(one.message.template is not None for one in claimed)


def test_a_provider_that_says_the_window_has_closed_is_believed_also_after_an_earlier_one(windowed: World) -> None:
    """As where what they wrote was fetched hours later, so that the window closes before we expect it."""
    study = windowed
    _opened(study)
    study.clock.forward(hours=20)
    study.says("AGAIN", NUMBER)
    (again,) = study.claim()
    study.run(outcomes.refused, study.program.terms, again, Refused("outside the window", outside_window=True))
    assert _templates(study) == 1
    assert _templates(study) == 0, "and it is sent once"


def test_an_approved_text_goes_again_also_where_news_of_the_last_one_came_after_its_reply(windowed: World) -> None:
    study = windowed
    template = _opened(study)
    study.clock.forward(seconds=1)
    read = DeliveryUpdate("SM1", Delivery.READ, template.message.id)
    study.run(outcomes.update_delivery, study.program.terms, read)
    study.clock.forward(days=6)
    study.run(conversations.wake, study.program.terms)
    assert _templates(study) == 1, "the reminder waits for it"


def _answered(study: World) -> outbox.Claimed:
    """The second question, on its way to somebody on WhatsApp."""
    study.enrol(NUMBER)
    study.says("Hello", NUMBER)
    for _ in study.program.schedules[("social-workers", "en")].statements:
        study.leave()
        study.says("yes", NUMBER)
    study.leave()
    study.says("An answer", NUMBER)
    study.says("DONE", NUMBER)
    (question,) = study.claim()
    return question


def _closed(question: outbox.Claimed) -> DeliveryUpdate:
    return DeliveryUpdate("SM1", Delivery.FAILED, question.message.id, code="63016", outside_window=True)


def test_a_second_copy_of_a_closed_window_sends_nothing_twice(windowed: World) -> None:
    question = _answered(windowed)
    windowed.run(outcomes.accepted, question.seq, "SM1")
    windowed.run(outcomes.update_delivery, windowed.program.terms, _closed(question))
    windowed.leave()
    windowed.leave()
    windowed.clock.forward(minutes=5)
    windowed.says("Here I am", NUMBER)
    assert windowed.leave().count(question.message.body) == 1
    windowed.run(outcomes.update_delivery, windowed.program.terms, _closed(question))
    windowed.says("And more", NUMBER)
    assert windowed.leave() + windowed.leave() == []


def test_a_closed_window_that_is_told_before_the_receipt_loses_nothing(windowed: World) -> None:
    question = _answered(windowed)
    windowed.run(outcomes.update_delivery, windowed.program.terms, _closed(question))
    windowed.run(outcomes.accepted, question.seq, "SM1")
    windowed.leave()
    windowed.leave()
    windowed.clock.forward(minutes=5)
    windowed.says("Here I am", NUMBER)
    assert question.message.body in windowed.leave()


@pytest.mark.parametrize("at_once", [True, False], ids=["refused at once", "told later"])
def test_a_template_that_opens_no_window_is_seen_by_a_person(windowed: World, at_once: bool) -> None:
    """Twilio says 63016 also of a template that is not approved, or of a kind that cannot open a conversation."""
    terms, code = windowed.program.terms, windowed.enrol(NUMBER)
    (template,) = next(claimed for _ in range(20) if (claimed := windowed.claim()))
    if at_once:
        windowed.run(outcomes.refused, terms, template, Refused("63016", outside_window=True))
    else:
        windowed.run(outcomes.accepted, template.seq, "SM1")
        windowed.run(outcomes.update_delivery, terms, _closed(template))
    assert windowed.open_tasks() == ["message refused" if at_once else "not delivered"]
    assert windowed.count_of(tables.outbox, tables.outbox.c.state == "sending") == 0, "nothing is on its way for ever"
    windowed.run(lambda uow: conversations.send_all(uow, terms, participants.named(uow, terms, code), [Send("More")]))
    (again,) = next(claimed for _ in range(20) if (claimed := windowed.claim()))
    assert again.message.template is not None, "once it is mended they are asked with the next message"


def test_a_closed_window_that_is_told_after_a_stop_brings_no_template(windowed: World) -> None:
    question = _answered(windowed)
    windowed.run(outcomes.accepted, question.seq, "SM1")
    windowed.says("STOP", NUMBER)
    windowed.leave()
    windowed.run(outcomes.update_delivery, windowed.program.terms, _closed(question))
    assert windowed.leave() + windowed.leave() == []


def test_a_doubtful_message_whose_key_is_gone_holds_up_nobody_elses(study: World) -> None:
    other = Address("sms", "+447700900124")
    study.enrol()
    study.enrol(other)
    for claimed in study.claim():
        study.run(outcomes.unknown, claimed.seq, timedelta())
    gone = select(tables.outbox.c.key_id).order_by(tables.outbox.c.seq).limit(1).scalar_subquery()
    study.run(
        lambda uow: uow.execute(update(tables.data_keys).where(tables.data_keys.c.id == gone).values(wrapped=None))
    )
    (claimed,) = study.program.database.read_now(outcomes.doubtful, study.program.terms)
    assert claimed.message.to == other
