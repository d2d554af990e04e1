"""A short answer and what is written around it: a greeting above, a farewell and a signature below.

'STOP' is a STOP also above the eleven lines that a council's mail program puts below it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from channels.email.reply import is_signature, words

SHORT = 20
"""Characters of one line that may be a word of ours, a yes or a no."""

MORE_BELOW = "below a short answer there is more: please look whether it is only their signature"

FAREWELL = re.compile(
    r"(?:(?:with |very |many )?(?:kind|kindest|best|warm|warmest)? ?(?:regards|wishes)"
    r"|(?:many |with )?thanks(?: again)?|thank you|cheers|all the best|best|yours (?:sincerely|faithfully|truly)"
    r"|cofion(?: cynnes| gorau)?|diolch)[,.!]?",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"(?:hi|hiya|hello|dear|helo|annwyl|good (?:morning|afternoon|evening))(?: (?:there|all|both|team|[^\W\d_]+)){0,3}"
    r"[,.!]?",
    re.IGNORECASE,
)
CONTACT = re.compile(r"(?:\+|\b0|\(0)[\d\s()./-]{6,}\d|\S+@\S+\.\S+|\b(?:https?://|www\.)\S+", re.IGNORECASE)
"""A telephone number or an address."""

_KISS = re.compile(r"(?:^|\s)x{1,5}$", re.IGNORECASE)
_WARNING = re.compile(
    r"\W*(?:(?:caution|warning|external)\b.*\b(?:e-?mail|sender|message)\b.*|do not (?:click|open)\b.*"
    r"|this (?:e-?mail|message)\b.*\b(?:outside|external)\b.*)",
    re.IGNORECASE,
)
"""What mail servers put above a mail from elsewhere."""
_POSTSCRIPT = re.compile(r"p\.? ?s\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Short:
    """The answer, what stands around it, and `doubt` where that is more than a few short lines."""

    answer: str = field(repr=False)
    around: str = field(repr=False)
    doubt: str = ""


def short_answer(text: str, names: frozenset[str]) -> Short | None:
    """One short line, apart from a greeting above and a farewell or the writer's name below; None for anything else.

    A mail server's warning may stand above it too.

    `names` are the writer's, as words. What stands below their name is their signature, however long.
    """
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    at = next((at for at, line in enumerate(lines) if not _WARNING.fullmatch(line)), 0)
    at += len(lines) > at + 1 and _GREETING.fullmatch(lines[at]) is not None
    above, first, *below = lines[:at], *(lines[at:] or [""])
    signs = FAREWELL.fullmatch(first) or set(words(first)) <= names
    if signs or len(first) > SHORT or not (above or below) or any(map(_POSTSCRIPT.match, below)):
        return None
    signed = not below or _signed(below, names)
    farewell = bool(below) and FAREWELL.fullmatch(below[0]) is not None
    stop = farewell and first.strip(" .!").upper() == "STOP"  # which counts whatever stands below it
    if not (signed or stop or (_named(below, names) and not _few(below))):
        return None
    return Short(first, "\n".join((*above, *below)), "" if signed else MORE_BELOW)


def names_the_writer(lines: Sequence[str], names: frozenset[str]) -> bool:
    """Whether lines below a farewell are no more than who wrote: each a name, or where one of them says how to reach
    them. Anything else may be what they have to say.
    """
    if not _few(lines):
        return False
    reached = any(map(CONTACT.search, lines)) and is_signature(lines)
    return all(_may_be_name(line, names) for line in (lines[:1] if reached else lines))


def _few(lines: Sequence[str]) -> bool:
    return len(lines) <= 4 and all(len(line) <= 40 for line in lines)


def _may_be_name(line: str, names: frozenset[str]) -> bool:
    """The writer's, or a few words that all begin with a capital letter; kisses, too."""
    bare = _KISS.sub("", line).strip()
    if set(words(bare)) <= names:
        return True
    capitals = all(word[0].isupper() or word[0].isdigit() for word in re.findall(r"[\w'’-]+", bare))
    return capitals and len(bare.split()) <= 4 and not bare.isupper() and not re.search(r"[.!?…]$", bare)


def _signed(below: Sequence[str], names: frozenset[str]) -> bool:
    """Whether it is a farewell or the writer's name, and below that no more than who wrote."""
    begins = FAREWELL.fullmatch(below[0]) or _is_named(below[0], names)
    return bool(begins) and names_the_writer(below[1:], names)


def _named(below: Sequence[str], names: frozenset[str]) -> bool:
    """Whether the writer's name comes next, after a farewell or without one."""
    if _is_named(below[0], names):
        return True
    signed = words(below[1])[:1] if FAREWELL.fullmatch(below[0]) and len(below) > 1 else ()
    return bool(names.intersection(signed)) and len(below[1]) <= 60


def _is_named(line: str, names: frozenset[str]) -> bool:
    """Whether it is the writer's name, with a farewell or alone."""
    apart = " ".join(word for word in words(line) if word not in names)
    return bool(set(words(line)) & names) and (not apart or FAREWELL.fullmatch(apart) is not None)
