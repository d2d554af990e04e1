"""What a process that only works says to whoever watches it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from starlette.routing import Route

from bot.service import sender
from bot.web import health
from tests.bot.world import URL, world


async def test_a_worker_answers_its_monitor_and_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No page of the desk and no webhook; what a part of the worker lacks is said, and how long no round was good."""
    with world(tmp_path) as study:
        study.enrol()
        worker = study.program.worker
        app = health.create_app(worker)
        assert {route.path for route in app.routes if isinstance(route, Route)} == {
            "/health/live",
            "/health/ready",
            "/metrics",
        }
        assert len(app.routes) == 3
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as monitor:
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
