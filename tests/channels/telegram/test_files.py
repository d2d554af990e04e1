"""Voice notes, pictures and files are fetched whole, within a size, and their address stays secret."""

from __future__ import annotations

import logging

import pytest
from aiohttp import web

from bot.errors import OwnPaceError, Refused, Unavailable
from bot.messages import Media, MediaKind
from tests.rig.telegram_files import TOKEN, Answer, Double, fault, ok, says, served

VOICE = Media(MediaKind.VOICE, "audio/ogg", reference="AwAC")
CONTENT = bytes(range(256)) * 4000


def holding(**answers: Answer) -> Double:
    double = Double(**answers)
    double.files["AwAC"] = CONTENT
    return double


async def test_a_file_comes_whole_and_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with served(holding()) as channel:
        assert await channel.fetch(VOICE, len(CONTENT)) == CONTENT
    assert TOKEN not in caplog.text
    assert "AwAC" not in caplog.text


async def test_a_file_that_says_it_is_too_large_is_not_asked_for() -> None:
    double = holding()
    async with served(double) as channel:
        with pytest.raises(Refused, match="1,023,999 bytes"):
            await channel.fetch(VOICE, len(CONTENT) - 1)
    assert double.times("file") == []


async def test_a_file_that_is_larger_than_it_says_is_cut_off() -> None:
    double = holding(getFile=ok({"file_id": "AwAC", "file_size": 10, "file_path": "voice/AwAC.oga"}))
    async with served(double) as channel:
        with pytest.raises(Refused):
            await channel.fetch(VOICE, 100)


async def elsewhere(_request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("http://127.0.0.1:9/stolen")


UNHAPPY: list[tuple[str, Double, type[OwnPaceError], str]] = [
    ("over 20 MB", holding(getFile=fault(400, "Bad Request: file is too big")), Refused, "20 MB"),
    ("gone", Double(), Refused, "any more"),
    ("an id that is none", holding(getFile=fault(400, "Bad Request: invalid file_id")), Refused, "any more"),
    ("a redirection", holding(file=elsewhere), Unavailable, "did not come"),
    ("gone from the store", holding(file=says(404, "x")), Unavailable, "did not come"),
    ("too many requests", holding(getFile=fault(429, "Too Many Requests", retry_after=3)), Unavailable, "did not come"),
    ("a wrong token", holding(getFile=fault(401, "Unauthorized")), Unavailable, "token"),
    ("an answer without a path", holding(getFile=ok({"file_id": "AwAC"})), Unavailable, "did not come"),
    ("a strange answer", holding(getFile=ok([])), Unavailable, "did not come"),
]


@pytest.mark.parametrize(("double", "expected", "words"), [u[1:] for u in UNHAPPY], ids=[u[0] for u in UNHAPPY])
async def test_a_file_that_does_not_come_says_whether_to_try_again(
    double: Double, expected: type[OwnPaceError], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with served(double) as channel:
        with pytest.raises(expected, match=words) as caught:
            await channel.fetch(VOICE, 10**8)
    assert TOKEN not in str(caught.value) + repr(caught.value.__cause__) + caplog.text


async def test_a_redirection_is_not_followed_so_nobody_learns_the_token() -> None:
    followed = []

    async def thief(request: web.Request) -> web.StreamResponse:
        followed.append(request.url)
        return web.Response()

    double = holding(stolen=thief)

    async def redirect(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(f"{double.url}/bot{TOKEN}/stolen")

    double.answers["file"] = redirect
    async with served(double) as channel:
        with pytest.raises(Unavailable):
            await channel.fetch(VOICE, 10**8)
    assert followed == []


async def test_a_connection_that_breaks_midway_is_no_file() -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"content-length": str(len(CONTENT))})
        await answer.prepare(request)
        await answer.write(CONTENT[:1000])
        assert request.transport is not None
        request.transport.abort()
        return answer

    async with served(holding(file=half)) as channel:
        with pytest.raises(Unavailable):
            await channel.fetch(VOICE, 10**8)


async def test_there_is_nothing_to_delete_at_telegram() -> None:
    double = holding()
    async with served(double) as channel:
        await channel.forget(VOICE)
    assert double.asked == []
