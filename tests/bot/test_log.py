"""No line of the log raises, wherever it goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from bot import log


@pytest.fixture
def lines() -> Iterator[structlog.typing.FilteringBoundLogger]:
    log.configure()
    yield structlog.get_logger()
    structlog.reset_defaults()


def test_what_a_full_disk_does_not_take_is_lost(
    lines: structlog.typing.FilteringBoundLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Path("/dev/full").open("w")  # noqa: SIM115  # closing it fails, as it still has the line
    monkeypatch.setattr("sys.stdout", full)
    lines.error("not taken")
    with pytest.raises(OSError, match="No space left"):
        full.close()
    lines.warning("not taken either, as there is no output any more")


def test_a_line_looks_as_people_know_it(
    lines: structlog.typing.FilteringBoundLogger, capsys: pytest.CaptureFixture[str]
) -> None:
    lines.error("a part failed", part="sending")
    written = capsys.readouterr().out
    structlog.reset_defaults()
    structlog.get_logger().error("a part failed", part="sending")
    assert written.split()[2:] == capsys.readouterr().out.split()[2:] != []
