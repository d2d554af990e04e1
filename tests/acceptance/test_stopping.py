"""Processes that are told to stop, while the database they share does not answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.acceptance.test_serving import until
from tests.rig import ROOT
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


ENDING = """
import asyncio
from bot import cli
from bot.service import figures
from bot.service.sender import Worker

async def look_until_it_is_silent(self):
    try:
        await asyncio.wait_for(self.database.read(figures.standing), 2)
    except TimeoutError:
        raise asyncio.CancelledError
    await asyncio.sleep(0.1)

Worker._look_round = look_until_it_is_silent
cli.main()
"""
"""The program, of which a part ends by itself once the database has not answered it for two seconds."""


@pytest.mark.parametrize("role", ["all", "worker"])
def test_what_ends_by_itself_ends_as_a_whole_though_the_database_has_gone_silent(tmp_path: Path, role: str) -> None:
    """So that whoever runs it starts it again; the log says why."""
    with durable() as server:
        study = Study(tmp_path, environment={"OWNPACE_DATABASE__URL": server.url("study")})
        study.configure(api="http://127.0.0.1:9")
        words = ["serve", "--role", role, "--port", str(study.port), "--config", str(tmp_path / "config.toml")]
        here = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **study.environment}
        with (tmp_path / "out.log").open("w") as log:
            running = subprocess.Popen([sys.executable, "-c", ENDING, *words], env=here, stdout=log, stderr=log)
        try:
            until(lambda: working(server))
            with silent(server):
                assert running.wait(2 * WITHIN) == 1
        finally:
            running.kill()
            running.wait()
    assert "ended by itself (cancelled)" in (tmp_path / "out.log").read_text()


def test_whoever_is_told_to_stop_ends_in_time_though_the_database_has_gone_silent(tmp_path: Path) -> None:
    """What was committed is safe; what was under way is found out about when they are started again.

    Somebody waits for the worker's figures, which the database would have to say.
    """
    with durable() as server:
        study = Study(tmp_path, environment={"OWNPACE_DATABASE__URL": server.url("study")})
        study.configure(api="http://127.0.0.1:9")
        processes = [Process(study, role) for role in ("web", "web", "worker")]
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
                for process, told in zip(processes, (signal.SIGINT, signal.SIGTERM, signal.SIGTERM), strict=True):
                    assert process.running is not None
                    assert process.running.pid is not None
                    os.kill(process.running.pid, told)
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
