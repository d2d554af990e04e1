"""The limit that everything is measured against: the smallest durable turn that plain sqlite3 can commit."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

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
