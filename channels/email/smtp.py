"""Handing mails to the mail server, so that afterwards it is known whether each one left.

Until the content is on its way nothing has left. The server's word after the content decides. Without that word nobody
knows: it may be queued (RFC 1047). The library's own `sendmail` does not tell these apart.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from bot.errors import NotSent, SendError, SendUnknown, Unavailable
from channels.email.account import Account, Security
from channels.email.compose import Mail
from channels.email.oauth import NotLetIn
from channels.email.status import outcome

CONNECTIONS = 2
"""The most at a time, so that one silent answer does not hold up everybody. Exchange Online allows three."""

START_CONTENT, TAKEN, CLOSING = 354, 250, 421


class Sender:
    """Connections to the mail server, kept open and used again."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._idle: list[SMTP] = []
        self._places = asyncio.Semaphore(CONNECTIONS)

    async def send(self, mail: Mail) -> str:
        """Hand over one mail; the id under which its recipient will see it.

        Raises NotSent, Refused or SendUnknown.
        """
        async with self._places:
            smtp = await self._opened(mail)
            try:
                said = await self._content(smtp, mail)
            except BaseException:
                _drop(smtp)
                raise
            self._idle.append(smtp)
        return rewritten(self.account.smtp.host, said) or mail.message_id

    async def check(self) -> None:
        """Log in once. Raises Unavailable."""
        smtp = await self._connected()
        await _leave(smtp)

    async def close(self) -> None:
        """Say goodbye on every connection that waits."""
        while self._idle:
            await _leave(self._idle.pop())

    # Until the content

    async def _opened(self, mail: Mail) -> SMTP:
        """A connection on which the server waits for this mail's content."""
        while self._idle:
            smtp = self._idle.pop()
            with suppress(_Gone):  # the server ended it while nobody used it, and nothing has left
                return await self._envelope(smtp, mail)
        try:
            return await self._envelope(await self._connected(), mail)
        except _Gone:
            raise NotSent("The connection to the mail server broke.") from None
        except Unavailable as why:
            raise NotSent(str(why)) from None

    async def _envelope(self, smtp: SMTP, mail: Mail) -> SMTP:
        try:
            await smtp.mail(mail.sender)
            await smtp.rcpt(mail.to)
            answer = await smtp.execute_command(b"DATA")
            if answer.code != START_CONTENT:
                raise SMTPDataError(answer.code, answer.message)
        except BaseException as error:
            _drop(smtp)
            if isinstance(error, Exception):
                raise _before_content(error) from None  # the cause would show the address
            raise
        return smtp

    # The content

    async def _content(self, smtp: SMTP, mail: Mail) -> str:
        """Send the content, and the server's word on it."""
        protocol = smtp.protocol
        if protocol is None or not protocol.is_connected:
            raise NotSent("The connection to the mail server broke.")
        protocol.write(_on_the_wire(mail.content))
        try:
            answer = await protocol.read_response(timeout=self.account.last_timeout)
        except SMTPTimeoutError:
            raise SendUnknown("The mail server said nothing about the mail it was given.") from None
        except (SMTPException, OSError):
            raise SendUnknown("The connection to the mail server broke after the mail.") from None
        if answer.code == TAKEN:
            return answer.message
        if 400 <= answer.code <= 599:
            raise outcome(answer.code, answer.message)
        raise SendUnknown("The mail server's answer to the mail made no sense.")

    # Connecting

    async def _connected(self) -> SMTP:
        """A new connection, logged in. Raises Unavailable."""
        of = self.account
        smtp = SMTP(
            hostname=of.smtp.host,
            port=of.smtp.port,
            use_tls=of.smtp.security is Security.TLS,
            start_tls=of.smtp.security is Security.STARTTLS,
            tls_context=of.smtp.context(),
            local_hostname=of.domain,
            timeout=of.timeout,
        )
        try:
            await smtp.connect()
            await self._log_in(smtp)
        except BaseException as error:
            _drop(smtp)
            if isinstance(error, Exception):
                raise _connecting(error) from None
            raise
        return smtp

    async def _log_in(self, smtp: SMTP) -> None:
        of = self.account
        await smtp.ehlo()
        if of.smtp.security is Security.NONE and not smtp.supports_extension("auth"):
            return  # a mail server on this machine that knows us
        if of.tokens is None:
            await smtp.login(of.username, of.password)
            return
        token = await of.tokens.current()
        try:
            await smtp.auth_xoauth2(of.username, token)
        except SMTPAuthenticationError:
            await smtp.auth_xoauth2(of.username, await of.tokens.instead_of(token))


class _Gone(Exception):
    """The connection ended before the content: nothing has left, and a new connection may do."""


def _drop(smtp: SMTP) -> None:
    """End a connection at once; a polite end of TLS would wait for an answer that may never come."""
    transport = smtp.transport
    smtp.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


async def _leave(smtp: SMTP) -> None:
    with suppress(SMTPException, OSError):
        await smtp.quit(timeout=2.0)
    _drop(smtp)


def _before_content(error: Exception) -> Exception:
    """What a failure before the content says: no word of it has left."""
    match error:
        case SMTPResponseException() if error.code == CLOSING:
            return _Gone()
        case SMTPResponseException():
            return outcome(error.code, error.message)
        case SMTPException() | OSError():
            return _Gone()
        case _:
            return error


def _connecting(error: Exception) -> Exception:
    match error:
        case Unavailable() | SendError():
            return error
        case SMTPAuthenticationError() if 500 <= error.code <= 599:
            return NotLetIn("The mail server for sending does not accept our login.")
        case SMTPServerDisconnected() | SMTPTimeoutError() | OSError():
            return Unavailable("The mail server for sending could not be reached.")
        case SMTPException():
            return Unavailable(
                "The mail server for sending does not do what we need: encryption, or our way to log in."
            )
        case _:
            return error


def _on_the_wire(content: bytes) -> bytes:
    """Lines that begin with a dot get another one, and a dot alone ends it all (RFC 5321, 4.5.2)."""
    stuffed = re.sub(rb"(?m)^\.", b"..", content)
    return stuffed + (b"" if stuffed.endswith(b"\r\n") else b"\r\n") + b".\r\n"


_SES = re.compile(r"email-smtp(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com")


def rewritten(host: str, said: str) -> str | None:
    """The Message-ID that Amazon SES puts in the place of ours: its answer holds it without the domain.

    The domain is named for the region, and is `email` in the oldest one (us-east-1).
    """
    region = _SES.fullmatch(host.lower())
    words = re.fullmatch(r"Ok ([0-9A-Za-z-]{20,80})", said.strip(), re.IGNORECASE)
    if not region or not words:
        return None
    return f"<{words[1]}@{'email' if region[1] == 'us-east-1' else region[1]}.amazonses.com>"
