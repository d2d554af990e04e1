"""Which words of a mail its writer wrote now, and which are quoted.

We know what we sent, so quotes of it are found by matching; what mail programs put around a quote ("On … wrote:",
Outlook's headers, signatures) is found by its form. Losing a person's words is the worst error: what is in doubt stays.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from channels.email import frames
from channels.email.mail import storable

MARKER = "Reply above this line"
"""Stands at the end of what we want answered in each of our mails."""

ONLY_QUOTED = "only quoted text was found"
FOREIGN = "the mail holds a text that we did not send"


@dataclass(frozen=True, slots=True)
class Reply:
    """A mail, split. Every line of it that is not blank is in `answer` or in `elided`.

    Where the person wrote between or below quoted lines, `answer` has each of their texts under the quote that it
    answers, the quote's lines starting with `>`. `doubt` says in words why a person should look; then nothing was cut,
    or something was kept or cut that is perhaps not right.
    """

    answer: str = field(repr=False)
    elided: str = field(repr=False)
    doubt: str = ""


class Role(Enum):
    """What one line is."""

    BLANK = auto()
    OWN = auto()
    TYPED = auto()  # the person's own, typed within our quoted text, so that it has quote marks
    OURS = auto()  # we sent it
    QUOTED = auto()  # quoted, and not known to be ours
    FRAME = auto()  # what a mail program writes above a quote
    ENDING = auto()  # a signature after "-- ", or "Sent from my iPhone"


THEIRS = (Role.OWN, Role.TYPED)


@dataclass(frozen=True, slots=True)
class Line:
    """One line, as written and without its quote marks; `words` for comparing."""

    text: str
    depth: int
    body: str
    words: tuple[str, ...]

    @property
    def blank(self) -> bool:
        return not self.body.strip() or (not self.words and not _says_something(self.body))


def split(text: str, sent: Sequence[str], marker: str = MARKER) -> Reply:
    """The person's own words of a mail; `sent` are the plain texts that we sent to this person.

    Nothing is cut where only blank lines stand above. An answer that would be empty, or have under a fifth of the words
    that stand outside quotes, is not believed: the whole text is the answer then, with a doubt.
    """
    text = storable(text).strip("\n")
    lines = _unescaped([_line(written) for written in text.split("\n")])
    roles, doubt = _roles(lines, Sent(sent), marker)
    own = [line for line, role in zip(lines, roles, strict=True) if role in THEIRS]
    if set(roles) <= {Role.OWN, Role.BLANK}:
        return Reply(text, "", doubt)
    if not own:
        return Reply(text, "", ONLY_QUOTED)
    if _count(own) < 0.2 * _outside_quotes(lines, roles, bool(sent)):
        return Reply(text, "", "most of this mail is not ours and may be the answer")
    return replace(_assembled(lines, roles), doubt=doubt)


# Lines and words

_MARKS = re.compile(r"[ \t\u00a0]{0,3}(?:>[ \t\u00a0]?)+")
_LINK = re.compile(r"<(?:https?|mailto|tel):[^<>\s]*>|(?:https?|mailto):[^\s<>]+|<[^<>\s]+@[^<>\s]+>|\[cid:[^\]]*\]")
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_DECORATION = re.compile(r"[\s\-_=*~#>|<•·.,:;\u2013\u2014\u2022\u00a0]*")


def _line(text: str) -> Line:
    marks = _MARKS.match(text)
    depth = marks.group().count(">") if marks else 0
    body = text[marks.end() :] if marks else text
    return Line(text.rstrip(), depth, body.strip(), words(body))


def words(text: str) -> tuple[str, ...]:
    """Words for comparing, however a mail program changed quotes, dashes, case, links or line breaks.

    Chinese, Japanese and Thai are taken by the letter, since they break lines anywhere. A sign such as 👍 is a word.
    """
    plain = unicodedata.normalize("NFKC", _LINK.sub(" ", text)).casefold()
    return tuple(_ASCII_WORD.findall(plain) if plain.isascii() else _words(plain))


def _words(text: str) -> Iterator[str]:
    word = ""
    for letter in text:
        sort = unicodedata.category(letter)
        if sort[0] in "LN" and not _stands_alone(letter):
            word += letter
        elif sort[0] == "M" or sort == "Cf":
            word += letter if word and sort[0] == "M" else ""
        else:
            if word:
                yield word
            word = ""
            if sort[0] in "LN" or (sort[0] == "S" and not letter.isascii()):
                yield letter
    if word:
        yield word


def _stands_alone(letter: str) -> bool:
    return "\u0e00" <= letter <= "\u0eff" or "\u3040" <= letter <= "\u30ff" or "\u3400" <= letter <= "\u9fff"


def _says_something(body: str) -> bool:
    """Whether a line without words is more than a ruler or a lone bullet: "?", "!" and "+" are answers."""
    return not _DECORATION.fullmatch(body)


def _count(lines: Sequence[Line]) -> int:
    return sum(len(line.words) for line in lines)


def _unescaped(lines: list[Line]) -> list[Line]:
    """Mail stores write ">From" for a line that begins with "From"; alone among unquoted lines it is no quote."""
    out = list(lines)
    for at, line in enumerate(lines):
        near = [other.depth for other in (*lines[max(0, at - 1) : at], *lines[at + 1 : at + 2])]
        if line.text.startswith(">From ") and not any(near):
            out[at] = replace(line, depth=0)
    return out


# What we sent


class Sent:
    """Our own texts as one long row of words, in which lines of a quote are looked up."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.row: list[str] = []
        self.starts: set[int] = set()
        self.ends: set[int] = set()
        self.edges: set[int] = set()
        for text in texts:
            self.edges.add(len(self.row))
            for line in text.splitlines():
                if found := words(line):
                    self.starts.add(len(self.row))
                    self.row += found
                    self.ends.add(len(self.row))
            self.edges.add(len(self.row))
            self.row.append("\0")  # no word: texts do not run into each other
        self.at: dict[str, list[int]] = {}
        for place, word in enumerate(self.row):
            self.at.setdefault(word, []).append(place)

    def find(self, line: Line) -> list[tuple[int, int]]:
        """Where the whole line stands in our texts, as (first word, one past the last)."""
        wanted = list(line.words)
        if not wanted:
            return []
        rarest = min(range(len(wanted)), key=lambda n: len(self.at.get(wanted[n], ())))
        places = (place - rarest for place in self.at.get(wanted[rarest], ()))
        return [(at, at + len(wanted)) for at in places if at >= 0 and self.row[at : at + len(wanted)] == wanted]


def _ours(lines: Sequence[Line], sent: Sent, frame: Sequence[bool]) -> list[bool]:
    """Which lines repeat ours.

    A short line proves nothing by itself, for the person may use the same words: it must go on where the line before
    ended, or lead to where the next begins. Outside quote marks it must do both, or be long.
    """
    found = [sent.find(line) for line in lines]
    spoken = [at for at, line in enumerate(lines) if line.words]
    ours = [False] * len(lines)
    for n, at in enumerate(spoken):
        before, after = (spoken[n - 1] if n else None), (spoken[n + 1] if n + 1 < len(spoken) else None)
        ours[at] = any(
            _believed(
                lines[at],
                (start, end),
                goes_on=_follows(before, start, found, sent, frame),
                leads_on=_leads(after, end, found, sent, frame),
                sent=sent,
            )
            for start, end in found[at]
        )
    return ours


def _follows(
    before: int | None, start: int, found: list[list[tuple[int, int]]], sent: Sent, frame: Sequence[bool]
) -> bool:
    if before is None or frame[before]:
        return start in sent.starts
    return any(end == start for _, end in found[before])


def _leads(after: int | None, end: int, found: list[list[tuple[int, int]]], sent: Sent, frame: Sequence[bool]) -> bool:
    if after is not None and any(start == end for start, _ in found[after]):
        return True
    return end in sent.edges


def _believed(line: Line, place: tuple[int, int], *, goes_on: bool, leads_on: bool, sent: Sent) -> bool:
    start, end = place
    long = len(line.words) >= (4 if line.depth else 10)
    whole = start in sent.starts and end in sent.ends
    if line.depth:
        return long or whole or goes_on or leads_on
    return long or (goes_on and leads_on) or (len(line.words) >= 4 and (goes_on or leads_on))


# Roles


def _roles(lines: list[Line], sent: Sent, marker: str) -> tuple[list[Role], str]:
    kinds = frames.find([(line.depth, line.body) for line in lines], [line.words for line in lines], words(marker))
    ours = _ours(lines, sent, [kind is not None for kind in kinds])
    for at, known in enumerate(ours):
        if known and kinds[at] is frames.Kind.MARKER:
            kinds[at] = None  # a part of our text like any other
    roles = [_first_guess(line, bool(kind), known) for line, kind, known in zip(lines, kinds, ours, strict=True)]
    known = len(sent.at) > 1
    doubts: list[str] = []
    if known:
        doubts += _judge_quotes(lines, roles)
    else:
        _distrust_lone_marks(lines, roles)
    doubts += _judge_below_frames(lines, roles, kinds, known)
    _keep_echoes(lines, roles)
    if FOREIGN not in doubts:  # whose signature it would be, nobody knows
        _find_endings(lines, roles)
    return roles, next(iter(doubts), "")


def _first_guess(line: Line, framed: bool, known: bool) -> Role:
    if framed:
        return Role.FRAME
    if known:
        return Role.OURS
    if line.depth:
        return Role.QUOTED
    return Role.BLANK if line.blank else Role.OWN


def _runs(lines: list[Line], roles: list[Role]) -> Iterator[tuple[int, int]]:
    """Stretches of lines with quote marks, blank lines between them included, as (first, one past the last)."""
    at = 0
    while at < len(lines):
        if not lines[at].depth:
            at += 1
            continue
        last = at
        for after in range(at, len(lines)):
            if lines[after].depth:
                last = after
            elif roles[after] is not Role.BLANK:
                break
        yield at, last + 1
        at = last + 1


def _judge_quotes(lines: list[Line], roles: list[Role]) -> list[str]:
    """Quoted lines that we did not send are the person's: typed within our text, or of a text that they show us.

    So is the head above, where nothing below it is ours.
    """
    doubts = []
    for first, end in _runs(lines, roles):
        unknown = [at for at in range(first, end) if roles[at] is Role.QUOTED and not lines[at].blank]
        heads = [at for at in range(_head_start(roles, first), end) if roles[at] is Role.FRAME]
        if not unknown:
            continue
        if any(role is Role.OURS for role in roles[first:end]):
            _set(roles, unknown, Role.TYPED)
            doubts.append("words that we did not send stand within our quoted text")
        else:
            _set(roles, [*heads, *unknown], Role.OWN)
            doubts += [FOREIGN] if heads else []
    return doubts


def _set(roles: list[Role], places: Sequence[int], role: Role) -> None:
    for at in places:
        roles[at] = role


def _distrust_lone_marks(lines: list[Line], roles: list[Role]) -> None:
    """One line with `>` and no head anywhere above may be "> 5 times a day"."""
    for first, end in _runs(lines, roles):
        inside = [at for at in range(first, end) if not lines[at].blank]
        if len(inside) == 1 and roles[inside[0]] is Role.QUOTED and Role.FRAME not in roles[:first]:
            roles[inside[0]] = Role.OWN


def _judge_below_frames(
    lines: list[Line], roles: list[Role], kinds: list[frames.Kind | None], known: bool
) -> list[str]:
    """Text without quote marks under a mail's head, up to the next head: the person's, unless all of it is ours.

    They may show us somebody's mail and go on below it, and nothing tells where that mail ends. Only where we do not
    know what we sent is it taken for a quote, if something of theirs stands above.
    """
    doubts = []
    for first, end in _sections(roles):
        inside = [at for at in range(first, end) if roles[at] is not Role.BLANK]
        if not inside or lines[inside[0]].depth or any(roles[at] is Role.OURS for at in inside):
            continue
        start = _head_start(roles, first)
        theirs_above = any(role in (*THEIRS, Role.OURS) for role in roles[:start])
        if known or not theirs_above:
            roles[start:first] = [Role.BLANK if lines[at].blank else Role.OWN for at in range(start, first)]
            doubts += [FOREIGN] if theirs_above and kinds[first - 1] is not frames.Kind.WEAK else []
        else:
            _set(roles, [at for at in inside if roles[at] is Role.OWN], Role.QUOTED)
    return doubts


def _sections(roles: list[Role]) -> Iterator[tuple[int, int]]:
    """What stands under each head, up to the next, as (first, one past the last)."""
    starts = [at + 1 for at in range(len(roles)) if roles[at] is Role.FRAME and not _goes_on(roles, at)]
    for start in starts:
        after = [at for at in range(start, len(roles)) if roles[at] is Role.FRAME]
        yield start, (after[0] if after else len(roles))


def _goes_on(roles: list[Role], at: int) -> bool:
    below = [role for role in roles[at + 1 :] if role is not Role.BLANK]
    return bool(below) and below[0] is Role.FRAME


def _head_start(roles: list[Role], first: int) -> int:
    """Where the head right above this line begins; the line itself where there is none."""
    at = first
    while at > 0 and roles[at - 1] in (Role.FRAME, Role.BLANK):
        at -= 1
    return at


def _keep_echoes(lines: list[Line], roles: list[Role]) -> None:
    """A line of ours without quote mark, head above or others of ours around it: the person wrote it again."""
    seen_frame = False
    for at, role in enumerate(roles):
        seen_frame = seen_frame or role is Role.FRAME
        if role is Role.OURS and not lines[at].depth and not seen_frame and not _beside_ours(roles, at):
            roles[at] = Role.OWN


def _beside_ours(roles: list[Role], at: int) -> bool:
    before = [role for role in roles[:at] if role is not Role.BLANK][-1:]
    after = [role for role in roles[at + 1 :] if role is not Role.BLANK][:1]
    return Role.OURS in before or Role.OURS in after


def _find_endings(lines: list[Line], roles: list[Role]) -> None:
    """Signatures after "-- " and taglines such as "Sent from my iPhone", below some words of the person's."""
    for at, line in enumerate(lines):
        if line.depth or roles[at] not in (Role.OWN, Role.BLANK) or Role.OWN not in roles[:at]:
            continue
        chunk = _chunk(roles, at)
        if line.text.rstrip() == "--" and _is_signature([lines[n] for n in chunk[1:]]):
            for n in chunk:
                roles[n] = Role.ENDING
    for first, end in list(_own_stretches(roles)):
        at = end - 1
        while at >= first and (roles[at] is Role.BLANK or frames.is_tagline(lines[at].body)):
            if roles[at] is Role.OWN and Role.OWN in roles[:at]:
                roles[at] = Role.ENDING
            at -= 1


def _chunk(roles: list[Role], at: int) -> list[int]:
    """The lines from here to the next quote or the end."""
    after = [n for n in range(at, len(roles)) if roles[n] not in (Role.OWN, Role.BLANK)]
    return list(range(at, after[0] if after else len(roles)))


def is_signature(text: Sequence[str]) -> bool:
    """Whether lines may be a signature: few of them, few words, and no sentence."""
    return _is_signature([_line(written) for written in text])


_SENTENCE = re.compile(r"[.!?…]\W*$")


def _is_signature(lines: list[Line]) -> bool:
    """At most ten lines and sixty words, and no sentence: people draw a "--" between two parts of an answer, too."""
    said = [line for line in lines if not line.blank]
    return 0 < len(said) <= 10 and _count(said) <= 60 and not any(map(_is_sentence, said))


_FIRST_PERSON = frozenset({"i", "me", "my", "dw", "rwy", "rwyf", "fi"})


def _is_sentence(line: Line) -> bool:
    """A line of many words, or of some and a full stop or an "I"; names, addresses and numbers have none of these."""
    says = bool(_SENTENCE.search(line.body)) or not _FIRST_PERSON.isdisjoint(line.words)
    return len(line.words) > 9 or (len(line.words) >= 3 and says)


def _own_stretches(roles: list[Role]) -> Iterator[tuple[int, int]]:
    first = None
    for at, role in enumerate([*roles, Role.FRAME]):
        if role in (Role.OWN, Role.BLANK):
            first = at if first is None else first
        elif first is not None:
            yield first, at
            first = None


# Putting together


def _outside_quotes(lines: list[Line], roles: list[Role], known: bool) -> int:
    """Words that no quote mark and nothing we sent explains; a mail's head explains them only where we sent nothing."""
    counted = {Role.OWN, Role.QUOTED} if known else {Role.OWN}
    return _count([line for line, role in zip(lines, roles, strict=True) if role in counted and not line.depth])


def _assembled(lines: list[Line], roles: list[Role]) -> Reply:
    """The person's texts, each under the quote that it answers where there is one above it."""
    answer: list[str] = []
    elided: list[str] = []
    quote: list[int] = []
    last_own = max(at for at, role in enumerate(roles) if role in THEIRS)
    for at, (line, role) in enumerate(zip(lines, roles, strict=True)):
        if at > last_own or role in (Role.FRAME, Role.ENDING):
            elided.append(line.text)
        elif role in (Role.OURS, Role.QUOTED) or (role is Role.BLANK and quote):
            quote.append(at)
        else:
            kept = _answered(lines, roles, quote)
            answer += _shown(lines, quote, kept)
            elided += [lines[n].text for n in quote if n not in kept]
            answer.append(line.body if role is Role.TYPED else line.text)
            quote = []
    return Reply(_tidy(answer), _tidy(elided))


def _answered(lines: list[Line], roles: list[Role], quote: list[int]) -> set[int]:
    """Which lines of a quote the text below it answers: a foreign one whole; of ours its questions or last part."""
    if not any(roles[at] is Role.OURS for at in quote):
        return set(quote)
    parts: list[list[int]] = [[]]
    for at in quote:
        parts = [*parts, []] if lines[at].blank else [*parts[:-1], [*parts[-1], at]]
    said = [part for part in parts if part]
    asking = [part for part in said if any(mark in lines[at].body for at in part for mark in "?؟？")]
    return {at for part in (asking or said[-1:]) for at in part}


def _shown(lines: list[Line], quote: list[int], kept: set[int]) -> list[str]:
    """The kept lines with quote marks, set off by blank lines."""
    bare = [lines[at] for at in quote if at in kept]
    shown = [line.text if line.depth or line.blank else f"> {line.body}" for line in bare]
    return ["", *shown, ""] if quote else []


def _tidy(lines: list[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n")
