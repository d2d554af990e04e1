"""Answers and messages as data: one row for each question that was asked, one for each message, and what columns mean.

In csv, jsonl or parquet, in one folder with dictionary.csv. Words that a participant took back are marked, not shown.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from bot.export.matrix import csv_file, safe
from bot.export.reading import Study
from bot.export.record import Answer, Case, Kind, Speaker, Turn
from bot.export.writing import Passage, joined

FORMATS = ("csv", "jsonl", "parquet")
BATCH = 2_000
"""Rows of parquet that are written at a time."""

Value = str | int | bool | datetime | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its type, and what it means."""

    name: str
    type: type
    meaning: str


WRITTEN_UP = (
    Column("write_ups", str, "of what a person wrote up: transcription, description or translation"),
    Column("written_up_by", str, "who wrote it up, by pseudonym"),
    Column("written_up_at", datetime, "when the newest version was written, UTC"),
    Column("checked_by", str, "who checked it, by pseudonym"),
)
"""Columns on media: what is written up stands in the text, below a mark in brackets."""

ANSWER_COLUMNS = (
    Column("case", str, "the participant's code"),
    Column("cohort", str, "the participant's cohort"),
    Column("schedule", str, "the version of the schedule that the interview is on"),
    Column("language", str, "the language of the schedule"),
    Column("section", str, "the id of the section"),
    Column("question", str, "the id of the question"),
    Column("number", int, "the question's number as the participant sees it; a follow-up has that of the one before"),
    Column("progress", str, "asked (still open), settled, or skipped by the participant"),
    Column("whose_words", str, "own words, with help, or on behalf: as they said it; empty where nobody said"),
    Column(
        "text",
        str,
        "the whole answer: its messages in the order they came, each on a line of its own; "
        "what was written up stands below a mark in brackets",
    ),
    Column("words", int, "words in the answer, typed or written up, cut at spaces; marks are none"),
    Column("characters", int, "code points in the answer"),
    Column("parts", int, "messages that make the answer"),
    Column("late_parts", int, "of these, messages that came when the interview had gone on already"),
    Column("removed_parts", int, "messages that the participant took back; their words are nowhere"),
    Column("edited_parts", int, "messages that the participant changed after sending; the newest words are here"),
    Column("media", str, "what came besides words, such as voice note 1:32"),
    *WRITTEN_UP,
    Column("channels", str, "the channels the answer came by, in order of first use"),
    Column("asked_times", int, "how often the question was sent: more than once after AGAIN, BACK or a break"),
    Column("asked_at", datetime, "when the question left for the first time, UTC"),
    Column("first_at", datetime, "when the first message of the answer came, UTC"),
    Column("last_at", datetime, "when the last message of the answer came, UTC"),
    Column("seconds_to_first", int, "from asked_at to first_at"),
    Column("seconds_to_last", int, "from asked_at to last_at"),
    Column("prompts", int, "stock prompts that the bot sent at this question"),
    Column("probes", int, "messages that a researcher wrote at this question"),
    Column("replies", int, "messages from the participant to a researcher at this question; not part of the answer"),
    Column("reminders_before", int, "reminders between the question and the answer"),
)

MESSAGE_COLUMNS = (
    Column("case", str, "the participant's code"),
    Column("cohort", str, "the participant's cohort"),
    Column("message", int, "the message's number in the database, the same in every export"),
    Column("piece", int, "from 1, where a researcher has split the message between questions"),
    Column("order", int, "its place in this interview, from 1"),
    Column("direction", str, "in: from the participant; out: to them"),
    Column("author", str, "the participant's code, Bot, or a researcher's pseudonym such as R01"),
    Column("kind", str, "from the participant: answer, late, conversation (with a researcher), aside, consent, "
           "command, choice, unread, other; to them: question, prompt, probe (a researcher's words), reminder, stock"),
    Column("question", str, "the id of the question it belongs to, if any"),
    Column("stock_texts", str, "the ids of the study's texts it is made of, if any"),
    Column("wording", str, "the wording of what was sent: standard, easy_read or short"),
    Column("channel", str, "the channel it came or left by"),
    Column("at", datetime, "when it came to us, or left, UTC"),
    Column("written_at", datetime, "when the participant's phone or provider says it was written, UTC, where known"),
    Column("seconds_since_previous", int, "from the message before it in this interview"),
    Column("left", bool, "false for a message to the participant that was never handed to the provider"),
    Column("delivery", str, "what became of a message to the participant: accepted, sent, delivered, read, failed, "
           "refused, unknown, or why it waits"),
    Column("removed", bool, "true where the participant took it back; the text is then empty"),
    Column("removed_at", datetime, "when they took it back, UTC"),
    Column("edits", int, "how often the participant changed it after sending; the newest words are here"),
    Column("media", str, "what came besides words, such as voice note 1:32"),
    *WRITTEN_UP,
    Column("words", int, "words in the text, cut at spaces; empty where it was taken back"),
    Column("text", str, "the words; what was written up stands below a mark in brackets"),
)  # fmt: skip

TABLES = {"answers": ANSWER_COLUMNS, "messages": MESSAGE_COLUMNS}


@dataclass(frozen=True, slots=True)
class Answers:
    """The folder with answers, messages and the dictionary."""

    format: str
    name: str = "answers"

    def passages(self, case: Case) -> Iterator[Passage]:
        for turn in case.turns:
            if not turn.removed:
                place = f"question {turn.question}" if turn.question else f"message {turn.id} ({turn.kind.value})"
                yield Passage(place, turn.full, ours=turn.speaker is Speaker.BOT)
        yield from joined(case)

    def write(self, study: Study, place: Path) -> None:
        place.mkdir()
        write_dictionary(place / "dictionary.csv", self.format, study.names)
        with ExitStack() as open_files:
            tables = {
                name: open_files.enter_context(WRITERS[self.format](place / f"{name}.{self.format}", columns))
                for name, columns in TABLES.items()
            }
            for case in study.cases("Writing the data"):
                for answer in case.answers:
                    tables["answers"].write(answer_row(case, answer))
                for row in message_rows(case):
                    tables["messages"].write(row)


def answer_row(case: Case, answer: Answer) -> Mapping[str, Value]:
    """One question that was asked, as data."""
    parts, asked = answer.parts, answer.asked[0].at if answer.asked else None
    first, last = (parts[0].at, parts[-1].at) if parts else (None, None)
    return {
        "case": case.code,
        "cohort": case.head.cohort,
        "schedule": case.schedule.version,
        "language": case.language,
        "section": answer.section,
        "question": answer.question,
        "number": answer.number,
        "progress": answer.progress.value,
        "whose_words": answer.who,
        "text": answer.text,
        "words": answer.words,
        "characters": len(answer.text),
        "parts": len(parts),
        "late_parts": sum(part.kind is Kind.LATE for part in parts),
        "removed_parts": answer.removed,
        "edited_parts": sum(part.edits > 0 for part in parts),
        "media": ", ".join(one.what for part in parts for one in part.media),
        **_written_up(parts),
        "channels": ", ".join(dict.fromkeys(part.channel for part in parts)),
        "asked_times": len(answer.asked),
        "asked_at": asked,
        "first_at": first,
        "last_at": last,
        "seconds_to_first": _seconds(asked, first),
        "seconds_to_last": _seconds(asked, last),
        "prompts": len(answer.prompts),
        "probes": len(answer.probes),
        "replies": len(answer.replies),
        "reminders_before": answer.reminders,
    }


def message_rows(case: Case) -> Iterator[Mapping[str, Value]]:
    """Every message of a case, as data."""
    before: Turn | None = None
    for order, turn in enumerate(case.turns, start=1):
        yield {
            "case": case.code,
            "cohort": case.head.cohort,
            "message": turn.id,
            "piece": turn.piece or None,
            "order": order,
            "direction": "in" if turn.speaker is Speaker.PARTICIPANT else "out",
            "author": turn.author,
            "kind": turn.kind.value,
            "question": turn.question,
            "stock_texts": " ".join(turn.texts),
            "wording": turn.wording,
            "channel": turn.channel,
            "at": turn.at,
            "written_at": turn.written_at,
            "seconds_since_previous": _seconds(before.at if before else None, turn.at),
            "left": turn.left,
            "delivery": turn.delivery,
            "removed": turn.removed,
            "removed_at": turn.removed_at,
            "edits": turn.edits,
            "media": "" if turn.removed else ", ".join(one.what for one in turn.media),
            **_written_up(() if turn.removed else (turn,)),
            "words": None if turn.removed else turn.words,
            "text": "" if turn.removed else turn.full,
        }
        before = turn


def _written_up(turns: Iterable[Turn]) -> Mapping[str, Value]:
    """What was written up, by whom, when last, and who checked it."""
    made = [one for turn in turns for one in turn.written_up]
    return {
        "write_ups": ", ".join(one.kind.value for one in made),
        "written_up_by": ", ".join(dict.fromkeys(one.author for one in made)),
        "written_up_at": max((one.at for one in made), default=None),
        "checked_by": ", ".join(dict.fromkeys(one.checked_by for one in made if one.checked_by)),
    }


def write_dictionary(path: Path, as_: str, names: str) -> None:
    """What every column of every table means; and what is to be known of names in the texts."""
    with csv_file(path) as file:
        writer = csv.writer(file)
        writer.writerow(("table", "column", "type", "meaning"))
        for table, columns in TABLES.items():
            for column in columns:
                writer.writerow((f"{table}.{as_}", column.name, TYPES[column.type], column.meaning))
        writer.writerow(("all", "(names)", "text", names))
        if as_ == "csv":
            text = "where a cell begins with = + - or @, an apostrophe was put before it: take it away to have the text"
            writer.writerow(("all", "(texts)", "text", text))


def _seconds(earlier: datetime | None, later: datetime | None) -> int | None:
    return None if earlier is None or later is None else int((later - earlier).total_seconds())


# The three formats

TYPES = {str: "text", int: "whole number", bool: "true or false", datetime: "moment, ISO 8601, UTC"}


class Rows(Protocol):
    """A table being written."""

    def __enter__(self) -> Rows: ...

    def __exit__(self, *error: object) -> None: ...

    def write(self, row: Mapping[str, Value]) -> None: ...


class _Csv:
    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._file = csv_file(path)
        self._writer = csv.writer(self._file)
        self._writer.writerow([column.name for column in columns])

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, row: Mapping[str, Value]) -> None:
        self._writer.writerow([_plain(value, safe) for value in row.values()])


class _Jsonl:
    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._file = path.open("w", encoding="utf-8", newline="\n")

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, row: Mapping[str, Value]) -> None:
        made = {name: moment(value) if isinstance(value, datetime) else value for name, value in row.items()}
        self._file.write(json.dumps(made, ensure_ascii=False) + "\n")


class _Parquet:
    """pyarrow is loaded only here: it is large, and the service never needs it."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        import pyarrow
        from pyarrow import parquet

        moment_ = pyarrow.timestamp("us", tz="UTC")
        types = {str: pyarrow.string(), int: pyarrow.int64(), bool: pyarrow.bool_(), datetime: moment_}
        self._schema = pyarrow.schema(
            [pyarrow.field(c.name, types[c.type], metadata={"meaning": c.meaning}) for c in columns]
        )
        self._table = pyarrow.Table
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[Mapping[str, Any]] = []

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *error: object) -> None:
        self._flush()
        self._writer.close()

    def write(self, row: Mapping[str, Value]) -> None:
        self._rows.append(row)
        if len(self._rows) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._table.from_pylist(self._rows, self._schema))
            self._rows = []


WRITERS: Mapping[str, Callable[[Path, Sequence[Column]], Rows]] = {"csv": _Csv, "jsonl": _Jsonl, "parquet": _Parquet}


def moment(at: datetime) -> str:
    """A moment as data: 2026-11-24T12:00:00Z."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _plain(value: Value, text: Callable[[str], str]) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return moment(value)
        case int():
            return str(value)
        case str():
            return text(value)
