"""The promises of the engine, against whatever order of events hypothesis can think of."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.interview import calling, fetching, pace, persons, quiet, reminding, settling
from bot.interview.commands import Command, parse
from bot.interview.engine import step
from bot.interview.events import (
    Acknowledged,
    AddressTold,
    Admitted,
    Alert,
    Belongs,
    Consent,
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
from bot.interview.state import NO_LADDER, Answer, Interview, Menu, Progress, State, Who
from bot.interview.turn import ENDED
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


STAY = (TookOver, HandedBack, Wrote, OptedOut, Moved, AddressTold, Worried, Refiled, NeedsChanged, WhoseWords)
"""Events after which the place is the same."""


def word_of(event: Event) -> Command | None:
    """The command that the event is, if it is one."""
    word = parse(event.text) if isinstance(event, Said) else None
    return word.command if word else None


def settled(now: Interview) -> dict[str, Answer]:
    """The answers; whose words one is in that was said ahead is as with the answer that its messages came from."""
    return {k: a.but(who=None) if a.progress is Progress.AHEAD else a for k, a in now.answers.items()}


class Interviews(RuleBasedStateMachine):
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

    @rule()
    def see_it(self) -> None:
        self.take(Acknowledged("Ann"))

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

    # Taking an event, and what must be true of every one

    def hear(self, text: str, **more: object) -> None:
        number = len(self.player.messages) + 1
        self.player.messages[number] = text
        effects = self.take(Said(number, text, **more))  # type: ignore[arg-type]  # names of Said
        assert [e.message for e in effects if isinstance(e, File)] == [number], "a message belongs in one place"

    def take(self, event: Event) -> tuple[Effect, ...]:
        before = self.player.interview
        effects = self.player.take(event)
        after = self.player.interview
        self.old_timers += [effect for effect in effects if isinstance(effect, SetTimer)]
        self.note_who_waits(event, effects)
        sends = [effect for effect in effects if isinstance(effect, Send)]
        self.check_consent(before, event, effects, sends)
        self.check_coming_in(before, event, sends)
        self.check_silence(before, event, sends)
        self.check_one_voice(before, event, sends)
        self.check_position(before, event, after)
        self.check_quiet(event, sends)
        self.check_distress(before, event, effects)
        self.check_asking_in_distress(before, event, effects, sends)
        self.check_asking_again(before, event, effects, sends)
        self.check_promise(before, event, effects, sends)
        self.check_reminders(before, event, sends)
        assert step(before, event, self.player.now).effects == effects, "the same event gives the same step"
        return effects

    def check_consent(self, before: Interview, event: Event, effects: tuple[Effect, ...], sends: list[Send]) -> None:
        agreed = {**before.consent} | {e.statement: e.agreed for e in effects if isinstance(e, Consent)}
        point = before.open_point
        if isinstance(event, Said) and before.state in (State.CONSENT, State.ACTIVE, State.PAUSED):
            elsewhere = event.replied_to not in (None, point)
            given = any(isinstance(effect, Consent) for effect in effects)
            assert not (given and (event.unseen or event.unsent or elsewhere)), "a YES to words that they cannot mean"
            for line in (effect for effect in effects if isinstance(effect, Consent)):
                assert line.statement == (before.again[0] if before.again else before.position), "to another statement"
                assert File(line.message, Belongs.CONSENT) in effects, (
                    "the ledger, not the message, names the statement"
                )
        if any(send.question in QUESTIONS for send in sends):
            assert not before.agreeing or any(isinstance(e, Consent) for e in effects), "asked before they agreed again"
            assert {agreed.get("c1"), agreed.get("c2")} == {True}, "a question without every required consent"
            assert not self.player.interview.again, "a question while something waits to be agreed to"

    def check_coming_in(self, before: Interview, event: Event, sends: list[Send]) -> None:
        """Without a place, or where the study is not for them, nothing is asked; who joins is asked that first."""
        asked = {send.question for send in sends if send.question}
        if before.state in (State.WAITING, State.INELIGIBLE) and not isinstance(event, Admitted):
            assert not asked
        if before.state is State.SCREENING and (isinstance(event, Admitted) or word_of(event)):
            assert asked <= {before.position}, "a word or a coordinator stood in for an answer"
        if before.joined and self.player.interview.position in STATEMENTS and before.position not in STATEMENTS:
            assert before.position == ELIGIBILITY[-1], "consent before the study was known to be for them"

    def check_silence(self, before: Interview, event: Event, sends: list[Send]) -> None:
        if before.state in (State.STOPPED, State.LEFT) and not isinstance(event, Said):
            assert not sends, "nothing unasked after STOP or LEAVE"
        stop = word_of(event) is Command.STOP or (isinstance(event, Said) and event.opt_out)
        if stop:
            assert len(sends) <= 1, "one confirmation at the most"
            assert all(send.texts == ("stopped",) for send in sends)
            if isinstance(event, Said) and event.opt_out:
                assert not sends, "the provider has confirmed it already"
        if isinstance(event, OptedOut):
            assert not sends

    def check_one_voice(self, before: Interview, event: Event, sends: list[Send]) -> None:
        if before.state is not State.HANDOVER:
            return
        may_speak = isinstance(event, HandedBack) or word_of(event) in (Command.STOP, Command.LEAVE)
        may_speak = may_speak or (isinstance(event, Said) and event.sign is not None)
        if not before.holder:  # nobody has taken it yet: times for a call may be offered, and the call reminded of
            may_speak = may_speak or before.menu is Menu.CALL or word_of(event) is Command.CALL
            may_speak = may_speak or (isinstance(event, Due) and event.kind is TimerKind.CALL)
        asks_again = self.asks_again(before, event) and not before.holder
        may_speak = may_speak or self.asks_in_distress(before, event) or asks_again
        if not may_speak:
            assert all(send.author for send in sends), "the bot spoke while a researcher had the conversation"

    def asks_again(self, before: Interview, event: Event) -> bool:
        """Whether somebody who is not in distress asks for a person while one has the conversation, or is told."""
        words = (Command.PERSON, Command.HELP, *([Command.CALL] if before.holder else []))  # else CALL offers times
        asks = word_of(event) in words and not (isinstance(event, Said) and (event.sign or event.opt_out))
        return asks and before.state is State.HANDOVER and not before.distressed

    def check_asking_again(
        self, before: Interview, event: Event, effects: tuple[Effect, ...], sends: list[Send]
    ) -> None:
        """Once a day somebody is told, and they hear by when one writes where nobody has come, or that nobody has.

        Nothing else changes.
        """
        if not self.asks_again(before, event):
            return
        after, writes_only = self.player.interview, before.person.says("no_calls")
        due = not before.assured or self.player.now - before.assured >= timedelta(days=1)
        text = (f"person-{'overdue' if self.overdue(before) else 'asked'}{'-no-calls' if writes_only else ''}",)
        assert [send.texts for send in sends] == [text] * (due and not before.holder)
        assert all(send.not_before is None and send.question is None for send in sends)
        call = word_of(event) is Command.CALL
        assert not due or after.calling or Alert(before.holder, "call asked" if call else "person asked", 1) in effects
        assert OpenTask(TaskKind.CALL_ASKED if call else TaskKind.PERSON_ASKED) in effects
        assert (after.state, after.holder, after.menu) == (before.state, before.holder, before.menu)

    def overdue(self, before: Interview) -> bool:
        return before.promised is not None and before.promised <= self.player.now

    def check_promise(self, before: Interview, event: Event, effects: tuple[Effect, ...], sends: list[Send]) -> None:
        """Who waits for a person hears no later moment than the first one; where that has passed, that it has.

        Then people are told again, and no new moment is named until one has written.
        """
        after, said = self.player.interview, [text for send in sends for text in send.texts]
        if before.promised and after.cause and not isinstance(event, Wrote):
            assert after.promised is not None
            assert after.promised <= before.promised
            if any(text.startswith("person-asked") for text in said):
                assert not self.overdue(before)
        assert not after.promised or after.cause, "nobody waits for a person, and one is to write"
        if any(text.startswith("person-overdue") for text in said):
            assert self.overdue(before)
            assert after.promised == before.promised
            fetched = any(isinstance(e, SetTimer) and e.kind is TimerKind.ESCALATE for e in effects)
            assert fetched or any(isinstance(effect, Alert) for effect in effects)

    def asks_in_distress(self, before: Interview, event: Event) -> bool:
        """Whether they ask for a person before anybody has seen to their distress."""
        asks = word_of(event) in (Command.CALL, Command.PERSON, Command.HELP) and not (
            isinstance(event, Said) and (event.sign or event.opt_out)
        )
        held = before.distressed and before.state is State.HANDOVER
        return asks and held and (not before.holder or before.calling is not None)

    def check_asking_in_distress(
        self, before: Interview, event: Event, effects: tuple[Effect, ...], sends: list[Send]
    ) -> None:
        """Nobody in distress who asks for a person meets silence, at any hour and however often they ask."""
        if not self.asks_in_distress(before, event):
            return
        after, person = self.player.interview, before.person
        assert [send.texts for send in sends] == [
            ("distress-discreet-asked",) if person.discreet else ("distress-asked",)
        ]
        assert sends[0].not_before is None
        assert sends[0].question is None
        kind = TaskKind.CALL_ASKED if word_of(event) is Command.CALL else TaskKind.PERSON_ASKED
        assert OpenTask(kind) in effects
        assert after.distressed
        assert after.state is State.HANDOVER
        assert after.calling is not None
        assert after.menu is None

    def check_position(self, before: Interview, event: Event, after: Interview) -> None:
        goes_on = isinstance(event, HandedBack | NeedsChanged) and before.answer.progress is Progress.SETTLED
        if not goes_on and isinstance(event, STAY):
            assert after.position == before.position
        if word_of(event) in (Command.STOP, Command.PAUSE, Command.PERSON, Command.HELP, Command.LEAVE):
            assert after.position == before.position, "the person keeps their place"

    def note_who_waits(self, event: Event, effects: tuple[Effect, ...]) -> None:
        again = any(isinstance(effect, SetTimer) and effect.kind is TimerKind.REMIND for effect in effects)
        if isinstance(event, Said) or again:
            self.given_up = False
        if OpenTask(TaskKind.SILENT) in effects:
            self.given_up = True

    def check_reminders(self, before: Interview, event: Event, sends: list[Send]) -> None:
        reminders = [send for send in sends if reminding.REMINDERS.intersection(send.texts)]
        if not reminders:
            return
        after = self.player.interview
        by_timer = isinstance(event, Due) and event.kind is TimerKind.REMIND
        assert by_timer or isinstance(event, ToRemind)
        assert before.state in (State.SCREENING, State.CONSENT, State.ACTIVE), (
            "a reminder to somebody who is not waited for"
        )
        assert not before.between, "a reminder while they wait for us"
        assert not (before.away and by_timer)
        assert len(after.reminded) <= 6
        assert sum(before.heard is None or moment > before.heard for moment in after.reminded) <= 2
        assert before.asked is not None
        assert self.player.now - before.asked >= timedelta(days=1), "hurried"
        if by_timer:
            assert self.player.now - before.asked >= timedelta(days=4)

    def check_distress(self, before: Interview, event: Event, effects: tuple[Effect, ...]) -> None:
        """A sign is answered at once and holds the interview, until a person gives a reason to release it."""
        sent = [
            send for send in effects if isinstance(send, Send) and send.texts in (("distress",), ("distress-discreet",))
        ]
        after = self.player.interview
        if isinstance(event, Worried):
            assert not sent, "what to say is for a person"
            assert OpenTask(TaskKind.DISTRESS) in effects
            assert after.distressed
        elif isinstance(event, Said) and event.sign:
            assert OpenTask(TaskKind.DISTRESS) in effects
            assert after.distressed
            assert after.state in ENDED or after.state is State.HANDOVER
            due = not before.signposted or self.player.now - before.signposted >= timedelta(hours=24)
            stopping = word_of(event) in (Command.STOP, Command.LEAVE) or event.opt_out
            assert bool(sent) == (due and not stopping), "the numbers to call: at once, and once a day"
            assert all(send.not_before is None for send in sent)
        else:
            assert not sent
            released = isinstance(event, HandedBack) and event.reason
            assert after.distressed or not before.distressed or released, "released without a person's reason"
            if before.distressed and after.distressed and not isinstance(event, Said):
                asked = [send for send in effects if isinstance(send, Send) and send.question]
                assert not asked, "a question while it is held"

    def check_quiet(self, event: Event, sends: list[Send]) -> None:
        interview_now = self.player.interview
        for send in sends:
            leaves = send.not_before or self.player.now
            night = quiet.Rules(interview_now.person.timezone, interview_now.pace.quiet, bank_holidays=False, most=0)
            allowed = quiet.next_allowed(leaves, night) == leaves
            assert allowed or send.author or pace.is_reply(self.player.now, interview_now.heard), "a text at night"

    # What is true at every moment

    @invariant()
    def position_is_never_lost(self) -> None:
        now = self.player.interview if hasattr(self, "player") else None
        if now is None:
            return
        match now.state:
            case State.SCREENING:
                assert now.position in ELIGIBILITY
            case State.CONSENT:
                assert now.position in [*STATEMENTS, "c9"]
            case State.ACTIVE:
                assert now.position in QUESTIONS
                assert now.consented
            case State.INVITED | State.WAITING | State.INELIGIBLE | State.COMPLETE:
                assert now.position == ""
            case _:
                assert now.position in ["", *ELIGIBILITY, *STATEMENTS, "c9", *QUESTIONS]

    @invariant()
    def every_part_is_a_message_filed_under_its_question(self) -> None:
        if not hasattr(self, "player"):
            return
        parts = [(part, key) for key, answer in self.player.interview.answers.items() for part in answer.parts]
        assert max(Counter(part for part, _key in parts).values(), default=0) <= 1
        for part, key in parts:
            filed = self.player.filed[part]
            assert filed.question == key
            assert filed.belongs in (Belongs.ANSWER, Belongs.LATE)
            assert part not in self.player.removed

    @invariant()
    def every_answer_is_kept_unless_it_was_taken_back(self) -> None:
        if not hasattr(self, "player"):
            return
        kept = {part for answer in self.player.interview.answers.values() for part in answer.parts}
        for number, filed in self.player.filed.items():
            if filed.belongs is Belongs.ANSWER and number not in self.player.removed:
                assert number in kept

    @invariant()
    def the_ledger_says_what_the_interview_knows(self) -> None:
        if hasattr(self, "player"):
            said = {line.statement: line.agreed for line in self.player.ledger}
            said.pop("consent-again", None)
            now = self.player.interview
            assert said == dict(now.consent)

    @invariant()
    def a_restart_changes_nothing(self) -> None:
        if not hasattr(self, "player"):
            return
        now = self.player.interview
        again = Interview.restored(
            now.saved(), schedule=now.schedule, study=now.study, person=now.person, pace=now.pace
        )
        assert again == replace(now, answers=dict(now.answers), consent=dict(now.consent))
        before = {key: value for key, value in now.saved().items() if key != "promised"}  # of a version without it
        old = Interview.restored(before, schedule=now.schedule, study=now.study, person=now.person, pace=now.pace)
        assert old == replace(again, promised=None)

    @invariant()
    def nobody_is_forgotten(self) -> None:
        """While we wait for the person, or they for us, there is a timer that will ring, or a task for somebody."""
        now = self.player.interview if hasattr(self, "player") else None
        if now is None or now.state not in (State.SCREENING, State.CONSENT, State.ACTIVE) or not now.pace.ladder.steps:
            return
        if now.between:
            assert now.pace.review is None or TimerKind.REVIEW in self.player.timers
        else:
            assert self.given_up or self.player.timers.keys() & {TimerKind.REMIND, TimerKind.SETTLE}

    @invariant()
    def a_stock_follow_up_is_offered_once_at_the_most(self) -> None:
        if hasattr(self, "player"):
            assert sum(send.body == "Anything more?" for send in self.player.sent) <= 1


TestInterviews = Interviews.TestCase
TestInterviews.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


def test_the_end_of_an_earlier_pause_does_not_end_a_later_one() -> None:
    player = Player(interview())
    player.take(Enrolled())
    for text in ("yes", "yes", "yes", "PAUSE 1"):
        player.say(text)
    earlier = player.timers[TimerKind.RESUME]
    for text in ("READY", "PAUSE 2"):
        player.say(text)
    assert not player.take(Due(earlier.kind, earlier.position))
    later = player.timers[TimerKind.RESUME]
    assert player.take(Due(later.kind, later.position))
