"""Telegram in front of a Bot API in each mood."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from itertools import count
from typing import Any

from aiohttp import web

from bot.channel import Channel, Site, WebhookRequest
from bot.messages import Address, News
from channels.telegram.channel import Telegram
from channels.telegram.client import Account
from channels.telegram.settings import TelegramSettings
from tests.channels.contract import Case, Mood
from tests.channels.telegram.payloads import CHAT, OURS, update
from tests.rig import free_port
from tests.rig.telegram_files import BOT, TOKEN, Answer, Double, fault, ok, served

WEBHOOK_SECRET = "a-secret-for-the-webhook"


def _takes() -> Answer:
    numbers = count(1)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await ok({"message_id": next(numbers)})(request)

    return answer


async def _hangs_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _never(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


ANSWERS = {
    Mood.TAKES: _takes(),
    Mood.REFUSES: fault(400, "Bad Request: message text is empty"),
    Mood.BUSY: fault(429, "Too Many Requests: retry after 7", retry_after=7),
    Mood.HANGS_UP: _hangs_up,
    Mood.SILENT: _never,
}


class TelegramCase(Case):
    kind = "telegram"
    to = Address("telegram", str(CHAT))
    secrets = (TOKEN, "a-token-for-tests", WEBHOOK_SECRET)
    answered = f"{BOT}/{CHAT}/{OURS['message_id']}"

    def settings(self) -> TelegramSettings:
        keys: dict[str, Any] = {"token": TOKEN, "mode": "webhook", "webhook_secret": WEBHOOK_SECRET}
        return TelegramSettings(**keys)

    @asynccontextmanager
    async def provider(self, mood: Mood) -> AsyncIterator[Channel]:
        if mood is Mood.AWAY:
            nobody = Telegram(Account(TOKEN, api_base_url=f"http://127.0.0.1:{free_port()}"))
            yield nobody
            await nobody.close()
            return
        async with served(Double(sendMessage=ANSWERS[mood]), seconds=0.5 if mood is Mood.SILENT else 5.0) as channel:
            yield channel

    async def heard(self, nth: int) -> Sequence[News]:
        return self.delivered({**update(text="Hello", message_id=nth), "update_id": 727334708 + nth})

    async def reply(self) -> Sequence[News]:
        return self.delivered(update(text="That one", reply_to_message=OURS))

    def delivered(self, sent: dict[str, Any]) -> Sequence[News]:
        """A genuine delivery, verified and read."""
        secret = {"x-telegram-bot-api-secret-token": WEBHOOK_SECRET}
        request = WebhookRequest("/webhooks/telegram", secret, json.dumps(sent).encode())
        self._reader.verify(request)
        return self._reader.parse(request)

    @cached_property
    def _reader(self) -> Channel:
        return self.settings().open(Site("Own Pace", "https://study.example"))


CASES = (TelegramCase(),)
