"""What the tests of faults share: people who say what nobody else says, and how their interviews are judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bot.bootstrap import Program
from bot.interview.schedule import Schedule, Wording
from bot.service import views
from tests.rig.participant import Participant
from tests.rig.study import Study

A_FILE = 500
"""People in one file of people."""


def crowd(number: int, schedule: Schedule) -> dict[str, Participant]:
    """So many people, by phone. Each answer is one message that names who says it and what it answers."""
    scripts = ({q.id: [f"Person {n} about {q.id}."] for q in schedule.questions} for n in range(number))
    made = (
        Participant(f"+4477009{n:05}", schedule, Wording.SHORT, script, ends="") for n, script in enumerate(scripts)
    )
    return {one.phone: one for one in made}


def points(schedule: Schedule) -> list[str]:
    """What everybody is asked, in order."""
    return [s.id for s in schedule.statements] + [q.id for q in schedule.questions if not q.follow_up]


def enrol(study: Study, cohort: str, people: Mapping[str, Participant]) -> None:
    rows = [f"{cohort},sms,{phone},short,{_code(number)}" for number, phone in enumerate(people)]
    for first in range(0, len(rows), A_FILE):
        study.enrol(*rows[first : first + A_FILE])


def judge(
    program: Program, people: Mapping[str, Participant], reached: Callable[[str], Sequence[str]], seed: int
) -> int:
    """Nothing lost, nothing doubled, all in order, every interview complete; how many messages are flagged unknown."""
    unknown = 0
    for number, one in enumerate(people.values()):
        record = program.database.read_now(views.record, program.terms, _code(number))
        assert record is not None
        heard = [(entry.question, entry.body) for entry in record.entries if entry.incoming]
        assert record.row.state == "Finished", f"seed {seed}"
        assert [body for _, body in heard] == [body for _, body in one.said], (
            f"lost, doubled, out of order: seed {seed}"
        )
        answers = [(place, body) for place, body in one.said if body != "Yes"]
        assert [each for each in heard if each[1] != "Yes"] == answers, f"under another question: seed {seed}"
        agreed = [(line.statement, line.reply) for line in record.consent]  # a YES is in the ledger, under no question
        assert agreed == [each for each in one.said if each[1] == "Yes"], f"a YES to another statement: seed {seed}"
        assert one.asked == points(one.schedule), f"asked twice, never, or out of order: seed {seed}"
        sent = [entry for entry in record.entries if not entry.incoming]
        unknown += sum("nobody knows" in entry.delivery for entry in sent)
        came = reached(one.phone)
        assert list(came) == [entry.body for entry in sent], f"the record and the phone differ, seed {seed}"
    return unknown


def _code(number: int) -> str:
    return f"P{number:04}"
