"""The simulated phones: nothing leaves this process, so nothing can go wrong on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import MappingProxyType

from bot.channel import Channel
from bot.messages import Address
from channels.simulator import Simulator, SimulatorSettings
from tests.channels.contract import Case, Mood


class SimulatorCase(Case):
    kind = "simulator"
    to = Address("simulator", "sms/P01")
    secrets = ()
    cannot = MappingProxyType({mood: "there is no provider" for mood in Mood if mood is not Mood.TAKES})

    def settings(self) -> SimulatorSettings:
        return SimulatorSettings(enabled=True)

    @asynccontextmanager
    async def provider(self, mood: Mood) -> AsyncIterator[Channel]:
        yield Simulator()


CASES = (SimulatorCase(),)
