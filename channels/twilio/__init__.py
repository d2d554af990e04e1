"""Text messages through Twilio's Programmable Messaging."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import phonenumbers
from twilio.rest import Client

from bot.channel import Ability, Channel, WebhookRequest
from bot.errors import AddressError, SendUnknown
from bot.messages import Address, Inbound, News, Outbound, Receipt, gsm7_lookalike
from channels.twilio import signature, webhook
from channels.twilio.client import TIMEOUT, connect, translated

SKEW = timedelta(seconds=5)
"""How far Twilio's clock, which counts whole seconds, may be behind ours."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Account:
    """What is needed to send and to recognise Twilio. `secrets` are the auth tokens that sign its deliveries."""

    account_sid: str
    username: str
    password: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    sender: str | None = None
    messaging_service_sid: str | None = None
    api_base_url: str = "https://api.twilio.com"
    public_base_url: str = "http://127.0.0.1:8000"
    timeout: float = TIMEOUT
    reconcile_after: timedelta = timedelta(minutes=2)


class Twilio(Channel):
    """The channel `sms`. Twilio does not promise to keep the order of two texts, so each waits for the one before."""

    kind = "sms"
    abilities = frozenset({Ability.WRITES_FIRST, Ability.TELLS_DELIVERY, Ability.RECONCILES, Ability.CATCHES_UP})
    waits_for_sent = True
    webhooks = ("/webhooks/twilio/messages", "/webhooks/twilio/status")
    thanks = ("text/xml", "<Response/>")

    def __init__(self, account: Account, now: Callable[[], datetime] = _now) -> None:
        self.account = account
        self.ask_after = account.reconcile_after
        self.now = now
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        """The library's client, made on first use because it must be inside the event loop."""
        if self._client is None:
            of = self.account
            self._client = connect(of.username, of.password, of.account_sid, of.api_base_url, of.timeout)
        return self._client

    def address(self, written: str) -> Address:
        """A phone number, in E.164."""
        try:
            number = phonenumbers.parse(written, "GB")
        except phonenumbers.NumberParseException:
            number = None
        if number is None or not phonenumbers.is_possible_number(number):
            raise AddressError("is not a phone number; write it like +447700900123")
        return Address(self.kind, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))

    async def send(self, message: Outbound) -> Receipt:
        """Post one text; our id goes along in the status callback, so that a lost answer can still come back."""
        callback = f"{self.account.public_base_url}/webhooks/twilio/status?"
        try:
            created = await self.client.messages.create_async(
                to=message.to.value,
                body=gsm7_lookalike(message.body),
                status_callback=callback + urlencode({webhook.OUTBOUND_ID: message.id}),
                **self._from(),
            )
        except Exception as error:
            raise translated(error) from None  # the cause would show the number
        if not created.sid:
            raise SendUnknown("Twilio's answer names no message.")
        return Receipt(created.sid)

    def _from(self) -> dict[str, str]:
        if self.account.messaging_service_sid:
            return {"messaging_service_sid": self.account.messaging_service_sid}
        return {"from_": self.account.sender or ""}

    def verify(self, request: WebhookRequest) -> None:
        """Raise Forged unless Twilio signed this for our public address."""
        signature.verify(request, self.account.public_base_url, self.account.secrets)

    def parse(self, request: WebhookRequest) -> list[News]:
        """One text from a person, or one status of a text of ours."""
        return [webhook.parse(self.kind, request)]

    async def reconcile(self, message: Outbound) -> Receipt | None:
        """Look for the text among those to this number since the attempt.

        Not by DateSent: a text that is still queued at Twilio has none, and would go out twice.
        """
        since = (message.attempted_at or self.now()) - SKEW
        body = gsm7_lookalike(message.body)
        for text in await self._listed(to=message.to.value, limit=100):
            outgoing = str(text.direction).startswith("outbound")
            if outgoing and text.body == body and (text.date_created is None or text.date_created >= since):
                return Receipt(text.sid)
        return None

    async def catch_up(self) -> AsyncIterator[News]:
        """Texts that Twilio holds from the last day, oldest first."""
        wanted: dict[str, Any] = {"date_sent_after": self.now() - timedelta(days=1), "page_size": 1000}
        if self.account.sender:
            wanted["to"] = self.account.sender
        for text in reversed(await self._listed(**wanted)):
            if text.direction == "inbound":
                yield Inbound(
                    provider_key=f"{text.account_sid}/{text.sid}",
                    sender=Address(self.kind, text.from_),
                    body=text.body or "",
                    raw=b"found by listing Messages",
                    written_at=text.date_created,
                )

    async def _listed(self, **wanted: Any) -> list[Any]:
        try:
            found: list[Any] = await self.client.messages.list_async(**wanted)
        except Exception as error:
            raise SendUnknown(str(translated(error))) from None
        return found

    async def close(self) -> None:
        if self._client is not None:
            await self._client.http_client.close()
            self._client = None
