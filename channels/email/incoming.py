"""What one mail is in our words: a person's message, what became of one of ours, or something for a person to read."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

from bot.channel import Mailroom
from bot.messages import Address, Delivery, DeliveryUpdate, Inbound, Media, MediaKind, News, Undeciphered
from channels.email import body, closing, reply, subject, threading
from channels.email.automatic import MAY_BE_A_PERSONS, Kind, Nature, nature
from channels.email.body import Attachment, Body
from channels.email.compose import as_sent
from channels.email.mail import parse, safely, value
from channels.email.status import closes
from channels.email.subject import Subject
from channels.email.threading import Clue, Sort, clues, content_key, is_reply, message_ids

ROOT = ".thread"
"""Ends the local part of the Message-ID that our threads begin with, though no mail has it."""


async def read(raw: bytes, address: str, study: str, mailroom: Mailroom) -> News:
    """What a mail to our `address`, which `study` stands before, says. No mail is so strange that this raises.

    The mailroom may.
    """
    news, title = await asyncio.to_thread(understood, raw, address, study)
    if not isinstance(news, Inbound) or news.automatic or not news.body:
        return news
    sent = await mailroom.sent(news.sender, news.reply_to)
    return await asyncio.to_thread(_trimmed, news, title, sent)


def unreadable(key: str, raw: bytes, problem: str) -> Undeciphered:
    """A mail for a person to read. `key` may be empty: then the mail itself is its key."""
    return Undeciphered(key or hashlib.sha256(raw).hexdigest(), raw, problem)


def understood(raw: bytes, address: str, study: str) -> tuple[News, Subject]:
    """What the mail says, with all that it quotes, and what its subject does. No mail makes this raise."""
    try:
        mail = parse(raw)
        title = subject.read(mail, study)
        return _news(mail, raw, address, title), title
    except Exception as error:  # a library stumbled: a person can still read it
        return unreadable("", raw, f"This mail could not be read ({type(error).__name__})."), Subject()


def _news(mail: EmailMessage, raw: bytes, address: str, title: Subject) -> News:
    kind = nature(mail, address)
    if kind.kind is Kind.BOUNCE:
        return _bounce(raw, kind, address)
    sender = threading.sender(mail)
    if sender is None:
        return unreadable("", raw, "This mail does not say who wrote it, or names more than one.")
    said = body.read(mail)
    found = clues(mail, address)
    inbound = Inbound(
        provider_key=content_key(mail, said.text),
        sender=Address("email", sender),
        body=said.text,
        raw=raw,
        written_at=safely(lambda: _written_at(mail), lambda: None),
        provider_id=_short(next(iter(message_ids(value(mail, "Message-ID"))), "")),
        reply_to=tuple(dict.fromkeys(_answered(found, address))),
        anew=not is_reply(mail),
        media=tuple(_media(one) for one in said.attachments),
        automatic=kind.kind is not Kind.HUMAN,
        doubt=_doubted(mail, kind),
    )
    return _by_subject(inbound, value(mail, "Subject"), title, said)


FORGED = "perhaps somebody else sent this mail: our mail server says that its sender's address may be forged"


PERHAPS_A_PERSON = "this was taken for a program's mail, and perhaps a person wrote it"


def _doubted(mail: EmailMessage, kind: Nature) -> str:
    if kind.kind is Kind.LOOP:
        return f"our own mail came back: {kind.sign}"
    if kind.kind is Kind.AUTOMATIC and kind.sign in MAY_BE_A_PERSONS:
        return f"{PERHAPS_A_PERSON}: {kind.sign}"
    return FORGED if threading.may_be_forged(mail) else ""


LONGEST_ID = 300
"""No mail program makes longer Message-IDs, and a database need not hold them."""


def _short(message_id: str) -> str:
    return message_id if len(message_id) <= LONGEST_ID else ""


# A person's mail


def _answered(found: Sequence[Clue], address: str) -> Iterator[str]:
    """Ids of messages that this mail may answer: tokens of our address, then Message-IDs, then what stands in those
    that we gave; at last the conversation's own token."""
    ids = [clue.value for clue in found if clue.sort is Sort.MESSAGE_ID]
    ours = [one[1:-1].rpartition("@")[0] for one in ids if one[1:-1].lower().endswith("@" + address.partition("@")[2])]
    yield from (clue.value for clue in found if clue.sort in (Sort.TOKEN, Sort.BOUNCE))
    yield from ids
    yield from (local for local in ours if not local.endswith(ROOT))
    yield from (clue.value for clue in found if clue.sort is Sort.SUBJECT)
    yield from (local.removesuffix(ROOT) for local in ours if local.endswith(ROOT))


def _written_at(mail: EmailMessage) -> datetime:
    """When our own mail server took it (RFC 5321, 4.4: the first Received line is the last server's).

    The Date is the sender's clock, which may be wrong by hours, and then an answer would seem older than its question.
    """
    moment = parsedate_to_datetime(value(mail, "Received").rpartition(";")[2])
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


_KINDS = {"audio": MediaKind.VOICE, "image": MediaKind.PICTURE, "video": MediaKind.VIDEO}


def _media(file: Attachment) -> Media:
    kind = _KINDS.get(file.content_type.partition("/")[0], MediaKind.FILE)
    return Media(kind, file.content_type, file.name, len(file.data), content=file.data)


def _by_subject(inbound: Inbound, written: str, title: Subject, said: Body) -> Inbound:
    """Words that stand only in the subject are the message; STOP there counts whatever a mail program wrote below.

    List-Unsubscribe makes such mails (RFC 2369), some of them marked as a machine's.
    """
    if "STOP" in (re.sub(r"^(\s*\w{1,5}\s?:)+", "", written).strip(" .!").upper(), title.words.strip(" .!").upper()):
        return replace(inbound, body="STOP", elided=said.text, automatic=False)
    if said.text.strip() or subject.names_a_file(title.words, [file.name for file in said.attachments]):
        return inbound
    return replace(inbound, body=title.words)


FROM_SUBJECT = "the answer stands in the subject; below it there is only a signature or quoted text"


def _trimmed(inbound: Inbound, title: Subject, sent: Sequence[str]) -> Inbound:
    """The answer without the texts that it quotes; when in doubt, all of it."""
    try:
        split = reply.split(inbound.body, [as_sent(text) for text in sent])
    except Exception as error:
        return replace(inbound, doubt=inbound.doubt or f"quoted text could not be told apart ({type(error).__name__})")
    in_subject = title.words not in ("", inbound.body)
    if in_subject and (split.doubt == reply.ONLY_QUOTED or subject.only_signs(split.answer, title.names)):
        return replace(inbound, body=title.words, elided=inbound.body, doubt=inbound.doubt or FROM_SUBJECT)
    elided, doubt = inbound.elided or split.elided, inbound.doubt or split.doubt
    answer = replace(inbound, body=split.answer, elided=elided, doubt=doubt)
    short = closing.short_answer(split.answer, title.names)
    return replace(answer, body=short.answer, around=short.around, doubt=doubt or short.doubt) if short else answer


# What became of a mail of ours


def _bounce(raw: bytes, report: Nature, address: str) -> News:
    original = _short(report.original or "")
    own_id = next((one for one in _answered([Clue(Sort.MESSAGE_ID, original)], address) if one != original), None)
    ours = report.token or own_id
    if not ours and not original:
        return unreadable("", raw, "A mail server says that a mail was not delivered, but not which one.")
    worst = max(report.failures, key=lambda failure: (failure.permanent, not failure.delayed))
    return DeliveryUpdate(
        provider_id=original or f"<{ours}@{address.partition('@')[2]}>",
        status=Delivery.ACCEPTED if worst.delayed else Delivery.FAILED,  # whoever says "failed" has given up
        outbound_id=ours,
        code=worst.status or None,
        reason=worst.reason,
        closed=worst.permanent and closes(worst.status),
        otherwise=unreadable("", raw, "A mail server says that a mail was not delivered, and it is none of ours."),
    )
