"""CHANGE: the person wants to carry on by another channel, and the interview goes on there."""

from __future__ import annotations

from datetime import datetime

from bot.interview import settling
from bot.interview.commands import CHANGE_CHOICES, choice
from bot.interview.events import AddressTold, Belongs, File, Move, Moved, Said, TaskKind, Told
from bot.interview.state import AGREED_AGAIN, Menu, State
from bot.interview.turn import ENDED, Turn


def change_channel(turn: Turn) -> None:
    turn.change(menu=Menu.CHANGE)
    turn.say("change-channel")


def choose_channel(turn: Turn, said: Said) -> None:
    """Which way; an address by itself says it too."""
    picked = choice(said.text, CHANGE_CHOICES)
    turn.file(said, Belongs.CHOICE)
    turn.change(menu=None)
    if picked is None or picked not in turn.interview.study.channels:
        turn.task(TaskKind.CHANGE_CHANNEL)
        turn.say("change-not-there", **turn.promise())
    else:
        turn.change(moving=picked)
        _ask_address(turn)


def choose_address(turn: Turn, said: Said) -> None:
    turn.file(said, Belongs.CHOICE)
    turn.change(menu=None)
    turn.follow(Move(turn.interview.moving, said.text))


def _ask_address(turn: Turn) -> None:
    """Telegram needs none: there the person writes first, by a link."""
    if turn.interview.moving == "telegram":
        turn.follow(Move("telegram", ""))
    else:
        turn.change(menu=Menu.ADDRESS)
        turn.say("change-address", channel=_moving_to(turn))


def _moving_to(turn: Turn) -> str:
    return turn.interview.study.channels.get(turn.interview.moving, turn.interview.moving)


def address_told(turn: Turn, told: AddressTold) -> None:
    """What the person hears of the address they want to move to."""
    if told.message is not None:
        _wrote(turn, told.message, told.wrote)
    if turn.interview.state in ENDED or turn.interview.state is State.HANDOVER:
        return
    if told.outcome is Told.WRONG_CODE:
        turn.say("change-wrong-code")
    elif told.outcome is Told.EXPIRED:
        turn.say("change-expired")
    elif told.outcome is Told.TOO_MANY:
        turn.task(TaskKind.CHANGE_CHANNEL)
        turn.say("change-too-many", **turn.promise())
    elif told.outcome is Told.NO_ADDRESS:
        turn.change(menu=Menu.ADDRESS)
        turn.say("change-no-address", channel=_moving_to(turn))
    elif told.outcome is Told.LINK:
        turn.say("change-link", link=told.link)
    else:
        turn.say("change-code-sent")


def _wrote(turn: Turn, message: int, wrote: datetime | None) -> None:
    """They sent a code, right or wrong: what follows is a reply, and waits for no daylight unless it was long ago."""
    turn.follow(File(message, Belongs.CHOICE))
    turn.change(heard=turn.heard(wrote))


def moved(turn: Turn, event: Moved) -> None:
    """The person is there: the open point is asked once, on the new way."""
    if event.message is not None:
        _wrote(turn, event.message, event.wrote)
    turn.change(moving="", menu=None)
    if turn.interview.state in ENDED:
        return
    if turn.interview.study.agree_again and turn.interview.consented:
        turn.change(again=(*(key for key in turn.interview.again if key != AGREED_AGAIN), AGREED_AGAIN))
    if turn.interview.state is not State.HANDOVER:
        turn.say("change-unasked" if event.unasked else "change-done")
    if turn.interview.state in (State.SCREENING, State.CONSENT, State.ACTIVE) and not turn.interview.between:
        settling.carry_on(turn)
