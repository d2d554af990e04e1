"""Where a channel hands over what came: a fake that stores once by provider key, as the real one does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.messages import Address, Inbound, News, Undeciphered


class Memory:
    """A mailroom that remembers. `before` and `after` run around each take, outside its commit."""

    def __init__(self, place: str = "") -> None:
        self.at = place
        self.inbound: dict[str, Inbound] = {}
        self.strange: dict[str, Undeciphered] = {}
        self.news: list[News] = []
        self.troubles: list[str] = []
        self.takes = 0
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    async def place(self) -> str:
        return self.at

    async def sent(self, sender: Address, reply_to: Sequence[str]) -> list[str]:
        return []

    async def take(self, news: Sequence[News], place: str) -> None:
        self.before()
        for one in news:
            if isinstance(one, Inbound):
                self.inbound.setdefault(one.provider_key, one)
            elif isinstance(one, Undeciphered):
                self.strange.setdefault(one.provider_key, one)
        self.news += news
        self.at = place
        self.takes += 1
        self.after()

    async def trouble(self, problem: str) -> None:
        self.troubles.append(problem)

    @property
    def bodies(self) -> list[str]:
        return [one.body for one in self.inbound.values()]
