"""One turn of an interview. `step` decides what follows from an event; the caller saves it and sends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.interview import pace, wording
from bot.interview.commands import (
    CHANGE_CHOICES,
    LEAVE_CHOICES,
    PAUSE_CHOICES,
    Command,
    Word,
    choice,
    parse,
    yes_or_no,
)
from bot.interview.events import (
    AddressTold,
    Belongs,
    Cancel,
    Consent,
    Due,
    Effect,
    Enrolled,
    Event,
    File,
    HandedBack,
    Move,
    Moved,
    OpenTask,
    OptedOut,
    Release,
    Remove,
    Said,
    Send,
    SetTimer,
    TaskKind,
    TimerKind,
    Told,
    TookOver,
    Wrote,
)
from bot.interview.schedule import Question, Wording
from bot.interview.state import Answer, Interview, Menu, Progress, State
from bot.messages import MediaKind

WAKING = frozenset(Command) - {Command.PAUSE, Command.UNDO, Command.CHANGE}
"""Words that end a pause."""

PAUSE_DAYS = {"day": 1, "week": 7, "month": 30}

TO_A_PERSON = {
    Command.PERSON: TaskKind.PERSON_ASKED,
    Command.CALL: TaskKind.CALL_ASKED,
    Command.COPY: TaskKind.COPY,
    Command.CHANGE: TaskKind.CHANGE_CHANNEL,
}
"""Words that a person sees to, also while a person has the conversation."""

LONG_REPLY = 12
"""Words from which on a message that follows the pause menu is taken as an answer, not as a choice."""

ACKNOWLEDGED = {
    MediaKind.VOICE: "voice-note",
    MediaKind.PICTURE: "picture",
    MediaKind.VIDEO: "picture",
    MediaKind.FILE: "file",
}
"""The text that says what came and that a person will look at it."""

ENDED = frozenset({State.STOPPED, State.DECLINED, State.LEAVING, State.LEFT})
"""States that the person chose, and that nobody but the person ends."""


@dataclass(frozen=True, slots=True)
class Step:
    """The interview after the event, and what follows from it, in order."""

    interview: Interview
    effects: tuple[Effect, ...]


def step(interview: Interview, event: Event, now: datetime) -> Step:
    """Take one event through the interview. Pure: no clock, no storage, no provider. `now` must know its zone."""
    turn = _Turn(interview, now)
    match event:
        case Enrolled():
            turn.begin()
        case Said():
            turn.said(event)
        case Due():
            turn.due(event)
        case TookOver():
            turn.taken_over()
        case HandedBack():
            turn.handed_back()
        case Wrote():
            turn.written(event)
        case OptedOut():
            turn.stopped()
        case AddressTold():
            turn.address_told(event)
        case Moved():
            turn.moved(event)
    return Step(turn.interview, tuple(turn.effects))


def settle_position(interview: Interview) -> str:
    """What a settle timer is set for: this question, with as many parts as there are now."""
    return f"{interview.position}/{len(interview.answer.parts)}"


def resume_position(interview: Interview) -> str:
    """What a resume timer is set for: this point, at the end of this very pause."""
    return f"{interview.position}/{interview.until}"


class _Turn:
    """One event being taken through: the interview as it changes, and the effects as they gather."""

    def __init__(self, interview: Interview, now: datetime) -> None:
        self.interview = interview
        self.now = now
        self.effects: list[Effect] = []

    # Saying things

    def change(self, **changes: object) -> None:
        self.interview = replace(self.interview, **changes)  # type: ignore[arg-type]  # the names are fields

    def send(
        self, body: str, texts: tuple[str, ...] = (), question: str | None = None, author: str | None = None
    ) -> None:
        """A reply leaves at once; anything else waits for the person's waking hours."""
        unasked = author is None and not pace.is_reply(self.now, self.interview.heard)
        held = self.waking() if unasked else None
        self.effects.append(Send(body, texts, question, author, held, unasked))

    def waking(self) -> datetime | None:
        """When something unasked may leave; None for now."""
        allowed = pace.next_allowed(self.now, self.interview.pace.quiet, self.interview.person.timezone)
        return allowed if allowed > self.now else None

    def say(self, *keys: str, **more: str) -> None:
        self.send(wording.stock(self.interview, keys, **more), keys)

    def task(self, kind: TaskKind) -> None:
        self.effects.append(OpenTask(kind))

    def promise(self) -> dict[str, str]:
        by = pace.read_by(self.now, self.interview.person.timezone).astimezone(self.interview.person.timezone)
        return {"day": wording.day(by), "time": wording.clock(by)}

    # Consent

    def begin(self) -> None:
        """Information first, then the first statement."""
        if self.interview.state is not State.INVITED:
            return
        for group in self.interview.schedule.opening:
            self.say(*group)
        self.change(state=State.CONSENT)
        self.next_statement()

    def next_statement(self) -> None:
        waiting = [s.id for s in self.interview.schedule.statements if s.id not in self.interview.consent]
        if waiting:
            self.change(position=waiting[0], unclear=0)
            self.ask()
        else:
            self.say("consent-done")
            self.advance(after=None)

    def answer_statement(self, said: Said) -> None:
        self.file(said, Belongs.CONSENT)
        if said.unseen:  # it cannot be about a statement that has not left; that one comes now
            return
        key = self.interview.position
        place = [s.id for s in self.interview.schedule.statements].index(key) + 1
        numbered = self.interview.person.wording is Wording.SHORT
        agreed = yes_or_no(said.text, numbered, place if numbered else None)
        if agreed is None:
            self.unclear_statement()
            return
        self.effects.append(Consent(key, agreed, said.message))
        self.change(consent={**self.interview.consent, key: agreed})
        required = next(s.required for s in self.interview.schedule.statements if s.id == key)
        if required and not agreed:
            self.change(state=State.DECLINED)
            self.say("consent-declined")
        else:
            self.next_statement()

    def unclear_statement(self) -> None:
        self.change(unclear=self.interview.unclear + 1)
        if self.interview.unclear < 2:
            self.say("consent-unclear")
        else:
            self.hand_over(TaskKind.UNCLEAR)
            self.say("person-asked", **self.promise())

    # Questions and answers

    def ask(self) -> None:
        """Send the open statement or question, in full. No question is ever sent without every required consent."""
        key = self.interview.position
        if self.interview.agreeing:
            self.say("consent-again")
        elif self.interview.state is State.CONSENT:
            self.send(wording.statement(self.interview, key), question=key)
        elif self.interview.consented and key:
            self.send(wording.question(self.interview, key), question=key)

    def open_question(self, key: str) -> None:
        """Go to a question; its section's introduction is said before the section's first question."""
        first = key not in self.interview.answers
        known = self.interview.answers.get(key, Answer())
        self.change(
            state=State.ACTIVE,
            position=key,
            unclear=0,
            answers={**self.interview.answers, key: replace(known, progress=Progress.ASKED)},
        )
        intro = next((s.intro for s in self.interview.schedule.sections if s.intro and s.questions[0].id == key), None)
        if first and intro:
            self.send(wording.fill(intro.worded(self.interview.person.wording), wording.values(self.interview)))
        self.ask()

    def advance(self, after: str | None) -> None:
        """Open the next question that still wants an answer, or close the interview."""
        following = self.following(after)
        if following is not None:
            self.open_question(following.id)
            return
        self.change(state=State.COMPLETE, position="")
        self.say("thanks", "check-answers")

    def following(self, after: str | None) -> Question | None:
        questions = self.interview.schedule.questions
        start = 0
        if after is not None:
            target = self.branch(self.interview.schedule.question(after))
            if target is not None and self.wanting(target):
                return self.interview.schedule.question(target)
            start = next(i for i, q in enumerate(questions) if q.id == after) + 1
        return next((q for q in questions[start:] if not q.follow_up and self.wanting(q.id)), None)

    def branch(self, question: Question) -> str | None:
        answer = self.interview.answers.get(question.id, Answer())
        if answer.goto:
            return answer.goto
        attributes = self.interview.person.attributes
        for branch in question.branches:
            if branch.when.attribute and attributes.get(branch.when.attribute) == branch.when.is_:
                return branch.goto
        return None

    def wanting(self, key: str) -> bool:
        answer = self.interview.answers.get(key)
        return answer is None or answer.progress is Progress.ASKED

    def mark(self, key: str, **changes: object) -> None:
        known = self.interview.answers.get(key, Answer())
        changed = replace(known, **changes)  # type: ignore[arg-type]  # the names are fields of Answer
        self.change(answers={**self.interview.answers, key: changed})

    def keep(self, said: Said, key: str, belongs: Belongs) -> None:
        """Add the message to a question, and judge a branch on the answer as a whole."""
        self.file(said, belongs, key)
        answer = self.interview.answers.get(key, Answer())
        whole = " ".join(said.text.casefold().strip(" .!").split())
        question = self.interview.schedule.question(key)
        goto = next((b.goto for b in question.branches if whole in b.when.answer_is), None)
        self.change(answers={**self.interview.answers, key: answer.plus(said.message, goto)})
        self.acknowledge(said)

    def acknowledge(self, said: Said) -> None:
        """What is not words goes to a person, and the one who sent it hears so; once for several sent as one."""
        if said.media is not None:
            self.task(TaskKind.WRITE_UP)
            if not said.joined:
                self.say(ACKNOWLEDGED[said.media])

    def answer_question(self, said: Said) -> None:
        position = self.interview.position
        earlier = said.replied_to if said.replied_to in self.interview.answers else None
        if earlier and earlier != position:
            self.keep(said, earlier, Belongs.ANSWER)
            return
        if said.unseen and said.replied_to != position and (previous := self.previous(position)):
            self.keep(said, previous, Belongs.LATE)
            return
        self.keep(said, position, Belongs.ANSWER)
        if self.interview.pace.settle <= timedelta(0):
            self.settle()
        else:
            self.set_settle_timer()

    def set_settle_timer(self) -> None:
        due = self.now + self.interview.pace.settle
        self.effects.append(SetTimer(TimerKind.SETTLE, due, settle_position(self.interview)))

    def settle(self) -> None:
        """The answer is whole: offer the one stock prompt if the person allows it, else go on."""
        question = self.interview.schedule.question(self.interview.position)
        allowed = self.interview.person.attributes.get("prompts", "") in {"yes", "true", "1"}
        if question.prompts and not self.interview.answer.prompted and (self.interview.pace.prompts or allowed):
            self.mark(question.id, prompted=True)
            self.send(question.prompts[0], question=question.id)
            return
        self.mark(question.id, progress=Progress.SETTLED)
        self.advance(after=question.id)

    def previous(self, key: str) -> str | None:
        """The question asked before this one."""
        asked = [q.id for q in self.interview.schedule.questions if q.id in self.interview.answers]
        place = asked.index(key) if key in asked else len(asked)
        return asked[place - 1] if place > 0 else None

    # What the person sends

    def file(self, said: Said, belongs: Belongs, question: str | None = None) -> None:
        self.effects.append(File(said.message, belongs, question))

    def said(self, said: Said) -> None:
        self.change(heard=self.now)
        done_there = {"stop": Word(Command.STOP), "start": Word(Command.READY)}.get(said.opt_out or "")
        word = done_there or parse(said.text)
        if word and word.command in (Command.STOP, Command.LEAVE):
            self.file(said, Belongs.COMMAND)
            self.stop(said) if word.command is Command.STOP else self.leave()
        elif self.interview.state is State.HANDOVER:
            self.tell_person(said, word)
        elif self.interview.menu and self.choose(said):
            pass
        elif word:
            self.file(said, Belongs.COMMAND)
            self.change(menu=self.interview.menu if self.interview.menu is Menu.LEAVE else None)
            self.obey(word)
        elif said.reopened and yes_or_no(said.text, numbered=False):
            self.file(said, Belongs.CHOICE)  # yes, they want what waited for them
        else:
            self.hear(said)

    def tell_person(self, said: Said, word: Word | None) -> None:
        """While a person has the conversation everything is for them, and the bot is silent."""
        asked = TO_A_PERSON.get(word.command) if word else None
        if asked is None:
            self.file(said, Belongs.CONVERSATION, self.interview.position or None)
        else:
            self.file(said, Belongs.COMMAND)
            self.task(asked)
        if said.media is not None:
            self.task(TaskKind.WRITE_UP)

    def hear(self, said: Said) -> None:
        """Words that are no command: an answer to what is open, or something for a person to read."""
        match self.interview.state:
            case State.CONSENT | State.ACTIVE if self.interview.agreeing:
                self.agree_again(said)
            case State.CONSENT:
                self.answer_statement(said)
            case State.ACTIVE:
                self.answer_question(said)
            case State.PAUSED if self.interview.position in self.interview.answers:
                self.keep(said, self.interview.position, Belongs.ANSWER)
            case State.PAUSED if self.interview.position:
                self.resume()
                self.answer_statement(said)
            case State.COMPLETE if yes_or_no(said.text, numbered=True) is False:
                self.file(said, Belongs.CHOICE)
            case State.COMPLETE:
                meant = said.replied_to if said.replied_to in self.interview.answers else None
                self.keep(said, meant or self.interview.schedule.questions[-1].id, Belongs.LATE)
                self.task(TaskKind.AFTERWARDS)
            case _:
                self.file(said, Belongs.ASIDE)
                self.task(TaskKind.AFTERWARDS)

    def choose(self, said: Said) -> bool:
        """Whether the message answers the menu that is open."""
        if parse(said.text) is not None:
            return False
        match self.interview.menu:
            case Menu.PAUSE:
                return self.choose_pause(said)
            case Menu.LEAVE:
                self.choose_leave(said)
            case Menu.CHANGE:
                self.choose_channel(said)
            case _:
                self.choose_address(said)
        return True

    def choose_pause(self, said: Said) -> bool:
        picked = choice(said.text, PAUSE_CHOICES)
        if picked is None and len(said.text.split()) >= LONG_REPLY:
            self.change(menu=None)
            self.say("paused-open")
            return False
        self.file(said, Belongs.CHOICE)
        if picked is None:
            self.say("pause-unclear")
        else:
            self.change(menu=None)
            self.pause_for(picked)
        return True

    def choose_leave(self, said: Said) -> None:
        self.file(said, Belongs.CHOICE)
        picked = choice(said.text, LEAVE_CHOICES)
        if picked is None:
            self.say("leave-unclear")
            self.task(TaskKind.LEAVE)
        else:
            self.change(menu=None)
            self.left(picked)

    def choose_channel(self, said: Said) -> None:
        """Which way; an address by itself says it too."""
        picked = choice(said.text, CHANGE_CHOICES)
        self.file(said, Belongs.CHOICE)
        self.change(menu=None)
        if picked is None or picked not in self.interview.study.channels:
            self.task(TaskKind.CHANGE_CHANNEL)
            self.say("change-not-there", **self.promise())
        else:
            self.change(moving=picked)
            self.ask_address()

    def ask_address(self) -> None:
        """Telegram needs none: there the person writes first, by a link."""
        if self.interview.moving == "telegram":
            self.effects.append(Move("telegram", ""))
        else:
            self.change(menu=Menu.ADDRESS)
            self.say("change-address", channel=self.moving_to())

    def moving_to(self) -> str:
        return self.interview.study.channels.get(self.interview.moving, self.interview.moving)

    def choose_address(self, said: Said) -> None:
        self.file(said, Belongs.CHOICE)
        self.change(menu=None)
        self.effects.append(Move(self.interview.moving, said.text))

    def agree_again(self, said: Said) -> None:
        """Consent on the new way: a YES goes on, a NO ends it kindly, and doubt fetches a person."""
        self.file(said, Belongs.CONSENT)
        agreed = yes_or_no(said.text, numbered=False)
        if agreed is None:
            self.unclear_statement()
            return
        self.effects.append(Consent("consent-again", agreed, said.message))
        self.change(agreeing=False, unclear=0)
        if not agreed:
            self.change(state=State.DECLINED)
            self.say("consent-declined")
            return
        self.ask()
        if self.interview.state is State.ACTIVE and self.interview.answer.parts:
            self.set_settle_timer()

    def obey(self, word: Word) -> None:
        """Do what a command says, where the interview stands."""
        always: dict[Command, Callable[[], None]] = {
            Command.HELP: lambda: self.say("help"),
            Command.PERSON: lambda: self.fetch(TaskKind.PERSON_ASKED),
            Command.CALL: lambda: self.fetch(TaskKind.CALL_ASKED),
            Command.COPY: self.copy,
        }
        open_only: dict[Command, Callable[[], None]] = {
            Command.DONE: self.done,
            Command.SKIP: self.skip,
            Command.BACK: lambda: self.back(word.number),
            Command.AGAIN: self.ask,
            Command.PAUSE: lambda: self.pause(word.number),
            Command.READY: self.ask,
            Command.CHANGE: self.change_channel,
            Command.UNDO: self.undo,
        }
        state = self.interview.state
        if word.command in always:
            always[word.command]()
        elif state in (State.DECLINED, State.LEFT):
            self.task(TaskKind.AFTERWARDS)
        elif state is State.STOPPED and word.command is not Command.READY:
            self.say("stopped")
        else:
            if state in (State.STOPPED, State.LEAVING) or (state is State.PAUSED and word.command in WAKING):
                self.resume()
            if self.interview.position or word.command in (Command.UNDO, Command.CHANGE):
                open_only[word.command]()
            else:
                self.say("nothing-open")

    # The person's words

    def done(self) -> None:
        if self.interview.state is State.CONSENT:
            self.say("again-when-open")
            self.ask()
        elif self.interview.answer.parts:
            self.settle()
        else:
            self.say("done-empty")

    def skip(self) -> None:
        if self.interview.state is State.CONSENT:
            self.done()
            return
        skipped = self.interview.position
        self.mark(skipped, progress=Progress.SKIPPED)
        self.say("skipped")
        self.advance(after=skipped)

    def back(self, number: int | None) -> None:
        if number is None:
            key = self.previous(self.interview.position)
        else:
            asked = (q.id for q in self.interview.schedule.questions if q.id in self.interview.answers)
            key = next((a for a in asked if self.interview.schedule.number(a) == number), None)
        if self.interview.state is not State.ACTIVE or key is None:
            self.say("no-earlier-question")
            return
        self.say("back")
        self.open_question(key)

    def undo(self) -> None:
        parts = [(part, key) for key, answer in self.interview.answers.items() for part in answer.parts]
        if not parts:
            self.say("nothing-to-undo")
            return
        last, key = max(parts)
        self.change(answers={**self.interview.answers, key: self.interview.answers[key].minus(last)})
        self.effects.append(Remove(last))
        self.say("undo")
        still_open = self.interview.state is State.ACTIVE and key == self.interview.position
        if still_open and self.interview.answer.parts:
            self.set_settle_timer()

    def copy(self) -> None:
        self.task(TaskKind.COPY)
        self.say("copy-asked", **self.promise())

    def change_channel(self) -> None:
        self.change(menu=Menu.CHANGE)
        self.say("change-channel")

    def address_told(self, told: AddressTold) -> None:
        """What the person hears of the address they want to move to."""
        if told.message is not None:
            self.effects.append(File(told.message, Belongs.CHOICE))
        if self.interview.state in ENDED or self.interview.state is State.HANDOVER:
            return
        if told.outcome is Told.WRONG_CODE:
            self.say("change-wrong-code")
        elif told.outcome is Told.NO_ADDRESS:
            self.change(menu=Menu.ADDRESS)
            self.say("change-no-address", channel=self.moving_to())
        elif told.outcome is Told.LINK:
            self.say("change-link", link=told.link)
        else:
            self.say("change-code-sent")

    def moved(self, moved: Moved) -> None:
        """The person is there: the open point is asked once, on the new way."""
        if moved.message is not None:
            self.effects.append(File(moved.message, Belongs.CHOICE))
        self.change(moving="", menu=None)
        if self.interview.state in ENDED:
            return
        if self.interview.study.agree_again and self.interview.consented:
            self.change(agreeing=True)
        if self.interview.state is not State.HANDOVER:
            self.say("change-done")
        if self.interview.state in (State.CONSENT, State.ACTIVE):
            self.ask()

    def fetch(self, kind: TaskKind) -> None:
        """The person wants a person."""
        if self.interview.state in ENDED:
            self.task(kind)
        else:
            self.hand_over(kind)
        self.say("person-asked", **self.promise())

    def pause(self, number: int | None) -> None:
        self.change(state=State.PAUSED, menu=Menu.PAUSE, until=None)
        self.effects.append(Cancel())
        picked = choice(str(number), PAUSE_CHOICES) if number is not None else None
        if picked:
            self.change(menu=None)
            self.pause_for(picked)
        else:
            self.say("pause-ask")

    def pause_for(self, picked: str) -> None:
        days = PAUSE_DAYS.get(picked)
        if days is None:
            self.say("paused-open")
            return
        zone = self.interview.person.timezone
        until = pace.resume_at(self.now, days, self.interview.pace.quiet, zone)
        self.change(until=until)
        self.effects.append(SetTimer(TimerKind.RESUME, until, resume_position(self.interview)))
        self.say("paused", day=wording.day(until.astimezone(zone)))

    def resume(self) -> None:
        """Back to where the person was; what was set aside leaves now, and nothing is asked yet."""
        if not self.interview.position:
            state = State.COMPLETE
        elif self.interview.position in {s.id for s in self.interview.schedule.statements}:
            state = State.CONSENT
        else:
            state = State.ACTIVE
        self.change(state=state, menu=None)
        replying = pace.is_reply(self.now, self.interview.heard)
        self.effects.append(Release(None if replying else self.waking()))

    def stopped(self) -> None:
        if self.interview.state not in (State.LEFT, State.DECLINED):
            self.change(state=State.STOPPED, menu=None)
        self.effects.append(Cancel(people=True))

    def stop(self, said: Said) -> None:
        """One confirmation, unless the provider has given it already."""
        again = self.interview.state in (State.STOPPED, State.LEFT, State.DECLINED)
        self.stopped()
        if not again and said.opt_out is None:
            self.say("stopped")

    def leave(self) -> None:
        if self.interview.state is State.LEFT:
            return
        self.effects.append(Cancel(people=True))
        self.change(state=State.LEAVING, menu=Menu.LEAVE)
        self.task(TaskKind.LEAVE)
        self.say("leave-ask")

    def left(self, picked: str) -> None:
        self.change(state=State.LEFT)
        today = self.now.astimezone(self.interview.person.timezone).date()
        if picked == "keep":
            self.say("left-keep")
        elif today > self.interview.person.cutoff:
            self.task(TaskKind.DELETE)
            self.say("left-late")
        else:
            self.task(TaskKind.DELETE)
            self.say("left-delete", day=self.promise()["day"])

    # Researchers and timers

    def hand_over(self, kind: TaskKind) -> None:
        self.effects.append(Cancel())
        self.change(state=State.HANDOVER, menu=None)
        self.task(kind)

    def taken_over(self) -> None:
        if self.interview.state not in ENDED | {State.INVITED}:
            self.effects.append(Cancel())
            self.change(state=State.HANDOVER, menu=None)

    def written(self, wrote: Wrote) -> None:
        """A researcher's own words, signed; never to somebody who asked for silence, unless they asked for a person."""
        if wrote.asked or self.interview.state not in (State.STOPPED, State.LEFT):
            self.send(f"{wrote.text}\n\n{wrote.researcher}", author=wrote.researcher)

    def handed_back(self) -> None:
        """The bot speaks again: the exact open point is asked once, and nothing where nothing is open."""
        if self.interview.state is State.HANDOVER:
            self.resume()
            self.ask()

    def due(self, due: Due) -> None:
        """A timer set for another position does nothing."""
        interview = self.interview
        if due.kind is TimerKind.SETTLE:
            here = interview.state is State.ACTIVE and not interview.agreeing
            if here and due.position == settle_position(interview):
                self.settle()
        elif interview.state is State.PAUSED and interview.until and due.position == resume_position(interview):
            self.resume()
            self.say("welcome-back")
            self.ask()
