"""The words that channels and the core share: addresses, messages, receipts, delivery updates, SMS segments."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Address:
    """One place on one channel, such as `sms:+447700900123`. Printing it shows only its last digits."""

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:…{self.value[-3:]}"

    def __repr__(self) -> str:
        return f"Address({self})"


class MediaKind(StrEnum):
    """What a message may hold besides words."""

    VOICE = "voice"
    PICTURE = "picture"
    VIDEO = "video"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Media:
    """A voice note, picture, video or file. `content` came along, or `reference` says where the provider keeps it.

    `size` is in bytes and `seconds` is the length of sound or film, where the provider says.
    """

    kind: MediaKind
    content_type: str = "application/octet-stream"
    name: str = ""
    size: int | None = None
    seconds: int | None = None
    content: bytes | None = field(default=None, repr=False)
    reference: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message from a person, as a channel understood it.

    `provider_key` is unique for ever on its channel: a second copy of the same message has the same key.
    `raw` is the delivery exactly as it came. `written_at` is the provider's own time, where it gives one.
    `provider_id` is how later messages name this one. `reply_to` holds the ids, ours or the provider's, of messages
    that it may answer, the surest first; of one that was begun `anew` they say only whose it is.
    `also` are other addresses of the same sender.
    `opt_out` is set when the provider itself acted on a STOP, START or HELP before handing the message on.
    `elided` is the text of earlier messages that came along, and is no part of `body`; `around` is what stands around a
    short answer, such as a signature: kept with `elided`, but theirs. `doubt` says why a person should look at how they
    were told apart. `automatic`: a program wrote it, such as an out-of-office reply.
    `forwarded`: they passed it on, and somebody else may have written it.
    `group` is the same for pictures that were sent as one. `edits` is the `provider_id` that this is a newer form
    of. `start` is the code with which somebody new introduced themselves. `found`: no delivery brought it, and the
    provider was asked for what it holds.
    """

    provider_key: str
    sender: Address
    body: str
    raw: bytes
    written_at: datetime | None = None
    provider_id: str = ""
    reply_to: tuple[str, ...] = ()
    anew: bool = False
    also: tuple[Address, ...] = ()
    in_chat: bool = False
    if_unknown: str = ""
    opt_out: str | None = None
    media: tuple[Media, ...] = ()
    elided: str = ""
    around: str = ""
    doubt: str = ""
    automatic: bool = False
    forwarded: bool = False
    group: str = ""
    edits: str = ""
    start: str = ""
    found: bool = False

    @property
    def beside(self) -> str:
        """What came along and is no part of the answer."""
        return "\n\n".join(filter(None, (self.elided, self.around)))

    @property
    def written(self) -> str:
        """All that they wrote now: signs of harm or distress may stand anywhere in it."""
        return "\n".join(filter(None, (self.body, self.around)))


@dataclass(frozen=True, slots=True)
class Template:
    """A text that the provider has approved, for opening a conversation again: its key, and what fills it."""

    key: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outbound:
    """A message to a person. `id` is ours, made before the first attempt, and never used for another.

    `attempted_at` is when this attempt, or the one that is being looked up, began. `earlier` are the provider's ids
    of the messages before it on this channel, both ways, oldest first; `thread` names the person's conversation and
    tells nothing about them. `author` is the researcher who wrote it, or None for the bot. `unasked`: it follows no
    message of the person's. After `good_until` it should rather not arrive. `template` is set where only an
    approved text may be sent; `body` then says the same in words. `calendar` is an .ics file that goes along where a
    channel can carry one; `body` says the same in words.
    """

    id: str
    to: Address
    body: str
    attempted_at: datetime | None = None
    earlier: tuple[str, ...] = ()
    thread: str = ""
    language: str = "en"
    author: str | None = None
    unasked: bool = False
    good_until: datetime | None = None
    template: Template | None = None
    calendar: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the provider said on taking a message: the id under which it knows it.

    `further` are the ids of its other parts, where a long one left in several.
    """

    provider_id: str
    further: tuple[str, ...] = ()


class Delivery(StrEnum):
    """What became of a message that left, worst known to best known."""

    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    SENT = "sent"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"

    @property
    def rank(self) -> int:
        """Updates come in any order: only one of a higher rank is believed."""
        return list(Delivery).index(self)


@dataclass(frozen=True, slots=True)
class Undeciphered:
    """A genuine delivery that nobody could understand: kept as it came, under its key, for a person to read."""

    provider_key: str
    raw: bytes
    problem: str


@dataclass(frozen=True, slots=True)
class DeliveryUpdate:
    """What the provider said later.

    `outbound_id` is our own id, where the update carries it back. `reason` puts a failure's `code` into words;
    `opted_out`: it failed because the person blocked us; `closed`: the address takes nothing any more;
    `outside_window`: the person must write first. `otherwise` is what is kept where it is about no message of ours.
    """

    provider_id: str
    status: Delivery
    outbound_id: str | None = None
    code: str | None = None
    reason: str = ""
    opted_out: bool = False
    closed: bool = False
    outside_window: bool = False
    otherwise: Undeciphered | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether an address can be written to: `closed` says why not, in words, or None when it can be again."""

    address: Address
    closed: str | None


News = Inbound | DeliveryUpdate | Reach | Undeciphered
"""Everything that a channel may bring."""


# GSM 03.38 basic character set and its extension table (3GPP TS 23.038, sections 6.2.1 and 6.2.1.1).
GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_EXTENDED = frozenset("^{}\\[~]|€\f")
_GSM7_ALL = GSM7 | GSM7_EXTENDED

_LOOKALIKES = str.maketrans(
    {
        "‘": "'",
        "’": "'",
        "‚": ",",
        "“": '"',
        "”": '"',
        "„": '"',
        "–": "-",
        "—": "-",
        "‐": "-",
        "‑": "-",
        "−": "-",
        "…": "...",
        "•": "-",
        "\u00a0": " ",
        "\u2009": " ",
        "\u200b": "",
        "\ufeff": "",
        "`": "'",
        "´": "'",
        "\t": " ",
    }
)


def gsm7_lookalike(body: str) -> str:
    """The same text with typographic quotes, dashes and spaces as plain ones, so that it stays in GSM-7."""
    return unicodedata.normalize("NFC", body).translate(_LOOKALIKES)


def is_gsm7(body: str) -> bool:
    """Whether every character has a place in GSM-7 or its extension."""
    return _GSM7_ALL.issuperset(body)


def gsm7_units(body: str) -> int:
    """The length in septets; a character of the extension table takes two."""
    return len(body) + sum(map(body.count, GSM7_EXTENDED))


def segments(body: str) -> int:
    """How many SMS parts a text takes: 160 or 153 septets each in GSM-7, 70 or 67 UTF-16 units otherwise."""
    if is_gsm7(body):
        units, single, joined = gsm7_units(body), 160, 153
    else:
        units, single, joined = len(body.encode("utf-16-le")) // 2, 70, 67
    if units <= single:
        return 1
    return -(-units // joined)
