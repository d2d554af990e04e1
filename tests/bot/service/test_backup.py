"""A whole study in one file, and back on another machine."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil
import sqlite3
import tempfile
import threading
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import update

from bot.errors import KeyFileError, OwnPaceError, WrongUse
from bot.export.writing import UNFINISHED
from bot.records.tables import audit, messages, outbox, participants, users
from bot.records.unit_of_work import UnitOfWork
from bot.records.vault import create_key_file, open_key_file
from bot.service import backup, deletion, intake, second_step, staff, views, withdrawal
from bot.service.backup import Places, Restored, Sources
from tests.bot.service.test_withdrawal import OTHER, WORDS, rows, speaks
from tests.bot.world import World, on_sqlite, world
from tests.rig import ROOT
from tests.rig.disk import no_file_beyond

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
    return backup.restore(archive, only(study, there / "study.db"), vault, study.clock, told, moved=moved)


def only(study: World, database: Path) -> Places:
    """Where settings and prompts are there already."""
    return Places(database, file_of(study).parent / "config.toml", ROOT / "prompts")


@contextmanager
def opened(folder: Path) -> Iterator[World]:
    """The study goes on there; its new ids and provider keys are none of the old ones."""
    with world(folder, **on_sqlite(folder)) as there:
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
        assert set(archive.namelist()) == {*manifest["files"], "manifest.json", "manifest.signature"}
        settings = archive.read("config.toml").decode()
        assert archive.read("prompts/en/texts.yaml") == (ROOT / "prompts/en/texts.yaml").read_bytes()
    assert 'auth_token = ""' in settings
    assert 'oauth_token_url = "https://example.org/token"' in settings
    with pytest.raises(OwnPaceError, match="is there already"):
        backed_up(study, out)
    assert out.read_bytes() == content


SECRETS = [
    'auth_token = "unspeakable"',
    "auth_token = 'unspeakable'",
    'auth_token = """unspeakable"""',
    'auth_token = """\nun\\\n  speakable"""',
    "auth_token = '''unspeakable'''",
    '"auth_token" = "unspeakable"',
    "'auth_token'=\t'unspeakable'",
    'sms = { from = "+447700900000", auth_token = "unspeakable" }',
    'sms.auth_token="unspeakable"',
    'auth_token = "un\\"speakable"',
    '# auth_token = "unspeakable"\nauth_token = "unspeakable"',
]


@pytest.mark.parametrize("written", SECRETS)
def test_no_secret_is_left_in_however_it_is_written(tmp_path: Path, written: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'name = "here"\n{written}\nlast = 1\n')
    settings = backup._without_secrets(config)
    assert settings is not None
    kept = tomllib.loads(settings.decode())
    assert (kept["name"], kept["last"]) == ("here", 1)
    assert "speakable" not in settings.decode()
    assert kept.get("auth_token", "") == kept.get("sms", {}).get("auth_token", "") == ""


@pytest.mark.parametrize(
    "written", ['"auth_t\\u006fken" = "x"', 'auth_token = "unspeakable"  # not unspeakable any more']
)
def test_a_backup_that_would_hold_a_secret_is_not_made(study: World, tmp_path: Path, written: str) -> None:
    (file_of(study).parent / "config.toml").write_text(written)
    with pytest.raises(OwnPaceError, match="auth_token cannot be left out of the backup"):
        backed_up(study, tmp_path / "study.zip")
    assert not (tmp_path / "study.zip").exists()


def test_a_backup_is_of_one_moment_while_others_write(study: World, tmp_path: Path) -> None:
    """Writers are not held up, and the copy holds each of their commits whole or not at all."""
    speaks(study)
    stop, begun = threading.Event(), threading.Event()
    written: list[intake.Received] = []

    def write() -> None:
        while not stop.is_set():
            written.append(study.says(f"number {len(written)}", OTHER))
            begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(30)
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
    with world(tmp_path / "there", **on_sqlite(tmp_path / "there")) as there:
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
    with world(tmp_path / "there", **on_sqlite(tmp_path / "there")) as there:
        assert there.leave() == []
        assert "message unknown" in there.open_tasks()
    assert moved(study, tmp_path / "study.zip", tmp_path / "elsewhere", moved=True).doubtful == 0
    with world(tmp_path / "elsewhere", **on_sqlite(tmp_path / "elsewhere")) as there:
        assert len(there.leave()) == waiting


def test_what_others_had_under_a_destroyed_key_is_kept_or_told_of(study: World, tmp_path: Path) -> None:
    """Somebody who left had written before anybody knew them, under the key of all strangers."""
    secret = second_step.new_secret()
    for name in ("ann", "ben"):
        study.run(staff.add_user, name, "correct horse battery", "researcher")
        study.run(staff.set_email, name, f"{name}@example.org")
        study.run(second_step.begin, name, secret, pyotp.TOTP(secret).at(study.clock()))
    study.run(_as_earlier_versions_did, "ben", secret)
    study.says("I am a stranger. Do not lose me.", OTHER)
    code = speaks(study)
    backed_up(study, tmp_path / "study.zip")
    study.run(lambda uow: withdrawal.withdraw(uow, study.program.terms, code, "kim"))
    deletion.clean(study.program.database)
    done = moved(study, tmp_path / "study.zip", tmp_path / "there")
    assert (done.deleted, done.held, done.users) == ((code,), 2, ("ben",))
    with world(tmp_path / "there", **on_sqlite(tmp_path / "there")) as there:
        (line,) = rows(there, audit, act="restored")
        assert (line["detail"]["held"], line["detail"]["users"]) == (2, ["ben"])
        ann, ben = rows(there, users)
        there.program.database.read_now(lambda uow: uow.open_of_team(ann["email"], "address"))
        there.clock.forward(minutes=5)
        assert there.run(second_step.fits, "ann", pyotp.TOTP(secret).at(there.clock()))
        assert ben["email"] is ben["second_step"] is ben["recovery"] is None
    backed_up(study, tmp_path / "newer.zip")
    done = moved(study, tmp_path / "newer.zip", tmp_path / "again")
    assert (done.deleted, done.held, done.users) == ((), 0, ())
    with world(tmp_path / "again", **on_sqlite(tmp_path / "again")) as there:
        (held,) = rows(there, messages, participant_id=None, belongs="held", author="unknown")
        words = there.program.database.read_now(lambda uow: uow.holding_key()[1].open(held["body"], "body"))
        assert words == "I am a stranger. Do not lose me."
        there.clock.forward(minutes=5)
        assert there.run(second_step.fits, "ben", pyotp.TOTP(secret).at(there.clock()))


def _as_earlier_versions_did(uow: UnitOfWork, name: str, secret: str) -> None:
    """Seal what is a user's with the holding area's key."""
    _, key = uow.holding_key()
    sealed = {"email": key.seal(f"{name}@example.org", "address"), "second_step": key.seal(secret, "second step")}
    uow.execute(update(users).where(users.c.name == name).values(**sealed))


@pytest.mark.parametrize("state", ["held", "aside"])
def test_what_was_held_up_then_may_have_been_let_go_since(study: World, tmp_path: Path, state: str) -> None:
    """Released after the restore it would reach people twice."""
    study.enrol()
    study.run(lambda uow: uow.execute(update(outbox).values(state=state)))
    held = len(rows(study, outbox))
    backed_up(study, tmp_path / "study.zip")
    assert moved(study, tmp_path / "study.zip", tmp_path / "there").doubtful == held
    with world(tmp_path / "there", **on_sqlite(tmp_path / "there")) as there:
        assert {row["state"] for row in rows(there, outbox)} == {"unknown"}
    assert moved(study, tmp_path / "study.zip", tmp_path / "elsewhere", moved=True).doubtful == 0


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
        backup.restore(whole, only(study, there / "study.db"), vault, study.clock, told)
    assert (there / "study.db").read_text() == "a study"
    create_key_file(there / "other.key")
    with pytest.raises(KeyFileError, match="another study key"):
        backup.restore(whole, only(study, there / "new.db"), open_key_file(there / "other.key"), study.clock, told)
    content = bytearray(whole.read_bytes())
    for name, place in (("start", 60_000), ("end", len(content) - 30)):
        broken = tmp_path / f"{name}.zip"
        changed = bytearray(content)
        changed[place] ^= 1
        broken.write_bytes(changed)
        with pytest.raises(WrongUse, match=r"damaged|no whole backup|no backup"):
            backup.restore(broken, only(study, there / "new.db"), vault, study.clock, told)
    (tmp_path / "half.zip").write_bytes(content[: len(content) // 2])
    (tmp_path / "none.zip").write_text("no archive")
    with zipfile.ZipFile(tmp_path / "foreign.zip", "w") as archive:
        archive.writestr("letter.txt", "Dear")
    for name in ("half", "none", "foreign", "missing"):
        with pytest.raises(WrongUse):
            backup.restore(tmp_path / f"{name}.zip", only(study, there / "new.db"), vault, study.clock, told)
    assert sorted(os.listdir(there)) == ["other.key", "study.db"]
    backup.restore(whole, only(study, there / "study.db"), vault, study.clock, told, force=True)
    with closing(sqlite3.connect(there / "study.db")) as database:
        assert database.execute("SELECT count(*) FROM participants").fetchone() == (1,)


def changed(archive: Path, out: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The backup as somebody without the study key can make it anew: files changed, every hash put right."""
    with zipfile.ZipFile(archive) as old:
        files = {name: old.read(name) for name in old.namelist()}
    change(files)
    manifest = json.loads(files["manifest.json"])
    names = files.keys() - {"manifest.json", "manifest.signature"}
    manifest["files"] = {
        name: {"size": len(files[name]), "sha256": hashlib.sha256(files[name]).hexdigest()} for name in names
    }
    files["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(out, "w") as new:
        for name, content in files.items():
            new.writestr(name, content)
    return out


def starts_again(files: dict[str, bytes]) -> None:
    """Nobody has said STOP any more."""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(files["ownpace.db"])
        with closing(sqlite3.connect(file.name)) as database, database:
            database.execute("UPDATE interviews SET state = 'active'")
        files["ownpace.db"] = Path(file.name).read_bytes()


def unsigned(files: dict[str, bytes]) -> None:
    del files["manifest.signature"]


TAMPERED: dict[str, Callable[[dict[str, bytes]], None]] = {
    "a row": starts_again,
    "a text": lambda files: files.update({"prompts/en/texts.yaml": b"texts: {}"}),
    "a file elsewhere": lambda files: files.update({"prompts//tmp/ownpace-was-here": b"x", "prompts/../../up": b"x"}),
    "no signature": unsigned,
    "a signature that is none": lambda files: files.update({"manifest.signature": "\xff…".encode()}),
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED)
def test_a_backup_that_somebody_changed_is_refused(
    study: World, tmp_path: Path, change: Callable[[dict[str, bytes]], None]
) -> None:
    """Whoever can write where backups are kept changes nobody's record, and no file of ours."""
    speaks(study)
    backed_up(study, tmp_path / "study.zip")
    bad = changed(tmp_path / "study.zip", tmp_path / "bad.zip", change)
    with pytest.raises(WrongUse, match="changed by somebody who does not have the study key"):
        moved(study, bad, tmp_path / "there")
    assert os.listdir(tmp_path / "there") == ["study.key"]


def test_whatever_is_damaged_is_said_and_never_restored_otherwise(study: World, tmp_path: Path) -> None:
    """Two hundred backups with a byte changed or an end missing, most of them where a zip archive has its lists."""
    speaks(study)
    backed_up(study, tmp_path / "study.zip")
    content, chance = (tmp_path / "study.zip").read_bytes(), random.Random(6)
    lists = content.index(b"PK\x01\x02")
    vault, there = study.program.database.vault, tmp_path / "there" / "study.db"
    restored = 0
    for number in range(200):
        bad = bytearray(content)
        place = chance.randrange(lists if number % 4 else 0, len(content))
        bad[place] ^= 1 << chance.randrange(8)
        (tmp_path / "bad.zip").write_bytes(bad[:place] if number % 5 == 0 else bad)
        try:
            backup.restore(tmp_path / "bad.zip", only(study, there), vault, study.clock, told)
        except OwnPaceError:
            assert not there.exists()
        else:  # a byte that means nothing, such as a time in the archive's list
            restored += 1
            with closing(sqlite3.connect(there)) as database:
                assert database.execute("SELECT count(*) FROM messages").fetchone()[0] == len(rows(study, messages))
            there.unlink()
        assert os.listdir(there.parent) == []
    assert restored < 100


def test_what_lies_where_it_is_put_back_does_no_harm(study: World, tmp_path: Path) -> None:
    """A folder with a log of another database, and what a restore that was killed has left."""
    code = speaks(study)
    heard = study.heard(code)
    backed_up(study, tmp_path / "study.zip")
    there = tmp_path / "there"
    there.mkdir()
    with closing(sqlite3.connect(there / "study.db")) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("CREATE TABLE messages (id)")
        other.commit()
        log = (there / "study.db-wal").read_bytes()
        assert log
    (there / "study.db").unlink(missing_ok=True)
    (there / "study.db-wal").write_bytes(log)
    (there / f"{UNFINISHED}killed").mkdir()
    (there / f"{UNFINISHED}killed/study.db").write_text("half")
    (there / f"{UNFINISHED}killed/study.db-wal").write_bytes(log)
    (there / "letter.txt").write_text("mine")
    shutil.copy(study.program.settings.security.key_file, there / "study.key")
    backup.restore(
        tmp_path / "study.zip", only(study, there / "study.db"), study.program.database.vault, study.clock, told
    )
    assert sorted(os.listdir(there)) == ["letter.txt", "study.db", "study.key"]
    with opened(there) as again:
        assert again.heard(code) == heard


def test_a_full_disk_is_told_of_and_nothing_is_left_or_lost(study: World, tmp_path: Path) -> None:
    """A backup that cannot be written is none; a restore that cannot be leaves what was there."""
    speaks(study)
    place = tmp_path / "place"
    place.mkdir()
    for size in (10_000, 200_000):  # in the copy of the database, and in the archive
        with no_file_beyond(size), pytest.raises(OwnPaceError, match=r"could not be (copied|written)"):
            backed_up(study, place / "study.zip")
        assert os.listdir(place) == []
    backed_up(study, tmp_path / "study.zip")
    (place / "study.db").write_text("what was there")
    vault = study.program.database.vault
    with no_file_beyond(200_000), pytest.raises(OwnPaceError, match=r"could not be (copied|written)"):
        backup.restore(tmp_path / "study.zip", only(study, place / "study.db"), vault, study.clock, told, force=True)
    assert os.listdir(place) == ["study.db"]
    assert (place / "study.db").read_text() == "what was there"


def test_all_of_it_comes_back_or_nothing(study: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk is full at the last file, the database is not there either, and the same can be begun again."""
    speaks(study)
    backed_up(study, tmp_path / "study.zip")
    vault, new = study.program.database.vault, tmp_path / "new"
    places = Places(new / "data/study.db", new / "config.toml", new / "words/prompts")
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    write = Path.write_bytes
    last = max(path for path in (ROOT / "prompts").rglob("*") if path.is_file())

    def until_it_is_full(path: Path, content: bytes) -> int:
        if path.name == last.name:
            raise full
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", until_it_is_full)
    with pytest.raises(OwnPaceError, match="could not be written: No space left"):
        backup.restore(tmp_path / "study.zip", places, vault, study.clock, told)
    monkeypatch.undo()
    assert [path for path in new.rglob("*") if path.is_file()] == []
    done = backup.restore(tmp_path / "study.zip", places, vault, study.clock, told)
    assert done.put == (places.settings, places.prompts)
    assert places.settings.stat().st_mode & 0o777 == 0o600
    for path in (ROOT / "prompts").rglob("*.yaml"):
        assert (new / "words" / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
    places.database.unlink()
    places.settings.write_text("[study]\n")
    assert backup.restore(tmp_path / "study.zip", places, vault, study.clock, told).put == ()
    assert places.settings.read_text() == "[study]\n", "what is there stays"


def test_a_damaged_database_is_not_backed_up_as_if_it_were_whole(study: World, tmp_path: Path) -> None:
    speaks(study)
    study.program.database.close()
    with closing(sqlite3.connect(file_of(study), isolation_level=None)) as database:
        database.execute("PRAGMA writable_schema=ON")
        database.execute("UPDATE sqlite_master SET rootpage = 3 WHERE name = 'ix_timers_due'")
    with pytest.raises(OwnPaceError, match=r"damaged|could not be copied"):
        backed_up(study, tmp_path / "study.zip")
    assert not (tmp_path / "study.zip").exists()
