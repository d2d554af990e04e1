from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from bot.errors import KeyFileError, OwnPaceError
from bot.records import migrate
from bot.records.database import open_engine
from bot.records.tables import APPEND_ONLY, interviews, metadata
from bot.records.vault import Vault
from tests.bot.world import new_database

WHEN = "'2026-11-24 12:00:00.000000'"
BEFORE = (
    f"INSERT INTO schedules (version, cohort, language, content, added_at) VALUES ('v', 'c', 'en', '{{}}', {WHEN})",
    f"INSERT INTO data_keys (id, created_at) VALUES (1, {WHEN})",
)
PERSON = f"""
INSERT INTO participants
(id, code, cohort, key_id, name, wording, language, timezone, researcher, attributes, created_at)
VALUES (:id, :code, 'c', 1, '', 'short', 'en', 'Europe/London', 'Ann', '', {WHEN})"""
INTERVIEW = f"""
INSERT INTO interviews (participant_id, version, state, position, saved, cutoff, changed_at)
VALUES (:id, 'v', 'active', 'q1', :saved, '2027-06-01', {WHEN})"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Of a database without tables."""
    with new_database(tmp_path, empty=True) as made:
        yield made


def test_migrations_make_exactly_the_tables_of_the_program(url: str) -> None:
    """What the migrations make and what the code expects are the same."""
    applied = migrate.migrate(url, Vault(b"k" * 32))
    assert applied == [
        "0001 The first tables.",
        "0002 Channels: moving between them, media, versions of a message.",
        "0003 Persons: where the team is told that somebody is needed, and calls that are booked.",
        "0004 Lean indexes: only of the rows that have a value, and the open messages of a lane without its old ones.",
        "0005 Two steps: the second step of signing in, and the audit trail as a chain.",
        "0006 Deletion: withdrawals, seeds of data keys, and a door in what is append-only.",
        "0007 Write-ups of what is not words, and replacements for words that tell who somebody is.",
        "0008 Invitations: how people put themselves into the study.",
        "0009 The team's desk: what came of tasks, field notes, refiling, replies for later, held messages.",
        "0010 Deliveries: since when a provider has put a message off, and the further parts of a long one.",
        "0011 Withdrawn invitations: since when a code that was given out is not to be used.",
        "0012 Leases: which of several processes does what only one may do, and which one hands over a message.",
        "0013 Passages: some words of a message are put under another question than the rest of it.",
        "0014 Counting: how far each question came, why a person is needed, and who of the team wrote.",
        "0015 Rates: a bucket for each number, bot and mailbox; what is urgent is marked, and replies leave before"
        " reminders.",
        "0016 Versions: which version of the schedule each message was sent from.",
        "0017 Forms: which were sent, so that none does its work twice when several processes serve the pages.",
        "0018 Undo: how long each of the team wants to be able to take a message back.",
        "0019 Drafts: words that somebody of the team is writing and has not sent, for any process and over a restart.",
    ]
    assert migrate.migrate(url, Vault(b"k" * 32)) == []
    engine = open_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def config_of_alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrate.VERSIONS.parent))
    return config


def test_the_version_of_the_program_is_its_last_migration() -> None:
    """It is read from the files' names, without Alembic, which a server that starts does not wait for."""
    assert ScriptDirectory.from_config(config_of_alembic()).get_heads() == [migrate.HEAD]


def test_interviews_of_an_earlier_version_are_counted_as_they_stand(url: str) -> None:
    """What is kept in the clear since 0014 is filled in from what was saved before."""
    earlier: dict[str, object] = {"answers": {}}
    saved = {
        1: {"answers": {"q1": ["settled", [3, 4], False, [None, None]], "q-2": ["asked", [], False, [], None, 0]}},
        2: {"answers": {"q1": ["skipped", [], False, []]}, "cause": "distress"},
        3: earlier,
    }
    engine = open_engine(url)
    with engine.connect() as connection, connection.begin():
        migrate._alone(connection)
        config = config_of_alembic()
        config.attributes["connection"] = connection
        command.upgrade(config, "0013")
        for statement in BEFORE:
            connection.exec_driver_sql(statement)
        for number, each in saved.items():
            connection.execute(text(PERSON), {"id": number, "code": f"P{number}"})
            connection.execute(text(INTERVIEW), {"id": number, "saved": json.dumps(each)})
    migrate.migrate(url, Vault(b"k" * 32))
    with engine.connect() as connection:
        found = connection.execute(select(interviews.c.cause, interviews.c.progress).order_by(interviews.c.id)).all()
    assert found == [("", "q1:settled q-2:asked"), ("distress", "q1:skipped"), ("", "")]
    engine.dispose()


def test_another_study_key_is_refused(url: str) -> None:
    """A database opens only with the key it was made with, and says so."""
    migrate.migrate(url, Vault(b"k" * 32))
    with pytest.raises(KeyFileError, match="another study key"):
        migrate.check(url, Vault(b"x" * 32))
    with pytest.raises(KeyFileError, match="another study key"):
        migrate.migrate(url, Vault(b"x" * 32))


def test_an_old_database_is_named_before_anything_is_served(url: str) -> None:
    """A database without the tables is an error that names the mend."""
    with pytest.raises(OwnPaceError, match="ownpace migrate"):
        migrate.check(url, Vault(b"k" * 32))


def test_the_database_refuses_to_change_what_is_append_only(url: str) -> None:
    """Not even a mistake of ours can change the consent ledger, the audit trail or a delivery update."""
    migrate.migrate(url, Vault(b"k" * 32))
    engine = open_engine(url)
    assert {table.name for table in APPEND_ONLY} == {"consents", "audit", "delivery_updates", "refilings"}
    line = "INSERT INTO audit (actor, act, detail, at) VALUES ('kim', 'looked', '{}', '2027-01-01')"
    for act in ("UPDATE audit SET actor = 'sam'", "DELETE FROM audit"):
        with engine.connect() as connection, connection.begin() as transaction:
            connection.exec_driver_sql("BEGIN")
            connection.execute(text(line))
            with pytest.raises(DBAPIError, match="append-only"):
                connection.execute(text(act))
            transaction.rollback()
    engine.dispose()
