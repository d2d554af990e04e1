"""What a person needs has changed in the middle: their wording, language, pace, or who may see their phone."""

from __future__ import annotations

from bot.interview import answering, consent, settling
from bot.interview.events import Cancel, NeedsChanged, Release
from bot.interview.state import State
from bot.interview.turn import Turn

ASKING = frozenset({State.SCREENING, State.CONSENT, State.ACTIVE})
"""States in which something of ours may be open."""


def changed(turn: Turn, event: NeedsChanged) -> None:
    """What is open is asked in their new words, or leaves when it may now; what is waited for keeps the new pace.

    It is no reply to anything of theirs. While a menu is open they are asked nothing else.
    """
    turn.prompted = False
    before = turn.interview
    asked_anew = before.state in ASKING and not before.between and before.menu is None and (event.words or event.waits)
    if asked_anew:
        turn.change(beckoned=False)
        _ask_anew(turn, event)
    if before.state is State.ACTIVE and not before.agreeing and (asked_anew or event.pace):
        settling.wait_anew(turn, answering=event.settling)


def _ask_anew(turn: Turn, event: NeedsChanged) -> None:
    """Who is at the first statement has not had the information in words that they can use: it comes again too."""
    if (
        event.words
        and turn.interview.state is State.CONSENT
        and not turn.interview.consent
        and not turn.interview.again
    ):
        turn.follow(Cancel(anew=True))
        turn.follow(Release(turn.waking()))
        consent.begin(turn)
    else:
        answering.ask_instead(turn)
