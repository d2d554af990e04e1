"""The commands, each in a process of its own, forked from one that has read program and prompts: that takes seconds.

Run as a program, it reads one request a line and answers each with the exit code.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from multiprocessing import forkserver, get_context
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import NoReturn

from tests.rig import ROOT

SECONDS = 60
"""A command that takes longer is stuck."""

ONE_AT_A_TIME = Lock()

READ = [
    *("bot.cli", "bot.bootstrap", "bot.web.app", "bot.web.serve", "bot.records.postgresql", "tests.rig.read"),
    *("channels.email.channel", "channels.telegram.channel", "channels.twilio.channel"),
    *("alembic.command", "apscheduler.executors.asyncio", "apscheduler.triggers.date", "apscheduler.triggers.interval"),
    *("dateutil", "holidays", "twilio.rest.api.v2010", "twilio.rest.messaging.v1"),
    *("rich._emoji_codes", "uvicorn.lifespan.on", "uvicorn.loops.uvloop", "uvicorn.protocols.http.httptools_impl"),
]
"""What a process has read that is forked: also what the program loads only when it is in use."""


@dataclass(frozen=True)
class Request:
    """A command to run in a folder, with nothing else in its environment.

    `files` is the folder of what is typed, in typed, and of what it prints, in out and err.
    """

    folder: str
    words: list[str]
    environment: dict[str, str]
    files: str


def run(folder: Path, words: Sequence[str], environment: Mapping[str, str], typed: str = "") -> tuple[int, str]:
    """Run a command: the exit code, and everything it printed, errors last."""
    with TemporaryDirectory() as files:
        Path(files, "typed").write_text(typed)
        code = _ask(Request(str(folder), list(words), dict(environment), files))
        return code, Path(files, "out").read_text() + Path(files, "err").read_text()


def start(words: Sequence[str], environment: Mapping[str, str], log: Path) -> BaseProcess:
    """Start a command that goes on until it is told to stop, or killed; what it prints goes to the end of a file."""
    process = _forks().Process(target=_go_on, args=(list(words), dict(environment), log), daemon=True)
    process.start()
    return process


@cache
def _forks() -> ForkServerContext:
    context = get_context("forkserver")
    context.set_forkserver_preload(READ)
    with chdir(ROOT):  # where it finds what it is to read
        forkserver.ensure_running()
    return context


def _go_on(words: list[str], environment: dict[str, str], log: Path) -> None:
    from bot import cli

    with log.open("ab") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["ownpace", *words]
    cli.main()


def _ask(request: Request) -> int:
    server = _server()
    assert server.stdin
    assert server.stdout
    with ONE_AT_A_TIME:
        server.stdin.write(json.dumps(asdict(request)) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline())


@cache
def _server() -> subprocess.Popen[str]:
    """Ends with this process, as nothing more is asked."""
    words = [sys.executable, "-m", __name__]
    server = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(server.communicate)
    return server


def _serve() -> None:
    from bot import cli

    for name in READ:
        import_module(name)
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            _become(Request(**json.loads(line)), cli.main)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


def _become(request: Request, command: Callable[[], None]) -> NoReturn:
    """Be the command from here on."""
    code = 0
    try:
        signal.alarm(SECONDS)
        _take_over(Path(request.files))
        os.chdir(request.folder)
        os.environ.clear()
        os.environ.update(request.environment)
        _print_as_wide_as(int(request.environment.get("COLUMNS", "80")))
        sys.argv = ["ownpace", *request.words]
        command()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _take_over(files: Path) -> None:
    """Read what is typed from a file, and print into files."""
    new = os.O_WRONLY | os.O_CREAT
    for number, (name, flags) in enumerate((("typed", os.O_RDONLY), ("out", new), ("err", new))):
        os.dup2(os.open(files / name, flags, 0o600), number)


def _print_as_wide_as(columns: int) -> None:
    from bot.terminal import err, out

    out.width = err.width = columns


if __name__ == "__main__":
    _serve()
