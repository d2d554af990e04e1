"""The audit trail as a chain: each line carries a keyed hash of itself and of the line before it.

Who can write to the database but has not the study key can neither change a line nor take one out from between others
without its being seen. Lines cut off at the end are seen by somebody who wrote down a later link. Old lines that were
kept long enough go from the beginning; where the chain begins then is noted under the study key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from bot.records.prepared import Prepared, driver_cursor
from bot.records.tables import audit, meta
from bot.records.vault import Vault

SHOWN = 16
"""Hexadecimal figures of a link that are shown: nobody finds another line with the same by trying."""

AT_ONCE = 1000

BEGINNING = "the trail begins after"
"""Where `meta` notes the last link that was removed, with a proof that only the study key makes."""


@dataclass(frozen=True, slots=True)
class Line:
    """Who did what to whom, and when. `link` is what it shows of its place in the chain, '' before there was one."""

    number: int
    actor: str
    act: str
    subject: str
    detail: Mapping[str, Any]
    at: datetime
    link: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many lines there are, and how many of them are from before there was a chain.

    `broken` is the number of the first line that does not follow from the one before it, None where all do; `newest`
    is the last link; `known`, whether the link that was asked for is in the chain.
    """

    lines: int
    unchained: int
    broken: int | None
    newest: str
    known: bool


_NEWEST = Prepared(select(audit.c.chain).order_by(audit.c.id.desc()).limit(1))
_ADD = Prepared(insert(audit))


def add(
    connection: Connection,
    vault: Vault,
    actor: str,
    act: str,
    subject: str | None,
    detail: Mapping[str, Any],
    at: datetime,
) -> None:
    """Add a line."""
    cursor, dialect = driver_cursor(connection), connection.dialect
    newest = _NEWEST.run(cursor, dialect, {})
    before = newest[0]["chain"] if newest else _beginning(connection, vault)
    values = {"actor": actor, "act": act, "subject": subject, "detail": dict(detail), "at": at}
    _ADD.run(cursor, dialect, {**values, "chain": _link(vault, before, values)})


def verify(connection: Connection, vault: Vault, known: str = "") -> Verdict:
    """Follow the whole chain; `known` is a link that somebody wrote down."""
    lines = unchained = 0
    before = _beginning(connection, vault)
    broken, seen = None, False
    for row in _rows(connection):
        lines += 1
        if row["chain"] is None and before is None:
            unchained += 1
            continue
        if broken is None and row["chain"] != _link(vault, before, row):
            broken = row["id"]
        before = row["chain"] or b""
        seen = seen or before.hex()[:SHOWN] == known
    return Verdict(lines, unchained, broken, (before or b"").hex()[:SHOWN], seen)


def cut(connection: Connection, vault: Vault, until: datetime) -> None:
    """Remove the lines up to a moment, within a deletion (see `service.deletion.removing`)."""
    newest = select(audit.c.id, audit.c.chain).where(audit.c.at <= until).order_by(audit.c.id.desc()).limit(1)
    row = connection.execute(newest).first()
    if row is None:
        return
    connection.execute(delete(audit).where(audit.c.id <= row.id))
    connection.execute(delete(meta).where(meta.c.name == BEGINNING))
    if row.chain is not None:
        value = f"{row.chain.hex()} {vault.link(row.chain, BEGINNING).hex()}"
        connection.execute(insert(meta).values(name=BEGINNING, value=value))


def _beginning(connection: Connection, vault: Vault) -> bytes | None:
    """The link of the last line that was removed from the beginning, if that was done by somebody with the key."""
    noted = connection.execute(select(meta.c.value).where(meta.c.name == BEGINNING)).scalar()
    link, _, proof = (noted or "").partition(" ")
    before = bytes.fromhex(link)
    return before if noted and vault.link(before, BEGINNING).hex() == proof else None


def last(connection: Connection, most: int) -> list[Line]:
    """The newest lines, oldest of them first."""
    rows = connection.execute(select(audit).order_by(audit.c.id.desc()).limit(most)).all()
    return [_line(row._asdict()) for row in reversed(rows)]


def _rows(connection: Connection) -> Iterator[Mapping[str, Any]]:
    """Every line, oldest first, never all of them in memory."""
    after = 0
    while rows := connection.execute(select(audit).where(audit.c.id > after).order_by(audit.c.id).limit(AT_ONCE)).all():
        yield from (row._asdict() for row in rows)
        after = rows[-1].id


def _line(row: Mapping[str, Any]) -> Line:
    link = row["chain"].hex()[:SHOWN] if row["chain"] else ""
    return Line(row["id"], row["actor"], row["act"], row["subject"] or "", row["detail"], row["at"], link)


def _link(vault: Vault, before: bytes | None, row: Mapping[str, Any]) -> bytes:
    at = row["at"].astimezone(UTC).isoformat(timespec="microseconds")
    line = json.dumps([row["actor"], row["act"], row["subject"], row["detail"], at], sort_keys=True)
    return vault.link(before or b"", line)
