"""What is hard to read, too long or too dear in a schedule's texts, before anyone receives them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from bot.interview.schedule import PLACEHOLDERS, Question, Schedule, Text, Wording
from bot.messages import GSM7, GSM7_EXTENDED, gsm7_lookalike, gsm7_units, segments

MOST_WORDS = {Wording.STANDARD: 25, Wording.EASY_READ: 15}
LONGEST_QUESTION = 270
LONGEST_TEXT = 306
"""Two SMS segments in GSM-7, of 153 characters each."""

MOST_LETTERS = 12
"""So many letters are shown of those that SMS has not; a language may have hundreds."""

_LINK = re.compile(
    r"""
    \b[a-z][a-z0-9+.-]*://\S+  # a scheme
    | \bmailto:\S+
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+  # a mail address
    | \bwww\.\S+
    | \b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?(?:/\S*)?  # an address in figures
    | (?<![\w.])(?:[\w{}-]+\.)+(?:xn--[\w-]+|[^\W\d_]{2,24})(?!\w)(?::\d+)?(?:[/?\#]\S*)?  # word.tld/path
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Whatever a phone may show as a link. The end of a name has two letters or more: 'e.g.' and '9.30' are none."""


class Severity(Enum):
    """How much a finding matters."""

    WRONG = auto()
    """Who gets the text could come to harm: no server starts with it."""
    STYLE = auto()
    """Hard to read, or dear: `check` fails, and a study that people are in goes on."""
    NOTE = auto()
    """It may be meant so: `check` warns."""


Problem = tuple[Severity, str]
"""What is wrong with a text, with the mend, and how much it matters."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend: in which text, in which wording, and how.

    `place` is where the text stands in its file: an id or a name, and the keys below it.
    """

    where: str
    wording: Wording
    problem: str
    place: tuple[str | int, ...] = ()
    severity: Severity = Severity.WRONG

    def __str__(self) -> str:
        return f"{self.where} ({self.wording.value}): {self.problem}"


@dataclass(frozen=True, slots=True)
class Links:
    """The links that a text may hold, and in which file they are listed."""

    listed: frozenset[str] = frozenset()
    file: str = "links.txt"


NONE_LISTED = Links()


def lint(schedule: Schedule, links: Links = NONE_LISTED) -> list[Finding]:
    """Everything in the schedule that wants mending."""
    findings: list[Finding] = []
    for place, text in _texts(schedule):
        for wording in Wording:
            for severity, problem in _problems(text, wording, schedule, links):
                findings.append(Finding(" ".join(place), wording, problem, (*place, wording.value), severity))
    for question in schedule.questions:
        for number in range(len(question.prompts)):
            findings += _of_prompt(question, number, schedule, links)
    return findings if in_english(schedule) else [*findings, *_dear(schedule)]


def in_english(schedule: Schedule) -> bool:
    return schedule.language.partition("-")[0] == "en"


def _dear(schedule: Schedule) -> list[Finding]:
    """What it costs that a language has letters that SMS has not: said once, with the first text that has some."""
    dear = {place: words for place, words in _as_texted(schedule) if not_in_sms(words)}
    parts = sum(segments(gsm7_lookalike(words)) for words in dear.values())
    instead = sum(segments("x" * gsm7_units(words)) for words in dear.values())
    if parts == instead:
        return []
    letters = not_in_sms("".join(dear.values()))
    listed = ", ".join(letters[:MOST_LETTERS]) + (" ..." if len(letters) > MOST_LETTERS else "")
    who, them = ("holds", "it") if len(dear) == 1 else (f"and {len(dear) - 1} more texts hold", "them all")
    problem = (
        f"{who} {listed}: with such a letter an SMS part takes 67 characters, not 153. To send {them} costs {parts} "
        f"SMS parts, and without such letters {instead}"
    )
    first = next(iter(dear))
    return [Finding(str(first[0]), Wording.SHORT, problem, (*first, Wording.SHORT.value), Severity.NOTE)]


def _as_texted(schedule: Schedule) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text as an SMS, with everything filled in, and its place."""
    for place, text in _texts(schedule):
        yield place, _as_sent(text, schedule) if isinstance(text, Question) else filled(text.short)
    for question in schedule.questions:
        yield from (((question.id, "prompts", number), words) for number, words in enumerate(question.prompts))


def not_in_sms(words: str) -> list[str]:
    """The letters for which a whole SMS costs more, in order."""
    return sorted(set(gsm7_lookalike(words)) - GSM7 - GSM7_EXTENDED)


def warnings(words: str, wording: Wording, texted: bool) -> list[str]:
    """What is hard to read, or dear, in words that a researcher is about to send; `texted`: they go as an SMS."""
    most = MOST_WORDS.get(wording, MOST_WORDS[Wording.STANDARD])
    long = [sentence for sentence in _sentences(words) if len(sentence.split()) > most]
    found = [f"the sentence '{one[:40]}…' has {len(one.split())} words; use at most {most}" for one in long]
    signs = sorted({sign for sign in words if _is_picture(sign)})
    found += [f"holds the picture sign {_named(sign)}; say it in words" for sign in signs]
    if texted:
        dear = [sign for sign in not_in_sms(words) if sign not in signs]
        found += [f"holds {_named(sign)}, which makes every text cost more than twice as much" for sign in dear]
    return found


def _of_prompt(question: Question, number: int, schedule: Schedule, links: Links) -> list[Finding]:
    """A prompt is the same in every wording, so it must suit them all; what is wrong with it is said once."""
    prompt, place = question.prompts[number], (question.id, "prompts", number)
    text = Text(standard=prompt, easy_read=prompt, short=prompt)
    wrong = {problem: each for each in reversed(Wording) for problem in _problems(text, each, schedule, links)}
    where = f"{question.id} prompt '{prompt[:20]}…'"
    return [Finding(where, each, problem, place, severity) for (severity, problem), each in wrong.items()]


def _texts(schedule: Schedule) -> Iterator[tuple[tuple[str, ...], Text]]:
    """Every text with its place."""
    for section in schedule.sections:
        if section.intro:
            yield (section.id, "intro"), section.intro
    yield from (((question.id,), question) for question in schedule.questions)
    yield from (((statement.id,), statement) for statement in schedule.statements)
    yield from (((asked.id,), asked) for asked in schedule.eligibility)
    yield from (((key,), text) for key, text in schedule.texts.items())


def _problems(text: Text, wording: Wording, schedule: Schedule, links: Links) -> Iterator[Problem]:
    words = text.worded(wording)
    most = MOST_WORDS.get(wording)
    for sentence in _sentences(words) if most else ():
        if (count := len(sentence.split())) > (most or 0):
            yield Severity.STYLE, f"the sentence '{sentence[:40]}…' has {count} words; use at most {most}"
    for found in _LINK.findall(words):
        link = found.rstrip(".,;:!?)]'\"’”")
        if link not in links.listed:
            mend = "add it there, or, if it is no link, put a space after the full stop"
            yield Severity.WRONG, f"holds the link {link}, which is not in {links.file}: {mend}"
    for sign in sorted({sign for sign in words if _is_picture(sign)}):
        yield Severity.STYLE, f"holds the picture sign {_named(sign)}; say it in words"
    if wording is Wording.SHORT:
        yield from _short_problems(text, words, schedule)


def _short_problems(text: Text, words: str, schedule: Schedule) -> Iterator[Problem]:
    letters = (sign for sign in not_in_sms(words) if not _is_picture(sign))
    for sign in letters if in_english(schedule) else ():
        what = f"holds {_named(sign)}, which makes every text cost more than twice as much; use another character"
        yield Severity.STYLE, what
    longest = LONGEST_QUESTION if isinstance(text, Question) else LONGEST_TEXT
    if (units := gsm7_units(filled(words))) > longest:
        yield Severity.STYLE, f"has {units} characters with everything filled in; use at most {longest}"
    elif isinstance(text, Question) and (units := gsm7_units(_as_sent(text, schedule))) > LONGEST_TEXT:
        yield (
            Severity.STYLE,
            f"has {units} characters as it is sent, with its number and SKIP; use at most {LONGEST_TEXT}",
        )


def _as_sent(question: Question, schedule: Schedule) -> str:
    hint = schedule.texts["skip-first" if question.sensitive else "skip-hint"].short
    parts = ["" if question.closing else schedule.texts["progress"].short, question.short, hint]
    return filled(" ".join(part for part in parts if part))


def filled(words: str) -> str:
    """The text with each placeholder as long as it may get."""
    return re.sub(r"\{(\w+)\}", lambda found: "x" * PLACEHOLDERS[found[1]], words)


def _sentences(words: str) -> list[str]:
    """Split where a sentence ends: at . ? ! or : before a space or the end."""
    return [sentence for sentence in re.split(r"(?<=[.?!:])\s+", words) if sentence.strip()]


def _is_picture(sign: str) -> bool:
    return unicodedata.category(sign) == "So"


def _named(sign: str) -> str:
    return f"U+{ord(sign):04X} ({unicodedata.name(sign, 'no name').lower()})"
