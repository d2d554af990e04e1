"""A part that is to go on for ever and ends takes the whole process along, so that whoever runs it starts it again."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from bot.errors import OwnPaceError
from bot.web import serve
from tests.bot.typed import write_settings
from tests.bot.world import Post, on_sqlite, world
from tests.rig import ROOT, forked, free_port, unavailable

PROGRAM = """
from bot import cli
from bot.service.sender import Worker

async def fail(*_):
    raise RuntimeError("words of a participant")

Worker._keep = fail
cli.main()
"""


def test_a_worker_that_fails_ends_the_process_with_a_failure(tmp_path: Path) -> None:
    write_settings(tmp_path)
    here = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *words]
        return subprocess.run(command, cwd=tmp_path, env=here, capture_output=True, text=True, timeout=30, check=False)

    assert run("-m", "bot", "migrate").returncode == 0
    ended = run("-c", PROGRAM, "serve", "--port", str(free_port()))
    assert ended.returncode == 1, "2 would say that the settings are wrong, and nobody starts it again then"
    assert "ended by itself (RuntimeError)" in ended.stderr
    assert "participant" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_worker_without_pages_that_ends_is_a_failure_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cancelled: bool
) -> None:
    """Also where it ends as if it had been told to."""
    with world(tmp_path, {"sms": Post("sms")}, **on_sqlite(tmp_path)) as study:
        worker = study.program.worker

        async def fail() -> None:
            raise asyncio.CancelledError if cancelled else RuntimeError("words of a participant")

        monkeypatch.setattr(worker, "_send_round", fail if cancelled else worker._send_round)
        monkeypatch.setattr(worker, "_hear_of_messages", worker._hear_of_messages if cancelled else lambda: 1 / 0)
        monkeypatch.setattr(serve, "_sweep_seldom", lambda: None)
        monkeypatch.setattr(serve, "_end_soon", lambda why: None)  # it would end the tests
        with pytest.raises(OwnPaceError, match="ended by itself"):
            serve.work_forever(worker)


def test_systemd_starts_again_what_failed_but_not_what_is_set_up_wrongly(tmp_path: Path) -> None:
    unit = ConfigParser(interpolation=None)
    unit.read(ROOT / "scripts" / "ownpace.service")
    code, _ = forked.run(tmp_path, ["serve", "--config", str(tmp_path / "missing.toml")], {})
    assert unit["Service"]["Restart"] == "always"
    assert unit["Service"]["RestartPreventExitStatus"] == str(code)


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        unavailable("systemd's own check of its units")
    (tmp_path / "backups").mkdir()
    for unit in ("ownpace.service", "ownpace-backup.service", "ownpace-backup.timer"):
        words = (ROOT / "scripts" / unit).read_text().replace("User=ownpace", "User=root")
        words = words.replace("/srv/ownpace-backups", str(tmp_path / "backups")).replace("/srv/ownpace", str(ROOT))
        (tmp_path / unit).write_text(words)
    units = [str(tmp_path / unit) for unit in ("ownpace.service", "ownpace-backup.timer")]
    found = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")


def test_a_backup_is_made_as_the_unit_makes_it(tmp_path: Path) -> None:
    """Beside a server, in a folder of its own; what is older than four weeks goes, and only then."""
    unit = ConfigParser(interpolation=None)
    unit.read(ROOT / "scripts" / "ownpace-backup.service")
    backups, old = tmp_path / "backups", tmp_path / "backups/study-2020-01-01-0315.zip"
    backups.mkdir()
    old.touch()
    os.utime(old, (0, 0))
    write_settings(tmp_path)
    here = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OWNPACE_CONFIG": str(tmp_path / "config.toml")}
    assert forked.run(tmp_path, ["migrate"], here)[0] == 0
    for line in (unit["Service"]["ExecStart"], unit["Service"]["ExecStartPost"]):
        typed = line.replace("/srv/ownpace-backups", str(backups)).replace("%%", "%")
        subprocess.run(shlex.split(typed), cwd=ROOT, env=here, check=True)
    (made,) = backups.iterdir()
    assert re.fullmatch(r"study-\d{4}-\d\d-\d\d-\d{4}\.zip", made.name)
