"""Whether a schedule asks the same in two languages: people may go over from one to the other in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from bot.interview.schedule import Eligibility, Question, Schedule, Statement

Point = Eligibility | Statement | Question

NEEDED = ("qualifies", "required", "permits")
"""What must be the same at every point, besides ids and order, for somebody who has begun in one language to go on in
the other."""

COMPARED = (*NEEDED, "follow_up", "closing", "sensitive", "optional", "handover")
"""What is to be the same in the files of a study; so two languages in which it is, are one way."""

CALLED = {Eligibility: "an eligibility question", Statement: "a consent statement", Question: "a question"}


@dataclass(frozen=True, slots=True)
class Difference:
    """What is other than in the first language, with the mend, and where each of the two is written."""

    problem: str
    here: tuple[str, ...]
    there: tuple[str, ...]


def english_first(language: str) -> tuple[bool, str]:
    """The order of a study's languages: the first is what the others are held against."""
    return language != "en", language


def untranslated(schedule: Schedule, first: Schedule) -> list[str]:
    """The ids of what is there word for word as in the first language, where that is another."""
    if schedule.language.partition("-")[0] == first.language.partition("-")[0]:
        return []
    theirs = dict(_worded(first))
    return [key for key, words in _worded(schedule) if theirs.get(key) == words and " " in words]


def _worded(schedule: Schedule) -> Iterator[tuple[str, str]]:
    yield from ((point.id, point.standard) for point in _points(schedule))
    yield from ((key, text.standard) for key, text in schedule.texts.items())


def one_way(one: Schedule, other: Schedule) -> bool:
    """Whether somebody who has begun with the one can go on with the other."""
    return _way(one) == _way(other)


def _way(schedule: Schedule) -> list[tuple[object, ...]]:
    return [(type(point), point.id, *(_trait(point, name) for name in NEEDED)) for point in _points(schedule)]


def difference(schedule: Schedule, first: Schedule) -> Difference | None:
    """The first thing that is other than in the first language; where it is None, the two are one way."""
    here, there = _points(schedule), _points(first)
    for mine, theirs in zip_longest(here, there):
        if mine is None or theirs is None or mine.id != theirs.id:
            return _of_order(here, there, mine, theirs, first.language)
        if (problem := _of_point(mine, theirs, first.language)) is not None:
            name, what = problem
            return Difference(f"{mine.id}: {what}; make them the same", (mine.id, name), (mine.id, name))
    return None


def _points(schedule: Schedule) -> tuple[Point, ...]:
    return (*schedule.eligibility, *schedule.statements, *schedule.questions)


def _of_order(
    here: tuple[Point, ...], there: tuple[Point, ...], mine: Point | None, theirs: Point | None, first: str
) -> Difference:
    """Two points that should be the same one; at most one of them is missing."""
    at = (mine or here[-1]).id, (theirs or there[-1]).id
    if theirs is not None and theirs.id not in {point.id for point in here}:
        where = f"before {mine.id}" if mine is not None else f"after {here[-1].id}"
        problem = f"{theirs.id} is missing: {first} has it; add it {where}, with the same id"
    elif mine is not None and mine.id not in {point.id for point in there}:
        problem = f"{mine.id} is not in {first}; add it there, or remove it here"
    else:
        problem = f"{at[0]} stands where {first} has {at[1]}; put them in the same order"
    return Difference(problem, at[:1], at[1:])


def _of_point(mine: Point, theirs: Point, first: str) -> tuple[str, str] | None:
    """Which key differs, and how."""
    if type(mine) is not type(theirs):
        return "id", f"is {CALLED[type(mine)]} here and {CALLED[type(theirs)]} in {first}"
    for name in COMPARED:
        one, other = _trait(mine, name), _trait(theirs, name)
        if one != other:
            return name, f"{name} is {_said(one)} here and {_said(other)} in {first}"
    if _branches(mine) != _branches(theirs):
        return "branches", f"branches go to {_branches(mine)} here and to {_branches(theirs)} in {first}"
    return None


def _trait(point: Point, name: str) -> object:
    return getattr(point, name, None)


def _said(value: object) -> str:
    return "not there" if value is None else str(value).lower()


def _branches(point: Point) -> str:
    """Where they lead, and on which attribute. The answers that lead there are words, and so each language's own."""
    branches = point.branches if isinstance(point, Question) else ()
    on = [f" if {each.when.attribute} is {each.when.is_}" if each.when.attribute else "" for each in branches]
    return ", ".join(f"{each.goto}{when}" for each, when in zip(branches, on, strict=True)) or "nothing"
