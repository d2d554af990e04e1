"""What takes longer than most tests and comes out the same each time is done once in each process of the tests.

The prompts of this project are read once: what the tests get is what the program read. Any other folder is read each
time, and so is a changed word list. A password is hashed once, as the program does it, and each sign-in is checked.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any

from bot import bootstrap, prompts
from bot.interview.safeguarding import Signs, WordList
from bot.interview.schedule import Schedule
from bot.service import staff
from tests.rig import ROOT

OURS = ROOT / "prompts"

_load, _safeguarding = prompts.load, prompts.safeguarding


def load(folder: Path) -> dict[tuple[str, str], Schedule]:
    return dict(_schedules()) if folder == OURS else _load(folder)


def safeguarding(folder: Path) -> dict[str, WordList]:
    return dict(_word_lists()) if folder == OURS else _safeguarding(folder)


def signs(words: WordList) -> Signs:
    ours = (language for language, listed in _word_lists().items() if listed == words)
    return next((_signs(language) for language in ours), None) or Signs(words)


_schedules = cache(partial(_load, OURS))
_word_lists = cache(partial(_safeguarding, OURS))


@cache
def _signs(language: str) -> Signs:
    return Signs(_word_lists()[language])


_sealed = cache(staff._sealed)


def remember() -> None:
    """From here on, in this process and those forked from it."""
    places: list[tuple[Any, dict[str, Any]]] = [
        (prompts, {"load": load, "safeguarding": safeguarding}),
        (bootstrap, {"Signs": signs}),
        (staff, {"_sealed": _sealed}),
    ]
    for module, those in places:
        for name, ours in those.items():
            setattr(module, name, ours)


def read() -> None:
    """All there is to remember."""
    load(OURS)
    for words in safeguarding(OURS).values():
        signs(words)
