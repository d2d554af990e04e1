"""The methods report: how the interviews were held, for the methods section of a paper. No words of anybody.

Figures are for each cohort and channel; each chart stands with a table of the same figures. A participant counts with
the channel of their first message, a message with the channel it went by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bot.export.charts import Chart
from bot.export.document import Document, Heading, Paragraph, Part, Table, write
from bot.export.reading import Study
from bot.export.record import Case, Kind, Speaker, Turn
from bot.export.writing import Passage
from bot.interview.state import Progress, State

Group = tuple[str, str]
"""A cohort and a channel."""


class Figures(Counter[int]):
    """Whole numbers, counted: their median needs no list of them all."""

    def at(self, share: float) -> int | None:
        """The smallest number that at least this share of the numbers does not exceed."""
        passed, wanted = 0, share * self.total()
        for value in sorted(self):
            passed += self[value]
            if passed >= wanted:
                return value
        return None

    @property
    def median(self) -> int | None:
        return self.at(0.5)


@dataclass
class Tally:
    """What is counted in one cohort on one channel."""

    people: int = 0
    incoming: int = 0
    outgoing: int = 0
    answers: int = 0
    removed: int = 0
    reminders: int = 0
    prompts: int = 0
    probes: int = 0
    words: Figures = field(default_factory=Figures)
    parts: Figures = field(default_factory=Figures)
    minutes: Figures = field(default_factory=Figures)
    days: Figures = field(default_factory=Figures)


@dataclass
class Way:
    """How far the people of one cohort came. `reached` to `ended_here` are by question."""

    states: Counter[str] = field(default_factory=Counter)
    enrolled: int = 0
    consented: int = 0
    answering: int = 0
    reached: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    ended_here: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Methods:
    """The report as html or docx."""

    format: str
    name: str = "methods"

    def passages(self, case: Case) -> Iterator[Passage]:
        """It has no words of anybody."""
        return iter(())

    def write(self, study: Study, place: Path) -> None:
        counted = Count()
        for case in study.cases("Counting"):
            counted.see(case)
        write(Document("Methods report", list(counted.parts(study))), place, self.format)


class Count:
    """All that the report says, gathered case by case."""

    def __init__(self) -> None:
        self.tallies: dict[Group, Tally] = {}
        self.ways: dict[str, Way] = {}

    def see(self, case: Case) -> None:
        cohort = case.head.cohort
        way = self.ways.setdefault(cohort, Way())
        way.states[case.head.state] += 1
        way.enrolled += _has_come_in(case)
        way.consented += case.head.consented
        way.answering += any(answer.parts for answer in case.answers)
        own = [turn for turn in case.heard if turn.speaker is Speaker.PARTICIPANT]
        if own:
            self._tally(cohort, own[0].channel).people += 1
        for turn in case.turns:
            self._message(cohort, turn)
        self._answers(case, way)
        if case.head.state == State.COMPLETE:
            self._elapsed(case)

    def _tally(self, cohort: str, channel: str) -> Tally:
        return self.tallies.setdefault((cohort, channel), Tally())

    def _message(self, cohort: str, turn: Turn) -> None:
        if not turn.left:
            return
        tally = self._tally(cohort, turn.channel)
        tally.incoming += turn.speaker is Speaker.PARTICIPANT
        tally.outgoing += turn.speaker is not Speaker.PARTICIPANT
        tally.removed += turn.removed
        tally.reminders += turn.kind is Kind.REMINDER
        tally.prompts += turn.kind is Kind.PROMPT
        tally.probes += turn.kind is Kind.PROBE

    def _answers(self, case: Case, way: Way) -> None:
        for answer in case.answers:
            key = answer.question
            way.reached[key] += 1
            way.skipped[key] += answer.progress is Progress.SKIPPED
            if answer.parts:
                way.answered[key] += 1
                tally = self._tally(case.head.cohort, answer.parts[0].channel)
                tally.answers += 1
                tally.words[answer.words] += 1
                tally.parts[len(answer.parts)] += 1
                if answer.asked:
                    tally.minutes[max(0, _minutes(answer.asked[0].at, answer.parts[0].at))] += 1
        if case.head.state != State.COMPLETE and case.head.position in way.reached:
            way.ended_here[case.head.position] += 1

    def _elapsed(self, case: Case) -> None:
        parts = [part for answer in case.answers for part in answer.parts]
        asked = [turn.at for answer in case.answers for turn in answer.asked]
        if parts and asked:
            first, last = min(asked), max(part.at for part in parts)
            self._tally(case.head.cohort, parts[0].channel).days[_minutes(first, last) // (24 * 60)] += 1

    def enrolled(self) -> int:
        """How many had a place, in all cohorts."""
        return sum(way.enrolled for way in self.ways.values())

    # Saying it

    def parts(self, study: Study) -> Iterator[Part]:
        yield Paragraph(
            f"{len(study.heads)} people came forward whose figures may be told, and {self.enrolled()} of them were "
            "enrolled: the others wait for a place, or the study was not for them. Interviews were held by message, at "
            "each participant's own pace. A message counts with the channel it went by; a participant with that of "
            "their first message. Whose words an answer is in, where they said so, is in the data of export answers."
        )
        yield Paragraph(f"In transcripts and data: {study.names[0].lower()}{study.names[1:]}")
        yield Heading(1, "Who took part")
        yield Table("People, by cohort and state", *self._people())
        tallies = dict(sorted(self.tallies.items()))
        yield Heading(1, "Messages")
        head = (
            "Cohort and channel",
            "People",
            "From them",
            "To them",
            "Reminders",
            "Prompts",
            "Probes",
            "Taken back",
        )
        yield Table(
            "Messages, by cohort and channel",
            head,
            tuple(
                (name, *map(str, (t.people, t.incoming, t.outgoing, t.reminders, t.prompts, t.probes, t.removed)))
                for name, t in _named(tallies)
            ),
        )
        yield _chart("Messages from participants", "messages", {name: t.incoming for name, t in _named(tallies)})
        yield Heading(1, "Answers")
        yield Table("Answers, by cohort and channel", *_answer_table(tallies))
        yield _chart("Median words in an answer", "words", {n: t.words.median for n, t in _named(tallies)})
        yield _chart("Median minutes to the first answer", "minutes", {n: t.minutes.median for n, t in _named(tallies)})
        yield Heading(1, "Elapsed time")
        yield Table(
            "Days from the first question to the last answer, in interviews that are complete",
            ("Cohort and channel", "Complete", "Median days", "Shortest", "Longest"),
            tuple(
                (name, str(t.days.total()), *(_told(t.days.at(share)) for share in (0.5, 0, 1)))
                for name, t in _named(tallies)
            ),
        )
        for cohort in study.cohorts:
            yield from self._drop_out(cohort.name, cohort.questions)

    def _people(self) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
        ways = dict(sorted(self.ways.items()))
        rows = [
            ("Came forward", *(way.states.total() for way in ways.values())),
            ("Enrolled", *(way.enrolled for way in ways.values())),
            ("Consented", *(way.consented for way in ways.values())),
            ("Answered a question", *(way.answering for way in ways.values())),
            *((f"Now: {state.value}", *(way.states[state.value] for way in ways.values())) for state in State),
        ]
        return ("", *ways), tuple(tuple(map(str, row)) for row in rows)

    def _drop_out(self, cohort: str, questions: Iterable[str]) -> Iterator[Part]:
        way = self.ways.get(cohort, Way())
        asked = [key for key in questions if way.reached[key]]
        yield Heading(1, f"How far they came: {cohort}")
        yield Table(
            f"{cohort}, by question: an interview that is not complete rests at one of them",
            ("Question", "Asked", "Answered", "Skipped", "Rests here"),
            tuple(
                (key, str(way.reached[key]), str(way.answered[key]), str(way.skipped[key]), str(way.ended_here[key]))
                for key in asked
            ),
        )
        yield _chart(f"People asked, {cohort}", "people", {key: way.reached[key] for key in asked}, what="Question")
        yield _chart(f"Skips, {cohort}", "skips", {key: way.skipped[key] for key in asked}, what="Question")


def _has_come_in(case: Case) -> bool:
    """Whether they got as far as the statements: not while they wait for a place, or are asked who it is for."""
    begun = case.head.position or case.answers or case.head.state == State.COMPLETE
    asked_first = {each.id for each in case.schedule.eligibility}
    return bool(begun) and case.head.position not in asked_first


def _answer_table(tallies: Mapping[Group, Tally]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    head = (
        "Cohort and channel",
        "Answers",
        "Words, median",
        "Lower quarter",
        "Upper quarter",
        "Parts, median",
        "Minutes to first, median",
    )
    rows = tuple(
        (
            name,
            str(t.answers),
            _told(t.words.median),
            _told(t.words.at(0.25)),
            _told(t.words.at(0.75)),
            _told(t.parts.median),
            _told(t.minutes.median),
        )
        for name, t in _named(tallies)
    )
    return head, rows


def _named(tallies: Mapping[Group, Tally]) -> Iterator[tuple[str, Tally]]:
    for (cohort, channel), tally in tallies.items():
        yield f"{cohort}, {channel}", tally


def _chart(title: str, unit: str, bars: Mapping[str, int | None], what: str = "Cohort and channel") -> Chart:
    return Chart(title, what, unit, tuple((name, float(value or 0)) for name, value in bars.items()))


def _told(value: int | None) -> str:
    return "none" if value is None else str(value)


def _minutes(earlier: datetime, later: datetime) -> int:
    return int((later - earlier).total_seconds() // 60)
