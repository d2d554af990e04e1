"""People: by the words around a name, by lists of names, and by capitals inside a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.export import names
from bot.export.identifiers import ORDINARY
from bot.export.telling import PERSON, PLACE, Found, What
from bot.export.telling.tokens import Text, Token

_BETWEEN = re.compile(r"\s*[,:(–-]?\s*(?:[\"“'‘])?")
_TELLING = frozenset(["is", "was", "are", "called", "named", "name", "who", "who's", "whose", "by", "and"]) - {"and"}


def _related(text: Text) -> Iterator[Found]:
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
            yield Found(one.start, text.run(one).end, What.NAME, token.folded)


def _explained(text: Text) -> Iterator[Found]:
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
                yield Found(token.start, last.end, What.NAME, one.folded)
                break


def _titled(text: Text) -> Iterator[Found]:
    """`Dr Khan`, `Auntie Jo`, `Sister Mary`; and `mr khan`, as it is written on a phone."""
    for token in text.tokens:
        one = text.after(token)
        if token.folded not in names.TITLES or one is None or one.gap not in (" ", ". ", "."):
            continue
        if (token.capital and one.is_name) or (token.folded in ("mr", "mrs") and len(one.word) > 1):
            yield Found(one.start, text.run(one).end, What.NAME, PERSON)


def _called(text: Text) -> Iterator[Found]:
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
            yield Found(one.start, text.run(one).end, What.NAME, PERSON)


PEOPLE = (_related, _explained, _titled, _called)


def _listed_names(text: Text) -> Iterator[Found]:
    """Given names; everyday words such as May and Will only with a capital inside a sentence."""
    for token in text.tokens:
        if token.folded in ORDINARY:
            if token.capital and not (token.first or token.shouted or _is_a_day(text, token)):
                yield Found(token.start, text.run(token).end, What.NAME, PERSON)
        elif token.folded in names.GIVEN and (token.capital or token.folded not in names.LOWER_IS_A_WORD):
            yield Found(token.start, text.run(token).end if token.capital else token.end, What.NAME, PERSON)


def _is_a_day(text: Text, token: Token) -> bool:
    """Whether it is a month or a season: `in May`, `May 3rd`."""
    before = text.before(token)
    return (
        before is not None and before.folded in ("in", "last", "next", "since", "early", "late", "of", "until")
    ) or (re.match(r"\s*\d", text.plain[token.end :]) is not None)


def _saying(text: Text) -> Iterator[Found]:
    """At the beginning of a sentence a capital tells nothing; what the word does may: `Zinnia said`."""
    for token in text.tokens:
        if not token.first or not token.is_name or token.folded.endswith("s") or token.folded in names.RELATIONS:
            continue
        last = text.run(token)
        verb = text.after(last)
        if verb is not None and verb.gap == " " and verb.word in names.SAYING:
            yield Found(token.start, last.end, What.NAME, PERSON)


LISTED = (_listed_names, _saying)


def heard_before(text: Text, heard: frozenset[str]) -> Iterator[Found]:
    """Names that were told apart elsewhere, with a capital here."""
    for token in text.tokens:
        if token.capital and token.folded in heard:
            yield Found(token.start, token.end, What.NAME, PERSON)


def capitals(text: Text) -> Iterator[Found]:
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
        yield Found(token.start, text.run(token).end, What.PLACE if at else What.NAME, PLACE if at else PERSON)


def _goes_there(text: Text, token: Token) -> bool:
    before = text.before(token)
    return token.folded == "to" and before is not None and before.folded in names.GOING
