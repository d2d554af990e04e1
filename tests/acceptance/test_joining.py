"""Joining through the running program: by text from a sheet, by the bot's link in Telegram, by mail; and in vain."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path

import httpx
import pytest

from tests.acceptance.test_every_channel import until
from tests.rig.mail import MailServers, answer, mail_servers, text_of
from tests.rig.study import Study
from tests.rig.telegram_emulator import TOKEN, USERNAME
from tests.rig.telegram_emulator import Emulator as Telegram
from tests.rig.telegram_emulator import emulator as telegram_emulator
from tests.rig.twilio_emulator import Emulator as Twilio
from tests.rig.twilio_emulator import emulator as twilio_emulator

STUDY, SAM, KIM = "interviews@study.test", "sam@people.test", "kim@people.test"
BY_MAIL = """
[channels.email]
address = "{study}"
smtp_host = "127.0.0.1"
smtp_port = {smtp}
smtp_security = "none"
imap_host = "127.0.0.1"
imap_port = {imap}
imap_security = "none"
username = "interviews"
password = "a password"
"""
CHAT = 5500000011
FIRST, SECOND, THIRD = "+447700900311", "+447700900312", "+447700900313"
MORE = """
[channels.telegram]
token = "{token}"
api_base_url = "{telegram}"
"""


@dataclass
class World:
    study: Study
    texts: Twilio
    telegram: Telegram
    codes: list[str]

    def hears(self, phone: str, words: str) -> str:
        """The text with these words, once it has come."""
        found: str = until(lambda: [text for text in self.arrived(phone) if words in text], words)[0]
        return found

    def arrived(self, phone: str) -> list[str]:
        for text in self.texts.texts(To=phone):
            if text["status"] != "delivered":
                self.texts.becomes(text["sid"], "delivered")
        return self.texts.to(phone)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    study = Study.on_either(tmp_path_factory.mktemp("study"))
    with twilio_emulator(f"{study.url}/webhooks/twilio/messages") as texts, telegram_emulator() as telegram:
        study.configure(api=texts.url, more=MORE.format(token=TOKEN, telegram=telegram.url))
        config = study.folder / "config.toml"
        config.write_text(config.read_text().replace("[study]", "[study]\nquotas = { social-workers = 2 }", 1))
        sheets = study.folder / "sheets"
        study.command("invite", "--cohort", "social-workers", "--number", "4", "--out", str(sheets))
        study.start()
        try:
            yield World(study, texts, telegram, codes(sheets))
        finally:
            study.stop()


def codes(sheets: Path) -> list[str]:
    assert f"@{USERNAME}" in (sheets / "invitations.html").read_text(), "the bot's name was asked for"
    with (sheets / "invitations.csv").open(encoding="utf-8", newline="") as file:
        return [row["code"] for row in csv.DictReader(file)]


def test_people_join_by_text_and_by_telegram_until_it_is_full_and_a_used_code_tells_nothing(world: World) -> None:
    by_text, by_telegram, late, _ = world.codes

    world.texts.text(FIRST, f"Join {by_text.lower().replace('-', ' ')}")
    world.hears(FIRST, "Do you work as a social worker")
    world.texts.text(FIRST, "Yes")
    world.hears(FIRST, "Hello, thank you for joining Own Pace.")
    world.hears(FIRST, "1. I have read or heard the information")

    page = until(lambda: _page(world, by_telegram), "the bot's name on the page")
    link = re.search(rf"https://t\.me/{USERNAME}\?start=([\w-]+)", page)
    assert link is not None
    world.study.stop()
    for _ in range(2):  # tapped twice, before there was an answer
        world.telegram.write(CHAT, f"/start {link[1]}")
    world.study.start()
    until(lambda: [t for t in world.telegram.to(CHAT) if "Do you work as a social worker" in t], "a question")
    world.telegram.write(CHAT, "yes")
    until(lambda: [t for t in world.telegram.to(CHAT) if "I have read or heard" in t], "the first statement")
    assert sum("Do you work as a social worker" in text for text in world.telegram.to(CHAT)) == 1

    world.texts.text(SECOND, f"JOIN {by_text}")
    assert world.hears(SECOND, "").startswith("Thank you for your message. We do not have this number on our list.")

    world.texts.text(THIRD, f"JOIN {late}")
    world.hears(THIRD, "We have enough people for now.")
    world.texts.text(THIRD, "YES")
    world.hears(THIRD, "You are on our waiting list.")

    said = world.study.command("participants")
    assert said.count("Reading the") == 2
    assert said.count("On the waiting") == 1
    assert next(entry["channel"] for entry in world.study.record("SW02")["entries"]) == "telegram"
    assert len(world.texts.to(SECOND)) == 1
    world.study.command("invite", "--admit", "SW03", "--over-quota")
    world.hears(THIRD, "A place has come up")
    log = (world.study.folder / "out.log").read_text()
    for secret in (*world.codes, "+4477", TOKEN):
        assert secret not in log


def _page(world: World, code: str) -> str:
    page = httpx.get(f"{world.study.url}/join/{code}").text
    return page if "t.me/" in page else ""


def test_people_join_by_mail_and_a_withdrawn_code_tells_nothing(tmp_path: Path) -> None:
    study = Study.on_either(tmp_path)
    with mail_servers(STUDY, SAM, KIM) as mail, twilio_emulator(f"{study.url}/webhooks/twilio/messages") as texts:
        study.configure(api=texts.url, more=BY_MAIL.format(study=STUDY, smtp=mail.smtp, imap=mail.imap))
        sheets = study.folder / "sheets"
        study.command("invite", "--cohort", "social-workers", "--number", "2", "--out", str(sheets))
        with (sheets / "invitations.csv").open(encoding="utf-8", newline="") as file:
            used, withdrawn = (row["code"] for row in csv.DictReader(file))
        study.command("invite", "--withdraw", withdrawn)
        study.start()
        try:
            mail.submit(letter(SAM, f"JOIN {used}"), SAM, STUDY)
            asked = until(lambda: _mails(mail, SAM, "Do you work as a social worker"), "the question who it is for")[0]
            mail.submit(answer(asked, "Yes", SAM, 0), SAM, str(asked["Reply-To"]))
            until(lambda: _mails(mail, SAM, "I have read or heard the information"), "the first statement")
            mail.submit(letter(KIM, f"JOIN {withdrawn}"), KIM, STUDY)
            (said,) = until(lambda: _mails(mail, KIM, "We do not have"), "the reply to strangers")
            assert "withdrawn" not in text_of(said)
            record = study.record("SW01")
            assert {entry["channel"] for entry in record["entries"]} == {"email"}
            assert [entry["belongs"] for entry in record["entries"] if entry["incoming"]] == ["command", "eligibility"]
            assert study.command("participants").count("SW0") == 1
        finally:
            study.stop()


def letter(sender: str, words: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = sender, STUDY, "Hello", make_msgid(domain="pc.test")
    mail.set_content(words)
    return mail


def _mails(servers: MailServers, address: str, words: str) -> list[EmailMessage]:
    return [mail for mail in servers.mails(address) if words in " ".join(text_of(mail).split())]
