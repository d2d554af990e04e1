"""What one person needs, changed while they take part: their words, their pace, and who may see their phone."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import select, update

from bot.errors import OwnPaceError, WrongUse
from bot.interview import needs
from bot.interview.events import NeedsChanged, TaskKind, TimerKind
from bot.interview.languages import one_way
from bot.interview.schedule import Schedule, Wording
from bot.interview.state import Interview
from bot.records import participants
from bot.records.participants import Participant, Rules, Terms
from bot.records.tables import interviews, outbox, timers
from bot.records.tables import participants as people
from bot.records.unit_of_work import UnitOfWork
from bot.service import conversations, enrolment, reconfirming
from bot.service.enrolment import Entry

SETTINGS = ("wording", "language", "timezone", *needs.SETTINGS)
"""What can be changed of everybody; beside that, the notes that a person has."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is another now; '' stands for what the study says."""

    name: str
    before: str
    after: str


def of(uow: UnitOfWork, terms: Terms, code: str) -> dict[str, str]:
    """What this person needs, by name, and their notes. Raises OwnPaceError if nobody has the code."""
    return _now(uow, participants.named(uow, terms, code))


def preview(uow: UnitOfWork, terms: Terms, rules: Rules, code: str, wanted: Mapping[str, str]) -> list[Change]:
    """What would change. Raises as `change` does."""
    participant = participants.named(uow, terms, code)
    changes, entry = _checked(uow, participant, rules, wanted)
    _schedule(participant.interview, entry, rules)
    return changes


def change(
    uow: UnitOfWork, terms: Terms, rules: Rules, code: str, wanted: Mapping[str, str], actor: str
) -> list[Change]:
    """Change what this person needs; what is '' is as the study says again. What changed, and was what before.

    Where their words are others, the open question is asked again. Raises WrongUse for a name that is not known,
    EnrolmentError for a value that cannot act, OwnPaceError where nobody has the code or the other language asks
    something else.
    """
    before = participants.named(uow, terms, code)
    changes, entry = _checked(uow, before, rules, wanted)
    if not changes:
        return []
    schedule = _schedule(before.interview, entry, rules)
    uow.keep_schedule(schedule)
    uow.execute(update(people).where(people.c.id == before.id).values(**_columns(before, entry)))
    of_person = interviews.c.participant_id == before.id
    uow.execute(update(interviews).where(of_person).values(version=schedule.version))
    after = _with_whose_words(before, participants.by_id(uow, terms, before.id))
    _act(uow, terms, before, after)
    uow.note(actor, "changed what they need", after.code, what=[one.name for one in changes])
    return changes


def _now(uow: UnitOfWork, participant: Participant) -> dict[str, str]:
    row = uow.one(select(people.c.language, people.c.timezone).where(people.c.id == participant.id))
    assert row is not None
    person = participant.interview.person
    known = {"wording": person.wording.value, "language": row["language"], "timezone": row["timezone"]}
    return dict.fromkeys(SETTINGS, "") | known | dict(person.attributes)


def _checked(
    uow: UnitOfWork, participant: Participant, rules: Rules, wanted: Mapping[str, str]
) -> tuple[list[Change], Entry]:
    """What differs, and the person as they would be enrolled with it."""
    now = _now(uow, participant)
    said = _tidied(participant.code, now, wanted, rules)
    changes = [Change(name, now[name], value) for name, value in said.items() if value != now[name]]
    kept = {name: value for name, value in (now | said).items() if name not in enrolment.COLUMNS}
    kept = {name: value for name, value in kept.items() if value or name not in SETTINGS}  # a note may be emptied
    entry = Entry(
        cohort=participant.interview.schedule.cohort,
        address=participant.address,
        wording=Wording(said.get("wording", now["wording"])),
        language=said.get("language", now["language"]),
        timezone=said.get("timezone", now["timezone"]),
        attributes=kept,
    )
    enrolment.check(entry, rules)
    return changes, entry


def _tidied(code: str, now: Mapping[str, str], wanted: Mapping[str, str], rules: Rules) -> dict[str, str]:
    """What is wanted, as it is kept. Raises WrongUse for a name or a wording that is not known, with the mend."""
    for name in wanted.keys() - now.keys():
        near = difflib.get_close_matches(name, now, n=1)
        mend = f"did you mean {near[0]}?" if near else f"there is {', '.join(now)}."
        raise WrongUse(f"{name!r} is nothing that can be changed of {code}: {mend}")
    usual = {"wording": Wording.STANDARD.value, "language": "en", "timezone": rules.timezone}
    said = {name: " ".join(value.split()) or usual.get(name, "") for name, value in wanted.items()}
    if "wording" in said:
        said["wording"] = said["wording"].casefold().replace(" ", "_")
        if said["wording"] not in list(Wording):
            raise WrongUse(f"wording {said['wording']!r} must be one of {', '.join(Wording)}.")
    return said


def _schedule(interview: Interview, entry: Entry, rules: Rules) -> Schedule:
    """Theirs; in another language the one of today, if it goes the same way."""
    theirs = interview.schedule
    if entry.language == theirs.language:
        return theirs
    if changed := reconfirming.differing(interview, rules):
        names = ", ".join(one.id for one in changed)
        raise OwnPaceError(
            f"Statements have changed since they were put to them ({names}): run reconfirm first, and change the "
            "language when they have answered."
        )
    other = rules.schedules[entry.cohort, entry.language]
    if not one_way(other, theirs):
        raise OwnPaceError(
            f"The schedule in {entry.language!r} has other statements or questions than the one they began with, so "
            "they cannot go over to it. A researcher can go on with them by hand: take over."
        )
    return other


def _columns(participant: Participant, entry: Entry) -> dict[str, object]:
    sealed = participant.key.seal(json.dumps(dict(entry.attributes)), "attributes")
    words = {"wording": entry.wording.value, "language": entry.language}
    return {**words, "timezone": entry.timezone, "attributes": sealed}


def _act(uow: UnitOfWork, terms: Terms, before: Participant, after: Participant) -> None:
    old, new = before.interview, after.interview
    words = (old.person.wording, old.schedule.version) != (new.person.wording, new.schedule.version)
    pace = (old.pace, old.person.timezone) != (new.pace, new.person.timezone)
    shown = old.person.discreet and not new.person.discreet and not conversations.is_beckoned(uow, after)
    hidden = new.person.discreet and not old.person.discreet
    waits = (pace or shown or hidden) and _waits(uow, after)
    settling = _settles(uow, after)
    conversations.happen(uow, terms, after, NeedsChanged(words=words, pace=pace, waits=waits, settling=settling))
    if hidden:
        conversations.hide(uow, terms, after)
    elif shown:
        conversations.show(uow, after)
    now = participants.by_id(uow, terms, after.id).interview
    if not now.between or now.pace.review is not None:
        uow.close_tasks(after.id, frozenset({TaskKind.REVIEW.value}))


def _with_whose_words(before: Participant, after: Participant) -> Participant:
    """Whose words they write from now on, where that was changed after they had said so; 'ask' changes nothing."""
    was, said = (one.interview.person.attributes.get("who", "").casefold() for one in (before, after))
    if was == said or not after.interview.answers or needs.WHO.get(said) is None:
        return after
    return replace(after, interview=after.interview.but(who=needs.WHO[said]))


def _settles(uow: UnitOfWork, participant: Participant) -> bool:
    """Whether a timer waits for the open answer to be whole."""
    of_person = (timers.c.participant_id == participant.id, timers.c.kind == TimerKind.SETTLE.value)
    return uow.one(select(timers.c.id).where(*of_person)) is not None


def _waits(uow: UnitOfWork, participant: Participant) -> bool:
    """Whether the open point has not left yet."""
    of_point = (outbox.c.participant_id == participant.id, outbox.c.question == participant.interview.open_point)
    waiting = select(outbox.c.seq).where(*of_point, outbox.c.state.in_(["pending", "held"]))
    return uow.one(waiting.limit(1)) is not None
