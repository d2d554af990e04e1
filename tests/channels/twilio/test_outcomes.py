"""What a send ends in, over real HTTP: not sent, refused, unknown, or a receipt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from bot.errors import NotSent, Refused, SendError, SendUnknown
from bot.messages import Address, Outbound
from channels.twilio import Account, Sms
from channels.twilio.errors import MEANINGS, in_words
from tests.rig import free_port

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
MESSAGE = Outbound("our-id", Address("sms", "+447700900123"), "Hello “there” – it’s me")


class Api:
    """A REST API on a real socket that gives the same answer to everything and remembers what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append({"path": request.path, "query": dict(request.query), **(await request.post())})
        return await self.answer(request)


@asynccontextmanager
async def served(answer: Answer, seconds: float = 5.0) -> AsyncIterator[tuple[Sms, Api]]:
    api = Api(answer)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    channel = Sms(account(f"http://127.0.0.1:{port}", seconds))
    try:
        yield channel, api
    finally:
        await channel.close()
        await runner.cleanup()


def account(url: str, seconds: float = 5.0, **more: Any) -> Account:
    known = {"account_sid": "AC1", "username": "AC1", "password": "p", "secrets": ("p",), "sender": "+447700900000"}
    return Account(**{**known, **more}, api_base_url=url, public_base_url="https://study.example", timeout=seconds)


def says(status: int, body: Any, content_type: str = "application/json") -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        if isinstance(body, str):
            return web.Response(status=status, text=body, content_type=content_type)
        return web.json_response(body, status=status)

    return answer


def fault(status: int, code: int) -> Answer:
    return says(status, {"code": code, "message": "words of Twilio with +447700900123", "status": status})


async def test_a_receipt_names_the_text_and_our_id_rides_in_the_status_callback() -> None:
    async with served(says(201, {"sid": "SM1", "status": "queued"})) as (channel, api):
        assert (await channel.send(MESSAGE)).provider_id == "SM1"
    (asked,) = api.asked
    assert asked["path"] == "/2010-04-01/Accounts/AC1/Messages.json"
    assert asked["To"] == "+447700900123"
    assert asked["From"] == "+447700900000"
    assert asked["StatusCallback"] == "https://study.example/webhooks/twilio/status?oid=our-id"


async def test_typographic_characters_do_not_push_a_text_out_of_gsm7() -> None:
    async with served(says(201, {"sid": "SM1"})) as (channel, api):
        await channel.send(MESSAGE)
    assert api.asked[0]["Body"] == 'Hello "there" - it\'s me'


async def test_a_messaging_service_replaces_the_number() -> None:
    async with served(says(201, {"sid": "SM1"})) as (channel, api):
        channel.account = account(channel.account.api_base_url, messaging_service_sid="MG1")
        await channel.send(MESSAGE)
    assert api.asked[0]["MessagingServiceSid"] == "MG1"
    assert "From" not in api.asked[0]


OUTCOMES: list[tuple[str, Answer, type[SendError], bool]] = [
    ("too many requests were not processed", fault(429, 20429), NotSent, False),
    ("a wrong token reaches no account", fault(401, 20003), NotSent, False),
    ("a wrong account is a setting to mend", fault(404, 20404), NotSent, False),
    ("a full queue took nothing", fault(400, 21611), NotSent, False),
    ("a bad number is refused", fault(400, 21211), Refused, False),
    ("an opted-out person is never fought", fault(400, 21610), Refused, True),
    ("a new code is refused all the same", fault(400, 99999), Refused, False),
    ("a fault of Twilio may have sent it", fault(500, 20500), SendUnknown, False),
    ("a gateway's page may have sent it", says(502, "<h1>Bad gateway</h1>", "text/html"), SendUnknown, False),
    ("an answer that is no JSON may have sent it", says(201, "fine!", "text/plain"), SendUnknown, False),
    ("an answer without a name may have sent it", says(201, {"status": "queued"}), SendUnknown, False),
    ("an empty answer may have sent it", says(201, ""), SendUnknown, False),
]


@pytest.mark.parametrize(("answer", "expected", "opted_out"), [o[1:] for o in OUTCOMES], ids=[o[0] for o in OUTCOMES])
async def test_an_answer_that_is_no_receipt_says_whether_it_left(
    answer: Answer, expected: type[SendError], opted_out: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with served(answer) as (channel, api):
        with pytest.raises(expected) as caught:
            await channel.send(MESSAGE)
    assert getattr(caught.value, "opted_out", False) is opted_out
    assert len(api.asked) == 1, "a text is posted once, whatever the answer"
    assert "900123" not in str(caught.value) + caplog.text, "no number reaches an error or a log"


async def test_nobody_listening_means_it_did_not_leave() -> None:
    channel = Sms(account(f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(NotSent):
        await channel.send(MESSAGE)
    await channel.close()


async def test_silence_has_an_end_and_is_unknown() -> None:
    async def never(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError

    async with served(never, seconds=0.2) as (channel, api):
        with pytest.raises(SendUnknown):
            await channel.send(MESSAGE)
    assert len(api.asked) == 1


async def test_a_connection_that_breaks_is_unknown() -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with served(hang_up) as (channel, _api):
        with pytest.raises(SendUnknown):
            await channel.send(MESSAGE)


async def test_a_provider_that_cannot_be_asked_leaves_it_unknown() -> None:
    async with served(fault(500, 20500)) as (channel, _api):
        with pytest.raises(SendUnknown):
            await channel.reconcile(MESSAGE)


def test_every_code_has_words_and_a_strange_one_says_where_to_look() -> None:
    assert all(in_words(code).endswith(f"(Twilio {code})") for code in MEANINGS)
    assert "docs/api/errors/12345" in in_words("12345")
    assert in_words(None) == "Twilio gave no reason"
