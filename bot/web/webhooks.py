"""Deliveries from providers: verified, stored and taken through the interview before they are answered."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from hashlib import sha256

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bot.channel import Channel, WebhookRequest
from bot.errors import Forged, Unreadable
from bot.messages import Undeciphered
from bot.service import figures, intake
from bot.web.state import Web, web

log = structlog.get_logger()

SELDOM = 60.0
"""Seconds between two lines of the log about deliveries that were refused."""

LARGEST = 256 * 1024
"""Bytes of one delivery; Twilio's largest are a few thousand."""


def routes(channels: Mapping[str, Channel]) -> list[Route]:
    """A route for each path at which a channel's provider delivers."""
    at: dict[str, list[Channel]] = {}
    for channel in channels.values():
        for path in channel.webhooks:
            at.setdefault(path, []).append(channel)
    return [Route(path, _Deliveries(takers), methods=["POST"]) for path, takers in at.items()]


class _Deliveries:
    """What a provider delivers: 403 when forged, 413 when absurd, else answered after the commit.

    Where several channels share an address, the first that knows the signature reads it. An ASGI application, for
    what Starlette does around a function takes a tenth of the time that the program has for a delivery.
    """

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = channels
        self._silent_until = 0.0
        self._thanks = {channel.kind: _thanks(channel) for channel in channels}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        answer = await self._answer(request)
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        body = await _body(request)
        if body is None:
            figures.of(figures.REFUSED, "too large").inc()
            return Response("The body is too large.\n", 413)
        delivery = WebhookRequest(_target(request), request.headers, body)
        problem = ""
        for channel in self._channels:
            try:
                channel.verify(delivery)
            except Forged as why:
                problem = str(why)
                continue
            with figures.of(figures.DELIVERIES, channel.kind).time():
                await _read(web(request), channel, delivery)
            return self._thanks[channel.kind]
        figures.of(figures.REFUSED, "forged").inc()
        self._complain(problem)
        return Response(f"{problem}\n", 403)

    def _complain(self, problem: str) -> None:
        """Where our own secret or address is wrong, every delivery is refused: that is seen, and fills no log."""
        now = time.monotonic()
        if now >= self._silent_until:
            self._silent_until = now + SELDOM
            log.warning("a delivery was refused", kinds=[channel.kind for channel in self._channels], problem=problem)


def _thanks(channel: Channel) -> Response:
    media_type, answer = channel.thanks
    return Response(answer, media_type=media_type)


async def _read(parts: Web, channel: Channel, delivery: WebhookRequest) -> None:
    kind = channel.kind
    try:
        news = channel.parse(delivery)
    except Unreadable as problem:
        kind = problem.kind or kind
        key = sha256(delivery.body).hexdigest()
        news = [Undeciphered(key, delivery.body, str(problem))]
    figures.count_turns(kind, await parts.database.run(intake.take, parts.terms, kind, news))


def _target(request: Request) -> str:
    """The path and query exactly as they came: a signature covers every byte."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    return (raw + (b"?" + query if query else b"")).decode("latin-1")


async def _body(request: Request) -> bytes | None:
    """The whole body, or None as soon as it is too large."""
    gathered = bytearray()
    async for part in request.stream():
        gathered += part
        if len(gathered) > LARGEST:
            return None
    return bytes(gathered)
