"""What the library's errors say about a message, in our words (https://core.telegram.org/bots/api#making-requests)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import httpx
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    PassportDecryptionError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bot.errors import NotSent, Refused, SendError, SendUnknown


@dataclass(frozen=True, slots=True)
class Meaning:
    """An error in words, and what it says about a message that was being sent.

    `wait`: it did not leave and may be tried again after this long. `closed`: the chat takes nothing any more.
    `ours`: Telegram does not let us in, until somebody changes a setting.
    """

    outcome: type[SendError]
    words: str
    code: str | None = None
    wait: timedelta | None = None
    closed: bool = False
    ours: bool = False


_MINUTE = timedelta(minutes=1)
_STRANGE_TOKEN = Meaning(NotSent, "Telegram does not accept the token", "401", _MINUTE, ours=True)

MEANINGS: Mapping[type[TelegramError], Meaning] = {
    TelegramError: Meaning(SendUnknown, "Telegram's answer made no sense"),
    NetworkError: Meaning(SendUnknown, "Telegram had a fault, or the connection to it broke"),
    TimedOut: Meaning(SendUnknown, "Telegram did not answer in time"),
    RetryAfter: Meaning(NotSent, "too many messages at once", "429"),
    InvalidToken: _STRANGE_TOKEN,
    EndPointNotFound: _STRANGE_TOKEN,
    Conflict: Meaning(NotSent, "another program is using this bot", "409", _MINUTE, ours=True),
    Forbidden: Meaning(Refused, "the person blocked the bot, or closed their account", "403", closed=True),
    ChatMigrated: Meaning(Refused, "the chat is a group", "400", closed=True),
    BadRequest: Meaning(Refused, "Telegram will not take it", "400"),
    PassportDecryptionError: Meaning(SendUnknown, "Telegram's answer made no sense"),
}
"""By the very class, so that a new one is unknown until somebody has thought about it."""

DESCRIPTIONS: Mapping[str, Meaning] = {
    "chat not found": Meaning(Refused, "there is no such chat", "400", closed=True),
    "user not found": Meaning(Refused, "there is no such person", "400", closed=True),
    "peer_id_invalid": Meaning(Refused, "there is no such chat", "400", closed=True),
    "bot was blocked": Meaning(Refused, "the person blocked the bot", "400", closed=True),
    "user is deactivated": Meaning(Refused, "the person closed their account", "400", closed=True),
    "text is empty": Meaning(Refused, "the text is empty", "400"),
    "message is too long": Meaning(Refused, "the text is too long", "400"),
    "file is too big": Meaning(Refused, "the file is larger than the 20 MB that Telegram hands to bots", "400"),
    "file_id": Meaning(Refused, "Telegram does not have the file any more", "400"),
    "temporarily unavailable": Meaning(Refused, "Telegram does not have the file any more", "400"),
    "webhook": Meaning(
        Refused,
        "Telegram does not accept server.public_base_url: it must begin with https:// and use port 443, 80, 88 or 8443",
        "400",
        ours=True,
    ),
    "too many requests": Meaning(NotSent, "too many messages at once", "429", timedelta(seconds=10)),
}
"""What Telegram says of a bad request. Only these words are passed on: its own may hold anything."""

_UNREACHED = Meaning(NotSent, "Telegram could not be reached")
_BEFORE_THE_REQUEST = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def meaning(error: TelegramError) -> Meaning:
    """What an error of the library means."""
    if isinstance(error.__cause__, _BEFORE_THE_REQUEST):
        return _UNREACHED
    if type(error) in (BadRequest, NetworkError):
        said = error.message.lower()
        for words, known in DESCRIPTIONS.items():
            if words in said:
                return known
    return MEANINGS.get(type(error), MEANINGS[TelegramError])


def outcome(error: TelegramError) -> SendError:
    """What an answer that is no receipt says about the message."""
    found = meaning(error)
    if found.outcome is NotSent:
        wait = _seconds(error) if isinstance(error, RetryAfter) else found.wait
        return NotSent(f"Not sent yet: {found.words}.", code=found.code, retry_after=wait)
    if found.outcome is Refused:
        return Refused(f"Telegram did not send this: {found.words}.", code=found.code, closed=found.closed)
    return SendUnknown(f"Nobody knows whether this was sent: {found.words}.", code=found.code)


def _seconds(error: RetryAfter) -> timedelta:
    wait = error.retry_after
    return wait if isinstance(wait, timedelta) else timedelta(seconds=wait)
