"""The codes of invitations: what one looks like, and the code that a message holds.

Nine signs in three groups, CDF-HJK-MNP, to be read from paper, read out and typed by hand. No vowels, so that no code
is a word; none of B, G, S, U, Z and 0, 1, which are taken for others of the signs. 24 to the power of 9 is 2.6 million
million, more than 41 bits: somebody who guesses at a thousand open invitations, five times a day from each of ten
thousand addresses, would find one in a hundred and forty years.
"""

from __future__ import annotations

import re

from bot.interview.commands import slips, words_of

SIGNS = "CDFHJKMNPQRTVWXY23456789"
LENGTH = 9
GROUP = 3
CODES: int = len(SIGNS) ** LENGTH
"""How many there are."""

LONGEST_JOIN = 60
"""Characters of a message that may be JOIN and a code and nothing else; an answer has more."""

_MEANT = str.maketrans({"B": "8", "G": "6", "S": "5", "U": "V", "Z": "2"})
"""Signs of no code, and the one that was taken for it."""

_JOIN = frozenset({"join", *slips("join")})
_ONE = f"[{SIGNS}BGSUZ]{{{GROUP}}}"
_PARTED = r"[\s.\u2010-\u2015-]{0,3}"
_CODE = re.compile(rf"(?<!\w)({_ONE}){_PARTED}({_ONE}){_PARTED}({_ONE})(?!\w)", re.IGNORECASE)


def spelled(number: int) -> str:
    """The code that stands for a number, counted in signs; numbers beyond the last code begin again."""
    signs = []
    for _ in range(LENGTH):
        number, place = divmod(number, len(SIGNS))
        signs.append(SIGNS[place])
    code = "".join(signs)
    return "-".join(code[start : start + GROUP] for start in range(0, LENGTH, GROUP))


def code_in(text: str) -> str | None:
    """The code that stands in the text, as it was made: in any case, with or without hyphens, with usual slips."""
    found = _CODE.search(text)
    return "-".join(group.upper().translate(_MEANT) for group in found.groups()) if found else None


def wants_to_join(text: str) -> bool:
    """Whether the text is an attempt to come in: JOIN, or something of the shape of a code."""
    return words_of(text)[:1] != [] and (words_of(text)[0] in _JOIN or code_in(text) is not None)


def is_join(text: str) -> bool:
    """Whether the text is JOIN and a code, and nothing else."""
    words = words_of(text) if len(text) <= LONGEST_JOIN else []
    if not words or words[0] not in _JOIN:
        return False
    found = _CODE.search(text)
    return found is not None and words_of(text[: found.start()]) == words[:1] and not words_of(text[found.end() :])
