"""When a reminder is due in a silence, which one, or why none goes; and the open question in one line.

The ladder starts at our last question or reply that waits for the person. Any message of theirs starts it anew. When
it has been climbed a person decides what to do: there is never one more automatic message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

FIRST, LAST, DISCREET = "reminder-1", "reminder-2", "template-reopen"
"""The stock texts: while more may follow, for the last one of a silence, and for phones that others see."""

DAY = timedelta(days=1)

LONG_SILENCE = timedelta(days=3)
"""After so long, the next contact repeats the open question in one line."""


class Guard(StrEnum):
    """Why no reminder goes, in a coordinator's word; the first that holds is told."""

    LEFT = "left"
    STOPPED = "stopped"
    DECLINED = "declined"
    COMPLETE = "complete"
    HELD = "held"
    HANDED_OVER = "handed over"
    PAUSED = "paused"
    AWAY = "away"
    AWAITING_US = "awaiting us"
    NOT_ASKED = "not asked yet"
    FRESH = "asked only lately"
    SWITCHED_OFF = "reminders are off"
    LATELY = "reminded less than a day ago"
    ENOUGH_IN_SILENCE = "enough in this silence"
    ENOUGH_IN_INTERVIEW = "enough in this interview"


@dataclass(frozen=True, slots=True)
class Ladder:
    """The study's reminders: so long after our last message each, at most so many a silence and an interview."""

    steps: tuple[timedelta, ...] = (timedelta(days=4), timedelta(days=10))
    in_silence: int = 2
    in_interview: int = 6


@dataclass(frozen=True, slots=True)
class Silence:
    """What is known of one interview.

    `asked`: when our last message left that waits for the person: a question, or the reply to a word of theirs, but no
    reminder. `heard`: their last message. `reminded`: every reminder of the interview, in order, by hand or not.
    `guards`: what holds now, of LEFT to AWAITING_US. `discreet`: others may see their phone.
    """

    asked: datetime | None
    heard: datetime | None = None
    reminded: tuple[datetime, ...] = ()
    guards: frozenset[Guard] = frozenset()
    discreet: bool = False


@dataclass(frozen=True, slots=True)
class Remind:
    """A reminder, with its text, from this moment on: `quiet.next_allowed` says when it may really go."""

    due: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A task for a person, from this moment on: the ladder is climbed and nobody has answered."""

    due: datetime
    why: Guard


@dataclass(frozen=True, slots=True)
class Nothing:
    """No reminder, and the coordinator's word for why."""

    why: Guard


Decision = Remind | Ask | Nothing


USUAL = Ladder()


def decide(silence: Silence, ladder: Ladder = USUAL) -> Decision:
    """What comes next in this silence, if the person stays silent. The same facts always give the same answer."""
    why = _guard(silence)
    if why is None and not (ladder.steps and ladder.in_silence and ladder.in_interview):
        why = Guard.SWITCHED_OFF
    if why is not None or silence.asked is None:
        return Nothing(why or Guard.NOT_ASKED)
    due = _due(silence, silence.asked, ladder.steps)
    if (why := _enough(silence, ladder)) is not None:
        return Ask(due, why)
    return Remind(due, _text(silence, ladder))


def by_hand(silence: Silence, now: datetime, ladder: Ladder = USUAL) -> Remind | Nothing:
    """Whether a coordinator may remind now: the same guards and the same most, without waiting for the next step.

    Nobody is hurried whom we asked less than a day ago, or than the first step where that is shorter. Two on one day
    would be a burst, also where the first still waits for daylight.
    """
    fresh = silence.asked is not None and now - silence.asked < min((DAY, *ladder.steps[:1]))
    lately = silence.reminded and now - silence.reminded[-1] < DAY
    soon = Guard.FRESH if fresh else Guard.LATELY if lately else None
    why = _guard(silence) or _enough(silence, ladder) or soon
    return Nothing(why) if why is not None else Remind(now, _text(silence, ladder))


def repeats_question(now: datetime, heard: datetime | None, asked: datetime | None) -> bool:
    """Whether the next contact repeats the open question: three days since anything passed between us."""
    last = max((moment for moment in (heard, asked) if moment), default=now)
    return now - last >= LONG_SILENCE


_TAIL = " ,;:.-–—([{\"'“‘"
_PAIRS = {"(": ")", "[": "]", "“": "”", "‘": "’"}
_MARK = re.compile(r"\{\w*\}?")


def one_line(question: str, limit: int) -> str:
    """The question in one line of at most `limit` characters: whole sentences if they fit, else cut at a word.

    A cut ends in '...', never inside a {placeholder}, and leaves no bracket or quotation open.
    """
    line = " ".join(question.split())
    if len(line) <= limit:
        return line
    sentences = re.split(r"(?<=[.?!])\s+", line)
    asking = [sentence for sentence in sentences if sentence.endswith("?")]
    for candidate in (" ".join(asking), *asking[:1]):
        if candidate and len(candidate) <= limit:
            return candidate
    return _cut(asking[0] if asking else line, limit)


def _cut(line: str, limit: int) -> str:
    room = max(limit - 3, 0)
    ends = [found.start() for found in re.finditer(r"\s", line) if found.start() <= room]
    end = ends[-1] if ends else room
    for mark in _MARK.finditer(line):
        if mark.start() < end < mark.end():
            end = mark.start()
    kept = line[: _before_open(line[:end])].rstrip(_TAIL)
    return (kept + "...")[:limit]


def _before_open(line: str) -> int:
    """Where the line ends without whatever bracket or quotation it leaves open."""
    open_at: list[tuple[int, str]] = []
    for place, sign in enumerate(line):
        if sign in _PAIRS:
            open_at.append((place, _PAIRS[sign]))
        elif open_at and sign == open_at[-1][1]:
            open_at.pop()
    return open_at[0][0] if open_at and open_at[0][0] else len(line)


def _guard(silence: Silence) -> Guard | None:
    held = next((guard for guard in Guard if guard in silence.guards), None) if silence.guards else None
    if held is None and silence.asked is None:
        return Guard.NOT_ASKED
    if held is None and silence.asked and silence.heard and silence.heard >= silence.asked:
        return Guard.AWAITING_US
    return held


def _in_silence(silence: Silence) -> tuple[datetime, ...]:
    """The reminders since the person's last message."""
    return tuple(moment for moment in silence.reminded if silence.heard is None or moment > silence.heard)


def _enough(silence: Silence, ladder: Ladder) -> Guard | None:
    if len(_in_silence(silence)) >= _most(ladder):
        return Guard.ENOUGH_IN_SILENCE
    return Guard.ENOUGH_IN_INTERVIEW if len(silence.reminded) >= ladder.in_interview else None


def _most(ladder: Ladder) -> int:
    return min(ladder.in_silence, len(ladder.steps) or ladder.in_silence)


def _text(silence: Silence, ladder: Ladder) -> str:
    if silence.discreet:
        return DISCREET
    sent = len(_in_silence(silence))
    is_last = len(silence.reminded) + 1 == ladder.in_interview or (sent and sent + 1 == _most(ladder))
    return LAST if is_last else FIRST


def _due(silence: Silence, asked: datetime, steps: tuple[timedelta, ...]) -> datetime:
    """The next step after our question; a reminder that went late moves the one after it."""
    sent = _in_silence(silence)
    if not sent:
        return asked + steps[0]
    here = min(len(sent), len(steps) - 1)
    gap = steps[here] - steps[here - 1] if here else steps[0]
    return max(asked + steps[min(len(sent), len(steps) - 1)], max(sent) + gap)
