"""A whole study in one file, and back on another machine."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import pytest

from bot.errors import KeyFileError, OwnPaceError, WrongUse
from bot.records.tables import audit, messages, participants
from bot.records.vault import create_key_file, open_key_file
from bot.service import backup, deletion, intake, views, withdrawal
from bot.service.backup import Restored, Sources
from tests.bot.service.test_withdrawal import OTHER, WORDS, rows, speaks
from tests.bot.world import World, on_sqlite, world
from tests.rig import ROOT

SETTINGS = """
[study]
name = "Own Pace"
[channels.sms]
account_sid = "AC1"
auth_token = "a very secret token"
from = "+447700900000"
[channels.email]
password = 'another secret'
oauth_token_url = "https://example.org/token"
"""


def told(label: str, done: int, total: int) -> None:
    """No bar."""


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    home = tmp_path / "here"
    home.mkdir()
    (home / "config.toml").write_text(SETTINGS)
    with world(home, **on_sqlite(home)) as made:
        yield made


def file_of(study: World) -> Path:
    return Path(study.program.settings.database.url.partition(":///")[2])


def backed_up(study: World, out: Path) -> backup.Made:
    home = file_of(study).parent
    sources = Sources(file_of(study), home / "config.toml", ROOT / "prompts")
    return backup.make(sources, study.program.database.vault, study.clock(), out, told)


def moved(study: World, archive: Path, there: Path, *, moved: bool = False) -> Restored:
    """Bring the key to another folder, and restore there."""
    there.mkdir()
    shutil.copy(study.program.settings.security.key_file, there / "study.key")
    vault = open_key_file(there / "study.key")
    return backup.restore(archive, there / "study.db", vault, study.clock, told, moved=moved)


@contextmanager
def opened(folder: Path) -> Iterator[World]:
    """The study goes on there; its new ids and provider keys are none of the old ones."""
    with world(folder) as there:
        there.numbers = count(1000)
        there.program.database.new_id = (f"there-{number}" for number in count()).__next__
        yield there


def test_a_backup_is_read_back_and_holds_no_key_and_no_secret(study: World, tmp_path: Path) -> None:
    """Database, settings without passwords, prompts; every hash and count is in the manifest."""
    speaks(study)
    seen: list[tuple[str, int, int]] = []
    out = tmp_path / "study.zip"
    sources = Sources(file_of(study), file_of(study).parent / "config.toml", ROOT / "prompts")
    made = backup.make(sources, study.program.database.vault, study.clock(), out, lambda *step: seen.append(step))
    assert made.counts["messages"] == len(rows(study, messages))
    assert made.opened > 30
    assert {label for label, _, _ in seen} == {"Copying the database", "Writing the backup", "Reading the backup"}
    assert all(done <= total for _, done, total in seen)
    assert out.stat().st_mode & 0o777 == 0o600
    content = out.read_bytes()
    for line in study.program.settings.security.key_file.read_text().split():
        assert line.encode() not in content
    assert b"a very secret token" not in content
    assert b"another secret" not in content
    with zipfile.ZipFile(out) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert set(archive.namelist()) == {*manifest["files"], "manifest.json"}
        settings = archive.read("config.toml").decode()
        assert archive.read("prompts/en/texts.yaml") == (ROOT / "prompts/en/texts.yaml").read_bytes()
    assert 'auth_token = ""' in settings
    assert 'oauth_token_url = "https://example.org/token"' in settings
    with pytest.raises(OwnPaceError, match="is there already"):
        backed_up(study, out)
    assert out.read_bytes() == content


def test_a_backup_is_of_one_moment_while_others_write(study: World, tmp_path: Path) -> None:
    """Writers are not held up, and the copy holds each of their commits whole or not at all."""
    speaks(study)
    stop = threading.Event()
    written: list[intake.Received] = []

    def write() -> None:
        while not stop.is_set():
            written.append(study.says(f"number {len(written)}", OTHER))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            before = len(written)
            made = backed_up(study, tmp_path / f"{number}.zip")
            assert len(written) > before, "they went on meanwhile"
            assert made.counts["messages"] >= before
    finally:
        stop.set()
        writer.join()


def test_a_restore_has_every_word_and_the_next_message_goes_on(study: World, tmp_path: Path) -> None:
    """On another machine, with the same key."""
    code = study.consented()
    study.says(WORDS[0])
    study.says("DONE")
    question = study.leave()[-1]
    heard = study.heard(code)
    backed_up(study, tmp_path / "study.zip")
    done = moved(study, tmp_path / "study.zip", tmp_path / "there")
    assert (done.made_at, done.deleted, done.doubtful) == (study.clock(), (), 0)
    with opened(tmp_path / "there") as there:
        assert there.heard(code) == heard
        there.says(WORDS[1])
        there.says("DONE")
        (following,) = there.leave()
    study.says(WORDS[1])
    study.says("DONE")
    assert study.leave() == [following]
    assert following != question


def test_what_was_deleted_since_the_backup_is_deleted_again(study: World, tmp_path: Path) -> None:
    """Their key has no seed any more; everybody else is there as before."""
    code = speaks(study)
    other = study.consented(OTHER)
    study.says("I am staying.", OTHER)
    backed_up(study, tmp_path / "study.zip")
    study.run(lambda uow: withdrawal.withdraw(uow, study.program.terms, code, "kim"))
    deletion.clean(study.program.database)
    done = moved(study, tmp_path / "study.zip", tmp_path / "there")
    assert done.deleted == (code,)
    with world(tmp_path / "there") as there:
        assert [row.code for row in there.program.database.read_now(views.listed)] == [other]
        assert "I am staying." in there.heard(other)
        mine = rows(there, messages, participant_id=rows(there, participants, code=code)[0]["id"])
        assert all(row["body"] is None for row in mine)
        assert [row["subject"] for row in rows(there, audit, act="deleted again")] == [code]
        there.program.database.run_now(lambda uow: uow.holding_key())


def test_what_waited_then_is_not_sent_by_guess(study: World, tmp_path: Path) -> None:
    """It may have left after the backup: a person decides. Where the old server was stopped first, it is sent."""
    study.enrol()
    backed_up(study, tmp_path / "study.zip")
    waiting = study.waiting()
    assert waiting > 0
    assert moved(study, tmp_path / "study.zip", tmp_path / "there").doubtful == waiting
    with world(tmp_path / "there") as there:
        assert there.leave() == []
        assert "message unknown" in there.open_tasks()
    assert moved(study, tmp_path / "study.zip", tmp_path / "elsewhere", moved=True).doubtful == 0
    with world(tmp_path / "elsewhere") as there:
        assert len(there.leave()) == waiting


def test_a_restore_refuses_what_is_there_another_key_and_what_is_damaged(study: World, tmp_path: Path) -> None:
    """Nothing is changed then, and nothing is left behind."""
    speaks(study)
    whole = tmp_path / "study.zip"
    backed_up(study, whole)
    vault = study.program.database.vault
    there = tmp_path / "there"
    there.mkdir()
    (there / "study.db").write_text("a study")
    with pytest.raises(WrongUse, match="is there already"):
        backup.restore(whole, there / "study.db", vault, study.clock, told)
    assert (there / "study.db").read_text() == "a study"
    create_key_file(there / "other.key")
    with pytest.raises(KeyFileError, match="another study key"):
        backup.restore(whole, there / "new.db", open_key_file(there / "other.key"), study.clock, told)
    content = bytearray(whole.read_bytes())
    for name, place in (("start", 60_000), ("end", len(content) - 30)):
        broken = tmp_path / f"{name}.zip"
        changed = bytearray(content)
        changed[place] ^= 1
        broken.write_bytes(changed)
        with pytest.raises(WrongUse, match=r"damaged|no whole backup|no backup"):
            backup.restore(broken, there / "new.db", vault, study.clock, told)
    (tmp_path / "half.zip").write_bytes(content[: len(content) // 2])
    (tmp_path / "none.zip").write_text("no archive")
    with zipfile.ZipFile(tmp_path / "foreign.zip", "w") as archive:
        archive.writestr("letter.txt", "Dear")
    for name in ("half", "none", "foreign", "missing"):
        with pytest.raises(WrongUse):
            backup.restore(tmp_path / f"{name}.zip", there / "new.db", vault, study.clock, told)
    assert sorted(os.listdir(there)) == ["other.key", "study.db"]
    backup.restore(whole, there / "study.db", vault, study.clock, told, force=True)
    with closing(sqlite3.connect(there / "study.db")) as database:
        assert database.execute("SELECT count(*) FROM participants").fetchone() == (1,)


def test_a_damaged_database_is_not_backed_up_as_if_it_were_whole(study: World, tmp_path: Path) -> None:
    speaks(study)
    study.program.database.close()
    with closing(sqlite3.connect(file_of(study), isolation_level=None)) as database:
        database.execute("PRAGMA writable_schema=ON")
        database.execute("UPDATE sqlite_master SET rootpage = 3 WHERE name = 'ix_timers_due'")
    with pytest.raises((OwnPaceError, sqlite3.DatabaseError)):
        backed_up(study, tmp_path / "study.zip")
    assert not (tmp_path / "study.zip").exists()
