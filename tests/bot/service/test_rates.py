"""What a provider takes in a stretch of time is never exceeded, and what waits for it leaves in the right order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from bot.bootstrap import StudySettings, open_channels
from bot.channel import Rate, as_rate
from bot.interview.distress import URGENT
from bot.messages import Address, Outbound
from bot.records.prepared import Prepared, Values
from bot.records.tables import buckets
from bot.records.unit_of_work import UnitOfWork
from bot.service import outbox as sending
from bot.service import outcomes, outgoing
from bot.service.rates import Bucket
from channels.twilio.channel import Sms
from tests.bot.world import NOON, Post, World, on_sqlite, world

A_SECOND = timedelta(seconds=1)


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    """Two channels without a database of people: what waits is queued by `wait`."""
    slow = Post("sms", rate=Rate(10, A_SECOND))
    with world(tmp_path, {"sms": slow, "telegram": Post("telegram")}) as made:
        yield made


def wait(study: World, kind: str, lane: str, *, unasked: bool = False, texts: str | None = None) -> int:
    """A message waits to leave; its place in the outbox."""

    def queue(uow: UnitOfWork) -> int:
        key_id, key = uow.holding_key()
        words = {"key_id": key_id, "channel": kind, "belongs": "sent", "texts": texts, "body": key.seal("Hi", "body")}
        way = {"lane": lane, "address": key.seal("+447700900123", "address"), "unasked": unasked}
        return outgoing.queue(uow, words, way)

    found: int = study.run(queue)
    return found


def left_now(study: World) -> list[int]:
    """What leaves at this moment, all of it accepted; places in the outbox."""
    left = []
    while claimed := study.claim():
        for one in claimed:
            study.run(outcomes.accepted, one.seq, f"SM{one.seq}")
            left.append(one.seq)
    return left


# The bucket by itself


@given(
    rate=some.builds(Rate, some.integers(1, 100), some.timedeltas(A_SECOND, timedelta(days=1))),
    steps=some.lists(
        some.tuples(some.timedeltas(timedelta(), timedelta(minutes=5)), some.integers(0, 200)), max_size=40
    ),
)
def test_no_stretch_of_time_has_more_than_a_full_bucket_and_what_flows_in(
    rate: Rate, steps: list[tuple[timedelta, int]]
) -> None:
    """Of everybody who takes as much as there is, and sometimes a little more."""
    now, full_at, taken = NOON, None, []
    for pause, wanted in steps:
        now += pause
        bucket = Bucket.at(rate, full_at, now)
        assert bucket.left <= rate.most
        number = max(0, min(wanted, bucket.left))
        taken.append((now, number))
        full_at = now + bucket.without(number).filling
    for first, (began, _) in enumerate(taken):
        for last in range(first, len(taken)):
            most = rate.most + (taken[last][0] - began) / rate.per * rate.most
            assert sum(number for _, number in taken[first : last + 1]) <= most + 0.01


@given(most=some.integers(1, 1000), per=some.timedeltas(A_SECOND, timedelta(days=1)))
def test_an_empty_bucket_is_full_after_its_time_and_has_one_token_after_its_share(most: int, per: timedelta) -> None:
    empty = Bucket(Rate(most, per), timedelta()).without(most)
    full_at = NOON + empty.filling
    assert empty.left == 0
    assert Bucket.at(empty.rate, full_at, NOON + per).left == most
    assert Bucket.at(empty.rate, full_at, NOON + per / most + timedelta(microseconds=1)).left == 1


def test_a_clock_that_was_wrong_stops_nothing_for_long() -> None:
    rate = Rate(10, A_SECOND)
    assert Bucket.at(rate, NOON + timedelta(days=365), NOON).left == 10


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("10/s", Rate(10, A_SECOND)),
        (" 30 / m", Rate(30, 60 * A_SECOND)),
        ("500/h", Rate(500, 3600 * A_SECOND)),
        (0, None),
    ],
)
def test_a_rate_is_written_in_one_way(written: object, meant: Rate | None) -> None:
    assert as_rate(written) == meant


@pytest.mark.parametrize("written", ["", "10", "0/s", "10/y", "-1/s", "1.5/s", True, 10])
def test_what_is_no_rate_is_told_with_the_mend(written: object) -> None:
    with pytest.raises(ValueError, match='write "10/s"'):
        as_rate(written)


def test_a_channel_has_its_providers_rate_unless_the_settings_have_another() -> None:
    account = {"account_sid": "AC1", "auth_token": "secret", "from": "+447700900000"}
    rates = []
    for more in ({}, {"rate": "1/s"}, {"rate": 0}):
        settings = StudySettings(channels={"sms": account | more})
        rates.append(open_channels(settings)["sms"].rate)
    assert rates == [Sms.rate, Rate(1, A_SECOND), None]


def test_a_text_message_weighs_its_parts() -> None:
    text = Outbound("id", Address("sms", "+447700900123"), "\N{LEFT SINGLE QUOTATION MARK}" + "a" * 160, NOON)
    account = {"account_sid": "AC1", "auth_token": "secret", "from": "+447700900000"}
    assert open_channels(StudySettings(channels={"sms": account}))["sms"].weight(text) == 2


# In the outbox


def test_a_channel_sends_as_much_as_its_provider_takes_and_the_rest_later(study: World) -> None:
    places = [wait(study, "sms", f"lane {number}") for number in range(35)]
    counts, left = [], []
    for _ in range(5):
        now = left_now(study)
        counts.append(len(now))
        left += now
        study.clock.forward(seconds=1)
    assert counts == [10, 10, 10, 5, 0]
    assert left == places


def test_one_provider_that_takes_little_keeps_nobody_elses_messages_waiting(study: World) -> None:
    for number in range(200):
        wait(study, "sms", f"lane {number}")
    left_now(study)
    there = wait(study, "telegram", "another lane")
    assert left_now(study) == [there]


def test_a_provider_that_is_full_of_ours_gets_no_more_and_keeps_nobody_elses_waiting(study: World) -> None:
    for number in range(5):
        wait(study, "sms", f"lane {number}")
    there = wait(study, "telegram", "another lane")
    claimed = study.program.database.run_now(sending.claim, study.program.terms, full=lambda: frozenset({"sms"}))
    assert [one.seq for one in claimed] == [there]


def test_replies_leave_before_reminders_and_what_is_urgent_before_both(study: World) -> None:
    reminders = [wait(study, "sms", f"reminded {number}", unasked=True) for number in range(30)]
    assert left_now(study) == reminders[:10]
    replies = [wait(study, "sms", f"answered {number}") for number in range(12)]
    urgent = wait(study, "sms", "in distress", texts=URGENT[0])
    assert left_now(study) == [urgent], "it waits for no token"
    study.clock.forward(seconds=1)
    assert left_now(study) == replies[:9], "the urgent one took a token all the same"
    study.clock.forward(seconds=1)
    assert left_now(study) == [*replies[9:], *reminders[10:17]]


def test_what_is_urgent_overtakes_its_own_lane_and_nothing_else_does(study: World) -> None:
    first, second = (wait(study, "sms", "a lane", unasked=asked) for asked in (True, False))
    urgent = wait(study, "sms", "a lane", texts=URGENT[1])
    assert left_now(study) == [urgent, first, second]


def test_processes_share_the_bucket(study: World) -> None:
    for number in range(40):
        wait(study, "sms", f"lane {number}")
    claims = [study.run(sending.claim, study.program.terms, 4, f"process {number}") for number in range(8)]
    assert sum(len(claimed) for claimed in claims) == 10


def test_a_message_that_the_provider_counts_as_several_takes_as_many_tokens(
    study: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study.program.channels["sms"], "weight", lambda _message: 3)
    for number in range(10):
        wait(study, "sms", f"lane {number}")
    assert len(left_now(study)) == 4, "the fourth has the last token; the bucket owes two"
    study.clock.forward(seconds=0.2)
    assert left_now(study) == []
    study.clock.forward(seconds=0.1)
    assert len(left_now(study)) == 1


def test_no_channel_without_a_rate_has_a_bucket(study: World) -> None:
    wait(study, "telegram", "a lane")
    left_now(study)
    assert study.count_of(buckets) == 0


@given(
    lanes=some.lists(some.tuples(some.integers(0, 7), some.booleans()), min_size=1, max_size=30),
    most=some.integers(1, 12),
)
@example(lanes=[*[(0, False)] * 8, (1, False)], most=3)  # two tokens at once of a third of a second each
@settings(max_examples=25, deadline=None)  # each is some hundred commits
def test_everybodys_messages_leave_all_and_in_their_order_whatever_the_rate(
    lanes: list[tuple[int, bool]], most: int, shared: Callable[[], World]
) -> None:
    study = shared()
    study.clock.forward(hours=1)
    study.program.channels["sms"].rate = Rate(most, A_SECOND)
    places = defaultdict(list)
    for lane, unasked in lanes:
        places[lane].append(wait(study, "sms", f"lane {lane}", unasked=unasked))
    left, seconds = list[int](), 0
    while len(left) < len(lanes):
        now = left_now(study)
        assert now, "nobody waits while there are tokens"
        assert len(now) <= most
        left += now
        study.clock.forward(seconds=1)
        seconds += 1
    assert seconds == -(-len(lanes) // most)
    for theirs in places.values():
        assert [seq for seq in left if seq in theirs] == theirs


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], World]]:
    """One study for many invented backlogs: each begins an hour later, with nothing left of the one before."""
    with world(tmp_path_factory.mktemp("rates"), {"sms": Post("sms", rate=Rate(1, A_SECOND))}) as made:
        yield lambda: made  # which Hypothesis can show in few words


def test_no_statement_of_every_message_looks_through_all_that_waits(tmp_path: Path) -> None:
    """However much waits, SQLite finds what it needs in an index: by its number, its lane, or its place in turn."""
    kinds = frozenset({"sms", "telegram"})
    accepted = {"provider_id": "SM1", "given": "SM1", "changed_at": NOON, "of": 1}
    claimed = {"now": NOON, "most_sms": 1, "most_telegram": 1}
    with world(tmp_path, **on_sqlite(tmp_path)) as study:

        def plan(uow: UnitOfWork, prepared: Prepared, values: Values) -> list[str]:
            asked = prepared.statement.compile(uow.connection, column_keys=list(values))
            given = dict.fromkeys(asked.params)
            rows = uow.connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {asked}", tuple(given[name] for name in asked.positiontup or ())
            )
            return [row.detail for row in rows if "outbox" in row.detail or "waiting" in row.detail]

        steps = [
            *study.run(plan, outcomes._ACCEPTED, accepted),
            *study.run(plan, sending._ready(kinds, kinds), claimed),
        ]
    assert len(steps) > 10
    assert [step for step in steps if "SCAN" in step or step.endswith("(state=?)")] == []
