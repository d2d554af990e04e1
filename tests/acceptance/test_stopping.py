"""Processes that are told to stop, while the database they share does not answer."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psycopg

from tests.acceptance.test_serving import until
from tests.rig.postgres import Server, durable
from tests.rig.study import Process, Study

WITHIN = 10.0
"""Seconds in which whoever is told to stop has ended."""


@contextmanager
def silent(server: Server) -> Iterator[None]:
    """It goes silent, as on a machine that is paused: its kernel takes what is sent to it, and nothing comes back."""
    os.kill(server.pid, signal.SIGSTOP)
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    try:
        for child in children:
            _signal(int(child), signal.SIGSTOP)
        yield
    finally:
        for process in (server.pid, *map(int, children)):
            _signal(process, signal.SIGCONT)


def _signal(process: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it was about to end by itself
        os.kill(process, what)


def working(server: Server) -> bool:
    """Whether a worker has said that it lives."""
    with psycopg.connect(server.url("study")) as look:
        return look.execute("SELECT 1 FROM leases WHERE name LIKE 'worker %'").fetchone() is not None


def test_whoever_is_told_to_stop_ends_in_time_though_the_database_has_gone_silent(tmp_path: Path) -> None:
    """What was committed is safe; what was under way is found out about when they are started again.

    Somebody waits for the worker's figures, which the database would have to say.
    """
    with durable() as server:
        study = Study(tmp_path, environment={"OWNPACE_DATABASE__URL": server.url("study")})
        study.configure(api="http://127.0.0.1:9")
        processes = [Process(study, role) for role in ("web", "worker")]
        for process in processes:
            process.start()
        try:
            for process in processes:
                process.wait()
            until(lambda: working(server))
            with silent(server), ThreadPoolExecutor(1) as monitor:
                asked = monitor.submit(httpx.get, f"http://127.0.0.1:{processes[-1].port}/metrics", timeout=30)
                httpx.get(f"http://127.0.0.1:{processes[-1].port}/health/live").raise_for_status()
                began = time.monotonic()
                for process in processes:
                    assert process.running is not None
                    process.running.terminate()
                for process in processes:
                    assert process.running is not None
                    process.running.join(WITHIN)
                    assert not process.running.is_alive(), process.role
                assert time.monotonic() - began < WITHIN
                assert asked.result().status_code == 500, "there were no figures to be had"
        finally:
            for process in processes:
                if process.running is not None:
                    process.running.kill()
    assert "may have gone silent" in (tmp_path / "worker.log").read_text()
