"""Which interview a mail belongs to: what its headers offer, best first. Nothing here decides, and nothing raises."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.utils import getaddresses
from enum import StrEnum

from bot.errors import AddressError
from channels.email.account import normalised
from channels.email.mail import value, values

RECIPIENTS = ("To", "Cc", "Delivered-To", "X-Original-To", "X-Forwarded-To", "Envelope-To")
"""Where our own address may stand: forwarders and mailboxes rewrite some of these and keep others."""


class Sort(StrEnum):
    """What a clue is."""

    TOKEN = "token"
    BOUNCE = "bounce"
    MESSAGE_ID = "message id"
    SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class Clue:
    """One hint at an interview: a token of an address of ours, a Message-ID in angle brackets, or a subject's token."""

    sort: Sort
    value: str = field(repr=False)


def clues(message: Message, address: str) -> tuple[Clue, ...]:
    """What a mail says it answers, most trusted first, each once.

    Tokens in our address (`address` is the plain one, `local@domain`), In-Reply-To, References from the last to the
    first, a token in the subject. Outlook and iOS drop one or the other, so all are read.
    """
    found = [*_tokens(message, address), *_message_ids(message), *_subject(message)]
    return tuple(dict.fromkeys(found))


def _tokens(message: Message, address: str) -> Iterator[Clue]:
    """`local+<token>@domain`, and `local+b-<token>@domain` where a mail server reports; case may have been changed."""
    local, _, domain = address.partition("@")
    ours = re.compile(
        rf"(?<![\w.+-]){re.escape(local)}\+(b-)?([a-z2-7]{{26}})[\"']?@{re.escape(domain)}(?![\w-]|\.\w)", re.IGNORECASE
    )
    for name in RECIPIENTS:
        for text in values(message, name):
            for bounce, token in ours.findall(text):
                yield Clue(Sort.BOUNCE if bounce else Sort.TOKEN, token.lower())


MOST = 200
"""Message-IDs looked at in one mail; nobody's thread is longer, and somebody's mischief is."""


def _message_ids(message: Message) -> Iterator[Clue]:
    for text in values(message, "In-Reply-To"):
        yield from (Clue(Sort.MESSAGE_ID, found) for found in message_ids(text)[:MOST])
    for text in values(message, "References"):
        yield from (Clue(Sort.MESSAGE_ID, found) for found in message_ids(text)[::-1][:MOST])


def message_ids(text: str) -> list[str]:
    """Every Message-ID in a header's text, in angle brackets, without the spaces that folding left inside."""
    found = ["".join(inner.split()) for inner in re.findall(r"<([^<>]*@[^<>]*)>", text)]
    bare = text.strip() if not found and re.fullmatch(r"[^\s<>@]+@[^\s<>@]+", text.strip()) else ""
    return [f"<{each}>" for each in (found or [bare]) if each]


def _subject(message: Message) -> Iterator[Clue]:
    for token in re.findall(r"\[#([a-z2-7]{8})\]", value(message, "Subject"), re.IGNORECASE):
        yield Clue(Sort.SUBJECT, token.lower())


_BEGINS_AS_REPLY = re.compile(r"\s*[^\W\d_]{1,5}\s?(?:\[\d+\]|\(\d+\))?\s?[:：]")


def is_reply(message: Message) -> bool:
    """Whether a mail program made it as the answer to a mail.

    Else it was begun anew, to an address of ours that the program remembers from some mail long ago. Some programs
    leave out the headers that name what is answered; none changes the subject, or leaves out "Re:" as well.
    """
    if any(value(message, name) for name in ("In-Reply-To", "References", "Thread-Index")):
        return True
    return any(_subject(message)) or bool(_BEGINS_AS_REPLY.match(value(message, "Subject")))


def sender(message: Message) -> str | None:
    """The one address that a mail says it is from, in lower case; None where there is none or more than one.

    The displayed name may hold another address; it is never taken.
    """
    lines = values(message, "From")
    found = {address.lower() for _, address in getaddresses(lines) if address}
    if len(lines) != 1 or len(found) != 1:
        return None
    address = _as_enrolled(found.pop())
    return address if _ADDRESS.fullmatch(address) and len(address) <= 254 else None


def _as_enrolled(address: str) -> str:
    """With the domain that DNS knows, as addresses are kept: ann@bücher.example (RFC 6532) has an xn-- form as well."""
    try:
        return address if address.isascii() else normalised(address)
    except AddressError:
        return address


_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\"\\]+@[^\s@<>()\[\],;:\"\\.]+(?:\.[^\s@<>()\[\],;:\"\\.]+)*")


def content_key(message: Message, text: str) -> str:
    """The same for every copy of one mail: SHA-256 over Message-ID, Date, From and the decoded body, in hexadecimal.

    UIDs differ when a mail is moved back, a mailbox rebuilt, or it came by two addresses; transport headers do too.
    """
    digest = hashlib.sha256()
    for part in (*(value(message, name) for name in ("Message-ID", "Date", "From")), text):
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


# Whether the sender is who it says


def may_be_forged(message: Message) -> bool:
    """Whether our own receiving server found that the domain in From did not send this (RFC 7489, dmarc=fail).

    Only the topmost Authentication-Results counts: servers put theirs on top (RFC 8601, 4.1), and whoever forges a mail
    writes no "fail" into it. Mailing lists and forwarders fail too, so this is a reason to look and no proof.
    """
    topmost = _without_comments(value(message, "Authentication-Results"))
    return any(re.fullmatch(r"dmarc(?:/\d+)?\s*=\s*fail\b.*", part.strip(), re.I) for part in topmost.split(";"))


def _without_comments(text: str) -> str:
    """Header text without (comments), nested ones too, and without quotation marks; quoted semicolons do not part."""
    out, depth, quoted, escaped = [], 0, False, False
    for letter in text:
        if escaped or letter == "\\":
            escaped = not escaped and letter == "\\"
        elif letter == '"' and not depth:
            quoted = not quoted
        elif letter == "(" and not quoted:
            depth += 1
        elif letter == ")" and not quoted and depth:
            depth -= 1
        elif not depth:
            out.append("_" if quoted and letter in ";= " else letter)
    return "".join(out)
