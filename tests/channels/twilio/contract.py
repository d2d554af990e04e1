"""Texts and WhatsApp in front of an API that keeps what it is given, whatever it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from bot.channel import Channel, Site, WebhookRequest
from bot.messages import Address, News
from channels.twilio.channel import Sms, Twilio, WhatsApp
from channels.twilio.settings import SmsSettings, WhatsAppSettings
from tests.channels.contract import Case, Mood
from tests.channels.twilio.signing import SECRET, signed
from tests.channels.twilio.test_outcomes import account
from tests.rig import free_port

URL = "https://study.example"
ERRORS = {Mood.REFUSES: (400, 21612), Mood.BUSY: (429, 20429)}


@dataclass
class Api:
    """Twilio in one mood; what it took is listed, and what it did not take is not."""

    mood: Mood
    taken: list[dict[str, Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response({"messages": self.taken})
        if self.mood in ERRORS:
            status, code = ERRORS[self.mood]
            return web.json_response({"code": code, "message": "words", "status": status}, status=status)
        if self.mood is Mood.HANGS_UP:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        posted = await request.post()
        now = format_datetime(datetime.now(UTC))
        created = {"sid": f"SM{len(self.taken)}", "direction": "outbound-api", "date_created": now}
        self.taken.append(created | {"to": posted["To"], "from": posted["From"], "body": posted["Body"]})
        if self.mood is Mood.SILENT:
            await asyncio.sleep(60)
        return web.json_response(created, status=201)


class TwilioCase(Case):
    secrets = (SECRET, "the old token", "the key's secret")
    channel: type[Twilio]
    prefix = ""

    @asynccontextmanager
    async def provider(self, mood: Mood) -> AsyncIterator[Channel]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", Api(mood).handle)
        runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = free_port() if mood is Mood.AWAY else runner.addresses[0][1]
        channel = self.channel(account(f"http://127.0.0.1:{port}", seconds=0.5 if mood is Mood.SILENT else 5.0))
        try:
            yield channel
        finally:
            await channel.close()
            await runner.cleanup()

    async def heard(self, nth: int) -> Sequence[News]:
        return self.delivered("messages", MessageSid=f"SM{nth}", From=self.prefix + self.to.value, Body="Hello")

    async def told(self) -> Sequence[News]:
        return self.delivered("status?oid=ours", MessageSid=self.answered, MessageStatus="delivered")

    def delivered(self, to: str, **fields: str) -> Sequence[News]:
        """A genuine delivery, verified and read."""
        channel = self.settings().open(Site("Own Pace", URL))
        assert channel is not None
        body = urlencode({"AccountSid": "AC1"} | fields).encode()
        request = signed(WebhookRequest(f"/webhooks/twilio/{to}", {}, body), URL)
        channel.verify(request)
        return channel.parse(request)


KEYS: dict[str, Any] = {
    "account_sid": "AC1",
    "auth_token": SECRET,
    "auth_token_secondary": "the old token",
    "api_key_sid": "SK1",
    "api_key_secret": "the key's secret",
    "from": "+447700900000",
}


class SmsCase(TwilioCase):
    kind = "sms"
    to = Address("sms", "+447700900123")
    channel = Sms

    def settings(self) -> SmsSettings:
        return SmsSettings(**KEYS)


class WhatsAppCase(TwilioCase):
    kind = "whatsapp"
    to = Address("whatsapp", "+447700900123")
    channel = WhatsApp
    prefix = "whatsapp:"

    def settings(self) -> WhatsAppSettings:
        return WhatsAppSettings(**KEYS, templates={"reminder-1": "HX1"})

    async def reply(self) -> Sequence[News]:
        sender = self.prefix + self.to.value
        return self.delivered(
            "messages", MessageSid="SM3", From=sender, Body="That one", OriginalRepliedMessageSid=self.answered
        )


CASES = (SmsCase(), WhatsAppCase())
