"""Some words of one message are put under another question: the message stays, exports show its pieces."""

from __future__ import annotations

import html
import re

import httpx
import pytest

from bot.export import copy, reading
from bot.export.anonymise import Replacement
from bot.export.record import Kind, Turn
from bot.export.splitting import shifted
from bot.records.tables import refilings
from bot.service.splitting import sentences_of
from tests.bot.web.conftest import Team
from tests.bot.web.test_conversation import state_of
from tests.bot.web.test_refile import bodies, exported, message, parts, undo_of
from tests.bot.world import World

SAID = "I mostly text. With my brother I talk. He rings me on Sundays!"


@pytest.fixture
def code(desk_study: World) -> str:
    """Somebody who answered the first question in one message and is at the second."""
    code = desk_study.consented()
    for words in (SAID, "DONE"):
        desk_study.says(words)
        desk_study.leave()
    return code


def questions(team: Team, code: str) -> list[str]:
    return [one.id for one in state_of(team.study, code).interview.schedule.questions]


async def sent(team: Team, code: str, *chosen: str, **more: str) -> httpx.Response:
    """Ann splits the message; `chosen` are sentences of it."""
    which = message(team.study, code, SAID)
    path = f"/participants/{code}/split/{which}"
    page = await team.ann.get(path)
    known = {
        html.unescape(text): value for value, text in re.findall(r'value="(\d+-\d+)".*?class="body">(.*?)<', page.text)
    }
    form = re.search(r'name="form" value="(\d+)"', page.text)
    assert form
    data = {"form": form[1], "part": [known[one] for one in chosen], "words": "", "to": questions(team, code)[1]}
    return await team.ann.post(path, data=data | {"reason": "It answers <that>"} | more)


def turns(study: World, code: str) -> list[Turn]:
    zone = study.program.settings.study.zone
    (case,) = study.program.database.read_now(lambda uow: list(reading.Study(uow, zone).cases("")))
    return [turn for turn in case.turns if turn.kind is Kind.ANSWER]


async def test_sentences_go_to_another_question_and_the_message_stays(team: Team, code: str) -> None:
    first, second, *_ = questions(team, code)
    before = bodies(team.study)
    answer = await sent(team, code, "With my brother I talk.", "He rings me on Sundays!")
    assert answer.status_code == 303
    assert exported(team.study, code) == {
        first: ["I mostly text."],
        second: ["With my brother I talk. He rings me on Sundays!"],
    }
    assert bodies(team.study) == before, "what was said stays as it was"
    assert parts(team.study, code) == {first: (message(team.study, code, SAID),)}, "the interview goes on as before"
    assert team.study.waiting() == 0, "nothing is sent"
    assert len({(turn.id, turn.piece) for turn in turns(team.study, code)}) == 2
    conversation = html.unescape((await team.ann.get(f"/participants/{code}")).text)
    assert SAID in conversation
    assert "He rings me on Sundays!</q> belongs to Q2." in conversation
    trail = await team.ann.get(f"/participants/{code}/refile")
    assert "Words of a message from Q1 to Q2, by Ann" in trail.text
    assert "It answers &lt;that&gt;" in trail.text
    row, *_ = team.study.program.database.read_now(lambda uow: uow.all(refilings.select()))
    assert b"answers" not in row["reason"]


async def test_words_within_a_sentence_leave_a_piece_before_and_after(team: Team, code: str) -> None:
    first, second, *_ = questions(team, code)
    assert (await sent(team, code, words="my  BROTHER I")).status_code == 303
    assert exported(team.study, code) == {
        first: ["I mostly text. With", "talk. He rings me on Sundays!"],
        second: ["my brother I"],
    }


async def test_taking_it_back_joins_the_message_and_can_be_done_once(team: Team, code: str) -> None:
    said = exported(team.study, code)
    await sent(team, code, "He rings me on Sundays!")
    assert exported(team.study, code) != said
    act = undo_of(await team.ben.get(f"/participants/{code}/refile"))
    assert (await team.ben.post(f"/participants/{code}/refile/undo", data={"act": act})).status_code == 303
    assert exported(team.study, code) == said
    assert "belongs to Q2" not in (await team.ann.get(f"/participants/{code}")).text
    again = await team.ben.post(f"/participants/{code}/refile/undo", data={"act": act})
    assert "taken back already" in again.text
    assert (await sent(team, code, "He rings me on Sundays!")).status_code == 303, "and it may be split anew"


async def test_a_message_that_is_changed_afterwards_is_whole_again(team: Team, code: str) -> None:
    first, *_ = questions(team, code)
    team.study.says("I write. And I ring.", provider_id="m9")
    new = message(team.study, code, "I write. And I ring.")
    page = await team.ann.get(f"/participants/{code}/split/{new}")
    form = re.search(r'name="form" value="(\d+)"', page.text)
    assert form
    data = {"form": form[1], "words": "And I ring", "to": first, "reason": "Q1"}
    assert (await team.ann.post(f"/participants/{code}/split/{new}", data=data)).status_code == 303
    assert "And I ring" in exported(team.study, code)[first]
    team.study.says("I write letters. And I ring.", edits="m9", provider_id="m10")
    assert [turn.text for turn in turns(team.study, code)][-1] == "I write letters. And I ring."
    stale = await team.ann.post(f"/participants/{code}/split/{new}", data=data)
    assert "was changed meanwhile" in stale.text
    assert "I write letters." in stale.text


@pytest.mark.parametrize(
    ("chosen", "more", "why"),
    [
        ((), {}, "Choose the words"),
        (("I mostly text.", "With my brother I talk.", "He rings me on Sundays!"), {}, "move the whole message"),
        (("I mostly text.",), {"words": "mostly"}, "chosen twice"),
        ((), {"words": "not said"}, "are not in the message"),
        ((), {"words": "I"}, "in the message"),
        (("I mostly text.",), {"reason": " "}, "Say why"),
        (("I mostly text.",), {"to": "no-such"}, "no such question"),
        ((), {"part": "900-999"}, "may have been changed"),
        ((), {"part": "x"}, "may have been changed"),
    ],
)
async def test_what_cannot_be_split_is_refused_with_the_mend_and_what_was_chosen_stays(
    team: Team, code: str, chosen: tuple[str, ...], more: dict[str, str], why: str
) -> None:
    before = exported(team.study, code)
    answer = await sent(team, code, *chosen, **more)
    assert answer.status_code == 409
    assert why in html.unescape(answer.text)
    assert answer.text.count("checked") == len(chosen)
    assert exported(team.study, code) == before


async def test_the_same_words_are_not_moved_twice(team: Team, code: str) -> None:
    await sent(team, code, "He rings me on Sundays!")
    again = await sent(team, code, words="Sundays")
    assert "moved already" in again.text
    page = await team.ann.get(f"/participants/{code}/split/{message(team.study, code, SAID)}")
    assert "He rings me" not in page.text, "a sentence that was moved is not offered"


async def test_a_command_and_a_message_of_nobody_cannot_be_split(team: Team, code: str) -> None:
    done = message(team.study, code, "DONE")
    for which in (done, 0, 10**17):
        assert (await team.ann.get(f"/participants/{code}/split/{which}")).status_code == 404


async def test_a_participants_own_copy_has_the_message_as_they_sent_it(team: Team, code: str) -> None:
    """Its lines keep their numbers, by which they say what is to be taken out."""
    await sent(team, code, "He rings me on Sundays!")
    made = team.study.program.database.read_now(copy.read, team.study.program.terms, code)
    assert [line.text for block in made.blocks for line in block.lines] == [SAID]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("One. Two? Three", ["One.", "Two?", "Three"]),
        ("a line\n\nanother... and on", ["a line", "another...", "and on"]),
        ("3.5 miles. Yes", ["3.5 miles.", "Yes"]),
        ("  ", []),
    ],
)
def test_sentences(text: str, said: list[str]) -> None:
    assert [text[starts:ends] for starts, ends in sentences_of(text)] == said


def test_a_cut_never_falls_within_what_stands_for_a_name() -> None:
    """'Ann and Bo' is shown as '[Person 1] and [B]'."""
    replaced = [Replacement(0, 3, "Ann", "[Person 1]"), Replacement(8, 10, "Bo", "[B]")]
    assert [shifted(place, replaced) for place in (0, 1, 3, 4, 8, 9, 10)] == [0, 10, 10, 11, 15, 18, 18]
