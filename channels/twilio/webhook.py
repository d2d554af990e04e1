"""What Twilio posts to us, in our words. Field names are Twilio's (docs/messaging/guides/webhook-request).

Names of people and what WhatsApp knows besides (ProfileName, WaId) are left where they are, in the raw delivery.
A place that somebody shares is taken out of it.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import NoReturn
from urllib.parse import parse_qs, unquote_plus

from multidict import MultiDictProxy

from bot.channel import WebhookRequest
from bot.errors import Unreadable
from bot.messages import Address, Delivery, DeliveryUpdate, Inbound, Media, MediaKind
from channels.twilio import addresses
from channels.twilio.errors import OUTSIDE_WINDOW, in_words, meaning
from channels.twilio.signature import fields

OUTBOUND_ID = "oid"
"""The name under which a status callback carries our own id back."""

# https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
STATUSES = {
    "accepted": Delivery.ACCEPTED,
    "scheduled": Delivery.ACCEPTED,
    "queued": Delivery.ACCEPTED,
    "sending": Delivery.ACCEPTED,
    "sent": Delivery.SENT,
    "delivered": Delivery.DELIVERED,
    "partially_delivered": Delivery.SENT,
    "read": Delivery.READ,
    "undelivered": Delivery.FAILED,
    "failed": Delivery.FAILED,
    "canceled": Delivery.FAILED,
}
OPT_OUTS = ("stop", "start", "help")
KINDS = {"audio": MediaKind.VOICE, "image": MediaKind.PICTURE, "video": MediaKind.VIDEO}
MOST_MEDIA = 10
ENCODED = "Twilio sent this text encoded (base64); it is shown decoded."

HIDDEN = (
    "They hide their WhatsApp number, so they may be somebody whose number you have. Once you know who it is, keep the "
    "message with them and say that the address is theirs."
)

_ID = re.compile(r"[!-~]{1,128}")
_CODE = re.compile(r"[0-9]{1,9}")
_CONTENT_TYPE = re.compile(r"[A-Za-z0-9.+-]{1,64}/[A-Za-z0-9.+_-]{1,64}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{38,}={0,2}")


def parse(request: WebhookRequest) -> Inbound | DeliveryUpdate:
    """Read a verified request. Raises Unreadable when a field that it needs is missing or makes no sense."""
    posted = fields(request.body)
    try:
        return _status(request.target, posted) if "MessageStatus" in posted else _message(posted, request.body)
    except Unreadable as why:
        raise Unreadable(str(why), kind=_kind(posted)) from None


def _kind(posted: MultiDictProxy[str]) -> str:
    """WhatsApp where either side is an address there."""
    sides = (posted.get("From", ""), posted.get("To", ""))
    return "whatsapp" if any(side.startswith(addresses.PREFIXES["whatsapp"]) for side in sides) else "sms"


def _status(target: str, posted: MultiDictProxy[str]) -> DeliveryUpdate:
    said = posted.get("ErrorCode", "")
    code = said if _CODE.fullmatch(said) else None
    ours = parse_qs(target.partition("?")[2]).get(OUTBOUND_ID, [""])[0]
    return DeliveryUpdate(
        provider_id=_id(posted, "MessageSid"),
        status=STATUSES.get(posted["MessageStatus"], Delivery.UNKNOWN),
        outbound_id=ours if _ID.fullmatch(ours) else None,
        code=code,
        reason=in_words(code),
        opted_out=meaning(code).opted_out,
        closed=meaning(code).closed,
        outside_window=code == OUTSIDE_WINDOW,
    )


def _message(posted: MultiDictProxy[str], raw: bytes) -> Inbound:
    sid = _id(posted, "MessageSid")
    sender = _address(posted, "From")
    body = _body(posted)
    decoded = unwrapped(body)
    answered = posted.get("OriginalRepliedMessageSid", "")
    opt_out = posted.get("OptOutType", "").lower()
    return Inbound(
        provider_key=f"{_id(posted, 'AccountSid')}/{sid}",
        sender=sender,
        body=body if decoded is None else decoded,
        raw=_kept(raw),
        provider_id=sid,
        reply_to=(answered,) if _ID.fullmatch(answered) else (),
        also=_also(posted, sender),
        in_chat=sender.kind == "whatsapp" and bool(_ID.fullmatch(answered)),
        if_unknown=HIDDEN if addresses.is_user_id(sender.value) else "",
        opt_out=opt_out if opt_out in OPT_OUTS else None,
        forwarded="true" in (posted.get("Forwarded", "").lower(), posted.get("FrequentlyForwarded", "").lower()),
        media=_media(posted),
        doubt="" if decoded is None else ENCODED,
    )


# Who wrote


def _address(posted: MultiDictProxy[str], name: str) -> Address:
    return addresses.from_twilio(_needed(posted, name)) or _unusable(name)


def _also(posted: MultiDictProxy[str], sender: Address) -> tuple[Address, ...]:
    """The business-scoped id, which stays when the person hides or changes their number."""
    known = addresses.from_twilio(posted.get("ExternalUserId", ""))
    if known is None or known == sender or known.kind != sender.kind or not addresses.is_user_id(known.value):
        return ()
    return (known,)


# What they said


def _body(posted: MultiDictProxy[str]) -> str:
    """The words; for a button that was pressed or a place that was shared, what stands for them."""
    if "Body" not in posted:
        return _missing("Body")
    shared = "[location shared: not kept]" if any(posted.get(name) for name in _PLACES) else ""
    return posted["Body"] or posted.get("ButtonText") or posted.get("ButtonPayload") or shared


_PLACES = ("Latitude", "Longitude", "Address", "Label")


def _kept(body: bytes) -> bytes:
    """A delivery as it is stored: as it came, but for where somebody is, which is never kept."""
    pairs = body.split(b"&")
    return b"&".join(pair for pair in pairs if unquote_plus(pair.partition(b"=")[0].decode("latin-1")) not in _PLACES)


def unwrapped(body: str) -> str | None:
    """The text in a body that is nothing but base64, as Twilio now and then hands on a long text; else None.

    Nothing that a person writes is taken for it: no space in 40 characters, and printable once decoded.
    """
    if len(body) % 4 or not _BASE64.fullmatch(body):
        return None
    try:
        text = b64decode(body, validate=True).decode()
    except ValueError:
        return None
    return text if all(letter.isprintable() or letter in "\r\n\t" for letter in text) else None


def _media(posted: MultiDictProxy[str]) -> tuple[Media, ...]:
    said = posted.get("NumMedia", "0")
    count = min(int(said), MOST_MEDIA) if _CODE.fullmatch(said) else 0
    return tuple(
        media(posted.get(f"MediaContentType{number}", ""), posted[f"MediaUrl{number}"])
        for number in range(count)
        if posted.get(f"MediaUrl{number}")
    )


def media(content_type: str, reference: str) -> Media:
    """One picture, voice note or file; a content type that is none counts as a file."""
    if not _CONTENT_TYPE.fullmatch(content_type):
        return Media(MediaKind.FILE, reference=reference)
    return Media(KINDS.get(content_type.partition("/")[0], MediaKind.FILE), content_type, reference=reference)


# Fields


def _id(posted: MultiDictProxy[str], name: str) -> str:
    value = _needed(posted, name)
    return value if _ID.fullmatch(value) else _unusable(name)


def _needed(posted: MultiDictProxy[str], name: str) -> str:
    return posted.get(name) or _missing(name)


def _missing(name: str) -> NoReturn:
    raise Unreadable(f"A delivery from Twilio has no {name}.")


def _unusable(name: str) -> NoReturn:
    raise Unreadable(f"A delivery from Twilio has a {name} that makes no sense here.")
