"""The study goes from SQLite to PostgreSQL as people move it: by the command, between real databases."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select

from bot.messages import Address, Media, MediaKind
from bot.records.migrate import migrate
from bot.records.tables import media
from bot.records.vault import open_key_file
from bot.service.media import content
from bot.web.serve import alone
from tests.bot.typed import ownpace, settings, write_settings
from tests.bot.world import world
from tests.rig import forked, free_port, postgres
from tests.rig.study import Process, Study

ANNA = Address("simulator", "sms/anna")
VOICE = Media(MediaKind.VOICE, "audio/ogg", content=b"OggS" * 9000, name="note.ogg")

DEADLINE = 60.0
"""Seconds for which what is waited for is waited for; it takes a fraction of one."""

WAITS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'ownpace' AND wait_event_type = 'Lock'
"""


ALIVE = "INSERT INTO leases (name, holder, token, until) VALUES ('worker a', 'a', 1, now() + interval '10 minutes')"
"""Somewhere a process sends."""


@pytest.fixture
def target() -> Iterator[str]:
    with postgres.server().database(empty=True) as made:
        yield made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A study's folder as the README makes it, with somebody in it who has answered by words and by voice."""
    write_settings(tmp_path)
    (tmp_path / "data").mkdir()
    with world(tmp_path / "data", database={"url": f"sqlite:///{tmp_path}/data/ownpace.db"}) as study:
        study.consented(ANNA)
        study.says("I begin at eight.", ANNA)
        study.says("", ANNA, media=(VOICE,))
    return tmp_path


def move(home: Path, target: str) -> tuple[int, str]:
    return ownpace(home, "move", "--to", target)


def moved(home: Path, target: str) -> bool:
    code, said = move(home, target)
    return code == 0 and said.startswith("Moved and compared: 1 participants, ")


def until(there: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


def copied(target: str) -> int:
    """How many participants there are, as everybody else sees it."""
    with psycopg.connect(target) as connection:
        found = connection.execute("SELECT count(*) FROM participants").fetchone()
    assert found is not None
    return int(found[0])


@contextmanager
def half_way(home: Path, target: str) -> Iterator[tuple[BaseProcess, int]]:
    """A move that has copied the people and waits before their messages, and PostgreSQL's process for it."""
    migrate(target, open_key_file(home / "data/study.key"))
    words = ["move", "--to", target, "--config", str(home / "config.toml")]
    with psycopg.connect(target) as first, psycopg.connect(target, autocommit=True) as look:
        first.execute("LOCK TABLE messages IN EXCLUSIVE MODE")  # it may be read, and not written
        process = forked.start(words, {"HOME": str(home), "PATH": "/usr/bin:/bin"}, home / "move.log")
        until(lambda: look.execute(WAITS).fetchone())
        (number,) = look.execute(WAITS).fetchone() or (0,)
        yield process, number
        gone = "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = %s"
        first.rollback()
        until(lambda: (look.execute(gone, [number]).fetchone() or (False,))[0])


def test_a_study_goes_on_in_its_new_place_and_its_old_one_is_not_served_any_more(home: Path, target: str) -> None:
    """What waits to leave would leave twice."""
    before = ownpace(home, "show", "SW01")
    assert before[0] == 0
    code, said = move(home, target)
    assert code == 0, said
    assert "data/ownpace.db is served no more" in said

    for words in (["serve", "--port", str(free_port())], ["show", "SW01"], ["hold"], ["move", "--to", target]):
        code, said = ownpace(home, *words)
        assert (code, "This study was moved to PostgreSQL: set url" in said) == (1, True), words

    settings(home, "sqlite:///data/ownpace.db", target)
    assert ownpace(home, "show", "SW01") == before
    assert ownpace(home, "audit")[0] == 0
    with world(home / "data", database={"url": target}) as study:
        database = study.program.database
        (kept,) = database.read_now(lambda uow: uow.all(select(media.c.id)))
        assert database.read_now(content, kept["id"]) == VOICE.content


def test_whoever_thinks_better_of_it_goes_back(home: Path, target: str) -> None:
    code, said = ownpace(home, "move", "--back")
    assert (code, said) == (0, "The study was not moved.\n")
    assert moved(home, target)
    code, said = ownpace(home, "move", "--back")
    assert (code, said.startswith("The study is served from SQLite again.")) == (0, True)
    assert ownpace(home, "show", "SW01")[0] == 0


def moved_with_another(home: Path, target: str) -> bool:
    """The same, with somebody besides whose first text waits to leave."""
    (home / "people.csv").write_text("cohort,channel,address\nsocial-workers,simulator,sms/bo\n")
    return ownpace(home, "enrol", "people.csv")[0] == 0 and move(home, target)[0] == 0


def test_whoever_goes_back_deletes_again_who_has_left_since_and_sends_nothing_twice(home: Path, target: str) -> None:
    assert moved_with_another(home, target)
    settings(home, "sqlite:///data/ownpace.db", target)
    assert ownpace(home, "withdraw", "SW01", "--yes", "--no-receipt")[0] == 0
    settings(home, target, "sqlite:///data/ownpace.db")
    code, said = ownpace(home, "move", "--back")
    assert code == 0
    assert "Deleted since then, and so again: SW01." in said
    assert "messages waited then and may have left since: there are tasks. They are not sent." in said
    assert ownpace(home, "participants")[0] == 0
    assert "I begin at eight" not in ownpace(home, "show", "SW01")[1]


def test_an_older_copy_is_not_served_until_it_is_said_that_it_was_put_back(home: Path, target: str) -> None:
    assert moved_with_another(home, target)
    settings(home, "sqlite:///data/ownpace.db", target)
    older = f"{target}_older"
    postgres.server().execute(f"CREATE DATABASE {older.rpartition('/')[2]} TEMPLATE {target.rpartition('/')[2]}")
    assert ownpace(home, "withdraw", "SW01", "--yes", "--no-receipt")[0] == 0
    with psycopg.connect(older) as connection:
        connection.execute(ALIVE)
    settings(home, target, older)
    code, said = ownpace(home, "restored")
    assert (code, "This study is served. Stop every server of it first" in said) == (1, True)
    with psycopg.connect(older) as connection:
        connection.execute("DELETE FROM leases")
    code, said = ownpace(home, "serve", "--port", str(free_port()))
    assert code == 1
    assert "This database is an older copy: it holds somebody who was deleted since" in said
    assert "scripts/ownpace restored" in said
    code, said = ownpace(home, "restored")
    assert code == 0
    assert "Deleted since then, and so again: SW01." in said
    assert "They are not sent." in said
    assert "I begin at eight" not in ownpace(home, "show", "SW01")[1]
    with psycopg.connect(older) as connection:
        assert connection.execute("SELECT DISTINCT state FROM outbox WHERE state = 'pending'").fetchall() == []


def test_the_address_with_its_password_can_be_typed_where_nobody_sees_it(home: Path, target: str) -> None:
    code, said = ownpace(home, "move", "--to", "-", typed=f"{target}\n")
    assert code == 0, said
    assert "Moved and compared: 1 participants" in said
    assert target not in said


def test_nothing_is_put_in_doubt_of_a_study_that_is_served(home: Path, target: str) -> None:
    with alone(f"sqlite:///{home}/data/ownpace.db"):
        assert ownpace(home, "restored")[0] == 1
    with closing(sqlite3.connect(home / "data/ownpace.db")) as database:
        assert database.execute("SELECT count(*) FROM outbox WHERE state = 'unknown'").fetchone() == (0,)
    code, said = ownpace(home, "restored")
    assert code == 0, said


@pytest.mark.parametrize("words", [(), ("--to", "postgresql://u@h/d", "--back")], ids=["nothing", "both"])
def test_one_of_the_two_is_said(home: Path, words: tuple[str, ...]) -> None:
    code, said = ownpace(home, "move", *words)
    assert (code, said) == (2, "Say one of the two: --to URL, or --back.\n")


@pytest.mark.parametrize("url", ["sqlite:///other.db", "postgres://u@h/d", "postgresql://u:secret@h:port/d", "study"])
def test_what_is_no_address_of_postgresql_is_named(home: Path, url: str) -> None:
    code, said = move(home, url)
    assert (code, "--to takes the address of a PostgreSQL database" in said, "secret" in said) == (2, True, False)


def strict(server: postgres.Server) -> None:
    """It asks one user for a password, and lets another in from nowhere; neither may make tables."""
    rules = server.folder / "data/pg_hba.conf"
    if "asked" not in rules.read_text():
        mine = "host all asked 127.0.0.1/32 scram-sha-256\nhost all barred 127.0.0.1/32 reject\n"
        rules.write_text(mine + rules.read_text())
        server.execute("CREATE ROLE asked LOGIN PASSWORD 'right'")
        server.execute("CREATE ROLE barred LOGIN")
        server.execute("SELECT pg_reload_conf()")


UNREACHED = {
    "wrong password": ("asked:secret@127.0.0.1:{port}/{name}", "does not take this user with this password."),
    "no password": ("asked@127.0.0.1:{port}/{name}", "wants a password, and the address,"),
    "unknown user": ("nobody:secret@127.0.0.1:{port}/{name}", "does not know this user."),
    "not let in": ("barred:secret@127.0.0.1:{port}/{name}", "does not let this user in from here."),
    "unknown database": ("postgres@127.0.0.1:{port}/{name}_not_there", "is not there, though its server is."),
    "no encryption": (
        "postgres:secret@127.0.0.1:{port}/{name}?sslmode=require",
        "does not agree with us about encryption",
    ),
    "server not running": ("asked:secret@127.0.0.1:{free}/{name}", "cannot be reached: nothing listens there."),
    "unknown host": ("asked:secret@host.invalid/{name}", "is on a host that nobody knows."),
}


@pytest.mark.parametrize(("address", "problem"), UNREACHED.values(), ids=UNREACHED.keys())
def test_each_reason_for_which_a_database_cannot_be_had_has_its_own_mend(
    home: Path, target: str, address: str, problem: str
) -> None:
    """When the study is moved there, and when it is served from there; of ours it is never said."""
    strict(postgres.server())
    name, port = target.rpartition("/")[2], postgres.server().port
    wrong = f"postgresql://{address.format(name=name, port=port, free=free_port())}"
    code, said = move(home, wrong)
    assert (code, "secret" in said) == (1, False)
    assert said.startswith(f"The database that --to names {problem}")
    assert said.endswith(". The study stays where it was.\n")
    assert ownpace(home, "show", "SW01")[0] == 0
    settings(home, "sqlite:///data/ownpace.db", wrong)
    code, said = ownpace(home, "serve", "--port", str(free_port()))
    assert (code, "secret" in said) == (1, False)
    assert said.startswith(f"The database (url in [database] of the settings) {problem}")


def test_a_user_who_may_make_no_tables_is_told_that_they_have_to_own_the_database(home: Path, target: str) -> None:
    """So it is since PostgreSQL 15, where somebody else made the database."""
    strict(postgres.server())
    code, said = move(home, target.replace("postgres@", "asked:right@"))
    assert (code, "right" in said) == (1, False)
    assert said.startswith("The database that --to names does not let this user do that. Whoever runs move and migrate")


def test_a_database_with_another_study_in_it_is_left_alone(home: Path, target: str, tmp_path: Path) -> None:
    """Also one with another study key, and also one that lacks a migration: somebody else may be using it."""
    other = tmp_path / "other"
    other.mkdir()
    with world(other, database={"url": target}) as study:
        study.enrol(ANNA)
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0017'")
        connection.execute("ALTER TABLE users DROP COLUMN undo_for")
        code, said = move(home, target)
        assert (code, "There is a study in that database already" in said) == (1, True)
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert (found, copied(target)) == (("0017",), 1)


def test_tables_without_rows_are_taken_whatever_key_they_were_made_with(home: Path, target: str) -> None:
    """So it is after `migrate` was run on the new database before the key was put in its place."""
    (home / "elsewhere").mkdir()
    with world(home / "elsewhere", database={"url": target}):
        pass
    assert moved(home, target)


def test_a_study_that_is_served_is_not_moved(home: Path, target: str) -> None:
    server = Process(Study(home, environment={"HOME": str(home), "PATH": "/usr/bin:/bin"}), "all")
    server.start()
    try:
        server.wait()
        code, said = move(home, target)
        assert (code, "Another server is using" in said, "Stop that one first." in said) == (1, True, True)
    finally:
        server.stop()
    assert moved(home, target)


def test_nothing_is_written_while_it_moves_and_a_move_that_was_killed_is_done_again(home: Path, target: str) -> None:
    """kill -9 when half of it is there: nobody sees that half, and the old place has all of it."""
    with half_way(home, target) as (process, _):
        refused = pytest.raises(sqlite3.OperationalError, match="is locked")
        with closing(sqlite3.connect(home / "data/ownpace.db", timeout=0)) as beside, refused:
            beside.execute("BEGIN IMMEDIATE")
        process.kill()
        process.join(DEADLINE)
    assert copied(target) == 0
    assert ownpace(home, "show", "SW01")[0] == 0
    assert moved(home, target)
    assert copied(target) == 1


def test_a_move_that_loses_its_connection_says_so_and_is_done_again(home: Path, target: str) -> None:
    with half_way(home, target) as (process, number):
        with psycopg.connect(target, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", [number])
        process.join(DEADLINE)
        assert process.exitcode == 1
    said = (home / "move.log").read_text()
    assert said.startswith("The database that --to names ")
    assert said.endswith("The study stays where it was.\n")
    assert copied(target) == 0
    assert moved(home, target)
