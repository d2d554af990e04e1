"""Everything is built here, once, by hand, in order."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from bot import config, prompts
from bot.channel import Channel, ChannelSettings, Site
from bot.config import Settings
from bot.errors import NoStudyYet
from bot.interview.reminders import Ladder
from bot.interview.safeguarding import Signs
from bot.interview.schedule import Schedule, Wording
from bot.interview.state import Pace, Study
from bot.interview.wording import fill
from bot.records import migrate
from bot.records.database import Database
from bot.records.participants import CHANNEL_NAMES, Rules, Terms
from bot.records.vault import Vault, add_seeds, create_key_file, has_seeds, open_key_file
from bot.service.sender import Worker
from bot.web.state import Web
from channels import CHANNELS

MOST_NAMED = 10
"""So many of the names there are are named where another was written."""

StudySettings = config.settings_for(CHANNELS)
"""The settings with a section for every channel there is."""


def load_settings(path: Path) -> Settings:
    """The settings in a file. Raises ConfigError."""
    return config.load(path, StudySettings)


def open_channels(settings: Settings) -> dict[str, Channel]:
    """The channels that the settings switch on, by kind."""
    site = Site(settings.study.name, settings.server.public_base_url)
    opened = {}
    for kind in CHANNELS:
        section = getattr(settings.channels, kind)
        if section is not None and (channel := section.open(site)) is not None:
            if "rate" in section.model_fields_set:
                channel.rate = section.rate
            opened[kind] = channel
    return opened


def now() -> datetime:
    """The clock of the program."""
    return datetime.now(UTC)


_FOLDED = b"abcdefghijklmnopqrstuvwxyz234567" * 8
"""A letter or figure of base32 (RFC 4648, section 6) for each byte; each stands for eight."""


def new_id() -> str:
    """A new id for a message, never given twice and never guessed: 130 bits as 26 small letters and figures.

    It goes into reply addresses, whose letters some programs fold, and into links.
    """
    return secrets.token_bytes(26).translate(_FOLDED).decode()


@dataclass(frozen=True, slots=True)
class Program:
    """The built parts, as the commands and the web use them."""

    settings: Settings
    schedules: Mapping[tuple[str, str], Schedule]
    database: Database
    terms: Terms
    rules: Rules
    channels: Mapping[str, Channel]
    worker: Worker


def build(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = now,
    ids: Callable[[], str] = new_id,
    channels: Mapping[str, Channel] | None = None,
) -> Program:
    """Every part of the program, on a migrated database. Raises OwnPaceError where something is missing or wrong."""
    schedules = prompts.load(settings.study.prompts)
    if not has_database(settings):
        raise NoStudyYet
    vault = open_key_file(settings.security.key_file)
    migrate.check(settings.database.url, vault)
    database = open_database(settings.database, vault, clock, ids)
    database.texts = {language: schedule.texts for (_, language), schedule in schedules.items()}
    opened = open_channels(settings) if channels is None else channels
    terms = terms_of(settings, schedules, opened)
    rules = rules_of(settings, schedules, opened, terms.pace)
    terms = replace(terms, rules=rules)
    worker = Worker(database, terms)
    return Program(settings, schedules, database, terms, rules, opened, worker)


def open_database(
    settings: config.Database, vault: Vault, clock: Callable[[], datetime] = now, ids: Callable[[], str] = new_id
) -> Database:
    """The database of the settings."""
    kind = _shared() if settings.shared else Database
    sizes: Mapping[str, Any] = {"pool_size": settings.pool_size, "statement_timeout": settings.statement_timeout}
    return kind(settings.url, vault, clock=clock, new_id=ids, **sizes)


def _shared() -> type[Database]:
    from bot.records.postgresql import PostgreSQL  # with its driver, which is loaded only where it is in use

    return PostgreSQL


def throwaway(settings: Settings, folder: Path, settle: timedelta) -> Program:
    """The program on a new database in a folder that nobody keeps, with simulated phones only."""
    channels = type(settings.channels)(simulator={"enabled": True})
    pace = _settling(settings.pace, settle)
    database = config.Database(url=f"sqlite:///{folder}/study.db")
    security = config.Security(key_file=folder / "study.key")
    # a copy, as the environment would win over what a new one is given, and name the real database
    parts = {"channels": channels, "pace": pace, "database": database, "security": security}
    alone = settings.model_copy(update=parts)
    prepare(alone)
    return build(alone)


def _settling(pace: config.Pace, settle: timedelta) -> config.Pace:
    """The same pace, but for how long an answer takes to settle, in every cohort."""
    at_once = {"settle": {"simulator": settle}}
    cohorts = {name: own.model_copy(update=at_once) for name, own in pace.cohorts.items()}
    return pace.model_copy(update={**at_once, "cohorts": cohorts})


def web_parts(program: Program) -> Web:
    """What the pages and webhooks have in hand."""
    return Web(
        database=program.database,
        terms=program.terms,
        rules=program.rules,
        channels=program.channels,
        schedules=program.schedules,
        study=program.settings.study.name,
        zone=program.settings.study.zone,
        two_step_required=program.settings.security.two_step == "required",
        assigned_only=program.settings.study.assigned_only,
    )


def prepare(settings: Settings) -> list[str]:
    """Make the study key for a study that has none yet, and bring the database up to date; what was applied."""
    if not settings.security.key_file.exists() and not has_database(settings):
        create_key_file(settings.security.key_file)
    elif not has_seeds(settings.security.key_file) and not migrate.seeded(settings.database.url):
        add_seeds(settings.security.key_file)
    return migrate.migrate(settings.database.url, open_key_file(settings.security.key_file))


def has_database(settings: Settings) -> bool:
    """A key is never made for a database that is there already: it could not read it."""
    return migrate.exists(settings.database.url)


def terms_of(
    settings: Settings, schedules: Mapping[tuple[str, str], Schedule], channels: Mapping[str, Channel]
) -> Terms:
    """What the settings and the prompts folder say about every interview. Raises ScheduleError."""

    @cache
    def pace(cohort: str, kind: str) -> Pace:
        return pace_of(settings.pace.of(cohort), kind)

    known = CHANNEL_NAMES if "simulator" in channels else {k: v for k, v in CHANNEL_NAMES.items() if k in channels}
    study = Study(
        name=settings.study.name,
        phone=settings.study.contact_phone or "us",
        channels=known,
        agree_again=settings.study.agree_again_on_new_channel,
        rota=prompts.rota(settings.study.prompts),
    )
    signs = {language: Signs(words) for language, words in prompts.safeguarding(settings.study.prompts).items()}
    unknown = unknown_reply(settings, schedules)
    return Terms(study, pace, unknown, channels, signs, settings.server.public_base_url)


def pace_of(settings: config.CohortPace, kind: str) -> Pace:
    """The pace of a cohort on a kind of channel; a simulated phone knows neither night nor cap."""
    hours = settings.quiet_hours
    made = Pace(
        settle_on(settings, kind),
        quiet=(_minute(hours.start), _minute(hours.end)) if hours else None,
        prompts=settings.prompts,
        bank_holidays=settings.bank_holidays,
        most=settings.caps,
        review=None if settings.review == "manual" else settings.review,
        questions_a_day=settings.questions_a_day,
        ladder=Ladder(settings.reminders, settings.reminders_in_silence, settings.reminders_in_interview),
    )
    return replace(made, quiet=None, bank_holidays=False, most=0) if kind == "simulator" else made


def _minute(moment: time) -> int:
    return moment.hour * 60 + moment.minute


def settle_on(settings: config.CohortPace, kind: str) -> timedelta:
    """How long somebody is quiet on a kind of channel before what they wrote counts as their answer."""
    of_all = settings.settle.get("*", CHANNELS.get(kind, ChannelSettings).settle)
    return settings.settle.get(kind, of_all)


def rules_of(
    settings: Settings,
    schedules: Mapping[tuple[str, str], Schedule],
    channels: Mapping[str, Channel],
    pace: Callable[[str, str], Pace],
) -> Rules:
    """What enrolment needs of the settings. Raises ConfigError."""
    study, cutoff = settings.study, settings.retention.cutoff
    check_names(settings, schedules)
    return Rules(schedules, channels, study.timezone, study.researcher, cutoff, pace, study.quotas)


def check_names(settings: Settings, schedules: Mapping[tuple[str, str], Schedule]) -> None:
    """Raises ConfigError for a cohort or a text that is not there: what is set for it would not act."""
    cohorts = {cohort for cohort, _language in schedules}
    texts = {key for schedule in schedules.values() for key in schedule.texts}
    places: list[tuple[tuple[str, ...], Iterable[str], str, set[str]]] = [
        (("study", "quotas"), settings.study.quotas, "cohort", cohorts),
        (("pace", "cohorts"), settings.pace.cohorts, "cohort", cohorts),
    ]
    for kind in CHANNELS:
        templates = getattr(getattr(settings.channels, kind), "templates", {})
        places.append((("channels", kind, "templates"), templates, "text", texts))
    for keys, names, what, known in places:
        for name in names:
            if name not in known:
                raise settings.wrong((*keys, name), f"has no {what} to act on; there is {_nearest(name, known)}")


def _nearest(name: str, known: Collection[str]) -> str:
    """All the names there are, or, of many, the one that is most like this."""
    few = known if len(known) <= MOST_NAMED else get_close_matches(name, known, n=1, cutoff=0.0)
    return ", ".join(sorted(few))


def unknown_reply(settings: Settings, schedules: Mapping[tuple[str, str], Schedule]) -> Callable[[str], str]:
    """What somebody nobody knows is told, on a kind of channel."""
    text = next(iter(schedules.values())).texts["unknown-sender"]
    names = {"study": settings.study.name, "phone": settings.study.contact_phone}
    return lambda kind: fill(text.worded(Wording.SHORT if kind == "sms" else Wording.STANDARD), names)
