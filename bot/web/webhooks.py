"""Deliveries from providers: verified, stored and taken through the interview before they are answered."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.channel import WebhookRequest
from bot.errors import Forged, Unreadable
from bot.messages import Inbound
from bot.service import conversations, outbox
from bot.web.state import Web, web

LARGEST = 256 * 1024
"""Bytes of one delivery; Twilio's largest are a few thousand."""

EMPTY = Response("<Response/>", media_type="text/xml")


async def twilio(request: Request) -> Response:
    """A message or a status from Twilio: 403 when forged, 413 when absurd, else answered after the commit."""
    parts = web(request)
    channel = parts.channels.get("sms")
    if channel is None:
        return Response("Text messages are not set up here.\n", 404)
    body = await _body(request)
    if body is None:
        return Response("The body is too large.\n", 413)
    delivery = WebhookRequest(_target(request), dict(request.headers), body)
    try:
        channel.verify(delivery)
    except Forged as problem:
        return Response(f"{problem}\n", 403)
    try:
        news = channel.parse(delivery)
    except Unreadable as problem:
        await parts.database.run(conversations.keep_unreadable, channel.kind, body, str(problem))
        return EMPTY
    for one in news:
        if isinstance(one, Inbound):
            await take(parts, one)
        else:
            await parts.database.run(outbox.update_delivery, parts.terms, channel.kind, one)
    return EMPTY


async def take(parts: Web, inbound: Inbound) -> conversations.Received:
    """Store one message and take its turn; returns after the commit."""
    reply = parts.unknown_reply(inbound.sender.kind)
    return await parts.database.run(conversations.receive, parts.terms, inbound, reply)


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


routes = [
    Route("/webhooks/twilio/messages", twilio, methods=["POST"]),
    Route("/webhooks/twilio/status", twilio, methods=["POST"]),
]
