"""The person's words: what each command does where the interview stands."""

from __future__ import annotations

from collections.abc import Callable

from bot.interview import answering, fetching, leaving, moving, pausing, persons, settling, wording
from bot.interview.commands import Command, Word
from bot.interview.events import Remove, Said, TaskKind
from bot.interview.state import Progress, State
from bot.interview.turn import Turn

WAKING = frozenset(Command) - {Command.PAUSE, Command.UNDO, Command.CHANGE}
"""Words that end a pause."""

STAYING = frozenset({Command.READY, Command.PAUSE, Command.UNDO})
"""Words that take a LEAVE back. Any other may have been on its way already, and what they said stands."""


def obey(turn: Turn, said: Said, word: Word) -> None:
    """Do what a command says, where the interview stands. STOP and LEAVE do not come here: see `leaving`."""
    if turn.interview.state is State.LEAVING and word.command is Command.UNDO:
        word = Word(Command.READY)  # it is the LEAVE that they take back
    if turn.interview.state is State.LEAVING and word.command is Command.CALL:
        word = Word(Command.PERSON)  # times to choose from would be taken for what becomes of their answers
    always: dict[Command, Callable[[], None]] = {
        Command.HELP: lambda: turn.say("help"),
        Command.PERSON: lambda: persons.fetch(turn, TaskKind.PERSON_ASKED),
        Command.CALL: lambda: persons.fetch_by_call(turn, said),
        Command.COPY: lambda: copy(turn),
    }
    open_only: dict[Command, Callable[[], None]] = {
        Command.DONE: lambda: done(turn),
        Command.SKIP: lambda: skip(turn),
        Command.BACK: lambda: back(turn, word.number),
        Command.AGAIN: lambda: answering.ask(turn),
        Command.PAUSE: lambda: pausing.pause(turn, word),
        Command.READY: lambda: settling.ready(turn),
        Command.CHANGE: lambda: moving.change_channel(turn),
        Command.UNDO: lambda: undo(turn),
    }
    state = turn.interview.state
    if word.command in always:
        always[word.command]()
    elif state in (State.DECLINED, State.INELIGIBLE, State.LEFT):
        turn.task(TaskKind.AFTERWARDS)
    elif state is State.LEAVING and word.command not in STAYING:
        leaving.ask_again(turn, unclear=word.command is not Command.AGAIN)
    elif state is State.STOPPED and word.command is not Command.READY:
        turn.say("stopped")
    else:
        if state in (State.STOPPED, State.LEAVING) or (state is State.PAUSED and word.command in WAKING):
            pausing.resume(turn)
            if word.command in WAKING and _goes_on_by_itself(turn):
                return
        if turn.interview.state is State.HANDOVER:  # only a person releases them
            fetching.promise(turn)
        elif turn.interview.position or word.command in (Command.UNDO, Command.CHANGE):
            open_only[word.command]()
        else:
            turn.say("nothing-open")


def _goes_on_by_itself(turn: Turn) -> bool:
    """Whether the next question comes now, because the one they had come to has its answer."""
    if not turn.interview.between:
        return False
    settling.carry_on(turn)
    return not turn.interview.between


def done(turn: Turn) -> None:
    if _agreeing(turn):
        turn.say("again-when-open")
        answering.ask(turn)
    elif turn.interview.between:
        turn.say("got-it")
    elif turn.interview.answer.parts:
        settling.done(turn)
        if turn.interview.between:
            turn.say("got-it")
    else:
        turn.say("done-empty")


def _agreeing(turn: Turn) -> bool:
    """Whether a YES or NO is open, the first time or again: nothing stands in for it."""
    return turn.interview.state in (State.CONSENT, State.SCREENING) or turn.interview.agreeing


def skip(turn: Turn) -> None:
    if _agreeing(turn):
        done(turn)
        return
    if turn.interview.between:  # it has its answer
        settling.ready(turn)
        return
    skipped = turn.interview.position
    turn.mark(skipped, progress=Progress.SKIPPED)
    turn.say("skipped")
    settling.go_on(turn)


def back(turn: Turn, number: int | None) -> None:
    interview = turn.interview
    if number is None:
        key = answering.previous(interview, interview.position)
    else:
        asked = answering.were_asked(interview)
        key = next((a for a in asked if interview.schedule.number(a) == number), None)
    if interview.state is not State.ACTIVE or interview.agreeing or key is None:
        turn.say("no-earlier-question")
        return
    turn.say("back")
    answering.open_question(turn, key)


def undo(turn: Turn) -> None:
    """Take out the last message of any answer."""
    parts = [(part, key) for key, answer in turn.interview.answers.items() for part in answer.parts]
    if not parts:
        turn.say("nothing-to-undo")
        return
    last, key = max(parts)
    answering.take_out(turn, last)
    turn.follow(Remove(last))
    turn.say("undo", question=wording.question_named(turn.interview.schedule, key))
    still_open = turn.interview.state is State.ACTIVE and key == turn.interview.position
    if still_open and turn.interview.answer.parts:
        settling.set_timer(turn)


def copy(turn: Turn) -> None:
    turn.task(TaskKind.COPY)
    turn.say("copy-asked", **turn.promise())
