"""Telegram, by a bot of the study's own. People write first: each by a link with a code of theirs."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from datetime import timedelta
from typing import Any, NoReturn

from telegram.error import TelegramError

from bot.channel import Ability, Channel, Mailroom, Rate, WayIn, WebhookRequest
from bot.errors import AddressError, Forged, Refused, SendUnknown, Unavailable, Unreadable
from bot.messages import Address, Media, News, Outbound, Receipt
from channels.telegram import updates
from channels.telegram.client import Account, Client, TooLarge
from channels.telegram.errors import Meaning, meaning, outcome
from channels.telegram.parts import split

SECRET = "x-telegram-bot-api-secret-token"
WATCH = 300.0
"""Seconds between two looks whether Telegram can deliver."""
UNDELIVERED = (
    "Telegram cannot deliver to server.public_base_url, and forgets after a day what waits there. "
    "Is the address reached from outside, and its certificate still good?"
)
HOLD = 50
"""Seconds for which Telegram holds back an answer while nothing comes."""


class Telegram(Channel):
    """The channel `telegram`. An address is the number of a private chat, which is also the person's own.

    A bot sends about thirty messages a second; to one chat one, but for short bursts. Where it was too much, Telegram
    says how long to wait (https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this).
    """

    kind = updates.KIND
    rate = Rate(30, timedelta(seconds=1))
    abilities = frozenset({Ability.LINKS_REPLIES, Ability.MEDIA, Ability.EDITS})
    webhooks = ("/webhooks/telegram",)

    def __init__(self, account: Account) -> None:
        self.account = account
        self.client = Client(account)
        self.username = ""

    def address(self, written: str) -> Address:
        """The number of a private chat. Groups have numbers below zero."""
        if not re.fullmatch(r"[1-9][0-9]{0,15}", written.strip()):
            raise AddressError("is not the number of a Telegram chat, such as 5512345678; a name cannot be written to")
        return super().address(written)

    def link(self, code: str) -> str:
        """Where somebody introduces themselves with this code; '' until Telegram has told the bot's name."""
        return f"https://t.me/{self.username}?start={code}" if self.username else ""

    def way_in(self, words: str, code: str) -> WayIn | None:
        """The bot, by its link or by its name, once Telegram has told the name."""
        return WayIn(self.link(code), f"@{self.username}") if self.username else None

    # Out

    def weight(self, message: Outbound) -> int:
        """A long text is several messages."""
        return len(split(message.body))

    async def send(self, message: Outbound) -> Receipt:
        """Post one text, in several messages when it is long; the receipt names each.

        When some of them left and one did not, nobody can send the rest without doubling the first: SendUnknown.
        """
        parts, names = split(message.body), list[str]()
        for number, part in enumerate(parts):
            try:
                names.append(await self._post(message.to, part))
            except TelegramError as error:
                if names:
                    raise SendUnknown(
                        f"Of {len(parts)} parts {number} left; then: {meaning(error).words}.", code=meaning(error).code
                    ) from None
                raise outcome(error) from None  # the cause may show the address and the token
        return Receipt(names[0], tuple(names[1:]))

    async def _post(self, to: Address, text: str) -> str:
        """The name of the message that Telegram made. Links are left as they are, without a preview."""
        plain = {"is_disabled": True}
        sent = await self.client.call("sendMessage", chat_id=to.value, text=text, link_preview_options=plain)
        if not isinstance(sent, dict) or not isinstance(sent.get("message_id"), int):
            raise TelegramError("The answer names no message.")
        return f"{self.account.bot}/{to.value}/{sent['message_id']}"

    # In

    def verify(self, request: WebhookRequest) -> None:
        """Raise Forged unless the request carries the secret that Telegram was given."""
        expected, given = self.account.webhook_secret, request.headers.get(SECRET, "")
        if expected is None:
            raise Forged('Telegram is asked for updates here: channels.telegram.mode is not "webhook".')
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise Forged("The request does not carry webhook_secret.")

    def parse(self, request: WebhookRequest) -> list[News]:
        """One update. Raises Unreadable when it is no JSON."""
        try:
            update = json.loads(request.body)
        except (ValueError, RecursionError):
            raise Unreadable("A delivery from Telegram is no JSON.") from None
        return updates.read(self.account.bot, update)

    async def listen(self, mailroom: Mailroom) -> None:
        """Ask for updates until cancelled; with a webhook, tell Telegram where it is and look whether it can deliver.

        Telegram forgets what is below the offset that it is asked for, so the offset moves only after `take`.
        """
        self._remember(await self._ask(mailroom, "getMe"))
        if self.account.webhook_secret is not None:
            await self._set_webhook(mailroom)
            await self._watch(mailroom)
        await self._ask(mailroom, "deleteWebhook")
        await self._poll(mailroom)

    @property
    def _hook(self) -> str:
        return self.account.public_base_url + self.webhooks[0]

    async def _set_webhook(self, mailroom: Mailroom) -> None:
        await self._ask(
            mailroom,
            "setWebhook",
            url=self._hook,
            secret_token=self.account.webhook_secret,
            allowed_updates=list(updates.WANTED),
        )

    async def _watch(self, mailroom: Mailroom) -> NoReturn:
        """Where Telegram cannot deliver, or another program took the webhook away, it tells nobody, and forgets what
        waits after a day. Two looks in a row must find messages that wait after a failure.
        """
        failing, troubled = False, True
        while True:
            await asyncio.sleep(WATCH)
            found = await self._ask(mailroom, "getWebhookInfo")
            hook = found if isinstance(found, dict) else {}
            if hook.get("url") != self._hook:
                await self._set_webhook(mailroom)
            before, failing = failing, bool(hook.get("pending_update_count") and hook.get("last_error_date"))
            if failing and before:
                troubled = True
                await mailroom.trouble(UNDELIVERED)
            elif troubled and not failing:
                troubled = False
                await mailroom.take([], await mailroom.place())  # which says that all is well again

    async def _poll(self, mailroom: Mailroom) -> None:
        """The first answer is taken even when it is empty, and at once: it says that Telegram lets us in."""
        place, hold = await mailroom.place(), 0
        while True:
            came = await self._ask(
                mailroom,
                "getUpdates",
                wait=hold,
                timeout=hold,
                offset=self._offset(place),
                allowed_updates=list(updates.WANTED),
            )
            batch = came if isinstance(came, list) else []
            moved = self._after(batch) or place
            if batch or not hold:
                await mailroom.take([news for one in batch for news in updates.read(self.account.bot, one)], moved)
            if batch and moved == place:
                raise Unavailable("Telegram sends the same updates again and again.")
            place, hold = moved, HOLD

    def _offset(self, place: str) -> int | None:
        """The update to begin with; none when the place is another bot's, whose updates have other numbers."""
        bot, _, offset = place.partition("/")
        return int(offset) if bot == self.account.bot and offset.isdecimal() else None

    def _after(self, batch: list[Any]) -> str:
        """The place after these updates, which may be an earlier one: after a quiet week Telegram counts anew."""
        ids = [one["update_id"] for one in batch if isinstance(one, dict) and isinstance(one.get("update_id"), int)]
        return f"{self.account.bot}/{max(ids) + 1}" if ids else ""

    async def _ask(self, mailroom: Mailroom, method: str, wait: float = 0, **parameters: Any) -> Any:
        """Telegram's answer. Raises Unavailable, and tells the study team when it is for them to mend."""
        try:
            return await self.client.call(method, wait, **parameters)
        except TelegramError as error:
            found = meaning(error)
            if found.ours:
                await mailroom.trouble(f"{_capital(found)}.")
            raise Unavailable(f"{_capital(found)}.") from None

    def _remember(self, me: Any) -> None:
        name = me.get("username") if isinstance(me, dict) else None
        self.username = name if isinstance(name, str) else ""

    # Media

    async def fetch(self, media: Media, most: int) -> bytes:
        """A file that somebody sent. Telegram hands 20 MB to bots, and no more."""
        try:
            found = await self.client.call("getFile", file_id=media.reference)
            path, size = (found.get("file_path"), found.get("file_size")) if isinstance(found, dict) else (None, None)
            if isinstance(size, int) and size > most:
                raise TooLarge
            if not isinstance(path, str):
                raise TelegramError("The answer names no file.")
            return await self.client.download(path, most)
        except TooLarge:
            raise Refused(f"The file has more than {most:,} bytes.") from None
        except TelegramError as error:
            found = meaning(error)
            if found.outcome is Refused:
                raise Refused(f"The file cannot be had: {found.words}.", code=found.code) from None
            raise Unavailable(f"The file did not come: {found.words}.") from None

    # Itself

    async def check(self) -> str:
        """The bot's name, and how many updates wait at Telegram."""
        try:
            self._remember(await self.client.call("getMe"))
            hook = await self.client.call("getWebhookInfo")
        except TelegramError as error:
            raise Unavailable(f"{_capital(meaning(error))}.") from None
        waiting = hook.get("pending_update_count") if isinstance(hook, dict) else None
        return f"Telegram knows the bot @{self.username}; updates that wait there: {waiting}"

    async def close(self) -> None:
        await self.client.close_connections()


def _capital(found: Meaning) -> str:
    return found.words[0].upper() + found.words[1:]
