"""The commands. Exit codes: 0 done, 1 failed, 2 used or configured wrongly."""

from __future__ import annotations

import asyncio
import errno
import json
import shlex
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import psycopg
import typer
from rich.markup import escape
from rich.progress import track
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from bot import bootstrap, prompts, record_cli
from bot.bootstrap import Program
from bot.channel import Ability, duration
from bot.config import Settings, wrong_setting
from bot.data_cli import add_data_commands
from bot.errors import ConfigError, EnrolmentError, KeyFileError, OwnPaceError, ScheduleError, WrongUse
from bot.export_cli import export_app
from bot.interview.cost import sms_parts, texts
from bot.interview.discreet import exposed, study_name_problem
from bot.interview.lint import lint
from bot.interview.review import Reviewed
from bot.interview.schedule import Wording
from bot.interview.signposting import unlisted
from bot.interview.wording import full_date
from bot.messages import Address
from bot.records import trail
from bot.records.participants import Rules
from bot.service import (
    access,
    enrolment,
    handovers,
    invitations,
    reminding,
    staff,
    switch,
    views,
    withdrawal,
)
from bot.service.access import May
from bot.service.enrolment import Entry
from bot.service.invitations import Group, Standing
from bot.terminal import ACTOR, CONFIG, ConfigPath, err, out
from bot.users_cli import users_app

app = typer.Typer(
    name="ownpace",
    help="Own Pace: qualitative interviews by message, at each participant's own pace.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(users_app, name="users")
app.add_typer(export_app, name="export")
app.command("write-up")(record_cli.write_up)
app.command("anonymise")(record_cli.anonymise)

WRONG_USE = (ConfigError, ScheduleError, KeyFileError, EnrolmentError, WrongUse)
"""Errors that a person mends before trying again: exit code 2."""


class Role(StrEnum):
    """What one process of several does."""

    ALL = "all"
    WEB = "web"
    WORKER = "worker"


MANY = 200
"""People in a file; for more than these, enrolling shows how far it has come."""
COLUMNS_HELP = f"Columns: {', '.join(enrolment.COLUMNS)}. Needed: {', '.join(enrolment.NEEDED)}."


def main() -> None:
    """Run a command; a problem is one plain message, never a traceback."""
    try:
        app()
    except WRONG_USE as problem:
        _fail(str(problem), 2)
    except OwnPaceError as problem:
        _fail(str(problem), 1)
    except OSError as problem:
        _fail(_disk_problem(problem), 1)
    except (DBAPIError, psycopg.Error, sqlite3.Error) as problem:
        known = _database_problem(problem)
        if known is None:
            raise
        _fail(known, 1)


DISK_MENDS = {
    errno.EEXIST: "A folder is wanted there: move the file away, or name another place in the settings.",
    errno.ENOTDIR: "A folder is wanted there: move the file away, or name another place in the settings.",
    errno.EISDIR: "A file is wanted there: move the folder away, or name another place.",
    errno.ENOSPC: "Make room on the disk, then try again.",
}

DATABASE_MENDS = {
    "SQLITE_BUSY": "is in use by another program. Wait until that has finished, then try again.",
    "SQLITE_CANTOPEN": "cannot be opened. Check that its folder is there and that you may write in it.",
    "SQLITE_CORRUPT": "is damaged. Put back a copy that is whole.",
    "SQLITE_FULL": "cannot grow: the disk is full. Make room, then try again.",
    "SQLITE_IOERR": "cannot be read or written. Check the disk, then try again.",
    "SQLITE_NOTADB": "is no database. Move the file away, put back a copy that is whole, or name another file.",
    "SQLITE_PERM": "may not be used by you. Give yourself the right to read and write it.",
    "SQLITE_READONLY": "cannot be written. Give yourself the right to write it and its folder.",
}
"""What to do about SQLite's result codes (sqlite.org/rescode.html); a longer code begins with one of these."""


def _disk_problem(error: OSError) -> str:
    mend = DISK_MENDS.get(error.errno or 0, "Check that it is there and that you may read and write it.")
    return f"{error.filename or 'A file'}: {error.strerror}. {mend}"


def _database_problem(error: DBAPIError | psycopg.Error | sqlite3.Error) -> str | None:
    """What is wrong with the database, if that is what it is. The error's own text may hold words of people."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, psycopg.Error):
        return _server_problem(cause)
    name = str(getattr(cause, "sqlite_errorname", ""))
    mend = next((mend for known, mend in DATABASE_MENDS.items() if name.startswith(known)), None)
    return mend and f"The database (url in [database] of the settings) {mend}"


def _server_problem(error: psycopg.Error) -> str:
    """The same for PostgreSQL. What libpq says of a connection holds no words of people; it may hold the address."""
    where = "The database (url in [database] of the settings)"
    if error.sqlstate is None:
        return f"{where} cannot be reached. Check the address, and that PostgreSQL runs and lets you in."
    return f"{where} refused ({error.sqlstate}, {type(error).__name__}). See the log of PostgreSQL."


def _fail(problem: str, code: int) -> None:
    err.print(problem, markup=False)
    sys.exit(code)


def _settings(path: Path) -> Settings:
    return bootstrap.load_settings(path)


def _program(path: Path) -> Program:
    return bootstrap.build(_settings(path))


# Running


@app.command()
def serve(
    config: ConfigPath = CONFIG,
    role: Annotated[
        Role, typer.Option(help="web: pages and webhooks only; worker: sending and timers only. SQLite needs all.")
    ] = Role.ALL,
    host: Annotated[str, typer.Option(help="Where to listen.", show_default="the settings' host")] = "",
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The port.", show_default="the settings' port")
    ] = None,
) -> None:
    """Serve the dashboard and the webhooks, and send what waits."""
    from bot.web.app import create_app
    from bot.web.serve import alone, listen, serve_forever, work_forever

    settings = _settings(config)
    if role is not Role.ALL and not settings.database.shared:
        raise ConfigError("--role: with SQLite one process does everything; use --role all.")
    host, port = host or settings.server.host, port or settings.server.port
    with nullcontext() if settings.database.shared else alone(settings.database.url):
        program = _program(config)
        if role is Role.WORKER:
            out.print("Own Pace works here without pages  (Ctrl-C stops it)")
            work_forever(program.worker)
        else:
            with listen(host, port) as listening:
                place = f"[{host}]" if ":" in host else host
                out.print(f"Own Pace is at http://{place}:{port}  (Ctrl-C stops it)", markup=False)
                worker = program.worker if role is Role.ALL else None
                serve_forever(create_app(bootstrap.web_parts(program), worker), listening)
        program.database.close()


@app.command()
def migrate(config: ConfigPath = CONFIG) -> None:
    """Bring the database up to date, and make the study key for a study that has none."""
    applied = bootstrap.prepare(_settings(config))
    for step in applied:
        out.print(f"Applied {step}", markup=False)
    if not applied:
        out.print("The database is up to date.")


@app.command()
def check(
    live: Annotated[bool, typer.Option("--live", help="Also ask each provider whether it knows us.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Check the settings, the schedules and every text, without touching the database."""
    settings = _settings(config)
    schedules = prompts.load(settings.study.prompts)
    links, signposts = prompts.links(settings.study.prompts), prompts.signposting(settings.study.prompts)
    prompts.rota(settings.study.prompts)
    bootstrap.quotas_of(settings, schedules)
    _check_cutoff(config, settings)
    wrong: dict[str, None] = {}
    for (cohort, language), schedule in schedules.items():
        out.print(
            f"{cohort} ({language}): {schedule.total} questions, {len(schedule.statements)} statements, "
            f"version {schedule.version}",
            markup=False,
        )
        for wording in Wording:
            sent, parts = len(texts(schedule, wording)), sms_parts(schedule, wording)
            out.print(f"  {wording.value}: {sent} texts in a whole interview, {parts} SMS parts to pay for")
        findings = [*lint(schedule, links), *exposed(schedule), *unlisted(schedule, signposts[language])]
        lines = prompts.lines(settings.study.prompts, schedule, [finding.place for finding in findings])
        wrong |= dict.fromkeys(f"{line}: {finding}" for line, finding in zip(lines, findings, strict=True))
    if problem := study_name_problem(settings.study.name):
        wrong[problem] = None
    for warning in _overdue(settings):
        err.print(f"Warning: {warning}", markup=False)
    if wrong:
        raise ScheduleError(
            "\n".join([*wrong, f"{len(wrong)} {'texts want' if len(wrong) > 1 else 'text wants'} mending."])
        )
    if live:
        asyncio.run(_ask_providers(settings))
    _check_periods(config, settings, live)
    out.print("Everything is in order. A server that is running keeps the words it began with: start it again.")


async def _ask_providers(settings: Settings) -> None:
    """One line for each channel. Raises OwnPaceError when a provider does not know us or does not answer."""
    problems = []
    for kind, channel in bootstrap.open_channels(settings).items():
        try:
            out.print(f"{kind}: {await channel.check()}", markup=False)
        except OwnPaceError as problem:
            problems.append(f"{kind}: {problem}")
        finally:
            await channel.close()
    if problems:
        raise OwnPaceError("\n".join(problems))


def _check_cutoff(path: Path, settings: Settings) -> None:
    """A day that is gone would be promised to everybody who is enrolled from now on."""
    cutoff, today = settings.retention.cutoff, bootstrap.now().astimezone(settings.study.zone).date()
    if isinstance(cutoff, date) and cutoff < today:
        gone = f"is {cutoff}, which is past: people are told that they can have their answers taken out until then"
        raise wrong_setting(path, ("retention", "cutoff"), gone)


def _check_periods(path: Path, settings: Settings, live: bool) -> None:
    """No study goes live before it is said how long each class of data is kept. Raises ConfigError when it is to."""
    missing = [name for name, period in settings.retention.periods.items() if period is None]
    if not missing:
        return
    problem = f'has no period for {", ".join(missing)}: say how long each is kept, such as {missing[0]} = "1y"'
    if live:
        raise wrong_setting(path, ("retention",), problem)
    err.print(f"Warning: [retention] {problem}. check --live lets no study go live before.", markup=False)


def _overdue(settings: Settings) -> Iterator[str]:
    """What a person has to look through again, or has never looked through."""
    folder = settings.study.prompts
    today = bootstrap.now().astimezone(settings.study.zone).date()
    reviewed: dict[str, Mapping[str, Reviewed]] = {
        "safeguarding.yaml": prompts.safeguarding(folder),
        "signposting.yaml": prompts.signposting(folder),
    }
    for name, languages in reviewed.items():
        for language, one in languages.items():
            if problem := one.overdue(today):
                yield f"{folder / language / name} {problem}."


# People


@app.command()
def enrol(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help=COLUMNS_HELP)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file; enrol nobody.")] = False,
    over_quota: Annotated[
        bool, typer.Option("--over-quota", help="Everybody gets a place, also where the cohort is full.")
    ] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Enrol the people in a CSV file and send them the welcome. Either all are enrolled or nobody is.

    Where a cohort has as many people as its quota in [study] allows, further ones are put on the waiting list and are
    asked whether their details may be kept; the dry run shows who they are. To let one in later: invite --admit CODE.
    """
    program = _program(config)
    entries = enrolment.read_csv(file, program.rules)
    use_case = enrolment.rehearse if dry_run else enrolment.enrol_all
    shown = track(entries, "Enrolling", console=err, disable=len(entries) <= MANY)
    beyond = [] if over_quota else program.database.read_now(enrolment.waits, program.rules, entries)
    codes = program.database.run_now(use_case, program.terms, program.rules, shown, over_quota=over_quota)
    program.database.close()
    waiting = [code for code, waits in zip(codes, beyond, strict=False) if waits]
    inside = [code for code in codes if code not in waiting]
    if dry_run:
        out.print(_settings_of(entries, codes, program.rules, waiting))
        out.print(f"{len(codes)} {'people' if len(codes) > 1 else 'person'} can be enrolled. Nothing was done.")
    elif inside:
        out.print(f"Enrolled {len(inside)}: {', '.join(inside)}", markup=False)
    if waiting:
        full = f"No place is left for {len(waiting)}: {', '.join(waiting)}."
        out.print(f"{full} They {'would be' if dry_run else 'are'} put on the waiting list.", markup=False)
        out.print("To give them a place all the same: --over-quota, or later: scripts/ownpace invite --admit CODE")


def _settings_of(entries: list[Entry], codes: list[str], rules: Rules, waiting: list[str]) -> Table:
    """Each person as they would be enrolled."""
    table = Table("code", "cohort", "name", "channel", "wording", "language", "researcher", "notes")
    for code, entry in zip(codes, entries, strict=True):
        waits = ["waits for a place"] if code in waiting else []
        notes = ", ".join([*waits, *(f"{name}: {value}" for name, value in entry.attributes.items())])
        written = (code, entry.cohort, entry.name, entry.address.kind, entry.wording.value, entry.language)
        table.add_row(*(escape(cell) for cell in (*written, entry.researcher or rules.researcher, notes)))
    return table


@app.command()
def invite(
    cohort: Annotated[str, typer.Option(help="Whom they are for. Without it: how each cohort stands.")] = "",
    number: Annotated[int, typer.Option(help="How many: each is for one person.")] = 1,
    channel: Annotated[str, typer.Option(help="The only way to use them, such as sms; any if not said.")] = "",
    wording: Annotated[
        Wording | None, typer.Option(help="Of all texts.", show_default="short by text message, else standard")
    ] = None,
    language: Annotated[str, typer.Option(help="Of all texts.")] = "en",
    expires: Annotated[str, typer.Option(metavar="LENGTH", help="How long they can be used.")] = "60d",
    folder: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Where a sheet to print and a CSV list go. Else they are shown."),
    ] = None,
    admit: Annotated[str, typer.Option(metavar="CODE", help="Give a place to somebody on the waiting list.")] = "",
    over_quota: Annotated[bool, typer.Option("--over-quota", help="With --admit: also where it is full.")] = False,
    withdraw: Annotated[str, typer.Option(metavar="CODE", help="An open invitation is not to be used any more.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="With --withdraw: it can be used again.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Make invitations by which people put themselves into the study, or let in somebody who waits.

    Each is for one person, works once and expires. Whoever uses one opens its page, sends JOIN and the code by a way
    that is set up, or opens the bot's link in Telegram; they are asked the cohort's eligibility questions, and then go
    on as everybody whom you enrol. The codes cannot be shown again.

    scripts/ownpace invite --cohort disabled-adults --number 20 --out sheets
    """
    program = _program(config)
    if admit:
        program.database.run_now(enrolment.admit, program.terms, program.rules, admit, ACTOR, over_quota=over_quota)
        out.print(f"{admit.strip().upper()} has a place, and is written to outside their quiet hours.", markup=False)
    elif withdraw:
        program.database.run_now(invitations.withdraw, [withdraw], ACTOR, undo=undo)
        out.print("It can be used again." if undo else "It is withdrawn. To undo that: the same with --undo.")
    elif cohort:
        group = Group(cohort, language, channel or None, wording)
        _make_invitations(program, group, number, expires, folder)
    else:
        out.print(_standing(program.database.read_now(invitations.standing, program.rules)))
        out.print("To make invitations: scripts/ownpace invite --cohort COHORT --number N --out FOLDER")


def _make_invitations(program: Program, group: Group, number: int, expires: str, folder: Path | None) -> None:
    from bot.web import sheet

    try:
        expires_at = bootstrap.now() + duration(expires)
    except ValueError as problem:
        raise WrongUse(f"--expires {expires!r} {problem}.") from None
    if folder is not None:
        sheet.make_room(folder)
    site = program.settings.server.public_base_url
    codes = program.database.run_now(invitations.make, program.rules, group, number, expires_at, ACTOR)
    if folder is None:
        for code in codes:
            out.print(f"{code}  {sheet.link(site, code)}", markup=False)
    else:
        asyncio.run(_learn_names(program))
        sheet.write(folder, bootstrap.web_parts(program), site, group, codes, expires_at)
        out.print(f"To print: {folder / sheet.SHEET}\nAs a list: {folder / sheet.LIST}", markup=False)
    day = full_date(expires_at.astimezone(program.settings.study.zone))
    made = f"{len(codes)} invitation{'s' if len(codes) > 1 else ''} to {group.cohort}"
    out.print(f"{made}. Each works once, until {day}. The codes cannot be shown again.", markup=False)
    if urlsplit(site).hostname in ("127.0.0.1", "localhost", "::1"):
        err.print(
            f"Warning: the links begin with {site}, which opens on this computer only. Set public_base_url in [server] "
            "to the address at which others reach it.",
            markup=False,
        )


async def _learn_names(program: Program) -> None:
    """Ask the providers of those channels that cannot say by themselves how people come to them."""
    for kind, channel in program.channels.items():
        try:
            if Ability.WRITES_FIRST not in channel.abilities and channel.way_in("JOIN", "CODE") is None:
                await channel.check()
        except OwnPaceError as problem:
            err.print(f"Warning: the sheet does not name {kind}: {problem}", markup=False)
        finally:
            await channel.close()


def _standing(cohorts: list[Standing]) -> Table:
    """How many places and invitations each cohort has."""
    table = Table("cohort", "places", "taken", "waiting", "not eligible", "codes open", "used", "expired", "withdrawn")
    table.columns[0].no_wrap = True
    for one in cohorts:
        places = "no limit" if one.quota is None else str(one.quota)
        counts = (one.taken, one.waiting, one.not_eligible, one.open, one.used, one.expired, one.withdrawn)
        table.add_row(escape(one.cohort), places, *(str(count) for count in counts))
    return table


@app.command()
def participants(config: ConfigPath = CONFIG) -> None:
    """Everybody in the study, and where their interview stands."""
    program = _program(config)
    table = Table("code", "cohort", "channel", "state", "position", "tasks")
    for row in program.database.read_now(views.listed):
        table.add_row(row.code, row.cohort, row.channel, row.state, row.place, str(row.tasks))
    out.print(table)


@app.command()
def show(
    code: str,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: everything, as JSON.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """One participant's record, in the order in which it was said, each message with its question."""
    program = _program(config)
    record = program.database.read_now(views.record, program.terms, code)
    if record is None and (at := program.database.read_now(withdrawal.when, code)):
        raise OwnPaceError(f"What {code.upper()} had said was deleted on {at:%d %B %Y}.")
    if record is None:
        raise OwnPaceError(f"There is no participant {code}. See: scripts/ownpace participants")
    if as_json:
        print(json.dumps(asdict(record), default=str, ensure_ascii=False, indent=2))
        return
    where = f"{record.row.state}{f' ({record.row.held_by})' if record.row.held_by else ''}"
    out.print(f"{record.row.code}  {record.name}  {record.title}  {where}  {record.row.place}", markup=False)
    for name, note in record.notes.items():
        out.print(f"{name}: {note}", markup=False)
    zone = program.settings.study.zone
    for entry in record.entries:
        who = record.row.code if entry.incoming else entry.author
        place = f" [{entry.number or entry.belongs}]" if entry.number or entry.incoming else ""
        gone = " (taken out by the participant)" if entry.removed else ""
        note = f" ({entry.delivery})" if entry.delivery else ""
        out.print(f"\n{entry.at.astimezone(zone):%d %b %Y %H:%M}  {who}{place}{gone}{note}", markup=False)
        out.print(entry.body, markup=False)


@app.command()
def remind(
    codes: Annotated[
        list[str] | None, typer.Argument(metavar="[CODE ...]", help="Whom; everybody if not said.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show who would get what; send nothing.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Remind people whose answer we wait for, by the same rules as automatic reminders."""
    program = _program(config)
    if dry_run:
        done = program.database.read_now(reminding.preview, program.terms, codes or ())
    else:
        done = program.database.run_now(reminding.remind, program.terms, ACTOR, codes or ())
    for one in done:
        out.print(f"{one.code}: {'not reminded: ' + one.why_not if one.why_not else one.words}", markup=False)
    count = sum(not one.why_not for one in done)
    out.print(f"{count} {'would be' if dry_run else 'are'} reminded. Nothing is sent in their quiet hours.")


@app.command()
def assign(
    code: Annotated[str, typer.Argument(metavar="CODE", help="Whom.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="A researcher, as their sign-in is called.")],
    config: ConfigPath = CONFIG,
) -> None:
    """Give a participant to a researcher, who opens their conversation from now on and stands in their texts."""
    program = _program(config)
    given = program.database.run_now(enrolment.assign, program.terms, code, name, ACTOR)
    out.print(f"{given} is {name.strip()}'s now.", markup=False)
    if name.strip().casefold() not in {one.name.casefold() for one in program.database.read_now(staff.list_users)}:
        err.print(f"Nobody called {name.strip()} signs in here, so every researcher may open it.", markup=False)


@app.command()
def hold(config: ConfigPath = CONFIG) -> None:
    """Let no message leave until it is released, but support for somebody in distress and mails to the team."""
    program = _program(config)
    held = program.database.run_now(switch.hold, ACTOR)
    out.print("Nothing leaves now. To go on: ownpace release" if held else "Nothing was leaving already.")


@app.command()
def release(config: ConfigPath = CONFIG) -> None:
    """Let messages leave again, in order, and spread over days where many wait."""
    program = _program(config)
    freed = program.database.run_now(switch.release, program.terms, ACTOR)
    out.print("Messages leave again." if freed else "Nothing was on hold.")


# The trail


@app.command()
def audit(
    last: Annotated[int, typer.Option(metavar="N", help="Show the newest N lines too.", min=0)] = 0,
    known: Annotated[str, typer.Option(metavar="LINK", help="A link that you wrote down: is it still there?")] = "",
    config: ConfigPath = CONFIG,
) -> None:
    """Check that nobody changed the audit trail: each line is chained to the one before it by the study key.

    Write down the newest link now and then, somewhere else. With --known it says whether the trail still holds it, so
    that lines cut off at the end are seen too.
    """
    program = _program(config)
    zone = program.settings.study.zone
    for line in program.database.read_now(lambda uow: trail.last(uow.connection, last)) if last else []:
        detail = " ".join(f"{name}={value}" for name, value in line.detail.items())
        said = f"{line.at.astimezone(zone):%d %b %Y %H:%M}  {line.actor} {line.act} {line.subject}  {detail}"
        out.print(f"{line.number}  {said.rstrip()}  {line.link}", markup=False)
    found = program.database.read_now(lambda uow: trail.verify(uow.connection, uow.vault, known.strip().casefold()))
    if found.broken is not None:
        raise OwnPaceError(
            f"The audit trail was changed: line {found.broken} does not follow from the one before it. "
            "Keep this database as it is, and compare it with your backups."
        )
    if known and not found.known:
        raise OwnPaceError(f"The link {known} is not in the trail: lines were cut off, or it was written down wrongly.")
    out.print(f"{found.lines} lines, each following from the one before it. The newest link: {found.newest or 'none'}")
    if found.unchained:
        out.print(f"The first {found.unchained} are from before the trail was chained, and cannot be checked.")


@app.command()
def handover(
    code: Annotated[str, typer.Argument(help="The participant, such as P07.")],
    who: Annotated[str, typer.Option("--as", metavar="NAME", help="Who speaks: a user of the dashboard.")] = "",
    back: Annotated[bool, typer.Option("--back", help="Hand back: the open question is asked again, once.")] = False,
    reason: Annotated[
        str, typer.Option(help="Why; kept encrypted in the trail. Needed to hand back after signs of distress.")
    ] = "",
    anyway: Annotated[bool, typer.Option("--anyway", help="Take it from whoever has it.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Give a conversation to a person, or hand it back.

    From that moment only this person speaks, and what the service had waiting stays. They read and write on the
    dashboard, and are reminded each working day until it is handed back; no time limit hands it back by itself.

    scripts/ownpace handover P07 --as Ann --reason "asked for a person by phone"

    scripts/ownpace handover P07 --as Ann --back
    """
    if not who.strip():
        raise WrongUse("Say who speaks: --as NAME, one of: scripts/ownpace users list")
    if back and anyway:
        raise WrongUse("--anyway is for taking over: whoever hands back has the conversation. Leave one out.")
    program = _program(config)
    user, code = program.database.read_now(staff.colleague, who), code.strip().upper()
    name, assigned_only = user.name, program.settings.study.assigned_only
    theirs = program.database.read_now(access.may_open, user, code, assigned_only=assigned_only)
    if not access.may(user, May.WRITE) or not theirs:
        why = "it is assigned to somebody else" if not theirs else f"they are {access.NAMES[user.role]}"
        raise OwnPaceError(f"{name} may not have the conversation with {code}: {why}.")
    if back:
        program.database.run_now(handovers.hand_back, program.terms, code, name, reason)
        out.print(f"The service speaks to {code} again.", markup=False)
        return
    program.database.run_now(handovers.take_over, program.terms, code, name, "yes" if anyway else "", reason)
    page = f"{program.settings.server.public_base_url}/participants/{code}"
    out.print(f"{name} has the conversation with {code}, and the service is silent. Write at {page}", markup=False)
    record = program.database.read_now(views.record, program.terms, code)
    if record is not None and (safely := record.notes.get("safe_contact", "").strip()):
        out.print(f"How it is safe to contact them: {safely}", markup=False)
    out.print(f"To hand it back: scripts/ownpace handover {code} --as {shlex.quote(name)} --back", markup=False)


# Trying it


@app.command()
def talk(
    cohort: Annotated[str, typer.Option(help="Whose schedule; the first one if not said.")] = "",
    wording: Annotated[Wording, typer.Option(help="Which wording.")] = Wording.STANDARD,
    config: ConfigPath = CONFIG,
) -> None:
    """Take a whole interview in the terminal. Nothing is kept: it runs on a database that is thrown away."""
    from bot.talk import converse

    settings, by_hand = _settings(config), sys.stdin.isatty()
    with tempfile.TemporaryDirectory(prefix="ownpace-talk-") as folder:
        program = bootstrap.throwaway(settings, Path(folder), settle=timedelta(days=1) if by_hand else timedelta())
        chosen = cohort or next(iter(program.schedules))[0]
        entry = Entry(chosen, Address("simulator", "sms/talk"), wording=wording)
        enrolment.check(entry, program.rules)
        code = program.database.run_now(enrolment.enrol, program.terms, program.rules, entry)
        try:
            asyncio.run(converse(program.database, program.terms, code, entry.address, by_hand=by_hand))
        finally:
            program.database.close()


add_data_commands(app)
