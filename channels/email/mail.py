"""Reading a mail and its headers without ever raising.

Python's `email.policy.default` decodes RFC 2047 words in headers, so text is taken through it. On damaged mail it
raises many kinds of error; the words of the header are then taken as they stand.
"""

from __future__ import annotations

import email
from collections.abc import Callable
from email import policy
from email.message import EmailMessage, Message
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")


def parse(raw: bytes) -> EmailMessage:
    """The mail as the standard library understands it; broken MIME becomes a mail of one part."""
    return safely(
        lambda: email.message_from_bytes(raw, policy=policy.default),
        lambda: _as_plain_text(raw),
    )


def _as_plain_text(raw: bytes) -> EmailMessage:
    message = EmailMessage()
    message.set_payload(raw.decode("ascii", "surrogateescape"))
    return message


def safely(read: Callable[[], T], otherwise: Callable[[], T]) -> T:
    """What `read` says, or `otherwise` where the standard library raises: it does so with many unrelated errors."""
    try:
        return read()
    except Exception:
        return otherwise()


def values(message: Message, name: str) -> list[str]:
    """Every header of this name, topmost first, decoded, on one line each, without NUL."""
    return [clean(text) for text in safely(lambda: _decoded(message, name), lambda: _as_written(message, name))]


def kind(message: Message) -> str:
    """The content type, lower case, as the library reads it; plain text where that makes no sense."""
    written = _as_written(message, "Content-Type")
    return safely(lambda: _kind(written[0]), lambda: "text/plain") if written else message.get_default_type()


@lru_cache(64)
def _kind(text: str) -> str:
    made = Message()
    made["Content-Type"] = " ".join(text.splitlines())
    return made.get_content_type()


def content(message: Message) -> bytes:
    """The bytes of a part, out of base64 or quoted-printable; none for a part that has parts."""
    data = safely(lambda: message.get_payload(decode=True), lambda: b"")
    return data if isinstance(data, bytes) else b""


def value(message: Message, name: str) -> str:
    """The topmost header of this name, or nothing."""
    return next(iter(values(message, name)), "")


def clean(text: str) -> str:
    """One line with single spaces, as any database takes it."""
    return " ".join(storable(text).split())


def storable(text: str) -> str:
    """The text with plain newlines, without NUL, and as whole characters: what every database takes."""
    whole = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return whole.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _decoded(message: Message, name: str) -> list[str]:
    """RFC 2047 words decoded; raw UTF-8, which the library would replace by question marks, is read first."""
    return [_parsed(name, text) for text in _as_written(message, name)]


@lru_cache(64)  # one mail's headers are asked for many times, and the library reads them slowly
def _parsed(name: str, text: str) -> str:
    return str(policy.default.header_factory(name, " ".join(text.splitlines())))


def _as_written(message: Message, name: str) -> list[str]:
    found = [str(text) for key, text in message.raw_items() if key.lower() == name.lower()]
    return [text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for text in found]
