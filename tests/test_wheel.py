"""What the wheel holds."""

from __future__ import annotations

import tomllib

from tests.rig import ROOT


def test_every_file_that_the_program_reads_is_in_the_wheel() -> None:
    """setuptools takes Python files by itself and the rest only where pyproject.toml names it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    named = {
        path
        for package, globs in settings.items()
        for glob in globs
        for path in (ROOT / package.replace(".", "/")).glob(glob)
    }
    files = [path for folder in ("bot", "channels") for path in (ROOT / folder).rglob("*") if path.is_file()]
    others = [path for path in files if path.suffix not in (".py", ".pyc", ".md")]
    assert len(others) > 10
    assert [str(path) for path in others if path not in named] == []


def test_every_folder_of_python_files_is_a_package() -> None:
    """A folder without __init__.py is left out of the wheel."""
    folders = {path.parent for top in ("bot", "channels") for path in (ROOT / top).rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []
