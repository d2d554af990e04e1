"""Putting people into the study: a CSV file, checked as a whole before anyone is written to."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select

from bot.channel import Ability, Channel
from bot.errors import AddressError, EnrolmentError
from bot.interview import needs
from bot.interview.events import Enrolled
from bot.interview.schedule import Schedule, Wording
from bot.interview.state import Interview, Pace, Person
from bot.messages import Address
from bot.records import participants
from bot.records.participants import Terms
from bot.records.tables import addresses, interviews
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.service import moves
from bot.service.conversations import happen

COLUMNS = ("code", "cohort", "name", "channel", "address", "wording", "language", "timezone", "researcher")
NEEDED = ("cohort", "channel", "address")


@dataclass(frozen=True, slots=True)
class Entry:
    """One person as they are to be enrolled."""

    cohort: str
    address: Address
    code: str = ""
    name: str = ""
    wording: Wording = Wording.STANDARD
    language: str = "en"
    timezone: str = ""
    researcher: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    """Where they are written down: 'people.csv:3'."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What enrolment needs of the settings: schedules by cohort and language, defaults, and when the cutoff is."""

    schedules: Mapping[tuple[str, str], Schedule]
    channels: Mapping[str, Channel]
    timezone: str
    researcher: str
    cutoff: date | int
    pace: Callable[[str], Pace]

    def cutoff_from(self, today: date) -> date:
        return self.cutoff if isinstance(self.cutoff, date) else today + timedelta(days=self.cutoff)


def read_csv(path: Path, rules: Rules) -> list[Entry]:
    """The people in a CSV file. Raises EnrolmentError with every problem found, one a line, with its row."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise EnrolmentError(f"{path}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise EnrolmentError(f"{path}: is not UTF-8 text. Save it again as CSV UTF-8.") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        return _entries(path, reader, rules)
    except csv.Error as error:
        raise EnrolmentError(
            f"{path}:{reader.line_num + 1}: cannot be read as CSV: {error}. Is there a quote that is never closed?"
        ) from None


def _entries(path: Path, reader: csv.DictReader[str], rules: Rules) -> list[Entry]:
    headings = [(heading or "").strip().casefold() for heading in reader.fieldnames or []]
    missing = [name for name in NEEDED if name not in headings]
    if missing:
        raise EnrolmentError(
            f"{path}:1: the column {', '.join(missing)} is missing. The first line must name the columns: "
            f"{','.join(COLUMNS)} (needed: {', '.join(NEEDED)})."
        )
    reader.fieldnames = headings
    entries, problems = [], []
    for row in reader:
        where = f"{path}:{reader.line_num - _more_lines(row)}"
        try:
            entries.append(_entry(row, rules, where))
        except EnrolmentError as error:
            problems.append(f"{where}: {error}")
    if problems:
        raise EnrolmentError("\n".join(problems))
    return entries


Cells = Mapping[str | None, str | list[str] | None]
"""One row as the csv module gives it: what is left over stands under None, as a list."""


def _more_lines(row: Cells) -> int:
    """Lines that the row takes after its first: a cell in quotes may hold some."""
    return sum(cell.count("\n") for cell in row.values() if isinstance(cell, str))


def _entry(row: Cells, rules: Rules, where: str) -> Entry:
    if None in row:
        raise EnrolmentError("has more fields than columns; put a field that holds a comma in quotes.")
    cells = {str(key): str(value or "").strip() for key, value in row.items()}
    cells |= {key: " ".join(cells[key].split()) for key in COLUMNS if key in cells}
    wording = cells.get("wording", "").casefold().replace(" ", "_") or "standard"
    if wording not in list(Wording):
        raise EnrolmentError(f"wording {wording!r} must be one of {', '.join(Wording)}.")
    entry = Entry(
        cohort=cells["cohort"],
        address=address(cells["channel"].casefold(), cells["address"], rules),
        code=cells.get("code", "").upper(),
        name=cells.get("name", ""),
        wording=Wording(wording),
        language=cells.get("language") or "en",
        timezone=cells.get("timezone", ""),
        researcher=cells.get("researcher", ""),
        attributes={key: value for key, value in cells.items() if key not in COLUMNS and value},
        where=where,
    )
    check(entry, rules)
    return entry


def check(entry: Entry, rules: Rules) -> None:
    """Raise EnrolmentError, with the mend, if the person cannot be enrolled like this."""
    if (entry.cohort, entry.language) not in rules.schedules:
        known = ", ".join(f"{cohort} ({language})" for cohort, language in sorted(rules.schedules))
        raise EnrolmentError(f"there is no cohort {entry.cohort!r} in language {entry.language!r}; there is {known}.")
    if len(entry.name) > 15:
        raise EnrolmentError(f"name {entry.name!r} is longer than 15 characters; texts say it: use a first name.")
    if len(entry.code) > 6 or (entry.code and not entry.code.isalnum()):
        raise EnrolmentError(f"code {entry.code!r} must be at most 6 letters and figures, such as P07.")
    if len(entry.researcher) > 15:
        raise EnrolmentError(f"researcher {entry.researcher!r} is longer than 15 characters.")
    try:
        zone = ZoneInfo(entry.timezone or rules.timezone)
    except (KeyError, ValueError, OSError):
        raise EnrolmentError(f"timezone {entry.timezone!r} is not a time zone; write one like Europe/London.") from None
    if wrong := needs.problem(rules.pace(entry.address.kind), entry.attributes, zone):
        raise EnrolmentError(f"{wrong}.")


def address(kind: str, written: str, rules: Rules) -> Address:
    """A checked address. Raises EnrolmentError."""
    if kind not in rules.channels:
        raise EnrolmentError(f"channel {kind!r} is not set up here; there is {', '.join(sorted(rules.channels))}.")
    if Ability.WRITES_FIRST not in rules.channels[kind].abilities:
        return Address(kind, "")  # they open the conversation by a link, and their address is known then
    if not written:
        raise EnrolmentError("the address is empty.")
    try:
        return rules.channels[kind].address(written)
    except AddressError as problem:
        raise EnrolmentError(f"address {written!r} {problem}.") from None


def enrol_all(uow: UnitOfWork, terms: Terms, rules: Rules, entries: list[Entry]) -> list[str]:
    """Enrol all of them; their codes. Raises EnrolmentError with every problem, and then nobody is to be enrolled."""
    codes, problems = [], []
    for entry in entries:
        try:
            codes.append(enrol(uow, terms, rules, entry))
        except EnrolmentError as problem:
            problems.append(f"{entry.where}: {problem}" if entry.where else str(problem))
    if problems:
        raise EnrolmentError("\n".join(problems))
    return codes


def rehearse(uow: UnitOfWork, terms: Terms, rules: Rules, entries: list[Entry]) -> list[str]:
    """Enrol all of them and take it back; the codes they would have. Raises EnrolmentError as `enrol_all` does."""
    part = uow.connection.begin_nested()
    try:
        return enrol_all(uow, terms, rules, entries)
    finally:
        part.rollback()
        uow.changed.clear()


def enrol(uow: UnitOfWork, terms: Terms, rules: Rules, entry: Entry, actor: str = "coordinator") -> str:
    """Enrol one person and send the welcome; their code. Raises EnrolmentError for a code or address in use."""
    schedule = rules.schedules[(entry.cohort, entry.language)]
    code = entry.code or _next_code(uow, schedule.code_prefix)
    if uow.one(select(people.c.id).where(people.c.code == code)):
        raise EnrolmentError(f"{code} is enrolled already; leave the code empty to get the next free one.")
    address = entry.address
    if Ability.WRITES_FIRST not in rules.channels[address.kind].abilities:
        address = moves.start_address(address.kind, uow.new_id())
    found_by = uow.vault.find(address)
    if uow.one(select(addresses.c.id).where(addresses.c.found_by == found_by)):
        raise EnrolmentError(
            f"somebody is enrolled with this {entry.address.kind} address already; leave this one out."
        )
    uow.keep_schedule(schedule)
    key_id = uow.new_key()
    key = uow.key(key_id)
    zone = entry.timezone or rules.timezone
    researcher = entry.researcher or rules.researcher
    participant_id: int = uow.execute(
        insert(people)
        .values(
            code=code,
            cohort=entry.cohort,
            key_id=key_id,
            name=key.seal(entry.name, "name"),
            wording=entry.wording.value,
            language=entry.language,
            timezone=zone,
            researcher=researcher,
            attributes=key.seal(json.dumps(dict(entry.attributes)), "attributes"),
            thread=uow.vault.find(Address("thread", uow.new_id())).hex()[:8],
            created_at=uow.now,
        )
        .returning(people.c.id)
    ).scalar_one()
    uow.execute(
        insert(addresses).values(
            participant_id=participant_id,
            kind=entry.address.kind,
            found_by=found_by,
            value=key.seal(address.value, "address"),
            verified=True,
            main=True,
            closed=moves.NOT_YET if address != entry.address else None,
        )
    )
    cutoff = rules.cutoff_from(uow.now.astimezone(ZoneInfo(zone)).date())
    fresh = Interview(
        schedule=schedule,
        study=terms.study,
        person=Person(entry.name, entry.wording, entry.address.kind, ZoneInfo(zone), researcher, cutoff),
        pace=terms.pace(entry.address.kind),
    )
    uow.execute(
        insert(interviews).values(
            participant_id=participant_id,
            version=schedule.version,
            state=fresh.state.value,
            position="",
            saved=fresh.saved(),
            cutoff=cutoff.isoformat(),
            changed_at=uow.now,
        )
    )
    uow.note(actor, "enrolled", code, channel=entry.address.kind, cohort=entry.cohort)
    happen(uow, terms, participants.by_id(uow, terms, participant_id), Enrolled())
    return code


def _next_code(uow: UnitOfWork, prefix: str) -> str:
    codes = [row["code"] for row in uow.all(select(people.c.code).where(people.c.code.like(f"{prefix}%")))]
    numbers = [int(code[len(prefix) :]) for code in codes if code[len(prefix) :].isdigit()]
    return f"{prefix}{max(numbers, default=0) + 1:02}"
