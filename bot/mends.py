"""What to do about a disk or a database that refuses, in words for the person who runs the program."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from bot.records.faults import of_postgresql

if TYPE_CHECKING:
    import psycopg

OURS = "The database (url in [database] of the settings)"

DISK_MENDS = {
    errno.EEXIST: "A folder is wanted there: move the file away, or name another place in the settings.",
    errno.ENOTDIR: "A folder is wanted there: move the file away, or name another place in the settings.",
    errno.EISDIR: "A file is wanted there: move the folder away, or name another place.",
    errno.ENOSPC: "Make room on the disk, then try again.",
}

DATABASE_MENDS = {
    "SQLITE_BUSY": "is in use by another program. Wait until that has finished, then try again.",
    "SQLITE_CANTOPEN": "cannot be opened. Check that its folder is there and that you may write in it.",
    "SQLITE_CORRUPT": "is damaged. Put back a copy that is whole.",
    "SQLITE_FULL": "cannot grow: the disk is full. Make room, then try again.",
    "SQLITE_IOERR": "cannot be read or written. Check the disk, then try again.",
    "SQLITE_NOTADB": "is no database. Move the file away, put back a copy that is whole, or name another file.",
    "SQLITE_PERM": "may not be used by you. Give yourself the right to read and write it.",
    "SQLITE_READONLY": "cannot be written. Give yourself the right to write it and its folder.",
}
"""What to do about SQLite's result codes (sqlite.org/rescode.html); a longer code begins with one of these."""

NOT_REACHED = {
    r"password authentication failed": "does not take this user with this password. Correct them in the address, where "
    "@ : / ? # % in a password are written %40 %3A %2F %3F %23 %25.",
    r"no password supplied": "wants a password, and the address, postgresql://USER:PASSWORD@HOST/DATABASE, has none.",
    r"(peer|ident) authentication failed": "takes a user without a password only from the system's user of that name. "
    "Name a host and a password: postgresql://USER:PASSWORD@127.0.0.1/DATABASE.",
    r'role ".*" does not exist': "does not know this user. Correct the name in the address, or make the user with "
    "createuser --pwprompt USER.",
    r'database ".*" does not exist': "is not there, though its server is. Correct the name in the address, or make it "
    "with createdb --owner USER DATABASE.",
    r"permission denied for database": "may not be opened by this user. Let the user own it: ALTER DATABASE ... OWNER.",
    r"pg_hba\.conf": "does not let this user in from here. Add a line to pg_hba.conf of its server, and reload that.",
    r"too many clients|connection slots": "has no connection left. Stop what else uses it, or raise max_connections.",
    r"is starting up|is shutting down": "is not ready yet, or no longer. Try again in a minute.",
    r"SSL|certificate": "does not agree with us about encryption: see sslmode in the address, and ssl in its settings.",
    r"resolve host|translate host name": "is on a host that nobody knows. Correct the host in the address; in a "
    "password @ : / ? # % are written %40 %3A %2F %3F %23 %25.",
    r"[Cc]onnection refused|No such file": "cannot be reached: nothing listens there. Start PostgreSQL, or correct the "
    "host and port in the address.",
    r"timeout|timed out|[Uu]nreachable|No route": "cannot be reached: its host does not answer. Check that the machine "
    "is on, and what a firewall between us lets through.",
}
"""What to do where no connection could be had, by libpq's English words, of which what came nearer comes first.

There are no codes for it (src/interfaces/libpq/fe-connect.c; the server's own words: src/backend/libpq/auth.c).
"""

MAY_NOT = "42501"
"""insufficient_privilege: since version 15 nobody but a database's owner makes tables in it."""

NOTHING_STORED = ("25006", "53", "58")
"""PostgreSQL's codes that begin so: only for reading; no room, memory or connections left; the disk or system fails."""


def disk_problem(error: OSError) -> str:
    mend = DISK_MENDS.get(error.errno or 0, "Check that it is there and that you may read and write it.")
    return f"{error.filename or 'A file'}: {error.strerror}. {mend}"


def database_problem(error: BaseException, which: str = OURS) -> str | None:
    """What is wrong with the database, if that is what it is. The error's own text may hold words of people."""
    if (refused := of_postgresql(error)) is not None:
        return _server_problem(refused, which)
    cause = error.orig if isinstance(error, DBAPIError) else error
    name = str(getattr(cause, "sqlite_errorname", ""))
    mend = next((mend for known, mend in DATABASE_MENDS.items() if name.startswith(known)), None)
    return mend and f"{which} {mend}"


def storing_problem(error: BaseException) -> str:
    """Why nothing can be stored now, '' where the error says nothing of that."""
    refused = of_postgresql(error)
    if refused is not None and not (refused.sqlstate or "").startswith(NOTHING_STORED):
        return ""
    return (database_problem(error, "the database") or "").partition(". ")[0]


def _server_problem(error: psycopg.Error, which: str) -> str:
    """The same for PostgreSQL. What libpq says of a connection holds no words of people; it may hold the address."""
    if error.sqlstate == MAY_NOT:
        return f"{which} does not let this user do that. Whoever runs move and migrate has to own the database."
    if error.sqlstate is not None:
        return f"{which} refused ({error.sqlstate}, {type(error).__name__}). See the log of PostgreSQL."
    said = str(error)
    mend = next((mend for known, mend in NOT_REACHED.items() if re.search(known, said)), None)
    return f"{which} {mend or 'cannot be reached. Check the address, and that PostgreSQL runs and lets you in.'}"
