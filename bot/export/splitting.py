"""A message that a researcher has split between questions, as the pieces that exports show."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from bot.export.anonymise import Replacement
from bot.export.record import Kind, Turn
from bot.records.prepared import Row


def pieces(turn: Turn, passages: Sequence[Row], replaced: Collection[Replacement]) -> Iterator[Turn]:
    """The pieces in order: what was put elsewhere under its question, the rest where the message belongs.

    What came besides words stays with the rest. `passages` count characters of the words as they were said, `replaced`
    is what stands for some of them in the turn.
    """
    rest = replace(turn, media=(), elided="")
    made: list[tuple[bool, Turn]] = []
    done = 0
    for row in passages:
        starts, ends = (max(done, shifted(row[name], replaced)) for name in ("starts", "ends"))
        made.append((True, replace(rest, text=turn.text[done:starts].strip())))
        there = replace(rest, kind=Kind(row["belongs"]), question=row["question"])
        made.append((False, replace(there, text=turn.text[starts:ends].strip())))
        done = ends
    made.append((True, replace(rest, text=turn.text[done:].strip())))
    kept = [(mine, one) for mine, one in made if one.text]
    first = next((place for place, (mine, _) in enumerate(kept) if mine), -1)
    if first < 0:  # what stands for the rest has nothing left: only what came besides words is there
        kept, first = [(True, replace(rest, text="")), *kept], 0
    for place, (_, one) in enumerate(kept):
        numbered = replace(one, piece=place + 1)
        yield replace(numbered, media=turn.media, elided=turn.elided) if place == first else numbered


def shifted(place: int, replaced: Collection[Replacement]) -> int:
    """Where a place of the text as it was said is in the text that is shown; never within what stands for words."""
    moved = place
    for one in replaced:
        if one.end <= place:
            moved += len(one.put) - (one.end - one.start)
        elif one.start < place:
            moved += one.start + len(one.put) - place
    return moved
