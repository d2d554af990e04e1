"""What comes in: stored first, whatever it is, then taken through the interview, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy import ColumnElement, and_, bindparam, func, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import RowMapping

from bot.errors import OwnPaceError, place
from bot.interview.commands import Command, parse, says_nothing
from bot.interview.discreet import brings
from bot.interview.events import Belongs, Enrolled, Move, Moved, OptedOut, OutOfOffice, Said, TaskKind, Worried
from bot.interview.invitation import is_join
from bot.interview.pace import REPLY_WITHIN
from bot.interview.reminding import REMINDERS
from bot.interview.state import Interview, Menu, State
from bot.messages import Address, Delivery, DeliveryUpdate, Inbound, MediaKind, News, Reach, Undeciphered
from bot.records import participants
from bot.records.participants import Found, Participant, Terms, lane
from bot.records.prepared import Prepared, Row
from bot.records.tables import addresses, delivery_updates, messages, outbox, tasks
from bot.records.tables import media as media_table
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork, beside, sharing
from bot.service import alerts, calls, enrolment, invitations, media, moves, outgoing, reaching
from bot.service.conversations import happen
from bot.service.invitations import Attempt
from bot.service.outcomes import PART, update_delivery

log = structlog.get_logger()

CLOCKS_DIFFER = timedelta(seconds=5)
"""How far a provider's clock may be from ours."""

BEFORE = timedelta(days=1)
"""What somebody wrote so long before they were enrolled answers nothing of ours; an old mailbox may hold such mails."""

OLD = timedelta(days=3)
"""What was written so long ago gets no reply by itself."""

MOST_STRANGERS = 20
"""Replies to people we do not know, in an hour on one channel; more would be a conversation with programs."""

FEWEST_LINES = 4
"""Nobody writes so many lines around a short answer, word for word as the last time: their mail program does."""

STOOD_BEFORE = 20
"""In so many of their earlier messages it is looked for what stands around a short answer."""

FORWARDED = "They forwarded this: somebody else may have written it."

COULD_NOT_JOIN = "Their invitation fits, and still they could not be enrolled. The log says why; please help them."

_NEW_INBOUND = {
    "sqlite": Prepared(sqlite_insert(messages).on_conflict_do_nothing().returning(messages.c.id)),
    "postgresql": Prepared(postgresql_insert(messages).on_conflict_do_nothing().returning(messages.c.id)),
}
_WAITING = Prepared(
    select(outbox.c.question, outbox.c.not_before, outbox.c.state).where(
        outbox.c.lane == bindparam("of"), or_(outbox.c.state == "pending", outbox.c.state == "held")
    )
)


_IS_PART = delivery_updates.c.status == literal_column(f"'{PART}'")  # a bound value would find no partial index


class Received(StrEnum):
    """What became of a delivery."""

    TAKEN = "taken"
    AGAIN = "again"
    HELD = "held"
    FLAGGED = "flagged"


def _sender(_terms: Terms, _kind: str, news: Sequence[News]) -> Address | None:
    return next((one.sender for one in news if isinstance(one, Inbound)), None)


@sharing(of=_sender)
def take(uow: UnitOfWork, terms: Terms, kind: str, news: Sequence[News]) -> list[Received]:
    """Everything that one delivery of a channel brings; what became of each message in it."""
    received = []
    if len(news) > 1:
        uow.alone()
    for one in news:
        match one:
            case Inbound():
                received.append(receive(uow, terms, one))
            case DeliveryUpdate():
                if not update_delivery(uow, terms, one) and one.otherwise is not None:
                    keep_unreadable(uow, kind, one.otherwise)
            case Reach():
                reach(uow, terms, one)
            case Undeciphered():
                keep_unreadable(uow, kind, one)
    return received


@beside
def missed(uow: UnitOfWork, terms: Terms, kind: str, news: News) -> list[Received]:
    """The same for what a provider holds, if it was written since the study has anybody in it."""
    if isinstance(news, Inbound) and news.written_at is not None:
        began = uow.execute(select(func.min(people.c.created_at))).scalar()
        if began is None or news.written_at < began - CLOCKS_DIFFER:
            return []
    return take(uow, terms, kind, [replace(news, found=True) if isinstance(news, Inbound) else news])


def unseen(uow: UnitOfWork, kind: str, held: Sequence[News]) -> list[News]:
    """Those that are not here yet, of what a provider holds: nearly all are, and need no turn to find it out."""
    keys = [one.provider_key for one in held if isinstance(one, Inbound)]
    here = select(messages.c.provider_key).where(messages.c.channel == kind, messages.c.provider_key.in_(keys))
    known = {row["provider_key"] for row in uow.all(here)}
    return [one for one in held if not (isinstance(one, Inbound) and one.provider_key in known)]


@beside
def receive(uow: UnitOfWork, terms: Terms, inbound: Inbound) -> Received:
    """Store one message from a person and take it through their interview.

    A second copy changes nothing. If the interview cannot take it, the message is kept all the same, with a task.
    A sender nobody knows who sends an invitation's code is in the study from then on; any other is held for a person
    to look at, and is told so once a day. A message that answers one person's mail from an address that is not theirs
    is kept with that person, and flagged.
    """
    found, moved = participants.find(uow, inbound.sender, *inbound.also), False
    if found is None:
        uow.alone()
    if found is None and not _is_here(uow, inbound) and (arrival := moves.arrived(uow, terms, inbound)):
        found, moved = arrival.found, arrival.moved
    answered = _answered(uow, inbound.reply_to)
    theirs = answered["participant_id"] if answered else _whose_thread(uow, inbound.reply_to)
    if found is None and theirs is not None and inbound.in_chat:
        found = reaching.keep_sender(uow, inbound, theirs)
    if found is None and theirs is not None:
        by_token = answered is not None and not inbound.automatic
        return _flag(uow, terms, participants.found_by_id(uow, theirs), inbound, may_stop=by_token)
    if found is None:
        attempt = invitations.attempt(uow, inbound)
        joined = attempt is not None and _join(uow, terms, inbound, attempt)
        return Received.TAKEN if joined else _hold(uow, terms, inbound, "unknown sender", attempt)
    if theirs not in (None, found.id):
        return _hold(uow, terms, inbound, "answers somebody else's message")
    if inbound.written_at is not None and inbound.written_at < found.row["created_at"] - BEFORE:
        return _hold(uow, terms, inbound, "written before they were enrolled")
    message_id = _store(uow, inbound, found)
    if message_id is None:
        return Received.AGAIN
    reaching.keep_also(uow, found, inbound)
    uow.changed |= {"participants", f"participant {found.id}"}
    try:
        with uow.undone_on_failure():
            _take_turn(uow, terms, found, _Came(inbound, message_id, moved, answered))
    except Exception as error:
        log.error("a message could not be taken through its interview", participant=found.id, error=place(error))
        problem = f"The interview could not take this message ({type(error).__name__}). It is kept; please read it."
        _mark(uow, message_id, problem=problem, belongs="unread")
        uow.open_task("message not taken", found.id, message_id, problem)
    return Received.TAKEN


def _join(uow: UnitOfWork, terms: Terms, inbound: Inbound, attempt: Attempt) -> bool:
    """Put down whoever comes with an invitation that fits, and begin their interview; False leaves no trace."""
    rules, row = terms.rules, attempt.row
    if rules is None or row is None or attempt.problem:
        return False
    try:
        with uow.undone_on_failure():
            entry = invitations.entry(row, inbound)
            full = enrolment.is_full(uow, rules, entry.cohort)
            participant_id, _ = enrolment.put_down(uow, terms, rules, entry, "participant")
            invitations.use(uow, row, participant_id)
            found = participants.found_by_id(uow, participant_id)
            assert found is not None
            message_id = _store(uow, inbound, found)
            if message_id is None:
                raise OwnPaceError("The message is here already.")
            _heard(uow, terms, found, inbound)
            happen(
                uow,
                terms,
                participants.read(uow, terms, found),
                Enrolled(message_id, full, _long_ago(uow, terms, inbound)),
            )
    except Exception as error:
        log.error("somebody could not join by an invitation that fits", error=place(error))
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Came:
    """A message that is stored: as it came, its id, whether its sender just moved here, and what of ours it answers."""

    inbound: Inbound
    id: int
    moved: bool
    answered: RowMapping | None


def _take_turn(uow: UnitOfWork, terms: Terms, found: Found, came: _Came) -> None:
    inbound = came.inbound
    participant = participants.read(uow, terms, found)
    wrote = _long_ago(uow, terms, inbound)
    at = uow.now if wrote is None else None
    here = bool(inbound.start) or (_brings(inbound) and at is not None)
    kept_back = participant.interview.person.discreet and not here
    waiting = _release_waiting(uow, terms, found, inbound, kept_back=kept_back, at=at)
    if doubt := inbound.doubt or _passed_on(inbound):
        _mark(uow, came.id, problem=doubt)
        uow.open_task("check an answer", found.id, came.id, doubt)
    if inbound.automatic:
        _mark(uow, came.id, belongs="automatic")
        happen(uow, terms, participant, OutOfOffice())
        return
    if came.moved:
        happen(uow, terms, participants.by_id(uow, terms, found.id), Moved(came.id, wrote=wrote))
        return
    if inbound.start and moves.opened(uow, terms, participant, came.id, inbound):
        return
    if inbound.start and waiting:  # what waited for them is the answer
        _mark(uow, came.id, belongs=Belongs.COMMAND.value)
        return
    if inbound.edits and not _alarming(terms, inbound.written) and _is_version(uow, found, came):
        return
    if participant.interview.moving and moves.returned(uow, terms, participant, came.id, inbound.body, wrote):
        return
    _say(uow, terms, participant, came, waiting, kept_back=kept_back)


def _passed_on(inbound: Inbound) -> str:
    """Why a person should look at words, or a file, that may not be theirs; a word of ours counts whoever wrote it."""
    return FORWARDED if inbound.forwarded and parse(inbound.body) is None and not is_join(inbound.body) else ""


def _brings(inbound: Inbound) -> bool:
    return inbound.opt_out == "start" or brings(inbound.body)


def _say(
    uow: UnitOfWork, terms: Terms, participant: Participant, came: _Came, waiting: list[Row], *, kept_back: bool
) -> None:
    inbound = came.inbound
    again = bool(inbound.start) or is_join(inbound.body)
    if again and (invitations.is_open(uow, inbound.start or inbound.body) or moves.is_elses(uow, participant, inbound)):
        note = "They sent an invitation or a link that is not theirs. Is somebody else at the same number or address?"
        uow.open_task("joined already", participant.id, came.id, note)
    unseen, unsent = _unread(uow, participant, inbound, waiting)
    held = any(row["state"] == "held" for row in waiting)
    said = Said(
        message=came.id,
        text=Command.AGAIN.value if again else inbound.body,
        replied_to=came.answered["question"] if came.answered and not inbound.anew else None,
        unseen=unseen,
        unsent=unsent,
        reopened=held and not kept_back,
        kept_back=held and kept_back,
        opt_out=inbound.opt_out,
        media=_besides(uow, participant, came) if inbound.media else None,
        joined=bool(inbound.media) and _joined(uow, participant, came),
        sign=_sign_in(uow, terms, participant, came),
        booked=calls.booked(uow) if _about_a_call(participant.interview, inbound.body) else (),
        wrote=_long_ago(uow, terms, inbound),
    )
    if participant.interview.reminded:  # before that nobody is told of a silence
        uow.close_tasks(participant.id, frozenset({TaskKind.SILENT.value}))
    after = happen(uow, terms, participant, said)
    for effect in after.effects:
        if isinstance(effect, Move):
            moves.offer(uow, terms, participants.by_id(uow, terms, participant.id), effect)


def _besides(uow: UnitOfWork, participant: Participant, came: _Came) -> MediaKind | None:
    """What the message holds besides words; a file that they have sent before only where there are none."""
    first = came.inbound.media[0].kind
    return first if says_nothing(came.inbound.body) else media.first_new(uow, participant.id, came.id)


def _long_ago(uow: UnitOfWork, terms: Terms, inbound: Inbound) -> datetime | None:
    """When it was written, where that is too long ago for an answer at any hour; signs of distress do not wait."""
    at = inbound.written_at if inbound.found and not _alarming(terms, inbound.written) else None
    return at if at is not None and uow.now - at > REPLY_WITHIN else None


def _about_a_call(interview: Interview, text: str) -> bool:
    word = parse(text)
    return interview.menu is Menu.CALL or (word is not None and word.command is Command.CALL)


JUST_BEFORE = 3
"""So many of the last parts of an answer are looked at together with the one that comes."""


def _sign_in(uow: UnitOfWork, terms: Terms, participant: Participant, came: _Came) -> str | None:
    """The group of the words of harm or distress in a message; a signature that is the same in each mail counts once.

    A council's may say whom to call in an emergency. A few lines may be written anew each time, and always count.
    """
    inbound = came.inbound
    sign = sign_of(uow, terms, participant, inbound.written)
    may_be_signature = inbound.around.count("\n") >= FEWEST_LINES - 1
    if sign is None or not may_be_signature or not _stood_before(uow, participant, came):
        return sign
    return sign_of(uow, terms, participant, inbound.body)


def _stood_before(uow: UnitOfWork, participant: Participant, came: _Came) -> bool:
    """Whether the same stood around an earlier short answer of theirs."""
    theirs = (messages.c.participant_id == participant.id, messages.c.id < came.id, messages.c.elided.is_not(None))
    of = select(messages.c.elided).where(*theirs, messages.c.direction == "in").order_by(messages.c.id.desc())
    earlier = (f"\n\n{participant.key.open(row['elided'], 'elided')}" for row in uow.all(of.limit(STOOD_BEFORE)))
    return any(beside.endswith(f"\n\n{came.inbound.around}") for beside in earlier)


def sign_of(uow: UnitOfWork, terms: Terms, participant: Participant, text: str) -> str | None:
    """The group of the words of harm or distress in it, or in it and what was said just before."""
    signs = terms.signs.get(participant.interview.schedule.language)
    if signs is None:
        return None
    if found := signs.find(text):
        return found.group.value
    before = _just_before(uow, participant) if _goes_on(participant.interview) and parse(text) is None else ""
    found = signs.find(f"{before} {text}") if before and not signs.find(before) else None
    return found.group.value if found else None


def _goes_on(interview: Interview) -> bool:
    return interview.state in (State.ACTIVE, State.PAUSED) and bool(interview.answer.parts)


def _just_before(uow: UnitOfWork, participant: Participant) -> str:
    last = participant.interview.answer.parts[-JUST_BEFORE:]
    rows = uow.all(select(messages.c.body).where(messages.c.id.in_(last)).order_by(messages.c.id))
    return " ".join(participant.key.open(row["body"], "body") for row in rows)


def _alarming(terms: Terms, text: str) -> bool:
    """Whether words of harm or distress are in it, in any language of the study."""
    return any(signs.find(text) for signs in terms.signs.values())


def _unread(uow: UnitOfWork, participant: Participant, inbound: Inbound, waiting: list[Row]) -> tuple[bool, bool]:
    """Whether they wrote before what is open had left; and whether nothing of a statement has left yet, nor waits to.

    A statement that was refused or did not arrive has not left: a YES to it could not be one.
    """
    interview = participant.interview
    point = interview.open_point if interview.position else ""
    agreeing = interview.agreeing or (point != "" and point not in interview.answers)
    waits = point in {row["question"] for row in waiting}
    if not point or not (waits or agreeing or inbound.written_at is not None):
        return False, False
    at = _left_at(uow, participant, point, arrived=agreeing)
    if at is None:
        return waits, agreeing and not waits
    return inbound.written_at is not None and inbound.written_at < at - CLOCKS_DIFFER, False


def _left_at(uow: UnitOfWork, participant: Participant, point: str, *, arrived: bool) -> datetime | None:
    """When a message of this point left first; `arrived`: only what may have."""
    states = ["sending", "accepted", "unknown", *([] if arrived else ["refused"])]
    of = (outbox.c.lane == lane(participant.id), outbox.c.question == point, outbox.c.state.in_(states))
    here = [or_(outbox.c.delivery.is_(None), outbox.c.delivery != Delivery.FAILED.value)] if arrived else []
    found: datetime | None = uow.execute(select(func.min(outbox.c.claimed_at)).where(*of, *here)).scalar()
    return found


def _joined(uow: UnitOfWork, participant: Participant, came: _Came) -> bool:
    """Whether another of the same album came before, or of the same kind, in the answer that they are giving."""
    interview, kind = participant.interview, came.inbound.media[0].kind.value
    theirs = select(messages.c.id).where(messages.c.participant_id == participant.id, messages.c.id < came.id)
    album = and_(messages.c.album == came.inbound.group, messages.c.album.is_not(None))
    ones = select(media_table.c.message_id).where(media_table.c.kind == kind)
    lately = messages.c.at > uow.now - interview.pace.settle
    parts = and_(messages.c.id.in_(interview.answer.parts), messages.c.id.in_(ones), lately)
    return uow.one(theirs.where(or_(album, parts)).limit(1)) is not None


def _is_version(uow: UnitOfWork, found: Found, came: _Came) -> bool:
    """Whether the message is a newer form of one we have; a STOP is a STOP also where it is written over something."""
    word = parse(came.inbound.body)
    if word and word.command in (Command.STOP, Command.LEAVE):
        return False
    mine = (messages.c.participant_id == found.id, messages.c.direction == "in")
    known = (messages.c.provider_id == came.inbound.edits, messages.c.id < came.id)
    original = uow.one(select(messages).where(*mine, *known).order_by(messages.c.id).limit(1))
    if original is None:
        return False
    _mark(
        uow,
        came.id,
        replaces=original["replaces"] or original["id"],
        belongs=original["belongs"],
        question=original["question"],
        removed_at=original["removed_at"],
    )
    if original["belongs"] == Belongs.CONSENT.value:
        uow.open_task("unclear", found.id, came.id, "They changed what they had said to a statement. Please ask them.")
    return True


def unsubscribe(uow: UnitOfWork, terms: Terms, token: str) -> bool:
    """STOP by the link in a mail: final on every channel, however often it is followed; False when it is no link."""
    row = uow.one(select(outbox.c.participant_id).where(outbox.c.id == token))
    if row is None or row["participant_id"] is None:
        return False
    happen(uow, terms, participants.by_id(uow, terms, row["participant_id"]), OptedOut())
    return True


def reach(uow: UnitOfWork, terms: Terms, news: Reach) -> None:
    """An address takes nothing any more, or takes messages again."""
    found = participants.find(uow, news.address)
    if found is None:
        return
    if news.closed:
        reaching.close(uow, terms, found.address_id, news.closed)
    else:
        reaching.open_again(uow, terms, found)


def keep_unreadable(uow: UnitOfWork, kind: str, news: Undeciphered) -> None:
    """Keep a genuine delivery that nobody could parse, with a task."""
    key_id, key = uow.holding_key()
    added = _insert(
        uow,
        {
            "key_id": key_id,
            "direction": "in",
            "channel": kind,
            "provider_key": news.provider_key,
            "author": "unknown",
            "belongs": "held",
            "raw": key.seal(news.raw, "raw"),
            "problem": news.problem,
            "at": uow.now,
        },
    )
    if added is not None:
        uow.open_task("unreadable delivery", None, added, news.problem)


# The holding area


def _flag(uow: UnitOfWork, terms: Terms, found: Found | None, inbound: Inbound, *, may_stop: bool) -> Received:
    """It answers this person's message, but comes from an address that is not theirs: a person decides.

    A STOP counts at once: whoever has the mail could as well follow the link in it.
    """
    assert found is not None
    message_id = _store(uow, inbound, found)
    if message_id is None:
        return Received.AGAIN
    problem = "This answers a message of theirs, but was sent from an address that we do not know to be theirs."
    _mark(uow, message_id, belongs="automatic" if inbound.automatic else "flagged", problem=problem)
    if not inbound.automatic:
        uow.open_task("sender not confirmed", found.id, message_id, problem)
        if _alarming(terms, inbound.written):
            uow.open_task(TaskKind.DISTRESS.value, found.id, message_id, problem)
            happen(uow, terms, participants.by_id(uow, terms, found.id), Worried("service"))
    if may_stop and (word := parse(inbound.body)) and word.command is Command.STOP:
        happen(uow, terms, participants.by_id(uow, terms, found.id), OptedOut())
    uow.changed |= {"participants", f"participant {found.id}"}
    return Received.FLAGGED


def _hold(uow: UnitOfWork, terms: Terms, inbound: Inbound, why: str, attempt: Attempt | None = None) -> Received:
    key_id, key = uow.holding_key()
    sender = uow.vault.find(inbound.sender)
    added = _insert(
        uow,
        {
            "key_id": key_id,
            "direction": "in",
            "channel": inbound.sender.kind,
            "provider_key": inbound.provider_key,
            "provider_id": inbound.provider_id or None,
            "author": "unknown",
            "belongs": "held",
            "texts": invitations.TRIED if attempt else None,
            "body": key.seal(inbound.body, "body"),
            "elided": key.seal(inbound.beside, "elided") if inbound.beside else None,
            "raw": key.seal(inbound.raw, "raw"),
            "sender": sender,
            "sent_from": key.seal(inbound.sender.value, "address"),
            "written_at": inbound.written_at,
            "at": uow.now,
        },
    )
    if added is None:
        return Received.AGAIN
    media.keep(uow, added, key_id, key, inbound)
    if attempt is None or attempt.wants_a_person:
        uow.open_task(why, None, added, attempt.problem or COULD_NOT_JOIN if attempt else inbound.if_unknown or None)
    if _alarming(terms, inbound.written):
        untold = "" if _told_of(uow, sender) else alerts.tell_of_stranger(uow, terms)
        note = f"{why[:1].upper()}{why[1:]}. Nobody has answered it. {untold}".strip()
        uow.open_task(TaskKind.DISTRESS.value, None, added, note)
    waits = why == "unknown sender" and inbound.sender.kind in terms.channels and _wants_an_answer(uow, inbound)
    if waits and not moves.let_code_leave(uow, inbound.sender) and _may_reply(uow, inbound, sender):
        _reply_to_stranger(uow, terms, inbound, sender)
    return Received.HELD


def _told_of(uow: UnitOfWork, sender: bytes) -> bool:
    """Whether something alarming that this sender wrote waits to be seen already."""
    of = select(tasks.c.id).join(messages, messages.c.id == tasks.c.message_id)
    waits = (tasks.c.kind == TaskKind.DISTRESS.value, tasks.c.closed_at.is_(None), messages.c.sender == sender)
    return uow.one(of.where(*waits).limit(1)) is not None


def _wants_an_answer(uow: UnitOfWork, inbound: Inbound) -> bool:
    """Not a program, nor somebody who says STOP; and no old message does."""
    word = parse(inbound.body)
    if inbound.automatic or inbound.opt_out or (word and word.command is Command.STOP):
        return False
    return inbound.written_at is None or uow.now - inbound.written_at <= OLD


def _may_reply(uow: UnitOfWork, inbound: Inbound, sender: bytes) -> bool:
    """Once a day to each, and never to a crowd."""
    ours = (messages.c.direction == "out", messages.c.belongs == "held")
    them = (messages.c.sender == sender, messages.c.at > uow.now - timedelta(days=1))
    if uow.one(select(messages.c.id).where(*ours, *them).limit(1)):
        return False
    lately = (messages.c.channel == inbound.sender.kind, messages.c.at > uow.now - timedelta(hours=1))
    count = uow.execute(select(func.count()).select_from(messages).where(*ours, *lately)).scalar_one()
    return bool(count < MOST_STRANGERS)


def _reply_to_stranger(uow: UnitOfWork, terms: Terms, inbound: Inbound, sender: bytes) -> None:
    key_id, key = uow.holding_key()
    words = {
        "key_id": key_id,
        "channel": inbound.sender.kind,
        "belongs": "held",
        "texts": "unknown-sender",
        "body": key.seal(terms.unknown_reply(inbound.sender.kind), "body"),
        "sender": sender,
    }
    sealed = key.seal(inbound.sender.value, "address")
    outgoing.queue(uow, words, {"lane": f"held {sender.hex()[:24]}", "address": sealed})


# Storing what came


def _store(uow: UnitOfWork, inbound: Inbound, found: Found) -> int | None:
    """The new message's id; None when it is here already."""
    values: dict[str, object] = {
        "participant_id": found.id,
        "key_id": found.key_id,
        "direction": "in",
        "channel": inbound.sender.kind,
        "provider_key": inbound.provider_key,
        "provider_id": inbound.provider_id or None,
        "author": "participant",
        "belongs": "unread",
        "body": found.key.seal(inbound.body, "body"),
        "elided": found.key.seal(inbound.beside, "elided") if inbound.beside else None,
        "raw": found.key.seal(inbound.raw, "raw"),
        "album": inbound.group or None,
        "written_at": inbound.written_at,
        "at": uow.now,
    }
    added = _insert(uow, values)
    if added is not None and inbound.media:
        media.keep(uow, added, found.key_id, found.key, inbound)
    return added


def _insert(uow: UnitOfWork, values: dict[str, object]) -> int | None:
    """Insert a message unless its provider key is there already; its id."""
    added = uow.run(_NEW_INBOUND[uow.dialect], values)
    return added[0]["id"] if added else None


def _is_here(uow: UnitOfWork, inbound: Inbound) -> bool:
    """Whether it came before."""
    same = (messages.c.channel == inbound.sender.kind, messages.c.provider_key == inbound.provider_key)
    return uow.one(select(messages.c.id).where(*same).limit(1)) is not None


def _mark(uow: UnitOfWork, message_id: int, **values: object) -> None:
    uow.execute(update(messages).where(messages.c.id == message_id).values(**values))


def _whose_thread(uow: UnitOfWork, reply_to: Sequence[str]) -> int | None:
    """Whose conversation the message belongs to by its name, where it answers no message that is known."""
    rows = uow.all(select(people.c.id).where(people.c.thread.in_(list(reply_to)))) if reply_to else []
    return rows[0]["id"] if len(rows) == 1 else None


def _answered(uow: UnitOfWork, reply_to: Sequence[str]) -> RowMapping | None:
    """What of ours the message answers: the first of the ids that is known."""
    if not reply_to:
        return None
    ids = list(reply_to)
    parts = select(delivery_updates.c.outbox_seq).where(_IS_PART, delivery_updates.c.provider_id.in_(ids))
    either = or_(outbox.c.id.in_(ids), outbox.c.provider_id.in_(ids), outbox.c.seq.in_(parts))
    rows = uow.all(select(outbox.c.id, outbox.c.provider_id, outbox.c.participant_id, outbox.c.question).where(either))
    rank = {one: place for place, one in enumerate(ids)}

    def surest(row: RowMapping) -> int:
        return min(rank.get(row["id"], len(ids)), rank.get(row["provider_id"], len(ids)))

    return min(rows, key=surest, default=None)


def _heard(uow: UnitOfWork, terms: Terms, found: Found, inbound: Inbound) -> None:
    """Where the provider counts the time from it, this is the last message from there; and it takes messages again.

    It counts from when they wrote, which is long ago where it had to be asked for what it holds.
    """
    channel, closed = terms.channels.get(inbound.sender.kind), found.row["closed"]
    window = channel is not None and channel.window is not None
    if not (closed or window):
        return
    at = min(inbound.written_at or uow.now, uow.now) if inbound.found else uow.now
    since = [or_(addresses.c.heard_at.is_(None), addresses.c.heard_at < at)] if inbound.found else []
    here = addresses.c.id == found.address_id
    if closed:
        uow.execute(update(addresses).where(here).values(closed=None))
    uow.execute(update(addresses).where(here, *since).values(heard_at=at))
    if window:  # which is the person's, not one address's
        theirs = (addresses.c.participant_id == found.id, addresses.c.kind == inbound.sender.kind)
        uow.execute(update(addresses).where(*theirs, *since).values(heard_at=at))


def _release_waiting(
    uow: UnitOfWork, terms: Terms, found: Found, inbound: Inbound, *, kept_back: bool, at: datetime | None
) -> list[Row]:
    """The person is writing, so nothing waits for their waking hours, or for them to write; what had not left.

    Only what was to remind them is not wanted any more. `kept_back`: what is held waits on, but for the word of it.
    `at`: when it leaves; None for when it was to, as they are not writing now.
    """
    if not inbound.automatic:
        _heard(uow, terms, found, inbound)
    waiting = uow.run(_WAITING, {"of": lane(found.id)}) if found.waits else []
    if inbound.automatic or not waiting:
        return []
    held = any(row["state"] == "held" for row in waiting)
    of_lane = outbox.c.lane == lane(found.id)
    told = select(messages.c.id).where(messages.c.participant_id == found.id, messages.c.texts.in_(REMINDERS))
    leaves: ColumnElement[bool] = outbox.c.state.in_(["pending", "held"])
    if held and kept_back:
        leaves = or_(outbox.c.state == "pending", and_(outbox.c.state == "held", outbox.c.message_id.in_(told)))
    else:
        cancelled = {"state": "cancelled", "changed_at": uow.now}
        uow.execute(update(outbox).where(of_lane, leaves, outbox.c.message_id.in_(told)).values(**cancelled))
    if held or any(row["not_before"] > uow.now for row in waiting):
        anew = {"not_before": at, "unasked": False} if at is not None else {}
        uow.execute(update(outbox).where(of_lane, leaves).values(state="pending", **anew))
        uow.changed.add("outbox")
    return waiting
