"""`ownpace check`: what is wrong with a study before anybody takes part, and what to know of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date, timedelta
from typing import Annotated
from urllib.parse import urlsplit

import typer

from bot import bootstrap, prompts
from bot.config import Settings
from bot.errors import OwnPaceError, ScheduleError
from bot.interview.cost import sms_parts, texts
from bot.interview.lint import Severity, not_in_sms
from bot.interview.review import Reviewed
from bot.interview.schedule import Wording
from bot.proofs import Schedules, proofread
from bot.records.vault import open_key_file
from bot.service import alerts, progress
from bot.terminal import CONFIG, HERE, ConfigPath, err, out

Running = Mapping[tuple[str, str], Counter[str]]
"""How many interviews go on with each version, by cohort and language."""


def check(
    live: Annotated[bool, typer.Option("--live", help="Also ask each provider whether it knows us.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Check the settings, the schedules, every text, and who can be told that a person is needed; change nothing.

    What it says is wrong keeps serve from starting too. With texts that are only hard to read or dear, serve starts.
    """
    settings = bootstrap.load_settings(config)
    schedules = prompts.load(settings.study.prompts)
    prompts.rota(settings.study.prompts)
    bootstrap.check_names(settings, schedules)
    _check_cutoff(settings)
    for line in _described(schedules):
        out.print(line, markup=False)
    unreached, running = _of_database(settings)
    for line in _going_on(schedules, running):
        out.print(line, markup=False)
    if settings.security.key_file.exists() or bootstrap.has_database(settings):
        open_key_file(settings.security.key_file)
    proofs = proofread(settings.study, schedules)
    of_settings = (*_unset(settings), *_overdue(settings), *unreached, *_hurried(settings))
    for warning in (*of_settings, *proofs.of(Severity.NOTE)):
        err.print(f"Warning: {warning}", markup=False)
    if to_mend := proofs.to_mend():
        raise ScheduleError(to_mend)
    if live:
        asyncio.run(_ask_providers(settings))
    _check_periods(settings, live)
    out.print("Everything is in order. A server that is running keeps the words it began with: start it again.")
    out.print("Whoever is enrolled already keeps theirs, but for texts with numbers to call, such as distress.")


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


def _check_cutoff(settings: Settings) -> None:
    """A day that is gone would be promised to everybody who is enrolled from now on."""
    cutoff, today = settings.retention.cutoff, bootstrap.now().astimezone(settings.study.zone).date()
    if isinstance(cutoff, date) and cutoff < today:
        gone = f"is {cutoff}, which is past: people are told that they can have their answers taken out until then"
        raise settings.wrong(("retention", "cutoff"), gone)


def _check_periods(settings: Settings, live: bool) -> None:
    """No study goes live before it is said how long each class of data is kept. Raises ConfigError when it is to."""
    problem = _problem_of(settings.retention.periods)
    if not problem:
        return
    if live:
        raise settings.wrong(("retention",), problem)
    err.print(f"Warning: [retention] {problem}. check --live lets no study go live before.", markup=False)


def _problem_of(periods: Mapping[str, timedelta | None]) -> str:
    """What is wrong with the periods, '' where nothing is."""
    missing = [name for name, period in periods.items() if period is None]
    if missing:
        return f'has no period for {", ".join(missing)}: say how long each is kept, such as {missing[0]} = "1y"'
    if (raw := periods["raw"]) and (media := periods["media"]) and raw > media:
        return "keeps raw for longer than media: a mail as it came has its pictures and files in it. Make raw shorter"
    if raw and (contact := periods["contact"]) and raw > contact:
        return "keeps raw for longer than contact, with which it goes: it says from where it came. Make raw shorter"
    return ""


def _unset(settings: Settings) -> Iterator[str]:
    """What a study that goes live wants to have said, and what says nothing."""
    if not settings.study.contact_phone:
        yield 'HELP tells people to "call us" without a number. Set contact_phone in [study].'
    for key in ("name", "researcher"):
        if dear := not_in_sms(getattr(settings.study, key)):
            signs = ", ".join(dear)
            yield f"{key} in [study] holds {signs}: a text message that says it costs about twice as much."
    site = urlsplit(settings.server.public_base_url)
    here = site.hostname in HERE
    if site.scheme == "http" and not here:
        yield "public_base_url in [server] begins with http: passwords and words would pass in the clear. Use https."
    if here and any(getattr(settings.channels, kind, None) for kind in ("sms", "whatsapp")):
        yield "Twilio cannot reach this machine. Set public_base_url in [server] to the address that others open."
    if settings.server.workers > 1:
        yield "workers in [server] changes nothing yet. For several processes: PostgreSQL, and serve --role for each."


def _hurried(settings: Settings) -> Iterator[str]:
    """Reminders that come so soon that they press people."""
    for pace in (settings.pace, *settings.pace.cohorts.values()):
        if pace.reminders and pace.reminders[0] < timedelta(days=1):
            yield (
                f"reminders in [pace] begin {pace.reminders[0]} (hours, minutes, seconds) after our message. People "
                'answer at their own pace: write days, such as ["4d", "10d"].'
            )


def _of_database(settings: Settings) -> tuple[list[str], Running]:
    """What to mend where somebody cannot be told of distress, and what goes on; nothing without a database to read."""
    try:
        program = bootstrap.build(settings)
    except OwnPaceError:
        return [], {}
    with closing(program.database) as database:
        problem = database.read_now(alerts.warning, program.terms)
        return [problem] if problem else [], database.read_now(progress.under_way)


def _described(schedules: Schedules) -> Iterator[str]:
    """What each schedule holds, and what it costs."""
    for (cohort, language), schedule in schedules.items():
        yield (
            f"{cohort} ({language}): {schedule.total} questions, {len(schedule.statements)} statements, "
            f"version {schedule.version}"
        )
        for wording in Wording:
            sent, parts = len(texts(schedule, wording)), sms_parts(schedule, wording)
            yield f"  {wording.value}: {sent} texts in a whole interview, {parts} SMS parts to pay for"


def _going_on(schedules: Schedules, running: Running) -> Iterator[str]:
    """How many interviews go on with each schedule, with older ones, and with what is not there any more."""
    for (cohort, language), on in sorted(running.items()):
        if here := schedules.get((cohort, language)):
            new = on[here.version]
            which = f"{new} with this version, {on.total() - new} with older ones"
        else:
            which = f"{on.total()} with a schedule that is not here any more"
        yield f"{cohort} ({language}): interviews that go on: {which}"


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
