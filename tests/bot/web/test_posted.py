"""A form made to keep the server busy costs it no more than any other."""

from __future__ import annotations

import threading

import httpx
import pytest

from bot.web import posted
from tests.bot.web.conftest import Team
from tests.bot.web.test_signin import HERE

URLENCODED = {"content-type": "application/x-www-form-urlencoded"}
WITH_PARTS = {"content-type": "multipart/form-data; boundary=b"}


def parts(count: int, more: str = "") -> bytes:
    return f'--b\r\ncontent-disposition: form-data; name="text"{more}\r\n\r\nHello\r\n'.encode() * count + b"--b--\r\n"


@pytest.fixture
def stranger(team: Team) -> httpx.AsyncClient:
    """Somebody at the same pages who is not signed in."""
    team.ann.cookies.clear()
    return team.ann


@pytest.mark.parametrize("path", ["/sign-in", "/progress/hold", "/participants/SW01/take-over", "/enrol/preview"])
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (WITH_PARTS, parts(posted.MOST_PARTS + 1)),
        (URLENCODED, b"text=Hello&" * posted.MOST_FIELDS),
    ],
    ids=["parts", "fields"],
)
async def test_a_form_of_far_too_many_parts_is_not_parsed(
    stranger: httpx.AsyncClient, path: str, headers: dict[str, str], body: bytes
) -> None:
    answer = await stranger.post(path, content=body, headers=HERE | headers)
    assert (answer.status_code, "too large" in answer.text) == (413, True)
    assert "Hello" not in answer.text


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (WITH_PARTS, parts(posted.MOST_PARTS + 1)),
        (URLENCODED, b"people=a&" * posted.MOST_FIELDS),
    ],
    ids=["parts", "fields"],
)
async def test_a_list_of_people_of_far_too_many_parts_is_not_parsed(
    team: Team, headers: dict[str, str], body: bytes
) -> None:
    answer = await team.cora.post("/enrol/preview", content=body, headers=HERE | headers)
    assert (answer.status_code, "too large" in answer.text) == (413, True)


async def test_the_longest_form_of_ours_is_taken(team: Team) -> None:
    boxes = {"message": [str(number) for number in range(1, posted.MOST_FIELDS - 2)], "to": "", "reason": "moved"}
    answer = await team.ann.post("/participants/SW01/refile", data=boxes)
    assert answer.status_code == 404, "it was read, and there is no such participant"


async def test_words_in_a_form_with_a_file_are_kept_when_a_session_has_ended(stranger: httpx.AsyncClient) -> None:
    files = {"file": ("", b"", "text/csv")}
    answer = await stranger.post("/enrol/preview", data={"people": "cohort,channel\nä,sms"}, files=files)
    assert answer.status_code == 401
    assert 'name="unsaved" value="cohort,channel\nä,sms"' in answer.text


def test_parts_are_told_apart_as_a_browser_sends_them() -> None:
    kind = 'multipart/form-data; charset=utf-8; boundary="--x y"'
    body = (
        b'----x y\r\nContent-Disposition: form-data; name="people"\r\n\r\na--b\r\n\r\nc\r\n'
        b'----x y\r\nContent-Disposition: form-data; name="file"; filename="p.csv"\r\nContent-Type: text/csv\r\n\r\n'
        b"a,b\r\n\r\n----x y--\r\n"
    )
    assert posted.parts_of(kind, body) == [("people", False, b"a--b\r\n\r\nc"), ("file", True, b"a,b\r\n")]


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; x=b"])
def test_without_a_boundary_there_are_no_parts(kind: str) -> None:
    assert posted.parts_of(kind, parts(2)) == []


def test_a_part_with_a_head_made_to_be_long_is_left_out() -> None:
    kind = WITH_PARTS["content-type"]
    assert posted.parts_of(kind, parts(1, "; x=y" * 10_000)) == []
    assert posted.parts_of(kind, b"--b\r\n\r\n--b\r\nno end") == []


async def test_what_is_large_is_parsed_beside_the_event_loop(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    where = []
    parse = posted._fields

    def watched(kind: str, body: bytes) -> list[tuple[str, str]]:
        where.append(threading.current_thread() is threading.main_thread())
        return parse(kind, body)

    monkeypatch.setattr(posted, "_fields", watched)
    for words in ("short", "x" * 100_000):
        await team.ann.post("/sign-in", content=f"draft={words}", headers=HERE | URLENCODED)
    assert where == [True, False]
