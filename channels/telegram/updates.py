"""What Telegram brings, in our words. Field names are Telegram's (https://core.telegram.org/bots/api#update).

An update is read from its JSON, and only what is used needs to be there: the library's models refuse an update whole
when a field is missing that means nothing here, and Telegram adds kinds of messages several times a year.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import structlog
from telegram.constants import UpdateType

from bot.messages import Address, Inbound, Media, MediaKind, News, Reach, Undeciphered

log = structlog.get_logger()

KIND = "telegram"

WANTED = ("message", "edited_message", "my_chat_member")
"""The updates that we ask for; when others still come, they were asked for by whoever had the bot before."""

_STRANGE = "Telegram sent something that Own Pace could not read."

Json = Mapping[str, Any]


class _Unread(Exception):
    """A field that is needed is not there."""


def read(bot: str, update: object) -> list[News]:
    """What one update of the bot with this id brings; nothing, with a line in the log, when nobody can want it.

    Raises nothing: what cannot be read is kept for a person.
    """
    raw = kept(update)
    try:
        return _read(bot, _object(update), raw)
    except _Unread:
        return [Undeciphered(f"{bot}/{sha256(raw).hexdigest()}", raw, _STRANGE)]


def kept(update: object) -> bytes:
    """An update as it is stored: as it came, but for where somebody is, which is never kept."""
    return json.dumps(_without_places(update), separators=(",", ":")).encode()


_PLACES = {"location", "venue", "latitude", "longitude"}
_DEEPEST = 50
"""Telegram nests ten deep; what lies deeper than this is not kept."""


def _without_places(value: object, deep: int = 0) -> object:
    """The same without any place, however deep it lies."""
    if deep > _DEEPEST:
        return None
    if isinstance(value, dict):
        return {name: {} if name in _PLACES else _without_places(inner, deep + 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_places(inner, deep + 1) for inner in value]
    return value


def _read(bot: str, update: Json, raw: bytes) -> list[News]:
    for name in WANTED:
        if name in update:
            what = _object(update[name])
            chat = _object(what.get("chat"))
            if not _private(chat):
                return _left("not a private chat")
            sender = Address(KIND, str(_number(chat, "id")))
            if name == "my_chat_member":
                return _reach(sender, what)
            return _message(bot, sender, what, raw, edited=name == "edited_message")
    if any(kind.value in update for kind in UpdateType):
        return _left("not asked for")
    raise _Unread


def _left(reason: str) -> list[News]:
    log.info("an update from Telegram was left", reason=reason)
    return []


def _private(chat: Json) -> bool:
    """Groups and channels have ids below zero."""
    return chat.get("type", "private") == "private" and _number(chat, "id") > 0


def _reach(sender: Address, change: Json) -> list[News]:
    """The person blocked the bot, or let it in again. Blocking closes the way, and withdraws no consent."""
    match _object(change.get("new_chat_member")).get("status"):
        case "kicked" | "left":
            return [Reach(sender, "blocked the bot")]
        case "member":
            return [Reach(sender, None)]
        case _:
            raise _Unread


# Messages


def _message(bot: str, sender: Address, message: Json, raw: bytes, *, edited: bool) -> list[News]:
    if edited and "location" in message:
        return _left("a place that moves")
    chat = f"{bot}/{sender.value}"  # another bot in the same chat counts its messages from 1 again
    name = f"{chat}/{_number(message, 'message_id')}"
    words, media = _text(message, "text") or _text(message, "caption"), _media(message)
    doubt = "A file came along that could not be read." if not media and _FILES.keys() & message.keys() else ""
    if not words and not media:
        if _SERVICE & message.keys():
            return _left("written by Telegram itself")
        words = _instead(message)
        doubt = doubt or ("" if words else "This is a kind of message that Own Pace does not know.")
        words = words or "[a message of a kind that cannot be shown]"
    start, body = _command(words)
    answered = _object(message.get("reply_to_message") or {}).get("message_id")
    return [
        Inbound(
            provider_key=f"{name}/{_version(message, words)}" if edited else name,
            sender=sender,
            body=body,
            raw=raw,
            written_at=_moment(message.get("edit_date") if edited else message.get("date")),
            provider_id=name,
            reply_to=(f"{chat}/{answered}",) if _is_number(answered) else (),
            media=media,
            elided=_text(_object(message.get("quote") or {}), "text"),
            doubt=doubt,
            forwarded=_is_forwarded(message, sender),
            group=_text(message, "media_group_id")[:100],
            edits=name if edited else "",
            start=start,
        )
    ]


def _is_forwarded(message: Json, sender: Address) -> bool:
    """Whether they passed on what somebody else wrote; words of their own from another chat are theirs."""
    if "forward_origin" not in message:
        return False
    origin = message["forward_origin"] if isinstance(message["forward_origin"], dict) else {}
    user = origin.get("sender_user")
    return not (isinstance(user, dict) and str(user.get("id")) == sender.value)


def _version(message: Json, words: str) -> str:
    """Which form of an edited message this is. Its time counts whole seconds, so two may share one."""
    return f"{_count(message, 'edit_date')}/{sha256(words.encode()).hexdigest()[:12]}"


_COMMAND = re.compile(r"/(?P<word>[A-Za-z][A-Za-z0-9_]{0,31})(?:@\w{1,64})?(?:\s+(?P<rest>\S{1,64}))?\s*")


def _command(words: str) -> tuple[str, str]:
    """The code of /start, and the words that count: /help is HELP, and what follows no command stays as it is."""
    found = _COMMAND.fullmatch(words)
    if not found:
        return "", words
    word, rest = found["word"].upper(), found["rest"]
    if rest is None:
        return "", word
    return (rest, "") if word == "START" else ("", words)


# What a message holds besides text: the field, what it is to us, and what the library calls the form of its content

_FILES = {
    "voice": (MediaKind.VOICE, "audio/ogg"),
    "audio": (MediaKind.VOICE, "audio/mpeg"),
    "animation": (MediaKind.VIDEO, "video/mp4"),
    "video": (MediaKind.VIDEO, "video/mp4"),
    "video_note": (MediaKind.VIDEO, "video/mp4"),
    "live_photo": (MediaKind.VIDEO, "video/mp4"),
    "photo": (MediaKind.PICTURE, "image/jpeg"),
    "document": (MediaKind.FILE, "application/octet-stream"),
}
"""The first that is there counts: an animation comes as a document too, for older programs."""

_WORDS = {
    "sticker": "[sticker]",
    "contact": "[contact shared]",
    "venue": "[location shared: not kept]",
    "location": "[location shared: not kept]",
    "poll": "[poll]",
    "dice": "[dice]",
    "game": "[game]",
    "story": "[story]",
    "checklist": "[checklist]",
    "invoice": "[invoice]",
    "paid_media": "[paid media: not kept]",
    "giveaway": "[giveaway]",
    "giveaway_winners": "[giveaway]",
}

_SERVICE = {
    *("boost_added", "chat_background_set", "chat_owner_changed", "chat_owner_left", "chat_shared"),
    *("checklist_tasks_added", "checklist_tasks_done", "connected_website", "delete_chat_photo"),
    *("direct_message_price_changed", "forum_topic_closed", "forum_topic_created", "forum_topic_edited"),
    *("forum_topic_reopened", "gift", "gift_upgrade_sent", "giveaway_completed", "giveaway_created"),
    *("group_chat_created", "left_chat_member", "managed_bot_created", "message_auto_delete_timer_changed"),
    *("new_chat_members", "new_chat_photo", "new_chat_title", "paid_message_price_changed", "passport_data"),
    *("pinned_message", "proximity_alert_triggered", "refunded_payment", "successful_payment"),
    *("suggested_post_approval_failed", "suggested_post_approved", "suggested_post_declined"),
    *("suggested_post_paid", "suggested_post_refunded", "unique_gift", "users_shared", "video_chat_ended"),
    *("video_chat_participants_invited", "video_chat_scheduled", "video_chat_started", "web_app_data"),
    "write_access_allowed",
}
"""What Telegram tells of a chat as if it were a message; nobody wrote it."""


def _media(message: Json) -> tuple[Media, ...]:
    for name, (kind, content_type) in _FILES.items():
        found = message.get(name)
        largest = max(found, key=_pixels, default=None) if name == "photo" and isinstance(found, list) else found
        if isinstance(largest, dict) and _text(largest, "file_id"):
            return (
                Media(
                    kind,
                    _text(largest, "mime_type") or content_type,
                    name=_text(largest, "file_name"),
                    size=_count(largest, "file_size"),
                    seconds=_count(largest, "duration"),
                    reference=_text(largest, "file_id"),
                ),
            )
    return ()


def _pixels(size: object) -> int:
    if not isinstance(size, dict):
        return -1
    return (_count(size, "width") or 0) * (_count(size, "height") or 0)


def _instead(message: Json) -> str:
    """Words for what is neither text nor a file."""
    for name, words in _WORDS.items():
        if name in message:
            emoji = _text(message[name], "emoji") if isinstance(message[name], dict) else ""
            return f"[{name}: {emoji}]" if emoji else words
    return ""


# Fields, whose type is what Telegram says or they are not there


def _object(value: object) -> Json:
    if not isinstance(value, dict):
        raise _Unread
    return value


def _is_number(value: object) -> bool:
    """Telegram's ids have at most 52 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53


def _number(of: Json, name: str) -> int:
    value = of.get(name)
    if not _is_number(value):
        raise _Unread
    return int(str(value))


def _count(of: Json, name: str) -> int | None:
    value = of.get(name)
    return value if isinstance(value, int) and 0 <= value < 2**53 and not isinstance(value, bool) else None


def _text(of: Json, name: str) -> str:
    """A text that can be stored: half a character, which JSON can hold, becomes U+FFFD."""
    value = of.get(name)
    if not isinstance(value, str):
        return ""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


def _moment(seconds: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(str(seconds)), UTC)
    except (ValueError, OverflowError, OSError):
        return None
