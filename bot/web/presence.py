"""Who else has a page open, and who is writing there: known only while the program runs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

RECENT = 120.0
"""Seconds for which somebody without live pages counts as looking, after they loaded the page."""

WRITING = 20.0
"""Seconds for which somebody counts as writing, after they last did."""


class Presence:
    """Names, by page. `seconds` is a clock that never goes back."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._open: dict[str, Counter[str]] = {}
        self._seen: dict[tuple[str, str], float] = {}
        self._wrote: dict[tuple[str, str], float] = {}

    @contextmanager
    def at(self, page: str, name: str, tell: Callable[[], None]) -> Iterator[None]:
        """They have the page open for as long as this lasts; `tell` is called when it begins and ends."""
        names = self._open.setdefault(page, Counter())
        names[name] += 1
        tell()
        try:
            yield
        finally:
            names[name] -= 1
            self._seen.pop((page, name), None)
            self._wrote.pop((page, name), None)
            tell()

    def seen(self, page: str, name: str) -> None:
        """They have just loaded the page."""
        self._forget()
        self._seen[(page, name)] = self._seconds()

    def wrote(self, page: str, name: str) -> bool:
        """They are writing there; whether that is new."""
        before = self._wrote.get((page, name))
        self._wrote[(page, name)] = self._seconds()
        return before is None or self._seconds() - before > WRITING

    def others(self, page: str, name: str) -> list[str]:
        """Who else is there, as short sentences."""
        self._forget()
        here = {one for one, count in self._open.get(page, Counter()).items() if count > 0}
        here |= {one for place, one in self._seen if place == page}
        writing = {one for place, one in self._wrote if place == page}
        said = {one: "is writing here" if one in writing else "is looking at this too" for one in here | writing}
        return [f"{one} {what}." for one, what in sorted(said.items()) if one != name]

    def _forget(self) -> None:
        now = self._seconds()
        self._seen = {key: at for key, at in self._seen.items() if now - at <= RECENT}
        self._wrote = {key: at for key, at in self._wrote.items() if now - at <= WRITING}
