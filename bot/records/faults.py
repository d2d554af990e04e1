"""What may go wrong between us and PostgreSQL, and would not go wrong again."""

from __future__ import annotations

import psycopg
from sqlalchemy.exc import DBAPIError

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
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = _code(error)
    if code is None:
        return isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
    return code in GONE or code.startswith("08")


def _code(error: BaseException) -> str | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return cause.sqlstate if isinstance(cause, psycopg.Error) else None
