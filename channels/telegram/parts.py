"""Cutting a long text into messages."""

from __future__ import annotations

import re
import unicodedata
from itertools import takewhile

LIMIT = 4096
"""UTF-16 units in one message (https://core.telegram.org/bots/api#sendmessage)."""

_GAP = re.compile(r"\s+")
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*$")
_JOINER = "\u200d"


def units(text: str) -> int:
    """The length as Telegram counts it."""
    return len(text) + sum(letter > "\uffff" for letter in text)


def split(text: str, limit: int = LIMIT) -> list[str]:
    """The text in parts of at most `limit` units: whole paragraphs where they fit, else sentences, else words.

    Spaces at a joint and at both ends are left out, and nothing else. What is seen as one character is not cut.
    """
    rest, parts = text.strip(), []
    while units(rest) > limit:
        end, start = _joint(rest, _reach(rest, limit))
        parts.append(rest[:end].rstrip())
        rest = rest[start:]
    return [*parts, rest]


def _reach(text: str, limit: int) -> int:
    """How many characters fit."""
    room = limit
    for number, letter in enumerate(text):
        room -= units(letter)
        if room < 0:
            return number
    return len(text)


def _joint(text: str, most: int) -> tuple[int, int]:
    """Where a part best ends and the next begins: not in the first half, so that no part is tiny."""
    gaps = takewhile(lambda gap: gap.start() <= most, _GAP.finditer(text, max(most // 2, 1)))
    best = min(gaps, key=lambda gap: (_rank(text, gap), -gap.start()), default=None)
    if best is not None:
        return best.start(), best.end()
    cut = next((at for at in range(most, most // 2, -1) if not _one(text, at)), most)
    return cut, cut


def _rank(text: str, gap: re.Match[str]) -> int:
    """How good a place this is: between paragraphs, lines, sentences, words."""
    breaks = min(gap[0].count("\n"), 2)
    if breaks:
        return 2 - breaks
    return 2 if _SENTENCE_END.search(text, max(gap.start() - 8, 0), gap.start()) else 3


def _one(text: str, at: int) -> bool:
    """Whether the characters on both sides are seen as one: accents, joined emoji, skin tones, flags."""
    before, after = text[at - 1], text[at]
    marks = unicodedata.category(after).startswith("M") or "\U0001f3fb" <= after <= "\U0001f3ff"
    tags = "\U000e0020" <= after <= "\U000e007f"
    flags = all("\U0001f1e6" <= letter <= "\U0001f1ff" for letter in (before, after))
    return marks or tags or flags or _JOINER in (before, after)
