"""The work queue: what waits for a person, the most urgent first, who sees to it, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from sqlalchemy import ColumnElement, and_, case, func, insert, or_, select, update
from sqlalchemy.engine import RowMapping

from bot.errors import OwnPaceError
from bot.interview.events import SeenTo, TaskKind
from bot.interview.fetching import CAUSES
from bot.interview.state import State
from bot.records import participants
from bot.records.participants import Participant, Terms
from bot.records.tables import interviews, messages, tasks, users
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.service import access, reasons
from bot.service.access import May, may
from bot.service.conversations import happen
from bot.service.reasons import Reason
from bot.service.staff import User

TO_TALK = "wants to talk about this"
"""What somebody of the team wants to talk about: for them and for coordinators, and in no research record."""

PROMISED = frozenset({TaskKind.PERSON_ASKED.value, TaskKind.CALL_ASKED.value})
"""Tasks of those who were told by when a person writes."""

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Distress": (TaskKind.DISTRESS,),
        "A person is wanted": (TaskKind.PERSON_ASKED, TaskKind.CALL_ASKED, TaskKind.GO_ON),
        "Unclear reply": (TaskKind.UNCLEAR,),
        "Unknown sender": (
            "unknown sender",
            "answers somebody else's message",
            "sender not confirmed",
            "unreadable delivery",
            "message not taken",
        ),
        "Delivery": (
            "not delivered",
            "message refused",
            "message unknown",
            "address closed",
            "cannot send",
            "reply not sent",
            "no approved text",
            "too many messages",
            "timer not taken",
            "media lost",
        ),
        "To read": (TaskKind.REVIEW, TaskKind.SILENT, "check an answer"),
        "To write up": (TaskKind.WRITE_UP,),
    }
)
"""Which tasks come first. What is in none of these comes after them."""

REST = "Everything else"
NAMES = (*GROUPS, REST)

_place = case(
    {kind: place for place, kinds in enumerate(GROUPS.values()) for kind in kinds},
    value=tasks.c.kind,
    else_=len(GROUPS),
)
COORDINATORS = frozenset({"coordinator", "admin"})


@dataclass(frozen=True, slots=True)
class Task:
    """Something for a person to do, about a participant or about somebody we do not know.

    `open`: whether it is the user's to see to, as the conversation is theirs to open. `worries`: why a researcher held
    the questions, for those who may read it. `overdue`: by when they were told that a person writes, where that has
    passed and none has.
    """

    id: int
    kind: str
    group: str
    code: str
    message: int | None
    held: bool
    note: str
    owner: str
    asked_by: str
    opened_at: datetime
    age: timedelta
    cursor: str
    open: bool
    worries: tuple[Reason, ...]
    overdue: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the tasks, how many there are of each group, and where the next page begins."""

    tasks: tuple[Task, ...]
    counts: Mapping[str, int]
    mine: int
    more: str


def page(
    uow: UnitOfWork,
    user: User,
    group: str = "",
    mine: bool = False,
    after: str = "",
    most: int = 30,
    *,
    assigned_only: bool = True,
) -> Page:
    """What waits for a person, of one group or of the user's own, from a place in the list on."""
    wanted = [tasks.c.closed_at.is_(None), _seen_by(user)]
    counted = uow.all(select(_place.label("place"), func.count().label("many")).where(*wanted).group_by(_place))
    own = uow.execute(select(func.count()).where(*wanted, tasks.c.owner == user.name)).scalar_one()
    if group in NAMES:
        wanted.append(_place == NAMES.index(group))
    if mine:
        wanted.append(tasks.c.owner == user.name)
    if place := _place_of(after):
        wanted.append(_after(*place))
    rows = uow.all(
        select(
            tasks,
            _place.label("place"),
            people.c.code,
            people.c.key_id,
            people.c.name,
            interviews.c.saved["promised"].as_string().label("promised"),
            messages.c.participant_id.label("of"),
        )
        .outerjoin(people, people.c.id == tasks.c.participant_id)
        .outerjoin(interviews, interviews.c.participant_id == tasks.c.participant_id)
        .outerjoin(messages, messages.c.id == tasks.c.message_id)
        .where(*wanted)
        .order_by(_place, tasks.c.opened_at, tasks.c.id)
        .limit(most + 1)
    )
    codes = {row["code"] for row in rows if row["code"]}
    theirs = access.open_to(uow, user, codes, assigned_only=assigned_only)
    found = tuple(_task(uow, user, row, theirs) for row in rows)
    return Page(
        tasks=found[:most],
        counts=dict.fromkeys(NAMES, 0) | {NAMES[row["place"]]: row["many"] for row in counted},
        mine=own,
        more=found[most - 1].cursor if len(found) > most else "",
    )


def _is_open(user: User, row: RowMapping, theirs: Set[str]) -> bool:
    """Whose participant it is about matters, but for what the user asked for or coordinators are asked for."""
    return access.may_see_to(user, row["kind"]) and (row["kind"] == TO_TALK or not row["code"] or row["code"] in theirs)


def _worries(uow: UnitOfWork, user: User, row: RowMapping, theirs: Set[str]) -> tuple[Reason, ...]:
    if row["kind"] != TaskKind.DISTRESS or row["code"] not in theirs or not may(user, May.READ):
        return ()
    return reasons.worries(uow, uow.key(row["key_id"]), row["code"], row["name"], row["opened_at"])


def _task(uow: UnitOfWork, user: User, row: RowMapping, theirs: Set[str]) -> Task:
    return Task(
        id=row["id"],
        kind=row["kind"],
        group=NAMES[row["place"]],
        code=row["code"] or "",
        message=row["message_id"],
        held=row["message_id"] is not None and row["of"] is None,
        note=row["note"] or "",
        owner=row["owner"] or "",
        asked_by=row["asked_by"] or "",
        opened_at=row["opened_at"],
        age=uow.now - row["opened_at"],
        cursor=f"{row['place']}|{row['opened_at'].isoformat()}|{row['id']}",
        open=_is_open(user, row, theirs),
        worries=_worries(uow, user, row, theirs),
        overdue=_overdue(row, uow.now),
    )


def _overdue(row: RowMapping, now: datetime) -> datetime | None:
    if row["kind"] not in (*CAUSES, TaskKind.DISTRESS) or not row["promised"]:
        return None
    promised = datetime.fromisoformat(row["promised"])
    return promised if promised <= now else None


def _seen_by(user: User) -> ColumnElement[bool]:
    """Whether this task is for the user to know of."""
    if user.role in COORDINATORS:
        return tasks.c.kind.is_not(None)
    return or_(tasks.c.kind != TO_TALK, tasks.c.asked_by == user.name)


def _place_of(cursor: str) -> tuple[int, datetime, int] | None:
    """The place that the cursor names; None where it names none."""
    try:
        place, written, number = cursor.split("|")
        moment = datetime.fromisoformat(written)
        found = int(place), moment.astimezone(UTC), int(number)
    except (ValueError, OverflowError):
        return None
    real = moment.tzinfo and found[0] in range(len(NAMES)) and 0 <= found[2] < 2**62
    return found if real else None


def _after(place: int, moment: datetime, number: int) -> ColumnElement[bool]:
    later = or_(tasks.c.opened_at > moment, and_(tasks.c.opened_at == moment, tasks.c.id > number))
    return or_(_place > place, and_(_place == place, later))


def colleagues(uow: UnitOfWork) -> Mapping[str, str]:
    """Who signs in here, and their role: `may_own` of it says which tasks they may be given."""
    known = select(users.c.name, users.c.role).where(users.c.disabled_at.is_(None)).order_by(users.c.name)
    return {row["name"]: row["role"] for row in uow.all(known)}


# Seeing to it


def about(uow: UnitOfWork, task_id: int) -> tuple[str, str]:
    """What kind of task it is, and about whom: '' where it is about nobody known, or about whom does not matter."""
    of = select(tasks.c.kind, people.c.code).outerjoin(people, people.c.id == tasks.c.participant_id)
    row = uow.one(of.where(tasks.c.id == task_id))
    return (row["kind"], row["code"] or "" if row["kind"] != TO_TALK else "") if row else ("", "")


def is_open(uow: UnitOfWork, user: User, task_id: int) -> bool:
    """Whether there is such a task for the user, and nobody has seen to it yet."""
    of = select(tasks.c.id).where(tasks.c.id == task_id, tasks.c.closed_at.is_(None), _seen_by(user))
    return uow.one(of) is not None


def claim(uow: UnitOfWork, user: User, task_id: int, seen: str = "") -> None:
    """From now on it is the user's.

    Raises OwnPaceError where somebody else has taken it since it was `seen`, and for a task that they cannot do.
    """
    row = _open(uow, user, task_id)
    owner = row["owner"] or ""
    if owner not in (seen, user.name):
        raise OwnPaceError(f"{owner} has taken this task since the page was loaded. Give it to yourself if you agreed.")
    _own(uow, user, row, user.name)


def assign(uow: UnitOfWork, user: User, task_id: int, to: str) -> None:
    """Give it to somebody of the team, or to nobody ('').

    Raises OwnPaceError for a name that nobody has, and for somebody who cannot do it.
    """
    row = _open(uow, user, task_id)
    if to and to not in colleagues(uow):
        raise OwnPaceError(f"Nobody of the team is called {to}.")
    _own(uow, user, row, to)


def _own(uow: UnitOfWork, user: User, row: RowMapping, owner: str) -> None:
    role = colleagues(uow)[owner] if owner else ""
    if owner and not access.may_own(role, row["kind"]):
        cannot = f"{owner} is {access.NAMES.get(role, role)}, and cannot see to '{row['kind']}'."
        raise OwnPaceError(f"{cannot} {_mend(uow, row['kind'])}")
    uow.execute(update(tasks).where(tasks.c.id == row["id"]).values(owner=owner or None))
    _note(uow, user, row, "assigned a task", owner=owner)


def _mend(uow: UnitOfWork, kind: str) -> str:
    able = [name for name, role in colleagues(uow).items() if access.may_own(role, kind)]
    return f"Give it to {', or '.join(able)}." if able else "Add a researcher: scripts/ownpace users add NAME"


def resolve(uow: UnitOfWork, terms: Terms, user: User, task_id: int, outcome: str) -> None:
    """It has been seen to, and this is what came of it.

    Raises OwnPaceError where something has to be done first, without which the person would wait for ever.
    """
    row = _open(uow, user, task_id)
    words = " ".join(outcome.split())
    if not words:
        raise OwnPaceError("Say in a few words what came of it; the next person who looks will want to know.")
    participant = participants.by_id(uow, terms, row["participant_id"]) if row["participant_id"] else None
    if participant and (first := _first(participant, row["kind"])):
        raise OwnPaceError(first)
    key = participant.key if participant else uow.holding_key()[1]
    done = {"closed_at": uow.now, "closed_by": user.name, "outcome": key.seal(words, "outcome")}
    uow.execute(update(tasks).where(tasks.c.id == row["id"]).values(**done))
    if participant:
        uow.changed.add(f"participant {participant.id}")
        if row["kind"] in PROMISED and not uow.has_task(participant.id, PROMISED):
            happen(uow, terms, participant, SeenTo(user.name))
    kept = reasons.sealed(uow, participant, words) if participant else reasons.sealed_with(key, words)
    _note(uow, user, row, "resolved a task", **kept)


def _first(participant: Participant, kind: str) -> str:
    """What has to be done before this counts as seen to."""
    interview, code = participant.interview, participant.code
    if kind == TaskKind.DISTRESS and interview.distressed:
        return f"The questions to {code} are held. Give the reason to go on, and hand back, on their page first."
    waits = {task.value for task, cause in CAUSES.items() if cause is interview.cause}
    if kind in waits and interview.state is State.HANDOVER:
        return f"{code} waits for a person, and the questions wait too. Answer and hand back on their page first."
    if kind == TaskKind.REVIEW and interview.between and interview.pace.review is None:
        return f"The next question to {code} waits for you. Say on their page that you have read the answer."
    return ""


def ask_to_talk(uow: UnitOfWork, user: User, participant: Participant) -> None:
    """The user would like to talk about a conversation. Once is enough; the trail does not say about whom."""
    same = (tasks.c.participant_id == participant.id, tasks.c.kind == TO_TALK, tasks.c.asked_by == user.name)
    if uow.one(select(tasks.c.id).where(*same, tasks.c.closed_at.is_(None))):
        return
    asked = {"kind": TO_TALK, "participant_id": participant.id, "asked_by": user.name, "opened_at": uow.now}
    uow.execute(insert(tasks).values(**asked))
    uow.changed |= {"tasks", f"participant {participant.id}"}
    uow.note(user.name, "asked to talk")


def wants_to_talk(uow: UnitOfWork, user: User, participant_id: int) -> bool:
    """Whether the user has asked to talk about this one."""
    same = (tasks.c.participant_id == participant_id, tasks.c.kind == TO_TALK, tasks.c.asked_by == user.name)
    return uow.one(select(tasks.c.id).where(*same, tasks.c.closed_at.is_(None))) is not None


def _open(uow: UnitOfWork, user: User, task_id: int) -> RowMapping:
    row = uow.one(
        select(tasks, people.c.code)
        .outerjoin(people, people.c.id == tasks.c.participant_id)
        .where(tasks.c.id == task_id, _seen_by(user))
    )
    if row is None:
        raise OwnPaceError("There is no such task.")
    if row["closed_at"] is not None:
        by = f", by {row['closed_by']}" if row["closed_by"] else ""
        raise OwnPaceError(f"This task is done already{by}.")
    return row


def _note(uow: UnitOfWork, user: User, row: RowMapping, act: str, **detail: str) -> None:
    private = row["kind"] == TO_TALK
    uow.note(user.name, act, None if private else row["code"], task=row["kind"], **detail)
    uow.changed.add("tasks")


def public() -> ColumnElement[bool]:
    """Tasks that may be named wherever a participant is."""
    return tasks.c.kind != TO_TALK
