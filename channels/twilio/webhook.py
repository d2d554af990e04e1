"""What Twilio posts to us, in our words. Field names are Twilio's (docs/messaging/guides/webhook-request)."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from multidict import MultiDictProxy

from bot.channel import WebhookRequest
from bot.errors import Unreadable
from bot.messages import Address, Delivery, DeliveryUpdate, Inbound, Media, MediaKind
from channels.twilio.errors import MEANINGS, in_words
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


def parse(kind: str, request: WebhookRequest) -> Inbound | DeliveryUpdate:
    """Read a verified request. Raises Unreadable when a field that it needs is missing."""
    posted = fields(request.body)
    if "MessageStatus" in posted:
        return _status(request.target, posted)
    return _message(kind, posted, request.body)


def _status(target: str, posted: MultiDictProxy[str]) -> DeliveryUpdate:
    code = posted.get("ErrorCode") or None
    ours = parse_qs(urlsplit(target).query).get(OUTBOUND_ID)
    return DeliveryUpdate(
        provider_id=_needed(posted, "MessageSid"),
        status=STATUSES.get(posted["MessageStatus"], Delivery.UNKNOWN),
        outbound_id=ours[0] if ours else None,
        code=code,
        reason=in_words(code),
        opted_out=code in MEANINGS and MEANINGS[code].opted_out,
    )


def _message(kind: str, posted: MultiDictProxy[str], raw: bytes) -> Inbound:
    media = tuple(_media(posted, n) for n in range(_count(posted)) if posted.get(f"MediaUrl{n}"))
    answered = posted.get("OriginalRepliedMessageSid")
    return Inbound(
        provider_key=f"{_needed(posted, 'AccountSid')}/{_needed(posted, 'MessageSid')}",
        sender=Address(kind, _needed(posted, "From")),
        body=posted["Body"] if "Body" in posted else _missing("Body"),
        raw=raw,
        provider_id=posted.get("MessageSid", ""),
        reply_to=(answered,) if answered else (),
        opt_out=(posted.get("OptOutType") or "").lower() or None,
        media=media,
    )


def _media(posted: MultiDictProxy[str], number: int) -> Media:
    content_type = posted.get(f"MediaContentType{number}") or "application/octet-stream"
    kinds = {"audio": MediaKind.VOICE, "image": MediaKind.PICTURE, "video": MediaKind.VIDEO}
    kind = kinds.get(content_type.partition("/")[0], MediaKind.FILE)
    return Media(kind, content_type, reference=posted[f"MediaUrl{number}"])


def _count(posted: MultiDictProxy[str]) -> int:
    said = posted.get("NumMedia", "0")
    return min(int(said), 10) if said.isascii() and said.isdigit() else 0


def _needed(posted: MultiDictProxy[str], name: str) -> str:
    return posted.get(name) or _missing(name)


def _missing(name: str) -> str:
    raise Unreadable(f"A delivery from Twilio has no {name}.")
