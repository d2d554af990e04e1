"""`scripts/environment`, with a Python that behaves as Debian's does before and after python3-venv is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig import ROOT

# `-m venv` always makes .venv/bin/python; only with python3-venv (the file "installed") does that one have pip.
PYTHON = """#!/bin/sh
case "$*" in
"-m venv"*)
    echo "$*" >>venvs
    case "$*" in *--clear*) rm -rf .venv ;; esac
    mkdir -p .venv/bin
    if [ -e .venv/bin/python ]; then exit 0; fi
    if [ -e installed ]; then cp pipped .venv/bin/python
    else echo 'echo "No module named pip" >&2; exit 1' >.venv/bin/python; fi
    chmod +x .venv/bin/python
    test -e installed ;;
*) exec {real} "$@" ;;
esac
"""

# The .venv's own, of the version in the file "version". It has a pip as long as that is the one it was made with.
PIPPED = """#!/bin/sh
case "$*" in
*version_info*) echo "# Python $(cat version)" ;;
*"pip --version"*) cmp -s version .venv/made-with ;;
*install*) echo "$*" >>pips; cp version .venv/made-with ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/environment", tmp_path / "scripts")
    (tmp_path / "requirements.txt").write_text("something==1\n")
    (tmp_path / "python").write_text(PYTHON.replace("{real}", sys.executable))
    (tmp_path / "python").chmod(0o755)
    (tmp_path / "pipped").write_text(PIPPED)
    (tmp_path / "version").write_text("3 11")
    return tmp_path


def environment(folder: Path) -> tuple[int, str]:
    ran = subprocess.run(
        ["scripts/environment", "requirements.txt"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHON": str(folder / "python")},
        capture_output=True,
        text=True,
    )
    return ran.returncode, ran.stdout + ran.stderr


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_without_the_venv_package_the_mend_is_named_and_after_it_the_next_run_works(folder: Path) -> None:
    for _ in range(2):
        code, said = environment(folder)
        assert code == 1
        assert "python3-venv" in said.splitlines()[-1]
        assert "No module named pip" not in said
        assert lines(folder / "pips") == []
    (folder / "installed").touch()
    assert environment(folder)[0] == 0
    (pip,) = lines(folder / "pips")
    assert pip.endswith("--require-hashes -r requirements.txt")


def test_what_is_installed_is_left_alone_until_the_lock_changes(folder: Path) -> None:
    (folder / "installed").touch()
    assert environment(folder)[0] == 0
    assert environment(folder) == (0, "")
    (folder / "requirements.txt").write_text("something==2\n")
    assert environment(folder)[0] == 0
    assert len(lines(folder / "pips")) == 2
    assert len(lines(folder / "venvs")) == 1, "the environment itself is made once"


def test_after_an_upgrade_of_python_the_environment_is_made_anew(folder: Path) -> None:
    (folder / "installed").touch()
    assert environment(folder)[0] == 0
    (folder / "version").write_text("3 13")
    assert environment(folder)[0] == 0
    assert environment(folder) == (0, "")
    assert len(lines(folder / "pips")) == len(lines(folder / "venvs")) == 2


SYSTEM = "/usr/bin/python3"
USABLE = "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))"


@pytest.mark.parametrize("python", [{}, {"PYTHON": sys.executable}], ids=["nothing named", "named"])
def test_the_systems_own_python_is_taken_unless_another_is_named(folder: Path, python: dict[str, str]) -> None:
    usable = Path(SYSTEM).exists() and subprocess.run([SYSTEM, "-c", USABLE]).returncode == 0
    (folder / "requirements.txt").write_text("")
    subprocess.run(
        ["scripts/environment", "requirements.txt"],
        cwd=folder,
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"} | python,
        check=True,
    )
    settings = (folder / ".venv/pyvenv.cfg").read_text()
    assert (f"= {SYSTEM} -m venv" in settings) is (usable and not python)
