"""When an answer is whole, and when the next question follows it."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.interview import answering, fetching
from bot.interview.events import DropTimer, Due, Said, SetTimer, TaskKind, TimerKind
from bot.interview.pace import at_local
from bot.interview.state import Interview, Progress, State
from bot.interview.turn import Turn


def answer(turn: Turn, said: Said) -> None:
    """Words to the open question, or to the earlier one that they answer."""
    key, belongs = answering.meant(turn.interview, said)
    answering.keep(turn, said, key, belongs)
    answering.acknowledge(turn, said)
    if key != turn.interview.position:
        return
    turn.mark(key, progress=Progress.ASKED)  # an answer that grows is not whole yet
    if turn.interview.pace.settle <= timedelta(0):
        settle(turn)
    else:
        set_timer(turn)


def set_timer(turn: Turn) -> None:
    due = turn.now + turn.interview.pace.settle
    turn.follow(SetTimer(TimerKind.SETTLE, due, settle_position(turn.interview)))


def settle_position(interview: Interview) -> str:
    """What a settle timer is set for: this question, with as many parts as there are now."""
    return f"{interview.position}/{len(interview.answer.parts)}"


def due(turn: Turn, event: Due) -> None:
    """They have been quiet for so long that the answer counts as whole; who sent HELP meanwhile was not quiet."""
    interview = turn.interview
    here = interview.state is State.ACTIVE and not interview.agreeing and not interview.between
    if not here or event.position != settle_position(interview):
        return
    quiet = (interview.heard or turn.now) + interview.pace.settle
    if quiet > turn.now:
        turn.follow(SetTimer(TimerKind.SETTLE, quiet, event.position))
    else:
        settle(turn)


def done(turn: Turn) -> None:
    """They say themselves that it is whole."""
    turn.follow(DropTimer(TimerKind.SETTLE))
    settle(turn)


def settle(turn: Turn) -> None:
    """The answer is whole: offer the one stock prompt if the person allows it, else go on."""
    interview = turn.interview
    question = interview.schedule.question(interview.position)
    allowed = interview.pace.prompts or interview.person.says("prompts")
    if question.prompts and not interview.answer.prompted and allowed:
        turn.mark(question.id, prompted=True)
        turn.send(question.prompts[0], question=question.id)
        return
    if question.handover:
        turn.mark(question.id, progress=Progress.SETTLED)
        fetching.hand_over(turn, TaskKind.GO_ON)
        fetching.promise(turn)
    else:
        whole(turn)


def whole(turn: Turn) -> None:
    """It has all that is to come: the next question follows, after whoever reads it first."""
    turn.mark(turn.interview.position, progress=Progress.SETTLED)
    _review(turn)


# Before the next question


def _review(turn: Turn) -> None:
    """A person may look at the answer first, for so long or until they say so."""
    review = turn.interview.pace.review
    if review is None:
        turn.follow(DropTimer(TimerKind.REVIEW))
        turn.task(TaskKind.REVIEW)
    elif review:
        _wait(turn, turn.interview.rota.working_after(turn.now, review, turn.interview.person.researcher))
    else:
        go_on(turn)


def go_on(turn: Turn, *, at_once: bool = False) -> None:
    """The next question, unless there have been enough today; `at_once` if the person asks for it."""
    tomorrow = None if at_once else _enough_today(turn)
    if tomorrow is not None and answering.following(turn.interview, turn.interview.position):
        _wait(turn, tomorrow)
    else:
        answering.advance(turn, after=turn.interview.position)


def carry_on(turn: Turn) -> None:
    """Back at this point: the open question in full; if it has its answer, what was to happen before the next one."""
    if turn.interview.between:
        _review(turn)
    else:
        answering.ask(turn)


def ready(turn: Turn) -> None:
    """The person asks for what comes next: it does not wait for tomorrow, only for a person who wants to read first."""
    if not turn.interview.between:
        answering.ask(turn)
    elif turn.interview.pace.review == timedelta(0):
        go_on(turn, at_once=True)
    else:
        turn.say("got-it")


def wait_anew(turn: Turn, *, answering: bool) -> None:
    """What is waited for before the next question is waited for at the pace that they have now.

    `answering`: the open answer was waited for; else it is the person's turn, as after a stock prompt.
    """
    if turn.interview.between:
        _review(turn)
    elif answering:
        set_timer(turn)


def reviewed(turn: Turn) -> None:
    """A person has read the answer."""
    if turn.interview.between:
        go_on(turn)


def review_due(turn: Turn, event: Due) -> None:
    """The time to look at this answer, or the day, is over."""
    interview = turn.interview
    if interview.between and event.position == review_position(interview):
        go_on(turn)


def review_position(interview: Interview) -> str:
    """What a review timer is set for: the answer to this question."""
    return f"{interview.position} settled"


def _wait(turn: Turn, until: datetime) -> None:
    turn.follow(SetTimer(TimerKind.REVIEW, turn.allowed(until), review_position(turn.interview)))


def _enough_today(turn: Turn) -> datetime | None:
    """When the next day begins, if there have been as many questions today as the person wants."""
    most, zone = turn.interview.pace.questions_a_day, turn.interview.person.timezone
    today = turn.now.astimezone(zone)
    opened = sum(moment.astimezone(zone).date() == today.date() for moment in turn.interview.opened)
    return at_local(today + timedelta(days=1), 0, zone) if most and opened >= most else None
