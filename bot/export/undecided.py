"""What an export says of names, and how many suggestions of `anonymise` nobody has decided about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bot.export import replacing
from bot.export.measures import many
from bot.export.record import Head
from bot.records.unit_of_work import UnitOfWork

MOST_COUNTED = 100
"""People whose words are gone through for suggestions before a larger export: each takes about a tenth of a second."""

NAMES = (
    "Participants' own names and numbers are replaced by codes. Names of other people and of places stand as they were "
    "said, except where somebody of the study team decided what stands for them."
)


@dataclass(frozen=True, slots=True)
class Undecided:
    """Undecided suggestions, by the code of the participant. `counted`: everybody's words were gone through."""

    found: Mapping[str, int] = field(default_factory=dict)
    counted: bool = False

    def of(self, code: str) -> str:
        """For the cover of one interview: '3', 'none' or 'not counted'."""
        return str(self.found.get(code) or "none") if self.counted else "not counted"

    def told(self) -> str:
        """For a reader of the export: what is known of suggestions that are undecided."""
        if self.found:
            least, people = "" if self.counted else "at least ", many(len(self.found), "person", "people")
            return (
                "Words that may tell who somebody is, about which nobody has decided: "
                f"{least}{many(sum(self.found.values()), 'suggestion')} for {people}."
            )
        if self.counted:
            return "No suggestion of names is undecided. Suggestions are guesses and miss some names."
        return "How many suggestions of names are undecided was not counted."

    def warning(self) -> str:
        """For who makes the export: the same, and which command shows them."""
        if self.counted and not self.found:
            return self.told()
        return f"{self.told()} scripts/ownpace anonymise {next(iter(self.found), 'CODE')} shows them."


def count(uow: UnitOfWork, heads: Iterable[Head], enough: int | None = None) -> Undecided:
    """Go through the words of these people. `enough`: end after so many of them, once something is found."""
    found: dict[str, int] = {}
    for number, head in enumerate(heads):
        if found and enough is not None and number >= enough:
            return Undecided(found)
        if offers := replacing.offers(uow, head.code):
            found[head.code] = len(offers)
    return Undecided(found, counted=True)
