"""What Twilio's error codes mean, and what may be done about each (https://www.twilio.com/docs/api/errors)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.errors import NotSent, Refused, SendError, SendUnknown


@dataclass(frozen=True, slots=True)
class Meaning:
    """A code in words. `wait`: it was not processed and may be tried again after this long."""

    words: str
    wait: timedelta | None = None
    opted_out: bool = False


MEANINGS = {
    "14107": Meaning("too many messages at once", timedelta(seconds=10)),
    "20001": Meaning("a setting of the request is wrong"),
    "20003": Meaning("account_sid or auth_token is not accepted", timedelta(minutes=1)),
    "20404": Meaning("there is no such account", timedelta(minutes=1)),
    "20429": Meaning("too many requests at once", timedelta(seconds=10)),
    "21201": Meaning("there is no number to send to"),
    "21211": Meaning("this is not a phone number"),
    "21408": Meaning("texts to this country are not switched on in the Twilio account"),
    "21602": Meaning("the text is empty"),
    "21606": Meaning("the sender's number cannot send this text"),
    "21610": Meaning("the person sent STOP to the network", opted_out=True),
    "21611": Meaning("the number's queue is full", timedelta(minutes=1)),
    "21612": Meaning("the sender cannot reach this number"),
    "21614": Meaning("this is not a mobile number"),
    "21617": Meaning("the text is longer than 1,600 characters"),
    "30001": Meaning("the number's queue was full"),
    "30003": Meaning("the phone is switched off or out of reach"),
    "30004": Meaning("the phone or its network blocks our texts"),
    "30005": Meaning("the number is not in use"),
    "30006": Meaning("the number is a landline, or its network cannot be reached"),
    "30007": Meaning("the network filtered the text out"),
    "30008": Meaning("the network gave no reason"),
    "30009": Meaning("a part of a long text was lost"),
    "30410": Meaning("the network took too long to answer"),
    "30500": Meaning("Twilio had a fault"),
}
"""The codes that a study by text meets, in words for the study team."""


def in_words(code: str | None) -> str:
    """What a code means."""
    if code is None:
        return "Twilio gave no reason"
    known = MEANINGS.get(code)
    return f"{known.words} (Twilio {code})" if known else f"Twilio {code}, see twilio.com/docs/api/errors/{code}"


def outcome(status: int, code: str | None) -> SendError:
    """What an answer that is no receipt says about the message.

    429 was not processed (docs/api/errors/20429); 401, 403 and 404 reach no account; another 4xx is a refusal.
    A 5xx may have been processed (docs/api/errors/20500), and so may anything else.
    """
    words, known = in_words(code), MEANINGS.get(code or "")
    if status >= 500 or status < 400:
        return SendUnknown(f"Twilio answered {status}: {words}.", code=code)
    if known and known.wait:
        return NotSent(f"Not sent yet: {words}.", code=code, retry_after=known.wait)
    if status in (401, 403, 404, 408, 429):
        return NotSent(f"Not sent yet: Twilio answered {status}, {words}.", code=code)
    return Refused(f"Twilio will not send this text: {words}.", code=code, opted_out=bool(known and known.opted_out))
