"""What of the processors a process has used, and everything it started (Linux)."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

PARENT, OWN, ENDED = 1, slice(11, 13), slice(11, 15)
"""Where they stand in /proc/PID/stat after the name: the parent; user and system ticks; and those of ended children."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of a processor: by our processes, by the database's own, and by the phones and the provider."""

    ours: float
    database: float
    outside: float

    @property
    def together(self) -> float:
        return self.ours + self.database + self.outside

    def __add__(self, more: Spent) -> Spent:
        return Spent(self.ours + more.ours, self.database + more.database, self.outside + more.outside)

    def share(self, turns: int) -> Spent:
        """Milliseconds of it for each turn."""
        each = 1000 / turns
        return Spent(self.ours * each, self.database * each, self.outside * each)

    def since(self, before: Spent) -> Spent:
        return Spent(self.ours - before.ours, self.database - before.database, self.outside - before.outside)


def cpu(pid: int) -> float:
    """Seconds of a processor that a process has used so far."""
    return _seconds(_stat(pid), OWN)


def tree(pid: int) -> float:
    """The same of it and of all it started, those that have ended among them."""
    children = _children()
    return sum(_seconds(_stat(one), ENDED) for one in _with_all(pid, children))


def now(ours: Iterable[int], database: int) -> Spent:
    """So far; `database` is the process that starts those of the database."""
    return Spent(sum(map(cpu, ours)), tree(database), cpu(os.getpid()))


def _with_all(pid: int, children: Mapping[int, list[int]]) -> Iterable[int]:
    yield pid
    for child in children.get(pid, []):
        yield from _with_all(child, children)


def _children() -> Mapping[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for one in Path("/proc").iterdir():
        if one.name.isdigit() and (fields := _stat(int(one.name))):
            found[int(fields[PARENT])].append(int(one.name))
    return found


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended
        return []


def _seconds(fields: list[str], which: slice) -> float:
    return sum(int(one) for one in fields[which]) / os.sysconf("SC_CLK_TCK")
