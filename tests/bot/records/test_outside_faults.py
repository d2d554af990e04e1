"""Another program holds the database, or the clock is set: a clear error, nothing lost, and it goes on by itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from bot.mends import database_problem
from bot.records import database
from tests.bot.world import World, on_sqlite, world


def held(study: World) -> sqlite3.Connection:
    """Another program that lets nobody else write."""
    path = study.program.settings.database.url.removeprefix("sqlite:///")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    return other


def test_a_database_that_another_program_holds_is_told_of_and_taken_up_again_when_it_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever delivers is not told that we have it, delivers again, and then it counts once."""
    monkeypatch.setattr(database, "BUSY_MS", 20)
    with world(tmp_path, **on_sqlite(tmp_path)) as study:
        code = study.consented()
        before = study.stored()
        with closing(held(study)):
            for _ in range(3):
                with pytest.raises(OperationalError) as told:
                    study.says("My answer.")
                assert "another program" in (database_problem(told.value) or "")
            assert study.stored() == before
            assert study.program.database.ready(), "it can be read meanwhile"
        study.says("My answer.")
        assert study.heard(code)[-1:] == ["My answer."]
        assert study.stored() == before + 1


@pytest.mark.parametrize("step", [timedelta(hours=-3), timedelta(days=-400), timedelta(days=400)])
def test_a_clock_that_is_set_loses_nothing_and_answers_at_once(tmp_path: Path, step: timedelta) -> None:
    with world(tmp_path) as study:
        code = study.consented()
        study.says("The first part.")
        study.clock.now += step
        study.says("The second part.")
        study.says("DONE")
        assert len(study.leave()) >= 1, "the next question"
        assert study.heard(code)[-3:] == ["The first part.", "The second part.", "DONE"]
        study.says("Another answer.")
        study.says("DONE")
        assert len(study.leave()) >= 1
        assert study.waiting() == 0
