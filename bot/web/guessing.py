"""Slowing down whoever guesses passwords, and nobody else.

Tries are counted for a name and for the address of the connection. A browser in which somebody has signed in before is
told from strangers by a cookie, and its tries are counted apart: nobody can shut them out by guessing under their name.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from bot.records.vault import Vault
from bot.service import staff

KNOWN = "ownpace-known"
"""The cookie of a browser in which somebody has signed in."""

KNOWN_FOR = timedelta(days=400)
"""The longest that browsers keep a cookie (RFC 6265bis, section 5.6)."""

TRIES = 8
OF_AN_ADDRESS = 40
"""A whole office may share one."""

WAIT = timedelta(minutes=1)
MOST_WAITING = 20
"""Strangers whose password is still to be checked; one takes about a twentieth of a second."""


@dataclass(slots=True)
class _Counted:
    since: datetime
    tries: int = 0


class Tries:
    """How often what was tried of late; each count begins anew a minute after its first try."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._counted: dict[str, _Counted] = {}  # the oldest first

    def begin(self, limits: Mapping[str, int]) -> bool:
        """Count one try for each of these; False, and none, where one has reached its limit."""
        now = self._clock()
        while self._counted and now - next(iter(self._counted.values())).since >= WAIT:
            del self._counted[next(iter(self._counted))]
        if any(whom in self._counted and self._counted[whom].tries >= most for whom, most in limits.items()):
            return False
        for whom in limits:
            self._counted.setdefault(whom, _Counted(now)).tries += 1
        return True

    def take_back(self, limits: Mapping[str, int]) -> None:
        """It was no guess."""
        for whom in limits:
            if whom in self._counted:
                self._counted[whom].tries -= 1


class Busy(Exception):
    """So many strangers wait for their password to be checked that no more are let in."""


class Checking:
    """Checks passwords one at a time, beside everything else; known browsers do not wait for strangers."""

    def __init__(self) -> None:
        self._strangers = ThreadPoolExecutor(1, thread_name_prefix="password")
        self._known = ThreadPoolExecutor(1, thread_name_prefix="password")
        self._waiting = 0

    async def fits(self, sealed: str, password: str, *, known: bool) -> bool:
        """Whether this is the password. Raises Busy."""
        if known:
            return await self._run(self._known, sealed, password)
        if self._waiting >= MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            return await self._run(self._strangers, sealed, password)
        finally:
            self._waiting -= 1

    async def _run(self, thread: ThreadPoolExecutor, sealed: str, password: str) -> bool:
        return await asyncio.get_running_loop().run_in_executor(thread, staff.fits, sealed, password)


def limits(name: str, host: str, browser: str) -> dict[str, int]:
    """What a try at signing in counts for, and how often each may be tried: the browser alone where it is known."""
    if browser:
        return {f"browser {browser}": TRIES}
    address = source(host)
    return {f"name {name}": TRIES} | ({f"address {address}": OF_AN_ADDRESS} if address else {})


def source(host: str) -> str:
    """Whose tries are counted together: an IPv4 address, or a network of IPv6 (RFC 4291, section 2.5.4: its 64 bits).

    '' for an address of this machine or a private network: it is likely to be a proxy's, and everybody's.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    if not address.is_global:
        return ""
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def remembered(vault: Vault, name: str) -> str:
    """A new cookie for a browser in which this name has signed in; it says nothing about whose it is."""
    token = secrets.token_urlsafe(16)
    return f"{token}.{vault.browser(token, name)}"


def browser_of(vault: Vault, cookie: str, name: str) -> str:
    """The browser that brings this cookie, if it was given for this name; else ''."""
    token, _, mark = cookie.partition(".")
    return token if hmac.compare_digest(mark.encode(), vault.browser(token, name).encode()) else ""
