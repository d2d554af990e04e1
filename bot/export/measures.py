"""Small things that every export needs: text as documents can hold it, lengths, orders, and words for readers."""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNTIDY = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")
_LINE_END = re.compile(r"\r\n|[\r\x0b\x0c]")
CHANNELS = {"sms": "text message", "whatsapp": "WhatsApp", "telegram": "Telegram", "email": "email"}


def tidy(text: str) -> str:
    """The text as documents can hold it (XML 1.0, section 2.2): LF line ends, and U+FFFD for what is no character."""
    if not _UNTIDY.search(text):
        return text
    return _UNTIDY.sub("\ufffd", _LINE_END.sub("\n", text))


def many(number: int, thing: str, things: str = "") -> str:
    """'1 interview', '2 interviews'."""
    return f"{number} {thing if number == 1 else things or f'{thing}s'}"


def words(text: str) -> int:
    return len(text.split())


def utf16(text: str) -> int:
    """The length in UTF-16 units, as Excel counts characters."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def natural(code: str) -> tuple[tuple[str, int], ...]:
    """P2 before P10."""
    return tuple((letters, int(digits or 0)) for letters, digits in re.findall(r"(\D*)(\d*)", code))


def channel_word(kind: str) -> str:
    return CHANNELS.get(kind, kind)


def media_word(kind: str, seconds: int | None) -> str:
    """What came besides words, as a reader is told of it."""
    word = {"voice": "voice note"}.get(kind, kind)
    return word if seconds is None else f"{word} {seconds // 60}:{seconds % 60:02}"


def merged(orders: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Several orders as one: what only some have stands after what it followed there."""
    whole: list[str] = []
    for order in orders:
        place = 0
        for name in order:
            if name in whole:
                place = whole.index(name) + 1
            else:
                whole.insert(place, name)
                place += 1
    return tuple(whole)
