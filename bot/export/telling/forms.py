"""What is known by its form: emails, phones, postcodes, NHS and National Insurance numbers, dates of birth."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.export import names
from bot.export.telling import Found, What
from bot.export.telling.tokens import Text

_EMAIL = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")
_NUMBER = re.compile(r"(?<![\w/.,+])(?:\+\s?)?\(?\d(?:[\s().\-–]{0,2}\d){8,14}(?![\w/])")
_POSTCODE = re.compile(r"(?<!\w)([A-Z]{1,2})\d[A-Z\d]?\s?(\d[ABD-HJLNP-UW-Z]{2})(?!\w)", re.IGNORECASE)
_NI = re.compile(
    r"(?<!\w)(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?:[\s-]?\d\d){3}[\s-]?[A-D](?!\w)",
    re.IGNORECASE,
)
_MONTH = "(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*"
_DATE = (
    rf"\d{{4}}-\d\d-\d\d|\d{{1,2}}[/.\- ]\d{{1,2}}[/.\- ](?:\d{{4}}|\d\d)|"
    rf"\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}(?:,?\s\d{{4}})?|"
    rf"{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?|(?:19|20)\d\d"
)
_BIRTH = re.compile(
    rf"(?<!\w)(?:born|dob|d\.o\.b\.?|date of birth|birthday)(?:\W+[^\W\d]+){{0,4}}?\W+(?P<date>{_DATE})(?!\w)",
    re.IGNORECASE,
)


def _emails(text: Text) -> Iterator[Found]:
    for match in _EMAIL.finditer(text.plain) if "@" in text.plain else ():
        yield Found(match.start(), match.end(), What.EMAIL, What.EMAIL)


def _insurance_numbers(text: Text) -> Iterator[Found]:
    """Two letters, six figures and a letter (HMRC, National Insurance Manual NIM39110)."""
    for match in _NI.finditer(text.plain):
        yield Found(match.start(), match.end(), What.NI, What.NI)


def _numbers(text: Text) -> Iterator[Found]:
    """NHS numbers by their check digit; phone numbers by how they begin and how long they are."""
    for match in _NUMBER.finditer(text.plain):
        digits = "".join(str(int(letter)) for letter in match[0] if letter.isdecimal())
        if is_nhs_number(digits):
            yield Found(match.start(), match.end(), What.NHS, What.NHS)
        elif match[0].startswith(("+", "00", "(+")) or _is_british(digits):
            yield Found(match.start(), match.end(), What.PHONE, What.PHONE)


def is_nhs_number(digits: str) -> bool:
    """Ten figures of which the last checks the others, modulo 11 (NHS Data Dictionary, NHS NUMBER)."""
    if len(digits) != 10 or not digits.isdecimal():
        return False
    rest = 11 - sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False)) % 11
    return rest != 10 and rest % 11 == int(digits[-1])


def _is_british(digits: str) -> bool:
    """As dialled here: a nought and nine or ten figures (Ofcom's numbering plan); or a mobile's without the nought."""
    return (digits.startswith("0") and len(digits) in (10, 11)) or (digits.startswith("7") and len(digits) == 10)


def _postcodes(text: Text) -> Iterator[Found]:
    """Of the areas there are; in small letters not what may be an ordinal, as in `m1 1st`."""
    for match in _POSTCODE.finditer(text.plain):
        ordinal = match[2][1:] in ("st", "nd", "rd", "th")
        if match[1].lower() in names.AREAS and not ordinal:
            yield Found(match.start(), match.end(), What.POSTCODE, What.POSTCODE)


def _births(text: Text) -> Iterator[Found]:
    for match in _BIRTH.finditer(text.plain):
        yield Found(match.start("date"), match.end("date"), What.BIRTH, What.BIRTH)


FORMS = (_emails, _insurance_numbers, _numbers, _postcodes, _births)
