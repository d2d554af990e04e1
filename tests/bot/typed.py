"""Commands as people type them in a study's folder, in this process: quick, and what they print is seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot import cli
from tests.rig import ROOT

Typed = Callable[..., tuple[int, str]]


def study_folder(folder: Path) -> Path:
    """Settings as the example has them, and a list with one person, Anna."""
    words = (ROOT / "config.example.toml").read_text().replace('prompts = "prompts"', f'prompts = "{ROOT}/prompts"')
    (folder / "config.toml").write_text(words)
    (folder / "people.csv").write_text("cohort,channel,address,name\nsocial-workers,simulator,sms/anna,Anna\n")
    return folder


def standing_in(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Type a command in the folder: its exit code and everything it printed. Anna is enrolled there."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["ownpace", *words])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out + said.err

    if not (folder / "data").exists():
        assert run("migrate")[0] == 0
        assert run("enrol", "people.csv")[0] == 0
    return run
