"""What every command has in hand: where it prints, and which settings it is run with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from bot import bootstrap
from bot.bootstrap import Program
from bot.channel import Channel

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

ConfigPath = Annotated[
    Path, typer.Option("--config", help="The study's settings.", metavar="PATH", envvar="OWNPACE_CONFIG")
]
CONFIG = Path("config.toml")

HERE = ("127.0.0.1", "localhost", "::1")
"""Names of this machine that mean nothing to any other."""

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


@contextmanager
def bar(*, needed: bool = True) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on a terminal, told what is done, how much of it and of how much; elsewhere nothing."""
    if not (needed and err.is_terminal):
        yield lambda _label, _done, _total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("")
        yield lambda label, done, total: progress.update(task, description=label, completed=done, total=total)
