"""Every channel, one line each: its kind, and the settings that open it. README.md says how to add one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bot.channel import ChannelSettings
from channels.email.settings import EmailSettings
from channels.simulator import SimulatorSettings
from channels.telegram.settings import TelegramSettings
from channels.twilio.settings import SmsSettings, WhatsAppSettings

CHANNELS: Mapping[str, type[ChannelSettings]] = MappingProxyType(
    {
        "sms": SmsSettings,
        "whatsapp": WhatsAppSettings,
        "telegram": TelegramSettings,
        "email": EmailSettings,
        "simulator": SimulatorSettings,
    }
)
