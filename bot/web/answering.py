"""How an answer leaves: head and body in one piece."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST = 64 * 1024
"""Bytes that are gathered; with more the transport has to say whether the other end keeps up."""


class OneWrite(HttpToolsProtocol):
    """uvicorn writes the head and the body of an answer one after the other, and each is a call into the system.

    So does every listener at the other end wake twice.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(cast(asyncio.Transport, _Gathering(transport, self.loop)))


class _Gathering:
    """A transport that writes what one round of the event loop brings at its end."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting = bytearray()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._waiting and data:
            self._loop.call_soon(self._leave)
        if len(self._waiting) + len(data) < MOST:
            self._waiting += data
        else:
            self._leave()
            self._transport.write(data)

    def close(self) -> None:
        self._leave()
        self._transport.close()

    def _leave(self) -> None:
        data, self._waiting = self._waiting, bytearray()
        if data and not self._transport.is_closing():
            self._transport.write(data)
