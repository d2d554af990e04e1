"""A participant's page: no word of a researcher is lost, and nothing is there that does nothing."""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from bot import bootstrap
from bot.messages import Address
from bot.service import handovers, staff
from bot.web.app import create_app
from tests.bot.web.test_signin import HERE, PASSWORD, open_page, sign_in
from tests.bot.world import URL, World, world

WORDS = "Hello <Sam>,\nhow is it going?"


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        made.run(staff.add_user, "Ann", PASSWORD, "researcher")
        yield made


@pytest.fixture
async def client(study: World) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(bootstrap.web_parts(study.program), None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL, headers=HERE) as made:
        yield made


def written(page: httpx.Response) -> str:
    """What stands in the page's field; a browser takes the first line break away (HTML standard, textarea)."""
    found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page.text, re.DOTALL)
    assert found
    return html.unescape(found[1])


def buttons(page: httpx.Response) -> set[str]:
    return set(re.findall(r"<button[^>]*>(Take over[^<]*|Hand back)</button>", page.text))


def replies(study: World, code: str) -> list[str]:
    return [entry.body for entry in study.record(code).entries if entry.author == "Ann"]


async def test_what_was_written_stays_through_taking_over_until_it_is_sent(
    study: World, client: httpx.AsyncClient
) -> None:
    code = study.consented()
    await sign_in(client)
    refused = await client.post(f"/participants/{code}/reply", data={"text": WORDS})
    assert (refused.status_code, written(refused)) == (409, WORDS)
    taken = await client.post(f"/participants/{code}/take-over", data={"text": WORDS})
    assert taken.status_code == 303
    assert "Sam" not in taken.headers["location"]
    assert written(await client.get(f"/participants/{code}")) == WORDS
    assert written(await client.get(f"/participants/{code}")) == WORDS, "loading it again loses nothing"
    sent = await client.post(f"/participants/{code}/reply", data={"text": WORDS})
    assert sent.status_code == 303
    assert written(await client.get(f"/participants/{code}")) == ""
    assert replies(study, code) == [f"{WORDS}\n\nAnn"]


async def test_what_was_written_is_there_after_signing_in_again(study: World, client: httpx.AsyncClient) -> None:
    code = study.consented()
    study.run(handovers.take_over, study.program.terms, code, "Ann")
    door = await client.post(f"/participants/{code}/reply", data={"text": WORDS})
    assert door.status_code == 401
    assert "your message was not sent. It is kept" in door.text
    for password in ("wrong", PASSWORD):
        fields = {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', door.text)}
        door = await client.post("/sign-in", data={**fields, "name": "ann", "password": password})
    assert (door.status_code, door.headers["location"]) == (303, f"/participants/{code}")
    assert written(await client.get(f"/participants/{code}")) == WORDS
    assert replies(study, code) == [], "it is theirs to send"


@pytest.mark.parametrize("where", ["note", "worry", "refile"])
async def test_other_words_are_shown_to_be_copied_after_signing_in_again(
    study: World, client: httpx.AsyncClient, where: str
) -> None:
    code = study.consented()
    field = {"note": "note", "worry": "worry", "refile": "reason"}[where]
    door = await client.post(f"/participants/{code}/{where}", data={field: WORDS})
    assert door.status_code == 401
    assert "not saved. Sign in to see your words again" in door.text
    for password in ("wrong", PASSWORD):
        fields = {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', door.text)}
        door = await client.post("/sign-in", data={**fields, "name": "ann", "password": password})
    assert door.status_code == 303
    for _ in range(2):  # loading it again loses nothing
        shown = await client.get(door.headers["location"])
        assert html.unescape(shown.text).count(WORDS) == 1
    on = await client.post("/unsaved", data={"next": f"/participants/{code}"})
    assert (on.status_code, on.headers["location"]) == (303, f"/participants/{code}")
    assert WORDS not in html.unescape((await client.get("/unsaved")).text)
    assert WORDS not in html.unescape((await client.get(f"/participants/{code}")).text), "nothing was saved by itself"


async def test_what_was_written_on_a_phone_is_there_after_signing_in_again(
    study: World, client: httpx.AsyncClient
) -> None:
    code = study.enrol(Address("simulator", "sms/anna"))
    door = await client.post(f"/simulator/{code}", data={"text": "yes", "key": "1"})
    assert door.status_code == 401
    await client.post(
        "/sign-in", data={"name": "Ann", "password": PASSWORD, "next": f"/simulator/{code}", "draft": "yes"}
    )
    assert written(await client.get(f"/simulator/{code}")) == "yes"
    await client.post(f"/simulator/{code}", data={"text": "yes", "key": "1"})
    assert written(await client.get(f"/simulator/{code}")) == ""


async def test_nobody_sees_what_somebody_else_was_writing(study: World, client: httpx.AsyncClient) -> None:
    code = study.consented()
    study.run(staff.add_user, "Ben", PASSWORD, "researcher")
    await sign_in(client)
    await client.post(f"/participants/{code}/take-over", data={"text": WORDS})
    await client.post("/sign-in", data={"name": "Ben", "password": PASSWORD})
    assert written(await client.get(f"/participants/{code}")) == ""


async def test_a_reply_whose_answer_was_lost_is_sent_once_and_other_words_are_another(
    study: World, client: httpx.AsyncClient
) -> None:
    code = study.consented()
    study.run(handovers.take_over, study.program.terms, code, "Ann")
    await sign_in(client)
    for words in ("Hello", "Hello", "Hello again"):
        await client.post(f"/participants/{code}/reply", data={"text": words, "key": "press-1"})
    assert replies(study, code) == ["Hello\n\nAnn", "Hello again\n\nAnn"]
    first, second = [
        re.findall(r'name="key" value="(\w{32})"', (await client.get(f"/participants/{code}")).text) for _ in "ab"
    ]
    assert len(set(first)) == 1, "one key for the forms of a page"
    assert first != second


@pytest.mark.parametrize("act", ["reply", "take-over", "hand-back", "move"])
async def test_following_a_forms_address_leads_to_the_record(study: World, client: httpx.AsyncClient, act: str) -> None:
    code = study.consented()
    answer = await client.get(f"/participants/{code}/{act}")
    assert answer.headers["location"] == f"/sign-in?next=/participants/{code}"
    await sign_in(client)
    answer = await client.get(f"/participants/{code}/{act}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/participants/{code}#end")


async def test_an_address_that_only_takes_forms_says_so_on_a_page(client: httpx.AsyncClient) -> None:
    answer = await client.get("/sign-out")
    assert answer.status_code == 405
    assert "There is no such page." in answer.text
    assert "<h1>" in answer.text


async def test_buttons_are_there_only_where_they_do_something(study: World, client: httpx.AsyncClient) -> None:
    code, terms = study.consented(), study.program.terms
    await sign_in(client)
    page = f"/participants/{code}"
    assert buttons(await client.get(page)) == {"Take over"}
    study.says("PERSON")
    for path in (page, "/"):
        shown = (await client.get(path)).text
        assert "Waiting for a person" in shown
        assert "With Ann" not in shown
    await client.post(f"{page}/take-over")
    mine = await client.get(page)
    assert buttons(mine) == {"Hand back"}
    assert "With Ann" in mine.text
    assert "You have the conversation." in mine.text
    assert "With Ann" in (await client.get("/")).text
    study.run(handovers.take_over, terms, code, "Ben", "yes")
    theirs = await client.get(page)
    assert buttons(theirs) == {"Take over from Ben"}
    assert "Ben has the conversation." in theirs.text
    study.run(handovers.hand_back, terms, code, "Ben")
    study.says("PERSON")
    wanted = await client.get(page)
    assert buttons(wanted) == {"Take over", "Hand back"}
    assert "nobody has taken over yet" in wanted.text
    study.run(handovers.hand_back, terms, code, "Ben")
    study.says("STOP")
    assert buttons(await client.get(page)) == set()


async def test_the_panel_shows_what_was_shown_and_what_was_replied(study: World, client: httpx.AsyncClient) -> None:
    code = study.consented(attributes={"team": "Hospital <b>"})
    await sign_in(client)
    page = (await client.get(f"/participants/{code}")).text
    assert '<strong>Yes:</strong> <q lang="en">1. I have read or heard the information' in page
    assert "They wrote <q>yes</q>, Tuesday 24 November, 12:00 pm, by text. Wording: short, text version" in page
    assert "Sam" not in page
    assert "<dt>team</dt><dd>Hospital &lt;b&gt;</dd>" in page


async def test_every_part_of_a_page_that_changes_is_live(study: World, client: httpx.AsyncClient) -> None:
    code = study.enrol(Address("simulator", "sms/anna"))
    await sign_in(client)
    parts = bootstrap.web_parts(study.program)
    for path in ("/", "/queue", f"/participants/{code}", f"/simulator/{code}"):
        page = (await client.get(path)).text
        shown = re.findall(r'data-part="(\w+)"', page)
        (live,) = re.findall(r'data-live="([^"]+)"', page)
        assert live.startswith(f"{path.rstrip('/')}/live")
        async with open_page(parts, html.unescape(live), client.cookies["ownpace"]) as events:
            told = json.loads((await anext(events)).removeprefix("data: "))
        assert sorted(told) == sorted(shown)


async def test_rows_lead_to_the_newest_message_and_tasks_come_second(study: World, client: httpx.AsyncClient) -> None:
    code = study.enrol()
    await sign_in(client)
    rows = (await client.get("/")).text
    assert f'href="/participants/{code}#end"' in rows
    assert re.findall(r'<th scope="col"[^>]*>([^<]+)', rows)[:2] == ["Code", "Tasks"]
    assert 'id="end"' in (await client.get(f"/participants/{code}")).text


async def test_the_icon_is_ours(client: httpx.AsyncClient) -> None:
    (icon,) = re.findall(r'rel="icon" href="([^"]+)"', (await client.get("/sign-in")).text)
    answer = await client.get(icon)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/svg+xml")


async def test_the_empty_list_says_who_enrols_people(client: httpx.AsyncClient) -> None:
    await sign_in(client)
    assert "A coordinator enrols people" in (await client.get("/")).text
