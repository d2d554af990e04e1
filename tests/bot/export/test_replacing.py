"""What a person accepts stands in every export, is sealed, is in the trail without the words, and can be undone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from bot.errors import ExportError, WrongUse
from bot.export import replacing
from bot.export.answers import Answers
from bot.export.matrix import Matrix
from bot.export.qdpx import Qdpx
from bot.export.record import Scope
from bot.export.replacing import Offer
from bot.export.subject_access import SubjectAccess
from bot.export.transcript import Transcripts
from bot.messages import Inbound
from bot.records.tables import audit, messages, replacements
from bot.service import intake
from tests.bot.export.study import WORDS, Phone, cases, hard_words, joins, take_out, trail
from tests.bot.export.test_matrix import read_csv
from tests.bot.export.test_qdpx import Project, valid
from tests.bot.export.test_writeups import VOICE, sends, wrote
from tests.bot.world import World, world

SAID = "My daughter Wren 📱 texts.\r\nWe live at 14 Beech Road, I am Cerys."
SHOWN = "My daughter [daughter's name] 📱 texts.\nWe live at [Place 1], I am [SW01]."


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


@pytest.fixture
def phone(study: World) -> Phone:
    phone = joins(study, 1, name="Cerys")
    phone.consents()
    phone.answers(SAID)
    return phone


def offers(study: World, **also: str) -> list[Offer]:
    found: list[Offer] = study.program.database.read_now(replacing.offers, "sw01", also)
    return found


def accept_all(study: World) -> None:
    study.run(replacing.decide, "SW01", offers(study), [], "Kim")


def test_before_it_is_accepted_a_name_stops_an_export_and_then_it_does_not(
    study: World, phone: Phone, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match="ownpace anonymise"):
        take_out(study, Transcripts("txt"), tmp_path / "out")
    accept_all(study)
    take_out(study, Transcripts("txt"), tmp_path / "out")
    assert f"SW01: {SHOWN}\n" in (tmp_path / "out/SW01.txt").read_text()


def test_every_export_shows_what_was_accepted_and_a_coded_span_is_the_answer(
    study: World, phone: Phone, tmp_path: Path
) -> None:
    wrote(study, sends(phone, VOICE), "Wren and I, in Splott.", "Kim")
    accept_all(study)
    (case,) = cases(study)
    assert [answer.text for answer in case.answers if answer.parts] == [
        SHOWN, "[voice note 1:32, written up by R01]\n[daughter's name] and I, in [Place 2].",
    ]  # fmt: skip
    take_out(study, Qdpx(case_codes=True), tmp_path / "s.qdpx")
    project = Project(tmp_path / "s.qdpx")
    valid(project)
    assert project.spans() == {("SW01", answer.question): answer.text for answer in case.answers if answer.parts}
    take_out(study, Matrix("csv"), tmp_path / "m.csv")
    assert read_csv(tmp_path / "m.csv")["SW01"]["b-now"] == SHOWN
    take_out(study, Answers("jsonl"), tmp_path / "data")
    whole = (tmp_path / "data/messages.jsonl").read_text() + (tmp_path / "data/answers.jsonl").read_text()
    assert SHOWN in [json.loads(line)["text"] for line in whole.splitlines()]
    for name in ("Wren", "Beech", "Cerys", "Splott"):
        assert name not in whole + project.xml.decode() + "".join(project.texts.values())


def test_offsets_hold_in_hard_words(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        hard_words(study)
        also = {"hospital": "[workplace]", "שלום": "[greeting]", "second line": "[line]", "ŷ": "[letter]"}
        found = study.program.database.read_now(replacing.offers, "SW01", also)
        mine = [offer for offer in found if offer.suggestion.put in also.values()]
        assert len(mine) == 4
        study.run(replacing.decide, "SW01", mine, [offer for offer in found if offer not in mine])
        take_out(study, Qdpx(), tmp_path / "s.qdpx")
        (case,) = cases(study)
        spans = Project(tmp_path / "s.qdpx").spans()
        assert spans == {("SW01", a.question): a.text for a in case.answers if a.text.strip()}
        first, *_ = WORDS["b-now"]
        assert spans["SW01", "b-now"].startswith(first.replace("hospital", "[workplace]"))
        assert "[greeting]" in spans["SW01", "b-purpose"]


def test_what_was_said_is_there_for_the_key_holder_and_it_is_noted(study: World, phone: Phone, tmp_path: Path) -> None:
    accept_all(study)
    take_out(study, Transcripts("txt"), tmp_path / "out", originals=True)
    assert "My daughter Wren 📱 texts." in (tmp_path / "out/SW01.txt").read_text()
    assert trail(study)[-1]["detail"]["originals"] is True
    (row,) = study.program.database.read_now(
        lambda uow: uow.all(select(messages).where(messages.c.belongs == "answer"))
    )
    stored = study.program.database.read_now(lambda uow: uow.key(row["key_id"]).open(row["body"], "body"))
    assert stored == SAID, "what came is as it came"


def test_decisions_are_sealed_and_the_trail_counts_without_words(study: World, phone: Phone) -> None:
    accept_all(study)
    rows = study.program.database.read_now(lambda uow: uow.all(select(replacements)))
    assert len(rows) == 3
    assert not any(word in row["sealed"] for row in rows for word in (b"Wren", b"daughter", b"Beech", b"Cerys"))
    (line,) = study.program.database.read_now(lambda uow: uow.all(select(audit).where(audit.c.act == "anonymised")))
    assert (line["actor"], line["subject"], line["detail"]) == ("Kim", "SW01", {"accepted": {"name": 2, "place": 1}})


def test_what_is_refused_is_not_offered_again_until_it_is_taken_back(study: World, phone: Phone) -> None:
    first, *others = offers(study)
    study.run(replacing.decide, "SW01", [], [first])
    assert [offer.suggestion for offer in offers(study)] == [offer.suggestion for offer in others]
    (decision,) = study.program.database.read_now(replacing.decisions, "SW01")
    assert not decision.accepted
    assert cases(study)[0].answers[0].text == SAID.replace("\r", ""), "and it stays as it was said"
    study.run(replacing.undo, "SW01", [decision.id])
    assert len(offers(study)) == 3


def test_what_is_undone_stands_as_it_was_said(study: World, phone: Phone) -> None:
    accept_all(study)
    assert offers(study) == []
    made = study.program.database.read_now(replacing.decisions, "SW01")
    assert study.run(replacing.undo, "SW01", [one.id for one in made], "Kim") == 3
    assert cases(study)[0].answers[0].text == SAID.replace("\r", "")
    with pytest.raises(WrongUse, match="no decision"):
        study.run(replacing.undo, "SW01", [made[0].id])


def test_the_same_stands_for_the_same_in_what_comes_later(study: World, phone: Phone) -> None:
    accept_all(study)
    phone.answers("Wren is 9 now. At 14 beech road still, near 3 Elm Street.")
    assert [(offer.suggestion.words, offer.suggestion.put) for offer in offers(study)] == [
        ("Wren", "[daughter's name]"), ("14 beech road", "[Place 1]"), ("3 Elm Street", "[Place 2]"),
    ]  # fmt: skip


def says(phone: Phone, words: str, **more: Any) -> None:
    """A message with an id that it can be changed by."""
    phone.study.run(intake.receive, phone.study.program.terms, Inbound(words, phone.address, words, b"raw", **more))


def answer(study: World) -> str:
    (case,) = cases(study)
    return case.answers[0].text


def test_what_was_decided_stands_in_every_later_form_of_a_message(study: World, tmp_path: Path) -> None:
    """Somebody mends a slip after their names were replaced; what is new in it is looked for as ever."""
    phone = joins(study, 1, name="Cerys")
    phone.consents()
    says(phone, "My daughter Wren txts.", provider_id="theirs")
    accept_all(study)
    says(phone, "My daughter Wren texts. Wrens sing, wren.", edits="theirs")
    assert answer(study) == "My daughter [daughter's name] texts. Wrens sing, [daughter's name]."
    assert [offer.suggestion.words for offer in offers(study)] == ["Wren"], "a person may decide anew"
    study.run(replacing.decide, "SW01", [], offers(study))
    assert answer(study) == "My daughter Wren texts. Wrens sing, [daughter's name]."
    says(phone, "My daughter Wren texts. I am Cerys.", edits="theirs")
    with pytest.raises(ExportError, match="a name of the participant themselves"):
        take_out(study, Transcripts("txt"), tmp_path / "out")
    accept_all(study)
    assert answer(study) == "My daughter [daughter's name] texts. I am [SW01]."
    first, *_ = study.program.database.read_now(replacing.decisions, "SW01")
    study.run(replacing.undo, "SW01", [first.id])
    assert answer(study) == "My daughter [daughter's name] texts. I am [SW01].", "the newest has its own"


def test_what_was_decided_stands_in_every_later_version_of_a_write_up(study: World) -> None:
    phone = joins(study, 1, name="Cerys")
    phone.consents()
    note = sends(phone, VOICE)
    wrote(study, note, "My daughter Wren adn I.", "Kim")
    accept_all(study)
    wrote(study, note, "My daughter Wren and I.", "Kim")
    assert answer(study).endswith("\nMy daughter [daughter's name] and I.")


def test_names_in_writing_without_spaces_stop_an_export_and_can_be_replaced(study: World, tmp_path: Path) -> None:
    """The person's own, also in what was written to them, and what somebody names."""
    joins(study, 2, name="สมชาย")
    phone = joins(study, 1, name="王小芳")
    phone.consents()
    phone.asks_for_a_person("Ruth Jones", "亲爱的王小芳你好", "小芳很好")
    phone.answers("昨天王小芳和建国说了。เมื่อวานสมชายมา")
    with pytest.raises(ExportError) as stopped:
        take_out(study, Transcripts("txt", bot="all"), tmp_path / "out")
    assert "a name of SW01" in str(stopped.value)
    study.run(replacing.decide, "SW02", study.program.database.read_now(
        replacing.offers, "SW02", {"建国": "[husband]", "สมชาย": "[friend]"}), [])  # fmt: skip
    take_out(study, Transcripts("txt", bot="all"), tmp_path / "out")
    said = (tmp_path / "out/SW02.txt").read_text()
    assert "亲爱的[SW02]你好" in said
    assert "SW02: 昨天[SW02]和[husband]说了。เมื่อวาน[friend]มา" in said


def test_what_a_researcher_wrote_is_looked_through_too(study: World, phone: Phone) -> None:
    accept_all(study)
    phone.asks_for_a_person("Ruth Jones", "Does Wren like it?", "Yes.")
    accept_all(study)
    (probe,) = [turn for turn in cases(study)[0].turns if turn.author == "R01"]
    assert probe.text.startswith("Does [daughter's name] like it?")


def test_a_person_s_own_record_has_their_words_as_they_said_them(study: World, phone: Phone, tmp_path: Path) -> None:
    accept_all(study)
    mine = {"codes": ("SW01",), "scope": Scope.ALL, "originals": True, "named": True}
    take_out(study, SubjectAccess(), tmp_path / "mine", **mine)
    held = json.loads((tmp_path / "mine/record.json").read_text())
    assert "My daughter Wren" in (tmp_path / "mine/record.html").read_text()
    assert [json.loads(row["sealed"])["put"] for row in held["replacements"]] == [
        "[daughter's name]", "[Place 1]", "[SW01]",
    ]  # fmt: skip


def test_a_decision_that_fits_no_text_stops_an_export(study: World, phone: Phone) -> None:
    accept_all(study)
    study.run(replacing.decide, "SW01", [_twice(study)], [])
    with pytest.raises(ExportError, match="decide again"):
        cases(study)


def _twice(study: World) -> Offer:
    """The first decision as an offer again, as two people at once might have it."""
    study.run(lambda uow: uow.execute(delete(replacements).where(replacements.c.id == 1)))
    (offer, *_) = offers(study)
    study.run(replacing.decide, "SW01", [offer], [])
    return offer


def test_nobody_is_anonymised_who_is_not_there(study: World) -> None:
    with pytest.raises(WrongUse, match="no record of P99"):
        study.program.database.read_now(replacing.offers, "P99")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("shared")) as made:
        phone = joins(made, 1, name="Cerys")
        phone.consents()
        phone.answers("Wren, Leeds, 07700 900123 and 07700 900456, Dr Khan.", "My sister Ella. ŵ 📱 Leeds\r\n")
        yield made


@settings(deadline=None)  # each example writes to a real database
@given(choice=st.sets(st.integers(min_value=0, max_value=6)))
def test_whatever_is_accepted_nothing_else_changes(shared: World, choice: set[int]) -> None:
    found = offers(shared)
    accepted = [offer for number, offer in enumerate(found) if number in choice]
    before = cases(shared)[0].answers[0].text
    shared.run(replacing.decide, "SW01", accepted, [])
    try:
        after = cases(shared)[0].answers[0].text
        for offer in reversed(accepted):
            after = offer.suggestion.words.join(after.rsplit(offer.suggestion.put, 1))
        assert after == before
    finally:
        shared.run(lambda uow: uow.execute(delete(replacements)))
