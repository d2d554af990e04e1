"""Who may do what: every page and every role, and whose conversations open to whom."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pyotp
import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.routing import Match, Route

from bot import bootstrap
from bot.messages import Address, Media, MediaKind
from bot.records.tables import audit, messages
from bot.records.unit_of_work import UnitOfWork
from bot.service import access, enrolment, handovers, second_step, staff
from bot.service.access import May
from bot.web.app import create_app
from tests.bot.web.test_signin import open_page
from tests.bot.world import PHONE, URL, World, world

PASSWORD = "three or four words"
HERE = {"origin": URL}
OPEN = {
    "/sign-in",
    "/second-step",
    "/sign-out",
    "/unsubscribe/{token}",
    "/join",
    "/join/{code}",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/webhooks/twilio/messages",
    "/webhooks/twilio/status",
    "/webhooks/telegram",
}
"""Pages that need no sign-in, or are the sign-in."""


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        for role in staff.ROLES:
            made.run(staff.add_user, role.title(), PASSWORD, role)
        yield made


@pytest.fixture
def app(study: World) -> Starlette:
    return create_app(bootstrap.web_parts(study.program), None)


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as made:
        yield made


async def sign_in(client: httpx.AsyncClient, name: str) -> httpx.Response:
    client.cookies.clear()
    fields = {"name": name, "password": PASSWORD, "next": "/"}
    return await client.post("/sign-in", data=fields, headers=HERE)


def doors(app: Starlette) -> list[tuple[str, str, May]]:
    """Method, path and what it is for, of every page behind the sign-in."""
    found = []
    for route in app.routes:
        if isinstance(route, Route) and (what := getattr(route.endpoint, "may", None)):
            method = "POST" if "POST" in (route.methods or ()) else "GET"
            found.append((method, route.path, what))
    return found


def test_every_page_is_open_on_purpose_or_says_what_it_is_for(app: Starlette) -> None:
    guarded = {path for _, path, _ in doors(app)}
    every = {route.path for route in app.routes if isinstance(route, Route)}
    assert every - guarded <= OPEN
    assert len(guarded) > 10


def filled(path: str, code: str) -> str:
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda part: code if part[1] == "code" else "1", path)


@pytest.mark.parametrize("role", staff.ROLES)
async def test_what_a_role_may_not_is_refused_and_noted_on_every_page(
    study: World, app: Starlette, client: httpx.AsyncClient, role: str
) -> None:
    code = study.enrol()
    await sign_in(client, role.title())
    refused = []
    for method, path, what in doors(app):
        if path.endswith("/live"):
            continue  # it answers for as long as the page is open; the test below asks it
        answer = await client.request(method, filled(path, code), headers=HERE)
        barred = what not in access.ROLES[role]
        assert (answer.status_code == 403) is barred, (role, method, path)
        refused += [filled(path, code)] if barred else []
    query = select(audit.c.subject).where(audit.c.act == "was refused").order_by(audit.c.id)
    noted = study.program.database.read_now(lambda uow: [row["subject"] for row in uow.all(query)])
    assert noted == refused
    assert refused or role != "coordinator"


@pytest.mark.parametrize("path", ["/participants/SW01/live"])
async def test_a_live_page_is_refused_too(study: World, client: httpx.AsyncClient, path: str) -> None:
    study.enrol()
    await sign_in(client, "Coordinator")
    assert (await client.get(path)).status_code == 403


FORMS = re.compile(r'(?:<form[^>]*?method="(post)"[^>]*?|<button[^>]*?form)action="([^"]+)"|<a [^>]*?href="(/[^"#?]*)')
"""Where the forms, buttons and links of a page lead."""


def offered(app: Starlette, page: str) -> Iterator[tuple[str, May]]:
    """Every path that a page offers, and what it is for."""
    for _posts, to, link in FORMS.findall(page):
        path, method = to or link, "POST" if to else "GET"
        scope = {"type": "http", "method": method, "path": path}
        for route in app.routes:
            if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL:
                yield path, getattr(route.endpoint, "may", May.OWN)
                break


def first(study: World, belongs: str) -> int:
    """The first message that came in and belongs so."""
    query = select(messages.c.id).where(messages.c.belongs == belongs, messages.c.direction == "in")
    found: int = study.program.database.read_now(
        lambda uow: uow.execute(query.order_by(messages.c.id).limit(1)).scalar_one()
    )
    return found


@pytest.mark.parametrize("role", staff.ROLES)
async def test_no_page_offers_what_the_role_may_not(
    study: World, app: Starlette, client: httpx.AsyncClient, role: str
) -> None:
    code = study.consented()
    study.says("My answer. And more.")
    study.says("", media=(Media(MediaKind.PICTURE, "image/png", content=b"a picture"),))
    study.says("PERSON")
    study.says("Who are you?", Address("sms", "+447700900999"))
    held, said = (first(study, belongs) for belongs in ("held", "answer"))
    await sign_in(client, role.title())
    seen: set[str] = set()
    for method, path, what in doors(app):
        if method == "GET" and not path.endswith("/live") and what in access.ROLES[role]:
            number = held if path.startswith("/holding") else said
            page = await client.get(filled(path, code).replace("/1", f"/{number}"))
            for to, needs in offered(app, page.text):
                seen.add(to)
                open_now = needs is May.CONTACT and (await client.get(to)).status_code == 200  # a person is needed
                assert needs in access.ROLES[role] or open_now, (path, to)
    assert len(seen) > 10


NO_FORMS = ("/count", "/unsent", "/simulator/{code}")
"""Sent to by no form that somebody sees, or not by one of this participant."""


@pytest.mark.parametrize("role", staff.ROLES)
async def test_whoever_signs_in_again_after_the_session_ended_lands_on_a_page_that_is_theirs(
    study: World, app: Starlette, client: httpx.AsyncClient, role: str
) -> None:
    code = study.consented()
    study.says("My answer. And more.")
    study.says("", media=(Media(MediaKind.PICTURE, "image/png", content=b"a picture"),))
    study.says("Who are you?", Address("sms", "+447700900999"))
    held, said = (first(study, belongs) for belongs in ("held", "answer"))
    sent = 0
    for method, path, what in doors(app):
        if method == "GET" or what not in access.ROLES[role] or path.endswith(NO_FORMS):
            continue
        to = filled(path, code).replace("/1", f"/{held if path.startswith('/holding') else said}")
        client.cookies.clear()
        stopped = await client.post(to, headers=HERE)
        assert stopped.status_code == 303, to
        await sign_in(client, role.title())
        landed = await client.get(
            parse_qs(urlsplit(stopped.headers["location"]).query)["next"][0], follow_redirects=True
        )
        assert landed.status_code == 200, (to, landed.url)
        assert landed.url.path in to.replace("/tasks", "/queue").replace("whose-words", "refile"), (
            "on the page on which the form stands"
        )
        sent += 1
    assert sent > 1


async def test_no_page_leads_a_researcher_to_another_ones_participant_before_a_person_is_needed(
    study: World, client: httpx.AsyncClient
) -> None:
    """A link that is refused would be noted as if they had tried."""
    study.run(staff.add_user, "Ann", PASSWORD, "researcher")
    code = study.enrol(Address("simulator", "sms/anna"), researcher="Ann")
    pages = ("/", "/simulator")
    for name, leads in (("Ann", True), ("Researcher", False), ("Key-Holder", True), ("Admin", True)):
        await sign_in(client, name)
        for path in pages:
            shown = (await client.get(path)).text
            assert (f'/{code}"' in shown or f'/{code}#end"' in shown) is leads, (name, path)
            assert f"/{code}/needs" not in shown
        assert code in (await client.get("/")).text
    study.run(UnitOfWork.open_task, "person asked", 1, None, None)
    await sign_in(client, "Researcher")
    assert (await client.get("/")).text.count(f'/participants/{code}#end"') == 2, "in the list, and under To do"


async def test_a_coordinator_never_meets_what_people_said(study: World, client: httpx.AsyncClient) -> None:
    code = study.consented()
    study.says("A secret answer.")
    await sign_in(client, "Coordinator")
    for path in ("/", f"/participants/{code}"):
        assert "A secret answer." not in (await client.get(path)).text


async def test_a_simulated_phone_shows_its_words_only_to_who_may_read_them_and_that_is_noted(
    study: World, client: httpx.AsyncClient
) -> None:
    code = study.consented(Address("simulator", "sms/anna"))
    study.says("A secret answer.", Address("simulator", "sms/anna"))
    seen = (audit.c.act == "opened a conversation", audit.c.subject == code)
    await sign_in(client, "Coordinator")
    for path in ("/simulator", f"/simulator/{code}", f"/simulator/{code}/live"):
        answer = await client.get(path)
        assert (answer.status_code, "A secret answer." in answer.text) == (403, False)
    assert "/simulator" not in (await client.get("/")).text
    assert study.count_of(audit, *seen) == 0
    await sign_in(client, "Researcher")
    assert "A secret answer." in (await client.get(f"/simulator/{code}")).text
    assert study.count_of(audit, *seen) == 1


async def test_a_conversation_opens_to_its_researcher_and_when_a_person_is_needed(
    study: World, client: httpx.AsyncClient
) -> None:
    study.run(staff.add_user, "Ann", PASSWORD, "researcher")
    code = study.consented(PHONE, researcher="ann")
    await sign_in(client, "Ann")
    assert (await client.get(f"/participants/{code}")).status_code == 200
    await sign_in(client, "Researcher")
    answer = await client.get(f"/participants/{code}")
    assert answer.status_code == 403
    assert "A coordinator can give them to you, on the page Assignments." in answer.text
    assert (await client.post(f"/participants/{code}/take-over", headers=HERE)).status_code == 403
    study.says("PERSON")
    assert (await client.get(f"/participants/{code}")).status_code == 200
    study.run(handovers.take_over, study.program.terms, code, "Researcher")
    study.run(handovers.hand_back, study.program.terms, code, "Researcher", "")
    assert (await client.get(f"/participants/{code}")).status_code == 403
    await sign_in(client, "Admin")
    assert (await client.get(f"/participants/{code}")).status_code == 200


async def test_whoever_is_fetched_for_distress_may_come_also_after_stop(
    study: World, client: httpx.AsyncClient
) -> None:
    study.run(staff.add_user, "Ann", PASSWORD, "researcher")
    code = study.consented(PHONE, researcher="Ann")
    await sign_in(client, "Researcher")
    study.says("STOP")
    assert (await client.get(f"/participants/{code}")).status_code == 403
    study.says("I want to die")
    assert (await client.get(f"/participants/{code}")).status_code == 200
    study.run(handovers.hand_back, study.program.terms, code, "Ann", "Rang them: they are safe")
    assert (await client.get(f"/participants/{code}")).status_code == 403


@pytest.mark.parametrize("who", ["Coordinator", "Key-Holder"])
async def test_nobody_is_given_to_somebody_who_cannot_write_to_them(
    study: World, client: httpx.AsyncClient, who: str
) -> None:
    code = study.consented(PHONE, researcher="Researcher")
    await sign_in(client, "Coordinator")
    page = await client.get("/assignments")
    assert re.findall(r"<option[^>]*>([^<]+)", page.text) == ["Admin", "Researcher"]
    sent = {f"was-{code}": "Researcher", f"now-{code}": who.lower()}
    answer = await client.post("/assignments", data=sent, headers=HERE)
    assert answer.status_code == 409
    assert "cannot write to participants" in answer.text
    await sign_in(client, "Researcher")
    assert (await client.get(f"/participants/{code}")).status_code == 200


@pytest.mark.parametrize("how", ["assigned to somebody else", "handed back"])
async def test_an_open_page_shows_nothing_new_once_it_is_closed_to_whoever_opened_it(
    study: World, client: httpx.AsyncClient, how: str
) -> None:
    study.run(staff.add_user, "Ann", PASSWORD, "researcher")
    code, terms = study.consented(PHONE, researcher="Ann"), study.program.terms
    who = "Ann"
    if how == "handed back":
        study.says("PERSON")
        who = "Researcher"
    await sign_in(client, who)
    parts = bootstrap.web_parts(study.program)
    parts.news.bind(asyncio.get_running_loop())
    async with open_page(parts, f"/participants/{code}/live", client.cookies["ownpace"]) as events:
        assert (await anext(events)).startswith("data: ")
        if how == "handed back":
            study.run(handovers.hand_back, terms, code, "Ann", "")
        else:
            study.run(enrolment.assign, terms, code, "Researcher", "command line")
        study.says("A secret word.")
        parts.news.tell(frozenset({"*"}))
        told = await anext(events)
        assert told.startswith("event: shut\ndata: What you see may be old. This participant is another researcher's.")
        with pytest.raises(StopAsyncIteration):
            await anext(events)
    refused = (audit.c.act == "was refused", audit.c.actor == who)
    assert study.count_of(audit, *refused) == 1


async def test_what_another_researchers_participant_sent_is_closed_too(study: World, client: httpx.AsyncClient) -> None:
    study.run(staff.add_user, "Ann", PASSWORD, "researcher")
    study.consented(PHONE, researcher="Ann")
    study.says("", media=(Media(MediaKind.PICTURE, "image/png", content=b"a picture"),))
    await sign_in(client, "Researcher")
    assert (await client.get("/media/1")).status_code == 403
    await sign_in(client, "Ann")
    answer = await client.get("/media/1")
    assert (answer.status_code, answer.content) == (200, b"a picture")


async def test_nothing_is_linked_to_another_researchers_participant(study: World, client: httpx.AsyncClient) -> None:
    study.run(staff.add_user, "Ann", PASSWORD, "researcher")
    code = study.consented(PHONE, researcher="Ann")
    study.says("Whose am I?", Address("sms", "+447700900777"))
    query = select(messages.c.id).where(messages.c.belongs == "held", messages.c.direction == "in")
    held = study.program.database.read_now(lambda uow: uow.execute(query).scalar_one())
    await sign_in(client, "Researcher")
    answer = await client.post(f"/holding/{held}/link", data={"code": code, "reason": "I know them"}, headers=HERE)
    assert "another researcher" in answer.text
    assert "Whose am I?" not in study.heard(code)


async def test_whoever_is_assigned_to_somebody_else_opens_to_them(study: World, client: httpx.AsyncClient) -> None:
    study.run(staff.add_user, "Ann", PASSWORD, "researcher")
    code = study.consented(PHONE, researcher="Ann")
    study.run(enrolment.assign, study.program.terms, code.lower(), "Researcher", "command line")
    await sign_in(client, "Researcher")
    assert (await client.get(f"/participants/{code}")).status_code == 200
    await sign_in(client, "Ann")
    assert (await client.get(f"/participants/{code}")).status_code == 403


async def test_whoever_is_assigned_to_nobody_here_is_open_to_every_researcher(
    study: World, client: httpx.AsyncClient
) -> None:
    code = study.consented(PHONE, researcher="Someone Else")
    await sign_in(client, "Researcher")
    assert (await client.get(f"/participants/{code}")).status_code == 200


async def test_opening_a_conversation_is_noted(study: World, client: httpx.AsyncClient) -> None:
    code = study.enrol()
    await sign_in(client, "Researcher")
    await client.get(f"/participants/{code}")
    seen = (audit.c.act == "opened a conversation", audit.c.subject == code, audit.c.actor == "Researcher")
    assert study.count_of(audit, *seen) == 1


async def test_every_page_with_their_words_is_noted_as_opening_a_conversation(
    study: World, client: httpx.AsyncClient
) -> None:
    code = study.consented()
    study.says("", media=(Media(MediaKind.PICTURE, "image/png", content=b"a picture"),))
    study.says("It is me.", Address("sms", "+447700900777"))
    sent, held = first(study, "answer"), first(study, "held")
    await sign_in(client, "Researcher")
    await client.post(f"/holding/{held}/link", data={"code": code, "reason": "Known"}, headers=HERE)
    seen = (audit.c.act == "opened a conversation", audit.c.subject == code, audit.c.actor == "Researcher")
    here = f"/participants/{code}"
    paths = ("", "/copy", "/refile", f"/write-ups/{sent}", f"/split/{held}")
    for opened, path in enumerate([*(here + path for path in paths), f"/holding/{held}"]):
        assert study.count_of(audit, *seen) == opened
        await client.get(path)
    assert study.count_of(audit, *seen) == 6
    parts = bootstrap.web_parts(study.program)
    parts.news.bind(asyncio.get_running_loop())
    async with open_page(parts, f"{here}/live", client.cookies["ownpace"]) as events:
        for _ in "abc":
            await anext(events)
            parts.news.tell(frozenset({"*"}))
    assert study.count_of(audit, *seen) == 7, "once for as long as the page is open"


async def test_the_second_step_by_the_pages(study: World, client: httpx.AsyncClient) -> None:
    await sign_in(client, "Researcher")
    answer = await client.get("/account/second-step")
    secret = re.search(r'name="secret" value="(\w+)"', answer.text)
    assert secret is not None
    assert "<svg" in answer.text
    now = pyotp.TOTP(secret[1])
    fields = {"secret": secret[1], "figures": now.at(study.clock.now), "password": "wrong"}
    assert (await client.post("/account/second-step", data=fields, headers=HERE)).status_code == 422
    answer = await client.post("/account/second-step", data=fields | {"password": PASSWORD}, headers=HERE)
    codes = re.findall(r"<li><code>([\w-]+)</code>", answer.text)
    assert len(codes) == 10
    answer = await sign_in(client, "Researcher")
    assert answer.headers["location"] == "/second-step?next=/"
    assert (await client.get("/")).status_code == 303, "half signed in opens nothing"
    assert "Six figures" in (await client.get("/second-step?next=/simulator")).text
    study.clock.forward(seconds=60)
    wrong = await client.post("/second-step", data={"figures": "000000", "next": "/"}, headers=HERE)
    assert wrong.status_code == 401
    right = {"figures": now.at(study.clock.now), "next": "/simulator"}
    answer = await client.post("/second-step", data=right, headers=HERE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/simulator")
    assert (await client.get("/")).status_code == 200


async def test_too_many_tries_at_the_second_step_have_to_wait(study: World, client: httpx.AsyncClient) -> None:
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    study.run(second_step.begin, "Researcher", secret, pyotp.TOTP(secret).at(study.clock.now))
    await sign_in(client, "Researcher")
    tries = [(await client.post("/second-step", data={"figures": "1"}, headers=HERE)).status_code for _ in range(9)]
    assert tries == [401] * 8 + [429]


async def test_where_the_study_requires_it_nothing_opens_before_the_second_step_is_set_up(
    study: World, app: Starlette, client: httpx.AsyncClient
) -> None:
    app.state.web.two_step_required = True
    await sign_in(client, "Researcher")
    answer = await client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert "To do:" in (await client.get("/account")).text


async def test_words_that_were_being_written_when_the_second_step_was_asked_for_are_kept(
    study: World, app: Starlette, client: httpx.AsyncClient
) -> None:
    code = study.consented()
    await sign_in(client, "Researcher")
    app.state.web.two_step_required = True
    here = f"/participants/{code}"
    answer = await client.post(f"{here}/reply", data={"text": "Written for\na long time"}, headers=HERE)
    assert (answer.status_code, "second step" in answer.text) == (403, True)
    assert (await client.post(f"{here}/count", data={"text": "Wri"}, headers=HERE)).status_code == 403
    answer = await client.post(f"{here}/note", data={"note": "She was tired"}, headers=HERE)
    assert (answer.status_code, "/unsaved" in answer.text) == (403, True)
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    study.run(second_step.begin, "Researcher", secret, pyotp.TOTP(secret).at(study.clock.now))
    assert "Written for\na long time</textarea>" in (await client.get(here)).text
    assert "She was tired</textarea>" in (await client.get("/unsaved")).text


@pytest.mark.parametrize("why", ["signed out", "second step", "another's"])
async def test_a_page_that_listens_is_told_why_it_hears_no_more(
    study: World, app: Starlette, client: httpx.AsyncClient, why: str
) -> None:
    """A browser that connects again after a while off line cannot see a status, and would say "Connection lost"."""
    study.run(staff.add_user, "Ann", PASSWORD, "researcher")
    code = study.consented(PHONE, researcher="Ann")
    if why != "signed out":
        await sign_in(client, "Researcher")
    app.state.web.two_step_required = why == "second step"
    answer = await client.get(f"/participants/{code}/live", headers={"accept": "text/event-stream"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    said = {"signed out": "not signed in any more", "second step": "second step", "another's": "another researcher's"}
    assert re.fullmatch(rf"event: shut\ndata: [^\n]*{said[why]}[^\n]*\n\n", answer.text)
