"""The page on which is seen and changed what one person needs."""

from __future__ import annotations

import re

import pytest

from bot.records.tables import audit
from bot.service import adapting
from tests.bot.web.conftest import Team
from tests.bot.world import World

PAGE = "/participants/SW01/needs"


def needs(study: World) -> dict[str, str]:
    found: dict[str, str] = study.run(adapting.of, study.program.terms, "SW01")
    return found


def posted(page: str) -> dict[str, str]:
    """The form of the page, as a browser would send it."""
    sent = dict(re.findall(r'<input (?:type="hidden"|id="\S+") name="([^"]+)" value="([^"]*)"', page))
    for name, choices in re.findall(r'<select id="\S+" name="(\S+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        values = re.findall(r'<option value="([^"]*)"( selected)?', choices)
        sent[name] = next((value for value, chosen in values if chosen), values[0][0])
    return sent


@pytest.mark.parametrize("who", ["ann", "cora"])
async def test_what_was_changed_on_the_page_is_changed_and_changed_back(team: Team, who: str) -> None:
    study, client = team.study, getattr(team, who)
    study.consented(attributes={"supporter": "yes", "hours": "10:00-16:00"})
    before = needs(study)
    beside = (await team.ann.get("/participants/SW01")).text
    assert "<dt>Hours in which they want to hear from us</dt><dd>10:00-16:00</dd>" in beside
    form = posted((await client.get(PAGE)).text)
    assert (form["now-wording"], form["now-hours"]) == ("short", "10:00-16:00")
    study.run(adapting.change, study.program.terms, study.program.rules, "SW01", {"call": "video"}, "Ben")
    answer = await client.post(PAGE, data=form | {"now-wording": "easy_read", "now-hours": ""})
    assert "Wording: easy_read. It was: short" in answer.text
    assert "Hours in which they want to hear from us: as the study says. It was: 10:00-16:00" in answer.text
    now = needs(study)
    assert (now["wording"], now["hours"], now["call"]) == ("easy_read", "", "video"), "what a colleague changed stays"
    back = answer.text.partition("Change it back")[0].rpartition("<form")[2]
    await client.post(PAGE, data=posted(back))
    assert needs(study) == before | {"call": "video"}


async def test_a_value_that_cannot_act_is_named_and_the_form_keeps_what_was_written(team: Team) -> None:
    team.study.enrol()
    form = posted((await team.cora.get(PAGE)).text)
    answer = await team.cora.post(PAGE, data=form | {"now-settle": "1s", "now-safe_contact": "Ring twice"})
    assert answer.status_code == 409
    assert "must be from 1m to 72h" in answer.text
    again = posted(answer.text)
    assert (again["now-settle"], again["was-settle"], again["now-safe_contact"]) == ("1s", "", "Ring twice")
    assert needs(team.study)["safe_contact"] == ""


async def test_a_yes_that_a_file_wrote_in_another_way_stays_a_yes(team: Team) -> None:
    team.study.enrol(attributes={"discreet": "true", "no_calls": "Y", "who": "Own", "supporter": "Flo"})
    before = needs(team.study)
    form = posted((await team.cora.get(PAGE)).text)
    assert (form["now-discreet"], form["now-no_calls"], form["now-who"]) == ("yes", "yes", "own")
    answer = await team.cora.post(PAGE, data=form | {"now-settle": "2h", "now-supporter": ""})
    assert needs(team.study) == before | {"settle": "2h", "supporter": ""}
    back = answer.text.partition("Change it back")[0].rpartition("<form")[2]
    await team.cora.post(PAGE, data=posted(back))
    assert needs(team.study) == before


async def test_how_they_are_reached_and_notes_are_for_whoever_may_see_them(team: Team) -> None:
    team.study.enrol(attributes={"supporter": "Her sister Flo", "safe_contact": "Ring the neighbour"})
    seen = (audit.c.act == "saw name and contact details", audit.c.actor == "Cora")
    page = await team.ann.get(PAGE)
    assert "neighbour" not in page.text
    assert "Flo" not in page.text
    sent = posted(page.text) | {"was-safe_contact": "", "now-safe_contact": "Mine"}
    assert (await team.ann.post(PAGE, data=sent)).status_code == 409
    assert team.study.count_of(audit, *seen) == 0
    form = posted((await team.cora.get(PAGE)).text)
    assert (form["now-supporter"], form["now-safe_contact"]) == ("Her sister Flo", "Ring the neighbour")
    assert team.study.count_of(audit, *seen) == 1
    await team.cora.post(PAGE, data=form | {"now-supporter": "Her brother"})
    assert (needs(team.study)["supporter"], needs(team.study)["safe_contact"]) == ("Her brother", "Ring the neighbour")


async def test_who_is_not_there_is_not_there(team: Team) -> None:
    assert (await team.ann.get(PAGE)).status_code == 404
    assert (await team.ann.post(PAGE)).status_code == 404
