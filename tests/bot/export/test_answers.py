"""The data hold every answer and every message, and the dictionary says what every column is."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from sqlalchemy import select

from bot.export.answers import ANSWER_COLUMNS, MESSAGE_COLUMNS, TABLES, Answers, moment
from bot.records.tables import messages
from tests.bot.export.study import cases, stored_answers, take_out
from tests.bot.export.test_matrix import unsafe
from tests.bot.world import World

Table = list[dict[str, Any]]


def read(folder: Path, table: str, form: str) -> Table:
    """A table, its values as JSON would have them: whole numbers, true and false, moments as text, None."""
    path = folder / f"{table}.{form}"
    types = {column.name: column.type for column in TABLES[table]}
    if form == "jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if form == "parquet":
        rows = pyarrow.parquet.read_table(path).to_pylist()
        return [{k: moment(v) if isinstance(v, datetime) else v for k, v in row.items()} for row in rows]
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [{name: _typed(cell, types[name]) for name, cell in row.items()} for row in csv.DictReader(file)]


def _typed(cell: str, kind: type) -> Any:
    if kind is str:
        return unsafe(cell)
    if not cell:
        return None
    return int(cell) if kind is int else cell == "true" if kind is bool else cell


@pytest.fixture(scope="module", params=["csv", "jsonl", "parquet"])
def data(held: World, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Table, Table]:
    """The answers and the messages, in each format."""
    out = tmp_path_factory.mktemp("data") / "data"
    take_out(held, Answers(request.param), out)
    return read(out, "answers", request.param), read(out, "messages", request.param)


def test_every_answer_of_the_database_is_a_row(held: World, data: tuple[Table, Table]) -> None:
    answers, _ = data
    rows = {(row["case"], row["question"]): row["text"] for row in answers if row["parts"]}
    stored = {key: text for key, text in stored_answers(held).items() if key[0] not in ("P02", "SW03")}
    assert rows == stored
    assert all(set(row) == {column.name for column in ANSWER_COLUMNS} for row in answers)


def test_every_message_of_a_case_is_a_row_and_what_was_taken_back_has_no_words(
    held: World, data: tuple[Table, Table]
) -> None:
    _, rows = data
    ids = {case.head.id for case in cases(held)}
    query = select(messages.c.id, messages.c.removed_at).where(messages.c.participant_id.in_(ids))
    stored = held.program.database.read_now(lambda uow: {row["id"]: row["removed_at"] for row in uow.all(query)})
    assert {row["message"] for row in rows} == set(stored)
    removed = [row for row in rows if row["removed"]]
    assert {row["message"] for row in removed} == {key for key, at in stored.items() if at}
    assert len(removed) == 2
    assert {(row["text"], row["words"]) for row in removed} == {("", None)}
    assert all(set(row) == {column.name for column in MESSAGE_COLUMNS} for row in rows)


def test_the_facts_of_an_answer_are_counted(data: tuple[Table, Table]) -> None:
    answers, _ = data
    of = {(row["case"], row["question"]): row for row in answers}
    first = of["SW01", "b-now"]
    assert (first["parts"], first["words"], first["channels"], first["progress"]) == (2, 14, "text message", "settled")
    assert (first["seconds_to_first"], first["seconds_to_last"]) == (60, 120)
    talk = of["P01", "a-choice"]
    assert (talk["probes"], talk["replies"], talk["asked_times"]) == (1, 1, 2)
    skipped = of["SW01", "b-access"]
    assert (skipped["progress"], skipped["parts"], skipped["first_at"]) == ("skipped", 0, None)
    assert of["SW02", "b-decide"]["removed_parts"] == 1


def test_a_message_says_who_wrote_it_and_what_became_of_it(data: tuple[Table, Table]) -> None:
    _, rows = data
    probe = next(row for row in rows if row["author"] == "R01")
    assert (probe["kind"], probe["direction"], probe["case"], probe["question"]) == ("probe", "out", "P01", "a-choice")
    assert probe["delivery"] == "accepted"
    assert {row["kind"] for row in rows} >= {"answer", "consent", "command", "conversation", "question", "stock"}


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_the_dictionary_says_what_every_column_is(held: World, out: Path, form: str) -> None:
    take_out(held, Answers(form), out)
    with (out / "dictionary.csv").open(encoding="utf-8-sig", newline="") as file:
        known = {(row["table"], row["column"]): row["meaning"] for row in csv.DictReader(file)}
    for name, columns in TABLES.items():
        for column in columns:
            assert known[f"{name}.{form}", column.name]
