"""Five hundred sends of each kind through a bad network: none lost, none doubled, and every doubt said aloud."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from itertools import cycle

import pytest
from aiohttp import ClientSession, web

from bot.errors import SendUnknown
from bot.messages import Address, Outbound
from channels.twilio.channel import Account, Sms, Twilio, WhatsApp
from tests.rig.twilio_emulator import ACCOUNT_SID, AUTH_TOKEN, NUMBER, WHATSAPP, emulator

PEOPLE, EACH = 50, 10
SECONDS = 2.0
"""How long an answer is waited for: long enough that a busy machine loses none by itself."""


class Fault(Enum):
    """What the network does with one request."""

    NONE = "nothing"
    CUT_BEFORE = "cut before the request arrived"
    CUT_AFTER = "cut after the request arrived"
    LATE = "the answer comes after we gave up"
    REPEATED = "the answer comes twice"


DOUBTFUL = {Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.LATE}


@dataclass
class BadNetwork:
    """Passes requests on to `target`, and ill-treats every second one: posts in turn, and now and then a question.

    A question comes after the posts that were on their way, as it does two minutes after an unknown send.
    """

    target: str
    http: ClientSession
    url: str = ""
    met: dict[Fault, list[str]] = field(default_factory=lambda: {fault: [] for fault in Fault})
    questions_cut: int = 0
    under_way: set[asyncio.Task[web.Response]] = field(default_factory=set)

    def __post_init__(self) -> None:
        bad = (Fault.CUT_AFTER, Fault.LATE, Fault.REPEATED, Fault.CUT_BEFORE)
        self.posts = cycle([fault for each in bad for fault in (each, Fault.NONE)])
        self.questions = cycle([True, False, False, False])

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            if next(self.questions):
                self.questions_cut += 1
                return _hang_up(request)
            await asyncio.gather(*map(asyncio.shield, self.under_way), return_exceptions=True)
            return await self._passed_on(request, b"")
        fault, body = next(self.posts), await request.read()
        self.met[fault].append(str((await request.post())["StatusCallback"]).partition("oid=")[2])
        if fault is Fault.CUT_BEFORE:
            return _hang_up(request)
        post = asyncio.create_task(self._passed_on(request, body))
        self.under_way.add(post)
        post.add_done_callback(self.under_way.discard)
        answer = await asyncio.shield(post)  # it arrives, also when nobody waits for the answer any more
        if fault is Fault.CUT_AFTER:
            return _hang_up(request)
        if fault is Fault.LATE:
            await asyncio.sleep(2 * SECONDS)
        if fault is Fault.REPEATED:
            _once_more(request, answer)
        return answer

    async def _passed_on(self, request: web.Request, body: bytes) -> web.Response:
        kept = {name: request.headers[name] for name in ("authorization", "content-type") if name in request.headers}
        async with self.http.request(
            request.method, self.target + request.path_qs, data=body or None, headers=kept
        ) as answer:
            return web.Response(status=answer.status, body=await answer.read(), content_type="application/json")


def _hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def _once_more(request: web.Request, answer: web.Response) -> None:
    """Write the answer again by hand, when the connection may be waiting for the next request already."""
    assert request.transport is not None
    assert isinstance(answer.body, bytes)
    head = f"HTTP/1.1 {answer.status} Created\r\nContent-Type: application/json\r\nContent-Length: {len(answer.body)}"
    again = f"{head}\r\n\r\n".encode() + answer.body
    asyncio.get_running_loop().call_later(0.002, request.transport.write, again)


@asynccontextmanager
async def bad_network(target: str) -> AsyncIterator[BadNetwork]:
    async with ClientSession() as http:
        network = BadNetwork(target, http)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", network.handle)
        runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        network.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield network
        finally:
            await runner.cleanup()


@dataclass
class Outcome:
    """What became of every message: the receipts by our id, and how often a doubt was raised and settled."""

    receipts: dict[str, str] = field(default_factory=dict)
    doubts: Counter[str] = field(default_factory=Counter)
    settled: Counter[str] = field(default_factory=Counter)


async def deliver(channel: Twilio, message: Outbound, outcome: Outcome) -> str:
    """Send as the outbox does: after a doubt ask, and only what surely did not leave is sent again."""
    while True:
        try:
            return (await channel.send(message)).provider_id
        except SendUnknown:
            outcome.doubts[message.id] += 1
        receipt = await ask(channel, message, outcome)
        if receipt:
            return receipt


async def ask(channel: Twilio, message: Outbound, outcome: Outcome) -> str | None:
    while True:
        try:
            found = await channel.reconcile(message)
        except SendUnknown:
            outcome.settled["could not be asked at first"] += 1
        else:
            outcome.settled["had left" if found else "had not left"] += 1
            return found.provider_id if found else None


async def converse(channel: Twilio, person: int, outcome: Outcome) -> None:
    """The same words again and again to one person: only their place tells them apart."""
    to = Address(channel.kind, f"+4477009{person:05}")
    earlier: list[str] = []
    for turn in range(EACH):
        own = f"{channel.kind}-{person}-{turn}"
        message = Outbound(own, to, "How are you?", datetime.now(UTC), earlier=tuple(earlier))
        outcome.receipts[own] = await deliver(channel, message, outcome)
        earlier.append(outcome.receipts[own])


@pytest.mark.parametrize("kind", [Sms, WhatsApp])
async def test_nothing_is_lost_and_nothing_doubled(kind: type[Twilio]) -> None:
    with emulator("http://127.0.0.1:9/nobody") as network:
        async with bad_network(network.url) as bad:
            own = {Sms: NUMBER, WhatsApp: WHATSAPP.removeprefix("whatsapp:")}[kind]
            known = Account(ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN, (AUTH_TOKEN,), own)
            channel = kind(replace(known, api_base_url=bad.url, timeout=SECONDS))
            outcome = Outcome()
            await asyncio.gather(*(converse(channel, person, outcome) for person in range(PEOPLE)))
            await channel.close()
        arrived = Counter(text["sid"] for text in network.texts())
        each = Counter(text["to"] for text in network.texts())
    lost = [own for own, sid in outcome.receipts.items() if sid not in arrived]
    doubled = sum(arrived.values()) - len(set(outcome.receipts.values()))
    unseen = {own for fault in DOUBTFUL for own in bad.met[fault]} - outcome.doubts.keys()
    faults = ", ".join(f"{len(own)} {fault.value}" for fault, own in bad.met.items())
    print(
        f"\n{kind.kind}: {len(outcome.receipts)} messages; {faults}; {bad.questions_cut} questions cut. "
        f"Raised as unknown: {outcome.doubts.total()}; settled: {dict(outcome.settled)}. "
        f"Lost: {len(lost)}. Doubled: {doubled}. Unknown and not raised: {len(unseen)}."
    )
    assert (lost, doubled, unseen) == ([], 0, set())
    assert len(set(outcome.receipts.values())) == PEOPLE * EACH == len(outcome.receipts), "each has its own receipt"
    assert set(each.values()) == {EACH}
    assert all(bad.met.values()), "every fault has happened"
