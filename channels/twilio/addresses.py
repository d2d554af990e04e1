"""How Twilio writes addresses: a bare number for a text; `whatsapp:` and a number or a user's id for WhatsApp.

Somebody with a WhatsApp username may write without showing a number. They are then known by an id that holds for
one business only, such as US.1234 (Meta, "Business-scoped user IDs").
"""

from __future__ import annotations

import re

import phonenumbers

from bot.errors import AddressError
from bot.messages import Address

PREFIXES = {"sms": "", "whatsapp": "whatsapp:"}

_USER_ID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
_PREFIX = re.compile(r"[a-z_]+:")


def is_user_id(value: str) -> bool:
    """Whether this is a business-scoped user id."""
    return _USER_ID.fullmatch(value) is not None


def from_twilio(written: str) -> Address | None:
    """The address in Twilio's form, or None when it is of a kind that is not served here."""
    for kind, prefix in PREFIXES.items():
        value = written.removeprefix(prefix)
        if written.startswith(prefix) and value and not _PREFIX.match(value):
            return Address(kind, value)
    return None


def to_twilio(address: Address) -> str:
    """The address as Twilio wants it."""
    return PREFIXES[address.kind] + address.value


def readable(e164: str) -> str:
    """A number as people read it: +44 7700 900123. '' where it is none, as a name that texts are sent from."""
    try:
        found = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def number(written: str) -> str:
    """A phone number that somebody wrote by hand, in E.164. Raises AddressError."""
    try:
        found = phonenumbers.parse(written, "GB")
    except phonenumbers.NumberParseException:
        found = None
    whole = found and phonenumbers.is_possible_number_with_reason(found) == phonenumbers.ValidationResult.IS_POSSIBLE
    if found is None or not whole or any(letter.isalpha() for letter in written):
        raise AddressError("is not a phone number; write it like +447700900123")
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)
