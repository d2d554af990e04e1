"""The contract a channel fulfils.

A channel parses and sends; it stores nothing and decides nothing. It imports from Own Pace only this module,
`bot.messages` and `bot.errors`. Adding one: a folder in `channels/`, a line in `channels/__init__.py`, a test file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from bot.messages import DeliveryUpdate, Inbound, Outbound, Receipt


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A delivery by HTTP: the raw path with its query, headers with lower-case names, and the body as it came."""

    target: str
    headers: Mapping[str, str]
    body: bytes


class Channel(Protocol):
    """One way to reach people.

    Messages to one person are handed over one at a time, in order; the next only after `send` returned.
    A channel never retries by itself: what an outcome means is decided where the outbox is.
    """

    kind: str
    """The word before the colon of an address: sms, whatsapp, email, telegram, simulator."""

    waits_for_sent: bool
    """Whether the provider may overtake itself, so that the next text waits until this one is really sent."""

    async def send(self, message: Outbound) -> Receipt:
        """Hand one message to the provider.

        Raises NotSent when it surely did not leave, Refused when the provider will not take it, and
        SendUnknown when the request left and no answer came.
        """

    def verify(self, request: WebhookRequest) -> None:
        """Raise Forged unless the provider made this request."""

    def parse(self, request: WebhookRequest) -> list[Inbound | DeliveryUpdate]:
        """Read a verified request. Raises Unreadable when it is genuine and makes no sense."""

    async def reconcile(self, message: Outbound) -> Receipt | None:
        """Ask the provider whether an unknown message left: its receipt, or None when it surely did not.

        Raises SendUnknown where the provider cannot tell.
        """

    def catch_up(self) -> AsyncIterator[Inbound]:
        """Messages of the last day that the provider holds, already seen or not: what a lost webhook missed."""

    async def close(self) -> None:
        """Let go of connections."""
