"""The commands for what people are owed and for the years: copies, withdrawal, retention, backups."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from bot import bootstrap
from bot.bootstrap import Program
from bot.config import Database as DatabaseSettings
from bot.config import Settings, load_without_channels
from bot.errors import ConfigError, OwnPaceError, WrongUse
from bot.mends import database_problem
from bot.records.faults import of_postgresql
from bot.records.vault import open_key_file
from bot.service import backup as backups
from bot.service import deletion, leases, retention, withdrawal
from bot.service.deletion import CaughtUp
from bot.service.withdrawal import Receipt
from bot.terminal import ACTOR, CONFIG, ConfigPath, bar, err, opened, out

TARGET = "The database that --to names"


# Copies


def copy(
    code: str,
    place: Annotated[
        Path | None, typer.Option("--out", help="A file to write: .docx, .html, .md or .txt.", metavar="PATH")
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="Send it to the participant, on their channel.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there already.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """A participant's own copy of what they said, in their wording: into a file, or to them."""
    from bot.export.copy import put
    from bot.export.document import SUFFIXES
    from bot.service.copies import send_copy

    if send == (place is not None):
        raise WrongUse("Say one of the two: --out PATH, or --send.")
    if place is not None and place.suffix.lower() not in SUFFIXES:
        raise WrongUse(f"--out: end the name in one of {', '.join(SUFFIXES)}, which says in which form.")
    with opened(config) as program:
        if place is not None:
            format_ = SUFFIXES[place.suffix.lower()]
            lines = put(program.database, program.terms, code, place, format_, force, ACTOR)
            out.print(f"{place}: {lines} lines. Give it to nobody but them.", markup=False)
        else:
            count = program.database.run_now(send_copy, program.terms, code, ACTOR)
            out.print(f"The copy leaves in {count} message{'s' if count > 1 else ''}, outside their quiet hours.")


def take_out(
    code: str,
    numbers: Annotated[list[int], typer.Argument(metavar="NUMBER ...", help="Lines, as their copy numbers them.")],
    yes: Annotated[bool, typer.Option("--yes", help="Yes, these are the lines.")] = False,
    back: Annotated[bool, typer.Option("--back", help="Put them back instead.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Take lines that a participant does not want used out of every export, until their cut-off date."""
    from bot.service import copies

    with opened(config) as program:
        for line in program.database.read_now(copies.lines, program.terms, code, numbers):
            out.print(f"{line.number}. {line.text}", markup=False)
        would = "be put back" if back else "be taken out of every export from now on"
        if not yes and not (sys.stdin.isatty() and typer.confirm(f"These lines would {would}. Do it?")):
            raise WrongUse(f"These lines would {would}. Nothing was done. To do it: --yes")
        program.database.run_now(copies.take_out, program.terms, code, numbers, ACTOR, back=back)
    named = ", ".join(str(number) for number in numbers)
    out.print(
        f"{code.upper()}: {named} {'put back' if back else 'taken out of every export from now on'}.", markup=False
    )


# Withdrawal


def withdraw(
    code: str,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, do it: what is deleted can never be brought back.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="They leave, and what they said stays.")] = False,
    no_receipt: Annotated[
        bool, typer.Option("--no-receipt", help="Send them nothing, not even that it is done.")
    ] = False,
    after_cutoff: Annotated[bool, typer.Option("--after-cutoff", help="Also after their cut-off date.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Take a participant out of the study and delete what they said, everywhere, for good."""
    with opened(config) as program:
        preview = _preview(program, code, keep)
        if not yes and not (sys.stdin.isatty() and typer.confirm(f"{preview} Do it?")):
            raise WrongUse(f"{preview} Nothing was done. To do it: --yes")
        receipt = program.database.run_now(
            withdrawal.withdraw, program.terms, code, ACTOR, keep=keep, tell=not no_receipt, late=after_cutoff
        )
        emptied = receipt.kept
        try:
            emptied = emptied or deletion.clean(program.database)
        finally:  # what was done is done, and the list of what is left to do comes only once
            _print_receipt(receipt, program.settings, emptied)


def _preview(program: Program, code: str, keep: bool) -> str:
    exports = program.database.read_now(withdrawal.exports_of, code.strip().upper())
    if keep:
        return f"{code.upper()} would leave the study, and what they said would stay."
    return (
        f"Everything {code.upper()} said would be deleted for good, in every earlier copy of the database too. "
        f"{len(exports)} past exports hold it and would be listed."
    )


KEPT = (
    "Kept: that they were in the study, the statements they agreed to without their words, this withdrawal with its "
    "time and cut-off date, and the trail of what the team did. It shows that they agreed and that their wish was done."
)


def _print_receipt(receipt: Receipt, settings: Settings, emptied: bool) -> None:
    """For the coordinator: what was done, and what only people can do."""
    if receipt.kept:
        out.print(f"{receipt.code} has left the study. What they said stays.", markup=False)
        return
    said = ", ".join(f"{count} {what}" for what, count in receipt.deleted.items()) or "nothing was there"
    out.print(f"{receipt.code}: deleted for good: {said}. {KEPT}", markup=False)
    if receipt.told:
        out.print("A message that says so waits to leave. When it has left, their name and addresses are deleted too.")
    if not emptied:
        out.print("The database's log is emptied within minutes: somebody is still reading an older state.")
    out.print("\nWhat is left for you to do:")
    when = ", now and once more when that message has left" if receipt.told else ""
    out.print(
        f"- Copy {settings.security.key_file} over the copy you keep apart{when}. "
        "An old copy of the key together with an old backup could still be read.",
        markup=False,
    )
    for export in receipt.exports:
        out.print(f"- Delete their part of the {export.what} of {export.at:%d %B %Y}: {export.to}", markup=False)
    for channel in receipt.channels:
        held = f", and {receipt.elsewhere[channel]} files" if receipt.elsewhere.get(channel) else ""
        if channel != "simulator":
            out.print(
                f"- The provider of {channel} keeps logs of its own{held}: see your agreement with it.", markup=False
            )


# Retention


def retained(
    confirm: Annotated[bool, typer.Option("--confirm", help="Delete what was listed last, for good.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """What has been kept for as long as the settings say, and, once you confirm, its deletion."""
    with opened(config) as program:
        rules = _rules(program.settings)
        for name, period in rules.periods.items():
            if period is None:
                err.print(f"Warning: {name} in [retention] has no period, so nothing of it is ever due.", markup=False)
        older = program.database.read_now(retention.backups)
        if confirm:
            done = []
            while some := program.database.run_now(retention.confirm, rules, ACTOR):
                done += some
                err.print(f"Deleted of {len(done)} lines so far ...", end="\r")
            if done:
                deletion.clean(program.database)
        else:
            done = program.database.run_now(retention.show, rules)
        waiting = program.database.read_now(retention.put_off, rules)
    if waiting:
        err.print(f"Kept until a person has seen to them: {', '.join(waiting)}.", markup=False)
    if not done:
        out.print("Nothing is due.")
        return
    table = Table("class", "code", "due since", "rows")
    for one in done:
        table.add_row(one.kind, escape(one.code), f"{one.since:%d %b %Y}", str(one.rows))
    out.print(table)
    if confirm:
        out.print("Deleted, and written down in the trail.")
        if any(one.held_by_backups for one in done):
            made = f"Made, or restored from, since the last deletion: {_older(older)}."
            if program.settings.database.shared:
                made = "Those of pg_dump are not known here."
            out.print(
                "Backups that were made before still hold it, but for messages of participants. Make a new one, then "
                f"destroy the older ones and every copy of them. {made}",
                markup=False,
            )
    else:
        out.print("Nothing was deleted. To delete all of it for good: ownpace retention --confirm")


def _older(known: Mapping[str, str]) -> str:
    """The backups that are there, and the one that the study came from, wherever that is; of others, how many."""
    named = [place for place, act in known.items() if act == retention.RESTORED or Path(place).exists()]
    others = len(known) - len(named)
    gone = [f"and no longer where they were written: {others}"] if others else []
    return ", ".join([*named, *gone]) or "none"


def _rules(settings: Settings) -> retention.Rules:
    return retention.Rules(settings.retention.periods, settings.retention.study_ends, settings.study.zone)


# Backups


def backup(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file that is not there yet, such as study.zip.")],
    config: ConfigPath = CONFIG,
) -> None:
    """Put the whole study into one file, also while it is served: everything but the study key and the passwords."""
    with opened(config) as program:
        deletion.forget_keys(program.database)
        sources = backups.Sources(_file(program.settings), config, program.settings.study.prompts)
        with bar() as progress:
            made = backups.make(sources, program.database.vault, bootstrap.now(), path, progress)
        program.database.run_now(lambda uow: uow.note(ACTOR, retention.BACKED_UP, None, to=str(path.resolve())))
    people, said = made.counts["participants"], made.counts["messages"]
    out.print(
        f"{path}: {people} participants, {said} messages, {made.size / 1_000_000:.1f} MB; read back, and "
        f"{made.opened} sealed values opened.",
        markup=False,
    )
    out.print(
        f"The study key is not in it: keep a copy of {program.settings.security.key_file} in another place. Destroy "
        "this backup, and every copy, when something is deleted as due: ownpace retention.",
        markup=False,
    )


def restore(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file that backup has made.")],
    force: Annotated[bool, typer.Option("--force", help="Lose the database that is there.")] = False,
    moved: Annotated[
        bool, typer.Option("--moved", help="The old server was stopped before the backup: send what waited then.")
    ] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Put a study back from a backup, here or on another machine. The study key must be in its place already."""
    from bot.web.serve import alone

    settings = _settings_for(path, config)
    vault = open_key_file(settings.security.key_file)
    target = _file(settings)
    places = backups.Places(target, config, settings.study.prompts)
    with bar() as progress, alone(settings.database.url) if target.exists() else nullcontext():
        done = backups.restore(path, places, vault, bootstrap.now, progress, force=force, moved=moved)
    for put in done.put:
        out.print(f"{put}: put back{', without passwords and tokens' if put == config else ''}", markup=False)
    if done.differing:
        out.print(
            f"{places.prompts} was there and stays. It is not as in the backup: {', '.join(done.differing)}. To take "
            "those of the backup, move the folder away and run the same command with --force, before you start.",
            markup=False,
        )
    out.print(
        f"{target}: {done.counts['participants']} participants, {done.counts['messages']} messages, as of "
        f"{done.made_at.astimezone(settings.study.zone):%d %B %Y %H:%M}.",
        markup=False,
    )
    _tell_of_the_past(CaughtUp(done.deleted, done.held, done.users), done.doubtful)
    _tell_of_missing(config)


def restored(config: ConfigPath = CONFIG) -> None:
    """After pg_restore, before you serve: delete again who has left since, and send nothing a second time."""
    from bot.web.serve import alone

    settings = bootstrap.load_settings(config)
    with nullcontext() if settings.database.shared else alone(settings.database.url):
        _catch_up(config)


def _catch_up(config: Path) -> None:
    """Raises OwnPaceError where the study is served: what waits there is on its way, and in no doubt."""
    with opened(config) as program:
        if program.database.read_now(leases.alive):
            raise OwnPaceError("This study is served. Stop every server of it first; then run the same command again.")
        _tell_of_the_past(*backups.catch_up(program.database))


def _tell_of_the_past(gone: CaughtUp, doubtful: int) -> None:
    """What became of what an older copy of the study holds."""
    if gone.codes:
        out.print(f"Deleted since then, and so again: {', '.join(gone.codes)}.", markup=False)
    if gone.held:
        out.print(
            f"{gone.held} messages of people nobody knew could not be brought back: "
            "somebody who has left had written among them, and all of them had one key. Look for them in the newer "
            "database, if it is still there, or with your provider.",
            markup=False,
        )
    if gone.users:
        out.print(
            f"Without a second step and an address for alerts now: {', '.join(gone.users)}. Let them set it up again "
            "before anybody signs in with a password alone.",
            markup=False,
        )
    if doubtful:
        out.print(f"{doubtful} messages waited then and may have left since: there are tasks. They are not sent.")
    out.print("If people may have written since: scripts/ownpace hold, start, look, then scripts/ownpace release.")


def _settings_for(path: Path, config: Path) -> Settings:
    """The settings that are there, or else those of the backup, which has no passwords: nothing here wants them."""
    if config.exists():
        return bootstrap.load_settings(config)
    return load_without_channels(backups.settings_in(path), config)


def _tell_of_missing(config: Path) -> None:
    try:
        bootstrap.load_settings(config)
    except ConfigError as problem:
        out.print(f"Before you start, fill in what is missing in {config}:\n{problem}", markup=False)


def move(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL",
            help="postgresql://user:password@host/database, empty; - to be asked for it, unseen by others.",
        ),
    ] = "",
    back: Annotated[
        bool, typer.Option("--back", help="Go on in SQLite instead, without what has happened in PostgreSQL since.")
    ] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Move the study from SQLite to PostgreSQL, counted and compared; stop the server first."""
    from bot.records.transfer import come_back
    from bot.web.serve import alone

    settings = bootstrap.load_settings(config)
    if settings.database.shared:
        raise WrongUse("The study is in PostgreSQL already. pg_dump and pg_restore move it to another server.")
    if back == bool(to):
        raise WrongUse("Say one of the two: --to URL, or --back.")
    with alone(settings.database.url):
        if not back:
            _move(settings, _asked_for() if to == "-" else to)
        elif come_back(settings.database.url):
            out.print("The study is served from SQLite again. Serve it nowhere else: messages would leave twice.")
            _catch_up(config)
        else:
            out.print("The study was not moved.")


def _asked_for() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("The address", hide_input=True, err=True))
    return sys.stdin.readline().strip()


def _move(settings: Settings, to: str) -> None:
    from bot.records.transfer import transfer

    try:
        target = DatabaseSettings(url=to)
    except ValidationError:
        target = settings.database
    if not target.shared:
        raise WrongUse("--to takes the address of a PostgreSQL database: postgresql://user:password@host/database")
    vault = open_key_file(settings.security.key_file)
    try:
        with bar() as progress:
            counts = transfer(settings.database.url, target.url, vault, progress)
    except DBAPIError as error:
        if of_postgresql(error) is None:
            raise
        raise OwnPaceError(f"{database_problem(error, TARGET)} The study stays where it was.") from None
    out.print(
        f"Moved and compared: {counts['participants']} participants, {counts['messages']} messages, "
        f"{sum(counts.values())} rows in {len(counts)} tables."
    )
    out.print(
        f"Now set url in [database] to it. {_file(settings)} is served no more: keep it until you have seen that all "
        "is well, then delete it.",
        markup=False,
    )


def _file(settings: Settings) -> Path:
    if settings.database.shared:
        raise WrongUse(
            "The study is in PostgreSQL: pg_dump makes a backup of it, and pg_restore puts it back. Copy the prompts "
            "folder and the settings too, and keep the study key in another place."
        )
    return Path(settings.database.url.partition(":///")[2])
