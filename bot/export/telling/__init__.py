"""What in a text may tell who somebody is, kind by kind: `anonymise` puts together what is found here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class What(StrEnum):
    """What kind of thing may tell who somebody is."""

    NAME = "name"
    PLACE = "place"
    PHONE = "phone"
    EMAIL = "email"
    POSTCODE = "postcode"
    NHS = "NHS number"
    NI = "National Insurance number"
    BIRTH = "date of birth"


PERSON, PLACE = "Person", "Place"
"""What stands for a name or place of which no more is known, with a number."""


@dataclass(frozen=True, slots=True)
class Found:
    """`role` is what is known of it: 'daughter', the participant's code, Person, Place, or the kind itself."""

    start: int
    end: int
    what: What
    role: str
