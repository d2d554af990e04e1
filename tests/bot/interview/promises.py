"""What the engine promises of every step, whatever has happened before it."""

from __future__ import annotations

from datetime import timedelta

from bot.interview import pace, quiet, reminding
from bot.interview.commands import Command, parse
from bot.interview.events import (
    AddressTold,
    Admitted,
    Alert,
    Belongs,
    Consent,
    Due,
    Effect,
    Event,
    File,
    HandedBack,
    Moved,
    NeedsChanged,
    OpenTask,
    OptedOut,
    Refiled,
    Said,
    SeenTo,
    Send,
    SetTimer,
    TaskKind,
    TimerKind,
    TookOver,
    ToRemind,
    WhoseWords,
    Worried,
    Wrote,
)
from bot.interview.state import Interview, Menu, Progress, State
from bot.interview.turn import ENDED
from tests.bot.interview.happening import ELIGIBILITY, QUESTIONS, STATEMENTS, Happening

STAY = (TookOver, HandedBack, Wrote, OptedOut, Moved, AddressTold, Worried, Refiled, NeedsChanged, WhoseWords)
"""Events after which the place is the same."""


def word_of(event: Event) -> Command | None:
    """The command that the event is, if it is one."""
    word = parse(event.text) if isinstance(event, Said) else None
    return word.command if word else None


class Promises(Happening):
    """One interview whose every step is checked."""

    def check(self, before: Interview, event: Event, effects: tuple[Effect, ...]) -> None:
        after = self.player.interview
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
        after, no_calls = self.player.interview, "-no-calls" if before.person.says("no_calls") else ""
        asked = f"person-asked{no_calls}" if before.position else "person-asked-ended"  # whose questions are over
        due = not before.assured or self.player.now - before.assured >= timedelta(days=1)
        text = (f"person-overdue{no_calls}" if self.overdue(before) else asked,)
        assert [send.texts for send in sends] == [text] * (due and not before.holder)
        assert all(send.not_before is None and send.question is None for send in sends)
        call = word_of(event) is Command.CALL
        assert not due or after.calling or Alert(before.holder, "call asked" if call else "person asked", 1) in effects
        assert OpenTask(TaskKind.CALL_ASKED if call else TaskKind.PERSON_ASKED) in effects
        assert (after.state, after.holder, after.menu) == (before.state, before.holder, before.menu)

    def asks_in_distress(self, before: Interview, event: Event) -> bool:
        """Whether they ask for a person before anybody has seen to their distress."""
        asks = word_of(event) in (Command.CALL, Command.PERSON, Command.HELP) and not (
            isinstance(event, Said) and (event.sign or event.opt_out)
        )
        held = before.distressed and before.state is State.HANDOVER
        return asks and held and (not before.holder or before.calling is not None)

    def overdue(self, before: Interview) -> bool:
        return before.promised is not None and before.promised <= self.player.now

    def check_promise(self, before: Interview, event: Event, effects: tuple[Effect, ...], sends: list[Send]) -> None:
        """Who waits for a person hears no later moment than the first one; where that has passed, that it has.

        Then people are told again, and no new moment is named until one has written.
        """
        after, said = self.player.interview, [text for send in sends for text in send.texts]
        ended = isinstance(event, Wrote | HandedBack | SeenTo)
        if before.promised and not (ended and after.promised is None):
            assert after.promised is not None
            assert after.promised <= before.promised
            if any(text.startswith("person-asked") for text in said):
                assert not self.overdue(before)
        if after.promised and not before.promised:
            assert any(text.startswith("person-asked") for text in said), "one is to write, and nobody was told so"
        if isinstance(event, SeenTo):
            assert not effects
            assert after == before.but(promised=after.promised)
            assert not after.promised or before.distressed or before.state is State.HANDOVER
        if any(text.startswith("person-overdue") for text in said):
            assert self.overdue(before)
            assert after.promised == before.promised
            fetched = any(isinstance(e, SetTimer) and e.kind is TimerKind.ESCALATE for e in effects)
            just_fetched = before.calling == self.player.now  # by what they sent in this very moment
            assert fetched or just_fetched or any(isinstance(effect, Alert) for effect in effects)

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
