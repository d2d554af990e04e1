"""The code stands for the person on every page; who they are is shown on purpose, and noted."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import select

from bot.records.tables import audit
from bot.service import handovers, staff
from tests.bot.web import test_access
from tests.bot.web.conftest import Team
from tests.bot.web.test_access import HERE, sign_in
from tests.bot.web.test_conversation import leave
from tests.bot.world import PHONE, World

study, app, client = test_access.study, test_access.app, test_access.client
SAFELY = "Only by text; he reads my mail"


def noted(study: World, act: str) -> list[tuple[str, str]]:
    query = select(audit.c.actor, audit.c.subject).where(audit.c.act == act).order_by(audit.c.id)
    return study.program.database.read_now(lambda uow: [(row["actor"], row["subject"]) for row in uow.all(query)])


@pytest.mark.parametrize("role", staff.ROLES)
async def test_no_page_shows_a_name_an_address_or_how_to_reach_somebody(
    study: World, client: httpx.AsyncClient, role: str
) -> None:
    code = study.consented(attributes={"safe_contact": SAFELY, "note": "Sam likes mornings"})
    study.says("I text.")
    study.says("PERSON")
    study.run(handovers.take_over, study.program.terms, code, "Admin")
    study.run(handovers.reply, study.program.terms, code, "Admin", "Hello {name}, SAM.")
    study.leave()
    await sign_in(client, "Admin")
    await client.post(f"/participants/{code}/note", data={"note": "Sam sounded tired"}, headers=HERE)
    await client.post(f"/participants/{code}/worry", data={"worry": "Sam is afraid"}, headers=HERE)
    study.clock.forward(days=5)
    await sign_in(client, role.title())
    paths = ["/", "/queue", "/progress", "/reminders", "/assignments", f"/participants/{code}/contact"]
    paths += [f"/participants/{code}{more}" for more in ("", "/refile", "/copy", "/write-ups", "/field-notes.txt")]
    for path in paths:
        page = (await client.get(path)).text
        for secret in ("Sam", "SAM", PHONE.value, "he reads my mail"):
            assert secret not in page, (path, secret)
    page = (await client.get(f"/participants/{code}")).text
    if role != "coordinator":
        assert f"Hello [{code}], thank you for joining" in page
        assert f"Hello [{code}], [{code}]." in page
        assert f"<dd>[{code}] likes mornings</dd>" in page
        assert "They have said how it is safe to reach them." in page
        found = await client.post("/search", data={"words": "Sam"}, headers=HERE)
        assert "Nothing found" in found.text


@pytest.mark.parametrize("role", ["Coordinator", "Key-Holder", "Admin"])
async def test_name_and_addresses_are_shown_to_whoever_asks_and_may_and_that_is_noted(
    study: World, client: httpx.AsyncClient, role: str
) -> None:
    code = study.enrol(attributes={"safe_contact": SAFELY})
    await sign_in(client, role)
    first = await client.get(f"/participants/{code.lower()}/contact")
    assert "the trail keeps who looked" in first.text
    assert noted(study, "saw name and contact details") == []
    page = (await client.post(f"/participants/{code.lower()}/contact", headers=HERE)).text
    for shown in ("<dd>Sam</dd>", f"<dd>{PHONE.value}</dd>", SAFELY):
        assert shown in page
    assert noted(study, "saw name and contact details") == [(role, code)]
    for method in ("GET", "POST"):
        assert (await client.request(method, "/participants/SW99/contact", headers=HERE)).status_code == 404


async def test_a_researcher_sees_them_while_a_person_is_needed_and_nobody_else_is_that_person(
    study: World, client: httpx.AsyncClient
) -> None:
    study.run(staff.add_user, "Ann", "three or four words", "researcher")
    code, terms = study.consented(), study.program.terms
    where = f"/participants/{code}/contact"

    async def offered_and_open(who: str) -> tuple[bool, bool]:
        await sign_in(client, who)
        offered = f'href="{where}"' in (await client.get(f"/participants/{code}")).text
        return offered, "<dd>Sam</dd>" in (await client.post(where, headers=HERE)).text

    assert await offered_and_open("Ann") == (False, False)
    assert noted(study, "was refused") == [("Ann", where)]
    study.says("PERSON")
    assert await offered_and_open("Ann") == (True, True)
    study.run(handovers.take_over, terms, code, "Ann")
    assert await offered_and_open("Ann") == (True, True)
    assert await offered_and_open("Researcher") == (False, False)
    study.run(handovers.hand_back, terms, code, "Ann")
    assert await offered_and_open("Ann") == (False, False)
    study.says("I want to die")
    assert await offered_and_open("Researcher") == (True, True)


async def test_a_message_that_greets_by_name_arrives_with_it_and_the_preview_shows_it(team: Team) -> None:
    code, terms = team.study.consented(), team.study.program.terms
    team.study.run(handovers.take_over, terms, code, "Ann")
    text = "Hello {name}. Is {this} right?"
    page = await team.ann.post(f"/participants/{code}/preview", data={"text": text})
    assert "Hello Sam. Is {this} right?\n\nAnn" in page.text
    assert noted(team.study, "saw the name in a message") == [("Ann", code)]
    await team.ann.post(f"/participants/{code}/reply", data={"text": text})
    assert leave(team.study) == ["Hello Sam. Is {this} right?\n\nAnn"]
    assert f"Hello [{code}]. Is {{this}} right?" in (await team.ann.get(f"/participants/{code}")).text
    (detail,) = team.study.program.database.read_now(
        lambda uow: [row["detail"] for row in uow.all(select(audit).where(audit.c.act == "wrote"))]
    )
    assert detail["greeted"] == "by name"
