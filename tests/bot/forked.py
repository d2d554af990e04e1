"""The commands, each in a process of its own, forked from one that has read the program: that takes seconds.

Run as a program, it reads one request a line and answers each with the exit code.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn

SECONDS = 60
"""A command that takes longer is stuck."""


@dataclass(frozen=True)
class Request:
    """A command to run in a folder, with nothing else in its environment; `typed` etc. are files there."""

    folder: str
    words: list[str]
    environment: dict[str, str]
    typed: str = ".typed"
    out: str = ".out"
    err: str = ".err"


def run(request: Request, typed: str) -> tuple[int, str]:
    """Run it: the exit code, and everything it printed, errors last."""
    files = [Path(request.folder, name) for name in (request.typed, request.out, request.err)]
    files[0].write_text(typed)
    server = _server()
    assert server.stdin
    assert server.stdout
    server.stdin.write(json.dumps(asdict(request)) + "\n")
    server.stdin.flush()
    code = int(server.stdout.readline())
    said = files[1].read_text() + files[2].read_text()
    for path in files:
        path.unlink()
    return code, said


@cache
def _server() -> subprocess.Popen[str]:
    """Ends by itself when this process does, and its requests with it."""
    return subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _serve() -> None:
    from bot import cli

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
        os.chdir(request.folder)
        os.environ.clear()
        os.environ.update(request.environment)
        _take_over(request.typed, request.out, request.err)
        _print_as_wide_as(int(request.environment["COLUMNS"]))
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


def _take_over(typed: str, out: str, err: str) -> None:
    """Read what is typed from a file, and print into files."""
    new = os.O_WRONLY | os.O_CREAT
    for number, (name, flags) in enumerate(((typed, os.O_RDONLY), (out, new), (err, new))):
        os.dup2(os.open(name, flags, 0o600), number)


def _print_as_wide_as(columns: int) -> None:
    from bot.terminal import err, out

    out.width = err.width = columns


if __name__ == "__main__":
    _serve()
