"""The settings of Telegram."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import SecretStr, field_validator, model_validator

from bot.channel import BaseUrl, Channel, ChannelSettings, FilledSecret, Site


class TelegramSettings(ChannelSettings):
    """`[channels.telegram]`"""

    token: FilledSecret
    mode: Literal["polling", "webhook"] = "polling"
    webhook_secret: FilledSecret | None = None
    api_base_url: BaseUrl = "https://api.telegram.org"

    @field_validator("token")
    @classmethod
    def _whole(cls, token: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", token.get_secret_value()):
            raise ValueError("is not a bot's token; copy it from @BotFather, such as 123456:ABC-DEF")
        return token

    @field_validator("webhook_secret")
    @classmethod
    def _sendable(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret.get_secret_value()):
            raise ValueError("may hold letters, digits, _ and -, at most 256")
        return secret

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode == "webhook" and self.webhook_secret is None:
            raise ValueError('has mode = "webhook" and no webhook_secret: add one, made up at random')
        return self

    def open(self, site: Site) -> Channel:
        from channels.telegram.channel import Telegram
        from channels.telegram.client import Account

        secret = self.webhook_secret.get_secret_value() if self.webhook_secret and self.mode == "webhook" else None
        return Telegram(
            Account(
                token=self.token.get_secret_value(),
                webhook_secret=secret,
                api_base_url=self.api_base_url,
                public_base_url=site.public_base_url,
            )
        )
