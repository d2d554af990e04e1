"""Whether what is served on this machine says that it is ready, as a container asks: `python -m bot.web.healthy`.

It asks at the ports that the settings name, a server's and a worker's: it is not told which of the two runs here.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from bot.config import load_without_channels

PATIENCE = 6
"""Seconds for which an answer is waited for: the server itself gives its database five."""


def healthy(config: Path) -> bool:
    """Whether one of them answers that it is ready. Raises ConfigError or OSError where settings cannot be read."""
    server = load_without_channels(config.read_text(encoding="utf-8-sig"), config).server
    return any(_ready(port) for port in (server.port, server.worker_port) if port)


def _ready(port: int) -> bool:
    with suppress(OSError, HTTPException), closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as asked:
        asked.request("GET", "/health/ready")
        return asked.getresponse().status == 200
    return False


if __name__ == "__main__":
    sys.exit(0 if healthy(Path(os.environ.get("OWNPACE_CONFIG", "config.toml"))) else 1)
