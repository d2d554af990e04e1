"""A study of 55 people over 90 days in which nothing is real but the program: people, providers, staff and the clock.

Everybody has a temper, and everything that happens follows from a seed. What the promises forbid is looked for at the
moment it would happen: when the engine takes a step, and when a message reaches a phone.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, select

from bot.channel import Ability, Channel
from bot.errors import NotSent, OwnPaceError, Refused
from bot.interview.bank_holidays import is_bank_holiday
from bot.interview.distress import URGENT
from bot.interview.engine import Step, step
from bot.interview.events import Due, Event, HandedBack, Said, Send, TaskKind, TimerKind
from bot.interview.schedule import Schedule, Wording
from bot.interview.state import Interview, Menu, State
from bot.messages import Address, Inbound
from bot.records import participants
from bot.records.tables import interviews, messages, outbox, tasks
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.service import adapting, conversations, enrolment, handovers, intake, outcomes, reconfirming, switch
from bot.service import outbox as sending
from bot.service.alerts import LANE
from bot.service.enrolment import Entry
from bot.service.reconfirming import Outcome
from tests.bot.world import World

LONDON = ZoneInfo("Europe/London")
DAYS = 90
CAP = 3
"""Unasked messages a day: fewer than the welcome has, so that the cap is felt."""
REPLY = timedelta(minutes=30)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TEMPERS = [
    "fast",
    "slow",
    "bursty",
    "forgetful",
    "supporter",
    "stops",
    "leaves",
    "distressed",
    "mover",
    "pauser",
    "caller",
]
"""One after the other; two more people have a temper of their own."""
CRIES = ["I dont want to be alive any more", "I want to kill myself", "he is hitting me and I am scared"]
Act = Callable[[UnitOfWork, datetime], None]


class Phone(Channel):
    """A channel whose provider is the simulation."""

    abilities = frozenset({Ability.WRITES_FIRST})

    def __init__(self, kind: str) -> None:
        self.kind = kind
        if kind == "whatsapp":
            self.window = timedelta(hours=24)
            self.templates = frozenset({"template-reopen", "reminder-1", "reminder-2"})


@dataclass
class Person:
    """Somebody with a phone, or a mailbox. `meant` says of each answer which question it was given to."""

    code: str
    temper: str
    address: Address
    rng: random.Random
    meant: dict[str, str] = field(default_factory=dict)
    said: list[tuple[str, datetime]] = field(default_factory=list)
    got: list[tuple[datetime, str]] = field(default_factory=list)
    thinking: set[str] = field(default_factory=set)
    statements: dict[str, int] = field(default_factory=dict)  # how often each was put to them: they answer the last
    answered: list[str] = field(default_factory=list)
    away: set[date] = field(default_factory=set)
    quiet: str = ""  # 'stopped' or 'left', as they see it
    done: set[str] = field(default_factory=set)
    mails: dict[str, str] = field(default_factory=dict)  # the last message with each question: a mail answers one


class Simulation:
    """The clock, the people, the providers and the staff."""

    def __init__(self, world: World, start: datetime, seed: int) -> None:
        self.world, self.start, self.end = world, start, start + DAYS * DAY
        self.outage = (start + 40 * DAY, start + 43 * DAY)
        self.held = (start + 60 * DAY, start + 60 * DAY + 5 * HOUR)
        self.rng = random.Random(seed)
        self.heap: list[tuple[datetime, int, Act]] = []
        self.order, self.keys = count(), count(1)
        self.people: dict[str, Person] = {}
        self.delivered: dict[str, int] = {}
        self.last_of_lane: dict[str, int] = defaultdict(int)
        self.unasked: dict[str, Counter[date]] = defaultdict(Counter)
        self.stale: list[tuple[str, Due]] = []
        self.tally: Counter[str] = Counter()
        self.broken: list[str] = []

    # Time

    def at(self, when: datetime, act: Act) -> None:
        heapq.heappush(self.heap, (when, next(self.order), act))

    def run(self) -> None:
        for number in range(55):
            self.at(self.start + self.joins(number), lambda uow, _, number=number: self.enrol(uow, number))  # type: ignore[misc]  # bound now
        day = self.start.astimezone(LONDON).date()
        for number in range(DAYS):
            for hour in (10, 15):
                local = datetime.combine(day + number * DAY, datetime.min.time(), tzinfo=LONDON).replace(hour=hour)
                self.at(local.astimezone(self.start.tzinfo), self.staff_look)
        self.at(self.held[0], lambda uow, _: self.note(switch.hold(uow, "coordinator")))
        self.at(self.held[1], lambda uow, _: self.note(switch.release(uow, self.world.program.terms, "coordinator")))
        self.at(self.start + 20 * DAY, self.change_statements)
        for week in range(1, DAYS // 7):
            self.at(self.start + (7 * week + 0.4) * DAY, self.change_needs)
        while (moment := self.world.program.database.read_now(self.next_moment)) <= self.end:
            self.world.clock.now = moment
            self.world.run(self.moment)
        self.world.clock.now = self.end

    def next_moment(self, uow: UnitOfWork) -> datetime:
        now = self.world.clock.now
        wake = conversations.next_wake(uow)
        pending = select(func.min(outbox.c.not_before)).where(outbox.c.state == "pending", outbox.c.not_before > now)
        doubtful = select(func.min(outbox.c.reconcile_at)).where(outbox.c.state == "unknown")
        later = [
            self.heap[0][0] if self.heap else None,
            wake,
            uow.execute(pending).scalar(),
            uow.execute(doubtful).scalar(),
        ]
        first = max(min((one for one in later if one), default=self.end + DAY), now + timedelta(seconds=1))
        return self.outage[1] if self.outage[0] <= first < self.outage[1] else first

    def moment(self, uow: UnitOfWork) -> None:
        terms = self.world.program.terms
        while self.heap and self.heap[0][0] <= uow.now:
            when, _, act = heapq.heappop(self.heap)
            act(uow, when)
        while conversations.wake(uow, terms):
            pass
        for doubtful in outcomes.doubtful(uow, terms):
            if self.rng.random() < 0.5:
                outcomes.surely_not_sent(uow, doubtful.seq)
            else:
                self.reached(uow, doubtful.seq)
                outcomes.accepted(uow, doubtful.seq, f"late-{doubtful.seq}")
        while claimed := sending.claim(uow, terms):
            for one in claimed:
                self.hand_over(uow, one)

    def note(self, done: bool) -> None:
        assert done

    # Providers

    def hand_over(self, uow: UnitOfWork, claimed: sending.Claimed) -> None:
        """Most messages arrive; some do not leave, of some nobody can tell, and a few are refused."""
        self.check_switch(uow, claimed.seq)
        luck = self.rng.random()
        self.tally["attempts"] += 1
        if luck < 0.04:
            outcomes.not_sent(uow, self.world.program.terms, claimed, NotSent("busy"))
        elif luck < 0.05:
            outcomes.unknown(uow, claimed.seq, 2 * MINUTE)
        elif luck < 0.051:
            outcomes.refused(uow, self.world.program.terms, claimed, Refused("this one no", code="30006"))
        else:
            self.reached(uow, claimed.seq)
            outcomes.accepted(uow, claimed.seq, f"out-{claimed.seq}")

    def check_switch(self, uow: UnitOfWork, seq: int) -> None:
        """On hold nothing leaves but support for somebody in distress, and mails to the team."""
        of = select(outbox.c.lane, messages.c.texts).join(messages, messages.c.id == outbox.c.message_id)
        row = uow.one(of.where(outbox.c.seq == seq))
        assert row is not None
        urgent = row["texts"] in URGENT or row["lane"].startswith(LANE)
        self.must(urgent or not switch.on_hold(uow), f"{row['lane']}: {row['texts']} left while all was on hold")

    def reached(self, uow: UnitOfWork, seq: int) -> None:
        row = uow.one(
            select(outbox, messages.c.author, messages.c.texts, messages.c.body, people.c.code.label("who"))
            .join(messages, messages.c.id == outbox.c.message_id)
            .outerjoin(people, people.c.id == outbox.c.participant_id)
            .where(outbox.c.seq == seq)
        )
        assert row is not None
        self.must(row["id"] not in self.delivered, f"{row['who']}: {row['id']} arrived twice")
        self.delivered[row["id"]] = seq
        self.must(seq > self.last_of_lane[row["lane"]], f"{row['who']}: out of order")
        if row["texts"] not in OVERTAKING:
            self.last_of_lane[row["lane"]] = seq
        person = self.people.get(row["who"] or "")
        if person is None:
            self.tally["to staff or strangers"] += 1
            return
        self.tally["messages to people"] += 1
        self.check_hour(uow, person, row["author"], row["texts"] or "")
        if row["question"] and row["claimed_at"] == uow.now:  # else nobody could tell until now that it had left
            self.must(person.quiet == "", f"{person.code}: {row['question']} after they {person.quiet}")
            self.check_agreed(uow, person, row["question"], row["participant_id"])
        last = max((at for _, at in person.said), default=self.start)
        if row["texts"] in URGENT and row["attempts"] == 1:
            self.must(uow.now - last <= MINUTE, f"{person.code}: support came {uow.now - last} after a sign")
        if row["texts"] in ("reminder-1", "reminder-2"):
            self.tally["reminders"] += 1
            self.must(uow.now - last > DAY, f"{person.code}: reminded {uow.now - last} after they wrote")
        body = uow.key(row["key_id"]).open(row["body"], "body")
        person.got.append((uow.now, body))
        person.mails[row["question"] or ""] = row["id"]
        self.react(person, row["question"], (row["texts"] or "").split(" ")[0], body, row["author"])

    def check_hour(self, uow: UnitOfWork, person: Person, author: str, texts: str) -> None:
        """Promise 9: nothing unasked in quiet hours, on a bank holiday, or over the cap."""
        last = max((at for _, at in person.said), default=None)
        asked = last is not None and uow.now - last <= REPLY
        if author != "bot" or asked or texts.startswith("distress") or texts == "change-code":
            return
        local = uow.now.astimezone(LONDON)
        self.must(9 <= local.hour < 20, f"{person.code}: {texts or 'a question'} at {local}")
        self.must(not is_bank_holiday(local.date()), f"{person.code}: {texts or 'a question'} on {local.date()}")
        self.must(local.date() not in person.away, f"{person.code}: {texts or 'a question'} while they are away")
        self.unasked[person.code][local.date()] += 1
        self.must(self.unasked[person.code][local.date()] <= CAP, f"{person.code}: more than {CAP} on {local.date()}")
        self.must(person.quiet == "", f"{person.code}: {texts or 'a question'} after they {person.quiet}")

    def check_agreed(self, uow: UnitOfWork, person: Person, question: str, participant: int) -> None:
        """Promise 4: no question while a statement that was changed waits for their YES."""
        if question[:2] in ("a-", "b-"):
            interview = participants.by_id(uow, self.world.program.terms, participant).interview
            self.must(interview.consented and not interview.again, f"{person.code}: {question} without consent")

    def change_statements(self, uow: UnitOfWork, _when: datetime) -> None:
        """Who may see the answers, and for how long they are kept, is said anew in every wording."""
        rules = self.world.program.rules
        words = {"standard": "I agree anew.", "easy_read": "I say yes.", "short": "I agree anew. YES or NO?"}

        def anew(schedule: Schedule) -> Schedule:
            return schedule.with_statements(
                one.model_copy(update=words) for one in schedule.statements if one.id in CHANGED
            )

        changed = replace(rules, schedules={key: anew(schedule) for key, schedule in rules.schedules.items()})
        done = reconfirming.reconfirm(uow, self.world.program.terms, changed, "coordinator")
        self.tally["asked to agree anew"] += sum(one.outcome in (Outcome.NOW, Outcome.LATER) for one in done)

    def must(self, true: bool, otherwise: str) -> None:
        if not true:
            self.broken.append(otherwise)

    # People

    def joins(self, number: int) -> timedelta:
        """People join over weeks; those who need long come first."""
        most = {"away for sixty days": 2, "slow": 15, "forgetful": 15}.get(temper_of(number), 50)
        return timedelta(days=self.rng.uniform(0, most))

    def enrol(self, uow: UnitOfWork, number: int) -> None:
        temper, kinds = temper_of(number), ["sms", "email", "whatsapp"]
        kind = kinds[number % 3] if temper not in ("mover", "discreet") else "sms"
        value = f"person{number}@example.org" if kind == "email" else f"+4477009{number:05}"
        cohort = "disabled-adults" if number < 30 else "social-workers"
        needs = {"supporter": {"who": "ask"}, "discreet": {"discreet": "yes"}}.get(temper, {})
        if number % 10 == 7:
            needs = needs | {"review": "4h"}
        if number % 10 == 9:
            needs = needs | {"questions_a_day": "2", "days": "mon, wed, fri, sat", "hours": "11:00-18:00"}
        entry = Entry(cohort, Address(kind, value), name=f"N{number}", wording=Wording.STANDARD, attributes=needs)
        code = enrolment.enrol(uow, self.world.program.terms, self.world.program.rules, entry)
        self.people[code] = Person(code, temper, entry.address, random.Random(self.rng.randrange(10**9)))

    def later(self, person: Person, length: timedelta, act: Callable[[], str | None], question: str = "") -> None:
        """After a while the person says what `act` gives, if anything."""

        def say(uow: UnitOfWork, when: datetime) -> None:
            text = act()
            if text is not None:
                self.say(uow, person, text, when, question)

        self.at(self.world.clock.now + length, say)

    def say(self, uow: UnitOfWork, person: Person, text: str, when: datetime, question: str = "") -> None:
        number = next(self.keys)
        body = f"{text} zebra{number}" if question else text
        if question:
            person.meant[body] = question
        person.said.append((body, uow.now))
        inbound = Inbound(
            f"in-{number}",
            person.address,
            body,
            body.encode(),
            written_at=when,
            provider_id=f"p-{number}",
            reply_to=(person.mails[question],) if question and person.address.kind == "email" else (),
        )
        for _ in range(2 if person.rng.random() < 0.1 else 1):
            intake.take(uow, self.world.program.terms, person.address.kind, [inbound])
        self.tally["messages from people"] += 1
        if text in ("STOP", "1", "2") and "left" in person.done | {text == "STOP" and "left"}:
            person.quiet = "stopped" if text == "STOP" else "left"

    def react(self, person: Person, question: str | None, text: str, body: str, author: str) -> None:
        """What the message that just came makes the person do."""
        if person.quiet or author != "bot":
            return
        rng = person.rng

        def minutes(low: float, high: float) -> timedelta:
            return timedelta(minutes=rng.uniform(low, high))

        if text == "template-reopen":
            before = len(person.said)
            self.later(
                person,
                minutes(10, 1200),
                lambda: None if person.quiet or len(person.said) > before else "yes",
            )
        elif text in ("reminder-1", "reminder-2"):
            if person.temper != "away for sixty days" and rng.random() < 0.8:
                self.later(person, minutes(5, 900), lambda: None if person.quiet else "AGAIN")
        elif text in REPLIES:
            reply = rng.choice(REPLIES[text])
            if text == "change-address":
                reply = f"{person.code.lower()}-new@example.org"
            self.later(person, minutes(1, 30), lambda: reply)
            if text == "leave-ask":
                person.done.add("left")
        elif text == "change-code":
            code = next(
                word.strip(".") for word in body.split() if word.strip(".").isdigit() and len(word.strip(".")) == 6
            )
            person.address = Address("email", f"{person.code.lower()}-new@example.org")
            self.later(person, minutes(1, 60), lambda: code)
        elif question and question.startswith("c") and question[1:2].isdigit():
            person.statements[question] = asked = person.statements.get(question, 0) + 1
            self.later(
                person,
                minutes(1, 300),
                lambda: (
                    None
                    if person.quiet or person.statements[question] > asked
                    else rng.choice(["YES", "yes", "Yes.", "ok"])
                ),
            )
        elif question and question not in person.thinking:
            self.think(person, question)

    def think(self, person: Person, question: str) -> None:
        """How somebody of this temper comes to answer."""
        rng, place = person.rng, len(person.answered)
        person.thinking.add(question)
        special = SPECIAL.get(person.temper)
        if special and place == special[0] and special[1] not in person.done:
            person.done.add(special[1])
            text = rng.choice(CRIES) if special[1] == "cry" else special[1]
            person.thinking.discard(question)
            self.later(person, timedelta(minutes=rng.uniform(5, 300)), lambda: text)
            if text == "STOP" and rng.random() < 0.5:
                self.at(self.world.clock.now + 6 * DAY, lambda uow, when: self.start_again(uow, person, when))
            return
        if person.temper == "forgetful" and rng.random() < 0.25 and question not in person.done:
            person.done.add(question)
            person.thinking.discard(question)
            return
        usual = (0.5, 28)
        wait = timedelta(hours=rng.uniform(*{"slow": (12, 110), "fast": (0.02, 6)}.get(person.temper, usual)))
        if person.temper == "away for sixty days" and place == 2:
            wait = 60 * DAY
        parts = rng.randint(2, 4) if person.temper == "bursty" else 1

        def answer() -> str | None:
            return (
                None
                if person.quiet
                else rng.choice(["It depends", "By phone 👍", "Not often, no", "We meet\nonce a week"])
            )

        for part in range(parts):
            self.later(person, wait + part * timedelta(minutes=rng.uniform(0.5, 3)), answer, question)
        if rng.random() < 0.4:
            self.later(person, wait + 15 * MINUTE, lambda: None if person.quiet else "DONE")
        self.at(self.world.clock.now + wait + 10 * MINUTE, lambda _, __: self.answered(person, question))

    def answered(self, person: Person, question: str) -> None:
        person.thinking.discard(question)
        person.answered.append(question)

    def start_again(self, uow: UnitOfWork, person: Person, when: datetime) -> None:
        person.quiet = ""
        self.say(uow, person, "READY", when)

    # Staff

    def staff_look(self, uow: UnitOfWork, when: datetime) -> None:
        """On working days a researcher takes whoever waits for one, and hands back at the next look."""
        day = uow.now.astimezone(LONDON).date()
        if day.weekday() > 4 or is_bank_holiday(day) or self.outage[0] <= when < self.outage[1]:
            return
        terms = self.world.program.terms
        for row in uow.all(select(people.c.code, people.c.id).order_by(people.c.id)):
            participant = participants.by_code(uow, terms, row["code"])
            assert participant is not None
            if participant.interview.state is State.HANDOVER:
                self.hold_or_hand_back(uow, row["code"], participant.interview)

    def hold_or_hand_back(self, uow: UnitOfWork, code: str, interview: Interview) -> None:
        terms = self.world.program.terms
        if not interview.holder:
            handovers.take_over(uow, terms, code, "our researcher")
            handovers.reply(uow, terms, code, "our researcher", "Hello, I have read what you wrote.")
            self.must(self.refused(uow, code), f"{code}: two researchers at once")
            self.tally["handovers"] += 1
        else:
            reason = "We spoke, and they want to go on." if interview.distressed else ""
            handovers.hand_back(uow, terms, code, "our researcher", reason)

    def refused(self, uow: UnitOfWork, code: str) -> bool:
        try:
            handovers.reply(uow, self.world.program.terms, code, "another one", "Hello")
        except OwnPaceError:
            return True
        return False

    def change_needs(self, uow: UnitOfWork, when: datetime) -> None:
        """A coordinator hears from a few people that they need something else."""
        today, terms = when.astimezone(LONDON).date(), self.world.program.terms
        assert terms.rules is not None
        for code in self.rng.sample(sorted(self.people), 3):
            away = (today, today + 5 * DAY)
            wanted = self.rng.choice(
                [
                    {"wording": "easy_read"},
                    {"settle": "2h", "questions_a_day": "3"},
                    {"discreet": "yes"},
                    {"discreet": "no", "wording": "standard"},
                    {"no_contact": f"{away[0]}..{away[1]}"},
                ]
            )
            if adapting.change(uow, terms, terms.rules, code, wanted, "coordinator"):
                self.tally["needs changed"] += 1
                self.people[code].away |= {away[0] + n * DAY for n in range(6)} if "no_contact" in wanted else set()

    # The engine, watched

    def watched(self, interview: Interview, event: Event, now: datetime) -> Step:
        """The engine's own step, and what must be true of each."""
        after = step(interview, event, now)
        sends = [effect for effect in after.effects if isinstance(effect, Send)]
        questions = {question.id for question in interview.schedule.questions}
        alarmed = isinstance(event, Said) and event.sign is not None
        if interview.state is State.HANDOVER and not alarmed and not isinstance(event, HandedBack):
            words = isinstance(event, Said) and after.interview.state is not State.HANDOVER  # STOP and LEAVE
            about_a_call = interview.menu is Menu.CALL or (isinstance(event, Due) and event.kind is TimerKind.CALL)
            called = about_a_call and not interview.holder
            attended = interview.holder and (not interview.distressed or interview.calling is None)
            asked = isinstance(event, Said) and all("asked" in " ".join(send.texts) for send in sends)
            answered = asked and not attended
            spoke = any(not send.author for send in sends)
            self.must(words or called or answered or not spoke, "the bot spoke in a handover")
        if isinstance(event, Due):
            self.must(
                interview.state is not State.HANDOVER or after.interview.state is State.HANDOVER, "a timer handed back"
            )
            self.tally["timers"] += 1
            self.check_stale(after.interview, event, now)
        if any(send.question in questions for send in sends):
            self.must(after.interview.consented, "a question without consent")
        if alarmed:
            self.tally["signs"] += 1
            self.must(after.interview.distressed, "a sign that holds nothing")
        return after

    def check_stale(self, interview: Interview, due: Due, now: datetime) -> None:
        """A timer that has rung, rung again for another position, does nothing."""
        other = Due(TimerKind(due.kind), f"{due.position} of another time")
        again = step(interview, other, now)
        self.must(not again.effects and again.interview == interview, f"a stale {due.kind} timer did something")


OVERTAKING = ("template-reopen", "reminder-1", "reminder-2", *URGENT)
"""Approved texts that ask somebody to write, so that what waits for that can leave; and support, which never waits."""

REPLIES = {
    "pause-ask": ["2 days", "until friday", "a week", "1", "soon"],
    "pause-unclear": ["3 days", "when I can"],
    "paused-open": ["READY"],
    "leave-ask": ["1", "2"],
    "change-channel": ["email"],
    "change-address": ["?"],
    "who-answered": ["1", "2", "someone helps me"],
    "call-ask": ["1", "2"],
}
CHANGED = ("c1-info", "c3-noeffect")
"""Statements that the study words anew on the twentieth day."""

SPECIAL = {
    "stops": (5, "STOP"),
    "leaves": (4, "LEAVE"),
    "distressed": (3, "cry"),
    "mover": (3, "CHANGE"),
    "pauser": (2, "PAUSE"),
    "caller": (6, "CALL"),
}


def temper_of(number: int) -> str:
    return {53: "away for sixty days", 54: "discreet"}.get(number, TEMPERS[number % len(TEMPERS)])


STUCK = (
    *(TaskKind.DISTRESS, TaskKind.PERSON_ASKED, TaskKind.CALL_ASKED, TaskKind.GO_ON, TaskKind.UNCLEAR),
    *(TaskKind.REVIEW, TaskKind.SILENT, TaskKind.PAUSE, TaskKind.CHANGE_CHANNEL, TaskKind.LEAVE),
    *("address closed", "not delivered", "message refused", "cannot send", "message unknown"),
)
"""Tasks that say that somebody does not go on by themselves; a write-up or a copy says nothing of that."""


def with_a_person(uow: UnitOfWork) -> set[str]:
    """Everybody for whom the work queue says that they do not go on by themselves."""
    theirs = (tasks.c.participant_id == people.c.id, tasks.c.closed_at.is_(None), tasks.c.kind.in_(STUCK))
    rows = uow.all(select(people.c.code).join(tasks, and_(*theirs)))
    return {row["code"] for row in rows}


def states(uow: UnitOfWork) -> dict[str, str]:
    rows = uow.all(
        select(people.c.code, interviews.c.state).join(interviews, interviews.c.participant_id == people.c.id)
    )
    return {row["code"]: row["state"] for row in rows}
