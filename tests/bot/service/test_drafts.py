"""Words that somebody of the team is writing are there for them until they are sent, sealed, and go with the person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from bot import bootstrap
from bot.errors import KeyFileError, OwnPaceError
from bot.messages import Address
from bot.records.tables import data_keys, drafts, tasks
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.service import drafts as unsent
from bot.service import withdrawal
from tests.bot.world import World, world
from tests.rig import traces

WORDS = "She said that the pelican is hers."


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def kept(study: World, where: str, author: str = "Ann") -> str:
    return study.program.database.read_now(unsent.kept, author, where)


def test_they_are_there_for_another_process_and_after_a_restart_and_nowhere_in_the_clear(
    study: World, tmp_path: Path
) -> None:
    here = f"/participants/{study.consented()}#note"
    study.run(unsent.keep, "Ann", here, "Before")
    study.run(unsent.keep, "Ann", here, WORDS)
    study.run(unsent.keep, "Ann", "/enrol#people", "cohort,channel,address")
    assert study.count_of(drafts) == 2, "the newest words of a place take the place of those before"
    other = bootstrap.build(study.program.settings, clock=study.clock)
    try:
        assert other.database.read_now(unsent.kept, "Ann", here) == WORDS
        assert other.database.read_now(unsent.kept, "Ann", "/enrol#people") == "cohort,channel,address"
        assert other.database.read_now(unsent.kept, "Ben", here) == ""
    finally:
        other.database.close()
    stored = traces.everything(tmp_path) + traces.values(study.program.settings.database.url)
    assert here.encode() in stored, "this looks where they are"
    assert b"pelican" not in stored
    assert b"cohort,channel" not in stored


def test_what_is_about_somebody_is_sealed_with_their_key_and_anything_else_with_the_teams(study: World) -> None:
    code = study.consented()
    study.says("PERSON")
    task = study.program.database.read_now(lambda uow: uow.execute(select(tasks.c.id)).scalars().first())
    theirs = (f"/participants/{code}", f"/participants/{code.lower()}/refile#reason", f"/simulator/{code}",
              f"/unsaved#{code}", f"/queue#outcome{task}")  # fmt: skip
    nobodys = ("/enrol#people", "/holding/1#reason", "/unsaved", "/queue#outcome999", "/participants/P99#note")
    for where in theirs + nobodys:
        study.run(unsent.keep, "Ann", where, f"{WORDS} {where}")

    def opens(uow: UnitOfWork, where: str) -> tuple[str, int | None]:
        row = uow.one(select(drafts).where(drafts.c.place == where))
        assert row
        try:
            return uow.vault.team.open(row["body"], "body"), row["participant_id"]
        except KeyFileError:
            (key_id,) = uow.execute(select(people.c.key_id).where(people.c.code == code)).scalars()
            return uow.key(key_id).open(row["body"], "body").replace(WORDS, "sealed"), row["participant_id"]

    for where in theirs:
        assert study.program.database.read_now(opens, where) == (f"sealed {where}", 1)
    for where in nobodys:
        assert study.program.database.read_now(opens, where) == (f"{WORDS} {where}", None)
    study.run(withdrawal.withdraw, study.program.terms, code, "kim")
    assert [kept(study, where) for where in theirs] == [""] * len(theirs)
    assert study.count_of(drafts) == len(nobodys)


def test_nothing_is_kept_about_somebody_whose_answers_were_deleted(study: World) -> None:
    """Also where their page is still open, before and after the receipt has left."""
    code = study.consented()
    study.run(withdrawal.withdraw, study.program.terms, code, "kim")
    study.run(unsent.keep, "Ann", f"/participants/{code}#note", WORDS)
    study.leave()
    study.run(withdrawal.finish)
    study.run(unsent.keep, "Ann", f"/participants/{code}#note", WORDS)
    assert study.count_of(drafts) == 0
    assert study.count_of(data_keys, data_keys.c.wrapped.is_(None)) > 0


def test_what_may_be_about_a_stranger_goes_when_that_stranger_is_deleted(study: World) -> None:
    study.says("I am at my sister's.", Address("sms", "+447700900555"))
    for where in ("/holding/1#reason", "/queue#outcome1", "/enrol#people"):
        study.run(unsent.keep, "Ann", where, WORDS)
    code = study.enrol(Address("sms", "+447700900555"))
    study.run(withdrawal.withdraw, study.program.terms, code, "kim")
    assert [kept(study, where) for where in ("/holding/1#reason", "/queue#outcome1")] == ["", ""]
    assert kept(study, "/enrol#people") == WORDS


def test_they_are_kept_for_a_week_since_they_were_last_changed(study: World) -> None:
    overdue = study.program.database.read_now
    study.run(unsent.keep, "Ann", "/enrol#people", "Old")
    study.run(unsent.keep, "Ann", "/queue#outcome1", "Older")
    study.clock.forward(days=6)
    study.run(unsent.keep, "Ann", "/enrol#people", "Changed")
    study.clock.forward(days=1)
    assert (kept(study, "/enrol#people"), kept(study, "/queue#outcome1")) == ("Changed", "")
    assert overdue(unsent.overdue)
    study.run(unsent.forget_old)
    assert study.count_of(drafts) == 1
    assert not overdue(unsent.overdue)


def test_what_sends_them_takes_them_away_in_the_same_commit_and_what_fails_leaves_them(study: World) -> None:
    def send(uow: UnitOfWork, problem: str) -> str:
        if problem:
            raise OwnPaceError(problem)
        return "sent"

    study.run(unsent.keep, "Ann", "/enrol#people", WORDS)
    sending = unsent.sending("Ann", "/enrol#people", send)
    with pytest.raises(OwnPaceError):
        study.run(sending, "It is full.")
    assert kept(study, "/enrol#people") == WORDS
    assert study.run(sending, "") == "sent"
    assert kept(study, "/enrol#people") == ""
