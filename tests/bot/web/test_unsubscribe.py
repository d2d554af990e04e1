"""STOP by the link in a mail, media that cannot run here, and moving somebody from their page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from bot import bootstrap
from bot.messages import Address
from bot.records.tables import outbox
from bot.service import staff
from bot.web.app import create_app
from tests.bot.world import PHONE, URL, Post, World, world

SAVED = "application/octet-stream"


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, {"sms": Post("sms"), "email": Post("email")}) as made:
        yield made


@pytest.fixture
async def client(study: World) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(bootstrap.web_parts(study.program), None)
    headers = {"origin": URL}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL, headers=headers) as made:
        yield made


async def signed_in(study: World, client: httpx.AsyncClient) -> None:
    study.run(staff.add_user, "Ann", "three or four words", "researcher")
    await client.post("/sign-in", data={"name": "Ann", "password": "three or four words"})


def token(study: World) -> str:
    """The link's part that says whose mail it was."""
    return str(study.program.database.read_now(lambda uow: uow.execute(select(outbox.c.id)).scalars().first()))


async def test_a_post_stops_everything_without_signing_in_and_however_often(
    study: World, client: httpx.AsyncClient
) -> None:
    code = study.consented()
    for _ in range(2):
        answer = await client.post(f"/unsubscribe/{token(study)}", data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
    assert study.record(code).row.state == "Stopped messages"
    assert study.waiting() == 0


async def test_following_the_link_only_asks(study: World, client: httpx.AsyncClient) -> None:
    """Scanners of mail follow every link."""
    code = study.consented()
    answer = await client.get(f"/unsubscribe/{token(study)}")
    assert "Stop the messages" in answer.text
    assert study.record(code).row.state == "Answering"


async def test_a_link_of_nobody_is_answered_the_same_and_stops_nobody(study: World, client: httpx.AsyncClient) -> None:
    code = study.consented()
    assert (await client.post("/unsubscribe/nobody")).status_code == 200
    assert study.record(code).row.state == "Answering"


async def test_a_researcher_moves_somebody_from_their_page(study: World, client: httpx.AsyncClient) -> None:
    code = study.consented()
    await signed_in(study, client)
    wrong = await client.post(f"/participants/{code}/move", data={"kind": "pigeon", "address": "roof"})
    assert wrong.status_code == 409
    assert "not set up here" in wrong.text
    moved = await client.post(f"/participants/{code}/move", data={"kind": "email", "address": "sam@example.org"})
    assert moved.status_code == 303
    assert study.record(code).row.channel == "email"
    study.leave()
    study.says("Hello", Address("email", "sam@example.org"))
    assert study.heard(code)[-1] == "Hello"
    assert study.says("Still me", PHONE).value == "taken"
