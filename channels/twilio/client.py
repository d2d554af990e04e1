"""Asking Twilio's REST API with its own library, minus the two habits that lose or double messages.

The library's async client ignores its own timeout and waits for ever, and with `max_retries` it posts a text again
after a 5xx, which may be a second text (seen with twilio 9.13.0). Here every request has an end and none is repeated.
"""

from __future__ import annotations

from typing import Any

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    TCPConnector,
    encode_basic_auth,
)
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from bot.errors import NotSent, SendError, SendUnknown
from channels.twilio.account import Account
from channels.twilio.errors import outcome


class _Transport(AsyncTwilioHttpClient):  # type: ignore[misc]  # the library has no types
    """A new connection for each request: a stray second answer on a kept one would be taken for that of the next."""

    def __init__(self, timeout: float) -> None:
        super().__init__(pool_connections=False)
        self.session = ClientSession(connector=TCPConnector(limit=20, force_close=True))
        self.limit = ClientTimeout(timeout)

    async def request(
        self,
        method: str,
        url: str,
        params: dict[str, str | int] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        **_more: Any,
    ) -> Response:
        """One request with an end, and nothing of it in any log: the library's own would write phone numbers there."""
        known = {"authorization": encode_basic_auth(*auth)} if auth else {}
        async with self.session.request(
            method,
            url,
            params=params,
            headers={**(headers or {}), **known},
            timeout=self.limit,
            allow_redirects=False,
        ) as response:
            return Response(response.status, await response.text(), dict(response.headers))


def connect(account: Account) -> Client:
    """A client of one account. Call it inside a running event loop, and close its `http_client`."""
    transport = _Transport(account.timeout)
    client = Client(account.username, account.password, account.account_sid, http_client=transport)
    client.api.base_url = account.api_base_url
    client.messaging.base_url = account.messaging_base_url
    return client


def translated(error: Exception) -> SendError:
    """What a failed request says about the message, in our words; the library's own errors go no further."""
    match error:
        case TwilioRestException():
            return outcome(error.status, str(error.code) if error.code else None)
        case ConnectionTimeoutError() | ClientConnectorError():
            return NotSent("Twilio could not be reached.")
        case TimeoutError():
            return SendUnknown("Twilio did not answer in time.")
        case ClientError() | OSError():
            return SendUnknown("The connection to Twilio broke.")
        case TwilioException() | ValueError() | TypeError() | KeyError():
            return SendUnknown("Twilio's answer made no sense.")
        case _:
            raise error
