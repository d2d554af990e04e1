"""Words that are being written are kept until they are sent, for whoever wrote them."""

from __future__ import annotations

import httpx
import pytest

from bot import bootstrap
from bot.web.app import create_app
from tests.bot.web.conftest import Team
from tests.bot.web.test_signin import HERE
from tests.bot.world import URL


async def keeps(client: httpx.AsyncClient, page: str, field: str, words: str) -> int:
    answer = await client.post("/unsent", data={"page": page, "field": field, "words": words}, headers=HERE)
    return answer.status_code


async def kept(client: httpx.AsyncClient, page: str) -> dict[str, str]:
    found: dict[str, str] = (await client.get("/unsent", params={"page": page})).json()
    return found


async def test_words_are_kept_for_who_wrote_them_and_the_page_they_stand_on(team: Team) -> None:
    code = team.study.consented()
    here = f"/participants/{code}"
    for field, words in (("note", "They laughed."), ("text", "Hello")):
        assert await keeps(team.ann, here, field, words) == 204
    assert await kept(team.ann, here) == {"note": "They laughed.", "text": "Hello"}
    assert "Hello</textarea>" in (await team.ann.get(here)).text, "a message also without a script"
    assert (await kept(team.ben, here), await kept(team.ann, "/queue")) == ({}, {})
    assert await keeps(team.ann, here, "note", " ") == 204
    assert await kept(team.ann, here) == {"text": "Hello"}


async def test_what_was_sent_is_kept_no_more_and_what_was_refused_or_stands_beside_it_is(team: Team) -> None:
    code = team.study.consented()
    here = f"/participants/{code}"
    for field in ("note", "reason", "text"):
        await keeps(team.ann, here, field, f"My {field},\nin two lines")
    refused = await team.ann.post(f"{here}/hand-back", data={"reason": "My reason,\r\nin two lines"}, headers=HERE)
    assert (refused.status_code, sorted(await kept(team.ann, here))) == (409, ["note", "reason", "text"])
    taken = {"text": "My text,\r\nin two lines", "reason": "My reason,\r\nin two lines"}
    assert (await team.ann.post(f"{here}/take-over", data=taken, headers=HERE)).status_code == 303
    assert sorted(await kept(team.ann, here)) == ["note", "reason", "text"], "taking over sends neither"
    await team.ann.post(f"{here}/note", data={"note": "My note,\r\nin two lines"}, headers=HERE)
    assert sorted(await kept(team.ann, here)) == ["reason", "text"]
    await team.ann.post(f"{here}/reply", data={"text": "My text,\r\nin two lines"}, headers=HERE)
    assert sorted(await kept(team.ann, here)) == ["reason"]


async def test_nothing_that_was_being_written_about_somebody_outlives_them(team: Team) -> None:
    code = team.study.consented()
    for page in (f"/participants/{code}", f"/participants/{code}/refile", "/queue"):
        await keeps(team.ann, page, "reason", "Something about them")
    gone = await team.cora.post(f"/participants/{code}/withdraw", data={"what": "delete", "code": code}, headers=HERE)
    assert gone.status_code == 200
    left = [await kept(team.ann, page) for page in (f"/participants/{code}", f"/participants/{code}/refile", "/queue")]
    assert left == [{}, {}, {"reason": "Something about them"}]


async def test_words_are_there_in_another_process_and_sent_there_they_are_kept_no_more(team: Team) -> None:
    code = team.study.consented()
    here = f"/participants/{code}"
    await keeps(team.ann, here, "note", "They laughed.")
    await keeps(team.ann, here, "text", "Hello")
    beside = bootstrap.build(team.study.program.settings, clock=team.study.clock)
    app = httpx.ASGITransport(create_app(bootstrap.web_parts(beside), None))
    async with httpx.AsyncClient(transport=app, base_url=URL, headers=HERE, cookies=team.ann.cookies) as there:
        assert await kept(there, here) == {"note": "They laughed.", "text": "Hello"}
        assert "Hello</textarea>" in (await there.get(here)).text
        assert (await there.post(f"{here}/take-over", data={})).status_code == 303
        assert (await there.post(f"{here}/reply", data={"text": "Hello"})).status_code == 303
    beside.database.close()
    assert await kept(team.ann, here) == {"note": "They laughed."}


@pytest.mark.parametrize("page", ["", "https://example.org/", "/" + "x" * 500])
async def test_only_places_of_ours_keep_words(team: Team, page: str) -> None:
    assert await keeps(team.ann, page, "note", "words") == 400


async def test_of_one_persons_words_the_newest_places_are_kept(team: Team) -> None:
    for number in range(103):
        await keeps(team.ann, "/queue", f"outcome{number}", "words")
    found = await kept(team.ann, "/queue")
    assert (len(found), "outcome2" in found, "outcome3" in found) == (100, False, True)
