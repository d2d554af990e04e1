"""A study with interviews that were really held, and the ways in which the tests look at what left it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bot.export.measures import tidy
from bot.export.reading import Study
from bot.export.record import Case
from bot.export.writing import Exporter, Wanted, Written, export
from bot.messages import Address, Inbound
from bot.records import participants
from bot.records.tables import audit, messages
from bot.records.unit_of_work import UnitOfWork
from bot.service import enrolment, handovers, intake
from bot.service.enrolment import Entry
from tests.bot.world import Post, World

COHORTS = ("disabled-adults", "social-workers")


@dataclass
class Phone:
    """One participant who answers."""

    study: World
    code: str
    address: Address
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def says(self, *texts: str) -> None:
        """Send messages a minute apart; what is to be sent to them leaves after each."""
        for text in texts:
            self.study.clock.forward(minutes=1)
            key = f"{self.code}/{next(self.numbers)}"
            inbound = Inbound(key, self.address, text, text.encode())
            self.study.run(intake.receive, self.study.program.terms, inbound)
            leave(self.study)

    def answers(self, *texts: str) -> None:
        """Answer the open question in parts; DONE brings the next one."""
        self.says(*texts, "DONE")

    def consents(self) -> None:
        schedule = next(s for (c, _), s in self.study.program.schedules.items() if c == self.cohort)
        self.says(*["yes"] * len(schedule.statements))

    @property
    def cohort(self) -> str:
        return "social-workers" if self.code.startswith("SW") else "disabled-adults"

    def asks_for_a_person(self, researcher: str, words: str, reply: str) -> None:
        """A researcher takes over, writes, gets a reply, and hands back."""
        terms = self.study.program.terms
        self.study.run(handovers.take_over, terms, self.code, researcher)
        self.study.clock.forward(minutes=5)
        self.study.run(handovers.reply, terms, self.code, researcher, words)
        leave(self.study)
        self.says(reply)
        self.study.run(handovers.hand_back, terms, self.code, researcher)
        leave(self.study)


class Email(Post):
    """Takes addresses of mail as they are written."""

    def address(self, written: str) -> Address:
        return Address("email", written.strip())


def leave(study: World) -> None:
    """Everything that waits is handed to the provider and accepted."""
    study.program.channels["sms"].waits_for_sent = False
    study.leave()


def joins(study: World, number: int, cohort: str = "social-workers", name: str = "", **more: Any) -> Phone:
    """Somebody new, whose phone ends in the number."""
    address = Address("sms", f"+4477009{number:05}")
    attributes = more.pop("attributes", {})
    entry = Entry(cohort, address, name=name, attributes=attributes, **more)
    code = study.run(enrolment.enrol, study.program.terms, study.program.rules, entry)
    leave(study)
    return Phone(study, code, address)


def take_out(study: World, exporter: Exporter, out: Path, **wanted: Any) -> Written:
    return export(study.program.database, study.program.settings.study.zone, exporter, Wanted(out, **wanted))


def cases(study: World, **more: Any) -> list[Case]:
    """The cases as the reader has them, for tests of what is made of them."""
    zone = study.program.settings.study.zone

    def read(uow: UnitOfWork) -> list[Case]:
        return list(Study(uow, zone, **more).cases(""))

    return study.program.database.read_now(read)


def stored_answers(study: World) -> dict[tuple[str, str], str]:
    """What the database holds, read another way than exports do: by case and question, tidied, in order."""

    def read(uow: UnitOfWork) -> dict[tuple[str, str], str]:
        found: dict[tuple[str, str], list[str]] = {}
        for row in uow.all(select(messages).order_by(messages.c.id)):
            if row["participant_id"] and row["belongs"] in ("answer", "late") and row["removed_at"] is None:
                person = participants.by_id(uow, study.program.terms, row["participant_id"])
                text = tidy(person.key.open(row["body"], "body"))
                found.setdefault((person.code, row["question"]), []).append(text)
        return {key: "\n".join(parts) for key, parts in found.items()}

    return study.program.database.read_now(read)


def trail(study: World) -> list[Any]:
    """The lines of the audit trail about exports."""
    query = select(audit).where(audit.c.act == "exported").order_by(audit.c.id)
    return study.program.database.read_now(lambda uow: uow.all(query))


WORDS = {
    "b-now": ("I work in a hospital team.", "Mostly phone, some text 📱📞 – and letters."),
    "b-decide": ("Rwy'n gofyn: ŵ, ŷ, â. Mae'n dibynnu.",),
    "b-purpose": ("أستخدم الهاتف كل يوم", "שלום, and then English."),
    "b-skill": ("Dear team,\r\n\r\nfirst line\r\nsecond line\r\n",),
}
"""Answers with what breaks offsets: emoji, Welsh letters, right-to-left text, mail with CRLF."""


def hard_words(study: World) -> Phone:
    """Emoji, Welsh, right to left, CRLF, formulas, control characters and an answer that is one mark."""
    phone = joins(study, 901, attributes={"team": "=HYPERLINK(1)", "region": "Gwynedd ŵ"})
    phone.consents()
    for parts in WORDS.values():
        phone.answers(*parts)
    phone.says("")
    phone.answers("…")
    phone.says("SKIP")
    phone.answers("=1+1", 'this is <b>not</b> markup & "quoted"', "a\x07b\x0bc")
    phone.answers("I said too much", "and this I keep")
    phone.says("and this goes", "UNDO")
    return phone
