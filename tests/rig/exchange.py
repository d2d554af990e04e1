"""A telephone network as quick as the machine, for crowds that the emulator, with its 5,000 requests, cannot serve.

It takes texts by REST and lists them, posts what people say to our webhook, and now and then news of a text of ours.
A delivery that is not answered is made again, but for some, which only the list of messages shows then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.bench.outside import Api, Line, Phones, line, signed
from tests.rig.twilio_emulator import ACCOUNT_SID, NUMBER

LINES = 32
"""So many deliveries are under way at once."""

TRIES, WAIT = 5, 0.2
"""So often a delivery is made, and seconds between; one of so many messages is delivered only once."""
ONLY_ONCE = 10

NEWS_OF = 5
"""There is news of every so many texts."""

LIST = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
MOST_LISTED = 1000


@dataclass
class Exchange:
    """`hear` is called with each text that reaches a phone. `url` is where the program is."""

    url: str
    hear: Callable[[str, str], None]
    texts: list[dict[str, Any]] = field(default_factory=list)
    phones: Phones = field(default_factory=Phones)
    again: int = 0
    """Deliveries made once more."""
    _lines: asyncio.Queue[Line | None] = field(default_factory=asyncio.Queue)
    _sids: count[int] = field(default_factory=lambda: count(1))
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Take requests at this address until the block ends."""
        for _ in range(LINES):
            self._lines.put_nowait(None)
        server = await asyncio.get_running_loop().create_server(lambda: _Api(self), "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for on in (self._lines.get_nowait() for _ in range(self._lines.qsize())):
                if on is not None:
                    on.writer.close()

    def reached(self, number: str) -> list[str]:
        """What reached a phone, oldest first."""
        return [body for _, body in self.phones.texts[number]]

    async def text(self, sender: str, body: str) -> None:
        """Somebody writes to us; delivered, or not, when this returns."""
        sid = self._keep("inbound", sender, NUMBER, body)
        tries = TRIES if int(sid[2:]) % ONLY_ONCE else 1
        await self._deliver(lambda on: on.deliver(sender, sid, body), tries)

    def take(self, fields: dict[str, str]) -> str:
        """A text of ours, which reaches its phone; its sid."""
        to, body = fields["To"], fields["Body"]
        sid = self._keep("outbound-api", fields["From"], to, body)
        if int(sid[2:]) % NEWS_OF == 0:
            news = {"MessageSid": sid, "MessageStatus": "delivered", "AccountSid": ACCOUNT_SID, "To": to}
            callback = fields["StatusCallback"].removeprefix(self.url)
            self._soon(self._deliver(lambda on: on.post(signed(on.url, callback, news)), TRIES))
        self.phones.reached(to, body)
        self.hear(to, body)
        return sid

    def _keep(self, direction: str, sender: str, to: str, body: str) -> str:
        sid, at = f"SM{next(self._sids):032}", format_datetime(datetime.now(UTC))
        text = {"sid": sid, "direction": direction, "from": sender, "to": to, "body": body, "account_sid": ACCOUNT_SID}
        self.texts.append({**text, "date_created": at, "date_sent": at, "num_media": "0", "status": "sent"})
        return sid

    def _soon(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _deliver(self, post: Callable[[Line], Any], tries: int) -> None:
        on = await self._lines.get()
        try:
            for number in range(tries):
                if number:
                    self.again += 1
                    await asyncio.sleep(WAIT)
                try:
                    on = on or await line(self.url)
                    await post(on)
                    return
                except (OSError, EOFError, AssertionError):  # cut, ended, or not answered with 200
                    if on is not None:
                        on.writer.close()
                    on = None
        finally:
            self._lines.put_nowait(on)

    def listed(self, query: dict[str, str]) -> dict[str, Any]:
        """A page of the messages to and from these numbers, newest first."""
        wanted = {"to": query.get("To"), "from": query.get("From")}
        found = [one for one in reversed(self.texts) if all(v in (None, one[name]) for name, v in wanted.items())]
        size, page = min(int(query.get("PageSize", 50)), MOST_LISTED), int(query.get("Page", 0))
        more = len(found) > (page + 1) * size
        following = f"{LIST}?{urlencode({**query, 'Page': page + 1})}" if more else None
        return {"messages": found[page * size : (page + 1) * size], "next_page_uri": following}


class _Api(Api):
    """The exchange's REST API."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange.phones)
        self.exchange = exchange

    def answer(self, head: bytes, body: bytes) -> tuple[bytes, dict[str, Any]]:
        if head.startswith(b"POST"):
            return b"201 Created", {"sid": self.exchange.take(_fields(body.decode())), "status": "queued"}
        return b"200 OK", self.exchange.listed(_fields(urlsplit(head.split()[1].decode()).query))


def _fields(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}
