"""The scan of a whole study finds what a slow one finds that looks for each identifier in turn, and nothing else."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from itertools import groupby, pairwise, permutations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.export.identifiers import ORDINARY, Found, Kind, Scanner, fold, running_names, study_words

JOINED = "وفبلكהובלמכש"
"""Letters that Arabic and Hebrew join to the word after them."""

Look = Callable[[str, str, frozenset[str]], Kind | None]
"""Looks for one identifier in a folded text, the text, and what is no name there."""


class Plain:
    """Every identifier as it was given, and whose it is."""

    def __init__(self) -> None:
        self.held: list[tuple[str, Look]] = []

    def add_name(self, code: str, name: str) -> None:
        words = [word for word in _words(fold(name)) if len(word) > 1]
        self.held += [(code, _word(word)) for word in words]
        weak = [word for word in words if word in ORDINARY or len(word) == 2]
        self.held += [(code, _pair(*pair)) for pair in permutations(weak, 2)]
        for part in running_names(fold(name)):
            self.held.append((code, _running(part)))

    def add_address(self, code: str, kind: str, value: str) -> None:
        self.held.append((code, {"sms": _phone, "email": _email, "telegram": _other}[kind](value)))

    def find(self, text: str, ignored: frozenset[str]) -> Iterator[tuple[Kind, str]]:
        for code, look in self.held:
            if (kind := look(fold(text), text, ignored)) is not None:
                yield kind, code


def _word(word: str) -> Look:
    def look(folded: str, text: str, ignored: frozenset[str]) -> Kind | None:
        said = [one for one in _words(folded) if one not in ignored]
        there = word in said or any(one[0] in JOINED and one[1:] == word for one in said)
        return Kind.NAME if there and _is_a_name(word, text) else None

    return look


def _pair(one: str, other: str) -> Look:
    def look(folded: str, text: str, ignored: frozenset[str]) -> Kind | None:
        runs = ["".join(run) for _, run in groupby(folded, _is_letter)]
        there = any(
            (first, last) == (one, other) and len(gap) < 4 and all(mark.isspace() or mark in ",_-" for mark in gap)
            for first, gap, last in zip(runs, runs[1:], runs[2:], strict=False)
        )
        return Kind.NAME if there and not {one, other} & ignored else None

    return look


def _running(part: str) -> Look:
    def look(folded: str, text: str, ignored: frozenset[str]) -> Kind | None:
        if any(part in word for word in ignored):
            return None
        endless = any(part in run for run in _runs(folded, "CJK", "THAI", "KATAKANA", "HIRAGANA"))
        growing = any(run.startswith(part) for run in _runs(folded, "HANGUL", "DEVANAGARI"))
        return Kind.NAME if endless or growing else None

    return look


def _phone(value: str) -> Look:
    national = value.removeprefix("+44")

    def look(folded: str, text: str, ignored: frozenset[str]) -> Kind | None:
        runs = ("".join(str(unicodedata.decimal(c)) for c in run if c.isdecimal()) for run in _digits(folded))
        whole = [f"44{run[3:]}" if run.startswith("440") else run for run in runs if len(run) > 5]
        return Kind.PHONE if any(national in run for run in whole) else None

    return look


def _email(value: str) -> Look:
    def look(folded: str, text: str, ignored: frozenset[str]) -> Kind | None:
        for mark in '<>()[]",;:':
            folded = folded.replace(mark, " ")
        pairs = ("@".join(pair) for token in folded.split() for pair in pairwise(token.split("@")))
        return Kind.EMAIL if any(pair.strip(".'`*_!?") == fold(value) for pair in pairs) else None

    return look


def _other(value: str) -> Look:
    def look(folded: str, text: str, ignored: frozenset[str]) -> Kind | None:
        return Kind.ADDRESS if any(token.strip(".,;:!?()[]\"'") == value for token in folded.split()) else None

    return look


def _words(folded: str) -> list[str]:
    """Letters in a row."""
    return ["".join(run) for letters, run in groupby(folded, _is_letter) if letters]


def _is_letter(one: str) -> bool:
    return one.isalnum() and not one.isdecimal()


def _runs(folded: str, *scripts: str) -> list[str]:
    """Characters of some scripts in a row."""
    return [
        "".join(run)
        for inside, run in groupby(folded, lambda one: any(name in unicodedata.name(one, "") for name in scripts))
        if inside
    ]


def _digits(folded: str) -> Iterator[str]:
    """Digits with at most six marks between any two."""
    run, marks = "", 0
    for one in f"{folded}{7 * ' '}":
        marks = 0 if one.isdecimal() else marks + 1
        if marks > 6 or not (one.isdecimal() or one.isspace() or one in "().-/‐‑‒–—―"):
            yield run
            run = ""
        elif run or one.isdecimal():
            run += one


def _is_a_name(word: str, text: str) -> bool:
    """An everyday word needs a capital inside a sentence, one of two letters a capital where there are capitals."""
    written = [
        (place, said)
        for place in range(len(text))
        for said in (text[place : place + len(word)],)
        if said.casefold() == word
        and not (text[place - 1 : place].isalnum() or text[place + len(word) :][:1].isalnum())
    ]
    if word in ORDINARY:
        return any(said[0].isupper() and _goes_on(text[:place]) for place, said in written)
    if len(word) > 2 or word.upper() == word:
        return True
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return any(said.casefold() == word and said[0].isupper() for said in _words(plain))


def _goes_on(before: str) -> bool:
    """Whether a sentence has begun, and a space stands last."""
    said = before.rstrip()
    return before != said != "" and said[-1] not in '.!?:…"“‘(['


NAMES = [
    *("Siân", "Ann", "O’Neill", "Smith-Jones", "Will", "No", "Yo", "Jo", "Łukasz", "Đặng", "İpek", "Straße"),
    *("王芳", "李小龙", "小龙", "欧阳小芳", "田中さくら", "ガブリエル", "สมชาย", "ใจดี", "น้ำ"),
    *("प्रिया", "राम", "김민수", "민수", "علي", "מרים", "Ольга", "Ξένια"),
]
NUMBERS = ("+447700900123", "+447700900124")
EMAILS = ("jo+study@example.org", "Ann@example.org")
MARKS = (
    " ",
    " ",
    " ",
    "-",
    "'",
    "’",
    "_",
    ". ",
    "\n",
    "、",
    "(",
    "·",
    "1",
    "\u0301",
    "و",
    "ב",
    "的",
    "ก",
    "ー",
    "को",
    "가",
    "s",
    "é",
    "㎏",
)
FORMS: tuple[Callable[[str], str], ...] = (
    str,
    str,
    str.lower,
    str.upper,
    str.title,
    lambda name: unicodedata.normalize("NFD", name),
    lambda name: unicodedata.normalize("NFKD", name),
    lambda name: "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in name),
)

pieces = st.sampled_from(NAMES).flatmap(lambda name: st.integers(0, len(name)).map(lambda end: name[:end] or name))
written = st.builds(lambda form, piece: form(piece), st.sampled_from(FORMS), st.one_of(st.sampled_from(NAMES), pieces))
names = st.lists(st.one_of(st.sampled_from(NAMES), pieces), min_size=1, max_size=3).map(" ".join)
numbers = st.sampled_from(["07700900123", "+44 (0)7700 900 124", "0044 7700-900123", "٠٧٧٠٠٩٠٠١٢٣", "5551234567", "99"])
emails = st.sampled_from([*EMAILS, "ANN@EXAMPLE.ORG", "<jo+study@example.org>.", "x.ann@example.org", "@"])
texts = st.lists(st.one_of(written, written, st.sampled_from(MARKS), numbers, emails), max_size=14).map("".join)


@settings(max_examples=500, deadline=None)
@given(
    people=st.lists(names, min_size=1, max_size=6),
    parts=st.lists(texts, min_size=1, max_size=3),
    ours=st.lists(texts, max_size=1),
)
@example(people=["李小龙"], parts=["昨天小龙来看我"], ours=[])
@example(people=["علي"], parts=["وعلي"], ours=["علي"])
@example(people=["Will", "No"], parts=["then Will, then NO"], ours=[])
@example(people=["김민수"], parts=["가김민수"], ours=[])
@example(people=["Jo"], parts=["to@ann@example.org"], ours=[])
def test_the_scan_finds_the_same_as_a_plain_search(people: list[str], parts: list[str], ours: list[str]) -> None:
    fast, plain = Scanner(), Plain()
    for scanner in (fast, plain):
        for number, name in enumerate(people):
            scanner.add_name(f"P{number}", name)
        for number, phone in enumerate(NUMBERS):
            scanner.add_address(f"P{number}", "sms", phone)
        for number, email in enumerate(EMAILS):
            scanner.add_address(f"P{number}", "email", email)
        scanner.add_address("P0", "telegram", "5551234567")
    ignored = study_words(ours)
    text = " ".join(parts)
    assert _each(fast.find(text, ignored)) == set(plain.find(text, ignored))


def _each(found: Iterator[Found]) -> set[tuple[Kind, str]]:
    return {(one.kind, code) for one in found for code in one.whose}
