"""Posting a message to Twilio: one request on a connection that is kept for the next, and never a second try.

Twilio's own library builds a request and reads its answer in as long as the rest of a turn takes to send; what is
posted here are the documented fields, to the documented address, and only the receipt is read
(https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, encode_basic_auth
from pydantic_core import from_json
from yarl import URL

from bot.errors import SendUnknown
from channels.twilio.account import Account
from channels.twilio.client import translated
from channels.twilio.errors import outcome

API = "2010-04-01"


class Line:
    """One connection to Twilio's Messages. Make it inside a running event loop, and close it after any failure.

    A stray second answer on a kept connection is taken for that of the next request: a receipt given before tells.
    """

    def __init__(self, account: Account) -> None:
        self._url = URL(f"{account.api_base_url}/{API}/Accounts/{account.account_sid}/Messages.json")
        self._session = ClientSession(
            connector=TCPConnector(limit=1),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(account.timeout),
            headers={
                "authorization": encode_basic_auth(account.username, account.password),
                "content-type": "application/x-www-form-urlencoded",
                "accept": "application/json",
            },
        )

    async def post(self, fields: Mapping[str, str]) -> str:
        """Create one message; the sid of its receipt. Raises SendError."""
        form = urlencode(fields).encode()
        try:
            async with self._session.post(self._url, data=form, allow_redirects=False) as answer:
                status, said = answer.status, await answer.read()
        except Exception as error:
            raise translated(error) from None  # the cause would show the number
        told = _told(said)
        if not 200 <= status < 300:
            code = told.get("code")
            raise outcome(status, str(code) if code else None)
        sid = told.get("sid")
        if not sid or not isinstance(sid, str):
            raise SendUnknown("Twilio's answer names no message.")
        return sid

    async def close(self) -> None:
        await self._session.close()


def _told(said: bytes) -> Mapping[str, Any]:
    """The fields of an answer; none where it is no JSON object."""
    try:
        read = from_json(said)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
