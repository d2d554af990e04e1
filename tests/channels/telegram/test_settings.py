"""A wrong setting of Telegram is named, with its mend and without its value."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from bot.channel import Site
from channels import CHANNELS
from channels.telegram.channel import Telegram
from channels.telegram.settings import TelegramSettings

SITE = Site("Own Pace", "https://study.example")
TOKEN = "123456:AbC-dEf_1"


def opened(**keys: Any) -> Telegram:
    channel = TelegramSettings(**{"token": TOKEN} | keys).open(SITE)
    assert isinstance(channel, Telegram)
    return channel


def test_a_token_is_enough() -> None:
    account = opened().account
    assert (account.token, account.bot, account.webhook_secret) == (TOKEN, "123456", None)
    assert account.api_base_url == "https://api.telegram.org"
    assert CHANNELS["telegram"] is TelegramSettings
    assert TelegramSettings.settle == timedelta(minutes=10)


def test_a_secret_counts_only_with_a_webhook() -> None:
    assert opened(mode="webhook", webhook_secret="s3cret").account.webhook_secret == "s3cret"
    assert opened(mode="polling", webhook_secret="s3cret").account.webhook_secret is None
    assert opened(mode="webhook", webhook_secret="s").account.public_base_url == "https://study.example"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"token": "my bot"}, "is not a bot's token"),
        ({"token": "123456:AbC def"}, "is not a bot's token"),
        ({"mode": "webhook"}, "no webhook_secret"),
        ({"mode": "webhook", "webhook_secret": "two words"}, "may hold letters"),
        ({"mode": "carrier pigeon"}, "polling"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TelegramSettings(**{"token": TOKEN} | keys)
    assert words in str(caught.value)
    assert "AbC" not in str(caught.value)
    assert "two words" not in str(caught.value)
