"""Every request of the channels against Twilio's own OpenAPI documents: no wrong field name can pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from bot.messages import Address, Inbound, Media, MediaKind, Outbound, Template
from channels.twilio.channel import Account, Sms, Twilio, WhatsApp
from tests.rig.prism import Prism, prism
from tests.rig.twilio_emulator import ACCOUNT_SID, AUTH_TOKEN, NUMBER, SERVICE, WHATSAPP, Emulator, emulator

PHONE = "+447700900123"
TEMPLATE = "HX" + "a" * 32
SINCE = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Prism, Emulator]]:
    with emulator("http://127.0.0.1:9/nobody") as network, prism(network.url) as checked:
        yield checked, network


def channel(kind: type[Twilio], at: Prism) -> Twilio:
    own = {Sms: NUMBER, WhatsApp: WHATSAPP.removeprefix("whatsapp:")}[kind]
    account = Account(ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN, (AUTH_TOKEN,), own)
    return kind(replace(account, api_base_url=at.url, templates={"reminder-1": TEMPLATE}, timeout=30))


def outbound(kind: type[Twilio]) -> Outbound:
    now = datetime.now(UTC)
    return Outbound("our-id", Address(kind.kind, PHONE), "How are you?", now, good_until=now + timedelta(hours=2))


@pytest.mark.parametrize("kind", [Sms, WhatsApp])
async def test_what_is_sent_asked_listed_and_deleted_is_as_twilio_documents_it(
    world: tuple[Prism, Emulator], kind: type[Twilio]
) -> None:
    checked, network = world
    twilio, message = channel(kind, checked), outbound(kind)
    receipt = await twilio.send(message)
    assert await twilio.reconcile(message) == receipt
    network.text(("whatsapp:" if kind is WhatsApp else "") + "+447700900200", "I answer")
    assert [one.body async for one in twilio.catch_up(SINCE) if isinstance(one, Inbound)] == ["I answer"]
    assert "1 of its addresses" in await twilio.check()
    of = f"{checked.url}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{receipt.provider_id}/Media/ME{'b' * 32}"
    await twilio.forget(Media(MediaKind.PICTURE, reference=of))
    await twilio.close()
    assert checked.violations() == []


async def test_a_template_is_as_twilio_documents_it(world: tuple[Prism, Emulator]) -> None:
    checked, network = world
    whatsapp = channel(WhatsApp, checked)
    message = replace(outbound(WhatsApp), template=Template("reminder-1", ("Sam", "Own Pace")))
    receipt = await whatsapp.send(message)
    assert await whatsapp.reconcile(message) == receipt
    await whatsapp.close()
    assert network.texts(To=f"whatsapp:{PHONE}")[-1]["body"] is None, "no body goes along with a template"
    assert checked.violations() == []


async def test_a_messaging_service_is_asked_as_twilio_documents_it(world: tuple[Prism, Emulator]) -> None:
    checked, network = world
    sms = channel(Sms, checked)
    sms.account = replace(sms.account, sender=None, messaging_service_sid=SERVICE)
    receipt = await sms.send(outbound(Sms))
    assert await sms.reconcile(outbound(Sms)) == receipt
    network.text("+447700900201", "By the service")
    assert "By the service" in [one.body async for one in sms.catch_up(SINCE) if isinstance(one, Inbound)]
    await sms.close()
    assert checked.violations() == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"Boddy": "Hello"}, "Boddy"),
        ({"ValidityPeriod": "soon"}, "ValidityPeriod"),
        ({"ContentSid": "HX1"}, "ContentSid"),
    ],
)
def test_a_wrong_field_would_be_seen(world: tuple[Prism, Emulator], wrong: dict[str, str], said: str) -> None:
    """The proof of the proof; it comes last, since violations stay."""
    checked, _network = world
    fields = {"To": PHONE, "From": NUMBER, "Body": "Hello"} | wrong
    url = f"{checked.url}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
    answer = httpx.post(url, data=fields, auth=(ACCOUNT_SID, AUTH_TOKEN), timeout=30)
    assert said in answer.headers.get("sl-violations", "")
    assert any(said in violation for violation in checked.violations())
