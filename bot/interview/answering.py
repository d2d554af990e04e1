"""Questions and answers: what is asked, what belongs to it, and what comes after it."""

from __future__ import annotations

from bot.interview import wording
from bot.interview.events import Belongs, Cancel, Release, Said, TaskKind
from bot.interview.schedule import Question, compared
from bot.interview.state import AGREED_AGAIN, Answer, Interview, Menu, Progress, State
from bot.interview.turn import Turn
from bot.messages import MediaKind

ACKNOWLEDGED = {
    MediaKind.VOICE: "voice-note",
    MediaKind.PICTURE: "picture",
    MediaKind.VIDEO: "picture",
    MediaKind.FILE: "file",
}
"""The text that says what came and that a person will look at it."""

CHANGED = "consent-changed"
"""The text that comes before a statement that was changed."""


# Asking


def ask(turn: Turn) -> None:
    """Send the open statement or question, of eligibility too, in full; after the statements, who answers.

    No question is ever sent without every required consent, nor while a changed statement waits for an answer.
    """
    interview = turn.interview
    key = interview.position
    if interview.open_point == AGREED_AGAIN:
        turn.send(wording.stock(interview, [AGREED_AGAIN]), (AGREED_AGAIN,), question=AGREED_AGAIN)
    elif interview.again:
        statement = wording.statement(interview, interview.again[0])
        turn.send(f"{wording.stock(interview, [CHANGED])}\n\n{statement}", question=interview.open_point)
    elif interview.state is State.CONSENT and key in interview.consent:
        turn.change(menu=Menu.WHO)
        turn.say("who-answered")
    elif interview.state in (State.CONSENT, State.SCREENING):
        turn.send(wording.statement(interview, key), question=key)
    elif interview.consented and key:
        turn.send(wording.question(interview, key), question=key)


def ask_instead(turn: Turn) -> None:
    """The open point, in place of what has not left yet."""
    turn.follow(Cancel())
    turn.follow(Release(None if turn.replying else turn.waking()))
    turn.change(menu=None, unclear=0)
    ask(turn)


def open_question(turn: Turn, key: str) -> None:
    """Go to a question; its section's introduction is said before the section's first question."""
    first = key not in turn.interview.answers or turn.interview.answers[key].progress is Progress.AHEAD
    opened = turn.lately(turn.interview.opened, turn.now)
    turn.change(state=State.ACTIVE, position=key, unclear=0, opened=opened)
    turn.mark(key, progress=Progress.ASKED)
    intro = next((s.intro for s in turn.interview.schedule.sections if s.intro and s.questions[0].id == key), None)
    if first and intro:
        turn.send(wording.fill(intro.worded(turn.interview.person.wording), wording.values(turn.interview)))
    ask(turn)


def advance(turn: Turn, after: str | None) -> None:
    """Open the next question that still wants an answer, or close the interview."""
    question = following(turn.interview, after)
    if question is not None:
        open_question(turn, question.id)
        return
    turn.change(state=State.COMPLETE, position="", menu=Menu.COPY)
    turn.say("thanks", "check-answers-late" if turn.past_cutoff else "check-answers")


def previous(interview: Interview, key: str) -> str | None:
    """The question asked before this one."""
    asked = were_asked(interview)
    place = asked.index(key) if key in asked else len(asked)
    return asked[place - 1] if place > 0 else None


def were_asked(interview: Interview) -> list[str]:
    """The questions that were asked, in the order of the schedule."""
    known = interview.answers
    return [q.id for q in interview.schedule.questions if q.id in known and known[q.id].progress is not Progress.AHEAD]


def following(interview: Interview, after: str | None) -> Question | None:
    """The next question that still wants an answer, where there is one."""
    questions = interview.schedule.questions
    start = 0
    if after is not None:
        target = _branch(interview, interview.schedule.question(after))
        if target is not None and _wanting(interview, target):
            return interview.schedule.question(target)
        start = next(i for i, q in enumerate(questions) if q.id == after) + 1
    return next((q for q in questions[start:] if not q.follow_up and _wanting(interview, q.id)), None)


def _branch(interview: Interview, question: Question) -> str | None:
    answer = interview.answers.get(question.id, Answer())
    if answer.goto:
        return answer.goto
    known = {name.casefold(): compared(value) for name, value in interview.person.attributes.items()}
    for branch in question.branches:
        name, value = branch.when.attribute, branch.when.is_
        if name and value is not None and known.get(name.casefold()) == compared(value):
            return branch.goto
    return None


def _wanting(interview: Interview, key: str) -> bool:
    answer = interview.answers.get(key)
    return answer is None or answer.progress in (Progress.ASKED, Progress.AHEAD)


# Answering


def meant(interview: Interview, said: Said) -> tuple[str, Belongs]:
    """The question that a message belongs to: the one it replies to, or the open one unless that was not seen yet."""
    position = interview.position
    earlier = said.replied_to if said.replied_to in interview.answers else None
    if earlier:
        return earlier, Belongs.ANSWER
    if said.unseen and said.replied_to != position and (before := previous(interview, position)):
        return before, Belongs.LATE
    return position, Belongs.ANSWER


def keep(turn: Turn, said: Said, key: str, belongs: Belongs) -> None:
    """Add the message to a question, and judge a branch on the answer as a whole."""
    turn.file(said, belongs, key)
    known = turn.interview.answers.get(key, Answer())
    goto = branch_to(turn.interview.schedule.question(key), said.text)
    grown = known.plus(said.message, goto).but(who=turn.interview.who or known.who)
    turn.change(answers={**turn.interview.answers, key: grown})


def take_out(turn: Turn, message: int) -> Answer | None:
    """Take the message out of the answer that it is in; that answer, as it was."""
    answers = turn.interview.answers
    key = next((key for key, answer in answers.items() if message in answer.parts), None)
    if key is None:
        return None
    left = answers[key].minus(message)
    gone = left.progress is Progress.AHEAD and not left.parts
    others = {other: answer for other, answer in answers.items() if other != key}
    turn.change(answers=others if gone else {**answers, key: left})
    return answers[key]


def branch_to(question: Question, text: str) -> str | None:
    """Where a branch would lead if this text were the whole answer."""
    answer = compared(text)
    return next((branch.goto for branch in question.branches if answer in branch.when.answer_is), None)


def acknowledge(turn: Turn, said: Said) -> None:
    """What is not words goes to a person, and the one who sent it hears so; once for several sent as one."""
    if said.media is not None:
        turn.task(TaskKind.WRITE_UP)
        if not said.joined:
            turn.say(ACKNOWLEDGED[said.media])
