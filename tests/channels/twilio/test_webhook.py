"""What Twilio posts, as captured, in our words."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import urlencode

import pytest

from bot.channel import WebhookRequest
from bot.errors import Forged, Unreadable
from bot.messages import Address, Delivery, DeliveryUpdate, Inbound, MediaKind
from channels.twilio.channel import Account, Sms
from tests.channels.twilio.signing import SECRET, signed

MESSAGE = {
    "ToCountry": "GB",
    "ToState": "",
    "SmsMessageSid": "SM1",
    "NumMedia": "0",
    "ToCity": "",
    "FromZip": "",
    "SmsSid": "SM1",
    "SmsStatus": "received",
    "Body": "  I use a screen reader.\n£5 café 🙂  ",
    "FromCountry": "GB",
    "To": "+447700900000",
    "MessageSid": "SM1",
    "NumSegments": "1",
    "AccountSid": "AC1",
    "From": "+447700900123",
    "ApiVersion": "2010-04-01",
}
URL = "https://study.example"


def channel(*secrets: str) -> Sms:
    return Sms(Account("AC1", "AC1", "p", secrets or (SECRET,), sender="+447700900000", public_base_url=URL))


def message(**changes: str | None) -> WebhookRequest:
    fields = {key: value for key, value in {**MESSAGE, **changes}.items() if value is not None}
    return WebhookRequest("/webhooks/twilio/messages", {}, urlencode(fields).encode())


def status(word: str, target: str = "/webhooks/twilio/status?oid=ours", **more: str) -> WebhookRequest:
    fields = {"AccountSid": "AC1", "MessageSid": "SM9", "MessageStatus": word, "SmsStatus": word} | more
    return WebhookRequest(target, {}, urlencode(fields).encode())


def test_a_text_keeps_every_character_that_was_written() -> None:
    request = message()
    assert channel().parse(request) == [
        Inbound(
            "AC1/SM1",
            Address("sms", "+447700900123"),
            "  I use a screen reader.\n£5 café 🙂  ",
            request.body,
            provider_id="SM1",
        )
    ]


def test_pictures_come_along_as_addresses() -> None:
    (inbound,) = channel().parse(
        message(NumMedia="2", MediaUrl0="https://a", MediaUrl1="https://b", MediaContentType0="image/png", Body="")
    )
    assert isinstance(inbound, Inbound)
    assert [one.reference for one in inbound.media] == ["https://a", "https://b"]
    assert [one.kind for one in inbound.media] == [MediaKind.PICTURE, MediaKind.FILE]


@pytest.mark.parametrize("number", ["x", "-1", "9999999999", "²"])
def test_a_strange_count_of_pictures_harms_nobody(number: str) -> None:
    (inbound,) = channel().parse(message(NumMedia=number))
    assert isinstance(inbound, Inbound)
    assert inbound.media == ()


def test_what_the_network_did_with_a_stop_is_told() -> None:
    (inbound,) = channel().parse(message(Body="STOP", OptOutType="STOP"))
    assert isinstance(inbound, Inbound)
    assert inbound.opt_out == "stop"


def test_a_long_text_that_twilio_encoded_is_read_and_marked() -> None:
    words = "My mother moved in with us in spring,\nand nothing was as before. £5 café 🙂"
    (inbound,) = channel().parse(message(Body=b64encode(words.encode()).decode()))
    assert isinstance(inbound, Inbound)
    assert inbound.body == words
    assert "base64" in inbound.doubt
    assert b"Body=TXkg" in inbound.raw


@pytest.mark.parametrize(
    "words",
    [
        "Good",
        "yeah",
        "a" * 40,
        "Donaudampfschifffahrtsgesellschaftskapitaenspatentanwaerterin" + "xyz",
        "https://example.org/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        b64encode(b"too short").decode(),
        b64encode(bytes(range(60))).decode(),
        b64encode(b"Words, and then more words of theirs").decode() + " I wrote this",
    ],
)
def test_what_a_person_writes_is_never_taken_for_an_encoded_text(words: str) -> None:
    (inbound,) = channel().parse(message(Body=words))
    assert isinstance(inbound, Inbound)
    assert (inbound.body, inbound.doubt) == (words, "")


@pytest.mark.parametrize("field", ["MessageSid", "AccountSid"])
@pytest.mark.parametrize("value", ["SM 1", "SM1\x00", "é", "S" * 129])
def test_an_id_that_is_none_is_unreadable(field: str, value: str) -> None:
    with pytest.raises(Unreadable, match=field):
        channel().parse(message(**{field: value}))


@pytest.mark.parametrize("missing", ["From", "MessageSid", "AccountSid", "Body"])
def test_a_delivery_without_a_needed_field_is_unreadable_and_says_which(missing: str) -> None:
    with pytest.raises(Unreadable, match=missing):
        channel().parse(message(**{missing: None}))


@pytest.mark.parametrize(
    ("word", "delivery"),
    [
        ("queued", Delivery.ACCEPTED),
        ("sending", Delivery.ACCEPTED),
        ("sent", Delivery.SENT),
        ("delivered", Delivery.DELIVERED),
        ("undelivered", Delivery.FAILED),
        ("failed", Delivery.FAILED),
        ("teleported", Delivery.UNKNOWN),
    ],
)
def test_each_status_has_its_place_and_a_novelty_is_unknown(word: str, delivery: Delivery) -> None:
    (news,) = channel().parse(status(word))
    assert isinstance(news, DeliveryUpdate)
    assert (news.provider_id, news.status, news.outbound_id) == ("SM9", delivery, "ours")


def test_a_failure_carries_its_reason_in_words() -> None:
    (news,) = channel().parse(status("undelivered", ErrorCode="30003"))
    assert isinstance(news, DeliveryUpdate)
    assert (news.code, news.opted_out) == ("30003", False)
    assert "out of reach" in news.reason


def test_a_failure_by_opt_out_says_so() -> None:
    (news,) = channel().parse(status("failed", ErrorCode="21610"))
    assert isinstance(news, DeliveryUpdate)
    assert news.opted_out


# Signatures


def test_a_signed_delivery_is_genuine() -> None:
    channel().verify(signed(message(), URL))


def test_either_of_two_secrets_will_do_while_one_replaces_the_other() -> None:
    channel("new", SECRET).verify(signed(message(), URL))
    channel(SECRET, "old").verify(signed(message(), URL))


def test_the_newer_kind_of_signature_is_understood() -> None:
    channel().verify(signed(message(), URL, algorithm="HMAC_SHA256"))


def test_blank_and_repeated_fields_are_covered() -> None:
    body = b"AccountSid=AC1&Body=&From=%2B44&MessageSid=SM1&Tag=b&Tag=a"
    channel().verify(signed(WebhookRequest("/webhooks/twilio/messages", {}, body), URL))


def test_a_query_is_covered() -> None:
    channel().verify(signed(status("sent"), URL))


FORGERIES = {
    "no signature": message(),
    "an empty signature": WebhookRequest("/m", {"x-twilio-signature": ""}, message().body),
    "nonsense": WebhookRequest("/m", {"x-twilio-signature": "ë" * 28}, message().body),
    "a wrong secret": signed(message(), URL, secret="other"),
    "another address": signed(message(), "http://study.example"),
    "an algorithm nobody knows": WebhookRequest(
        "/m",
        {
            "x-twilio-signature": "x",
            "x-twilio-webhooks-signature-settings": "algorithm=ROT13",
        },
        b"",
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_delivery_is_told_from_a_genuine_one(forgery: WebhookRequest) -> None:
    with pytest.raises(Forged):
        channel().verify(forgery)


def test_one_changed_byte_is_a_forgery() -> None:
    genuine = signed(message(), URL)
    changed = WebhookRequest(genuine.target, genuine.headers, genuine.body.replace(b"screen", b"scream"))
    with pytest.raises(Forged):
        channel().verify(changed)


def test_a_moved_query_is_a_forgery() -> None:
    genuine = signed(status("sent"), URL)
    with pytest.raises(Forged):
        channel().verify(WebhookRequest("/webhooks/twilio/status?oid=theirs", genuine.headers, genuine.body))
