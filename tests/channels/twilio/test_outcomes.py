"""What a send ends in, over real HTTP: not sent, refused, unknown, or a receipt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from aiohttp import web

from bot.errors import NotSent, Refused, SendError, SendUnknown, Unavailable
from bot.messages import Address, Inbound, MediaKind, Outbound
from channels.twilio.channel import NO_WORDS, Account, Sms, Twilio, WhatsApp
from channels.twilio.errors import MEANINGS, in_words
from channels.twilio.webhook import ENCODED
from tests.rig import free_port

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
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
async def served(
    answer: Answer, seconds: float = 5.0, kind: type[Twilio] = Sms, **more: Any
) -> AsyncIterator[tuple[Twilio, Api]]:
    api = Api(answer)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    channel = kind(account(f"http://127.0.0.1:{port}", seconds, **more), now=lambda: NOW)
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


def takes() -> Answer:
    """Takes each message, with a receipt of its own."""
    numbers = count(1)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await says(201, {"sid": f"SM{next(numbers)}"})(request)

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
    ("outside the window a template must go first", fault(400, 63016), Refused, False),
    ("somebody who blocked us on WhatsApp is never fought", fault(400, 63014), Refused, True),
    ("WhatsApp's limit took nothing", fault(400, 63018), NotSent, False),
    ("somebody who is not on WhatsApp is refused", fault(400, 63024), Refused, False),
    ("a person outside the sandbox is refused", fault(400, 63015), Refused, False),
    ("what WhatsApp will not bring is refused", fault(400, 63032), Refused, False),
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


@pytest.mark.parametrize(
    ("code", "closed"), [(21211, True), (21614, True), (63003, True), (63024, True), (21610, False), (63016, False)]
)
async def test_an_address_that_takes_nothing_any_more_is_told_from_a_refusal(code: int, closed: bool) -> None:
    async with served(fault(400, code)) as (channel, _api):
        with pytest.raises(Refused) as caught:
            await channel.send(MESSAGE)
    assert (caught.value.code, caught.value.closed) == (str(code), closed)


@pytest.mark.parametrize("kind", [Sms, WhatsApp])
@pytest.mark.parametrize(
    ("left", "stay"),
    [
        (timedelta(hours=2), "7200"),
        (timedelta(seconds=36_000), None),
        (timedelta(days=30), None),
        (timedelta(seconds=1), "60"),
        (timedelta(seconds=-5), "60"),
        (None, None),
    ],
)
async def test_a_text_that_waits_at_the_provider_does_not_arrive_at_night(
    kind: type[Twilio], left: timedelta | None, stay: str | None
) -> None:
    until = NOW + left if left is not None else None
    message = replace(MESSAGE, to=Address(kind.kind, "+447700900123"), good_until=until)
    async with served(says(201, {"sid": "SM1"}), kind=kind) as (channel, api):
        await channel.send(message)
    assert api.asked[0].get("ValidityPeriod") == stay


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


# What a lost delivery missed


def stored(**fields: Any) -> dict[str, Any]:
    """One message as Twilio lists it."""
    known = {"account_sid": "AC1", "sid": "SM1", "direction": "inbound", "from": "+447700900123", "body": "Hello"}
    return known | {"num_media": "0", "date_sent": "Tue, 24 Nov 2026 11:59:00 +0000"} | fields


def service(senders: dict[str, Any], **messages: list[dict[str, Any]]) -> Answer:
    """An API with the senders of a service, the messages to each own address, and a picture in each MM message."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/messaging/v1/Services/MG1/"):
            return web.json_response(senders | {"meta": {"key": next(iter(senders))}})
        if request.path.endswith("/Media.json"):
            uri = request.path.replace("/Media.json", "/Media/ME1.json")
            return web.json_response({"media_list": [{"sid": "ME1", "content_type": "image/png", "uri": uri}]})
        return web.json_response({"messages": messages.get(request.query["To"].strip("+"), [])})

    return answer


async def caught_up(channel: Twilio) -> list[Inbound]:
    return [one async for one in channel.catch_up(NOW - timedelta(days=3)) if isinstance(one, Inbound)]


async def test_a_service_is_caught_up_by_its_own_numbers_and_no_other() -> None:
    numbers = {"phone_numbers": [{"phone_number": "+1"}, {"phone_number": "+2"}]}
    answer = service(numbers, **{"1": [stored()], "2": [stored(sid="SM2")], "3": [stored(sid="SM3")]})
    async with served(answer, sender=None, messaging_service_sid="MG1") as (channel, api):
        assert [one.provider_key for one in await caught_up(channel)] == ["AC1/SM1", "AC1/SM2"]
    asked = [one["query"].get("To") for one in api.asked]
    assert asked == [None, "+1", "+2"], "never every message of the account"


async def test_whatsapp_is_caught_up_by_the_senders_of_the_service() -> None:
    senders = {"senders": [{"sender": "whatsapp:+1"}, {"sender": "rcs:brand"}]}
    one = stored(**{"from": "whatsapp:+447700900123"})
    stray = stored(sid="SM2")
    answer = service(senders, **{"whatsapp:+1": [stray, one]})
    async with served(answer, kind=WhatsApp, sender=None, messaging_service_sid="MG1") as (channel, _api):
        (found,) = await caught_up(channel)
    assert found.sender == Address("whatsapp", "+447700900123"), "a text among them is not WhatsApp's"


async def test_what_is_caught_up_has_its_time_its_pictures_and_no_text_of_ours() -> None:
    picture = stored(sid="MM1", num_media="1", body="")
    answer = service({}, **{"447700900000": [stored(sid="SM2", direction="outbound-api"), picture]})
    async with served(answer) as (channel, api):
        (found,) = await caught_up(channel)
        base = channel.account.api_base_url
    assert found.written_at == NOW - timedelta(minutes=1)
    assert found.provider_id == "MM1"
    (media,) = found.media
    assert media.reference == f"{base}/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"
    assert media.kind is MediaKind.PICTURE
    assert api.asked[0]["query"]["To"] == "+447700900000"
    assert api.asked[0]["query"]["DateSent>"] == "2026-11-21T12:00:00Z", "as far back as the program was off"


@pytest.mark.parametrize(
    ("held", "body", "doubt"),
    [
        ("", "", NO_WORDS),
        ("SSBjb3VsZCBub3Qgc2xlZXAgYWdhaW4gbGFzdCBuaWdodC4=", "I could not sleep again last night.", ENCODED),
    ],
    ids=["redacted by the account", "encoded by Twilio"],
)
async def test_what_is_caught_up_and_is_not_as_it_was_written_is_for_a_person(held: str, body: str, doubt: str) -> None:
    async with served(service({}, **{"447700900000": [stored(body=held)]})) as (channel, _api):
        (found,) = await caught_up(channel)
    assert (found.body, found.doubt) == (body, doubt)


@pytest.mark.parametrize("answer", [fault(500, 20500), fault(401, 20003), says(200, "hm", "text/plain")])
async def test_a_provider_that_cannot_be_asked_is_unavailable(answer: Answer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with served(answer, kind=Sms) as (channel, _api):
        for ask in (caught_up(channel), channel.check()):
            with pytest.raises(Unavailable) as caught:
                await ask
            assert "9001" not in str(caught.value)
    assert "9000" not in caplog.text


def test_every_code_has_words_and_a_strange_one_says_where_to_look() -> None:
    assert all(in_words(code).endswith(f"(Twilio {code})") for code in MEANINGS)
    assert "docs/api/errors/12345" in in_words("12345")
    assert in_words(None) == "Twilio gave no reason"


async def test_the_receipt_of_an_earlier_message_is_never_taken_for_this_ones() -> None:
    """A stray second answer on a kept connection: the message is in doubt, and the connection is used no more."""
    async with served(says(201, {"sid": "SM1"})) as (channel, _api):
        await channel.send(MESSAGE)
        with pytest.raises(SendUnknown, match="earlier message"):
            await channel.send(replace(MESSAGE, id="another"))
