"""How a channel joins the contract suite: `tests/channels/<name>/contract.py` names its cases in `CASES`.

A case brings its channel into each situation that the contract speaks of; `test_contract.py` says what must then be
true. Nothing else has to be written for a channel to be held to the contract.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import Enum
from types import MappingProxyType
from typing import ClassVar

from bot.channel import Channel, ChannelSettings
from bot.messages import Address, Delivery, News


class Mood(Enum):
    """What the provider does with a message that it is handed."""

    TAKES = "takes it and gives a receipt"
    REFUSES = "will not take it, now or later"
    BUSY = "takes nothing at the moment"
    AWAY = "is not there: nobody listens"
    HANGS_UP = "ends the connection before it has the message"
    SILENT = "takes the message and never answers"


class Case(ABC):
    """One kind of channel in front of a provider of the test's own."""

    kind: ClassVar[str]

    to: ClassVar[Address]
    """Somebody who can be written to."""

    secrets: ClassVar[tuple[str, ...]]
    """The passwords and tokens in `settings`."""

    answered: ClassVar[str] = "SM0"
    """A message of ours as the provider names it, which `reply` answers."""

    tells: ClassVar[Delivery] = Delivery.DELIVERED
    """What `told` says became of the message."""

    media_come_along: ClassVar[bool] = False
    """Whether media come within the message, so that there is nothing to fetch."""

    cannot: ClassVar[Mapping[Mood, str]] = MappingProxyType({})
    """The moods that this provider does not have, each with the reason."""

    @abstractmethod
    def settings(self) -> ChannelSettings:
        """Settings with every secret that there can be."""

    @abstractmethod
    def provider(self, mood: Mood) -> AbstractAsyncContextManager[Channel]:
        """The channel in front of a provider in this mood. It is asked the truth when the channel reconciles."""

    async def heard(self, nth: int) -> Sequence[News]:
        """What the channel makes of the nth message from a person; the same delivery each time it is asked."""
        return ()

    async def reply(self) -> Sequence[News]:
        """What it makes of a message that answers `answered`, on a channel that LINKS_REPLIES."""
        return ()

    async def told(self) -> Sequence[News]:
        """What it makes of the news of a message of ours, which `tells`, on a channel that TELLS_DELIVERY."""
        return ()
