"""The one connection on which messages are posted: what it takes for an answer, and when it is used no more."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.errors import NotSent, Refused, SendUnknown
from channels.twilio import line as line_module
from channels.twilio.line import LARGEST, Line
from tests.channels.twilio.test_outcomes import account
from tests.rig.mail import make_certificate

GIVEN = b'{"sid": "SM%d"}'


def framed(body: bytes, status: bytes = b"201 Created", more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\n%scontent-length: %d\r\n\r\n%s" % (status, more, len(body), body)


class Peer:
    """A server that speaks bytes: for each request the next of its answers, on whichever connection it comes."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self.answers = list(answers)
        self.connections = self.ended = 0
        self.requests: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                writer.write(self.answers.pop(0))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        self.ended += 1


@asynccontextmanager
async def talking(
    *answers: bytes, tls: ssl.SSLContext | None = None, at: str = "127.0.0.1"
) -> AsyncIterator[tuple[Line, Peer]]:
    peer = Peer(answers)
    server = await asyncio.start_server(peer.serve, at, 0, ssl=tls)
    line = Line(account(f"http://{at}:{server.sockets[0].getsockname()[1]}/base/"))
    try:
        yield line, peer
    finally:
        await line.close()
        for writer in peer.writers:
            writer.close()
        server.close()
        await until(lambda: peer.ended == peer.connections)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110  # the other end is a socket of the system
            await asyncio.sleep(0.001)


async def test_messages_share_a_connection_and_go_to_the_documented_address() -> None:
    async with talking(framed(GIVEN % 1), framed(GIVEN % 2)) as (line, peer):
        assert [await line.post({"Body": "ŵ"}), await line.post({"Body": "a b"})] == ["SM1", "SM2"]
    assert peer.connections == 1
    head, _, form = peer.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /base/2010-04-01/Accounts/AC1/Messages.json HTTP/1.1\r\nhost: 127.0.0.1:")
    assert b"authorization: Basic QUMxOnA=" in head
    assert form == b"Body=%C5%B5"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"sid\r\nB\r\n\": \"SM1\"}  \r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + framed(GIVEN % 1),
        b"HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n" + framed(GIVEN % 1),
        framed(GIVEN % 1, more=b"connection: close\r\n"),
    ],
    ids=["in chunks", "after 100", "after 103", "then closed"],
)  # fmt: skip
async def test_a_receipt_is_read_however_it_is_framed(answer: bytes) -> None:
    async with talking(answer, framed(GIVEN % 2)) as (line, _peer):
        assert [await line.post({}), await line.post({})] == ["SM1", "SM2"]


@pytest.mark.parametrize(
    "answer",
    [
        b"no HTTP at all\r\n\r\n",
        framed(b"x" * (LARGEST + 1)),
        b"HTTP/1.1 201 Created\r\ncontent-length: 5\r\ncontent-length: 9\r\n\r\n" + GIVEN % 1,
        framed(b"[]"),
        framed(b'{"sid": 7}'),
        framed(b"\xff"),
        framed(b"", b"302 Found", b"location: /elsewhere\r\n"),
    ],
    ids=["no HTTP", "endless", "two lengths", "no object", "no text", "no UTF-8", "elsewhere"],
)
async def test_an_answer_that_makes_no_sense_leaves_it_unknown(answer: bytes) -> None:
    async with talking(answer) as (line, peer):
        with pytest.raises(SendUnknown):
            await line.post({})
    assert len(peer.requests) == 1


async def test_an_answer_that_breaks_off_leaves_it_unknown() -> None:
    async with talking(framed(GIVEN % 1)[:-4]) as (line, peer):
        asked = asyncio.create_task(line.post({}))
        await until(lambda: bool(peer.requests) and not peer.answers)
        peer.writers[0].close()
        with pytest.raises(SendUnknown, match="broke"):
            await asked


async def test_a_connection_that_was_closed_meanwhile_costs_no_message() -> None:
    async with talking(framed(GIVEN % 1), framed(GIVEN % 2)) as (line, peer):
        await line.post({})
        peer.writers[0].close()
        await until(lambda: not line._exchange.usable)  # type: ignore[union-attr]
        assert await line.post({}) == "SM2"
    assert peer.connections == 2


async def test_a_connection_that_was_idle_for_long_is_used_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async with talking(framed(GIVEN % 1), framed(GIVEN % 2)) as (line, peer):
        await line.post({})
        monkeypatch.setattr(line_module, "KEPT_FOR", 0.0)
        assert await line.post({}) == "SM2"
    assert peer.connections == 2


@pytest.mark.parametrize("stray", [framed(GIVEN % 9), b"?"])
async def test_what_comes_unasked_is_never_the_next_ones_answer(stray: bytes) -> None:
    async with talking(framed(GIVEN % 1) + stray, framed(GIVEN % 2), framed(GIVEN % 3)) as (line, peer):
        assert await line.post({}) == "SM1"
        assert await line.post({}) == "SM2"
        peer.writers[-1].write(stray)
        await until(lambda: not line._exchange.usable)  # type: ignore[union-attr]
        assert await line.post({}) == "SM3"
    assert peer.connections == 3


async def test_a_refusal_leaves_the_connection_as_it_is() -> None:
    no = framed(b'{"code": 21211}', b"400 Bad Request")
    async with talking(no, framed(GIVEN % 2)) as (line, peer):
        with pytest.raises(Refused):
            await line.post({})
        assert await line.post({}) == "SM2"
    assert peer.connections == 1


@pytest.mark.parametrize(("trusted", "name"), [(True, "127.0.0.1"), (False, "127.0.0.1"), (True, "127.0.0.2")], ids=str)
async def test_whoever_cannot_prove_their_name_is_sent_nothing(
    trusted: bool, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate is for 127.0.0.1. Where it does not fit nothing leaves, so it is tried again."""
    make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    if trusted:
        known = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        monkeypatch.setattr(line_module, "_trusted", lambda: known)
    async with talking(framed(GIVEN % 1), tls=context, at=name) as (plain, peer):
        line = Line(account(f"https://{name}:{plain._at.port}", 5.0))
        if trusted and name == "127.0.0.1":
            assert await line.post({}) == "SM1"
        else:
            with pytest.raises(NotSent):
                await line.post({})
            assert peer.requests == []
        await line.close()


async def test_plain_words_where_tls_is_spoken_are_sent_nowhere() -> None:
    async with talking() as (line, peer):
        with pytest.raises(NotSent):
            await Line(account(f"https://{line._at.netloc}", 2.0)).post({})
    assert peer.requests == []


async def test_a_connection_that_is_never_made_has_an_end_and_nothing_left() -> None:
    unroutable = Line(account("http://192.0.2.1", 0.2))  # RFC 5737, section 3: no such host
    with pytest.raises(NotSent):
        await unroutable.post({})
