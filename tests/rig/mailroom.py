"""A mailroom in memory that keeps the contract: news and place are stored together, known keys only once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bot.messages import Address, Inbound, News, Undeciphered


@dataclass
class Mailroom:
    """What a channel handed over. `copies` counts those that were known already; `fails` may refuse a commit."""

    at: str = ""
    news: list[News] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    copies: int = 0
    troubles: list[str] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    asked: list[tuple[Address, tuple[str, ...]]] = field(default_factory=list)
    commits: int = 0
    times: dict[str, float] = field(default_factory=dict)
    fails: Callable[[Sequence[News]], bool] = lambda _news: False

    async def place(self) -> str:
        return self.at

    async def sent(self, sender: Address, reply_to: Sequence[str]) -> list[str]:
        self.asked.append((sender, tuple(reply_to)))
        return self.texts.get(sender.value, [])

    async def take(self, news: Sequence[News], place: str) -> None:
        if self.fails(news):
            raise RuntimeError("the database is away")
        for one in news:
            if isinstance(one, Inbound | Undeciphered):
                if one.provider_key in self.keys:
                    self.copies += 1
                    continue
                self.keys.add(one.provider_key)
                self.times[one.provider_key] = time.monotonic()
            self.news.append(one)
        self.at = place
        self.commits += 1

    async def trouble(self, problem: str) -> None:
        self.troubles.append(problem)

    @property
    def inbound(self) -> list[Inbound]:
        """The messages among the news."""
        return [one for one in self.news if isinstance(one, Inbound)]

    async def until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        """Wait for something that a listener will bring about."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come in time"
            await asyncio.sleep(0.02)
