"""Coordinators watch, enrol, remind and hold; nothing is sent before it was confirmed, and no answer is shown."""

from __future__ import annotations

import csv
import html
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from bot.interview.state import State
from bot.messages import Address
from bot.records.tables import interviews, outbox
from bot.records.tables import participants as people
from bot.service import enrolment, handovers, progress, switch
from tests.bot.web.conftest import Team
from tests.bot.web.test_queue import trail

HEAD = "cohort,channel,address,name,team"
GOOD = f"{HEAD}\nsocial-workers,sms,07700 900111,Kim,Adults\nsocial-workers,sms,07700 900222,Lee,"


async def test_the_board_counts_everybody_once_where_they_stand_and_shows_no_words(team: Team) -> None:
    study = team.study
    study.consented(Address("sms", "+447700900001"))
    study.says("Something secret", Address("sms", "+447700900001"))
    study.consented(Address("simulator", "sms/anna"))
    study.says("I want to die", Address("simulator", "sms/anna"))
    study.enrol(Address("sms", "+447700900003"))
    study.consented(Address("sms", "+447700900004"))
    study.says("STOP", Address("sms", "+447700900004"))
    whole, simulated, texted = study.program.database.read_now(progress.board)
    assert {name: many for name, many in whole.stages.items() if many} == {
        "Active": 1,
        "Held": 1,
        "Informed": 1,
        "Stopped": 1,
    }
    assert (whole.channel, whole.total, whole.consented) == ("", 4, 3)
    assert (texted.channel, texted.total, simulated.total) == ("text", 3, 1)
    page = (await team.cora.get("/progress")).text
    assert '<th scope="row">Active</th><td>1</td><td>text: 1</td>' in page
    assert '<th scope="row">Consented</th><td>3</td><td>simulator: 1, text: 2</td>' in page
    assert '<th scope="row">Paused</th><td>0</td><td>None</td>' in page
    assert "secret" not in page
    assert "Sam" not in page


async def test_the_board_tells_who_waits_for_a_person_from_who_is_with_one(team: Team) -> None:
    study = team.study
    code = study.consented()
    study.says("PERSON")

    def stands() -> set[str]:
        (whole, _) = study.program.database.read_now(progress.board)
        return {name for name, many in whole.stages.items() if many}

    assert stands() == {"Waiting for a person"}
    study.run(handovers.take_over, study.program.terms, code, "Ann")
    assert stands() == {"With a person"}
    study.run(handovers.hand_back, study.program.terms, code, "Ann")
    assert stands() == {"Active"}


@pytest.mark.parametrize("state", list(State))
async def test_the_board_has_a_place_for_everybody_wherever_they_are(team: Team, state: State) -> None:
    code = team.study.enrol()
    team.study.run(lambda uow: uow.execute(update(interviews).values(state=state.value)))
    (whole, _) = team.study.program.database.read_now(progress.board)
    assert sum(whole.stages.values()) == 1
    assert (await team.cora.get("/progress")).status_code == 200
    for path in ("/", "/queue", f"/participants/{code}", f"/participants/{code}/refile"):
        assert (await team.ann.get(path)).status_code == 200


async def test_the_switch_is_for_everybody_to_turn_and_for_coordinators_to_turn_back(team: Team) -> None:
    await team.ann.post("/progress/hold")
    assert team.study.program.database.read_now(switch.on_hold)
    assert "on hold" in (await team.cora.get("/progress")).text
    assert (await team.ann.post("/progress/release")).status_code == 403
    assert team.study.program.database.read_now(switch.on_hold)
    await team.cora.post("/progress/release")
    assert not team.study.program.database.read_now(switch.on_hold)
    acts = [line[:2] for line in trail(team.study) if "outgoing" in line[1]]
    assert acts == [("Ann", "held all outgoing messages"), ("Cora", "released outgoing messages")]


async def test_nobody_is_enrolled_and_nothing_is_sent_before_it_was_confirmed(team: Team) -> None:
    shown = await team.cora.post("/enrol/preview", data={"people": GOOD})
    assert shown.status_code == 200
    for words in ("+447700900111", "team: Adults", "SW01", "SW02", "Nobody is enrolled yet"):
        assert words in shown.text
    assert team.study.count_of(people) == 0
    assert team.study.count_of(outbox) == 0
    done = await team.cora.post("/enrol", data={"people": GOOD})
    assert "SW01, SW02" in done.text
    assert team.study.count_of(people) == 2
    assert ("Cora", "enrolled", "SW01") in trail(team.study)
    again = await team.cora.post("/enrol", data={"people": GOOD})
    assert again.status_code == 409
    assert "enrolled with this sms address already" in again.text
    assert team.study.count_of(people) == 2


async def test_what_each_gets_first_and_when_is_seen_before_it_is_confirmed(team: Team) -> None:
    study = team.study
    study.clock.forward(hours=11)
    team.sign_in_again()
    kim, lee = "sms,07700 900111,\u0141uk,,short,", "sms,07700 900222,Lee,,short,yes"
    text = f"{HEAD},wording,discreet\nsocial-workers,{kim}\nsocial-workers,{lee}"
    shown = (await team.cora.post("/enrol/preview", data={"people": text})).text
    assert re.findall(r">(Wed 25 Nov \d\d:\d\d)</td>", shown) == ["Wed 25 Nov 09:00"] * 2
    assert "costs more SMS parts for \u0141" in shown
    assert "is told only that a message is ready, discreet: yes" in shown
    assert re.search(r"To SW01: \d messages come before they answer, in \d+ SMS parts. The first:", shown)
    assert "To SW02: 1 message comes before they answer, in 1 SMS part. The first:" in shown
    firsts = [html.unescape(each) for each in re.findall(r'<p class="preview body" lang="en">(.*?)</p>', shown, re.S)]
    await team.cora.post("/enrol", data={"people": text})
    assert study.leave() == []
    study.clock.forward(hours=11)
    left = study.leave()
    assert [each for each in left if each in firsts] == firsts, left


async def test_who_would_wait_because_their_cohort_is_full_is_seen_before_it_is_confirmed(team: Team) -> None:
    team.study.program.rules.quotas["social-workers"] = 1  # type: ignore[index]  # the settings of this test
    shown = (await team.cora.post("/enrol/preview", data={"people": GOOD})).text
    assert "<strong>No place is left for 1:</strong> SW02." in shown
    assert shown.count("waits for a place") == 1
    done = (await team.cora.post("/enrol", data={"people": GOOD})).text
    assert "<strong>Enrolled 1:</strong> SW01." in done
    assert "<strong>No place was left for 1:</strong> SW02." in done


async def test_bad_rows_are_listed_and_the_lines_are_there_to_be_corrected(team: Team) -> None:
    bad = f"{GOOD}\nsocial-workers,sms,12,Max,\nnurses,sms,07700 900333,<b>,"
    shown = await team.cora.post("/enrol/preview", data={"people": bad})
    assert shown.status_code == 409
    problems = re.findall(r"<li>(Line \d+):", shown.text)
    assert problems == ["Line 4", "Line 5"]
    assert "&lt;b&gt;" in shown.text
    assert "Enrol 4" not in shown.text
    assert team.study.count_of(people) == 0


async def test_a_file_is_read_as_it_was_saved(team: Team) -> None:
    files = {"file": ("people.csv", ("\ufeff" + GOOD).encode(), "text/csv")}
    shown = await team.cora.post("/enrol/preview", files=files)
    assert shown.status_code == 200
    assert "2 people to enrol" in shown.text
    wrong = {"file": ("people.csv", "café".encode("latin-1"), "text/csv")}
    assert "not UTF-8" in (await team.cora.post("/enrol/preview", files=wrong)).text
    huge = {"file": ("people.csv", b"x" * 1_100_000, "text/csv")}
    assert "too large" in (await team.cora.post("/enrol/preview", files=huge)).text


async def test_more_people_than_can_be_enrolled_without_keeping_others_waiting_are_not_begun(team: Team) -> None:
    rows = [f"social-workers,sms,+447700{number:06}" for number in range(900000, 900501)]
    for where in ("/enrol/preview", "/enrol"):
        refused = await team.cora.post(where, data={"people": "\n".join(["cohort,channel,address", *rows])})
        assert refused.status_code == 409
        assert "There are 501 people in this file. Here at most 500 are enrolled at once" in refused.text
    assert team.study.count_of(people) == 0
    shown = await team.cora.post("/enrol/preview", data={"people": "\n".join(["cohort,channel,address", *rows[1:]])})
    assert "500 people to enrol" in shown.text


@pytest.mark.parametrize("people_sent", ["", "nonsense", "cohort,channel,address", "\x00", 'a,"b'])
async def test_what_is_no_list_of_people_is_said_so(team: Team, people_sent: str) -> None:
    shown = await team.cora.post("/enrol/preview", data={"people": people_sent})
    assert shown.status_code == 409
    assert "Nobody was enrolled." in shown.text


async def test_reminders_by_hand_are_seen_before_they_are_sent(team: Team) -> None:
    study = team.study
    silent = study.consented(Address("sms", "+447700900001"))
    study.enrol(Address("sms", "+447700900002"))
    study.clock.forward(days=5)
    waiting = study.waiting()
    team.sign_in_again()
    page = await team.cora.get("/reminders")
    assert f'value="{silent}"' in page.text
    assert f"<strong>{silent}</strong>, asked on Tue 24 Nov at 12:00, gets this from Sun 29 Nov, 12:00 on" in page.text
    assert study.waiting() == waiting
    none = await team.cora.post("/reminders", data={})
    assert none.status_code == 409
    done = await team.cora.post("/reminders", data={"code": silent, "key": "1"})
    assert f"{silent}: reminded" in done.text
    assert study.waiting() == waiting + 1
    await team.cora.post("/reminders", data={"code": silent, "key": "1"})
    assert study.waiting() == waiting + 1, "the same form twice is one"
    await team.cora.post("/reminders", data={"code": silent, "key": "2"})
    third = await team.cora.post("/reminders", data={"code": silent, "key": "3"})
    assert f"{silent}: not reminded" in third.text


async def test_lines_that_were_pasted_outlast_the_session(team: Team) -> None:
    team.cora.cookies.clear()
    stopped = await team.cora.post("/enrol/preview", files={"file": ("", b""), "people": (None, GOOD)})
    assert stopped.status_code == 401
    assert GOOD.splitlines()[1] in html.unescape(stopped.text)


@pytest.mark.parametrize("path", ["/enrol", "/reminders"])
async def test_these_pages_are_for_coordinators(team: Team, path: str) -> None:
    assert (await team.ann.get(path)).status_code == 403
    assert (await team.ann.post(path, data={"people": GOOD, "code": "SW01"})).status_code == 403
    assert team.study.count_of(people) == 0


async def test_columns_with_other_names_are_called_by_what_they_are_and_nobody_is_lost(team: Team) -> None:
    text = (
        "Group;Way;Mobile no;First name;Secret\nsocial-workers;sms;07700 900111;Kim;x\nsocial-workers;sms;07700 900222"
    )
    first = await team.cora.post("/enrol/preview", data={"people": text})
    assert first.status_code == 409
    assert "Mobile no, such as 07700 900111" in first.text
    names = ["cohort", "channel", "address", "name", ""]
    fields = {"people": text, **{f"column-{place}": name for place, name in enumerate(names)}}
    shown = (await team.cora.post("/enrol/preview", data=fields)).text
    assert "2 people to enrol" in shown
    assert "Kim" in shown
    assert "Secret" not in shown
    (kept,) = re.findall(r'name="people" value="([^"]*)"', shown)
    done = await team.cora.post("/enrol", data={"people": html.unescape(kept)})
    assert "Enrolled 2" in done.text


async def test_columns_called_by_the_same_name_are_refused(team: Team) -> None:
    fields = {"people": "a,b,c\nsocial-workers,sms,07700 900111", "column-0": "cohort", "column-1": "cohort"}
    answer = await team.cora.post("/enrol/preview", data=fields)
    assert answer.status_code == 409
    assert "is there twice" in answer.text


@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=["C"]), max_size=8), min_size=3, max_size=3), min_size=1)
)
def test_naming_columns_anew_keeps_every_cell(rows: list[list[str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([["x", "y", "z"], *rows])
    again = enrolment.named_anew(written.getvalue(), ["cohort", "", "note"])
    read = list(csv.reader(io.StringIO(again, newline="")))
    assert read == [["cohort", "note"], *([row[0], row[2]] for row in rows)]
