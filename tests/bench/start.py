"""`scripts/bench --start`: how long the service takes until it is ready, and what it uses while nothing happens."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.spent import cpu
from tests.rig import ROOT
from tests.rig.study import Study, ready

ROUNDS = 3
IDLE = 20.0
"""Seconds over which it is watched."""

SETTLING = 5.0
"""Seconds after it is ready that do not count."""

MOST_SECONDS, MOST_SHARE = 2.0, 0.01


def plain() -> float:
    """Seconds until Python itself has started and ended: what the machine makes of nothing."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - began


def start(study: Study) -> subprocess.Popen[bytes]:
    """Serve it in an interpreter of its own, as people do; returns when it is ready."""
    words = [sys.executable, "-m", "bot", "serve", "--config", str(study.folder / "config.toml")]
    process = subprocess.Popen(words, cwd=ROOT, env=study.surroundings(), stdout=subprocess.DEVNULL)
    while not ready(study.port):
        assert process.poll() is None
        time.sleep(0.01)
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(20)


def measure(folder: Path) -> bool:
    """Print the figures; always true, for they say nothing of what is lost."""
    study = Study(folder)
    study.environment["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")  # as after the first start
    study.configure(api="http://127.0.0.1:9")
    process = start(study)
    waits = []
    for _ in range(ROUNDS):
        stop(process)
        limit, began = plain(), time.perf_counter()
        process = start(study)
        waits.append(time.perf_counter() - began)
        used = cpu(process.pid)
        print(f"  ready after {waits[-1]:.2f} s, {used:.2f} s of it at work; Python alone starts in {limit:.2f} s")
    ready = statistics.median(waits)
    print(
        f"Start to ready: {ready:.2f} s, the median (target <= {MOST_SECONDS:.0f}: {_verdict(ready <= MOST_SECONDS)})"
    )
    time.sleep(SETTLING)
    before = cpu(process.pid)
    time.sleep(IDLE)
    share = (cpu(process.pid) - before) / IDLE
    print(f"Idle: {share:.1%} of a processor (target <= {MOST_SHARE:.0%}: {_verdict(share <= MOST_SHARE)})")
    stop(process)
    return True


def _verdict(good: bool) -> str:
    return "met" if good else "MISSED"
