"""Telegram against a server that is not ours: whole conversations, kills at any moment, and a bad network."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from random import Random

import httpx
import pytest
from aiohttp import web

from bot.channel import WebhookRequest
from bot.errors import Forged, NotSent, SendUnknown
from bot.messages import Address, Inbound, Outbound
from channels.telegram.channel import SECRET, Telegram
from channels.telegram.client import Account
from tests.channels.telegram.mailrooms import Memory
from tests.rig.faults import Fault, fault_proxy
from tests.rig.telegram_emulator import BOT, TOKEN, USERNAME, Emulator, emulator

ANNA, BEN, CAT = 5500000001, 5500000002, 5500000003
WEBHOOK_SECRET = "a-secret_for-tests"


@pytest.fixture
def network() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


@asynccontextmanager
async def opened(api: str, receiver: str = "", seconds: float = 15.0) -> AsyncIterator[Telegram]:
    """A channel as the service opens it: with a webhook where there is a receiver."""
    secret = WEBHOOK_SECRET if receiver else None
    channel = Telegram(Account(TOKEN, secret, api, receiver, seconds))
    try:
        yield channel
    finally:
        await channel.close()


async def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that a listener will bring about."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come in time"
        await asyncio.sleep(0.01)


async def heard(network: Emulator, chat: int, count: int) -> list[str]:
    """The texts that reached one chat, once there are so many."""
    end = time.monotonic() + 60
    while len(texts := await asyncio.to_thread(network.to, chat)) < count:
        assert time.monotonic() < end, "it did not come in time"
        await asyncio.sleep(0.02)
    return texts


# A whole exchange

QUESTIONS = [
    "Welcome. Shall we begin?",
    "What was a good day? 🙂",
    "Q" * 4090 + ". And a bad one?",
    "Thank you – that’s all.",
]
REPLIES = ["READY", "Sun.\n\nAnd “soup” & 100% rest 👩🏽‍🦽", "I can't say"]


class Interview(Memory):
    """A mailroom that asks each person the next question when they have answered the one before."""

    def __init__(self, channel: Telegram) -> None:
        super().__init__()
        self.channel = channel
        self.at_question: Counter[Address] = Counter()
        self.receipts: dict[str, str] = {}
        self.sending: set[asyncio.Task[None]] = set()
        self.answered = 0
        self.after = self.answer

    def answer(self) -> None:
        for one in list(self.inbound.values())[self.answered :]:
            question = self.at_question[one.sender]
            self.at_question[one.sender] += 1
            self.sending.add(asyncio.create_task(self.ask(one.sender, question)))
        self.answered = len(self.inbound)

    async def ask(self, to: Address, question: int) -> None:
        receipt = await self.channel.send(Outbound(f"{to.value}-{question}", to, QUESTIONS[question]))
        self.receipts[f"{to.value}-{question}"] = receipt.provider_id


async def test_three_people_are_interviewed_at_once_and_each_hears_and_says_only_their_own(network: Emulator) -> None:
    async with opened(network.url) as channel:
        mailroom = Interview(channel)
        listening = asyncio.create_task(channel.listen(mailroom))
        await until(lambda: bool(channel.username))
        assert channel.link("c0de-5500000001") == f"https://t.me/{USERNAME}?start=c0de-5500000001"
        for chat in (ANNA, BEN, CAT):
            await asyncio.to_thread(network.write, chat, f"/start c0de-{chat}")
        for number, reply in enumerate(REPLIES):
            for chat in (CAT, ANNA, BEN):
                await heard(network, chat, number + 1)
                await asyncio.to_thread(network.write, chat, f"{reply} ({chat})")
        for chat in (ANNA, BEN, CAT):
            texts = await heard(network, chat, 5)
            assert [*texts[:2], f"{texts[2]} {texts[3]}", texts[4]] == QUESTIONS, "the long one came in two, in order"
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        await asyncio.gather(*mailroom.sending)
    for chat in (ANNA, BEN, CAT):
        said = [one for one in mailroom.inbound.values() if one.sender.value == str(chat)]
        assert [one.start for one in said] == [f"c0de-{chat}", "", "", ""]
        assert [one.body for one in said] == ["", *(f"{reply} ({chat})" for reply in REPLIES)]
    names = {(f"{BOT}/{one['chat']}/{one['id']}", one["text"]) for one in network.sent()}
    for key, provider_id in mailroom.receipts.items():
        first = QUESTIONS[int(key[-1])][:24]
        assert [text for name, text in names if name == provider_id and text.startswith(first)], (
            "each receipt is its own"
        )
    assert mailroom.troubles == []


# Killed at any moment


class Killed(asyncio.CancelledError):
    """The process is gone."""


class Mortal(Memory):
    """A mailroom whose process is killed before every second commit, after every third, or both."""

    def __init__(self) -> None:
        super().__init__()
        self.tries = self.kills = self.copies = 0
        self.before, self.after = self.die_before, self.die_after

    def die_before(self) -> None:
        self.tries += 1
        self.die(self.tries % 2 == 0)

    def die_after(self) -> None:
        self.copies = sum(isinstance(one, Inbound) for one in self.news) - len(self.inbound)
        self.die(self.tries % 3 == 0)

    def die(self, now: bool) -> None:
        if now and self.kills < 200:
            self.kills += 1
            raise Killed


async def test_a_listener_killed_before_or_after_the_commit_loses_nothing_and_doubles_nothing(
    network: Emulator,
) -> None:
    """Before `take` the offset has not moved and all comes again; after it, the place is stored with what came."""
    mailroom, texts = Mortal(), [f"part {number} – “ü” 🙂" for number in range(150)]

    async def people() -> None:
        for number, text in enumerate(texts):
            await asyncio.to_thread(network.write, (ANNA, BEN, CAT)[number % 3], text)

    async def lives() -> None:
        while True:
            async with opened(network.url) as channel:
                with suppress(Killed):
                    await channel.listen(mailroom)

    writing, living = asyncio.create_task(people()), asyncio.create_task(lives())
    await until(lambda: len(mailroom.inbound) == len(texts))
    await writing
    living.cancel()
    with suppress(asyncio.CancelledError):
        await living
    assert mailroom.bodies == texts
    assert mailroom.kills > 10
    print(f"{len(texts)} texts, {mailroom.kills} kills: 0 lost, 0 doubled; {mailroom.copies} came again and were known")


async def test_telegram_gives_again_what_was_not_stored(network: Emulator) -> None:
    """One kill on each side of the commit, step by step."""
    mailroom = Memory()

    def die() -> None:
        raise Killed

    network.write(ANNA, "one")
    mailroom.before = die
    async with opened(network.url) as channel:
        with pytest.raises(Killed):
            await channel.listen(mailroom)
    assert (mailroom.bodies, mailroom.at) == ([], "")
    mailroom.before, mailroom.after = lambda: None, die
    async with opened(network.url) as channel:
        with pytest.raises(Killed):
            await channel.listen(mailroom)
    assert (mailroom.bodies, mailroom.takes) == (["one"], 1)
    network.write(ANNA, "two")
    mailroom.before = die
    for _ in range(3):
        async with opened(network.url) as channel:
            with pytest.raises(Killed):
                await channel.listen(mailroom)
    mailroom.before = lambda: None
    async with opened(network.url) as channel:
        with pytest.raises(Killed):
            await channel.listen(mailroom)
    assert (mailroom.bodies, mailroom.takes) == (["one", "two"], 2)
    assert [one.body for one in mailroom.news if isinstance(one, Inbound)] == ["one", "two"], "none came a second time"


async def test_a_second_poller_is_told_to_people_and_loses_nothing(network: Emulator) -> None:
    """Telegram ends the older poll with 409 when a newer one comes."""
    first, second = Memory(), Memory()
    async with opened(network.url) as channel, opened(network.url) as other:
        older = asyncio.create_task(channel.listen(first))
        await until(lambda: first.takes == 1)
        newer = asyncio.create_task(other.listen(second))
        await asyncio.wait({older}, timeout=30)
        assert "Another program is using this bot" in str(older.exception())
        assert first.troubles == ["Another program is using this bot."]
        await asyncio.to_thread(network.write, ANNA, "hello")
        await until(lambda: second.bodies == ["hello"])
        newer.cancel()
        with suppress(asyncio.CancelledError):
            await newer


# By webhook


class Receiver:
    """A web server as small as can be: verify, parse, store, answer. It may die on either side of the store."""

    def __init__(self, mailroom: Memory) -> None:
        self.mailroom = mailroom
        self.channel: Telegram | None = None
        self.forged = 0
        self.url = ""

    async def deliver(self, request: web.Request) -> web.Response:
        assert self.channel is not None
        headers = {name.lower(): value for name, value in request.headers.items()}
        delivery = WebhookRequest(request.path_qs, headers, await request.read())
        try:
            self.channel.verify(delivery)
        except Forged:
            self.forged += 1
            return web.Response(status=403)
        try:
            await self.mailroom.take(self.channel.parse(delivery), "")
        except Killed:
            return web.Response(status=502)  # what the proxy in front of a dead process answers
        return web.Response()


@asynccontextmanager
async def receiving(mailroom: Memory) -> AsyncIterator[Receiver]:
    receiver = Receiver(mailroom)
    app = web.Application()
    app.router.add_post("/webhooks/telegram", receiver.deliver)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


async def hooked(network: Emulator, channel: Telegram, mailroom: Memory) -> asyncio.Task[None]:
    """The channel listens, and Telegram knows where it delivers."""
    listening = asyncio.create_task(channel.listen(mailroom))
    while not await asyncio.to_thread(network.webhooks):
        assert not listening.done()
        await asyncio.sleep(0.01)
    return listening


async def test_by_webhook_nothing_is_lost_or_doubled_either_whichever_side_of_the_commit_dies(
    network: Emulator,
) -> None:
    mailroom, texts = Mortal(), [f"part {number} – “ü” 🙂" for number in range(60)]
    async with receiving(mailroom) as receiver, opened(network.url, receiver.url) as channel:
        receiver.channel = channel
        await asyncio.to_thread(network.write, ANNA, "/start c0de")
        listening = await hooked(network, channel, mailroom)
        (hook,) = await asyncio.to_thread(network.webhooks)
        assert (hook["url"], hook["secret_token"]) == (f"{receiver.url}/webhooks/telegram", WEBHOOK_SECRET)
        for text in texts:
            await asyncio.to_thread(network.write, ANNA, text)
        await until(lambda: len(mailroom.inbound) == len(texts) + 1)
        async with httpx.AsyncClient() as stranger:
            for headers in ({}, {SECRET: "guessed"}):
                forged = await stranger.post(hook["url"], content=b'{"update_id":1}', headers=headers)
                assert forged.status_code == 403
        listening.cancel()
    assert mailroom.bodies == ["", *texts]
    assert next(iter(mailroom.inbound.values())).start == "c0de"
    assert receiver.forged == 2
    print(f"{len(texts)} texts by webhook, {mailroom.kills} kills: 0 lost, 0 doubled; {mailroom.copies} were known")


async def test_from_webhook_to_polling_and_back_nothing_is_lost(network: Emulator) -> None:
    mailroom = Memory()
    async with receiving(mailroom) as receiver:
        async with opened(network.url, receiver.url) as channel:
            receiver.channel = channel
            listening = await hooked(network, channel, mailroom)
            await asyncio.to_thread(network.write, ANNA, "by webhook")
            await until(lambda: mailroom.bodies == ["by webhook"])
            listening.cancel()
        async with opened(network.url) as channel:
            listening = asyncio.create_task(channel.listen(mailroom))
            await until(lambda: mailroom.takes > 1)
            await asyncio.to_thread(network.write, ANNA, "by polling")
            await until(lambda: len(mailroom.bodies) == 2)
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
        async with opened(network.url, receiver.url) as channel:
            receiver.channel = channel
            await asyncio.to_thread(network.write, ANNA, "in between")
            listening = await hooked(network, channel, mailroom)
            await until(lambda: len(mailroom.bodies) == 3)
            listening.cancel()
    assert mailroom.bodies == ["by webhook", "by polling", "in between"]


# A bad network

SENDS, CHATS, TIMEOUT = 600, 20, 0.5
UNKNOWN = (Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.LATE, Fault.HOLE)


async def test_over_a_bad_network_nothing_is_lost_or_doubled_and_every_doubt_is_told(network: Emulator) -> None:
    """600 texts to 20 chats; a quarter of the requests go wrong, on the way there, at Telegram, or on the way back."""
    chance = Random(20261124)
    plan = cycle([None, None, None, *UNKNOWN, None, None, None, None, None, None, None, None, None])
    errors = [chance.choice((0, 0, 0, 0, 0, 0, 0, 0, 429, 502, 1)) for _ in range(2 * SENDS)]
    network.fail(*errors)
    receipts: dict[str, str] = {}
    unknown: set[str] = set()
    again = 0

    async def converse(channel: Telegram, chat: int) -> None:
        nonlocal again
        for number in range(SENDS // CHATS):
            text = f"{chat}: question {number} – “ü”"
            message = Outbound(f"{chat}-{number}", Address("telegram", str(chat)), text)
            while True:
                try:
                    receipts[text] = (await channel.send(message)).provider_id
                except NotSent:
                    again += 1
                    continue
                except SendUnknown:
                    unknown.add(text)
                break

    port = httpx.URL(network.url).port
    assert port is not None
    async with (
        fault_proxy(port, b"true%7D", lambda: next(plan), late=2 * TIMEOUT) as proxy,
        opened(f"http://127.0.0.1:{proxy.port}", seconds=TIMEOUT) as channel,
    ):
        await asyncio.gather(*(converse(channel, ANNA + number) for number in range(CHATS)))
    sent = await asyncio.to_thread(network.sent)
    arrived = Counter(one["text"] for one in sent)
    names = {one["text"]: f"{BOT}/{one['chat']}/{one['id']}" for one in sent}
    faults = {fault.name: proxy.seen[fault] for fault in UNKNOWN}
    lost = SENDS - len(receipts) - len(unknown)
    doubled = sum(count - 1 for count in arrived.values())
    print(f"\n{SENDS} sends, {again} tried again after NotSent, faults {faults}: {len(receipts)} receipts,")
    print(f"{len(unknown)} unknown ({len(unknown & arrived.keys())} of them arrived), {lost} lost, {doubled} doubled")
    assert (lost, doubled) == (0, 0)
    assert {text: names.get(text) for text in receipts} == receipts, "a receipt is that text's, and the text arrived"
    assert set(arrived) <= receipts.keys() | unknown
    assert not unknown & receipts.keys()
    assert len(unknown) >= sum(faults.values()) > SENDS // 10, "every fault of the network was told"
    assert again > 10
    for chat in range(ANNA, ANNA + CHATS):
        numbers = [int(one["text"].split()[2]) for one in sent if one["chat"] == str(chat)]
        assert numbers == sorted(numbers), "each person's in order"
