"""A PostgreSQL server of the tests' own, started from the system's binaries and ended with the tests."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path

import psycopg

from tests.rig import free_port, unavailable
from tests.rig.template import make_tables

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
"""Where Debian keeps them; they are not on the path."""

OWNER = "postgres"
DURABLE = ("fsync=on", "synchronous_commit=on", "recovery_init_sync_method=syncfs")
"""As people run it; after a crash it is there again within a second."""

FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
TEMPLATE = "with_tables"


@dataclass
class Server:
    """A server in a folder of its own. `start` and `stop` as often as you like."""

    settings: tuple[str, ...] = FAST
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="ownpace-postgres-")))
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def create(self) -> None:
        self.folder.chmod(0o755)
        if os.getuid() == 0:  # PostgreSQL refuses root
            shutil.chown(self.folder, OWNER)
        run = [*as_owner(), str(BINARIES[-1].with_name("initdb")), "-D", str(self.folder / "data")]
        subprocess.run(
            [*run, "-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
            check=True,
            capture_output=True,
            cwd="/",
        )

    def start(self) -> None:
        """Serve, and return when it answers."""
        given = (f"port={self.port}", f"unix_socket_directories={self.folder}", "log_min_messages=error")
        settings = [word for setting in (*given, *self.settings) for word in ("-c", setting)]
        self.process = subprocess.Popen(
            [*as_owner(), str(BINARIES[-1]), "-D", str(self.folder / "data"), *settings],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )
        for _ in range(600):
            assert self.process.poll() is None, "PostgreSQL did not start"
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError("PostgreSQL did not answer")

    @property
    def pid(self) -> int:
        """The process that started all others of the server."""
        assert self.process is not None
        return self.process.pid

    def stop(self) -> None:
        """Stop it at once, as a machine does that fails: what was not committed is gone, and so are all connections."""
        if self.process is not None and self.process.poll() is None:
            ctl = [*as_owner(), str(BINARIES[-1].with_name("pg_ctl")), "stop", "-m", "immediate"]
            subprocess.run([*ctl, "-D", str(self.folder / "data")], check=False, capture_output=True, cwd="/")
            self.process.wait(20)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str, port: int | None = None) -> str:
        return f"postgresql://{OWNER}@127.0.0.1:{port or self.port}/{name}"

    def make_template(self) -> None:
        """A database with the tables of the program, for each test to have a copy of."""
        self.execute(f"CREATE DATABASE {TEMPLATE}")
        make_tables(self.url(TEMPLATE))

    @contextmanager
    def database(self, *, empty: bool = False) -> Iterator[str]:
        """The address of a new database, which is dropped afterwards."""
        url = self.new_database(empty=empty)
        try:
            yield url
        finally:
            self.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def new_database(self, *, empty: bool) -> str:
        """The address of a new database, which is there until the server is removed."""
        name = f"study{next(self.numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {'template0' if empty else TEMPLATE} STRATEGY FILE_COPY")
        return self.url(name)

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


def as_owner() -> list[str]:
    """PostgreSQL refuses to run as root; it ends with whoever started it, however they end."""
    owner = pwd.getpwnam(OWNER) if os.getuid() == 0 else None
    words = [f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"] if owner else []
    return ["setpriv", *words, "--pdeathsig=QUIT"]


def wanted() -> bool:
    """Whether what could be tested on either database is to be tested on this one."""
    return os.environ.get("OWNPACE_TEST_DATABASE", "sqlite") == "postgresql"


def require() -> None:
    """Skip the test where there is no PostgreSQL on this machine."""
    if not BINARIES:
        unavailable("PostgreSQL (Debian's package postgresql)")


@cache
def server() -> Server:
    """The server of this test run."""
    require()
    made = Server()
    atexit.register(made.remove)
    made.create()
    made.start()
    made.make_template()
    return made


@contextmanager
def durable() -> Iterator[Server]:
    """A server that keeps what it has committed, with an empty database called study."""
    require()
    made = Server(settings=DURABLE)
    try:
        made.create()
        made.start()
        made.execute("CREATE DATABASE study")
        yield made
    finally:
        made.remove()
