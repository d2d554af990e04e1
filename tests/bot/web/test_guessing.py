"""Whoever guesses passwords is slowed down, and nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher

from bot import bootstrap
from bot.records.tables import users
from bot.records.unit_of_work import UnitOfWork
from bot.service import staff
from bot.web import guessing
from bot.web.app import create_app
from tests.bot.web.test_signin import HERE, PASSWORD
from tests.bot.world import URL, World, world

ADDRESS, OTHER = "8.8.8.8", "9.9.9.9"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
NOBODY = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("nobody's")

Browser = Callable[[str], httpx.AsyncClient]


def add(uow: UnitOfWork, name: str) -> None:
    uow.execute(users.insert().values(name=name, password=QUICK, role="researcher", created_at=uow.now))


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(staff, "_nobody", lambda: NOBODY)
    with world(tmp_path) as made:
        made.run(add, "Ann")
        yield made


@pytest.fixture
async def browser(study: World) -> AsyncIterator[Browser]:
    """A new browser at an address."""
    app = create_app(bootstrap.web_parts(study.program), None)
    async with AsyncExitStack() as stack:

        def made(address: str) -> httpx.AsyncClient:
            transport = httpx.ASGITransport(app, client=(address, 4711))
            client = httpx.AsyncClient(transport=transport, base_url=URL, headers=HERE)
            stack.push_async_callback(client.aclose)
            return client

        yield made


async def tried(client: httpx.AsyncClient, password: str = "wrong", name: str = "Ann") -> int:
    return (await client.post("/sign-in", data={"name": name, "password": password})).status_code


async def test_many_names_from_one_address_are_slowed_down(study: World, browser: Browser) -> None:
    many, elsewhere = browser(ADDRESS), browser(OTHER)
    codes = [await tried(many, name=f"user{number}") for number in range(guessing.OF_AN_ADDRESS + 1)]
    assert codes == [401] * guessing.OF_AN_ADDRESS + [429]
    assert await tried(elsewhere, PASSWORD) == 303
    study.clock.forward(seconds=61)
    assert await tried(many, name="somebody") == 401


@pytest.mark.parametrize("proxy", ["127.0.0.1", "::1", "10.0.0.7", "172.18.0.2", "fd00::1", "::ffff:127.0.0.1", ""])
async def test_a_proxys_address_is_everybodys_and_never_shut_out(proxy: str) -> None:
    assert guessing.source(proxy) == ""


def test_a_network_of_ipv6_is_one_address() -> None:
    one, other, elsewhere = (guessing.source(f"2a00:1450:4001:{net}") for net in ("800::1", "800:1:2:3:4", "801::1"))
    assert one == other != elsewhere
    assert guessing.source(f"::ffff:{ADDRESS}") == ADDRESS


async def test_nobody_can_shut_out_somebody_who_has_signed_in_before(browser: Browser) -> None:
    own, stranger = browser(ADDRESS), browser(ADDRESS)
    assert await tried(own, PASSWORD) == 303
    assert [await tried(stranger) for _ in range(9)] == [401] * 8 + [429]
    assert await tried(stranger, PASSWORD) == 429
    assert await tried(own, PASSWORD) == 303
    assert [await tried(own) for _ in range(9)] == [401] * 8 + [429], "with the cookie alone nobody guesses faster"


async def test_the_cookie_of_one_opens_no_way_to_guess_at_another(study: World, browser: Browser) -> None:
    study.run(add, "Ben")
    ben, stranger = browser(ADDRESS), browser(OTHER)
    assert await tried(ben, PASSWORD, "Ben") == 303
    assert [await tried(stranger) for _ in range(9)] == [401] * 8 + [429]
    assert await tried(ben, PASSWORD) == 429
    stranger.cookies.set(guessing.KNOWN, "made-up.0123")
    assert await tried(stranger, PASSWORD) == 429


async def test_the_cookie_says_nothing_about_anybody_and_goes_only_where_one_signs_in(browser: Browser) -> None:
    answer = await browser(ADDRESS).post("/sign-in", data={"name": "Ann", "password": PASSWORD})
    (cookie,) = [each for each in answer.headers.get_list("set-cookie") if each.startswith(guessing.KNOWN)]
    assert "ann" not in cookie.casefold().replace("ownpace", "")
    assert {"httponly", "path=/sign-in", "secure", "samesite=lax"} <= set(cookie.casefold().split("; "))


async def test_a_name_too_long_to_be_one_gets_the_same_answer_and_is_kept_nowhere(browser: Browser) -> None:
    client = browser(ADDRESS)
    for _ in range(9):
        answer = await client.post("/sign-in", data={"name": "x" * 100_000, "password": "p"})
        assert (answer.status_code, "do not fit together" in answer.text) == (401, True)
        assert "x" * 61 not in answer.text
    assert await tried(client, PASSWORD) == 303


async def test_tries_at_once_are_counted_before_they_are_checked(browser: Browser) -> None:
    client = browser(ADDRESS)
    assert sorted(await asyncio.gather(*(tried(client) for _ in range(12)))) == [401] * 8 + [429] * 4


async def test_one_password_of_strangers_is_checked_at_a_time_and_known_browsers_do_not_wait(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = browser(OTHER)
    assert await tried(own, PASSWORD) == 303
    entered, go_on = [], threading.Event()

    def slow(sealed: str, password: str) -> bool:
        entered.append(password)
        return password == PASSWORD or (go_on.wait(30) and False)

    monkeypatch.setattr(staff, "fits", slow)
    strangers = browser(ADDRESS)
    waiting = [asyncio.create_task(tried(strangers, name=f"u{number}")) for number in range(guessing.MOST_WAITING + 1)]
    try:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result() for task in done] == [429], "so many wait, and no more"
        assert await tried(own, PASSWORD) == 303
        assert entered == ["wrong", PASSWORD]
    finally:
        go_on.set()
    assert sorted(await asyncio.gather(*waiting)) == [401] * guessing.MOST_WAITING + [429]
