"""A Telegram that is not our own code: the npm package `@vishtar/telegram-test-api`, behind a shim for what it lacks.

It knows texts only: no files, albums or edits. `telegram_files` is a double of our own for those.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.rig import ROOT, free_port, unavailable

TOKEN = "123456:a-token-for-tests"
BOT = "123456"
USERNAME = "own_pace_test_bot"

MODULES = ROOT / ".rig/node_modules"
NODE = MODULES / ".bin/node"
SHIM = Path(__file__).with_name("telegram_shim.mjs")


@dataclass
class Emulator:
    """A running emulator: what people's phones would do, and what reached them."""

    url: str
    http: httpx.Client

    def write(self, chat: int, text: str) -> None:
        """Somebody writes to the bot."""
        person = {"id": chat, "first_name": "Somebody"}
        message = {
            "botToken": TOKEN,
            "from": person | {"is_bot": False},
            "chat": person | {"type": "private"},
            "date": int(time.time()),
            "text": text,
        }
        if text.startswith("/"):
            entity = {"type": "bot_command", "offset": 0, "length": len(text.split()[0])}
            self._post("/sendCommand", message | {"entities": [entity]})
        else:
            self._post("/sendMessage", message)

    def fail(self, *codes: int) -> None:
        """What happens to the next texts of the bot: an error's code, 0 for nothing, 1 for an answer sent twice."""
        self._post("/shim/faults", list(codes))

    def sent(self) -> list[dict[str, Any]]:
        """Every message of the bot, oldest first: `id`, `chat` and `text`."""
        found: list[dict[str, Any]] = self._post("/shim/sent", {})
        return found

    def to(self, chat: int) -> list[str]:
        """The texts that reached one chat, oldest first."""
        return [message["text"] for message in self.sent() if message["chat"] == str(chat)]

    def webhooks(self) -> list[dict[str, Any]]:
        """Where the emulator delivers."""
        found: list[dict[str, Any]] = self._post("/shim/webhook", {})
        return found

    def _post(self, path: str, what: object) -> Any:
        return self.http.post(self.url + path, json=what).raise_for_status().json()


@contextmanager
def emulator() -> Iterator[Emulator]:
    """Start an emulator, and end it."""
    if not (NODE.exists() and (MODULES / "@vishtar/telegram-test-api").exists()):
        unavailable("the Telegram emulator (scripts/rig installs it)")
    port = free_port()
    command = [str(NODE), str(SHIM), str(MODULES), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"the Telegram emulator did not start: {process.wait(10)}")
        with httpx.Client(timeout=30) as http:
            yield Emulator(f"http://127.0.0.1:{port}", http)
    finally:
        process.terminate()
        process.communicate(timeout=10)
