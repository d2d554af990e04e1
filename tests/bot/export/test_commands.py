"""The export commands as people type them: what they print, and how they end."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot.typed import Typed, standing_in, study_folder

COMMANDS = ("transcript", "matrix", "qdpx", "answers", "methods", "archive", "ethics-pack", "subject-access")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A study's folder with its settings."""
    with study_folder(tmp_path_factory.mktemp("commands")) as made:
        yield made


@pytest.fixture
def typed(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    return standing_in(folder, monkeypatch, capsys)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(typed: Typed, command: str) -> None:
    code, said = typed("export", command, "--help")
    assert code == 0
    assert "--out" in said


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (("transcript", "--out", "t"), "t"),
        (("matrix", "--out", "m.xlsx"), "m.xlsx"),
        (("matrix", "--out", "m"), "m"),
        (("qdpx", "--out", "s.qdpx", "--case-codes"), "s.qdpx"),
        (("answers", "--out", "a", "--format", "parquet"), "a"),
        (("methods", "--out", "r.html"), "r.html"),
        (("ethics-pack", "--out", "e.docx"), "e.docx"),
        (("subject-access", "--out", "p", "--code", "sw01"), "p"),
    ],
)
def test_a_command_makes_what_it_says(folder: Path, typed: Typed, words: tuple[str, ...], made: str) -> None:
    code, said = typed("export", *words)
    assert code == 0, said
    assert said.startswith(f"{made}: ")
    assert "1 interviews" not in said
    assert (folder / made).exists()
    assert typed("export", *words)[0] == 1, "it is there already"
    assert typed("export", *words, "--force")[0] == 0


def test_words_as_they_were_said_are_for_a_key_holder_who_is_named_in_the_trail(
    folder: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A researcher and a coordinator are refused, which is noted; nobody in particular is asked who they are."""
    for role in ("researcher", "coordinator", "key-holder", "admin"):
        monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
        assert typed("users", "add", f"a {role}", "--role", role)[0] == 0
    for words in (
        ("transcript", "--out", "o"),
        ("matrix", "--out", "o"),
        ("qdpx", "--out", "o"),
        ("answers", "--out", "o"),
    ):
        code, said = typed("export", *words, "--as-said")
        assert (code, "Say who asks" in said) == (2, True), said
        for role in ("researcher", "coordinator"):
            code, said = typed("export", *words, "--as-said", "--as", f"a {role}")
            assert (code, "may not have words as they were said" in said) == (1, True), said
        assert not (folder / "o").exists()
        for role in ("key-holder", "admin"):
            assert typed("export", *words, "--as-said", "--as", f"A {role}", "--force")[0] == 0
        assert typed("export", *words, "--as", "nobody", "--force")[0] == 1, "no name is taken on trust"
        shutil.rmtree(folder / "o", ignore_errors=True)
        (folder / "o").unlink(missing_ok=True)
    assert typed("export", "archive", "--out", "o", "--as-said")[0] == 2
    assert typed("export", "subject-access", "--out", "o", "--code", "SW01")[0] == 0, "it is their own"
    _, trail = typed("audit", "--last", "40")
    assert trail.count("a researcher was refused") == 4
    assert trail.count("a key-holder exported") == 4


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("transcript", "--out", "x", "--format", "pdf"), 2, "docx"),
        (("transcript", "--out", "x", "--bot", "some"), 2, "questions"),
        (("transcript", "--out", "x.pdf"), 2, "cannot be made as .pdf. End the name in .txt, .md, .html, .htm, .docx"),
        (("transcript", "--out", "x.pdf", "--format", "docx"), 2, "cannot be made as .pdf"),
        (("transcript", "--out", "x.docx"), 2, "For a folder with a file of each: --out x --format docx"),
        (("transcript", "--out", "x.docx", "--code", "SW01", "--code", "SW02"), 2, "a file holds one interview."),
        (("answers", "--out", "x.csv"), 2, "It is a folder: name it without an ending."),
        (("qdpx", "--out", "x.zip"), 2, "cannot be made as .zip. End the name in .qdpx"),
        (("matrix", "--out", "x.ods"), 2, "cannot be made as .ods. End the name in .xlsx, .csv"),
        (("matrix", "--out", "x.xlsx", "--format", "ods"), 2, "xlsx, csv"),
        (("methods", "--out", "x"), 2, "html, docx"),
        (("ethics-pack", "--out", "x.pdf"), 2, ".docx, .zip"),
        (("subject-access", "--out", "x"), 2, "--code"),
        (("subject-access", "--out", "x", "--code", "P99"), 1, "There is no record of P99"),
        (("transcript", "--out", "x", "--code", "SW01"), 1, "not yet consented"),
        (("archive", "--out", "x"), 1, "Nobody whose record may leave"),
        (("qdpx", "--out", "none/x.qdpx"), 1, "There is no folder"),
    ],
)
def test_what_cannot_be_done_is_told_plainly(
    folder: Path, typed: Typed, words: tuple[str, ...], code: int, said: str
) -> None:
    ended, printed = typed("export", *words)
    assert ended == code, printed
    assert said in " ".join(printed.replace("│", " ").split())
    assert not list(folder.glob("x*"))
