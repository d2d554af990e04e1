"""The bytes that a study's files really hold of somebody: words are sealed there, so looking for words finds nothing.

What is looked for is read from the database before a deletion: every sealed value, keyed hash, wrapped key and name of
a provider's in a row about them, whatever the table. Whoever looks for it shows first that it can be found.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, LargeBinary, create_engine, select

from bot.errors import KeyFileError
from bot.records.database import open_engine
from bot.records.tables import addresses, data_keys, delivery_updates, messages, metadata, outbox
from bot.records.tables import participants as people
from bot.records.vault import LEAF_BYTES, DataKey, Vault

NAMES = ("provider_id", "album", "thread")
"""Columns in the clear that lead to somebody. What is in the key by which a second copy is known stays."""

PIECE, STEP, SHORTEST = 24, 400, 7
"""A long value lies on several pages of a file, so pieces of it are looked for; shorter names begin other people's."""

ABOUTS = ("body", "raw", "elided", "address", "name", "attributes", "media", "file name", "reference", "write-up",
          "replacement", "field note", "reason", "outcome", "invitation", "data key")  # fmt: skip
"""What a value may have been sealed as."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A value that is somebody's, and in which column it was."""

    where: str
    value: bytes

    def pieces(self) -> list[bytes]:
        return [self.value[start : start + PIECE] for start in range(0, max(1, len(self.value) - PIECE + 1), STEP)]


def of(database: Path | str, code: str) -> list[Trace]:
    """What the database, a file or an address, has of somebody, also of what they wrote before anybody knew them."""
    with _connected(database) as connection:
        found = list(dict.fromkeys(_found(connection, code)))
    return [one for one in found if len(one.value) >= SHORTEST]


@contextmanager
def _connected(database: Path | str) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{database}") if isinstance(database, Path) else open_engine(database)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _found(connection: Connection, code: str) -> Iterator[Trace]:
    person = connection.execute(select(people.c.id, people.c.key_id).where(people.c.code == code)).one()
    hashes = select(addresses.c.found_by).where(addresses.c.participant_id == person.id)
    before = select(messages.c.key_id).where(messages.c.participant_id.is_(None), messages.c.sender.in_(hashes))
    keys = [person.key_id, *connection.execute(before).scalars()]
    sent = select(outbox.c.seq).where(outbox.c.participant_id == person.id)
    queries = [
        select(people).where(people.c.id == person.id),
        select(data_keys).where(data_keys.c.id.in_(keys)),
        select(delivery_updates).where(delivery_updates.c.outbox_seq.in_(sent)),
        *(
            select(table).where(table.c.participant_id == person.id)
            for table in metadata.sorted_tables
            if "participant_id" in table.c
        ),
        *(
            select(table).where(table.c.key_id.in_(keys))
            for table in metadata.sorted_tables
            if "key_id" in table.c and table is not people
        ),
    ]
    for query in queries:
        (table,) = query.get_final_froms()
        telling = [column for column in table.c if isinstance(column.type, LargeBinary) or column.name in NAMES]
        for row in connection.execute(query).mappings():
            for column in telling:
                value = row[column.name]
                if isinstance(value, bytes):
                    yield Trace(str(column), value)
                elif value and value not in (row.get("provider_key") or ""):
                    yield Trace(str(column), value.encode())


def found(traces: Iterable[Trace], content: bytes) -> list[str]:
    """Of which there is any piece."""
    return [one.where for one in traces if any(piece in content for piece in one.pieces())]


def missing(traces: Iterable[Trace], content: bytes) -> list[str]:
    """Of which there is no piece."""
    return [one.where for one in traces if not any(piece in content for piece in one.pieces())]


def opened(file: Path, traces: Iterable[Trace], vault: Vault) -> list[str]:
    """What of it anybody can open who has this copy of the database and the key file, trying every key for each value.

    Every seed that is left is also tried for every data key.
    """
    keys = [*_keys(file, vault), vault.team]
    return [one.where for one in traces if any(_opens(key, one.value) for key in keys)]


def told(database: Path | str, vault: Vault) -> dict[str, list[str]]:
    """All that a database tells to whoever has the key file: of every column of every table the values that are not
    empty, with what is sealed opened. A hash, or what nothing opens any more, is in hexadecimal digits."""
    keys = [*_keys(database, vault), vault.team]
    found: dict[str, list[str]] = {str(column): [] for table in metadata.sorted_tables for column in table.c}
    with _connected(database) as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)).mappings():
                for column in table.c:
                    if text := _read(row[column.name], keys):
                        found[str(column)].append(text)
    return found


def values(database: Path | str) -> bytes:
    """Every value of every row, one after the other."""
    with _connected(database) as connection:
        rows = [row for table in metadata.sorted_tables for row in connection.execute(select(table))]
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)


def _read(value: object, keys: list[DataKey]) -> str:
    if isinstance(value, dict) and "reason" in value:  # as the trail keeps them
        return f"{value} {_read(bytes.fromhex(value['reason']), keys)}"
    if not isinstance(value, bytes):
        return str(value) if value not in (None, {}, []) else ""
    for key in keys:
        for about in ABOUTS:
            with suppress(KeyFileError, ValueError):
                return key.open_bytes(value, about).decode("utf-8", "replace")
    return value.hex()


def _keys(database: Path | str, vault: Vault) -> Iterator[DataKey]:
    with _connected(database) as connection:
        kept = [row.wrapped for row in connection.execute(select(data_keys.c.wrapped)) if row.wrapped is not None]
    seeds = [DataKey(hmac.new(vault._study_key, seed, sha256).digest()) for seed in vault._seeds.known.values()]
    for wrapped in kept:
        with suppress(KeyFileError):
            yield vault.data_key(wrapped)
        for seed in seeds:
            with suppress(KeyFileError):
                yield DataKey(seed.open_bytes(wrapped[LEAF_BYTES:], "data key"))


def _opens(key: DataKey, sealed: bytes) -> bool:
    for about in ABOUTS:
        with suppress(KeyFileError, ValueError):  # too short for anything sealed
            key.open_bytes(sealed, about)
            return True
    return False


def everything(folder: Path) -> bytes:
    """Every byte of a folder: database, write-ahead log, key, the program's log, and whatever else is there."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
