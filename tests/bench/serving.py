"""The program in interpreters of its own, as people start it: what tests fork has read more than it needs."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, field

from tests.rig import ROOT, free_port
from tests.rig.study import Study, ready


@dataclass
class Serving:
    """One serving process of a study."""

    study: Study
    role: str = "all"
    port: int = field(default_factory=free_port)

    def start(self) -> None:
        words = ["serve", "--role", self.role, "--port", str(self.port), "--config", f"{self.study.folder}/config.toml"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bot", *words], cwd=ROOT, env=self.study.surroundings(), stdout=subprocess.DEVNULL
        )

    def wait(self) -> None:
        """Return when it says that it is ready."""
        while not ready(self.port):
            assert self._process.poll() is None
            time.sleep(0.01)

    def stop(self) -> None:
        """Ask it to stop, and wait."""
        self._process.terminate()
        self._process.wait(20)

    @property
    def pid(self) -> int:
        return self._process.pid
