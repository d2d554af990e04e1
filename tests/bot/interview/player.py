"""An interview played without storage: what happens goes in as lines, what follows comes out as lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.interview.engine import step
from bot.interview.events import (
    OUTLASTS,
    Acknowledged,
    AddressTold,
    Admitted,
    Alert,
    Belongs,
    Book,
    Cancel,
    Consent,
    ConsentChanged,
    DropTimer,
    Due,
    Effect,
    Enrolled,
    Event,
    File,
    Forget,
    HandedBack,
    Move,
    Moved,
    OpenTask,
    OptedOut,
    OutOfOffice,
    Release,
    Remove,
    Reviewed,
    Said,
    SeenTo,
    Send,
    SetTimer,
    TimerKind,
    Told,
    TookOver,
    ToRemind,
    Wrote,
)
from bot.interview.schedule import Statement
from bot.interview.state import Interview
from bot.messages import MediaKind

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Taken:
    """One event: the interview before it and after it, and what followed."""

    before: Interview
    event: Event
    after: Interview
    effects: tuple[Effect, ...]


def statements_changed(interview: Interview, *keys: str) -> ConsentChanged:
    """These statements say more than they did; one that was not there is new, and needed."""
    known = {statement.id: statement for statement in interview.schedule.statements}
    fresh = {key: Statement(id=key, required=True, standard=f"{key}.", easy_read=key, short=key) for key in keys}
    old = [known.get(key, fresh[key]) for key in keys]
    new = [each.model_copy(update={"standard": f"{each.standard} And more."}) for each in old]
    return ConsentChanged(interview.schedule.with_statements(new), keys)


class Player:
    """Keeps the clock, the timers and every message; `filed` says where each message of the person belongs.

    `hears` is what a channel makes of the words that somebody writes on it; `taken` every event, in order.
    """

    def __init__(self, interview: Interview, now: datetime = MONDAY, hears: Callable[[str], str] = str) -> None:
        self.interview = interview
        self.now = now
        self.hears = hears
        self.taken: list[Taken] = []
        self.messages: dict[int, str] = {}
        self.filed: dict[int, File] = {}
        self.removed: set[int] = set()
        self.ledger: list[Consent] = []
        self.timers: dict[TimerKind, SetTimer] = {}
        self.sent: list[Send] = []

    def take(self, event: Event) -> tuple[Effect, ...]:
        """One event, as the service would take it."""
        after = step(self.interview, event, self.now)
        self.taken.append(Taken(self.interview, event, after.interview, after.effects))
        self.interview = after.interview
        for effect in after.effects:
            self._keep(effect)
        return after.effects

    def say(self, text: str, **more: object) -> tuple[Effect, ...]:
        number = len(self.messages) + 1
        text = self.hears(text) if text else text
        self.messages[number] = text
        return self.take(Said(number, text, **more))  # type: ignore[arg-type]  # names of Said

    def wait(self, length: timedelta) -> list[Effect]:
        """Let time pass; timers ring in order, each at its moment."""
        end = self.now + length
        effects: list[Effect] = []
        while self.timers:
            first = min(self.timers.values(), key=lambda timer: timer.due)
            if first.due > end:
                break
            del self.timers[first.kind]
            self.now = max(self.now, first.due)
            effects += self.take(Due(first.kind, first.position))
        self.now = end
        return effects

    def _keep(self, effect: Effect) -> None:
        match effect:
            case File():
                self.filed[effect.message] = effect
            case Remove():
                self.removed.add(effect.message)
            case Consent():
                self.ledger.append(effect)
            case SetTimer():
                self.timers[effect.kind] = effect
            case DropTimer():
                self.timers.pop(effect.kind, None)
            case Cancel():
                self.timers = {kind: timer for kind, timer in self.timers.items() if kind in OUTLASTS}
            case Send():
                self.sent.append(effect)
            case Forget():
                self.removed |= {key for key, file in self.filed.items() if file.belongs is Belongs.ELIGIBILITY}
            case OpenTask() | Release() | Move() | Alert() | Book():
                pass


def replay(script: str, player: Player) -> Iterator[str]:
    """The script again, with what really followed after each line that makes something happen."""
    for line in script.splitlines():
        if not line.strip() or line.startswith("#"):
            yield line
            continue
        if re.match(r"bot|researcher|task|held|state|wants|tell|books|forget|\\d: ", line):
            continue  # what is expected; the replay says what is true
        yield line
        for effect in _do(line, player):
            yield from _said(effect)
        if line.startswith("?"):
            yield f"state {player.interview.state.value} at {player.interview.position or 'nothing'}"


def _do(line: str, player: Player) -> list[Effect] | tuple[Effect, ...]:
    word, _, rest = line.partition(" ")
    match word:
        case "enrol":
            return player.take(Enrolled(full=rest == "full"))
        case "join":
            number = len(player.messages) + 1
            player.messages[number] = "JOIN CDF-HJK-MNP"
            return player.take(Enrolled(number, full=rest == "full"))
        case "admit":
            return player.take(Admitted())
        case ">":
            return player.say(rest)
        case ">reply-to":
            question, _, words = rest.partition(" ")
            return player.say(words, replied_to=question)
        case ">unseen":
            return player.say(rest, unseen=True)
        case ">unsent":
            return player.say(rest, unsent=True)
        case ">opt-out":
            return player.say(rest, opt_out="stop")
        case ">picture":
            return player.say("", media=MediaKind.PICTURE)
        case ">sign":
            group, _, words = rest.partition(" ")
            return player.say(words, sign=group)
        case ">stop-with-sign":
            return player.say(rest, sign="danger", opt_out="stop")
        case ">picture-sign":
            return player.say(rest, sign="abuse", media=MediaKind.PICTURE)
        case "change":
            return player.take(statements_changed(player.interview, *rest.split()))
        case "seen":
            return player.take(Acknowledged("Ann"))
        case "reviewed":
            return player.take(Reviewed("Ann"))
        case "remind":
            return player.take(ToRemind("Ann"))
        case "out-of-office":
            return player.take(OutOfOffice())
        case "wait":
            return player.wait(timedelta(**{UNITS[rest[-1]]: int(rest[:-1])}))
        case "take-over":
            return player.take(TookOver("Ann"))
        case "write":
            return player.take(Wrote("Ann", rest))
        case "write-asked":
            return player.take(Wrote("Ann", rest, asked=True))
        case "seen-to":
            return player.take(SeenTo("Ann"))
        case "moved":
            return player.take(Moved())
        case "told":
            return player.take(AddressTold(Told(rest)))
        case "hand-back":
            return player.take(HandedBack("Ann", rest))
        case "blocked":
            return player.take(OptedOut())
        case "?":
            return []
    raise ValueError(f"no such line: {line}")


def _said(effect: Effect) -> Iterator[str]:
    match effect:
        case Send():
            who = "researcher" if effect.author else "bot"
            held = f" (held until {effect.not_before:%a %H:%M})" if effect.not_before else ""
            yield f"{who}: {' / '.join(effect.body.split(chr(10))).replace(' /  / ', ' / ')}{held}"
        case OpenTask():
            yield f"task: {effect.kind.value}"
        case Book():
            yield f"books {effect.slot.way} with {effect.slot.researcher} at {effect.slot.start:%a %d %b %H:%M}"
        case Alert():
            yield f"tell {effect.who} ({effect.cause}, {effect.number})"
        case Forget():
            yield "forget what they answered"
        case Move():
            yield f"wants {effect.kind} at {effect.written or 'a link'}"
