"""What must be true of every channel there is: each test runs on all of them."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest

from bot.channel import Ability, Channel, Site, WayIn, WebhookRequest
from bot.errors import Forged, NotSent, Refused, SendError, SendUnknown, Unavailable
from bot.messages import DeliveryUpdate, Inbound, Media, MediaKind, Outbound
from channels import CHANNELS
from tests.channels.contract import Case, Mood

FOLDERS = sorted(file.parent.name for file in Path(__file__).parent.glob("*/contract.py"))
CASES: list[Case] = [case for name in FOLDERS for case in import_module(f"tests.channels.{name}.contract").CASES]
BODY = "What helped you most in that week?"
SITE = Site("Own Pace", "https://study.example")
SINCE = datetime.now(UTC) - timedelta(days=1)

every_channel = pytest.mark.parametrize("case", CASES, ids=[case.kind for case in CASES])


def in_mood(*moods: Mood) -> pytest.MarkDecorator:
    """Every channel whose provider can be in one of these moods."""
    able = [(case, mood) for case in CASES for mood in moods if mood not in case.cannot]
    return pytest.mark.parametrize(("case", "mood"), able, ids=[f"{case.kind}-{mood.name}" for case, mood in able])


def message(case: Case, number: int = 1) -> Outbound:
    return Outbound(f"{number:032x}", case.to, BODY, attempted_at=datetime.now(UTC))


def opened(case: Case) -> Channel:
    channel = case.settings().open(SITE)
    assert channel is not None
    return channel


def test_every_channel_there_is_is_held_to_the_contract() -> None:
    assert sorted(case.kind for case in CASES) == sorted(CHANNELS)


@every_channel
def test_what_a_provider_cannot_do_has_a_reason(case: Case) -> None:
    assert all(case.cannot.values())
    assert Mood.TAKES not in case.cannot


# Coming in


@every_channel
def test_a_way_in_carries_the_words_or_the_code_and_says_where_to_send_them_by_hand(case: Case) -> None:
    """A link that opens the person's own app; None where there is none, or not yet."""
    channel = opened(case)
    if case.kind == "telegram":
        assert channel.way_in("JOIN CDF-HJK-MNP", "CDF-HJK-MNP") is None, "the bot's name is not known yet"
        channel.username = "voices_bot"  # type: ignore[attr-defined]  # as Telegram tells it
    way = channel.way_in("JOIN CDF-HJK-MNP", "CDF-HJK-MNP")
    assert way == WAYS_IN[case.kind]


WAYS_IN = {
    "sms": WayIn("sms:+447700900000?&body=JOIN%20CDF-HJK-MNP", "+44 7700 900000"),
    "whatsapp": WayIn("https://wa.me/447700900000?text=JOIN%20CDF-HJK-MNP", "+44 7700 900000"),
    "email": WayIn(
        "mailto:voices@study.example?subject=JOIN%20CDF-HJK-MNP&body=JOIN%20CDF-HJK-MNP", "voices@study.example"
    ),
    "telegram": WayIn("https://t.me/voices_bot?start=CDF-HJK-MNP", "@voices_bot"),
    "simulator": None,
}


# Sending


@in_mood(Mood.TAKES)
async def test_what_is_taken_has_a_receipt_of_its_own(case: Case, mood: Mood) -> None:
    async with case.provider(mood) as channel:
        first, second = [await channel.send(message(case, number)) for number in (1, 2)]
    assert first.provider_id
    assert second.provider_id
    assert first != second


@in_mood(Mood.REFUSES)
async def test_what_is_refused_is_not_tried_again(case: Case, mood: Mood) -> None:
    async with case.provider(mood) as channel:
        with pytest.raises(Refused):
            await channel.send(message(case))


@in_mood(Mood.BUSY, Mood.AWAY)
async def test_what_surely_did_not_leave_may_be_tried_again(case: Case, mood: Mood) -> None:
    async with case.provider(mood) as channel:
        with pytest.raises(NotSent):
            await channel.send(message(case))


@in_mood(Mood.SILENT)
async def test_silence_is_unknown_and_never_taken_for_a_message_that_did_not_leave(case: Case, mood: Mood) -> None:
    async with case.provider(mood) as channel:
        sent = message(case)
        with pytest.raises(SendUnknown):
            await channel.send(sent)
        if Ability.RECONCILES in channel.abilities:
            assert await channel.reconcile(sent) is not None
        else:
            with pytest.raises(SendUnknown):
                await channel.reconcile(sent)


@in_mood(Mood.HANGS_UP)
async def test_a_broken_connection_is_never_taken_for_a_receipt(case: Case, mood: Mood) -> None:
    async with case.provider(mood) as channel:
        sent = message(case)
        with pytest.raises((NotSent, SendUnknown)):
            await channel.send(sent)
        if Ability.RECONCILES in channel.abilities:
            assert await channel.reconcile(sent) is None


# What comes in


@every_channel
async def test_a_second_copy_has_the_same_key_and_another_message_another(case: Case) -> None:
    copies = [await case.heard(1), await case.heard(1), await case.heard(2)]
    channel = opened(case)
    if not channel.webhooks and type(channel).listen is Channel.listen:
        assert copies == [(), (), ()], "nobody brings this channel anything"
        return
    keys = [[one.provider_key for one in copy if isinstance(one, Inbound)] for copy in copies]
    assert [len(each) for each in keys] == [1, 1, 1]
    assert keys[0] == keys[1] != keys[2]
    assert all(one.sender.kind == case.kind and one.raw for copy in copies for one in copy if isinstance(one, Inbound))


@every_channel
def test_nothing_is_genuine_without_the_providers_mark(case: Case) -> None:
    channel = opened(case)
    for path in channel.webhooks or ("/webhooks/nobody",):
        with pytest.raises(Forged):
            channel.verify(WebhookRequest(path, {}, b"Body=Hello"))
    assert all(path.startswith("/webhooks/") for path in channel.webhooks)


# What a channel can do, it says; what it does not say, it cannot do

METHODS = {Ability.RECONCILES: "reconcile", Ability.CATCHES_UP: "catch_up", Ability.MEDIA: "fetch"}


@every_channel
@pytest.mark.parametrize(("ability", "method"), METHODS.items(), ids=METHODS.values())
def test_an_ability_is_declared_just_where_it_is_there(case: Case, ability: Ability, method: str) -> None:
    channel = opened(case)
    own = getattr(type(channel), method) is not getattr(Channel, method)
    assert own == (ability in channel.abilities and not (ability is Ability.MEDIA and case.media_come_along))


@every_channel
async def test_what_a_channel_cannot_do_is_said_in_the_contracts_words(case: Case) -> None:
    channel = opened(case)
    if Ability.RECONCILES not in channel.abilities:
        with pytest.raises(SendUnknown):
            await channel.reconcile(message(case))
    if Ability.CATCHES_UP not in channel.abilities:
        assert [one async for one in channel.catch_up(SINCE)] == []
    if Ability.MEDIA not in channel.abilities or case.media_come_along:
        with pytest.raises(Unavailable):
            await channel.fetch(Media(MediaKind.VOICE, reference="x"), 1)
    await channel.close()


@every_channel
async def test_replies_and_delivery_are_told_just_where_that_is_declared(case: Case) -> None:
    abilities = opened(case).abilities
    answering = [one.reply_to for one in await case.reply() if isinstance(one, Inbound)]
    told = [one.status for one in await case.told() if isinstance(one, DeliveryUpdate)]
    assert [(case.answered in ids) for ids in answering] == ([True] if Ability.LINKS_REPLIES in abilities else [])
    assert told == ([case.tells] if Ability.TELLS_DELIVERY in abilities else [])


@every_channel
def test_an_address_has_one_form(case: Case) -> None:
    channel = opened(case)
    assert channel.kind == case.kind == case.to.kind
    assert channel.address(f" {case.to.value} ") == case.to
    assert case.settings().settle >= timedelta()


# Nothing private is seen


@in_mood(*Mood)
async def test_no_secret_no_address_and_no_word_reaches_a_log_or_an_error(
    case: Case, mood: Mood, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen = ""
    async with case.provider(mood) as channel:
        sent = message(case)
        for use in (channel.send, channel.reconcile):
            try:
                await use(sent)
            except SendError as why:
                seen += f"{why!r} {why} {why.__cause__!r}"
        seen += repr(channel)
    seen += caplog.text
    for private in (*case.secrets, case.to.value, BODY):
        assert private not in seen


@every_channel
def test_settings_and_channel_show_no_secret(case: Case) -> None:
    settings = case.settings()
    channel = opened(case)
    shown = f"{settings!r} {settings} {channel!r} {channel}"
    for secret in case.secrets:
        assert secret not in shown


@every_channel
async def test_closing_twice_does_no_harm(case: Case) -> None:
    channel = opened(case)
    await channel.close()
    await channel.close()
