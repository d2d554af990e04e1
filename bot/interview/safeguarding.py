"""Signs of harm or distress in a message: a reviewed list of phrases, looked for in one pass.

A net beneath human reading, never a judgement of the person: it says that certain words are there, and where. It
rather fetches a person in vain than leaves someone alone. What is looked for is data, `prompts/en/safeguarding.yaml`.

A phrase is made of words, each as `spellings` writes it, and of: `(a|b c)` one of these; `[a]` may be missing;
`<name>` one of a set; `...` up to two other words, none of them a negator; `.` the edge of a sentence; `,` a pause,
which a phrase may otherwise pass over.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from itertools import groupby, pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.interview.commands import slips
from bot.interview.review import Reviewed, Words


class Group(StrEnum):
    """What a sign is about, the most urgent first."""

    DANGER = "danger"
    SUICIDE = "suicide"
    CHILD = "child"
    ABUSE = "abuse"
    SELF_HARM = "self-harm"
    NEGLECT = "neglect"
    AT_RISK = "at-risk"
    THREATS = "threats"
    OVERWHELMED = "overwhelmed"


URGENCY = {group: place for place, group in enumerate(Group)}


@dataclass(frozen=True, slots=True)
class Sign:
    """Words of harm or distress: the group, the rule that knows them, and their span in the text, in characters."""

    group: Group
    rule: str
    start: int
    end: int


SIGNPOST_EVERY = timedelta(hours=24)
"""The numbers to call are given at most this often, however much is said."""


def signposts(now: datetime, last: datetime | None) -> bool:
    """Whether the numbers to call go again now; `last` is when they last went."""
    return last is None or now - last >= SIGNPOST_EVERY


# The list ------------------------------------------------------------------------------------------------

Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Several = tuple[Words, ...]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_Part):
    """Phrases of one meaning."""

    id: Id
    phrases: Annotated[Several, Field(min_length=1)]


class Frame(Rule):
    """Words that make what stands around them talk about something else: reported, supposed or long past.

    `covers`: the rest of the sentence, or all of it. `groups`: which signs that concerns; none named means all.
    """

    covers: Literal["rest", "sentence"] = "rest"
    groups: tuple[Group, ...] = ()


class WordList(Reviewed):
    """One language's list.

    `spellings`: how a word is written here, and its other spellings. `slips`: words known with one slip of the
    finger. `fillers` are passed over. A phrase is no sign after one of the `negators`, with only `bridges` between,
    unless it begins with one of the `subjects`. `innocent` phrases cancel a sign that shares a word with them.
    """

    spellings: dict[Words, Several]
    slips: Several
    fillers: Several
    negators: Several
    bridges: Several
    subjects: Several
    sets: dict[Id, Several]
    signs: dict[Group, tuple[Rule, ...]]
    innocent: tuple[Rule, ...]
    frames: tuple[Frame, ...]

    def problems(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What is wrong with phrases, sets and ids: where, as keys from the top, and a sentence with the mend."""
        above: set[str] = set()
        fillers = set(self.fillers)
        for name, members in self.sets.items():
            for number, phrase in enumerate(members):
                yield from _phrase_problems(phrase, above, fillers, ("sets", name, number))
            above.add(name)
        seen: set[str] = set()
        for place, rule in self._places():
            if rule.id in seen:
                yield (*place, "id"), f"two rules are called {rule.id}; give each its own id"
            seen.add(rule.id)
            for number, phrase in enumerate(rule.phrases):
                yield from _phrase_problems(phrase, above, fillers, (*place, "phrases", number))
        for group in set(Group) - self.signs.keys():
            yield ("signs",), f"the group {group} is missing; list at least one rule for it"

    def _places(self) -> Iterator[tuple[tuple[str | int, ...], Rule]]:
        for group, rules in self.signs.items():
            yield from ((("signs", group.value, number), rule) for number, rule in enumerate(rules))
        yield from ((("innocent", number), rule) for number, rule in enumerate(self.innocent))
        yield from ((("frames", number), frame) for number, frame in enumerate(self.frames))


def _phrase_problems(
    phrase: str, sets: set[str], fillers: set[str], place: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    try:
        read = _parsed(phrase)
    except ValueError as error:
        yield place, f"the phrase '{phrase}' {error}"
        return
    for name in sorted(_names(read) - sets):
        yield place, f"the phrase '{phrase}' uses the set {name}, which is not defined above it"
    for word in sorted(_words(read) & fillers):
        yield (
            place,
            f"the phrase '{phrase}' holds {word}, which is a filler and passed over; take it out of one of them",
        )


# Phrases -------------------------------------------------------------------------------------------------

GAP = 2
"""Other words that `...` lets pass."""

EDGE = "."
PAUSE = ","


@dataclass(frozen=True, slots=True)
class _Named:
    name: str


@dataclass(frozen=True, slots=True)
class _Either:
    """One of several sequences; an empty one means that it may be missing."""

    ways: tuple[tuple[_Item, ...], ...]


@dataclass(frozen=True, slots=True)
class _Gap:
    pass


_Item = str | _Named | _Either | _Gap

_SIGNS = re.compile(r"<([a-z0-9-]+)>|(\.\.\.)|([.,()\[\]|])|([^\W_]+(?:'[^\W_]+)*)|(\S)")


@cache
def _parsed(phrase: str) -> tuple[_Item, ...]:
    """The phrase in parts. Raises ValueError with what is wrong and the mend."""
    marks = list(_SIGNS.finditer(_clean(phrase)))
    ways, used = _ways(marks, 0, "")
    if used < len(marks):
        raise ValueError(f"closes {marks[used][0]} without opening it; add or remove a bracket")
    if len(ways) > 1:
        raise ValueError("has | outside brackets; put brackets around the choice")
    if not any(isinstance(item, str | _Named | _Either) for item in ways[0]):
        raise ValueError("has no word; write at least one")
    return ways[0]


def _ways(marks: list[re.Match[str]], at: int, closing: str) -> tuple[list[tuple[_Item, ...]], int]:
    """Sequences up to the closing bracket, and where it stands."""
    ways: list[list[_Item]] = [[]]
    while at < len(marks):
        name, gap, sign, word, odd = marks[at].groups()
        if odd:
            raise ValueError(f"holds {odd}, which means nothing here; remove it")
        if sign in (")", "]"):
            break
        if sign == "|":
            ways.append([])
        elif sign in ("(", "["):
            closes = ")" if sign == "(" else "]"
            inner, at = _ways(marks, at + 1, closes)
            if at == len(marks) or marks[at][0] != closes:
                raise ValueError(f"opens {sign} without closing it; add {closes}")
            ways[-1].append(_Either((*inner, ()) if sign == "[" else tuple(inner)))
        else:
            ways[-1].append(_Named(name) if name else _Gap() if gap else sign or word)
        at += 1
    if closing and not all(ways):
        raise ValueError("has an empty choice; fill it in or use [ ] for what may be missing")
    return [tuple(way) for way in ways], at


def _names(items: Iterable[_Item]) -> set[str]:
    return {item.name for item in _leaves(items) if isinstance(item, _Named)}


def _words(items: Iterable[_Item]) -> set[str]:
    return {item for item in _leaves(items) if isinstance(item, str)}


def _leaves(items: Iterable[_Item]) -> Iterator[_Item]:
    for item in items:
        if isinstance(item, _Either):
            for way in item.ways:
                yield from _leaves(way)
        else:
            yield item


# Words of a message --------------------------------------------------------------------------------------

_APOSTROPHES = "\u2018\u2019\u201b\u02bc\u2032`\u00b4\uff07"
_PIECES = re.compile(r"([^\W_]+(?:'[^\W_]+)*)|([.!?]+)|[,;:()\"\n\u2013\u2014]|(?<=\s)-+(?=\s)")
_REPEATED = re.compile(r"([^\W\d_])\1{2,}")
_SPACED = re.compile(r"(?<![^\W_])[^\W_][\W_]{1,2}[^\W_][\W_]{1,2}[^\W_](?![^\W_])")
MOST_SPACED = 40
"""Letters set apart that are read as words, in one run."""


class _Plain(dict[int, str]):
    """Each character as it is compared: no case, no accent, straight apostrophe, nothing invisible."""

    def __missing__(self, code: int) -> str:
        apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", chr(code)).casefold())
        kept = "".join(c for c in apart if unicodedata.category(c) not in ("Cf", "Mn"))
        self[code] = "'" if chr(code) in _APOSTROPHES else kept
        return self[code]


_PLAIN = _Plain()


def _clean(text: str) -> str:
    return text.lower() if text.isascii() and "`" not in text else text.translate(_PLAIN)


_Token = tuple[str, int, int]
"""A word as the phrases write it, or an edge or a pause, with its span in the cleaned text."""


class _Speller:
    """Brings every spelling of a word to the one the phrases use."""

    def __init__(self, words: WordList) -> None:
        self._known: dict[str, tuple[str, ...]] = {}
        for right, ways in words.spellings.items():
            for way in (right, *ways):
                self._known[" ".join(_clean(way).split())] = tuple(_clean(right).split())
        for word in words.slips:
            for slip in slips(word):
                self._known.setdefault(slip, self._known.get(word, (word,)))
        fillers = frozenset(words.fillers)
        self._known = {
            way: tuple(word for word in right if word not in fillers)
            for way, right in (self._known | {filler: (filler,) for filler in fillers}).items()
        }
        self._pairs = frozenset(way.split()[0] for way in self._known if " " in way)

    def learn(self, vocabulary: Iterable[str]) -> None:
        """The words the phrases are made of: they are what stretched or spaced letters may turn out to be."""
        for word in vocabulary:
            self._known.setdefault(word, (word,))
        self._longest = max(map(len, self._known), default=0)

    def spelt(self, word: str) -> tuple[str, ...]:
        """The word, or the words, it stands for; a filler stands for none."""
        return self._known.get(word, (word,))

    def tokens(self, clean: str) -> list[_Token]:
        """The message from edge to edge."""
        known = self._known
        raw = self._joined(_pieces(clean), clean)
        tokens: list[_Token] = [(EDGE, 0, 0)]
        add = tokens.append
        for word, start, end in raw:
            right = known.get(word)
            if right is None:
                add((word, start, end))
            elif len(right) == 1:
                add((right[0], start, end))
            else:
                tokens += [(each, start, end) for each in right]
        if tokens[-1][0] != EDGE:
            add((EDGE, len(clean), len(clean)))
        return tokens

    def _joined(self, raw: list[_Token], clean: str) -> list[_Token]:
        """The pieces with stretched, spaced and parted words made whole."""
        if _SPACED.search(clean):
            raw = list(self._together(raw))
        if _REPEATED.search(clean):
            raw = [(self._shortened(word), start, end) for word, start, end in raw]
        pairs = [at for at, (word, _, _) in enumerate(raw) if word in self._pairs]
        for at in reversed(pairs):
            pair = f"{raw[at][0]} {raw[at + 1][0]}" if at + 1 < len(raw) else ""
            if pair in self._known:
                raw[at : at + 2] = [(pair, raw[at][1], raw[at + 1][2])]
        return raw

    def _shortened(self, word: str) -> str:
        """'killlll' as 'kill' and 'dieeee' as 'die', where that makes a word we know."""
        if word in self._known:
            return word
        shorter = (_REPEATED.sub(r"\1\1", word), _REPEATED.sub(r"\1", word))
        return next((each for each in shorter if each in self._known), word)

    def _together(self, raw: list[_Token]) -> Iterator[_Token]:
        """Letters set apart, 'h i t s', as the words they make."""
        for single, run in groupby(raw, lambda token: len(token[0]) == 1 and token[0] not in (EDGE, PAUSE)):
            letters = list(run)
            if single and len(letters) > 2:
                yield from self._read(letters[:MOST_SPACED])
                yield from letters[MOST_SPACED:]
            else:
                yield from letters

    def _read(self, letters: list[_Token]) -> Iterator[_Token]:
        said = "".join(letter for letter, _, _ in letters)
        at = 0
        while at < len(said):
            ends = range(min(len(said), at + self._longest), at, -1)
            end = next((end for end in ends if said[at:end] in self._known), at + 1)
            yield said[at:end], letters[at][1], letters[end - 1][2]
            at = end


def _pieces(clean: str) -> list[_Token]:
    """The words, edges and pauses of a text; two pauses together are one, and so is a pause beside an edge."""
    pieces: list[_Token] = []
    for found in _PIECES.finditer(clean):
        word = found[1]
        start, end = found.span()
        if word:
            pieces.append((word, start, end))
            continue
        edge = found[2]
        if edge and not clean[end : end + 1].isalnum() and (len(edge) == 1 or edge.strip(".")):
            pieces.append((EDGE, start, end))
        elif pieces and pieces[-1][0] not in (EDGE, PAUSE):
            pieces.append((PAUSE, start, end))
    return pieces


# All phrases as one machine --------------------------------------------------------------------------------


@dataclass(slots=True)
class _Node:
    words: dict[str, int] = field(default_factory=dict)
    free: list[int] = field(default_factory=list)
    other: list[int] = field(default_factory=list)
    rules: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _State:
    """Where a walk stands: at these nodes at once. `rules` end here; `next` remembers where words have led."""

    nodes: frozenset[int]
    rules: tuple[int, ...]
    next: dict[str, _State | None] = field(default_factory=dict)


class _Phrases:
    """Every phrase side by side, walked as one machine that never has to go back.

    Its states are made when words first lead there, and kept: there are no more of them than the phrases allow.
    """

    def __init__(self, sets: Mapping[str, Several], speller: _Speller, negators: Iterable[str]) -> None:
        self._speller = speller
        self._sets = {name: tuple(_parsed(member) for member in members) for name, members in sets.items()}
        self._walls = {EDGE, PAUSE, *negators}
        self._nodes = [_Node()]
        self._states: dict[frozenset[int], _State] = {}
        self.words: frozenset[str] = frozenset()

    def add(self, phrase: str, rule: int) -> None:
        self._nodes[self._sequence(_parsed(phrase), 0)].rules.append(rule)

    def start(self) -> _State:
        """Where every walk begins, once all phrases are in."""
        self.words = frozenset(word for node in self._nodes for word in node.words)
        start = self._state([0])
        for word in self._nodes[0].words:
            start.next[word] = self.follow(start, word)
        return start

    def follow(self, state: _State, word: str) -> _State | None:
        """Where the word leads from there, or None. A pause may always be passed over, but for the first word."""
        nodes = [self._nodes[node] for node in state.nodes]
        to = [node.words[word] for node in nodes if word in node.words]
        if word == PAUSE:
            to += state.nodes
        elif word not in self._walls:
            to += [after for node in nodes for after in node.other]
        return self._state(to) if to else None

    def _state(self, nodes: Iterable[int]) -> _State:
        reached = self._reached(nodes)
        rules = {rule for node in reached for rule in self._nodes[node].rules}
        return self._states.setdefault(reached, _State(reached, tuple(sorted(rules))))

    def _reached(self, nodes: Iterable[int]) -> frozenset[int]:
        reached: set[int] = set()
        todo = list(nodes)
        while todo:
            if (node := todo.pop()) not in reached:
                reached.add(node)
                todo += self._nodes[node].free
        return frozenset(reached)

    def _sequence(self, items: Iterable[_Item], at: int) -> int:
        for item in items:
            at = self._item(item, at)
        return at

    def _item(self, item: _Item, at: int) -> int:
        if isinstance(item, _Gap):
            for _ in range(GAP):
                after = self._new()
                self._nodes[at].other.append(after)
                self._nodes[at].free.append(after)
                at = after
            return at
        if isinstance(item, str):
            for word in (item,) if item in (EDGE, PAUSE) else self._speller.spelt(item):
                at = self._after(word, at)
            return at
        ways = self._sets[item.name] if isinstance(item, _Named) else item.ways
        after = self._new()
        for way in ways:
            self._nodes[self._sequence(way, at)].free.append(after)
        return after

    def _after(self, word: str, at: int) -> int:
        """Where the word leads from there: phrases that begin alike share their way."""
        words = self._nodes[at].words
        if word not in words:
            words[word] = self._new()
        return words[word]

    def _new(self) -> int:
        self._nodes.append(_Node())
        return len(self._nodes) - 1


# Looking -------------------------------------------------------------------------------------------------


class Signs:
    """A word list made ready to look with. Each word is followed for no longer than the longest phrase."""

    def __init__(self, words: WordList) -> None:
        """Raises ValueError for a list with `problems()`."""
        for _, problem in words.problems():
            raise ValueError(problem)
        self._speller = _Speller(words)
        self._rules: list[tuple[Group | None, Rule]] = [
            *((group, rule) for group, rules in words.signs.items() for rule in rules),
            *((None, rule) for rule in (*words.innocent, *words.frames)),
        ]
        phrases = _Phrases(words.sets, self._speller, words.negators)
        for number, (_, rule) in enumerate(self._rules):
            for phrase in rule.phrases:
                phrases.add(phrase, number)
        self._phrases = phrases
        self._start = phrases.start()
        self._speller.learn({*(phrases.words - {EDGE, PAUSE}), *words.negators, *words.bridges})
        self._heard = frozenset({*phrases.words, *words.negators, PAUSE})
        self._negators = frozenset(words.negators)
        self._bridges = frozenset(words.bridges)
        self._subjects = frozenset(words.subjects)

    def find(self, text: str) -> Sign | None:
        """The most urgent sign in the text, the first of its group; None when there is none. Never raises."""
        clean = _clean(text)
        tokens = self._speller.tokens(clean)
        words = [word for word, _, _ in tokens]
        signs = list(self._standing(words, list(self._matches(words))))
        if not signs:
            return None
        place, first, last, rule = min(signs)
        start, end = tokens[first][1], tokens[last - 1][2]
        if not text.isascii():
            start, end = _original(text, start, end)
        return Sign(list(Group)[place], rule, start, end)

    def _matches(self, words: list[str]) -> Iterator[tuple[int, int, int]]:
        """Every phrase that is there: its rule, its first token, and the one after its last."""
        return self._walk([word if word in self._heard else "" for word in words])

    def _walk(self, words: list[str]) -> Iterator[tuple[int, int, int]]:
        opens = self._start.next
        for first, word in enumerate(words):
            state = opens.get(word)
            last = first + 1
            while state is not None:
                for rule in state.rules:
                    yield rule, first, last
                if last == len(words):
                    break
                word = words[last]
                if word not in state.next:
                    state.next[word] = self._phrases.follow(state, word)
                state = state.next[word]
                last += 1

    def _standing(self, words: list[str], matches: list[tuple[int, int, int]]) -> Iterator[tuple[int, int, int, str]]:
        """The signs that nothing takes back: urgency, first token, the one after the last, and the rule's id."""
        if not any(self._rules[number][0] for number, _, _ in matches):
            return
        hidden = self._hidden(words, matches)
        for number, first, last in matches:
            group, rule = self._rules[number]
            if group and not any(hidden[group][first:last]) and not self._negated(words, first):
                yield URGENCY[group], first, last, rule.id

    def _hidden(self, words: list[str], matches: list[tuple[int, int, int]]) -> dict[Group, bytearray]:
        """The tokens, by group, that belong to something innocent or stand in a frame."""
        innocent = bytearray(len(words))
        sentences = _sentences(words)
        framed: dict[tuple[Group, int], int] = {}
        for number, first, last in matches:
            group, rule = self._rules[number]
            if isinstance(rule, Frame):
                begins, ends = sentences[first]
                begins = begins if rule.covers == "sentence" else first
                for each in rule.groups or Group:
                    framed[each, ends] = min(begins, framed.get((each, ends), begins))
            elif group is None:
                innocent[first:last] = b"\1" * (last - first)
        hidden = {group: bytearray(innocent) for group in Group}
        for (group, ends), begins in framed.items():
            hidden[group][begins:ends] = b"\1" * (ends - begins)
        return hidden

    def _negated(self, words: list[str], first: int) -> bool:
        if words[first] in self._subjects or words[first] in self._negators:
            return False
        before = first - 1
        while before > 0 and words[before] in self._bridges:
            before -= 1
        return words[before] in self._negators


def _sentences(words: list[str]) -> list[tuple[int, int]]:
    """For each token, where its sentence begins and ends; the edges stay outside."""
    edges = [place for place, word in enumerate(words) if word == EDGE]
    spans = [(before + 1, after) for before, after in pairwise(edges) for _ in range(before, after)]
    return [*spans, (len(words), len(words))]


def _original(text: str, start: int, end: int) -> tuple[int, int]:
    """A span of the cleaned text as one of the text itself."""
    places = [place for place, sign in enumerate(text) for _ in _PLAIN[ord(sign)]]
    return places[start] if start < len(places) else len(text), places[end - 1] + 1 if end else 0
