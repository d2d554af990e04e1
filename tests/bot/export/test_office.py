"""Word files are opened by LibreOffice, which is not ours, and come out as pages with every word on them."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

from bot.errors import ExportError
from bot.export.ethics import export_pack
from bot.export.matrix import Matrix
from bot.export.methods import Methods
from bot.export.record import Scope
from bot.export.transcript import Transcripts
from tests.bot.export.study import cases, stored_answers, take_out
from tests.bot.world import World
from tests.rig import unavailable


@pytest.fixture(scope="module")
def pages(held: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The words of each Word export, as they are on its pages."""
    if not (shutil.which("soffice") and shutil.which("pdftotext")):
        unavailable("LibreOffice (libreoffice-writer-nogui) with poppler-utils")
    folder = tmp_path_factory.mktemp("office")
    take_out(held, Transcripts("docx", one=True, times=True), folder / "transcript.docx", codes=("SW01",))
    take_out(held, Methods("docx"), folder / "methods.docx", scope=Scope.ENROLLED)
    program = held.program
    export_pack(program.database, program.settings, program.schedules.values(), folder / "pack.docx")
    return {path.stem: as_text(path) for path in sorted(folder.glob("*.docx"))}


def on_paper(pdf: Path) -> str:
    """The words on the pages of a PDF."""
    read = ["pdftotext", "-layout", str(pdf), "-"]
    return subprocess.run(read, check=True, capture_output=True, timeout=60).stdout.decode()


def as_text(word: Path) -> str:
    """A Word file through LibreOffice to PDF, and its pages as text."""
    converted(word, "pdf")
    return on_paper(word.with_suffix(".pdf"))


def converted(file: Path, form: str) -> None:
    """Let LibreOffice write a file in another form, beside it."""
    home = f"-env:UserInstallation=file://{file.parent}/office-home"
    convert = ["soffice", home, "--headless", "--convert-to", form, "--outdir", str(file.parent), str(file)]
    subprocess.run(convert, check=True, capture_output=True, timeout=180)


def test_a_transcript_has_its_words_and_numbers_its_pages(pages: dict[str, str]) -> None:
    text = pages["transcript"]
    for words in (
        "Interview SW01",
        "SW01: I work in a hospital team.",
        "Rwy'n gofyn: ŵ, ŷ, â.",
        "About this interview",
    ):
        assert words in text
    count = text.count("\f")
    cover, first, *_ = text.split("\f")
    assert "Messages by channel" in cover
    assert "I work in a hospital team." not in cover, "the cover is a page of its own"
    assert "I work in a hospital team." in first
    assert re.findall(r"Page (\d+) of (\d+)", text) == [(str(n), str(count)) for n in range(1, count + 1)]


SHEETS = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
"""CSV as LibreOffice writes it: UTF-8, every cell as it is shown, a file for each sheet."""


def test_a_spreadsheet_program_reads_every_answer_of_the_matrix(held: World, tmp_path: Path) -> None:
    """Emoji, right-to-left text, line ends and what looks like a formula: all as it is in the database."""
    if not shutil.which("soffice"):
        unavailable("LibreOffice (libreoffice-calc-nogui)")
    take_out(held, Matrix("xlsx"), tmp_path / "matrix.xlsx")
    converted(tmp_path / "matrix.xlsx", SHEETS)
    sheets = sorted(tmp_path.glob("matrix-*.csv"))
    if not sheets:
        unavailable("LibreOffice Calc (libreoffice-calc-nogui)")
    found: dict[tuple[str, str], str] = {}
    for sheet in sheets:
        with sheet.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                found |= {(row["code"], question): text for question, text in row.items() if "-" in question and text}
    known = {case.code for case in cases(held)}
    stored = {key: text for key, text in stored_answers(held).items() if key[0] in known and text.strip()}
    assert len(stored) > 8
    assert found == stored


def test_the_report_and_the_pack_come_out_whole(pages: dict[str, str]) -> None:
    assert "Messages from participants" in pages["methods"]
    assert "social-workers, text message" in pages["methods"]
    assert "Who carries messages" in pages["pack"]
    assert "Log of acts" in pages["pack"]


@pytest.mark.parametrize("name", ["pack.docx", "pack.zip"])
def test_the_pack_comes_as_pdf_too(pages: dict[str, str], held: World, tmp_path: Path, name: str) -> None:
    program = held.program
    export_pack(program.database, program.settings, program.schedules.values(), tmp_path / name, pdf=True)
    if name.endswith(".zip"):
        with ZipFile(tmp_path / name) as file:
            (tmp_path / "pack.pdf").write_bytes(file.read("ethics-pack.pdf"))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({name, "pack.pdf"}), "nothing else is left"
    text = on_paper(tmp_path / "pack.pdf")
    assert "Ethics pack: our study" in text
    assert "Confirm or correct every line" in " ".join(text.split())


def test_without_libreoffice_it_is_said_what_to_do_and_nothing_is_left(
    held: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program = held.program
    for name in ("pack.docx", "pack.zip"):
        with pytest.raises(ExportError, match=r"needs LibreOffice.*apt-get install libreoffice-writer-nogui"):
            export_pack(program.database, program.settings, program.schedules.values(), tmp_path / name, pdf=True)
    assert list(tmp_path.iterdir()) == []


def test_a_libreoffice_that_fails_is_told_of(held: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "bin/soffice"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o700)
    monkeypatch.setenv("PATH", f"{broken.parent}:/usr/bin:/bin")
    program = held.program
    with pytest.raises(ExportError, match="could not make the PDF"):
        export_pack(program.database, program.settings, program.schedules.values(), tmp_path / "p.docx", pdf=True)
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]
