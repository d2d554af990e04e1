"""A Twilio that is not our own code: the npm package `emulate`, stateful, signing its webhooks.

It posts the first status callback before it answers the create request, retries no webhook, and answers 403 after
5,000 requests in an hour, so start one for each run.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.rig import ROOT, free_port, unavailable

ACCOUNT_SID = "AC" + "0" * 31 + "1"
AUTH_TOKEN = "a token for tests"
NUMBER = "+15551234567"
WHATSAPP = "whatsapp:+15551234568"
ELSEWHERE = "+15551234569"
"""A number of the same account that is not this study's."""
SERVICE = "MG" + "0" * 31 + "1"
"""A messaging service with our number in it."""

NODE = ROOT / ".rig/node_modules/.bin/node"
EMULATE = ROOT / ".rig/node_modules/emulate/dist/index.js"


@dataclass
class Emulator:
    """A running emulator: what people's phones and the network would do."""

    url: str
    http: httpx.Client

    def text(self, sender: str, body: str, to: str = "") -> None:
        """Somebody writes to our number of the sender's kind; it is posted to our webhook."""
        own = to or (WHATSAPP if sender.startswith("whatsapp:") else NUMBER)
        self._simulate("inbound-message", To=own, From=sender, Body=body)

    def becomes(self, sid: str, status: str) -> None:
        """The network has news of one of our texts; the status callback is posted."""
        self._simulate("message-status", MessageSid=sid, Status=status)

    def _simulate(self, what: str, **fields: str) -> None:
        self.http.post(f"{self.url}/_twilio/simulate/{what}", data=fields).raise_for_status()

    def texts(self, **wanted: str) -> list[dict[str, Any]]:
        """Every text the emulator holds, oldest first."""
        path: str | None = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
        query: dict[str, str] | None = {"PageSize": "1000"} | wanted
        found: dict[str, dict[str, Any]] = {}  # by sid: a text that comes meanwhile moves another to the next page
        while path:
            page = self.http.get(self.url + path, params=query).raise_for_status().json()
            found |= {text["sid"]: text for text in page["messages"]}
            path, query = page.get("next_page_uri"), None
        return list(found.values())[::-1]

    def to(self, number: str) -> list[str]:
        """The texts that reached one phone, oldest first."""
        return [text["body"] for text in self.texts(To=number)]


@contextmanager
def emulator(webhook: str) -> Iterator[Emulator]:
    """Start an emulator whose numbers post to `webhook`, and end it."""
    if not (NODE.exists() and EMULATE.exists()):
        unavailable("the Twilio emulator (scripts/rig installs it)")
    seed = {
        "twilio": {
            "account": {"sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "friendly_name": "tests"},
            "phone_numbers": [
                {"phone_number": number, "friendly_name": "tests", "sms_url": webhook}
                for number in (NUMBER, WHATSAPP, ELSEWHERE)
            ],
            "messaging_services": [{"sid": SERVICE, "friendly_name": "tests", "phone_numbers": [NUMBER]}],
        }
    }
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seed.json"
        path.write_text(json.dumps(seed))
        command = [str(NODE), str(EMULATE), "start", "--service", "twilio", "--port", str(port), "--seed", str(path)]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with httpx.Client(auth=(ACCOUNT_SID, AUTH_TOKEN), timeout=30) as http:
                _wait(process, f"http://127.0.0.1:{port}", http)
                yield Emulator(f"http://127.0.0.1:{port}", http)
        finally:
            process.terminate()
            process.wait(10)


def _wait(process: subprocess.Popen[bytes], url: str, http: httpx.Client) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError(f"the Twilio emulator ended with {process.returncode}")
        try:
            http.get(f"{url}/2010-04-01/Accounts/{ACCOUNT_SID}.json").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the Twilio emulator did not start")
