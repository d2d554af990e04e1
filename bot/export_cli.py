"""`ownpace export …`: one command for each thing that leaves the study.

Each loads what it writes with only when it is called: the service that runs for months needs none of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bot.bootstrap import Program
from bot.errors import OwnPaceError, WrongUse
from bot.export.measures import many
from bot.export.record import Scope
from bot.export.undecided import NAMES
from bot.export.writing import ACTOR, Exporter, Wanted, export
from bot.service import access, staff
from bot.service.access import May
from bot.terminal import CONFIG, ConfigPath, err, opened
from bot.terminal import out as console

T = TypeVar("T")

FILES = frozenset(
    {".pdf", ".doc", ".docx", ".odt", ".rtf", ".txt", ".md", ".html", ".htm", ".xls", ".xlsx", ".ods", ".csv", ".tsv"}
    | {".json", ".jsonl", ".parquet", ".xml", ".zip", ".qdpx"}
)
"""Endings by which people mean a file."""

UNDECIDED = "This set goes to others: decide first. To make it all the same, with names that are in it: --undecided"

export_app = typer.Typer(help="Take the record out: transcripts, tables, QDA projects, packs.", no_args_is_help=True)

Out = Annotated[Path, typer.Option("--out", help="Where to put it.", metavar="PATH")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there already.")]
Originals = Annotated[
    bool,
    typer.Option(
        "--as-said",
        "--originals",
        help="Write the words as they were said, whoever they name. For a key holder, with --as. It is noted.",
    ),
]
Who = Annotated[str, typer.Option("--as", metavar="NAME", help="Who asks: a user of the dashboard.")]
Named = Annotated[bool, typer.Option("--name-researchers", help="Researchers by name instead of R01, R02.")]
Codes = Annotated[list[str] | None, typer.Option("--code", help="Only this participant; may be given again.")]


def track(label: str, things: Collection[T]) -> Iterable[T]:
    """A progress bar on a terminal, and nothing where the output goes into a file."""
    if not err.is_terminal:
        yield from things
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        yield from progress.track(things, description=label)


def _run(path: Path, exporter: Exporter, wanted: Wanted) -> None:
    with opened(path, {}) as program:
        wanted = replace(wanted, actor=_who_asks(program, exporter.name, wanted))
        written = export(program.database, program.settings.study.zone, exporter, wanted, track)
    held = f"{many(written.cases, 'interview')}, {many(written.answers, 'answer')}"
    console.print(f"{written.out}: {held}", markup=False)
    for reason, people in written.left_out.items():
        console.print(f"Left out: {many(people, 'person', 'people')}: {reason}.", markup=False)
    if written.undecided is not None:
        console.print(f"{NAMES}\n{written.undecided.warning()}", markup=False)


def _who_asks(program: Program, what: str, wanted: Wanted) -> str:
    """Who stands in the trail; words as they were said are for a key holder. A person's own record is for that person,
    whoever makes it."""
    if wanted.originals and wanted.scope is not Scope.ALL:
        return key_holder(program, wanted.actor, f"export {what}", "--as-said")
    if wanted.actor == ACTOR:
        return ACTOR
    return program.database.read_now(staff.colleague, wanted.actor).name


def key_holder(program: Program, name: str, command: str, option: str) -> str:
    """The user who asks for something that tells who people are. Raises OwnPaceError where they may not have that,
    which is noted."""
    if name == ACTOR:
        raise WrongUse(f"{option} is for a key holder. Say who asks: --as NAME, one of: scripts/ownpace users list")
    user = program.database.read_now(staff.colleague, name)
    for needed in (May.READ, May.CONTACT):
        if not access.may(user, needed):
            program.database.run_now(access.refused, user, needed.value, f"{command} {option}")
            raise OwnPaceError(
                f"{user.name} may not have words as they were said: they are {access.NAMES[user.role]}. "
                f"Leave {option} out, or ask a key holder."
            )
    return user.name


def _one_of(option: str, value: str, known: Iterable[str]) -> str:
    if value not in known:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(known)}.", param_hint=option)
    return value


def _ending(path: Path, suffixes: Collection[str] = ()) -> None:
    """Raises WrongUse where the place is called like a file of a format that this export does not have."""
    if path.suffix.lower() in FILES - set(suffixes):
        mend = f"End the name in {', '.join(suffixes)}." if suffixes else "It is a folder: name it without an ending."
        raise WrongUse(f"--out {path}: this cannot be made as {path.suffix}. {mend}")


def _format(path: Path, asked: str, suffixes: dict[str, str], otherwise: str = "") -> str:
    """The format that was asked for, or that the place's ending says."""
    _ending(path, suffixes)
    chosen = asked or suffixes.get(path.suffix.lower(), otherwise)
    return _one_of("--format", chosen, dict.fromkeys(suffixes.values()))


@export_app.command()
def transcript(
    out: Out,
    code: Codes = None,
    format: Annotated[  # noqa: A002  # the option's name
        str, typer.Option(help="docx, html, md or txt; the ending of --out says it too. Otherwise docx.")
    ] = "",
    bot: Annotated[str, typer.Option(help="Which of the bot's texts: none, questions or all.")] = "questions",
    probes: Annotated[bool, typer.Option(help="With what researchers wrote, and stock prompts.")] = True,
    times: Annotated[bool, typer.Option(help="With the time of day beside the date.")] = False,
    steering: Annotated[bool, typer.Option(help="With consent replies, commands and choices.")] = False,
    elided: Annotated[
        bool, typer.Option(help="With text that came along: earlier messages that mail programs quote, signatures.")
    ] = False,
    originals: Originals = False,
    who: Who = ACTOR,
    name_researchers: Named = False,
    force: Force = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Transcripts: a folder with a file for each interview, or one file with one --code."""
    from bot.export.document import SUFFIXES
    from bot.export.transcript import BOT_TEXTS, Transcripts

    codes = tuple(code or ())
    one = out.suffix.lower() in SUFFIXES
    if one and len(codes) != 1:
        folder = f"--out {out.with_suffix('')} --format {SUFFIXES[out.suffix.lower()]}"
        raise WrongUse(
            f"--out {out}: a file holds one interview. Say whose, once: --code CODE. For a folder with a file of "
            f"each: {folder}"
        )
    chosen = _format(out, format, SUFFIXES, otherwise="docx")
    exporter = Transcripts(chosen, one, _one_of("--bot", bot, BOT_TEXTS), probes, times, steering, elided)
    detail = {"format": chosen, "bot": bot, "probes": probes, "elided": elided}
    _run(config, exporter, Wanted(out, force, originals, name_researchers, codes, actor=who, detail=detail))


@export_app.command()
def matrix(
    out: Out,
    code: Codes = None,
    format: Annotated[str, typer.Option(help="xlsx or csv; the ending of --out says it too.")] = "",  # noqa: A002  # the option's name
    originals: Originals = False,
    who: Who = ACTOR,
    force: Force = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Case by question: a sheet for each cohort. A --out without an ending becomes a folder of CSV files."""
    from bot.export.matrix import Matrix

    chosen = _format(out, format, {".xlsx": "xlsx", ".csv": "csv"}, otherwise="csv")
    exporter = Matrix(chosen, folder=chosen == "csv" and out.suffix.lower() != ".csv")
    _run(config, exporter, Wanted(out, force, originals, codes=tuple(code or ()), actor=who, detail={"format": chosen}))


@export_app.command()
def qdpx(
    out: Out,
    code: Codes = None,
    case_codes: Annotated[
        bool, typer.Option("--case-codes", help="A code for each case over its whole text: for QualCoder.")
    ] = False,
    originals: Originals = False,
    who: Who = ACTOR,
    name_researchers: Named = False,
    force: Force = False,
    config: ConfigPath = CONFIG,
) -> None:
    """A QDA project (REFI-QDA) for NVivo, ATLAS.ti, MAXQDA, QualCoder and others."""
    from bot.export.qdpx import Qdpx

    _ending(out, (".qdpx",))
    detail = {"case_codes": case_codes}
    wanted = Wanted(out, force, originals, name_researchers, tuple(code or ()), actor=who, detail=detail)
    _run(config, Qdpx(case_codes), wanted)


@export_app.command()
def answers(
    out: Out,
    code: Codes = None,
    format: Annotated[str, typer.Option(help="csv, jsonl or parquet.")] = "csv",  # noqa: A002  # the option's name
    originals: Originals = False,
    who: Who = ACTOR,
    name_researchers: Named = False,
    force: Force = False,
    config: ConfigPath = CONFIG,
) -> None:
    """A folder of data: a row for each answer, a row for each message, and a dictionary of the columns."""
    from bot.export.answers import FORMATS, Answers

    _ending(out)
    exporter = Answers(_one_of("--format", format, FORMATS))
    detail = {"format": format}
    wanted = Wanted(out, force, originals, name_researchers, tuple(code or ()), actor=who, detail=detail)
    _run(config, exporter, wanted)


@export_app.command()
def methods(
    out: Out,
    format: Annotated[str, typer.Option(help="html or docx; the ending of --out says it too.")] = "",  # noqa: A002  # the option's name
    force: Force = False,
    config: ConfigPath = CONFIG,
) -> None:
    """How the interviews were held: messages, words, time, prompts, skips, drop-out. No words of anybody."""
    from bot.export.methods import Methods

    chosen = _format(out, format, {".html": "html", ".docx": "docx"})
    _run(config, Methods(chosen), Wanted(out, force, scope=Scope.ENROLLED, detail={"format": chosen}))


@export_app.command("subject-access")
def subject_access(
    out: Out,
    code: Annotated[str, typer.Option("--code", help="Whose record.")],
    force: Force = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Everything held about one person, for that person: a folder with a page to read and the same as JSON."""
    from bot.export.subject_access import SubjectAccess

    _ending(out)
    wanted = Wanted(out, force, originals=True, named=True, codes=(code,), scope=Scope.ALL)
    _run(config, SubjectAccess(), wanted)


@export_app.command()
def archive(
    out: Out,
    statement: Annotated[str, typer.Option(help="The consent statement on archiving.")] = "c11",
    undecided: Annotated[
        bool, typer.Option("--undecided", help="Also while suggestions of anonymise are undecided: it may name people.")
    ] = False,
    originals: Originals = False,
    who: Who = ACTOR,
    force: Force = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Transcripts, matrix and data of those who agreed that other researchers may use their answers: a folder."""
    from bot.export.archive import Archive

    _ending(out)
    detail = {"statement": statement, "undecided": undecided}
    unless = "" if undecided or originals else UNDECIDED
    wanted = Wanted(out, force, originals, agreed_to=statement, actor=who, detail=detail, unless=unless)
    _run(config, Archive(), wanted)


@export_app.command("ethics-pack")
def ethics_pack(
    out: Out,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="As PDF too, made by LibreOffice: beside the .docx, or in the .zip.")
    ] = False,
    force: Force = False,
    config: ConfigPath = CONFIG,
) -> None:
    """For the ethics committee: every text, setting and carrier, and the log. A .docx, or a .zip with tables too."""
    from bot.export.ethics import export_pack

    _one_of("--out", out.suffix.lower(), (".docx", ".zip"))
    with opened(config, {}) as program:
        export_pack(program.database, program.settings, program.schedules.values(), out, force, pdf)
    console.print(f"{out}: written", markup=False)
