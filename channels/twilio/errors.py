"""What Twilio's error codes mean, and what may be done about each (https://www.twilio.com/docs/api/errors)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.errors import NotSent, Refused, SendError, SendUnknown


@dataclass(frozen=True, slots=True)
class Meaning:
    """A code in words. `wait`: it was not processed and may be tried again after this long.

    `opted_out`: the person blocked us. `closed`: the address takes nothing any more.
    """

    words: str
    wait: timedelta | None = None
    opted_out: bool = False
    closed: bool = False


UNKNOWN = Meaning("Twilio gave no reason")
OUTSIDE_WINDOW = "63016"
"""Only an approved template may be sent: the person's last message is more than 24 hours old."""


MEANINGS = {
    "14107": Meaning("too many messages at once", timedelta(seconds=10)),
    "20001": Meaning("a setting of the request is wrong"),
    "20003": Meaning("account_sid or auth_token is not accepted", timedelta(minutes=1)),
    "20404": Meaning("there is no such account", timedelta(minutes=1)),
    "20429": Meaning("too many requests at once", timedelta(seconds=10)),
    "21201": Meaning("there is no number to send to"),
    "21211": Meaning("this is not a phone number", closed=True),
    "21408": Meaning("texts to this country are not switched on in the Twilio account"),
    "21602": Meaning("the text is empty"),
    "21606": Meaning("the sender's number cannot send this text"),
    "21610": Meaning("the person sent STOP to the network", opted_out=True),
    "21611": Meaning("the number's queue is full", timedelta(minutes=1)),
    "21612": Meaning("the sender cannot reach this number"),
    "21614": Meaning("this is not a mobile number", closed=True),
    "21617": Meaning("the text is longer than 1,600 characters"),
    "21655": Meaning("there is no template with this ContentSid"),
    "21656": Meaning("the template cannot be filled with these values"),
    "21910": Meaning("the sender is of another kind than the address"),
    "30001": Meaning("the number's queue was full"),
    "30003": Meaning("the phone is switched off or out of reach"),
    "30004": Meaning("the phone or its network blocks our texts", closed=True),
    "30005": Meaning("the number is not in use", closed=True),
    "30006": Meaning("the number is a landline, or its network cannot be reached", closed=True),
    "30007": Meaning("the network filtered the text out"),
    "30008": Meaning("the network gave no reason"),
    "30009": Meaning("a part of a long text was lost"),
    "30036": Meaning("it waited too long and would have come at a wrong time"),
    "30410": Meaning("the network took too long to answer"),
    "30500": Meaning("Twilio had a fault"),
    "63001": Meaning("WhatsApp does not accept the sender"),
    "63003": Meaning("this person is not on WhatsApp", closed=True),
    "63005": Meaning("WhatsApp does not accept the message as it is"),
    "63007": Meaning("the sender's number is not registered with WhatsApp"),
    "63010": Meaning("WhatsApp had a fault"),
    "63012": Meaning("WhatsApp had a fault"),
    "63013": Meaning("the message breaks WhatsApp's rules"),
    "63014": Meaning("the person blocked us on WhatsApp", opted_out=True),
    "63015": Meaning("the person has not joined Twilio's sandbox"),
    OUTSIDE_WINDOW: Meaning("the person's last message is more than 24 hours old, so a template must go first"),
    "63018": Meaning("too many messages for WhatsApp at once", timedelta(minutes=1)),
    "63020": Meaning("the WhatsApp business account cannot send"),
    "63021": Meaning("WhatsApp does not accept the content"),
    "63024": Meaning("this person cannot be reached on WhatsApp", closed=True),
    "63027": Meaning("there is no such template in this language"),
    "63028": Meaning("the template needs another number of values"),
    "63032": Meaning("WhatsApp does not bring this person our messages at present"),
    "63038": Meaning("the account's messages for today are used up", timedelta(hours=1)),
    "63040": Meaning("WhatsApp rejected the template"),
    "63041": Meaning("WhatsApp paused the template"),
    "63042": Meaning("WhatsApp switched the template off"),
    "63049": Meaning("WhatsApp chose not to deliver it"),
    "63051": Meaning("the WhatsApp business account is locked"),
}
"""The codes that a study meets, in words for the study team (WhatsApp's: docs/whatsapp/tutorial/error-codes)."""


def meaning(code: str | None) -> Meaning:
    """What a code means; for one that is not known, that nothing follows from it."""
    return MEANINGS.get(code or "", UNKNOWN)


def in_words(code: str | None) -> str:
    """What a code means."""
    if code is None:
        return UNKNOWN.words
    known = MEANINGS.get(code)
    return f"{known.words} (Twilio {code})" if known else f"Twilio {code}, see twilio.com/docs/api/errors/{code}"


def outcome(status: int, code: str | None) -> SendError:
    """What an answer that is no receipt says about the message.

    429 was not processed (docs/api/errors/20429); 401, 403 and 404 reach no account; another 4xx is a refusal.
    A 5xx may have been processed (docs/api/errors/20500), and so may anything else.
    """
    words, known = in_words(code), meaning(code)
    if status >= 500 or status < 400:
        return SendUnknown(f"Twilio answered {status}: {words}.", code=code)
    if known.wait:
        return NotSent(f"Not sent yet: {words}.", code=code, retry_after=known.wait)
    if status in (401, 403, 404, 408, 429):
        return NotSent(f"Not sent yet: Twilio answered {status}, {words}.", code=code)
    why = f"Twilio will not send this message: {words}."
    return Refused(
        why, code=code, opted_out=known.opted_out, closed=known.closed, outside_window=code == OUTSIDE_WINDOW
    )
