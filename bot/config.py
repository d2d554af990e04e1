"""The configuration: one TOML file, and environment variables that win over it.

`OWNPACE_CHANNELS__SMS__AUTH_TOKEN` stands for `auth_token` in `[channels.sms]`. A mistake is a `ConfigError` that
names the file, the line, the key, what is wrong and how to mend it; all mistakes are reported at once.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bot.channel import BaseUrl, ChannelSettings, Duration, Filled, Host, duration
from bot.errors import ConfigError

ENV_PREFIX = "OWNPACE_"

DAY = 24 * 60
LEAST_FREE = 60
"""Minutes of a day outside the quiet hours: with fewer, what waits would hardly ever leave."""

# Values -------------------------------------------------------------------------------------------------


def _review(value: object) -> object:
    return value if value == "manual" else duration(value)


def _reminders(value: object) -> tuple[timedelta, ...]:
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    those = value if isinstance(value, list | tuple) else [value]
    if any(str(each).strip().isdigit() and str(each).strip(" 0") for each in those):
        raise ValueError('must say days or hours, as in ["4d", "10d"]: a number alone could be either; 0 means none')
    moments = [duration(each) for each in those]
    if moments == [timedelta()]:
        return ()
    if any(not each for each in moments) or moments != sorted(set(moments)):
        raise ValueError('must rise, each later than the one before, as in ["4d", "10d"]; 0 means none')
    return tuple(moments)


@dataclass(frozen=True)
class QuietHours:
    """From `start` until `end`, over midnight where `end` is the earlier."""

    start: time
    end: time

    def covers(self, moment: time) -> bool:
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


def _quiet_hours(value: object) -> QuietHours | None:
    if value is None or isinstance(value, QuietHours):
        return value
    if not isinstance(value, bool) and str(value).strip() in {"0", ""}:
        return None
    found = re.fullmatch(r"\s*(\d\d):(\d\d)\s*-\s*(\d\d):(\d\d)\s*", str(value), re.ASCII)
    try:
        if found is None:
            raise ValueError
        start, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    except ValueError:
        raise ValueError('must be two times of day, as in "20:00-09:00"; 0 means none') from None
    if start == end:
        raise ValueError("begins and ends at the same time; write 0 for none")
    free = (start.hour * 60 + start.minute - end.hour * 60 - end.minute) % DAY
    if free < LEAST_FREE:
        raise ValueError(
            f"leaves {free} minute{'s' * (free > 1)} of a day for messages: leave at least an hour, or write 0 for none"
        )
    return QuietHours(start, end)


def _phone(value: str) -> str:
    if value and not re.fullmatch(r"\+?[0-9(](?:[ ()-]*[0-9]){2,}", value):
        raise ValueError('must be a number to ring, such as "01632 960000", or "" for none')
    return value


def _place(value: object) -> object:
    if isinstance(value, str) and not value.strip():
        raise ValueError("is empty: fill it in, or remove the line")
    return value


def _zone(value: object) -> object:
    try:
        ZoneInfo(str(value))
    except (KeyError, ValueError, OSError):
        raise ValueError('is not a time zone: write one such as "Europe/London"') from None
    return value


def _database_url(value: object) -> object:
    known = re.fullmatch(r"sqlite:///(?!:memory:|file:)[^?]+|postgresql://\S*/[^\s/]+", str(value))
    if not known or not _port_is_a_number(str(value)):
        raise ValueError('must be "sqlite:///" and the path of a file, or "postgresql://user:password@host/database"')
    return value


def _port_is_a_number(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _cutoff(value: object) -> date | int:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = str(value).strip()
    if not isinstance(value, bool) and re.fullmatch(r"[1-9]\d{0,4}", text, re.ASCII):
        return int(text)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a date such as 2027-03-31, or a number of days after enrolment") from None


def _period(value: object) -> timedelta | None:
    """Days, or years of 365 days and a quarter."""
    if value is None or isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"\s*([1-9]\d{0,4})\s*([dy])\s*", str(value), re.ASCII)
    if found is None:
        raise ValueError('must be a number of days or years, such as "90d" or "10y"')
    return timedelta(days=int(found[1]) if found[2] == "d" else -(-int(found[1]) * 1461 // 4))


FilledPath = Annotated[Path, BeforeValidator(_place)]
Period = Annotated[timedelta | None, BeforeValidator(_period)]


# Sections -----------------------------------------------------------------------------------------------


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Study(Section):
    name: Annotated[Filled, Field(max_length=20)] = "our study"
    timezone: Annotated[str, BeforeValidator(_zone)] = "Europe/London"
    prompts: FilledPath = Path("prompts")
    contact_phone: Annotated[str, Field(max_length=13), AfterValidator(_phone)] = ""
    researcher: Annotated[Filled, Field(max_length=15)] = "our researcher"
    agree_again_on_new_channel: bool = False
    assigned_only: bool = True
    quotas: dict[str, Annotated[int, Field(ge=0)]] = {}

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class Database(Section):
    url: Annotated[str, BeforeValidator(_database_url)] = "sqlite:///data/ownpace.db"
    pool_size: Annotated[int, Field(ge=1)] = 4
    statement_timeout: Duration = timedelta(seconds=30)

    @property
    def shared(self) -> bool:
        """Whether several processes may use it."""
        return self.url.startswith("postgresql:")


class Security(Section):
    key_file: FilledPath = Path("data/study.key")
    two_step: Literal["offered", "required"] = "offered"


class Server(Section):
    host: Host = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    public_base_url: BaseUrl = "http://127.0.0.1:8000"
    workers: Annotated[int, Field(ge=1)] = 1
    worker_host: Host = "127.0.0.1"
    worker_port: Annotated[int, Field(ge=1, le=65535)] | None = None


def _settle(value: object) -> object:
    """One length for every channel, under "*", or a length for each."""
    return value if isinstance(value, Mapping) else {"*": duration(value)}


class CohortPace(Section):
    """The settings of pace that a cohort may have of its own."""

    settle: Annotated[dict[str, Duration], BeforeValidator(_settle)] = {}
    review: Annotated[timedelta | Literal["manual"], BeforeValidator(_review)] = timedelta()
    reminders: Annotated[tuple[timedelta, ...], BeforeValidator(_reminders)] = (
        timedelta(days=4),
        timedelta(days=10),
    )
    quiet_hours: Annotated[QuietHours | None, BeforeValidator(_quiet_hours)] = QuietHours(time(20), time(9))
    caps: Annotated[int, Field(ge=0)] = 4
    bank_holidays: bool = True
    reminders_in_silence: Annotated[int, Field(ge=0)] = 2
    reminders_in_interview: Annotated[int, Field(ge=0)] = 6
    questions_a_day: Annotated[int, Field(ge=0)] = 0
    prompts: bool = False


class Pace(CohortPace):
    """The study's pace, and what is different in some cohorts."""

    cohorts: dict[str, CohortPace] = {}

    def of(self, cohort: str) -> CohortPace:
        """The pace of a cohort: its own settings over the study's."""
        own = self.cohorts.get(cohort, CohortPace())
        changes: dict[str, Any] = {key: getattr(own, key) for key in own.model_fields_set}
        if "settle" in changes and "*" not in own.settle:
            changes["settle"] = {**self.settle, **own.settle}
        return self.model_copy(update=changes)


class Safeguarding(Section):
    pass


class Retention(Section):
    """How long each class of data is kept, from the end of a person's interview; a class without a period is kept
    until somebody says for how long, and no real channel may be used until then."""

    cutoff: Annotated[date | int, BeforeValidator(_cutoff)] = 180
    study_ends: date | None = None
    contact: Period = None
    messages: Period = None
    media: Period = None
    raw: Period = None
    audit: Period = None
    consent: Period = None

    @property
    def periods(self) -> dict[str, timedelta | None]:
        """The period of each class."""
        return {name: getattr(self, name) for name in RETAINED}


RETAINED = ("contact", "messages", "media", "raw", "audit", "consent")
"""The classes of data that are kept for a period."""


class _Environment(EnvSettingsSource):
    """Plain words are plain words: a value that is not JSON is kept as it stands, for the field to judge."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    study: Study = Study()
    database: Database = Database()
    security: Security = Security()
    server: Server = Server()
    pace: Pace = Pace()
    safeguarding: Safeguarding = Safeguarding()
    retention: Retention = Retention()
    channels: Any = None  # a section with a key for each channel there is: see `settings_for`

    _file: Path | None = None

    def wrong(self, keys: tuple[str, ...], problem: str) -> ConfigError:
        """A setting that is found wrong after it was read, in the words of those that `load` finds."""
        error = {"type": "value_error", "loc": keys, "ctx": {"error": problem}}
        return ConfigError(_problem(self._file, _read(self._file) if self._file else "", error, type(self)))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return _Environment(settings_cls), init_settings


# Loading ------------------------------------------------------------------------------------------------


def settings_for(channels: Mapping[str, type[ChannelSettings]]) -> type[Settings]:
    """The settings of a program that knows these channels: `[channels.sms]` is read as `channels["sms"]` says."""
    kinds: dict[str, Any] = {kind: (model | None, None) for kind, model in channels.items()}
    section = create_model("Channels", __base__=Section, **kinds)
    return create_model("StudySettings", __base__=Settings, channels=(section, section()))


def load(path: Path, known: type[Settings]) -> Settings:
    """The settings in the file and the environment, with paths resolved against the file's folder.

    Raises ConfigError, with every problem found, one a line.
    """
    text = _read(path)
    settings = _checked(path, text, _parsed(path, text), known)
    settings._file = path
    settles: dict[tuple[str, ...], Mapping[str, timedelta]] = {("pace", "settle"): settings.pace.settle}
    settles |= {("pace", "cohorts", cohort, "settle"): own.settle for cohort, own in settings.pace.cohorts.items()}
    for keys, settle in settles.items():
        for kind in settle.keys() - {"*"} - type(settings.channels).model_fields.keys():
            unknown = {"type": "extra_forbidden", "loc": (*keys, kind)}
            raise ConfigError(_problem(path, text, unknown, known))
    return _resolved(settings, path.resolve().parent)


def load_without_channels(text: str, path: Path) -> Settings:
    """The settings that this text is at this path, but for those of the channels. Raises ConfigError as `load` does.

    For text from a backup, which has no passwords, and where it has to be quick.
    """
    data = {name: section for name, section in _parsed(path, text).items() if name != "channels"}
    return _resolved(_checked(path, text, data, Settings), path.resolve().parent)


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax_problem(path, str(error))) from None


def _checked(path: Path, text: str, data: Mapping[str, Any], known: type[Settings]) -> Settings:
    _check_variables(known)
    try:
        return known(**data)
    except ValidationError as error:
        problems = [_problem(path, text, each, known) for each in error.errors(include_url=False)]
        raise ConfigError("\n".join(problems)) from None  # the cause would show the values, secrets too


def _check_variables(known: type[Settings]) -> None:
    """Raises ConfigError for a setting in the environment of a section that there is not; such a slip sets nothing."""
    for name in os.environ:
        section, apart, _ = name.upper().removeprefix(ENV_PREFIX).partition("__")
        if name.upper().startswith(ENV_PREFIX) and apart and section.casefold() not in known.model_fields:
            said = _suggestion((section.casefold(),), known)
            raise ConfigError(f"the environment variable {name}: [{section.casefold()}] is not known here{said}.")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file. Copy config.example.toml to {path}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text. Save it again as UTF-8.") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.") from None


def _resolved(settings: Settings, folder: Path) -> Settings:
    study, security, database = settings.study, settings.security, settings.database
    return settings.model_copy(
        update={
            "study": study.model_copy(update={"prompts": folder / study.prompts.expanduser()}),
            "security": security.model_copy(update={"key_file": folder / security.key_file.expanduser()}),
            "database": database.model_copy(update={"url": _resolved_url(database.url, folder)}),
        }
    )


def _resolved_url(url: str, folder: Path) -> str:
    scheme, _, path = url.partition(":///")
    return f"sqlite:///{folder / path}" if scheme == "sqlite" else url


# Problems, in words -------------------------------------------------------------------------------------


def _syntax_problem(path: Path, message: str) -> str:
    at = re.search(r"\(at line (\d+), column (\d+)\)", message)
    line = f":{at[1]}" if at else ""
    what = message[: at.start()].strip() if at else message
    return f'{path}{line}: is not TOML: {what}. Text needs "quotes", and each key its own line.'


def _problem(path: Path | None, text: str, error: Mapping[str, Any], model: type[Settings]) -> str:
    keys = tuple(str(part) for part in error["loc"])
    variable = ENV_PREFIX + "__".join(keys).upper()
    if any(name.upper() == variable for name in os.environ):
        place = f"the environment variable {variable}"
    else:
        line = _line_of(text, keys)
        place = f"{path}:{line}" if line else str(path or "the settings")
    return f"{place}: {_named(keys)} {_what_is_wrong(error, keys, model)}."


def _named(keys: tuple[str, ...]) -> str:
    if len(keys) == 1 or (len(keys) == 2 and keys[0] == "channels"):
        return f"[{'.'.join(keys)}]"
    return f"{keys[-1]} in [{'.'.join(keys[:-1])}]"


def _what_is_wrong(error: Mapping[str, Any], keys: tuple[str, ...], model: type[Settings]) -> str:
    kind, details = error["type"], error.get("ctx", {})
    match kind:
        case "value_error":
            return str(details["error"])
        case "extra_forbidden":
            return "is not known here" + _suggestion(keys, model)
        case "missing":
            return "is missing: add it"
        case "string_too_long":
            return f"is too long: use at most {details['max_length']} characters"
        case "string_too_short" | "too_short":
            return "is empty: fill it in, or remove the line"
        case "bool_parsing" | "bool_type":
            return "must be true or false"
        case "int_parsing" | "int_type" | "int_from_float":
            return "must be a whole number"
        case "date_parsing" | "date_type" | "date_from_datetime_parsing" | "date_from_datetime_inexact":
            return "must be a date such as 2027-03-31"
        case "greater_than_equal":
            return f"must be {details['ge']} or more"
        case "less_than_equal":
            return f"must be {details['le']} or less"
        case "string_type" | "path_type":
            return 'must be text in "quotes"'
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"must be a section: write [{'.'.join(keys)}] on a line of its own"
        case _:
            return f"cannot be used: {error['msg']}"


def _suggestion(keys: tuple[str, ...], model: type[Settings]) -> str:
    known = _known_keys(keys[:-1], model)
    near = difflib.get_close_matches(keys[-1].casefold(), known, n=1)
    if near:
        return f"; did you mean {near[0]}"
    return f"; remove it (known: {', '.join(known)})" if known else "; remove it"


def _known_keys(keys: tuple[str, ...], model: type[Settings]) -> list[str]:
    if keys[:1] == ("pace",) and keys[-1] == "settle":
        keys = ("channels",)
    section: type[BaseModel] = model
    for key in keys[:2] if keys[:2] == ("pace", "cohorts") else keys:
        annotation = section.model_fields[key].annotation
        inside = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
        section = next((kind for kind in inside if issubclass(kind, BaseModel)), section)
    return [field.alias or name for name, field in section.model_fields.items()]


def _line_of(text: str, keys: tuple[str, ...]) -> int | None:
    """The line that sets the key, or else the nearest thing around it."""
    lines: dict[tuple[str, ...], int] = {}
    section: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\[?([^\[\]]+)\]", line):
            section = _dotted(header[1])
            lines.setdefault(section, number)
        elif key := re.match(r"""\s*([\w.\-"' ]+?)\s*=""", line):
            lines.setdefault(section + _dotted(key[1]), number)
    for length in range(len(keys), 0, -1):
        around = [number for known, number in lines.items() if known[:length] == keys[:length]]
        if around:
            return lines.get(keys[:length], min(around))
    return None


def _dotted(name: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in name.split("."))
