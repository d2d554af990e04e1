"""A clock that was ahead is put right: what waited by it waits no longer, and nothing comes early or twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.interview import moments, reminding
from bot.interview.events import TimerKind
from bot.interview.pace import is_reply
from bot.interview.reminding import REMINDERS
from bot.records import participants
from bot.records.tables import consents, interviews, messages, outbox, tasks, timers
from bot.service import conversations, outcomes, putting_right, sender
from tests.bot.service.test_lookout import OTHER, Mailbox, at_work
from tests.bot.world import NOON, PHONE, World, on_sqlite, world

WRONG = [timedelta(hours=1), timedelta(days=30), timedelta(days=30, hours=10)]
"""By how much the clock is ahead; with ten hours more it says noon at two in the morning."""


def put_right(study: World) -> timedelta | None:
    found: timedelta | None = study.run(putting_right.put_right, study.program.terms)
    return found


def rows(study: World, query: Any) -> list[dict[str, Any]]:
    return study.program.database.read_now(lambda uow: [dict(row) for row in uow.all(query)])


def due(study: World) -> dict[str, datetime]:
    return {row["kind"]: row["due"] for row in rows(study, select(timers))}


def wake(study: World) -> None:
    while study.run(conversations.wake, study.program.terms):
        pass


def reminders(study: World) -> int:
    """How many have left."""
    left = select(messages.c.texts).join(outbox, outbox.c.message_id == messages.c.id)
    return sum(row["texts"] in REMINDERS for row in rows(study, left.where(outbox.c.state == "accepted")))


@pytest.fixture
def study(tmp_path: Path) -> Any:
    with world(tmp_path) as made:
        yield made


@pytest.mark.parametrize("wrong", WRONG)
def test_a_reply_leaves_at_once_and_once(study: World, wrong: timedelta) -> None:
    code = study.consented()
    study.leave()
    study.clock.now += wrong
    study.says("My answer.")
    study.says("DONE")
    waits, heard, given = study.waiting(), study.heard(code), rows(study, select(consents))
    position = study.record(code).row.position
    study.clock.now -= wrong
    assert study.leave() == [], "nothing shows it yet"
    assert put_right(study) == wrong
    assert len(study.leave()) == waits > 0
    assert put_right(study) is None, "and it is done once"
    for _ in range(40):
        study.clock.forward(days=1)
        assert study.leave() == [], "nothing leaves twice"
    assert (study.heard(code), study.record(code).row.position) == (heard, position)
    assert rows(study, select(consents)) == given


@pytest.mark.parametrize("off", [timedelta(seconds=5), timedelta(seconds=59)])
def test_a_clock_that_is_a_little_off_changes_nothing(study: World, off: timedelta) -> None:
    study.consented()
    study.clock.now += off
    study.says("My answer.")
    study.says("DONE")
    before = rows(study, select(outbox)), rows(study, select(timers)), rows(study, select(interviews))
    study.clock.now -= off
    assert put_right(study) is None
    assert (rows(study, select(outbox)), rows(study, select(timers)), rows(study, select(interviews))) == before


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_settled_after_a_while_waits_that_while_at_most(study: World, wrong: timedelta) -> None:
    study.consented()
    study.clock.now += wrong
    study.says("My answer.")
    wait = due(study)[TimerKind.SETTLE] - study.clock.now
    study.clock.now -= wrong
    put_right(study)
    assert due(study)[TimerKind.SETTLE] == study.clock.now + wait
    study.clock.now += wait
    wake(study)
    assert TimerKind.SETTLE not in due(study)
    assert study.waiting() == 1, "the next question, which waits for its hour"


@pytest.mark.parametrize("wrong", WRONG)
def test_no_reminder_comes_early_and_none_is_forgotten(study: World, wrong: timedelta) -> None:
    study.consented()
    study.clock.now += wrong
    study.says("My answer.")
    study.says("DONE")
    wait = due(study)[TimerKind.REMIND] - study.clock.now
    study.clock.now -= wrong
    put_right(study)
    study.leave()
    asked = study.clock.now
    sent = []
    while study.clock.now < asked + timedelta(days=14):
        study.clock.forward(hours=1)
        wake(study)
        before = reminders(study)
        study.leave()
        sent += [study.clock.now - asked] * (reminders(study) - before)
    assert len(sent) == 2
    assert wait <= sent[0] < wait + timedelta(days=1)
    assert sent[1] >= timedelta(days=10)
    assert "silent" in study.open_tasks() or due(study)[TimerKind.REMIND] > study.clock.now


def test_while_the_clock_is_ahead_each_person_is_reminded_once_and_later_as_often_as_else(study: World) -> None:
    """That the clock jumped ahead nobody can know: it may be that so much time has passed."""
    for address in (PHONE, OTHER):
        study.consented(address)
    study.clock.forward(days=30)
    for _ in range(3):
        wake(study)
        study.leave()
    assert reminders(study) == 2
    assert "silent" not in study.open_tasks()
    study.clock.forward(days=-30)
    put_right(study)
    wake(study)
    assert study.leave() == []
    for _ in range(60):
        study.clock.forward(days=1)
        wake(study)
        study.leave()
    assert reminders(study) == 4
    assert study.open_tasks().count("silent") == 2


def test_nothing_that_nobody_asked_for_leaves_at_night(study: World) -> None:
    """By the clock that was wrong it was day when a reminder fell due."""
    study.consented()
    study.clock.forward(days=4)
    wake(study)
    assert study.waiting() == 1
    study.clock.forward(hours=-9)  # three in the morning
    put_right(study)
    assert study.leave() == []
    study.clock.forward(hours=6, minutes=1)
    assert len(study.leave()) == 1


def test_what_waited_for_hours_nobody_knows_of_does_not_leave_at_night(study: World) -> None:
    study.consented()
    study.clock.forward(days=30)
    study.says("My answer.")
    study.says("DONE")
    study.clock.forward(days=-30, hours=15)  # three in the morning
    put_right(study)
    assert study.leave() == []
    study.says("HELP")
    assert len(study.leave()) > 1, "they are awake"


def test_whoever_is_to_be_fetched_is_fetched_in_time(study: World) -> None:
    """Also where they have written once more since the clock is right."""
    study.consented()
    study.clock.forward(days=30)
    study.says("PERSON")
    wait = due(study)[TimerKind.ESCALATE] - study.clock.now
    study.enrol(OTHER)
    study.clock.forward(days=-30)
    study.says("Is anybody there?")
    put_right(study)
    wake(study)
    assert timedelta() < due(study)[TimerKind.ESCALATE] - study.clock.now <= wait


def test_a_pause_keeps_the_end_that_they_were_told(study: World) -> None:
    study.consented()
    study.clock.forward(days=30)
    study.says("PAUSE 2 days")
    told = due(study)[TimerKind.RESUME]
    study.clock.forward(days=-30)
    put_right(study)
    assert due(study)[TimerKind.RESUME] == told


def test_what_nobody_knows_of_is_asked_about_and_not_sent_again_by_guess(study: World) -> None:
    """The provider was asked about a time that has not come yet."""
    study.consented()
    study.clock.forward(days=30)
    study.says("My answer.")
    study.says("DONE")
    (one, *_) = study.claim()
    study.run(outcomes.unknown, one.seq, timedelta(minutes=1))
    study.clock.forward(days=-30)
    put_right(study)
    study.clock.forward(minutes=1)
    (asked,) = study.program.database.read_now(outcomes.doubtful, study.program.terms)
    assert asked.seq == one.seq
    study.run(outcomes.surely_not_sent, one.seq)
    assert one.message.body not in study.leave()
    assert "message unknown" in study.open_tasks()


def test_news_of_what_left_meanwhile_is_believed(study: World) -> None:
    study.consented()
    study.clock.forward(days=30)
    study.says("My answer.")
    study.says("DONE")
    (one, *_) = study.claim()
    study.clock.forward(days=-30)
    put_right(study)
    study.run(outcomes.accepted, one.seq, "SMlate")
    (row,) = rows(study, select(outbox).where(outbox.c.seq == one.seq))
    assert row["state"] == "accepted"
    assert one.message.body not in study.leave()


def test_the_team_is_told_once(study: World) -> None:
    """Also where the clocks of two machines differ, so that it is found again and again."""
    study.consented()
    for days in (30, 1):
        study.clock.forward(days=days)
        study.says("My answer.")
        study.clock.forward(days=-days)
        assert put_right(study) == timedelta(days=days)
    (task,) = rows(study, select(tasks).where(tasks.c.kind == putting_right.TASK))
    assert "ahead by 30 days" in task["note"]


def test_the_order_in_which_things_happened_stays(study: World) -> None:
    code = study.consented()
    participant = study.program.database.read_now(participants.by_code, study.program.terms, code)
    assert participant is not None
    now = study.clock.now

    def later(hours: float) -> datetime:
        return now + timedelta(hours=hours)

    before = participant.interview.but(reminded=(later(-90), later(1)), heard=later(2), asked=later(3), until=later(9))
    after = moments.put_right(before, now)
    assert after.reminded[0] == later(-90)
    assert after.heard is not None
    assert after.asked is not None
    assert after.reminded[1] < after.heard < after.asked < now
    assert after.until == before.until
    assert not reminding.silence(after, now).guards
    assert not is_reply(now, after.heard), "nobody knows when it was heard"


@pytest.mark.parametrize(("ahead", "reply"), [(timedelta(seconds=5), True), (timedelta(hours=1), False)])
def test_what_was_heard_by_a_clock_that_was_ahead_makes_nothing_a_reply(ahead: timedelta, reply: bool) -> None:
    assert is_reply(NOON, NOON + ahead) is reply


async def looks(study: World, many: int = 50) -> None:
    for _ in range(many):
        await study.program.worker._lookout.again()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "LOOK_AGAIN", 0.01)


@pytest.mark.usefixtures("quick")
async def test_the_worker_notices_that_the_clock_was_put_back(tmp_path: Path) -> None:
    with world(tmp_path, {"sms": Mailbox()}, **on_sqlite(tmp_path)) as study:
        study.consented()
        study.clock.forward(days=30)
        async with at_work(study.program):
            study.says("My answer.")
            await looks(study)
            assert putting_right.TASK not in study.open_tasks()
            study.clock.forward(days=-30)
            await looks(study)
            assert putting_right.TASK in study.open_tasks()


@pytest.mark.usefixtures("quick")
async def test_a_machine_that_has_just_started_may_have_a_clock_that_is_still_to_be_set(tmp_path: Path) -> None:
    """Its clock is behind, and what was written last week lies ahead: it is looked at again after some minutes."""
    with world(tmp_path, {"sms": Mailbox()}, **on_sqlite(tmp_path)) as study:
        study.consented()
        study.says("My answer.")
        before = due(study)
        study.clock.forward(days=-7)
        async with at_work(study.program):
            await looks(study)
            assert due(study) == before
            await study.program.worker._put_right()
            assert due(study)[TimerKind.SETTLE] == before[TimerKind.SETTLE] - timedelta(days=7)
