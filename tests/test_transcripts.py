"""Whole conversations, each a text file, replayed against the pure core.

In a file, `> words` is the person, `wait 20m` lets time pass, `take-over`, `write words` and `hand-back` are a
researcher, and `?` asks for the state. Lines that begin with bot, researcher, task or state are what must follow.
To write down what follows from a new file: OWNPACE_WRITE_TRANSCRIPTS=1 scripts/test tests/test_transcripts.py - then
read every line of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.interview.commands import Command, parse, words_of
from bot.interview.events import Admitted, Belongs, Consent, Due, HandedBack, Said, Send, TimerKind
from bot.interview.reminders import Ladder
from bot.interview.schedule import ALWAYS, Schedule, Wording, fillable
from bot.interview.state import AGREED_AGAIN, NO_LADDER, Cause, Interview, State
from bot.messages import MediaKind
from tests.bot.interview.player import MONDAY, Player, Taken, replay
from tests.bot.interview.small import interview
from tests.channels.writing import KINDS

FILES = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


@pytest.fixture(scope="module")
def taken() -> list[Taken]:
    """Every event of every conversation."""
    scripts = [path.read_text(encoding="utf-8") for path in FILES]
    players = [player_for(script) for script in scripts]
    for script, player in zip(scripts, players, strict=True):
        list(replay(script, player))
    return [one for player in players for one in player.taken]


def player_for(script: str, hears: Callable[[str], str] = str) -> Player:
    """The interview that the file's settings ask for.

    `# settle 0`, `# wording short`, `# eligibility`, `# again`, `# prompts`, `# hour 22`, `# reminders`, and
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
            again="again" in settings,
            ladder=Ladder() if "reminders" in settings else NO_LADDER,
        ),
        MONDAY.replace(hour=int(settings.get("hour", "10"))),
        hears,
    )


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_conversation_goes_as_it_is_written(path: Path) -> None:
    script = path.read_text(encoding="utf-8")
    happened = "\n".join(replay(script, player_for(script))) + "\n"
    if os.environ.get("OWNPACE_WRITE_TRANSCRIPTS") == "1":
        path.write_text(happened, encoding="utf-8")
    assert happened == script


@pytest.mark.parametrize("kind", KINDS)
def test_every_conversation_goes_the_same_way_on_every_channel_and_every_word_of_ours_is_said_there(kind: str) -> None:
    obeyed: set[str] = set()
    for path in FILES:
        script = path.read_text(encoding="utf-8")
        player = player_for(script, KINDS[kind]())
        assert "\n".join(replay(script, player)) + "\n" == script, path.stem
        obeyed |= words_obeyed(player)
    assert obeyed == {command.value for command in Command} | {"START"}


def words_obeyed(player: Player) -> set[str]:
    """The words of ours that were said and taken as such; START is READY by another name."""
    found = set()
    for number, text in player.messages.items():
        word = parse(text) if text else None
        if word and player.filed[number].belongs is Belongs.COMMAND:
            found.add("START" if words_of(text) == ["start"] else word.command.value)
    return found


# Every way in which a person comes to have the conversation, and every way through consent


HANDOVERS = set(Cause) - {Cause.NONE, Cause.CALL_SOON}
"""CALL_SOON only tells a researcher that a call is near."""


def test_every_cause_of_a_handover_is_in_a_conversation_and_hand_back_asks_what_is_open_once(
    taken: list[Taken],
) -> None:
    begun = {one.after.cause for one in taken if _begins_handover(one)}
    back = {one.before.cause for one in taken if _hands_back(one)}
    assert begun == HANDOVERS
    assert back == HANDOVERS


def _begins_handover(one: Taken) -> bool:
    return one.after.state is State.HANDOVER is not one.before.state


def _hands_back(one: Taken) -> bool:
    """Whether exactly the open point is asked, and nothing else is said."""
    said = [effect for effect in one.effects if isinstance(effect, Send)]
    ends = isinstance(one.event, HandedBack) and one.before.state is State.HANDOVER
    return ends and bool(one.after.position) and [send.question for send in said] == [one.after.open_point]


PLACES = (
    "a needed statement",
    "an optional statement",
    "a changed statement",
    "whether they still agree",
    "an eligibility question",
)
ENDS = (
    "yes", "no", "not clear", "not clear twice", "not read yet", "a picture", "distress", "silence",
    "HELP", "SKIP", "PAUSE", "PERSON", "CALL", "STOP", "LEAVE",
)  # fmt: skip
WAITING_ENDS = ("yes", "no", "not clear", "not clear twice", "distress", "PERSON", "STOP", "LEAVE", "a place is free")
CONSENT_PATHS = {(place, end) for place in PLACES for end in ENDS} | {
    ("whether they may be kept waiting", end) for end in WAITING_ENDS
}


def test_every_way_through_consent_is_in_a_conversation(taken: list[Taken]) -> None:
    walked = {(place, end) for one in taken if (place := _place(one.before)) and (end := _end(one))}
    assert sorted(CONSENT_PATHS - walked) == []


def _place(interview: Interview) -> str:
    """What somebody is being asked to agree to."""
    if interview.state is State.WAITING:
        return "whether they may be kept waiting"
    if interview.state is State.SCREENING:
        return "an eligibility question"
    if interview.agreeing and interview.again[0] != AGREED_AGAIN and interview.state in (State.CONSENT, State.ACTIVE):
        return "a changed statement"
    if interview.agreeing and interview.state in (State.CONSENT, State.ACTIVE):
        return "whether they still agree"
    if interview.state is State.CONSENT and interview.position not in interview.consent:
        statement = next(one for one in interview.schedule.statements if one.id == interview.position)
        return "a needed statement" if statement.required else "an optional statement"
    return ""


def _end(one: Taken) -> str:
    """What became of it, by this event; nothing where the event says nothing about it."""
    match one.event:
        case Due(kind=TimerKind.REMIND):
            return "silence" if one.after.consent == one.before.consent else ""
        case Admitted():
            return "a place is free"
        case Said(sign=str()):
            return "distress" if one.after.consent == one.before.consent else ""
        case Said(unseen=True):
            return "not read yet" if one.after.consent == one.before.consent else ""
        case Said(media=MediaKind()) if one.after.consent == one.before.consent:
            return "a picture"
        case Said() as said:
            return _said(one, said)
    return ""


def _said(one: Taken, said: Said) -> str:
    word = parse(said.text)
    if word is not None:
        return word.command.value
    if one.after.state is State.HANDOVER:
        return "not clear twice"
    if one.after.unclear > one.before.unclear:
        return "not clear"
    given = [effect.agreed for effect in one.effects if isinstance(effect, Consent)]
    went_on = one.after.state is not State.INELIGIBLE
    agreed = given[0] if given else went_on
    return "yes" if agreed else "no"


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
