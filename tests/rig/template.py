"""A database with the tables of the program, for each test to have a copy of: to make them takes longer than a test."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy import delete

from bot.records import migrate
from bot.records.database import open_engine
from bot.records.tables import meta
from bot.records.vault import Vault


def make_tables(url: str) -> None:
    """Make them in an empty database, which belongs to no study key yet."""
    migrate.migrate(url, Vault(b"t" * 32))
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(delete(meta))
    engine.dispose()


def copy_to(path: Path) -> None:
    """Put a new database of SQLite's there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_file(), path)


@cache
def _file() -> Path:
    folder = tempfile.mkdtemp(prefix="ownpace-template-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = Path(folder, "study.db")
    make_tables(f"sqlite:///{made}")
    return made
