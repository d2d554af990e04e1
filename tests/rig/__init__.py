"""Real servers for the tests: programs of others, started on this machine and ended by the test that started them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def unavailable(what: str) -> None:
    """Skip, saying what could not be used; where everything is required (OWNPACE_REQUIRE_ALL=1) it is a failure."""
    if os.environ.get("OWNPACE_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is required here")
    pytest.skip(what)
