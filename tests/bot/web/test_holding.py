"""Nobody is linked by guesswork: a person decides, says why, and can take it back."""

from __future__ import annotations

import re

import pytest

from bot.messages import Address, Media, MediaKind
from bot.records.tables import addresses, audit, messages
from bot.service import media, views
from tests.bot.web.conftest import Team
from tests.bot.web.test_conversation import state_of
from tests.bot.web.test_queue import task_ids, trail
from tests.bot.world import PHONE, World

STRANGER = Address("sms", "+447700900999")


def held_id(study: World) -> int:
    """The newest message that came in."""
    query = messages.select().where(messages.c.direction == "in").order_by(messages.c.id.desc())
    row = study.program.database.read_now(lambda uow: uow.one(query))
    assert row is not None
    return int(row["id"])


async def test_what_strangers_write_is_listed_newest_first_and_in_pages(team: Team) -> None:
    for number in range(25):
        team.study.says(f"no. {number}", STRANGER)
    page = await team.ann.get("/holding")
    first = re.findall(r"no\. \d+", page.text)
    assert (len(first), first[0]) == (20, "no. 24")
    found = re.search(r'href="([^"]+)">Earlier messages', page.text)
    assert found
    assert re.findall(r"no\. \d+", (await team.ann.get(found[1])).text) == [f"no. {each}" for each in range(4, -1, -1)]


async def test_a_message_is_kept_with_whose_it_is_under_their_own_key_and_can_be_held_again(team: Team) -> None:
    code = team.study.consented()
    team.study.says("It is me, Sam <3", STRANGER, media=(Media(MediaKind.FILE, "text/plain", "a.txt", content=b"abc"),))
    message = held_id(team.study)
    assert "unknown sender" in task_ids(team.study)
    before = state_of(team.study, code).interview
    sent = {"code": code.lower(), "reason": "She rang and told us"}
    answer = await team.ann.post(f"/holding/{message}/link", data=sent)
    assert answer.headers["location"] == f"/participants/{code}?at={message}#m{message}"
    assert "It is me, Sam &lt;3" in (await team.ann.get(f"/participants/{code}")).text
    assert state_of(team.study, code).interview == before, "nothing happened in the interview"
    assert "unknown sender" not in task_ids(team.study)
    (entry,) = [entry for entry in team.study.record(code).entries if entry.id == message]
    assert team.study.program.database.read_now(media.content, entry.media[0].id) == b"abc"
    assert team.study.count_of(messages, messages.c.key_id == entry_key(team.study, message)) > 1
    assert ("Ann", "linked a held message", code) in trail(team.study)
    assert "rang" not in str(team.study.program.database.read_now(lambda uow: uow.all(audit.select())))
    assert team.study.says("And again", STRANGER).value == "held", "the address is not theirs by that"
    await team.ben.post(f"/holding/{message}/put-back")
    assert message not in [entry.id for entry in team.study.record(code).entries]
    assert "It is me, Sam &lt;3" in (await team.ann.get(f"/holding/{message}")).text
    assert team.study.program.database.read_now(media.content, entry.media[0].id) == b"abc"


def entry_key(study: World, message: int) -> int:
    query = messages.select().where(messages.c.id == message)
    row = study.program.database.read_now(lambda uow: uow.one(query))
    assert row is not None
    return int(row["key_id"])


async def test_an_address_becomes_theirs_only_by_choice_and_not_if_it_is_taken_back(team: Team) -> None:
    code = team.study.consented()
    team.study.says("My new phone", STRANGER)
    message = held_id(team.study)
    await team.ann.post(f"/holding/{message}/link", data={"code": code, "reason": "Known", "address": "yes"})
    assert team.study.says("I text.", STRANGER).value == "taken"
    await team.ann.post(f"/holding/{message}/put-back")
    assert team.study.says("Again", STRANGER).value == "held"
    assert team.study.count_of(addresses) == 1


async def test_a_message_is_taken_through_their_interview_if_wanted_and_then_stays(team: Team) -> None:
    code = team.study.consented()
    team.study.says("I mostly text.", STRANGER)
    message = held_id(team.study)
    sent = {"code": code, "reason": "Known", "through": "yes"}
    answer = await team.ann.post(f"/holding/{message}/link", data=sent)
    assert answer.status_code == 303, answer.text
    assert state_of(team.study, code).interview.answer.parts == (message,)
    late = await team.ann.post(f"/holding/{message}/put-back")
    assert late.status_code == 409
    assert "part of an interview now" in late.text


async def test_at_night_a_message_is_kept_but_not_answered(team: Team) -> None:
    code = team.study.consented()
    team.study.says("PAUSE 1", STRANGER)
    message = held_id(team.study)
    team.study.clock.forward(hours=11)
    sent = {"code": code, "reason": "Known", "through": "yes"}
    refused = await team.ann.post(f"/holding/{message}/link", data=sent)
    assert refused.status_code == 409
    assert "outside the hours in which they want messages" in refused.text
    assert "Known</textarea>" in refused.text
    assert team.study.program.database.read_now(views.held) == 1
    team.study.says("STOP", STRANGER)
    await team.ann.post(f"/holding/{held_id(team.study)}/link", data=sent)
    assert state_of(team.study, code).interview.state.value == "stopped"


async def test_signs_of_distress_in_it_are_the_participants_from_then_on(team: Team) -> None:
    code = team.study.consented()
    team.study.says("I want to die", STRANGER)
    message = held_id(team.study)
    await team.ann.post(f"/holding/{message}/link", data={"code": code, "reason": "Known"})
    assert state_of(team.study, code).interview.distressed
    assert "distress" in team.study.record(code).tasks


async def test_signs_of_distress_in_it_are_to_be_seen_to_again_when_it_is_held_again(team: Team) -> None:
    code = team.study.consented()
    team.study.says("I want to die", STRANGER)
    message = held_id(team.study)
    for _ in "ab":
        await team.ann.post(f"/holding/{message}/set-aside", data={"why": "A joke"})
        assert task_ids(team.study) == {}
        await team.ann.post(f"/holding/{message}/put-back")
        assert sorted(team.study.open_tasks()) == ["distress", "unknown sender"]
    await team.ann.post(f"/holding/{message}/set-aside", data={"why": "A joke"})
    await team.ann.post(f"/holding/{message}/link", data={"code": code, "reason": "Known"})
    assert team.study.record(code).tasks == ("distress",)
    await team.ann.post(f"/participants/{code}/hand-back", data={"reason": "It was not they"})
    assert team.study.open_tasks() == []
    await team.ann.post(f"/holding/{message}/put-back")
    assert sorted(team.study.open_tasks()) == ["distress", "unknown sender"]
    assert team.study.record(code).tasks == ()


async def test_what_was_seen_to_while_it_was_held_stays_done(team: Team) -> None:
    team.study.says("I want to die", STRANGER)
    message = held_id(team.study)
    await team.ann.post(f"/tasks/{task_ids(team.study)['distress']}/resolve", data={"outcome": "Rang them"})
    await team.ann.post(f"/holding/{message}/set-aside", data={"why": "Somebody's mother"})
    await team.ann.post(f"/holding/{message}/put-back")
    assert team.study.open_tasks() == ["unknown sender"]
    shown = (await team.ben.get(f"/holding/{message}")).text
    assert "Ann set this message aside," in shown
    assert "Somebody&#39;s mother" in shown
    assert shown.index("Ann resolved: distress,") < shown.index("Rang them")


async def test_a_message_kept_with_another_researchers_participant_is_closed_here_too(team: Team) -> None:
    code = team.study.consented(researcher="Ann")
    team.study.says("Secret", STRANGER)
    message = held_id(team.study)
    assert "Secret" in (await team.ben.get(f"/holding/{message}")).text
    await team.ann.post(f"/holding/{message}/link", data={"code": code, "reason": "Known"})
    for act in ("", "/link", "/set-aside", "/put-back"):
        answer = await team.ben.request("POST" if act else "GET", f"/holding/{message}{act}")
        assert answer.status_code == 403, act
        assert "Secret" not in answer.text
        assert code not in answer.text
    assert "Secret" in team.study.heard(code)
    assert code in (await team.ann.get(f"/holding/{message}")).text


async def test_an_address_that_they_confirmed_themselves_stays_theirs(team: Team) -> None:
    code = team.study.consented()
    team.study.says("It is me", STRANGER)
    message = held_id(team.study)
    await team.ann.post(f"/holding/{message}/link", data={"code": code, "reason": "Known", "address": "yes"})
    for number in (STRANGER.value, PHONE.value):
        await team.ann.post(f"/participants/{code}/move", data={"kind": "sms", "address": number})
    await team.ann.post(f"/holding/{message}/put-back")
    assert team.study.count_of(addresses, addresses.c.main.is_(False)) == 1


async def test_it_is_set_aside_with_a_reason_and_can_be_held_again(team: Team) -> None:
    team.study.says("Buy now", STRANGER)
    message = held_id(team.study)
    assert (await team.ann.post(f"/holding/{message}/set-aside", data={"why": ""})).status_code == 409
    await team.ann.post(f"/holding/{message}/set-aside", data={"why": "Advertising"})
    assert "Buy now" not in (await team.ann.get("/holding")).text
    assert "Buy now" in (await team.ann.get("/holding?aside=yes")).text
    assert task_ids(team.study) == {}
    await team.ann.post(f"/holding/{message}/put-back")
    assert "Buy now" in (await team.ann.get("/holding")).text
    assert "unknown sender" in task_ids(team.study)


@pytest.mark.parametrize(("sent", "why"), [({"code": "P99", "reason": "x"}, "no participant P99"), ({}, "without a")])
async def test_a_code_that_nobody_has_is_refused_and_the_words_stay(team: Team, sent: dict[str, str], why: str) -> None:
    team.study.says("Hello", STRANGER)
    answer = await team.ann.post(f"/holding/{held_id(team.study)}/link", data=sent)
    assert answer.status_code == 409
    assert why in answer.text


async def test_no_message_of_a_participant_is_seen_or_moved_by_the_holding_area(team: Team) -> None:
    code = team.study.consented()
    team.study.says("Mine")
    message = held_id(team.study)
    assert (await team.ann.get(f"/holding/{message}")).status_code == 404
    for act in ("link", "set-aside", "put-back"):
        await team.ann.post(f"/holding/{message}/{act}", data={"code": code, "reason": "x", "why": "x"})
    assert "Mine" in team.study.heard(code)
