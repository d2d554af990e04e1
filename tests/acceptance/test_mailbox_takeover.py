"""Two workers and one mailbox: each mail is taken once and in order, whoever of them is killed, or falls asleep."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path

import psycopg
import pytest

from bot.messages import Address
from tests.bot.world import Post, world
from tests.rig import postgres
from tests.rig.mail import MailServers, mail_servers
from tests.rig.study import Process, Study

STUDY, SAM = "interviews@study.test", "sam@people.test"

EMAIL = f"""
[channels.email]
address = "{STUDY}"
smtp_host = "127.0.0.1"
smtp_port = {{smtp}}
smtp_security = "none"
imap_host = "127.0.0.1"
imap_port = {{imap}}
imap_security = "none"
username = "interviews"
password = "a password"
"""

DEADLINE = 120.0
"""Seconds for which what is waited for is waited for; a takeover takes up to twenty."""


def until(true: Callable[[], object], what: str) -> None:
    end = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < end, f"it did not come in time: {what}"
        time.sleep(0.05)


class Mailbox:
    """The mailbox of a study: who listens to it, and what was taken from it."""

    def __init__(self, study: Study, servers: MailServers, look: psycopg.Connection, code: str) -> None:
        self.study, self.servers, self.look, self.code = study, servers, look, code
        self.sent: list[str] = []

    def lease(self) -> tuple[str, int]:
        """Who listens, and how often that has changed."""
        found = self.look.execute("SELECT holder, token FROM leases WHERE name = 'listen email'").fetchone()
        return found or ("", 0)

    def place(self) -> str:
        found = self.look.execute("SELECT value FROM meta WHERE name = 'place email'").fetchone()
        return str(found[0]) if found else ""

    def heard(self) -> list[str]:
        """What Sam wrote, in the order in which it was taken."""
        return [entry["body"] for entry in self.study.record(self.code)["entries"] if entry["incoming"]]

    def count(self) -> int:
        taken = "SELECT count(*) FROM messages WHERE direction = 'in' AND provider_key NOT LIKE 'key-%'"
        found = self.look.execute(taken).fetchone()
        return int(found[0]) if found else 0

    def write(self, *words: str) -> None:
        for one in words:
            mail = EmailMessage()
            mail["From"], mail["To"], mail["Subject"] = SAM, STUDY, "My days"
            mail["Message-ID"] = make_msgid(domain="phone.test")
            mail.set_content(one)
            here = len(self.servers.inbox(STUDY))
            self.servers.submit(mail, SAM, STUDY)
            self.servers.await_mails(STUDY, here + 1)
            self.sent.append(one)


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    """A study with somebody in the middle of an interview by mail, and nobody who listens yet."""
    with postgres.server().database() as url, mail_servers(STUDY, SAM) as servers:
        study = Study(tmp_path, environment={"OWNPACE_DATABASE__URL": url})
        (tmp_path / "data").mkdir()
        with world(tmp_path / "data", {"email": Post("email")}, database={"url": url}) as made:
            code = made.consented(Address("email", SAM))
        more = EMAIL.format(smtp=servers.smtp, imap=servers.imap)
        study.configure(api="http://127.0.0.1:9", more=more)
        with psycopg.connect(url, autocommit=True) as look:
            yield Mailbox(study, servers, look, code)


def test_a_mail_is_taken_once_by_whoever_listens_then(mailbox: Mailbox) -> None:
    """One is stopped for longer than its lease and wakes up, then the other one is killed."""
    first, second = Process(mailbox.study, "worker"), Process(mailbox.study, "worker")
    first.start()
    try:
        until(lambda: mailbox.lease()[1], "somebody listens")
        one, token = mailbox.lease()
        second.start()
        mailbox.write("one", "two")
        until(lambda: mailbox.count() == 2, "the first takes what comes")

        assert first.running is not None
        assert first.running.pid is not None
        os.kill(first.running.pid, signal.SIGSTOP)
        mailbox.write("three", "four")
        until(lambda: mailbox.count() == 4, "the second has taken over")
        other, later = mailbox.lease()
        assert (other != one, later) == (True, token + 1)
        place = mailbox.place()

        os.kill(first.running.pid, signal.SIGCONT)  # with the news of two mails, and its old place, in hand
        log = mailbox.study.folder / "worker.log"
        until(lambda: "Another process" in log.read_text(), "the first is told")
        assert (mailbox.lease(), mailbox.place(), mailbox.count()) == ((other, later), place, 4)
        mailbox.write("five")
        until(lambda: mailbox.count() == 5, "the second goes on")

        assert second.running is not None
        second.running.kill()
        mailbox.write("six", "seven")
        until(lambda: mailbox.count() == 7, "the first has taken over")
        assert mailbox.lease() == (one, token + 2)
    finally:
        assert first.stop() is not None
        if second.running is not None:
            second.running.kill()
    assert mailbox.heard()[-7:] == mailbox.sent
    assert mailbox.count() == 7
