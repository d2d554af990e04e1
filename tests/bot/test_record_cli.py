"""The commands that add to a record, as people type them: write-ups, and what stands for names."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot import bootstrap
from bot.export import replacing
from bot.messages import Address, Inbound, Media, MediaKind
from bot.service import intake, writeups
from tests.bot.typed import Typed, standing_in, study_folder

ANNA = Address("simulator", "sms/anna")
SAID = "My daughter Wren texts. We live in Splott, 07700 900123."


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Typed]:
    """Type a command in a study's folder: its exit code and all it printed. Anna wrote, and sent a voice note."""
    voice = Media(MediaKind.VOICE, "audio/ogg", content=b"sound", seconds=92)
    with study_folder(tmp_path) as folder:
        run = standing_in(folder, monkeypatch, capsys)
        program = bootstrap.build(bootstrap.load_settings(Path("config.toml")), channels={})
        for number, (text, came) in enumerate(((SAID, ()), ("", (voice,)))):
            inbound = Inbound(f"key-{number}", ANNA, text, text.encode(), media=came)
            program.database.run_now(intake.receive, program.terms, inbound)
        program.database.close()
        yield run


def read(use_case: Any, *args: Any) -> Any:
    program = bootstrap.build(bootstrap.load_settings(Path("config.toml")), channels={})
    try:
        return program.database.read_now(use_case, *args)
    finally:
        program.database.close()


@pytest.mark.parametrize("command", ["write-up", "anonymise"])
def test_every_command_explains_itself(typed: Typed, command: str) -> None:
    code, said = typed(command, "--help")
    assert code == 0
    assert "--as" in said


def test_a_voice_note_is_written_up_and_checked_by_somebody_else(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "said.txt").write_text("I text her.\n", encoding="utf-8")
    (piece,) = read(writeups.of, "SW01")
    message = str(piece.message_id)
    assert "voice note 1:32  no question  not written up yet" in typed("write-up", "sw01")[1]
    code, said = typed("write-up", "sw01", message, "--file", "said.txt", "--as", "Kim")
    assert (code, "transcription stored" in said) == (0, True), said
    assert "written up by Kim, not checked" in typed("write-up", "sw01")[1]
    assert typed("write-up", "sw01", message, "--check", "--as", "Kim")[0] == 1
    assert typed("write-up", "sw01", message, "--check", "--as", "Lee")[0] == 0
    assert "written up by Kim, checked by Lee" in typed("write-up", "sw01")[1]
    assert [one.text for one in read(writeups.versions, piece.message_id)] == ["I text her."]


def test_where_there_is_nothing_to_write_up_it_says_so(typed: Typed) -> None:
    Path("more.csv").write_text("cohort,channel,address,name\nsocial-workers,simulator,sms/bea,Bea\n")
    assert typed("enrol", "more.csv")[0] == 0
    code, said = typed("write-up", "SW02")
    assert (code, "Nothing to write up: no voice note" in said) == (0, True), said
    assert "With something to write up: none." in typed("write-up", "SW02", "1", "--text", "x", "--as", "Kim")[1]


def test_what_is_piped_in_is_taken(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    (piece,) = read(writeups.of, "SW01")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(read=lambda: "From a pipe."))
    assert (
        typed("write-up", "SW01", str(piece.message_id), "--file", "-", "--as", "Kim", "--kind", "translation")[0] == 0
    )
    assert [(one.kind, one.text) for one in read(writeups.versions, piece.message_id)] == [
        ("translation", "From a pipe.")
    ]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("write-up", "P99"), 2, "no participant P99"),
        (
            ("write-up", "SW01", "999", "--text", "x", "--as", "Kim"),
            2,
            "999 is no message of SW01. With something to write up: 6.",
        ),
        (("write-up", "SW01", "MESSAGE", "--as", "Kim"), 2, "--text, or a file with --file"),
        (("write-up", "SW01", "MESSAGE", "--text", "x"), 2, "Say who"),
        (("write-up", "SW01", "MESSAGE", "--text", "x", "--as", "Kim", "--media", "99"), 2, "did not come with"),
        (("write-up", "SW01", "MESSAGE", "--file", "none.txt", "--as", "Kim"), 1, "none.txt: No such file"),
        (("write-up", "SW01", "MESSAGE", "--file", "latin.txt", "--as", "Kim"), 2, "no text in UTF-8"),
        (("write-up", "SW01", "MESSAGE", "--check", "--as", "Kim"), 2, "Nothing is written up"),
        (("anonymise", "P99"), 2, "no record of P99"),
        (("anonymise", "SW01", "--accept", "9"), 2, "9 is not in the list, which has 3"),
        (("anonymise", "SW01", "--accept", "one"), 2, "'one' is no number"),
        (("anonymise", "SW01", "--accept", "1", "--refuse", "1"), 2, "cannot be accepted and refused"),
        (("anonymise", "SW01", "--also", "Bryn Glas"), 2, "write WORDS=[LABEL]"),
        (("anonymise", "SW01", "--undo", "7"), 2, "--undo is for a key holder"),
        (("anonymise", "SW01", "--decided"), 2, "--decided is for a key holder"),
        (("anonymise", "SW01", "--decided", "--as", "nobody"), 1, "nobody"),
    ],
)
def test_what_cannot_be_done_is_told_plainly(
    typed: Typed, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    (tmp_path / "latin.txt").write_bytes("é".encode("latin-1"))
    (piece,) = read(writeups.of, "SW01")
    ended, printed = typed(*(str(piece.message_id) if word == "MESSAGE" else word for word in words))
    assert ended == code, printed
    assert said in " ".join(printed.replace("│", " ").split())


def test_an_export_says_which_suggestions_are_undecided(typed: Typed) -> None:
    """Only who is not asked for consent can be taken out here: the figures of everybody enrolled."""
    code, said = typed("export", "methods", "--out", "r.html")
    assert code == 0, said
    assert "nobody has decided: 3 suggestions for 1 person. scripts/ownpace anonymise SW01 shows them." in said
    typed("anonymise", "SW01", "--accept-all")
    assert "No suggestion of names is undecided" in typed("export", "methods", "--out", "r.html", "--force")[1]
    assert "No suggestion of names is undecided" in Path("r.html").read_text()


def test_suggestions_are_listed_for_people_and_for_programs(typed: Typed) -> None:
    code, said = typed("anonymise", "sw01")
    assert code == 0
    assert "1  name: Wren -> [daughter's name]" in said
    assert "no question: …My daughter «Wren» texts. We live in Splott, 07700 900123.…" in said
    assert "3 suggestions." in said
    rows = json.loads(typed("anonymise", "sw01", "--json")[1])
    assert [(row["number"], row["kind"], row["words"], row["replacement"]) for row in rows] == [
        (1, "name", "Wren", "[daughter's name]"), (2, "place", "Splott", "[Place 1]"),
        (3, "phone", "07700 900123", "[phone]"),
    ]  # fmt: skip
    assert [SAID[row["start"] : row["end"]] for row in rows] == [row["words"] for row in rows]


def add_user(typed: Typed, monkeypatch: pytest.MonkeyPatch, role: str) -> tuple[str, str]:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    assert typed("users", "add", f"a {role}", "--role", role)[0] == 0
    return "--as", f"a {role}"


def test_only_a_key_holder_sees_what_stands_for_what_and_takes_it_back(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others are refused, which is noted."""
    typed("anonymise", "SW01", "--accept-all")
    for role in ("researcher", "coordinator"):
        who = add_user(typed, monkeypatch, role)
        for words in (("--decided",), ("--decided", "--json"), ("--undo", "1")):
            code, said = typed("anonymise", "SW01", *words, *who)
            assert (code, "may not have words as they were said" in said, "Wren" in said) == (1, True, False), said
    assert "0 suggestions." in typed("anonymise", "SW01")[1], "nothing was taken back"
    assert typed("audit", "--last", "20")[1].count("was refused") == 6
    who = add_user(typed, monkeypatch, "key-holder")
    assert "Wren" in typed("anonymise", "SW01", "--decided", *who)[1]
    assert "7 is no decision about SW01" in typed("anonymise", "SW01", "--undo", "7", *who)[1]
    assert "1 taken back." in typed("anonymise", "SW01", "--undo", "1", *who)[1]


def test_some_are_accepted_some_refused_and_taken_back(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    who = add_user(typed, monkeypatch, "key-holder")
    assert (
        "2 accepted, 1 refused, of 3."
        in typed("anonymise", "SW01", "--accept", "1,3", "--refuse", "2", "--as", "Kim")[1]
    )
    assert "0 suggestions." in typed("anonymise", "SW01")[1]
    said = typed("anonymise", "SW01", "--decided", *who)[1]
    assert "name: Wren -> [daughter's name]  (Kim)" in said
    assert "place: Splott stays  (Kim)" in said
    made = json.loads(typed("anonymise", "SW01", "--decided", "--json", *who)[1])
    assert [row["accepted"] for row in made] == [True, True, False]
    ids = ",".join(str(row["id"]) for row in made)
    assert "3 taken back." in typed("anonymise", "SW01", "--undo", ids, *who)[1]
    assert "3 suggestions." in typed("anonymise", "SW01")[1]


def test_all_that_is_left_is_accepted_with_what_somebody_adds(typed: Typed) -> None:
    code, said = typed("anonymise", "SW01", "--accept-all", "--refuse", "3", "--also", "texts=[does it]")
    assert code == 0
    assert "3 accepted, 1 refused, of 4." in said
    made = read(replacing.decisions, "SW01")
    assert [(one.replacement.words, one.replacement.put) for one in made if one.accepted] == [
        ("Wren", "[daughter's name]"), ("texts", "[does it]"), ("07700 900123", "[phone]"),
    ]  # fmt: skip


def test_in_a_terminal_each_is_asked(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["maybe", "y", "l", "n"])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("typer.prompt", lambda asked: next(answers))
    assert "1 accepted, 1 refused, of 3." in typed("anonymise", "SW01")[1]
    assert [row["words"] for row in json.loads(typed("anonymise", "SW01", "--json")[1])] == ["Splott"]
    answers = iter(["a"])
    assert "1 accepted, 0 refused, of 1." in typed("anonymise", "SW01")[1]
