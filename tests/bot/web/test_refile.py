"""Messages go to the question they belong to; nothing that was said changes, and everybody can see who moved it."""

from __future__ import annotations

import html
import re

import httpx
import pytest

from bot.export import reading
from bot.interview.state import Progress
from bot.records.tables import audit, messages, refilings, timers
from tests.bot.web.conftest import Team
from tests.bot.web.test_conversation import state_of
from tests.bot.world import World


def bodies(study: World) -> list[bytes]:
    """What came in, as it is stored."""
    rows = study.program.database.read_now(lambda uow: uow.all(messages.select().order_by(messages.c.id)))
    return [bytes(row["body"]) + bytes(row["raw"] or b"") for row in rows if row["direction"] == "in"]


def message(study: World, code: str, words: str) -> int:
    (found,) = [entry.id for entry in study.record(code).entries if entry.body == words]
    return found


def parts(study: World, code: str) -> dict[str, tuple[int, ...]]:
    """The messages of each question that has any."""
    return {key: answer.parts for key, answer in state_of(study, code).interview.answers.items() if answer.parts}


def exported(study: World, code: str) -> dict[str, list[str]]:
    """What an export says was answered to each question."""
    zone = study.program.settings.study.zone
    (case,) = study.program.database.read_now(lambda uow: list(reading.Study(uow, zone).cases("")))
    assert case.head.code == code
    return {answer.question: [turn.text for turn in answer.parts] for answer in case.answers if answer.parts}


def undo_of(page: httpx.Response) -> str:
    found = re.search(r'name="act" value="([^"]+)"', page.text)
    assert found
    return found[1]


@pytest.fixture
def code(desk_study: World) -> str:
    """Somebody who answered the first question in two messages and is at the second."""
    code = desk_study.consented()
    for words in ("I mostly text.", "And it went well once.", "DONE"):
        desk_study.says(words)
        desk_study.leave()
    return code


async def test_moving_some_messages_splits_an_answer_and_export_and_interview_agree(team: Team, code: str) -> None:
    first, second, *_ = (one.id for one in state_of(team.study, code).interview.schedule.questions)
    one, two = message(team.study, code, "I mostly text."), message(team.study, code, "And it went well once.")
    before = bodies(team.study)
    page = await team.ann.get(f"/participants/{code}/refile?message={two}")
    assert f'value="{two}" checked' in page.text
    moved = await team.ann.post(
        f"/participants/{code}/refile", data={"message": [two], "to": second, "reason": "It answers <that>"}
    )
    assert moved.status_code == 303
    assert parts(team.study, code) == {first: (one,), second: (two,)}
    assert exported(team.study, code) == {first: ["I mostly text."], second: ["And it went well once."]}
    assert bodies(team.study) == before, "what was said stays as it was"
    assert team.study.waiting() == 0, "nothing is sent"
    trail = await team.ann.get(f"/participants/{code}/refile")
    assert "1 message from Q1 to Q2, by Ann" in trail.text
    assert "<q>It answers &lt;that&gt;</q>" in trail.text
    (row,) = team.study.program.database.read_now(lambda uow: uow.all(refilings.select()))
    assert b"answers" not in row["reason"]


async def test_taking_it_back_leaves_everything_as_it_was_and_can_be_done_once(team: Team, code: str) -> None:
    questions = [one.id for one in state_of(team.study, code).interview.schedule.questions]
    before, said = state_of(team.study, code).interview.answers, exported(team.study, code)
    both = [message(team.study, code, words) for words in ("I mostly text.", "And it went well once.")]
    await team.ann.post(
        f"/participants/{code}/refile", data={"message": both, "to": questions[4], "reason": "It is about that"}
    )
    ahead = state_of(team.study, code).interview.answers[questions[4]]
    assert (ahead.progress, ahead.parts) == (Progress.AHEAD, tuple(both))
    act = undo_of(await team.ben.get(f"/participants/{code}/refile"))
    await team.ben.post(f"/participants/{code}/refile/undo", data={"act": act})
    assert dict(state_of(team.study, code).interview.answers) == dict(before)
    assert exported(team.study, code) == said
    again = await team.ben.post(f"/participants/{code}/refile/undo", data={"act": act})
    assert again.status_code == 409
    assert "taken back already" in again.text
    assert "Taken back." in again.text


async def test_what_was_moved_again_since_is_taken_back_in_order(team: Team, code: str) -> None:
    questions = [one.id for one in state_of(team.study, code).interview.schedule.questions]
    one = message(team.study, code, "I mostly text.")
    for to in questions[1:3]:
        await team.ann.post(f"/participants/{code}/refile", data={"message": one, "to": to, "reason": "There"})
    acts = re.findall(r'name="act" value="([^"]+)"', (await team.ann.get(f"/participants/{code}/refile")).text)
    early = await team.ann.post(f"/participants/{code}/refile/undo", data={"act": acts[1]})
    assert "moved again since" in early.text
    for act in acts:
        assert (await team.ann.post(f"/participants/{code}/refile/undo", data={"act": act})).status_code == 303
    assert one in parts(team.study, code)[questions[0]]


async def test_a_question_that_was_answered_ahead_is_still_asked_when_its_turn_comes(team: Team, code: str) -> None:
    questions = [one.id for one in state_of(team.study, code).interview.schedule.questions]
    two = message(team.study, code, "And it went well once.")
    await team.ann.post(f"/participants/{code}/refile", data={"message": two, "to": questions[2], "reason": "Early"})
    team.study.says("SKIP")
    asked = team.study.leave()
    interview = state_of(team.study, code).interview
    assert interview.position == questions[2]
    assert any("Question 3 of" in one or "Q3" in one for one in asked), asked
    assert interview.answer.parts == (two,)


async def test_an_answer_that_grows_or_empties_by_moving_is_waited_for(team: Team, code: str) -> None:
    """The open answer's timer follows its messages: the next question comes neither too early nor never."""
    first, second, *_ = (one.id for one in state_of(team.study, code).interview.schedule.questions)
    team.study.says("About the second.")
    new = message(team.study, code, "About the second.")
    await team.ann.post(f"/participants/{code}/refile", data={"message": new, "to": first, "reason": "Q1"})
    settle = (timers.c.kind == "settle",)
    assert team.study.count_of(timers, *settle) == 0
    assert team.study.count_of(timers, timers.c.kind == "remind") == 1
    await team.ann.post(f"/participants/{code}/refile", data={"message": new, "to": second, "reason": "Q2 after all"})
    team.study.clock.forward(hours=1)
    assert state_of(team.study, code).interview.position == second


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({"to": "", "reason": "x"}, "Choose at least one message"),
        ({"message": "0", "to": "", "reason": "x"}, "cannot be moved"),
        ({"message": "1", "to": "", "reason": "x"}, "cannot be moved"),
        ({"message": "{mine}", "to": "no-such", "reason": "x"}, "no such question"),
        ({"message": "{mine}", "to": "", "reason": "  "}, "Say why"),
        ({"message": "{done}", "to": "", "reason": "x"}, "cannot be moved"),
        ({"message": "{mine}", "reason": "x"}, "Choose where"),
    ],
)
async def test_what_cannot_be_moved_is_refused_with_the_mend(
    team: Team, code: str, sent: dict[str, str], why: str
) -> None:
    known = {"mine": message(team.study, code, "I mostly text."), "done": message(team.study, code, "DONE")}
    before = parts(team.study, code)
    answer = await team.ann.post(
        f"/participants/{code}/refile", data={name: value.format(**known) for name, value in sent.items()}
    )
    assert answer.status_code == 409
    assert why in html.unescape(answer.text)
    assert parts(team.study, code) == before


async def test_no_question_is_chosen_before_somebody_chooses_one(team: Team, code: str) -> None:
    """Else words would lie under the first one where they forgot."""
    mine = message(team.study, code, "I mostly text.")
    pages = [
        await team.ann.get(f"/participants/{code}/refile?message={mine}"),
        await team.ann.get(f"/participants/{code}/split/{mine}"),
        await team.ann.post(f"/participants/{code}/refile", data={"message": mine, "reason": "x"}),
    ]
    for shown in pages:
        assert '<option value="" disabled selected>Choose a question</option>' in shown.text
    kept = await team.ann.post(f"/participants/{code}/refile", data={"message": mine, "to": "", "reason": ""})
    assert '<option value="" selected>No question' in kept.text


async def test_a_changed_message_moves_with_every_form_of_it(team: Team, code: str) -> None:
    team.study.says("Frist", provider_id="m1")
    team.study.says("First", edits="m1", provider_id="m2")
    questions = [one.id for one in state_of(team.study, code).interview.schedule.questions]
    await team.ann.post(
        f"/participants/{code}/refile",
        data={"message": message(team.study, code, "Frist"), "to": questions[0], "reason": "x"},
    )
    assert "First" in exported(team.study, code)[questions[0]]
    moved = {entry.question for entry in team.study.record(code).entries if entry.body in ("Frist", "First")}
    assert moved == {questions[0]}


async def test_whose_words_an_answer_is_in_is_corrected_and_taken_back(team: Team, code: str) -> None:
    study, here = team.study, f"/participants/{code}"
    first = next(iter(parts(study, code)))

    def exported_who() -> set[str]:
        zone = study.program.settings.study.zone
        (case,) = study.program.database.read_now(lambda uow: list(reading.Study(uow, zone).cases("")))
        return {answer.who for answer in case.answers if answer.question == first}

    assert exported_who() == {""}
    for who in ("with help", "on behalf", ""):
        sent = await team.ann.post(f"{here}/whose-words", data={"question": first, "who": who})
        assert sent.status_code == 303
        page = await team.ann.get(sent.headers["location"])
        assert f"It is kept: {who or 'nobody has said'}." in page.text
        assert exported_who() == {who}
    assert study.count_of(audit, audit.c.act == "said whose words they are") == 3


@pytest.mark.parametrize("sent", [{"question": "nothing", "who": "with help"}, {"question": "b-now", "who": "a cat"}])
async def test_whose_words_they_cannot_be_is_refused(team: Team, code: str, sent: dict[str, str]) -> None:
    answer = await team.ann.post(f"/participants/{code}/whose-words", data=sent)
    assert answer.status_code == 409
    assert "Problem:" in answer.text
