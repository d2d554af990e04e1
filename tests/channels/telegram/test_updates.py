"""What Telegram brings, read: nothing lost, nothing that is not ours, nothing that says where somebody is."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from telegram import Message, Update

from bot.channel import WebhookRequest
from bot.errors import Unreadable
from bot.messages import Address, Inbound, Media, MediaKind, News, Reach, Undeciphered
from channels.telegram import updates
from channels.telegram.channel import Telegram
from channels.telegram.client import Account
from tests.channels.telegram.payloads import (
    ANNA,
    CHAT,
    DATE,
    GROUP,
    OURS,
    PHOTO,
    THUMB,
    VIDEO,
    command,
    edited,
    file,
    membership,
    message,
    update,
)

BOT = "123456"
CHANNEL = Telegram(Account(f"{BOT}:a-token-for-tests"))
NAME = f"{BOT}/{CHAT}/41"


def read(what: Any) -> list[News]:
    return updates.read(BOT, what)


def inbound(what: Any) -> Inbound:
    (one,) = read(what)
    assert isinstance(one, Inbound)
    return one


def test_a_text_is_read_whole() -> None:
    words = "It’s fine 🙂\n\n  – really. /stop is not a command here"
    what = update(text=words)
    assert inbound(what) == Inbound(
        provider_key=NAME,
        sender=Address("telegram", str(CHAT)),
        body=words,
        raw=json.dumps(what, separators=(",", ":")).encode(),
        written_at=datetime(2026, 11, 24, 22, tzinfo=UTC),
        provider_id=NAME,
    )


@pytest.mark.parametrize(
    ("text", "start", "body"),
    [
        ("/start AbC_9-x", "AbC_9-x", ""),
        ("/start@own_pace_test_bot AbC_9-x", "AbC_9-x", ""),
        ("/start", "", "START"),
        ("/help", "", "HELP"),
        ("/Stop@own_pace_test_bot", "", "STOP"),
        ("/done ", "", "DONE"),
        ("/help me please", "", "/help me please"),
        ("/start two words", "", "/start two words"),
        ("/ 7 of us", "", "/ 7 of us"),
        ("stop", "", "stop"),
    ],
)
def test_a_command_is_a_word_and_start_brings_a_code(text: str, start: str, body: str) -> None:
    one = inbound(command(text))
    assert (one.start, one.body) == (start, body)


def test_a_reply_names_the_message_it_answers() -> None:
    one = inbound(update(text="Good", reply_to_message=OURS))
    assert one.reply_to == (f"{BOT}/{CHAT}/40",)
    assert (one.body, one.elided) == ("Good", "")


def test_words_picked_out_of_the_message_it_answers_are_no_part_of_the_body() -> None:
    quote = {"text": "How was", "position": 0, "is_manual": True}
    assert inbound(update(text="Good", reply_to_message=OURS, quote=quote)).elided == "How was"


ORIGINS: list[tuple[str, Any, bool]] = [
    ("another person's", {"type": "user", "date": DATE, "sender_user": {**ANNA, "id": 77}}, True),
    ("of somebody who hides", {"type": "hidden_user", "date": DATE, "sender_user_name": "Anna"}, True),
    ("a channel's", {"type": "channel", "date": DATE, "chat": GROUP, "message_id": 3}, True),
    ("of a kind that is new", "something", True),
    ("their own from another chat", {"type": "user", "date": DATE, "sender_user": ANNA}, False),
]


@pytest.mark.parametrize(("origin", "forwarded"), [one[1:] for one in ORIGINS], ids=[one[0] for one in ORIGINS])
def test_what_they_forward_may_be_somebody_elses_words(origin: Any, forwarded: bool) -> None:
    assert inbound(update(text="I hate the job", forward_origin=origin)).forwarded is forwarded
    assert not inbound(update(text="I hate the job")).forwarded


def test_an_edit_names_the_message_it_changes_and_is_stored_beside_it() -> None:
    first, one, two = inbound(update(text="a")), inbound(edited(text="b")), inbound(edited(text="c"))
    assert one.edits == two.edits == first.provider_id
    assert len({first.provider_key, one.provider_key, two.provider_key}) == 3, "two in one second are two"
    assert one == inbound(edited(text="b")), "and a second copy is the same"
    assert one.written_at == datetime(2026, 11, 24, 22, 1, tzinfo=UTC)


def test_another_bot_in_the_same_chat_counts_its_messages_anew() -> None:
    (other,) = updates.read("999", update(text="a"))
    assert isinstance(other, Inbound)
    assert other.provider_key != inbound(update(text="a")).provider_key


FILES: list[tuple[str, dict[str, Any], Media]] = [
    (
        "a voice note",
        {"voice": file(duration=92, mime_type="audio/ogg")},
        Media(MediaKind.VOICE, "audio/ogg", size=12345, seconds=92, reference="id-one"),
    ),
    (
        "a recording",
        {"audio": file(duration=60, file_name="me.mp3", mime_type="audio/mpeg", title="Me")},
        Media(MediaKind.VOICE, "audio/mpeg", "me.mp3", 12345, 60, reference="id-one"),
    ),
    ("the largest picture", {"photo": PHOTO}, Media(MediaKind.PICTURE, "image/jpeg", size=12345, reference="id-x")),
    (
        "a video",
        {"video": file(**VIDEO, mime_type="video/mp4", thumbnail=THUMB)},
        Media(MediaKind.VIDEO, "video/mp4", size=12345, seconds=12, reference="id-one"),
    ),
    (
        "a round video",
        {"video_note": file(length=240, duration=8)},
        Media(MediaKind.VIDEO, "video/mp4", size=12345, seconds=8, reference="id-one"),
    ),
    (
        "an animation, which comes as a document too",
        {"animation": file(**VIDEO, mime_type="video/mp4"), "document": file(mime_type="video/mp4")},
        Media(MediaKind.VIDEO, "video/mp4", size=12345, seconds=12, reference="id-one"),
    ),
    (
        "a file",
        {"document": file(file_name="Diary ü.docx", mime_type="application/msword")},
        Media(MediaKind.FILE, "application/msword", "Diary ü.docx", 12345, reference="id-one"),
    ),
]


@pytest.mark.parametrize(("fields", "media"), [one[1:] for one in FILES], ids=[one[0] for one in FILES])
def test_a_file_comes_with_what_telegram_tells_of_it_and_its_caption(fields: dict[str, Any], media: Media) -> None:
    one = inbound(update(**fields, caption="This is how it sounds"))
    assert one.media == (media,)
    assert one.media[0].reference == media.reference
    assert one.body == "This is how it sounds"
    assert inbound(update(**fields)).body == ""
    assert one.doubt == ""


def test_pictures_sent_as_one_share_a_group() -> None:
    album = [
        inbound(
            {"update_id": n, "message": message(message_id=n, photo=PHOTO, media_group_id="13579")},
        )
        for n in (1, 2, 3)
    ]
    assert {one.group for one in album} == {"13579"}
    assert len({one.provider_key for one in album}) == 3


PLACE = {"latitude": 51.501364, "longitude": -0.14189, "horizontal_accuracy": 12.5}
HOME = {"location": PLACE, "title": "Home", "address": "1 The Mall"}
POLL = {"id": "9", "question": "Tea?", "options": [{"text": "yes", "voter_count": 0}], "total_voter_count": 0}
POLL |= {"is_closed": False, "is_anonymous": True, "type": "regular", "allows_multiple_answers": False}
STICKER = file(type="regular", width=512, height=512, is_animated=False, is_video=False)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"sticker": STICKER | {"emoji": "👍"}}, "[sticker: 👍]"),
        ({"sticker": STICKER}, "[sticker]"),
        ({"contact": {"phone_number": "+447700900123", "first_name": "Bo"}}, "[contact shared]"),
        ({"location": PLACE}, "[location shared: not kept]"),
        ({"location": PLACE, "venue": HOME}, "[location shared: not kept]"),
        ({"poll": POLL}, "[poll]"),
        ({"dice": {"emoji": "🎲", "value": 6}}, "[dice: 🎲]"),
    ],
)  # fmt: skip
def test_what_is_no_text_and_no_file_is_told_in_brackets(fields: dict[str, Any], words: str) -> None:
    one = inbound(update(**fields))
    assert (one.body, one.media, one.doubt) == (words, (), "")


def test_where_somebody_is_is_kept_nowhere_not_even_in_a_message_they_answer() -> None:
    before = message(message_id=7, location=PLACE, venue=HOME)
    for what in (update(location=PLACE, venue=HOME), update(text="Here", reply_to_message=before), [PLACE]):
        (one,) = read(what)
        assert isinstance(one, Inbound | Undeciphered)
        assert not any(word in str(one).encode() + one.raw for word in (b"51.5", b"0.14", b"Home", b"Mall"))


def test_a_place_that_moves_is_told_once() -> None:
    assert read(edited(location=PLACE)) == []


def test_a_kind_of_message_that_is_new_is_kept_and_looked_at() -> None:
    one = inbound(update(hologram={"file_id": "x"}))
    assert one.body == "[a message of a kind that cannot be shown]"
    assert one.doubt


def test_a_file_without_its_id_keeps_its_caption_and_is_looked_at() -> None:
    one = inbound(update(voice={"duration": 3}, caption="words"))
    assert (one.body, one.media) == ("words", ())
    assert one.doubt


def test_blocking_the_bot_closes_the_address_and_coming_back_opens_it() -> None:
    address = Address("telegram", str(CHAT))
    assert read(membership("kicked")) == [Reach(address, "blocked the bot")]
    assert read(membership("left")) == [Reach(address, "blocked the bot")]
    assert read(membership("member", before="kicked")) == [Reach(address, None)]


LEFT = [
    ("a group", update(text="hi", chat=GROUP), "not a private chat"),
    ("joining a group", membership("member") | {"my_chat_member": {"chat": GROUP}}, "not a private chat"),
    ("a pinned message", update(pinned_message=OURS), "written by Telegram itself"),
    ("access given", update(write_access_allowed={"from_request": True}), "written by Telegram itself"),
    ("a channel's post", {"update_id": 1, "channel_post": message(text="x")}, "not asked for"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "reason"), [one[1:] for one in LEFT], ids=[one[0] for one in LEFT])
def test_what_nobody_can_want_is_left_with_a_reason_that_names_nobody(what: Any, reason: str) -> None:
    with capture_logs() as logs:
        assert read(what) == []
    assert [line["reason"] for line in logs] == [reason]
    assert str(CHAT) not in str(logs)
    assert "1001234567890" not in str(logs)


STRANGE = [
    ("a list", [1, 2]),
    ("nothing", None),
    ("an update of a new kind", {"update_id": 5, "telepathy": {"chat": {"id": CHAT}}}),
    ("a message without a chat", {"update_id": 5, "message": {"message_id": 1, "text": "words"}}),
    ("a message without a number", update(message_id=None, text="words")),
    ("a chat with a name for a number", update(chat={"id": "@anna", "type": "private"}, text="words")),
]


@pytest.mark.parametrize("what", [one[1] for one in STRANGE], ids=[one[0] for one in STRANGE])
def test_what_cannot_be_read_is_kept_for_a_person(what: Any) -> None:
    (one,) = read(what)
    assert isinstance(one, Undeciphered)
    assert json.loads(one.raw) == what
    assert read(what) == [one], "and a second copy has the same key"
    assert "words" not in one.problem


UNKNOWN_TO_THE_LIBRARY = [
    ("a sender without is_bot", update(text="hi", **{"from": {"id": CHAT, "first_name": "A"}})),
    ("a file without file_unique_id", update(voice={"file_id": "id-one", "duration": 3})),
    ("a chat without its type", update(text="hi", chat={"id": CHAT})),
    ("a date that is words", update(text="hi", date="yesterday")),
]


@pytest.mark.parametrize("what", [one[1] for one in UNKNOWN_TO_THE_LIBRARY], ids=[o[0] for o in UNKNOWN_TO_THE_LIBRARY])
def test_an_update_that_the_library_refuses_is_read_all_the_same(what: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        Update.de_json(json.loads(json.dumps(what)), None)
    one = inbound(what)
    assert one.body == "hi" or one.media[0].reference == "id-one"


READ_BY_BOTH = [update(**fields, caption="words") for _id, fields, _media in FILES]
READ_BY_BOTH += [update(text="words"), edited(text="words"), update(text="words", reply_to_message=OURS)]


@pytest.mark.parametrize("what", READ_BY_BOTH)
def test_the_library_reads_the_same(what: dict[str, Any]) -> None:
    """Our own reading against python-telegram-bot's models, wherever they can read it."""
    theirs = Update.de_json(json.loads(json.dumps(what)), None).effective_message
    one = inbound(what)
    assert isinstance(theirs, Message)
    assert one.sender.value == str(theirs.chat.id)
    assert one.provider_id == f"{BOT}/{theirs.chat.id}/{theirs.message_id}"
    assert one.body == (theirs.text or theirs.caption)
    assert one.written_at == (theirs.edit_date or theirs.date)
    attached: Any = theirs.effective_attachment
    if isinstance(attached, tuple):
        attached = max(attached, key=lambda size: size.width)
    assert [media.reference for media in one.media] == ([attached.file_id] if attached else [])
    answered = theirs.reply_to_message
    assert one.reply_to == ((f"{BOT}/{CHAT}/{answered.message_id}",) if answered else ())


# Whatever comes

SEEDS: list[Any] = [
    *READ_BY_BOTH,
    *(what for _id, what in STRANGE),
    *(what for _id, what in UNKNOWN_TO_THE_LIBRARY),
    *(what for _id, what, _reason in LEFT),
    *(command(text) for text in ("/start abc", "/stop")),
    *(membership(status) for status in ("kicked", "member", "restricted")),
    update(photo=PHOTO, media_group_id="1", caption="x"),
    update(sticker=STICKER),
    update(location=PLACE),
]
JUNK: list[Any] = [None, True, 0, -1, 7, 2**60, 10**30, 1.5, float("nan"), float("inf"), "", "words", "\ud83d", "\0"]
JUNK += [
    "9" * 500,
    "/start \udc00",
    [],
    {},
    [[]],
    [{}],
    {"id": 1},
    {"type": "private", "id": 5},
    {"file_id": "\0\ud83d"},
]


def damaged(chance: Random) -> Any:
    """A real update in which up to three values, at any depth, are something else, somewhere else, or gone."""
    whole = {"update": deepcopy(chance.choice(SEEDS))}
    for _ in range(chance.randrange(4)):
        at: Any = whole
        key: Any = "update"
        while isinstance(at[key], dict | list) and at[key] and chance.random() < 0.8:
            at = at[key]
            key = chance.choice(sorted(at) if isinstance(at, dict) else range(len(at)))
        change = chance.randrange(3)
        if change == 0:
            at[key] = deepcopy(chance.choice(JUNK))
        elif change == 1:
            at[key] = deepcopy(chance.choice(SEEDS))
        elif isinstance(at, dict) and at is not whole:
            del at[key]
    return whole["update"]


def check(what: Any) -> list[News]:
    """What must be true of anything that comes: it can be stored, or it is left on purpose."""
    with capture_logs() as logs:
        news = read(what)
    assert len(news) == 1 or (news == [] and logs[0]["reason"])
    for one in news:
        if isinstance(one, Inbound | Undeciphered):
            assert one.provider_key
            assert b"51.501" not in one.raw
            json.loads(one.raw)
        if isinstance(one, Inbound):
            assert one.sender.value.isdecimal()
            media = [media.name + media.reference for media in one.media]
            texts = "".join((one.body, one.provider_key, one.group, one.start, one.elided, *media))
            assert "\0" not in texts
            assert texts.encode()
            assert one.body or one.media or one.start
    return news


def test_whatever_comes_can_be_stored_or_is_left_on_purpose() -> None:
    chance, seen = Random(20261124), Counter[str]()
    for _ in range(10_000):
        what = damaged(chance)
        news = check(what)
        assert news == check(what), "a second copy is the same"
        seen[type(news[0]).__name__ if news else "left"] += 1
    print("10,000 damaged updates:", dict(seen))
    assert min(seen[kind] for kind in ("Inbound", "Undeciphered", "Reach", "left")) > 50, "each is met often"


WHATEVER = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)
FIELDS = ("text", "caption", "date", "message_id", "chat", "photo", "voice", "reply_to_message", "quote", "sticker")


@given(st.dictionaries(st.sampled_from(FIELDS), WHATEVER, max_size=4))
@settings(deadline=None)
def test_fields_may_hold_anything(fields: dict[str, Any]) -> None:
    check({"update_id": 1, "message": message() | fields})


def test_a_body_of_any_bytes_is_read_or_unreadable() -> None:
    chance = Random(20261125)
    for _ in range(2000):
        body = bytearray(json.dumps(damaged(chance)).encode())
        for _ in range(chance.randrange(4)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        with suppress(Unreadable), capture_logs():
            assert len(CHANNEL.parse(WebhookRequest("/webhooks/telegram", {}, bytes(body)))) <= 1


@pytest.mark.parametrize("depth", [100, 400, 900, 100_000])
def test_an_update_nested_absurdly_deep_is_no_reason_to_fall_over(depth: int) -> None:
    body = b'{"update_id":1,"message":' + b"[" * depth + b"]" * depth + b"}"
    try:
        (one,) = CHANNEL.parse(WebhookRequest("/webhooks/telegram", {}, body))
    except Unreadable:
        return
    assert isinstance(one, Undeciphered)
