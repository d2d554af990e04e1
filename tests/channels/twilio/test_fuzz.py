"""Whatever is posted, the parser says what it is or that it cannot be read; nothing else ever comes out of it."""

from __future__ import annotations

import random
from collections import Counter
from urllib.parse import urlencode

from bot.channel import WebhookRequest
from bot.errors import Forged, Unreadable
from bot.messages import DeliveryUpdate, Inbound
from channels.twilio.channel import Account, WhatsApp
from tests.channels.twilio.signing import SECRET, signed
from tests.channels.twilio.test_webhook import MESSAGE as TEXT
from tests.channels.twilio.test_whatsapp import MESSAGE as WORDS

INPUTS = 10_000
URL = "https://study.example"
TARGETS = [
    "/webhooks/twilio/messages",
    "/webhooks/twilio/status?oid=ours",
    "/webhooks/twilio/status?oid=%00",
    "/?oid=&oid",
]
STATUS = {"AccountSid": "AC1", "MessageSid": "SM9", "MessageStatus": "failed", "ErrorCode": "30003"}
SPECIAL = {
    "OptOutType": "STOP",
    "ExternalUserId": "whatsapp:US.1234",
    "OriginalRepliedMessageSid": "MM1",
    "ButtonText": "Yes",
    "MediaUrl0": "https://api.twilio.com/x",
    "MediaContentType0": "image/png",
    "NumMedia": "1",
    "Latitude": "52.48",
}
STRANGE = ["", " ", "\x00", "\x00" * 9, "9" * 400, "-1", "²", "é", "🙂" * 99, "\u202e", "\r\n\r\n", "%", "&=", "None"]
STRANGE += ["whatsapp:", "whatsapp:whatsapp:+1", ":::", "a" * 40, "QUJD" * 20, "//["]


def delivery(chance: random.Random) -> bytes:
    """A delivery as Twilio posts it, ill-treated: fields lost, doubled, swapped or strange, bytes broken."""
    fields = list((chance.choice([TEXT, WORDS, STATUS]) | dict(chance.sample(list(SPECIAL.items()), 2))).items())
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(fields))
        name, value = fields[at]
        match chance.randrange(5):
            case 0:
                del fields[at]
            case 1:
                fields.append((name, chance.choice(STRANGE)))
            case 2:
                fields[at] = (name, chance.choice(STRANGE))
            case 3:
                fields[at] = (chance.choice(STRANGE), value)
            case _:
                fields[at] = (name, chance.choice(fields)[1])
        if not fields:
            break
    body = bytearray(urlencode(fields).encode())
    for _ in range(chance.choice([0, 0, 0, 1, 20])):
        if body:
            body[chance.randrange(len(body))] = chance.randrange(256)
    if chance.random() < 0.05:
        return chance.randbytes(chance.randrange(300))
    return bytes(body)


def test_ten_thousand_strange_deliveries_are_read_or_called_unreadable() -> None:
    chance, came = random.Random(20261124), Counter[str]()
    channel = WhatsApp(Account("AC1", "AC1", "p", (SECRET,), public_base_url=URL))
    for _ in range(INPUTS):
        request = WebhookRequest(chance.choice(TARGETS), {}, delivery(chance))
        try:
            (news,) = channel.parse(request)
        except Unreadable:
            came["unreadable"] += 1
            continue
        came[type(news).__name__] += 1
        match news:
            case Inbound():
                assert news.raw == request.body or b"Latitude=" in request.body
                assert b"Latitude=" not in news.raw
                told = [news.provider_key, news.provider_id, *news.reply_to, *(one.content_type for one in news.media)]
                assert news.opt_out in (None, "stop", "start", "help")
                assert news.sender.kind in ("sms", "whatsapp")
            case DeliveryUpdate():
                told = [news.provider_id, news.code or "", news.outbound_id or ""]
        assert all(each.isascii() and each.isprintable() for each in told), "what is stored in the clear is plain"
    print(f"\n{INPUTS} deliveries: {dict(came)}")
    assert set(came) == {"Inbound", "DeliveryUpdate", "unreadable"}
    assert min(came.values()) > INPUTS // 20


def test_ten_thousand_strange_requests_are_genuine_or_forged() -> None:
    chance, came = random.Random(20261125), Counter[str]()
    channel = WhatsApp(Account("AC1", "AC1", "p", ("other", SECRET), public_base_url=URL))
    for _ in range(INPUTS):
        request = WebhookRequest(chance.choice(TARGETS), {}, delivery(chance))
        algorithm = chance.choice(["HMAC_SHA1", "HMAC_SHA256", "ROT13"])
        headers = {"x-twilio-signature": chance.choice([*STRANGE, "c2lnbmVk"])}
        if algorithm != "HMAC_SHA1":
            headers["x-twilio-webhooks-signature-settings"] = f"key=1,algorithm={algorithm}"
        request = WebhookRequest(request.target, headers, request.body)
        if algorithm != "ROT13" and request.body.isascii() and chance.random() < 0.5:
            request = signed(request, URL, algorithm=algorithm)
        try:
            channel.verify(request)
        except Forged:
            came["forged"] += 1
        else:
            came["genuine"] += 1
            assert request.headers["x-twilio-signature"] not in [*STRANGE, "c2lnbmVk"]
    print(f"\n{INPUTS} requests: {dict(came)}")
    assert min(came["forged"], came["genuine"]) > INPUTS // 20
