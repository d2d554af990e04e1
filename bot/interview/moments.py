"""The moments of an interview, once the clock that they were read from turns out to have been ahead."""

from __future__ import annotations

from datetime import datetime

from bot.interview.pace import REPLY_WITHIN
from bot.interview.state import Interview


def put_right(interview: Interview, now: datetime) -> Interview:
    """The interview in which nothing has happened that is still to come.

    When it happened nobody can know. What the ladder of reminders goes by keeps its order, and is so long past that
    nothing is taken for a reply. When a pause ends, a call begins and a person writes stays: they were told so. Since
    when people are being fetched is for whoever has their timer too.
    """
    ladder = (interview.heard, interview.asked, *interview.reminded)
    past = now - REPLY_WITHIN
    ahead = sorted({moment for moment in ladder if moment and moment >= past}, reverse=True)
    right = {moment: past - number * datetime.resolution for number, moment in enumerate(ahead, 1)}
    return interview.but(
        heard=interview.heard and right.get(interview.heard, interview.heard),
        asked=interview.asked and right.get(interview.asked, interview.asked),
        reminded=tuple(right.get(moment, moment) for moment in interview.reminded),
        signposted=interview.signposted and min(interview.signposted, now),
        assured=interview.assured and min(interview.assured, now),
        unasked=tuple(min(moment, now) for moment in interview.unasked),
        opened=tuple(min(moment, now) for moment in interview.opened),
    )
