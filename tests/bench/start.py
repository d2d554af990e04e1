"""`scripts/bench --start`: how long the service takes until it is ready, and what it uses while nothing happens."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.serving import Serving
from tests.bench.spent import cpu
from tests.rig.study import Study

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


def measure(folder: Path) -> bool:
    """Print the figures; always true, for they say nothing of what is lost."""
    study = Study(folder)
    study.environment["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")  # as after the first start
    study.configure(api="http://127.0.0.1:9")
    process = Serving(study)
    process.start()
    process.wait()
    waits = []
    for _ in range(ROUNDS):
        process.stop()
        limit, began = plain(), time.perf_counter()
        process.start()
        process.wait()
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
    process.stop()
    return True


def _verdict(good: bool) -> str:
    return "met" if good else "MISSED"
