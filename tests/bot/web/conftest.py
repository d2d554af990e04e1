"""A study with two researchers and a coordinator, and somebody of the team at its pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bot import bootstrap
from bot.records.tables import users
from bot.records.unit_of_work import UnitOfWork
from bot.service import staff
from bot.web.app import create_app
from bot.web.signin import COOKIE
from tests.bot.web.test_signin import HERE
from tests.bot.world import URL, World, world

TEAM = {"Ann": "researcher", "Ben": "researcher", "Cora": "coordinator"}


@dataclass
class Team:
    """The study, and a browser without scripts for each of the team."""

    study: World
    ann: httpx.AsyncClient
    ben: httpx.AsyncClient
    cora: httpx.AsyncClient

    def sign_in_again(self) -> None:
        """A session lasts twelve hours."""
        for user in self.study.program.database.read_now(staff.list_users):
            client: httpx.AsyncClient = getattr(self, user.name.casefold())
            client.cookies.clear()
            client.cookies.set(COOKIE, self.study.run(staff.sign_in, user))


def add(uow: UnitOfWork, name: str, role: str) -> None:
    """Somebody who signs in by no password: hashing one takes longer than most tests."""
    uow.execute(users.insert().values(name=name, password="none", role=role, created_at=uow.now))


@pytest.fixture
def desk_study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        for name, role in TEAM.items():
            made.run(add, name, role)
        yield made


@pytest.fixture
async def team(desk_study: World) -> AsyncIterator[Team]:
    app = create_app(bootstrap.web_parts(desk_study.program), None)
    clients = {}
    for name in TEAM:
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL, headers=HERE)
        clients[name.casefold()] = client
    made = Team(desk_study, **clients)
    made.sign_in_again()
    yield made
    for client in clients.values():
        await client.aclose()
