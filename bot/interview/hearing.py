"""What the person sends: a command, a choice from a menu, or words for whatever is open."""

from __future__ import annotations

from bot.interview import (
    answering,
    calling,
    consent,
    distress,
    helping,
    joining,
    leaving,
    moving,
    pausing,
    persons,
    reminding,
    settling,
    words,
)
from bot.interview.commands import Command, Word, not_now, parse, says_nothing, yes_or_no
from bot.interview.discreet import brings
from bot.interview.events import Belongs, Said, TaskKind
from bot.interview.reminders import DISCREET
from bot.interview.state import Interview, Menu, State
from bot.interview.turn import Turn


def hear(turn: Turn, said: Said) -> None:
    """STOP and LEAVE before all else; then signs of distress, a person who listens, a menu and the rest."""
    told = turn.interview.beckoned or said.kept_back
    asked_to_go_on = told or reminding.was_last(turn.interview, turn.now)
    reminded = tuple(moment for moment in turn.interview.reminded if moment <= turn.now)  # what still waits is dropped
    turn.change(heard=turn.heard(said.wrote), asked=None, away=False, beckoned=False, reminded=reminded)
    done_there = {"stop": Word(Command.STOP), "start": Word(Command.READY)}.get(said.opt_out or "")
    word = done_there or parse(said.text) or pausing.named(turn, said.text)
    if word and word.command in (Command.STOP, Command.LEAVE):
        turn.file(said, Belongs.COMMAND)
        leaving.stop(turn, said) if word.command is Command.STOP else leaving.leave(turn, said)
        if said.sign:
            distress.alarm(turn)
    elif said.sign:
        distress.hear(turn, said)
    elif turn.interview.menu is Menu.CALL and word is None and calling.choose(turn, said):
        pass
    elif word and word.command in distress.FOR_HELP and distress.unattended(turn.interview):
        distress.asked(turn, said, distress.FOR_HELP[word.command])
    elif turn.interview.state is State.HANDOVER and _wants_a_call(turn, word):
        turn.file(said, Belongs.COMMAND)
        persons.fetch_by_call(turn, said)
    elif turn.interview.state is State.HANDOVER:
        persons.tell(turn, said, word)
    elif said.kept_back and brings(said.text):  # hours ago: they may have put the phone down since
        turn.file(said, Belongs.CHOICE)
        turn.say(DISCREET)
    elif said.reopened and _wants_what_waited(turn, said, word):
        turn.file(said, Belongs.CHOICE)  # which leaves now: a menu in it they have not read yet
    elif turn.interview.menu and _chosen(turn, said):
        pass
    elif word:
        turn.file(said, Belongs.COMMAND)
        turn.change(menu=turn.interview.menu if turn.interview.menu is Menu.LEAVE else None)
        words.obey(turn, said, word)
    elif asked_to_go_on and _says_whether(turn, said):
        pass
    else:
        _take_words(turn, said)
        if said.kept_back and turn.interview.state in (State.SCREENING, State.CONSENT):
            turn.say(DISCREET)


def _wants_what_waited(turn: Turn, said: Said, word: Word | None) -> bool:
    """Whether a message to which what waited leaves says no more than that: YES, or READY where no question comes."""
    ready = word is not None and word.command is Command.READY and turn.interview.state is State.COMPLETE
    return ready or yes_or_no(said.text, numbered=False) is True


def _says_whether(turn: Turn, said: Said) -> bool:
    """Whether the message says if they want to go on: YES brings what is open, and NO is a break."""
    wanted = False if not_now(said.text) else yes_or_no(said.text, numbered=False)
    if wanted is None or turn.interview.state not in (State.SCREENING, State.CONSENT, State.ACTIVE):
        return False
    turn.file(said, Belongs.CHOICE)
    settling.ready(turn) if wanted else pausing.not_now(turn)
    return True


def _wants_to_go_on(interview: Interview, said: Said) -> bool:
    """Whether YES ends a break, as of somebody whose phone others may see: NO began it, to what they had not read."""
    answering = interview.position in interview.answers and not interview.agreeing
    return interview.person.discreet and answering and yes_or_no(said.text, numbered=False) is True


def _wants_a_call(turn: Turn, word: Word | None) -> bool:
    """CALL after PERSON, or CHANGE CALL, while nobody has taken the conversation yet."""
    free = not turn.interview.holder and not turn.interview.distressed
    return word is not None and word.command is Command.CALL and free


def _chosen(turn: Turn, said: Said) -> bool:
    """Whether the message answers the menu that is open."""
    if parse(said.text) is not None:
        return False
    match turn.interview.menu:
        case Menu.PAUSE:
            return pausing.choose(turn, said)
        case Menu.LEAVE:
            leaving.choose(turn, said)
        case Menu.CALL:
            return False
        case Menu.COPY:
            return _wants_a_copy(turn, said)
        case Menu.WHO:
            helping.choose(turn, said)
        case Menu.CHANGE:
            moving.choose_channel(turn, said)
        case _:
            moving.choose_address(turn, said)
    return True


def _wants_a_copy(turn: Turn, said: Said) -> bool:
    """Whether the message says if they would like a copy, which they were asked when the interview ended.

    A NO to what waits for their word is none to what they were not asked yet.
    """
    wanted = yes_or_no(said.text, numbered=True)
    if wanted is None or said.kept_back:
        return False
    turn.change(menu=None)
    turn.file(said, Belongs.CHOICE)
    if wanted:
        words.copy(turn)
    return True


def _take_words(turn: Turn, said: Said) -> None:
    """Words that are no command: an answer to what is open, or something for a person to read."""
    interview = turn.interview
    match interview.state:
        case State.SCREENING:
            joining.answer(turn, said)
        case State.WAITING:
            joining.answer_waiting(turn, said)
        case State.CONSENT | State.ACTIVE if interview.agreeing:
            consent.answer_again(turn, said)
        case State.CONSENT if interview.position in interview.consent:
            helping.choose(turn, said)
        case State.CONSENT:
            consent.answer(turn, said)
        case State.ACTIVE | State.PAUSED if said.media is None and says_nothing(said.text):
            turn.file(said, Belongs.ASIDE)
            if interview.state is State.ACTIVE and not interview.answer.parts:
                turn.say("done-empty")
        case State.ACTIVE:
            settling.answer(turn, said)
        case State.PAUSED if _wants_to_go_on(interview, said):
            turn.file(said, Belongs.CHOICE)
            words.obey(turn, said, Word(Command.READY))
        case State.PAUSED if interview.position in interview.answers and not interview.agreeing:
            answering.keep(turn, said, *answering.meant(interview, said))
            answering.acknowledge(turn, said)
        case State.PAUSED if interview.position:
            pausing.resume(turn)
            _take_words(turn, said)
        case State.COMPLETE if yes_or_no(said.text, numbered=True) is False:
            turn.file(said, Belongs.CHOICE)
        case State.COMPLETE:
            meant = said.replied_to if said.replied_to in interview.answers else None
            answering.keep(turn, said, meant or interview.schedule.questions[-1].id, Belongs.LATE)
            answering.acknowledge(turn, said)
            turn.task(TaskKind.AFTERWARDS)
        case State.LEFT:
            turn.file(said, Belongs.ASIDE)
            leaving.after_all(turn, said)
        case _:
            turn.file(said, Belongs.ASIDE)
            turn.task(TaskKind.AFTERWARDS)
