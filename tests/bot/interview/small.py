"""A small schedule whose texts are their own names, so that a conversation reads as what was meant."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.interview import needs
from bot.interview.schedule import (
    REQUIRED_TEXTS,
    Branch,
    Condition,
    Eligibility,
    Question,
    Schedule,
    Section,
    Statement,
    Text,
    Wording,
)
from bot.interview.state import Interview, Pace, Person, Study

FILLED = {
    "call-booked": "call-booked: {researcher} at {time} on {day}",
    "distress": "distress: {researcher} by {time} on {day}",
    "distress-asked": "distress-asked: {researcher}",
    "distress-discreet": "distress-discreet: {researcher} by {time} on {day}",
    "paused": "paused until {day}",
    "person-asked-ended": "person-asked-ended: by {time} on {day}",
    "person-asked-no-calls": "person-asked-no-calls: by {time} on {day}",
    "person-asked": "person-asked: by {time} on {day}",
    "person-overdue": "person-overdue: by {time} on {day}",
    "person-overdue-no-calls": "person-overdue-no-calls: by {time} on {day}",
    "thanks": "thanks {name}",
    "undo": "undo: {question}",
}


CHANNELS = {"sms": "text", "email": "email", "telegram": "Telegram"}


def words(standard: str) -> dict[str, Any]:
    return {"standard": standard, "easy_read": f"Easy: {standard}", "short": f"Short: {standard}"}


def text(key: str) -> Text:
    same = f"[{FILLED.get(key, key)}]"
    if key in ("progress", "skip-hint", "skip-first"):
        same = {"progress": "Q{n}/{total}", "skip-hint": "(or SKIP)", "skip-first": "(you can SKIP this)"}[key]
    return Text(standard=same, easy_read=same, short=same)


def schedule(handover: str = "", *, eligibility: bool = False) -> Schedule:
    """Two statements that are needed and one that is not; four questions, one behind a branch; a closing one.

    With `eligibility` two questions before all that: one is to be answered YES, the other NO.
    """
    return Schedule(
        cohort="people",
        language="en",
        title="People",
        code_prefix="P",
        eligibility=(
            Eligibility(id="e-adult", qualifies=True, **words("Are you 18 or over?")),
            Eligibility(id="e-staff", qualifies=False, **words("Do you work for us?")),
        )
        if eligibility
        else (),
        opening=(("welcome", "info-who"), ("consent-intro",)),
        statements=(
            Statement(id="c1", required=True, **words("I know what this is about.")),
            Statement(id="c2", required=True, **words("I choose to take part.")),
            Statement(id="c3", required=False, **words("You may write to me later.")),
        ),
        sections=(
            Section(
                id="now",
                title="Now",
                intro=Text(**words("Please name nobody.")),
                questions=(
                    Question(
                        id="a-ways",
                        handover=handover == "a-ways",
                        prompts=("Anything more?",),
                        branches=(Branch(when=Condition(answer_is=("none", "no")), goto="a-why"),),
                        **words("Which ways do you use?"),
                    ),
                    Question(id="a-why", follow_up=True, **words("Why none?")),
                    Question(id="a-good", **words("What went well?")),
                ),
            ),
            Section(
                id="next",
                title="Next",
                questions=(
                    Question(id="a-hard", sensitive=True, **words("What was hard?")),
                    Question(id="a-close", closing=True, **words("Anything else?")),
                ),
            ),
        ),
        texts={key: text(key) for key in REQUIRED_TEXTS},
    )


def interview(
    settle: timedelta = timedelta(minutes=20),
    quiet: tuple[int, int] | None = (20 * 60, 9 * 60),
    wording: Wording = Wording.STANDARD,
    prompts: bool = False,
    again: bool = False,
    attributes: dict[str, str] | None = None,
    handover: str = "",
    eligibility: bool = False,
    **pace: Any,
) -> Interview:
    """An interview that has not begun."""
    person = Person("Sam", wording, "text", ZoneInfo("Europe/London"), "Ann", date(2027, 3, 1), attributes or {})
    study = Study("The study", "01632 960000", CHANNELS, again)
    return Interview(
        schedule(handover, eligibility=eligibility),
        study,
        person,
        needs.onto(Pace(settle, quiet, prompts, **pace), person.attributes),
    )
