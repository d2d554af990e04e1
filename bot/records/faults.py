"""What may go wrong between us and PostgreSQL, and would not go wrong again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    import psycopg

AGAIN = frozenset(
    {
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
    }
)
"""Somebody else was quicker; the same may succeed now (postgresql.org/docs/15/errcodes-appendix.html)."""

GONE = frozenset(
    {
        "25P03",  # idle_in_transaction_session_timeout
        "53300",  # too_many_connections
        "57P01",  # admin_shutdown
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now
        "57P05",  # idle_session_timeout
    }
)
"""The connection is lost or cannot be had, as with every code that begins with 08."""


def passes(error: BaseException) -> bool:
    """Whether the same transaction, begun anew, may succeed."""
    return lost(error) or _code(error) in AGAIN


def lost(error: BaseException) -> bool:
    """Whether there is no connection any more. What libpq itself says has no code."""
    cause = of_postgresql(error)
    if cause is None:
        return False
    from psycopg import InterfaceError, OperationalError
    from psycopg.errors import PipelineAborted

    if isinstance(cause, PipelineAborted):  # an earlier statement failed, which has its own error
        return False
    if cause.sqlstate is None:
        return isinstance(cause, OperationalError | InterfaceError)
    return cause.sqlstate in GONE or cause.sqlstate.startswith("08")


def of_postgresql(error: BaseException) -> psycopg.Error | None:
    """The error as PostgreSQL's driver raised it, if it did: one that is not loaded, as on SQLite, raised nothing."""
    if "psycopg" not in sys.modules:
        return None
    from psycopg import Error

    cause = error.orig if isinstance(error, DBAPIError) else error
    return cause if isinstance(cause, Error) else None


def _code(error: BaseException) -> str | None:
    cause = of_postgresql(error)
    return cause.sqlstate if cause else None
