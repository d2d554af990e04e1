"""Taking what happened through the interview: store, step, save what follows, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement, RowMapping, Select, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from bot.interview.discreet import NEUTRAL_TEXTS
from bot.interview.distress import URGENT
from bot.interview.engine import Step, step
from bot.interview.events import (
    OUTLASTS,
    AddressTold,
    Alert,
    Belongs,
    Book,
    Cancel,
    Consent,
    DropTimer,
    Due,
    Effect,
    Enrolled,
    Event,
    File,
    Forget,
    Move,
    Moved,
    OpenTask,
    OptedOut,
    Release,
    Remove,
    Said,
    Send,
    SetTimer,
    TaskKind,
    TimerKind,
)
from bot.interview.pace import is_reply
from bot.interview.reminders import DISCREET
from bot.interview.reminding import REMINDERS
from bot.interview.wording import clock, day, stock
from bot.messages import Delivery
from bot.records import participants
from bot.records.participants import Participant, Terms, lane
from bot.records.prepared import Prepared
from bot.records.tables import consents, interviews, messages, moves, outbox, timers
from bot.records.unit_of_work import UnitOfWork, beside
from bot.service import alerts, calls, outgoing
from bot.service import media as attachments

log = structlog.get_logger()

_MESSAGE = Prepared(update(messages).where(messages.c.id == bindparam("of")))


def _new_timer(new: PostgresInsert | SqliteInsert) -> Prepared:
    """A timer in place of the one of its kind."""
    later = {"position": new.excluded.position, "due": new.excluded.due}
    return Prepared(new.on_conflict_do_update(index_elements=["participant_id", "kind"], set_=later))


_NEW_TIMER = {"sqlite": _new_timer(sqlite_insert(timers)), "postgresql": _new_timer(postgresql_insert(timers))}
_DROP_TIMER = Prepared(
    delete(timers).where(timers.c.participant_id == bindparam("of"), timers.c.kind == bindparam("which"))
)


PROMISES = {TaskKind.PERSON_ASKED: "person-asked", TaskKind.COPY: "copy-asked"}
"""Tasks that somebody is told the time of, and the text that says it."""


IN_DISTRESS = "There were signs of distress, and they wait for a person: do not wait for a time to call."
"""What whoever sees to a call, or to somebody who asked for a person, has to know first."""


def happen(uow: UnitOfWork, terms: Terms, participant: Participant, event: Event) -> Step:
    """Take any event through a participant's interview and save what follows."""
    after = step(participant.interview, event, uow.now)
    _Turn(uow, terms, participant, event).save(after)
    uow.changed |= {"participants", f"participant {participant.id}"}
    return after


def send_all(uow: UnitOfWork, terms: Terms, participant: Participant, messages_: Sequence[Send]) -> None:
    """Put messages that follow from no event into the outbox, one after the other."""
    turn = _Turn(uow, terms, participant)
    for message in messages_:
        turn.send(message)


def _due_of(uow: UnitOfWork, limit: int) -> Select[Any]:
    """The timers that are due. Beside others, of people whom nobody else has in hand, as they are once we have them."""
    due = select(timers).where(timers.c.due <= uow.now).order_by(timers.c.due).limit(limit)
    if not uow.beside:
        return due
    free = due.join(interviews, interviews.c.participant_id == timers.c.participant_id)
    ours = uow.all(free.with_for_update(of=interviews, skip_locked=True))
    uow.locked |= {row["participant_id"] for row in ours}
    return due.where(timers.c.id.in_([row["id"] for row in ours]))


@beside
def wake(uow: UnitOfWork, terms: Terms, limit: int = 100) -> int:
    """Take the timers that are due through their interviews, oldest first; returns how many there were.

    One that cannot be taken is for a person to see to, and holds up nobody else.
    """
    due = uow.all(_due_of(uow, limit))
    for row in due:
        same = [timers.c[name] == row[name] for name in ("id", "participant_id", "kind", "position", "due")]
        if not uow.execute(delete(timers).where(*same)).rowcount:
            continue  # what rang just before has set it again, or dropped it
        try:
            with uow.undone_on_failure():
                participant = participants.by_id(uow, terms, row["participant_id"])
                happen(uow, terms, participant, _due(uow, participant, TimerKind(row["kind"]), row["position"]))
        except Exception as error:
            log.error("a timer could not be taken", participant=row["participant_id"], error=type(error).__name__)
            note = f"A {row['kind']} timer could not be taken ({type(error).__name__}). Please see how they are."
            uow.open_task("timer not taken", row["participant_id"], None, note)
    return len(due)


def _due(uow: UnitOfWork, participant: Participant, kind: TimerKind, position: str) -> Due:
    """A reminder is decided again by what has really left."""
    return Due(kind, position, *ours_left(uow, participant)) if kind is TimerKind.REMIND else Due(kind, position)


def ours_left(uow: UnitOfWork, participant: Participant) -> tuple[datetime | None, bool]:
    """When our last message left that is no reminder, and whether one still waits to leave."""
    ours = (outbox.c.lane == lane(participant.id), messages.c.author == "bot")
    of = select(func.max(outbox.c.claimed_at)).join(messages, messages.c.id == outbox.c.message_id)
    asking = or_(messages.c.texts.is_(None), messages.c.texts.not_in(list(REMINDERS)))
    left = uow.execute(of.where(*ours, asking, outbox.c.state.in_(["accepted", "unknown"]))).scalar()
    waiting = select(outbox.c.seq).where(outbox.c.lane == lane(participant.id))
    waits = uow.one(waiting.where(outbox.c.state.in_(["pending", "sending"])).limit(1)) is not None
    return left, waits or participant.closed is not None


def hide(uow: UnitOfWork, terms: Terms, participant: Participant) -> None:
    """Others may see their phone from now on: whatever of the bot's waits to leave waits until they write."""
    _Turn(uow, terms, participant).hide()


def show(uow: UnitOfWork, participant: Participant) -> None:
    """Nobody else sees their phone any more: what waited for them to write leaves."""
    beckons = select(outbox.c.seq).where(*_beckons(participant), outbox.c.state == "pending")
    changed = {"changed_at": uow.now}
    uow.execute(update(outbox).where(outbox.c.seq.in_(beckons)).values(state="cancelled", **changed))
    if participant.closed is None:
        held = (outbox.c.lane == lane(participant.id), outbox.c.state == "held")
        uow.execute(update(outbox).where(*held).values(state="pending", **changed))
        uow.changed.add("outbox")


def is_beckoned(uow: UnitOfWork, participant: Participant) -> bool:
    """Whether they were told here that a message is ready, and what waits waits for the word they were asked for."""
    here = outbox.c.address_id == participant.address_id
    left = (*_beckons(participant), here, outbox.c.state.in_(["sending", "accepted", "unknown"]))
    at, heard = uow.execute(select(func.max(outbox.c.claimed_at)).where(*left)).scalar(), participant.interview.heard
    held = (outbox.c.lane == lane(participant.id), outbox.c.state == "held")
    waits = uow.one(select(outbox.c.seq).where(*held).limit(1)) is not None
    return waits and at is not None and (heard is None or heard < at)


def _beckons(participant: Participant) -> tuple[ColumnElement[bool], ...]:
    """The messages that only say that one is ready."""
    theirs = (outbox.c.lane == lane(participant.id), outbox.c.message_id == messages.c.id)
    return (*theirs, messages.c.texts == DISCREET)


def next_wake(uow: UnitOfWork) -> datetime | None:
    """When the next timer is due."""
    row = uow.one(select(timers.c.due).order_by(timers.c.due).limit(1))
    return row["due"] if row else None


def opted_out(uow: UnitOfWork, terms: Terms, participant_id: int) -> None:
    """The provider says that the person blocked us: it is final, on every channel."""
    happen(uow, terms, participants.by_id(uow, terms, participant_id), OptedOut())


def neutral(texts: Sequence[str]) -> bool:
    """Whether a message of these stock texts gives nothing away on a phone that others may see."""
    return bool(texts) and all(text.startswith(NEUTRAL_TEXTS) for text in texts)


class _Turn:
    """Writes down what follows from one event."""

    def __init__(self, uow: UnitOfWork, terms: Terms, participant: Participant, event: Event | None = None) -> None:
        self.uow = uow
        self.terms = terms
        self.participant = participant
        self.message = event.message if isinstance(event, Said | Moved | Enrolled) else None
        wrote_now = participant.interview.heard == uow.now
        self.answers = wrote_now or self.message is not None or isinstance(event, AddressTold)
        self.before: int | None = None
        self.version = participant.interview.schedule.version

    def save(self, after: Step) -> None:
        self.version = after.interview.schedule.version  # statements may have changed, and what says so is of the new
        for effect in after.effects:
            self.save_effect(effect, after)
        participants.save(self.uow, self.participant.id, after.interview)

    def save_effect(self, effect: Effect, after: Step) -> None:
        match effect:
            case File():
                filed = {"belongs": effect.belongs.value, "question": effect.question}
                self.uow.run(_MESSAGE, {**filed, "of": effect.message})
            case Remove():
                every_form = or_(messages.c.id == effect.message, messages.c.replaces == effect.message)
                taken_back = update(messages).where(every_form)
                self.uow.execute(taken_back.values(removed_at=self.uow.now))
            case Forget():
                self.forget()
            case Send():
                self.send(effect)
            case Cancel():
                self.cancel(effect)
            case Release():
                self.release(effect, after)
            case Move():
                pass  # bot.service.moves sees to it
            case Consent():
                self.consent(effect)
            case SetTimer():
                self.set_timer(effect)
            case DropTimer():
                self.drop_timer(effect.kind)
            case OpenTask():
                self.uow.open_task(effect.kind.value, self.participant.id, self.message, self.note(effect, after))
            case Book():
                calls.book(self.uow, self.terms, self.participant, effect.slot)
            case Alert():
                alerts.tell(self.uow, self.terms, self.participant, effect)

    def note(self, task: OpenTask, after: Step) -> str | None:
        """What whoever sees to it has to know: by when they were told that it is done, and how they are reached."""
        said = [text for send in after.effects if isinstance(send, Send) for text in send.texts]
        told = any(text.startswith(PROMISES.get(task.kind, "nothing")) for text in said)
        promised = f"They were told: by {self.promised(task, after)}." if told else ""
        safely = alerts.SAFELY if self.participant.interview.person.guarded else ""
        asked = task.kind in (TaskKind.CALL_ASKED, TaskKind.PERSON_ASKED)
        urgent = IN_DISTRESS if asked and after.interview.distressed else ""
        return " ".join(filter(None, (urgent, promised, safely))) or None

    def promised(self, task: OpenTask, after: Step) -> str:
        """The moment that the texts of this step name."""
        person = after.interview.person
        first = after.interview.promised if task.kind is TaskKind.PERSON_ASKED else None
        local = (first or after.interview.rota.read_by(self.uow.now, person.researcher)[1]).astimezone(person.timezone)
        return f"{day(local)}, {clock(local)}"

    def send(self, effect: Send) -> None:
        uow, person = self.uow, self.participant
        held = self.beckons(effect) or person.closed is not None
        words = {
            "participant_id": person.id,
            "key_id": person.key_id,
            "channel": person.kind,
            "author": effect.author or "bot",
            "belongs": "sent",
            "question": effect.question,
            "texts": " ".join(effect.texts) or None,
            "wording": person.interview.person.wording.value,
            "version": self.version,
            "body": person.key.seal(effect.body, "body"),
        }
        way = {
            "lane": lane(person.id),
            "address": person.sealed_address,
            "address_id": person.address_id,
            "question": effect.question,
            "unasked": effect.unasked,
            "state": "held" if held else "pending",
            "follows": self.before,
            "not_before": effect.not_before or uow.now,
        }
        self.before = outgoing.queue(uow, words, way)

    def beckons(self, effect: Send) -> bool:
        """Whether somebody whose phone others may see is told only that a message is ready, until they want it.

        Also of what follows their own message minutes later: they may have put the phone down.
        """
        of_ours = effect.author is None and not neutral(effect.texts)
        if not self.participant.interview.person.discreet or not of_ours or (self.answers and not effect.unasked):
            return False
        if not is_beckoned(self.uow, self.participant):
            self.beckon(effect.not_before)
        return True

    def forget(self) -> None:
        """The words of the eligibility questions' answers, as read and as they came, and any file with them.

        What stays: that messages came, when and on which channel, which proves that nothing was lost and keeps a
        second copy from being taken for a new message; and the address, until the text that says it is not for them
        has left and a person has deleted the rest.
        """
        of = (messages.c.participant_id == self.participant.id, messages.c.belongs == Belongs.ELIGIBILITY.value)
        attachments.delete_with(self.uow, select(messages.c.id).where(*of))
        self.uow.execute(update(messages).where(*of).values(body=None, raw=None, elided=None))

    def cancel(self, effect: Cancel) -> None:
        """What is under way may still be found not to have left: then it is not tried again."""
        uow, in_lane = self.uow, outbox.c.lane == lane(self.participant.id)
        ours = outbox.c.message_id.in_(
            select(messages.c.id).where(
                messages.c.participant_id == self.participant.id,
                messages.c.author == "bot",
                or_(messages.c.texts.is_(None), messages.c.texts.not_in(URGENT)),
            )
        )
        waiting = (in_lane, outbox.c.state.in_(["pending", "held"]))
        cancelled = {"state": "cancelled", "changed_at": uow.now}
        asked = outbox.c.question.is_not(None)
        again = or_(asked, outbox.c.unasked) if effect.anew else asked
        uow.execute(update(outbox).where(*waiting, ours, again).values(**cancelled))
        uow.execute(update(outbox).where(*waiting, ours).values(state="aside", changed_at=uow.now))
        flying = (in_lane, outbox.c.state.in_(["sending", "unknown"]))
        uow.execute(update(outbox).where(*flying, *([] if effect.people else [ours])).values(unwanted=True))
        if effect.people:
            uow.execute(update(outbox).where(*waiting).values(**cancelled))
            self.drop_codes()
        of_person = timers.c.participant_id == self.participant.id
        uow.execute(delete(timers).where(of_person, timers.c.kind.not_in([kind.value for kind in OUTLASTS])))

    def drop_codes(self) -> None:
        """Nothing by which they would move to another address leaves any more, and no code or link is of use."""
        uow, of = self.uow, self.participant.id
        told = select(messages.c.id).where(messages.c.participant_id == of, messages.c.texts.startswith("change-"))
        theirs = outbox.c.message_id.in_(told)
        waiting = outbox.c.state.in_(["pending", "held", "aside"])
        uow.execute(update(outbox).where(theirs, waiting).values(state="cancelled", changed_at=uow.now))
        flying = outbox.c.state.in_(["sending", "unknown"])
        uow.execute(update(outbox).where(theirs, flying).values(unwanted=True))
        uow.execute(delete(moves).where(moves.c.participant_id == of))

    def release(self, effect: Release, after: Step) -> None:
        """What was set aside leaves; to a phone that others may see only what gives nothing away, until they write."""
        uow = self.uow
        aside = (outbox.c.lane == lane(self.participant.id), outbox.c.state == "aside")
        if after.interview.person.discreet and not is_reply(uow.now, after.interview.heard):
            self.hold_back([row for row in self.waiting("aside") if row["unasked"]])
        values = {"state": "pending", "not_before": effect.not_before or uow.now, "changed_at": uow.now}
        uow.execute(update(outbox).where(*aside).values(**values))
        uow.changed.add("outbox")

    def hide(self) -> None:
        """Nothing that waits is shown: they are told only that a message is ready, outside their quiet hours."""
        self.hold_back(self.waiting("pending"))
        if held := self.waiting("held"):
            self.beckon(max(self.uow.now, min(row["not_before"] for row in held)))

    def hold_back(self, rows: Sequence[RowMapping]) -> None:
        """Of these, what would give something away waits until they write."""
        telling = [row["seq"] for row in rows if not neutral((row["texts"] or "").split())]
        held = update(outbox).where(outbox.c.seq.in_(telling))
        self.uow.execute(held.values(state="held", changed_at=self.uow.now))

    def beckon(self, not_before: datetime | None) -> None:
        """Say only that a message is ready; where that waits to be said already, no later than this."""
        waiting = (*self.waiting("pending"), *self.waiting("aside"))
        if waits := [row["seq"] for row in waiting if row["texts"] == DISCREET]:
            soon = not_before or self.uow.now
            late = (outbox.c.seq.in_(waits), outbox.c.not_before > soon)
            self.uow.execute(update(outbox).where(*late).values(not_before=soon, changed_at=self.uow.now))
            return
        body = stock(self.participant.interview, [DISCREET])
        self.send(Send(body, (DISCREET,), not_before=not_before, unasked=True))

    def waiting(self, state: str) -> list[RowMapping]:
        """The bot's messages to them that are in this state."""
        of = (outbox.c.lane == lane(self.participant.id), outbox.c.state == state, messages.c.author == "bot")
        with_texts = select(outbox.c.seq, outbox.c.not_before, outbox.c.unasked, messages.c.texts).join(
            messages, messages.c.id == outbox.c.message_id
        )
        return self.uow.all(with_texts.where(*of))

    def consent(self, effect: Consent) -> None:
        person = self.participant
        version, wording = self.words_read()
        self.uow.execute(
            insert(consents).values(
                participant_id=person.id,
                statement=effect.statement,
                version=version,
                wording=wording,
                agreed=effect.agreed,
                message_id=effect.message,
                channel=person.kind,
                helper=person.interview.who and person.interview.who.value,
                at=self.uow.now,
            )
        )

    def words_read(self) -> tuple[str, str]:
        """The version and wording in which they last got what is open: theirs may be another since."""
        person, schedule = self.participant.interview.person, self.participant.interview.schedule
        asked = (
            messages.c.participant_id == self.participant.id,
            outbox.c.question == self.participant.interview.open_point,
        )
        last = select(messages.c.version, messages.c.wording).join(outbox, outbox.c.message_id == messages.c.id)
        came = or_(outbox.c.delivery.is_(None), outbox.c.delivery != Delivery.FAILED.value)
        left = (
            last.where(*asked, outbox.c.state.in_(["accepted", "unknown"]), came)
            .order_by(messages.c.id.desc())
            .limit(1)
        )
        row = self.uow.one(left)
        return (row and row["version"]) or schedule.version, (row and row["wording"]) or person.wording.value

    def drop_timer(self, kind: TimerKind) -> None:
        self.uow.run(_DROP_TIMER, {"of": self.participant.id, "which": kind.value})

    def set_timer(self, effect: SetTimer) -> None:
        of, kind = self.participant.id, effect.kind.value
        timer = {"participant_id": of, "kind": kind, "position": effect.position, "due": effect.due}
        self.uow.run(_NEW_TIMER[self.uow.dialect], timer)
        self.uow.changed.add("timers")
