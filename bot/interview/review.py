"""What a person has to look at again by a date: the word list and the numbers to call."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bot.interview import wording

Words = Annotated[str, Field(min_length=1)]


class Reviewed(BaseModel):
    """Who answers for this, when they last looked ('never' in the file is None here), and by when they look again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: Words
    reviewed: Annotated[date | None, BeforeValidator(lambda written: None if written == "never" else written)]
    review_by: date

    @model_validator(mode="after")
    def _later(self) -> Self:
        if self.reviewed and self.review_by <= self.reviewed:
            raise ValueError("review_by must be later than reviewed")
        return self

    def overdue(self, today: date) -> str | None:
        """What `ownpace check` says before the first review, and once the day of the next has passed; else None."""
        if self.reviewed is None:
            return f"has never been reviewed; {self.owner} has to look through it, and set reviewed and review_by"
        if today <= self.review_by:
            return None
        by = wording.full_date(self.review_by)
        return f"was to be reviewed by {by}, by {self.owner}; look through it and set reviewed and review_by"
