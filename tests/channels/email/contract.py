"""Email in front of a mail server in each mood."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pydantic import SecretStr

from bot.channel import Channel
from bot.messages import Address, Delivery, News
from channels.email.account import Account, Security, Server
from channels.email.channel import Email
from channels.email.incoming import read
from channels.email.settings import EmailSettings
from tests.channels.contract import Case, Mood
from tests.channels.email.script import HANG_UP, SILENCE, scripted, smtp
from tests.channels.email.test_incoming import OURS, STUDY, TOKEN, mail, report
from tests.rig import free_port
from tests.rig.mailroom import Mailroom

PASSWORD = "the-password-of-the-mailbox"
ANSWERS = {
    Mood.TAKES: (),
    Mood.REFUSES: (("RCPT", "550 5.1.1 no such user"),),
    Mood.BUSY: (("RCPT", "450 4.2.1 try later"),),
    Mood.HANGS_UP: (("DATA", HANG_UP),),
    Mood.SILENT: ((".", SILENCE),),
}


class EmailCase(Case):
    kind = "email"
    to = Address("email", "secret-person@people.example")
    secrets = (PASSWORD,)
    answered = TOKEN
    tells = Delivery.FAILED
    media_come_along = True

    def settings(self) -> EmailSettings:
        return EmailSettings(
            address=OURS,
            smtp_host="mx.example",
            imap_host="mx.example",
            username="voices",
            password=SecretStr(PASSWORD),
        )

    @asynccontextmanager
    async def provider(self, mood: Mood) -> AsyncIterator[Channel]:
        if mood is Mood.AWAY:
            nobody = Email(self.account(free_port()))
            yield nobody
            await nobody.close()
            return
        async with scripted("220 test ESMTP", smtp(*ANSWERS[mood])) as server:
            channel = Email(self.account(server.port))
            yield channel
            await channel.close()

    def account(self, port: int) -> Account:
        door = Server("127.0.0.1", port, Security.NONE)
        return Account(OURS, door, door, "voices", password=PASSWORD, timeout=2.0, last_timeout=0.3)

    async def heard(self, nth: int) -> Sequence[News]:
        return [
            await read(mail(f"Answer {nth}", Message_ID=f"<m{nth}@people.example>").as_bytes(), OURS, STUDY, Mailroom())
        ]

    async def reply(self) -> Sequence[News]:
        return [await read(mail(To=f"voices+{TOKEN}@study.example").as_bytes(), OURS, STUDY, Mailroom())]

    async def told(self) -> Sequence[News]:
        return [await read(report(to=f"voices+b-{TOKEN}@study.example"), OURS, STUDY, Mailroom())]


CASES = (EmailCase(),)
