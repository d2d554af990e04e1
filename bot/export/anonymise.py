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
from enum import StrEnum

from bot.export import names
from bot.export.identifiers import ORDINARY, fold, in_a_row, introduced, running_names, whole

Spans = Sequence[tuple[int, int]]


class What(StrEnum):
    """What kind of thing may tell who somebody is."""

    NAME = "name"
    PLACE = "place"
    PHONE = "phone"
    EMAIL = "email"
    POSTCODE = "postcode"
    NHS = "NHS number"
    NI = "National Insurance number"
    BIRTH = "date of birth"


PERSON, PLACE = "Person", "Place"
"""What stands for a name or place of which no more is known, with a number."""

LABEL = re.compile(
    r"\[(?:Person|Place|[a-z][a-z -]*'s name|phone|email|postcode|NHS number|National Insurance number|date of birth)"
    r"(?: \d+)?\]"
)
MASK = "\ufffc"


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


@dataclass(frozen=True, slots=True)
class _Found:
    """`role` is what is known of it: 'daughter', the participant's code, Person, Place, or the kind itself."""

    start: int
    end: int
    what: What
    role: str


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
        self._own = {word for name in own for word in _words(fold(name)) if len(word) > 1}
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

    def _whole(self, masked: str, heard: frozenset[str]) -> list[_Found]:
        """Everything in one text: what is found changes what stands beside it, so again until nothing is new."""
        whole: list[_Found] = []
        while new := self._once(masked, heard):
            whole += new
            for one in new:
                masked = masked[: one.start] + MASK * (one.end - one.start) + masked[one.end :]
        return sorted(whole, key=lambda one: one.start)

    def _once(self, masked: str, heard: frozenset[str]) -> list[_Found]:
        taken: list[_Found] = []
        text = _Text(masked)
        for find in (self._named_by_somebody, *FORMS, _streets, self._own_names, *PEOPLE, _listed_places, *LISTED):
            for one in find(text):
                if all(one.end <= other.start or one.start >= other.end for other in taken):
                    taken.append(one)
        for one in (*_heard(text, heard), *_capitals(text)):
            if all(one.end <= other.start or one.start >= other.end for other in taken):
                taken.append(one)
        return taken

    def _named_by_somebody(self, text: _Text) -> Iterator[_Found]:
        for words in self._named:
            for match in re.finditer(whole(words), text.plain, re.IGNORECASE):
                yield _Found(match.start(), match.end(), What.NAME, PERSON)

    def _own_names(self, text: _Text) -> Iterator[_Found]:
        """Their known names, and what they say that they are called."""
        for name in self._running:
            for match in re.finditer(re.escape(name), text.plain):
                yield _Found(match.start(), match.end(), What.NAME, self.code)
        told_here = {start for start, _ in introduced(text.plain)}
        for token in text.tokens:
            if token.folded in self._own and (
                token.folded not in ORDINARY
                or (token.capital and not token.first)
                or token.start in told_here
                or self._in_full(text, token)
            ):
                yield _Found(token.start, token.end, What.NAME, self.code)
            told = _SELF.search(text.plain[max(0, token.start - 20) : token.start])
            if told and (token.is_name or (told["name"] and token.folded not in names.NO_NAMES)):
                yield _Found(token.start, text.run(token).end, What.NAME, self.code)

    def _in_full(self, text: _Text, token: _Token) -> bool:
        """Whether another word of their name stands beside it."""
        before, after = text.before(token), text.after(token)
        return any(
            one is not None and one.folded in self._own and one.folded != token.folded and in_a_row(gap)
            for one, gap in ((before, token.gap), (after, after.gap if after else ""))
        )

    # What stands for it

    def _names_heard(self, texts: Sequence[str], found: Sequence[Sequence[_Found]]) -> frozenset[str]:
        """Names that were told apart somewhere by more than a capital, to be found elsewhere too."""
        heard = (
            text[one.start : one.end]
            for text, here in zip(texts, found, strict=True)
            for one in here
            if one.what is What.NAME and one.role != PERSON
        )
        return self._known | _apart(heard)

    def _roles(self, texts: Sequence[str], found: Sequence[Sequence[_Found]]) -> dict[str, str]:
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
    folded = {fold(word) for name in told for word in _words(name)}
    return frozenset(word for word in folded if len(word) > 2 and word not in ORDINARY | NOT_A_NAME)


def _keys(what: What, words: str) -> list[str]:
    """By what a thing is the same thing: digits of a number, a whole name and its first word."""
    if what in (What.PHONE, What.NHS):
        return ["".join(letter for letter in words if letter.isdecimal())[-10:]]
    folded = " ".join(fold(words).split())
    if what in (What.POSTCODE, What.NI):
        return [folded.replace(" ", "")]
    return list(dict.fromkeys([folded, *(_words(folded)[:1] if what is What.NAME else ())]))


# Reading a text


NOT_A_NAME = names.NO_NAMES | names.RELATIONS | names.TITLES
"""Words with a capital that are no part of a name."""

_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_OPENS = frozenset('.!?:…•"“‘(')
_OWN = re.compile(r"['’][sS]$")


def _words(text: str) -> list[str]:
    return [_OWN.sub("", word) for word in _TOKEN.findall(text)]


@dataclass(frozen=True, slots=True)
class _Token:
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


class _Text:
    """A text and its words."""

    def __init__(self, plain: str) -> None:
        self.plain = plain
        self.tokens: list[_Token] = []
        before = 0
        for match in _TOKEN.finditer(plain):
            word = _OWN.sub("", match[0])
            gap, end = plain[before : match.start()], match.start() + len(word)
            first = (not self.tokens and not gap.strip()) or _opens(gap)
            folded = fold(word) or word
            self.tokens.append(_Token(len(self.tokens), match.start(), end, word, folded, gap, first))
            before = end
        self.at = {token.start: token for token in self.tokens}

    def before(self, token: _Token) -> _Token | None:
        return self.tokens[token.number - 1] if token.number else None

    def after(self, token: _Token) -> _Token | None:
        return self.tokens[token.number + 1] if token.number + 1 < len(self.tokens) else None

    def run(self, token: _Token) -> _Token:
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


def _masked(text: str, code: str, decided: Spans) -> str:
    """The text with what is replaced already behind marks of the same length."""
    spans = [*decided, *(m.span() for m in LABEL.finditer(text)), *_all(text, f"[{code}]")]
    for start, end in spans:
        text = text[:start] + MASK * (end - start) + text[end:]
    return text


def _all(text: str, words: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in re.finditer(re.escape(words), text))


_SELF = re.compile(r"(?<!\w)(?:(?P<name>my name\s?(?:is|['’]s))|i['’]?m|i am)\s$", re.IGNORECASE)


# By form

_EMAIL = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")
_NUMBER = re.compile(r"(?<![\w/.,+])(?:\+\s?)?\(?\d(?:[\s().\-–]{0,2}\d){8,14}(?![\w/])")
_POSTCODE = re.compile(r"(?<!\w)([A-Z]{1,2})\d[A-Z\d]?\s?(\d[ABD-HJLNP-UW-Z]{2})(?!\w)", re.IGNORECASE)
_NI = re.compile(
    r"(?<!\w)(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?:[\s-]?\d\d){3}[\s-]?[A-D](?!\w)",
    re.IGNORECASE,
)
_MONTH = "(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*"
_DATE = (
    rf"\d{{4}}-\d\d-\d\d|\d{{1,2}}[/.\- ]\d{{1,2}}[/.\- ](?:\d{{4}}|\d\d)|"
    rf"\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}(?:,?\s\d{{4}})?|"
    rf"{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?|(?:19|20)\d\d"
)
_BIRTH = re.compile(
    rf"(?<!\w)(?:born|dob|d\.o\.b\.?|date of birth|birthday)(?:\W+[^\W\d]+){{0,4}}?\W+(?P<date>{_DATE})(?!\w)",
    re.IGNORECASE,
)


def _emails(text: _Text) -> Iterator[_Found]:
    for match in _EMAIL.finditer(text.plain) if "@" in text.plain else ():
        yield _Found(match.start(), match.end(), What.EMAIL, What.EMAIL)


def _insurance_numbers(text: _Text) -> Iterator[_Found]:
    """Two letters, six figures and a letter (HMRC, National Insurance Manual NIM39110)."""
    for match in _NI.finditer(text.plain):
        yield _Found(match.start(), match.end(), What.NI, What.NI)


def _numbers(text: _Text) -> Iterator[_Found]:
    """NHS numbers by their check digit; phone numbers by how they begin and how long they are."""
    for match in _NUMBER.finditer(text.plain):
        digits = "".join(str(int(letter)) for letter in match[0] if letter.isdecimal())
        if is_nhs_number(digits):
            yield _Found(match.start(), match.end(), What.NHS, What.NHS)
        elif match[0].startswith(("+", "00", "(+")) or _is_british(digits):
            yield _Found(match.start(), match.end(), What.PHONE, What.PHONE)


def is_nhs_number(digits: str) -> bool:
    """Ten figures of which the last checks the others, modulo 11 (NHS Data Dictionary, NHS NUMBER)."""
    if len(digits) != 10 or not digits.isdecimal():
        return False
    rest = 11 - sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False)) % 11
    return rest != 10 and rest % 11 == int(digits[-1])


def _is_british(digits: str) -> bool:
    """As dialled here: a nought and nine or ten figures (Ofcom's numbering plan); or a mobile's without the nought."""
    return (digits.startswith("0") and len(digits) in (10, 11)) or (digits.startswith("7") and len(digits) == 10)


def _postcodes(text: _Text) -> Iterator[_Found]:
    """Of the areas there are; in small letters not what may be an ordinal, as in `m1 1st`."""
    for match in _POSTCODE.finditer(text.plain):
        ordinal = match[2][1:] in ("st", "nd", "rd", "th")
        if match[1].lower() in names.AREAS and not ordinal:
            yield _Found(match.start(), match.end(), What.POSTCODE, What.POSTCODE)


def _births(text: _Text) -> Iterator[_Found]:
    for match in _BIRTH.finditer(text.plain):
        yield _Found(match.start("date"), match.end("date"), What.BIRTH, What.BIRTH)


FORMS = (_emails, _insurance_numbers, _numbers, _postcodes, _births)


# Places

_HOUSE = re.compile(r"(?<!\w)\d{1,4}[a-zA-Z]?,?\s$")
_ADDRESS = re.compile(
    rf"(?<!\w)\d{{1,4}}[a-z]?,?\s(?:[^\W\d_]+['’]?[^\W\d_]*\s){{1,2}}(?:{names.STREETS})(?!\w)", re.IGNORECASE
)
_PLACES = re.compile(
    rf"(?<![\w-])(?:{'|'.join(re.escape(name) for name in sorted(names.PLACES, key=len, reverse=True))})(?![\w-])",
    re.IGNORECASE,
)


def _streets(text: _Text) -> Iterator[_Found]:
    """`14 Beech Road`, `St Mary's Hospital`, `University of Leeds`."""
    for match in _ADDRESS.finditer(text.plain):
        yield _Found(match.start(), match.end(), What.PLACE, PLACE)
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
        yield _Found(begins, last.end, What.PLACE, PLACE)


def _ends_a_place(token: _Token) -> bool:
    return token.capital and token.folded in names.PLACE_ENDS


def _listed_places(text: _Text) -> Iterator[_Found]:
    for match in _PLACES.finditer(text.plain):
        token = text.at.get(match.start())
        opens = token is None or token.first or not token.capital
        if match[0].lower() not in names.LOWER_IS_NO_PLACE or not opens:
            yield _Found(match.start(), match.end(), What.PLACE, PLACE)


# People

_BETWEEN = re.compile(r"\s*[,:(–-]?\s*(?:[\"“'‘])?")
_TELLING = frozenset(["is", "was", "are", "called", "named", "name", "who", "who's", "whose", "by", "and"]) - {"and"}


def _related(text: _Text) -> Iterator[_Found]:
    """`my daughter Ella`, `our son is called Tom`, `her daughter's name is Ella`, `my friend (Jo)`."""
    for token in text.tokens:
        if token.folded not in names.RELATIONS:
            continue
        owned = text.plain[token.end : token.end + 2] in ("'s", "’s")
        one, told = text.after(token), owned
        for _ in range(3):
            if one is None or one.folded not in _TELLING:
                break
            told, one = told or one.folded in ("called", "named", "name"), text.after(one)
        if one is not None and one.is_name and _BETWEEN.fullmatch(one.gap.removeprefix("'s").removeprefix("’s")):
            if owned and not told:
                continue
            yield _Found(one.start, text.run(one).end, What.NAME, token.folded)


def _explained(text: _Text) -> Iterator[_Found]:
    """`Ella, my daughter` and `Ella is my daughter`."""
    for token in text.tokens:
        if not token.is_name or ((one := text.before(token)) is not None and one.is_name and token.gap == " "):
            continue
        last = text.run(token)
        one = text.after(last)
        if one is not None and one.folded in ("is", "was", "who") and one.gap == " ":
            one = text.after(one)
        if one is None or one.folded not in ("my", "our") or not _BETWEEN.fullmatch(one.gap):
            continue
        for _ in range(2):
            one = text.after(one)
            if one is None:
                break
            if one.folded in names.RELATIONS:
                yield _Found(token.start, last.end, What.NAME, one.folded)
                break


def _titled(text: _Text) -> Iterator[_Found]:
    """`Dr Khan`, `Auntie Jo`, `Sister Mary`; and `mr khan`, as it is written on a phone."""
    for token in text.tokens:
        one = text.after(token)
        if token.folded not in names.TITLES or one is None or one.gap not in (" ", ". ", "."):
            continue
        if (token.capital and one.is_name) or (token.folded in ("mr", "mrs") and len(one.word) > 1):
            yield _Found(one.start, text.run(one).end, What.NAME, PERSON)


def _called(text: _Text) -> Iterator[_Found]:
    """`somebody called Ella`, `a man named Tom`, `this is Jo`."""
    for token in text.tokens:
        one, before = text.after(token), text.before(token)
        this_is = token.folded == "is" and before is not None and before.folded == "this"
        if (
            (this_is or token.folded in ("called", "named"))
            and one is not None
            and one.is_name
            and one.gap in (" ", ": ")
        ):
            yield _Found(one.start, text.run(one).end, What.NAME, PERSON)


PEOPLE = (_related, _explained, _titled, _called)


def _listed_names(text: _Text) -> Iterator[_Found]:
    """Given names; everyday words such as May and Will only with a capital inside a sentence."""
    for token in text.tokens:
        if token.folded in ORDINARY:
            if token.capital and not (token.first or token.shouted or _is_a_day(text, token)):
                yield _Found(token.start, text.run(token).end, What.NAME, PERSON)
        elif token.folded in names.GIVEN and (token.capital or token.folded not in names.LOWER_IS_A_WORD):
            yield _Found(token.start, text.run(token).end if token.capital else token.end, What.NAME, PERSON)


def _is_a_day(text: _Text, token: _Token) -> bool:
    """Whether it is a month or a season: `in May`, `May 3rd`."""
    before = text.before(token)
    return (
        before is not None and before.folded in ("in", "last", "next", "since", "early", "late", "of", "until")
    ) or (re.match(r"\s*\d", text.plain[token.end :]) is not None)


def _saying(text: _Text) -> Iterator[_Found]:
    """At the beginning of a sentence a capital tells nothing; what the word does may: `Zinnia said`."""
    for token in text.tokens:
        if not token.first or not token.is_name or token.folded.endswith("s") or token.folded in names.RELATIONS:
            continue
        last = text.run(token)
        verb = text.after(last)
        if verb is not None and verb.gap == " " and verb.word in names.SAYING:
            yield _Found(token.start, last.end, What.NAME, PERSON)


LISTED = (_listed_names, _saying)


def _heard(text: _Text, heard: frozenset[str]) -> Iterator[_Found]:
    for token in text.tokens:
        if token.capital and token.folded in heard:
            yield _Found(token.start, token.end, What.NAME, PERSON)


def _capitals(text: _Text) -> Iterator[_Found]:
    """A word with a capital inside a sentence: a place after `in` or `moved to`, and else a name."""
    letters = [letter for letter in text.plain if letter.isalpha()]
    if sum(letter.isupper() for letter in letters) * 2 > len(letters):
        return  # all of it is in capitals
    for token in text.tokens:
        before = text.before(token)
        if not token.is_name or token.first or (before is not None and before.is_name and token.gap == " "):
            continue
        at = (
            before is not None and token.gap == " " and (before.folded in names.AT_A_PLACE or _goes_there(text, before))
        )
        yield _Found(token.start, text.run(token).end, What.PLACE if at else What.NAME, PLACE if at else PERSON)


def _goes_there(text: _Text, token: _Token) -> bool:
    before = text.before(token)
    return token.folded == "to" and before is not None and before.folded in names.GOING
