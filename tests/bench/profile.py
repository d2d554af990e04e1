"""Where a turn's time goes: the functions that held the interpreter, looked at 500 times a second by py-spy."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

RATE = 500
MOST = 25
"""So many functions of ours are named."""

PARTS = ("bot/interview/", "bot/records/", "bot/service/", "bot/web/", "bot/", "channels/")
FRAME = re.compile(r"(?P<name>.+) \((?P<file>[^()]+?)(:\d+)?\)$")


@dataclass
class Profile:
    """Samples by thread, by the part of the program whose function ran, and by each function of ours on the way."""

    samples: int = 0
    threads: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)

    def print(self) -> None:
        """Shares of all samples, the largest first."""
        print(f"Who held the interpreter, in {self.samples:,} looks:")
        for title, found, most in (
            ("by thread", self.threads, MOST),
            ("by what ran just then", self.parts, MOST),
            ("by the functions of ours that were at work, with all they call", self.ways, MOST),
        ):
            print(f"  {title}")
            for name, number in found.most_common(most):
                print(f"    {number / self.samples:6.1%}  {name}")


@contextmanager
def taken(pid: int, file: Path) -> Iterator[None]:
    """Look at a process as long as this lasts; the samples are in the file then. Ends the program where that fails."""
    spy = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or "py-spy"
    words = [spy, "record", "--gil", "--threads", "--format", "raw", "--rate", str(RATE), "--duration", "3600"]
    looking = subprocess.Popen(
        [*words, "--output", str(file), "--pid", str(pid)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        yield
    finally:
        looking.send_signal(2)  # Ctrl-C: it writes what it has
        _, said = looking.communicate(timeout=60)
    if not file.exists():
        sys.exit(f"py-spy could not look at the program. Root may, or: sysctl kernel.yama.ptrace_scope=0\n{said}")


def read(lines: Iterable[str]) -> Profile:
    """What py-spy wrote: in each line the frames to a function, parted by semicolons, and how often it was seen."""
    profile = Profile()
    for line in lines:
        way, _, number = line.rpartition(" ")
        thread, *frames = way.split(";")
        profile.samples += int(number)
        profile.threads[re.sub(r"^thread \(.*?\): ", "", thread)] += int(number)
        profile.parts[_part(frames[-1])] += int(number)
        for name in {_function(frame) for frame in frames if _part(frame) in PARTS and _part(frame) != "bot/"}:
            profile.ways[name] += int(number)
    return profile


def _part(frame: str) -> str:
    """Our own part, a library's name, or Python."""
    found = FRAME.match(frame)
    file = found["file"] if found else frame
    ours = next((part for part in PARTS if file.startswith(part)), "")
    return ours or (file.split("/")[0] if "/" in file else "Python itself")


def _function(frame: str) -> str:
    found = FRAME.match(frame)
    return f"{found['name']} ({found['file']})" if found else frame
