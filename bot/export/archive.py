"""The archive set: transcripts and data of those who agreed that other researchers may learn from their answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.export.answers import Answers
from bot.export.matrix import Matrix
from bot.export.measures import many
from bot.export.reading import Study
from bot.export.record import Case
from bot.export.transcript import Transcripts
from bot.export.writing import Exporter, Passage

STATEMENT = "c11"
"""The consent statement on archiving: its id, or the part of it before the first hyphen."""

READ_ME = """\
This set holds {cases}, of those participants who answered YES to the statement on archiving.

transcripts/   one text file for each interview
matrix/        one table for each group of people: a row for each interview, a column for each question
data/          answers and messages as data; dictionary.csv says what each column means

{names}
"""


@dataclass(frozen=True, slots=True)
class Archive:
    """A folder with transcripts, matrix and data."""

    name: str = "archive"

    def passages(self, case: Case) -> Iterator[Passage]:
        for part in _parts().values():
            yield from part.passages(case)

    def write(self, study: Study, place: Path) -> None:
        place.mkdir()
        for folder, part in _parts().items():
            part.write(study, place / folder)
        read_me = READ_ME.format(cases=many(len(study.heads), "interview"), names=study.names)
        (place / "README.txt").write_text(read_me, encoding="utf-8")


def _parts() -> dict[str, Exporter]:
    return {"transcripts": Transcripts("txt"), "matrix": Matrix("csv", folder=True), "data": Answers("csv")}
