"""What whoever watches the service is told, and that asking holds up nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path

import httpx
import pytest
from sqlalchemy.exc import OperationalError
from starlette.routing import Route

from bot import bootstrap
from bot.service import sender
from bot.web import app, health
from bot.web.app import create_app
from bot.web.pages import environment
from tests.bot.world import URL, World, on_sqlite, world
from tests.rig.disk import no_file_beyond


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def browser(study: World) -> httpx.AsyncClient:
    served = create_app(bootstrap.web_parts(study.program), None)
    return httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url=URL)


async def test_a_database_that_goes_silent_is_told_of_and_holds_up_nothing(
    study: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    speaks = threading.Event()

    def silent() -> bool:
        asked.append("again")
        return speaks.wait(10)

    monkeypatch.setattr(study.program.database, "ready", silent)
    monkeypatch.setattr(health, "PATIENCE", 0.2)
    async with browser(study) as client:
        probes = [asyncio.create_task(client.get("/health/ready")) for _ in range(3)]
        assert (await client.get("/health/live")).text == "live\n"
        assert not any(probe.done() for probe in probes), "the process lives, whatever the database does"
        for probe in probes:
            answer = await probe
            assert (answer.status_code, answer.text) == (503, "the database does not answer\n")
        assert len(asked) == 1, "one question at a time"
        speaks.set()
        assert (await client.get("/health/ready")).text == "ready\n"


async def test_a_worker_answers_its_monitor_and_nobody_else(study: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No page of the desk and no webhook; what a part of the worker lacks is said, and how long no round was good."""
    study.enrol()
    worker = study.program.worker
    served = health.create_app(worker)
    assert {route.path for route in served.routes if isinstance(route, Route)} == {
        "/health/live",
        "/health/ready",
        "/metrics",
    }
    assert len(served.routes) == 3
    async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url=URL) as monitor:
        for place in ("/", "/sign-in", "/static/desk.css", "/webhooks/telegram"):
            assert (await monitor.get(place)).status_code == 404
        assert (await monitor.post("/webhooks/twilio/messages", data={"Body": "yes"})).status_code == 404

        worker._good["sending"] = asyncio.get_running_loop().time()
        assert (await monitor.get("/health/live")).text == "live\n"
        assert (await monitor.get("/health/ready")).text == "ready\n"
        said = (await monitor.get("/metrics")).text
        assert 'ownpace_part_seconds{part="sending"}' in said
        assert 'ownpace_interviews{state="consent"} 1.0' in said
        assert "# TYPE ownpace_sends_total counter" in said

        monkeypatch.setattr(sender, "LATE_AFTER", -1.0)
        late = await monitor.get("/health/ready")
        assert (late.status_code, late.text) == (503, "sending stands still\n")


async def test_while_the_database_fails_a_process_still_says_what_it_has_done_itself(
    study: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(*_: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    async with browser(study) as client:
        assert "ownpace_interviews" in (await client.get("/metrics")).text
        monkeypatch.setattr(study.program.database, "read", read)
        answer = await client.get("/metrics")
        assert answer.status_code == 200
        assert "ownpace_sends_total" in answer.text
        assert "ownpace_interviews" not in answer.text


async def test_it_is_told_that_nothing_can_be_stored_until_something_can(tmp_path: Path) -> None:
    """Nobody has to write for that: whoever balances the load sends nothing to a service that is not ready."""
    with world(tmp_path, **on_sqlite(tmp_path)) as study:
        code = study.consented()
        async with browser(study) as client:
            with no_file_beyond(4096):
                with pytest.raises(OperationalError):
                    study.says("My answer.")
                for _ in range(2):
                    answer = await client.get("/health/ready")
                    assert answer.status_code == 503
                    assert answer.text == "the database cannot be read or written\n"
            assert (await client.get("/health/ready")).text == "ready\n"
            study.says("My answer.")
            assert study.heard(code)[-1:] == ["My answer."]


async def test_open_pages_hear_of_changes_again_after_the_database_has_failed(
    study: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, told = bootstrap.web_parts(study.program), asyncio.Event()
    versions: Iterator[int | None] = chain([1, None, None], repeat(2))

    def version() -> int:
        if (known := next(versions)) is None:
            raise OSError("the disk is away")
        return known

    monkeypatch.setattr(app, "LOOK_AGAIN", 0.01)
    monkeypatch.setattr(study.program.database, "version", version)
    monkeypatch.setattr(parts.news, "tell", lambda _changed: told.set())
    served = create_app(parts, None)
    async with served.router.lifespan_context(served):
        await asyncio.wait_for(told.wait(), 10)


def test_an_upgrade_changes_no_page_of_a_process_that_still_runs(tmp_path: Path) -> None:
    """Neither one that was shown before nor another."""
    shown, other = tmp_path / "shown.html", tmp_path / "other.html"
    for file in (shown, other):
        file.write_text("the old version")
    templates = environment(tmp_path)
    assert templates.get_template("shown.html").render() == "the old version"
    for file in (shown, other):
        file.write_text("{{ known.only.to.the.new.version }}")
    assert templates.get_template("shown.html").render() == "the old version"
    assert templates.get_template("other.html").render() == "the old version"
