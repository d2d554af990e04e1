"""Finding people in a text: every known name, phone number and email address of every participant, in one pass.

The cost does not grow with the number of people: a text is cut into words, runs of digits and email addresses once,
and each is looked up. What was found is never told, only whose it is and of what kind.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise, permutations
from types import MappingProxyType
from typing import Any

import phonenumbers
from sqlalchemy import ColumnElement, Select, select

from bot.records.tables import addresses, data_keys, moves
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork

SHORTEST_NAME = 2
BEGINNING = 3
"""Letters by which names in running text are looked up, or fewer where the name has no more."""

_EVERYDAY = (
    "amber art ash august autumn bay bill chance chase christian cliff dale dash dawn dean drew earl eve faith frank "
    "gene glen grace grant guy hazel heath holly honey hope iris ivy jay jewel joy june lance lane lily mark mason may "
    "melody mercy miles nick olive opal page pat patience pearl penny poppy prudence rain ray reed rich rob robin rock "
    "rod rose ruby sage sandy sky skip stew sue summer sunny van victor violet wade ward warren will winter woody "
    "young am an as at be by do go he hi if in is it me my no of oh ok on or ox pa so to up us we"
)
ORDINARY = frozenset(_EVERYDAY.split())
"""Names that are words of every day as well: they count only with a capital letter inside a sentence,
beside another word of the same name, or where somebody says that they are called so."""


class Kind(StrEnum):
    """What kind of identifier was found."""

    NAME = "a name"
    PHONE = "a phone number"
    EMAIL = "an email address"
    ADDRESS = "an address"


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody is named here: of which kind, and whose it is, by code."""

    kind: Kind
    whose: tuple[str, ...]


_WORD = re.compile(r"[^\W\d_]+")
_DIGITS = re.compile(r"\d(?:[\s().\-/\u2010-\u2015]{0,6}\d){5,}")
_LOCAL = r"[^\s<>()\[\]\",;:@]"
_DOMAIN = r"[^\s<>()\[\]\",;:@/\\|?#&=]"
_EMAIL = re.compile(f"(?<!{_LOCAL})(?=({_LOCAL}+@{_DOMAIN}+))")
"""Also the second of two that are written as one, as in `to@jo@example.org`."""

_MARKS = (
    r"\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
"""Accents and vowel points that stand on the letter before them."""

_HAN = r"\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_ENDLESS = rf"{_HAN}\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff"
"""Chinese, Japanese, Thai, Lao, Tibetan, Burmese, Khmer: no space between words (Unicode, chapters 16 and 18)."""

_GROWING = r"\u0900-\u0dff\u1100-\u11ff\uac00-\ud7af"
"""The scripts of India and Sri Lanka, and Korean: what other scripts write as words is joined to the end of a name."""

_RUN = re.compile(f"(?P<endless>[{_ENDLESS}]+)|[{_GROWING}]+")
_JOINED = "\u0648\u0641\u0628\u0644\u0643\u05d5\u05d4\u05d1\u05dc\u05de\u05db\u05e9"
"""Letters that Arabic and Hebrew join to the word after them: 'and', 'to', 'from', 'like'."""

_ACCENTS = re.compile(f"[{_MARKS}]")
_UNSEEN = re.compile(
    r"[\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    r"\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001"
    r"\U000e0020-\U000e007f]"
)
"""Characters that nobody sees, such as soft hyphens and spaces without width (Unicode, category Cf)."""

_SYMBOLS = re.compile(rf"[^\w\x00-\x7f’{_MARKS}{_ENDLESS}{_GROWING}]")
_IN_A_ROW = re.compile(r"[\s,_-]{1,3}")
_INTRODUCED = re.compile(
    r"\b(?:my name(?:\sis|['’]?s)|call me)\s+(?P<named>[^\W\d_]+)"
    r"|\b(?:it['’]?s|it is|this is|i am|i['’]?m)\s+(?P<here>[^\W\d_]+)(?=\s+(?:here|speaking|again)\b)"
    r"|\b(?:it['’]?s|it is|this is)\s+(?P<last>[^\W\d_]+)(?=\s*(?:$|[.,;!?\n]))"
    r"|(?:^|[.!?\n]\s*|\b(?:hi|hello|hey)\b[,!.]?\s+)(?P<first>[^\W\d_]+)(?=\s+(?:here|speaking)\b)",
    re.IGNORECASE,
)
"""How somebody says who they are, whatever their name means besides."""

_INSIDE = re.compile(r"[^\s.!?:…\"“‘(\[]\s+$")


class Scanner:
    """All identifiers of a study. Made once for an export; `find` looks at one text."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}
        self._pairs: dict[tuple[str, str], set[str]] = {}  # of one name, words that may mean something else
        self._running: dict[str, set[str]] = {}
        self._running_lengths: dict[str, set[int]] = {}  # by their beginning
        self._numbers: dict[str, set[str]] = {}
        self._number_lengths: set[int] = set()
        self._emails: dict[str, set[str]] = {}
        self._others: dict[str, set[str]] = {}

    @classmethod
    def of(cls, uow: UnitOfWork) -> Scanner:
        """The identifiers of every participant whose key is there, also addresses they want to move to."""
        scanner = cls()
        for row in uow.all(_of_everybody(people.c.name)):
            scanner.add_name(row["code"], uow.vault.data_key(row["wrapped"]).open(row["name"], "name"))
        for table in (addresses, moves):
            query = _of_everybody(table.c.kind, table.c.value).join(table, table.c.participant_id == people.c.id)
            for row in uow.all(query):
                value = uow.vault.data_key(row["wrapped"]).open(row["value"], "address")
                scanner.add_address(row["code"], row["kind"], value)
        return scanner

    def add_name(self, code: str, name: str) -> None:
        words = [word for word in _WORD.findall(fold(name)) if len(word) >= SHORTEST_NAME]
        for word in words:
            self._names.setdefault(word, set()).add(code)
        for pair in permutations((word for word in words if word in ORDINARY or len(word) == SHORTEST_NAME), 2):
            self._pairs.setdefault(pair, set()).add(code)
        for part in running_names(fold(name)):
            self._running.setdefault(part, set()).add(code)
            self._running_lengths.setdefault(part[:BEGINNING], set()).add(len(part))

    def add_address(self, code: str, kind: str, value: str) -> None:
        """An address: a number in every form it may be written in, an email address, or the value as it is.

        One that was deleted is empty, and is in no text.
        """
        if not value:
            return
        if kind in ("sms", "whatsapp"):
            number = _national(value)
            self._numbers.setdefault(number, set()).add(code)
            self._number_lengths.add(len(number))
        elif "@" in value.strip("@"):
            self._emails.setdefault(fold(value), set()).add(code)
        else:
            self._others.setdefault(fold(value), set()).add(code)

    def find(self, text: str, ignored: frozenset[str] = frozenset(), own: str = "") -> Iterator[Found]:
        """Who is named in a text. `ignored`: folded words that are no names here, such as those of stock texts.

        `own`: the code of who says it.
        """
        text = seen(text)
        folded = fold(text)
        named = dict.fromkeys(self._named(folded, text, ignored))
        if self._pairs:
            named |= dict.fromkeys(self._named_in_full(folded, ignored))
        if own:
            named |= dict.fromkeys(self._introduced(text, ignored, own))
        if self._running:
            named |= dict.fromkeys(self._named_in_runs(folded, ignored))
        yield from (Found(Kind.NAME, whose) for whose in named)
        if self._numbers:
            yield from self._find_numbers(folded)
        if "@" in folded:
            for address in _EMAIL.findall(folded):
                if whose := self._emails.get(address) or self._emails.get(address.strip(".'`*_!?/")):
                    yield Found(Kind.EMAIL, tuple(sorted(whose)))
        if self._others:
            for token in folded.split():
                if whose := self._others.get(token.strip(".,;:!?()[]\"'")):
                    yield Found(Kind.ADDRESS, tuple(sorted(whose)))

    def _named(self, folded: str, text: str, ignored: frozenset[str]) -> Iterator[tuple[str, ...]]:
        words = set(_WORD.findall(folded)) - ignored
        joined = {word[1:] for word in words if word[0] in _JOINED and len(word) > SHORTEST_NAME}
        for word in self._names.keys() & (words | joined):
            if _names_somebody(word, text):
                yield tuple(sorted(self._names[word]))

    def _named_in_full(self, folded: str, ignored: frozenset[str]) -> Iterator[tuple[str, ...]]:
        """Names of which two words stand in a row: they are a name then, whatever each of them means."""
        for one, next_ in pairwise(_WORD.finditer(folded)):
            whose = self._pairs.get((one[0], next_[0]))
            if whose and not ignored & {one[0], next_[0]} and in_a_row(folded[one.end() : next_.start()]):
                yield tuple(sorted(whose))

    def _introduced(self, text: str, ignored: frozenset[str], own: str) -> Iterator[tuple[str, ...]]:
        for start, end in introduced(text):
            word = fold(text[start:end])
            if own in self._names.get(word, ()) and word not in ignored:
                yield tuple(sorted(self._names[word]))

    def _named_in_runs(self, folded: str, ignored: frozenset[str]) -> Iterator[tuple[str, ...]]:
        """Names in writing without spaces between words, or at the beginning of a word that goes on."""
        for match in _RUN.finditer(folded):
            run = match[0]
            for start in range(len(run) if match["endless"] else 1):
                for name in self._running_names(run, start):
                    if not any(name in word for word in ignored):
                        yield tuple(sorted(self._running[name]))

    def _running_names(self, run: str, start: int) -> Iterator[str]:
        """The names that stand at this place of a run."""
        for beginning in range(SHORTEST_NAME, BEGINNING + 1):
            for length in self._running_lengths.get(run[start : start + beginning], ()):
                name = run[start : start + length]
                if name in self._running:
                    yield name

    def _find_numbers(self, folded: str) -> Iterator[Found]:
        for match in _DIGITS.finditer(folded):
            run = "".join(str(unicodedata.decimal(c)) for c in match[0] if c.isdecimal())
            run = run.replace("440", "44", 1) if run.startswith("440") else run  # +44 (0)7700 900123
            for length in sorted(self._number_lengths):
                for start in range(len(run) - length + 1):
                    if whose := self._numbers.get(run[start : start + length]):
                        yield Found(Kind.PHONE, tuple(sorted(whose)))


def _of_everybody(*columns: ColumnElement[Any]) -> Select[Any]:
    """Columns about every participant whose key is there, with their code and key."""
    query = select(people.c.code, data_keys.c.wrapped, *columns).select_from(people)
    return query.join(data_keys, data_keys.c.id == people.c.key_id).where(data_keys.c.wrapped.is_not(None))


class Hiding:
    """Takes the participant's own name, and the name a researcher signs with, out of what was written to them.

    `reached`: also these addresses of theirs, by kind and value, in every form that a number may be written in.
    """

    def __init__(
        self,
        name: str,
        code: str,
        researchers: Mapping[str, str] = MappingProxyType({}),
        reached: Iterable[tuple[str, str]] = (),
    ) -> None:
        self._label = f"[{code}]"
        known = {word: self._label for word in [name, *name.split(), *running_names(name)] if len(word) > 1}
        known |= {name: shown for name, shown in researchers.items() if name != shown}
        self._known = {word.casefold(): shown for word, shown in known.items()}
        longest = sorted(known, key=len, reverse=True)
        forms = [_written(kind, value) for kind, value in reached if value]
        forms += [whole(word) if word.casefold() in ORDINARY else f"(?i:{whole(word)})" for word in longest]
        self._pattern = re.compile("|".join(forms)) if forms else None

    def hidden(self, text: str) -> str:
        """The text with the code in brackets where the name was."""
        return self._pattern.sub(self._shown, text) if self._pattern else text

    def _shown(self, found: re.Match[str]) -> str:
        return self._known.get(found[0].casefold(), self._label)


def _written(kind: str, value: str) -> str:
    """A pattern for an address, as people write it."""
    if kind not in ("sms", "whatsapp"):
        return f"(?i:{whole(value)})"
    between = r"[\s().\-/\u2010-\u2015]{0,6}"
    return rf"(?<!\d)(?:\+?\d{{1,4}}{between})?0?{between}{between.join(_national(value))}(?!\d)"


def fold(text: str) -> str:
    """The text without case, accents and look-alike forms, so that SIÂN and Sian are the same word."""
    if text.isascii():
        return text.casefold()
    without_symbols = _SYMBOLS.sub(" ", seen(text).casefold())  # some would become letters, as ㎏ does
    return _ACCENTS.sub("", unicodedata.normalize("NFKD", without_symbols)).replace("’", "'")


def seen(text: str) -> str:
    """The text without characters that nobody sees."""
    return text if text.isascii() else _UNSEEN.sub("", text)


def in_a_row(gap: str) -> bool:
    """Whether two words with this between them stand in a row."""
    return _IN_A_ROW.fullmatch(gap) is not None


def introduced(text: str) -> Iterator[tuple[int, int]]:
    """Where the words are by which somebody says who they are, as in `it's Rose` or `Rose here`."""
    return (match.span(match.lastgroup or 0) for match in _INTRODUCED.finditer(text))


def running_names(name: str) -> Iterator[str]:
    """The parts of a name that are found inside running text: at least two Chinese or three other letters.

    Of three Chinese letters the last two alone too, as families and friends say them.
    """
    for part in (match[0] for match in _RUN.finditer(name)):
        letters = [letter for letter in unicodedata.normalize("NFC", part) if letter.isalpha()]
        short = re.search(f"[{_HAN}{_GROWING}]", part)
        if len(letters) >= (SHORTEST_NAME if short else SHORTEST_NAME + 1):
            yield part
        if re.fullmatch(f"[{_HAN}]{{3}}", part):
            yield part[1:]


def whole(words: str) -> str:
    """A pattern for words that are words of their own, or anywhere in writing that runs on without spaces."""
    return re.escape(words) if _RUN.search(words) else rf"(?<!\w){re.escape(words)}(?!\w)"


def study_words(texts: Iterable[str]) -> frozenset[str]:
    """The words of a study's own texts: found in what the bot said, they name nobody."""
    return frozenset(word for text in texts for word in _WORD.findall(fold(text)))


def _names_somebody(word: str, text: str) -> bool:
    """Whether a word that is somebody's name stands for them here: one of two letters needs a capital where there are
    capitals."""
    if word in ORDINARY:
        return _as_a_name(word, text)
    if len(word) > SHORTEST_NAME or word.upper() == word:
        return True
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return re.search(rf"(?<![^\W\d_]){word[0].upper()}(?i:{word[1:]})(?![^\W\d_])", plain) is not None


def _as_a_name(word: str, text: str) -> bool:
    """Whether an everyday word is written as a name: with a capital, and not because a sentence begins there."""
    for match in re.finditer(rf"\b{word}\b", text, re.IGNORECASE):
        if match[0][0].isupper() and _INSIDE.search(text[max(0, match.start() - 20) : match.start()]):
            return True
    return False


def _national(number: str) -> str:
    """The digits that every way to write a number has in common: without country code and leading zero."""
    try:
        return phonenumbers.national_significant_number(phonenumbers.parse(number, "GB"))
    except phonenumbers.NumberParseException:
        return "".join(letter for letter in number if letter.isdecimal())
