"""Whole conversations, each a text file, replayed against the pure core.

In a file, `> words` is the person, `wait 20m` lets time pass, `take-over`, `write words` and `hand-back` are a
researcher, and `?` asks for the state. Lines that begin with bot, researcher, task or state are what must follow.
To write down what follows from a new file: OWNPACE_WRITE_TRANSCRIPTS=1 scripts/test tests/test_transcripts.py - then
read every line of it.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.interview.reminders import Ladder
from bot.interview.schedule import ALWAYS, Schedule, Wording, fillable
from bot.interview.state import NO_LADDER
from tests.bot.interview.player import MONDAY, Player, replay
from tests.bot.interview.small import interview

FILES = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


def player_for(script: str) -> Player:
    """The interview that the file's settings ask for.

    `# settle 0`, `# wording short`, `# eligibility`, `# prompts`, `# hour 22`, `# reminders`, and
    `# their discreet yes` for a column of theirs.
    """
    their = dict(line.split(maxsplit=3)[2:] for line in script.splitlines() if line.startswith("# their "))
    settings = dict(line[2:].partition(" ")[::2] for line in script.splitlines() if line.startswith("# "))
    return Player(
        interview(
            settle=timedelta(minutes=int(settings.get("settle", "20"))),
            wording=Wording(settings.get("wording", "standard")),
            prompts="prompts" in settings,
            attributes=their,
            handover=settings.get("handover", ""),
            eligibility="eligibility" in settings,
            ladder=Ladder() if "reminders" in settings else NO_LADDER,
        ),
        MONDAY.replace(hour=int(settings.get("hour", "10"))),
    )


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_conversation_goes_as_it_is_written(path: Path) -> None:
    script = path.read_text(encoding="utf-8")
    happened = "\n".join(replay(script, player_for(script))) + "\n"
    if os.environ.get("OWNPACE_WRITE_TRANSCRIPTS") == "1":
        path.write_text(happened, encoding="utf-8")
    assert happened == script


def everything_open(schedule: Schedule) -> Schedule:
    """The schedule with every placeholder that a text may hold in each of its texts."""

    def fill_up(part: dict[str, str], names: frozenset[str]) -> None:
        for wording in Wording:
            part[wording] += " " + " ".join(f"{{{name}}}" for name in sorted(names))

    content = schedule.model_dump(by_alias=True)
    for section in content["sections"]:
        if section["intro"]:
            fill_up(section["intro"], ALWAYS)
        for question in section["questions"]:
            fill_up(question, ALWAYS | {"n"})
    for statement in content["statements"]:
        fill_up(statement, ALWAYS)
    for key, text in content["texts"].items():
        fill_up(text, fillable(key))
    return Schedule.model_validate(content)


def test_every_placeholder_that_a_text_may_hold_is_filled_when_it_is_sent() -> None:
    said: set[str] = set()
    for path in FILES:
        script = path.read_text(encoding="utf-8")
        player = player_for(script)
        player.interview = replace(player.interview, schedule=everything_open(player.interview.schedule))
        list(replay(script, player))
        said |= {key for send in player.sent for key in send.texts}
        assert [send.body for send in player.sent if "{" in send.body] == []
    assert said >= {"paused", "person-asked", "copy-asked", "left-delete"}
