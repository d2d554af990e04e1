"""What every command has in hand: where it prints, and which settings it is run with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bot import bootstrap
from bot.bootstrap import Program
from bot.channel import Channel

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

ConfigPath = Annotated[
    Path, typer.Option("--config", help="The study's settings.", metavar="PATH", envvar="OWNPACE_CONFIG")
]
CONFIG = Path("config.toml")

ACTOR = "command line"
"""Who did it, in the trail, where a command was given."""


@contextmanager
def opened(path: Path, channels: Mapping[str, Channel] | None = None) -> Iterator[Program]:
    """The program with these settings, closed afterwards; with `channels` in place of those of the settings."""
    program = bootstrap.build(bootstrap.load_settings(path), channels=channels)
    try:
        yield program
    finally:
        program.database.close()
