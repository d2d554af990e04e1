"""Updates are stored before Telegram is told that they came, and trouble is told to people."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web

from bot.channel import WebhookRequest
from bot.errors import AddressError, Forged, Unavailable
from bot.messages import Inbound, Reach
from channels.telegram.channel import HOLD, SECRET, UNDELIVERED, Telegram
from tests.channels.telegram.mailrooms import Memory
from tests.channels.telegram.payloads import CHAT, DATE, PRIVATE, edited, file, membership, message
from tests.rig.telegram_files import BOT, TOKEN, Answer, Double, fault, ok, says, served


def text(update_id: int, words: str = "Hello") -> dict[str, Any]:
    sender = {"id": CHAT, "is_bot": False, "first_name": "Anna"}
    message = {"message_id": update_id, "from": sender, "chat": PRIVATE, "date": DATE, "text": words}
    return {"update_id": update_id, "message": message}


async def until(mailroom: Memory, channel: Telegram, enough: Callable[[], bool]) -> None:
    """Listen until there is enough."""
    came = asyncio.Event()
    before = mailroom.after

    def after() -> None:
        before()
        if enough():
            came.set()

    mailroom.after = after
    listening = asyncio.create_task(channel.listen(mailroom))
    waiting = asyncio.create_task(came.wait())
    await asyncio.wait({listening, waiting}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if listening.done():
        await listening
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening
    assert came.is_set()


async def test_the_offset_moves_only_after_the_take() -> None:
    double, mailroom = Double(), Memory()
    double.updates = [text(7), text(8)]
    asked_at_take: list[int] = []
    mailroom.before = lambda: asked_at_take.append(len(double.times("getUpdates")))
    async with served(double) as channel:
        await until(mailroom, channel, lambda: mailroom.takes == 1)
        assert mailroom.at == f"{BOT}/9"
        assert asked_at_take == [1], "nothing was asked between the answer and the take"
        double.updates.append(text(9, "more"))
        await until(mailroom, channel, lambda: "more" in mailroom.bodies)
    offsets = [asked.get("offset") for asked in double.times("getUpdates")]
    assert offsets[0] is None
    assert "9" in offsets[1:]
    assert mailroom.bodies == ["Hello", "Hello", "more"]


async def test_what_could_not_be_stored_is_asked_for_again() -> None:
    double, mailroom = Double(), Memory()
    double.updates = [text(7)]

    def fail() -> None:
        raise OSError("the disk is full")

    mailroom.before = fail
    async with served(double) as channel:
        with pytest.raises(OSError, match="full"):
            await channel.listen(mailroom)
        mailroom.before = lambda: None
        await until(mailroom, channel, lambda: mailroom.takes == 1)
    assert mailroom.bodies == ["Hello"]
    assert [asked.get("offset") for asked in double.times("getUpdates")][:2] == [None, None]


async def test_only_updates_that_are_wanted_are_asked_for_and_the_first_answer_is_not_waited_for() -> None:
    double, mailroom = Double(), Memory(f"{BOT}/5")
    async with served(double) as channel:
        await until(mailroom, channel, lambda: mailroom.takes == 1)
    first = double.times("getUpdates")[0]
    assert first["allowed_updates"] == '["message", "edited_message", "my_chat_member"]'
    assert (first["timeout"], first["offset"]) == ("0", "5")
    assert (mailroom.news, mailroom.at) == ([], f"{BOT}/5"), "an empty take says that Telegram lets us in"
    assert all(asked["timeout"] == str(HOLD) for asked in double.times("getUpdates")[1:])


async def test_after_a_quiet_week_the_numbers_begin_anew_and_lower() -> None:
    """Telegram answers an offset beyond its last update with what it has (tdlib/telegram-bot-api, TQueue)."""
    double, mailroom = Double(), Memory(f"{BOT}/727334708")
    ups = iter([[text(117314199, "after a week")], [text(117314200, "next")]])

    async def updates(request: web.Request) -> web.StreamResponse:
        return await ok(next(ups, []))(request)

    double.answers["getUpdates"] = updates
    async with served(double) as channel:
        await until(mailroom, channel, lambda: "next" in mailroom.bodies)
    assert mailroom.bodies == ["after a week", "next"]
    assert [asked["offset"] for asked in double.times("getUpdates")][:2] == ["727334708", "117314200"]


async def test_the_place_of_another_bot_is_not_ours() -> None:
    double, mailroom = Double(), Memory("999/50000")
    double.updates = [text(7)]
    async with served(double) as channel:
        await until(mailroom, channel, lambda: mailroom.takes == 1)
    assert mailroom.bodies == ["Hello"]


async def test_an_update_that_makes_no_sense_is_kept_once_and_the_next_ones_come() -> None:
    double, mailroom = Double(), Memory()
    double.updates = [{"update_id": 7, "telepathy": 1}, text(8), {"update_id": 9, "message": {"text": "?"}}, text(10)]
    async with served(double) as channel:
        await until(mailroom, channel, lambda: mailroom.takes == 1)
        double.updates.append(text(11, "last"))
        await until(mailroom, channel, lambda: "last" in mailroom.bodies)
    assert mailroom.bodies == ["Hello", "Hello", "last"]
    assert len(mailroom.strange) == 2


async def test_an_update_without_a_number_is_kept_once_and_is_no_hot_loop() -> None:
    double, mailroom = Double(getUpdates=ok([{"message": {"text": "?"}}])), Memory()
    async with served(double) as channel:
        for _ in range(2):
            with pytest.raises(Unavailable, match="again and again"):
                await channel.listen(mailroom)
    assert len(mailroom.strange) == 1
    assert len(double.times("getUpdates")) == 2


async def test_an_answer_that_is_no_list_is_no_hot_loop() -> None:
    double, mailroom = Double(getUpdates=says(200, {"ok": True})), Memory()
    async with served(double) as channel:
        with pytest.raises(Unavailable):
            await channel.listen(mailroom)
    assert len(double.times("getUpdates")) == 1


async def test_an_album_an_edit_and_a_block_come_in_order_and_the_pictures_can_be_had() -> None:
    """What the emulator cannot do, from Telegram's queue to the bytes of a file."""
    double, mailroom = Double(), Memory()
    for number in (1, 2, 3):
        sizes = [file(f"{number}-{size}", width=size, height=size) for size in (90, 800)]
        picture = message(
            message_id=number, photo=sizes, media_group_id="album", caption="three" if number == 1 else ""
        )
        double.updates.append({"update_id": number, "message": picture})
        double.files[f"id-{number}-800"] = f"picture {number}".encode()
    double.updates.append(edited(caption="all three", photo=[file("1-800", width=800, height=800)]) | {"update_id": 4})
    double.updates.append(membership("kicked") | {"update_id": 5})
    async with served(double) as channel:
        await until(mailroom, channel, lambda: mailroom.takes == 1)
        album = [one for one in mailroom.news if isinstance(one, Inbound)]
        pictures = [await channel.fetch(media, 1000) for one in album for media in one.media]
    assert pictures == [b"picture 1", b"picture 2", b"picture 3", b"picture 1"]
    assert [one.group for one in album] == ["album"] * 3 + [""]
    assert [one.body for one in album] == ["three", "", "", "all three"]
    assert [bool(one.edits) for one in album] == [False, False, False, True]
    assert mailroom.news[-1] == Reach(album[0].sender, "blocked the bot")
    assert mailroom.at == f"{BOT}/6"


LOCKED_OUT = [
    ("another poller", "getUpdates", fault(409, "Conflict: terminated by other getUpdates request"), "Another program"),
    ("a wrong token", "getMe", fault(401, "Unauthorized"), "token"),
    ("a token that is none", "getMe", fault(404, "Not Found"), "token"),
]


@pytest.mark.parametrize(("method", "answer", "words"), [o[1:] for o in LOCKED_OUT], ids=[o[0] for o in LOCKED_OUT])
async def test_what_people_must_mend_is_told_once(
    method: str, answer: Answer, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    mailroom = Memory()
    async with served(Double(**{method: answer})) as channel:
        with pytest.raises(Unavailable) as caught:
            await channel.listen(mailroom)
    (trouble,) = mailroom.troubles
    assert words in trouble
    assert TOKEN not in trouble + str(caught.value) + caplog.text


PASSING = [
    ("a fault", fault(502, "Bad Gateway")),
    ("a page", says(503, "<h1>Sorry</h1>")),
    ("too often", fault(429, "Too Many Requests", retry_after=5)),
]


@pytest.mark.parametrize("answer", [one[1] for one in PASSING], ids=[one[0] for one in PASSING])
async def test_what_passes_is_tried_again_later_and_troubles_nobody(answer: Answer) -> None:
    mailroom = Memory()
    async with served(Double(getUpdates=answer)) as channel:
        with pytest.raises(Unavailable):
            await channel.listen(mailroom)
    assert mailroom.troubles == []


# By webhook


async def hooked(channel: Telegram, mailroom: Memory, enough: Callable[[], bool]) -> None:
    """Listen until there is enough, which is looked at again and again."""
    listening = asyncio.create_task(channel.listen(mailroom))
    async with asyncio.timeout(20):
        while not enough() and not listening.done():  # noqa: ASYNC110  # a server sets no event
            await asyncio.sleep(0.01)
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening


async def test_people_are_told_when_telegram_cannot_deliver_and_not_of_one_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It tells nobody by itself, and forgets what waits after a day: a certificate that ran out lost every answer."""
    monkeypatch.setattr("channels.telegram.channel.WATCH", 0.01)
    hook = {"url": "https://study.example/webhooks/telegram", "pending_update_count": 2, "last_error_date": DATE}
    looks = [hook, {**hook, "pending_update_count": 0}, hook, hook, {**hook, "pending_update_count": 0}]

    async def info(request: web.Request) -> web.StreamResponse:
        return await ok(looks.pop(0) if len(looks) > 1 else looks[0])(request)

    mailroom = Memory("a place")
    async with served(Double(getWebhookInfo=info), secret="s3cret") as channel:
        await hooked(channel, mailroom, lambda: mailroom.takes == 2)
    assert (mailroom.troubles, mailroom.news, mailroom.at) == ([UNDELIVERED], [], "a place")


async def test_a_webhook_that_another_program_took_away_is_set_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.telegram.channel.WATCH", 0.01)
    double = Double(getWebhookInfo=ok({"url": "", "pending_update_count": 0}))
    async with served(double, secret="s3cret") as channel:
        await hooked(channel, Memory(), lambda: len(double.times("setWebhook")) > 1)
    assert len(double.times("setWebhook")) > 1


async def test_with_a_webhook_telegram_is_told_where_once() -> None:
    double = Double()
    async with served(double, secret="s3cret") as channel:
        await hooked(channel, Memory(), lambda: bool(double.times("setWebhook")))
    assert double.times("setWebhook") == [
        {
            "url": "https://study.example/webhooks/telegram",
            "secret_token": "s3cret",
            "allowed_updates": '["message", "edited_message", "my_chat_member"]',
        }
    ]
    assert double.times("getUpdates") == []


async def test_an_address_that_telegram_does_not_take_is_for_people_to_mend() -> None:
    answer = fault(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
    mailroom = Memory()
    async with served(Double(setWebhook=answer), secret="s3cret") as channel:
        with pytest.raises(Unavailable, match="public_base_url"):
            await channel.listen(mailroom)
    assert len(mailroom.troubles) == 1


async def test_only_the_secret_makes_a_delivery_genuine() -> None:
    def delivery(**headers: str) -> WebhookRequest:
        return WebhookRequest("/webhooks/telegram", headers, b"{}")

    async with served(Double(), secret="s3cret") as channel:
        channel.verify(delivery(**{SECRET: "s3cret"}))
        for wrong in ({}, {SECRET: ""}, {SECRET: "s3cre"}, {SECRET: "s3crets"}, {SECRET: "sécret"}):
            with pytest.raises(Forged) as caught:
                channel.verify(delivery(**wrong))
            assert "s3cret" not in str(caught.value)
    async with served(Double()) as channel:
        for given in ({}, {SECRET: ""}, {SECRET: "None"}):
            with pytest.raises(Forged):
                channel.verify(delivery(**given))


# What it says of itself


async def test_the_link_is_known_once_telegram_has_told_the_bots_name() -> None:
    async with served(Double(getWebhookInfo=ok({"url": "", "pending_update_count": 3}))) as channel:
        assert channel.link("AbC_9-x") == ""
        assert await channel.check() == "Telegram knows the bot @own_pace_test_bot; updates that wait there: 3"
        assert channel.link("AbC_9-x") == "https://t.me/own_pace_test_bot?start=AbC_9-x"


async def test_listening_makes_the_link_known_too() -> None:
    async with served(Double(), secret="s") as channel:
        await hooked(channel, Memory(), lambda: bool(channel.link("x")))
        assert channel.link("x")


async def test_a_check_with_a_wrong_token_says_so_and_not_which() -> None:
    async with served(Double(getMe=fault(401, "Unauthorized"))) as channel:
        with pytest.raises(Unavailable, match="does not accept the token") as caught:
            await channel.check()
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("wrong", ["@anna", "anna", "-100123", "", "0123", "12 34", "https://t.me/anna"])
async def test_an_address_is_the_number_of_a_private_chat(wrong: str) -> None:
    async with served(Double()) as channel:
        assert channel.address(f" {CHAT} ").value == str(CHAT)
        with pytest.raises(AddressError):
            channel.address(wrong)


def test_the_fake_mailroom_stores_once() -> None:
    mailroom = Memory()
    one = Inbound("key", Telegram.address(Telegram.__new__(Telegram), "5"), "a", b"")
    asyncio.run(mailroom.take([one, one], ""))
    assert mailroom.bodies == ["a"]
