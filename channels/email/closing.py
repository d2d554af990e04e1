"""A short answer and what is written around it: a greeting above, a farewell and a signature below.

'STOP' is a STOP also above the eleven lines that a council's mail program puts below it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from channels.email.reply import words

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
_POSTSCRIPT = re.compile(r"p\.? ?s\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Short:
    """The answer, what stands around it, and `doubt` where that is more than a few short lines."""

    answer: str = field(repr=False)
    around: str = field(repr=False)
    doubt: str = ""


def short_answer(text: str, names: frozenset[str]) -> Short | None:
    """One short line, apart from a greeting above and a farewell or the writer's name below; None for anything else.

    `names` are the writer's, as words. What stands below their name is their signature, however long.
    """
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    above = lines[:1] if len(lines) > 1 and _GREETING.fullmatch(lines[0]) else []
    first, *below = lines[len(above) :] or [""]
    signs = FAREWELL.fullmatch(first) or set(words(first)) <= names
    if signs or len(first) > SHORT or not (above or below) or any(map(_POSTSCRIPT.match, below)):
        return None
    few = len(below) <= 4 and all(len(line) <= 40 for line in below)
    if below and not (_named(below, names) or (few and FAREWELL.fullmatch(below[0]))):
        return None
    return Short(first, "\n".join((*above, *below)), "" if few else MORE_BELOW)


def _named(below: list[str], names: frozenset[str]) -> bool:
    """Whether the writer's name comes next, after a farewell or without one."""
    apart = " ".join(word for word in words(below[0]) if word not in names)
    if set(words(below[0])) & names and (not apart or FAREWELL.fullmatch(apart)):
        return True
    signed = words(below[1])[:1] if FAREWELL.fullmatch(below[0]) and len(below) > 1 else ()
    return bool(names.intersection(signed)) and len(below[1]) <= 60
