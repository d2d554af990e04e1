"""Whatever a mail server hands over, reading it ends in an answer and never in an error."""

from __future__ import annotations

import random
from collections.abc import Callable
from email.message import EmailMessage

from channels.email.automatic import nature
from channels.email.body import read
from channels.email.mail import parse
from channels.email.reply import split
from channels.email.threading import clues, content_key, may_be_forged, sender
from tests.channels.email.replies import OURS, cases

INPUTS = 20_000
TOKEN = "abcdefghijklmnopqrstuvwx23"
REPORT = (
    b"From: MAILER-DAEMON@example.net\r\nReturn-Path: <>\r\nTo: study+b-" + TOKEN.encode() + b"@example.org\r\n"
    b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n--b\r\n\r\nIt failed.\r\n--b\r\n'
    b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
    b"Final-Recipient: rfc822; a@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b\r\n"
    b"Content-Type: message/rfc822\r\n\r\nMessage-ID: <o@x>\r\n\r\nHi\r\n--b--\r\n"
)
CHARSETS = [
    b"utf-8",
    b"us-ascii",
    b"iso-8859-1",
    b"cp-850",
    b"utf-7",
    b"utf-16",
    b"gb2312",
    b"iso-2022-jp",
    b"hz",
    b"\xff",
    b"",
]
STRAY = [
    b"\0",
    b"\xff",
    b"\r",
    b"\n",
    b">",
    b"--b",
    b"=?utf-8?b?",
    b"?=",
    b"<",
    b">",
    b"(",
    b'"',
    b";",
    b"=",
    b"\xed\xa0\x80",
    b" " * 50,
]
HEADERS = [
    b"Content-Transfer-Encoding: base64",
    b"Content-Transfer-Encoding: quoted-printable",
    b"Content-Transfer-Encoding: x-unknown",
    b"Content-Type: text/html; charset=",
    b"Content-Type: multipart/alternative; boundary=",
    b"Content-Type: text/plain; format=flowed; delsp=yes",
    b"Content-Disposition: attachment; filename*=utf-8''%FF%00..%2F",
    b"From: =?utf-8?q?=FF?= <a@b@c>, ,;<>",
    b"In-Reply-To: <<<a@b",
    b"Authentication-Results: ((((;dkim=pass header.d=",
    b"Auto-Submitted: ;;;(",
    b"Subject: =?x?q?=?= [#abcdefg2]",
    b"Date: not one",
    b"To: study+" + TOKEN.encode() + b"@example.org",
]


def seeds() -> list[bytes]:
    """Well-formed mails: every reply of the corpus in one of three dresses, and a bounce."""
    found = [REPORT]
    for number, case in enumerate(cases()):
        message = EmailMessage()
        message["From"], message["To"] = "Bob Ŵyn <bob@example.net>", f"Own Pace <study+{TOKEN}@example.org>"
        message["Subject"], message["Message-ID"] = "Re: Cwestiwn – [#abcdefg2]", f"<{number}@example.net>"
        message.set_content(case.mail, cte=("quoted-printable", "base64", "8bit")[number % 3])
        if number % 3 == 1:
            marked = case.mail.replace("<", "&lt;").replace("\n", "<br>\n")
            message.add_alternative(f"<blockquote type=cite>{marked}</blockquote>", subtype="html")
        if number % 5 == 1:
            message.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="llun ŵyl.png")
        found.append(message.as_bytes())
    return found


def mutations(at_random: random.Random, pool: list[bytes]) -> list[Callable[[bytes], bytes]]:
    """Ways to damage a mail."""

    def place(mail: bytes) -> int:
        return at_random.randrange(len(mail) + 1)

    def cut(mail: bytes) -> bytes:
        return mail[: place(mail)]

    def without(mail: bytes) -> bytes:
        first, last = sorted((place(mail), place(mail)))
        return mail[:first] + mail[last:]

    def spliced(mail: bytes) -> bytes:
        other = at_random.choice(pool)
        return mail[: place(mail)] + other[place(other) :]

    def stray(mail: bytes) -> bytes:
        at = place(mail)
        return mail[:at] + at_random.choice(STRAY) * at_random.randrange(1, 4) + mail[at:]

    def changed(mail: bytes) -> bytes:
        bytes_ = bytearray(mail)
        for _ in range(at_random.randrange(1, 20)):
            if bytes_:
                bytes_[at_random.randrange(len(bytes_))] = at_random.randrange(256)
        return bytes(bytes_)

    def relabelled(mail: bytes) -> bytes:
        return mail.replace(b'"utf-8"', at_random.choice(CHARSETS)).replace(b"us-ascii", at_random.choice(CHARSETS))

    def headed(mail: bytes) -> bytes:
        return at_random.choice(HEADERS) + b"\r\n" + mail

    def other_boundary(mail: bytes) -> bytes:
        return mail.replace(b"boundary=", b"boundary=" + at_random.choice([b"x", b"", b'"', b"=?"]), 1)

    return [cut, without, spliced, stray, changed, relabelled, headed, other_boundary]


def damaged(at_random: random.Random, pool: list[bytes], damage: list[Callable[[bytes], bytes]]) -> bytes:
    """One of the mails, damaged up to three times."""
    raw = at_random.choice(pool)
    for _ in range(at_random.randrange(1, 4)):
        raw = at_random.choice(damage)(raw)
    return raw


def read_whole(raw: bytes) -> None:
    """Everything that is done with a mail that came."""
    message = parse(raw)
    body = read(message)
    reply = split(body.text, [OURS])
    assert reply.answer.strip() or not body.text.strip()
    for text in (reply.answer, reply.elided, body.text):
        assert "\0" not in text.encode().decode()
    assert all(file.name for file in body.attachments)
    assert nature(message, "study@example.org").kind
    assert len(content_key(message, body.text)) == 64
    clues(message, "study@example.org")
    sender(message)
    may_be_forged(message)


def test_twenty_thousand_damaged_mails_are_read_without_an_error() -> None:
    at_random = random.Random(20_260_505)
    pool = seeds()
    damage = mutations(at_random, pool)
    for _ in range(INPUTS):
        raw = damaged(at_random, pool, damage)
        try:
            read_whole(raw)
        except Exception as error:
            raise AssertionError(f"This mail cannot be read: {raw!r}") from error


def test_the_mails_that_are_damaged_are_whole_before() -> None:
    for raw, case in zip(seeds()[1:], cases(), strict=True):
        if not case.mail.startswith(">From"):
            assert split(read(raw).text, case.sent).answer == case.answer, case.name
