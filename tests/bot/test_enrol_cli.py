"""Enrolling the people of a file at the command line: looked through, batch by batch, and where it breaks off."""

from __future__ import annotations

import os
import pty
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot import people_cli
from bot.records.tables import outbox
from bot.service.batches import BATCH
from tests.bot.typed import ownpace, study_folder, write_settings
from tests.bot.world import world
from tests.rig import ROOT, forked


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with study_folder(tmp_path) as made:
        yield made


def test_a_file_of_people_that_is_a_folder_says_so(folder: Path) -> None:
    ownpace(folder, "migrate")
    code, said = ownpace(folder, "enrol", "data")
    assert code == 2
    assert "data: cannot be read: Is a directory." in said


def test_a_dry_run_finds_what_enrolling_would(folder: Path) -> None:
    ownpace(folder, "migrate")
    people = folder / "people.csv"
    row = "social-workers,simulator,sms/anna\n"
    people.write_text("cohort,channel,address\n" + row * 2)
    code, said = ownpace(folder, "enrol", "people.csv", "--dry-run")
    assert code == 2
    assert said == (
        "people.csv:3: somebody is enrolled with this simulator address already (people.csv:2); leave this one out.\n"
    )
    people.write_text("cohort,channel,address\n" + row)
    assert ownpace(folder, "enrol", "people.csv")[0] == 0
    code, said = ownpace(folder, "enrol", "people.csv", "--dry-run")
    assert code == 2
    assert "people.csv:2: somebody is enrolled with this simulator address already (SW01)" in said


def test_a_dry_run_shows_how_each_person_would_be_enrolled(folder: Path) -> None:
    ownpace(folder, "migrate")
    people = folder / "people.csv"
    people.write_text(
        "cohort;channel;address;wording;team\n"
        "social-workers;simulator;sms/anna;easy_read;hospital [b]\n"
        "disabled-adults;simulator;email/ben;;\n"
    )
    code, said = ownpace(folder, "enrol", "people.csv", "--dry-run")
    assert code == 0
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines() if "│" in line]
    assert [[row[0], row[1], row[2], row[4]] for row in rows] == [
        ["SW01", "simulator", "our researcher", "team: hospital [b]"],
        ["social-workers", "easy_read en", "", ""],
        ["P01", "simulator", "our researcher", ""],
        ["disabled-adults", "standard en", "", ""],
    ]


def test_a_dry_run_shows_what_comes_first_and_what_it_costs_and_sends_nothing(folder: Path) -> None:
    ownpace(folder, "migrate")
    (folder / "people.csv").write_text(
        "cohort,channel,address,name,wording,discreet\n"
        "social-workers,simulator,sms/anna,Anna,short,\n"
        "social-workers,simulator,sms/ben,Łukasz,short,\n"
        "social-workers,simulator,email/kim,Kim,,yes\n"
    )
    code, said = ownpace(folder, "enrol", "people.csv", "--dry-run")
    assert code == 0
    assert "costs more SMS parts for Ł" in said
    assert "is told only that a message is ready" in said
    assert re.search(
        r"To SW01 and, in the same way, 1 more: \d messages come before they answer, in \d+ SMS parts", said
    )
    assert "    Hello Anna, thank you for joining" in said
    assert "To SW03: 1 message comes before they answer. The first:" in said
    assert "Hello Kim, this is Own Pace. We have a message ready for you." in said
    assert "Hello Kim, thank you" not in said
    assert "SW0" not in ownpace(folder, "participants")[1]


def test_a_researcher_whom_nobody_knows_is_taken_for_a_slip(folder: Path) -> None:
    ownpace(folder, "migrate")
    rows = ["cohort,channel,address,researcher"]
    rows += [f"social-workers,simulator,sms/{who},{who}" for who in ("Ann", "Anne", "Cora")]
    (folder / "people.csv").write_text("\n".join(rows))
    for name, role in (("ann", "researcher"), ("Cora", "coordinator")):
        ownpace(folder, "users", "add", name, "--role", role, typed="correct horse battery\n")
    for more in ((), ("--dry-run",)):
        assert ownpace(folder, "enrol", "people.csv", *more) == (
            2,
            "people.csv:3: 'Anne' is nobody who signs in here; there is ann, our researcher. Is it somebody new? Then "
            "first: scripts/ownpace users add Anne\n"
            "people.csv:4: Cora cannot write to participants. Choose a researcher: ann, our researcher.\n",
        )
    (folder / "people.csv").write_text("\n".join(rows[:2]))
    assert ownpace(folder, "enrol", "people.csv") == (0, "Enrolled 1: SW01\n")


def test_a_channel_that_is_not_set_up_says_where_to_do_it(folder: Path) -> None:
    ownpace(folder, "migrate")
    (folder / "people.csv").write_text("cohort,channel,address\nsocial-workers,sms,+447700900123\n")
    mend = (
        "'sms' is not set up here; there is simulator. To set it up, fill in [channels.sms] in the settings and start"
    )
    for words in (["enrol", "people.csv"], ["invite", "--cohort", "social-workers", "--channel", "sms"]):
        code, said = ownpace(folder, *words)
        assert code == 2
        assert mend in said


def test_whoever_was_enrolled_a_moment_ago_is_not_reminded(folder: Path) -> None:
    ownpace(folder, "migrate")
    ownpace(folder, "enrol", "people.csv")
    said = (0, "SW01: not reminded: asked only lately\n0 {} reminded. Nothing is sent in their quiet hours.\n")
    assert ownpace(folder, "remind", "--dry-run") == (said[0], said[1].format("would be"))
    assert ownpace(folder, "remind") == (said[0], said[1].format("are"))


def test_a_file_without_people_ends_with_2(folder: Path) -> None:
    ownpace(folder, "migrate")
    (folder / "people.csv").write_text("cohort,channel,address\n")
    code, said = ownpace(folder, "enrol", "people.csv")
    assert code == 2
    assert "people.csv: there is nobody in the file" in said


def many(folder: Path, number: int) -> None:
    """A study, and a file of so many people, called by their number."""
    ownpace(folder, "migrate")
    rows = [f"social-workers,simulator,sms/p{each},n{each}" for each in range(1, number + 1)]
    (folder / "people.csv").write_text("\n".join(["cohort,channel,address,name", *rows]))


def test_a_long_file_shows_on_a_terminal_how_far_it_has_come_and_elsewhere_nothing(folder: Path) -> None:
    many(folder, 401)
    assert ownpace(folder, "enrol", "people.csv", "--dry-run")[1].endswith(
        "401 people can be enrolled. Nothing was done.\n"
    )
    words = [sys.executable, "-m", "bot", "enrol", "people.csv"]
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(folder), "PATH": "/usr/bin:/bin", "TERM": "xterm"}
    screen, terminal = pty.openpty()
    with subprocess.Popen(words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        with suppress(OSError):  # its end, on Linux
            while more := os.read(screen, 4096):
                shown += more
        os.close(screen)
        said = process.communicate()[0].decode()
    assert process.returncode == 0, shown
    assert b"Enrolling" in shown
    assert b"50%" in shown
    assert said.startswith("Enrolled 401: SW01, SW02, ")
    assert said.endswith("and so on until SW401. See: scripts/ownpace participants\n")


def test_a_long_file_whose_enrolling_was_killed_goes_on_with_the_same_command(tmp_path: Path) -> None:
    """kill -9 while a batch waits for the database: those before it stay, and nobody is enrolled or welcomed twice."""
    folder = tmp_path
    write_settings(folder)
    many(folder, 401)
    words = ["enrol", str(folder / "people.csv"), "--config", str(folder / "config.toml")]
    with closing(sqlite3.connect(folder / "data/ownpace.db", isolation_level=None)) as beside:
        process = forked.start(words, {"HOME": str(folder), "PATH": "/usr/bin:/bin"}, folder / "enrol.log")
        until(lambda: in_study(beside) or not process.is_alive())
        beside.execute("BEGIN IMMEDIATE")
        done = in_study(beside)
        assert done in range(BATCH, 401, BATCH), (folder / "enrol.log").read_text()
        process.kill()
        process.join(60)
        beside.execute("ROLLBACK")
        assert in_study(beside) == done
        said = ownpace(folder, "enrol", "people.csv", "--dry-run")[1]
        assert said.startswith(f"{done} of these were enrolled before.\n")
        assert f"\n{401 - done} p" in said
        said = ownpace(folder, "enrol", "people.csv")[1]
        assert said.startswith(f"{done} of these were enrolled before; going on.\nEnrolled {401 - done}: SW{done + 1}")
        assert ownpace(folder, "enrol", "people.csv") == (0, "401 of these were enrolled before.\n")
        assert in_study(beside) == 401
    url = f"sqlite:///{folder}/data/ownpace.db"
    with world(folder / "data", database={"url": url}, security={"key_file": folder / "data/study.key"}) as study:
        for number in (1, 200, 201, 400, 401):
            entries = study.record(f"SW{number:02}").entries
            assert [entry.body.split(",")[0] for entry in entries].count(f"Hello n{number}") == 1
        told = select(func.count()).select_from(outbox).group_by(outbox.c.participant_id)
        assert len(set(study.program.database.read_now(lambda uow: uow.execute(told).scalars().all()))) == 1


def in_study(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM participants").fetchone()[0])


def until(there: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not there():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_of_very_many_who_were_enrolled_the_first_and_the_last_are_named() -> None:
    codes = [f"P{number}" for number in range(1, 1001)]
    assert people_cli._named(codes[:100]) == ", ".join(codes[:100])
    said = people_cli._named(codes)
    assert "P100 and so on until P1000. See: scripts/ownpace participants" in said
    assert "P101" not in said
