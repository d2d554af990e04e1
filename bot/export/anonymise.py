"""Suggests what in somebody's words may tell who they or others are, and what could stand for it. A person decides.

Pure: texts in, suggestions out. It guesses: by form (phones, emails, postcodes, NHS and National Insurance numbers,
dates of birth), by words around (`my daughter Ella`, `Dr Khan`, `14 Beech Road`), by lists of names and places, and by
capitals inside a sentence. What it misses only a reader finds; `tests/bot/export/anonymise_cases.py` has both kinds.

What stands for a thing is the same for the same thing in all texts of a participant: `[daughter's name]`, `[Place 1]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.export import names
from bot.export.identifiers import ORDINARY, fold, in_a_row, introduced, running_names, whole
from bot.export.telling import PERSON, PLACE, Found, What, places
from bot.export.telling.forms import FORMS
from bot.export.telling.people import LISTED, PEOPLE, capitals, heard_before
from bot.export.telling.tokens import NOT_A_NAME, Text, Token, words_in

Spans = Sequence[tuple[int, int]]

LABEL = re.compile(
    r"\[(?:Person|Place|[a-z][a-z -]*'s name|phone|email|postcode|NHS number|National Insurance number|date of birth)"
    r"(?: \d+)?\]"
)
MASK = "\ufffc"

_SELF = re.compile(r"(?<!\w)(?:(?P<name>my name\s?(?:is|['’]s))|i['’]?m|i am)\s$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """In which text (counted from 0), from where to where in code points, the words there, and what would stand."""

    text: int
    start: int
    end: int
    what: What
    words: str
    put: str


@dataclass(frozen=True, slots=True)
class Replacement:
    """What somebody decided: these words, at this place, are to be shown as `put`."""

    start: int
    end: int
    words: str
    put: str


def apply(text: str, replacements: Iterable[Replacement]) -> str:
    """The text with the replacements in it, and otherwise as it was.

    Raises ValueError where the text is not the one that they were made for, or two of them overlap.
    """
    made, after = [], 0
    for one in sorted(replacements, key=lambda each: each.start):
        if one.start < after or text[one.start : one.end] != one.words:
            raise ValueError("a replacement belongs to another text")
        made += [text[after : one.start], one.put]
        after = one.end
    return "".join([*made, text[after:]])


def again(text: str, earlier: Iterable[Replacement], decided: Spans) -> Iterator[Replacement]:
    """What was decided about an earlier form of a text, wherever the same words are in this one.

    `decided`: where somebody has decided about this text itself, so that it is left as they decided.
    """
    taken = list(decided)
    put = {one.words: one.put for one in earlier}
    for words in sorted(put, key=len, reverse=True):
        case = 0 if fold(words) in ORDINARY else re.IGNORECASE
        for match in re.finditer(whole(words), text, case):
            if all(match.end() <= start or match.start() >= end for start, end in taken):
                taken.append(match.span())
                yield Replacement(*match.span(), match[0], put[words])


class Anonymiser:
    """Suggestions for one participant. `own`: their known names; `also`: words that somebody names, and what is put.

    `known`: what stands already for some words, so that the same goes on standing for them.
    """

    def __init__(
        self,
        code: str,
        own: Iterable[str] = (),
        also: Mapping[str, str] | None = None,
        known: Iterable[tuple[What, str, str]] = (),
    ) -> None:
        self.code = code
        own = list(own)
        self._own = {word for name in own for word in words_in(fold(name)) if len(word) > 1}
        self._running = [part for name in own for part in running_names(name)]
        self._named = list(also or ())
        self._also = {fold(words): put for words, put in (also or {}).items()}
        known = list(known)
        self._known = _apart(words for what, words, _ in known if what is What.NAME)
        self._put: dict[tuple[What, str], str] = {}
        self._taken: set[str] = set()
        for what, words, put in known:
            self._remember(what, words, put)

    def suggest(self, texts: Sequence[str], decided: Sequence[Spans] = ()) -> list[Suggestion]:
        """What may tell who somebody is, in the order of the texts. `decided`: what is replaced in each already."""
        spans = decided or [()] * len(texts)
        masked = [_masked(text, self.code, done) for text, done in zip(texts, spans, strict=True)]
        found = [self._whole(text, frozenset()) for text in masked]
        heard = self._names_heard(texts, found)
        found = [self._whole(text, heard) for text in masked]
        roles = self._roles(texts, found)
        return [
            Suggestion(
                number, one.start, one.end, one.what, words, self._stands(one.what, words, roles.get(words) or one.role)
            )
            for number, (text, here) in enumerate(zip(texts, found, strict=True))
            for one in here
            for words in (text[one.start : one.end],)
        ]

    # Finding

    def _whole(self, masked: str, heard: frozenset[str]) -> list[Found]:
        """Everything in one text: what is found changes what stands beside it, so again until nothing is new."""
        whole: list[Found] = []
        while new := self._once(masked, heard):
            whole += new
            for one in new:
                masked = masked[: one.start] + MASK * (one.end - one.start) + masked[one.end :]
        return sorted(whole, key=lambda one: one.start)

    def _once(self, masked: str, heard: frozenset[str]) -> list[Found]:
        taken: list[Found] = []
        text = Text(masked)
        for find in (self._named_by_somebody, *FORMS, places.streets, self._own_names, *PEOPLE, places.listed, *LISTED):
            for one in find(text):
                if all(one.end <= other.start or one.start >= other.end for other in taken):
                    taken.append(one)
        for one in (*heard_before(text, heard), *capitals(text)):
            if all(one.end <= other.start or one.start >= other.end for other in taken):
                taken.append(one)
        return taken

    def _named_by_somebody(self, text: Text) -> Iterator[Found]:
        for words in self._named:
            for match in re.finditer(whole(words), text.plain, re.IGNORECASE):
                yield Found(match.start(), match.end(), What.NAME, PERSON)

    def _own_names(self, text: Text) -> Iterator[Found]:
        """Their known names, and what they say that they are called."""
        for name in self._running:
            for match in re.finditer(re.escape(name), text.plain):
                yield Found(match.start(), match.end(), What.NAME, self.code)
        told_here = {start for start, _ in introduced(text.plain)}
        for token in text.tokens:
            if token.folded in self._own and (
                token.folded not in ORDINARY
                or (token.capital and not token.first)
                or token.start in told_here
                or self._in_full(text, token)
            ):
                yield Found(token.start, token.end, What.NAME, self.code)
            told = _SELF.search(text.plain[max(0, token.start - 20) : token.start])
            if told and (token.is_name or (told["name"] and token.folded not in names.NO_NAMES)):
                yield Found(token.start, text.run(token).end, What.NAME, self.code)

    def _in_full(self, text: Text, token: Token) -> bool:
        """Whether another word of their name stands beside it."""
        before, after = text.before(token), text.after(token)
        return any(
            one is not None and one.folded in self._own and one.folded != token.folded and in_a_row(gap)
            for one, gap in ((before, token.gap), (after, after.gap if after else ""))
        )

    # What stands for it

    def _names_heard(self, texts: Sequence[str], found: Sequence[Sequence[Found]]) -> frozenset[str]:
        """Names that were told apart somewhere by more than a capital, to be found elsewhere too."""
        heard = (
            text[one.start : one.end]
            for text, here in zip(texts, found, strict=True)
            for one in here
            if one.what is What.NAME and one.role != PERSON
        )
        return self._known | _apart(heard)

    def _roles(self, texts: Sequence[str], found: Sequence[Sequence[Found]]) -> dict[str, str]:
        """What is known best of each name: 'daughter' wherever the daughter's name stands."""
        known: dict[str, str] = {}
        for text, here in zip(texts, found, strict=True):
            for one in here:
                if one.what is What.NAME and one.role != PERSON:
                    for key in _keys(one.what, text[one.start : one.end]):
                        known.setdefault(key, one.role)
        told = {
            text[o.start : o.end] for text, here in zip(texts, found, strict=True) for o in here if o.what is What.NAME
        }
        return {words: role for words in told for key in _keys(What.NAME, words) if (role := known.get(key))}

    def _stands(self, what: What, words: str, role: str) -> str:
        put = self._also.get(fold(words))
        if put is None:
            put = next((self._put[what, key] for key in _keys(what, words) if (what, key) in self._put), None)
        if put is None:
            put = self._new(what, role)
        self._remember(what, words, put)
        return put

    def _new(self, what: What, role: str) -> str:
        if role == self.code:
            return f"[{self.code}]"
        stem = role if what is not What.NAME or role == PERSON else f"{role}'s name"
        first = f"[{stem} 1]" if role in (PERSON, PLACE) else f"[{stem}]"
        number = 2
        while first in self._taken:
            first, number = f"[{stem} {number}]", number + 1
        return first

    def _remember(self, what: What, words: str, put: str) -> None:
        self._taken.add(put)
        for key in _keys(what, words):
            self._put.setdefault((what, key), put)


def _apart(told: Iterable[str]) -> frozenset[str]:
    """The words of names that are nothing but names, folded."""
    folded = {fold(word) for name in told for word in words_in(name)}
    return frozenset(word for word in folded if len(word) > 2 and word not in ORDINARY | NOT_A_NAME)


def _keys(what: What, words: str) -> list[str]:
    """By what a thing is the same thing: digits of a number, a whole name and its first word."""
    if what in (What.PHONE, What.NHS):
        return ["".join(letter for letter in words if letter.isdecimal())[-10:]]
    folded = " ".join(fold(words).split())
    if what in (What.POSTCODE, What.NI):
        return [folded.replace(" ", "")]
    return list(dict.fromkeys([folded, *(words_in(folded)[:1] if what is What.NAME else ())]))


def _masked(text: str, code: str, decided: Spans) -> str:
    """The text with what is replaced already behind marks of the same length."""
    spans = [*decided, *(m.span() for m in LABEL.finditer(text)), *_all(text, f"[{code}]")]
    for start, end in spans:
        text = text[:start] + MASK * (end - start) + text[end:]
    return text


def _all(text: str, words: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in re.finditer(re.escape(words), text))
