"""What Prometheus is told: how the study stands and what the process has done, and nothing about anybody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot import bootstrap
from bot.messages import Address, Inbound
from bot.records.unit_of_work import UnitOfWork
from bot.service import intake
from bot.service.mailroom import Inbox
from bot.web.app import create_app
from tests.bot.web.test_webhooks import post, text
from tests.bot.world import PHONE, URL, World, world


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


@pytest.fixture
async def client(study: World) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(bootstrap.web_parts(study.program), None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as made:
        yield made


async def figures(client: httpx.AsyncClient) -> dict[str, float]:
    """Each sample by its name, and its label's value where it has one, as Prometheus' own parser reads them."""
    said = (await client.get("/metrics")).text
    samples = [sample for family in text_string_to_metric_families(said) for sample in family.samples]
    return {" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


async def test_figures_say_how_the_study_stands(study: World, client: httpx.AsyncClient) -> None:
    study.enrol()
    study.says("Who is this?", Address("sms", "+447700900999"))
    study.clock.forward(minutes=2)
    said = await figures(client)
    assert said["ownpace_outbox pending"] > 1
    assert said["ownpace_outbox unknown"] == 0
    assert said["ownpace_outbox_due_seconds"] == 120
    assert said["ownpace_interviews consent"] == 1
    assert said["ownpace_tasks_open unknown sender"] == 1
    assert said["ownpace_timers_late_seconds"] == 0

    study.leave()
    study.clock.forward(days=5)
    said = await figures(client)
    assert said["ownpace_outbox_due_seconds"] == 0
    assert said["ownpace_timers_late_seconds"] > 3600, "a reminder that nobody has woken"


async def test_figures_count_deliveries(study: World, client: httpx.AsyncClient) -> None:
    study.enrol()
    study.leave()
    before = (await figures(client)).get("ownpace_delivery_seconds_count sms", 0)
    await post(client, text("yes"))
    assert (await figures(client))["ownpace_delivery_seconds_count sms"] == before + 1


async def test_a_message_is_counted_once_by_whichever_way_it_comes(study: World, client: httpx.AsyncClient) -> None:
    """By webhook, from a mailbox or bot that is listened to, or as a provider holds it; and not where it was undone."""
    study.enrol()
    study.leave()
    terms, database = study.program.terms, study.program.database
    taken, again = "ownpace_turns_total sms taken", "ownpace_turns_total sms again"
    before = await figures(client)

    def came(key: str) -> Inbound:
        return Inbound(key, PHONE, "yes", b"yes", written_at=study.clock.now)

    def undone(uow: UnitOfWork) -> None:
        intake.take(uow, terms, "sms", [came("undone")])
        raise LookupError

    await post(client, text("yes"))
    await Inbox("sms", database, terms).take([came("fetched"), came("fetched")], "7")
    await study.program.worker._take_missed("sms", [came("missed")])
    with pytest.raises(LookupError):
        await database.run(undone)

    said = await figures(client)
    assert said[taken] - before.get(taken, 0) == 3
    assert said[again] - before.get(again, 0) == 1


async def test_figures_tell_nothing_about_anybody(study: World, client: httpx.AsyncClient) -> None:
    code = study.enrol()
    await post(client, text("yes"))
    said = (await client.get("/metrics")).text
    assert not [word for word in ("+44", "7700900", code, "Sam", "yes") if word in said]
