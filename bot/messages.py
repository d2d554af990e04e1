"""The words that channels and the core share: addresses, messages, receipts, delivery updates, SMS segments."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message from a person, as a channel understood it.

    `provider_key` is unique for ever on its channel: a second copy of the same message has the same key.
    `written_at` is the provider's own time, where it gives one. `reply_to` is the provider id of the message
    that the person answered, where the channel can say. `opt_out` is set when the provider itself acted on a
    STOP, START or HELP before handing the message on. `raw` is the delivery exactly as it came.
    """

    provider_key: str
    sender: Address
    body: str
    raw: bytes
    written_at: datetime | None = None
    reply_to: str | None = None
    opt_out: str | None = None
    media: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outbound:
    """A message to a person. `id` is ours, made before the first attempt, and never used for another.

    `attempted_at` is when this attempt, or the one that is being looked up, began.
    """

    id: str
    to: Address
    body: str
    attempted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the provider said on taking a message."""

    provider_id: str


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
class DeliveryUpdate:
    """What the provider said later.

    `outbound_id` is our own id, where the update carries it back. `reason` puts a failure's `code` into words;
    `opted_out`: it failed because the person blocked us.
    """

    provider_id: str
    status: Delivery
    outbound_id: str | None = None
    code: str | None = None
    reason: str = ""
    opted_out: bool = False


# GSM 03.38 basic character set and its extension table (3GPP TS 23.038, sections 6.2.1 and 6.2.1.1).
GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_EXTENDED = frozenset("^{}\\[~]|€\f")

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
    return all(letter in GSM7 or letter in GSM7_EXTENDED for letter in body)


def gsm7_units(body: str) -> int:
    """The length in septets; a character of the extension table takes two."""
    return len(body) + sum(letter in GSM7_EXTENDED for letter in body)


def segments(body: str) -> int:
    """How many SMS parts a text takes: 160 or 153 septets each in GSM-7, 70 or 67 UTF-16 units otherwise."""
    if is_gsm7(body):
        units, single, joined = gsm7_units(body), 160, 153
    else:
        units, single, joined = len(body.encode("utf-16-le")) // 2, 70, 67
    if units <= single:
        return 1
    return -(-units // joined)
