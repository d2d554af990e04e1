"""What each kind of channel makes of words that somebody writes on it: delivered as its provider delivers them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from types import MappingProxyType

from bot.messages import Inbound, News
from channels.email.incoming import read
from tests.channels.email.test_incoming import ANN, OURS, STUDY, mail
from tests.channels.telegram.contract import TelegramCase
from tests.channels.telegram.payloads import update
from tests.channels.twilio.contract import SmsCase, TwilioCase, WhatsAppCase
from tests.rig.mailroom import Mailroom

Write = Callable[[str], str]

ASKED = "Q1/3 Which ways do you use? (or SKIP)"
HEAD = "On Tue, 3 Nov 2026 at 10:00, Voices Study <voices@study.example> wrote:"
LAYOUTS = (
    "{words}\n\n{head}\n> {asked}\n",
    "{words}\n",
    "{words}\n\nSent from my iPhone\n\n{head}\n\n> {asked}\n",
)
"""Answers as mail programs lay them out: with our words below, or only the person's."""


def _body(news: News) -> str:
    assert isinstance(news, Inbound), news
    assert not news.automatic, news
    return news.body


def _by_twilio(case: TwilioCase) -> Write:
    numbers, sender = count(), case.prefix + case.to.value

    def write(words: str) -> str:
        (news,) = case.delivered("messages", MessageSid=f"SM{next(numbers)}", From=sender, Body=words)
        return _body(news)

    return write


def _by_mail() -> Write:
    layouts = _again_and_again(LAYOUTS)

    def write(words: str) -> str:
        letter = mail(next(layouts).format(words=words, head=HEAD, asked=ASKED)).as_bytes()
        return _body(asyncio.run(read(letter, OURS, STUDY, Mailroom(texts={ANN.value: [ASKED]}))))

    return write


def _by_telegram() -> Write:
    case, numbers = TelegramCase(), count(41)

    def write(words: str) -> str:
        (news,) = case.delivered(update(text=words, message_id=next(numbers)))
        return _body(news)

    return write


def _again_and_again(layouts: tuple[str, ...]) -> Iterator[str]:
    return (layouts[number % len(layouts)] for number in count())


KINDS: Mapping[str, Callable[[], Write]] = MappingProxyType(
    {
        "sms": lambda: _by_twilio(SmsCase()),
        "whatsapp": lambda: _by_twilio(WhatsAppCase()),
        "email": _by_mail,
        "telegram": _by_telegram,
        "simulator": lambda: str.strip,  # the phone on the screen hands over the field of its form
    }
)
