"""Every channel, one line each. How to add one is written in bot/channel.py."""

from __future__ import annotations

from typing import Any

from bot.channel import Channel
from channels.simulator import Simulator


def open_channels(settings: Any) -> dict[str, Channel]:
    """The channels that the settings turn on, by kind."""
    opened: dict[str, Channel] = {}
    if settings.channels.simulator.enabled:
        opened["simulator"] = Simulator()
    return opened
