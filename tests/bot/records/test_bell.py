"""The bell between processes, on a real server: however many files are open, and when the server goes silent."""

from __future__ import annotations

import asyncio
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest

from bot.records import bell
from bot.records.bell import CHANNEL, Bell
from tests.rig import postgres
from tests.rig.faults import fault_proxy


@pytest.fixture
def url() -> Iterator[str]:
    with postgres.server().database() as made:
        yield made


@pytest.fixture
def many_files() -> Iterator[None]:
    """So many that the next one has a number that select() cannot take (FD_SETSIZE, 1024)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    with ExitStack() as files:
        while files.enter_context(socket.socket()).fileno() < 1024:
            pass
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_it_rings_also_where_a_thousand_files_are_open(url: str, many_files: None) -> None:
    rung = threading.Event()
    ears = Bell(url, lambda changed: rung.set() if "outbox" in changed else None)
    with psycopg.connect(url, autocommit=True) as another:
        for _ in range(200):  # until it listens
            another.execute("SELECT pg_notify(%s, 'outbox')", (CHANNEL,))
            if rung.wait(0.05):
                break
    ears.close()
    assert rung.is_set()


def test_a_listener_that_fails_once_hears_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "AGAIN", 0.01)
    heard: list[frozenset[str]] = []
    rung = threading.Event()

    def hear(changed: frozenset[str]) -> None:
        heard.append(changed)
        if len(heard) == 1:
            raise ValueError("once")
        rung.set()

    ears = Bell(url, hear)
    with psycopg.connect(url, autocommit=True) as another:
        for _ in range(200):
            another.execute("SELECT pg_notify(%s, 'outbox')", (CHANNEL,))
            if rung.wait(0.05):
                break
    ears.close()
    assert rung.is_set()


async def test_a_server_that_goes_silent_does_not_hold_up_the_end(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "ENDING", 0.2)
    port = postgres.server().port
    async with fault_proxy(port) as proxy:
        ears = Bell(url.replace(f":{port}/", f":{proxy.port}/"), lambda changed: None)
        await asyncio.to_thread(until_it_listens, url)
        proxy.silent = True
        ears.ring(frozenset({"outbox"}))
        await asyncio.wait_for(asyncio.to_thread(ears.close), 10)
        proxy.silent = False
        proxy.cut()
        await asyncio.to_thread(ears._thread.join, 10)
        assert not ears._thread.is_alive()
        ears.close()


def until_it_listens(url: str) -> None:
    """Returns when a connection listens and waits."""
    count = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND state = 'idle'"
    with psycopg.connect(url, autocommit=True) as asking:
        while not asking.execute(count).fetchall()[0][0]:
            asking.execute("SELECT pg_sleep(0.05)")
