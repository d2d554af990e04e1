"""What a send ends in, phase by phase: not sent, refused, unknown, or a receipt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.errors import NotSent, Refused, SendError, SendUnknown, Unavailable
from bot.messages import Address, Outbound
from channels.email.account import Account, Security
from channels.email.account import Server as Door
from channels.email.channel import Email
from channels.email.smtp import rewritten
from tests.channels.email.script import HANG_UP, SILENCE, Server, scripted, smtp
from tests.rig import free_port

ID = "abcdefghijklmnopqrstuvwxyz"
MESSAGE = Outbound(ID, Address("email", "secret-person@people.example"), ".\nHello?\n.dots", thread="thread22")
HELLO = "220 test ESMTP"


def account(port: int, **more: object) -> Account:
    door = Door("127.0.0.1", port, Security.NONE)
    known: dict[str, object] = {"timeout": 0.5, "last_timeout": 0.3, "password": "the-password", **more}
    return Account("voices@study.example", door, door, "voices", **known)  # type: ignore[arg-type]


@asynccontextmanager
async def served(*answers: tuple[str, str], greeting: str = HELLO) -> AsyncIterator[tuple[Email, Server]]:
    async with scripted(greeting, smtp(*answers)) as server:
        channel = Email(account(server.port))
        yield channel, server
        await channel.close()


async def test_a_receipt_names_our_own_id() -> None:
    async with served() as (channel, server):
        assert (await channel.send(MESSAGE)).provider_id == f"<{ID}@study.example>"
    assert f"MAIL FROM:<voices+b-{ID}@study.example>" in server.heard
    assert "RCPT TO:<secret-person@people.example>" in server.heard


async def test_lines_that_begin_with_a_dot_arrive_as_they_are() -> None:
    async with served() as (channel, server):
        await channel.send(MESSAGE)
    assert ".." in server.heard, "a dot alone would end the mail"
    assert "..dots" in server.heard


async def test_one_connection_carries_many_mails() -> None:
    async with served() as (channel, server):
        for _ in range(5):
            await channel.send(MESSAGE)
    assert len(server.talks) == 1
    assert server.heard.count(".") == 5
    assert server.heard[-1] == "QUIT"


async def test_a_connection_that_ended_unseen_is_replaced_without_a_word() -> None:
    async with served() as (channel, server):
        await channel.send(MESSAGE)
        server.talks[0].say(HANG_UP)
        await channel.send(MESSAGE)
    assert len(server.talks) == 2
    assert server.heard.count(".") == 2


async def test_a_goodbye_to_an_idle_connection_is_no_failure_of_the_message() -> None:
    async with scripted(HELLO, smtp()) as server:
        channel = Email(account(server.port))
        await channel.send(MESSAGE)
        usual = server.answer
        server.answer = lambda line, talk: (
            "421 4.4.2 idle too long" if line.startswith("MAIL") and talk.number == 1 else usual(line, talk)
        )
        await channel.send(MESSAGE)
        await channel.close()
    assert len(server.talks) == 2


PHASES: list[tuple[str, tuple[str, str], type[SendError], str | None, bool]] = [
    ("hangs up at once", ("EHLO", HANG_UP), NotSent, None, False),
    ("says nothing to EHLO", ("EHLO", SILENCE), NotSent, None, False),
    ("refuses the sender for now", ("MAIL", "451 4.3.0 later"), NotSent, "4.3.0", False),
    ("refuses the sender", ("MAIL", "550 5.7.60 you may not"), Refused, "5.7.60", False),
    ("does not know our own address", ("MAIL", "550 5.1.8 bad sender"), Refused, "5.1.8", False),
    ("wants a login", ("MAIL", "530 5.7.0 authenticate first"), NotSent, "5.7.0", False),
    ("hangs up at MAIL", ("MAIL", HANG_UP), NotSent, None, False),
    ("says nothing to MAIL", ("MAIL", SILENCE), NotSent, None, False),
    ("is greylisting", ("RCPT", "450 4.2.0 greylisted"), NotSent, "4.2.0", False),
    ("has a full mailbox for now", ("RCPT", "452 4.2.2 full"), NotSent, "4.2.2", False),
    ("has a full mailbox", ("RCPT", "552 5.2.2 full"), Refused, "5.2.2", False),
    ("has nobody of that name", ("RCPT", "550 5.1.1 <secret-person@people.example> unknown"), Refused, "5.1.1", True),
    ("knows no such domain", ("RCPT", "550 5.1.2 no domain"), Refused, "5.1.2", True),
    ("takes no mail at all", ("RCPT", "556 5.1.10 null MX"), Refused, "5.1.10", True),
    ("gives only a number", ("RCPT", "550 go away"), Refused, "550", False),
    ("hangs up at RCPT", ("RCPT", HANG_UP), NotSent, None, False),
    ("says nothing to RCPT", ("RCPT", SILENCE), NotSent, None, False),
    ("shuts down at RCPT", ("RCPT", "421 4.3.2 shutting down"), NotSent, None, False),
    ("refuses the content beforehand", ("DATA", "554 5.7.1 no"), Refused, "5.7.1", False),
    ("has no room for content", ("DATA", "452 4.3.1 no room"), NotSent, "4.3.1", False),
    ("hangs up at DATA", ("DATA", HANG_UP), NotSent, None, False),
    ("says nothing to DATA", ("DATA", SILENCE), NotSent, None, False),
    ("refuses the mail", (".", "554 5.7.1 looks like spam"), Refused, "5.7.1", False),
    ("refuses the mail for now", (".", "451 4.7.0 try later"), NotSent, "4.7.0", False),
    ("finds nobody only at the end", (".", "550 5.1.1 unknown"), Refused, "5.1.1", True),
    ("hangs up after the mail", (".", HANG_UP), SendUnknown, None, False),
    ("says nothing after the mail", (".", SILENCE), SendUnknown, None, False),
    ("makes no sense after the mail", (".", "hello?"), SendUnknown, None, False),
    ("says something else after the mail", (".", "354 more?"), SendUnknown, None, False),
]


@pytest.mark.parametrize(
    ("answer", "expected", "code", "closed"), [phase[1:] for phase in PHASES], ids=[phase[0] for phase in PHASES]
)
async def test_a_server_that(
    answer: tuple[str, str],
    expected: type[SendError],
    code: str | None,
    closed: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with served(answer) as (channel, server):
        with pytest.raises(SendError) as caught:
            await channel.send(MESSAGE)
    assert type(caught.value) is expected
    assert (caught.value.code, getattr(caught.value, "closed", False)) == (code, closed)
    assert server.heard.count(".") <= 1, "no mail goes twice, whatever the answer"
    assert "secret" not in str(caught.value) + caplog.text, "no address reaches an error or a log"


async def test_a_refused_mail_leaves_the_next_one_unharmed() -> None:
    async with scripted(HELLO, smtp(("RCPT", "550 5.1.1 no"))) as server:
        channel = Email(account(server.port))
        with pytest.raises(Refused):
            await channel.send(MESSAGE)
        server.answer = smtp()
        await channel.send(MESSAGE)
        await channel.close()


async def test_a_server_that_is_not_there_or_full_took_nothing() -> None:
    with pytest.raises(NotSent):
        await Email(account(free_port())).send(MESSAGE)
    async with served(greeting="554 5.3.2 not today") as (channel, _server):
        with pytest.raises(NotSent):
            await channel.send(MESSAGE)


async def test_one_silent_answer_does_not_hold_up_everybody() -> None:
    """While the word on one mail is awaited, others leave by another connection."""
    async with scripted(HELLO, smtp()) as server:
        usual = server.answer
        server.answer = lambda line, talk: SILENCE if line == "." and talk.number == 1 else usual(line, talk)
        channel = Email(account(server.port, last_timeout=5.0))
        stuck = asyncio.create_task(channel.send(MESSAGE))
        await server.until(".")
        await channel.send(MESSAGE)
        assert not stuck.done()
        stuck.cancel()
        await asyncio.gather(stuck, return_exceptions=True)
        await channel.close()


async def test_starttls_that_a_server_does_not_offer_is_never_left_out() -> None:
    async with scripted(HELLO, smtp()) as server:
        of = account(server.port)
        door = Door("127.0.0.1", server.port, Security.STARTTLS)
        with pytest.raises(NotSent):
            await Email(Account(of.address, door, door, "voices", "the-password")).send(MESSAGE)
    assert not [line for line in server.heard if line.startswith(("AUTH", "MAIL"))]


async def test_a_wrong_password_is_a_setting_to_mend() -> None:
    async with served(("EHLO", "250-test\n250 AUTH PLAIN"), ("AUTH", "535 5.7.8 no")) as (channel, server):
        with pytest.raises(NotSent, match="does not accept our login"):
            await channel.send(MESSAGE)
        with pytest.raises(Unavailable, match="does not accept our login"):
            await channel.check()
    assert not [line for line in server.heard if line.startswith("MAIL")]


@pytest.mark.parametrize(
    ("host", "said", "expected"),
    [
        (
            "email-smtp.eu-west-2.amazonaws.com",
            "Ok 010b0190f1e2d3c4-0a1b2c3d-000000",
            "<010b0190f1e2d3c4-0a1b2c3d-000000@eu-west-2.amazonses.com>",
        ),
        (
            "email-smtp.us-east-1.amazonaws.com",
            "Ok 0100018e0f1e2d3c4-0a1b2c3d-000000",
            "<0100018e0f1e2d3c4-0a1b2c3d-000000@email.amazonses.com>",
        ),
        ("email-smtp.eu-west-2.amazonaws.com", "queued", None),
        ("smtp.example.org", "Ok 010b0190f1e2d3c4-0a1b2c3d-000000", None),
    ],
)
def test_amazon_renames_mails_and_says_how(host: str, said: str, expected: str | None) -> None:
    assert rewritten(host, said) == expected
