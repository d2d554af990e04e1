"""The turn being taken: the interview as it changes, the effects as they gather, and how things are said."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.interview import pace, quiet, wording
from bot.interview.events import Belongs, Effect, File, OpenTask, Said, Send, TaskKind
from bot.interview.state import Answer, Interview, State

ENDED = frozenset({State.STOPPED, State.DECLINED, State.INELIGIBLE, State.LEAVING, State.LEFT})
"""States that the person chose, and that nobody but the person ends."""


LATELY = timedelta(days=2)
"""So long it is remembered when something went."""


class Turn:
    """One event on its way through. What it means is decided by the modules beside this one."""

    def __init__(self, interview: Interview, now: datetime) -> None:
        self.interview = interview
        self.now = now
        self.prompted = True
        """False: what happens is none of the person's doing."""
        self.effects: list[Effect] = []

    def change(self, **changes: object) -> None:
        self.interview = self.interview.but(**changes)

    def mark(self, key: str, **changes: object) -> None:
        """Change what is known of one question."""
        known = self.interview.answers.get(key, Answer())
        self.change(answers={**self.interview.answers, key: known.but(**changes)})

    def follow(self, effect: Effect) -> None:
        self.effects.append(effect)

    def file(self, said: Said, belongs: Belongs, question: str | None = None) -> None:
        self.follow(File(said.message, belongs, question))

    def task(self, kind: TaskKind) -> None:
        self.follow(OpenTask(kind))

    # Saying things

    def send(
        self,
        body: str,
        texts: tuple[str, ...] = (),
        question: str | None = None,
        author: str | None = None,
        not_before: datetime | None = None,
    ) -> None:
        """A reply leaves at once, or from `not_before` on; anything else waits for the person's waking hours."""
        unasked = author is None and not self.replying
        held = self.waking() if unasked else not_before
        if unasked:
            self.change(unasked=self.lately(self.interview.unasked, held or self.now))
        self.follow(Send(body, texts, question, author, held, unasked))

    def say(self, *keys: str, **more: str) -> None:
        """Stock texts, as one message."""
        self.send(wording.stock(self.interview, keys, **more), keys)

    @property
    def replying(self) -> bool:
        """Whether what is sent now answers something the person just sent."""
        return self.prompted and pace.is_reply(self.now, self.interview.heard)

    def waking(self) -> datetime | None:
        """When something unasked may leave; None for now."""
        allowed = self.allowed(self.now)
        return allowed if allowed > self.now else None

    def allowed(self, moment: datetime) -> datetime:
        """The first moment from that one on when something unasked may leave."""
        rules = self.interview.pace.rules(self.interview.person.timezone)
        return quiet.next_allowed(moment, rules, self.interview.unasked)

    def has_room_for(self, many: int) -> bool:
        """Whether so many messages that nobody asked for may leave now, one after the other."""
        rules = self.interview.pace.rules(self.interview.person.timezone)
        before = (*self.interview.unasked, *(self.now for _ in range(many - 1)))
        return quiet.next_allowed(self.now, rules, before) <= self.now

    def lately(self, moments: tuple[datetime, ...], new: datetime) -> tuple[datetime, ...]:
        """The moments of the last two days, with one more."""
        return (*(moment for moment in moments if self.now - moment < LATELY), new)

    def heard(self, wrote: datetime | None) -> datetime:
        """When they wrote last: what is found long after it was written is answered in their waking hours."""
        return self.now if wrote is None else max(wrote, self.interview.heard or wrote)

    @property
    def past_cutoff(self) -> bool:
        """Whether the last day has gone on which they can have answers taken out, by their own clock."""
        return self.now.astimezone(self.interview.person.timezone).date() > self.interview.person.cutoff

    def promise(self) -> dict[str, str]:
        """Who will have read it and by when, for the texts that say so."""
        name, by = self.interview.rota.read_by(self.now, self.interview.person.researcher)
        return {"researcher": name, **self.by(by)}

    def by(self, moment: datetime) -> dict[str, str]:
        """A moment, as texts name it."""
        local = moment.astimezone(self.interview.person.timezone)
        return {"day": wording.day(local), "time": wording.clock(local)}
