"""A bad network in front of any server that speaks over TCP: answers lost, late or never there, sockets cut."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum


class Fault(Enum):
    """What happens to one request."""

    CUT_BEFORE = "the connection is cut and the request never arrives"
    CUT_AFTER = "the request arrives, the answer is lost, the connection is cut"
    LATE = "the request arrives, the answer comes late"
    HOLE = "the request and all that follows vanish, and nobody says so"


@dataclass
class FaultProxy:
    """Listens on `port` and passes everything on to `target`, but for requests whose turn it is.

    A request is where `ends_with` occurs in what a client sends: b"\\r\\n.\\r\\n" is a whole mail in SMTP, b"" any
    bytes at all. `choose` says what happens to each, None being nothing; `seen` counts what did.
    """

    target: int
    ends_with: bytes = b""
    choose: Callable[[], Fault | None] = lambda: None
    late: float = 1.0
    port: int = 0
    seen: Counter[Fault | None] = field(default_factory=Counter)
    silent: bool = False
    """While set, nothing passes in either direction and nobody is told, as behind a router that forgot us."""
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    def cut(self) -> int:
        """Cut every connection now; how many there were."""
        for writer in tuple(self._open):
            writer.transport.abort()
        return len(self._open) // 2

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A client has come."""
        task = asyncio.create_task(self.serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def end(self) -> None:
        """Cut every connection and wait until nobody is served any more."""
        self.cut()
        for task in tuple(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until either side ends."""
        try:
            theirs, ours = await asyncio.open_connection("127.0.0.1", self.target)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
            return
        link = _Link(self, reader, writer, theirs, ours)
        self._open |= {writer, ours}
        both = [asyncio.create_task(link.requests()), asyncio.create_task(link.answers())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            self._open -= {writer, ours}
            for end in (writer, ours):
                end.transport.abort() if link.cut else end.close()


@dataclass
class _Link:
    """One client's connection and ours to the server for it."""

    proxy: FaultProxy
    client: asyncio.StreamReader
    to_client: asyncio.StreamWriter
    server: asyncio.StreamReader
    to_server: asyncio.StreamWriter
    fault: Fault | None = None
    cut: bool = False
    _tail: bytes = b""

    async def requests(self) -> None:
        with suppress(ConnectionError):
            while data := await self.client.read(65536):
                if self._is_request(data):
                    self.fault = self.proxy.choose()
                    self.proxy.seen[self.fault] += 1
                if self.fault is Fault.CUT_BEFORE:
                    self.cut = True
                    return
                if self.fault is not Fault.HOLE and not self.proxy.silent:
                    self.to_server.write(data)
                    await self.to_server.drain()

    async def answers(self) -> None:
        with suppress(ConnectionError):
            while data := await self.server.read(65536):
                if self.fault is Fault.CUT_AFTER:
                    self.cut = True
                    return
                if self.fault is Fault.LATE:
                    self.fault = None
                    await asyncio.sleep(self.proxy.late)
                if self.fault is not Fault.HOLE and not self.proxy.silent:
                    self.to_client.write(data)
                    await self.to_client.drain()

    def _is_request(self, data: bytes) -> bool:
        """Whether a request ends here, even where its end came in two pieces."""
        wanted = self.proxy.ends_with
        seen = self._tail + data
        self._tail = seen[max(len(seen) - len(wanted) + 1, 0) :] if wanted else b""
        return wanted in seen


@asynccontextmanager
async def fault_proxy(
    target: int, ends_with: bytes = b"", choose: Callable[[], Fault | None] = lambda: None, late: float = 1.0
) -> AsyncIterator[FaultProxy]:
    """A proxy that is there until the block ends; connect to its `port`."""
    proxy = FaultProxy(target, ends_with, choose, late)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()
