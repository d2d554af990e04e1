"""Write-ups, a participant's own copy, and leaving with one's data, from the pages."""

from __future__ import annotations

import html
import re

import pytest

from bot.export import copy
from bot.messages import Media, MediaKind
from bot.records.tables import audit, messages
from bot.service import writeups
from tests.bot.web.conftest import Team, add
from tests.bot.web.test_refile import exported, message
from tests.bot.world import World

SECRET = "I never told anybody."


@pytest.fixture
def code(desk_study: World) -> str:
    """Somebody who answered with words and with a voice note."""
    code = desk_study.consented()
    desk_study.says(SECRET)
    desk_study.says("", media=(Media(MediaKind.VOICE, "audio/ogg", content=b"a voice", seconds=92),))
    return code


def voice(study: World, code: str) -> int:
    (piece,) = study.program.database.read_now(writeups.of, code)
    return piece.message_id


async def test_one_person_writes_up_and_another_checks(team: Team, code: str) -> None:
    here = f"/participants/{code}/write-ups/{voice(team.study, code)}"
    listed = await team.ann.get(f"/participants/{code}/write-ups")
    assert "Voice note 1:32" in listed.text
    assert "Not written up yet." in listed.text
    assert here in (await team.ann.get(f"/participants/{code}")).text
    empty = await team.ann.post(here, data={"kind": "transcription", "text": " "})
    assert (empty.status_code, "the text is empty" in empty.text) == (409, True)
    sent = {"kind": "transcription", "text": "It is a <long> story."}
    assert (await team.ann.post(here, data=sent)).status_code == 303
    assert "write up" not in team.study.open_tasks()
    own = await team.ann.get(here)
    assert "It is a &lt;long&gt; story." in own.text
    assert "Somebody else checks it." in own.text
    (version,) = team.study.program.database.read_now(writeups.versions, voice(team.study, code))
    refused = await team.ann.post(f"{here}/check", data={"version": str(version.id)})
    assert "somebody else has to check it" in refused.text
    assert (await team.ben.post(f"{here}/check", data={"version": str(version.id)})).status_code == 303
    assert "Checked by Ben" in (await team.ann.get(here)).text
    assert "checked by Ben" in (await team.ann.get(f"/participants/{code}/write-ups")).text


async def test_a_write_up_whose_session_ended_is_kept_there_and_never_where_messages_are_written(
    team: Team, code: str
) -> None:
    here = f"/participants/{code}/write-ups/{voice(team.study, code)}"
    team.ann.cookies.clear()
    stopped = await team.ann.post(here, data={"kind": "transcription", "text": "Half a story"})
    assert stopped.status_code == 401
    assert re.search(r'name="next" value="([^"]+)"', stopped.text)[1] == here  # type: ignore[index]
    assert 'name="draft" value="Half a story"' in stopped.text


async def test_an_hour_of_speech_is_kept_and_what_is_larger_is_given_back(team: Team, code: str) -> None:
    here = f"/participants/{code}/write-ups/{voice(team.study, code)}"
    hour = "She said \u201cyes\u201d and it was so. " * 2400
    kept = await team.ann.post(here, data={"kind": "transcription", "text": hour})
    assert kept.status_code == 303
    assert hour.strip() in html.unescape((await team.ann.get(here)).text)
    large = "\u201d" * 120_000
    refused = await team.ann.post(here, data={"kind": "transcription", "text": large})
    assert (refused.status_code, "too large" in refused.text) == (413, True)
    assert large in html.unescape((await team.ann.get("/unsaved")).text)


async def test_a_write_up_is_only_of_that_participants_message(team: Team, code: str) -> None:
    for which in (0, 10**17):
        assert (await team.ann.get(f"/participants/{code}/write-ups/{which}")).status_code == 404
    here = f"/participants/{code}/write-ups/{voice(team.study, code)}"
    assert (await team.ann.post(f"{here}/check", data={"version": "99"})).status_code == 409
    assert (await team.ann.post(here, data={"kind": "poem", "text": "x"})).status_code == 409


async def test_lines_are_taken_out_and_put_back_and_the_copy_leaves_as_a_file(team: Team, code: str) -> None:
    here = f"/participants/{code}/copy"
    assert SECRET in (await team.ann.get(here)).text
    made = team.study.program.database.read_now(copy.read, team.study.program.terms, code)
    (number,) = [line.number for block in made.blocks for line in block.lines if line.text == SECRET]
    nothing = await team.ann.post(f"{here}/lines", data={})
    assert (nothing.status_code, "Choose at least one" in nothing.text) == (409, True)
    done = await team.ann.post(f"{here}/lines", data={"line": [str(number)]})
    assert f"Line {number}: taken out" in done.text
    assert SECRET not in str(exported(team.study, code))
    await team.ann.post(f"{here}/lines", data={"line": [str(number)], "back": "yes"})
    assert SECRET in str(exported(team.study, code))
    file = await team.ann.post(f"{here}/file")
    assert file.headers["content-disposition"] == f'attachment; filename="{code}-copy.docx"'
    assert file.content.startswith(b"PK")
    assert team.study.count_of(audit, audit.c.act == "exported", audit.c.subject == code, audit.c.actor == "Ann") == 1
    assert "confirmed as theirs" in html.unescape((await team.ann.post(f"{here}/send")).text) or team.study.waiting()


async def test_what_they_took_back_themselves_is_neither_offered_nor_put_back(team: Team, code: str) -> None:
    here, undone = f"/participants/{code}/copy", "I wish I had not said this."
    team.study.says(undone)
    team.study.says("UNDO")
    made = team.study.program.database.read_now(copy.read, team.study.program.terms, code)
    lines = {line.text: line.number for block in made.blocks for line in block.lines}
    page = (await team.ann.get(here)).text
    assert f'value="{lines[undone]}"' not in page
    assert f'value="{lines[SECRET]}"' in page
    for form in ({"back": "yes"}, {}):
        both = await team.ann.post(f"{here}/lines", data={"line": [str(number) for number in lines.values()], **form})
        assert (both.status_code, "by UNDO" in both.text) == (409, True)
    assert undone not in str(exported(team.study, code))
    await team.ann.post(f"{here}/lines", data={"line": [str(lines[SECRET])]})
    assert f'value="{lines[SECRET]}"' in (await team.ann.get(here)).text
    await team.ann.post(f"{here}/lines", data={"line": [str(lines[SECRET])], "back": "yes"})
    assert (SECRET in str(exported(team.study, code)), undone in str(exported(team.study, code))) == (True, False)


async def test_a_coordinator_deletes_what_somebody_said_without_reading_it(team: Team, code: str) -> None:
    here = f"/participants/{code}/withdraw"
    page = await team.cora.get(here)
    assert page.status_code == 200
    assert SECRET not in page.text
    team.study.leave()
    assert "Choose what becomes" in (await team.cora.post(here, data={"code": code})).text
    unsure = await team.cora.post(here, data={"what": "delete", "code": "SW99"})
    assert "Nothing was done" in unsure.text
    assert message(team.study, code, SECRET)
    done = await team.cora.post(here, data={"what": "delete", "code": code.lower()})
    assert done.status_code == 200, done.text
    assert "Deleted for good" in done.text
    assert "Copy the key file" in done.text
    assert team.study.count_of(messages, messages.c.body.is_not(None), messages.c.direction == "in") == 0
    assert "had said was deleted" in (await team.cora.get(here)).text
    assert (await team.ann.post(here, data={"what": "keep", "code": code})).status_code == 403


async def test_the_receipt_is_shown_also_where_the_key_file_cannot_be_written(team: Team, code: str) -> None:
    """It is the only list of what is left to do, also of what was taken by a browser."""
    await team.ann.post(f"/participants/{code}/copy/file")
    await team.ann.get(f"/participants/{code}/field-notes.txt")
    team.study.leave()
    key_file = team.study.program.settings.security.key_file
    (key_file.parent / f".{key_file.name}.new" / "in the way").mkdir(parents=True)
    done = await team.cora.post(f"/participants/{code}/withdraw", data={"what": "delete", "code": code})
    assert done.status_code == 200
    assert "Deleted for good" in done.text
    assert "Not gone from every file yet" in done.text
    assert "cannot be written" in done.text
    assert re.search(r"Delete their part of the copy of [^<]*: downloaded by Ann", done.text)
    assert re.search(r"Delete their part of the field notes of [^<]*: downloaded by Ann", done.text)


async def test_a_coordinator_lets_somebody_leave_and_keeps_their_answers(team: Team, code: str) -> None:
    done = await team.cora.post(f"/participants/{code}/withdraw", data={"what": "keep", "code": code})
    assert "has left the study" in done.text
    assert SECRET in str(exported(team.study, code))


async def test_nobody_leaves_who_is_not_there(team: Team) -> None:
    team.study.run(add, "Dan", "admin")
    assert (await team.cora.get("/participants/P99/withdraw")).status_code == 404
    assert (await team.cora.post("/participants/P99/withdraw", data={"what": "keep", "code": "P99"})).status_code == 404
    for path in ("copy", "write-ups", "write-ups/1"):
        assert (await team.ann.get(f"/participants/P99/{path}")).status_code == 404
