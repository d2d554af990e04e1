"""The matrix holds every answer whole, in the cell of its case and question, and nothing in it is a formula."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.export.matrix import LONGEST_CELL, OWN, Matrix, is_formula, pieces, safe
from bot.export.measures import utf16
from tests.bot.export.study import joins, stored_answers, take_out
from tests.bot.world import World, world

Rows = dict[str, dict[str, str]]


def unsafe(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and is_formula(cell) else cell


def read_csv(path: Path) -> Rows:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row["code"]: {k: unsafe(v) for k, v in row.items()} for row in csv.DictReader(file)}


def read_sheet(sheet: Any) -> Rows:
    head, *rows = ([cell.value or "" for cell in row] for row in sheet.iter_rows())
    return {row[0]: dict(zip(head, row, strict=False)) for row in rows}


def same(rows: Rows, answers: dict[tuple[str, str], str]) -> int:
    """Check every answer of every row; how many there were."""
    seen = 0
    for code, row in rows.items():
        for question, cell in row.items():
            if (code, question) in answers:
                more = [row[name] for name in row if name.startswith(f"{question} (continued")]
                assert cell + "".join(more) == answers[code, question]
                seen += 1
    return seen


def test_the_workbook_has_every_answer_of_the_database(held: World, tmp_path: Path) -> None:
    take_out(held, Matrix("xlsx"), tmp_path / "m.xlsx")
    book = openpyxl.load_workbook(tmp_path / "m.xlsx")
    assert book.sheetnames == ["disabled-adults", "social-workers", "names"]
    said = book["names"]["A1"].value
    assert said.startswith("Participants' own names and numbers are replaced by codes.")
    assert said.endswith("about which nobody has decided: 4 suggestions for 1 person.")
    rows = {code: row for sheet in book for code, row in read_sheet(sheet).items()}
    assert list(rows) == ["P01", "SW01", "SW02"]
    assert same(rows, stored_answers(held)) == 10
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None}
    assert kinds == {"s"}, "no cell is a formula, a number or a date"
    quoted = [c.value for sheet in book for row in sheet.iter_rows() for c in row if c.quotePrefix]
    assert quoted == ["=HYPERLINK(1)", '=1+1\nthis is <b>not</b> markup & "quoted"\na\ufffdb\nc']


def test_csv_files_have_every_answer_of_the_database(held: World, out: Path) -> None:
    take_out(held, Matrix("csv", folder=True), out)
    rows = {code: row for path in sorted(out.glob("*.csv")) for code, row in read_csv(path).items()}
    assert "Names of other people and of places stand as they were said" in (out / "README.txt").read_text()
    assert same(rows, stored_answers(held)) == 10
    assert "'=HYPERLINK(1)" in (out / "social-workers.csv").read_text("utf-8-sig")


def test_one_csv_file_holds_all_cohorts(held: World, out: Path) -> None:
    take_out(held, Matrix("csv"), out)
    rows = read_csv(out)
    assert {row["cohort"] for row in rows.values()} == {"disabled-adults", "social-workers"}
    assert same(rows, stored_answers(held)) == 10


def test_attributes_come_first_and_questions_in_the_order_of_the_schedule(held: World, out: Path) -> None:
    take_out(held, Matrix("csv", folder=True), out)
    head = list(read_csv(out / "social-workers.csv")["SW01"])
    schedule = held.program.schedules["social-workers", "en"]
    assert head == [*OWN, "region", "channel", "team", *(question.id for question in schedule.questions)]


def test_a_new_version_of_a_schedule_adds_its_columns_in_order(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        first = joins(study, 1)
        first.consents()
        first.answers("old")
        (key, schedule), *_ = [item for item in study.program.schedules.items() if item[0][0] == "social-workers"]
        section = schedule.sections[0]
        new = section.questions[0].model_copy(update={"id": "b-new"})
        questions = (section.questions[0], new, *section.questions[1:])
        changed = schedule.model_copy(
            update={"sections": (section.model_copy(update={"questions": questions}), *schedule.sections[1:])}
        )
        study.program.schedules[key] = type(schedule).from_json(changed.to_json())  # type: ignore[index]  # a dict
        second = joins(study, 2)
        second.consents()
        second.answers("one")
        second.answers("two")
        take_out(study, Matrix("csv"), tmp_path / "m.csv")
        rows = read_csv(tmp_path / "m.csv")
        assert list(rows["SW02"])[len(OWN) :][:3] == ["b-now", "b-new", "b-decide"]
        assert (rows["SW01"]["b-now"], rows["SW01"]["b-new"], rows["SW02"]["b-new"]) == ("old", "", "two")
        assert rows["SW01"]["schedule"] != rows["SW02"]["schedule"]


@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_an_answer_too_long_for_a_cell_goes_on_beside_it_and_nothing_is_cut(tmp_path: Path, form: str) -> None:
    with world(tmp_path) as study:
        phone = joins(study, 1)
        phone.consents()
        phone.answers(*(f"{number} " + "word 📱 " * 1200 for number in range(8)))
        phone.answers("x" * 40_000)
        take_out(study, Matrix(form), tmp_path / f"m.{form}")
        if form == "csv":
            rows = read_csv(tmp_path / "m.csv")
        else:
            rows = read_sheet(openpyxl.load_workbook(tmp_path / "m.xlsx")["social-workers"])
        assert same(rows, stored_answers(study)) == 2
        assert {"b-now (continued)", "b-now (continued 2)", "b-decide (continued)"} <= set(rows["SW01"])
        assert max(utf16(cell) for cell in rows["SW01"].values()) <= LONGEST_CELL


def test_emoji_after_the_place_of_a_cut_move_no_other_answer(tmp_path: Path) -> None:
    """A piece that ends at a space 499 emoji early is 998 units short, and three of them make a fourth cell."""
    piece = "a" * (LONGEST_CELL - 999) + " " + "📱" * 499
    with world(tmp_path) as study:
        phone = joins(study, 1)
        phone.consents()
        phone.answers(
            piece[:LONGEST_CELL] + "".join("b" * (LONGEST_CELL - 999 - 998) + " " + "📱" * 499 for _ in "12") + "c"
        )
        phone.answers("the next answer")
        take_out(study, Matrix("csv"), tmp_path / "m.csv")
        assert same(read_csv(tmp_path / "m.csv"), stored_answers(study)) == 2


def test_an_empty_study_has_an_empty_matrix(tmp_path: Path) -> None:
    with world(tmp_path) as study:
        take_out(study, Matrix("xlsx"), tmp_path / "m.xlsx")
        take_out(study, Matrix("csv"), tmp_path / "m.csv")
        assert openpyxl.load_workbook(tmp_path / "m.xlsx").sheetnames == ["no cases"]
        assert read_csv(tmp_path / "m.csv") == {}


@settings(deadline=None, max_examples=30)  # the texts are as long as a cell
@given(st.text(st.sampled_from("ab 📱\n"), max_size=30).map(lambda text: text * 5_000))
def test_pieces_together_are_the_text_and_each_fits(text: str) -> None:
    cut = pieces(text)
    assert "".join(cut) == text
    assert all(utf16(piece) <= LONGEST_CELL for piece in cut)


FORMULAS = ["=1", "+1", "-1", "@SUM(1)", " =1", "\t=1", "\n=1", "＝1", "'=1", "''=1"]


@given(st.sampled_from(FORMULAS) | st.text(max_size=20))
def test_a_safe_cell_is_no_formula_and_the_text_can_be_had_back(text: str) -> None:
    assert not safe(text).lstrip().startswith(("=", "+", "-", "@"))
    assert unsafe(safe(text)) == text


def test_words_are_left_alone() -> None:
    for text in ("", "a = b", "'tis", "3 - 2", "“=”"):
        assert safe(text) == text
