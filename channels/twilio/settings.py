"""The settings of text messages and of WhatsApp."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from bot.channel import BaseUrl, Channel, ChannelSettings, Duration, Filled, FilledSecret, Site
from channels.twilio.account import Account


def _begins(sign: str) -> AfterValidator:
    """Each kind of id that Twilio gives begins with letters of its own, and one is easily taken for another."""

    def check(value: str) -> str:
        if not value.startswith(sign):
            raise ValueError(f'must be one of the Twilio console that begins with {sign}, such as "{sign}..."')
        return value

    return AfterValidator(check)


def _sender(value: str) -> str:
    if not re.fullmatch(r"(whatsapp:)?\+[0-9]{6,15}|[0-9]{3,8}", value):
        raise ValueError('must be a number that people can answer, such as "+447700900000", without spaces')
    return value


class _TwilioSettings(ChannelSettings):
    provider: Literal["twilio"] = "twilio"
    account_sid: Annotated[Filled, _begins("AC")]
    auth_token: FilledSecret
    auth_token_secondary: FilledSecret | None = None
    api_key_sid: Annotated[Filled, _begins("SK")] | None = None
    api_key_secret: FilledSecret | None = None
    sender: Annotated[Filled, AfterValidator(_sender)] | None = Field(default=None, alias="from")
    messaging_service_sid: Annotated[Filled, _begins("MG")] | None = None
    api_base_url: BaseUrl = "https://api.twilio.com"
    reconcile_after: Duration = timedelta(minutes=2)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.api_key_sid is None) != (self.api_key_secret is None):
            raise ValueError("has one half of an API key: give both api_key_sid and api_key_secret, or neither")
        if self.sender is None and self.messaging_service_sid is None:
            raise ValueError('has no sender: add from = "+44..." or messaging_service_sid = "MG..."')
        return self

    def account(self, site: Site) -> Account:
        """The account as the channel uses it."""
        secrets = [secret.get_secret_value() for secret in (self.auth_token, self.auth_token_secondary) if secret]
        return Account(
            account_sid=self.account_sid,
            username=self.api_key_sid or self.account_sid,
            password=self.api_key_secret.get_secret_value() if self.api_key_secret else secrets[0],
            secrets=tuple(secrets),
            sender=self.sender and self.sender.removeprefix("whatsapp:"),
            messaging_service_sid=self.messaging_service_sid,
            api_base_url=self.api_base_url,
            public_base_url=site.public_base_url,
            reconcile_after=self.reconcile_after,
        )


class SmsSettings(_TwilioSettings):
    """`[channels.sms]`"""

    settle: ClassVar[timedelta] = timedelta(minutes=20)

    def open(self, site: Site) -> Channel:
        from channels.twilio.channel import Sms

        return Sms(self.account(site))


class WhatsAppSettings(_TwilioSettings):
    """`[channels.whatsapp]`"""

    templates: dict[Filled, Annotated[Filled, _begins("HX")]] = Field(default_factory=dict)

    def open(self, site: Site) -> Channel:
        from channels.twilio.channel import WhatsApp

        return WhatsApp(self.account(site))

    def account(self, site: Site) -> Account:
        return replace(super().account(site), templates=self.templates)
