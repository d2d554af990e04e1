"""What a participant's words mean: the fifteen command words, yes or no, and a choice from a menu.

Only a whole message counts. A word inside an answer ("I could not stop thinking about it") triggers nothing.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType


class Command(StrEnum):
    HELP = "HELP"
    DONE = "DONE"
    SKIP = "SKIP"
    BACK = "BACK"
    AGAIN = "AGAIN"
    PAUSE = "PAUSE"
    READY = "READY"
    PERSON = "PERSON"
    CALL = "CALL"
    CHANGE = "CHANGE"
    UNDO = "UNDO"
    COPY = "COPY"
    LEAVE = "LEAVE"
    STOP = "STOP"


@dataclass(frozen=True)
class Word:
    """A command, with the number of "BACK 3" or "PAUSE 2", or the rest of "PAUSE for a week"."""

    command: Command
    number: int | None = None
    rest: str = ""


NUMBERED = frozenset({Command.BACK, Command.PAUSE})
POLITE = frozenset({"please", "pls", "plz"})


def _each(pattern: str) -> tuple[str, ...]:
    """Every phrase that "(can|could) i [please] stop" stands for; what is in square brackets may be missing."""
    choices = [part.split("|") for part in re.sub(r"\[(.*?)\]", r"(\1|)", pattern).replace(")", "(").split("(")]
    return tuple(" ".join("".join(ways).split()) for ways in itertools.product(*choices))


_MAY_I = "(i want to|i need to|i would like to|i'd like to|id like to|can i|can i please|could i)"

PHRASES: Mapping[Command, tuple[str, ...]] = MappingProxyType(
    {
        Command.STOP: (
            *_each("stop (all|now|it|this)"),
            *_each("(just|ok|okay|i said|can you|can you please|could you|could you please|will you) stop"),
            *_each("(i want|i want you) to stop"),
            *_each("stop (texting|messaging|emailing|contacting) [me]"),
            "stop writing to me",
            *_each("stop (all|the|these|your|all the|all these) (messages|texts|emails)"),
            *_each("stop sending [me] [these|the|your] (messages|texts|emails|questions)"),
            "stop sending me these",
            *_each("stop (messages|texts|emails|asking me questions|asking questions)"),
            *_each("(do not|don't|dont) (text|message|email|contact|write to) me (again|any more|anymore)"),
            "no more questions",
            *_each("(take me off|remove me from) (your|this|the) list"),
        ),
        Command.SKIP: _each("skip (this|it|this one|that one|this question|that question)"),
        Command.BACK: ("go back",),
        Command.AGAIN: ("say that again", "say it again", "ask me again"),
        Command.HELP: ("help me", "can you help me", "i need help"),
        Command.PAUSE: (
            *_each("(i need|i want|i would like|i'd like|id like|can i have|could i have|take|have) a (break|pause)"),
        ),
        Command.CALL: (
            *_each("[can you|could you|please can you] (call|ring|phone) me"),
            *_each("change [my|the] call"),
            "another time for the call",
        ),
        Command.READY: ("i am ready", "i'm ready", "im ready"),
        Command.CHANGE: (
            *_each("[i have|i have got|i've got|ive got] [a] new number"),
            *_each("change (number|my number|channel)"),
            "my number has changed",
        ),
        Command.UNDO: ("undo that", "undo it"),
        Command.COPY: _each(
            "(can i have|could i have|i want|i would like|i'd like|id like|send me) a copy [of my answers]"
        ),
        Command.PERSON: (
            *_each("(talk|speak) to (a person|a human|a real person)"),
            *_each(f"{_MAY_I} (talk|speak) (to|with) (a person|a human|a real person|someone|somebody)"),
        ),
        Command.LEAVE: (
            *_each("[i want to|i would like to|i'd like to|id like to] (leave|withdraw from) the study"),
            *_each("[i want to|i would like to|i'd like to|id like to] withdraw"),
            "i want to leave",
            "i withdraw",
            "delete my answers",
        ),
    }
)
"""Whole messages that mean a word of ours, beside the word itself.

None that could as well answer a question about messages, or whether something is so: "no more emails", "not now".
"""

NOT_NOW = frozenset({"not now", "not right now", "not today", "not yet"})
"""What says no to going on, where that is what they were asked."""

# One slip away from a word of ours, yet a word or a name in its own right.
REAL_WORDS = frozenset(
    [
        "stoop", "spot", "stops", "stopped", "spots", "tops", "post", "opts", "step", "shop", "read", "red",
        "reads", "reay", "rady", "eady", "star", "stat", "tart", "starts", "strat", "dart", "gain", "gains",
        "agin", "chance", "chang", "chane", "hang", "range", "none", "gone", "one", "don", "donne", "doone",
        "dong", "calls", "called", "all", "cal", "ball", "ship", "slip", "kip", "skips", "skin", "eave", "lave",
        "leaf", "leaves", "leve", "levee", "peron", "persson", "persoon", "persons", "prison", "pearson",
        "parson", "pase", "paws", "pauses", "cause", "heal", "heel", "held", "helps", "hell", "copper", "coop",
        "cop", "coy", "backs", "bake", "oaky", "agreed", "eager",
    ]
)  # fmt: skip


def parse(text: str) -> Word | None:
    """The command the whole message is, or None: then it is part of an answer. Never raises."""
    tokens = _without_thanks(_without_politeness(words_of(text)))
    if len(set(tokens)) == 1:
        tokens = tokens[:1]  # STOP STOP STOP
    said = " ".join(tokens)
    if said in _PHRASE_MEANING:
        return Word(_PHRASE_MEANING[said])
    if said.startswith("go back "):
        tokens = tokens[1:]
    command = _SPELLINGS.get(tokens[0]) if tokens else None
    if command is None:
        return None
    if len(tokens) == 1:
        return Word(command)
    number = _small_number(tokens[-1])
    between = " ".join(tokens[1:-1])
    named_alone = between in (_TO_A_QUESTION if command is Command.BACK else ("",))
    if command in NUMBERED and named_alone and number is not None:
        return Word(command, number)
    return None


_TO_A_QUESTION = ("", "to", "to question", "to question number", "question", "to q", "to number")


def not_now(text: str) -> bool:
    """Whether the whole message is that they do not want to go on yet."""
    return " ".join(_without_thanks(_without_politeness(words_of(text)))) in NOT_NOW


def says_nothing(text: str) -> bool:
    """Whether there is nothing to be seen in it: empty, or spaces and what has no shape. An emoji says something."""
    return all(unicodedata.category(letter)[0] in "ZC" for letter in text)


# Yes and no ---------------------------------------------------------------------------------------------

YES = (
    "yes", "y", "yeah", "yea", "yep", "yup", "ok", "okay", "agree", "i agree", "i do agree", "yes thanks",
    "yes thank you", "yes i agree", "yes i do", "i do", "yes yes", "yes ok", "yes okay", "ok yes", "okay yes",
    "yes i am", "yes i have",
)  # fmt: skip
NO = (
    "no", "n", "nope", "nah", "disagree", "i disagree", "do not agree", "don't agree", "dont agree",
    "i do not agree", "i don't agree", "i dont agree", "no thanks", "no thank you", "no i do not",
    "no i don't", "no i dont", "i do not", "i don't", "i dont", "no i disagree", "no i do not agree",
    "no i don't agree", "no i dont agree", "no no", "no i am not", "no i'm not", "no im not", "no i have not",
    "no i haven't", "no i havent",
)  # fmt: skip
YES_SIGNS = frozenset("👍✅✔☑✓")
NO_SIGNS = frozenset("👎❌✖✗✘")
DOUBTFUL_SIGNS = frozenset("?¿؟❓❔🤔🤷🤨😕🫤")


def yes_or_no(text: str, numbered: bool, number: int | None = None) -> bool | None:
    """Yes, no, or None for anything mixed, conditional or unsure: consent is never guessed.

    `numbered` says that the statement itself carries a number, so "1" and "2" would be ambiguous; with that
    `number`, "3 yes" is a yes to statement 3 and to no other.
    """
    clean = _clean(text)
    if any(sign in DOUBTFUL_SIGNS for sign in clean):
        return None
    verdicts = {sign in YES_SIGNS for sign in clean if sign in YES_SIGNS or sign in NO_SIGNS}
    tokens = _without_politeness(words_of(text))
    if number is not None and len(tokens) > 1 and tokens[0] == str(number):
        tokens = tokens[1:]
    if tokens:
        said = " ".join(_YES_NO_SPELLINGS.get(token, token) for token in tokens)
        if said in YES or (said == "1" and not numbered):
            verdicts.add(True)
        elif said in NO or (said == "2" and not numbered):
            verdicts.add(False)
        else:
            return None
    return verdicts.pop() if len(verdicts) == 1 else None


# Menus --------------------------------------------------------------------------------------------------

PAUSE_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "day": ("1", "day", "a day", "one day", "1 day", "for a day", "tomorrow", "until tomorrow"),
        "week": ("2", "week", "a week", "one week", "1 week", "for a week", "next week", "until next week"),
        "month": ("3", "month", "a month", "one month", "1 month", "for a month", "next month"),
        "open": ("4", "open", "until i say", "until i say so", "till i say", "until i say ready",
                 "until i am ready", "until i'm ready", "i will say", "i'll say"),
    }
)  # fmt: skip
LEAVE_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "keep": ("1", "keep", "keep it", "keep them", "keep my answers", "keep the answers"),
        "delete": ("2", "delete", "delete it", "delete them", "delete my answers", "delete the answers",
                   "delete everything", "erase", "erase them", "erase my answers"),
    }
)  # fmt: skip


WHO_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "own words": ("1", "no", "own", "my own", "my own words", "own words", "me", "just me", "only me"),
        "with help": ("2", "yes", "help", "they help", "someone helps me", "with help", "i have help"),
        "on behalf": ("3", "on behalf", "someone answers for me", "they answer for me", "i answer for them"),
    }
)
CHANGE_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sms": ("text", "texts", "sms", "text message", "text messages", "by text", "by sms", "texting"),
        "email": ("email", "e-mail", "mail", "emails", "by email", "by e-mail"),
        "whatsapp": ("whatsapp", "whats app", "what's app", "by whatsapp"),
        "telegram": ("telegram", "by telegram"),
    }
)


NUMERALS: Mapping[str, str] = MappingProxyType({"one": "1", "two": "2", "three": "3", "four": "4"})
"""Numbers of a menu, as people write them out."""


def choice(text: str, options: Mapping[str, tuple[str, ...]]) -> str | None:
    """The key of the one option the whole message names, or None."""
    tokens = _without_politeness(words_of(text))
    if len(tokens) == 2 and tokens[0] in {"option", "number"}:
        tokens = tokens[1:]
    said = NUMERALS.get(" ".join(tokens), " ".join(tokens))
    exact = {key for key, ways in options.items() if said in ways}
    near = {key for key, ways in options.items() for way in ways if way.isalpha() and said in slips(way)}
    found = exact or near
    return found.pop() if len(found) == 1 else None


# Spelling -----------------------------------------------------------------------------------------------


def _clean(text: str) -> str:
    """One way of writing: NFKC, no case, straight apostrophes, nothing invisible."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    straight = folded.replace("\u2019", "'").replace("\u2018", "'")
    if straight.isascii():
        return straight
    return "".join(c for c in straight if unicodedata.category(c) != "Cf" and not "\ufe00" <= c <= "\ufe0f")


def words_of(text: str) -> list[str]:
    """The message's words, each without the punctuation, quotes and emoji around it."""
    return list(_words(text))


@lru_cache(16)  # one message is asked several things: is it a command, a choice, a pause in their own words
def _words(text: str) -> tuple[str, ...]:
    return tuple(bare for raw in _clean(text).split() if (bare := _bare(raw)))


def _bare(token: str) -> str:
    if token.isalnum():
        return token
    first, last = 0, len(token)
    while first < last and not token[first].isalnum():
        first += 1
    while last > first and not token[last - 1].isalnum():
        last -= 1
    return token[first:last]


def _without_politeness(tokens: list[str]) -> list[str]:
    if len(tokens) > 1 and tokens[0] in POLITE:
        tokens = tokens[1:]
    if len(tokens) > 1 and tokens[-1] in POLITE:
        tokens = tokens[:-1]
    return tokens


def _without_thanks(tokens: list[str]) -> list[str]:
    """STOP is a STOP also where they are thankful, after a please too."""
    for thanks in (["thanks"], ["thank", "you"], ["ta"], ["cheers"]):
        if len(tokens) > len(thanks) and tokens[-len(thanks) :] == thanks:
            return _without_politeness(tokens[: -len(thanks)])
    return tokens


def _small_number(token: str) -> int | None:
    is_small = token.isascii() and token.isdigit() and len(token) <= 2
    return int(token) if is_small and int(token) > 0 else None


def slips(word: str) -> set[str]:
    """The word with two neighbours swapped, a letter doubled or, from five letters up, a letter missing."""
    swapped = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
    doubled = {word[: i + 1] + word[i:] for i in range(len(word))}
    missing = {word[:i] + word[i + 1 :] for i in range(len(word))} if len(word) >= 5 else set()
    return (swapped | doubled | missing) - REAL_WORDS - {word}


def _spellings() -> dict[str, Command]:
    words = {command.value.casefold(): command for command in Command} | {"start": Command.READY}
    return {slip: command for word, command in words.items() for slip in slips(word)} | words


def _yes_no_spellings(words: Iterable[str]) -> dict[str, str]:
    return {slip: word for word in words for slip in slips(word)} | {"noo": "no", "nno": "no"}


_SPELLINGS = MappingProxyType(_spellings())
_YES_NO_SPELLINGS = MappingProxyType(_yes_no_spellings(["yes", "yeah", "okay", "agree", "disagree", "nope"]))
_PHRASE_MEANING = MappingProxyType({phrase: command for command, ways in PHRASES.items() for phrase in ways})
