"""The ethics pack: everything a committee may ask to see, and nothing that a participant said.

Every text in every wording and language with its version, the consent statements, the settings of pace, reminders and
safeguarding, who carries messages, and the log of acts without contents. One Word document, or a zip with it and the
same as tables.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from sqlalchemy import func, select

from bot import prompts
from bot.config import CohortPace, Settings
from bot.export.answers import moment
from bot.export.document import Break, Document, Facts, Heading, Paragraph, Part, Table, write
from bot.export.matrix import safe
from bot.export.pdf import to_pdf
from bot.export.processors import BEFORE, HEAD, processors
from bot.export.qdpx import zipped
from bot.export.writing import ACTOR, new_place
from bot.interview.rehearsal import when
from bot.interview.review import Reviewed
from bot.interview.schedule import Question, Schedule, Statement, Text, Wording
from bot.records.database import Database
from bot.records.tables import audit, interviews, schedules
from bot.records.unit_of_work import UnitOfWork

TEXT_HEAD = ("cohort", "language", "version", "in use by", "kind", "id", "wording", "text")
SIGNS_HEAD = ("Language", "Kind", "Sign", "Phrases")
SIGNPOSTS_HEAD = ("Language", "Where to turn", "Number", "How")
REVIEWED_HEAD = ("Language", "What", "Who answers for it", "Reviewed", "Again by")
LOG_HEAD = ("at", "act", "by", "about", "what")
SETTINGS = ("pace", "retention")

SAFEGUARDING = (
    "Every message from a participant is looked through for the phrases below. On a sign the approved text, which is "
    "under 'Other texts', goes at once at any hour, the questions wait, and whoever is on call is told; only a person "
    "lets the interview go on, and says why. In a phrase (a|b) is one of these, [a] may be missing, <name> is one of a "
    "set of words, and ... is up to two other words. The list is a net beside human reading, never instead of it."
)

STAFF = ("command line", "coordinator", "bot")
"""Actors that are no person's name."""


@dataclass(frozen=True, slots=True)
class Version:
    """A schedule, and how many interviews are on it. `current`: new interviews begin with it."""

    schedule: Schedule
    interviews: int
    current: bool
    added_at: datetime | None


@dataclass(frozen=True, slots=True)
class Act:
    """One line of the log. `by` is a pseudonym where a person did it; `what` names things, never contents."""

    at: datetime
    act: str
    by: str
    about: str
    what: str


@dataclass(frozen=True, slots=True)
class Pack:
    """What the ethics pack holds."""

    versions: tuple[Version, ...]
    settings: tuple[tuple[str, str], ...]
    reviewed: tuple[tuple[str, ...], ...]
    signs: tuple[tuple[str, ...], ...]
    signposts: tuple[tuple[str, ...], ...]
    processors: tuple[tuple[str, ...], ...]
    log: tuple[Act, ...]


def export_pack(
    database: Database,
    settings: Settings,
    current: Iterable[Schedule],
    out: Path,
    force: bool = False,
    pdf: bool = False,
) -> None:
    """Make the pack, and note it; with `pdf` a .docx has a PDF of the same name beside it, and a .zip has one in it.

    Raises ExportError when the place is taken, or LibreOffice, which makes the PDF, is not there.
    """
    beside = pdf and out.suffix.lower() == ".docx"
    with (
        new_place(out, force) as place,
        new_place(out.with_suffix(".pdf"), force) if beside else nullcontext() as paged,
    ):
        write_pack(database.read_now(gather, settings, current), settings, place, pdf and not beside)
        if paged is not None:
            to_pdf(place, paged)
        database.run_now(lambda uow: uow.note(ACTOR, "exported", None, what="ethics-pack", cases=0, codes=[]))


def gather(uow: UnitOfWork, settings: Settings, current: Iterable[Schedule]) -> Pack:
    """Everything that goes into the pack."""
    words, signposting = prompts.safeguarding(settings.study.prompts), prompts.signposting(settings.study.prompts)
    return Pack(
        versions=tuple(_versions(uow, list(current))),
        settings=tuple(row for name in SETTINGS for row in _flat(name, getattr(settings, name))),
        reviewed=(*_reviewed("signs of harm or distress", words), *_reviewed("numbers in texts", signposting)),
        signs=tuple(
            (language, group.value, rule.id, "; ".join(rule.phrases))
            for language, known in words.items()
            for group, rules in known.signs.items()
            for rule in rules
        ),
        signposts=tuple(
            (language, one.name, one.number or "", one.how)
            for language, known in signposting.items()
            for one in known.signposts
        ),
        processors=tuple(processors(settings.channels)),
        log=tuple(_log(uow)),
    )


def _reviewed(what: str, by_language: Mapping[str, Reviewed]) -> Iterator[tuple[str, ...]]:
    for language, one in by_language.items():
        yield (
            language,
            what,
            one.owner,
            f"{one.reviewed:%d %B %Y}" if one.reviewed else "never",
            f"{one.review_by:%d %B %Y}",
        )


def write_pack(pack: Pack, settings: Settings, place: Path, pdf: bool = False) -> None:
    """A .docx, or else a zip with the document, its pages as PDF where wanted, and its tables as CSV."""
    if place.suffix.lower() == ".docx":
        write(_document(pack, settings), place, "docx")
        return
    word = place.with_name("ethics-pack.docx")
    write(_document(pack, settings), word, "docx")
    with ZipFile(place, "w", ZIP_DEFLATED) as file:
        file.writestr(zipped("ethics-pack.docx"), word.read_bytes())
        if pdf:
            paged = word.with_suffix(".pdf")
            to_pdf(word, paged)
            file.writestr(zipped(paged.name), paged.read_bytes())
        file.writestr(zipped("texts.csv"), _csv(TEXT_HEAD, _texts(pack.versions)))
        file.writestr(zipped("settings.csv"), _csv(("setting", "value"), pack.settings))
        file.writestr(zipped("signs.csv"), _csv(SIGNS_HEAD, pack.signs))
        file.writestr(zipped("signposts.csv"), _csv(SIGNPOSTS_HEAD, pack.signposts))
        file.writestr(zipped("processors.csv"), _csv(HEAD, pack.processors))
        file.writestr(zipped("log.csv"), _csv(LOG_HEAD, map(_line, pack.log)))
    word.unlink()


def _versions(uow: UnitOfWork, current: Sequence[Schedule]) -> Iterator[Version]:
    """Those that new interviews begin with, and those that interviews are on."""
    used = uow.all(
        select(schedules.c.version, schedules.c.added_at, func.count(interviews.c.id).label("interviews"))
        .outerjoin(interviews, interviews.c.version == schedules.c.version)
        .group_by(schedules.c.version, schedules.c.added_at)
        .order_by(schedules.c.added_at, schedules.c.version)
    )
    known = {row["version"]: row for row in used}
    newest = {schedule.version: schedule for schedule in current}
    for version, row in known.items():
        yield Version(uow.schedule(version), row["interviews"], version in newest, row["added_at"])
    for version, schedule in newest.items():
        if version not in known:
            yield Version(schedule, 0, True, None)


def _texts(versions: Iterable[Version]) -> Iterator[tuple[str, ...]]:
    """Every text of every version in every wording, a row each."""
    for version in versions:
        schedule = version.schedule
        of = (schedule.cohort, schedule.language, schedule.version, str(version.interviews))
        for kind, key, text in _worded(schedule):
            for wording in Wording:
                yield (*of, kind, key, wording.value, text.worded(wording))
        for question in schedule.questions:
            for kind, said in (("stock prompt", question.prompts), ("idea for a probe", question.probes)):
                for words in said:
                    yield (*of, kind, question.id, "all", words)


def _worded(schedule: Schedule) -> Iterator[tuple[str, str, Text]]:
    for asked in schedule.eligibility:
        yield "eligibility question", asked.id, asked
    for statement in schedule.statements:
        yield "consent statement", statement.id, statement
    for section in schedule.sections:
        if section.intro:
            yield "introduction", section.id, section.intro
        for question in section.questions:
            yield "question", question.id, question
    for key, text in schedule.texts.items():
        yield "text", key, text


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """A section of the settings as names and values; of a cohort's own only what was set."""
    if isinstance(value, BaseModel):
        own = type(value) is CohortPace
        for field in (each for each in type(value).model_fields if not own or each in value.model_fields_set):
            yield from _flat(f"{name}.{field}", getattr(value, field))
    elif isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    elif isinstance(value, list | tuple) and not hasattr(value, "start"):
        yield name, ", ".join(map(_in_words, value)) or "none"
    else:
        yield name, _in_words(value)


def _in_words(value: Any) -> str:
    match value:
        case None:
            return "not said yet"
        case bool():
            return "yes" if value else "no"
        case dict():
            return "as the program has it"
        case timedelta():
            days, minutes = value.days, value.seconds / 60
            told = [f"{days} days"] * bool(days) + [f"{minutes:g} minutes"] * bool(minutes)
            return " and ".join(told) or "at once"
        case _ if hasattr(value, "start") and hasattr(value, "end"):
            return f"from {value.start:%H:%M} to {value.end:%H:%M}"
        case _:
            return str(value)


def _log(uow: UnitOfWork) -> Iterator[Act]:
    """The audit trail: staff by pseudonyms of their own, what was done and to whom, and no more than that."""
    staff: dict[str, str] = {}
    for row in uow.execute(select(audit).order_by(audit.c.id)).mappings():
        actor = row["actor"]
        by = actor if actor in STAFF else staff.setdefault(actor, f"S{len(staff) + 1:02}")
        detail = row["detail"] or {}
        yield Act(row["at"], row["act"], by, _about(row["subject"], actor), str(detail.get("what", "")))


def _about(subject: str | None, actor: str) -> str:
    """A participant's code; what is about a member of staff says only that."""
    if subject is None:
        return ""
    return subject if subject.isupper() and len(subject) <= 6 and subject != actor else "staff"


def _line(act: Act) -> tuple[str, ...]:
    return (moment(act.at), act.act, act.by, act.about, act.what)


def _csv(head: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows([safe(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


# The document


def _document(pack: Pack, settings: Settings) -> Document:
    return Document(f"Ethics pack: {settings.study.name}", list(_parts(pack, settings.study.zone)), "en")


def _parts(pack: Pack, zone: ZoneInfo) -> Iterator[Part]:
    yield Heading(1, "What is in this pack")
    yield Paragraph(
        "Every text that a participant may be sent, in every wording and language, with its version; the consent "
        "statements; the settings of pace, reminders, safeguarding and retention; who carries messages; and the log "
        "of what was done. Nothing that a participant said is in it. Words in {braces} are filled in when the text "
        "is sent."
    )
    rows = tuple(_version_row(version, zone) for version in pack.versions)
    yield Table("Schedules", ("Cohort", "Language", "Version", "Since", "Interviews", "New interviews"), rows)
    yield Heading(1, "Settings")
    yield Facts(tuple((name.replace(".", ": ").replace("_", " "), value) for name, value in pack.settings))
    yield Heading(1, "Safeguarding")
    yield Paragraph(SAFEGUARDING)
    yield Table("Who has reviewed it", REVIEWED_HEAD, pack.reviewed)
    yield Table("Where texts send people", SIGNPOSTS_HEAD, pack.signposts)
    yield Table("Signs that fetch a person", SIGNS_HEAD, pack.signs)
    yield Heading(1, "Who carries messages")
    yield Paragraph(BEFORE)
    yield Table("Processors for each channel", HEAD, pack.processors)
    for version in pack.versions:
        yield Break()
        yield from _schedule(version.schedule)
    yield Break()
    yield Heading(1, "Log of acts")
    yield Paragraph("What was done, how often, and when first and last. The zip has every line, without contents.")
    yield Table("Acts", ("Act", "Times", "First", "Last"), tuple(_acts(pack.log, zone)))


def _version_row(version: Version, zone: ZoneInfo) -> tuple[str, ...]:
    since = f"{version.added_at.astimezone(zone):%d %B %Y}" if version.added_at else "not used yet"
    schedule = version.schedule
    use = "begin with it" if version.current else "no longer"
    return (schedule.cohort, schedule.language, schedule.version, since, str(version.interviews), use)


def _schedule(schedule: Schedule) -> Iterator[Part]:
    yield Heading(1, f"{schedule.title}: {schedule.language}, version {schedule.version}")
    if schedule.eligibility:
        yield Heading(2, "Eligibility questions, for those who join by an invitation")
    for asked in schedule.eligibility:
        yield from _text(f"{asked.id} ({'YES' if asked.qualifies else 'NO'} lets them in)", asked)
    yield Heading(2, "Consent statements")
    for statement in schedule.statements:
        need = "needed to take part" if statement.required else "a choice"
        yield from _text(f"{statement.id} ({need})", statement)
    for section in schedule.sections:
        yield Heading(2, section.title)
        if section.intro:
            yield from _text("Introduction", section.intro)
        for question in section.questions:
            yield from _question(question)
    yield Heading(2, "Other texts")
    for key, text in schedule.texts.items():
        yield from _text(key, text)


def _question(question: Question) -> Iterator[Part]:
    marks = [mark for mark in ("sensitive", "optional", "closing", "follow_up") if getattr(question, mark)]
    yield from _text(f"{question.id} ({', '.join(marks)})" if marks else question.id, question)
    branches = [f"If {when(branch)}: {branch.goto}" for branch in question.branches]
    extra = [
        ("Stock prompts", "\n".join(question.prompts)),
        ("Ideas for probes", "\n".join(question.probes)),
        ("Branches", "\n".join(branches)),
    ]
    filled = tuple((name, words) for name, words in extra if words)
    if filled:
        yield Facts(filled)


def _text(name: str, text: Text | Statement) -> Iterator[Part]:
    yield Heading(3, name)
    yield Facts(tuple((wording.value.replace("_", " "), text.worded(wording)) for wording in Wording))


def _acts(log: Iterable[Act], zone: ZoneInfo) -> Iterator[tuple[str, ...]]:
    times: dict[str, list[datetime]] = {}
    for act in log:
        times.setdefault(act.act, []).append(act.at)
    for act_name, moments in sorted(times.items()):
        days = (f"{at.astimezone(zone):%d %B %Y}" for at in (min(moments), max(moments)))
        yield (act_name, str(len(moments)), *days)
