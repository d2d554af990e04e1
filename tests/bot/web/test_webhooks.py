"""Deliveries over HTTP, good and bad, through the whole application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from structlog.testing import capture_logs

from bot import bootstrap
from bot.channel import WebhookRequest
from bot.interview.schedule import Wording
from bot.messages import Address
from bot.records.tables import messages
from bot.service import figures
from bot.web.app import create_app
from tests.bot.world import PHONE, URL, World, world
from tests.channels.twilio.signing import signed

STRANGER = "+447700900999"


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


@pytest.fixture
async def client(study: World) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(bootstrap.web_parts(study.program), None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as made:
        yield made


def delivery(body: bytes, path: str = "messages") -> WebhookRequest:
    return signed(WebhookRequest(f"/webhooks/twilio/{path}", {}, body), URL)


def text(words: str, sid: str = "SM1", sender: str = PHONE.value, **more: str) -> WebhookRequest:
    fields = {"AccountSid": "AC1", "MessageSid": sid, "From": sender, "To": "+447700900000", "Body": words}
    return delivery(urlencode({**fields, "NumMedia": "0"} | more).encode())


async def post(client: httpx.AsyncClient, request: WebhookRequest) -> httpx.Response:
    return await client.post(request.target, content=request.body, headers=dict(request.headers))


async def test_a_text_is_stored_and_answered_with_an_empty_response(study: World, client: httpx.AsyncClient) -> None:
    code = study.enrol()
    study.leave()
    answer = await post(client, text("yes"))
    assert (answer.status_code, answer.text) == (200, "<Response/>")
    assert answer.headers["content-type"].startswith("text/xml")
    assert study.heard(code) == ["yes"]
    assert study.record(code).consent[0].answer == "Yes"


async def test_a_delivery_made_three_times_at_once_is_one_turn(study: World, client: httpx.AsyncClient) -> None:
    code = study.enrol()
    study.leave()
    before = study.waiting()
    answers = await asyncio.gather(*(post(client, text("yes")) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert study.heard(code) == ["yes"]
    assert study.waiting() == before + 1, "the next statement was asked once"


async def test_many_deliveries_each_three_times_at_once_are_one_turn_each(
    study: World, client: httpx.AsyncClient
) -> None:
    people = [Address("sms", f"+4477009001{number:02}") for number in range(12)]
    codes = [study.enrol(person) for person in people]
    study.leave()
    before = study.waiting()
    copies = [text("yes", f"SM{person.value}", person.value) for person in people] * 3
    answers = await asyncio.gather(*(post(client, copy) for copy in copies))
    assert {answer.status_code for answer in answers} == {200}
    assert [study.heard(code) for code in codes] == [["yes"]] * 12
    assert study.waiting() == before + 12


# Forged


@pytest.mark.parametrize("header", [None, "", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="])
async def test_a_forged_delivery_is_forbidden_and_stored_nowhere(
    study: World, client: httpx.AsyncClient, header: str | None
) -> None:
    study.enrol()
    forged = {} if header is None else {"x-twilio-signature": header}
    answer = await client.post("/webhooks/twilio/messages", content=text("yes").body, headers=forged)
    assert answer.status_code == 403
    assert study.stored() == 0
    assert study.open_tasks() == []


async def test_a_forged_status_changes_nothing(study: World, client: httpx.AsyncClient) -> None:
    study.enrol()
    answer = await client.post("/webhooks/twilio/status?oid=id-1", content=b"MessageSid=SM1&MessageStatus=failed")
    assert answer.status_code == 403
    assert study.open_tasks() == []


def refused(why: str) -> float:
    return figures.PROCESS.get_sample_value("ownpace_deliveries_refused_total", {"why": why}) or 0.0


async def test_what_is_refused_is_counted_and_told_of_once_a_minute_without_a_word_of_it(
    study: World, client: httpx.AsyncClient
) -> None:
    """Where our own secret is wrong, every answer is refused: whoever watches has to see that."""
    before = refused("forged"), refused("too large")
    with capture_logs() as lines:
        for _ in range(3):
            await client.post("/webhooks/twilio/messages", content=text("yes, by Sam").body)
        await client.post("/webhooks/twilio/messages", content=b"Body=" + b"x" * 300_000)
    assert (refused("forged"), refused("too large")) == (before[0] + 3, before[1] + 1)
    ((said, level),) = [(line["problem"], line["log_level"]) for line in lines]
    assert (said, level) == ("The request carries no Twilio signature.", "warning")


# Malformed


@pytest.mark.parametrize(
    "body",
    [b"", b"&&&===", b"Body=no+sender&MessageSid=SM1&AccountSid=AC1", b"\x00\x01\x02", b'{"Body": "json"}'],
    ids=["empty", "nonsense", "no sender", "bytes", "json"],
)
async def test_a_genuine_delivery_that_makes_no_sense_is_kept_with_a_task(
    study: World, client: httpx.AsyncClient, body: bytes
) -> None:
    answer = await post(client, delivery(body))
    assert answer.status_code == 200
    assert study.stored() == 1
    assert study.open_tasks() == ["unreadable delivery"]


async def test_bytes_that_are_no_utf8_are_forbidden_because_twilio_never_sends_them(
    study: World, client: httpx.AsyncClient
) -> None:
    request = text("yes")
    answer = await client.post(request.target, content=b"Body=\xff\xfe&From=x", headers=dict(request.headers))
    assert answer.status_code == 403


async def test_an_absurdly_large_body_is_refused_before_it_is_read(study: World, client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 50_000_000:
            sent += 65_536
            yield b"x" * 65_536

    answer = await client.post("/webhooks/twilio/messages", content=endless())
    assert answer.status_code == 413
    assert sent < 1_000_000
    assert study.stored() == 0


# What people write


@pytest.mark.parametrize(
    "words",
    [
        "a" * 1600,
        "\U0001f642\U0001f9d1\u200d\U0001f9bd\U0001f3f4\U000e0067\U000e007f" * 20,
        "before\x00after",
        "\x00",
        "",
        "  two spaces, then\n\nlines\t ",
        "\u202eright to left \u0645\u0631\u062d\u0628\u0627",
        "{name} {unknown} %s <script>alert(1)</script> '; DROP TABLE messages;--",
        "\ud83d".encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
    ],
    ids=["1,600 letters", "emoji", "NUL", "only NUL", "empty", "spaces", "right to left", "markup", "half an emoji"],
)
async def test_every_character_a_person_writes_is_kept(study: World, client: httpx.AsyncClient, words: str) -> None:
    code = study.enrol()
    answer = await post(client, text(words))
    assert answer.status_code == 200
    assert study.heard(code) == [words]


@pytest.mark.parametrize(("to", "kind"), [("whatsapp:+447700900000", "whatsapp"), ("+447700900000", "sms")])
async def test_what_nobody_can_read_is_kept_under_the_channel_that_it_came_by(
    study: World, client: httpx.AsyncClient, to: str, kind: str
) -> None:
    assert (await post(client, text("Hello", sender="rcs:somebody", To=to))).status_code == 200
    assert study.open_tasks() == ["unreadable delivery"]
    assert study.count_of(messages, messages.c.channel == kind) == 1


# Unknown senders


async def test_a_stranger_is_held_with_a_task_and_told_once_a_day(study: World, client: httpx.AsyncClient) -> None:
    for number, words in enumerate(("Hello?", "Is this the study?")):
        await post(client, text(words, f"SM{number}", STRANGER))
    assert study.stored() == 2
    assert study.open_tasks() == ["unknown sender", "unknown sender"]
    assert study.waiting() == 1, "one kind reply"
    study.clock.forward(hours=25)
    await post(client, text("Hello again", "SM9", STRANGER))
    assert study.waiting() == 2


@pytest.mark.parametrize("more", [{"OptOutType": "STOP"}, {}], ids=["known to Twilio", "plain"])
async def test_a_stranger_who_writes_stop_is_left_in_peace(
    study: World, client: httpx.AsyncClient, more: dict[str, str]
) -> None:
    await post(client, text("STOP", sender=STRANGER, **more))
    assert study.stored() == 1
    assert study.waiting() == 0


async def test_words_of_one_person_never_reach_another(study: World, client: httpx.AsyncClient) -> None:
    first, second = study.enrol(), study.enrol(Address("sms", "+447700900124"))
    await post(client, text("yes", "SM1"))
    await post(client, text("no", "SM2", "+447700900124"))
    assert (study.heard(first), study.heard(second)) == (["yes"], ["no"])


# Statuses


async def test_statuses_in_any_order_leave_the_best_known_one(study: World, client: httpx.AsyncClient) -> None:
    code = study.enrol(wording=Wording.STANDARD)
    (claimed,) = study.claim()
    for word in ("queued", "delivered", "sent", "teleported"):
        body = urlencode({"MessageSid": "SM5", "MessageStatus": word, "AccountSid": "AC1"}).encode()
        target = f"/webhooks/twilio/status?oid={claimed.message.id}"
        assert (await post(client, signed(WebhookRequest(target, {}, body), URL))).status_code == 200
    assert study.record(code).entries[0].delivery == "delivered", "and the first status came before the receipt"


async def test_a_status_of_a_message_that_is_not_ours_is_answered_all_the_same(
    study: World, client: httpx.AsyncClient
) -> None:
    body = urlencode({"MessageSid": "SM404", "MessageStatus": "sent", "AccountSid": "AC1"}).encode()
    answer = await post(client, signed(WebhookRequest("/webhooks/twilio/status?oid=nobody", {}, body), URL))
    assert answer.status_code == 200


async def test_only_posts_are_deliveries(client: httpx.AsyncClient) -> None:
    assert (await client.get("/webhooks/twilio/messages")).status_code == 405


async def test_a_message_that_the_interview_cannot_take_is_kept_with_a_task(
    study: World, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = study.enrol()
    before = study.waiting()

    def broken(*_args: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("bot.service.conversations.step", broken)
    assert (await post(client, text("yes"))).status_code == 200
    assert study.heard(code) == ["yes"]
    assert study.open_tasks() == ["message not taken"]
    assert study.waiting() == before
