"""What is logged of a fault in a page."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.web.serve import listen, server_of

WORDS = "I never told anybody"


async def fault(request: Request) -> Response:
    try:
        raise KeyError(WORDS)
    except KeyError as error:
        raise ValueError(f"{WORDS}: not a number") from error


async def left_alone(request: Request) -> Response:
    async def part(words: str) -> None:
        raise ValueError(words)

    def call(words: str) -> None:
        raise ValueError(words)

    asyncio.get_running_loop().call_soon(call, WORDS)
    task: Any = asyncio.create_task(part(WORDS))
    await asyncio.wait([task])
    return PlainTextResponse("done")


async def test_the_log_of_a_fault_in_a_page_holds_no_word_of_anybodys(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    server = server_of(Starlette(routes=[Route("/fault", fault), Route("/left", left_alone)]))
    with listen("127.0.0.1", 0) as listening:
        serving = asyncio.create_task(server.serve([listening]))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}") as client:
            assert (await client.get("/fault")).status_code == 500
            assert (await client.get("/left")).status_code == 200
        gc.collect()
        server.should_exit = True
        await serving
    logged = "".join(capfd.readouterr()) + caplog.text
    assert WORDS not in logged
    assert "ValueError in fault:" in logged
    assert "ValueError in left_alone.<locals>.part:" in logged
    assert "ValueError in left_alone.<locals>.call:" in logged
