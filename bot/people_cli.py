"""The commands by which people come into a study, and are reminded and looked after there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from textwrap import indent
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.markup import escape
from rich.table import Table

from bot import bootstrap
from bot.bootstrap import Program
from bot.channel import Ability, duration
from bot.errors import OwnPaceError, WrongUse
from bot.interview.schedule import Wording
from bot.interview.wording import full_date
from bot.records.participants import CHANNEL_NAMES
from bot.service import adapting, batches, enrolment, invitations, opening, reconfirming, reminding, staff
from bot.service.batches import Plan
from bot.service.enrolment import Entry, Placed
from bot.service.invitations import Group, Standing
from bot.service.reconfirming import Outcome
from bot.terminal import ACTOR, CONFIG, ConfigPath, bar, err, opened, out

MOST_NAMED = 100
"""Codes that are named after one file; more fill more than a screen."""

MOST_SHOWN = 6
"""First messages that are shown of one file."""

COLUMNS_HELP = f"Columns: {', '.join(enrolment.COLUMNS)}. Needed: {', '.join(enrolment.NEEDED)}."


def enrol(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help=COLUMNS_HELP)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file; enrol nobody.")] = False,
    over_quota: Annotated[
        bool, typer.Option("--over-quota", help="Everybody gets a place, also where the cohort is full.")
    ] = False,
    drop_unfinished: Annotated[
        bool, typer.Option("--drop-unfinished", help="Another file broke off, and its rest is not to be enrolled.")
    ] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Enrol the people in a CSV file and send them the welcome. If a row is wrong, nobody is enrolled.

    A file of more than 100 people is enrolled bit by bit, so that participants who write meanwhile are not kept
    waiting. Where it breaks off, run the same command with the same file again: it goes on there, and nobody is
    enrolled twice.

    Where a cohort has as many people as its quota in the settings allows, further ones are put on the waiting list
    and are asked whether their details may be kept; the dry run shows who they are. To let one in later: invite
    --admit CODE.
    """
    with opened(config) as program:
        rules = program.rules
        entries = enrolment.read_csv(file, rules)
        plan = program.database.read_now(batches.look, rules, entries, over_quota=over_quota, drop=drop_unfinished)
        if plan.done:
            out.print(
                f"{plan.done:,} of these were enrolled before{'; going on.' if plan.left and not dry_run else '.'}"
            )
        placed = plan.placed if dry_run else _enrol(program, plan, over_quota)
    waiting = [one.code for one in placed if one.waits]
    inside = [one.code for one in placed if not one.waits]
    if dry_run:
        _show(program, plan.left, placed)
        out.print(f"{len(placed)} {'person' if len(placed) == 1 else 'people'} can be enrolled. Nothing was done.")
    elif inside:
        out.print(f"Enrolled {len(inside)}: {_named(inside)}", markup=False)
    if waiting:
        full = f"No place is left for {len(waiting)}: {_named(waiting)}."
        out.print(f"{full} They {'would be' if dry_run else 'are'} put on the waiting list.", markup=False)
        out.print("To give them a place all the same: --over-quota, or later: scripts/ownpace invite --admit CODE")


def _enrol(program: Program, plan: Plan, over_quota: bool) -> list[Placed]:
    """Enrol them, with a progress bar on a terminal where that takes a while."""
    placed: list[Placed] = []
    pause = partial(time.sleep, batches.PAUSE)
    done = batches.enrol(program.database, program.terms, program.rules, plan, ACTOR, pause, over_quota=over_quota)
    with bar(needed=len(plan.left) > batches.BATCH) as progress:
        progress("Enrolling", plan.done, len(plan.entries))
        try:
            for some in done:
                placed += some
                progress("Enrolling", plan.done + len(placed), len(plan.entries))
        except KeyboardInterrupt:
            again = (
                "To go on: the same command with the same file." if plan.marks else "See: scripts/ownpace participants"
            )
            err.print(f"Stopped. Whoever is enrolled stays so. {again}")
            raise
    return placed


def _named(codes: Sequence[str]) -> str:
    """Each code; of more than fill a screen the first and the last, for `participants` lists them all."""
    if len(codes) <= MOST_NAMED:
        return ", ".join(codes)
    return f"{', '.join(codes[:MOST_NAMED])} and so on until {codes[-1]}. See: scripts/ownpace participants"


def _show(program: Program, entries: Sequence[Entry], placed: Sequence[Placed]) -> None:
    """Each person as they would be enrolled, and the first message of each kind of person."""
    people = opening.looked(program.terms, program.rules, entries, placed, program.database.clock())
    table = Table("who", "how", "researcher", "first text", "notes")
    for one in people:
        entry = one.entry
        cells = (
            f"{one.code} {entry.name}\n{entry.cohort}",
            f"{entry.address.kind}\n{entry.wording.value} {entry.language}",
            one.researcher,
            one.when,
            "\n".join(one.notes),
        )
        table.add_row(*map(escape, cells))
    out.print(table)
    for first in opening.firsts(people)[:MOST_SHOWN]:
        out.print(f"{first.to}\n{indent(first.text, '    ')}\n", markup=False)


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
    with opened(config) as program:
        if admit:
            program.database.run_now(enrolment.admit, program.terms, program.rules, admit, ACTOR, over_quota=over_quota)
            out.print(
                f"{admit.strip().upper()} has a place, and is written to outside their quiet hours.", markup=False
            )
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
    if not program.channels.keys() & CHANNEL_NAMES.keys():
        err.print(
            "Warning: only simulated phones can use them yet. Before you give them out, fill in [channels.sms] or "
            "another way of messaging in the settings and start the server again.",
            markup=False,
        )
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


def remind(
    codes: Annotated[
        list[str] | None, typer.Argument(metavar="[CODE ...]", help="Whom; everybody if not said.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show who would get what; send nothing.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Remind people whose answer we wait for, by the same rules as automatic reminders, but without waiting for days.

    Nobody is reminded whom we asked less than a day ago, and nobody more often than the pace in the settings allows.
    """
    with opened(config) as program:
        if dry_run:
            done = program.database.read_now(reminding.preview, program.terms, codes or ())
        else:
            done = program.database.run_now(reminding.remind, program.terms, ACTOR, codes or ())
        now = program.database.clock()
        for one in done:
            out.print(f"{one.code}: {_reminder(one, now)}", markup=False)
        count = sum(not one.why_not for one in done)
        verb = "would be" if dry_run else "is" if count == 1 else "are"
        out.print(f"{count} {verb} reminded. Nothing is sent in their quiet hours.")


def _reminder(one: reminding.Preview, now: datetime) -> str:
    """Why somebody is reminded, when, and with what words; or why not."""
    if one.why_not or one.asked is None or one.at is None:
        return f"not reminded: {one.why_not}"
    at = "at once" if one.at <= now else f"on {one.at:%a %d %b at %H:%M}"
    return f"asked on {one.asked:%a %d %b at %H:%M}, gets this {at}:\n{indent(one.words, '    ')}"


def reconfirm(
    codes: Annotated[
        list[str] | None, typer.Argument(metavar="[CODE ...]", help="Whom; everybody if not said.")
    ] = None,
    statement: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this statement; can be said again. Else every one that changed."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show who would be asked what; send nothing.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Ask people again who agreed to statements that you have changed since, in a way that matters.

    Change consent.yaml and run check first. The interview of whoever is asked waits for their YES or NO, then goes on
    where it was; on a NO to a statement that is needed it ends kindly. Who has not come to a statement yet just hears
    the new words. A slip of the pen is no reason to ask: leave such statements out with --statement.

    scripts/ownpace reconfirm --statement c3-store --dry-run
    """
    with opened(config) as program:
        database, terms, rules = program.database, program.terms, program.rules
        if dry_run:
            changes = database.read_now(reconfirming.preview, terms, rules, codes or (), statement or ())
        else:
            changes = database.run_now(reconfirming.reconfirm, terms, rules, ACTOR, codes or (), statement or ())
    for one in changes:
        out.print(f"{one.code}: {', '.join(one.statements)}: {one.outcome.value}", markup=False)
    asked = sum(one.outcome in (Outcome.NOW, Outcome.LATER) for one in changes)
    if dry_run:
        out.print(f"{asked} would be asked again. Nothing was done.")
    else:
        out.print(f"{asked} are asked again.")
        out.print("Start a running server again, so that whoever is enrolled from now on hears the new words too.")


def needs(
    code: Annotated[str, typer.Argument(metavar="CODE", help="Of whom.")],
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=VALUE ...]", help="What is to be another; all is shown if nothing is said."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Show what somebody needs, or change it while they take part: words, pace, and who may see their phone.

    The names are those of the columns by which people are enrolled. Nothing after the = is what the study says. Where
    their wording or language changes, the open question is asked again in the new words, outside their quiet hours.

    scripts/ownpace needs P07 wording=easy_read settle=2h "hours=10:00-16:00" no_contact=
    """
    with opened(config) as program:
        database, terms, rules = program.database, program.terms, program.rules
        if not changes:
            out.print(_needs_of(database.read_now(adapting.of, terms, code)))
            return
        wanted = dict(_assignment(each) for each in changes)
        if dry_run:
            made = database.read_now(adapting.preview, terms, rules, code, wanted)
        else:
            made = database.run_now(adapting.change, terms, rules, code, wanted, ACTOR)
    for one in made:
        out.print(f"{one.name}: {one.before or '(as the study)'} -> {one.after or '(as the study)'}", markup=False)
    if not made:
        out.print("It is so already.")
    elif dry_run:
        out.print("Nothing was done.")


def _assignment(written: str) -> tuple[str, str]:
    name, equals, value = written.partition("=")
    if not equals:
        raise WrongUse(f"{written!r} says no value. Write NAME=VALUE, such as settle=2h.")
    return name.strip().casefold(), value.strip()


def _needs_of(known: dict[str, str]) -> Table:
    table = Table("what", "value")
    for name, value in known.items():
        table.add_row(escape(name), escape(value) or "(as the study)")
    return table


def assign(
    code: Annotated[str, typer.Argument(metavar="CODE", help="Whom.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="A researcher, as their sign-in is called.")],
    config: ConfigPath = CONFIG,
) -> None:
    """Give a participant to a researcher, who opens their conversation from now on and stands in their texts."""
    with opened(config) as program:
        given, theirs = program.database.run_now(enrolment.assign, program.terms, code, name, ACTOR)
        out.print(f"{given} is {theirs}'s now.", markup=False)
        if theirs.casefold() not in {one.name.casefold() for one in program.database.read_now(staff.list_users)}:
            err.print(f"Nobody called {theirs} signs in here, so every researcher may open it.", markup=False)
