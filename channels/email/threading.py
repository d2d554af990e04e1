"""Which interview a mail belongs to: what its headers offer, best first. Nothing here decides, and nothing raises."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.utils import getaddresses
from enum import StrEnum

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


def sender(message: Message) -> str | None:
    """The one address that a mail says it is from, in lower case; None where there is none or more than one.

    The displayed name may hold another address; it is never taken.
    """
    lines = values(message, "From")
    found = {address.lower() for _, address in getaddresses(lines) if address}
    if len(lines) != 1 or len(found) != 1:
        return None
    address = found.pop()
    return address if _ADDRESS.fullmatch(address) and len(address) <= 254 else None


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


# Who vouches for the sender


class Vouched(StrEnum):
    """What our own receiving server found out about the sender."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"


MICROSOFT_365 = ""
"""Exchange Online writes Authentication-Results without saying who it is."""


def vouched(message: Message, authserv_id: str | None) -> Vouched:
    """What the topmost Authentication-Results of our own server says (RFC 8601, section 5); all others may be forged.

    `authserv_id` is the name that our server writes there, MICROSOFT_365 for one that writes none, None where no server
    of ours checks. PASS is dmarc=pass, or a DKIM signature that holds, of the sender's domain. FAIL is dmarc=fail.
    SPF alone decides nothing: forwarding breaks it.
    """
    text = _our_results(message, authserv_id)
    if text is None:
        return Vouched.UNKNOWN
    results = [_result(part) for part in text.split(";")]
    dmarc = [verdict for method, verdict, _ in results if method == "dmarc"]
    if "fail" in dmarc:
        return Vouched.FAIL
    domain = (sender(message) or "@").partition("@")[2]
    signed = [signer for method, verdict, signer in results if method == "dkim" and verdict == "pass"]
    if "pass" in dmarc or any(_aligned(signer, domain) for signer in signed):
        return Vouched.PASS
    return Vouched.UNKNOWN


def _our_results(message: Message, authserv_id: str | None) -> str | None:
    """The first header that our server wrote, without comments; for Microsoft 365 only the topmost of all counts."""
    found = [_without_comments(text) for text in values(message, "Authentication-Results")]
    if authserv_id == MICROSOFT_365:
        return next((text for text in found[:1] if "=" in text.partition(";")[0]), None)
    wanted = (authserv_id or "\0").lower()
    return next((text.partition(";")[2] for text in found if _server(text) == wanted), None)


def _server(text: str) -> str:
    """The name before the first semicolon, without the version number that may follow it."""
    return next(iter(text.partition(";")[0].lower().split()), "")


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


def _result(text: str) -> tuple[str, str, str]:
    """One method, its result, and the signing domain where there is one: `dkim=pass header.d=example.org`."""
    pairs = re.findall(r"([\w.-]+)(?:/\d+)?\s*=\s*(\S+)", text.lower())
    if not pairs:
        return "", "", ""
    properties = dict(reversed(pairs[1:]))
    signer = properties.get("header.d") or properties.get("header.i", "").rpartition("@")[2]
    return pairs[0][0], pairs[0][1], signer


def _aligned(signer: str, domain: str) -> bool:
    """The same domain, or one within the other (RFC 7489, section 3.1.1, relaxed); no bare top-level domain."""
    if "." not in signer or "." not in domain:
        return False
    return signer == domain or domain.endswith(f".{signer}") or signer.endswith(f".{domain}")
