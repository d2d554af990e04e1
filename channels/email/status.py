"""What may be done about a mail server's reply codes (RFC 5321, 4.2) and enhanced status codes (RFC 3463)."""

from __future__ import annotations

import re

from bot.errors import NotSent, Refused, SendError
from channels.email.automatic import reason

CLOSED = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
"""The address takes nothing any more. A full mailbox may be emptied, and 5.1.7 and 5.1.8 speak of our own address."""

ABOUT_US = frozenset({530, 534, 535, 538})
"""Our login is wanted, or not good enough (RFC 4954, 6): nothing is wrong with the message."""

_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?!\S)")


def enhanced(text: str) -> str | None:
    """The code at the beginning of a reply, such as 5.1.1."""
    found = _ENHANCED.match(text)
    return found[1] if found else None


def closes(code: str | None) -> bool:
    """Whether mail to this address is of no use any more."""
    return code in CLOSED


def outcome(reply: int, text: str) -> SendError:
    """What a reply other than the hoped-for says about the message; `text` goes no further, it may name people."""
    code = enhanced(text) or str(reply)
    words = f"The mail server said: {reason(code)}."
    if 500 <= reply <= 599 and reply not in ABOUT_US:
        return Refused(words, code=code, closed=closes(code))
    return NotSent(words, code=code)
