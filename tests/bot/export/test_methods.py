"""The methods report counts what was done, tells each chart as a table too, and has no words of anybody."""

from __future__ import annotations

import html.parser
import re
from pathlib import Path
from zipfile import ZipFile

import docx
from hypothesis import given
from hypothesis import strategies as st

from bot.export.charts import Chart, svg
from bot.export.methods import Figures, Methods
from bot.export.record import Scope
from tests.bot.export.study import joins, take_out
from tests.bot.world import World, world
from tests.rig import ROOT

STUDY = {"prompts": ROOT / "prompts", "contact_phone": "01632 960000"}


class Tables(html.parser.HTMLParser):
    """The tables of a page: each a list of rows of cells, by caption."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self._caption = ""
        self._rows: list[list[str]] = []
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._caption, self._rows = "", []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
        if tag in ("td", "th", "caption"):
            self._in = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.found[self._caption] = self._rows
        if tag in ("td", "th", "caption"):
            self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "caption":
            self._caption += data
        elif self._in:
            self._rows[-1][-1] += data


def report(study: World, out: Path) -> dict[str, list[list[str]]]:
    take_out(study, Methods("html"), out, scope=Scope.ENROLLED, force=True)
    return Tables(out.read_text()).found


def test_it_counts_people_messages_answers_and_where_they_rest(held: World, out: Path) -> None:
    tables = report(held, out)
    people = {row[0]: row[1:] for row in tables["People, by cohort and state"]}
    assert people[""] == ["disabled-adults", "social-workers"]
    assert people["Enrolled"] == ["1", "3"], "who asked to be deleted is not counted"
    assert people["Consented"] == ["1", "2"]
    assert people["Now: stopped"] == ["1", "0"]
    answers = {row[0]: row[1:] for row in tables["Answers, by cohort and channel"]}
    assert answers["disabled-adults, text message"][:2] == ["2", "2"]
    assert answers["social-workers, text message"][0] == "8"
    messages = {row[0]: row[1:] for row in tables["Messages, by cohort and channel"]}
    assert messages["disabled-adults, text message"][-3:] == ["0", "2", "0"]
    assert messages["social-workers, text message"][-1] == "2"


def test_who_waits_for_a_place_or_is_asked_first_came_forward_and_is_not_enrolled(tmp_path: Path) -> None:
    with world(tmp_path, study=STUDY | {"quotas": {"social-workers": 1}}) as study:
        joins(study, 1).consents()
        joins(study, 2)
        joins(study, 3).says("NO")
        joins(study, 4, "disabled-adults").says("NO")
        tables = report(study, tmp_path / "m.html")
        people = {row[0]: row[1:] for row in tables["People, by cohort and state"]}
        assert people["Came forward"] == ["1", "2"], "who wants nothing kept is not counted"
        assert people["Enrolled"] == ["1", "1"]
        assert people["Now: waiting"] == ["0", "1"]
        assert people["Now: declined"] == ["1", "0"]
        assert "3 people came forward whose figures may be told, and 2 of them were enrolled" in " ".join(
            (tmp_path / "m.html").read_text().split()
        )


def test_the_drop_out_point_and_skips_are_by_question(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        for number, skips in ((1, 0), (2, 1), (3, 1)):
            phone = joins(study, number)
            phone.consents()
            phone.answers("here I am")
            phone.says(*["SKIP"] * skips)
        tables = report(study, tmp_path / "m.html")
        rows = {
            row[0]: row[1:]
            for row in tables["social-workers, by question: an interview that is not complete rests at one of them"]
        }
        assert rows["b-now"] == ["3", "3", "0", "0"]
        assert rows["b-decide"] == ["3", "0", "2", "1"]
        assert rows["b-purpose"] == ["2", "0", "0", "2"]


def test_a_complete_interview_has_its_days(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        phone = joins(study, 1)
        phone.consents()
        questions = sum(not q.follow_up for q in study.program.schedules["social-workers", "en"].questions)
        for _ in range(questions):
            study.clock.forward(days=1)
            phone.answers("an answer of five words")
        tables = report(study, tmp_path / "m.html")
        days = tables["Days from the first question to the last answer, in interviews that are complete"]
        assert days[1] == ["social-workers, text message", "1", *[str(questions)] * 3]
        assert tables["The same as a table: Median words in an answer"][1][1] == "5"
        assert tables["The same as a table: Median minutes to the first answer"][1][1] == str(24 * 60 + 1)


def test_each_chart_is_told_as_a_table_with_the_same_figures(held: World, out: Path) -> None:
    tables = report(held, out)
    page = out.read_text()
    charts = re.findall(r"<svg .*?<title>(.*?)</title><desc>Bars, in \w+: (.*?)</desc>", page)
    assert len(charts) >= 5
    for title, said in charts:
        rows = tables[f"The same as a table: {title}"][1:]
        assert said == "; ".join(f"{name} {value}" for name, value in rows)


def test_the_word_report_has_the_same_figures_and_its_charts_are_described(held: World, tmp_path: Path) -> None:
    tables = report(held, tmp_path / "m.html")
    take_out(held, Methods("docx"), tmp_path / "m.docx", scope=Scope.ENROLLED)
    word = docx.Document(str(tmp_path / "m.docx"))
    told = [[[cell.text for cell in row.cells] for row in each.rows] for each in word.tables]
    assert told == list(tables.values())
    with ZipFile(tmp_path / "m.docx") as file:
        charts = [name for name in file.namelist() if name.startswith("word/charts/")]
        described = re.findall(r'descr="Bars, in', file.read("word/document.xml").decode())
    assert len(charts) == len(described) >= 5


def test_it_has_no_words_of_anybody(held: World, out: Path) -> None:
    report(held, out)
    for word in ("hospital", "I text her", "Anna", "R01", "SW01"):
        assert word not in out.read_text()


def test_an_empty_study_has_a_report(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        tables = report(study, tmp_path / "m.html")
        assert tables["Messages, by cohort and channel"][1:] == []


@given(st.lists(st.integers(0, 50), min_size=1))
def test_a_median_is_that_of_the_list(numbers: list[int]) -> None:
    assert Figures(numbers).median == sorted(numbers)[(len(numbers) - 1) // 2]
    assert (Figures(numbers).at(0), Figures(numbers).at(1)) == (min(numbers), max(numbers))


def test_a_chart_escapes_what_it_says() -> None:
    assert "<b>" not in svg(Chart("<b>", "<b>", "<b>", (("<b>", 1.0),)))
