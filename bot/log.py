"""The log: lines on standard output, for people and for whoever runs the service. What cannot be written is lost.

Nothing else may be: with a full disk, or where the reader of a pipe has gone, writing raises, and it would do so in the
middle of storing what somebody said or of noting that a text has left.
"""

from __future__ import annotations

from contextlib import suppress

import structlog


class _Lines(structlog.PrintLogger):
    """Writes where it can."""

    def msg(self, message: str) -> None:
        with suppress(OSError, ValueError):  # ValueError: it is closed
            super().msg(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def configure() -> None:
    """From now on no line of the log raises."""
    structlog.configure(logger_factory=lambda *_: _Lines())
