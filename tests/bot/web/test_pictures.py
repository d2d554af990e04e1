"""The pictures page: each picture stands with a table of the same figures, and nobody's words are on it."""

from __future__ import annotations

import html
import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from bot.export.charts import Lines, svg_lines
from bot.interview.schedule import Wording
from bot.interview.state import Progress
from bot.messages import Address
from bot.records.tables import consents, messages
from bot.records.tables import participants as people
from bot.service import pictures, refiling
from tests.bot.web.conftest import Team
from tests.bot.web.test_conversation import state_of

LONDON = ZoneInfo("Europe/London")
AN_ANSWER = select(messages.c.id).where(messages.c.belongs == "answer")
FIRST, SECOND = Address("sms", "+447700900001"), Address("sms", "+447700900002")


async def test_weeks_and_questions_are_counted_as_they_were(team: Team) -> None:
    study = team.study
    study.consented(FIRST)
    study.leave()
    study.clock.forward(days=8)
    study.enrol(SECOND)
    study.says("Some secret words.", FIRST)
    study.says("DONE", FIRST)
    study.says("SKIP", FIRST)
    (weeks,) = study.program.database.read_now(pictures.weeks, LONDON).values()
    assert [(week.enrolled, week.agreed, week.finished) for week in weeks] == [(1, 1, 0), (2, 1, 0)]
    assert weeks[1].start - weeks[0].start == timedelta(days=7)
    assert weeks[0].start.weekday() == date(2026, 11, 23).weekday() == 0
    (questions,) = study.program.database.read_now(pictures.questions).values()
    first, second, third = questions
    assert (first.asked, first.answered, first.skipped, first.rest) == (1, 1, 0, 0)
    assert (second.asked, second.answered, second.skipped, second.rest) == (1, 0, 1, 0)
    assert (third.asked, third.answered, third.skipped, third.rest) == (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("moment", "monday"),
    [
        (datetime(2027, 3, 28, 22, 59, tzinfo=UTC), date(2027, 3, 22)),  # Sunday evening, a minute before midnight
        (datetime(2027, 3, 28, 23, 0, tzinfo=UTC), date(2027, 3, 29)),  # midnight, and the clocks went forward
        (datetime(2027, 10, 31, 23, 59, tzinfo=UTC), date(2027, 10, 25)),
        (datetime(2027, 11, 1, 0, 0, tzinfo=UTC), date(2027, 11, 1)),  # midnight, and the clocks went back
    ],
)
async def test_a_week_begins_on_monday_at_midnight_where_the_study_is(
    team: Team, moment: datetime, monday: date
) -> None:
    study = team.study
    study.clock.now = moment - timedelta(days=30)
    study.enrol(FIRST)
    study.clock.now = moment
    study.enrol(SECOND)
    study.clock.forward(days=21)
    (weeks,) = study.program.database.read_now(pictures.weeks, LONDON).values()
    assert next(week.start for week in weeks if week.enrolled == 2) == monday


async def test_what_somebody_said_before_it_was_asked_makes_it_no_question_that_was_asked(team: Team) -> None:
    study = team.study
    code = study.consented(FIRST)
    study.says("About the third.", FIRST)
    _, _, third, *_ = (one.id for one in study.program.schedules[("social-workers", "en")].questions)
    (said,) = study.program.database.read_now(lambda uow: uow.execute(AN_ANSWER).scalars().all())
    before = study.program.database.read_now(pictures.questions)
    study.run(refiling.refile, study.program.terms, code, "Ann", [said], third, "It was about the third.")
    assert study.program.database.read_now(pictures.questions) == before


async def test_how_soon_an_answer_came_is_counted_from_the_question_that_left_to_its_first_message(team: Team) -> None:
    study = team.study
    study.consented(FIRST)
    study.leave()
    study.clock.forward(hours=2)
    study.says("The first part.", FIRST)
    study.clock.forward(seconds=5)
    study.says("The second part.", FIRST)
    (pace,) = study.program.database.read_now(pictures.paces)
    assert (pace.channel, pace.answers, pace.median) == ("text", 1, timedelta(hours=2))
    assert pace.spans["Within 6 hours"] == 1
    assert sum(pace.spans.values()) == 1


@pytest.mark.parametrize(("path", "pictures"), [("/pictures", 2), ("/pictures/questions", 1)])
async def test_a_page_says_every_figure_of_a_picture_in_words_and_no_answer(
    team: Team, path: str, pictures: int
) -> None:
    assert "Nobody is enrolled yet" in (await team.cora.get(path)).text
    team.study.consented(FIRST)
    team.study.leave()
    team.study.says("Some secret words.", FIRST)
    page = (await team.cora.get(path)).text
    assert "secret" not in page
    drawn = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawn) == page.count("<table") == pictures
    for one in drawn:
        described = {child.tag.rpartition("}")[2]: child.text for child in ElementTree.fromstring(one)}
        assert described["title"]
        assert described["desc"]


def figures(page: str, columns: int) -> list[tuple[str, ...]]:
    """The rows of the page's tables that have so many figures."""
    found = re.findall(
        r"<tr[^>]*><th scope=.row.[^>]*>([^<]+?)(?:: <span[^<]*</span>)?</th>"
        + r"<td[^>]*>(\d+)</td>" * columns
        + "</tr>",
        page,
    )
    return [tuple(row) for row in found]


async def test_the_figures_of_the_question_page_and_its_picture_are_those_of_the_record(team: Team) -> None:
    study = team.study
    codes = [study.consented(FIRST), study.consented(SECOND)]
    for words, sender in (("I text.", FIRST), ("DONE", FIRST), ("SKIP", FIRST), ("Me too.", SECOND), ("DONE", SECOND)):
        study.says(words, sender)
    page = (await team.cora.get("/pictures/questions")).text
    interviews = [state_of(study, code).interview for code in codes]
    expected = []
    for question in interviews[0].schedule.questions:
        came = [each.answers[question.id].progress for each in interviews if question.id in each.answers]
        rest = sum(each.position == question.id for each in interviews)
        if came:
            settled, skipped = (came.count(one) for one in (Progress.SETTLED, Progress.SKIPPED))
            name = f"Q{interviews[0].schedule.number(question.id)} ({question.id})"
            expected.append(tuple(map(str, (name, len(came), settled, skipped, rest))))
    assert figures(page, 4) == expected
    assert [row[1:] for row in expected] == [("2", "2", "0", "0"), ("2", "0", "1", "1"), ("1", "0", "0", "1")]
    bars = re.findall(r'end">([^<]+)</text><rect [^>]*?width="([\d.]+)"[^>]*/><text[^>]*>(\d+)</text>', page)
    assert [(name, said) for name, _, said in bars] == [(row[0], row[2]) for row in expected]
    lengths = [float(length) for _, length, _ in bars]
    assert [length / lengths[0] for length in lengths] == [1, 0, 0], "a bar is as long as its figure"
    asked = interviews[0].schedule.questions[0].worded(Wording.STANDARD)[:60]
    assert asked in html.unescape(page), "what it asks stands beside it"


async def test_the_figures_of_the_weeks_and_their_lines_are_those_of_the_record(team: Team) -> None:
    study = team.study
    study.consented(FIRST)
    study.clock.forward(days=8)
    study.consented(SECOND)
    study.enrol(Address("sms", "+447700900003"))
    study.clock.forward(days=7)
    study.leave()
    study.says("I text.", FIRST)
    team.sign_in_again()
    page = (await team.cora.get("/pictures")).text
    joined = study.program.database.read_now(lambda uow: [row["created_at"] for row in uow.all(select(people))])
    agreed = study.program.database.read_now(
        lambda uow: [
            row["at"]
            for row in uow.all(select(func.max(consents.c.at).label("at")).group_by(consents.c.participant_id))
        ]
    )
    ends = [datetime(2026, 11, 30, tzinfo=UTC) + timedelta(weeks=number) for number in range(3)]
    expected = [tuple(str(sum(at < end for at in moments)) for moments in (joined, agreed, [])) for end in ends]
    assert [row[1:] for row in figures(page, 3)] == expected == [("1", "1", "0"), ("3", "2", "0"), ("3", "2", "0")]
    drawn = re.findall(r'<polyline points="([^"]+)"', page)
    heights = [[float(point.split(",")[1]) for point in line.split()] for line in drawn]
    bottom, top = max(map(max, heights)), min(map(min, heights))
    lines = [[round(3 * (bottom - at) / (bottom - top)) for at in line] for line in heights]
    assert sorted(lines) == sorted([int(row[column]) for row in expected] for column in range(3))
    spans = {row[0]: int(row[1]) for row in figures(page, 1)}
    assert (spans["Later"], sum(spans.values())) == (1, 1), "they answered after fifteen days"


def test_names_of_lines_that_end_close_together_do_not_lie_on_one_another() -> None:
    same = tuple((name, (0, 5)) for name in ("Enrolled", "Agreed", "Finished"))
    drawn = svg_lines(Lines("t", "people", ("a", "b"), same))
    heights = sorted(float(y) for y in re.findall(r'<text x="480" y="([\d.]+)"', drawn))
    assert len(heights) == 3
    assert all(below - above >= 18 for above, below in pairwise(heights))
    assert len(set(re.findall(r'stroke-dasharray="([^"]+)"', drawn))) == 3
