"""A mail server that follows a script: it waits for a line and says something, or does something worse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HANG_UP = "hang up"
SILENCE = ""


@dataclass
class Server:
    """`answer` says what each line gets: words, HANG_UP or SILENCE. `heard` is what came on all connections."""

    greeting: str
    answer: Callable[[str, Talk], str]
    port: int = 0
    heard: list[str] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    talks: list[Talk] = field(default_factory=list)

    async def until(self, line: str) -> None:
        """Wait until a client has said this."""
        async with asyncio.timeout(10):
            while line not in self.heard:
                self.came.clear()
                await self.came.wait()


class Talk(asyncio.Protocol):
    """One connection. `content` is set while lines are a mail's and not commands."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.number = len(server.talks) + 1
        self.content = False
        self.waiting = b""
        server.talks.append(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.say(self.server.greeting)

    def data_received(self, data: bytes) -> None:
        *lines, self.waiting = (self.waiting + data).split(b"\r\n")
        for line in lines:
            self.server.heard.append(line.decode("utf-8", "replace"))
            self.server.came.set()
            self.say(self.server.answer(self.server.heard[-1], self))

    def say(self, words: str) -> None:
        """Lines, or the end of the connection."""
        if words == HANG_UP:
            self.transport.abort()
        elif words != SILENCE:
            self.transport.write(words.replace("\n", "\r\n").encode() + b"\r\n")


@asynccontextmanager
async def scripted(greeting: str, answer: Callable[[str, Talk], str]) -> AsyncIterator[Server]:
    """The server, until the block ends."""
    server = Server(greeting, answer)
    listener = await asyncio.get_running_loop().create_server(lambda: Talk(server), "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for talk in server.talks:
            talk.transport.abort()
        await asyncio.sleep(0)


def smtp(*answers: tuple[str, str]) -> Callable[[str, Talk], str]:
    """SMTP in which every word succeeds but those in `answers`; "." stands for the end of the content."""
    usual = {"EHLO": "250-test\n250 SIZE", "MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok", "DATA": "354 go on"}
    known = usual | {".": "250 2.0.0 queued as X1", "QUIT": "221 bye"} | dict(answers)

    def answer(line: str, talk: Talk) -> str:
        if talk.content and line != ".":
            return SILENCE
        said = known.get(line[:4].upper(), SILENCE)
        talk.content = line == "DATA" and said.startswith("354")
        return said

    return answer
