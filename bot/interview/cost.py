"""What a whole interview costs to send, found by having one."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from bot.interview.events import Enrolled
from bot.interview.rehearsal import played, sent
from bot.interview.schedule import Schedule, Wording
from bot.interview.state import Interview, Pace, Person, Study
from bot.messages import gsm7_lookalike, segments


def texts(schedule: Schedule, wording: Wording) -> list[str]:
    """Everything that is sent to somebody who says YES to each statement and answers each question once.

    Names are as long as they may be, so that the cost is never more than was said.
    """
    person = Person("N" * 15, wording, "WhatsApp", ZoneInfo("UTC"), "R" * 15, date(2027, 9, 30))
    interview = Interview(schedule, Study("S" * 20, "0" * 13), person, Pace(timedelta(), None))
    return [text for _, after in played(interview, Enrolled()) for text in sent(after)]


def sms_parts(schedule: Schedule, wording: Wording) -> int:
    """How many SMS parts a provider charges for one whole interview."""
    return sum(segments(gsm7_lookalike(text)) for text in texts(schedule, wording))
