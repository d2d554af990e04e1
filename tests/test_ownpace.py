"""`scripts/ownpace`, called from anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of its own, whose environment is there already; making it is tried in test_environment."""
    made = tmp_path / "project"
    (made / "scripts").mkdir(parents=True)
    (made / "scripts/ownpace").write_bytes((ROOT / "scripts/ownpace").read_bytes())
    (made / "scripts/environment").write_text('#!/usr/bin/env bash\necho "environment for $1" >&2\n')
    for script in made.glob("scripts/*"):
        script.chmod(0o755)
    (made / ".venv").symlink_to(sys.prefix)
    for name in ("bot", "channels", "prompts"):
        (made / name).symlink_to(ROOT / name)
    (made / "config.toml").write_text((ROOT / "config.example.toml").read_text())
    return made


def ownpace(script: Path, stands: Path, *words: str) -> tuple[int, str]:
    stands.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OWNPACE", "PYTHON"))}
    ran = subprocess.run([script, *words], cwd=stands, env=environment, capture_output=True, text=True, timeout=60)
    return ran.returncode, ran.stdout + ran.stderr


def test_it_makes_the_environment_and_finds_the_projects_settings_from_anywhere(project: Path, tmp_path: Path) -> None:
    linked = tmp_path / "ownpace"
    linked.symlink_to(project / "scripts/ownpace")
    stands = tmp_path / "elsewhere"
    stands.mkdir()
    (stands / "bot").mkdir()
    for script in (project / "scripts/ownpace", linked):
        code, said = ownpace(script, stands, "migrate")
        assert code == 0, said
        assert "environment for requirements.txt" in said
    assert (project / "data/ownpace.db").exists()
    assert not (stands / "data").exists()


def test_paths_count_from_where_somebody_stands(project: Path, tmp_path: Path) -> None:
    stands = tmp_path / "elsewhere"
    script = project / "scripts/ownpace"
    ownpace(script, stands, "migrate")
    (stands / "people.csv").write_text("cohort,channel,address\nsocial-workers,simulator,sms/anna\n")
    code, said = ownpace(script, stands, "enrol", "people.csv", "--dry-run")
    assert code == 0, said
    assert "1 person can be enrolled" in said
    code, said = ownpace(script, stands, "export", "matrix", "--out", "matrix.csv")
    assert code == 0, said
    assert (stands / "matrix.csv").exists()
    code, said = ownpace(script, stands, "check", "--config", "other.toml")
    assert code == 2
    assert "other.toml: there is no such file" in said
