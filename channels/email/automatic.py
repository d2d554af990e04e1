"""What kind of mail it is: a report that ours was not delivered, a machine's reply, our own coming back, or a"
" person's.

Only a person's mail is an answer. The order matters: a third of all bounces also say `Auto-Submitted: auto-replied`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from enum import StrEnum

from flufl.bounce import all_failures

from channels.email import mail
from channels.email.mail import clean, safely, value, values
from channels.email.threading import Sort, clues, message_ids, sender

INSTANCE = "X-Own-Pace"
"""The header that each of our own mails carries: one that arrives with it went in a circle."""

# flufl.bounce logs a traceback, with pieces of the mail, before it raises.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)


PRECEDENCE, SUBJECT = "Precedence", "the subject says so"
MAY_BE_A_PERSONS = (PRECEDENCE, SUBJECT)
"""Signs that a person's mail may have as well: it came over a list, or its subject begins like "Out of office"."""


class Kind(StrEnum):
    """What a mail is."""

    HUMAN = "human"
    BOUNCE = "bounce"
    AUTOMATIC = "automatic"
    LOOP = "loop"


@dataclass(frozen=True, slots=True)
class Failure:
    """One address that our mail did not reach.

    `status` is the enhanced code (RFC 3463), "" where none is given. `permanent`: this address will not take mail; else
    it may later. `delayed`: the server is still trying, and nothing needs to be sent again. `reason` says it in words.
    """

    recipient: str = field(repr=False)
    status: str
    permanent: bool
    delayed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Nature:
    """What a mail is, and why we think so.

    A bounce has failures; `token` is our envelope's, and `original` the Message-ID of our mail, where the report says.
    `out_of_office`: the person is away for a while, so that reminders should wait.
    """

    kind: Kind
    sign: str = ""
    failures: tuple[Failure, ...] = ()
    token: str | None = field(default=None, repr=False)
    original: str | None = field(default=None, repr=False)
    out_of_office: bool = False


def nature(message: Message, address: str, instance: str = INSTANCE) -> Nature:
    """What a mail to our `address` is, in the order bounce, loop, automatic, human."""
    token = next((clue.value for clue in clues(message, address) if clue.sort is Sort.BOUNCE), None)
    failures = tuple(_failures(message, token))
    if failures:
        return Nature(Kind.BOUNCE, "it reports a failure", failures, token, _original(message))
    if sign := _loop(message, address, instance):
        return Nature(Kind.LOOP, sign)
    if sign := _automatic(message):
        return Nature(Kind.AUTOMATIC, sign, token=token, out_of_office=_out_of_office(message))
    return Nature(Kind.HUMAN)


# Bounces


def _failures(message: Message, token: str | None) -> Iterator[Failure]:
    """From a standard report (RFC 3464), or from free text; only of a mail that looks like a machine's.

    A person may send on a report that they got. A report of success (`delivered`, `relayed`, `expanded`) is no failure.
    """
    if not (token or _from_a_server(message)):
        return
    if blocks := list(_report(message)):
        yield from filter(None, map(_failure, blocks))
    else:
        yield from _guessed(message)


def _report(message: Message) -> Iterator[Message]:
    """The blocks about one recipient each, of every delivery-status part."""
    for part in message.walk():
        if mail.kind(part) in ("message/delivery-status", "message/global-delivery-status"):
            blocks = part.get_payload() if part.is_multipart() else []
            yield from (block for block in blocks if isinstance(block, Message) and values(block, "Action"))


def _failure(block: Message) -> Failure | None:
    action = value(block, "Action").lower()
    delayed = action.startswith("delay")
    if not (delayed or action.startswith(("fail", "error"))):
        return None  # delivered, relayed, expanded
    status = _status(value(block, "Status")) or _status(value(block, "Diagnostic-Code"))
    named = [_recipient(value(block, name)) for name in ("Final-Recipient", "Original-Recipient")]
    recipient = next((name for name in named if "@" in name), named[0])
    return Failure(recipient, status, not delayed and _is_permanent(status), delayed, reason(status))


def _recipient(text: str) -> str:
    """`rfc822; ann@example.org` as the address alone."""
    return text.rpartition(";")[2].strip().strip("<>").lower()


def _status(text: str) -> str:
    """An enhanced code (`5.1.1`), or the one that a bare SMTP code (`550`) comes to."""
    if found := re.search(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.])", text):
        return found[0]
    plain = re.search(r"(?<![\d.])([45])\d\d(?![\d.])", text)
    return f"{plain[1]}.0.0" if plain else ""


def _is_permanent(status: str) -> bool:
    """5.x.x, but a full mailbox and a mail that is too big say nothing against the address."""
    return status.startswith("5") and status not in ("5.2.2", "5.2.3", "5.3.4")


# RFC 3463, section 3, and the IANA registry of enhanced status codes; the first digit says only how final it is.
_REASONS = {
    "1.1": "the address does not exist",
    "1.2": "the domain of the address does not exist",
    "1.3": "the address is not written correctly",
    "1.6": "the mailbox has moved",
    "1.10": "the domain takes no mail",
    "2.1": "the mailbox is switched off",
    "2.2": "the mailbox is full",
    "2.3": "the mail is too big for the mailbox",
    "3.4": "the mail is too big for the receiving server",
    "4.1": "the receiving server does not answer",
    "4.2": "the connection to the receiving server broke",
    "4.3": "the receiving server cannot be found just now",
    "4.4": "there is no way to the receiving server",
    "4.6": "the mail went in a circle",
    "4.7": "the receiving server could not be reached in time",
    "7.1": "the receiving server does not want our mail",
    "7.26": "the receiving server could not check that the mail is ours",
}
_SUBJECTS = {
    "1": "something is wrong with the address",
    "2": "something is wrong with the mailbox",
    "3": "the receiving server has a fault",
    "4": "the network between the servers has a fault",
    "5": "the servers did not understand each other",
    "6": "the receiving server cannot show such a mail",
    "7": "the receiving server refused it by its rules",
}


def reason(status: str) -> str:
    """An enhanced status code in plain words, for the study team."""
    _, _, rest = status.partition(".")
    words = _REASONS.get(rest) or _SUBJECTS.get(rest.partition(".")[0]) or "the receiving server gave no reason"
    return f"{words} ({status})" if status else words


def _guessed(message: Message) -> Iterator[Failure]:
    """What flufl.bounce reads out of the many forms of free text; it raises on some mails (6.0.0: one without"
    " From)."""
    nobody: frozenset[bytes] = frozenset()
    temporary, permanent = safely(lambda: all_failures(message), lambda: (nobody, nobody))
    for found, final in ((permanent, True), (temporary, False)):
        for address in sorted(found):
            recipient = clean(address.decode("utf-8", "replace")).lower()
            yield Failure(recipient, "", final, not final, reason(""))


_SERVERS = re.compile(
    r"(?:mailer[-_.]?daemon|postmaster|mail[-_.]?(?:delivery|administrator)|mmdf|uucp|daemon)\b", re.I
)
_FAILED = re.compile(
    r"undeliver|returned (?:mail|to sender)|deliver\w* (?:status|failure|problem|notification|error|report|delay)"
    r"|fail\w*|unzustellbar|nicht zugestellt|non remis|no entregado|could not|cannot|unable|bounce|delayed"
    r"|warning|non-?deliver",
    re.IGNORECASE,
)


_IS_REPLY = re.compile(r"\s*[^\W\d_]{2,4}\s?(?:\[\d+\])?\s?[:：]")


def _from_a_server(message: Message) -> bool:
    """Signs without which free text about a failure is a person's: they may be telling us of one."""
    subject = value(message, "Subject")
    return (
        _null_return_path(message)
        or sender(message) is None
        or any(_SERVERS.search(text) for text in values(message, "From"))
        or mail.kind(message) == "multipart/report"
        or bool(_FAILED.search(subject) and not _IS_REPLY.match(subject))
    )


def _original(message: Message) -> str | None:
    """The Message-ID of the mail of ours that came back inside the report."""
    for part in message.walk():
        found = message_ids(value(part, "Message-ID")) if part is not message else []
        if mail.kind(part) == "text/rfc822-headers":
            text = mail.content(part).decode("utf-8", "replace")
            found = re.findall(r"(?im)^message-id:\s*(<[^<>\s]+>)", text)
        if found:
            return found[0]
    return None


# Machines' replies


def _loop(message: Message, address: str, instance: str) -> str:
    """Our own header, or our own address as the sender: answering it would never end."""
    if values(message, instance):
        return "it carries our own header"
    local, _, domain = address.lower().partition("@")
    theirs, _, there = (sender(message) or "").partition("@")
    return "it is from our own address" if there == domain and theirs.partition("+")[0] == local else ""


_PRECEDENCES = frozenset({"bulk", "junk", "list", "auto_reply", "auto-reply"})
_NOBODY = re.compile(
    r"(?:mailer-?daemon|postmaster|(?:do-?)?no[-_.]?t?[-_.]?reply|donotreply)(?:[+@-]|$)", re.IGNORECASE
)
_AWAY = re.compile(
    r"\s*(?:\[[^\]]*\]\s*)?(?:automatic reply|auto(?:matic)?[- ]?(?:reply|response|responder)|autoreply"
    r"|out of (?:the )?office"
    r"|i am out of (?:the )?office|away from (?:my|the) (?:office|desk|mail)|on (?:annual )?leave:"
    r"|vacation (?:reply|response)"
    r"|automatische antwort|abwesenheits\w*|abwesend|autoantwort|nicht im büro"
    r"|réponse automatique|reponse automatique|absence du bureau|message d'absence|absent du bureau"
    r"|respuesta automática|respuesta automatica|fuera de la oficina|ausente"
    r"|risposta automatica|fuori ufficio|fuori sede|assente"
    r"|resposta automática|fora do escritório|automatisch antwoord|automatische reactie|afwezig\w*|niet aanwezig"
    r"|automatyczna odpowiedź|odpowiedź automatyczna|poza biurem|nieobecno\w*"
    r"|ateb awtomatig|ymateb awtomatig|allan o'r swyddfa|i ffwrdd o'r swyddfa"
    r"|automatiskt svar|autosvar|automatisk svar|frånvar\w*|fraværende|automaattinen vastaus|poissa"
    r"|automatická odpověď|automatická odpoveď|mimo kancelář|automatikus válasz|răspuns automat|otomatik yanıt"
    r"|автоматический ответ|автоответ|вне офиса|автоматична відповідь|αυτόματη απάντηση"
    r"|رد تلقائي|خارج المكتب|خودکار جواب|תשובה אוטומטית|מענה אוטומטי"
    r"|自动回复|自動回覆|自動回復|自动答复|自動応答|自動返信|不在|자동 회신|자동 응답|부재중)",
    re.IGNORECASE,
)


def _automatic(message: Message) -> str:
    """The sign by which a mail is a machine's, or "". `X-Auto-Response-Suppress` is none: ordinary Exchange"
    " mail has it."""
    if submitted := _submitted(message):
        return f"Auto-Submitted: {submitted}"
    if set(value(message, "Precedence").lower().split()) & _PRECEDENCES:
        return PRECEDENCE
    for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Reply-From", "X-Autogenerated", "X-Mail-Autoreply"):
        if value(message, name).lower() not in ("", "no", "false"):
            return name
    if _null_return_path(message):
        return "Return-Path: <>"
    if _is_receipt(message):
        return "a receipt"
    if _NOBODY.match(sender(message) or ""):
        return "nobody reads the sender's mailbox"
    return SUBJECT if _AWAY.match(value(message, "Subject")) else ""


def _submitted(message: Message) -> str:
    """The first word of Auto-Submitted unless it is "no" (RFC 3834, section 5)."""
    word = re.split(r"[\s;(]", value(message, "Auto-Submitted").strip().lower())[0]
    return "" if word == "no" else re.sub(r"[^a-z-]", "", word)[:30]


def _null_return_path(message: Message) -> bool:
    return any(re.sub(r"\s", "", text) == "<>" for text in values(message, "Return-Path"))


def _is_receipt(message: Message) -> bool:
    """A report of another kind than failure: read receipts, reports of success."""
    return mail.kind(message) == "multipart/report"


def _out_of_office(message: Message) -> bool:
    """The person's own absence notice, not a shop's or a list's mail."""
    return bool(_AWAY.match(value(message, "Subject"))) or _submitted(message) == "auto-replied"
