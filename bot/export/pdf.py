"""Pages as PDF, made of a Word document by LibreOffice, which is no part of this program and has to be installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from bot.errors import ExportError

LONGEST = 300
"""Seconds that LibreOffice may take."""

MEND = (
    "Install LibreOffice Writer (on Debian and Ubuntu: apt-get install libreoffice-writer-nogui), "
    "or leave --pdf out and save the .docx as PDF in a word processor."
)


def to_pdf(word: Path, pdf: Path) -> None:
    """Write the pages of a .docx as PDF. Raises ExportError where LibreOffice is not there or cannot do it.

    LibreOffice is given a home of its own, so that it neither waits for one that is open nor remembers the document.
    """
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        raise ExportError(f"A PDF needs LibreOffice, which is not on this machine. {MEND}")
    with tempfile.TemporaryDirectory(prefix=".office.", dir=word.parent) as home:
        convert = [program, f"-env:UserInstallation={Path(home).as_uri()}", "--headless", "--convert-to", "pdf"]
        try:
            subprocess.run([*convert, "--outdir", home, str(word)], check=True, capture_output=True, timeout=LONGEST)
            (Path(home) / word.with_suffix(".pdf").name).replace(pdf)
        except (subprocess.SubprocessError, OSError):
            raise ExportError(f"LibreOffice could not make the PDF. Try again. If it fails again: {MEND}") from None
