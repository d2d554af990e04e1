"""Search finds what may be read, by words, question, channel and state; it leaves no trace of the words."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from bot.interview.schedule import Wording
from bot.messages import Address, Media, MediaKind
from bot.records.tables import audit, messages
from bot.service import copies, search
from bot.service.search import Found, Wanted
from bot.service.staff import User
from tests.bot.web.conftest import Team
from tests.bot.web.test_queue import trail
from tests.bot.world import World

FIRST, SECOND = Address("sms", "+447700900001"), Address("sms", "+447700900002")
ADMIN = User(1, "Root", "admin")


def found(
    study: World, words: str, before: int | None = None, enough: bool = False, where: Mapping[str, str] | None = None
) -> Found:
    wanted = Wanted(words, **(where or {}))
    result: Found = study.program.database.read_now(
        search.find, ADMIN, wanted, before, assigned_only=True, enough=lambda: enough
    )
    return result


def said(team: Team, words: str = "My café is in Cardiff, near the Taff.") -> str:
    code = team.study.consented(FIRST)
    team.study.says(words, FIRST)
    return code


async def test_words_are_found_in_any_order_whatever_their_case_and_accents(team: Team) -> None:
    code = said(team)
    (hit,) = found(team.study, "cardiff CAFE", where={"speaker": "in"}).hits
    assert (hit.code, hit.incoming, hit.channel) == (code, True, "text")
    assert found(team.study, "cardiff swansea").hits == ()
    assert found(team.study, "   ").hits == ()


async def test_question_channel_state_and_speaker_narrow_the_search(team: Team) -> None:
    said(team)
    question = found(team.study, "cardiff").hits[0].question
    assert question
    for name, right, wrong in (
        ("question", question, "none"),
        ("channel", "sms", "email"),
        ("state", "active", "complete"),
        ("speaker", "in", "out"),
    ):
        assert len(found(team.study, "cardiff", where={name: right}).hits) == 1
        assert found(team.study, "cardiff", where={name: wrong}).hits == ()


async def test_a_question_is_named_as_in_the_conversation_and_in_exports_wherever_a_page_names_one(team: Team) -> None:
    code = said(team)
    team.study.says("", FIRST, media=(Media(MediaKind.PICTURE, "image/png", content=b"a picture"),))
    question = team.study.program.schedules[("social-workers", "en")].questions[0]
    name = f"Q1 ({question.id})"
    page = html.unescape((await team.ann.post("/search", data={"words": "cardiff"})).text)
    assert f">{name}: {question.worded(Wording.STANDARD)[:60]}" in page
    assert f"text · {name}</p>" in page
    assert f"Belongs to {name}." in (await team.ann.get(f"/participants/{code}/write-ups")).text
    assert f'rowheader">{name}' in (await team.ann.get("/pictures/questions")).text


async def test_what_was_taken_back_is_not_found_nor_words_of_people_we_do_not_know(team: Team) -> None:
    said(team)
    team.study.says("UNDO", FIRST)
    team.study.says("Cardiff too", Address("sms", "+447700900999"))
    assert found(team.study, "cardiff", where={"speaker": "in"}).hits == ()


async def test_no_form_of_what_was_taken_back_is_found_nor_shown_as_kept(team: Team) -> None:
    """They had changed it before they took it back, and change it once more."""
    code, about = team.study.consented(FIRST), {"speaker": "in"}
    team.study.says("In Cardif", FIRST, provider_id="7/1")
    team.study.says("In Cardiff", FIRST, provider_id="7/1", edits="7/1")
    team.study.says("UNDO", FIRST)
    team.study.says("In Cardiff, perhaps", FIRST, provider_id="7/1", edits="7/1")
    assert found(team.study, "in", where=about).hits == ()
    shown = {entry.body: entry.removed for entry in team.study.record(code).entries}
    assert all(shown[words] for words in ("In Cardif", "In Cardiff", "In Cardiff, perhaps"))


async def test_no_form_of_a_line_that_was_taken_out_of_their_copy_is_found_until_it_is_put_back(team: Team) -> None:
    code, about = team.study.consented(FIRST), {"speaker": "in"}
    team.study.says("In Cardif", FIRST, provider_id="7/1")
    team.study.says("In Cardiff", FIRST, provider_id="7/1", edits="7/1")
    line = next(entry.id for entry in team.study.record(code).entries if entry.body == "In Cardif")
    team.study.run(copies.take_out, team.study.program.terms, code, [line], "Kim")
    assert found(team.study, "in", where=about).hits == ()
    team.study.run(partial(copies.take_out, back=True), team.study.program.terms, code, [line], "Kim")
    assert len(found(team.study, "in", where=about).hits) == 2


async def test_a_long_record_is_looked_through_a_page_at_a_time_and_nothing_comes_twice(team: Team) -> None:
    team.study.consented(FIRST)
    for number in range(search.MOST + 7):
        team.study.says(f"Cardiff, part {number}.", FIRST)
    first = found(team.study, "cardiff part")
    assert len(first.hits) == search.MOST
    rest = found(team.study, "cardiff part", first.more)
    assert rest.more is None
    bodies = [hit.after for hit in (*first.hits, *rest.hits)]
    assert len(bodies) == len(set(bodies)) == search.MOST + 7


async def test_it_stops_when_it_is_enough_and_goes_on_from_there(team: Team) -> None:
    said(team)
    halted = found(team.study, "cardiff", enough=True)
    assert halted.searched == min(search.CHUNK, team.study.count_of(messages))
    assert halted.more is not None
    assert found(team.study, "cardiff", halted.more).more is None


async def test_a_researcher_finds_only_what_they_may_open(team: Team) -> None:
    team.study.consented(FIRST, researcher="Ann")
    team.study.says("Only Ann reads of Cardiff.", FIRST)
    assert "of Cardiff" in re.sub("</?mark>", "", (await team.ann.post("/search", data={"words": "cardiff"})).text)
    assert "Nothing found" in (await team.ben.post("/search", data={"words": "cardiff"})).text
    assert (await team.cora.post("/search", data={"words": "cardiff"})).status_code == 403


async def test_the_trail_says_that_somebody_searched_and_never_for_what(team: Team) -> None:
    said(team)
    await team.ann.post("/search", data={"words": "cardiff"})
    assert ("Ann", "searched", None) in trail(team.study)
    details = team.study.program.database.read_now(lambda uow: [row["detail"] for row in uow.all(audit.select())])
    assert "cardiff" not in str(details).casefold()


async def test_a_form_that_makes_no_sense_is_answered_with_words(team: Team) -> None:
    said(team)
    assert (await team.ann.post("/search", data={"words": "  "})).status_code == 409
    for before in ("x", "-1", "9" * 30, "٣"):
        assert (await team.ann.post("/search", data={"words": "cardiff", "before": before})).status_code == 200
    shown = (await team.ann.post("/search", data={"words": "<script>alert(1)</script>"})).text
    assert "<script>alert" not in shown


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert search.folded(search.folded(text)) == search.folded(text)
