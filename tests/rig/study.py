"""A whole study as people run it: its folder, the commands, and the serving process with a provider behind it."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.rig import ROOT, forked, free_port, postgres
from tests.rig.twilio_emulator import ACCOUNT_SID, AUTH_TOKEN, NUMBER, WHATSAPP

CONFIG = """
[study]
name = "Own Pace"
prompts = "{prompts}"
contact_phone = "01632 960000"
[server]
port = {port}
public_base_url = "http://127.0.0.1:{port}"
[retention]
contact = "180d"
media = "1y"
raw = "180d"
messages = "10y"
consent = "10y"
audit = "10y"
[pace]
settle = {settle}
quiet_hours = 0
[channels.sms]
account_sid = "{account_sid}"
auth_token = "{auth_token}"
from = "{number}"
api_base_url = "{api}"
rate = 0
reconcile_after = "1s"
[channels.whatsapp]
account_sid = "{account_sid}"
auth_token = "{auth_token}"
from = "{whatsapp}"
api_base_url = "{api}"
rate = 0
reconcile_after = "1s"
templates = {{ "template-reopen" = "HX00000000000000000000000000000001" }}
"""


@dataclass
class Study:
    """A study in a folder of its own. `start` and `kill` as often as you like."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: BaseProcess | None = None
    environment: dict[str, str] = field(default_factory=dict)
    database: str = ""
    """Its address; without one it is a file in the folder."""

    @classmethod
    def on_either(cls, folder: Path) -> Study:
        """On SQLite, or with OWNPACE_TEST_DATABASE=postgresql on a server of that."""
        return cls(folder, database=postgres.server().new_database(empty=True) if postgres.wanted() else "")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def configure(self, api: str, settle: str = "1h", prompts: Path = ROOT / "prompts", more: str = "") -> None:
        """Write the settings, with `more` of them at the end, and make the database."""
        words = CONFIG.format(
            prompts=prompts,
            port=self.port,
            settle=settle if settle.startswith("{") else f'"{settle}"',
            account_sid=ACCOUNT_SID,
            auth_token=AUTH_TOKEN,
            number=NUMBER,
            whatsapp=WHATSAPP,
            api=api,
        )
        self.use(words + more)

    def use(self, settings: str) -> None:
        """Write these settings and where the database is, and make it."""
        database = f'\n[database]\nurl = "{self.database}"\n' if self.database else ""
        (self.folder / "config.toml").write_text(settings + database)
        self.command("migrate")

    def command(self, *words: str, code: int = 0) -> str:
        """Run a command as a person would; what it printed."""
        settings = ["--config", str(self.folder / "config.toml")]
        ended, said = forked.run(ROOT, [*words, *settings], self.surroundings())
        assert ended == code, said
        return said

    def enrol(self, *rows: str) -> None:
        """Enrol people by CSV: cohort, channel, address, wording, code; everybody is called Sam."""
        path = self.folder / "people.csv"
        path.write_text("\n".join(["cohort,channel,address,wording,code,name", *(f"{row},Sam" for row in rows)]) + "\n")
        self.command("enrol", str(path))

    def record(self, code: str) -> dict[str, Any]:
        """One participant's record."""
        found: dict[str, Any] = json.loads(self.command("show", code, "--json"))
        return found

    def start(self, log: Path | None = None) -> None:
        """Serve, and return when it is ready. What it prints goes to this file, or to out.log."""
        words = ["serve", "--config", str(self.folder / "config.toml")]
        log = log or self.folder / "out.log"
        self.process = forked.start(words, self.surroundings(), log)
        for _ in range(1500):
            assert self.process.is_alive(), log.read_text()
            if ready(self.port):
                return
            time.sleep(0.02)
        raise RuntimeError("the service did not become ready")

    def kill(self) -> None:
        """kill -9: no goodbye of any kind."""
        assert self.process is not None
        self.process.kill()
        self.process.join()

    def stop(self) -> None:
        """Ask it to stop, and wait."""
        if self.process is not None and self.process.is_alive():
            self.process.terminate()
            self.process.join(20)

    def surroundings(self) -> dict[str, str]:
        """The environment of its commands."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.environment}


def ready(port: int) -> bool:
    """Whether a study is served there."""
    with suppress(OSError, HTTPException), closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    return False


@dataclass
class Process:
    """One serving process, killed and started as often as you like."""

    study: Study
    role: str
    port: int = field(default_factory=free_port)
    running: BaseProcess | None = None

    def start(self) -> None:
        words = ["serve", "--role", self.role, "--port", str(self.port), "--config"]
        folder = self.study.folder
        log = folder / f"{self.role}.log"
        self.running = forked.start([*words, str(folder / "config.toml")], self.study.environment, log)

    def wait(self) -> None:
        """Return when it says that it is ready."""
        while True:
            assert self.running is not None
            assert self.running.is_alive(), (self.study.folder / f"{self.role}.log").read_text()
            if ready(self.port):
                return
            time.sleep(0.02)

    def keep(self) -> None:
        """As systemd does: one that ended by itself, as it found no database, is started again."""
        if self.running is None or not self.running.is_alive():
            self.start()

    def start_anew(self) -> None:
        """kill -9, and again from the start."""
        assert self.running is not None
        self.running.kill()
        self.running.join()
        self.start()

    def start_gently(self) -> None:
        """From the start, with what it had begun finished first."""
        self.stop()
        self.start()

    def stop(self) -> int | None:
        """Ask it to stop; how it ended, if it did."""
        assert self.running is not None
        self.running.terminate()
        self.running.join(20)
        return self.running.exitcode
