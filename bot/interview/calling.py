"""CALL: times to choose from, a booking, and a word to both before it."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timedelta

from bot.interview import wording
from bot.interview.commands import NUMERALS, words_of
from bot.interview.events import Alert, Belongs, Book, Due, Said, SetTimer, TimerKind
from bot.interview.rota import Booked, CallWay, Slot, offered
from bot.interview.state import Cause, Menu
from bot.interview.turn import Turn

CALL_BOOKED = "call-booked"
"""The text that says when a call is."""

BEFORE = timedelta(hours=1)
"""How long before a call both are reminded."""


def offer(turn: Turn, taken: Collection[Booked]) -> bool:
    """Say the next free times; False where there are none, or the person wants no calls."""
    person = turn.interview.person
    if person.says("no_calls"):
        return False
    way = CallWay(person.attributes.get("call", "phone").strip().casefold())
    own = turn.interview.call
    busy = [one for one in taken if own is None or (one.researcher, one.start) != (own.researcher, own.start)]
    slots = turn.interview.rota.slots(turn.now, person.researcher, way, person.timezone, taken=busy)
    if not slots:
        return False
    turn.change(menu=Menu.CALL, slots=slots)
    words = wording.stock(turn.interview, ["call-ask"])
    turn.send(f"{words}\n\n{offered(slots, person.timezone)}", ("call-ask",))
    return True


def choose(turn: Turn, said: Said) -> bool:
    """Whether the message is one of the numbers; a time that has gone meanwhile is offered anew."""
    slot = _picked(turn.interview.slots, said.text)
    if slot is None:
        return False
    turn.file(said, Belongs.CHOICE)
    if slot.start <= turn.now or any(
        slot.researcher == b.researcher and slot.start < b.end and b.start < slot.end for b in said.booked
    ):
        if not offer(turn, said.booked):
            turn.change(menu=None, slots=())
        return True
    turn.change(menu=None, slots=(), call=slot)
    turn.follow(Book(slot))
    _say(turn, slot)
    reminder = _reminder(turn, slot)
    if reminder > turn.now:
        turn.follow(SetTimer(TimerKind.CALL, reminder, position(slot)))
    return True


def _reminder(turn: Turn, slot: Slot) -> datetime:
    """An hour before; or the day before, where that is an hour at which nothing leaves."""
    soon = slot.start - BEFORE
    return soon if turn.allowed(soon) < slot.start else slot.start - timedelta(days=1)


def due(turn: Turn, event: Due) -> None:
    """The call is soon: both are told, but the person only where the bot may speak to them."""
    slot = turn.interview.call
    if slot is None or event.position != position(slot) or turn.now >= slot.start:
        return
    turn.follow(Alert(slot.researcher, Cause.CALL_SOON.value, 1))
    if turn.interview.wants_messages and not turn.interview.holder and turn.allowed(turn.now) < slot.start:
        _say(turn, slot)


def position(slot: Slot) -> str:
    """What the timer of a call is set for: this call."""
    return f"{slot.researcher}/{slot.start.isoformat()}"


def _say(turn: Turn, slot: Slot) -> None:
    local = slot.start.astimezone(turn.interview.person.timezone)
    more = {"researcher": slot.researcher, "day": wording.day(local), "time": wording.clock(local)}
    turn.say(CALL_BOOKED, **more)


def _picked(slots: tuple[Slot, ...], text: str) -> Slot | None:
    words = [NUMERALS.get(word, word) for word in words_of(text) if word not in ("number", "option", "please")]
    number = int(words[0]) if len(words) == 1 and re.fullmatch(r"\d", words[0], re.ASCII) else 0
    return next((slot for slot in slots if slot.number == number), None)
