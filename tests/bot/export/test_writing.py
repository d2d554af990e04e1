"""What is true of every export: nobody is named, nothing is half written, nothing is replaced unasked, all is noted."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from bot.errors import ExportError
from bot.export import replacing
from bot.export.answers import Answers
from bot.export.archive import Archive
from bot.export.matrix import Matrix
from bot.export.qdpx import Qdpx
from bot.export.reading import Study
from bot.export.record import Case
from bot.export.transcript import Transcripts
from bot.export.writing import UNFINISHED, Exporter, new_place
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.service import withdrawal
from tests.bot.export.conftest import ANNA, BOB, DEE
from tests.bot.export.study import Email, joins, take_out, trail
from tests.bot.world import Post, World, world
from tests.rig import ROOT
from tests.rig.disk import no_file_beyond

EVERY: dict[str, Exporter] = {
    "txt": Transcripts("txt", bot="all", steering=True),
    "md": Transcripts("md"),
    "html": Transcripts("html"),
    "docx": Transcripts("docx"),
    "xlsx": Matrix("xlsx"),
    "csv": Matrix("csv"),
    "qdpx": Qdpx(),
    "answers": Answers("csv"),
    "jsonl": Answers("jsonl"),
    "parquet": Answers("parquet"),
    "archive": Archive(),
}
each = pytest.mark.parametrize("exporter", EVERY.values(), ids=EVERY)


def all_bytes(place: Path) -> bytes:
    """Everything in an export, unzipped where it is a zip."""
    import zipfile

    import pyarrow.parquet

    whole = b""
    for path in [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file()):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as file:
                whole += b"".join(file.read(name) for name in file.namelist())
        elif path.suffix == ".parquet":
            whole += str(pyarrow.parquet.read_table(path).to_pylist()).encode()
        else:
            whole += path.read_bytes()
    return whole


@each
def test_no_export_has_a_name_or_what_was_taken_back_or_who_asked_to_be_deleted(
    held: World, out: Path, exporter: Exporter
) -> None:
    take_out(held, exporter, out)
    whole = all_bytes(out).decode("utf-8", "replace")
    assert "I text her." in whole
    for word in (ANNA, BOB, DEE, "Ruth Jones", "Omar", "77009", "and this goes", "third", "forget that I said"):
        assert word not in whole, word


@each
def test_a_text_that_names_somebody_stops_the_export_and_says_where_but_not_who(
    tmp_path: Path, exporter: Exporter
) -> None:
    with world(tmp_path) as study:
        joins(study, 1, name="Gwendolen")
        teller = joins(study, 2, name="Ffion")
        teller.consents()
        teller.answers("gwendolen rang 07700 900001.")
        with pytest.raises(ExportError) as stopped:
            take_out(study, exporter, tmp_path / "out")
        said = str(stopped.value)
        assert "SW02, question b-now: a name of SW01" in said
        assert "SW02, question b-now: a phone number of SW01" in said
        assert "wendolen" not in said
        assert "900001" not in said
        assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []
        assert trail(study) == []

        take_out(study, exporter, tmp_path / "out", originals=True)
        assert b"gwendolen rang" in all_bytes(tmp_path / "out")
        assert trail(study)[-1]["detail"]["originals"] is True


@each
def test_what_is_there_is_replaced_only_when_asked(held: World, out: Path, exporter: Exporter) -> None:
    out.write_text("mine")
    with pytest.raises(ExportError, match="is there already"):
        take_out(held, exporter, out)
    assert out.read_text() == "mine"
    take_out(held, exporter, out, force=True)
    before = all_bytes(out)
    take_out(held, exporter, out, force=True)
    if exporter.name != "archive" and not isinstance(exporter, Matrix) and exporter not in (EVERY["docx"],):
        assert all_bytes(out) == before, "the same data give the same export"
    assert [path.name for path in out.parent.iterdir()] == ["out"]


class _Breaks(Transcripts):
    """An export that fails half-way, as a full disk would make it."""

    def write(self, study: Study, place: Path) -> None:
        place.mkdir()
        (place / "half").write_text("half")
        raise OSError(28, "No space left on device")


def test_an_export_that_fails_leaves_nothing_behind_and_keeps_what_was_there(held: World, out: Path) -> None:
    take_out(held, Transcripts("txt"), out)
    before = all_bytes(out)
    noted = len(trail(held))
    with pytest.raises(ExportError, match="No space left"):
        take_out(held, _Breaks("txt"), out, force=True)
    assert all_bytes(out) == before
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert len(trail(held)) == noted


KILLED = """
import os, sys
from pathlib import Path
from bot.export.writing import new_place
with new_place(Path(sys.argv[1]), force=False) as place:
    place.write_text("half of what somebody said")
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_export_left_is_removed_by_the_next_and_one_that_is_being_made_is_not(
    held: World, out: Path
) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(out)], cwd=ROOT, check=False)
    (left,) = out.parent.iterdir()
    assert left.name.startswith(UNFINISHED), "it is marked as what it is"
    with new_place(out.with_name("other"), force=False) as being_made:
        assert not left.exists()
        take_out(held, Transcripts("txt"), out)
        assert being_made.parent.exists()
        being_made.write_text("done")
    assert {path.name for path in out.parent.iterdir()} == {"other", "out"}


@pytest.mark.parametrize("name", ["a b; rm -rf ~", "ü‮ê\n", "-x", "'\"$HOME", "x" * 255, "..."])
def test_any_name_that_a_file_can_have_is_a_place(held: World, tmp_path: Path, name: str) -> None:
    take_out(held, Matrix("csv"), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert trail(held)[-1]["detail"]["to"] == str(tmp_path / name)


@each
def test_a_full_disk_is_told_of_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exporter: Exporter
) -> None:
    """Here no file may grow beyond some bytes: the system refuses to write the rest, as it does on a full disk."""
    with world(tmp_path / "home") as study:
        for number in range(3):
            phone = joins(study, number)
            phone.consents()
            phone.answers(str(random.Random(number).randbytes(5_000).hex()))
        place, temporary = tmp_path / "place", tmp_path / "tmp"
        place.mkdir()
        temporary.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(temporary))
        with no_file_beyond(4_000), pytest.raises(ExportError, match="could not be written: File too large"):
            take_out(study, exporter, place / "out")
        assert [*place.iterdir(), *temporary.iterdir()] == []
        assert trail(study) == []


class _Leaves(Transcripts):
    """An export during which somebody leaves."""

    leaves: Callable[[], None]

    def write(self, study: Study, place: Path) -> None:
        super().write(study, place)
        self.leaves()


@pytest.mark.parametrize("deleted", [True, False], ids=["deleted", "asked for deletion"])
def test_nothing_leaves_of_somebody_who_left_while_it_was_made(tmp_path: Path, deleted: bool) -> None:
    """Their receipt lists the exports that hold what they said: one that comes after it would be in no list."""
    with world(tmp_path) as study:
        joins(study, 1).consents()
        phone = joins(study, 2)
        phone.consents()
        phone.answers("The pelican.")

        def leaves() -> None:
            if deleted:
                study.run(withdrawal.withdraw, study.program.terms, "SW02", "kim")
            else:
                phone.says("LEAVE", "2")

        exporter = _Leaves("txt")
        object.__setattr__(exporter, "leaves", leaves)
        with pytest.raises(ExportError, match=r"SW02 left, or asked for deletion, while this was made"):
            take_out(study, exporter, tmp_path / "out")
        assert not (tmp_path / "out").exists()
        assert trail(study) == []
        take_out(study, Transcripts("txt"), tmp_path / "out")
        assert trail(study)[-1]["detail"]["codes"] == ["SW01"]


def test_an_export_is_read_only_by_who_asked_for_it(held: World, out: Path) -> None:
    take_out(held, Transcripts("txt"), out)
    assert {path.stat().st_mode & 0o077 for path in (out, *out.iterdir())} == {0}


def test_the_trail_says_what_left_and_of_whom_and_no_words(held: World, out: Path) -> None:
    take_out(held, Qdpx(), out)
    line = trail(held)[-1]
    assert (line["actor"], line["act"]) == ("command line", "exported")
    detail = line["detail"]
    assert detail["what"] == "qdpx"
    assert detail["codes"] == ["P01", "SW01", "SW02"]
    assert detail["cases"] == 3
    assert "I text her" not in json.dumps(detail)


def test_one_code_alone_is_the_subject_of_the_line(held: World, out: Path) -> None:
    take_out(held, Transcripts("txt", one=True), out, codes=("p01",))
    assert trail(held)[-1]["subject"] == "P01"
    assert b"P01: I text her." in out.read_bytes()


@pytest.mark.parametrize("code", ["P99", "SW03", "P02"], ids=["unknown", "not consented", "to be deleted"])
def test_a_record_that_may_not_leave_is_refused(held: World, out: Path, code: str) -> None:
    with pytest.raises(ExportError, match=code):
        take_out(held, Transcripts("txt"), out, codes=(code,))
    assert not out.exists()


def test_a_folder_that_is_not_there_is_named(held: World, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="Make it first"):
        take_out(held, Qdpx(), tmp_path / "no" / "out")


def test_an_attribute_that_names_somebody_stops_the_matrix(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        joins(study, 1, name="Ffion", attributes={"supporter": "Ffion's mother"}).consents()
        with pytest.raises(
            ExportError, match="SW01, attribute supporter: a name of the participant themselves"
        ) as stopped:
            take_out(study, Matrix("csv"), tmp_path / "out")
        assert "export transcript or answers" in str(stopped.value)
        assert "anonymise" not in str(stopped.value), "that offers nothing here"
        take_out(study, Answers("csv"), tmp_path / "out")


def forget_name(uow: UnitOfWork) -> None:
    """As if the text were about somebody else."""
    key = uow.key(uow.execute(select(people.c.key_id)).scalar_one())
    uow.execute(update(people).values(name=key.seal("", "name")))


def test_a_text_of_our_own_that_names_somebody_is_told_apart(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        joins(study, 1, name="Ffion").consents()
        study.run(forget_name)
        joins(study, 2, name="Ffion")
        with pytest.raises(ExportError, match=r"SW01, .*, in a text of our own: a name of SW02") as stopped:
            take_out(study, Transcripts("txt", bot="all"), tmp_path / "out")
        assert "anonymise" not in str(stopped.value)
        take_out(study, Transcripts("txt", bot="none"), tmp_path / "out")


@pytest.mark.parametrize("exporter", [Answers("csv"), Transcripts("txt", steering=True)], ids=["data", "transcript"])
def test_an_address_that_somebody_wants_to_move_to_stops_the_export(tmp_path: Path, exporter: Exporter) -> None:
    """They typed it after CHANGE, and the code has not come back from there."""
    with world(tmp_path, channels={"sms": Post("sms"), "email": Email("email")}) as study:
        person = joins(study, 901)
        person.consents()
        person.answers("I work.")
        person.says("CHANGE", "email", "bob.private@example.org")
        with pytest.raises(ExportError, match="an email address of the participant themselves"):
            take_out(study, exporter, tmp_path / "out")


@each
def test_a_number_over_two_messages_stops_the_export(tmp_path: Path, exporter: Exporter) -> None:
    with world(tmp_path) as study:
        person = joins(study, 1)
        person.consents()
        person.answers("ring me on 07700", "900001")
        with pytest.raises(ExportError, match="question b-now: a phone number of the participant themselves"):
            take_out(study, exporter, tmp_path / "out")


def test_an_everyday_name_by_which_somebody_introduces_themselves_is_offered(tmp_path: Path) -> None:
    """What stops the export can be mended as it says."""
    with world(tmp_path) as study:
        person = joins(study, 1, name="Rose Ward")
        person.consents()
        person.answers("Rose here.", "I went to a ward and saw a rose.", "rose ward")
        with pytest.raises(ExportError, match="question b-now: a name of the participant themselves"):
            take_out(study, Answers("csv"), tmp_path / "out")
        offers = study.program.database.read_now(replacing.offers, person.code)
        assert [one.suggestion.words for one in offers] == ["Rose", "rose", "ward"]
        study.run(replacing.decide, person.code, offers, [])
        take_out(study, Answers("csv"), tmp_path / "out")


@pytest.mark.parametrize("exporter", [Matrix("csv"), Matrix("xlsx"), Qdpx(), Archive()])
def test_how_somebody_can_safely_be_reached_is_in_no_export(tmp_path: Path, exporter: Exporter) -> None:
    """It names neighbours and their numbers, which no scan knows; the other attributes are there."""
    with world(tmp_path) as study:
        joins(study, 1, attributes={"safe_contact": "ring Mrs Evans, 0161 496 0000", "region": "Gwynedd"}).consents()
        take_out(study, exporter, tmp_path / "out")
        written = all_bytes(tmp_path / "out")
        assert b"Evans" not in written
        assert b"safe_contact" not in written
        assert b"Gwynedd" in written


def test_only_one_case_is_in_memory(held: World) -> None:
    """Cases come one by one: the second is made only after the first was given."""
    made: list[str] = []

    def read(uow: object) -> list[list[str]]:
        study = Study(uow, held.program.settings.study.zone)  # type: ignore[arg-type]  # it is one
        seen = []
        for case in study.cases(""):
            made.append(case.code)
            seen.append(list(made))
        return seen

    assert held.program.database.read_now(read) == [["P01"], ["P01", "SW01"], ["P01", "SW01", "SW02"]]


def test_the_case_that_the_reader_gives_is_frozen(held: World) -> None:
    def read(uow: object) -> Case:
        return next(Study(uow, held.program.settings.study.zone).cases(""))  # type: ignore[arg-type]  # it is one

    case = held.program.database.read_now(read)
    with pytest.raises(AttributeError):
        case.wording = "short"  # type: ignore[misc]  # that is the test
