"""Putting people into the study: all of them or nobody, and every mistake named with its row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from bot.errors import EnrolmentError
from bot.messages import Address
from bot.records.tables import addresses, audit, data_keys, interviews, messages, outbox, participants, schedules
from bot.service import enrolment
from bot.service.enrolment import Entry, Placed
from tests.bot.world import World, world


@pytest.fixture
def study(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def read(study: World, folder: Path, *lines: str, encoding: str = "utf-8") -> list[Entry]:
    path = folder / "people.csv"
    path.write_text("\n".join(lines), encoding=encoding)
    return enrolment.read_csv(path, study.program.rules)


def sms(number: int) -> Address:
    return Address("sms", f"+4477009{number:05}")


def codes_of(placed: list[Placed]) -> list[str]:
    return [one.code for one in placed]


def preview(study: World, entries: list[Entry]) -> list[str]:
    return codes_of(study.program.database.read_now(enrolment.preview, study.program.rules, entries))


def test_three_columns_are_enough_and_unknown_ones_are_kept(study: World, tmp_path: Path) -> None:
    (entry,) = read(
        study, tmp_path, "cohort,channel,address,Team", "social-workers,sms,07700 900123,hospital", encoding="utf-8-sig"
    )
    assert entry.address == Address("sms", "+447700900123"), "a national number is completed"
    assert entry.attributes == {"team": "hospital"}


MISTAKES = {
    "no such cohort": ("nobody,sms,+447700900123", "there is no cohort 'nobody'"),
    "not a number": ("social-workers,sms,hello", "is not a phone number"),
    "too short a number": ("social-workers,sms,12", "is not a phone number"),
    "no address": ("social-workers,sms,", "the address is empty"),
    "a channel that is not set up": ("social-workers,telegram,@sam", "channel 'telegram' is not set up here"),
    "a simulated phone of no kind": (
        "social-workers,simulator,anna",
        "is no simulated phone; write one such as sms/anna",
    ),
    "more fields than columns": ("social-workers,sms,+447700900123,x,y,z", "has more fields than columns"),
}


@pytest.mark.parametrize(("row", "problem"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_its_row(study: World, tmp_path: Path, row: str, problem: str) -> None:
    with pytest.raises(EnrolmentError) as caught:
        read(study, tmp_path, "cohort,channel,address", "social-workers,sms,+447700900120", row)
    assert "people.csv:3: " in str(caught.value)
    assert problem in str(caught.value)


def test_all_mistakes_are_named_at_once(study: World, tmp_path: Path) -> None:
    with pytest.raises(EnrolmentError) as caught:
        read(study, tmp_path, "cohort,channel,address", *(row for row, _problem in MISTAKES.values()))
    assert len(str(caught.value).splitlines()) == len(MISTAKES)


@pytest.mark.parametrize(("slip", "meant"), [("wrding", "wording"), ("Adress", "address"), ("time zone", "timezone")])
def test_a_column_that_is_nearly_a_known_one_is_a_slip_and_no_note(
    study: World, tmp_path: Path, slip: str, meant: str
) -> None:
    with pytest.raises(EnrolmentError, match=rf"people\.csv:1: the column .*: did you mean {meant}\?"):
        read(study, tmp_path, f"cohort,channel,address,{slip}", "social-workers,sms,+447700900123,easy_read")


def test_a_column_that_is_there_twice_is_named(study: World, tmp_path: Path) -> None:
    with pytest.raises(EnrolmentError, match="the column name is there twice"):
        read(study, tmp_path, "cohort,channel,address,name,Name", "social-workers,sms,+447700900123,a,b")


@pytest.mark.parametrize("sign", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
def test_fields_may_be_parted_by_commas_semicolons_or_tabs(study: World, tmp_path: Path, sign: str) -> None:
    row = ("social-workers", "sms", "+447700900123", f'"Hospital{sign} ward 3"')
    (entry,) = read(study, tmp_path, sign.join(("cohort", "channel", "address", "team")), sign.join(row))
    assert entry.address == Address("sms", "+447700900123")
    assert entry.attributes == {"team": f"Hospital{sign} ward 3"}


@pytest.mark.parametrize("more", [[], ["", ""]])
def test_a_file_with_nobody_in_it_says_so(study: World, tmp_path: Path, more: list[str]) -> None:
    with pytest.raises(EnrolmentError, match="there is nobody in the file"):
        read(study, tmp_path, "cohort,channel,address", *more)


@pytest.mark.parametrize("after", [[], ["social-workers,sms,+447700900125,Ann", 'social-workers,sms,,"Ann"']])
def test_a_quote_that_is_never_closed_is_named_with_its_line(study: World, tmp_path: Path, after: list[str]) -> None:
    good, bad = "social-workers,sms,+447700900123,Sam", 'social-workers,sms,+447700900124,"Sam'
    with pytest.raises(EnrolmentError, match=r"people\.csv:4: .* a quote in this row that is never closed\?"):
        read(study, tmp_path, "cohort,channel,address,name", good, "", bad, *after)


def test_a_missing_column_says_what_the_first_line_must_hold(study: World, tmp_path: Path) -> None:
    with pytest.raises(EnrolmentError, match="the column address is missing"):
        read(study, tmp_path, "cohort,channel", "social-workers,sms")


def test_a_wrong_wording_or_time_zone_says_what_to_write(study: World, tmp_path: Path) -> None:
    with pytest.raises(EnrolmentError, match="wording 'plain' must be one of"):
        read(study, tmp_path, "cohort,channel,address,wording", "social-workers,sms,+447700900123,plain")
    with pytest.raises(EnrolmentError, match="write one like Europe/London"):
        read(study, tmp_path, "cohort,channel,address,timezone", "social-workers,sms,+447700900123,London")


def test_a_cell_in_quotes_may_hold_line_breaks_and_lines_are_counted_right(study: World, tmp_path: Path) -> None:
    good, bad = "social-workers,sms,+447700900123", "social-workers,sms,hello"
    note = '"first line\n\nthird, with a comma"'
    (entry,) = read(study, tmp_path, "cohort,channel,address,note", f"{good},{note}")
    assert entry.attributes == {"note": "first line\n\nthird, with a comma"}
    with pytest.raises(EnrolmentError) as caught:
        read(study, tmp_path, "cohort,channel,address,note", f"{good},{note}", "", f"{bad},{note}", f"{bad},x")
    places = [problem.split(": ")[0].rpartition("/")[2] for problem in str(caught.value).splitlines()]
    assert places == ["people.csv:6", "people.csv:9"]


def test_a_name_is_one_line_however_it_was_typed(study: World, tmp_path: Path) -> None:
    (entry,) = read(study, tmp_path, "cohort,channel,address,name", 'social-workers,sms,+447700900123,"Sam\n  Ann"')
    assert entry.name == "Sam Ann"


def test_a_file_that_is_no_csv_is_named_with_its_line(study: World, tmp_path: Path) -> None:
    row = "social-workers,sms,+447700900123"
    with pytest.raises(EnrolmentError, match=r"people\.csv:2: cannot be read as CSV: field larger than"):
        read(study, tmp_path, "cohort,channel,address,note", f"{row},{'x' * 131_073}")


def test_a_preview_finds_what_enrolling_would_and_writes_nothing(study: World, tmp_path: Path) -> None:
    terms, rules = study.program.terms, study.program.rules
    rows = [f"social-workers,sms,+44770090012{number}" for number in (1, 2, 1)]
    entries = read(study, tmp_path, "cohort,channel,address", *rows)
    for look in (lambda: preview(study, entries), lambda: study.run(enrolment.enrol_all, terms, rules, entries)):
        with pytest.raises(EnrolmentError, match=r"people\.csv:4: somebody is enrolled with this sms address already"):
            look()
    assert preview(study, entries[:2]) == ["SW01", "SW02"]
    for table in (participants, addresses, interviews, messages, outbox, data_keys, audit, schedules):
        assert study.count_of(table) == 0, table.name
    assert codes_of(study.run(enrolment.enrol_all, terms, rules, entries[:2])) == ["SW01", "SW02"]
    with pytest.raises(EnrolmentError) as caught:
        preview(study, entries)
    assert len(str(caught.value).splitlines()) == 3, "every problem at once"


def test_a_preview_counts_codes_as_enrolling_does(study: World) -> None:
    """Also where a code that was written is the next one, or was given to somebody above by number."""
    study.enrol(Address("sms", "+447700900110"), code="SW03")
    people = [Entry("social-workers", sms(number), code=code) for number, code in enumerate(("", "SW09", "", "P1"))]
    assert preview(study, people) == ["SW04", "SW09", "SW10", "P1"]
    assert codes_of(study.run(enrolment.enrol_all, study.program.terms, study.program.rules, people)) == [
        "SW04",
        "SW09",
        "SW10",
        "P1",
    ]
    clash = [Entry("social-workers", sms(number), code=code) for number, code in enumerate(("", "SW11"), 10)]
    with pytest.raises(EnrolmentError, match="SW11 is enrolled already"):
        preview(study, clash)


def test_if_one_cannot_be_enrolled_nobody_is(study: World) -> None:
    entries = [Entry("social-workers", Address("sms", f"+44770090012{number}")) for number in (1, 2, 1)]
    with pytest.raises(EnrolmentError, match="enrolled with this sms address already"):
        study.run(enrolment.enrol_all, study.program.terms, study.program.rules, entries)
    assert study.count_of(participants) == 0
    assert study.waiting() == 0


def test_codes_count_on_and_one_in_use_is_refused(study: World) -> None:
    assert study.enrol() == "SW01"
    assert study.enrol(Address("sms", "+447700900124"), code="SW07") == "SW07"
    assert study.enrol(Address("sms", "+447700900125")) == "SW08"
    with pytest.raises(EnrolmentError, match="SW07 is enrolled already"):
        study.enrol(Address("sms", "+447700900126"), code="SW07")


def test_a_file_counts_on_past_its_own_codes_and_reads_those_in_use_once(study: World) -> None:
    study.enrol(Address("sms", "+447700900110"), code="SW03")
    codes = ("", "", "SW09", "")
    people = [Entry("social-workers", Address("sms", f"+44770090012{n}"), code=code) for n, code in enumerate(codes)]
    read: list[str] = []

    def look(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        read.extend([statement] if "LIKE" in statement else [])

    event.listen(Engine, "before_cursor_execute", look)
    try:
        placed = study.run(enrolment.enrol_all, study.program.terms, study.program.rules, people)
    finally:
        event.remove(Engine, "before_cursor_execute", look)
    assert codes_of(placed) == ["SW04", "SW05", "SW09", "SW10"]
    assert len(read) == 1


def test_the_welcome_comes_first_and_the_first_statement_last(study: World) -> None:
    entries = study.record(study.enrol()).entries
    assert entries[0].body.startswith("Hello Sam")
    assert entries[-1].body.startswith("1. ")
    assert {entry.delivery for entry in entries} == {"waiting to leave"}
