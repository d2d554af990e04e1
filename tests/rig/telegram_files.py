"""A double of Telegram for what the emulator lacks: files, any update you like, and answers that go wrong.

Its answers are those of https://core.telegram.org/bots/api#making-requests and #getfile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from channels.telegram.channel import Telegram
from channels.telegram.client import Account

TOKEN = "123456:a-token-for-tests"
BOT = "123456"
ME = {"id": 123456, "is_bot": True, "first_name": "Own Pace", "username": "own_pace_test_bot"}

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def ok(result: Any) -> Answer:
    """The answer of a method that worked."""
    return says(200, {"ok": True, "result": result})


def fault(code: int, description: str, **parameters: Any) -> Answer:
    """The answer of a method that did not."""
    more = {"parameters": parameters} if parameters else {}
    return says(code, {"ok": False, "error_code": code, "description": description} | more)


def says(status: int, body: Any) -> Answer:
    """Any answer at all."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        if isinstance(body, str):
            return web.Response(status=status, text=body)
        return web.json_response(body, status=status)

    return answer


class Double:
    """A Bot API on a real socket. `answers` by method win over what it does by itself; `asked` is what was asked."""

    def __init__(self, **answers: Answer) -> None:
        self.answers = {"getMe": ok(ME), "deleteWebhook": ok(True), "setWebhook": ok(True)} | answers
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.updates: list[Any] = []
        self.files: dict[str, bytes] = {}
        self.url = ""

    def times(self, method: str) -> list[dict[str, Any]]:
        """The parameters of each request for a method."""
        return [parameters for asked, parameters in self.asked if asked == method]

    async def method(self, request: web.Request) -> web.StreamResponse:
        name, parameters = request.match_info["method"], dict(await request.post())
        self.asked.append((name, parameters))
        if name in self.answers:
            return await self.answers[name](request)
        return await getattr(self, name)(request, parameters)  # type: ignore[no-any-return]  # each returns an answer

    async def getUpdates(self, request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:  # noqa: N802  # theirs
        first = int(asked.get("offset", 0))
        self.updates = [
            one for one in self.updates if not isinstance(one, dict) or one.get("update_id", first) >= first
        ]
        return await ok(self.updates[:100])(request)

    async def getFile(self, request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:  # noqa: N802  # theirs
        name = asked["file_id"]
        if name not in self.files:
            return await fault(400, "Bad Request: wrong file_id or the file is temporarily unavailable")(request)
        size = len(self.files[name])
        return await ok({"file_id": name, "file_unique_id": "u", "file_size": size, "file_path": f"voice/{name}.oga"})(
            request
        )

    async def file(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(("file", {"path": request.match_info["path"]}))
        if "file" in self.answers:
            return await self.answers["file"](request)
        return web.Response(body=self.files[request.match_info["path"].removeprefix("voice/").removesuffix(".oga")])


@asynccontextmanager
async def served(double: Double, seconds: float = 5.0, secret: str | None = None) -> AsyncIterator[Telegram]:
    """A channel whose Telegram is this double."""
    app = web.Application()
    app.router.add_route("*", f"/bot{TOKEN}/{{method}}", double.method)
    app.router.add_route("GET", f"/file/bot{TOKEN}/{{path:.*}}", double.file)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    double.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    channel = Telegram(Account(TOKEN, secret, double.url, "https://study.example", seconds))
    try:
        yield channel
    finally:
        await channel.close()
        await runner.cleanup()
