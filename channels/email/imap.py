"""Reading the mailbox: each mail once, in order, without touching it, and each new one as soon as it is announced.

aioimaplib 2.0.3 tells nobody when a connection ends, and hangs after a late answer. So a connection is used until the
first trouble and then thrown away, and every command waits for whichever comes first: the answer, the end, or the time.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from aioimaplib import IMAP4, AioImapException, IMAP4ClientProtocol
from aioimaplib.aioimaplib import quoted

from bot.channel import Mailroom
from bot.errors import Unavailable
from bot.messages import News
from channels.email.account import Account
from channels.email.incoming import read, unreadable
from channels.email.oauth import NotLetIn

logging.getLogger("aioimaplib.aioimaplib").setLevel(logging.WARNING)  # below that it writes whole mails into the log

FIRST_DAYS = timedelta(days=2)
"""How far back the very first look goes: a day, and one for zones, since servers count whole days in their own."""

MOST_BYTES = 40 * 1024 * 1024
"""The longest mail that is fetched; Gmail and Microsoft 365 send none longer than 35 MB unless told to."""

BATCH, BATCH_BYTES = 20, 2 * 1024 * 1024
"""The most mails, and about the most bytes, that are stored in one commit."""

STUMBLES = 5
"""How often a connection may break at the same mail before that mail is left for a person to read."""

POLL = 30.0
"""Seconds between two looks at a server that cannot announce mail."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a mailbox has been read. A UID means something only together with its UIDVALIDITY (RFC 3501, 2.3.1.1).

    And both only in their mailbox: some providers give the same UIDVALIDITY to every inbox, as Gmail gives 1.
    """

    validity: int
    uid: int
    mailbox: str = ""

    def __str__(self) -> str:
        return f"{self.mailbox}/{self.validity}:{self.uid}" if self.mailbox else f"{self.validity}:{self.uid}"

    def after(self, uid: int) -> Place:
        """The place behind this mail of the same mailbox."""
        return replace(self, uid=uid)

    @classmethod
    def parse(cls, written: str) -> Place | None:
        """The place that was stored, or None where none was. Earlier versions did not name the mailbox."""
        found = re.fullmatch(r"(?:([0-9a-f]{16})/)?(\d+):(\d+)", written)
        return cls(int(found[2]), int(found[3]), found[1] or "") if found else None


class Reader:
    """Brings what comes into the INBOX. The place it has reached is kept by the mailroom alone."""

    def __init__(self, account: Account, now: Callable[[], datetime]) -> None:
        self.account = account
        self.now = now
        self._stumbled: Counter[Place] = Counter()

    async def check(self) -> None:
        """Log in once. Raises Unavailable."""
        async with opened(self.account):
            pass

    async def listen(self, mailroom: Mailroom) -> None:
        """Until cancelled. Raises Unavailable when the connection ends; whatever was not stored is read again then."""
        try:
            async with opened(self.account) as inbox:
                place = await self._start(inbox, mailroom)
                while True:
                    inbox.announced.clear()
                    place = await self._sweep(inbox, mailroom, place)
                    await inbox.wait(self.account.renewal)
        except NotLetIn as why:
            await mailroom.trouble(str(why))
            raise

    async def _start(self, inbox: Inbox, mailroom: Mailroom) -> Place:
        """Where to go on. Storing it also says that the provider lets us in."""
        stored, mailbox = Place.parse(await mailroom.place()), _name(self.account)
        if stored is None:
            place = Place(inbox.validity, await inbox.uid_before(self.now() - FIRST_DAYS), mailbox)
        elif stored.validity != inbox.validity or stored.mailbox not in ("", mailbox):
            place = Place(inbox.validity, 0, mailbox)  # all UIDs are new: all is read, and known mails are recognised
        else:
            place = replace(stored, mailbox=mailbox)
        await mailroom.take([], str(place))
        return place

    async def _sweep(self, inbox: Inbox, mailroom: Mailroom, place: Place) -> Place:
        """Bring everything after `place`, some at a time; how far that is."""
        batch: list[News] = []
        size = 0
        uids = await inbox.uids_after(place.uid)
        for uid in uids:
            place = place.after(uid)
            raw = await self._fetched(inbox, place)
            news = await self._news(raw, place, inbox, mailroom)
            batch += news
            size += len(raw or b"")
            if len(batch) >= BATCH or size >= BATCH_BYTES or uid == uids[-1]:
                await mailroom.take(batch, str(place))
                batch, size = [], 0
        return place

    async def _fetched(self, inbox: Inbox, place: Place) -> bytes | None:
        """A mail; nothing where it is gone, or where the connection breaks at it again and again."""
        if self._stumbled[place] >= STUMBLES:
            return None
        try:
            return await inbox.fetch(place.uid)
        except Unavailable:
            self._stumbled[place] += 1
            raise

    async def _news(self, raw: bytes | None, place: Place, inbox: Inbox, mailroom: Mailroom) -> list[News]:
        if raw is None:
            still_there = place.uid in await inbox.uids_after(place.uid - 1)
            return [unreadable(f"uid {place}", b"", f"{_HELD_BACK} (UID {place.uid}).")] if still_there else []
        if len(raw) >= MOST_BYTES:
            return [unreadable("", raw, f"{_TOO_LONG} (UID {place.uid}).")]
        return [await read(raw, self.account.address, self.account.study, mailroom)]


def _name(account: Account) -> str:
    """Tells this mailbox from another, and not what it is called."""
    return hashlib.sha256(f"{account.imap.host.lower()} {account.username}".encode()).hexdigest()[:16]


_HELD_BACK = "The mail server does not hand over one mail; it is still in the mailbox"
_TOO_LONG = "One mail is longer than 40 MB; this is its beginning, and all of it is in the mailbox"


# One connection


class _Protocol(IMAP4ClientProtocol):  # type: ignore[misc]  # the library has no types
    """The library's, and three things that it keeps to itself."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ended: Callable[[Exception | None], None]) -> None:
        super().__init__(loop, ended)
        self.announced = asyncio.Event()

    def _untagged_response(self, line: bytes) -> Any:
        """Mail that is announced in the middle of another command, and the server's goodbye."""
        if line.endswith(b" EXISTS"):
            self.announced.set()
        if line.upper().startswith(b"* BYE"):
            self.conn_lost_cb(None)
        return super()._untagged_response(line)

    def _continuation(self, line: bytes) -> None:
        """A refused token: the server explains, and says NO only after an empty line (Gmail's XOAUTH2 protocol)."""
        if self.pending_sync_command is not None and self.pending_sync_command.name == "AUTHENTICATE":
            self.transport.write(b"\r\n")
        else:
            super()._continuation(line)


class _Client(IMAP4):  # type: ignore[misc]  # the library has no types
    def create_client(self, host: str, port: int, loop: Any, conn_lost_cb: Any = None, ssl_context: Any = None) -> None:
        running = asyncio.get_running_loop()
        self.protocol = _Protocol(running, conn_lost_cb)
        self._client_task = running.create_task(
            running.create_connection(lambda: self.protocol, host, port, ssl=ssl_context)
        )

    def abandon(self) -> None:
        """Let go of everything at once."""
        for task in (self._client_task, *self.tasks, *self.protocol.tasks):
            task.cancel()
        if self.protocol.transport is not None:
            self.protocol.transport.abort()


class Inbox:
    """A connection to the INBOX, logged in. After the first Unavailable it is of no use."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.validity = 0
        self._next = 0
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        of = account.imap
        self._client = _Client(
            of.host, of.port, timeout=account.timeout, conn_lost_cb=self._end, ssl_context=of.context()
        )

    @property
    def announced(self) -> asyncio.Event:
        """Set whenever the server says that there is mail."""
        event: asyncio.Event = self._client.protocol.announced
        return event

    def _end(self, _error: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def close(self) -> None:
        """Let go without a word: the server keeps nothing of ours that a goodbye would save."""
        self._client.abandon()

    async def open(self, token: str | None) -> None:
        """Connect, log in, select. Raises NotLetIn or Unavailable."""
        await self._ask(self._client.wait_hello_from_server())
        of = self.account
        name = quoted(of.username)
        if token is None:
            said = await self._ask(self._client.login(name, of.password))
        else:
            said = await self._ask(self._client.xoauth2(of.username, token))
        if said.result != "OK":
            raise _refusal(said.lines)
        await self._ask(self._client.protocol.capability())  # the library asked only before the login
        lines = b"\n".join(await self._lines(self._client.select("INBOX")))
        self.validity = _number(rb"UIDVALIDITY (\d+)", lines)
        self._next = _number(rb"UIDNEXT (\d+)", lines)

    async def uids_after(self, uid: int) -> list[int]:
        """UIDs of the mails after one, rising. `n:*` always names the last mail as well, however low its UID."""
        return [found for found in await self._search(f"UID {uid + 1}:*") if found > uid]

    async def uid_before(self, moment: datetime) -> int:
        """The UID after which all mails that came on the day of `moment` or later stand."""
        day = f"{moment.day}-{_MONTHS[moment.month - 1]}-{moment.year}"
        if recent := await self._search(f"SINCE {day}"):
            return recent[0] - 1
        return self._next - 1 if self._next else max(await self._search("ALL"), default=0)

    async def fetch(self, uid: int) -> bytes | None:
        """A mail as it is, without marking it as read; at most MOST_BYTES of it. None where the server has none.

        Raises Unavailable where the server says no: it may only be busy.
        """
        said = await self._ask(
            self._client.uid("fetch", str(uid), f"(UID BODY.PEEK[]<0.{MOST_BYTES}>)"), self.account.timeout * 10
        )
        if said.result != "OK":
            raise Unavailable("The mail server for reading does not hand over a mail at the moment.")
        return next((raw for found, raw in _mails(said.lines) if found == uid), None)

    async def wait(self, renewal: float) -> None:
        """Until mail is announced, or so many seconds have passed."""
        if self.announced.is_set():
            return
        if not self._client.has_capability("IDLE"):
            await self._first(self._ended, within=min(POLL, renewal))
            return
        idle = asyncio.ensure_future(self._client.idle())
        heard = asyncio.ensure_future(self.announced.wait())
        try:
            await self._first(idle, heard, within=renewal)
            if not idle.done():
                self._client.idle_done()
            await self._lines(_joined(idle))
        finally:
            heard.cancel()
            idle.cancel()

    async def _search(self, criteria: str) -> list[int]:
        lines = await self._lines(self._client.uid_search(criteria, charset=None))
        return sorted({int(word) for line in lines[:-1] for word in line.split() if word.isdigit()})

    async def _lines(self, command: Coroutine[Any, Any, Any]) -> list[bytes]:
        said = await self._ask(command)
        if said.result != "OK":
            raise Unavailable("The mailbox could not be read: its server said no.")
        return [bytes(line) for line in said.lines]

    async def _ask(self, command: Coroutine[Any, Any, Any], within: float | None = None) -> Any:
        """The answer to a command. Raises Unavailable when there is none in time, or the connection ends."""
        work = asyncio.ensure_future(command)
        try:
            await self._first(work, within=within or self.account.timeout)
            if not work.done():
                raise Unavailable("The mail server for reading did not answer in time.")
            return work.result()
        except (AioImapException, OSError, TimeoutError, ValueError, IndexError):
            raise Unavailable("The mail server for reading could not be reached, or made no sense.") from None
        finally:
            work.cancel()

    async def _first(self, *work: asyncio.Future[Any], within: float) -> None:
        """Wait until something of it is done. Raises Unavailable when the connection ends before that."""
        await asyncio.wait({*work, self._ended}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        if self._ended.done() and not any(one.done() for one in work if one is not self._ended):
            raise Unavailable("The mail server for reading ended the connection.")


@asynccontextmanager
async def opened(account: Account) -> AsyncIterator[Inbox]:
    """A connection to the INBOX; where a token is refused, a second one with a new token."""
    if account.tokens is None:
        inbox = await _opened(account, None)
    else:
        token = await account.tokens.current()
        try:
            inbox = await _opened(account, token)
        except NotLetIn:
            inbox = await _opened(account, await account.tokens.instead_of(token))
    try:
        yield inbox
    finally:
        inbox.close()


async def _opened(account: Account, token: str | None) -> Inbox:
    inbox = Inbox(account)
    try:
        await inbox.open(token)
    except BaseException:
        inbox.close()
        raise
    return inbox


async def _joined(work: asyncio.Future[Any]) -> Any:
    return await work


# What servers say

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_FOR_NOW = re.compile(rb"\[(UNAVAILABLE|INUSE|LIMIT|SERVERBUG)\]|simultaneous|temporar|try again", re.IGNORECASE)


def _refusal(lines: Sequence[bytes]) -> Unavailable:
    """A login that is wrong, or only not possible now (RFC 5530, 3)."""
    if any(_FOR_NOW.search(line) for line in lines):
        return Unavailable("The mail server for reading takes no login at the moment.")
    return NotLetIn("The mail server for reading does not accept our login.")


def _number(pattern: bytes, lines: bytes) -> int:
    found = re.search(pattern, lines)
    return int(found[1]) if found else 0


def _mails(lines: Sequence[bytes | bytearray]) -> Iterator[tuple[int, bytes]]:
    """UID and content of each mail in the answer to a FETCH; lines that only tell of changed flags have no content.

    The library gives text as bytes and the content as a bytearray.
    """
    text, content = b"", None
    for line in [*lines, b"0 FETCH ("]:
        if isinstance(line, bytearray):
            content = bytes(line)
        elif re.match(rb"\d+ FETCH \(", line):
            if content is not None:
                yield _number(rb"\bUID (\d+)", text), content
            text, content = line, None
        else:
            text += b" " + line
