"""What leaves for others than the team: the ethics committee, the person themselves, the archive."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import docx
import pytest
from docx.oxml.ns import qn
from sqlalchemy import func, insert, select

from bot import bootstrap, prompts
from bot.errors import ExportError
from bot.export import replacing, writing
from bot.export.archive import Archive
from bot.export.ethics import SAFEGUARDING, export_pack
from bot.export.measures import tidy
from bot.export.processors import BEFORE, processors
from bot.export.record import Scope
from bot.export.subject_access import BEFORE as EARLIER
from bot.export.subject_access import OF_THE_TEAM, SubjectAccess
from bot.interview.schedule import Wording
from bot.messages import Address
from bot.records.tables import audit, messages, metadata, tasks
from bot.service import staff
from tests.bot.export.conftest import ANNA, BOB, CY, DEE
from tests.bot.export.study import cases, joins, stored_answers, take_out, trail
from tests.bot.export.test_matrix import read_csv, same, unsafe
from tests.bot.export.test_transcript import spoken
from tests.bot.world import World, world

MINE: dict[str, Any] = {"scope": Scope.ALL, "originals": True, "named": True}


def pack(study: World, out: Path, **more: Any) -> None:
    program = study.program
    export_pack(program.database, program.settings, program.schedules.values(), out, **more)


def table(file: ZipFile, name: str) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(file.read(name).decode("utf-8-sig"), newline=""))
    return [{key: unsafe(cell) for key, cell in row.items()} for row in reader]


# The ethics pack


@pytest.fixture(scope="module")
def packed(held: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZipFile]:
    """The pack of the study, after a member of staff did something that has a secret in it."""
    held.run(staff.add_user, "olwen", "correct horse battery", "researcher")
    secret = {
        "actor": "olwen",
        "act": "signed in",
        "subject": "olwen",
        "detail": {"note": "SECRET"},
        "at": held.clock(),
    }
    held.run(lambda uow: uow.execute(insert(audit).values(**secret)))
    out = tmp_path_factory.mktemp("pack") / "pack.zip"
    pack(held, out)
    with ZipFile(out) as file:
        yield file


def test_the_pack_has_every_text_in_every_wording_with_its_version(held: World, packed: ZipFile) -> None:
    rows = {(r["version"], r["kind"], r["id"], r["wording"]): r["text"] for r in table(packed, "texts.csv")}
    word = docx.Document(io.BytesIO(packed.read("ethics-pack.docx")))
    whole = {cell.text for each in word.tables for row in each.rows for cell in row.cells}
    for schedule in held.program.schedules.values():
        for wording in Wording:
            for question in schedule.questions:
                text = rows[schedule.version, "question", question.id, wording.value]
                assert text == question.worded(wording)
                assert text in whole
            for statement in schedule.statements:
                assert rows[schedule.version, "consent statement", statement.id, wording.value] in whole
            for key, said in schedule.texts.items():
                assert rows[schedule.version, "text", key, wording.value] == said.worded(wording)
    assert word.core_properties.title == "Ethics pack: our study"
    assert any("If helpers is 'none': a-others-wish" in cell for cell in whole), "where it branches"


def test_the_pack_has_a_version_that_only_old_interviews_are_on(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        joins(study, 1)
        old = study.program.schedules["social-workers", "en"]
        new = type(old).from_json(old.model_copy(update={"title": "Another title"}).to_json())
        study.program.schedules["social-workers", "en"] = new  # type: ignore[index]  # a dict
        pack(study, tmp_path / "pack.docx")
        word = docx.Document(str(tmp_path / "pack.docx"))
        rows = [[cell.text for cell in row.cells] for row in word.tables[0].rows]
        assert [row[-2:] for row in rows if row[2] == old.version] == [["1", "no longer"]]
        assert [row[-2:] for row in rows if row[2] == new.version] == [["0", "begin with it"]]


def test_the_pack_has_settings_in_words_and_no_secret(packed: ZipFile) -> None:
    rows = {row["setting"]: row["value"] for row in table(packed, "settings.csv")}
    whole = b"".join(packed.read(name) for name in packed.namelist())
    assert rows["pace.settle"] == "as the program has it"
    assert rows["pace.reminders"] == "4 days, 10 days"
    assert rows["pace.quiet_hours"] == "from 20:00 to 09:00"
    assert b"the auth token" not in whole


def test_the_pack_has_every_sign_that_fetches_a_person_and_says_that_nobody_has_reviewed_it(
    held: World, packed: ZipFile
) -> None:
    """A committee sees the words themselves, what happens on them, and who answers for them."""
    folder = held.program.settings.study.prompts
    known = [rule.id for rules in prompts.safeguarding(folder)["en"].signs.values() for rule in rules]
    assert [row["Sign"] for row in table(packed, "signs.csv")] == known
    numbers = {row["Number"] for row in table(packed, "signposts.csv")}
    assert {"999", "116 123"} <= numbers
    word = docx.Document(io.BytesIO(packed.read("ethics-pack.docx")))
    cells = [[cell.text for cell in row.cells] for each in word.tables for row in each.rows]
    assert SAFEGUARDING in [paragraph.text for paragraph in word.paragraphs]
    assert any(row[1:4] == ["signs of harm or distress", "the study's safeguarding lead", "never"] for row in cells)
    assert {row[2] for row in cells if len(row) == 4} >= set(known)


def test_a_word_document_is_accessible(packed: ZipFile) -> None:
    """Its language and title, headings in order without a gap, and table heads that are told to a screen reader."""
    word = docx.Document(io.BytesIO(packed.read("ethics-pack.docx")))
    assert word.core_properties.title
    languages = {held.get(qn("w:val")) for held in word.styles.element.iter(qn("w:lang"))}
    assert languages == {"en-GB"}
    styles = [str(one.style.name) for one in word.paragraphs if one.style]
    levels = [int(name[-1]) for name in styles if name.startswith("Heading")]
    assert styles[0] == "Title"
    assert levels[0] == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    headed = [each for each in word.tables if each._tbl.findall(f".//{qn('w:tblHeader')}")]
    captions = styles.count("Caption")
    assert len(headed) == captions > 3


def test_the_pack_says_who_carries_each_channel(held: World, packed: ZipFile) -> None:
    rows = table(packed, "processors.csv")
    assert [row["Channel"] for row in rows] == ["sms"]
    assert "Twilio" in rows[0]["Who carries it"]
    assert list(processors(held.program.settings.channels)) == [tuple(row.values()) for row in rows]


def test_who_carries_a_channel_is_a_draft_that_the_team_confirms(packed: ZipFile) -> None:
    """The program cannot vouch for companies: each line asks, and none says what the law is."""
    word = docx.Document(io.BytesIO(packed.read("ethics-pack.docx")))
    assert BEFORE in [paragraph.text for paragraph in word.paragraphs]
    settings = bootstrap.StudySettings(channels={
        "sms": {"account_sid": "AC1", "auth_token": "t", "from": "+447700900000"},
        "whatsapp": {"account_sid": "AC1", "auth_token": "t", "from": "+447700900000"},
        "telegram": {"token": "1:a"},
        "email": {"address": "a@example.org", "smtp_host": "out.example.org", "imap_host": "in.example.org",
                  "username": "a", "password": "b"},
        "simulator": {"enabled": True},
    })  # fmt: skip
    rows = list(processors(settings.channels))
    assert [row[0] for row in rows] == ["sms", "whatsapp", "whatsapp", "telegram", "email", "email"]
    for _, who, where, _, ask in rows:
        assert who.startswith(("Probably", "Who runs"))
        assert where.startswith(("To be confirmed", "To be filled in"))
        assert ask
        assert not re.search(r"complian|lawful|adequa|GDPR|processor for", f"{who} {where} {ask}")


def test_the_log_has_acts_and_no_contents_and_no_name_of_staff(held: World, packed: ZipFile) -> None:
    rows = table(packed, "log.csv")
    whole = b"".join(packed.read(name) for name in packed.namelist())
    assert [row["about"] for row in rows if row["act"] == "took over"] == ["P01", "P01"]
    assert len({row["by"] for row in rows if row["act"] == "took over"}) == 2
    for word in (b"SECRET", b"olwen", b"Ruth Jones", ANNA.encode(), BOB.encode(), b"I text her"):
        assert word not in whole
    assert "ethics-pack" in {line["detail"]["what"] for line in trail(held)}


def test_a_pack_that_is_there_is_kept(held: World, tmp_path: Path) -> None:
    (tmp_path / "pack.docx").write_text("mine")
    with pytest.raises(ExportError, match="is there already"):
        pack(held, tmp_path / "pack.docx")
    pack(held, tmp_path / "pack.docx", force=True)
    assert docx.Document(str(tmp_path / "pack.docx")).paragraphs


# One person's own record


def test_the_record_of_a_person_has_everything_and_marks_what_they_took_back(held: World, out: Path) -> None:
    take_out(held, SubjectAccess(), out, codes=("SW02",), **MINE)
    page, held_rows = (out / "record.html").read_text(), json.loads((out / "record.json").read_text())
    assert f"What we hold about {BOB}" in page
    assert "+447700900003" in page
    assert "third [you took this back on 24 November 2026; it is in no transcript]" in page
    (case,) = [case for case in cases(held) if case.code == "SW02"]
    query = select(func.count()).where(messages.c.participant_id == case.head.id)
    assert len(held_rows["messages"]) == held.program.database.read_now(lambda uow: uow.execute(query).scalar_one())
    (third,) = [row for row in held_rows["messages"] if row["body"] == "third"]
    assert (third["raw"], third["removed_at"] is not None) == ("third", True)
    assert held_rows["participants"][0]["name"] == BOB
    assert held_rows["addresses"][0]["value"] == "+447700900003"
    assert len(held_rows["consents"]) == len(case.schedule.statements)
    assert {"outbox", "timers", "tasks", "audit", "interviews"} <= set(held_rows)


@pytest.mark.parametrize("code", ["SW01", "SW02", "P01"])
def test_the_record_of_a_person_has_every_answer_of_the_database(held: World, out: Path, code: str) -> None:
    take_out(held, SubjectAccess(), out, codes=(code,), **MINE)
    found: dict[tuple[str, str], list[str]] = {}
    for row in json.loads((out / "record.json").read_text())["messages"]:
        if row["belongs"] in ("answer", "late") and row["removed_at"] is None:
            found.setdefault((code, row["question"]), []).append(tidy(row["body"]))
    stored = {key: words for key, words in stored_answers(held).items() if key[0] == code}
    assert {key: "\n".join(parts) for key, parts in found.items()} == stored
    assert stored


def test_it_has_nothing_of_anybody_else_and_nothing_that_the_team_wrote_for_itself(held: World, out: Path) -> None:
    person = next(case.head.id for case in cases(held) if case.code == "SW02")
    note = {
        "kind": "to read",
        "participant_id": person,
        "note": "FIELD NOTE",
        "owner": "olga",
        "opened_at": held.clock(),
    }
    held.run(lambda uow: uow.execute(insert(tasks).values(**note)))
    take_out(held, SubjectAccess(), out, codes=("SW02",), **MINE)
    whole = "".join(path.read_text() for path in out.iterdir())
    assert "to read" in whole
    for word in ("FIELD NOTE", "olga", ANNA, CY, DEE, "I text her", "hospital team", "P01", "SW01"):
        assert word not in whole, word


def test_every_table_with_rows_of_a_person_is_in_their_record_or_is_the_teams_own(held: World, out: Path) -> None:
    """A table that is new fails here until somebody says which it is."""
    take_out(held, SubjectAccess(), out, codes=("SW02",), **MINE)
    record = json.loads((out / "record.json").read_text())
    assert {name for name, one in metadata.tables.items() if "participant_id" in one.c} - OF_THE_TEAM <= set(record)
    assert not OF_THE_TEAM & set(record)


def test_what_they_wrote_before_anybody_knew_them_is_in_it_and_nobody_elses(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        study.says("It is about the flamingo.", Address("sms", "+447700900001"))
        study.says("A wrong number.", Address("sms", "+447700900999"))
        joins(study, 1, name="Sam")
        take_out(study, SubjectAccess(), tmp_path / "out", codes=("SW01",), **MINE)
        record = json.loads((tmp_path / "out/record.json").read_text())
        first, answer = record[EARLIER]
        assert (first["body"], first["sent_from"]) == ("It is about the flamingo.", "+447700900001")
        assert answer["body"].startswith("Thank you for your message.")
        assert "It is about the flamingo." in (tmp_path / "out/record.html").read_text()
        assert "wrong number" not in str(record)


def test_who_asked_to_be_deleted_may_still_have_their_record(held: World, out: Path) -> None:
    take_out(held, SubjectAccess(), out, codes=("P02",), **MINE)
    assert "Please forget that I said this." in (out / "record.html").read_text()


# The archive


def test_the_archive_has_those_who_said_yes_to_it_and_nobody_else(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        statements = study.program.schedules["social-workers", "en"].statements
        for number, agrees in enumerate((True, False, True), start=1):
            phone = joins(study, number, name=f"Person{number}")
            phone.says(*("no" if one.id == "c11-archive" and not agrees else "yes" for one in statements))
            phone.answers(f"answer {number}")
        joins(study, 4).says("yes")
        written = take_out(study, Archive(), tmp_path / "out", agreed_to="c11")
        assert written.left_out == {"no YES to every statement that is required": 1, "no YES to the statement c11": 1}
        assert [path.name for path in sorted((tmp_path / "out/transcripts").iterdir())] == ["SW01.txt", "SW03.txt"]
        rows = read_csv(tmp_path / "out/matrix/social-workers.csv")
        assert {code: row["b-now"] for code, row in rows.items()} == {"SW01": "answer 1", "SW03": "answer 3"}
        assert "2 interviews" in (tmp_path / "out/README.txt").read_text()
        assert "answer 2" not in "".join(p.read_text("utf-8-sig") for p in (tmp_path / "out").rglob("*.*"))
        assert trail(study)[-1]["detail"]["codes"] == ["SW01", "SW03"]
        assert len(stored_answers(study)) == 3


def test_the_archive_has_every_answer_of_the_database_in_each_of_its_parts(held: World, out: Path) -> None:
    take_out(held, Archive(), out, agreed_to="c11")
    stored = {key: words for key, words in stored_answers(held).items() if key[0] not in ("P02", "SW03")}
    with (out / "data/answers.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["parts"] != "0"]
    assert {(row["case"], row["question"]): unsafe(row["text"]) for row in rows} == stored
    matrix = {code: row for path in sorted((out / "matrix").glob("*.csv")) for code, row in read_csv(path).items()}
    assert same(matrix, stored) == len(stored)
    for (code, _), words in stored.items():
        turns = [said for _, said in spoken((out / f"transcripts/{code}.txt").read_text())]
        for part in words.split("\n"):
            assert any(part in said for said in turns), part


def test_an_archive_of_nobody_is_refused(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        joins(study, 1)
        with pytest.raises(ExportError, match="Nobody"):
            take_out(study, Archive(), tmp_path / "out", agreed_to="c11")
        assert not (tmp_path / "out").exists()


# Names that people say


def test_an_archive_says_what_is_true_of_names_and_waits_until_somebody_decided(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        phone = joins(study, 1, name="Anna")
        phone.consents()
        phone.answers("My daughter Ffion reads the letters in Bryn Glas.")
        with pytest.raises(ExportError, match=r"for 1 person\. scripts/ownpace anonymise SW01 shows them\.\nDecide"):
            take_out(study, Archive(), tmp_path / "out", agreed_to="c11", unless="Decide first.")
        assert not (tmp_path / "out").exists()
        written = take_out(study, Archive(), tmp_path / "out", agreed_to="c11")
        offers = study.run(replacing.offers, "SW01")
        assert written.undecided is not None
        assert written.undecided.found == {"SW01": len(offers)}
        read_me = (tmp_path / "out/README.txt").read_text()
        assert "1 interview," in read_me
        assert "names are replaced" not in read_me
        assert f"nobody has decided: {len(offers)} suggestion" in read_me
        cover = (tmp_path / "out/transcripts/SW01.txt").read_text()
        assert f"Suggestions of names that are undecided – {len(offers)}\n" in cover
        study.run(replacing.decide, "SW01", offers, ())
        take_out(study, Archive(), tmp_path / "decided", agreed_to="c11", unless="Decide first.")
        assert "No suggestion of names is undecided" in (tmp_path / "decided/README.txt").read_text()
        assert "Ffion" not in "".join(p.read_text("utf-8-sig") for p in (tmp_path / "decided").rglob("*.*"))


def test_of_many_people_suggestions_are_counted_only_where_none_may_be_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MOST_COUNTED", 1)
    with world(tmp_path) as study:
        for number in (1, 2, 3):
            phone = joins(study, number)
            phone.consents()
            phone.answers("My daughter Ffion reads it." if number > 1 else "I read it.")
        take_out(study, Archive(), tmp_path / "out", agreed_to="c11")
        assert "undecided was not counted" in (tmp_path / "out/README.txt").read_text()
        with pytest.raises(ExportError, match=r"at least 1 suggestion for 1 person\. scripts/ownpace anonymise SW02"):
            take_out(study, Archive(), tmp_path / "no", agreed_to="c11", unless="Decide first.")
