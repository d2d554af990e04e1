"""The case-by-question matrix: a row for each case, its attributes first, then a column for each question in order.

Cohorts are sheets of one workbook, or CSV files in one folder. A cell holds at most what Excel takes; what is longer
goes on in a column beside it that is called "(continued)". Nothing is cut.
"""

from __future__ import annotations

import csv
import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TextIO

from lxml.etree import SerialisationError
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._writer import ALL_TEMP_FILES, WorksheetWriter
from openpyxl.worksheet.worksheet import Worksheet

from bot.export.measures import merged, utf16
from bot.export.reading import Study
from bot.export.record import Case, Cohort
from bot.export.writing import ATTRIBUTE, Passage

LONGEST_CELL = 32_767
"""Characters in a cell, counted in UTF-16 units (Excel specifications and limits, support.microsoft.com)."""

EARLY = 500
"""How much shorter a piece may be in order to end at a space, in code points: twice as much in UTF-16 units."""

ABOUT = 100
"""How many figures of the default font the sheet about names is wide."""

OWN = ("code", "cohort", "schedule", "language", "wording", "channels", "state")
"""The columns that every case has, before those that enrolment gave it."""

_FORMULA = re.compile(r"\s*'*\s*[=+\-@＝＋－＠]")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet may take the text for a formula (OWASP, CSV injection)."""
    return _FORMULA.match(text) is not None


def safe(text: str) -> str:
    """The text for a CSV cell: one apostrophe more at the start of what looks like a formula."""
    return f"'{text}" if is_formula(text) else text


def pieces(text: str) -> list[str]:
    """The text in cells, split after a space or line end where there is one near; together they are the text."""
    cut: list[str] = []
    while utf16(text) > LONGEST_CELL:
        end = LONGEST_CELL if text.isascii() else _fitting(text)
        near = max(text.rfind(space, end - EARLY, end) for space in " \n")
        end = near + 1 if near > 0 else end
        cut.append(text[:end])
        text = text[end:]
    return [*cut, text]


def _fitting(text: str) -> int:
    """How many code points fit into one cell."""
    units = 0
    for place, letter in enumerate(text):
        units += 2 if ord(letter) > 0xFFFF else 1
        if units > LONGEST_CELL:
            return place
    return len(text)


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of one cohort: name, and how many cells each of its questions takes."""

    attributes: Mapping[str, str]
    questions: Mapping[str, int]

    def head(self) -> list[str]:
        names = [*OWN, *self.attributes.values()]
        for question, cells in self.questions.items():
            names += [question, *(_continued(question, number) for number in range(1, cells))]
        return names

    def row(self, case: Case) -> list[str]:
        cells = [
            case.code,
            case.head.cohort,
            case.schedule.version,
            case.language,
            case.wording,
            ", ".join(case.channels),
            case.head.state,
            *(case.attributes.get(name, "") for name in self.attributes),
        ]
        answers = {answer.question: answer for answer in case.answers}
        for question, wide in self.questions.items():
            filled = pieces(answers[question].marked) if question in answers else [""]
            cells += [*filled, *[""] * (wide - len(filled))]
        return cells


def _continued(question: str, number: int) -> str:
    return f"{question} (continued)" if number == 1 else f"{question} (continued {number})"


def _columns(study: Study, cohorts: Sequence[Cohort]) -> _Columns:
    """The columns that cases of these cohorts share: a union in order."""
    questions = merged(cohort.questions for cohort in cohorts)
    taken = {*OWN, *questions}
    attributes = {name: f"{name} (attribute)" if name in taken else name for name in study.survey.attributes}
    longest = study.survey.longest
    return _Columns(
        attributes,
        {key: _cells(max(longest.get((cohort.name, key), 0) for cohort in cohorts)) for key in questions},
    )


def _cells(length: int) -> int:
    """How many cells a text of that many UTF-16 units may need: a piece may end early, at a space."""
    return 1 if length <= LONGEST_CELL else -(-length // (LONGEST_CELL - 2 * EARLY - 1))


@dataclass(frozen=True, slots=True)
class Matrix:
    """xlsx with a sheet for each cohort, or csv: one file for all, or a folder with one for each cohort."""

    format: str
    folder: bool = False
    name: str = "matrix"

    def passages(self, case: Case) -> Iterator[Passage]:
        yield from attributes(case)
        for answer in case.answers:
            yield Passage(f"question {answer.question}", answer.marked)

    def write(self, study: Study, place: Path) -> None:
        if self.format == "xlsx":
            _xlsx(study, place)
        elif self.folder:
            _csv_folder(study, place)
        else:
            _csv(study, place)


def attributes(case: Case) -> Iterator[Passage]:
    """What enrolment said of a person."""
    for name, value in case.attributes.items():
        yield Passage(f"{ATTRIBUTE}{name}", value)


def _csv(study: Study, place: Path) -> None:
    """One file for all cohorts."""
    columns = _columns(study, study.cohorts)
    with csv_file(place) as file:
        writer = csv.writer(file)
        writer.writerow(map(safe, columns.head()))
        for case in study.cases("Writing the matrix"):
            writer.writerow(map(safe, columns.row(case)))


def _csv_folder(study: Study, place: Path) -> None:
    """A file for each cohort, and one that says what to know of names."""
    place.mkdir()
    columns = {cohort.name: _columns(study, [cohort]) for cohort in study.cohorts}
    with ExitStack() as files:
        writers = {name: csv.writer(files.enter_context(csv_file(place / f"{name}.csv"))) for name in columns}
        for name, writer in writers.items():
            writer.writerow(map(safe, columns[name].head()))
        for case in study.cases("Writing the matrix"):
            writers[case.head.cohort].writerow(map(safe, columns[case.head.cohort].row(case)))
    (place / "README.txt").write_text(f"{study.names}\n", encoding="utf-8")


def csv_file(place: Path) -> TextIO:
    """UTF-8 with a byte order mark, without which Excel takes it for something else; lines end as RFC 4180 says."""
    return place.open("w", encoding="utf-8-sig", newline="")


def _xlsx(study: Study, place: Path) -> None:
    book = Workbook(write_only=True)
    sheets: dict[str, Any] = {}
    columns = {cohort.name: _columns(study, [cohort]) for cohort in study.cohorts}
    for name, of in columns.items():
        sheet = sheets[name] = book.create_sheet(_sheet_name(name, sheets))
        sheet.freeze_panes = "B2"
        sheet.print_title_rows, sheet.print_title_cols = "1:1", "A:A"
        sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", Worksheet.PAPERSIZE_A3
        for number, width in enumerate(_widths(of), start=1):
            sheet.column_dimensions[get_column_letter(number)].width = width
        _grows_in(sheet, place.with_name(f"sheet-{len(sheets)}.xml"))
        sheet.append([_cell(sheet, title, bold=True) for title in of.head()])
    if not sheets:
        book.create_sheet("no cases")
    else:
        sheets[""] = _about(book, study.names, _sheet_name("names", sheets), place)
    book.properties.title, book.properties.creator = "Case by question", "Own Pace"
    rows = {name: count(2) for name in columns}
    with _failing_as_the_disk_does(sheets.values()):
        for case in study.cases("Writing the matrix"):
            sheet, of = sheets[case.head.cohort], columns[case.head.cohort]
            texts, row = of.row(case), next(rows[case.head.cohort])
            sheet.row_dimensions[row].height = _height(texts, _widths(of))
            sheet.append([_cell(sheet, text) for text in texts])
            del sheet.row_dimensions[row]
        book.save(place)


def _about(book: Workbook, names: str, title: str, place: Path) -> Any:
    """The last sheet: what a reader must know of names."""
    sheet = book.create_sheet(title)
    sheet.column_dimensions["A"].width = ABOUT
    _grows_in(sheet, place.with_name("sheet-names.xml"))
    sheet.row_dimensions[1].height = _height([names], [ABOUT])
    sheet.append([_cell(sheet, names)])
    return sheet


def _widths(columns: _Columns) -> list[int]:
    """How many figures of the default font each column takes; columns of answers are the wide ones."""
    narrow = len(OWN) + len(columns.attributes)
    return [16] * narrow + [48] * (len(columns.head()) - narrow)


def _height(texts: Sequence[str], widths: Sequence[int]) -> int:
    """Points in which the longest text of a row is to be seen; LibreOffice measures it only while it is written.

    Excel takes 409 at most (Excel specifications and limits).
    """
    lines = (
        sum(-(-max(len(line), 1) // width) for line in text.split("\n"))
        for text, width in zip(texts, widths, strict=True)
    )
    return min(15 * max(lines), 405)


@contextmanager
def _failing_as_the_disk_does(sheets: Iterable[Any]) -> Iterator[None]:
    """Raises OSError where lxml, in whose hands the file is, says in its own words that it cannot be written."""
    try:
        yield
    except SerialisationError as error:
        for sheet in sheets:
            for begun in (sheet._rows, sheet._writer.xf):
                with suppress(SerialisationError):
                    begun.close()
        code = getattr(errno, str(error).removeprefix("IO_"), errno.EIO)
        raise OSError(code, os.strerror(code)) from error


def _grows_in(sheet: Any, place: Path) -> None:
    """Let openpyxl write rows here: its own choice is a file in the system's folder, which stays when it is killed."""
    ALL_TEMP_FILES.append(str(place))
    sheet._writer = WorksheetWriter(sheet, out=str(place))
    sheet._writer.write_top()


def _cell(sheet: Any, text: str, bold: bool = False) -> Any:
    """A cell of text, whatever it looks like: never a formula, a number or a date."""
    if not text:
        return None
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    if is_formula(text):
        cell.quotePrefix = True
    if bold:
        cell.font = Font(bold=True)
    cell.alignment = Alignment(wrap_text=True, vertical="top")
    return cell


def _sheet_name(cohort: str, taken: Mapping[str, Any]) -> str:
    """At most 31 characters, and no two alike."""
    name = cohort[:31]
    return name if name not in taken else f"{name[:28]}~{len(taken)}"
