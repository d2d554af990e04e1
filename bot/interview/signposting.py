"""Where a person in distress can turn: the reviewed numbers, and whether the texts name only those."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.interview.lint import Finding
from bot.interview.review import Reviewed, Words
from bot.interview.schedule import Schedule, Wording

_NUMBER = re.compile(r"\d(?:[ \u00a0-]?\d){2,}")
"""Three figures or more, as people group them: 999, 116 123, 85258."""


def _callable(number: str) -> str:
    if not re.fullmatch(r"[0-9 ]+", number):
        raise ValueError("number must be figures and spaces alone, such as 116 123")
    return number


class Signpost(BaseModel):
    """One place to turn to. `number` is missing where each person has their own, as with their council."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    name: Words
    number: Annotated[str, AfterValidator(_callable)] | None = None
    how: Words


class Signposting(Reviewed):
    """Every number that a text may name."""

    signposts: tuple[Signpost, ...] = Field(min_length=1)

    def numbers(self) -> frozenset[str]:
        """The numbers, figures only."""
        return frozenset(_figures(each.number) for each in self.signposts if each.number)


def unlisted(schedule: Schedule, signposting: Signposting) -> list[Finding]:
    """Every number in the stock texts that is not among the reviewed ones."""
    known = signposting.numbers()
    return [
        Finding(
            where,
            wording,
            f"names the number {found}, which is not in signposting.yaml; add it there or remove it",
            (where, wording.value),
        )
        for where, text in schedule.texts.items()
        for wording in Wording
        for found in dict.fromkeys(_NUMBER.findall(text.worded(wording)))
        if _figures(found) not in known
    ]


def _figures(number: str) -> str:
    return "".join(sign for sign in number if sign.isdigit())
