"""Text messages and WhatsApp through Twilio's Programmable Messaging."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from twilio.rest import Client

from bot.channel import Ability, Channel, Look, Rate, WayIn, WebhookRequest
from bot.errors import Refused, SendUnknown, Unavailable
from bot.messages import Address, Inbound, Media, News, Outbound, Receipt, gsm7_lookalike, segments
from channels.twilio import addresses, media, signature, webhook
from channels.twilio.account import Account
from channels.twilio.client import connect, translated
from channels.twilio.line import Line

__all__ = ["Account", "Sms", "Twilio", "WhatsApp"]

SKEW = timedelta(minutes=30)
"""How far our clock may be ahead of Twilio's before a message that left is taken for one that did not, and sent twice.

Those before it are known by their ids, so that none of them is taken for it, however lately it left.
"""

REMEMBERED = 10_000
"""So many receipts are remembered, to know one that is given a second time."""

NO_WORDS = "the delivery of this message was lost, and Twilio keeps no words of it: please ask what they wrote"

TRIAL = "Sent from your Twilio trial account - "
"""What Twilio puts before each text of an account that does not pay yet (docs/usage: your Free Trial Account)."""

SHORTEST_STAY = 60
LONGEST_STAY = 36_000
"""Seconds that a message may wait at Twilio (docs/messaging/api/message-resource, ValidityPeriod: 1 to 36,000).

Less than a minute would drop messages that are a moment late in the queue.
"""


def _now() -> datetime:
    return datetime.now(UTC)


class Twilio(Channel):
    """What texts and WhatsApp share. Twilio does not promise to keep the order of two messages of either kind."""

    abilities = frozenset(
        {
            Ability.WRITES_FIRST,
            Ability.TELLS_DELIVERY,
            Ability.RECONCILES,
            Ability.CATCHES_UP,
            Ability.MEDIA,
        }
    )
    waits_for_sent = True
    webhooks = ("/webhooks/twilio/messages", "/webhooks/twilio/status")
    thanks = ("text/xml", "<Response/>")

    def __init__(self, account: Account, now: Callable[[], datetime] = _now) -> None:
        self.account = account
        self.ask_after = account.reconcile_after
        self.templates = frozenset(account.templates)
        self.now = now
        self._client: Client | None = None
        self._idle: list[Line] = []
        self._given: OrderedDict[str, None] = OrderedDict()

    @property
    def client(self) -> Client:
        """The library's client for asking, made on first use because it must be inside the event loop."""
        if self._client is None:
            self._client = connect(self.account)
        return self._client

    # Sending

    async def send(self, message: Outbound) -> Receipt:
        """Post one message; our id goes along in the status callback, so that a lost answer can still come back."""
        fields = {
            "To": addresses.to_twilio(message.to),
            "StatusCallback": self._callback(message),
            **self._sender(),
            **self._content(message),
            **self._stay(message),
        }
        async with self._line() as line:
            sid = await line.post(fields)
            if sid in self._given:
                raise SendUnknown("Twilio's answer is the receipt of an earlier message.")
        self._remember(sid)
        return Receipt(sid)

    def _remember(self, sid: str) -> None:
        self._given[sid] = None
        if len(self._given) > REMEMBERED:
            self._given.popitem(last=False)

    @asynccontextmanager
    async def _line(self) -> AsyncIterator[Line]:
        """A connection for one message at a time, kept for the next while every answer on it is right."""
        line = self._idle.pop() if self._idle else Line(self.account)
        try:
            yield line
        except BaseException:
            await line.close()
            raise
        self._idle.append(line)

    def words(self, message: Outbound) -> str:
        """The body as Twilio is given it."""
        return message.body

    def look(self, message: Outbound) -> Look:
        """The words as Twilio is given them."""
        return Look("", self.words(message))

    def _content(self, message: Outbound) -> dict[str, str]:
        return {"Body": self.words(message)}

    def _sender(self) -> dict[str, str]:
        if self.account.messaging_service_sid:
            return {"MessagingServiceSid": self.account.messaging_service_sid}
        return {"From": self._own_address()}

    def _own_address(self) -> str:
        return addresses.to_twilio(Address(self.kind, self.account.sender or ""))

    def _stay(self, message: Outbound) -> dict[str, str]:
        """How long the message may wait at Twilio, where it has an end that is sooner than Twilio's own."""
        if message.good_until is None:
            return {}
        left = int((message.good_until - self.now()).total_seconds())
        return {"ValidityPeriod": str(max(left, SHORTEST_STAY))} if left < LONGEST_STAY else {}

    def _callback(self, message: Outbound) -> str:
        return f"{self.account.public_base_url}{self.webhooks[1]}?{webhook.OUTBOUND_ID}={message.id}"

    # Asking what became of a message

    async def reconcile(self, message: Outbound) -> Receipt | None:
        """Look for the message among those to this address since the attempt.

        Not by DateSent: a message that is still queued at Twilio has none, and would go out twice.
        """
        wanted = {"to": addresses.to_twilio(message.to), "limit": 100}
        service = self.account.messaging_service_sid
        if not service:
            wanted["from_"] = self._own_address()
        since = (message.attempted_at or self.now()) - SKEW
        try:
            listed = await self._listed(self.client.messages, **wanted)
        except Unavailable as why:
            raise SendUnknown(str(why)) from None
        wordless = False
        for one in listed:
            ours = str(one.direction).startswith("outbound") and (not service or one.messaging_service_sid == service)
            lately = one.date_created is None or one.date_created >= since
            if not (ours and lately) or one.sid in message.earlier:
                continue
            if self._says(one.body, message):
                return Receipt(one.sid)
            wordless = wordless or not one.body
        if wordless:  # the account redacts messages (docs/usage/tutorials/how-to-use-message-redaction)
            raise SendUnknown("Twilio keeps no words of the messages to this address, and one of them may be this one.")
        return None

    def _says(self, body: str | None, message: Outbound) -> bool:
        return (body or "").removeprefix(TRIAL).strip() == self.words(message).strip()

    # What comes in

    def verify(self, request: WebhookRequest) -> None:
        """Raise Forged unless Twilio signed this for our public address."""
        signature.verify(request, self.account.public_base_url, self.account.secrets)

    def parse(self, request: WebhookRequest) -> list[News]:
        """One message from a person, of either kind, or one status of a message of ours."""
        return [webhook.parse(request)]

    async def catch_up(self, since: datetime) -> AsyncIterator[News]:
        """Messages that people sent to our own addresses since then, oldest first."""
        for own in await self._own_addresses():
            listed = await self._listed(self.client.messages, to=own, date_sent_after=since, page_size=1000)
            for one in reversed(listed):
                sender = addresses.from_twilio(one.from_ or "")
                if one.direction == "inbound" and sender is not None and sender.kind == self.kind:
                    yield await self._found(one, sender)

    async def _found(self, one: Any, sender: Address) -> Inbound:
        carried = int(one.num_media or 0) > 0
        kept = await self._listed(self.client.messages(one.sid).media) if carried else []
        base, body = self.account.api_base_url, one.body or ""
        unwrapped = webhook.unwrapped(body)
        return Inbound(
            provider_key=f"{one.account_sid}/{one.sid}",
            sender=sender,
            body=body if unwrapped is None else unwrapped,
            raw=b"found by listing Messages",
            written_at=one.date_sent or one.date_created,
            provider_id=one.sid,
            media=tuple(webhook.media(each.content_type, base + each.uri.removesuffix(".json")) for each in kept),
            doubt=webhook.ENCODED if unwrapped is not None else "" if body or kept else NO_WORDS,
        )

    async def _own_addresses(self) -> list[str]:
        """The addresses that people write to, in Twilio's form: a service's senders, and the one of the settings."""
        own = {self._own_address()} if self.account.sender else set()
        if self.account.messaging_service_sid:
            service = self.client.messaging.v1.services(self.account.messaging_service_sid)
            own |= set(await self._senders(service))
        return sorted(own)

    async def _senders(self, service: Any) -> Iterable[str]:
        """The addresses of a messaging service, of this kind."""
        raise NotImplementedError

    async def _listed(self, of: Any, **wanted: Any) -> list[Any]:
        """A list of Twilio's. Raises Unavailable."""
        try:
            found: list[Any] = await of.list_async(**wanted)
        except Exception as error:
            raise Unavailable(str(translated(error))) from None
        return found

    # Media

    async def fetch(self, media_: Media, most: int) -> bytes:
        """The picture, voice note or file at Twilio."""
        return await media.fetch(self.account, media_.reference, most)

    async def forget(self, media_: Media) -> None:
        """Delete Twilio's copy."""
        await media.forget(self.account, media_.reference)

    async def check(self) -> str:
        """Ask for our own addresses and one message: what an API key of any kind may do."""
        own = await self._own_addresses()
        await self._listed(self.client.messages, limit=1)
        return f"Twilio knows the account; people write to {len(own)} of its addresses"

    async def close(self) -> None:
        idle, self._idle = self._idle, []
        for line in idle:
            await line.close()
        if self._client is not None:
            await self._client.http_client.close()
        self._client = None


class Sms(Twilio):
    """The channel `sms`.

    A long number outside the USA and Canada sends ten segments a second; there it is one. What is more Twilio keeps in
    a queue of its own, first come, first served (support.twilio.com, Understanding Twilio Rate Limits and Message
    Queues): in ours replies overtake reminders.
    """

    kind = "sms"
    rate = Rate(10, timedelta(seconds=1))

    def address(self, written: str) -> Address:
        """A phone number, in E.164."""
        return Address(self.kind, addresses.number(written))

    def way_in(self, words: str, code: str) -> WayIn | None:
        """A text to the study's own number. With `?&body` both Android and iPhones fill in the words."""
        to = addresses.readable(self.account.sender or "")
        return WayIn(f"sms:{self.account.sender}?&body={quote(words, safe='')}", to) if to else None

    def words(self, message: Outbound) -> str:
        """Plain quotes and dashes: a curly one would double the price of the text."""
        return gsm7_lookalike(message.body)

    def weight(self, message: Outbound) -> int:
        """Twilio counts segments."""
        return max(1, segments(self.words(message)))

    async def _senders(self, service: Any) -> Iterable[str]:
        return [one.phone_number for one in await self._listed(service.phone_numbers) if one.phone_number]


class WhatsApp(Twilio):
    """The channel `whatsapp`: free words for a day after each message of the person's, else an approved template.

    https://www.twilio.com/docs/whatsapp/key-concepts; the rate of one sender: /docs/whatsapp/best-practices-and-faqs
    """

    kind = "whatsapp"
    rate = Rate(80, timedelta(seconds=1))
    abilities = Twilio.abilities | {Ability.LINKS_REPLIES}
    window = timedelta(hours=24)

    def address(self, written: str) -> Address:
        """A phone number, in E.164, or the id of somebody who shows no number."""
        value = written.strip().removeprefix(addresses.PREFIXES[self.kind]).strip()
        return Address(self.kind, value if addresses.is_user_id(value) else addresses.number(value))

    def way_in(self, words: str, code: str) -> WayIn | None:
        """WhatsApp's click to chat: a link with the number in figures only, and the words."""
        to = addresses.readable(self.account.sender or "")
        figures = (self.account.sender or "").removeprefix("+")
        return WayIn(f"https://wa.me/{figures}?text={quote(words, safe='')}", to) if to else None

    def _content(self, message: Outbound) -> dict[str, str]:
        template = message.template
        if template is None:
            return super()._content(message)
        if template.key not in self.account.templates:
            raise Refused(f"There is no template {template.key} under templates in [channels.whatsapp].")
        content = {"ContentSid": self.account.templates[template.key]}
        if template.values:
            filled = {str(place): value for place, value in enumerate(template.values, 1)}
            content["ContentVariables"] = json.dumps(filled)
        return content

    def _says(self, body: str | None, message: Outbound) -> bool:
        """A template's words are Twilio's, and may differ from ours: the message is known by its place."""
        return message.template is not None or super()._says(body, message)

    async def _senders(self, service: Any) -> Iterable[str]:
        senders = [one.sender or "" for one in await self._listed(service.channel_senders)]
        return [sender for sender in senders if sender.startswith(addresses.PREFIXES[self.kind])]
