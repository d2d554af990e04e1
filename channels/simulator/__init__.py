"""Phones on the screen: what is sent to them is read from the record, and what they send never leaves this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot.channel import WebhookRequest
from bot.errors import Forged
from bot.messages import DeliveryUpdate, Inbound, Outbound, Receipt


class Simulator:
    """A channel that takes every message. An address is the kind it plays and a name: 'sms/P01'."""

    kind = "simulator"
    waits_for_sent = False

    async def send(self, message: Outbound) -> Receipt:
        """The message is on the phone as soon as it is accepted."""
        return Receipt(f"simulated-{message.id}")

    def verify(self, request: WebhookRequest) -> None:
        """There is no provider, so nothing that claims to come from one is genuine."""
        raise Forged("The simulator has no webhook.")

    def parse(self, request: WebhookRequest) -> list[Inbound | DeliveryUpdate]:
        return []

    async def reconcile(self, message: Outbound) -> Receipt | None:
        """Nothing leaves this process, so what was interrupted was not sent."""
        return None

    async def catch_up(self) -> AsyncIterator[Inbound]:
        nothing: tuple[Inbound, ...] = ()
        for missed in nothing:
            yield missed

    async def close(self) -> None:
        return None
