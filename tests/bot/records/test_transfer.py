"""From SQLite to PostgreSQL: everything is there, nothing is doubled, and the interview goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql.base import PGDialect

from bot.errors import KeyFileError, OwnPaceError
from bot.messages import Media, MediaKind
from bot.records import migrate, trail
from bot.records.database import open_engine
from bot.records.tables import messages, meta
from bot.records.transfer import come_back, transfer
from bot.records.vault import Vault
from tests.bot.world import World, on_sqlite, world
from tests.rig import postgres

CODE = "SW01"
VOICE = Media(MediaKind.VOICE, "audio/ogg", content=b"OggS" * 900, name="note.ogg")


def silent(_label: str, _done: int, _total: int) -> None:
    """No bar."""


@pytest.fixture
def target() -> Iterator[str]:
    with postgres.server().database(empty=True) as made:
        yield made


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    """A study with somebody who has answered, by words and by voice, and somebody nobody knows."""
    with world(tmp_path, **on_sqlite(tmp_path)) as made:
        assert made.consented() == CODE
        made.says("I begin at eight.")
        made.says("", media=(VOICE,))
        made.run(lambda uow: uow.note("Kim", "looked", "P01", why=["ü", None]))
        yield made


def moved(study: World, target: str) -> dict[str, int]:
    return transfer(study.program.settings.database.url, target, study.program.database.vault, silent)


def test_everything_is_there_and_the_interview_goes_on(study: World, target: str, tmp_path: Path) -> None:
    counts = moved(study, target)
    with world(tmp_path, database={"url": target}) as there:  # with the same key file
        there.numbers = study.numbers
        assert counts["messages"] == study.count_of(messages) == there.count_of(messages)
        assert there.heard(CODE) == study.heard(CODE)
        verdict = there.program.database.read_now(lambda uow: trail.verify(uow.connection, uow.vault))
        assert (verdict.broken, verdict.lines) == (None, counts["audit"])
        there.says("And I end at five.")
        assert there.heard(CODE)[-1] == "And I end at five."


def test_nothing_is_moved_on_top_of_another_study(study: World, target: str) -> None:
    moved(study, target)
    assert come_back(study.program.settings.database.url)
    with pytest.raises(OwnPaceError, match="There is a study in that database already"):
        moved(study, target)


def test_the_database_of_another_study_key_is_refused(study: World, target: str) -> None:
    with pytest.raises(KeyFileError):
        transfer(study.program.settings.database.url, target, Vault(b"x" * 32), silent)


def test_what_does_not_fit_moves_nothing_and_can_be_tried_again(study: World, target: str) -> None:
    """SQLite keeps any length; PostgreSQL refuses what is longer than was said."""
    engine = open_engine(study.program.settings.database.url)
    with engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("BEGIN")
        connection.execute(meta.insert().values(name="n" * 60, value="x"))
    with pytest.raises(OwnPaceError, match="A row of meta does not fit"):
        moved(study, target)
    with engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("BEGIN")
        connection.execute(delete(meta).where(meta.c.name == "n" * 60))
    engine.dispose()
    assert moved(study, target)["participants"] == 1


def test_what_breaks_off_at_the_very_end_is_served_at_neither_place_twice(
    study: World, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark is there before the study is: so the old file is never served beside the new place."""
    commit = PGDialect.do_commit

    def cut(dialect: PGDialect, connection: Any) -> None:
        """Before the commit of what was moved."""
        (here,) = connection.execute("SELECT to_regclass('messages') IS NOT NULL").fetchone()
        if here and connection.execute("SELECT count(*) FROM messages").fetchone()[0]:
            with suppress(psycopg.Error):
                connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        commit(dialect, connection)  # type: ignore[no-untyped-call]  # SQLAlchemy's has no types

    url, vault = study.program.settings.database.url, study.program.database.vault
    with monkeypatch.context() as cutting:
        cutting.setattr(PGDialect, "do_commit", cut)
        with pytest.raises(OwnPaceError, match="marked as moved"):
            moved(study, target)
    with pytest.raises(OwnPaceError, match="moved"):
        migrate.check(url, vault)
    assert come_back(url)
    migrate.check(url, vault)
    assert moved(study, target)["messages"] > 0
