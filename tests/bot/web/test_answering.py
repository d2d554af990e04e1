"""Head and body of an answer leave in one piece, and a slow reader is waited for all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from bot.web.answering import MOST, OneWrite

CHUNK = b"x" * 40_000
CHUNKS = 1_000
STILL = 500
"""Rounds of the event loop in which nothing more is said: it goes no further."""

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"

App = Callable[[Any, Any, Callable[[Any], Awaitable[None]]], Awaitable[None]]


class Recorded(OneWrite):
    """Keeps what is handed to the real transport, write by write."""

    written: list[bytes]

    def connection_made(self, transport: Any) -> None:
        self.written = []

        class Noting:
            def __getattr__(self, name: str) -> Any:
                return getattr(transport, name)

            def write(noting, data: bytes) -> None:  # noqa: N805  # `self` is the protocol
                self.written.append(bytes(data))
                transport.write(data)

        super().connection_made(Noting())  # type: ignore[arg-type]  # all of a transport that is used


@asynccontextmanager
async def served(app: App) -> AsyncIterator[tuple[int, list[Recorded]]]:
    """The app at a port, and the protocols of its connections."""
    config, made = uvicorn.Config(app, log_level="critical"), list[Recorded]()
    config.load()

    def protocol() -> Recorded:
        made.append(Recorded(config=config, server_state=ServerState(), app_state={}))
        return made[-1]

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], made
    finally:
        server.close()


def app_of(*bodies: bytes) -> App:
    async def app(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        length = str(sum(map(len, bodies))).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        for body in bodies:
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return app


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    found: Callable[[Any], Any] = request.param
    return found


def test_head_and_body_are_one_write_and_the_connection_goes_on(run: Callable[[Any], Any]) -> None:
    async def scenario() -> list[bytes]:
        async with served(app_of(b"hello ", b"you")) as (port, made):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for _ in range(3):
                writer.write(GET)
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
                assert await reader.readexactly(9) == b"hello you"
            writer.close()
            return made[0].written

    written = run(scenario())
    assert len(written) == 3
    assert all(one.endswith(b"\r\n\r\nhello you") for one in written)


def test_all_of_it_arrives_before_the_connection_is_closed(run: Callable[[Any], Any]) -> None:
    async def scenario() -> bytes:
        async with served(app_of(CHUNK, CHUNK)) as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            everything = await reader.read()
            writer.close()
            return everything

    head, _, body = run(scenario()).partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    assert body == CHUNK * 2


def test_a_reader_who_does_not_read_is_waited_for(run: Callable[[Any], Any]) -> None:
    """What is gathered beyond what the system's buffers take stays small, though the app never waits by itself."""
    said = 0

    async def counting(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        nonlocal said

        async def count(message: Any) -> None:
            nonlocal said
            await send(message)
            said += len(message.get("body", b""))

        await app_of(*[CHUNK] * CHUNKS)(scope, receive, count)

    async def scenario() -> tuple[int, bytes]:
        async with served(counting) as (port, made):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=MOST)
            writer.write(GET)
            still, before = 0, -1
            while still < STILL:
                still = still + 1 if said == before and made and made[0].written else 0
                before = said
                await asyncio.sleep(0)
            stopped_at = said
            answer = await reader.readuntil(b"\r\n\r\n") and await reader.readexactly(len(CHUNK) * CHUNKS)
            writer.close()
            return stopped_at, answer

    stopped_at, answer = run(scenario())
    assert stopped_at < len(CHUNK) * CHUNKS / 2
    assert answer == CHUNK * CHUNKS


def test_whoever_has_gone_is_no_fault(run: Callable[[Any], Any]) -> None:
    faults: list[dict[str, Any]] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: faults.append(what))
        asked, gone = asyncio.Event(), asyncio.Event()

        async def late(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
            asked.set()
            await gone.wait()
            with suppress(OSError):
                await app_of(b"too late")(scope, receive, send)

        async with served(late) as (port, made):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET)
            await asked.wait()
            writer.transport.abort()
            while made[0].connections:  # noqa: ASYNC110  # uvicorn sets no event
                await asyncio.sleep(0)
            gone.set()
            await asyncio.gather(*made[0].tasks)
            assert made[0].written == []

    run(scenario())
    assert faults == []
