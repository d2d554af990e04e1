"""What a whole interview costs to send, found by having one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.interview.engine import step
from bot.interview.events import Enrolled, Event, Said, Send
from bot.interview.schedule import Schedule, Wording
from bot.interview.state import Interview, Pace, Person, State, Study
from bot.messages import gsm7_lookalike, segments

MOST_TURNS = 1000


def texts(schedule: Schedule, wording: Wording) -> list[str]:
    """Everything that is sent to somebody who says YES to each statement and answers each question once.

    Names are as long as they may be, so that the cost is never more than was said.
    """
    person = Person("N" * 15, wording, "WhatsApp", ZoneInfo("UTC"), "R" * 15, date(2027, 9, 30))
    interview = Interview(schedule, Study("S" * 20, "0" * 13), person, Pace(timedelta(), None))
    sent: list[str] = []
    event: Event = Enrolled()
    for number in range(MOST_TURNS):
        after = step(interview, event, datetime(2027, 1, 4, 12, tzinfo=UTC))
        sent += [effect.body for effect in after.effects if isinstance(effect, Send)]
        interview = replace(after.interview)
        if interview.state is State.COMPLETE:
            break
        event = Said(number, "yes" if interview.state is State.CONSENT else "An answer.")
    return sent


def sms_parts(schedule: Schedule, wording: Wording) -> int:
    """How many SMS parts a provider charges for one whole interview."""
    return sum(segments(gsm7_lookalike(text)) for text in texts(schedule, wording))
