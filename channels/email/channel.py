"""Email: sent by SMTP, read by IMAP. Each mail carries a token to which the person's program replies by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from bot.channel import Ability, Channel, Look, Mailroom, Rate, WayIn
from bot.messages import Address, Outbound, Receipt
from channels.email.account import Account, normalised
from channels.email.compose import Letterhead, as_sent, compose
from channels.email.compose import subject as subject_of
from channels.email.imap import Reader
from channels.email.smtp import Sender


def _now() -> datetime:
    return datetime.now(UTC)


class Email(Channel):
    """The channel `email`. A mail that is only perhaps sent cannot be asked about: SMTP has no such question.

    The rate is what Microsoft 365 takes from one mailbox, the least of the large providers
    (learn.microsoft.com/exchange/troubleshoot/send-emails/smtp-submission-improvements).
    """

    kind = "email"
    abilities = frozenset({Ability.WRITES_FIRST, Ability.TELLS_DELIVERY, Ability.LINKS_REPLIES, Ability.MEDIA})
    threads = True
    patience = timedelta(hours=48)
    rate = Rate(30, timedelta(minutes=1))
    most_an_hour = 60

    def __init__(self, account: Account, now: Callable[[], datetime] = _now) -> None:
        self.account = account
        self.now = now
        self._head = Letterhead(account.address, account.study, account.public_base_url)
        self._sender = Sender(account)
        self._reader = Reader(account, now)

    def address(self, written: str) -> Address:
        """An email address in lower case."""
        return Address(self.kind, normalised(written))

    def way_in(self, words: str, code: str) -> WayIn | None:
        """A mail with the words as its subject and its text (RFC 6068)."""
        said = quote(words, safe="")
        return WayIn(f"mailto:{quote(self.account.address, safe='@')}?subject={said}&body={said}", self.account.address)

    def look(self, message: Outbound) -> Look:
        """The subject, and the words with what stands below them in every mail of ours."""
        return Look(subject_of(message, self._head), as_sent(message.body))

    async def send(self, message: Outbound) -> Receipt:
        """Hand one mail to the mail server; its id is the one that replies will name."""
        return Receipt(await self._sender.send(compose(message, self._head, self.now())))

    async def listen(self, mailroom: Mailroom) -> None:
        """Bring every mail that came since the last, and then each new one as it comes."""
        await self._reader.listen(mailroom)

    async def check(self) -> str:
        """Log in to both servers."""
        await self._sender.check()
        await self._reader.check()
        return f"{self.account.smtp.host} and {self.account.imap.host} let us in"

    async def close(self) -> None:
        """Say goodbye to the server for sending; a listener that is cancelled lets go by itself."""
        await self._sender.close()
