"""Coordinators give participants to researchers and make invitations; everybody sees who reads when."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.interview.rota import DAYS, Rota
from bot.messages import Address
from bot.records.tables import invitations
from bot.records.tables import participants as people
from bot.web import team as pages
from tests.bot.web.conftest import Team
from tests.bot.web.test_queue import trail

FIRST, SECOND = Address("sms", "+447700900001"), Address("sms", "+447700900002")


def whose(team: Team) -> dict[str, str]:
    query = select(people.c.code, people.c.researcher)
    rows = team.study.program.database.read_now(lambda uow: uow.all(query))
    return {row["code"]: row["researcher"] for row in rows}


async def test_only_whoever_was_changed_on_the_page_is_given_away(team: Team) -> None:
    one, two = team.study.enrol(FIRST, researcher="Ann"), team.study.enrol(SECOND, researcher="Ann")
    shown = (await team.cora.get("/assignments")).text
    assert f'aria-label="Researcher of {one}"' in shown
    fields = {f"was-{one}": "Ann", f"now-{one}": "Ben", f"was-{two}": "Ann", f"now-{two}": "Ann"}
    answer = await team.cora.post("/assignments", data=fields)
    assert f"{one}: Ben" in answer.text
    assert whose(team) == {one: "Ben", two: "Ann"}
    assert [line for line in trail(team.study) if line[1] == "assigned"] == [("Cora", "assigned", one)]


async def test_where_one_cannot_be_given_nobody_is(team: Team) -> None:
    one = team.study.enrol(FIRST, researcher="Ann")
    for fields in ({f"now-{one}": "Ben", "now-ZZ99": "Ben"}, {f"now-{one}": "x" * 400}):
        answer = await team.cora.post("/assignments", data=fields)
        assert answer.status_code == 409
        assert "Nobody was given to anybody" in answer.text
    assert whose(team) == {one: "Ann"}


async def test_without_a_rota_the_page_says_who_reads_and_how_to_make_one(team: Team) -> None:
    shown = (await team.ann.get("/rota")).text
    assert "There is no rota." in shown
    assert "rota.example.yaml" in shown
    assert "Nobody can be told of distress, or that somebody wants a person, by mail or Telegram." in shown


def test_days_and_hours_are_said_as_people_say_them() -> None:
    assert pages.days_said(DAYS) == "Every day"
    assert pages.days_said(DAYS[:5]) == "Monday to Friday"
    assert pages.days_said((DAYS[0], DAYS[2], DAYS[5], DAYS[6])) == "Monday, Wednesday, Saturday, Sunday"
    rota = Rota.model_validate(
        {
            "people": [{"name": "Ann", "hours": [{"from": "09:00", "to": "17:30"}]}],
            "on_call": [{"who": ["Ann"], "days": ["friday"], "from": "22:00", "to": "06:00"}, {"who": ["Ann"]}],
        }
    )
    assert pages.hours_said(rota.people[0].hours[0]) == "Monday to Friday, 9:00 am to 5:30 pm"
    assert pages.turn_said(rota.turns[0]) == "Friday, 10:00 pm to 6:00 am the next morning"
    assert pages.turn_said(rota.turns[1]) == "Every day, at all hours"


GOOD = {"group": "social-workers, en", "number": "3", "channel": "", "wording": "", "days": "30"}


async def test_invitations_are_made_once_and_shown_as_a_sheet_that_stands_alone(team: Team) -> None:
    sheet = await team.cora.post("/invitations", data=GOOD)
    assert sheet.status_code == 200
    assert len(set(re.findall(r"JOIN ([A-Z0-9-]{11})", sheet.text))) == 3
    assert team.study.count_of(invitations) == 3
    style = re.search(r"<style>(.*?)</style>", sheet.text, re.DOTALL)
    assert style is not None
    allowed = b64encode(sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{allowed}'" in sheet.headers["content-security-policy"]
    assert "unsafe-inline" not in sheet.headers["content-security-policy"]
    standing = (await team.cora.get("/invitations")).text
    assert 'data-head="Open invitations">3</td>' in standing


@pytest.mark.parametrize(
    "slip",
    [
        {"group": "nobody, en"},
        {"group": ""},
        {"number": "0"},
        {"number": "many"},
        {"number": "1000000"},
        {"days": "0"},
        {"days": "٣"},
        {"channel": "pigeon"},
    ],
)
async def test_a_slip_in_the_form_is_named_and_no_invitation_is_made(team: Team, slip: dict[str, str]) -> None:
    answer = await team.cora.post("/invitations", data=GOOD | slip)
    assert answer.status_code == 409
    assert "Nothing was done." in answer.text
    assert team.study.count_of(invitations) == 0


async def test_an_invitation_is_withdrawn_and_given_back_by_its_code(team: Team) -> None:
    sheet = (await team.cora.post("/invitations", data=GOOD)).text
    codes = sorted(set(re.findall(r"JOIN ([A-Z0-9-]{11})", sheet)))
    wrong = await team.cora.post("/invitations/withdraw", data={"codes": f"{codes[0]}\nnonsense"})
    assert wrong.status_code == 409
    assert "is no code of an invitation here" in wrong.text
    assert codes[0] in wrong.text, "what was typed is still there"
    done = await team.cora.post("/invitations/withdraw", data={"codes": f"{codes[0]}\r\n\r\n{codes[1]}\r\n"})
    assert "2 invitations withdrawn." in done.text
    assert team.study.count_of(invitations, invitations.c.withdrawn_at.is_not(None)) == 2
    back = await team.cora.post("/invitations/give-back", data={"codes": codes[0]})
    assert "1 invitation can be used again." in back.text
    assert team.study.count_of(invitations, invitations.c.withdrawn_at.is_not(None)) == 1
    assert (await team.ann.post("/invitations/withdraw", data={"codes": codes[2]})).status_code == 403


async def test_a_researcher_makes_no_invitations_and_gives_nobody_away(team: Team, tmp_path: Path) -> None:
    for path in ("/invitations", "/assignments"):
        assert (await team.ann.get(path)).status_code == 403
        assert (await team.ann.post(path, data=GOOD)).status_code == 403
    assert "/invitations" not in (await team.ann.get("/progress")).text
    assert "/invitations" in (await team.cora.get("/progress")).text


async def test_a_sheet_that_is_asked_for_twice_at_once_is_the_same_sheet(team: Team) -> None:
    both = await asyncio.gather(*(team.cora.post("/invitations", data=GOOD | {"key": "1"}) for _ in "ab"))
    assert both[0].text == both[1].text
    assert team.study.count_of(invitations) == int(GOOD["number"])
