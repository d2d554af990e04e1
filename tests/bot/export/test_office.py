"""Word files are opened by LibreOffice, which is not ours, and come out as pages with every word on them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bot.export.ethics import export_pack
from bot.export.methods import Methods
from bot.export.record import Scope
from bot.export.transcript import Transcripts
from tests.bot.export.study import take_out
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


def as_text(word: Path) -> str:
    """A Word file through LibreOffice to PDF, and its pages as text."""
    home = f"-env:UserInstallation=file://{word.parent}/office-home"
    convert = ["soffice", home, "--headless", "--convert-to", "pdf", "--outdir", str(word.parent), str(word)]
    subprocess.run(convert, check=True, capture_output=True, timeout=180)
    read = ["pdftotext", "-layout", str(word.with_suffix(".pdf")), "-"]
    return subprocess.run(read, check=True, capture_output=True, timeout=60).stdout.decode()


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
    assert re.findall(r"Page (\d+) of (\d+)", text) == [(str(n), str(count)) for n in range(1, count + 1)]


def test_the_report_and_the_pack_come_out_whole(pages: dict[str, str]) -> None:
    assert "Messages from participants" in pages["methods"]
    assert "social-workers, text message" in pages["methods"]
    assert "Who carries messages" in pages["pack"]
    assert "Log of acts" in pages["pack"]
