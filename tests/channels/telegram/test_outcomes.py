"""What a send ends in, over real HTTP: not sent, refused, unknown, or a receipt; and what never reaches a log."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

import pytest
import telegram.error
from aiohttp import web

from bot.errors import NotSent, Refused, SendError, SendUnknown
from bot.messages import Address, Outbound
from channels.telegram.channel import Telegram
from channels.telegram.client import Account
from channels.telegram.errors import MEANINGS, meaning, outcome
from tests.rig import free_port
from tests.rig.telegram_files import BOT, TOKEN, Answer, Double, fault, ok, says, served

CHAT = "5512345678"
MESSAGE = Outbound("our-id", Address("telegram", CHAT), "Hello “there” & <b>you</b> – it’s *me*")
SENT = ok({"message_id": 77, "date": 1795557600, "chat": {"id": int(CHAT), "type": "private"}, "text": "…"})


async def test_a_receipt_names_the_message_as_a_reply_to_it_will() -> None:
    async with served(Double(sendMessage=SENT)) as channel:
        receipt = await channel.send(MESSAGE)
    assert receipt.provider_id == f"{BOT}/{CHAT}/77"


async def test_a_text_is_sent_as_it_is_written_without_formatting_or_preview() -> None:
    double = Double(sendMessage=SENT)
    async with served(double) as channel:
        await channel.send(MESSAGE)
    (asked,) = double.times("sendMessage")
    assert asked == {"chat_id": CHAT, "text": MESSAGE.body, "link_preview_options": '{"is_disabled": true}'}


async def test_a_receipt_counts_even_when_the_rest_of_the_answer_is_strange() -> None:
    """The library's models refuse such an answer, and the message would be called unknown although it left."""
    async with served(Double(sendMessage=ok({"message_id": 78}))) as channel:
        assert (await channel.send(MESSAGE)).provider_id == f"{BOT}/{CHAT}/78"


OUTCOMES: list[tuple[str, Answer, type[SendError], dict[str, object]]] = [
    (
        "too many at once were not sent, and the wait is told",
        fault(429, "Too Many Requests: retry after 7", retry_after=7),
        NotSent,
        {"retry_after": timedelta(seconds=7)},
    ),
    ("the same without the wait", fault(429, "Too Many Requests"), NotSent, {"retry_after": timedelta(seconds=10)}),
    ("a wrong token", fault(401, "Unauthorized"), NotSent, {"retry_after": timedelta(minutes=1)}),
    ("a token that is none", fault(404, "Not Found"), NotSent, {"retry_after": timedelta(minutes=1)}),
    ("blocked: closed, and no withdrawal", fault(403, "Forbidden: bot was blocked by the user"), Refused,
     {"closed": True, "opted_out": False}),
    ("an account that is gone", fault(403, "Forbidden: user is deactivated"), Refused, {"closed": True}),
    ("never wrote to us", fault(403, "Forbidden: bot can't initiate conversation"), Refused, {"closed": True}),
    ("a chat that is not there", fault(400, "Bad Request: chat not found"), Refused, {"closed": True}),
    ("a chat that became another", fault(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-100), Refused,
     {"closed": True}),
    ("an empty text", fault(400, "Bad Request: message text is empty"), Refused, {"closed": False}),
    ("a new reason", fault(400, "Bad Request: MOON_IN_WRONG_HOUSE"), Refused, {"closed": False}),
    ("a fault of Telegram may have sent it", fault(500, "Internal Server Error"), SendUnknown, {}),
    ("a bad gateway may have sent it", fault(502, "Bad Gateway"), SendUnknown, {}),
    ("a gateway's page may have sent it", says(502, "<h1>Bad gateway</h1>"), SendUnknown, {}),
    ("an answer that is no JSON may have sent it", says(200, "fine! +447700900123"), SendUnknown, {}),
    ("an answer that is a list may have sent it", says(200, [1]), SendUnknown, {}),
    ("an answer without a result may have sent it", says(200, {"ok": True}), SendUnknown, {}),
    ("an answer without a name may have sent it", ok({"date": 1}), SendUnknown, {}),
    ("an empty answer may have sent it", says(200, ""), SendUnknown, {}),
    ("a strange fault", says(400, {"ok": False, "description": "x", "parameters": "y"}), SendUnknown, {}),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "expected", "more"), [o[1:] for o in OUTCOMES], ids=[o[0] for o in OUTCOMES])
async def test_an_answer_that_is_no_receipt_says_whether_it_left(
    answer: Answer, expected: type[SendError], more: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    double = Double(sendMessage=answer)
    async with served(double) as channel:
        with pytest.raises(SendError) as caught:
            await channel.send(MESSAGE)
    assert type(caught.value) is expected
    assert {name: getattr(caught.value, name) for name in more} == more
    assert len(double.times("sendMessage")) == 1, "a text is posted once, whatever the answer"
    assert_nothing_leaked(str(caught.value) + repr(caught.value.__cause__) + caplog.text)


def assert_nothing_leaked(said: str) -> None:
    """No token, address or word of a message."""
    for secret in (TOKEN, "a-token-for-tests", CHAT, "Hello", "900123", "MOON"):
        assert secret not in said


async def test_nobody_listening_means_it_did_not_leave(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    channel = Telegram(Account(TOKEN, api_base_url=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(NotSent) as caught:
        await channel.send(MESSAGE)
    await channel.close()
    assert_nothing_leaked(str(caught.value) + caplog.text)


async def test_silence_has_an_end_and_is_unknown() -> None:
    async def never(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    double = Double(sendMessage=never)
    async with served(double, seconds=0.2) as channel:
        with pytest.raises(SendUnknown):
            await channel.send(MESSAGE)
    assert len(double.times("sendMessage")) == 1


async def test_an_answer_that_never_ends_has_an_end_and_is_unknown() -> None:
    """Each byte begins the library's own patience anew."""

    async def drip(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b" ")
            await asyncio.sleep(0.02)

    async with served(Double(sendMessage=drip), seconds=0.2) as channel:
        with pytest.raises(SendUnknown):
            await channel.send(MESSAGE)


async def test_a_connection_that_breaks_is_unknown() -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with served(Double(sendMessage=hang_up)) as channel:
        with pytest.raises(SendUnknown):
            await channel.send(MESSAGE)


async def test_telegram_cannot_be_asked_what_became_of_a_text() -> None:
    async with served(Double()) as channel:
        with pytest.raises(SendUnknown):
            await channel.reconcile(MESSAGE)


LONG = "This is a sentence of a text. " * 300


async def test_a_long_text_leaves_in_parts_in_order_and_the_receipt_names_each() -> None:
    numbers = iter(range(100, 200))

    async def count(request: web.Request) -> web.StreamResponse:
        return await ok({"message_id": next(numbers)})(request)

    double = Double(sendMessage=count)
    async with served(double) as channel:
        receipt = await channel.send(Outbound("our-id", Address("telegram", CHAT), LONG))
    texts = [asked["text"] for asked in double.times("sendMessage")]
    assert (receipt.provider_id, *receipt.further) == tuple(f"{BOT}/{CHAT}/{number}" for number in (100, 101, 102))
    assert len(texts) == 3
    assert " ".join(texts) == LONG.strip()


@pytest.mark.parametrize("later", [fault(429, "Too Many Requests", retry_after=3), fault(403, "Forbidden: blocked")])
async def test_when_a_later_part_fails_the_text_is_neither_sent_nor_unsent(later: Answer) -> None:
    """To try again would double the first part."""
    answers = iter([SENT, later])

    async def one_by_one(request: web.Request) -> web.StreamResponse:
        return await next(answers)(request)

    double = Double(sendMessage=one_by_one)
    async with served(double) as channel:
        with pytest.raises(SendUnknown, match="Of 3 parts 1 left"):
            await channel.send(Outbound("our-id", Address("telegram", CHAT), LONG))
    assert len(double.times("sendMessage")) == 2, "and nothing more is sent"


async def test_a_first_part_that_fails_says_so_plainly() -> None:
    async with served(Double(sendMessage=fault(429, "Too Many Requests", retry_after=3))) as channel:
        with pytest.raises(NotSent):
            await channel.send(Outbound("our-id", Address("telegram", CHAT), LONG))


async def test_one_slow_chat_stops_no_other() -> None:
    let_go = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if (await request.post())["chat_id"] == "1":
            await let_go.wait()
        return await SENT(request)

    async with served(Double(sendMessage=answer)) as channel:
        slow = asyncio.create_task(channel.send(Outbound("a", Address("telegram", "1"), "Hello")))
        others = [channel.send(Outbound(f"b{n}", Address("telegram", str(n)), "Hello")) for n in range(2, 60)]
        assert len(await asyncio.gather(*others)) == 58
        assert not slow.done()
        let_go.set()
        await slow


def classes(of: type[telegram.error.TelegramError]) -> set[type[telegram.error.TelegramError]]:
    return {of}.union(*(classes(below) for below in of.__subclasses__()))


def test_every_error_of_the_library_has_a_meaning() -> None:
    """When the library grows a new error, this fails until somebody has thought about what it says of a message."""
    theirs = {one for one in classes(telegram.error.TelegramError) if one.__module__.startswith("telegram.")}
    assert set(MEANINGS) == theirs
    assert {one.__name__ for one in theirs} == set(telegram.error.__all__)


def test_an_error_without_a_meaning_is_unknown_and_never_refused() -> None:
    class Novelty(telegram.error.BadRequest):
        pass

    assert type(outcome(Novelty("chat not found"))) is SendUnknown


def test_the_words_of_an_error_are_ours() -> None:
    assert "secret" not in str(outcome(telegram.error.BadRequest("secret words of somebody")))
    assert "secret" not in meaning(telegram.error.NetworkError("https://api/botsecret")).words


def test_the_account_shows_no_secret() -> None:
    account = Account(TOKEN, "a-webhook-secret")
    assert "token" not in repr(account).replace("Token", "")
    assert "webhook-secret" not in repr(account)
