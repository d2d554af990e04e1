"""Whole interviews through the running program on real or third-party servers, and one that moves between channels."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bot import prompts
from bot.interview.schedule import Schedule, Wording
from tests.rig import ROOT
from tests.rig.mail import MailServers, answer, mail_servers, text_of
from tests.rig.participant import Participant
from tests.rig.study import Study
from tests.rig.telegram_emulator import TOKEN
from tests.rig.telegram_emulator import Emulator as Telegram
from tests.rig.telegram_emulator import emulator as telegram_emulator
from tests.rig.twilio_emulator import Emulator as Twilio
from tests.rig.twilio_emulator import emulator as twilio_emulator

STUDY = "interviews@study.test"
SAM, KIM, AWAY, MOVER = "sam@people.test", "kim@people.test", "away@people.test", "mover@people.test"
CHAT = 5500000001
PHONE = "+447700900301"

CHANNELS = """
[channels.email]
rate = 0
address = "{study}"
smtp_host = "127.0.0.1"
smtp_port = {smtp}
smtp_security = "none"
imap_host = "127.0.0.1"
imap_port = {imap}
imap_security = "none"
username = "interviews"
password = "a password"
[channels.telegram]
token = "{token}"
api_base_url = "{telegram}"
"""


class World:
    """The running program with a text network, mail servers and a Telegram behind it."""

    def __init__(self, study: Study, texts: Twilio, mail: MailServers, telegram: Telegram) -> None:
        self.study = study
        self.texts = texts
        self.mail = mail
        self.telegram = telegram
        self.numbers = count(1)

    def reply(self, person: str, mail: Any, words: str) -> None:
        """Answer a mail as a mail program does: another one each time."""
        number = next(self.numbers)
        self.mail.submit(answer(mail, words, person, number), person, str(mail["Reply-To"]))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    study = Study.on_either(tmp_path_factory.mktemp("study"))
    with (
        twilio_emulator(f"{study.url}/webhooks/twilio/messages") as texts,
        mail_servers(STUDY, SAM, KIM, AWAY, MOVER) as mail,
        telegram_emulator() as telegram,
    ):
        mail.away(AWAY)
        more = CHANNELS.format(study=STUDY, smtp=mail.smtp, imap=mail.imap, token=TOKEN, telegram=telegram.url)
        study.configure(api=texts.url, settle='{ sms = "1h", telegram = "1h", email = 0 }', more=more)
        study.start()
        try:
            yield World(study, texts, mail, telegram)
        finally:
            study.stop()


def until(true: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """What `true` gives, once it gives something."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"it did not come in time: {what}"
        time.sleep(0.05)
    return found


def script(schedule: Schedule) -> dict[str, list[str]]:
    """One message for each question, none like another, with the characters and lines that people write."""
    return {
        question.id: [f"About {question.id}: it’s £{number} – “fine” \U0001f642\n\nI can't stop, skip or go back."]
        for number, question in enumerate(schedule.questions)
    }


def correspond(world: World, person: Participant, seconds: float = 240) -> None:
    """Read and answer mail until the person is thanked."""
    read, end = 0, time.monotonic() + seconds
    while not person.thanked:
        assert time.monotonic() < end, f"nothing more came after {person.asked}"
        mails = world.mail.mails(person.phone, after=read)
        for mail in mails:
            for words in person.answers(text_of(mail)):
                world.reply(person.phone, mail, words)
        read += len(mails)
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("cohort", "wording", "address", "code"),
    [
        ("disabled-adults", Wording.EASY_READ, SAM, "P01"),
        ("social-workers", Wording.STANDARD, KIM, "SW01"),
    ],
)
def test_a_whole_interview_by_answering_mail_is_one_thread_and_a_true_record(
    world: World, cohort: str, wording: Wording, address: str, code: str
) -> None:
    schedule = prompts.load(ROOT / "prompts")[(cohort, "en")]
    person = Participant(address, schedule, wording, script(schedule), ends="")
    world.study.enrol(f"{cohort},email,{address},{wording.value},{code}")
    begun = time.monotonic()
    correspond(world, person)
    spent = time.monotonic() - begun

    record = world.study.record(code)
    heard = [entry for entry in record["entries"] if entry["incoming"]]
    statements = [statement.id for statement in schedule.statements]
    questions = [question.id for question in schedule.questions if not question.follow_up]
    assert record["row"]["state"] == "Finished"
    assert person.asked == statements + questions, "each was asked once, in the order of the schedule"
    assert [_written(entry["body"]) for entry in heard] == [_written(words) for _place, words in person.said]
    assert [entry["question"] for entry in heard[len(statements) :]] == questions
    assert world.mail.threads(address) == [1]
    sent = [entry for entry in record["entries"] if not entry["incoming"]]
    assert len(world.mail.mails(address)) == len(sent), "each mail of the record came once"
    print(f"{code}: {len(heard)} replies in {spent:.0f} s, one thread of {len(sent)} mails")


def _written(words: str) -> str:
    """The words, wherever a mail program broke the lines."""
    return " ".join(words.split())


def test_an_out_of_office_reply_is_recorded_and_answers_nothing(world: World) -> None:
    """Dovecot's vacation keeps quiet about mails like ours; this one comes as from a server that adds nothing."""
    world.study.enrol(f"social-workers,email,{AWAY},short,SW02")
    asked = until(lambda: [m for m in world.mail.mails(AWAY) if "YES or NO?" in text_of(m)], "the first statement")[0]
    token = str(asked["Message-ID"]).strip("<>").partition("@")[0]
    plain = EmailMessage()
    plain["From"], plain["To"], plain["Subject"] = STUDY, AWAY, "Hello"
    plain["Message-ID"] = asked["Message-ID"]
    plain.set_content("Hello?")
    world.mail.submit(plain, STUDY.replace("@", f"+b-{token}@"), AWAY)

    def automatic() -> bool:
        entries = world.study.record("SW02")["entries"]
        return any(entry["belongs"] == "automatic" for entry in entries)

    until(automatic, "an out-of-office reply in the record")
    record = world.study.record("SW02")
    assert record["row"]["place"].startswith("Statement 1 ")
    assert {line["answer"] for line in record["consent"]} == {"Not asked yet"}


def test_a_mail_that_bounces_closes_the_address_and_brings_a_person(world: World) -> None:
    world.study.enrol("social-workers,email,nobody@bounce.test,short,SW03")
    until(lambda: "address closed" in world.study.record("SW03")["tasks"], "a bounce")
    assert world.study.record("SW03")["row"]["state"] == "Reading the statements", "they have not asked to stop"


def test_one_interview_goes_from_text_to_mail_to_telegram_and_is_one_record_in_order(world: World) -> None:
    schedule = prompts.load(ROOT / "prompts")[("social-workers", "en")]
    questions = [question.id for question in schedule.questions if not question.follow_up]
    world.study.enrol(f"social-workers,sms,{PHONE},short,SW04")
    person = Participant(PHONE, schedule, Wording.SHORT, script(schedule))

    def texts() -> list[str]:
        for text in world.texts.texts(To=PHONE):
            if text["status"] != "delivered":
                world.texts.becomes(text["sid"], "delivered")
        return world.texts.to(PHONE)

    # By text, up to the middle of the second question.
    while person.asked[-1:] != [questions[1]]:
        for reply in person.replies(texts()):
            if person.asked[-1:] == [questions[1]]:
                break
            world.texts.text(PHONE, reply)
        time.sleep(0.05)
    world.texts.text(PHONE, "The first half by text.")
    for words, expected in (("CHANGE", "Which would you like"), ("email", "use for email"), (MOVER, "sent a code")):
        world.texts.text(PHONE, words)
        until(partial(_reached, texts, expected), expected)

    # By mail: the code, the rest of the second question, the third.
    letter = until(lambda: world.mail.mails(MOVER), "the code")[0]
    code = re.search(r"code is (\d{6})", text_of(letter))
    assert code is not None
    world.reply(MOVER, letter, code[1])
    asked = until(lambda: _asking(world, MOVER, schedule, questions[1]), "the open question by mail")
    world.reply(MOVER, asked[0], "The second half by mail.")
    asked = until(lambda: _asking(world, MOVER, schedule, questions[2]), "the third question by mail")
    world.reply(MOVER, asked[0], "The third answer by mail.")
    asked = until(lambda: _asking(world, MOVER, schedule, questions[3]), "the fourth question by mail")
    world.reply(MOVER, asked[0], "CHANGE")
    until(lambda: _mails_with(world, MOVER, "Which would you like"), "the menu")
    world.reply(MOVER, world.mail.mails(MOVER)[-1], "telegram")
    letter = until(lambda: _mails_with(world, MOVER, "t.me/"), "the link")[0]
    start = re.search(r"start=([\w-]+)", text_of(letter))
    assert start is not None

    # By Telegram, to the end.
    world.telegram.write(CHAT, f"/start {start[1]}")
    chat = Participant(str(CHAT), schedule, Wording.SHORT, script(schedule))
    end = time.monotonic() + 120
    while not chat.thanked:
        assert time.monotonic() < end, f"nothing more came after {chat.asked}"
        for reply in chat.replies(world.telegram.to(CHAT)):
            world.telegram.write(CHAT, reply)
        time.sleep(0.05)

    record = world.study.record("SW04")
    answers = [e for e in record["entries"] if e["incoming"] and e["belongs"] == "answer"]
    assert record["row"]["state"] == "Finished"
    assert chat.asked == questions[3:], "the fourth was asked again there, and nothing that had been answered"
    assert [e["question"] for e in answers[:4]] == [questions[0], questions[1], questions[1], questions[2]]
    assert [e["channel"] for e in answers] == ["sms", "sms", "email", "email", *["telegram"] * len(chat.asked)]
    assert [e["body"] for e in answers[1:4]] == [
        "The first half by text.",
        "The second half by mail.",
        "The third answer by mail.",
    ]
    times_asked = [e["question"] for e in record["entries"] if not e["incoming"] and e["question"] in questions]
    assert times_asked == [*questions[:2], questions[1], questions[2], questions[3], *questions[3:]]
    assert [e["id"] for e in record["entries"]] == sorted(e["id"] for e in record["entries"])
    assert world.mail.threads(MOVER) == [1]


def _asking(world: World, address: str, schedule: Schedule, question: str) -> list[Any]:
    """The mails that ask this question."""
    reader = Participant(address, schedule, Wording.SHORT, {})
    return [mail for mail in world.mail.mails(address) if reader.says(schedule.question(question), text_of(mail))]


def _reached(texts: Callable[[], list[str]], words: str) -> bool:
    return any(words in text for text in texts())


def _mails_with(world: World, address: str, words: str) -> list[Any]:
    return [mail for mail in world.mail.mails(address) if words in " ".join(text_of(mail).split())]


def test_no_log_line_holds_a_word_an_address_or_a_token(world: World) -> None:
    log = Path(world.study.folder / "out.log").read_text()
    for secret in ("people.test", "+4477", TOKEN, "half by", "a password"):
        assert secret not in log
