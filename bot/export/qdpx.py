"""A QDA project (REFI-QDA 1.0, QDA-XML of 18 March 2019): a zip of project.qde and the texts in Sources.

What importers need beyond the schema, seen in QualCoder's: every text is a file named by `plainTextPath`, the project
names its origin, names of sources are unique, every note is dated, positions count code points on LF text.
The same data always give the same bytes: ids come from those of the rows, and no clock is asked.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TextIO, cast
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from bot.export.matrix import OWN, attributes
from bot.export.measures import many
from bot.export.reading import Study
from bot.export.record import Answer, Case, Cohort, Kind, Speaker, Turn
from bot.export.transcript import question_name, shown
from bot.export.writing import Passage, joined
from bot.interview.schedule import Question, Wording

NAMESPACE = "urn:QDA-XML:project:1.0"
ORIGIN = "Own Pace"
ZIP_TIME = (1980, 1, 1, 0, 0, 0)
REPLY = "Talk with a researcher"
NO_WORDS = "[no words]"
VARIABLES = OWN[1:]


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a source that is coded: positions in code points, the end not included."""

    name: str
    start: int
    end: int
    code: str
    notes: tuple[str, ...] = ()


@dataclass
class Source:
    """One participant's text as it grows, with what is coded in it."""

    lines: list[str] = field(default_factory=list)
    length: int = 0
    spans: list[Span] = field(default_factory=list)
    notes: list[tuple[str, Turn]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def add(self, text: str) -> tuple[int, int]:
        """Write a text; from where to where it stands now."""
        start = self.length
        self.lines.append(text)
        self.length += len(text)
        return start, self.length


class _Ids:
    """Stable ids: the same row of the same study has the same one in every export."""

    def __init__(self, study: Study) -> None:
        self._within = uuid5(NAMESPACE_URL, f"ownpace:{study.uow.vault.fingerprint}")

    def __call__(self, *parts: object) -> str:
        return str(uuid5(self._within, " ".join(map(str, parts))))


@dataclass(frozen=True, slots=True)
class Qdpx:
    """`case_codes`: a code with the id of each case over its whole text, which links them in QualCoder and NVivo."""

    case_codes: bool = False
    name: str = "qdpx"

    def passages(self, case: Case) -> Iterator[Passage]:
        yield from attributes(case)
        for answer in case.answers:
            for turn in (*answer.parts, *answer.replies, *answer.probes):
                yield Passage(f"question {answer.question}", turn.full)
            for turn in (*answer.asked, *answer.prompts):
                yield Passage(f"question {answer.question}", turn.text, ours=True)
        for turn in afterwards(case):
            yield Passage(turn.kind.value, turn.full)
        yield from joined(case)

    def write(self, study: Study, place: Path) -> None:
        _Project(study, place, self.case_codes).write()


def afterwards(case: Case) -> tuple[Turn, ...]:
    """What the person wrote that belongs to no question."""
    loose = (Kind.ASIDE, Kind.CONVERSATION, Kind.UNREAD)
    return tuple(turn for turn in case.heard if turn.kind in loose and turn.question is None)


class _Project:
    """One project being written: cases, sources and notes grow in files without a name, and are joined at the end."""

    def __init__(self, study: Study, place: Path, case_codes: bool) -> None:
        self.study = study
        self.place = place
        self.case_codes = case_codes
        self.ids = _Ids(study)
        self.moment = _moment(study.survey.last or datetime(1980, 1, 1, tzinfo=UTC))
        self.user = self.ids("user")
        self.codes = {(c.name, q.id): self.ids("question", c.name, q.id) for c, _, q in _questions(study.cohorts)}
        self.counts = {"answers": 0, "without words": 0, "replies": 0}

    def write(self) -> None:
        folder = self.place.parent
        with (
            ZipFile(self.place, "w", ZIP_DEFLATED, allowZip64=True) as file,
            _unnamed(folder) as cases,
            _unnamed(folder) as sources,
            _unnamed(folder) as notes,
        ):
            for case in self.study.cases("Writing the QDA project"):
                self._case(case, cases)
                self._source(case, file, sources, notes)
            self._audit_note(file, notes)
            with file.open(zipped("project.qde"), "w", force_zip64=True) as project:
                self._join(project, cases, sources, notes)

    def _join(self, project: IO[bytes], cases: TextIO, sources: TextIO, notes: TextIO) -> None:
        def put(text: str) -> None:
            project.write(text.encode())

        put('<?xml version="1.0" encoding="utf-8"?>\n')
        put(
            f'<Project xmlns="{NAMESPACE}" name="Interviews" origin="{ORIGIN}" creatingUserGUID="{self.user}" '
            f'creationDateTime="{self.moment}">\n'
        )
        put(f'<Users>\n<User guid="{self.user}" name="{ORIGIN}"/>\n</Users>\n')
        for line in self._codebook():
            put(line)
        for line in self._variables():
            put(line)
        for name, part in (("Cases", cases), ("Sources", sources), ("Notes", notes)):
            if part.tell():
                put(f"<{name}>\n")
                part.seek(0)
                shutil.copyfileobj(part.buffer, project)
                put(f"</{name}>\n")
        for line in self._sets():
            put(line)
        put(f'<Description>{escape(self._described())}</Description>\n<NoteRef targetGUID="{self.ids("audit")}"/>\n')
        put("</Project>\n")

    # The codebook: cohorts and sections are categories, questions are codes

    def _codebook(self) -> Iterator[str]:
        yield "<CodeBook>\n<Codes>\n"
        for cohort in self.study.cohorts:
            yield self._category(cohort.latest.title, "cohort", cohort.name)
            for section in cohort.sections:
                title = _newest(cohort, section)
                yield self._category(f"{title} ({cohort.latest.title})", "section", cohort.name, section)
                for _, where, question in _questions([cohort]):
                    if where == section:
                        described = f"<Description>{escape(_said_of(question))}</Description>"
                        yield _code(self.codes[cohort.name, question.id], self._code_name(cohort, question), described)
                yield "</Code>\n"
            yield "</Code>\n"
        objectives = self._objectives()
        if objectives:
            yield self._category("Objectives", "objectives")
            for number, questions in objectives.items():
                names = "Questions: " + ", ".join(question for _, question in questions)
                inner = f"<Description>{escape(names)}</Description>"
                yield _code(self.ids("objective", number), f"Objective {number}", inner)
            yield "</Code>\n"
        yield _code(self.ids("reply"), REPLY, "<Description>What a participant wrote to a researcher.</Description>")
        if self.case_codes and self.study.heads:
            yield self._category("Cases", "case codes")
            for head in self.study.heads:
                yield _code(self.ids("case", head.id), head.code)
            yield "</Code>\n"
        yield "</Codes>\n</CodeBook>\n"

    def _category(self, name: str, *of: str) -> str:
        return f'<Code guid="{self.ids("category", *of)}" name={quoteattr(name)} isCodable="false">\n'

    def _code_name(self, cohort: Cohort, question: Question) -> str:
        """Names of codes are unique in QualCoder, so a question that two cohorts have is called by its cohort too."""
        shared = sum(question.id in other.questions for other in self.study.cohorts) > 1
        return f"{question.id} ({cohort.latest.title})" if shared else question.id

    def _objectives(self) -> dict[int, list[tuple[str, str]]]:
        found: dict[int, list[tuple[str, str]]] = {}
        for cohort, _, question in _questions(self.study.cohorts):
            for number in question.objectives:
                found.setdefault(number, []).append((cohort.name, question.id))
        return dict(sorted(found.items()))

    def _sets(self) -> Iterator[str]:
        objectives = self._objectives()
        if objectives:
            yield "<Sets>\n"
            for number, questions in objectives.items():
                yield f'<Set guid="{self.ids("set", number)}" name="Objective {number}">\n'
                yield "".join(f'<MemberCode targetGUID="{self.codes[key]}"/>\n' for key in questions)
                yield "</Set>\n"
            yield "</Sets>\n"

    # Cases with their attributes

    def _names(self) -> dict[str, str]:
        """Names of variables, unique: what enrolment called like one of ours is marked."""
        return {n: f"{n} (attribute)" if n in VARIABLES else n for n in self.study.survey.attributes}

    def _variables(self) -> Iterator[str]:
        if not self.study.heads:
            return
        yield "<Variables>\n"
        for name in (*VARIABLES, *self._names().values()):
            yield f'<Variable guid="{self.ids("variable", name)}" name={quoteattr(name)} typeOfVariable="Text"/>\n'
        yield "</Variables>\n"

    def _case(self, case: Case, cases: TextIO) -> None:
        own = (
            case.head.cohort,
            case.schedule.version,
            case.language,
            case.wording,
            ", ".join(case.channels),
            case.head.state,
        )
        values = dict(zip(VARIABLES, own, strict=True))
        values |= {shown_as: case.attributes.get(name, "") for name, shown_as in self._names().items()}
        cases.write(f'<Case guid="{self.ids("case", case.head.id)}" name={quoteattr(case.code)}>\n')
        for name, value in values.items():
            cases.write(
                f'<VariableValue><VariableRef targetGUID="{self.ids("variable", name)}"/>'
                f"<TextValue>{escape(value)}</TextValue></VariableValue>\n"
            )
        cases.write(f'<SourceRef targetGUID="{self.ids("source", case.head.id)}"/>\n</Case>\n')

    # Sources with what is coded in them

    def _source(self, case: Case, file: ZipFile, sources: TextIO, notes: TextIO) -> None:
        source = _written(self.study, case)
        self._count(case, source)
        guid = self.ids("source", case.head.id)
        file.writestr(zipped(f"Sources/{guid}.txt"), source.text.encode())
        sources.write(
            f'<TextSource guid="{guid}" name={quoteattr(case.code)} plainTextPath="internal://{guid}.txt" '
            f'creatingUser="{self.user}" creationDateTime="{_moment(case.enrolled_at)}">\n'
        )
        for span in source.spans:
            code = self.ids("reply") if span.code == REPLY else self.codes[case.head.cohort, span.code]
            sources.write(self._selection(case, span, code))
        if self.case_codes and source.length:
            whole = Span("whole", 0, source.length, "")
            sources.write(self._selection(case, whole, self.ids("case", case.head.id)))
        sources.write("</TextSource>\n")
        for name, turn in source.notes:
            notes.write(
                f'<Note guid="{self.ids("note", turn.id)}" name={quoteattr(f"{case.code} {name}")} '
                f'creatingUser="{self.user}" creationDateTime="{_moment(turn.at)}">'
                f"<PlainTextContent>{escape(f'{turn.author}: {turn.text}')}</PlainTextContent></Note>\n"
            )

    def _selection(self, case: Case, span: Span, code: str) -> str:
        of = (case.head.id, span.name)
        by = f'creatingUser="{self.user}" creationDateTime="{_moment(case.enrolled_at)}"'
        notes = "".join(f'<NoteRef targetGUID="{self.ids("note", note)}"/>\n' for note in span.notes)
        return (
            f'<PlainTextSelection guid="{self.ids("selection", *of)}" name={quoteattr(f"{case.code} {span.name}")} '
            f'startPosition="{span.start}" endPosition="{span.end}" {by}>\n'
            f'<Coding guid="{self.ids("coding", *of)}" {by}><CodeRef targetGUID="{code}"/></Coding>\n'
            f"{notes}</PlainTextSelection>\n"
        )

    # The note that says what this is

    def _count(self, case: Case, source: Source) -> None:
        self.counts["answers"] += sum(span.code != REPLY for span in source.spans)
        self.counts["replies"] += sum(span.code == REPLY for span in source.spans)
        self.counts["without words"] += sum(bool(a.parts) and not a.text.strip() for a in case.answers)

    def _described(self) -> str:
        counts = self.counts
        return (
            f"{many(len(self.study.heads), 'interview')}, {many(counts['answers'], 'answer')}, each coded with its "
            f"question. {self.study.names}"
        )

    def _audit_note(self, file: ZipFile, notes: TextIO) -> None:
        """A named note with a file of its own: QualCoder makes it a journal entry."""
        guid = self.ids("audit")
        lines = [
            self._described(),
            f"Answers that hold no words and so are not coded: {self.counts['without words']}.",
            f"Replies to researchers, coded '{REPLY}': {self.counts['replies']}.",
            "Words that a participant took back are not here.",
            "Within a source the questions stand in the order of the schedule; the messages of one answer stand "
            "together, each on a line of its own. Prompts and what researchers wrote are notes of the answer.",
            *(
                f"Schedule {cohort.latest.title}, {cohort.latest.language}: version "
                f"{', '.join(schedule.version for schedule in cohort.schedules)}."
                for cohort in self.study.cohorts
            ),
        ]
        file.writestr(zipped(f"Sources/{guid}.txt"), "\n".join(lines).encode())
        notes.write(
            f'<Note guid="{guid}" name="About this export" plainTextPath="internal://{guid}.txt" '
            f'creatingUser="{self.user}" creationDateTime="{self.moment}"/>\n'
        )


def _written(study: Study, case: Case) -> Source:
    """A participant's text: each question with its answer whole, then what was said about it with a researcher."""
    source = Source()
    for answer in case.answers:
        if not (answer.parts or answer.replies):
            continue
        _ask(source, case, answer)
        if answer.parts:
            _answer(source, study, case, answer)
        _talk(source, study, answer)
    loose = afterwards(case)
    if loose:
        source.add("Belongs to no question\n")
        for turn in loose:
            source.add(f"{_stamp(study, [turn])}\n{turn.author}: {shown(turn)}\n")
    return source


def _ask(source: Source, case: Case, answer: Answer) -> None:
    source.add(f"{question_name(case, answer.question)}\n")
    if answer.asked:
        source.add(f"Bot: {answer.asked[0].text}\n")


def _answer(source: Source, study: Study, case: Case, answer: Answer) -> None:
    source.add(f"{_stamp(study, answer.parts)}\n{case.code}: ")
    notes = [*answer.prompts, *answer.probes]
    if answer.text.strip():
        start, end = source.add(answer.text)
        source.spans.append(Span(answer.question, start, end, answer.question, tuple(str(n.id) for n in notes)))
        source.notes += [(f"{'prompt' if n.kind is Kind.PROMPT else 'probe'} at {answer.question}", n) for n in notes]
    source.add(_besides(answer.parts, bool(answer.text.strip())))
    source.add("\n\n")


def _besides(parts: Iterable[Turn], words: bool) -> str:
    """What waits to be written up, after the coded words; or that there are none."""
    marks = [one.mark for part in parts for one in part.media if one.write_up is None]
    if not words:
        return " ".join(marks) or NO_WORDS
    return "".join(f"\n{mark}" for mark in marks)


def _talk(source: Source, study: Study, answer: Answer) -> None:
    talk = sorted((*answer.replies, *answer.probes), key=lambda turn: turn.id) if answer.replies else []
    stamped = ""
    for turn in talk:
        stamp = _stamp(study, [turn])
        source.add(f"{turn.author}: " if stamp == stamped else f"{stamp}\n{turn.author}: ")
        stamped = stamp
        start, end = source.add(turn.full if turn.full.strip() else turn.marked.strip() or NO_WORDS)
        if turn.speaker is Speaker.PARTICIPANT and turn.full.strip():
            source.spans.append(Span(f"reply {turn.id}{f' {turn.piece}' if turn.piece else ''}", start, end, REPLY))
        source.add("\n")
    if talk:
        source.add("\n")


def _stamp(study: Study, turns: Sequence[Turn]) -> str:
    """The days and channels of some turns: '24 November 2026 to 3 December 2026, by text message'."""
    days = list(dict.fromkeys(study.day(turn.at) for turn in turns))
    channels = dict.fromkeys(turn.channel for turn in turns)
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"{when}, by {' and '.join(channels)}"


def _questions(cohorts: Iterable[Cohort]) -> Iterator[tuple[Cohort, str, Question]]:
    """Every question of every cohort once, in order, with its section, as the newest version that has it says it."""
    for cohort in cohorts:
        newest = {q.id: (s.id, q) for schedule in cohort.schedules for s in schedule.sections for q in s.questions}
        for key in cohort.questions:
            yield (cohort, *newest[key])


def _newest(cohort: Cohort, section: str) -> str:
    """The title of a section in the newest version that has it."""
    return next(s.title for schedule in reversed(cohort.schedules) for s in schedule.sections if s.id == section)


def _said_of(question: Question) -> str:
    marks = [mark for mark in ("sensitive", "optional", "closing", "follow_up") if getattr(question, mark)]
    extra = f" ({', '.join(mark.replace('_', '-') for mark in marks)})" if marks else ""
    return question.worded(Wording.STANDARD) + extra


def _code(guid: str, name: str, inner: str = "") -> str:
    return f'<Code guid="{guid}" name={quoteattr(name)} isCodable="true">{inner}</Code>\n'


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def zipped(name: str) -> ZipInfo:
    """An entry of a zip with a time that never changes."""
    info = ZipInfo(name, ZIP_TIME)
    info.compress_type, info.external_attr = ZIP_DEFLATED, 0o600 << 16
    return info


def _unnamed(folder: Path) -> TextIO:
    """A file that is gone when it is closed, or when the program ends in any way."""
    return cast(TextIO, tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n", dir=folder))
