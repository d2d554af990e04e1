"""One message as one mail. A message that is sent again is the same mail, with the same Message-ID.

Headers longer than 78 characters are left whole. The standard library would turn a long id into an encoded word, which
Outlook drops, and the mail would leave its thread.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from bot.messages import Outbound
from channels.email.automatic import INSTANCE
from channels.email.reply import MARKER

STOPPING = "To stop these emails, reply STOP."
STOP_LINK = "Stop these emails on a web page"

POLICY = SMTP.clone(max_line_length=998, cte_type="7bit")
MOST_EARLIER = 10
"""Ids in References: the first, and the last nine."""
LONGEST_ID = 900


@dataclass(frozen=True, slots=True)
class Mail:
    """What SMTP needs. `message_id` is the one in `content`, with its angle brackets."""

    sender: str = field(repr=False)
    to: str = field(repr=False)
    message_id: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all our mails have in common."""

    address: str
    study: str
    public_base_url: str

    def tagged(self, tag: str) -> str:
        """Our address with something after a plus, which comes back in replies and bounces."""
        local, _, domain = self.address.rpartition("@")
        return f"{local}+{tag}@{domain}"

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    def page(self, message: Outbound) -> str:
        """Where whoever got this message can stop them all."""
        return f"{self.public_base_url}/unsubscribe/{_token(message.id)}"


def compose(message: Outbound, head: Letterhead, now: datetime) -> Mail:
    """The mail that carries a message. The same message has the same Message-ID, however often it is sent."""
    own_id = f"<{_token(message.id)}@{head.domain}>"
    mail = EmailMessage(policy=POLICY)
    for name, value in _headers(message, head, own_id, now).items():
        mail[name] = value
    mail.set_content(plain(message, head), cte="quoted-printable")
    mail.add_alternative(html(message, head), subtype="html", cte="quoted-printable")
    if message.calendar is not None:  # RFC 6047, 2.4: the method stands here as it does inside
        entry = message.calendar.decode()
        mail.add_attachment(entry, subtype="calendar", filename="call.ics", params={"method": "PUBLISH"}, cte="base64")
    for part in list(mail.walk())[1:]:
        del part["MIME-Version"]  # belongs only to the whole (RFC 2045, 4)
    bounces_to = head.tagged(f"b-{_token(message.id)}")
    return Mail(bounces_to, message.to.value, own_id, mail.as_bytes())


# Headers


def _headers(message: Outbound, head: Letterhead, own_id: str, now: datetime) -> dict[str, str | Mailbox]:
    answers = head.tagged(_token(message.id))
    headers: dict[str, str | Mailbox] = {
        "From": Mailbox(_name(message, head), addr_spec=head.address),
        "To": Mailbox(addr_spec=message.to.value),
        "Reply-To": Mailbox(addr_spec=answers),
        "Subject": subject(message, head),
        "Date": format_datetime(now),
        "Message-ID": own_id,
        **_thread(message, head),
        "List-Unsubscribe": f"<{head.page(message)}>, <mailto:{answers}?subject=STOP>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",  # RFC 8058
        "X-Auto-Response-Suppress": "OOF, AutoReply",  # MS-OXCMAIL 2.1.3.2.20
        INSTANCE: "1",
    }
    if message.unasked and message.author is None:
        headers["Auto-Submitted"] = "auto-generated"  # RFC 3834; some filters drop such mail, so not on an answer
    return headers


def _name(message: Outbound, head: Letterhead) -> str:
    return ", ".join(filter(None, [_one_line(message.author or ""), _one_line(head.study)]))


def subject(message: Outbound, head: Letterhead) -> str:
    """The same for all of a person's messages, since some programs thread by it."""
    name = _one_line(head.study)
    thread = f"{name} [#{_token(message.thread)}]" if message.thread else name
    return f"Re: {thread}" if message.earlier else thread


def _thread(message: Outbound, head: Letterhead) -> dict[str, str]:
    """A root that no mail has joins what leaves before the first mail's id is known."""
    earlier = [one for one in message.earlier if _is_id(one)]
    if len(earlier) > MOST_EARLIER:
        earlier = [earlier[0], *earlier[1 - MOST_EARLIER :]]
    root = [f"<{_token(message.thread)}.thread@{head.domain}>"] if message.thread else []
    headers = {"In-Reply-To": earlier[-1]} if earlier else {}
    return {**headers, "References": " ".join([*root, *earlier])} if root or earlier else {}


def _is_id(written: str) -> bool:
    """Whether it can stand in a header; ids of what people sent may be anything."""
    return len(written) <= LONGEST_ID and bool(re.fullmatch(r"<[!-;=?-~]+>", written))


def _token(opaque: str) -> str:
    """An id as part of an address: a letter that has no place there is a mistake of ours, not of a person's."""
    if not re.fullmatch(r"[A-Za-z0-9-]+", opaque):
        raise ValueError("an id may hold only letters, digits and hyphens")
    return opaque


def _one_line(text: str) -> str:
    """Text that can end no header: control characters and line breaks are spaces."""
    return " ".join("".join(" " if _is_control(letter) else letter for letter in text).split())


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")


# Text


def plain(message: Outbound, head: Letterhead) -> str:
    """The message first, then where to stop reading a reply, then how to stop."""
    return f"{_body(message)}\n\n{MARKER}\n\n{STOPPING}\n{STOP_LINK}: {head.page(message)}\n"


def as_sent(body: str) -> str:
    """What a reply may quote of a message: all words of the mail that carried it."""
    return f"{body.strip()}\n\n{MARKER}\n\n{STOPPING}\n{STOP_LINK}"


def _body(message: Outbound) -> str:
    text = message.body.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(letter for letter in text if letter in "\n\t" or not _is_control(letter)).strip()


PAGE = """<!DOCTYPE html>
<html lang="{language}" dir="auto">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
</head>
<body style="margin:0;padding:16px;background:#fff;color:#111;font:16px/1.5 Arial,Helvetica,sans-serif">
<div style="max-width:38em">
{body}
<div lang="en" dir="ltr" style="border-top:1px solid #767676;color:#444">
<p>{marker}</p>
<p>{stopping}<br>
<a href="{page}" style="color:#0645ad">{link}</a></p>
</div>
</div>
</body>
</html>
"""


def html(message: Outbound, head: Letterhead) -> str:
    """The same words for those who read HTML: one column, 16 px, dark on white, nothing fetched from anywhere."""
    return PAGE.format(
        language=escape(re.sub(r"[^A-Za-z0-9-]", "", message.language) or "en"),
        title=escape(subject(message, head)),
        body="\n".join(_paragraph(text) for text in re.split(r"\n[ \t]*\n+", _body(message))),
        marker=MARKER,
        stopping=STOPPING,
        page=escape(head.page(message)),
        link=STOP_LINK,
    )


def _paragraph(text: str) -> str:
    return f"<p>{_linked(text)}</p>".replace("\n", "<br>\n")


def _linked(text: str) -> str:
    """Web addresses can be followed: some programs make no links of their own in HTML."""
    parts = re.split(r"(https?://[^\s<>\"]*[^\s<>\".,;:!?)'])", text)
    return "".join(
        f'<a href="{escape(part)}">{escape(part)}</a>' if n % 2 else escape(part) for n, part in enumerate(parts)
    )
