"""What a person needs has changed in the middle: their wording, language, pace, or who may see their phone."""

from __future__ import annotations

from bot.interview import answering, consent, settling
from bot.interview.events import Cancel, NeedsChanged
from bot.interview.state import State
from bot.interview.turn import Turn

ASKING = frozenset({State.SCREENING, State.CONSENT, State.ACTIVE})
"""States in which something of ours may be open."""


def changed(turn: Turn, event: NeedsChanged) -> None:
    """What is open is asked in their new words, or leaves when it may now; what is waited for keeps the new pace."""
    if event.words and _has_agreed_to_nothing(turn):
        turn.follow(Cancel(anew=True))
        consent.begin(turn)
    elif turn.interview.state in ASKING:
        asked_anew = not turn.interview.between and (event.words or event.waits)
        if asked_anew:
            answering.ask_instead(turn)
        if turn.interview.state is State.ACTIVE and not turn.interview.agreeing and (asked_anew or event.pace):
            settling.wait_anew(turn)


def _has_agreed_to_nothing(turn: Turn) -> bool:
    """Whether they are at the first statement: then they have not had the information in words that they can use."""
    return turn.interview.state is State.CONSENT and not turn.interview.consent and not turn.interview.agreeing
