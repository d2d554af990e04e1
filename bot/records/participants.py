"""Loading and saving participants with their interviews."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pydantic_core import from_json
from sqlalchemy import ColumnElement, String, and_, bindparam, cast, literal_column, or_, select, update

from bot.channel import Channel
from bot.errors import OwnPaceError
from bot.interview import needs
from bot.interview.safeguarding import Signs
from bot.interview.schedule import Schedule, Wording
from bot.interview.state import Interview, Pace, Person, Study
from bot.messages import Address
from bot.records.prepared import Prepared, Row
from bot.records.tables import addresses, data_keys, interviews, moves, outbox, participants
from bot.records.unit_of_work import UnitOfWork
from bot.records.vault import DataKey

CHANNEL_NAMES = {"sms": "text", "whatsapp": "WhatsApp", "telegram": "Telegram", "email": "email"}
"""How a text names a channel to a participant, at most 8 letters."""


def not_set_up(kind: str, there: Iterable[str]) -> str:
    """What to say of a channel that is none of those there, with the mend."""
    said = f"{kind!r} is not set up here; there is {', '.join(sorted(there))}."
    mend = f" To set it up, fill in [channels.{kind}] in the settings and start the server again."
    return said + (mend if kind in CHANNEL_NAMES else "")


@dataclass(frozen=True, slots=True)
class Rules:
    """What enrolment needs of the settings: schedules by cohort and language, defaults, and when the cutoff is.

    `quotas`: how many places a cohort has; one that is not named has no limit.
    """

    schedules: Mapping[tuple[str, str], Schedule]
    channels: Mapping[str, Channel]
    timezone: str
    researcher: str
    cutoff: date | int
    pace: Callable[[str, str], Pace]
    quotas: Mapping[str, int] = field(default_factory=dict)

    def cutoff_from(self, today: date) -> date:
        return self.cutoff if isinstance(self.cutoff, date) else today + timedelta(days=self.cutoff)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the settings say about every interview.

    The study's name and phone, the pace of a cohort on a kind of channel, what somebody unknown is told there, and
    the channels.
    `signs` of harm or distress, by language; `site` is where the team's pages are. `rules`: how whoever joins by an
    invitation is enrolled; without them nobody is.
    """

    study: Study
    pace: Callable[[str, str], Pace]
    unknown_reply: Callable[[str], str]
    channels: Mapping[str, Channel]
    signs: Mapping[str, Signs] = field(default_factory=dict)
    site: str = ""
    rules: Rules | None = None


@dataclass(frozen=True, slots=True)
class Participant:
    """A participant as loaded: who, their key, where they are written to, and their interview as it stands."""

    id: int
    code: str
    key_id: int
    key: DataKey
    kind: str
    address_id: int
    sealed_address: bytes
    closed: str | None
    interview: Interview

    @property
    def address(self) -> Address:
        return Address(self.kind, self.key.open(self.sealed_address, "address"))


def lane(participant_id: int) -> str:
    """The queue in which one person's messages leave, one at a time."""
    return f"p{participant_id}"


@dataclass(frozen=True, slots=True)
class Found:
    """A participant whose interview has not been read yet: enough to store what they sent, whatever else is wrong.

    `waits`: whether something of ours had not left when they were found.
    """

    id: int
    key_id: int
    key: DataKey
    address_id: int
    row: Row

    @property
    def waits(self) -> bool:
        return bool(self.row["waits"])


_lane = literal_column("'p'").concat(cast(participants.c.id, String))  # as `lane` has it
_waiting = select(outbox.c.seq).where(
    outbox.c.lane == _lane, or_(outbox.c.state == "pending", outbox.c.state == "held")
)

_JOINED = (
    select(
        participants.c.id,
        participants.c.code,
        participants.c.key_id,
        participants.c.name,
        participants.c.wording,
        participants.c.timezone,
        participants.c.researcher,
        participants.c.attributes,
        participants.c.created_at,
        addresses.c.id.label("address_id"),
        addresses.c.kind,
        addresses.c.value.label("address"),
        addresses.c.closed,
        data_keys.c.wrapped,
        interviews.c.version,
        interviews.c.saved,
        interviews.c.cutoff,
        _waiting.exists().label("waits"),
    )
    .join(addresses, addresses.c.participant_id == participants.c.id)
    .join(data_keys, data_keys.c.id == participants.c.key_id)
    .join(interviews, interviews.c.participant_id == participants.c.id)
)


_LOCKED = (
    select(interviews.c.participant_id)
    .join(participants, participants.c.id == interviews.c.participant_id)
    .join(addresses, addresses.c.participant_id == participants.c.id)
    .with_for_update(of=interviews)
)


class _Loader:
    """Loads whoever meets a condition; where others write beside us, the interview is locked before it is read."""

    def __init__(self, condition: ColumnElement[bool]) -> None:
        self._load, self._lock = Prepared(_JOINED.where(condition)), Prepared(_LOCKED.where(condition))

    def rows(self, uow: UnitOfWork, wanted: object, *, lock: bool = True) -> list[Row]:
        if lock and wanted not in uow.locked:
            uow.lock(self._lock, {"wanted": wanted})
        rows = uow.run(self._load, {"wanted": wanted})
        if lock and rows and rows[0]["id"] not in uow.locked:
            uow.alone()  # the address has become somebody else's meanwhile
        return rows


_BY_ADDRESS = _Loader(addresses.c.found_by == bindparam("wanted"))
_BY_ID = _Loader(and_(participants.c.id == bindparam("wanted"), addresses.c.main.is_(True)))
_BY_CODE = _Loader(and_(participants.c.code == bindparam("wanted"), addresses.c.main.is_(True)))


_SAVE = Prepared(update(interviews).where(interviews.c.participant_id == bindparam("of")))


def find(uow: UnitOfWork, *those: Address) -> Found | None:
    """The participant who has one of these addresses."""
    for address in those:
        for row in _BY_ADDRESS.rows(uow, uow.vault.find(address)):
            return Found(row["id"], row["key_id"], uow.vault.data_key(row["wrapped"]), row["address_id"], row)
    return None


def found_by_id(uow: UnitOfWork, participant_id: int) -> Found | None:
    """The participant with this id, at their main address."""
    for row in _BY_ID.rows(uow, participant_id):
        return Found(row["id"], row["key_id"], uow.vault.data_key(row["wrapped"]), row["address_id"], row)
    return None


def read(uow: UnitOfWork, terms: Terms, found: Found) -> Participant:
    """Somebody who was found, with their interview, reached at the address by which they were found."""
    return _participant(uow, terms, found.row, found.key)


def by_id(uow: UnitOfWork, terms: Terms, participant_id: int, *, lock: bool = True) -> Participant:
    """The participant, reached at their main address; without a lock they are only looked at. Raises KeyError."""
    found = _found(uow, terms, _BY_ID, participant_id, lock=lock)
    if found is None:
        raise KeyError(participant_id)
    return found


def by_code(uow: UnitOfWork, terms: Terms, code: str) -> Participant | None:
    """The participant with this code, in any case."""
    return _found(uow, terms, _BY_CODE, code.strip().upper())


def named(uow: UnitOfWork, terms: Terms, code: str) -> Participant:
    """The participant with this code, in any case. Raises OwnPaceError if nobody has it."""
    found = by_code(uow, terms, code)
    if found is None:
        raise OwnPaceError(f"There is no participant {code}. See: scripts/ownpace participants")
    return found


def save(uow: UnitOfWork, participant_id: int, interview: Interview) -> None:
    """Keep the interview as it stands now."""
    uow.run(_SAVE, {**columns(interview), "changed_at": uow.now, "of": participant_id})


def columns(interview: Interview) -> dict[str, Any]:
    """What is kept of an interview; beside the whole of it, in the clear, what others look for and count."""
    return {
        "state": interview.state.value,
        "position": interview.position,
        "cause": interview.cause.value,
        "progress": interview.progress,
        "saved": interview.saved(),
    }


def _found(uow: UnitOfWork, terms: Terms, loader: _Loader, wanted: object, *, lock: bool = True) -> Participant | None:
    rows = loader.rows(uow, wanted, lock=lock)
    return _participant(uow, terms, rows[0], uow.vault.data_key(rows[0]["wrapped"])) if rows else None


def _participant(uow: UnitOfWork, terms: Terms, row: Row, key: DataKey) -> Participant:
    kind = row["kind"]
    person = Person(
        name=key.open(row["name"], "name"),
        wording=Wording(row["wording"]),
        channel=channel_name(kind, key, row["address"]),
        timezone=ZoneInfo(row["timezone"]),
        researcher=row["researcher"],
        cutoff=date.fromisoformat(row["cutoff"]),
        attributes=from_json(key.open_bytes(row["attributes"], "attributes")),
    )
    schedule = uow.schedule(row["version"])
    interview = Interview.restored(
        row["saved"],
        schedule=schedule,
        study=terms.study,
        person=person,
        pace=needs.onto(terms.pace(schedule.cohort, kind), person.attributes),
    )
    return Participant(
        id=row["id"],
        code=row["code"],
        key_id=row["key_id"],
        key=key,
        kind=kind,
        address_id=row["address_id"],
        sealed_address=row["address"],
        closed=row["closed"],
        interview=interview,
    )


def reached_at(uow: UnitOfWork, participant_id: int, key: DataKey) -> list[tuple[str, str]]:
    """Where they are or want to be reached: kind and value."""
    return [
        (row["kind"], value)
        for table in (addresses, moves)
        for row in uow.all(select(table).where(table.c.participant_id == participant_id))
        if (value := key.open(row["value"], "address"))
    ]


def channel_name(kind: str, key: DataKey, sealed_address: bytes) -> str:
    """What the person calls the channel; a simulated address begins with the kind it plays, 'sms/P01'."""
    if kind == "simulator":
        kind = key.open(sealed_address, "address").partition("/")[0]
    return CHANNEL_NAMES.get(kind, kind)
