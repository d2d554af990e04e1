"""A real serving process, when what is around it fails."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx

from tests.bench.outside import Api, Phones, text
from tests.rig.study import Study

PHONE = "+447700900301"


@contextmanager
def network(phones: Phones) -> Iterator[str]:
    """A provider that takes every text at once; its address."""
    listening, loop, end = socket.create_server(("127.0.0.1", 0)), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        server = await loop.create_server(lambda: Api(phones), sock=listening)
        await end.wait()
        server.close()

    with closing(loop), ThreadPoolExecutor(1) as pool:
        serving = pool.submit(loop.run_until_complete, serve())
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            loop.call_soon_threadsafe(end.set)
            serving.result()


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not become so"
        time.sleep(0.05)


def rename(study: Study, old: str, new: str) -> None:
    with closing(sqlite3.connect(study.folder / "data" / "ownpace.db", timeout=20)) as database:
        database.execute(f"ALTER TABLE {old} RENAME TO {new}")


def without_good_round(study: Study, part: str) -> float:
    """For how many seconds."""
    found = re.search(rf'part="{part}"}} ([\d.]+)', httpx.get(f"{study.url}/metrics").text)
    assert found
    return float(found[1])


def test_where_the_log_cannot_be_written_texts_leave_all_the_same(tmp_path: Path) -> None:
    """Whoever read it has gone, and then a part of the worker fails for some seconds, which would be a line in it."""
    phones, study = Phones(), Study(tmp_path)
    log = tmp_path / "read by somebody"
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    with network(phones) as api:
        study.configure(api=api)
        study.start(log)
        try:
            os.close(reader)
            rename(study, "postponed", "away")
            until(lambda: without_good_round(study, "looking") > 3)
            rename(study, "away", "postponed")
            study.enrol(f"social-workers,sms,{PHONE},short,P01")
            until(lambda: bool(phones.texts[PHONE]))
            before = len(phones.texts[PHONE])
            with socket.create_connection(("127.0.0.1", study.port)) as delivery:
                delivery.sendall(text(study.url, PHONE, f"SM{1:032}", "HELP"))
                assert b" 200 " in delivery.recv(4096)
            until(lambda: len(phones.texts[PHONE]) > before)
        finally:
            study.stop()


def test_told_to_stop_it_ends_within_ten_seconds_whoever_else_is_slow(tmp_path: Path) -> None:
    """A provider that has a text in hand and does not answer, and a delivery of which only half has come."""
    study = Study(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as provider:
        study.configure(api=f"http://127.0.0.1:{provider.getsockname()[1]}")
        study.start()
        assert study.process is not None
        try:
            study.enrol(f"social-workers,sms,{PHONE},short,P01")
            with ExitStack() as open_lines:
                until(lambda: b"POST" in open_lines.enter_context(provider.accept()[0]).recv(4096))
                half = open_lines.enter_context(socket.create_connection(("127.0.0.1", study.port)))
                half.sendall(b"POST /webhooks/twilio/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n")
                httpx.get(f"{study.url}/health/live").raise_for_status()
                began = time.monotonic()
                study.process.terminate()
                study.process.join(30)
                assert study.process.exitcode is not None
                assert time.monotonic() - began < 10
        finally:
            study.kill()
