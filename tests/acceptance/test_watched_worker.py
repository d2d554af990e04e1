"""A real process that only works, and the monitor that watches it."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.acceptance.test_serving import until
from tests.rig import ROOT, forked, free_port, postgres
from tests.rig.study import Study

LISTENS = "0A"
"""The state of a socket in /proc/net/tcp (include/net/tcp_states.h of Linux)."""


def listens_at(process: int) -> list[int]:
    """The ports at which a process listens."""
    own = {link.readlink().name for link in Path(f"/proc/{process}/fd").iterdir() if link.is_symlink()}
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]
    ]
    return [
        int(line[1].rpartition(":")[2], 16) for line in lines if line[3] == LISTENS and f"socket:[{line[9]}]" in own
    ]


@contextmanager
def worker(study: Study, log: str, environment: dict[str, str]) -> Iterator[int]:
    """A worker with this environment; its process id, once it says that it works."""
    words = ["serve", "--role", "worker", "--config", str(study.folder / "config.toml")]
    said = study.folder / log
    said.touch()
    running = forked.start(words, environment, said)
    try:
        until(lambda: "Own Pace works here" in said.read_text())
        assert running.pid is not None
        yield running.pid
        running.terminate()
        running.join(20)
        assert running.exitcode == 0
    finally:
        running.kill()


def test_a_worker_listens_where_it_is_told_to_and_nowhere_else(tmp_path: Path) -> None:
    """It answers a monitor there, has no other page, and says what to mend where another has its port."""
    postgres.require()
    study, port = Study(tmp_path, database=postgres.server().new_database(empty=True)), free_port()
    study.configure(api="http://127.0.0.1:9")
    told = {"OWNPACE_SERVER__WORKER_PORT": str(port)}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as monitor, worker(study, "told.log", told) as process:
        assert listens_at(process) == [port]
        until(lambda: monitor.get("/health/ready").text == "ready\n")
        assert monitor.get("/health/live").text == "live\n"
        until(lambda: 'ownpace_part_seconds{part="timers"}' in monitor.get("/metrics").text)  # after its first round
        assert monitor.get("/").status_code == monitor.get("/sign-in").status_code == 404

        with worker(study, "untold.log", {}) as process:
            assert listens_at(process) == []
        study.environment |= told
        said = study.command("serve", "--role", "worker", code=1)
        assert f"Cannot listen at 127.0.0.1, port {port}: Address already in use." in said
        assert "worker_port in [server], or --port" in said

        began = time.monotonic()
    assert time.monotonic() - began < 10, "a monitor's open connection does not keep it from stopping"


def test_the_check_of_a_container_asks_where_the_settings_say(tmp_path: Path) -> None:
    """Of a server with pages, and of a worker."""
    (line,) = re.findall(r"^HEALTHCHECK .*CMD (.*)$", (ROOT / "scripts/Containerfile").read_text(), re.MULTILINE)
    study = Study(tmp_path, database=postgres.server().new_database(empty=True))
    study.configure(api="http://127.0.0.1:9")
    here = {"OWNPACE_CONFIG": str(tmp_path / "config.toml"), "OWNPACE_SERVER__WORKER_PORT": str(free_port())}

    def ended() -> int:
        return subprocess.run(json.loads(line), cwd=ROOT, env=here).returncode

    assert ended() == 1, "nothing is served"
    study.start()
    try:
        assert ended() == 0
    finally:
        study.stop()
    assert ended() == 1
    with worker(study, "worker.log", here):
        until(lambda: ended() == 0)
