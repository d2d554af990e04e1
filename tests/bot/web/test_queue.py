"""The work queue: the most urgent first, somebody's, and done only when it is done."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import update

from bot.messages import Address
from bot.records.tables import audit, tasks, users
from bot.records.unit_of_work import UnitOfWork
from bot.service import staff, work
from bot.service.staff import User
from tests.bot.web.conftest import Team
from tests.bot.world import World

ANN = User(1, "Ann", "researcher")


def headings(page: httpx.Response) -> list[str]:
    return [html.unescape(each) for each in re.findall(r"<h3>(.*?)</h3>", page.text)]


def task_ids(study: World) -> dict[str, int]:
    """The open tasks, by kind."""
    page = study.program.database.read_now(work.page, ANN)
    return {one.kind: one.id for one in page.tasks}


def trail(study: World) -> list[tuple[str, str, str | None]]:
    """Who did what to whom."""
    rows = study.program.database.read_now(lambda uow: uow.all(audit.select().order_by(audit.c.id)))
    return [(row["actor"], row["act"], row["subject"]) for row in rows]


async def test_the_queue_has_distress_first_then_the_person_then_the_unclear_then_strangers_and_the_rest(
    team: Team,
) -> None:
    code = team.study.enrol()
    for kind in ("write up", "to review", "something new", "not delivered", "unclear", "person asked", "distress"):
        team.study.run(UnitOfWork.open_task, kind, 1, None, None)
        team.study.clock.forward(minutes=1)
    team.study.says("Who is this?", Address("sms", "+447700900999"))
    page = await team.ann.get("/queue")
    assert headings(page) == [
        f"Distress: {code}",
        f"Person asked: {code}",
        f"Unclear: {code}",
        "Unknown sender",
        f"Not delivered: {code}",
        f"To review: {code}",
        f"Write up: {code}",
        f"Something new: {code}",
    ]
    assert "Waiting for 7 minutes. No owner yet." in page.text
    assert "Everything (8)" in page.text
    assert headings(await team.ann.get("/queue?group=Delivery")) == [f"Not delivered: {code}"]


async def test_a_task_is_claimed_by_one_and_taken_from_them_only_knowingly(team: Team) -> None:
    team.study.enrol()
    team.study.run(UnitOfWork.open_task, "unclear", 1, None, None)
    task = task_ids(team.study)["unclear"]
    await team.ann.post(f"/tasks/{task}/claim", data={"seen": "", "back": "/queue?mine=yes"})
    assert "Owner: Ann." in (await team.ben.get("/queue")).text
    late = await team.ben.post(f"/tasks/{task}/claim", data={"seen": ""})
    assert late.status_code == 409
    assert "Ann has taken this task since" in late.text
    await team.ben.post(f"/tasks/{task}/claim", data={"seen": "Ann"})
    assert "Mine (1)" in (await team.ben.get("/queue")).text
    assert "Mine (0)" in (await team.ann.get("/queue")).text
    await team.ben.post(f"/tasks/{task}/assign", data={"owner": "Ann"})
    assert "Owner: Ann." in (await team.ben.get("/queue")).text
    assert (await team.ben.post(f"/tasks/{task}/assign", data={"owner": "Zed"})).status_code == 409
    assert [line for line in trail(team.study) if line[1] == "assigned a task"] == [
        ("Ann", "assigned a task", "SW01"),
        ("Ben", "assigned a task", "SW01"),
        ("Ben", "assigned a task", "SW01"),
    ]


async def test_what_belongs_to_somebody_who_left_the_team_says_so(team: Team) -> None:
    code = team.study.consented()
    team.study.says("PERSON")
    task = task_ids(team.study)["person asked"]
    await team.ann.post(f"/tasks/{task}/claim", data={"seen": ""})
    await team.ann.post(f"/participants/{code}/take-over")
    for path in ("/queue", f"/participants/{code}"):
        assert "nobody signs in by that name" not in (await team.ben.get(path)).text
    team.study.run(staff.disable_user, "Ann")
    assert "Owner: Ann, but nobody signs in by that name now." in (await team.ben.get("/queue")).text
    shown = (await team.ben.get(f"/participants/{code}")).text
    assert "Ann has the conversation.</strong> But nobody signs in by that name now." in shown
    assert "Take over from Ann" in shown


async def test_whoever_has_claimed_or_given_a_task_is_at_that_task_again(team: Team) -> None:
    team.study.enrol()
    team.study.run(UnitOfWork.open_task, "silent", 1, None, None)
    task = task_ids(team.study)["silent"]
    for act, sent in (("claim", {"seen": ""}), ("assign", {"owner": "Ben"})):
        answer = await team.ann.post(f"/tasks/{task}/{act}", data=sent | {"back": "/queue?mine=yes"})
        assert answer.headers["location"] == f"/queue?mine=yes#t{task}"
    assert f'<li id="t{task}">' in (await team.ann.get("/queue")).text


@pytest.mark.parametrize("kind", ["distress", "person asked", "unclear", "to review", "write up", "check an answer"])
async def test_what_takes_reading_or_writing_is_never_a_coordinators_who_may_give_it_on(team: Team, kind: str) -> None:
    team.study.enrol()
    team.study.run(UnitOfWork.open_task, kind, 1, None, None)
    task = task_ids(team.study)[kind]
    shown = (await team.cora.get("/queue")).text
    assert f"/tasks/{task}/claim" not in shown
    assert "<option>Ann</option>" in shown
    assert "<option>Cora</option>" not in shown
    taken = await team.cora.post(f"/tasks/{task}/claim", data={"seen": ""})
    given = await team.ben.post(f"/tasks/{task}/assign", data={"owner": "Cora"})
    for answer in (taken, given):
        assert answer.status_code == 409
        said = html.unescape(answer.text)
        assert f"Cora is a coordinator, and cannot see to '{kind}'. Give it to Ann, or Ben" in said
    assert "No owner yet." in (await team.ben.get("/queue")).text
    assert (await team.cora.post(f"/tasks/{task}/assign", data={"owner": "Ann"})).status_code == 303
    assert "Owner: Ann." in (await team.ben.get("/queue")).text


@pytest.mark.parametrize("kind", ["call asked", "not delivered", "unknown sender", "copy asked", "leave", "odd"])
async def test_calls_delivery_and_the_rest_can_be_a_coordinators_and_nothing_a_key_holders(
    team: Team, kind: str
) -> None:
    team.study.enrol()
    team.study.run(UnitOfWork.open_task, kind, 1, None, None)
    task = task_ids(team.study)[kind]
    assert (await team.cora.post(f"/tasks/{task}/claim", data={"seen": ""})).status_code == 303
    assert "Owner: Cora." in (await team.ben.get("/queue")).text
    team.study.run(_now_a_key_holder, "Ben")
    assert "<option>Ben</option>" not in (await team.ann.get("/queue")).text
    answer = await team.ann.post(f"/tasks/{task}/assign", data={"owner": "Ben"})
    assert answer.status_code == 409
    assert "Ben is a key holder, and cannot see to" in answer.text


async def test_a_task_is_resolved_with_words_that_are_sealed_and_cannot_be_resolved_twice(team: Team) -> None:
    team.study.enrol()
    team.study.run(UnitOfWork.open_task, "silent", 1, None, None)
    task = task_ids(team.study)["silent"]
    assert (await team.ann.post(f"/tasks/{task}/resolve", data={"outcome": " "})).status_code == 409
    done = await team.ann.post(f"/tasks/{task}/resolve", data={"outcome": "Rang her: <well>"})
    assert done.status_code == 303
    assert headings(await team.ann.get("/queue")) == []
    row = team.study.program.database.read_now(lambda uow: uow.one(tasks.select().where(tasks.c.id == task)))
    assert row is not None
    assert (row["closed_by"], b"Rang" in row["outcome"]) == ("Ann", False)
    again = await team.ben.post(f"/tasks/{task}/resolve", data={"outcome": "Me too"})
    assert "done already, by Ann" in again.text
    assert "What you wrote is kept" in again.text
    assert "Me too" in (await team.ben.get("/unsaved")).text
    assert "Rang" not in str(team.study.program.database.read_now(lambda uow: uow.all(audit.select())))


async def test_what_somebody_still_waits_for_is_not_resolved_from_the_queue(team: Team) -> None:
    """Distress is released with a reason, and a person who was asked for hands back; until then the bot is silent."""
    team.study.consented()
    team.study.says("PERSON")
    task = task_ids(team.study)["person asked"]
    answer = await team.ann.post(f"/tasks/{task}/resolve", data={"outcome": "Fine"})
    assert answer.status_code == 409
    assert "Answer and hand back on their page first" in answer.text
    await team.ann.post("/participants/SW01/hand-back")
    assert "person asked" not in task_ids(team.study)
    team.study.says("I want to die")
    task = task_ids(team.study)["distress"]
    answer = await team.ann.post(f"/tasks/{task}/resolve", data={"outcome": "Fine"})
    assert "Give the reason to go on" in answer.text
    place = {"outcome": "A long <outcome>", "back": "/queue?group=Distress&mine=yes"}
    await team.ann.post(f"/tasks/{task}/claim")
    answer = await team.ann.post(f"/tasks/{task}/resolve", data=place)
    assert ">\nA long &lt;outcome&gt;</textarea>" in answer.text
    assert f'<details id="d{task}" open>' in answer.text
    assert 'data-live="/queue/live?group=Distress&amp;mine=yes"' in answer.text
    assert "distress" in task_ids(team.study)


async def test_a_promise_that_nobody_kept_stands_on_the_task_until_somebody_has_written(team: Team) -> None:
    """They hear that it was not kept, and no new moment; whoever reads the queue sees it."""
    study = team.study
    study.consented()
    study.leave()
    study.says("PERSON")
    (told,) = study.leave()
    moment = re.search(r"by (\w+ \d+ \w+), (\d+:\d\d [ap]m)", told)
    assert moment
    assert "Overdue" not in (await team.ann.get("/queue")).text
    study.clock.forward(days=2)
    team.sign_in_again()
    overdue = f"<strong>Overdue:</strong> they were told that a person writes to them by {moment[1]}, {moment[2]},"
    assert overdue in (await team.ann.get("/queue")).text
    study.says("PERSON")
    (told,) = [text for text in study.leave() if "sorry" in text]
    assert f"by {moment[1]}, {moment[2]}, and nobody has yet" in told
    await team.ann.post("/participants/SW01/take-over")
    assert overdue in (await team.ann.get("/queue")).text
    await team.ann.post("/participants/SW01/reply", data={"text": "Here I am."})
    assert "Overdue" not in (await team.ann.get("/queue")).text


async def test_a_promise_after_stop_holds_until_all_that_they_asked_for_is_done_with(team: Team) -> None:
    """As where somebody rang them."""
    study = team.study
    study.consented()
    for word in ("STOP", "PERSON", "CALL"):
        study.says(word)
    study.leave()

    async def done(kind: str) -> None:
        await team.ann.post(f"/tasks/{task_ids(study)[kind]}/resolve", data={"outcome": "I rang them."})

    await done("call asked")
    study.clock.forward(days=7)
    team.sign_in_again()
    study.says("PERSON")
    assert "Tuesday 24 November, 5:00 pm, and nobody has yet" in study.leave()[-1]
    await done("person asked")
    study.says("PERSON")
    assert "will message you by Tuesday 1 December, 5:00 pm" in study.leave()[-1]


async def test_a_task_of_another_researchers_participant_is_not_theirs_to_see_to(team: Team) -> None:
    code = team.study.consented(researcher="Ann")
    team.study.run(UnitOfWork.open_task, "silent", 1, None, None)
    task = task_ids(team.study)["silent"]
    shown = (await team.ben.get("/queue")).text
    assert f"Silent: {code}" in shown
    assert "<form" not in shown.partition(f"Silent: {code}")[2].partition("</li>")[0]
    for act, sent in (("claim", {}), ("assign", {"owner": "Ben"}), ("resolve", {"outcome": "Fine"})):
        answer = await team.ben.post(f"/tasks/{task}/{act}", data=sent)
        assert answer.status_code == 403, act
        assert "another researcher" in answer.text
    assert task_ids(team.study) == {"silent": task}
    assert ("Ben", "was refused", f"/tasks/{task}/resolve") in trail(team.study)
    assert (await team.cora.post(f"/tasks/{task}/assign", data={"owner": "Ann"})).status_code == 303
    assert (await team.ann.post(f"/tasks/{task}/resolve", data={"outcome": "Fine"})).status_code == 303
    assert task_ids(team.study) == {}


async def test_strangers_in_distress_are_done_with_only_by_somebody_who_can_write_to_people(team: Team) -> None:
    team.study.says("I want to die", Address("sms", "+447700900999"))
    task = task_ids(team.study)["distress"]
    assert f"/tasks/{task}/resolve" not in (await team.cora.get("/queue")).text
    refused = await team.cora.post(f"/tasks/{task}/resolve", data={"outcome": "Fine"})
    assert (refused.status_code, "As a coordinator you cannot" in refused.text) == (403, True)
    assert (await team.cora.post(f"/tasks/{task}/assign", data={"owner": "Ben"})).status_code == 303
    team.study.run(_now_a_key_holder, "Cora")
    assert "<form" not in (await team.cora.get("/queue")).text.partition("<ul")[2].partition("</ul>")[0]
    for act in ("claim", "assign", "resolve"):
        assert (await team.cora.post(f"/tasks/{task}/{act}", data={"outcome": "Fine"})).status_code == 403
    assert task_ids(team.study)["distress"] == task
    assert (await team.ben.post(f"/tasks/{task}/resolve", data={"outcome": "Rang them"})).status_code == 303


def _now_a_key_holder(uow: UnitOfWork, name: str) -> None:
    uow.execute(update(users).where(users.c.name == name).values(role="key-holder"))


async def test_wanting_to_talk_is_seen_by_coordinators_and_by_who_asked_and_in_no_trail_with_a_code(team: Team) -> None:
    code = team.study.consented()
    for _ in "ab":
        await team.ann.post(f"/participants/{code}/talk")
    assert "The coordinators know" in (await team.ann.get(f"/participants/{code}")).text
    assert headings(await team.cora.get("/queue")) == [f"Wants to talk about this: {code}"]
    assert "Asked by Ann." in (await team.cora.get("/queue")).text
    assert headings(await team.ann.get("/queue")) == [f"Wants to talk about this: {code}"]
    assert headings(await team.ben.get("/queue")) == []
    task = task_ids(team.study)["wants to talk about this"]
    assert (await team.ben.post(f"/tasks/{task}/claim")).status_code == 409
    assert "talk" not in (await team.ben.get("/")).text
    assert team.study.record(code).tasks == ()
    assert team.study.record(code).row.tasks == 0
    await team.cora.post(f"/tasks/{task}/claim", data={"seen": ""})
    about = [line for line in trail(team.study) if line[1] in ("asked to talk", "assigned a task")]
    assert about == [("Ann", "asked to talk", None), ("Cora", "assigned a task", None)]


async def test_every_task_is_reached_page_by_page_and_none_twice(team: Team) -> None:
    """Also with tasks of one moment, and while others are done in between."""
    for number in range(65):
        team.study.run(UnitOfWork.open_task, ("unclear", "silent", "odd")[number % 3], None, None, f"no. {number}")
        if number % 2:
            team.study.clock.forward(seconds=1)
    seen: list[str] = []
    path = "/queue"
    while path:
        page = await team.ann.get(path)
        seen += re.findall(r"no\. \d+", page.text)
        found = re.search(r'href="(/queue\?[^"]+)">The next tasks', page.text)
        path = html.unescape(found[1]) if found else ""
    assert len(seen) == 65
    assert len(set(seen)) == 65


NO_PLACES = (
    "x",
    "1|2|3",
    "1|2026-01-01T00:00:00|3",
    "9|2026-01-01T00:00:00+00:00|" + "9" * 40,
    "9" * 20 + "|2026-01-01T00:00:00+00:00|1",
    "1|2026-01-01T00:00:00+00:00|-" + "9" * 40,
    "1|0001-01-01T00:00:00+14:00|1",
)


@pytest.mark.parametrize("after", NO_PLACES)
async def test_a_place_that_is_no_place_is_the_beginning(team: Team, after: str) -> None:
    team.study.run(UnitOfWork.open_task, "odd", None, None, None)
    assert headings(await team.ann.get("/queue", params={"after": after})) == ["Odd"]


async def test_a_task_leads_to_its_message(team: Team) -> None:
    code = team.study.consented()
    team.study.says("PERSON")
    (message,) = [entry.id for entry in team.study.record(code).entries if entry.body == "PERSON"]
    page = await team.ann.get("/queue")
    assert f'href="/participants/{code}?at={message}#m{message}"' in page.text
    assert f'id="m{message}"' in (await team.ann.get(f"/participants/{code}?at={message}")).text
    team.study.says("Hello?", Address("sms", "+447700900999"))
    assert re.search(r'href="/holding/\d+"', (await team.ann.get("/queue?group=Unknown+sender")).text)


async def test_nobody_is_sent_elsewhere_by_a_form(team: Team) -> None:
    team.study.run(UnitOfWork.open_task, "odd", None, None, None)
    task = task_ids(team.study)["odd"]
    answer = await team.ann.post(f"/tasks/{task}/claim", data={"back": "https://evil.example/"})
    assert answer.headers["location"] == f"/#t{task}"


def test_age_is_counted_from_when_it_was_opened(desk_study: World) -> None:
    desk_study.run(UnitOfWork.open_task, "odd", None, None, None)
    desk_study.clock.forward(hours=5)
    (task,) = desk_study.program.database.read_now(work.page, ANN).tasks
    assert task.age == timedelta(hours=5)
