"""The limits that everything is measured against: the smallest durable turn, by the plain driver of each database."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import psycopg

ROWS = 1000
BODY = b"x" * 200


def commits_per_second(folder: Path, seconds: float) -> float:
    """Turns a second in WAL with synchronous=FULL, one commit each: a message, an interview, a row that waits."""
    for old in folder.glob("raw.db*"):
        old.unlink()
    base = sqlite3.connect(folder / "raw.db", isolation_level=None)
    base.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "CREATE TABLE inbound (id INTEGER PRIMARY KEY, key TEXT UNIQUE, body BLOB);"
        "CREATE TABLE interviews (id INTEGER PRIMARY KEY, state BLOB);"
        "CREATE TABLE outbox (id INTEGER PRIMARY KEY, state TEXT, body BLOB);"
    )
    base.executemany("INSERT INTO interviews VALUES (?, ?)", [(number, BODY) for number in range(ROWS)])
    turns = 0
    start = time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        base.execute("BEGIN IMMEDIATE")
        base.execute("INSERT INTO inbound (key, body) VALUES (?, ?)", (f"SM{turns}", BODY))
        base.execute("UPDATE interviews SET state = ? WHERE id = ?", (BODY, turns % ROWS))
        base.execute("INSERT INTO outbox (state, body) VALUES ('pending', ?)", (BODY,))
        base.execute("COMMIT")
        turns += 1
    base.close()
    return turns / spent


async def shared_commits_per_second(url: str, seconds: float, at_once: int) -> float:
    """The same on PostgreSQL, on so many connections at once, each turn in a commit of its own."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for table in ("inbound", "interviews", "outbox"):
            await connection.execute(f"DROP TABLE IF EXISTS raw_{table}".encode())
        await connection.execute("CREATE TABLE raw_inbound (id bigserial PRIMARY KEY, key text UNIQUE, body bytea)")
        await connection.execute("CREATE TABLE raw_interviews (id int PRIMARY KEY, state bytea)")
        await connection.execute("CREATE TABLE raw_outbox (id bigserial PRIMARY KEY, state text, body bytea)")
        every = "INSERT INTO raw_interviews SELECT number, %s FROM generate_series(0, %s) AS number"
        await connection.execute(every, (BODY, ROWS - 1))
    start = time.perf_counter()
    turns = await asyncio.gather(*(_commit(url, start + seconds, number, at_once) for number in range(at_once)))
    return sum(turns) / (time.perf_counter() - start)


async def _commit(url: str, end: float, first: int, step: int) -> int:
    """Commit turns until the end; how many."""
    turns = 0
    async with await psycopg.AsyncConnection.connect(url) as connection:
        while time.perf_counter() < end:
            number = first + turns * step
            await connection.execute("INSERT INTO raw_inbound (key, body) VALUES (%s, %s)", (f"SM{number}", BODY))
            await connection.execute("UPDATE raw_interviews SET state = %s WHERE id = %s", (BODY, number % ROWS))
            await connection.execute("INSERT INTO raw_outbox (state, body) VALUES ('pending', %s)", (BODY,))
            await connection.commit()
            turns += 1
    return turns
