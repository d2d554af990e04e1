"""The page of an invitation: the same for every code, so that it tells nobody anything; and every way that is open."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot import bootstrap
from bot.channel import Ability, WayIn
from bot.messages import Address
from bot.records.tables import invitations, participants
from bot.service import invitations as inviting
from bot.service.invitations import Group
from bot.web.app import create_app
from tests.bot.world import URL, Post, World, world


class Chat(Post):
    """A channel that is known by a link, once it has a name."""

    name = ""

    def way_in(self, words: str, code: str) -> WayIn | None:
        return WayIn(f"https://chat.example/{self.name}?start={code}&x=<", f"@{self.name}") if self.name else None


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    chat: Any = Chat("telegram", abilities=frozenset({Ability.LINKS_REPLIES}))
    with world(tmp_path, {"telegram": chat, "sms": Post("sms")}) as made:
        yield made


@pytest.fixture
async def client(study: World) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(bootstrap.web_parts(study.program), None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as made:
        yield made


def codes(study: World, number: int = 1) -> list[str]:
    until = study.clock.now + timedelta(days=1)
    made: list[str] = study.run(inviting.make, study.program.rules, Group("social-workers"), number, until, "Kim")
    return made


async def test_the_page_says_what_it_is_and_offers_what_is_there(study: World, client: httpx.AsyncClient) -> None:
    study.program.channels["telegram"].name = "voices"  # type: ignore[attr-defined]
    (code,) = codes(study)
    page = await client.get(f"/join/{code}")
    assert page.status_code == 200
    assert "You are invited to take part" in page.text
    assert (
        '<p lang="en">Hello from our study. We are Disabled people who use social care, and researchers.' in page.text
    )
    assert f'href="https://chat.example/voices?start={code}&amp;x=&lt;"' in page.text
    assert "Join by Telegram" in page.text
    assert "@voices" in page.text
    assert "Join by text" not in page.text, "this one has no number that people could write to"
    assert "ring 01632 960000" in page.text
    assert page.headers["x-robots-tag"] == "noindex"
    assert page.headers["cache-control"] == "no-store"


async def test_where_no_way_is_open_it_says_so(study: World, client: httpx.AsyncClient) -> None:
    assert "Nobody can begin by message at the moment." in (await client.get("/join/CDF-HJK-MNP")).text


async def test_a_used_an_expired_and_an_unknown_code_have_the_same_page(
    study: World, client: httpx.AsyncClient
) -> None:
    study.program.channels["telegram"].name = "voices"  # type: ignore[attr-defined]
    used, fresh, old = codes(study, 3)
    study.says(f"JOIN {used}")
    before = await client.get(f"/join/{fresh}")
    study.clock.forward(days=2)
    for code in (used, old, "CDF-HJK-MNP"):
        page = await client.get(f"/join/{code}")
        assert page.status_code == 200
        assert page.text.replace(code, fresh) == before.text
        assert dict(page.headers) == dict(before.headers)


async def test_following_the_link_uses_up_nothing(study: World, client: httpx.AsyncClient) -> None:
    """Programs that look through mail follow every link."""
    (code,) = codes(study)
    for _ in range(20):
        await client.get(f"/join/{code}")
    assert study.count_of(invitations, invitations.c.used_at.is_not(None)) == study.count_of(participants) == 0
    study.says(f"JOIN {code}", Address("sms", "+447700900124"))
    assert study.count_of(participants) == 1


@pytest.mark.parametrize("typed", ["cdf-hjk-mnp", "CDFHJKMNP", "CDF%20HJK%20MNP"])
async def test_a_code_is_understood_as_it_is_typed(client: httpx.AsyncClient, typed: str) -> None:
    for path in (f"/join/{typed}", f"/join?code={typed}", f"/join?code=JOIN%20{typed}"):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/join/CDF-HJK-MNP")


async def test_what_is_no_whole_code_is_said_with_the_mend(client: httpx.AsyncClient) -> None:
    for path in ("/join/CDF-HJK", "/join/%3Cscript%3E", "/join?code=hello"):
        answer = await client.get(path)
        assert answer.status_code == 404
        assert "This is not a whole code. A code has nine letters and figures, such as CDF-HJK-MNP." in answer.text
        assert "script>" not in answer.text.partition("<main")[2]
    asks = await client.get("/join")
    assert asks.status_code == 200
    assert "Problem" not in asks.text
    assert 'name="code"' in asks.text
