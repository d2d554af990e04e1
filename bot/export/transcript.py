"""Transcripts: what was said, in the order in which it was said, as text, Markdown, a page or a Word document.

A turn begins its line with the speaker (`P07: `), so that QualCoder finds the speakers; the date and the channel stand
on their own line before it. A line inside a turn that begins like a turn, as in copied talk, is set off by a space.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from bot.export.document import Break, Document, Facts, Heading, Paragraph, Part, Said, Stamp, write
from bot.export.reading import Study
from bot.export.record import DATA, Case, Kind, Speaker, Turn
from bot.export.undecided import NAMES
from bot.export.writing import Passage, joined
from bot.interview.state import Progress

BOT_TEXTS = {
    "none": frozenset[Kind](),
    "questions": frozenset({Kind.QUESTION, Kind.PROMPT, Kind.REMINDER}),
    "all": frozenset({Kind.QUESTION, Kind.PROMPT, Kind.REMINDER, Kind.STOCK}),
}
"""Which of the bot's texts a transcript has."""


@dataclass(frozen=True, slots=True)
class Transcripts:
    """One file of one case, or a folder with a file for each.

    `times`: the time of day too; `steering`: commands, choices and consent replies too; `elided`: text that
    came along with one, of earlier messages as mail programs quote them, or around a short answer.
    """

    format: str
    one: bool = False
    bot: str = "questions"
    probes: bool = True
    times: bool = False
    steering: bool = False
    elided: bool = False
    name: str = "transcript"

    def passages(self, case: Case) -> Iterator[Passage]:
        for turn in self.turns(case):
            yield Passage(place(turn), turn.full, ours=turn.speaker is Speaker.BOT)
            if self.elided and turn.elided:
                yield Passage(f"{place(turn)}, text that came along", turn.elided)
        yield from joined(case)

    def turns(self, case: Case) -> tuple[Turn, ...]:
        """The turns that the transcript has."""
        return tuple(turn for turn in case.heard if self._wanted(turn))

    def _wanted(self, turn: Turn) -> bool:
        if turn.speaker is Speaker.PARTICIPANT:
            return self.steering or turn.kind in DATA
        if turn.kind in (Kind.PROBE, Kind.PROMPT) and not self.probes:
            return False
        return turn.speaker is Speaker.RESEARCHER or turn.kind in BOT_TEXTS[self.bot]

    def write(self, study: Study, place: Path) -> None:
        if not self.one:
            place.mkdir()
        for case in study.cases("Writing transcripts"):
            path = place if self.one else place / f"{case.code}.{self.format}"
            write(self.document(study, case), path, self.format)

    def document(self, study: Study, case: Case) -> Document:
        parts: list[Part] = [Heading(1, "About this interview"), Facts(cover(study, case)), Break()]
        parts.append(Heading(1, "Interview"))
        note = "Original words: may name people." if study.originals else "Codes for participants: may name others."
        return Document(f"Interview {case.code}", [*parts, *self._talk(study, case)], case.language, note)

    def _talk(self, study: Study, case: Case) -> Iterator[Part]:
        question, stamped = None, ""
        speakers = "|".join(re.escape(name) for name in {"Bot", case.code, *(turn.author for turn in case.turns)})
        begins = re.compile(rf"\n(?=(?:{speakers}):)", re.IGNORECASE)
        for turn in self.turns(case):
            if turn.question is not None and turn.question != question and self.format != "txt":
                question, stamped = turn.question, ""
                yield Heading(2, question_name(case, turn.question))
            stamp = f"{study.day(turn.at)}, by {turn.channel}"
            if self.times:
                stamp = f"{study.day(turn.at)}, {study.clock(turn.at)}, by {turn.channel}"
            if stamp != stamped:
                stamped = stamp
                yield Stamp(stamp)
            yield Said(turn.author, begins.sub("\n ", shown(turn)), turn.speaker.value)
            if self.elided and turn.elided.strip():
                yield Paragraph(_quoted(turn.elided))


def _quoted(text: str) -> str:
    """Text that came along: no line of it begins like a turn."""
    return "\n".join(["[text that came along]", *(f"> {line}" for line in text.split("\n"))])


def question_name(case: Case, key: str) -> str:
    """How a question is called: 'Question 3, a-reach', or for the last one 'Closing question, a-close'."""
    try:
        question = case.schedule.question(key)
    except KeyError:
        return f"Question {key}"
    return f"Closing question, {key}" if question.closing else f"Question {case.schedule.number(key)}, {key}"


def shown(turn: Turn) -> str:
    """The words of a turn, with a mark for what came besides them, and where there are none or they did not arrive."""
    failed = {"refused": "[not delivered]", "failed": "[not delivered]", "unknown": "[perhaps not delivered]"}
    said = turn.marked if turn.marked.strip() else ""
    return " ".join(filter(None, [said, failed.get(turn.delivery, "")])) or "[no words]"


def place(turn: Turn) -> str:
    """Where a turn stands, for a person who looks for it."""
    return f"question {turn.question}" if turn.question else turn.kind.value


def cover(study: Study, case: Case) -> tuple[tuple[str, str], ...]:
    """The facts of how the interview was held."""
    heard = case.heard
    own = [turn for turn in heard if turn.speaker is Speaker.PARTICIPANT]
    answers = [answer for answer in case.answers if answer.parts]
    days = f"{study.day(own[0].at)} to {study.day(own[-1].at)}" if own else "nothing yet"
    researchers = dict.fromkeys(t.author for t in heard if t.speaker is Speaker.RESEARCHER)
    return (
        ("Participant", case.code),
        ("Cohort", case.head.cohort),
        ("Schedule", f"{case.schedule.title}, version {case.schedule.version}"),
        ("Language and wording", f"{case.language}, {case.wording.replace('_', ' ')}"),
        ("State", case.head.state),
        ("Channels", ", ".join(case.channels) or "none yet"),
        ("Messages by channel", _by_channel(own)),
        ("From and to", days),
        ("Longest silence", _silence(own)),
        ("Messages", f"{len(own)} from the participant, {len(heard) - len(own)} to them"),
        ("Answers", f"{len(answers)}, {sum(answer.words for answer in answers)} words"),
        ("Questions skipped", str(sum(answer.progress is Progress.SKIPPED for answer in case.answers))),
        ("Voice notes, pictures, videos and files", _besides(own)),
        ("Changed after sending", str(sum(turn.edits > 0 for turn in own))),
        ("Stock prompts", str(sum(len(answer.prompts) for answer in case.answers))),
        ("Written by researchers", f"{count(heard, Kind.PROBE)} ({', '.join(researchers) or 'nobody'})"),
        ("Reminders", str(count(heard, Kind.REMINDER))),
        ("Taken back by the participant", str(sum(turn.removed for turn in case.turns))),
        *_names(study, case),
    )


def _names(study: Study, case: Case) -> tuple[tuple[str, str], ...]:
    if study.originals:
        return (("Words", "original"),)
    return ("Names", NAMES), ("Suggestions of names that are undecided", study.undecided.of(case.code))


def _by_channel(turns: Iterable[Turn]) -> str:
    """'text message 12, email 3'; of the participant's own."""
    counted = Counter(turn.channel for turn in turns)
    return ", ".join(f"{channel} {number}" for channel, number in counted.items()) or "none yet"


def _silence(turns: Sequence[Turn]) -> str:
    """The longest time from one message of the participant to their next."""
    longest = max((later.at - earlier.at for earlier, later in pairwise(turns)), default=timedelta())
    return f"{longest.days} days" if longest.days else "less than a day"


def _besides(turns: Iterable[Turn]) -> str:
    came = [one for turn in turns for one in turn.media]
    written = [one.write_up for one in came if one.write_up is not None]
    checked = sum(bool(one.checked_by) for one in written)
    return f"{len(came)}, of these {len(written)} written up and {checked} checked" if came else "none"


def count(turns: Iterable[Turn], kind: Kind) -> int:
    return sum(turn.kind is kind for turn in turns)
