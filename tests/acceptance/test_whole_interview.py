"""Whole interviews by text and by WhatsApp, from the welcome to the thank-you."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import prompts
from bot.interview.schedule import Schedule, Wording
from tests.rig import ROOT
from tests.rig.participant import Participant
from tests.rig.study import Study
from tests.rig.twilio_emulator import Emulator, emulator


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Study, Emulator]]:
    study = Study.on_either(tmp_path_factory.mktemp("study"))
    with emulator(f"{study.url}/webhooks/twilio/messages") as network:
        study.configure(api=network.url)
        study.start()
        try:
            yield study, network
        finally:
            study.stop()


def script(schedule: Schedule) -> dict[str, list[str]]:
    """Answers of one to three messages each, none like another, with the characters that people write."""
    return {
        question.id: [
            f"About {question.id}, part {part}: it’s £{number} – “fine” \U0001f642\nI can't stop, skip or go back."
            for part in range(number % 3 + 1)
        ]
        for number, question in enumerate(schedule.questions)
    }


def converse(network: Emulator, person: Participant, seconds: float = 120) -> None:
    """Carry texts between the person and the service until the person is thanked."""
    carried: set[str] = set()
    end = time.monotonic() + seconds
    while not person.thanked:
        assert time.monotonic() < end, f"nothing more came after {person.asked}"
        texts = network.texts(To=person.phone)
        for text in texts:
            if text["sid"] not in carried:
                carried.add(text["sid"])
                network.becomes(text["sid"], "delivered")
        replies = person.replies([text["body"] or "" for text in texts])
        for reply in replies:
            network.text(person.phone, reply)
        if not replies:
            time.sleep(0.05)


def answer_template(network: Emulator, phone: str) -> None:
    """WhatsApp takes only an approved text to somebody who has not written; they say that they want the rest."""
    end = time.monotonic() + 30
    while not network.texts(To=phone):
        assert time.monotonic() < end, "no approved text came"
        time.sleep(0.05)
    assert len(network.texts(To=phone)) == 1, "nothing else goes before they write"
    network.text(phone, "Yes")


@pytest.mark.parametrize(
    ("cohort", "wording", "phone", "code"),
    [
        ("disabled-adults", Wording.STANDARD, "+447700900301", "P01"),
        ("social-workers", Wording.SHORT, "+447700900302", "SW01"),
        ("disabled-adults", Wording.EASY_READ, "whatsapp:+447700900301", "P02"),
    ],
)
def test_the_record_of_a_whole_interview_is_what_was_said(
    world: tuple[Study, Emulator], cohort: str, wording: Wording, phone: str, code: str
) -> None:
    study, network = world
    schedule = prompts.load(ROOT / "prompts")[(cohort, "en")]
    person = Participant(phone, schedule, wording, script(schedule))
    kind = "whatsapp" if phone.startswith("whatsapp:") else "sms"
    study.enrol(f"{cohort},{kind},{phone},{wording.value},{code}")
    if kind == "whatsapp":
        answer_template(network, phone)
    converse(network, person)

    record = study.record(code)
    heard = [
        entry for entry in record["entries"] if entry["incoming"] and entry["belongs"] not in ("command", "choice")
    ]
    statements = [statement.id for statement in schedule.statements]
    questions = [question.id for question in schedule.questions if not question.follow_up]
    assert record["row"]["state"] == "Finished"
    assert person.asked == statements + questions, "each was asked once, in the order of the schedule"
    assert [entry["body"] for entry in heard] == [body for _place, body in person.said]
    assert [entry["question"] for entry in heard[len(statements) :]] == [
        place for place, _body in person.said[len(statements) :]
    ]
    assert [entry["belongs"] for entry in heard[: len(statements)]] == ["consent"] * len(statements)
    assert [line["answer"] for line in record["consent"]] == ["Yes"] * len(statements)
    sent = [entry for entry in record["entries"] if not entry["incoming"]]
    assert len(sent) == len(network.to(phone)), "the record holds every text that reached the phone"
    assert {entry["delivery"] for entry in sent} == {"delivered"}


def test_the_list_of_participants_says_that_all_have_finished(world: tuple[Study, Emulator]) -> None:
    study, _network = world
    assert study.command("participants").count("Finished") == 3


def test_the_provider_says_that_it_knows_us_and_a_wrong_token_is_told(world: tuple[Study, Emulator]) -> None:
    study, _network = world
    assert "sms: Twilio knows the account" in study.command("check", "--live")
    study.environment["OWNPACE_CHANNELS__SMS__AUTH_TOKEN"] = "another token"
    assert "sms: " in study.command("check", "--live", code=1)
    del study.environment["OWNPACE_CHANNELS__SMS__AUTH_TOKEN"]


def test_the_log_holds_no_number_and_no_word_of_theirs(world: tuple[Study, Emulator]) -> None:
    study, _network = world
    log = Path(study.folder / "out.log").read_text()
    assert "+4477" not in log
    assert "part 0" not in log
