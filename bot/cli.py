"""The commands. Exit codes: 0 done, 1 failed, 2 used or configured wrongly."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import asdict
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.table import Table

from bot import bootstrap, check_cli, data_cli, log, people_cli, record_cli
from bot.bootstrap import Program
from bot.config import Settings
from bot.errors import ConfigError, EnrolmentError, KeyFileError, OwnPaceError, ScheduleError, WrongUse
from bot.export_cli import export_app
from bot.interview.languages import english_first
from bot.interview.lint import Severity
from bot.interview.schedule import Wording
from bot.mends import database_problem, disk_problem
from bot.messages import Address
from bot.proofs import proofread
from bot.records import trail
from bot.service import (
    access,
    alerts,
    deletion,
    enrolment,
    handovers,
    staff,
    switch,
    views,
    withdrawal,
)
from bot.service.access import May
from bot.service.enrolment import Entry
from bot.terminal import ACTOR, CONFIG, HERE, ConfigPath, err, opened, out
from bot.users_cli import users_app

app = typer.Typer(
    name="ownpace",
    help="Own Pace: qualitative interviews by message, at each participant's own pace.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

WRONG_USE = (ConfigError, ScheduleError, KeyFileError, EnrolmentError, WrongUse)
"""Errors that a person mends before trying again: exit code 2."""


class Role(StrEnum):
    """What one process of several does."""

    ALL = "all"
    WEB = "web"
    WORKER = "worker"


def main() -> None:
    """Run a command; a problem is one plain message, never a traceback."""
    log.configure()
    try:
        app()
    except WRONG_USE as problem:
        _fail(str(problem), 2)
    except OwnPaceError as problem:
        _fail(str(problem), 1)
    except OSError as problem:
        _fail(disk_problem(problem), 1)
    except Exception as problem:  # of PostgreSQL too, whose driver is loaded only where it is in use
        known = database_problem(problem)
        if known is None:
            raise
        _fail(known, 1)


def _fail(problem: str, code: int) -> None:
    err.print(problem, markup=False)
    sys.exit(code)


def _settings(path: Path) -> Settings:
    return bootstrap.load_settings(path)


# Running


def serve(
    config: ConfigPath = CONFIG,
    role: Annotated[
        Role, typer.Option(help="web: pages and webhooks only; worker: sending and timers only. SQLite needs all.")
    ] = Role.ALL,
    host: Annotated[
        str, typer.Option(help="Where to listen.", show_default="the settings' host; a worker's: worker_host")
    ] = "",
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="The port.", show_default="the settings' port; a worker's: worker_port"),
    ] = None,
) -> None:
    """Serve the dashboard and the webhooks, and send what waits."""
    from bot.web.app import create_app
    from bot.web.serve import alone, keeping_libraries, listen, serve_forever

    settings = _settings(config)
    if role is not Role.ALL and not settings.database.shared:
        raise ConfigError("--role: with SQLite one process does everything; use --role all.")
    held = nullcontext() if settings.database.shared else alone(settings.database.url)
    with keeping_libraries(), held, opened(config) as program:
        _refuse_wrong_words(program)
        if program.database.read_now(deletion.is_older):
            raise OwnPaceError(
                "This database is an older copy: it holds somebody who was deleted since, and would send again what "
                "has left since. Run: scripts/ownpace restored"
            )
        if problem := program.database.read_now(alerts.warning, program.terms):
            err.print(f"Warning: {problem}", markup=False)
        if role is Role.WORKER:
            _work(program, host, port)
        else:
            host, port = host or settings.server.host, port or settings.server.port
            with listen(host, port) as listening:
                out.print(f"Own Pace is at {_site(host, port)}  (Ctrl-C stops it)", markup=False)
                _warn_of_links(settings.server.public_base_url, port)
                worker = program.worker if role is Role.ALL else None
                serve_forever(create_app(bootstrap.web_parts(program), worker), listening)


def _refuse_wrong_words(program: Program) -> None:
    """Raises ScheduleError for what `check` says keeps a server from starting."""
    proofs = proofread(program.settings.study, program.schedules)
    proofs.refuse()
    if proofs.of(Severity.STYLE):
        err.print("Warning: some texts want mending. See: scripts/ownpace check")


def _work(program: Program, host: str, port: int | None) -> None:
    """Work without pages, but for those that a monitor asks for, where it is said at which port."""
    from bot.web.serve import listen, work_forever

    host, port = host or program.settings.server.worker_host, port or program.settings.server.worker_port
    if port is None:
        out.print("Own Pace works here without pages  (Ctrl-C stops it)")
        work_forever(program.worker)
        return
    own = "give each worker on this machine a port of its own: worker_port in [server], or --port"
    with listen(host, port, own) as listening:
        out.print(
            f"Own Pace works here; a monitor asks {_site(host, port)}/health/ready  (Ctrl-C stops it)", markup=False
        )
        work_forever(program.worker, listening)


def _site(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _warn_of_links(site: str, port: int) -> None:
    if urlsplit(site).hostname in HERE and urlsplit(site).port != port:
        err.print(f"Warning: links still begin with {site}. Set public_base_url in [server] too.", markup=False)


def migrate(config: ConfigPath = CONFIG) -> None:
    """Bring the database up to date, and make the study key for a study that has none."""
    applied = bootstrap.prepare(_settings(config))
    for step in applied:
        out.print(f"Applied {step}", markup=False)
    if not applied:
        out.print("The database is up to date.")


# People


def participants(config: ConfigPath = CONFIG) -> None:
    """Everybody in the study, and where their interview stands."""
    with opened(config) as program:
        table = Table("code", "cohort", "channel", "state", "position", "tasks")
        for row in program.database.read_now(views.listed):
            table.add_row(row.code, row.cohort, row.channel, row.standing, row.place, str(row.tasks))
        out.print(table)


def show(
    code: str,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: everything, as JSON.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """One participant's record, in the order in which it was said, each message with its question."""
    with opened(config) as program:
        record = program.database.read_now(views.record, program.terms, code)
        if record is None and (at := program.database.read_now(withdrawal.when, code)):
            raise OwnPaceError(f"What {code.upper()} had said was deleted on {at:%d %B %Y}.")
        if record is None:
            raise OwnPaceError(f"There is no participant {code}. See: scripts/ownpace participants")
        if as_json:
            print(json.dumps(asdict(record), default=str, ensure_ascii=False, indent=2))
            return
        row = record.row
        out.print(f"{row.code}  {record.name}  {record.title}  {row.standing}  {row.place}", markup=False)
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


def hold(config: ConfigPath = CONFIG) -> None:
    """Let no message leave until it is released, but support for somebody in distress and mails to the team."""
    with opened(config) as program:
        held = program.database.run_now(switch.hold, ACTOR)
        out.print("Nothing leaves now. To go on: ownpace release" if held else "Nothing was leaving already.")


def release(config: ConfigPath = CONFIG) -> None:
    """Let messages leave again, in order, and spread over days where many wait."""
    with opened(config) as program:
        freed = program.database.run_now(switch.release, program.terms, ACTOR)
        out.print("Messages leave again." if freed else "Nothing was on hold.")


# The trail


def audit(
    last: Annotated[int, typer.Option(metavar="N", help="Show the newest N lines too.", min=0)] = 0,
    known: Annotated[str, typer.Option(metavar="LINK", help="A link that you wrote down: is it still there?")] = "",
    config: ConfigPath = CONFIG,
) -> None:
    """Check that nobody changed the audit trail: each line is chained to the one before it by the study key.

    Write down the newest link now and then, somewhere else. With --known it says whether the trail still holds it, so
    that lines cut off at the end are seen too.
    """
    with opened(config) as program:
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
            raise OwnPaceError(
                f"The link {known} is not in the trail: lines were cut off, or it was written down wrongly."
            )
        out.print(
            f"{found.lines} lines, each following from the one before it. The newest link: {found.newest or 'none'}"
        )
        if found.unchained:
            out.print(f"The first {found.unchained} are from before the trail was chained, and cannot be checked.")


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
    with opened(config) as program:
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


def talk(
    cohort: Annotated[str, typer.Option(help="Whose schedule.", show_default="the first one")] = "",
    wording: Annotated[Wording, typer.Option(help="Which wording.")] = Wording.STANDARD,
    language: Annotated[str, typer.Option(help="Which language.", show_default="English, where there is one")] = "",
    whole: Annotated[
        bool, typer.Option("--all", help="Answer nothing: show every text in order, and where the interview branches.")
    ] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Take a whole interview in the terminal. Nothing is kept: it runs on a database that is thrown away.

    With --all it is there at one look, for whoever writes it and for an ethics committee: what is sent to somebody who
    agrees to everything and answers every question, what follows where an answer leads somewhere else, and what whoever
    says NO is told.

    scripts/ownpace talk --all --cohort social-workers --wording short > preview.txt
    """
    from bot.talk import converse, tell_all

    settings, by_hand = _settings(config), sys.stdin.isatty()
    with tempfile.TemporaryDirectory(prefix="ownpace-talk-") as folder:
        program = bootstrap.throwaway(settings, Path(folder), settle=timedelta(days=1) if by_hand else timedelta())
        with closing(program.database) as database:
            cohort = cohort or next(iter(program.schedules))[0]
            languages = sorted((known for name, known in program.schedules if name == cohort), key=english_first)
            language = language or (languages or ["en"])[0]
            entry = Entry(cohort, Address("simulator", "sms/talk"), wording=wording, language=language)
            enrolment.check(entry, program.rules)
            if whole:
                tell_all(program, entry)
                return
            code = database.run_now(enrolment.enrol, program.terms, program.rules, entry)
            asyncio.run(converse(database, program.terms, code, entry.address, by_hand=by_hand))


# What `--help` shows, in this order

COMMANDS: Mapping[str, Mapping[str, Callable[..., None]]] = {
    "Running it": {"serve": serve, "migrate": migrate, "check": check_cli.check, "talk": talk},
    "People": {
        "enrol": people_cli.enrol,
        "invite": people_cli.invite,
        "participants": participants,
        "show": show,
        "needs": people_cli.needs,
        "remind": people_cli.remind,
        "reconfirm": people_cli.reconfirm,
        "assign": people_cli.assign,
        "handover": handover,
    },
    "Outgoing messages": {"hold": hold, "release": release},
    "The record": {
        "write-up": record_cli.write_up,
        "anonymise": record_cli.anonymise,
        "copy": data_cli.copy,
        "take-out": data_cli.take_out,
        "withdraw": data_cli.withdraw,
    },
    "Keeping it": {
        "retention": data_cli.retained,
        "backup": data_cli.backup,
        "restore": data_cli.restore,
        "restored": data_cli.restored,
        "move": data_cli.move,
        "audit": audit,
    },
}

for panel, commands in COMMANDS.items():
    for name, command in commands.items():
        app.command(name, rich_help_panel=panel)(command)
app.add_typer(export_app, name="export", rich_help_panel="The record")
app.add_typer(users_app, name="users", rich_help_panel="Keeping it")
