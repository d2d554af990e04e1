"""A form that is sent to two processes of the same study, which share nothing but the database."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest

from bot import bootstrap
from bot.records.tables import forms, messages
from bot.web.app import create_app
from tests.bot.web.conftest import Team
from tests.bot.web.test_signin import HERE
from tests.bot.world import URL


def another_process(team: Team) -> httpx.AsyncClient:
    """Ann's browser at pages whose memory is of its own."""
    app = httpx.ASGITransport(create_app(bootstrap.web_parts(team.study.program), None))
    return httpx.AsyncClient(transport=app, base_url=URL, headers=HERE, cookies=team.ann.cookies)


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one after the other"])
async def test_a_form_that_comes_to_two_processes_does_its_work_once(team: Team, at_once: bool) -> None:
    code = team.study.consented()
    await team.ann.post(f"/participants/{code}/take-over")
    here, sent = f"/participants/{code}/reply", {"key": "the same", "text": "Hello"}
    async with another_process(team) as other:
        if at_once:
            answers = list(await asyncio.gather(team.ann.post(here, data=sent), other.post(here, data=sent)))
        else:
            answers = [await team.ann.post(here, data=sent), await other.post(here, data=sent)]
        assert [answer.status_code for answer in answers] == [303, 303]
        assert team.study.count_of(messages, messages.c.author == "Ann") == 1
        await other.post(here, data=sent | {"text": "Hello again"})
    assert team.study.count_of(messages, messages.c.author == "Ann") == 2


async def test_what_was_refused_may_be_sent_again_to_another_process(team: Team) -> None:
    code = team.study.consented()
    here, sent = f"/participants/{code}/reply", {"key": "the same", "text": "Hello"}
    assert (await team.ann.post(here, data=sent)).status_code == 409
    await team.ann.post(f"/participants/{code}/take-over")
    async with another_process(team) as other:
        assert (await other.post(here, data=sent)).status_code == 303
    assert team.study.count_of(messages, messages.c.author == "Ann") == 1


async def test_where_the_answer_matters_the_second_process_says_that_it_was_done(team: Team) -> None:
    made = {"group": "social-workers, en", "channel": "", "wording": "", "number": "2", "days": "30", "key": "the same"}
    first = await team.cora.post("/invitations", data=made)
    assert first.status_code in (200, 303), first.text
    app = httpx.ASGITransport(create_app(bootstrap.web_parts(team.study.program), None))
    async with httpx.AsyncClient(transport=app, base_url=URL, headers=HERE, cookies=team.cora.cookies) as other:
        again = await other.post("/invitations", data=made)
    assert (again.status_code, "This form came twice" in again.text) == (409, True)


async def test_forms_are_forgotten_after_two_days(team: Team) -> None:
    code = team.study.consented()
    for key in ("1", "2"):
        await team.ann.post(f"/participants/{code}/note", data={"key": key, "note": "Tired"})
        team.study.clock.now += timedelta(days=3)
        team.sign_in_again()
    assert team.study.count_of(forms) == 1
