"""Putting people into the study: a CSV file, checked as a whole before anyone is written to."""

from __future__ import annotations

import csv
import difflib
import io
import itertools
import json
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, insert, or_, select, update

from bot.channel import Ability
from bot.errors import AddressError, EnrolmentError, OwnPaceError
from bot.interview import needs
from bot.interview.events import Admitted, Enrolled, TaskKind
from bot.interview.schedule import Wording
from bot.interview.state import Interview, Person, State
from bot.messages import Address
from bot.records import participants
from bot.records.participants import Rules, Terms, not_set_up
from bot.records.prepared import Prepared
from bot.records.tables import addresses, interviews
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.service import access, moves
from bot.service.conversations import happen

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

LONGEST_RESEARCHER = 15
"""Characters of a researcher's name, which texts hold."""

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


def read_csv(path: Path, rules: Rules) -> list[Entry]:
    """The people in a CSV file. Raises EnrolmentError as `read_text` does."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise EnrolmentError(f"{path}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise EnrolmentError(f"{path}: is not UTF-8 text. Save it again as CSV UTF-8.") from None
    return read_text(str(path), text, rules)


def read_text(path: str, text: str, rules: Rules) -> list[Entry]:
    """The people in the text of a CSV file, its fields parted by commas, semicolons or tabs.

    Raises EnrolmentError with every problem found, one a line, with its row.
    """
    rows = _rows_of(path, text)
    _, headings = next(rows, ("", []))
    columns = _columns(path, headings)
    entries, problems = [], []
    for where, cells in rows:
        try:
            entries.append(_entry(_named(columns, cells), rules, where))
        except EnrolmentError as error:
            problems.append(f"{where}: {error}")
    if problems:
        raise EnrolmentError("\n".join(problems))
    if not entries:
        raise EnrolmentError(f"{path}: there is nobody in the file. Add a line for each person below the first line.")
    return entries


def columns_of(text: str) -> list[tuple[str, str]]:
    """Each column's name and its first value that is not empty. Raises EnrolmentError where they cannot be read."""
    rows = [cells for _, cells in _rows_of("line", text)]
    columns = itertools.zip_longest(*rows, fillvalue="") if rows else ()
    return [(column[0], next((cell for cell in column[1:] if cell.strip()), "")) for column in columns]


def named_anew(text: str, names: Sequence[str]) -> str:
    """The same people, with their columns called so, in order; what is called '' is left out."""
    kept, written = [place for place, name in enumerate(names) if name], io.StringIO(newline="")
    out = csv.writer(written)
    out.writerow([names[place] for place in kept])
    for number, (_, cells) in enumerate(_rows_of("line", text)):
        if number:
            out.writerow([cells[place] if place < len(cells) else "" for place in kept] + cells[len(names) :])
    return written.getvalue()


def _rows_of(path: str, text: str) -> Iterator[tuple[str, list[str]]]:
    lines = list(io.StringIO(text, newline=""))
    parted_by = max(",;\t", key=(lines[0] if lines else "").count)
    return _rows(path, lines, csv.reader(lines, delimiter=parted_by, skipinitialspace=True, strict=True))


def _rows(path: str, lines: list[str], reader: CsvReader) -> Iterator[tuple[str, list[str]]]:
    """Each row that is not empty, with the line on which it begins: a cell in quotes may hold several lines."""
    while True:
        after = reader.line_num
        begins = next((number for number in range(after, len(lines)) if lines[number].strip("\r\n")), after) + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise EnrolmentError(
                f"{path}:{begins}: cannot be read as CSV: {error}. Is there a quote in this row that is never closed?"
            ) from None
        if row is None:
            return
        if row:
            yield f"{path}:{begins}", row


def _columns(path: str, headings: list[str]) -> list[str]:
    """The names of the columns. One that is nearly a name we know is a slip: as a note it would do nothing."""
    columns = [heading.strip().casefold() for heading in headings]
    problems = [f"the column {name} is there twice; keep one." for name in _twice(columns)]
    for name in columns:
        near = difflib.get_close_matches(name, COLUMNS, n=1, cutoff=0.75)
        if near and name not in COLUMNS:
            problems.append(f"the column {name!r}: did you mean {near[0]}? Give a column of notes a name less like it.")
    missing = [name for name in NEEDED if name not in columns]
    if missing and not problems:
        problems.append(
            f"the column {', '.join(missing)} is missing. The first line must name the columns: "
            f"{','.join(COLUMNS)} (needed: {', '.join(NEEDED)})."
        )
    if problems:
        raise EnrolmentError("\n".join(f"{path}:1: {problem}" for problem in problems))
    return columns


def _twice(names: list[str]) -> list[str]:
    return sorted({name for name in names if name and names.count(name) > 1})


def _named(columns: list[str], row: list[str]) -> dict[str, str]:
    """A row's cells by column; cells that were left out at its end are empty."""
    if len(row) > len(columns):
        raise EnrolmentError("has more fields than columns; put a field that holds a comma in quotes.")
    return dict(zip(columns, [cell.strip() for cell in row] + [""] * (len(columns) - len(row)), strict=True))


def _entry(cells: dict[str, str], rules: Rules, where: str) -> Entry:
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
    if len(entry.researcher) > LONGEST_RESEARCHER:
        raise EnrolmentError(f"researcher {entry.researcher!r} is longer than {LONGEST_RESEARCHER} characters.")
    try:
        zone = ZoneInfo(entry.timezone or rules.timezone)
    except (KeyError, ValueError, OSError):
        raise EnrolmentError(f"timezone {entry.timezone!r} is not a time zone; write one like Europe/London.") from None
    if wrong := needs.problem(rules.pace(entry.cohort, entry.address.kind), entry.attributes, zone):
        raise EnrolmentError(f"{wrong}.")


def address(kind: str, written: str, rules: Rules) -> Address:
    """A checked address. Raises EnrolmentError."""
    if kind not in rules.channels:
        raise EnrolmentError(f"channel {not_set_up(kind, rules.channels)}")
    if Ability.WRITES_FIRST not in rules.channels[kind].abilities:
        return Address(kind, "")  # they open the conversation by a link, and their address is known then
    if not written:
        raise EnrolmentError("the address is empty.")
    try:
        return rules.channels[kind].address(written)
    except AddressError as problem:
        raise EnrolmentError(f"address {written!r} {problem}.") from None


_OF_CODE = Prepared(select(people.c.id).where(people.c.code == bindparam("code")))
_WHOSE = select(addresses.c.found_by, people.c.code).join(people, people.c.id == addresses.c.participant_id)
_OF_ADDRESS = Prepared(_WHOSE.where(addresses.c.found_by == bindparam("found_by")))


class Free:
    """The codes and addresses that are free: nobody in the database has them, and nobody who was given one here.

    Codes are counted on from the highest in use, which is read once for each prefix; `highest` says those that are
    known already.
    """

    def __init__(self, uow: UnitOfWork, highest: Mapping[str, int] = MappingProxyType({})) -> None:
        self.uow = uow
        self.highest = dict(highest)
        self._codes: set[str] = set()
        self._addresses: dict[bytes, str] = {}
        self._all_read = False

    def read_all(self) -> None:
        """Read what is in use at once, rather than ask for each: that takes long for many, above all over a network."""
        self._codes.update(self.uow.execute(select(people.c.code)).scalars())
        self._addresses.update((row["found_by"], row["code"]) for row in self.uow.all(_WHOSE))
        self._all_read = True

    def next(self, prefix: str) -> str:
        """A code that nobody has."""
        if prefix not in self.highest:
            in_use = self.uow.execute(select(people.c.code).where(people.c.code.like(f"{prefix}%"))).scalars()
            self.highest[prefix] = max((_number(code, prefix) for code in in_use), default=0)
        while True:
            self.highest[prefix] += 1
            code = f"{prefix}{self.highest[prefix]:02}"
            if self.has_code(code):
                return code

    def has_code(self, code: str) -> bool:
        """Whether nobody has this code."""
        return code not in self._codes and (self._all_read or not self.uow.run(_OF_CODE, {"code": code}))

    def whose(self, found_by: bytes) -> str:
        """Who has this address: their code, or where they are written down; '' for nobody."""
        if found_by in self._addresses or self._all_read:
            return self._addresses.get(found_by, "")
        rows = self.uow.run(_OF_ADDRESS, {"found_by": found_by})
        return str(rows[0]["code"]) if rows else ""

    def take(self, code: str, found_by: bytes, where: str) -> None:
        """Somebody is given these, who is written down there."""
        self._codes.add(code)
        self._addresses[found_by] = where or code
        for prefix, highest in self.highest.items():
            self.highest[prefix] = max(highest, _number(code, prefix))


def _number(code: str, prefix: str) -> int:
    figures = code.removeprefix(prefix)
    return int(figures) if figures != code and figures.isdecimal() else 0


# Places

WITHOUT_A_PLACE = frozenset({State.WAITING, State.INELIGIBLE, State.DECLINED, State.LEAVING, State.LEFT})
"""States in which nobody takes a place."""


def taken(uow: UnitOfWork, cohort: str) -> int:
    """How many places of a cohort are taken.

    Whoever was let in has one until they say no, leave, or turn out not to be whom the study is for: nothing expires
    here, so an invitation that was taken up may be answered after sixty days and must still find its place. STOP
    keeps it, for READY takes it up again. Those who wait have none, also while a person talks with them. An
    invitation that nobody has used has none either: more are given out than come back.
    """
    of_cohort = (interviews.c.participant_id == people.c.id, people.c.cohort == cohort)
    inside = (*of_cohort, interviews.c.state.not_in([state.value for state in WITHOUT_A_PLACE]))
    begun = or_(interviews.c.position != "", interviews.c.state == State.COMPLETE.value, interviews.c.progress != "")
    count: int = uow.execute(select(func.count(people.c.id)).where(*inside, begun)).scalar_one()
    return count


def is_full(uow: UnitOfWork, rules: Rules, cohort: str) -> bool:
    """Whether every place of the cohort is taken."""
    quota = rules.quotas.get(cohort)
    return quota is not None and taken(uow, cohort) >= quota


def waits(uow: UnitOfWork, rules: Rules, entries: Iterable[Entry]) -> list[bool]:
    """For each, in order, whether there is no place left and they would wait."""
    there: Counter[str] = Counter({cohort: taken(uow, cohort) for cohort in rules.quotas})
    found = []
    for entry in entries:
        there[entry.cohort] += 1
        found.append(there[entry.cohort] > rules.quotas.get(entry.cohort, there[entry.cohort]))
    return found


def admit(uow: UnitOfWork, terms: Terms, rules: Rules, code: str, actor: str, *, over_quota: bool = False) -> None:
    """Give a place to somebody who waits. Raises OwnPaceError for anybody else, and where no place is free."""
    participant = participants.named(uow, terms, code)
    if participant.interview.state is not State.WAITING:
        raise OwnPaceError(f"{participant.code} is not on the waiting list: {participant.interview.state.value}.")
    cohort = participant.interview.schedule.cohort
    if not over_quota and is_full(uow, rules, cohort):
        raise OwnPaceError(
            f"No place is free: {taken(uow, cohort)} of {rules.quotas[cohort]} in {cohort} are taken. Raise it under "
            "quotas in [study] of the settings, or add --over-quota."
        )
    happen(uow, terms, participant, Admitted())
    uow.close_tasks(participant.id, frozenset({TaskKind.AFTERWARDS.value}))
    uow.note(actor, "admitted", participant.code, cohort=cohort)


def assign(uow: UnitOfWork, terms: Terms, code: str, researcher: str, actor: str) -> tuple[str, str]:
    """From now on they are this researcher's, who opens their conversation and stands in their texts.

    Their code, and the researcher's name as it is spelled where it is known.

    Raises OwnPaceError if nobody has the code, EnrolmentError for a name that does not fit into a text, and for
    one that is nobody's who may write to participants.
    """
    participant = participants.named(uow, terms, code)
    if not 0 < len(researcher.strip()) <= LONGEST_RESEARCHER:
        raise EnrolmentError(f"A researcher's name has 1 to {LONGEST_RESEARCHER} characters: it stands in texts.")
    able = _able(uow, terms.rules.researcher if terms.rules else "")
    if problem := _no_researcher(uow, researcher.strip(), able):
        raise EnrolmentError(problem)
    name = able[researcher.strip().casefold()]
    uow.execute(update(people).where(people.c.id == participant.id).values(researcher=name))
    uow.note(actor, "assigned", participant.code, to=name)
    uow.changed |= {"participants", f"participant {participant.id}"}
    return participant.code, name


def _able(uow: UnitOfWork, usual: str) -> Mapping[str, str]:
    """To whom participants can be given, as each is spelled. `usual`: the study's own, who need not sign in."""
    able = {one.casefold(): one for one in access.writers(uow)}
    return able | {usual.casefold(): usual} if usual and usual.casefold() not in able else able


def _no_researcher(uow: UnitOfWork, name: str, able: Mapping[str, str]) -> str:
    """Why nobody can be given to this name, '' where they can.

    A slip would open the conversation to every researcher, stand in texts, and be told of nothing.
    """
    there = ", ".join(able.values())
    if name.casefold() in able:
        return ""
    if access.signs_in(uow, name):
        return f"{name} cannot write to participants. Choose a researcher: {there}."
    add = f"scripts/ownpace users add {shlex.quote(name)}"
    return f"{name!r} is nobody who signs in here; there is {there}. Is it somebody new? Then first: {add}"


def assign_all(uow: UnitOfWork, terms: Terms, researchers: Mapping[str, str], actor: str) -> list[str]:
    """Assign each code to its researcher, all or none; who is whose now. Raises as `assign` does."""
    return [": ".join(assign(uow, terms, code, name, actor)) for code, name in researchers.items()]


@dataclass(frozen=True, slots=True)
class Assigned:
    """A participant, and whose they are."""

    code: str
    cohort: str
    researcher: str


def assigned(uow: UnitOfWork, after: str = "", most: int = 50) -> tuple[list[Assigned], bool]:
    """Participants whose code comes after this one, and whether there are more."""
    columns = (people.c.code, people.c.cohort, people.c.researcher)
    rows = uow.all(select(*columns).where(people.c.code > after).order_by(people.c.code).limit(most + 1))
    return [Assigned(*row.values()) for row in rows[:most]], len(rows) > most


# Enrolling


_NEW_PERSON = Prepared(insert(people).returning(people.c.id))
_NEW_ADDRESS, _NEW_INTERVIEW = Prepared(insert(addresses)), Prepared(insert(interviews))


@dataclass(frozen=True, slots=True)
class Placed:
    """Somebody who was enrolled, or would be. `waits`: there is no place left for them."""

    code: str
    waits: bool


def preview(uow: UnitOfWork, rules: Rules, entries: Sequence[Entry], *, over_quota: bool = False) -> list[Placed]:
    """How each would be enrolled; nobody is. Raises EnrolmentError as `enrol_all` does."""
    free = Free(uow)
    free.read_all()
    return _each(uow, rules, entries, over_quota, lambda one, waits: Placed(_start(uow, rules, one, free).code, waits))


def enrol_all(
    uow: UnitOfWork,
    terms: Terms,
    rules: Rules,
    entries: Sequence[Entry],
    actor: str = "coordinator",
    *,
    over_quota: bool = False,
    free: Free | None = None,
) -> list[Placed]:
    """Enrol all of them, in order. Raises EnrolmentError with every problem, and then nobody is to be enrolled."""
    free = free or Free(uow)

    def begin(entry: Entry, waits: bool) -> Placed:
        return Placed(_begin(uow, terms, rules, entry, actor, free, full=waits), waits)

    return _each(uow, rules, entries, over_quota, begin)


def enrol(uow: UnitOfWork, terms: Terms, rules: Rules, entry: Entry, actor: str = "coordinator") -> str:
    """Enrol one person and send the welcome, or the waiting text where every place is taken; their code.

    Raises EnrolmentError for a code or address in use.
    """
    return _begin(uow, terms, rules, entry, actor, Free(uow), full=is_full(uow, rules, entry.cohort))


def _each(
    uow: UnitOfWork, rules: Rules, entries: Sequence[Entry], over_quota: bool, place: Callable[[Entry, bool], Placed]
) -> list[Placed]:
    """Find each a place. Raises EnrolmentError with every problem."""
    full = [False] * len(entries) if over_quota else waits(uow, rules, entries)
    researchers = {entry.researcher for entry in entries if entry.researcher}
    able = _able(uow, rules.researcher) if researchers else {}
    unknown = {name: _no_researcher(uow, name, able) for name in researchers}
    placed, problems = [], []
    for entry, waits_here in zip(entries, full, strict=True):
        try:
            if problem := unknown.get(entry.researcher):
                raise EnrolmentError(problem)
            placed.append(place(entry, waits_here))
        except EnrolmentError as problem:
            problems.append(f"{entry.where}: {problem}" if entry.where else str(problem))
    if problems:
        raise EnrolmentError("\n".join(problems))
    return placed


def _begin(uow: UnitOfWork, terms: Terms, rules: Rules, entry: Entry, actor: str, free: Free, *, full: bool) -> str:
    participant_id, code = put_down(uow, terms, rules, entry, actor, free)
    happen(uow, terms, participants.by_id(uow, terms, participant_id), Enrolled(full=full))
    return code


@dataclass(frozen=True, slots=True)
class _Start:
    """With what somebody begins."""

    code: str
    address: Address
    found_by: bytes
    zone: str
    cutoff: date


def _start(uow: UnitOfWork, rules: Rules, entry: Entry, free: Free) -> _Start:
    """What is theirs from now on. Raises EnrolmentError as `enrol` does."""
    code = entry.code or free.next(rules.schedules[(entry.cohort, entry.language)].code_prefix)
    if entry.code and not free.has_code(code):
        raise EnrolmentError(f"{code} is enrolled already; leave the code empty to get the next free one.")
    address = entry.address
    if not address.value and Ability.WRITES_FIRST not in rules.channels[address.kind].abilities:
        address = moves.start_address(address.kind, uow.new_id())
    found_by = uow.vault.find(address)
    if whose := free.whose(found_by):
        raise EnrolmentError(
            f"somebody is enrolled with this {entry.address.kind} address already ({whose}); leave this one out."
        )
    free.take(code, found_by, entry.where)
    zone = entry.timezone or rules.timezone
    today = uow.now.astimezone(ZoneInfo(zone)).date()
    cutoff = rules.cutoff_from(today)
    if cutoff < today:
        raise EnrolmentError(
            f"the cutoff in [retention] of the settings, {cutoff}, is past; nobody can be told that day."
        )
    return _Start(code, address, found_by, zone, cutoff)


def put_down(
    uow: UnitOfWork, terms: Terms, rules: Rules, entry: Entry, actor: str, free: Free | None = None
) -> tuple[int, str]:
    """Somebody with an interview that has not begun: their id and code. Raises EnrolmentError as `enrol` does."""
    start = _start(uow, rules, entry, free or Free(uow))
    schedule = rules.schedules[(entry.cohort, entry.language)]
    uow.keep_schedule(schedule)
    key_id = uow.new_key()
    key = uow.key(key_id)
    researcher = entry.researcher or rules.researcher
    person: dict[str, Any] = {
        "code": start.code,
        "cohort": entry.cohort,
        "key_id": key_id,
        "name": key.seal(entry.name, "name"),
        "wording": entry.wording.value,
        "language": entry.language,
        "timezone": start.zone,
        "researcher": researcher,
        "attributes": key.seal(json.dumps(dict(entry.attributes)), "attributes"),
        "thread": uow.vault.short_name(uow.new_id()),
        "created_at": uow.now,
    }
    (kept,) = uow.run(_NEW_PERSON, person)
    participant_id: int = kept["id"]
    place: dict[str, Any] = {
        "participant_id": participant_id,
        "kind": entry.address.kind,
        "found_by": start.found_by,
        "value": key.seal(start.address.value, "address"),
        "verified": True,
        "main": True,
        "closed": moves.NOT_YET if start.address != entry.address else None,
    }
    uow.run(_NEW_ADDRESS, place)
    fresh = Interview(
        schedule=schedule,
        study=terms.study,
        person=Person(entry.name, entry.wording, entry.address.kind, ZoneInfo(start.zone), researcher, start.cutoff),
        pace=terms.pace(entry.cohort, entry.address.kind),
    )
    begun: dict[str, Any] = {
        "participant_id": participant_id,
        "version": schedule.version,
        "cutoff": start.cutoff.isoformat(),
        "changed_at": uow.now,
        **participants.columns(fresh),
    }
    uow.run(_NEW_INTERVIEW, begun)
    uow.note(actor, "enrolled", start.code, channel=entry.address.kind, cohort=entry.cohort)
    return participant_id, start.code
