"""Every channel, one line each. How to add one is written in bot/channel.py."""

from __future__ import annotations

from typing import Any

from bot.channel import Channel
from channels.simulator import Simulator
from channels.twilio import Account, Twilio


def open_channels(settings: Any) -> dict[str, Channel]:
    """The channels that the settings turn on, by kind."""
    opened: dict[str, Channel] = {}
    if settings.channels.sms:
        opened["sms"] = Twilio(_account(settings.channels.sms, settings.server.public_base_url))
    if settings.channels.simulator.enabled:
        opened["simulator"] = Simulator()
    return opened


def _account(sms: Any, public_base_url: str) -> Account:
    secrets = [secret.get_secret_value() for secret in (sms.auth_token, sms.auth_token_secondary) if secret]
    return Account(
        account_sid=sms.account_sid,
        username=sms.api_key_sid or sms.account_sid,
        password=sms.api_key_secret.get_secret_value() if sms.api_key_secret else secrets[0],
        secrets=tuple(secrets),
        sender=sms.sender,
        messaging_service_sid=sms.messaging_service_sid,
        api_base_url=sms.api_base_url,
        public_base_url=public_base_url,
    )
