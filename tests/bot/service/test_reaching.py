"""An address that takes nothing any more: a task, and another way only where the person said that we may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.errors import Refused
from bot.messages import Address, Delivery, DeliveryUpdate, Reach
from bot.service import intake, moves, outcomes
from tests.bot.world import PHONE, Post, World, world

MAIL = Address("email", "sam@mail.example")


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, {"sms": Post("sms"), "email": Post("email")}) as made:
        yield made


def moved(study: World, *, permitted: bool = True) -> str:
    """Somebody who began by text, and takes part by email now; their code."""
    code = study.enrol()
    for statement in study.program.schedules[("social-workers", "en")].statements:
        study.leave()
        study.says("yes" if permitted or statement.permits is None else "no")
    study.leave()
    study.run(moves.move, study.program.terms, code, "email", MAIL.value, "Kim")
    study.leave()
    return code


def closed(study: World, address: Address) -> None:
    study.run(intake.reach, study.program.terms, Reach(address, "the mailbox is gone"))


def sent(study: World) -> list[tuple[str, str]]:
    """Where what leaves now goes, and how it begins."""
    found = []
    while claimed := study.claim():
        for one in claimed:
            study.run(outcomes.accepted, one.seq, f"SM{one.seq}")
            found.append((one.message.to.kind, one.message.body[:60]))
    return found


def test_the_interview_goes_on_where_the_person_said_it_may(study: World) -> None:
    code = moved(study)
    position = study.record(code).row.position
    closed(study, MAIL)
    told, question = sent(study)
    assert told == ("sms", "We could not reach you the other way. You said we may try an")
    assert question[0] == "sms"
    assert study.record(code).row.position == position, "they keep their place"
    assert "address closed" in study.open_tasks()
    study.says("I answer here then.")
    assert "I answer here then." in study.heard(code)


def test_without_that_yes_a_person_sees_to_it_and_nothing_is_tried(study: World) -> None:
    moved(study, permitted=False)
    closed(study, MAIL)
    assert sent(study) == []
    assert "address closed" in study.open_tasks()


def test_it_is_told_once_and_never_goes_round_in_circles(study: World) -> None:
    moved(study)
    closed(study, MAIL)
    closed(study, MAIL)
    assert len(sent(study)) == 2
    closed(study, PHONE)
    assert sent(study) == [], "both ways are closed"


def test_a_refusal_and_a_failed_delivery_count_as_much(study: World) -> None:
    code = moved(study)
    study.says("My answer.", MAIL)
    (question,) = study.claim()
    study.run(outcomes.refused, study.program.terms, question, Refused("No such mailbox.", code="5.1.1", closed=True))
    told, again = sent(study)
    assert (told[0], again) == ("sms", ("sms", question.message.body[:60])), "what was refused is asked there"
    study.says("Another answer.")
    study.says("DONE")
    (question,) = study.claim()
    study.run(outcomes.accepted, question.seq, "SM1")
    news = DeliveryUpdate("SM1", Delivery.FAILED, question.message.id, closed=True)
    study.run(outcomes.update_delivery, study.program.terms, news)
    assert sent(study) == [], "the mailbox is closed, so there is no other way left"
    assert study.record(code).row.state == "Answering"


def test_whoever_stopped_is_not_followed_to_another_address(study: World) -> None:
    moved(study)
    study.says("STOP", MAIL)
    sent(study)
    closed(study, MAIL)
    assert sent(study) == []


def test_a_message_from_the_closed_address_opens_it_again(study: World) -> None:
    moved(study, permitted=False)
    closed(study, MAIL)
    study.says("Here I am again.", MAIL)
    study.says("DONE", MAIL)
    assert {kind for kind, _ in sent(study)} == {"email"}
