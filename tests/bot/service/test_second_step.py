"""The second step of signing in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest

from bot.errors import WrongUse
from bot.service import second_step, staff
from tests.bot.world import World, world

PASSWORD = "three or four words"


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        made.run(staff.add_user, "Ann", PASSWORD, "researcher")
        yield made


def figures(study: World, secret: str) -> str:
    return pyotp.TOTP(secret).at(study.clock.now)


def set_up(study: World) -> tuple[str, list[str]]:
    secret = second_step.new_secret()
    return secret, study.run(second_step.begin, "Ann", secret, figures(study, secret))


def fits(study: World, written: str) -> bool:
    found: bool = study.run(second_step.fits, "Ann", written)
    return found


def test_it_begins_only_when_the_authenticator_shows_the_right_figures(study: World) -> None:
    secret = second_step.new_secret()
    wrong = f"{(int(figures(study, secret)) + 1) % 1_000_000:06}"
    with pytest.raises(WrongUse, match="figures"):
        study.run(second_step.begin, "Ann", secret, wrong)
    assert not study.program.database.read_now(staff.known, "Ann").two_steps
    set_up(study)
    assert study.program.database.read_now(staff.known, "Ann").two_steps


def test_figures_work_once_and_only_about_now(study: World) -> None:
    secret, _ = set_up(study)
    assert not fits(study, figures(study, secret)), "they were used to set it up"
    study.clock.forward(seconds=30)
    now = figures(study, secret)
    assert fits(study, f" {now[:3]} {now[3:]}")
    assert not fits(study, now), "somebody who looked on cannot use them"
    study.clock.forward(seconds=30)
    late = figures(study, secret)
    study.clock.forward(seconds=30)
    assert fits(study, late), "clocks differ a little"
    study.clock.forward(minutes=5)
    assert not fits(study, late)
    assert not fits(study, "")


def test_each_recovery_code_works_once_and_new_ones_replace_them(study: World) -> None:
    _, codes = set_up(study)
    assert len(set(codes)) == second_step.RECOVERY_CODES
    assert fits(study, codes[0].upper().replace("-", " "))
    assert not fits(study, codes[0])
    newer = study.run(second_step.new_codes, "Ann")
    assert not fits(study, codes[1])
    assert fits(study, newer[1])


def test_a_session_that_waits_for_the_second_step_opens_nothing(study: World) -> None:
    secret, codes = set_up(study)
    user = study.program.database.read_now(staff.password_fits, "Ann", PASSWORD)
    half = study.run(staff.sign_in, user)
    assert study.program.database.read_now(staff.signed_in, half) is None
    assert study.run(staff.finish_sign_in, half, "000000") is None
    whole = study.run(staff.finish_sign_in, half, codes[0])
    assert study.program.database.read_now(staff.signed_in, whole) == user
    assert study.program.database.read_now(staff.signed_in, half) is None
    assert study.run(staff.finish_sign_in, half, codes[1]) is None, "it is over"
    later = study.run(staff.sign_in, user)
    study.clock.forward(minutes=11)
    assert study.run(staff.finish_sign_in, later, figures(study, secret)) is None, "too late"


def test_who_lost_everything_gets_in_by_the_password_after_somebody_made_sure(study: World) -> None:
    set_up(study)
    assert study.run(second_step.drop, "Ann", "command line")
    assert not study.run(second_step.drop, "Ann", "command line")
    user = study.program.database.read_now(staff.password_fits, "Ann", PASSWORD)
    assert study.program.database.read_now(staff.signed_in, study.run(staff.sign_in, user)) == user
