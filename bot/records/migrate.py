"""Bringing a database to the shape this version of the program needs, and knowing whether it has it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, column, insert, inspect, select, table, update

from bot.errors import KeyFileError, OwnPaceError
from bot.records.database import open_engine
from bot.records.tables import data_keys, meta
from bot.records.vault import UNSEEDED, Vault

VERSIONS = Path(__file__).parent / "migrations" / "versions"
HEAD = max(path.name[1:5] for path in VERSIONS.glob("v[0-9]*.py"))
"""The version of this program: its last migration."""

MOVED = "moved"
"""The name of the mark in `meta` of a database that was left: the study goes on in another one."""


def migrate(url: str, vault: Vault) -> list[str]:
    """Apply what is missing, and mark a new database with its study key; the names of what was applied.

    Raises KeyFileError if the database was made with another study key.
    """
    engine = open_engine(url)
    try:
        with engine.connect() as connection, connection.begin():
            _alone(connection)
            before = _revision(connection)
            applied = [] if before == HEAD else _upgrade(connection, before)
            _check_key(connection, vault)
            _seed_data_keys(connection, vault)
        return applied
    finally:
        engine.dispose()


def _upgrade(connection: Connection, before: str | None) -> list[str]:
    """Apply every migration after this one; their names."""
    from alembic import command  # a third of a second, which whoever has nothing to apply does not have to wait for
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    steps = ScriptDirectory.from_config(config).iterate_revisions("head", before or "base")
    return [f"{step.revision} {step.doc}" for step in reversed(list(steps)) if step.revision != before]


def _alone(connection: Connection) -> None:
    """Whoever else migrates waits until this is done."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        from bot.records.postgresql import TURNSTILE

        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({TURNSTILE})")


def check(url: str, vault: Vault) -> None:
    """Raise OwnPaceError unless the database has this version's shape and study key, and the study has not moved."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            if _revision(connection) != HEAD:
                raise OwnPaceError("The database is not of this version yet. Run: scripts/ownpace migrate")
            _check_key(connection, vault, mark=False)
            if connection.execute(select(meta.c.value).where(meta.c.name == MOVED)).scalar() is not None:
                raise OwnPaceError(
                    "This study was moved to PostgreSQL: set url in [database] of the settings to where it is now. To "
                    "go on here, without what has happened there since: scripts/ownpace move --back"
                )
    finally:
        engine.dispose()


def _check_key(connection: Connection, vault: Vault, *, mark: bool = True) -> None:
    known = connection.execute(select(meta.c.value).where(meta.c.name == "study key")).scalar()
    if known is None and mark:
        connection.execute(insert(meta).values(name="study key", value=vault.fingerprint))
    elif known != vault.fingerprint:
        raise KeyFileError(
            "This database was made with another study key. Set security.key_file to the key it was made with: "
            "nothing can be read without it."
        )


def seeded(url: str) -> bool:
    """Whether any data key of the database is wrapped under a seed of the key file."""
    if not exists(url):
        return False
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table(data_keys.name):
                return False
            wrapped = connection.execute(select(data_keys.c.wrapped).where(data_keys.c.wrapped.is_not(None)))
            return any(len(one) != UNSEEDED for one in wrapped.scalars())
    finally:
        engine.dispose()


def _seed_data_keys(connection: Connection, vault: Vault) -> None:
    """Wrap the data keys again that were wrapped before there were seeds."""
    rows = connection.execute(select(data_keys.c.id, data_keys.c.wrapped).where(data_keys.c.wrapped.is_not(None)))
    for key_id, wrapped in [row for row in rows if len(row[1]) == UNSEEDED]:
        connection.execute(update(data_keys).where(data_keys.c.id == key_id).values(wrapped=vault.seeded(wrapped)))


def _revision(connection: Connection) -> str | None:
    """What Alembic keeps in a table of its own; None in a database without tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(select(column("version_num")).select_from(table("alembic_version"))).scalar()


def exists(url: str) -> bool:
    """Whether there is a database already; one of PostgreSQL's counts once it has our tables."""
    if not url.startswith("postgresql:"):
        path = url.partition(":///")[2]
        return bool(path) and Path(path).exists()
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            return inspect(connection).has_table(meta.name)
    finally:
        engine.dispose()
