"""Commands as people type them in a study's folder, in a process of their own or in this one, which is quicker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot import cli
from tests.bot.world import new_database
from tests.rig import ROOT, forked

Typed = Callable[..., tuple[int, str]]

OF_THE_EXAMPLE = "sqlite:///data/ownpace.db"


def write_settings(folder: Path, database: str = OF_THE_EXAMPLE) -> None:
    """Settings as the example has them, with the prompts of this project."""
    words = (ROOT / "config.example.toml").read_text()
    for old, new in (('prompts = "prompts"', f'prompts = "{ROOT}/prompts"'), (OF_THE_EXAMPLE, database)):
        assert old in words
        words = words.replace(old, new)
    (folder / "config.toml").write_text(words)


@contextmanager
def study_folder(folder: Path) -> Iterator[Path]:
    """Settings with a database that is still empty, and a list with one person, Anna."""
    with new_database(Path("data"), empty=True) as url:
        write_settings(folder, url)
        (folder / "people.csv").write_text("cohort,channel,address,name\nsocial-workers,simulator,sms/anna,Anna\n")
        yield folder


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


def ownpace(folder: Path, *words: str, typed: str = "", columns: int = 200) -> tuple[int, str]:
    """Run a command in a study's folder, in a process of its own; its exit code and everything it printed."""
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(folder), "PATH": "/usr/bin:/bin", "COLUMNS": str(columns)}
    code, said = forked.run(folder, words, environment, typed)
    assert "Traceback" not in said
    return code, said


def settings(folder: Path, old: str, new: str) -> None:
    path = folder / "config.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
