"""The door in front of every page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from bot import bootstrap
from bot.interview.wording import clock
from bot.messages import Address
from bot.records.participants import Terms
from bot.records.unit_of_work import UnitOfWork
from bot.service import outbox, outcomes, staff
from bot.web.app import create_app
from bot.web.state import Web
from tests.bot.world import URL, World, world

PASSWORD = "three or four words"
HERE = {"origin": URL}
PAGES = [
    "/",
    "/live",
    "/participants/P01",
    "/participants/P01/live",
    "/simulator",
    "/simulator/P01",
    "/simulator/P01/live",
]
BUTTONS = [
    "/participants/SW01/take-over",
    "/participants/SW01/reply",
    "/participants/SW01/hand-back",
    "/simulator",
    "/simulator/SW01",
]


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        made.run(staff.add_user, "Ann", PASSWORD, "researcher")
        yield made


@pytest.fixture
async def client(study: World) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(bootstrap.web_parts(study.program), None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as made:
        yield made


async def sign_in(client: httpx.AsyncClient, password: str = PASSWORD, target: str = "/") -> httpx.Response:
    fields = {"name": "Ann", "password": password, "next": target}
    return await client.post("/sign-in", data=fields, headers=HERE)


@pytest.mark.parametrize("path", PAGES)
async def test_nobody_sees_anything_without_signing_in(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("path", BUTTONS)
async def test_no_button_works_without_signing_in(study: World, client: httpx.AsyncClient, path: str) -> None:
    code = study.enrol()
    for words, status in (("", 303), ("Hello", 401)):
        answer = await client.post(path, data={"text": words}, headers=HERE)
        assert answer.status_code == status
    assert study.record(code).row.state == "Reading the statements"


@pytest.mark.parametrize("path", BUTTONS)
@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
async def test_a_form_of_another_site_does_nothing(
    study: World, client: httpx.AsyncClient, path: str, origin: str | None
) -> None:
    code = study.enrol()
    await sign_in(client)
    headers = {} if origin is None else {"origin": origin}
    answer = await client.post(path, data={"text": "Hello"}, headers=headers)
    assert answer.status_code == 403
    assert study.record(code).row.state == "Reading the statements"


async def test_the_right_password_opens_and_the_session_ends_with_signing_out(client: httpx.AsyncClient) -> None:
    answer = await sign_in(client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" in cookie
    token = client.cookies["ownpace"]
    assert (await client.get("/")).status_code == 200
    await client.post("/sign-out", headers=HERE)
    assert (await client.get("/", headers={"cookie": f"ownpace={token}"})).status_code == 303, "not even by its token"


async def test_a_proxy_that_passes_on_another_host_is_no_other_site(client: httpx.AsyncClient) -> None:
    fields, host = {"name": "Ann", "password": PASSWORD}, {"host": "127.0.0.1:8000"}
    plain = f"http://{URL.removeprefix('https://')}"
    for origin, status in ((URL, 303), ("https://evil.example", 403), (plain, 403), (f"{URL}:8443", 403)):
        answer = await client.post("http://127.0.0.1:8000/sign-in", data=fields, headers={"origin": origin} | host)
        assert answer.status_code == status, origin
        if status == 303:
            cookies = answer.headers.get_list("set-cookie")
            assert len(cookies) == 2
            assert all("Secure" in cookie for cookie in cookies), "whatever the proxy says of https, or does not"


async def test_whoever_comes_past_the_proxy_by_plain_http_can_sign_in(client: httpx.AsyncClient) -> None:
    here = "http://127.0.0.1:8000"
    fields = {"name": "Ann", "password": PASSWORD}
    answer = await client.post(f"{here}/sign-in", data=fields, headers={"origin": here})
    assert answer.status_code == 303
    assert "Secure" not in answer.headers["set-cookie"], "a browser would not send it back"


@pytest.mark.parametrize(("name", "password"), [("Ann", "wrong"), ("Nobody", PASSWORD), ("", ""), ("Ann", "")])
async def test_a_wrong_name_or_password_gets_the_same_answer(
    client: httpx.AsyncClient, name: str, password: str
) -> None:
    answer = await client.post("/sign-in", data={"name": name, "password": password}, headers=HERE)
    assert answer.status_code == 401
    assert "do not fit together" in answer.text


async def test_guessing_is_slowed_down(client: httpx.AsyncClient) -> None:
    codes = [(await sign_in(client, "wrong")).status_code for _ in range(9)]
    assert codes == [401] * 8 + [429]
    assert (await sign_in(client)).status_code == 429, "even the right one has to wait"
    other_case = await client.post("/sign-in", data={"name": " aNN", "password": PASSWORD}, headers=HERE)
    assert other_case.status_code == 429, "and so does the same name in another case"


async def test_a_session_ends_by_itself(study: World, client: httpx.AsyncClient) -> None:
    await sign_in(client)
    study.clock.forward(hours=12, minutes=1)
    assert (await client.get("/")).status_code == 303


async def test_a_disabled_user_is_out_at_once(study: World, client: httpx.AsyncClient) -> None:
    await sign_in(client)
    study.run(staff.disable_user, "Ann")
    assert (await client.get("/")).status_code == 303
    assert (await sign_in(client)).status_code == 401


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
async def test_signing_in_never_leads_to_another_site(client: httpx.AsyncClient, target: str) -> None:
    assert (await sign_in(client, target=target)).headers["location"] == "/"


async def test_words_of_a_participant_are_shown_as_words(study: World, client: httpx.AsyncClient) -> None:
    code = study.enrol(Address("simulator", "sms/anna"))
    await sign_in(client)
    await client.post(f"/simulator/{code}", data={"text": "<script>alert(1)</script>"}, headers=HERE)
    page = (await client.get(f"/participants/{code}")).text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


async def test_pages_are_kept_by_no_cache_and_framed_by_nobody(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/sign-in")).headers
    assert headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]


async def test_health_tells_nothing_about_anybody(study: World, client: httpx.AsyncClient) -> None:
    study.enrol()
    assert (await client.get("/health/live")).text == "live\n"
    assert (await client.get("/health/ready")).text == "ready\n"


async def test_a_phone_whose_message_is_sent_twice_by_one_press_says_it_once(
    study: World, client: httpx.AsyncClient
) -> None:
    code = study.enrol(Address("simulator", "sms/anna"))
    await sign_in(client)
    for _ in range(2):
        await client.post(f"/simulator/{code}", data={"text": "yes", "key": "press-1"}, headers=HERE)
    assert study.heard(code) == ["yes"]
    await client.post(f"/simulator/{code}", data={"text": "yes!", "key": "press-1"}, headers=HERE)
    assert study.heard(code) == ["yes", "yes!"], "other words are another message, whatever the key"


async def test_every_phone_that_is_opened_has_a_key_of_its_own(study: World, client: httpx.AsyncClient) -> None:
    code = study.enrol(Address("simulator", "sms/anna"))
    await sign_in(client)
    pages = [(await client.get(f"/simulator/{code}")).text for _ in range(2)]
    first, second = (re.findall(r'type="hidden" name="key" value="(\w{32})"', each)[0] for each in pages)
    assert first != second


def reach_phones(uow: UnitOfWork, terms: Terms) -> None:
    """Everything that waits reaches its phone."""
    while claimed := outbox.claim(uow, terms):
        for one in claimed:
            outcomes.accepted(uow, one.seq, one.message.id)


async def test_a_phone_says_how_far_each_message_has_come(study: World, client: httpx.AsyncClient) -> None:
    code = study.enrol(Address("simulator", "sms/anna"))
    await sign_in(client)
    path = f"/simulator/{code}"
    page = (await client.get(path)).text
    assert "Hello Sam" not in page, "what has not left is not on the phone"
    assert re.search(r"\d messages are on the way to this phone", page)
    study.clock.forward(minutes=7)
    study.run(reach_phones, study.program.terms)
    await client.post(path, data={"text": "yes"}, headers=HERE)
    page = (await client.get(path)).text
    assert re.search(r"Hello Sam.*?</p>\n.*Reached this phone", page, re.DOTALL)
    assert clock(study.clock.now.astimezone(study.program.settings.study.zone)) in page, "the time it reached the phone"
    assert re.search(r"<strong>You</strong>.*\n.*yes</p>\n.*Received by the study", page)
    assert "1 message is on the way to this phone" in page, "the next statement"


OUT = {
    "disabled": lambda study, token: study.run(staff.disable_user, "Ann"),
    "signed out": lambda study, token: study.run(staff.sign_out, token),
    "the session ends": lambda study, token: study.clock.forward(hours=12, minutes=1),
}


@pytest.mark.parametrize("out", OUT.values(), ids=OUT.keys())
@pytest.mark.parametrize("path", ["/participants/{code}/live", "/live", "/simulator/{code}/live"])
async def test_whoever_is_out_sees_nothing_new_on_a_page_that_is_open(
    study: World, client: httpx.AsyncClient, out: Callable[[World, str], object], path: str
) -> None:
    code = study.enrol(Address("simulator", "sms/anna"))
    await sign_in(client)
    parts = bootstrap.web_parts(study.program)
    parts.news.bind(asyncio.get_running_loop())
    async with open_page(parts, path.format(code=code), client.cookies["ownpace"]) as events:
        assert "data: " in await anext(events)
        parts.news.tell(frozenset({"*"}))
        assert await anext(events) == "event: here\ndata:\n\n", "who is signed in stays"
        out(study, client.cookies["ownpace"])
        parts.news.tell(frozenset({"*"}))
        assert await anext(events) == (
            "event: shut\ndata: You are not signed in any more. What you are writing stays here: sign in on a new tab, "
            "then load this page again.\n\n"
        )
        with pytest.raises(StopAsyncIteration):
            await anext(events)


@asynccontextmanager
async def open_page(parts: Web, path: str, token: str) -> AsyncIterator[AsyncIterator[str]]:
    """A page of server-sent events, read one by one as a browser does."""
    queue: asyncio.Queue[str | None] = asyncio.Queue()

    async def receive() -> dict[str, object]:
        return await asyncio.Future()

    async def send(message: MutableMapping[str, object]) -> None:
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            assert isinstance(body, bytes)
            await queue.put(body.decode() if message.get("more_body") else None)

    async def events() -> AsyncIterator[str]:
        while (event := await queue.get()) is not None:
            yield event

    headers = [(b"cookie", f"ownpace={token}".encode())]
    path, _, query = path.partition("?")
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query.encode()}
    app = create_app(parts, None)
    reading = asyncio.create_task(app({**scope, "headers": headers}, receive, send))
    try:
        yield events()
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
