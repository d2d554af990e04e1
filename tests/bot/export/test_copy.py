"""A participant's own copy: what they said, in their wording, and nothing of anybody else's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from docx import Document
from sqlalchemy import update

from bot.errors import OwnPaceError
from bot.export import copy, replacing
from bot.export.measures import tidy
from bot.interview.schedule import Wording
from bot.messages import Address, Inbound
from bot.records import participants
from bot.records.database import Database
from bot.records.tables import addresses, audit, messages
from bot.service import copies, holding, intake, withdrawal
from tests.bot.export.study import Phone, cases, joins
from tests.bot.export.test_writeups import VIDEO, VOICE, sends, wrote
from tests.bot.service.test_withdrawal import rows
from tests.bot.world import World, world


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def talks(study: World, name: str = "Anna", **more: Any) -> Phone:
    """Somebody who answers, is asked by a researcher, changes a message, takes one back, and asks for a copy."""
    anna = joins(study, 1, name=name, **more)
    anna.consents()
    anna.answers("I ring her first.", "Then I write.")
    anna.asks_for_a_person("Ruth Jones", f"Hi {name}, when do you ring?", "On Mondays.")
    first = Inbound("k1", anna.address, "At nine oclock.", b"raw", provider_id="p1")
    study.run(intake.receive, study.program.terms, first)
    study.run(intake.receive, study.program.terms, Inbound("k2", anna.address, "At 9.", b"raw", edits="p1"))
    study.leave()
    anna.says("This is wrong.", "UNDO", "DONE", "COPY")
    return anna


def read(study: World, code: str) -> copy.Copy:
    made: copy.Copy = study.program.database.read_now(copy.read, study.program.terms, code)
    return made


def text(study: World, code: str) -> str:
    return "\n\n".join(read(study, code).paragraphs())


def test_it_has_the_questions_in_their_wording_and_every_line_of_theirs(study: World) -> None:
    """In order, numbered, with what was asked before it; commands and consent are not answers."""
    anna = talks(study, wording=Wording.EASY_READ)
    schedule = study.program.schedules[("social-workers", "en")]
    first, second = schedule.questions[:2]
    blocks = read(study, anna.code).blocks
    assert [block.question for block in blocks] == [
        first.easy_read,
        "Hi Anna, when do you ring?\n\nthe researcher",
        second.easy_read,
    ]
    lines = [line for block in blocks for line in block.lines]
    stored = [row["id"] for row in rows(study, messages)]
    assert [line.number for line in lines] == sorted({line.number for line in lines} & set(stored))
    assert [line.text for line in lines] == [
        "I ring her first.",
        "Then I write.",
        "On Mondays.",
        "At 9.",
        "This is wrong.",
    ]
    whole = text(study, anna.code)
    for internal in ("DONE", "UNDO", "COPY", "SKIP", "Question", "Yes", "SW01", "R01", "Ruth", "Jones"):
        assert internal not in whole, internal


@pytest.mark.parametrize("code", ["SW01", "SW02", "P01"])
def test_it_has_every_answer_of_the_database(held: World, code: str) -> None:
    """Of the held study: emoji, Welsh, right-to-left words, CRLF, formulas, and words that were taken back."""
    copied = {line.number: line.text for block in read(held, code).blocks for line in block.lines}
    person = held.run(participants.named, held.program.terms, code)
    mine = [row for row in rows(held, messages) if row["participant_id"] == person.id and row["direction"] == "in"]
    said = {row["id"]: row for row in mine if row["belongs"] in ("answer", "late", "conversation")}
    words = {number: tidy(person.key.open(row["body"], "body")) for number, row in said.items()}
    assert {number: tidy(text) for number, text in copied.items()} == words
    assert any(words.values())


def test_a_line_that_was_changed_stands_beside_what_it_was_and_one_taken_out_is_only_marked(study: World) -> None:
    anna = talks(study)
    whole = text(study, anna.code)
    assert re.search(r'^\d+\. At 9\. \[before you changed it: "At nine oclock\."\]$', whole, re.MULTILINE)
    assert re.search(r"^\d+\. \[this line was taken out\]$", whole, re.MULTILINE)
    assert "This is wrong." not in whole


def test_their_words_are_as_they_said_them_whatever_exports_show(study: World) -> None:
    """What stands for a name in exports is the study's; a voice note comes with what was written up of it."""
    anna = joins(study, 1, name="Anna")
    anna.consents()
    anna.says("My daughter Wren rang.")
    note = sends(anna, VOICE, words="Listen.")
    sends(anna, VIDEO)
    wrote(study, note, "Wren and I, in Splott.", "Kim")
    study.run(lambda uow: replacing.decide(uow, anna.code, replacing.offers(uow, anna.code), []))
    assert "[daughter's name]" in str(cases(study))
    (block,) = read(study, anna.code).blocks
    assert [line.text for line in block.lines] == [
        "My daughter Wren rang.",
        "Listen.\n[voice note 1:32, written up by us]\nWren and I, in Splott.",
        "[video 0:40]",
    ]


def test_lines_can_be_taken_out_by_their_number_until_the_cutoff(study: World) -> None:
    """From then on no export has them; numbers stay what they were, and a line can be put back."""
    anna = talks(study)
    terms = study.program.terms
    first, second = number_of(study, anna.code, "I ring her first."), number_of(study, anna.code, "Then I write.")
    study.run(copies.take_out, terms, anna.code, [second], "kim")
    assert f"{first}. I ring her first.\n{second}. [this line was taken out]" in text(study, anna.code)
    (case,) = cases(study)
    assert case.answers[0].text == "I ring her first."
    with pytest.raises(OwnPaceError, match=f"The copy of {anna.code} has no line 9999"):
        study.run(copies.take_out, terms, anna.code, [first, 9999], "kim")
    assert number_of(study, anna.code, "I ring her first.") == first
    study.run(lambda uow: copies.take_out(uow, terms, anna.code, [second], "kim", back=True))
    assert f"{second}. Then I write." in text(study, anna.code)
    assert [row["act"] for row in rows(study, audit, subject=anna.code)][-2:] == ["took lines out", "put lines back"]
    study.clock.forward(days=200)
    with pytest.raises(OwnPaceError, match="could be taken out until 23 May 2027"):
        study.run(copies.take_out, terms, anna.code, [first], "kim")
    assert "The date to take lines out has passed" in text(study, anna.code)


def number_of(study: World, code: str, words: str) -> int:
    """The number of the line with these words."""
    (number,) = [line.number for block in read(study, code).blocks for line in block.lines if line.text == words]
    return number


def test_a_number_from_an_old_copy_is_of_the_same_line_for_ever(study: World) -> None:
    """Also when an earlier message is found to be theirs since, and stands before it."""
    study.says("It is me, on my other phone.", Address("sms", "+447700900777"))
    study.leave()
    held = rows(study, messages, participant_id=None)[0]["id"]
    anna = joins(study, 1, name="Anna")
    anna.consents()
    anna.answers("One.", "A secret.", "Three.")
    terms, secret, third = study.program.terms, *(number_of(study, anna.code, each) for each in ("A secret.", "Three."))
    study.run(holding.link, terms, held, anna.code, "kim", "She told me.")
    study.leave()
    assert text(study, anna.code).index("my other phone") < text(study, anna.code).index("One.")
    assert [line.text for line in study.run(copies.lines, terms, anna.code, [third, secret])] == ["Three.", "A secret."]
    study.run(copies.take_out, terms, anna.code, [secret], "kim")
    assert [line.number for block in read(study, anna.code).blocks for line in block.lines if line.removed] == [secret]


def test_it_is_sent_to_an_address_that_is_known_to_be_theirs_and_to_no_other(study: World) -> None:
    """In as many texts as it takes, in order, and the task is done."""
    anna = talks(study)
    terms = study.program.terms
    assert "copy asked" in study.open_tasks()
    with pytest.raises(OwnPaceError, match="There is no participant P99"):
        study.run(copies.send_copy, terms, "P99", "kim")
    for wrong, why in ({"verified": False}, "never confirmed"), ({"closed": "blocked us"}, "blocked us"):
        study.run(lambda uow, wrong=wrong: uow.execute(update(addresses).values(wrong)))
        with pytest.raises(OwnPaceError, match=why):
            study.run(copies.send_copy, terms, anna.code, "kim")
        study.run(lambda uow: uow.execute(update(addresses).values(verified=True, closed=None)))
    assert study.run(copies.send_copy, terms, anna.code, "kim") == 1
    assert study.leave() == [text(study, anna.code)]
    assert "copy asked" not in study.open_tasks()


def test_it_waits_for_their_waking_hours(study: World) -> None:
    """It was asked for, but not at this hour of the night."""
    anna = talks(study)
    study.clock.forward(hours=11)
    study.run(copies.send_copy, study.program.terms, anna.code, "kim")
    assert study.leave() == []
    study.clock.forward(hours=12)
    assert len(study.leave()) == 1


def test_a_long_copy_is_cut_between_words_and_loses_none() -> None:
    paragraphs = ["An introduction.", *("word " * 700 for _ in range(3)), "x" * 4000]
    bodies = copies.packed(paragraphs, 1500)
    assert all(0 < len(body) <= 1500 for body in bodies)
    assert re.sub(r"\s", "", "".join(bodies)) == re.sub(r"\s", "", "".join(paragraphs))
    assert all(not body.startswith("ord") for body in bodies)


@pytest.mark.parametrize("format_", ["docx", "html", "txt"])
def test_as_a_document_it_has_headings_and_says_the_same(study: World, tmp_path: Path, format_: str) -> None:
    """Word with real headings, a page with a language, or plain text."""
    anna = talks(study)
    out = tmp_path / f"copy.{format_}"
    assert copy.put(study.program.database, study.program.terms, anna.code, out, format_, False, "kim") == 5
    question = study.program.schedules[("social-workers", "en")].questions[0].short
    if format_ == "docx":
        document = Document(str(out))
        said = "\n".join(one.text for one in document.paragraphs)
        assert question in [
            one.text for one in document.paragraphs if one.style and str(one.style.name).startswith("Heading")
        ]
    else:
        said = out.read_text()
    if format_ == "html":
        assert '<html lang="en">' in said
        assert f"<h2>{question}</h2>" in said
    for words in ("I ring her first.", "At 9.", "At nine oclock.", "[this line was taken out]"):
        assert words in said
    assert "This is wrong." not in said
    assert "SW01" not in said


def test_somebody_who_asked_for_deletion_gets_no_copy_by_mistake(study: World) -> None:
    anna = talks(study)
    anna.says("LEAVE", "2")
    with pytest.raises(OwnPaceError, match="has asked for their answers to be deleted"):
        read(study, anna.code)


class _Read:
    """A database in which something happens when all of a copy was read and written."""

    def __init__(self, study: World, then: Callable[[], object]) -> None:
        self.run_now = study.program.database.run_now
        self._study = study
        self._then = then

    def read_now(self, *asked: Any) -> Any:
        found = self._study.program.database.read_now(*asked)
        self._then()
        return found


@pytest.mark.parametrize("deleted", [True, False], ids=["deleted", "asked for deletion"])
def test_no_copy_is_put_anywhere_of_somebody_who_left_while_it_was_made(
    study: World, tmp_path: Path, deleted: bool
) -> None:
    """Their receipt lists what holds what they said: a copy that comes after it would be in no list."""
    anna, terms, place = talks(study), study.program.terms, tmp_path / "copies"
    place.mkdir()
    (place / "old.txt").write_text("An older copy.")

    def leaves() -> None:
        if deleted:
            study.run(withdrawal.withdraw, terms, anna.code, "kim")
        else:
            anna.says("LEAVE", "2")

    database = cast(Database, _Read(study, leaves))
    with pytest.raises(OwnPaceError, match="deleted"):
        copy.put(database, terms, anna.code, place / "old.txt", "txt", True, "kim")
    assert [(one.name, one.read_text()) for one in place.iterdir()] == [("old.txt", "An older copy.")]
    assert rows(study, audit, act="exported") == []


def test_a_copy_stands_in_the_trail(study: World, tmp_path: Path) -> None:
    anna = talks(study)
    copy.put(study.program.database, study.program.terms, anna.code.lower(), tmp_path / "a.txt", "txt", False, "kim")
    (line,) = rows(study, audit, act="exported")
    assert (line["actor"], line["subject"]) == ("kim", anna.code)
    assert line["detail"] == {"what": "copy", "codes": [anna.code], "to": str(tmp_path / "a.txt")}
