"""Posting a message to Twilio: one request on a connection that is kept for the next, and never a second try.

What an HTTP library does around a request takes as long as all that the program does with an answer; what is posted
here are the documented fields, to the documented address, and only the receipt is read
(https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource). It is known of each failure
whether anything had left by then.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httptools
from aiohappyeyeballs import start_connection
from pydantic_core import from_json
from yarl import URL

from bot.errors import NotSent, SendError, SendUnknown
from channels.twilio.account import Account
from channels.twilio.errors import outcome

API = "2010-04-01"

KEPT_FOR = 15.0
"""Seconds after which an idle connection is used no more: the other side may be closing it at this moment."""

LARGEST = 256 * 1024
"""Bytes of an answer; a receipt has about a thousand."""

SECOND_FAMILY = 0.25
"""Seconds after which the next address is tried too, such as IPv4 where IPv6 leads nowhere (RFC 8305, section 5)."""

UNREACHED = "Twilio could not be reached."


class Line:
    """One connection to Twilio's Messages, made when it is needed. Close it after any failure."""

    def __init__(self, account: Account) -> None:
        self._at = urlsplit(account.api_base_url)
        self._timeout = account.timeout
        self._head = _head(account, self._at.netloc, self._at.path)
        self._exchange: _Exchange | None = None

    async def post(self, fields: Mapping[str, str]) -> str:
        """Create one message; the sid of its receipt. Raises SendError."""
        form = _form(fields)
        begun = False
        try:
            async with asyncio.timeout(self._timeout):
                exchange = await self._connected()
                begun = True
                status, said = await exchange.ask(b"%scontent-length: %d\r\n\r\n%s" % (self._head, len(form), form))
        except (OSError, ValueError, httptools.HttpParserError) as error:
            raise _problem(error) if begun else NotSent(UNREACHED) from None  # the cause would show the number
        return _receipt(status, _told(said))

    async def close(self) -> None:
        """Hang up."""
        if self._exchange is not None:
            self._exchange.hang_up()

    async def _connected(self) -> _Exchange:
        if self._exchange is None or not self._exchange.usable:
            await self.close()
            self._exchange = await _connect(self._at.hostname or "", self._at.port, secure=self._at.scheme == "https")
        return self._exchange


def _head(account: Account, host: str, path: str) -> bytes:
    """Everything before the length of a request."""
    known = base64.b64encode(f"{account.username}:{account.password}".encode()).decode()
    return (
        f"POST {path.rstrip('/')}/{API}/Accounts/{account.account_sid}/Messages.json HTTP/1.1\r\n"
        f"host: {host}\r\n"
        f"authorization: Basic {known}\r\n"
        "accept: application/json\r\n"
        "user-agent: ownpace\r\n"
        "content-type: application/x-www-form-urlencoded\r\n"
    ).encode()


def _form(fields: Mapping[str, str]) -> bytes:
    """The fields as application/x-www-form-urlencoded; `urllib` takes five times as long."""
    return URL.build(query=fields).raw_query_string.encode()


def _problem(error: Exception) -> SendError:
    """What a failure means after the request was begun: it may have arrived."""
    match error:
        case TimeoutError():
            return SendUnknown("Twilio did not answer in time.")
        case OSError():
            return SendUnknown("The connection to Twilio broke.")
        case _:
            return SendUnknown("Twilio's answer made no sense.")


def _receipt(status: int, told: Mapping[str, Any]) -> str:
    if not 200 <= status < 300:
        code = told.get("code")
        raise outcome(status, str(code) if code else None)
    sid = told.get("sid")
    if not sid or not isinstance(sid, str):
        raise SendUnknown("Twilio's answer names no message.")
    return sid


def _told(said: bytes) -> Mapping[str, Any]:
    """The fields of an answer; none where it is no JSON object."""
    try:
        read = from_json(said)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


# The connection


@cache
def _trusted() -> ssl.SSLContext:
    """Certificates that this machine trusts, for the name that was asked for."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def _connect(host: str, port: int | None, *, secure: bool) -> _Exchange:
    """Raises OSError."""
    loop = asyncio.get_running_loop()
    places = await loop.getaddrinfo(host, port or (443 if secure else 80), type=socket.SOCK_STREAM)
    reached = await start_connection(places, happy_eyeballs_delay=SECOND_FAMILY)
    tls: dict[str, Any] = {"ssl": _trusted(), "server_hostname": host} if secure else {}
    try:
        _, exchange = await loop.create_connection(_Exchange, sock=reached, **tls)
    except BaseException:
        reached.close()
        raise
    return exchange


class _Exchange(asyncio.Protocol):
    """One question at a time and its answer. Anything that comes unasked ends it: it would be taken for the next."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._rested = self._loop.time()

    @property
    def usable(self) -> bool:
        """Whether the other side surely listens still."""
        return not self._transport.is_closing() and self._loop.time() - self._rested < KEPT_FOR

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """The status and the body of the answer. Raises OSError, ValueError or HttpParserError."""
        self._answer = self._loop.create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._said = bytearray()
        self._transport.write(request)
        return await self._answer

    def hang_up(self) -> None:
        self._transport.abort()

    # What asyncio tells

    def connection_made(self, transport: Any) -> None:  # uvloop's own class is no subclass of asyncio.Transport
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.hang_up()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(ConnectionResetError())

    # What the parser tells

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.done():
            self.hang_up()

    def on_body(self, part: bytes) -> None:
        self._said += part
        if len(self._said) > LARGEST:
            self._fail(ValueError("The answer is too large."))

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 or self._answer is None or self._answer.done():  # 100 Continue: the answer is still to come
            return
        self._answer.set_result((status, bytes(self._said)))
        self._rested = self._loop.time()
        if not self._parser.should_keep_alive():
            self._transport.close()

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self._transport.abort()
