"""Whatever comes by whichever channel is stored, and stored once, however often it is delivered."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from bot.channel import WebhookRequest
from bot.errors import Unreadable
from bot.messages import Address, DeliveryUpdate, Inbound, News, Undeciphered
from bot.records.tables import messages
from bot.records.unit_of_work import UnitOfWork
from bot.service import intake
from channels.email import incoming
from channels.twilio.channel import Account, WhatsApp
from tests.bot.world import Post, World, world
from tests.channels.email.test_fuzz import damaged as damaged_mail
from tests.channels.email.test_fuzz import mutations, seeds
from tests.channels.telegram.payloads import CHAT
from tests.channels.telegram.test_updates import damaged as damaged_update
from tests.channels.telegram.test_updates import read as read_update
from tests.channels.twilio.signing import SECRET
from tests.channels.twilio.test_fuzz import TARGETS, delivery

MAILS, POSTED, UPDATES = 6_000, 7_000, 7_000
AT_ONCE = 250
KINDS = ("sms", "whatsapp", "telegram", "email")
KNOWN = {
    "sms": "+447700900123",
    "whatsapp": "+447700900123",
    "telegram": str(CHAT),
    "email": "bob@example.net",
}


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    """Somebody takes part on each of the channels, from the address that the damaged messages come from."""
    with world(tmp_path, {kind: Post(kind) for kind in KINDS}, pace={"settle": dict.fromkeys(KINDS, 0)}) as made:
        for kind, value in KNOWN.items():
            made.consented(Address(kind, value))
        yield made


def mails() -> Iterator[News]:
    chance, pool = random.Random(20261125), seeds()
    damage = mutations(chance, pool)
    for _ in range(MAILS):
        yield incoming.understood(damaged_mail(chance, pool, damage), "study@example.org", "Own Pace")[0]


def posted() -> Iterator[News]:
    chance = random.Random(20261126)
    channel = WhatsApp(Account("AC1", "AC1", "p", (SECRET,), public_base_url="https://study.example"))
    for _ in range(POSTED):
        request = WebhookRequest(chance.choice(TARGETS), {}, delivery(chance))
        try:
            yield from channel.parse(request)
        except Unreadable as problem:
            yield Undeciphered(sha256(request.body).hexdigest(), request.body, str(problem))


def told() -> Iterator[News]:
    chance = random.Random(20261127)
    for _ in range(UPDATES):
        yield from read_update(damaged_update(chance))


def key(kind: str, news: News) -> tuple[str, str] | None:
    """Under what it is to be stored; None for what is no message."""
    match news:
        case Inbound():
            return news.sender.kind, news.provider_key
        case Undeciphered():
            return kind, news.provider_key
        case DeliveryUpdate(otherwise=Undeciphered() as kept):  # a report on a message that is not ours
            return kind, kept.provider_key
        case _:
            return None


def take_all(study: World, kind: str, news: list[News]) -> None:
    def some(uow: UnitOfWork, part: list[News]) -> None:
        intake.take(uow, study.program.terms, kind, part)

    for first in range(0, len(news), AT_ONCE):
        study.run(some, news[first : first + AT_ONCE])


def stored(study: World) -> Counter[tuple[str, str]]:
    query = select(messages.c.channel, messages.c.provider_key).where(messages.c.direction == "in")
    rows = study.program.database.read_now(lambda uow: uow.all(query))
    return Counter((row["channel"], row["provider_key"]) for row in rows if row["provider_key"])


def test_twenty_thousand_strange_inputs_are_stored_once_each_though_each_comes_twice(study: World) -> None:
    before = stored(study)
    with capture_logs() as logs:
        came = {"email": list(mails()), "whatsapp": list(posted()), "telegram": list(told())}
        for kind, news in came.items():
            take_all(study, kind, news)
            take_all(study, kind, news[::-1])
    wanted = {one for kind, news in came.items() for each in news if (one := key(kind, each))}
    found = stored(study) - before
    print(f"\n{MAILS + POSTED + UPDATES} inputs: {sum(map(len, came.values()))} pieces of news, {len(wanted)} messages")
    assert set(found) == wanted
    assert set(found.values()) == {1}
    assert len(wanted) > 8_000
    assert not [log for log in logs if log["log_level"] == "error"]
