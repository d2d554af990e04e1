"""What is WhatsApp's own: who writes, what they answer, templates, and the settings."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import ValidationError

from bot.channel import Site, WebhookRequest
from bot.errors import AddressError, Refused, SendUnknown, Unreadable
from bot.messages import Address, DeliveryUpdate, Inbound, MediaKind, Outbound, Receipt, Template
from channels import CHANNELS
from channels.twilio.channel import Account, Sms, Twilio, WhatsApp
from channels.twilio.settings import WhatsAppSettings
from tests.channels.twilio.test_outcomes import account, says, served, takes
from tests.rig import ROOT

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PERSON = Address("whatsapp", "+447700900123")
TEMPLATES = {"template-reopen": "HX1", "reminder-1": "HX2"}

# Field names as in deliveries that others captured from Twilio; ids and words are made up.
MESSAGE = {
    "SmsMessageSid": "SM1",
    "NumMedia": "0",
    "ProfileName": "Sam Somebody",
    "MessageType": "text",
    "SmsSid": "SM1",
    "WaId": "447700900123",
    "SmsStatus": "received",
    "Body": "On my own",
    "To": "whatsapp:+15551234568",
    "NumSegments": "1",
    "ReferralNumMedia": "0",
    "MessageSid": "SM1",
    "AccountSid": "AC1",
    "From": "whatsapp:+447700900123",
    "ApiVersion": "2010-04-01",
}


def channel(**more: Any) -> WhatsApp:
    return WhatsApp(account("http://127.0.0.1:9", templates=TEMPLATES, **more), now=lambda: NOON)


def heard(by: Twilio | None = None, /, **changes: str) -> Inbound:
    body = urlencode(MESSAGE | changes).encode()
    (news,) = (by or channel()).parse(WebhookRequest("/webhooks/twilio/messages", {}, body))
    assert isinstance(news, Inbound)
    return news


# Who writes


def test_the_kind_is_told_by_the_sender_whichever_channel_reads_it() -> None:
    sms = Sms(account("http://127.0.0.1:9"))
    assert heard(sms).sender == heard(channel()).sender == PERSON
    assert heard(channel(), From="+447700900123", To="+15551234567").sender == Address("sms", "+447700900123")


def test_a_person_who_shows_no_number_is_known_by_their_id() -> None:
    inbound = heard(From="whatsapp:US.1234", ExternalUserId="whatsapp:US.1234")
    assert (inbound.sender, inbound.also) == (Address("whatsapp", "US.1234"), ())
    assert "hide their WhatsApp number" in inbound.if_unknown
    assert heard().if_unknown == ""


def test_a_number_comes_first_and_the_id_besides() -> None:
    inbound = heard(ExternalUserId="whatsapp:ID.4566546130240823")
    assert (inbound.sender, inbound.also) == (PERSON, (Address("whatsapp", "ID.4566546130240823"),))


@pytest.mark.parametrize("said", ["whatsapp:foo_bar", "ID.123", "", "whatsapp:", "messenger:US.1"])
def test_an_id_that_is_none_is_left_out(said: str) -> None:
    assert heard(ExternalUserId=said).also == ()


def test_names_from_the_profile_are_kept_nowhere_but_in_the_raw_delivery() -> None:
    inbound = heard()
    assert b"ProfileName" in inbound.raw
    assert "Somebody" not in str([getattr(inbound, name) for name in ("sender", "also", "body", "doubt", "elided")])


@pytest.mark.parametrize("sender", ["messenger:123", "rcs:+447700900123", "whatsapp:", "whatsapp:sms:+44"])
def test_a_sender_of_another_kind_is_kept_unread(sender: str) -> None:
    with pytest.raises(Unreadable, match="From") as caught:
        heard(From=sender)
    assert sender not in str(caught.value)


# What they say


def test_a_swipe_says_which_message_it_answers() -> None:
    inbound = heard(
        OriginalRepliedMessageSid="MM3c146d6483ab26bddabeeedf9565afea",
        OriginalRepliedMessageSender="whatsapp:+15551234568",
    )
    assert inbound.reply_to == ("MM3c146d6483ab26bddabeeedf9565afea",)
    assert inbound.in_chat
    assert not heard().in_chat


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"ButtonText": "Yes", "ButtonPayload": "consent-yes"}, "Yes"),
        ({"ButtonPayload": "consent-yes"}, "consent-yes"),
        ({"Body": "Confirm", "ButtonText": "Other"}, "Confirm"),
        ({"Latitude": "52.48", "Longitude": "-1.89", "Label": "Home"}, "[location shared: not kept]"),
        ({"Body": "Here", "Latitude": "52.48", "Longitude": "-1.89"}, "Here"),
        ({}, ""),
    ],
)
def test_a_button_or_a_place_stands_for_words_only_where_there_are_none(fields: dict[str, str], body: str) -> None:
    assert heard(**({"Body": ""} | fields)).body == body


def test_where_somebody_is_is_kept_nowhere() -> None:
    inbound = heard(Body="", Latitude="52.4814", Longitude="-1.8998", Label="Refuge", Address="12 High Street")
    for told in ("52.4814", "1.8998", "Refuge", "High"):
        assert told not in inbound.body
        assert told.encode() not in inbound.raw
    assert b"MessageSid=" in inbound.raw


def test_what_they_forward_may_be_somebody_elses_words() -> None:
    """Twilio's `Forwarded` and `FrequentlyForwarded` (docs/messaging/guides/webhook-request)."""
    assert heard(Forwarded="true").forwarded
    assert heard(Forwarded="true", FrequentlyForwarded="true").forwarded
    assert not heard(Forwarded="false").forwarded
    assert not heard().forwarded


def test_a_voice_note_comes_along() -> None:
    url = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"
    (media,) = heard(Body="", NumMedia="1", MediaContentType0="audio/ogg", MediaUrl0=url).media
    assert (media.kind, media.content_type, media.reference) == (MediaKind.VOICE, "audio/ogg", url)


def test_that_it_was_read_and_that_they_blocked_us_is_told() -> None:
    def status(**fields: str) -> DeliveryUpdate:
        body = urlencode({"AccountSid": "AC1", "MessageSid": "SM9"} | fields).encode()
        (news,) = channel().parse(WebhookRequest("/webhooks/twilio/status?oid=ours", {}, body))
        assert isinstance(news, DeliveryUpdate)
        return news

    assert status(MessageStatus="read", EventType="READ").status == "read"
    assert status(MessageStatus="failed", ErrorCode="63014").opted_out
    nobody = status(MessageStatus="undelivered", ErrorCode="63024")
    assert (nobody.closed, nobody.opted_out, nobody.outbound_id) == (True, False, "ours")
    window = status(MessageStatus="failed", ErrorCode="63016")
    assert (window.code, window.closed, window.opted_out) == ("63016", False, False)


# Addresses


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("whatsapp:+44 7700 900123", "+447700900123"),
        ("07700 900123", "+447700900123"),
        (" US.1234 ", "US.1234"),
        ("whatsapp:US.ENT.1181", "US.ENT.1181"),
    ],
)
def test_an_address_has_one_form(written: str, value: str) -> None:
    assert channel().address(written) == Address("whatsapp", value)


@pytest.mark.parametrize("written", ["", "whatsapp:", "sam", "us.1234", "US.", "sms:+447700900123x"])
def test_what_is_no_address_is_refused_with_what_one_looks_like(written: str) -> None:
    with pytest.raises(AddressError, match=r"\+447700900123"):
        channel().address(written)


# Sending


def outbound(**more: Any) -> Outbound:
    known: dict[str, Any] = {"id": "our-id", "to": PERSON, "body": "Hello “there”", "attempted_at": NOON}
    return Outbound(**(known | more))


async def test_words_go_as_they_are_written() -> None:
    async with served(takes(), kind=WhatsApp) as (whatsapp, api):
        assert await whatsapp.send(outbound()) == Receipt("SM1")
        await whatsapp.send(outbound(to=Address("whatsapp", "US.1234")))
    asked, to_an_id = api.asked
    assert (asked["To"], asked["From"]) == ("whatsapp:+447700900123", "whatsapp:+447700900000")
    assert asked["Body"] == "Hello “there”"
    assert to_an_id["To"] == "whatsapp:US.1234"


async def test_a_template_goes_with_its_values_and_without_body() -> None:
    async with served(takes(), kind=WhatsApp, templates=TEMPLATES) as (whatsapp, api):
        await whatsapp.send(outbound(template=Template("reminder-1", ("Sam", 'The "study"'))))
        await whatsapp.send(outbound(template=Template("template-reopen")))
    filled, plain = api.asked
    assert filled["ContentSid"] == "HX2"
    assert json.loads(filled["ContentVariables"]) == {"1": "Sam", "2": 'The "study"'}
    assert not {"Body", "MediaUrl"} & filled.keys()
    assert plain["ContentSid"] == "HX1"
    assert "ContentVariables" not in plain


async def test_a_template_that_there_is_none_of_is_refused_before_anything_leaves() -> None:
    async with served(says(201, {"sid": "SM1"}), kind=WhatsApp, templates=TEMPLATES) as (whatsapp, api):
        with pytest.raises(Refused, match="farewell"):
            await whatsapp.send(outbound(template=Template("farewell")))
    assert api.asked == []
    assert channel().templates == {"template-reopen", "reminder-1"}


# Asking


def listed(**fields: str) -> dict[str, str]:
    known = {"sid": "SM7", "direction": "outbound-api", "body": "Hello “there”"}
    return known | {"date_created": "Tue, 24 Nov 2026 12:00:01 +0000"} | fields


FOUND: list[tuple[str, dict[str, str], dict[str, Any], bool]] = [
    ("the same words since the attempt", {}, {}, True),
    ("a body that Twilio trimmed", {"body": " Hello “there”\n"}, {}, True),
    ("behind what a trial account adds", {"body": "Sent from your Twilio trial account - Hello “there”"}, {}, True),
    ("other words", {"body": "Goodbye"}, {}, False),
    ("no words, but known as an earlier message", {"body": ""}, {"earlier": ("SM7",)}, False),
    ("the same words, an hour ago", {"date_created": "Tue, 24 Nov 2026 11:00:00 +0000"}, {}, False),
    ("the same words, but known as an earlier message", {}, {"earlier": ("SM6", "SM7")}, False),
    ("the same words, from the person", {"direction": "inbound"}, {}, False),
    ("a template, whose words are Twilio's", {"body": "Hi!"}, {"template": Template("reminder-1")}, True),
    ("a template, but known as an earlier message", {}, {"template": Template("t"), "earlier": ("SM7",)}, False),
]


@pytest.mark.parametrize(("fields", "more", "left"), [one[1:] for one in FOUND], ids=[one[0] for one in FOUND])
async def test_whether_a_message_left_is_told_by_what_twilio_holds(
    fields: dict[str, str], more: dict[str, Any], left: bool
) -> None:
    answer = says(200, {"messages": [listed(**fields)], "page": 0})
    async with served(answer, kind=WhatsApp, templates=TEMPLATES) as (whatsapp, api):
        found = await whatsapp.reconcile(outbound(**more))
    assert found == (Receipt("SM7") if left else None)
    query = api.asked[0]["query"]
    assert (query["To"], query["From"]) == ("whatsapp:+447700900123", "whatsapp:+447700900000")


async def test_an_account_that_keeps_no_words_cannot_tell_and_nothing_is_sent_twice() -> None:
    async with served(says(200, {"messages": [listed(body="")]}), kind=WhatsApp) as (whatsapp, _api):
        with pytest.raises(SendUnknown, match="keeps no words"):
            await whatsapp.reconcile(outbound())


async def test_with_a_service_only_its_own_messages_count() -> None:
    others = listed(sid="SM8", messaging_service_sid="MG2")
    ours = listed(messaging_service_sid="MG1")
    async with served(says(200, {"messages": [others, ours]}), kind=WhatsApp, messaging_service_sid="MG1") as (
        whatsapp,
        _api,
    ):
        assert await whatsapp.reconcile(outbound()) == Receipt("SM7")


async def test_a_list_that_makes_no_sense_leaves_it_unknown() -> None:
    async with served(says(200, "<h1>Hello</h1>", "text/html"), kind=WhatsApp) as (whatsapp, _api):
        with pytest.raises(SendUnknown):
            await whatsapp.reconcile(outbound())


# Settings


SETTINGS: dict[str, Any] = {"account_sid": "AC1", "auth_token": "a token", "from": "whatsapp:+15551234568"}


def test_the_settings_open_a_channel_with_its_templates() -> None:
    settings = WhatsAppSettings(**SETTINGS, templates=TEMPLATES)
    opened = settings.open(Site("Own Pace", "https://study.example"))
    assert isinstance(opened, WhatsApp)
    assert opened.templates == {"template-reopen", "reminder-1"}
    assert opened.account.sender == "+15551234568"
    assert opened.window == timedelta(hours=24)
    assert CHANNELS["whatsapp"].settle == timedelta(minutes=10)
    assert "a token" not in repr(settings) + repr(opened.account)


def test_the_examples_whatsapp_lines_are_valid_once_switched_on() -> None:
    lines = (ROOT / "config.example.toml").read_text(encoding="utf-8").splitlines()
    first = lines.index("# [channels.whatsapp]")
    last = next(i for i, line in enumerate(lines) if line.startswith("# templates"))
    written = tomllib.loads("\n".join(line.removeprefix("# ") for line in lines[first : last + 1]))
    assert WhatsAppSettings(**written["channels"]["whatsapp"]).templates.keys() == {"template-reopen", "reminder-1"}


def test_a_template_that_is_no_content_sid_is_named_with_the_mend() -> None:
    with pytest.raises(ValidationError, match='such as "HX'):
        WhatsAppSettings(**SETTINGS, templates={"reminder-1": "Hello"})


@pytest.mark.parametrize(
    ("api", "messaging"),
    [
        ("https://api.twilio.com", "https://messaging.twilio.com"),
        ("https://api.dublin.ie1.twilio.com", "https://messaging.dublin.ie1.twilio.com"),
        ("http://127.0.0.1:4010", "http://127.0.0.1:4010/messaging"),
    ],
)
def test_services_are_asked_about_beside_the_api(api: str, messaging: str) -> None:
    assert Account("AC1", "AC1", "p", ("p",), api_base_url=api).messaging_base_url == messaging
