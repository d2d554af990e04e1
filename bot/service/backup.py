"""A whole study in one file, and back: the database with its media, the settings without secrets, and the prompts.

The file is a zip archive with a manifest of hashes and counts, signed with the study key: whoever changes anything in a
backup is found out. The key is never in it: whoever finds a backup reads nothing, and what was deleted since it was
made stays deleted, because its seed is in the key file no more (see `records.vault`). The database is copied while it
is in use, in the state of one moment.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import sqlite3
import tomllib
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from bot.errors import KeyFileError, OwnPaceError, WrongUse
from bot.export.writing import new_place
from bot.records import migrate
from bot.records.database import Database
from bot.records.tables import outbox
from bot.records.unit_of_work import UnitOfWork
from bot.records.vault import Vault
from bot.service import deletion
from bot.service.deletion import CaughtUp
from bot.service.retention import RESTORED

FORMAT = 2
MANIFEST, SIGNATURE = "manifest.json", "manifest.signature"
DATABASE, SETTINGS, PROMPTS = "ownpace.db", "config.toml", "prompts/"
PAGES = 512
"""Pages of the database that are copied between two steps of the progress bar."""
CHUNK = 1 << 20

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much it is."""

_SECRET_NAME = r"(?=[\w-]*(?:token|secret|password))(?![\w-]*_url)[\w-]+"
_STRINGS = (r'"""(?:[^\\]|\\.)*?"""', r"'''.*?'''", r'"(?:[^"\\\n]|\\.)*"', r"'[^'\n]*'")
_SECRET = re.compile(rf"""((?<![\w-]){_SECRET_NAME}["']?[ \t]*=[ \t]*)(?:{"|".join(_STRINGS)})""", re.DOTALL)
TELLING = 8
"""So many characters a secret has that is looked for in all of the settings; a shorter one may be a word of them."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What goes into a backup: the database's file, the settings' file and the prompts folder."""

    database: Path
    settings: Path
    prompts: Path


@dataclass(frozen=True, slots=True)
class Made:
    """A backup as it was read back: `counts` of rows by table, `opened` sealed values that were read as a sample."""

    size: int
    counts: Mapping[str, int]
    opened: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back: rows by table, and `put`, what there was none of; `differing`: prompts that were there.

    `deleted`: codes of people whose words were deleted since the backup was made. `doubtful`: messages that waited then
    and may have left since. With a key that was destroyed went `held`, messages from people whom nobody knew, and email
    and second step of `users`.
    """

    made_at: datetime
    counts: Mapping[str, int]
    put: tuple[Path, ...]
    differing: tuple[str, ...]
    deleted: tuple[str, ...]
    doubtful: int
    held: int
    users: tuple[str, ...]


# Making one


def make(sources: Sources, vault: Vault, now: datetime, out: Path, progress: Progress) -> Made:
    """Write a backup to a place where nothing is yet, and read it back.

    Raises OwnPaceError when it cannot be written, or what was read back is not what is there.
    """
    with new_place(out, force=None) as place, _disk_trouble(out):
        copy = place.with_name(f"copy of {DATABASE}")
        _copy(sources.database, copy, progress)
        counts, opened = _look_at(copy, vault)
        names = {DATABASE: copy, **_prompts(sources.prompts)}
        settings = _without_secrets(sources.settings)
        files = {}
        with zipfile.ZipFile(place, "x", zipfile.ZIP_STORED) as archive:
            for name, path in names.items():
                with path.open("rb") as file:
                    files[name] = _put(archive, name, file, path.stat().st_size, progress)
            if settings is not None:
                archive.writestr(SETTINGS, settings)
                files[SETTINGS] = {"size": len(settings), "sha256": hashlib.sha256(settings).hexdigest()}
            manifest = {
                "format": FORMAT,
                "made_at": now.isoformat(),
                "study_key": vault.fingerprint,
                "tables": counts,
                "files": files,
            }
            signed = json.dumps(manifest, indent=2)
            archive.writestr(MANIFEST, signed)
            archive.writestr(SIGNATURE, vault.signature(signed.encode()))
        copy.unlink()
        with _opened(place) as (archive, read_back):
            if read_back != manifest:
                raise OwnPaceError(f"{out} was not written as it should be. Check the disk, then try again.")
            _check_files(archive, manifest, out, progress)
        with place.open("rb") as file:
            os.fsync(file.fileno())
        size = place.stat().st_size
    return Made(size, counts, opened)


@contextmanager
def _disk_trouble(place: Path) -> Iterator[None]:
    """Raises OwnPaceError where a copy of the database cannot be written or read."""
    try:
        yield
    except (sqlite3.Error, DBAPIError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise OwnPaceError(
            f"{place}: the database could not be copied: {cause}. Check the disk, then try again."
        ) from None


def _copy(live: Path, copy: Path, progress: Progress) -> None:
    """The state of one moment, while others go on: a reader keeps it in sight until all of it is copied."""
    with closing(sqlite3.connect(live, isolation_level=None)) as source, closing(sqlite3.connect(copy)) as target:
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(
            target,
            pages=PAGES,
            progress=lambda _, left, total: progress("Copying the database", total - left, total),
            sleep=0,
        )
        source.execute("ROLLBACK")
        target.execute("PRAGMA journal_mode=DELETE")


def _look_at(path: Path, vault: Vault) -> tuple[dict[str, int], int]:
    """Rows by table, and how many names and newest messages were opened as a sample. Raises OwnPaceError."""
    with closing(sqlite3.connect(path)) as database:
        if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise OwnPaceError("The database is damaged, so its copy would be. Put back a copy that is whole.")
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        counts = {
            name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for name in sorted(tables)
            if not name.startswith("sqlite_")
        }
        opened = 0
        for about, query in _SAMPLES.items():
            for wrapped, sealed in database.execute(query):
                if not vault.destroyed(wrapped):
                    vault.data_key(wrapped).open_bytes(sealed, about)
                    opened += 1
    return counts, opened


_SAMPLES = {
    "name": "SELECT wrapped, name FROM participants JOIN data_keys ON data_keys.id = key_id WHERE wrapped IS NOT NULL",
    "body": "SELECT wrapped, body FROM messages JOIN data_keys ON data_keys.id = key_id "
    "WHERE wrapped IS NOT NULL AND body IS NOT NULL ORDER BY messages.id DESC LIMIT 200",
    "media": "SELECT wrapped, sealed FROM contents JOIN data_keys ON data_keys.id = key_id "
    "WHERE wrapped IS NOT NULL LIMIT 20",
}


def _prompts(folder: Path) -> dict[str, Path]:
    """The files of the prompts folder, by their name in the archive."""
    return {
        f"{PROMPTS}{path.relative_to(folder).as_posix()}": path for path in sorted(folder.rglob("*")) if path.is_file()
    }


def _without_secrets(path: Path) -> bytes | None:
    """The settings, with every password and token empty. Raises OwnPaceError where one would be left."""
    if not path.is_file():
        return None
    whole = path.read_text(encoding="utf-8-sig")
    kept = _SECRET.sub(r'\1""', whole)
    left = [name for name, _ in _secrets(tomllib.loads(kept))]
    left += [name for name, value in _secrets(tomllib.loads(whole)) if len(value) >= TELLING and value in kept]
    if left:
        raise OwnPaceError(
            f'{path}: {left[0]} cannot be left out of the backup. Write it once, as {left[0]} = "..." on a line of its '
            "own, and in no comment; or set it in the environment."
        )
    return kept.encode()


def _secrets(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and value of each setting that is to be known to nobody, and is not empty."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _secrets(value)
        elif value and re.fullmatch(_SECRET_NAME, name):
            yield name, str(value)


def _put(archive: zipfile.ZipFile, name: str, file: IO[bytes], size: int, progress: Progress) -> dict[str, Any]:
    digest, done = hashlib.sha256(), 0
    with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as target:
        for chunk in _chunks(file):
            digest.update(chunk)
            target.write(chunk)
            done += len(chunk)
            progress("Writing the backup", done, size)
    return {"size": done, "sha256": digest.hexdigest()}


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


# Reading one


@contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, Any]]]:
    """The archive and its manifest. Raises WrongUse where it is none of ours."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive, _manifest(archive, path)
    except FileNotFoundError:
        raise WrongUse(f"There is no file {path}.") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:  # what zipfile raises
        raise WrongUse(f"{path} is no whole backup: {error}. Take another one.") from None


def _manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
        known = manifest["format"]
        manifest["files"][DATABASE], manifest["tables"], manifest["study_key"], manifest["made_at"]
        for written in manifest["files"].values():
            written["size"], written["sha256"]
    except (AttributeError, KeyError, ValueError, TypeError):
        raise WrongUse(f"{path} is no backup of Own Pace.") from None
    if known != FORMAT:
        raise WrongUse(f"{path} was made by another version of Own Pace (form {known}). Use that version.")
    return manifest


def _check_files(archive: zipfile.ZipFile, manifest: dict[str, Any], path: Path, progress: Progress) -> None:
    """Raises WrongUse unless every file is as it was written."""
    for name, written in manifest["files"].items():
        if _digest(archive, name, written["size"], progress) != written["sha256"]:
            raise WrongUse(f"{path} is damaged: {name} is not as it was written. Take another backup.")


def _digest(archive: zipfile.ZipFile, name: str, size: int, progress: Progress, target: IO[bytes] | None = None) -> str:
    """SHA-256 of a file in the archive, which is copied to `target` on the way; '' where it is not there."""
    if name not in archive.namelist():
        return ""
    digest, done = hashlib.sha256(), 0
    with archive.open(name) as file:
        for chunk in _chunks(file):
            digest.update(chunk)
            if target is not None:
                target.write(chunk)
            done += len(chunk)
            progress("Reading the backup", done, size)
    return digest.hexdigest()


# Putting one back


@dataclass(frozen=True, slots=True)
class Places:
    """Where a study is put back: its database, and settings and prompts where there are none."""

    database: Path
    settings: Path
    prompts: Path


def settings_in(path: Path) -> str:
    """The settings that a backup holds, unchecked. Raises WrongUse when it is none, or holds none."""
    with _opened(path) as (archive, _):
        if SETTINGS not in archive.namelist():
            raise WrongUse(f"{path} holds no settings, and there are none here. Write a config.toml first.")
        return archive.read(SETTINGS).decode("utf-8-sig", "replace")


def restore(
    path: Path,
    places: Places,
    vault: Vault,
    clock: Callable[[], datetime],
    progress: Progress,
    *,
    force: bool = False,
    moved: bool = False,
) -> Restored:
    """Put back what a backup holds, in the form of this version: all of it, or nothing.

    It is written beside its places first, and the database is moved to its own last: a restore that was interrupted is
    begun again.

    `force`: also where there is a database, which is lost. `moved`: nothing has left since the backup was made, so that
    what waited then is sent. Raises WrongUse when there is a database already or the backup is not whole, KeyFileError
    when it belongs to another study key.
    """
    target = places.database
    if target.exists() and not force:
        raise WrongUse(f"{target} is there already. To lose it and put the backup in its place: --force")
    target.parent.mkdir(parents=True, exist_ok=True)
    with new_place(target, force=True) as place, _disk_trouble(target):
        with _opened(path) as (archive, manifest):
            _check_signature(archive, manifest, path, vault)
            _take_out(archive, manifest, path, place, progress)
            _check_files(archive, manifest, path, progress)
            counts, _ = _look_at(place, vault)
            if counts != manifest["tables"]:
                raise WrongUse(
                    f"{path} is damaged: its tables have other counts than its manifest. Take another backup."
                )
            gone, doubtful = _brought_up_to_date(place, vault, clock, moved, path)
            differing = tuple(_differing(archive, manifest["files"], places.prompts))
            put = _put_beside(archive, manifest["files"], places)
        for old in _logs(target):
            old.unlink(missing_ok=True)
    _on_the_disk(target.parent)
    made_at = datetime.fromisoformat(manifest["made_at"])
    return Restored(made_at, counts, put, differing, gone.codes, doubtful, gone.held, gone.users)


def _differing(archive: zipfile.ZipFile, names: Collection[str], folder: Path) -> Iterator[str]:
    """Which files of prompts that are there already differ from those of the backup, or are only in one of the two."""
    there = _prompts(folder)
    held = {name for name in names if name.startswith(PROMPTS)} if there else set()
    for name in sorted(held | there.keys()):
        if name not in held or name not in there or archive.read(name) != there[name].read_bytes():
            yield name.removeprefix(PROMPTS)


def _put_beside(archive: zipfile.ZipFile, names: Collection[str], places: Places) -> tuple[Path, ...]:
    """Put settings and prompts where there are none, neither before both are written; which were."""
    held = {places.settings: SETTINGS in names, places.prompts: any(name.startswith(PROMPTS) for name in names)}
    missing = tuple(place for place, is_held in held.items() if is_held and not place.exists())
    for place in missing:
        place.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as moving:
        beside = {place: moving.enter_context(new_place(place, force=None)) for place in missing}
        for name in names:
            if name == SETTINGS and places.settings in beside:
                beside[places.settings].write_bytes(archive.read(name))
            elif name.startswith(PROMPTS) and places.prompts in beside:
                target = beside[places.prompts] / name.removeprefix(PROMPTS)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
    return missing


def _check_signature(archive: zipfile.ZipFile, manifest: dict[str, Any], path: Path, vault: Vault) -> None:
    """Raises KeyFileError where it belongs to another study key, WrongUse where somebody else wrote the manifest."""
    if manifest["study_key"] != vault.fingerprint:
        raise KeyFileError(f"{path} was made with another study key. Set security.key_file to that one.")
    signature = archive.read(SIGNATURE).decode("ascii", "replace") if SIGNATURE in archive.namelist() else ""
    if not hmac.compare_digest(signature.encode(), vault.signature(archive.read(MANIFEST)).encode()):
        raise WrongUse(
            f"{path} is damaged, or was changed by somebody who does not have the study key. Trust nothing of it, nor "
            "settings that were put back from it. Take another backup."
        )


def _take_out(archive: zipfile.ZipFile, manifest: dict[str, Any], path: Path, place: Path, progress: Progress) -> None:
    written = manifest["files"][DATABASE]
    with place.open("xb") as file:
        if _digest(archive, DATABASE, written["size"], progress, file) != written["sha256"]:
            raise WrongUse(f"{path} is damaged: {DATABASE} is not as it was written. Take another backup.")
        file.flush()
        os.fsync(file.fileno())


def _brought_up_to_date(
    path: Path, vault: Vault, clock: Callable[[], datetime], moved: bool, source: Path
) -> tuple[CaughtUp, int]:
    url = f"sqlite:///{path}"
    migrate.migrate(url, vault)
    database = Database(url, vault, clock=clock, new_id=lambda: "")
    try:
        return catch_up(database, moved=moved, source=source)
    finally:
        database.close()


def catch_up(database: Database, *, moved: bool = False, source: Path | None = None) -> tuple[CaughtUp, int]:
    """See to what has happened since this older copy was made; who is gone again, and how many messages are in doubt.

    `moved`: nothing has left since. `source`: the backup that it was, which may hold what is deleted later.
    """
    gone = database.run_now(deletion.catch_up)
    doubtful = 0 if moved else database.run_now(doubt)
    database.run_now(_note, gone, doubtful, source)
    database.scrub(rewrite=bool(gone.codes or gone.held or gone.users))
    return gone, doubtful


def doubt(uow: UnitOfWork) -> int:
    """What waited and could have left by now may have left since the backup: nobody knows, and it is not sent again.

    So it is with what was on hold or stood aside for a person: it may have been let go since.
    """
    waited = (outbox.c.state.in_(["pending", "held", "aside"]), outbox.c.not_before <= uow.now)
    rows = uow.all(select(outbox.c.seq, outbox.c.participant_id, outbox.c.message_id).where(*waited))
    for row in rows:
        unknown = {"state": "unknown", "reconcile_at": None, "changed_at": uow.now}
        uow.execute(update(outbox).where(outbox.c.seq == row["seq"]).values(**unknown))
        note = "It waited when the backup was made, and may have left since. It is not sent again by itself."
        uow.open_task("message unknown", row["participant_id"], row["message_id"], note)
    return len(rows)


def _note(uow: UnitOfWork, gone: CaughtUp, doubtful: int, source: Path | None) -> None:
    found = {"deleted": list(gone.codes), "held": gone.held, "users": list(gone.users)}
    came = {"from": str(source.resolve())} if source else {}
    uow.note("command line", RESTORED, None, doubtful=doubtful, **found, **came)


def _on_the_disk(folder: Path) -> None:
    """What was moved into the folder is there after a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def _logs(path: Path) -> tuple[Path, Path]:
    """The write-ahead log of a database, and its index."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")
