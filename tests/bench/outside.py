"""Everything outside the program, in one process: the provider's REST API, and the phones that answer.

Both are raw asyncio protocols, so that the measured program has a core to itself.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote_plus, urlencode

from tests.channels.twilio.signing import signature
from tests.rig.twilio_emulator import ACCOUNT_SID, AUTH_TOKEN, NUMBER


class Phones:
    """The texts that reached each phone; `next_text` waits for one more."""

    def __init__(self) -> None:
        self.texts: dict[str, list[tuple[float, str]]] = defaultdict(list)
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def reached(self, phone: str, body: str) -> None:
        self.texts[phone].append((time.perf_counter(), body))
        waiting = self._waiting.pop(phone, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def have(self, phone: str, count: int) -> float:
        """The moment at which the phone's text of that number, counted from 1, came. One at a time waits for it."""
        while len(self.texts[phone]) < count:
            self._waiting[phone] = coming = asyncio.get_running_loop().create_future()
            async with asyncio.timeout(30):
                await coming
        return self.texts[phone][count - 1][0]


class Api(asyncio.Protocol):
    """POST Messages.json takes every text at once; anything else is an empty list."""

    def __init__(self, phones: Phones) -> None:
        self.phones = phones
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own class is not a subclass

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, rest = self.buffer.partition(b"\r\n\r\n")
            length = _content_length(head)
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            self._answer(head, rest[:length])

    def _answer(self, head: bytes, body: bytes) -> None:
        status, said = self.answer(head, body)
        answer = json.dumps(said).encode()
        self.transport.write(
            b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (status, len(answer), answer)
        )

    def answer(self, head: bytes, body: bytes) -> tuple[bytes, dict[str, Any]]:
        """The status and what is said, to one request."""
        if not head.startswith(b"POST"):
            return b"200 OK", {"messages": [], "next_page_uri": None}
        fields = dict(field.split("=", 1) for field in body.decode().split("&"))
        phone = unquote_plus(fields["To"])
        sid = f"SM{phone}{len(self.phones.texts[phone])}"
        self.phones.reached(phone, unquote_plus(fields["Body"]))
        return b"201 Created", {"sid": sid, "status": "queued"}


@dataclass
class Line:
    """One kept-open connection to the program, on which deliveries are made one after the other."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    url: str

    async def deliver(self, phone: str, sid: str, body: str) -> float:
        """Post a signed text from a phone; the seconds until it was answered with 200."""
        return await self.post(text(self.url, phone, sid, body))

    async def post(self, request: bytes) -> float:
        """Post what was signed; the seconds until it was answered with 200."""
        start = time.perf_counter()
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        await self.reader.readexactly(_content_length(head))
        spent = time.perf_counter() - start
        assert b" 200 " in head.split(b"\r\n")[0], head
        return spent


def text(url: str, phone: str, sid: str, body: str) -> bytes:
    """The request by which a text from a phone is delivered."""
    fields = {"AccountSid": ACCOUNT_SID, "MessageSid": sid, "From": phone, "To": NUMBER, "Body": body}
    more = {"NumMedia": "0", "NumSegments": "1", "ApiVersion": "2010-04-01"}
    return signed(url, "/webhooks/twilio/messages", {**fields, **more})


def signed(url: str, path: str, fields: Mapping[str, str]) -> bytes:
    """A request that posts this, signed. It costs the outside as much as half a turn: best done ahead."""
    posted = urlencode(fields).encode()
    sign = signature(url + path, posted, AUTH_TOKEN)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"X-Twilio-Signature: {sign}\r\nContent-Length: {len(posted)}\r\n\r\n"
    )
    return head.encode() + posted


async def line(url: str, port: int | None = None) -> Line:
    """Open a connection to the program, or to the one of its processes at this port."""
    host, _, usual = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, port or int(usual))
    return Line(reader, writer, url)


def _content_length(head: bytes) -> int:
    for row in head.lower().split(b"\r\n"):
        if row.startswith(b"content-length:"):
            return int(row.partition(b":")[2])
    return 0
