"""Updates in the shapes of https://core.telegram.org/bots/api#update, as bots get them; each tells what it is."""

from __future__ import annotations

from typing import Any

CHAT = 5512345678
DATE = 1795557600  # 2026-11-24 22:00:00 UTC
ANNA = {"id": CHAT, "is_bot": False, "first_name": "Anna", "username": "anna_b", "language_code": "en"}
PRIVATE = {"id": CHAT, "first_name": "Anna", "username": "anna_b", "type": "private"}
BOT_USER = {"id": 123456, "is_bot": True, "first_name": "Own Pace", "username": "own_pace_test_bot"}


def message(**fields: Any) -> dict[str, Any]:
    return {"message_id": 41, "from": ANNA, "chat": PRIVATE, "date": DATE} | fields


def update(**fields: Any) -> dict[str, Any]:
    return {"update_id": 727334708, "message": message(**fields)}


def edited(**fields: Any) -> dict[str, Any]:
    return {"update_id": 727334709, "edited_message": message(edit_date=DATE + 60, **fields)}


def command(text: str) -> dict[str, Any]:
    return update(text=text, entities=[{"offset": 0, "length": len(text.split()[0]), "type": "bot_command"}])


def membership(status: str, before: str = "member") -> dict[str, Any]:
    old, new = ({"user": BOT_USER, "status": one} for one in (before, status))
    change: dict[str, Any] = {
        "chat": PRIVATE,
        "from": ANNA,
        "date": DATE,
        "old_chat_member": old,
        "new_chat_member": new,
    }
    return {"update_id": 727334710, "my_chat_member": change}


def file(name: str = "one", **fields: Any) -> dict[str, Any]:
    return {"file_id": f"id-{name}", "file_unique_id": f"u-{name}", "file_size": 12345} | fields


PHOTO = [
    file("s", width=90, height=67),
    file("x", width=1280, height=960),
    file("m", width=320, height=240),
]
VIDEO: dict[str, Any] = {"width": 640, "height": 480, "duration": 12}
THUMB = file("thumb", width=90, height=67)
OURS = {"message_id": 40, "from": BOT_USER, "chat": PRIVATE, "date": DATE - 60, "text": "How was it?"}

GROUP = {"id": -1001234567890, "title": "Friends", "type": "supergroup"}
"""A group that somebody added the bot to."""
