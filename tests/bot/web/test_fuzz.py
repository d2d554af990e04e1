"""Whatever a browser, a proxy or a scanner sends to any page, signed in or not, nothing fails: no answer is a 500."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from starlette.routing import Route

from bot import bootstrap
from bot.messages import Address
from bot.service import staff
from bot.web.app import create_app
from bot.web.pages import templates
from bot.web.signin import COOKIE
from tests.bot.web.conftest import add
from tests.bot.world import URL, World, world

PHONE = Address("sms", "+447700900001")
CODE = "SW01"
ENDLESS = ("/live", "/health/ready")
"""Pages that go on for as long as they are open, and one that says 503 to mean it."""

REQUESTS = 1200


@dataclass
class Target:
    """A study in which something has happened, its pages, and somebody who may do everything."""

    study: World
    client: httpx.AsyncClient
    token: str
    paths: tuple[tuple[str, str], ...]


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[Target]:
    with world(tmp_path) as study:
        study.run(add, "Root", "admin")
        code = study.consented(PHONE)
        assert code == CODE
        study.says("My answer.", PHONE)
        study.says("Who are you?", Address("sms", "+447700900999"))
        (user,) = study.program.database.read_now(staff.list_users)
        app = create_app(bootstrap.web_parts(study.program), None)
        routes = [route for route in app.routes if isinstance(route, Route) and not route.path.endswith(ENDLESS)]
        paths = tuple((method, route.path) for route in routes for method in sorted(route.methods or ()))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as client:
            yield Target(study, client, study.run(staff.sign_in, user), paths)


def names() -> list[str]:
    """Every field that a form of ours has."""
    known: set[str] = set()
    for template in templates.list_templates():
        source, _, _ = templates.loader.get_source(templates, template) if templates.loader else ("", None, None)
        known |= set(re.findall(r'name="([a-z-]+)"', source))
    return sorted(known | {"after", "before", "at", "start", "end", "group", "mine", "message", f"now-{CODE}"})


NAMES = names()
ODD = (
    "",
    CODE,
    "1",
    "-1",
    "9" * 25,
    "٣",
    "\x00",
    "2026-02-30",
    "25:99",
    "yes",
    "0|2026-01-01|1",
    "a,b\nc",
    "P99",
    "../..",
)


def odd(chance: random.Random) -> str:
    """Something that one of our forms would send, or nothing that anybody would."""
    if chance.random() < 0.7:
        return chance.choice(ODD)
    return chance.randbytes(chance.randrange(40)).decode("utf-8", "replace")


def fields(chance: random.Random) -> dict[str, str]:
    return {chance.choice(NAMES): odd(chance) for _ in range(chance.randrange(8))}


def request(chance: random.Random, paths: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """What httpx is to send."""
    method, path = chance.choice(paths)
    body = {"data": fields(chance)} if chance.random() < 0.8 else {"content": chance.randbytes(200)}
    return {
        "method": method,
        "url": re.sub(r"\{\w+(:\w+)?\}", lambda _: quote(odd(chance), safe=""), path),
        "params": fields(chance),
        "headers": {"origin": URL if chance.random() < 0.9 else "https://elsewhere.example"},
        **(body if method == "POST" else {}),
    }


@pytest.mark.parametrize("signed_in", [True, False])
async def test_no_page_fails_whatever_is_sent_to_it(target: Target, signed_in: bool) -> None:
    statuses: Counter[int] = Counter()
    for number in range(REQUESTS):
        sent = request(random.Random(number), target.paths)
        out = not signed_in or sent["url"] == "/sign-out"  # else most would be about the sign-in
        target.client.cookies = httpx.Cookies({} if out else {COOKIE: target.token})
        status = (await target.client.request(**sent)).status_code
        assert status < 500, (number, sent)
        statuses[status] += 1
    wanted = {200, 303, 403, 404, 409} if signed_in else {200, 303, 403, 404}
    assert wanted <= set(statuses), statuses
