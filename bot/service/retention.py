"""What has been kept long enough: a list of what is due, and its deletion once a person has confirmed it.

A period counts from the end of a person's interview, which is its last change in a state that ends it; for somebody
whose interview never ended, from the study's end. The trail is counted line by line, and what came from people nobody
knows message by message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Table, delete, func, insert, select

from bot.errors import OwnPaceError
from bot.interview.events import TaskKind
from bot.interview.state import State
from bot.records import trail
from bot.records.tables import addresses, audit, consents, interviews, media, messages, meta, tasks, withdrawals
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.service import deletion
from bot.service.deletion import Counts

OVER = (State.COMPLETE, State.LEFT, State.DECLINED)
"""States in which an interview has ended."""

PEOPLE_CLASSES = ("raw", "media", "messages", "contact", "consent")

FIRST = (TaskKind.DISTRESS, TaskKind.PERSON_ASKED, TaskKind.CALL_ASKED, TaskKind.COPY, TaskKind.DELETE)
"""What a person does for somebody before anything of them is deleted as due: they could not be helped or told then."""

BACKED_UP, RESTORED, DELETED = "backed up", "restored", "deleted as due"
"""What the trail says of a backup, of one that was put back, and of each class that was deleted."""

SHOWN = "retention shown"
"""Where `meta` notes which list was shown last."""

AT_ONCE = 5
"""So many people's things are deleted in one transaction: a name is looked for in all their words, and others wait."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The period of each class, None where nobody has said one; when the study ends, where that is known."""

    periods: Mapping[str, timedelta | None]
    study_ends: date | None
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Due:
    """So many rows of a class are due since a day. `code` is whose, or '' for what is nobody's own.

    `which` tells these rows from any others of the same number.
    """

    kind: str
    code: str
    since: date
    rows: int
    which: str
    participant_id: int | None = None

    @property
    def held_by_backups(self) -> bool:
        """Whether older backups can still be read of it: the key goes only with all of somebody's words."""
        return self.participant_id is None or self.kind != "messages"


def due(uow: UnitOfWork, rules: Rules) -> list[Due]:
    """Everything that has been kept long enough, class by class, by code; but of nobody for whom a person is wanted."""
    wanted = _wanted(uow)
    return [one for one in _kept_long_enough(uow, rules) if one.participant_id not in wanted]


def put_off(uow: UnitOfWork, rules: Rules) -> list[str]:
    """Codes of those of whom something has been kept long enough, and for whom a person is to do something first."""
    wanted = _wanted(uow)
    return sorted({one.code for one in _kept_long_enough(uow, rules) if one.participant_id in wanted})


def _kept_long_enough(uow: UnitOfWork, rules: Rules) -> list[Due]:
    ended = dict(_ended(uow, rules))
    found = [
        one
        for kind in PEOPLE_CLASSES
        if (period := rules.periods[kind])
        for one in _of_people(uow, kind, period, ended)
    ]
    found += _of_nobody(uow, rules, "messages", messages, _held())
    found += _of_nobody(uow, rules, "audit", audit)
    return found


def show(uow: UnitOfWork, rules: Rules) -> list[Due]:
    """What is due, for a person to look at: only the list that was shown last can be confirmed."""
    listed = due(uow, rules)
    _remember(uow, listed, len(backups(uow)))
    return listed


def _remember(uow: UnitOfWork, listed: Sequence[Due], older: int) -> None:
    """What may be confirmed, and how many backups hold it too: once the first of it is deleted that is not counted."""
    uow.execute(delete(meta).where(meta.c.name == SHOWN))
    uow.execute(insert(meta).values(name=SHOWN, value=f"{_fingerprint(listed)} {older}"))


def confirm(uow: UnitOfWork, rules: Rules, actor: str) -> list[Due]:
    """Delete what is due of the next few people and write that down; what was deleted, nothing once all is.

    What is leaving at this moment waits for next time. Raises OwnPaceError, and deletes nothing, where what is due is
    not what was shown last, or what is left of it.
    """
    listed = due(uow, rules)
    shown = uow.one(select(meta.c.value).where(meta.c.name == SHOWN))
    what, _, before = shown["value"].partition(" ") if shown else ("", "", "")
    if listed and what != _fingerprint(listed):
        raise OwnPaceError(
            "What is due now is not the list that was shown last, so nothing of it was deleted. "
            "Look at it: ownpace retention"
        )
    older = max(len(backups(uow)), int(before or 0))
    ready = [one for one in listed if one.participant_id is None or not deletion.in_flight(uow, one.participant_id)]
    next_few = list(dict.fromkeys(one.participant_id for one in ready))[:AT_ONCE]
    done = [one for one in ready if one.participant_id in next_few]
    for one in done:
        _delete(uow, rules, one)
    for one in done:
        proof = {"kind": one.kind, "rows": one.rows, "since": one.since.isoformat()}
        if one.held_by_backups and uow.dialect == "sqlite":  # of pg_dump's we know nothing
            proof["older_backups"] = older
        uow.note(actor, DELETED, one.code or None, **proof)
    if done:
        _remember(uow, [one for one in listed if one not in done], older)
        deletion.leave_to_clean(uow)
        uow.changed |= {"participants", "tasks"}
    return done


def _fingerprint(listed: Sequence[Due]) -> str:
    return sha256(repr(listed).encode()).hexdigest()


def _ended(uow: UnitOfWork, rules: Rules) -> Iterator[tuple[tuple[int, str], datetime]]:
    """When each person's interview ended."""
    last = datetime.combine(rules.study_ends, time(), rules.zone) if rules.study_ends else None
    rows = uow.all(
        select(people.c.id, people.c.code, interviews.c.state, interviews.c.changed_at)
        .join(interviews, interviews.c.participant_id == people.c.id)
        .order_by(people.c.code)
    )
    for row in rows:
        at = row["changed_at"] if State(row["state"]) in OVER else last
        if at is not None:
            yield (row["id"], row["code"]), at


def _of_people(
    uow: UnitOfWork, kind: str, period: timedelta, ended: Mapping[tuple[int, str], datetime]
) -> Iterator[Due]:
    told = {row["participant_id"] for row in uow.all(select(withdrawals.c.participant_id).where(_being_told()))}
    for (participant_id, code), at in ended.items():
        if at + period <= uow.now and participant_id not in told and (ids := _ids(uow, kind, participant_id)):
            yield Due(kind, code, (at + period).date(), len(ids), _which(ids), participant_id)


def backups(uow: UnitOfWork) -> dict[str, str]:
    """Where backups are since what was due was deleted last, and whether each was BACKED_UP there or RESTORED from.

    Those before were to be destroyed then. What the study was restored from does not know of itself.
    """
    last = select(func.max(audit.c.id)).where(audit.c.act == DELETED).scalar_subquery()
    since = (audit.c.act.in_([BACKED_UP, RESTORED]), audit.c.id > func.coalesce(last, 0))
    rows = uow.all(select(audit.c.act, audit.c.detail).where(*since).order_by(audit.c.id))
    return {place: row["act"] for row in rows if (place := row["detail"].get("to") or row["detail"].get("from"))}


def _which(ids: Sequence[int]) -> str:
    return sha256(repr(ids).encode()).hexdigest()


def _wanted(uow: UnitOfWork) -> set[int | None]:
    """Those who are with a person, or wait for one."""
    asked = select(tasks.c.participant_id).where(tasks.c.closed_at.is_(None), tasks.c.kind.in_(FIRST))
    with_one = select(interviews.c.participant_id).where(interviews.c.state == State.HANDOVER)
    return {*uow.execute(asked).scalars(), *uow.execute(with_one).scalars()} - {None}


def _being_told() -> ColumnElement[bool]:
    """Those whose receipt has not left yet: `withdrawal` sees to them."""
    return withdrawals.c.kept.is_(False) & withdrawals.c.finished_at.is_(None)


def _ids(uow: UnitOfWork, kind: str, participant_id: int) -> list[int]:
    """The rows of the class that there are of somebody."""
    theirs = messages.c.participant_id == participant_id
    of = select(messages.c.id).where(theirs)
    query = {
        "contact": select(addresses.c.id).where(
            addresses.c.participant_id == participant_id, addresses.c.closed.is_distinct_from(deletion.NOWHERE)
        ),
        "messages": of.where(messages.c.belongs != deletion.GONE),
        "media": select(media.c.id).where(media.c.message_id.in_(of), media.c.state != deletion.GONE),
        "raw": of.where(messages.c.raw.is_not(None)),
        "consent": select(consents.c.id).where(consents.c.participant_id == participant_id),
    }[kind]
    return sorted(uow.execute(query).scalars())


def _held() -> ColumnElement[bool]:
    """What came from people nobody knows, and what they and the team were sent outside any interview."""
    return messages.c.participant_id.is_(None) & (messages.c.belongs != deletion.GONE)


def _of_nobody(
    uow: UnitOfWork, rules: Rules, kind: str, table: Table, *conditions: ColumnElement[bool]
) -> Iterator[Due]:
    period = rules.periods[kind]
    if period is None:
        return
    rows = uow.all(select(table.c.id, table.c.at).where(table.c.at <= uow.now - period, *conditions).order_by("id"))
    if rows:
        first = min(row["at"] for row in rows)
        yield Due(kind, "", (first + period).date(), len(rows), _which([row["id"] for row in rows]))


def _delete(uow: UnitOfWork, rules: Rules, one: Due) -> None:
    if one.participant_id is not None:
        _DELETE[one.kind](uow, one.participant_id)
        return
    period = rules.periods[one.kind]
    assert period is not None
    if one.kind == "messages":
        deletion.messages_where(uow, _held() & (messages.c.at <= uow.now - period))
        return
    with deletion.removing(uow):
        trail.cut(uow.connection, uow.vault, uow.now - period)


def _delete_words(uow: UnitOfWork, participant_id: int) -> Counts:
    """With a new key for the name and addresses, which may be kept for longer: no copy of the words opens any more."""
    gone = deletion.words(uow, participant_id)
    deletion.telling_keys(uow, participant_id)
    deletion.forget_answers(uow, participant_id)
    deletion.rekey(uow, participant_id)
    return gone


def _delete_raw(uow: UnitOfWork, participant_id: int) -> Counts:
    return deletion.raw(uow, messages.c.participant_id == participant_id)


def _delete_consent(uow: UnitOfWork, participant_id: int) -> Counts:
    with deletion.removing(uow):
        uow.execute(delete(consents).where(consents.c.participant_id == participant_id))
    return Counts()


_DELETE: Mapping[str, Callable[[UnitOfWork, int], Counts]] = {
    "raw": _delete_raw,
    "media": deletion.files,
    "messages": _delete_words,
    "contact": deletion.contact,
    "consent": _delete_consent,
}
