"""Pictures and voice notes from a media host on a real socket: whole, with our password for Twilio only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import encode_basic_auth, web

from bot.errors import OwnPaceError, Refused, Unavailable
from bot.messages import Media, MediaKind
from channels.twilio.channel import Account, WhatsApp
from tests.rig import free_port

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
MEGABYTE = 1024 * 1024
SOUND = bytes(range(256)) * 4096
PATH = "/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"


@dataclass
class Host:
    """A web server that remembers who asked for what, and with which password."""

    url: str
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)


@asynccontextmanager
async def host(answer: Answer) -> AsyncIterator[Host]:
    async def handle(request: web.Request) -> web.StreamResponse:
        serving.asked.append((request.method, request.path_qs, request.headers.get("authorization")))
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    serving = Host(f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        yield serving
    finally:
        await runner.cleanup()


def channel(api_base_url: str, seconds: float = 5.0) -> WhatsApp:
    account = Account("AC1", "AC1", "the password", ("p",), "+447700900000", api_base_url=api_base_url, timeout=seconds)
    return WhatsApp(account)


def voice(reference: str) -> Media:
    return Media(MediaKind.VOICE, "audio/ogg", reference=reference)


def gives(body: bytes, status: int = 200) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body)

    return answer


def sends_on(to: str, status: int = 307) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"location": to})

    return answer


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_voice_note_comes_whole_and_the_storage_host_never_sees_our_password(status: int) -> None:
    async with AsyncExitStack() as stack:
        storage = await stack.enter_async_context(host(gives(SOUND)))
        signed = f"{storage.url}/ME1?Signature=a%2Bb%2Fc%3D&Expires=1"
        twilio = await stack.enter_async_context(host(sends_on(signed, status)))
        assert await channel(twilio.url).fetch(voice(twilio.url + PATH), MEGABYTE) == SOUND
    assert twilio.asked == [("GET", PATH, encode_basic_auth("AC1", "the password"))]
    assert storage.asked == [("GET", "/ME1?Signature=a%2Bb%2Fc%3D&Expires=1", None)], "its signed address, untouched"


async def test_a_host_that_is_not_twilios_never_sees_our_password() -> None:
    async with AsyncExitStack() as stack:
        twilio = await stack.enter_async_context(host(gives(b"")))
        other = await stack.enter_async_context(host(gives(SOUND)))
        assert await channel(twilio.url).fetch(voice(other.url + PATH), MEGABYTE) == SOUND
        await channel(twilio.url).forget(voice(other.url + PATH))
    assert other.asked == [("GET", PATH, None)], "nor is it asked to delete anything"


async def test_exactly_as_large_as_may_be_is_not_too_large() -> None:
    async with host(gives(SOUND)) as twilio:
        assert await channel(twilio.url).fetch(voice(twilio.url + PATH), len(SOUND)) == SOUND


async def test_one_byte_more_is_refused() -> None:
    async with host(gives(SOUND)) as twilio:
        with pytest.raises(Refused, match="larger"):
            await channel(twilio.url).fetch(voice(twilio.url + PATH), len(SOUND) - 1)


async def test_a_flood_of_unknown_length_is_cut_off() -> None:
    poured = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal poured
        response = web.StreamResponse()
        await response.prepare(request)
        while poured < 100 * MEGABYTE:
            await response.write(bytes(MEGABYTE))
            poured += MEGABYTE
        return response

    async with host(flood) as twilio:
        with pytest.raises(Refused, match="larger"):
            await channel(twilio.url).fetch(voice(twilio.url + PATH), MEGABYTE)
    assert poured < 50 * MEGABYTE


@pytest.mark.parametrize(
    ("status", "expected"),
    [(404, Refused), (410, Refused), (401, Unavailable), (403, Unavailable), (429, Unavailable), (500, Unavailable)],
)
async def test_gone_is_final_and_everything_else_may_be_tried_again(status: int, expected: type[OwnPaceError]) -> None:
    async with host(gives(b"", status)) as twilio:
        with pytest.raises(expected):
            await channel(twilio.url).fetch(voice(twilio.url + PATH), MEGABYTE)


async def test_a_slow_host_is_tried_again_later() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"some")
        await asyncio.sleep(60)
        return response

    async with host(drip) as twilio:
        with pytest.raises(Unavailable):
            await channel(twilio.url, seconds=0.1).fetch(voice(twilio.url + PATH), MEGABYTE)


async def test_a_host_that_hangs_up_in_the_middle_gives_no_half_of_a_picture() -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-length": str(MEGABYTE)})
        await response.prepare(request)
        await response.write(SOUND[:1000])
        assert request.transport is not None
        request.transport.abort()
        return response

    async with host(hang_up) as twilio:
        with pytest.raises(Unavailable):
            await channel(twilio.url).fetch(voice(twilio.url + PATH), MEGABYTE)


async def test_nobody_listening_is_tried_again_later() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unavailable):
        await channel(url).fetch(voice(url + PATH), MEGABYTE)
    with pytest.raises(Unavailable):
        await channel(url).forget(voice(url + PATH))


async def test_being_sent_round_in_circles_ends() -> None:
    async with host(sends_on(PATH)) as twilio:
        with pytest.raises(Unavailable, match="circles"):
            await channel(twilio.url).fetch(voice(twilio.url + PATH), MEGABYTE)
    assert len(twilio.asked) == 4
    assert [known for _method, _path, known in twilio.asked[1:]] == [None, None, None]


INSIDE = [
    "http://169.254.169.254/latest/meta-data",
    "https://169.254.169.254/latest/meta-data",
    "https://10.0.0.1/x",
    "https://192.168.1.1/x",
    "https://127.0.0.2/x",
    "https://[::1]/x",
    "https://[::ffff:10.0.0.1]/x",
    "https://[fe80::1]/x",
    "https://0.0.0.0/x",
    "https://localhost/x",
    "http://localhost/x",
    "file:///etc/passwd",
    "ftp://media.example/x",
    "https://",
    "http://[",
    "",
]


@pytest.mark.parametrize("address", INSIDE)
async def test_an_address_inside_our_own_network_is_refused(address: str) -> None:
    with pytest.raises(Refused):
        await channel("https://api.twilio.com").fetch(voice(address), MEGABYTE)
    await channel("https://api.twilio.com").forget(voice(address))


@pytest.mark.parametrize("address", INSIDE[:-1])
async def test_a_redirect_into_our_own_network_is_refused(address: str) -> None:
    async with host(sends_on(address)) as twilio:
        with pytest.raises(Refused):
            await channel(twilio.url).fetch(voice(twilio.url + PATH), MEGABYTE)


async def test_media_is_deleted_at_twilio_and_one_that_is_gone_is_fine() -> None:
    for status in (204, 404):
        async with host(gives(b"", status)) as twilio:
            await channel(twilio.url).forget(voice(twilio.url + PATH))
        assert twilio.asked == [("DELETE", f"{PATH}.json", encode_basic_auth("AC1", "the password"))]


async def test_media_that_could_not_be_deleted_is_tried_again_later() -> None:
    async with host(gives(b"", 500)) as twilio:
        with pytest.raises(Unavailable, match="500"):
            await channel(twilio.url).forget(voice(twilio.url + PATH))


async def test_no_address_and_no_password_reaches_a_log_or_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    problems = ""
    for status in (200, 404, 500):
        async with host(gives(SOUND, status)) as twilio:
            try:
                await channel(twilio.url).fetch(voice(twilio.url + PATH), 1)
            except OwnPaceError as why:
                problems += str(why)
    assert problems
    said = caplog.text + problems
    assert "ME1" not in said
    assert "the password" not in said
    assert encode_basic_auth("AC1", "the password") not in said
