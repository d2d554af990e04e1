"""Phones on the screen: what is sent to them is read from the record, and what they send never leaves this machine."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from bot.channel import Ability, Channel, ChannelSettings, Site
from bot.errors import AddressError
from bot.messages import Address, Outbound, Receipt

KINDS = ("sms", "whatsapp", "email", "telegram")


class Simulator(Channel):
    """A channel that takes every message. An address is the kind it plays and a name: 'sms/P01'."""

    kind = "simulator"
    abilities = frozenset({Ability.WRITES_FIRST, Ability.RECONCILES})

    def address(self, written: str) -> Address:
        kind, _, name = written.strip().partition("/")
        if kind not in KINDS or not name:
            raise AddressError(f"is no simulated phone; write one such as sms/anna ({', '.join(KINDS)})")
        return Address(self.kind, f"{kind}/{name}")

    async def send(self, message: Outbound) -> Receipt:
        """The message is on the phone as soon as it is accepted."""
        return Receipt(f"simulated-{message.id}")

    async def reconcile(self, message: Outbound) -> Receipt | None:
        """Nothing leaves this process, so what was interrupted was not sent."""
        return None


class SimulatorSettings(ChannelSettings):
    """`[channels.simulator]`"""

    settle: ClassVar[timedelta] = timedelta(seconds=8)
    enabled: bool = False

    def open(self, site: Site) -> Channel | None:
        return Simulator() if self.enabled else None
