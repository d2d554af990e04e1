"""Who may sign in: names in any case, new passwords, and an admin who is always left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import OwnPaceError, WrongUse
from bot.service import handovers, postponing, staff, theirs, work
from bot.service.staff import User
from bot.service.theirs import Theirs
from tests.bot.world import World, world

FIRST, SECOND = "three or four words", "four or five words"


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        made.run(staff.add_user, "Zoë", FIRST, "admin")
        yield made


def fits(study: World, name: str, password: str) -> User | None:
    found: User | None = study.program.database.read_now(staff.password_fits, name, password)
    return found


def test_a_name_is_the_same_in_any_case(study: World) -> None:
    user = fits(study, " zOË ", FIRST)
    assert user is not None
    assert user.name == "Zoë"
    with pytest.raises(OwnPaceError, match="There is a user Zoë already"):
        study.run(staff.add_user, "ZOË", SECOND, "researcher")


def test_the_last_admin_stays(study: World) -> None:
    study.run(staff.add_user, "Ann", SECOND, "researcher")
    with pytest.raises(OwnPaceError, match="Zoë is the last admin who can sign in"):
        study.run(staff.disable_user, "zoë")
    assert fits(study, "Zoë", FIRST)
    study.run(staff.disable_user, "Ann")
    study.run(staff.add_user, "Ben", SECOND, "admin")
    study.run(staff.disable_user, "zoë")
    assert fits(study, "Zoë", FIRST) is None


def test_the_last_admin_stays_one(study: World) -> None:
    study.run(staff.add_user, "Ann", SECOND, "researcher")
    with pytest.raises(OwnPaceError, match="Zoë is the last admin who can sign in"):
        study.run(staff.set_role, "zoë", "researcher")
    study.run(staff.set_role, "ann", "admin")
    study.run(staff.set_role, "zoë", "researcher")
    with pytest.raises(OwnPaceError, match="Ann is the last admin who can sign in"):
        study.run(staff.set_role, "Ann", "key-holder")


def test_another_role_ends_every_session_of_theirs(study: World) -> None:
    study.run(staff.add_user, "Ann", SECOND, "admin")
    token = study.run(staff.sign_in, fits(study, "Ann", SECOND))
    assert study.run(staff.set_role, "ann", "admin") == "admin"
    assert study.program.database.read_now(staff.signed_in, token)
    assert study.run(staff.set_role, "ann", "coordinator") == "admin"
    assert study.program.database.read_now(staff.signed_in, token) is None


def test_tasks_and_words_for_later_that_somebody_can_no_longer_see_to_are_counted(study: World) -> None:
    """A coordinator may keep what coordinators do; whoever is disabled keeps nothing."""
    terms = study.program.terms
    study.run(staff.add_user, "Ann", SECOND, "researcher")
    code = study.consented()
    ann = study.program.database.read_now(staff.known, "Ann")
    for kind in ("person asked", "not delivered"):
        study.run(lambda uow, kind=kind: uow.open_task(kind, 1))
    for row in study.program.database.read_now(work.page, ann).tasks:
        study.run(work.claim, ann, row.id)
    study.run(handovers.take_over, terms, code, "Ann")
    study.run(postponing.write, terms, code, "Ann", "Good morning", study.clock.now + timedelta(days=1))
    left = study.program.database.read_now(theirs.left_by, terms, "ann")
    assert left == Theirs("Ann")
    study.run(staff.set_role, "Ann", "coordinator")
    left = study.program.database.read_now(theirs.left_by, terms, "ann")
    assert left == Theirs("Ann", speaks=(code,), later=(code,), tasks=1)
    study.run(staff.disable_user, "Ann")
    left = study.program.database.read_now(theirs.left_by, terms, "ann")
    assert left == Theirs("Ann", speaks=(code,), later=(code,), tasks=2)


def test_who_is_enabled_again_has_the_password_they_had_and_is_not_signed_in(study: World) -> None:
    study.run(staff.add_user, "Ann", SECOND, "researcher")
    token = study.run(staff.sign_in, fits(study, "Ann", SECOND))
    study.run(staff.disable_user, "ann")
    study.run(staff.enable_user, "ann")
    assert fits(study, "Ann", SECOND)
    assert study.program.database.read_now(staff.signed_in, token) is None


def test_a_new_password_ends_every_session_and_the_old_one_fits_no_longer(study: World) -> None:
    token = study.run(staff.sign_in, fits(study, "Zoë", FIRST))
    with pytest.raises(WrongUse, match="at least 12 characters"):
        study.run(staff.set_password, "zoë", "short")
    study.run(staff.set_password, "zoë", SECOND)
    assert fits(study, "Zoë", FIRST) is None
    assert fits(study, "Zoë", SECOND)
    assert study.program.database.read_now(staff.signed_in, token) is None
