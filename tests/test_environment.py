"""`scripts/environment`, with a Python that behaves as Debian's does before and after python3-venv is installed."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.test_serving import until
from tests.rig import ROOT
from tests.rig.study import Study

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
*install*) echo "$*" >>pips; test ! -e cut || exit 1; test ! -e until || read -r _ <until; cp version .venv/made-with ;;
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


def test_of_two_commands_at_once_one_installs_and_the_other_waits_for_it(folder: Path) -> None:
    (folder / "installed").touch()
    os.mkfifo(folder / "until")
    said = [folder / "first", folder / "second"]
    both = [begun(folder, into) for into in said]
    try:
        waits = ["Another command is installing what it needs; this one waits ..."]
        until(lambda: sorted(map(lines, said)) == [waits, INSTALLS])
        (folder / "until").write_text("done\n")
        assert [each.wait() for each in both] == [0, 0]
    finally:
        for each in both:
            each.kill()
    assert len(lines(folder / "pips")) == len(lines(folder / "venvs")) == 1


INSTALLS = ["Installing what requirements.txt lists (about a minute, once) ..."]


def begun(folder: Path, into: Path) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ["PATH"], "PYTHON": str(folder / "python")}
    with into.open("wb") as file:
        return subprocess.Popen(["scripts/environment"], cwd=folder, env=environment, stdout=file, stderr=file)


def test_an_install_that_was_interrupted_is_done_again_also_for_the_libraries_of_before(folder: Path) -> None:
    (folder / "installed").touch()
    assert environment(folder)[0] == 0
    (folder / "requirements.txt").write_text("something==2\n")
    (folder / "cut").touch()
    assert environment(folder)[0] == 1
    (folder / "cut").unlink()
    (folder / "requirements.txt").write_text("something==1\n")
    assert environment(folder)[1].splitlines() == INSTALLS


def test_nothing_is_installed_under_a_server_that_runs(folder: Path) -> None:
    (folder / "installed").touch()
    assert environment(folder)[0] == 0
    with (folder / ".venv/pyvenv.cfg").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        assert environment(folder) == (0, ""), "with the libraries that are wanted the commands work"
        (folder / "requirements.txt").write_text("something==2\n")
        code, said = environment(folder)
        assert (code, "Stop every server of this folder, or take another copy" in said) == (1, True)
        assert len(lines(folder / "pips")) == 1
    assert environment(folder)[0] == 0
    assert len(lines(folder / "pips")) == 2


@pytest.mark.skipif(not Path("/proc/self/fdinfo").exists(), reason="what a process holds is seen in /proc, on Linux")
def test_a_server_holds_the_libraries_it_runs_with(tmp_path: Path) -> None:
    study = Study(tmp_path)
    study.configure(api="http://127.0.0.1:9")
    study.start()
    try:
        assert study.process is not None
        there = Path(f"/proc/{study.process.pid}/fd")
        (file,) = (each.name for each in there.iterdir() if each.resolve() == Path(sys.prefix, "pyvenv.cfg").resolve())
        assert "FLOCK  ADVISORY  READ" in (there.parent / "fdinfo" / file).read_text()
    finally:
        study.stop()


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
