"""The model of capacity: it names the lowest limit, and more of what it names lifts it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bot.bootstrap import StudySettings, open_channels
from tests.bench import capacity
from tests.bench.capacity import Costs, Layout, limits, needed_connections, said

COSTS = Costs(turn_ms=2, database_ms=1, statements_ms=5, claim_ms=1, claimed=4, texts=1, segments=2)
ONE = Layout(machines=1, processes=1, cores=2, pool_size=4, database_cores=2)


def turns(layout: Layout, rate: float = 0, costs: Costs = COSTS) -> tuple[str, float]:
    first = limits(costs, layout, "sms", rate)[0]
    return first.name, first.turns


def test_one_process_is_limited_by_its_one_processor() -> None:
    assert turns(ONE) == ("our processes' processors", 500)
    assert turns(replace(ONE, processes=2))[1] == 1000


def test_more_processes_than_cores_carry_no_more() -> None:
    assert turns(replace(ONE, processes=8)) == turns(replace(ONE, processes=2))


def test_with_machines_enough_the_database_is_the_limit_and_its_cores_lift_it() -> None:
    many = replace(ONE, machines=10, processes=2)
    assert turns(many) == ("the database's processors", 2000)
    assert turns(replace(many, database_cores=3))[1] == 3000


def test_in_the_end_it_is_the_claim() -> None:
    name, most = turns(replace(ONE, machines=100, processes=2, database_cores=64))
    assert (name, most) == ("the claim of messages, one process at a time", 4000)


def test_a_pool_that_is_too_small_is_named() -> None:
    slow = replace(COSTS, statements_ms=50)
    assert turns(replace(ONE, pool_size=1), costs=slow) == ("connections in the pools", 20)


def test_a_database_on_the_same_machine_takes_its_share() -> None:
    assert turns(replace(ONE, processes=2, database_cores=0))[1] == pytest.approx(2000 / 3)


def test_the_provider_counts_parts_and_is_the_first_limit_of_most_studies() -> None:
    assert turns(ONE, rate=10) == ("the provider's rate for one sender (sms)", 5)
    words = said(COSTS, ONE, "sms")
    assert "5.0 turns a second: 18,000 an hour" in words
    assert "Without the provider's it would be 500 turns a second" in words


def test_more_connections_than_the_server_lets_in_are_named() -> None:
    many = replace(ONE, machines=4, processes=4)
    assert needed_connections(many) == 160
    assert "lets 100 connections in and they may want 160" in said(COSTS, many, "whatsapp")
    assert "connections in and" not in said(COSTS, ONE, "whatsapp")


def test_costs_come_from_the_file_of_the_bench(tmp_path: Path) -> None:
    saved = tmp_path / "costs.json"
    saved.write_text(json.dumps({"turn_ms": 0.8}))
    assert capacity.measured(saved) == replace(Costs(), turn_ms=0.8)
    saved.write_text(json.dumps({"turns": 1}))
    with pytest.raises(ValueError, match=r"costs\.json holds other things"):
        capacity.measured(saved)


def test_the_rates_of_the_model_are_those_of_the_channels() -> None:
    twilio = {"account_sid": "AC1", "auth_token": "secret", "from": "+447700900000"}
    email = {"address": "a@example.org", "smtp_host": "h", "imap_host": "h", "username": "u", "password": "p"}
    sections = {"sms": twilio, "whatsapp": twilio, "telegram": {"token": "1:a"}, "email": email}
    rates = {}
    for kind, channel in open_channels(StudySettings(channels=sections)).items():
        assert channel.rate is not None
        rates[kind] = channel.rate.most / channel.rate.per.total_seconds()
    assert rates == capacity.RATES
