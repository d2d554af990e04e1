"""A whole interview at one look: what the engine sends, in its order, with the branches where they begin."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from bot import prompts
from bot.interview.cost import texts
from bot.interview.rehearsal import scenes
from bot.interview.schedule import Branch, Condition, Eligibility, Question, Schedule, Statement, Wording
from bot.interview.state import Interview, Pace, Person, Study
from tests.bot.interview.small import schedule
from tests.rig import ROOT


def seen(made: Schedule, *, offered: bool = False) -> list[str]:
    """Each scene as a line: in how many branches, after what, what is open then, and the last that is sent."""
    person = Person("Sam", Wording.STANDARD, "text", ZoneInfo("UTC"), "Ann", date(2027, 9, 30))
    interview = Interview(made, Study("Own Pace", "us"), person, Pace(timedelta(), None, prompts=offered))
    return [
        f"{'> ' * scene.depth}{scene.after}: {scene.open}: {scene.sent[-1] if scene.sent else ''}"
        for scene in scenes(interview)
    ]


def test_it_is_the_straight_way_with_what_each_branch_and_each_no_bring() -> None:
    assert seen(schedule(eligibility=True)) == [
        "They join by an invitation: e-adult: Are you 18 or over? YES or NO?",
        "> If an answer says that the study is not for them, here or later: : [not-eligible]",
        "YES: e-staff: Do you work for us? YES or NO?",
        "NO: c1: I know what this is about. YES or NO?",
        "> If they say NO to a statement that is needed, here or later: c1: [consent-declined]",
        "YES: c2: I choose to take part. YES or NO?",
        "YES: c3: You may write to me later. YES or NO?",
        "YES: a-ways: Q1/3 Which ways do you use? (or SKIP)",
        "> If the answer is 'none', 'no': a-why: Q1/3 Why none? (or SKIP)",
        "An answer: a-good: Q2/3 What went well? (or SKIP)",
        "An answer: a-hard: Q3/3 (you can SKIP this) What was hard?",
        "An answer: a-close: Anything else? (or SKIP)",
        "An answer: : [thanks Sam]\n\n[check-answers]",
    ]


def test_a_stock_follow_up_and_a_person_stand_where_they_come_and_the_branch_leads_past_them() -> None:
    ways = seen(schedule("a-ways"), offered=True)
    assert ways[0].startswith("They are enrolled: c1:")
    start = next(number for number, line in enumerate(ways) if line.startswith("YES: a-ways"))
    assert ways[start + 1 : start + 6] == [
        "> If the answer is 'none', 'no': a-why: Q1/3 Why none? (or SKIP)",
        "An answer: a-ways: Anything more?",
        "An answer: a-ways: [person-asked: by 5:00 pm on Monday 4 January]",
        "A person takes over: a-ways: ",
        "The person hands back: a-good: Q2/3 What went well? (or SKIP)",
    ]


def test_a_branch_of_a_branch_stands_below_it_and_one_on_what_is_known_of_a_person_says_so() -> None:
    made = schedule()
    first, why, *others = made.sections[0].questions
    known = Branch(when=Condition.model_validate({"attribute": "team", "is": "hospital"}), goto="a-good")
    why = why.model_copy(update={"branches": (known,)})
    section = made.sections[0].model_copy(update={"questions": (first, why, *others)})
    ways = seen(made.model_copy(update={"sections": (section, *made.sections[1:])}))
    start = next(number for number, line in enumerate(ways) if line.startswith("> If the answer"))
    assert ways[start + 1] == "> > If team is 'hospital': a-good: Q2/3 What went well? (or SKIP)"
    assert not ways[start + 2].startswith(">")


def test_every_question_and_statement_of_the_study_is_shown() -> None:
    for made in prompts.load(ROOT / "prompts").values():
        lines = seen(made)
        asked: tuple[Eligibility | Statement | Question, ...] = (*made.eligibility, *made.statements, *made.questions)
        for each in asked:
            assert any(f": {each.id}: " in line for line in lines), each.id


def test_what_comes_after_a_person_handed_back_is_counted_too() -> None:
    straight, through_a_person = texts(schedule(), Wording.SHORT), texts(schedule("a-ways"), Wording.SHORT)
    assert len(through_a_person) == len(straight) + 1, "and the text that promises a person"
