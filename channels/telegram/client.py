"""Talking to Telegram's Bot API with python-telegram-bot, minus what would show secrets or lose messages.

The library's own loop (Updater) tells Telegram that updates were received before they are stored, and its models refuse
a whole update when one field is missing that they think required. So only its requests and its errors are used here;
answers and updates stay the JSON that Telegram sent.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
from telegram import Bot
from telegram.error import TelegramError, TimedOut
from telegram.request import HTTPXRequest

TIMEOUT = 15.0
"""Seconds for one request, connecting included."""

CONNECTIONS = 256
"""So many requests may wait for their answers at once: one slow chat stops no other."""

os.environ.setdefault("PTB_TIMEDELTA", "true")  # the library's way to opt in to RetryAfter.retry_after as a timedelta


def hush() -> None:
    """Keep out of the log what these libraries write below WARNING: addresses with the token, and what people say."""
    for name in ("httpx", "httpcore", "telegram"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))


@dataclass(frozen=True, slots=True)
class Account:
    """One bot. `webhook_secret` is set where Telegram delivers to us by itself; else we ask it."""

    token: str = field(repr=False)
    webhook_secret: str | None = field(default=None, repr=False)
    api_base_url: str = "https://api.telegram.org"
    public_base_url: str = "http://127.0.0.1:8000"
    timeout: float = TIMEOUT

    @property
    def bot(self) -> str:
        """The bot's own id: the part of the token before the colon, which is no secret."""
        return self.token.partition(":")[0]


class TooLarge(Exception):
    """A file has more bytes than were asked for."""


class _Request(HTTPXRequest):
    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """An answer as JSON. The library's own way writes an answer that is none into the log."""
        try:
            answer = json.loads(payload.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            raise TelegramError("The answer is no JSON.") from None
        if not isinstance(answer, dict):
            raise TelegramError("The answer is no object.")
        return answer


class Client(Bot):
    """The library's bot, asked by the names of the Bot API's methods. Each request has an end and none is repeated."""

    def __init__(self, account: Account) -> None:
        hush()
        request = _Request(
            CONNECTIONS,
            read_timeout=account.timeout,
            write_timeout=account.timeout,
            connect_timeout=account.timeout,
            pool_timeout=account.timeout,
        )
        base = account.api_base_url
        super().__init__(account.token, f"{base}/bot", f"{base}/file/bot", request, request)
        self._seconds = account.timeout
        self._files = httpx.AsyncClient(timeout=account.timeout)

    async def call(self, method: str, wait: float = 0, **parameters: Any) -> Any:
        """Telegram's answer to one request. `wait`: seconds for which Telegram may hold it back.

        Raises TelegramError and nothing else.
        """
        try:
            async with asyncio.timeout(2 * self._seconds + wait):  # the library's own time begins anew with each byte
                return await self._post(method, parameters, read_timeout=self._seconds + wait)
        except TelegramError:
            raise
        except TimeoutError:
            raise TimedOut from None
        except Exception as error:
            raise TelegramError(f"The answer makes no sense ({type(error).__name__}).") from None

    async def download(self, path: str, most: int) -> bytes:
        """The file that getFile found. Its address holds the token, so no redirection is followed.

        Raises TooLarge, and TelegramError for everything else.
        """
        gathered = bytearray()
        try:
            async with self._files.stream("GET", f"{self.base_file_url}/{quote(path)}") as answer:
                if answer.status_code != httpx.codes.OK:
                    raise TelegramError(f"The answer is {answer.status_code}.")
                async for part in answer.aiter_bytes():
                    gathered += part
                    if len(gathered) > most:
                        raise TooLarge
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise TelegramError(f"The file did not come ({type(error).__name__}).") from None
        return bytes(gathered)

    async def close_connections(self) -> None:
        """Let go of connections. (The library's `close` is a method of the Bot API.)"""
        await self.request.shutdown()
        await self._files.aclose()
