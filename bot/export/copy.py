"""A participant's own copy: the questions in their wording, and under each what they said, line by line.

Their words are there as they said them, whatever stands for some of them in exports. It holds no text of the program
besides the questions, no note of the team, and no name of a researcher. A line that was taken out keeps its number and
says so; one that was changed stands beside what it was before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from bot.errors import OwnPaceError
from bot.export.document import Document, Heading, Paragraph, Part, Said, Stamp, write
from bot.export.measures import tidy
from bot.export.reading import Study
from bot.export.record import DATA, WRITTEN, Case, Kind, Medium, Scope, Speaker, Turn
from bot.export.writing import new_place
from bot.interview.schedule import Wording
from bot.interview.wording import fill, stock
from bot.records import participants
from bot.records.database import Database
from bot.records.participants import Participant, Terms
from bot.records.tables import messages
from bot.records.unit_of_work import UnitOfWork

TAKEN_OUT = "[this line was taken out]"


@dataclass(frozen=True, slots=True)
class Line:
    """One message of theirs. `number`: the message's own, so that it is the same in every copy, whatever is linked or
    moved between two of them; `earlier`: what it was before it was changed."""

    number: int
    text: str
    at: datetime
    channel: str
    removed: bool
    earlier: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """What was asked, by the study or by a researcher, and the lines that answer it; '' where it was no question."""

    question: str
    probe: bool
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """The whole copy."""

    intro: str
    language: str
    blocks: tuple[Block, ...]

    def paragraphs(self) -> list[str]:
        """As plain text: the introduction, then a paragraph for each question with its lines."""
        return [self.intro, *("\n".join(_plain(block)) for block in self.blocks)]


def read(uow: UnitOfWork, terms: Terms, code: str) -> Copy:
    """The copy of the participant with this code. Raises OwnPaceError where there is nothing of theirs."""
    person = participants.named(uow, terms, code)
    study = _record(uow, person)
    (case,) = study.cases("")
    cutoff = person.interview.person.cutoff
    late = uow.now.astimezone(person.interview.person.timezone).date() > cutoff
    intro = stock(person.interview, ["copy-late" if late else "copy-intro"])
    return Copy(intro, case.language, tuple(_blocks(uow, person, case, study.researchers)))


def put(
    database: Database, terms: Terms, code: str, out: Path, format_: str, force: bool, actor: str, to: str = ""
) -> int:
    """Write it as a document, and that it was written into the trail; how many lines it has.

    `to`: where it goes from there. Raises OwnPaceError where nothing of theirs may leave any more when all of it is
    written: nothing is there then.
    """
    with new_place(out, force) as place:
        lines = database.read_now(_write, terms, code, place, format_)
        database.run_now(_note, terms, code, to or str(out.resolve()), actor)
    return lines


def _write(uow: UnitOfWork, terms: Terms, code: str, place: Path, format_: str) -> int:
    copy = read(uow, terms, code)
    person = participants.named(uow, terms, code)
    write(Document(terms.study.name, list(_parts(copy, person)), copy.language), place, format_)
    return sum(len(block.lines) for block in copy.blocks)


def _note(uow: UnitOfWork, terms: Terms, code: str, to: str, actor: str) -> None:
    """Write into the trail to where a copy goes. Raises OwnPaceError where it may not leave any more."""
    person = participants.named(uow, terms, code)
    _record(uow, person)
    uow.note(actor, "exported", person.code, what="copy", codes=[person.code], to=to)


def _record(uow: UnitOfWork, person: Participant) -> Study:
    """Their record alone. Raises OwnPaceError where it may not leave any more."""
    zone, of = person.interview.person.timezone, (person.code,)
    study = Study(uow, zone, codes=of, scope=Scope.ENROLLED, originals=True, whole=True)
    if not study.heads:
        raise OwnPaceError(f"{person.code} has asked for their answers to be deleted, so no copy is made.")
    return study


# Making it


def _blocks(uow: UnitOfWork, person: Participant, case: Case, researchers: Iterable[str]) -> Iterator[Block]:
    """In the order in which it was said; what answers the same question without anything between stands together."""
    earlier = _earlier(uow, person)
    asked = ("", False)
    lines: list[Line] = []
    for turn in case.turns:
        if turn.speaker is Speaker.PARTICIPANT and turn.kind in DATA:
            if not (turn.text.strip() or turn.media or turn.removed):  # a message with nothing in it
                continue
            about = asked if asked[1] else (_question(person, turn.question), False)
            if about != asked:
                if lines:
                    yield Block(*asked, tuple(lines))
                asked, lines = about, []
            lines.append(_line(turn, earlier.get(turn.id, ())))
        elif turn.left and turn.kind in (Kind.PROBE, Kind.PROMPT, Kind.QUESTION):
            if lines:
                yield Block(*asked, tuple(lines))
            question = turn.kind is Kind.QUESTION
            words = _question(person, turn.question) if question else _nameless(turn.text, researchers)
            asked, lines = (words, turn.kind is Kind.PROBE), []
    if lines:
        yield Block(*asked, tuple(lines))


def _line(turn: Turn, earlier: tuple[str, ...]) -> Line:
    text = "\n".join(filter(None, [turn.text, *map(_came, turn.media)]))
    return Line(turn.id, text, turn.at, turn.channel, turn.removed, earlier)


def _came(medium: Medium) -> str:
    """What came besides words, and what the team wrote down of it."""
    made = medium.write_up
    return f"[{medium.what}, {WRITTEN[made.kind]} by us]\n{made.text}" if made else f"[{medium.what}]"


def _question(person: Participant, key: str | None) -> str:
    """A question in the person's wording; '' for what is no question of their schedule."""
    schedule = person.interview.schedule
    if key is None or all(question.id != key for question in schedule.questions):
        return ""
    words = schedule.question(key).worded(Wording(person.interview.person.wording))
    return fill(words, {"study": person.interview.study.name, "name": person.interview.person.name})


def _nameless(text: str, researchers: Iterable[str]) -> str:
    """What somebody of the team wrote, without their name."""
    for name in sorted(researchers, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "the researcher", text)
    return text


def _earlier(uow: UnitOfWork, person: Participant) -> dict[int, tuple[str, ...]]:
    """The forms of messages that were changed, before the newest, oldest first, by the id of the first."""
    changed = select(messages.c.replaces).where(
        messages.c.participant_id == person.id, messages.c.replaces.is_not(None)
    )
    forms: dict[int, list[str]] = {}
    query = select(messages).where(messages.c.id.in_(changed) | messages.c.replaces.in_(changed))
    for row in uow.all(query.order_by(messages.c.id)):
        if row["body"] is not None:
            forms.setdefault(row["replaces"] or row["id"], []).append(tidy(person.key.open(row["body"], "body")))
    return {first: tuple(texts[:-1]) for first, texts in forms.items()}


def _plain(block: Block) -> Iterator[str]:
    if block.question:
        yield block.question
    for line in block.lines:
        yield f"{line.number}. {_said(line)}"


def _said(line: Line) -> str:
    """The words of a line, or that it was taken out; with what it was before it was changed."""
    if line.removed:
        return TAKEN_OUT
    before = "".join(f' [before you changed it: "{text}"]' for text in line.earlier)
    return f"{line.text}{before}"


def _parts(copy: Copy, person: Participant) -> Iterator[Part]:
    yield Paragraph(copy.intro)
    zone = person.interview.person.timezone
    for block in copy.blocks:
        if block.question:
            yield Heading(1, block.question)
        stamped = ""
        for line in block.lines:
            local = line.at.astimezone(zone)
            stamp = f"{local.day} {local:%B %Y}, by {line.channel}"
            if stamp != stamped:
                stamped = stamp
                yield Stamp(stamp)
            yield Said(str(line.number), _said(line), "participant")
