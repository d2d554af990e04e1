"""Places: addresses, what ends like a place, and those of a list."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.export import names
from bot.export.telling import PLACE, Found, What
from bot.export.telling.tokens import Text, Token

_HOUSE = re.compile(r"(?<!\w)\d{1,4}[a-zA-Z]?,?\s$")
_ADDRESS = re.compile(
    rf"(?<!\w)\d{{1,4}}[a-z]?,?\s(?:[^\W\d_]+['’]?[^\W\d_]*\s){{1,2}}(?:{names.STREETS})(?!\w)", re.IGNORECASE
)
_PLACES = re.compile(
    rf"(?<![\w-])(?:{'|'.join(re.escape(name) for name in sorted(names.PLACES, key=len, reverse=True))})(?![\w-])",
    re.IGNORECASE,
)


def streets(text: Text) -> Iterator[Found]:
    """`14 Beech Road`, `St Mary's Hospital`, `University of Leeds`."""
    for match in _ADDRESS.finditer(text.plain):
        yield Found(match.start(), match.end(), What.PLACE, PLACE)
    for token in text.tokens:
        following = text.after(token)
        if not _ends_a_place(token) or (following and _ends_a_place(following) and following.gap == " "):
            continue
        first, last = token, token
        while (
            (one := text.before(first)) is not None
            and token.number - one.number < 4
            and first.gap in (" ", "'s ", "’s ")
        ):
            if not one.capital or (one.folded in names.NO_NAMES and one.folded not in names.PLACE_ENDS):
                break
            first = one
        of, named = text.after(token), None
        if of is not None and of.word == "of" and of.gap == " " and (named := text.after(of)) is not None:
            named = named if named.is_name and named.gap == " " else None
        if first is token and named is None:
            continue
        last = text.run(named) if named is not None else token
        house = _HOUSE.search(text.plain[max(0, first.start - 10) : first.start])
        begins = first.start - len(house[0]) if house else first.start
        yield Found(begins, last.end, What.PLACE, PLACE)


def _ends_a_place(token: Token) -> bool:
    return token.capital and token.folded in names.PLACE_ENDS


def listed(text: Text) -> Iterator[Found]:
    """Towns and the like; in small letters, or where a sentence begins, not those that are words as well."""
    for match in _PLACES.finditer(text.plain):
        token = text.at.get(match.start())
        opens = token is None or token.first or not token.capital
        if match[0].lower() not in names.LOWER_IS_NO_PLACE or not opens:
            yield Found(match.start(), match.end(), What.PLACE, PLACE)
