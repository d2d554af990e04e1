"""Whatever may happen to an interview, in any order that hypothesis can think of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from bot.interview import calling, fetching, persons, reminding, settling
from bot.interview.commands import Command
from bot.interview.engine import step
from bot.interview.events import (
    Acknowledged,
    AddressTold,
    Admitted,
    Belongs,
    Due,
    Effect,
    Enrolled,
    Event,
    File,
    HandedBack,
    Moved,
    NeedsChanged,
    OpenTask,
    OptedOut,
    OutOfOffice,
    Refile,
    Refiled,
    Reviewed,
    Said,
    SeenTo,
    Send,
    SetTimer,
    TaskKind,
    TimerKind,
    Told,
    TookBack,
    TookOver,
    ToRemind,
    WhoseWords,
    Worried,
    Wrote,
)
from bot.interview.reminders import Ladder
from bot.interview.schedule import Wording
from bot.interview.state import NO_LADDER, Answer, Interview, Progress, State, Who
from bot.messages import MediaKind
from tests.bot.interview.player import Player, statements_changed
from tests.bot.interview.small import interview

WORDS = [command.value for command in Command]
THINGS_SAID = st.one_of(
    st.sampled_from([*WORDS, "yes", "yes", "yes", "yes", "no", "1", "2", "3", "back 1", "pause 2", "start", "none"]),
    st.sampled_from(["By phone", "I can't stop thinking", "", "\x00", "help me with this form", "👍", "done it"]),
    st.text(max_size=30),
)
QUESTIONS = [question.id for question in interview().schedule.questions]
STATEMENTS = [statement.id for statement in interview().schedule.statements]
ELIGIBILITY = [asked.id for asked in interview(eligibility=True).schedule.eligibility]
WAITS = st.sampled_from([timedelta(seconds=5), timedelta(minutes=20), timedelta(hours=7), timedelta(days=8)])


def settled(now: Interview) -> dict[str, Answer]:
    """The answers; whose words one is in that was said ahead is as with the answer that its messages came from."""
    return {k: a.but(who=None) if a.progress is Progress.AHEAD else a for k, a in now.answers.items()}


class Happening(RuleBasedStateMachine):
    """One interview to which anything may happen, in any order and at any hour."""

    @initialize(
        settle=st.sampled_from([timedelta(), timedelta(minutes=20)]),
        quiet=st.sampled_from([None, (20 * 60, 9 * 60), (60, 120)]),
        wording=st.sampled_from(list(Wording)),
        prompts=st.booleans(),
        again=st.booleans(),
        review=st.sampled_from([timedelta(), timedelta(), timedelta(hours=4), None]),
        a_day=st.sampled_from([0, 0, 1]),
        ladder=st.sampled_from([NO_LADDER, Ladder(), Ladder()]),
        said=st.sampled_from([[], ["yes"], ["yes", "yes", "no"], ["yes", "yes", "yes", "By phone", "done"]]),
        joins=st.sampled_from([False, False, True]),
        full=st.sampled_from([False, False, False, True]),
    )
    def begin(
        self,
        settle: timedelta,
        quiet: tuple[int, int] | None,
        wording: Wording,
        prompts: bool,
        again: bool,
        review: timedelta | None,
        a_day: int,
        ladder: Ladder,
        said: list[str],
        joins: bool,
        full: bool,
    ) -> None:
        begun = interview(
            settle,
            quiet,
            wording,
            prompts,
            again,
            eligibility=True,
            review=review,
            questions_a_day=a_day,
            ladder=ladder,
        )
        self.player = Player(begun)
        self.old_timers: list[SetTimer] = []
        self.given_up = False
        if joins:
            self.player.messages[1] = "JOIN CDF-HJK-MNP"
            self.take(Enrolled(1, full))
            said = ["yes", "no", *said] if said and not full else said[:1]
        elif said:
            self.take(Enrolled(full=full))
        for text in said:
            self.hear(text)

    # What may happen

    @rule(text=st.sampled_from(["yes", "yes", "no", "By phone", "SKIP", "DONE"]))
    def go_on(self, text: str) -> None:
        self.hear(text)

    @rule(text=st.sampled_from(["yes", "yes", "1", "By text", "DONE", "READY"]), length=WAITS)
    def go_on_later(self, text: str, length: timedelta) -> None:
        self.wait(length)
        self.hear(text)

    @rule(text=THINGS_SAID)
    def say(self, text: str) -> None:
        self.hear(text)

    @rule(
        text=THINGS_SAID,
        question=st.sampled_from([*QUESTIONS, "c1", "nonsense", None]),
        unseen=st.booleans(),
        unsent=st.booleans(),
    )
    def say_about_something(self, text: str, question: str | None, unseen: bool, unsent: bool) -> None:
        agreeing = self.player.interview.agreeing or self.player.interview.state is State.CONSENT
        self.hear(text, replied_to=question, unseen=unseen, unsent=unsent and agreeing)

    @rule(
        text=st.sampled_from(
            ["READY", "PAUSE 1", "PAUSE 4", "PERSON", "HELP", "CALL", "CHANGE CALL", "2", "BACK", "UNDO"]
        )
    )
    def change_course(self, text: str) -> None:
        self.hear(text)

    @rule(
        event=st.sampled_from(
            [Enrolled(), Admitted(), TookOver("Ann"), Wrote("Ann", "How are you?"), HandedBack("Ann")]
        )
    )
    def staff_act(self, event: Event) -> None:
        self.take(event)

    @rule(stop=st.sampled_from(["by word", "at the provider", "blocked"]))
    def stop(self, stop: str) -> None:
        """And, most of the time, start again: a stopped interview is soon a dull one."""
        if stop == "blocked":
            self.take(OptedOut())
        else:
            self.hear("Stop", opt_out="stop" if stop == "at the provider" else None)

    @precondition(lambda self: self.player.interview.state in (State.STOPPED, State.HANDOVER))
    @rule()
    def start_again(self) -> None:
        self.hear("START")
        self.take(HandedBack("Ann", "They are safe."))

    @precondition(lambda self: self.player.interview.state is not State.INVITED)
    @rule(text=st.sampled_from(["I want to die", "He hits me", "STOP", "yes", "LEAVE"]), stop=st.booleans())
    def say_something_alarming(self, text: str, stop: bool) -> None:
        self.hear(text, sign="danger", opt_out="stop" if stop else None)

    @precondition(lambda self: self.player.interview.state is not State.INVITED)
    @rule(keys=st.lists(st.sampled_from([*STATEMENTS, "c9"]), min_size=1, max_size=2, unique=True))
    def change_statements(self, keys: list[str]) -> None:
        self.take(statements_changed(self.player.interview, *keys))

    @precondition(lambda self: self.player.interview.state is not State.INVITED)
    @rule(wording=st.sampled_from(list(Wording)), settle=st.sampled_from([5, 60]), waits=st.booleans())
    def need_something_else(self, wording: Wording, settle: int, waits: bool) -> None:
        now = self.player.interview
        words, settle_now = wording is not now.person.wording, timedelta(minutes=settle)
        pace_now = replace(now.pace, settle=settle_now)
        self.player.interview = now.but(person=replace(now.person, wording=wording), pace=pace_now)
        settles = TimerKind.SETTLE in self.player.timers
        effects = self.take(NeedsChanged(words, now.pace.settle != settle_now, waits, settles))
        if words and now.state is State.ACTIVE and not now.between and now.menu is None:
            assert [e.question for e in effects if isinstance(e, Send)] == [now.open_point], "asked in the new words"
        if not words and not waits and not now.between:
            assert not [effect for effect in effects if isinstance(effect, Send)]

    @rule(reason=st.sampled_from(["", "We talked, and they want to go on."]))
    def hand_back(self, reason: str) -> None:
        self.take(HandedBack("Ann", reason))

    @rule(probe=st.booleans())
    def take_back(self, probe: bool) -> None:
        self.take(TookBack("Ann", probe))

    @precondition(lambda self: self.player.interview.state is not State.INVITED)
    @rule()
    def worry(self) -> None:
        self.take(Worried("Ann"))

    @rule(question=st.sampled_from(QUESTIONS), who=st.sampled_from([None, *Who]))
    def learn_whose_words(self, question: str, who: Who | None) -> None:
        before = self.player.interview.answers
        assert not self.take(WhoseWords(question, who))
        after = self.player.interview.answers
        assert {k: replace(a, who=None) for k, a in before.items()} == {
            k: replace(a, who=None) for k, a in after.items()
        }
        assert question not in after or after[question].who is who

    @precondition(lambda self: self.refilable())
    @rule(data=st.data())
    def refile(self, data: st.DataObject) -> None:
        """Some messages are put elsewhere, and most of the time back again, which leaves everything as it was."""
        chosen = data.draw(st.lists(st.sampled_from(self.refilable()), unique=True, min_size=1, max_size=4))
        question = data.draw(st.sampled_from([*QUESTIONS, None]))
        belongs = Belongs.ANSWER if question else Belongs.CONVERSATION
        was = {number: self.player.filed[number] for number in chosen}
        before = self.player.interview
        self.put({number: File(number, belongs, question) for number in chosen})
        if question:
            parts = self.player.interview.answers[question].parts
            assert set(chosen) <= set(parts)
            assert list(parts) == sorted(parts)
        if data.draw(st.sampled_from([True, True, False])):
            self.put(was)
            assert settled(self.player.interview) == settled(before)

    def refilable(self) -> list[int]:
        free = (Belongs.ANSWER, Belongs.LATE, Belongs.CONVERSATION, Belongs.ASIDE)
        return [n for n, f in self.player.filed.items() if f.belongs in free and n not in self.player.removed]

    def put(self, places: dict[int, File]) -> None:
        moves = tuple(Refile(n, self.player.messages[n], f.belongs, f.question) for n, f in places.items())
        effects = self.take(Refiled("Ann", moves, TimerKind.SETTLE in self.player.timers))
        assert not [effect for effect in effects if isinstance(effect, Send)], "nobody hears of it"

    @rule(event=st.sampled_from([Acknowledged("Ann"), SeenTo("Ann")]))
    def see_it(self, event: Event) -> None:
        self.take(event)

    def wait(self, length: timedelta) -> None:
        self.player.now += length
        for timer in sorted(self.player.timers.values(), key=lambda timer: timer.due):
            if timer.due <= self.player.now and self.player.timers.get(timer.kind) == timer:
                del self.player.timers[timer.kind]
                self.take(Due(timer.kind, timer.position))

    @precondition(lambda self: self.old_timers)
    @rule()
    def ring_old_timers(self) -> None:
        """A timer that was set for another position, or for an answer that has grown, rings all the same."""
        for timer in self.old_timers:
            now = self.player.interview
            if self.is_stale(timer, now):
                assert not self.take(Due(timer.kind, timer.position)), "a stale timer did something"

    @staticmethod
    def is_stale(timer: SetTimer, now: Interview) -> bool:
        match timer.kind:
            case TimerKind.SETTLE:
                whole = now.state is not State.ACTIVE or now.between
                return whole or timer.position != settling.settle_position(now)
            case TimerKind.REVIEW:
                return not now.between or timer.position != settling.review_position(now)
            case TimerKind.REMIND:
                return now.asked is None or timer.position != reminding.position(now)
            case TimerKind.ESCALATE:
                return not now.calling or timer.position != fetching.position(now)
            case TimerKind.CALL:
                return now.call is None or timer.position != calling.position(now.call)
            case TimerKind.HOLDING:
                held = now.state is State.HANDOVER and bool(now.holder)
                return not held or timer.position != persons.holding_position(now)
            case _:
                return now.state is not State.PAUSED or timer.due != now.until

    @rule(event=st.sampled_from([Reviewed("Ann"), ToRemind("Ann"), OutOfOffice()]))
    def something_else(self, event: Event) -> None:
        self.take(event)

    @rule(length=st.sampled_from([timedelta(days=1), timedelta(days=5), timedelta(days=40)]))
    def nobody_says_anything(self, length: timedelta) -> None:
        self.wait(length)

    @rule(
        event=st.sampled_from(
            [Moved(), AddressTold(Told.CODE_SENT), AddressTold(Told.NO_ADDRESS), AddressTold(Told.LINK, "t.me/x")]
        )
    )
    def another_channel(self, event: Event) -> None:
        self.take(event)

    @rule(text=st.sampled_from(["change", "email", "text", "telegram", "sam@example.org", "carrier pigeon"]))
    def ask_for_another_channel(self, text: str) -> None:
        self.hear(text)

    @rule(kind=st.sampled_from(list(MediaKind)), joined=st.booleans())
    def send_media(self, kind: MediaKind, joined: bool) -> None:
        self.hear("", media=kind, joined=joined)

    # Taking it

    def hear(self, text: str, **more: object) -> None:
        number = len(self.player.messages) + 1
        self.player.messages[number] = text
        effects = self.take(Said(number, text, **more))  # type: ignore[arg-type]  # names of Said
        assert [e.message for e in effects if isinstance(e, File)] == [number], "a message belongs in one place"

    def take(self, event: Event) -> tuple[Effect, ...]:
        before = self.player.interview
        effects = self.player.take(event)
        self.old_timers += [effect for effect in effects if isinstance(effect, SetTimer)]
        self.note_who_waits(event, effects)
        self.check(before, event, effects)
        assert step(before, event, self.player.now).effects == effects, "the same event gives the same step"
        return effects

    def check(self, before: Interview, event: Event, effects: tuple[Effect, ...]) -> None:
        """What must be true of every step."""
        raise NotImplementedError

    def note_who_waits(self, event: Event, effects: tuple[Effect, ...]) -> None:
        again = any(isinstance(effect, SetTimer) and effect.kind is TimerKind.REMIND for effect in effects)
        if isinstance(event, Said) or again:
            self.given_up = False
        if OpenTask(TaskKind.SILENT) in effects:
            self.given_up = True
