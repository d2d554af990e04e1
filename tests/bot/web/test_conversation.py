"""What a researcher can do beside a conversation, without a script."""

from __future__ import annotations

import asyncio
import html
import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from bot.interview.schedule import Schedule
from bot.messages import Address
from bot.records import participants
from bot.records.tables import field_notes, postponed, timers
from bot.records.unit_of_work import UnitOfWork
from bot.service import desk, handovers, postponing, withdrawal, work
from bot.service.staff import UNDO_FOR, User
from tests.bot.service.test_reconfirming import STORE, asks, changed
from tests.bot.web.conftest import Team
from tests.bot.web.test_dashboard import written
from tests.bot.world import Post, World, world

WHATSAPP = Address("whatsapp", "+447700900123")


def leave(study: World) -> list[str]:
    """Let the ten seconds pass."""
    study.clock.forward(seconds=10)
    return study.leave()


def buttons(page: httpx.Response, path: str) -> list[tuple[str, str]]:
    """Name and value of each button that sends there."""
    return re.findall(rf'formaction="[^"]*/{path}"[^>]* name="(\w+)" value="(\w+)"', page.text)


def state_of(study: World, code: str) -> participants.Participant:
    found = study.program.database.read_now(participants.by_code, study.program.terms, code)
    assert found is not None
    return found


@pytest.fixture
async def held(team: Team) -> str:
    """Ann has the conversation; the code."""
    code = team.study.consented()
    await team.ann.post(f"/participants/{code}/take-over")
    return code


async def test_words_in_the_participants_language_are_marked_as_such_and_ours_are_not(team: Team) -> None:
    """A screen reader speaks each in its own language (WCAG 3.1.2)."""
    study = team.study
    schedules: dict[tuple[str, str], Schedule] = study.program.rules.schedules  # type: ignore[assignment]  # of this test
    english = schedules[("social-workers", "en")]
    schedules[("social-workers", "cy")] = english.model_copy(update={"language": "cy"})
    code = study.consented(language="cy")
    study.says("Dw i'n tecstio.")
    page = (await team.ann.get(f"/participants/{code}")).text
    assert '<p class="body" lang="cy">Dw i&#39;n tecstio.</p>' in page
    assert '<q lang="cy">1. I have read or heard the information' in page
    assert f'<p class="note" lang="cy">{html.escape(english.questions[1].short or "")}'.partition("&")[0] in page
    assert '<h2 id="plan-title">Schedule</h2>' in page
    assert 'lang="cy">Dw i' in (await team.ann.get(f"/participants/{code}/refile")).text


async def test_what_was_written_last_stands_first_among_what_can_be_taken_back(team: Team, held: str) -> None:
    for words in ("The first", "The second"):
        await team.ann.post(f"/participants/{held}/reply", data={"text": words})
    page = (await team.ann.get(f"/participants/{held}")).text
    assert 0 < page.index("<q>The second</q> leaves within") < page.index("<q>The first</q> leaves within")


async def test_a_reply_waits_ten_seconds_and_can_be_taken_back_until_then(team: Team, held: str) -> None:
    await team.ann.post(f"/participants/{held}/reply", data={"text": "How are <you>?"})
    assert team.study.leave() == []
    page = await team.ann.get(f"/participants/{held}")
    assert "<q>How are &lt;you&gt;?</q> leaves within 10 seconds." in page.text
    assert "How are &lt;you&gt;?\n\nAnn</p>" in page.text
    ((name, value),) = buttons(page, "take-back")
    back = await team.ann.post(f"/participants/{held}/take-back", data={name: value, "text": "And more"})
    assert back.status_code == 303
    assert written(await team.ann.get(f"/participants/{held}")) == "How are <you>?\n\nAnd more"
    assert leave(team.study) == []
    await team.ann.post(f"/participants/{held}/reply", data={"text": "How are you?"})
    assert leave(team.study) == ["How are you?\n\nAnn"]


async def test_what_has_left_is_not_said_to_be_taken_back(team: Team, held: str) -> None:
    await team.ann.post(f"/participants/{held}/reply", data={"text": "Hello"})
    ((name, value),) = buttons(await team.ann.get(f"/participants/{held}"), "take-back")
    team.study.clock.forward(seconds=10)
    assert len(team.study.claim()) == 1
    late = await team.ann.post(f"/participants/{held}/take-back", data={name: value, "text": "words"})
    assert late.status_code == 409
    assert "has left already" in late.text
    assert written(late) == "words"
    assert buttons(late, "take-back") == []


async def test_nobody_takes_back_somebody_elses_words(team: Team, held: str) -> None:
    await team.ann.post(f"/participants/{held}/reply", data={"text": "Hello"})
    ((name, value),) = buttons(await team.ann.get(f"/participants/{held}"), "take-back")
    assert buttons(await team.ben.get(f"/participants/{held}"), "take-back") == []
    assert (await team.ben.post(f"/participants/{held}/take-back", data={name: value})).status_code == 409
    assert leave(team.study) == ["Hello\n\nAnn"]


def test_a_probe_that_was_taken_back_holds_the_next_question_no_longer(tmp_path: Path) -> None:
    with world(tmp_path, pace={"review": "4h"}) as study:
        code, terms = study.consented(), study.program.terms
        for words in ("I text.", "DONE"):
            study.says(words)
        assert state_of(study, code).interview.between
        study.run(handovers.reply, terms, code, "Ann", "Whom?", UNDO_FOR)
        assert not state_of(study, code).interview.between
        (leaving,) = study.program.database.read_now(desk.beside, terms, User(1, "Ann", "researcher"), code).leaving
        assert study.run(handovers.take_back, terms, code, "Ann", leaving.id) == "Whom?"
        assert state_of(study, code).interview.between
        assert state_of(study, code).interview.answer.probes == 0
        assert study.count_of(timers, timers.c.kind == "review") == 1


async def test_a_person_who_was_asked_for_is_still_owed_an_answer_when_the_words_are_taken_back(team: Team) -> None:
    code = team.study.consented()
    team.study.says("PERSON")
    await team.ann.post(f"/participants/{code}/reply", data={"text": "Here I am"})
    assert team.study.record(code).tasks == ()
    ((name, value),) = buttons(await team.ann.get(f"/participants/{code}"), "take-back")
    await team.ann.post(f"/participants/{code}/take-back", data={name: value})
    assert team.study.record(code).tasks == ("person asked",)


async def test_a_preview_shows_the_words_their_cost_and_what_is_hard_to_read_and_sends_nothing(
    team: Team, held: str
) -> None:
    long = "word " * 30 + "\N{GRINNING FACE}"
    page = await team.ann.post(f"/participants/{held}/preview", data={"text": long})
    assert page.status_code == 200
    assert "As it would arrive by text." in page.text
    assert "3 texts to pay for, with your name" in page.text
    assert "31 words; use at most 25" in page.text
    assert "picture sign U+1F600" in page.text
    assert written(page).strip() == long.strip()
    assert leave(team.study) == []
    plain = await team.ann.post(f"/participants/{held}/preview", data={"text": "It\N{RIGHT SINGLE QUOTATION MARK}s me"})
    assert "7 characters, 1 text to pay for" in plain.text
    assert '<p class="body">It&#39;s me\n\nAnn</p>' in plain.text
    assert (await team.ann.post(f"/participants/{held}/preview", data={"text": " "})).status_code == 409


async def test_the_size_of_words_is_told_in_one_line(team: Team, held: str) -> None:
    answer = await team.ann.post(f"/participants/{held}/count", data={"text": "x" * 200})
    assert answer.text == "200 characters, 2 texts to pay for, with your name."
    assert (await team.ann.post("/participants/SW99/count", data={"text": "x"})).status_code == 404


async def test_probes_of_the_open_question_are_put_below_what_is_written(team: Team, held: str) -> None:
    interview = state_of(team.study, held).interview
    probes = interview.schedule.question(interview.position).probes
    assert probes, "the schedule has probes for its first question"
    page = await team.ann.get(f"/participants/{held}")
    assert html.escape(probes[0], quote=False) in page.text or html.escape(probes[0]) in page.text
    await team.ann.post(f"/participants/{held}/insert", data={"probe": "0", "text": "Thank you."})
    assert written(await team.ann.get(f"/participants/{held}")) == f"Thank you.\n\n{probes[0]}"
    for wrong in ("99", "-1", "x", ""):
        answer = await team.ann.post(f"/participants/{held}/insert", data={"probe": wrong, "text": "Mine"})
        assert (answer.status_code, written(answer)) == (409, "Mine")


async def test_words_for_later_leave_then_hold_up_nobody_and_can_be_taken_back(team: Team, held: str) -> None:
    sent = {"text": "Good morning", "day": "2026-11-25", "hour": "09:00"}
    await team.ann.post(f"/participants/{held}/later", data=sent)
    await team.ann.post(f"/participants/{held}/later", data={**sent, "text": "Not this"})
    page = await team.ann.get(f"/participants/{held}")
    assert "Ann, for Wednesday 25 November, 9:00 am:" in page.text
    (_, (name, value)) = buttons(page, "take-back")
    await team.ben.post(f"/participants/{held}/take-back", data={name: value})
    await team.ann.post(f"/participants/{held}/reply", data={"text": "Now"})
    assert leave(team.study) == ["Now\n\nAnn"]
    assert team.study.run(postponing.leave, team.study.program.terms) == 0
    team.study.clock.forward(hours=21)
    assert team.study.program.database.read_now(postponing.next_due) is not None
    assert team.study.run(postponing.leave, team.study.program.terms) == 1
    assert team.study.leave() == ["Good morning\n\nAnn"]
    assert team.study.program.database.read_now(postponing.next_due) is None


async def test_words_for_later_that_may_not_be_said_any_more_are_kept_back_and_somebody_is_told(
    team: Team, held: str
) -> None:
    await team.ann.post(f"/participants/{held}/later", data={"text": "Morning", "day": "2026-11-25", "hour": "09:00"})
    team.study.run(handovers.hand_back, team.study.program.terms, held, "Ann")
    team.study.clock.forward(days=1)
    team.study.leave()
    team.study.run(postponing.leave, team.study.program.terms)
    assert "Morning\n\nAnn" not in team.study.leave()
    assert "reply not sent" in team.study.open_tasks()
    (task,) = team.study.program.database.read_now(work.page, User(1, "Ann", "researcher"), "Delivery").tasks
    assert task.note.startswith("What Ann wrote for later was not sent: Take over first")
    assert team.study.count_of(postponed, postponed.c.done_at.is_(None)) == 0


async def test_of_each_of_several_words_for_later_that_were_kept_back_somebody_is_told(team: Team, held: str) -> None:
    for hour in ("09:00", "09:30"):
        await team.ann.post(f"/participants/{held}/later", data={"text": hour, "day": "2026-11-25", "hour": hour})
    terms = team.study.program.terms
    team.study.run(handovers.take_over, terms, held, "Ben", "anyway")
    later = team.study.clock.now + timedelta(hours=20)
    team.study.run(postponing.write, terms, held, "Cat", "Good morning", later)
    team.study.clock.forward(days=1)
    assert team.study.run(postponing.leave, terms) == 3
    (task,) = team.study.program.database.read_now(work.page, User(1, "Ann", "researcher"), "Delivery").tasks
    assert task.note.count("What Ann wrote for later was not sent") == 2
    assert "What Cat wrote for later was not sent" in task.note


@pytest.mark.parametrize(
    ("day", "hour"), [("2026-11-24", "11:30"), ("2027-11-24", "11:30"), ("soon", "11:30"), ("2026-11-25", "25:00")]
)
async def test_a_time_that_cannot_be_is_refused_and_the_words_stay(team: Team, held: str, day: str, hour: str) -> None:
    answer = await team.ann.post(f"/participants/{held}/later", data={"text": "Hello", "day": day, "hour": hour})
    assert (answer.status_code, written(answer)) == (409, "Hello")


async def test_the_schedule_says_what_was_answered_skipped_and_probed_and_where_they_are(team: Team) -> None:
    code = team.study.consented()
    for words in ("I text.", "DONE", "SKIP"):
        team.study.says(words)
        team.study.leave()
    await team.ann.post(f"/participants/{code}/take-over")
    await team.ann.post(f"/participants/{code}/reply", data={"text": "And then?"})
    page = html.unescape((await team.ann.get(f"/participants/{code}")).text)
    states = re.findall(r"<strong>(Q\d+|Closing)(, they are here)?:</strong> ([^<(]+)", page)
    assert [(number, bool(here), state.strip()) for number, here, state in states[:3]] == [
        ("Q1", False, "answered"),
        ("Q2", False, "skipped"),
        ("Q3", True, "open, probed once"),
    ]


async def test_needs_and_pace_are_in_sight(team: Team) -> None:
    code = team.study.enrol()
    page = (await team.ann.get(f"/participants/{code}")).text
    assert "An answer is whole after 20 minutes of quiet, or DONE." in page
    assert "No stock prompts, unless they allow them." in page


async def test_a_worry_holds_the_questions_until_somebody_gives_a_reason(team: Team) -> None:
    code = team.study.consented()
    assert (await team.ann.post(f"/participants/{code}/worry", data={"worry": " "})).status_code == 409
    await team.ann.post(f"/participants/{code}/worry", data={"worry": "She sounds hopeless"})
    assert state_of(team.study, code).interview.distressed
    assert "distress" in team.study.open_tasks()
    page = (await team.ann.get(f"/participants/{code}")).text
    assert "There were signs of distress" in page
    assert "hopeless" in page.partition("What the team wrote down")[2], "for whoever is on call"
    refused = await team.ann.post(f"/participants/{code}/hand-back", data={"reason": ""})
    assert refused.status_code == 409
    await team.ann.post(f"/participants/{code}/hand-back", data={"reason": "We talked."})
    assert not state_of(team.study, code).interview.distressed


async def test_field_notes_are_for_researchers_sealed_and_no_part_of_the_record(team: Team) -> None:
    code = team.study.consented()
    await team.ann.post(f"/participants/{code}/note", data={"note": "Sounded <tired>"})
    assert "Sounded &lt;tired&gt;" in (await team.ben.get(f"/participants/{code}")).text
    assert (await team.cora.post(f"/participants/{code}/note", data={"note": "Mine"})).status_code == 403
    file = await team.ben.get(f"/participants/{code}/field-notes.txt")
    assert "Ann, Tuesday 24 November, 12:00 pm\nSounded <tired>" in file.text
    assert (await team.cora.get(f"/participants/{code}/field-notes.txt")).status_code == 403
    (row,) = team.study.program.database.read_now(lambda uow: uow.all(field_notes.select()))
    assert b"Sounded" not in row["body"]
    assert "Sounded" not in str(team.study.record(code))
    again = await team.ann.post(f"/participants/{code}/note", data={"note": "x" * 5001})
    assert again.status_code == 409
    assert "x" * 5001 in again.text, "what was written stays"


async def test_a_long_conversation_comes_in_pages_and_every_message_is_reached(team: Team) -> None:
    code = team.study.consented()
    await team.ann.post(f"/participants/{code}/take-over")
    for number in range(120):
        team.study.says(f"no. {number}")
    whole = {entry.id for entry in team.study.record(code).entries}
    seen: set[int] = set()
    path = f"/participants/{code}"
    pages = 0
    while path:
        page = await team.ann.get(path)
        shown = [int(each) for each in re.findall(r'<li id="m(\d+)"', page.text)]
        assert len(shown) <= 50
        seen |= set(shown)
        pages += 1
        found = re.search(r'href="([^"]+)">Earlier messages', page.text)
        path = found[1] if found else ""
    assert seen == whole
    assert pages == 4
    first = min(whole)
    page = await team.ann.get(f"/participants/{code}?at={first}")
    assert f'id="m{first}"' in page.text
    assert "Later messages" in page.text
    assert "Earlier messages" not in page.text


async def test_others_are_named_and_who_is_alone_sees_nobody(team: Team) -> None:
    code = team.study.consented()
    assert "looking" not in (await team.ann.get(f"/participants/{code}")).text
    assert "Ann is looking at this too." in (await team.ben.get(f"/participants/{code}")).text
    await team.ben.post(f"/participants/{code}/count", data={"text": "H"})
    assert "Ben is writing here." in (await team.ann.get(f"/participants/{code}")).text


def test_the_whatsapp_window_is_said_beside_the_words(tmp_path: Path) -> None:
    """Open for a day after they wrote, less the margin, then closed; where there is no window nothing is said of it."""
    channels = {"whatsapp": Post("whatsapp", window=timedelta(hours=24)), "sms": Post("sms")}
    ann = User(1, "Ann", "researcher")
    with world(tmp_path, channels) as study:
        code = study.enrol(WHATSAPP)
        read, terms = study.program.database.read_now, study.program.terms
        assert read(desk.beside, terms, ann, code).window.startswith("The window is closed")
        study.says("yes", WHATSAPP)
        assert "open until 11:50 am on Wednesday 25 November" in read(desk.beside, terms, ann, code).window
        study.clock.forward(hours=24)
        assert read(desk.beside, terms, ann, code).window.startswith("The window is closed")
        assert read(desk.beside, terms, ann, study.enrol()).window == ""


async def test_what_the_team_wrote_down_is_there_for_whoever_looks_next(team: Team) -> None:
    code = team.study.consented(researcher="Ann")
    page = f"/participants/{code}"
    assert "What the team wrote down" not in (await team.ann.get(page)).text
    await team.ann.post(f"{page}/worry", data={"worry": "She sounds <tired> of it all"})
    (task,) = team.study.program.database.read_now(work.page, User(2, "Ben", "researcher"), "Distress").tasks
    assert [(one.who, one.words) for one in task.worries] == [("Ann", "She sounds <tired> of it all")]
    for client, reads in ((team.ann, True), (team.ben, True), (team.cora, False)):
        assert ("She sounds &lt;tired&gt; of it all" in (await client.get("/queue")).text) is reads
    await team.ben.post(f"{page}/hand-back", data={"reason": "Rang her, she is well"})
    team.study.run(UnitOfWork.open_task, "silent", 1, None, None)
    silent = team.study.program.database.read_now(work.page, User(1, "Ann", "researcher")).tasks[0].id
    await team.ann.post(f"/tasks/{silent}/resolve", data={"outcome": "Was on holiday"})
    shown = (await team.ann.get(page)).text
    said = [
        ("Ann resolved: silent,", "Was on holiday"),
        ("Ben let the questions go on,", "Rang her, she is well"),
        ("Ann held the questions,", "She sounds &lt;tired&gt; of it all"),
    ]
    places = [shown.index(each) for pair in said for each in pair]
    assert places == sorted(places)


async def test_what_was_typed_is_there_again_when_the_form_is_refused(team: Team) -> None:
    invited = team.study.enrol()
    moved = await team.ann.post(f"/participants/{invited}/move", data={"kind": "sms", "address": "not a number"})
    assert (moved.status_code, 'value="not a number"' in moved.text) == (409, True)
    code = team.study.consented(Address("sms", "+447700900555"))
    team.study.says("I want to die", Address("sms", "+447700900555"))
    await team.ben.post(f"/participants/{code}/take-over")
    late = await team.ann.post(f"/participants/{code}/hand-back", data={"reason": "We <talked>"})
    assert (late.status_code, ">\nWe &lt;talked&gt;</textarea>" in late.text) == (409, True)


async def test_the_page_says_that_the_study_is_on_hold(team: Team, held: str) -> None:
    await team.ann.post(f"/participants/{held}/reply", data={"text": "Hello"})
    assert "on hold" not in (await team.ann.get(f"/participants/{held}")).text
    await team.ann.post("/progress/hold")
    page = (await team.ann.get(f"/participants/{held}")).text
    assert "All messages are on hold" in page
    assert ("leaves within" in page, "waits: all messages are on hold" in page) == (False, True)


@pytest.mark.parametrize("number", ["9" * 5000, "\u0661", "x", ""])
async def test_a_probe_that_is_none_is_refused(team: Team, held: str, number: str) -> None:
    answer = await team.ann.post(f"/participants/{held}/insert", data={"probe": number, "text": "words"})
    assert (answer.status_code, written(answer)) == (409, "words")


async def test_what_is_pressed_twice_at_once_is_done_once(team: Team, held: str) -> None:
    here = f"/participants/{held}"

    async def twice(path: str, **fields: str) -> list[int]:
        both = (team.ann.post(f"{here}/{path}", data={"key": "1", **fields}) for _ in "ab")
        return [answer.status_code for answer in await asyncio.gather(*both)]

    due = (team.study.clock.now + timedelta(days=1)).date().isoformat()
    assert await twice("later", text="How are you?", day=due, hour="09:00") == [303, 303]
    assert await twice("note", note="They sounded tired") == [303, 303]
    assert (team.study.count_of(postponed), team.study.count_of(field_notes)) == (1, 1)
    team.study.says("An answer to send back")
    waiting = team.study.waiting()
    await twice("copy/send")
    once = team.study.waiting() - waiting
    assert once > 0
    await team.ann.post(f"{here}/copy/send", data={"key": "2"})
    assert team.study.waiting() - waiting == 2 * once
    assert re.search(r'name="key" value="\w{32}"', (await team.ann.get(f"{here}/copy")).text)


async def test_a_reply_that_was_refused_is_refused_however_often_it_is_pressed(team: Team) -> None:
    code = team.study.consented()
    press = {"text": "Hello", "key": "1"}
    both = await asyncio.gather(*(team.ann.post(f"/participants/{code}/reply", data=press) for _ in "ab"))
    assert [(answer.status_code, written(answer)) for answer in both] == [(409, "Hello")] * 2
    await team.ann.post(f"/participants/{code}/take-over")
    again = await team.ann.post(f"/participants/{code}/reply", data=press)
    assert again.status_code == 303
    assert leave(team.study) == ["Hello\n\nAnn"]


async def test_whoever_was_fetched_hands_back_and_keeps_what_they_wrote_too_late(team: Team) -> None:
    code = team.study.consented(researcher="Ann")
    here = f"/participants/{code}"
    await team.ann.post(f"{here}/take-over")
    assert (await team.ben.get(here)).status_code == 200
    await team.ann.post(f"{here}/hand-back")
    late = await team.ben.post(f"{here}/reply", data={"text": "A long answer to you"})
    assert (late.status_code, 'href="/unsaved"' in late.text) == (403, True)
    await team.ben.post(f"{here}/reply", data={"text": "A long answer to you"})
    await team.ben.post(f"{here}/worry", data={"worry": "I am worried"})
    await team.ben.post(f"{here}/count", data={"text": "half"})
    kept = (await team.ben.get("/unsaved")).text
    assert (kept.count("A long answer to you"), kept.count("I am worried"), "half" in kept) == (1, 1, False)
    team.study.says("PERSON")
    await team.ben.post(f"{here}/take-over")
    back = await team.ben.post(f"{here}/hand-back")
    assert (back.status_code, back.headers["location"]) == (303, "/queue?done=back")
    assert "Handed back." in (await team.ben.get("/queue?done=back")).text


async def test_what_was_deleted_is_not_among_what_the_team_wrote_down(team: Team) -> None:
    code = team.study.consented()
    await team.ann.post(f"/participants/{code}/worry", data={"worry": "She sounds tired"})
    team.study.run(withdrawal.withdraw, team.study.program.terms, code, "Cora")
    shown = await team.ann.get(f"/participants/{code}")
    assert shown.status_code == 200
    assert "She sounds tired" not in shown.text
    assert "What the team wrote down" not in shown.text


async def test_each_message_says_the_wording_and_the_version_of_the_schedule_that_it_was_sent_from(team: Team) -> None:
    code = team.study.consented()
    asked = team.study.program.schedules["social-workers", "en"].version
    asks(team.study, changed(team.study, STORE), code)
    team.study.leave()
    (now,) = {entry.version for entry in team.study.record(code).entries[-1:]}
    assert now not in ("", asked), "the statements have changed"
    page = (await team.ann.get(f"/participants/{code}")).text
    items = dict(re.findall(r'<li id="m(\d+)" class="out">(.*?)</li>', page, re.DOTALL))
    question, again = (next(i for i in items.values() if words in i) for words in ("Q1 of", "have changed"))
    assert f" · Q1 · sms · short wording, text version {asked[:6]}</span>" in question
    assert f"short wording, text version {now[:6]}</span>" in again


async def test_each_of_the_team_says_how_long_they_can_take_a_message_back(team: Team, held: str) -> None:
    """WCAG 2.2.1: ten times as long, chosen before the time begins."""
    page = f"/participants/{held}"
    assert "It waits 10 seconds before it leaves" in (await team.ann.get(page)).text
    for seconds in ("9", "0", "86400", "", "x"):
        assert (await team.ann.post("/account/undo", data={"seconds": seconds})).status_code == 409
    answer = await team.ann.post("/account/undo", data={"seconds": "120"})
    assert answer.status_code == 303
    assert "you can take back what you send for 2 minutes" in (await team.ann.get(answer.headers["location"])).text
    assert "It waits 2 minutes before it leaves" in (await team.ann.get(page)).text
    assert "It waits 10 seconds before it leaves" in (await team.ben.get(page)).text
    await team.ann.post(f"{page}/reply", data={"text": "How are you?"})
    team.study.clock.forward(seconds=119)
    assert team.study.leave() == []
    team.study.clock.forward(seconds=1)
    assert team.study.leave() == ["How are you?\n\nAnn"]
    assert "Taking a message back" not in (await team.cora.get("/account")).text
