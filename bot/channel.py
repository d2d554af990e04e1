"""The contract a channel fulfils.

A channel parses and sends; it stores nothing and decides nothing. It imports from Own Pace only this module,
`bot.messages` and `bot.errors`. `channels/README.md` says how to add one.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, ClassVar, Protocol
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StringConstraints

from bot.errors import Forged, SendUnknown, Unavailable
from bot.messages import Address, Media, News, Outbound, Receipt

# What a channel is given


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A delivery by HTTP: the raw path with its query, headers with lower-case names, and the body as it came."""

    target: str
    headers: Mapping[str, str]
    body: bytes


class Mailroom(Protocol):
    """Where a channel that listens hands over what came."""

    async def place(self) -> str:
        """The place stored with the last `take`; '' before the first."""

    async def sent(self, sender: Address, reply_to: Sequence[str]) -> list[str]:
        """The texts sent lately to whoever wrote this, so that quotes of them can be told from an answer."""

    async def take(self, news: Sequence[News], place: str) -> None:
        """Store what came and the place up to which it came, in one commit. When it raises, nothing was stored."""

    async def trouble(self, problem: str) -> None:
        """Tell the study team, once, that the provider does not let us in; `take` says that it does again."""


class Ability(StrEnum):
    """What some channels can and others cannot; what is not named is not there."""

    WRITES_FIRST = "can write to somebody who has not written yet"
    TELLS_DELIVERY = "says later what became of a message"
    RECONCILES = "can be asked whether a message left"
    CATCHES_UP = "can be asked for messages whose delivery was lost"
    LINKS_REPLIES = "says which message a reply answers"
    MEDIA = "brings voice notes, pictures, videos and files"
    EDITS = "tells when somebody changes a message"


@dataclass(frozen=True, slots=True)
class WayIn:
    """How somebody new writes first: a link that opens their app with the words in it, and where to send them by hand.

    `to` is as people read it: a number, an address, a name.
    """

    link: str
    to: str


@dataclass(frozen=True, slots=True)
class Rate:
    """So many messages in each such stretch of time: what a provider takes from one number, bot or mailbox."""

    most: int
    per: timedelta


@dataclass(frozen=True, slots=True)
class Look:
    """A message as it arrives: its subject, '' where there is none, and all of its words."""

    subject: str
    body: str


# The contract


class Channel:
    """One way to reach people. What is not overridden, a channel cannot do, and `abilities` must say so.

    Messages to one person are handed over one at a time, in order; the next only after `send` returned.
    A channel never retries by itself: what an outcome means is decided where the outbox is.
    """

    kind: str
    """The word before the colon of an address: sms, whatsapp, email, telegram, simulator."""

    abilities: frozenset[Ability] = frozenset()

    waits_for_sent: bool = False
    """Whether the provider may overtake itself, so that the next text waits until this one is really sent."""

    window: timedelta | None = None
    """How long after a person's last message they may be written to freely; None where it is always."""

    ask_after: timedelta = timedelta()
    """How long after an unknown send the provider is first asked about it."""

    webhooks: tuple[str, ...] = ()
    """The paths at which the provider delivers, such as /webhooks/telegram."""

    templates: frozenset[str] = frozenset()
    """The keys of texts that the provider has approved for opening a conversation again."""

    threads: bool = False
    """Whether `send` needs `Outbound.earlier`: the ids of the messages before it."""

    patience: timedelta | None = None
    """How long a message is tried to which the provider itself says "later"; None where it is as long as it takes."""

    rate: Rate | None = None
    """The most that the provider takes, all processes together; None where there is no limit. The source is named."""

    most_an_hour: int | None = None
    """So many messages of ours to one person in an hour are a conversation between two programs."""

    thanks: tuple[str, str] = ("text/plain", "")
    """How a delivery is answered: media type and body."""

    def address(self, written: str) -> Address:
        """The address that somebody wrote by hand, in its one form. Raises AddressError with what one looks like."""
        return Address(self.kind, written.strip())

    def link(self, code: str) -> str:
        """A link by which somebody opens the conversation with this code; '' where there is none, or not yet."""
        return ""

    def way_in(self, words: str, code: str) -> WayIn | None:
        """How somebody new sends these words, or hands over this code; None where they cannot, or not yet."""
        return None

    def weight(self, message: Outbound) -> int:
        """As how many messages the provider counts this one against the rate."""
        return 1

    def look(self, message: Outbound) -> Look:
        """How a message would arrive, for whoever looks before they send it."""
        return Look("", message.body)

    async def send(self, message: Outbound) -> Receipt:
        """Hand one message to the provider.

        Raises NotSent when it surely did not leave, Refused when the provider will not take it, and
        SendUnknown when the request left and no answer came.
        """
        raise NotImplementedError

    async def reconcile(self, message: Outbound) -> Receipt | None:
        """Ask the provider whether an unknown message left: its receipt, or None when it surely did not.

        Raises SendUnknown where the provider cannot tell.
        """
        raise SendUnknown("This provider cannot be asked what became of a message.")

    def verify(self, request: WebhookRequest) -> None:
        """Raise Forged unless the provider made this request."""
        raise Forged("This channel has no webhook.")

    def parse(self, request: WebhookRequest) -> list[News]:
        """Read a verified request. Raises Unreadable when it is genuine and makes no sense."""
        return []

    async def listen(self, mailroom: Mailroom) -> None:
        """Fetch what comes, until cancelled; returns at once where nothing is to be done for that.

        Raises Unavailable when the provider cannot be reached; it is called again after a while.
        """

    async def catch_up(self, since: datetime) -> AsyncIterator[News]:
        """Messages since then that the provider holds, already seen or not: what a lost delivery missed."""
        nothing: tuple[News, ...] = ()
        for missed in nothing:
            yield missed

    async def fetch(self, media: Media, most: int) -> bytes:
        """What `media.reference` stands for, no more than `most` bytes.

        Raises Unavailable (try again), or Refused when it is gone or too large.
        """
        raise Unavailable("This channel has no media.")

    async def forget(self, media: Media) -> None:
        """Delete the provider's copy, once it is stored here. Raises Unavailable."""

    async def check(self) -> str:
        """Ask the provider whether it knows us, for `ownpace check --live`: one line. Raises Unavailable."""
        return "needs no provider"

    async def close(self) -> None:
        """Let go of connections."""


# Settings


@dataclass(frozen=True, slots=True)
class Site:
    """What a channel may know of the study: its name, and the address under which providers reach us."""

    study: str
    public_base_url: str


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(value: object) -> timedelta:
    """Whole seconds, or "30s", "20m", "4h", "10d"; 0 is at once, or none."""
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"\s*(\d{1,8})\s*([smhd]?)\s*", str(value), re.ASCII)
    if isinstance(value, bool) or not found:
        raise ValueError('is not a length of time: write "30s", "20m", "4h", "10d", or 0')
    return timedelta(seconds=int(found[1]) * _UNITS[found[2] or "s"])


def as_rate(value: object) -> Rate | None:
    """ "10/s", "30/m", "500/h", "2000/d"; 0 is no limit."""
    if value is None or isinstance(value, Rate):
        return value
    found = re.fullmatch(r"\s*([1-9]\d{0,5})\s*/\s*([smhd])\s*", str(value), re.ASCII)
    if isinstance(value, bool) or not (found or str(value) == "0"):
        raise ValueError('is not a rate: write "10/s", "30/m", "500/h", "2000/d", or 0 for no limit')
    return Rate(int(found[1]), timedelta(seconds=_UNITS[found[2]])) if found else None


def _base_url(value: object) -> object:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", str(value)) or not _has_host(str(value)):
        raise ValueError(
            'must be a web address that begins with http:// or https://, such as "https://study.example.org"'
        )
    return str(value).rstrip("/")


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, or half an IPv6 address
        return False


def _host(value: str) -> str:
    try:
        ip_address(value)
    except ValueError:
        if not re.fullmatch(r"[\w.-]+", value):
            raise ValueError('must be the name of a machine alone, such as "mail.example.org"') from None
    return value


Duration = Annotated[timedelta, BeforeValidator(duration)]
RateOrNone = Annotated[Rate | None, BeforeValidator(as_rate)]
BaseUrl = Annotated[str, BeforeValidator(_base_url)]
Filled = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Host = Annotated[Filled, AfterValidator(_host)]
FilledSecret = Annotated[SecretStr, Field(min_length=1)]


class ChannelSettings(BaseModel):
    """The keys of one `[channels.…]` section. A validator's message is a sentence without its subject and full stop."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    settle: ClassVar[timedelta] = timedelta(minutes=10)
    """How long somebody is quiet before what they wrote counts as their answer, unless the study says otherwise."""

    rate: RateOrNone = None
    """What the study says of it; where it says nothing, the channel's own holds."""

    def open(self, site: Site) -> Channel | None:
        """The channel with these settings; None when it is switched off."""
        raise NotImplementedError
