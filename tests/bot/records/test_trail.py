"""The audit trail: what was changed, taken out or cut off in it is seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.records import trail
from bot.records.trail import Verdict
from bot.records.unit_of_work import UnitOfWork
from bot.records.vault import Vault
from tests.bot.world import World, world


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        for number in range(5):
            made.run(UnitOfWork.note, "Kim", "looked", f"P{number:02}")
        yield made


def verdict(study: World, known: str = "") -> Verdict:
    return study.program.database.read_now(lambda uow: trail.verify(uow.connection, uow.vault, known))


def tamper(study: World, statement: str) -> None:
    """Somebody with the database but not the key, who has taken its own guard away first."""

    def change(uow: UnitOfWork) -> None:
        if uow.connection.dialect.name == "sqlite":
            for act in ("update", "delete"):
                uow.execute(text(f"DROP TRIGGER audit_no_{act}"))
        else:
            uow.execute(text("DROP TRIGGER audit_append_only ON audit"))
        uow.execute(text(statement))

    study.run(change)


def test_a_trail_that_nobody_touched_is_whole(study: World) -> None:
    found = verdict(study)
    assert found.lines >= 5
    assert (found.broken, found.unchained) == (None, 0)
    assert verdict(study, found.newest).known
    assert not verdict(study, "0" * 16).known


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'Sam' WHERE subject = 'P02'",
        "UPDATE audit SET subject = 'P09' WHERE subject = 'P02'",
        "UPDATE audit SET at = '2020-01-01 00:00:00' WHERE subject = 'P02'",
        "UPDATE audit SET detail = '{\"a\": 1}' WHERE subject = 'P02'",
        "UPDATE audit SET chain = NULL WHERE subject = 'P02'",
        "DELETE FROM audit WHERE subject = 'P02'",
        "INSERT INTO audit (actor, act, detail, at) VALUES ('Sam', 'looked', '{}', '2027-01-01 00:00:00')",
    ],
)
def test_a_line_that_was_changed_taken_out_or_slipped_in_is_seen(study: World, statement: str) -> None:
    tamper(study, statement)
    assert verdict(study).broken is not None


def test_lines_cut_off_at_the_end_are_seen_by_who_wrote_down_a_later_link(study: World) -> None:
    newest = verdict(study).newest
    tamper(study, "DELETE FROM audit WHERE subject IN ('P03', 'P04')")
    assert verdict(study, newest) == Verdict(verdict(study).lines, 0, None, verdict(study).newest, known=False)


def test_the_links_cannot_be_made_again_without_the_study_key(study: World) -> None:
    other = Vault(b"another key of thirty-two bytes!")
    found = study.program.database.read_now(lambda uow: trail.verify(uow.connection, other))
    assert found.broken == 1
