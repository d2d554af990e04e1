"""The channel against a Twilio that is not our own code."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bot.channel import WebhookRequest
from bot.errors import Refused
from bot.messages import Address, Delivery, DeliveryUpdate, Inbound, Outbound
from channels.twilio.channel import Account, Sms, Twilio, WhatsApp
from tests.rig.twilio_emulator import ACCOUNT_SID, AUTH_TOKEN, ELSEWHERE, NUMBER, WHATSAPP, Emulator, emulator

PHONE = "+447700900123"
SINCE = datetime.now(UTC) - timedelta(days=1)


class Deliveries:
    """A web server that keeps what is posted to it."""

    def __init__(self) -> None:
        self.came: list[WebhookRequest] = []
        deliveries = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the library's name
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                deliveries.came.append(WebhookRequest(self.path, headers, body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Emulator, Deliveries]]:
    deliveries = Deliveries()
    with emulator(f"{deliveries.url}/webhooks/twilio/messages") as running:
        yield running, deliveries
    deliveries.server.shutdown()
    deliveries.server.server_close()


def channel(world: tuple[Emulator, Deliveries], kind: type[Twilio] = Sms) -> Twilio:
    running, deliveries = world
    own = {Sms: NUMBER, WhatsApp: WHATSAPP.removeprefix("whatsapp:")}[kind]
    account = Account(ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN, (AUTH_TOKEN,), own)
    return kind(replace(account, api_base_url=running.url, public_base_url=deliveries.url))


def outbound(body: str, to: str = PHONE, kind: str = "sms") -> Outbound:
    return Outbound("our-id", Address(kind, to), body, attempted_at=datetime.now(UTC))


async def test_a_text_arrives_and_its_status_comes_back_with_our_id(world: tuple[Emulator, Deliveries]) -> None:
    sms, (running, deliveries) = channel(world), world
    receipt = await sms.send(outbound("How are you?"))
    assert running.to(PHONE)[-1] == "How are you?"
    running.becomes(receipt.provider_id, "delivered")
    news = []
    for request in deliveries.came[-2:]:
        sms.verify(request)
        news += sms.parse(request)
    assert [one.status for one in news if isinstance(one, DeliveryUpdate)] == [Delivery.ACCEPTED, Delivery.DELIVERED]
    assert {one.outbound_id for one in news if isinstance(one, DeliveryUpdate)} == {"our-id"}
    await sms.close()


async def test_a_text_from_a_person_is_genuine_and_whole(world: tuple[Emulator, Deliveries]) -> None:
    sms, (running, deliveries) = channel(world), world
    words = "Caf\u00e9 \U0001f642 & 100% = fine + \u201cquoted\u201d\nnew line "
    running.text(PHONE, words)
    sms.verify(deliveries.came[-1])
    (inbound,) = sms.parse(deliveries.came[-1])
    assert isinstance(inbound, Inbound)
    assert (inbound.sender, inbound.body) == (Address("sms", PHONE), words)


async def test_the_provider_can_tell_whether_a_text_left(world: tuple[Emulator, Deliveries]) -> None:
    sms, phone = channel(world), "+447700900124"
    message = outbound("It\u2019s me.", phone)
    assert await sms.reconcile(message) is None
    receipt = await sms.send(message)
    assert await sms.reconcile(message) == receipt
    ahead = datetime.now(UTC) + timedelta(minutes=10)
    assert await sms.reconcile(replace(message, attempted_at=ahead)) == receipt, "our clock may be ahead of Twilio's"
    later = replace(message, attempted_at=ahead + timedelta(hours=1))
    assert await sms.reconcile(later) is None, "the same words sent earlier are another message"
    known = replace(message, earlier=(receipt.provider_id,))
    assert await sms.reconcile(known) is None, "however lately, where it is known by its id"
    await sms.close()


async def test_what_a_lost_webhook_missed_is_found_with_the_same_key(world: tuple[Emulator, Deliveries]) -> None:
    sms, (running, deliveries) = channel(world), world
    keys = []
    for words in ("one", "two"):
        running.text("+447700900125", words)
        (inbound,) = sms.parse(deliveries.came[-1])
        assert isinstance(inbound, Inbound)
        keys.append(inbound.provider_key)
    found = [
        one async for one in sms.catch_up(SINCE) if isinstance(one, Inbound) and one.sender.value == "+447700900125"
    ]
    assert [inbound.body for inbound in found] == ["one", "two"]
    assert [inbound.provider_key for inbound in found] == keys
    await sms.close()


async def test_a_whatsapp_message_arrives_and_is_answered(world: tuple[Emulator, Deliveries]) -> None:
    whatsapp, (running, deliveries) = channel(world, WhatsApp), world
    receipt = await whatsapp.send(outbound("How are you?", kind="whatsapp"))
    assert running.to(f"whatsapp:{PHONE}") == ["How are you?"]
    running.becomes(receipt.provider_id, "read")
    whatsapp.verify(deliveries.came[-1])
    (read,) = whatsapp.parse(deliveries.came[-1])
    assert isinstance(read, DeliveryUpdate)
    assert (read.status, read.outbound_id) == (Delivery.READ, "our-id")
    running.text(f"whatsapp:{PHONE}", "Well, thank you")
    whatsapp.verify(deliveries.came[-1])
    (inbound,) = whatsapp.parse(deliveries.came[-1])
    assert isinstance(inbound, Inbound)
    assert (inbound.sender, inbound.body) == (Address("whatsapp", PHONE), "Well, thank you")
    await whatsapp.close()


async def test_each_kind_catches_up_only_with_its_own(world: tuple[Emulator, Deliveries]) -> None:
    running, _deliveries = world
    running.text("+447700900126", "by text")
    running.text("whatsapp:+447700900126", "by WhatsApp")
    running.text("+447700900126", "to another study", to=ELSEWHERE)
    heard = {}
    for kind in (Sms, WhatsApp):
        one = channel(world, kind)
        found = [news async for news in one.catch_up(SINCE) if isinstance(news, Inbound)]
        heard[one.kind] = [news.body for news in found if news.sender == Address(one.kind, "+447700900126")]
        assert {news.sender.kind for news in found} == {one.kind}
        assert all(news.written_at is not None for news in found)
        await one.close()
    assert heard == {"sms": ["by text"], "whatsapp": ["by WhatsApp"]}


async def test_a_number_that_is_not_ours_is_refused(world: tuple[Emulator, Deliveries]) -> None:
    sms = channel(world)
    sms.account = replace(sms.account, sender="+15550000000")
    with pytest.raises(Refused, match="21606"):
        await sms.send(outbound("Hello"))
    await sms.close()
