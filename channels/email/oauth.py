"""Access tokens for mailboxes that take no password: Microsoft 365 and Gmail.

Microsoft 365: client credentials, scope https://outlook.office365.com/.default. Gmail: a refresh token with the scope
https://mail.google.com/. Both hand out tokens for about an hour (RFC 6749, 4.4 and 6).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.errors import Unavailable

EARLY = 60.0
"""Seconds before its end at which a token is no longer used."""


class NotLetIn(Unavailable):
    """A mail server or token server does not accept our login: a person must mend the settings."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What the token server wants to see. Without a refresh token the program logs in for itself."""

    token_url: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    scope: str = ""

    def form(self, refresh_token: str) -> dict[str, str]:
        """The fields to post; those that are empty are left out."""
        kind = "refresh_token" if refresh_token else "client_credentials"
        wanted = {
            "grant_type": kind,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": refresh_token,
            "scope": self.scope,
        }
        return {name: value for name, value in wanted.items() if value}


class Tokens:
    """One access token at a time, kept until shortly before its end."""

    def __init__(self, grant: Grant, timeout: float = 30.0) -> None:
        self.grant = grant
        self.timeout = timeout
        self._refresh_token = grant.refresh_token
        self._token = ""
        self._end = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def current(self) -> str:
        """A token that should be good. Raises NotLetIn, or Unavailable when the token server is out of reach."""
        async with self._one_at_a_time:
            if asyncio.get_running_loop().time() >= self._end:
                await self._fetch()
            return self._token

    async def instead_of(self, refused: str) -> str:
        """Another token than the one that a mail server refused."""
        async with self._one_at_a_time:
            if self._token == refused:
                await self._fetch()
            return self._token

    async def _fetch(self) -> None:
        said = await self._post()
        token = said.get("access_token")
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise Unavailable("The token server's answer holds no token.")
        seconds = str(said.get("expires_in", ""))
        lasts = float(seconds) if re.fullmatch(r"\d{1,9}", seconds) else 3600.0
        self._token = token
        self._end = asyncio.get_running_loop().time() + max(lasts - EARLY, lasts / 2)
        # Microsoft hands out a new refresh token with each access token; the old one goes on working for a while.
        self._refresh_token = str(said.get("refresh_token") or self._refresh_token)

    async def _post(self) -> Mapping[str, Any]:
        import aiohttp  # most mailboxes take a password, and the library half a second

        form = self.grant.form(self._refresh_token)
        timeout = aiohttp.ClientTimeout(total=self.timeout)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(self.grant.token_url, data=form, allow_redirects=False) as answer,
            ):
                said = await answer.json(content_type=None)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            raise Unavailable("The token server could not be reached, or its answer made no sense.") from None
        if not isinstance(said, dict):
            raise Unavailable("The token server's answer made no sense.")
        if answer.status in (400, 401, 403):
            raise NotLetIn(f"The token server does not accept our login{_reason(said)}.")
        if answer.status != 200:
            raise Unavailable(f"The token server has a fault (HTTP {answer.status}).")
        return said


def _reason(said: Mapping[str, Any]) -> str:
    """RFC 6749's one word for what is wrong; the description beside it may show who we are."""
    word = str(said.get("error", ""))
    return f" ({word})" if re.fullmatch(r"[a-z_]{1,40}", word) else ""
