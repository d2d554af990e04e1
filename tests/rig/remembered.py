"""The prompts of this project, read once in each process of the tests: to read them takes longer than most tests.

What the tests get is what the program read. Any other folder is read each time, and so is a changed word list.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any

from bot import bootstrap, prompts
from bot.interview.safeguarding import Signs, WordList
from bot.interview.schedule import Schedule
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


def remember() -> None:
    """From here on, in this process and those forked from it."""
    places: list[tuple[Any, dict[str, Any]]] = [
        (prompts, {"load": load, "safeguarding": safeguarding}),
        (bootstrap, {"Signs": signs}),
    ]
    for module, those in places:
        for name, ours in those.items():
            setattr(module, name, ours)


def read() -> None:
    """All there is to remember."""
    load(OURS)
    for words in safeguarding(OURS).values():
        signs(words)
