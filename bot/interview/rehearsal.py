"""A whole interview had through the engine, by somebody who agrees to everything and answers each question once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.interview.engine import Step, step
from bot.interview.events import Enrolled, Event, HandedBack, Said, Send, TookOver
from bot.interview.schedule import Branch
from bot.interview.state import Interview, State

NOW = datetime(2027, 1, 4, 12, tzinfo=UTC)
"""A working day at noon: nothing waits for the morning."""

MOST_TURNS = 1000
MOST_AT_ONE = 10
"""Turns at one question: an answer, a stock follow-up, a person who takes over and hands back."""

ANSWER = "An answer."
"""No branch waits for it."""

ENDING = {
    State.SCREENING: "If an answer says that the study is not for them, here or later",
    State.CONSENT: "If they say NO to a statement that is needed, here or later",
}
"""What ends an interview before it begins."""

Played = tuple[Event, Step]


@dataclass(frozen=True, slots=True)
class Scene:
    """What is sent after something, and the question or statement that is open then; `depth`: in how many branches."""

    after: str
    sent: tuple[str, ...]
    open: str
    depth: int = 0


def played(interview: Interview, first: Event) -> Iterator[Played]:
    """Every event of such an interview, to its end, and what followed from it."""
    event = first
    for number in range(MOST_TURNS):
        after = step(interview, event, NOW)
        yield event, after
        interview = after.interview
        if interview.state is State.COMPLETE:
            return
        event = _next(interview, number)


def _next(interview: Interview, number: int) -> Event:
    match interview.state:
        case State.SCREENING:
            qualifies = {asked.id: asked.qualifies for asked in interview.schedule.eligibility}
            return Said(number, "yes" if qualifies[interview.position] else "no")
        case State.CONSENT:
            return Said(number, "yes")
        case State.HANDOVER if interview.holder:
            return HandedBack(interview.holder)
        case State.HANDOVER:
            return TookOver(interview.person.researcher)
        case _:
            return Said(number, ANSWER)


def sent(after: Step) -> tuple[str, ...]:
    return tuple(effect.body for effect in after.effects if isinstance(effect, Send))


def scenes(interview: Interview) -> Iterator[Scene]:
    """The interview of somebody who joins by an invitation, or is enrolled where nothing is asked before.

    Each branch follows the question at which it begins, and what ends the interview the first place where it may.
    """
    before, ended = "", set()
    for event, after in played(interview, Enrolled(0) if interview.schedule.eligibility else Enrolled()):
        yield _scene(_came(event), after)
        reached = after.interview
        if reached.state in ENDING and reached.state not in ended and _ends(reached):
            ended.add(reached.state)
            yield _scene(ENDING[reached.state], step(reached, _opposite(reached), NOW), 1)
        if reached.state is State.ACTIVE and reached.position != before:
            yield from _branches(reached, 1)
        before = reached.position


def _came(event: Event) -> str:
    match event:
        case Enrolled():
            return "They join by an invitation" if event.message is not None else "They are enrolled"
        case Said():
            return "An answer" if event.text == ANSWER else event.text.upper()
        case TookOver():
            return "A person takes over"
        case _:
            return "The person hands back"


def _scene(after: str, taken: Step, depth: int = 0) -> Scene:
    return Scene(after, sent(taken), taken.interview.position, depth)


def _opposite(interview: Interview) -> Event:
    usual = _next(interview, 0)
    return Said(0, "no" if isinstance(usual, Said) and usual.text == "yes" else "yes")


def _ends(interview: Interview) -> bool:
    """Whether the opposite answer to what is open ends the interview."""
    return not step(interview, _opposite(interview), NOW).interview.wants_messages


def _branches(interview: Interview, depth: int) -> Iterator[Scene]:
    """What each branch of the open question leads to, and the branches of that, where only a branch leads there."""
    question = interview.schedule.question(interview.position)
    for goal in dict.fromkeys(branch.goto for branch in question.branches):
        ways = [branch for branch in question.branches if branch.goto == goal]
        after = _left(interview, ways[0])
        yield _scene(f"If {' or '.join(map(when, ways))}", after, depth)
        if after.interview.position == goal and interview.schedule.question(goal).follow_up:
            yield from _branches(after.interview, depth + 1)


def when(branch: Branch) -> str:
    """When a branch is taken, in words that follow an 'if'."""
    known = branch.when
    if known.attribute:
        return f"{known.attribute} is '{known.is_}'"
    answers = (f"'{answer}'" for answer in known.answer_is)
    return f"the answer is {', '.join(answers)}"


def _left(interview: Interview, branch: Branch) -> Step:
    """The step by which the branch leaves the open question: after a stock follow-up, and after a person."""
    known, before = branch.when, interview.position
    if known.attribute:
        attributes = {**interview.person.attributes, known.attribute: known.is_ or ""}
        interview = interview.but(person=replace(interview.person, attributes=attributes))
    after = step(interview, Said(0, known.answer_is[0] if known.answer_is else ANSWER), NOW)
    for number in range(1, MOST_AT_ONE):
        if after.interview.position != before:
            break
        active = after.interview.state is State.ACTIVE
        after = step(after.interview, Said(number, "done") if active else _next(after.interview, number), NOW)
    return after
