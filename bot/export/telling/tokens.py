"""A text as its words, each with what stands before it and how it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.export import names
from bot.export.identifiers import fold

NOT_A_NAME = names.NO_NAMES | names.RELATIONS | names.TITLES
"""Words with a capital that are no part of a name."""

_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_OPENS = frozenset('.!?:…•"“‘(')
_OWN = re.compile(r"['’][sS]$")


def words_in(text: str) -> list[str]:
    """The words of a text, without a possessive 's."""
    return [_OWN.sub("", word) for word in _TOKEN.findall(text)]


@dataclass(frozen=True, slots=True)
class Token:
    """A word without a possessive 's. `gap`: what stands before it; `first`: a sentence begins with it."""

    number: int
    start: int
    end: int
    word: str
    folded: str
    gap: str
    first: bool

    @property
    def capital(self) -> bool:
        return self.word[0].isupper()

    @property
    def shouted(self) -> bool:
        return len(self.word) > 1 and self.word.isupper()

    @property
    def is_name(self) -> bool:
        """It may be a name, as it is written."""
        return self.capital and len(self.word) > 1 and self.folded not in NOT_A_NAME and not self.shouted


class Text:
    """A text and its words."""

    def __init__(self, plain: str) -> None:
        self.plain = plain
        self.tokens: list[Token] = []
        before = 0
        for match in _TOKEN.finditer(plain):
            word = _OWN.sub("", match[0])
            gap, end = plain[before : match.start()], match.start() + len(word)
            first = (not self.tokens and not gap.strip()) or _opens(gap)
            folded = fold(word) or word
            self.tokens.append(Token(len(self.tokens), match.start(), end, word, folded, gap, first))
            before = end
        self.at = {token.start: token for token in self.tokens}

    def before(self, token: Token) -> Token | None:
        return self.tokens[token.number - 1] if token.number else None

    def after(self, token: Token) -> Token | None:
        return self.tokens[token.number + 1] if token.number + 1 < len(self.tokens) else None

    def run(self, token: Token) -> Token:
        """The last word of a name that begins with the token: at most two more words that may be names."""
        last = token
        while (following := self.after(last)) is not None and following.number - token.number < 3:
            if following.gap != " " or not following.is_name:
                break
            last = following
        return last


def _opens(gap: str) -> bool:
    """Whether a sentence begins after what stands between two words."""
    said = gap.rstrip()
    return "\n" in gap[len(said) :] or said[-1:] in _OPENS
