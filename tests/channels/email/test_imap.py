"""Reading a mailbox whose server follows a script: refusals, goodbyes, mails it will not hand over."""

from __future__ import annotations

import asyncio
import logging
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import pytest
from aiohttp import web

from bot.errors import Unavailable
from bot.messages import Inbound, Undeciphered
from channels.email.account import Account, Security
from channels.email.account import Server as Door
from channels.email.channel import Email
from channels.email.imap import Place
from channels.email.oauth import Grant, NotLetIn, Tokens
from tests.channels.email.script import HANG_UP, SILENCE, Server, Talk, scripted
from tests.rig import free_port
from tests.rig.mailroom import Mailroom

HELLO = "* OK test"
MAIL = b"From: ann@people.example\r\nMessage-ID: <1@people.example>\r\n\r\nMy secret words.\r\n"


@dataclass
class Mailbox:
    """What the scripted server holds. `fetched` may say something else than the mail; so may `special` for any word."""

    mails: dict[int, bytes] = field(default_factory=dict)
    validity: int = 7
    special: dict[str, Callable[[str, Talk], str]] = field(default_factory=dict)
    idles: bool = True
    tag: str = ""

    def answer(self, line: str, talk: Talk) -> str:
        if line == "DONE":
            return f"{self.tag} OK idle done"
        if line == "":
            return f"{self.tag} NO refused"  # only now, as Gmail does
        tag, _, command = line.partition(" ")
        word = command.removeprefix("UID ").split(" ")[0].upper()
        if word in self.special:
            return self.special[word](line, talk)
        done = f"{tag} OK done"
        match word:
            case "CAPABILITY":
                return f"* CAPABILITY IMAP4rev1{' IDLE' if self.idles else ''}\n{done}"
            case "SELECT":
                above = max(self.mails, default=0) + 1
                known = f"* OK [UIDVALIDITY {self.validity}] v\n* OK [UIDNEXT {above}] n"
                return f"* {len(self.mails)} EXISTS\n{known}\n{done}"
            case "SEARCH":
                return f"* SEARCH {' '.join(map(str, self.found(command)))}\n{done}"
            case "FETCH":
                return self.fetched(int(command.split()[2]), done)
            case "IDLE":
                self.tag = tag
                return "+ idling"
            case _:
                return done

    def found(self, command: str) -> list[int]:
        """`n:*` names the last mail even where its UID is lower."""
        first = re.search(r"UID (\d+):\*", command)
        if not first or not self.mails:
            return sorted(self.mails)
        return sorted({uid for uid in self.mails if uid >= int(first[1])} | {max(self.mails)})

    def fetched(self, uid: int, done: str) -> str:
        raw = self.mails[uid]
        content = raw.decode().replace("\r\n", "\n")
        return f"* 1 FETCH (FLAGS (\\Seen))\n* 1 FETCH (UID {uid} BODY[]<0> {{{len(raw)}}}\n{content})\n{done}"


def account(port: int, tokens: Tokens | None = None, **more: object) -> Account:
    door = Door("127.0.0.1", port, Security.NONE)
    known: dict[str, object] = {"timeout": 0.5, "renewal": 5.0, "password": 'the "pass" \\ word', **more}
    return Account("voices@study.example", door, door, "voices", tokens=tokens, **known)  # type: ignore[arg-type]


@asynccontextmanager
async def served(box: Mailbox, **more: object) -> AsyncIterator[tuple[Email, Server]]:
    async with scripted(HELLO, box.answer) as server:
        yield Email(account(server.port, **more)), server  # type: ignore[arg-type]


async def listened(channel: Email, room: Mailroom, until: Callable[[], bool]) -> None:
    """Listen again and again until something is true."""

    async def forever() -> None:
        while True:
            with suppress(Unavailable):
                await channel.listen(room)

    task = asyncio.create_task(forever())
    try:
        await room.until(until, seconds=10)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_mail_is_read_once_without_being_marked_and_its_place_is_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    room = Mailroom("7:3")
    async with served(Mailbox({3: MAIL, 4: MAIL})) as (channel, server):
        await listened(channel, room, lambda: len(room.inbound) == 1)
    assert room.inbound[0].body == "My secret words."
    assert room.at.endswith("/7:4")
    fetches = [line for line in server.heard if "FETCH" in line.upper()]
    assert len(fetches) == 1
    assert "BODY.PEEK[]" in fetches[0]
    assert "secret" not in caplog.text, "the library's own log shows whole mails"
    assert "pass" not in caplog.text


async def test_another_mailbox_is_read_from_its_beginning_also_where_its_uidvalidity_is_the_same() -> None:
    """Every inbox of Gmail has UIDVALIDITY 1: a new one is not read from where the old one ended."""
    room = Mailroom()
    async with served(Mailbox({30: MAIL})) as (channel, _server):
        await listened(channel, room, lambda: len(room.inbound) == 1)
    newer = Mailbox({1: MAIL.replace(b"<1@", b"<2@"), 2: MAIL.replace(b"<1@", b"<3@")})
    async with scripted(HELLO, newer.answer) as server:
        channel = Email(replace(account(server.port), username="voices2"))
        await listened(channel, room, lambda: len(room.inbound) == 3)
    assert room.at.endswith("/7:2")


async def test_a_search_that_names_an_old_mail_brings_nothing() -> None:
    room = Mailroom("7:9")
    async with served(Mailbox({3: MAIL})) as (channel, server):
        await listened(channel, room, lambda: any("IDLE" in line for line in server.heard))
    assert room.news == []
    assert not [line for line in server.heard if "FETCH" in line.upper()]


async def test_mail_announced_in_the_middle_of_another_command_is_not_waited_for() -> None:
    """The library forgets such an announcement, and a server does not repeat it."""
    box = Mailbox({1: MAIL})

    def fetch(line: str, talk: Talk) -> str:
        box.mails[2] = MAIL.replace(b"<1@", b"<2@")
        del box.special["FETCH"]
        return "* 2 EXISTS\n" + box.answer(line, talk)

    box.special["FETCH"] = fetch
    room = Mailroom("7:0")
    async with served(box, renewal=60.0) as (channel, server):
        await listened(channel, room, lambda: len(room.inbound) == 2)
    order = [line.partition(" ")[2] for line in server.heard if "FETCH" in line.upper() or "IDLE" in line]
    assert [words.split()[2] for words in order[:2]] == ["1", "2"], "no waiting before the second is here"


async def test_a_server_that_cannot_announce_mail_is_asked() -> None:
    box = Mailbox(idles=False)
    room = Mailroom("7:0")
    async with served(box, renewal=0.05) as (channel, _server):
        task = asyncio.create_task(channel.listen(room))
        await room.until(lambda: room.commits == 1)
        box.mails[1] = MAIL
        await room.until(lambda: len(room.inbound) == 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_idle_is_renewed_and_mail_that_was_not_announced_is_found() -> None:
    box = Mailbox()
    room = Mailroom("7:0")
    async with served(box, renewal=0.05) as (channel, server):
        task = asyncio.create_task(channel.listen(room))
        await server.until("DONE")
        box.mails[1] = MAIL
        await room.until(lambda: len(room.inbound) == 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(server.talks) == 1


async def test_a_mail_that_is_not_handed_over_becomes_something_for_a_person_and_the_next_one_comes() -> None:
    box = Mailbox({1: MAIL, 2: MAIL})
    box.special["FETCH"] = lambda line, _talk: (
        f"{line.split()[0]} NO [SERVERBUG] cannot" if " 1 " in line else box.fetched(2, f"{line.split()[0]} OK")
    )
    room = Mailroom("7:0")
    async with served(box) as (channel, _server):
        await listened(channel, room, lambda: room.at.endswith("/7:2"))
    held, read = room.news
    assert isinstance(held, Undeciphered)
    assert "UID 1" in held.problem
    assert isinstance(read, Inbound)


async def test_a_mail_at_which_the_connection_always_breaks_does_not_hold_up_the_others() -> None:
    box = Mailbox({1: MAIL, 2: MAIL})
    box.special["FETCH"] = lambda line, _talk: (
        HANG_UP if " 1 " in line else box.fetched(2, f"{line.split()[0]} OK done")
    )
    room = Mailroom("7:0")
    async with served(box) as (channel, server):
        await listened(channel, room, lambda: room.at.endswith("/7:2"))
    assert [type(one) for one in room.news] == [Undeciphered, Inbound]
    assert len(server.talks) == 6, "five tries, and then without it"


async def test_a_mail_that_is_gone_between_search_and_fetch_is_nothing() -> None:
    box = Mailbox({1: MAIL, 2: MAIL})

    def fetch(line: str, talk: Talk) -> str:
        box.mails.pop(1, None)
        return box.fetched(2, f"{line.split()[0]} OK") if " 2 " in line else f"{line.split()[0]} OK gone"

    box.special["FETCH"] = fetch
    room = Mailroom("7:0")
    async with served(box) as (channel, _server):
        await listened(channel, room, lambda: room.at.endswith("/7:2"))
    assert [type(one) for one in room.news] == [Inbound]


ENDS: list[tuple[str, str, str]] = [
    ("hangs up at LOGIN", "LOGIN", HANG_UP),
    ("says nothing to LOGIN", "LOGIN", SILENCE),
    ("hangs up at SELECT", "SELECT", HANG_UP),
    ("says nothing to SELECT", "SELECT", SILENCE),
    ("has no INBOX", "SELECT", "{tag} NO no such mailbox"),
    ("says nothing to SEARCH", "SEARCH", SILENCE),
    ("refuses SEARCH", "SEARCH", "{tag} BAD what?"),
    ("hangs up at FETCH", "FETCH", HANG_UP),
    ("stops in the middle of a mail", "FETCH", "* 1 FETCH (UID 1 BODY[]<0> {{500}}\nFrom: ann"),
    ("says goodbye at IDLE", "IDLE", "+ idling\n* BYE shutting down"),
    ("hangs up at IDLE", "IDLE", HANG_UP),
    ("refuses IDLE", "IDLE", "{tag} NO not now"),
    ("takes no login for now", "LOGIN", "{tag} NO [UNAVAILABLE] try again"),
]


@pytest.mark.parametrize(("word", "words"), [end[1:] for end in ENDS], ids=[end[0] for end in ENDS])
async def test_a_server_that(word: str, words: str) -> None:
    """Whatever it does, the listener ends with Unavailable, and no mail is stored twice or skipped."""
    box = Mailbox({1: MAIL})
    box.special[word] = lambda line, _talk: words.format(tag=line.split()[0]) if "{" in words else words
    room = Mailroom("7:0")
    async with served(box) as (channel, _server):
        async with asyncio.timeout(8):
            with pytest.raises(Unavailable) as caught:
                await channel.listen(room)
        assert not isinstance(caught.value, NotLetIn)
        assert room.troubles == []
        del box.special[word]
        await listened(channel, room, lambda: room.at.endswith("/7:1"))
    assert [type(one) for one in room.news] == [Inbound]


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await Email(account(free_port())).listen(Mailroom())
    async with scripted("* BYE too many of you", lambda _line, _talk: SILENCE) as server:
        with pytest.raises(Unavailable):
            await Email(account(server.port)).listen(Mailroom())


async def test_a_wrong_password_is_told_once_and_the_next_success_stores_the_place() -> None:
    box = Mailbox()
    box.special["LOGIN"] = lambda line, _talk: f"{line.split()[0]} NO [AUTHENTICATIONFAILED] no"
    room = Mailroom("7:0")
    async with served(box) as (channel, server):
        with pytest.raises(NotLetIn):
            await channel.listen(room)
        assert (len(room.troubles), room.commits) == (1, 0)
        assert len(server.talks) == 1
        del box.special["LOGIN"]
        await listened(channel, room, lambda: room.commits == 1)


async def test_a_password_with_quotes_is_sent_as_one_word() -> None:
    room = Mailroom("7:0")
    async with served(Mailbox()) as (channel, server):
        await listened(channel, room, lambda: room.commits == 1)
    (login,) = [line for line in server.heard if " LOGIN " in line]
    assert login.endswith('LOGIN "voices" "the \\"pass\\" \\\\ word"')


# Tokens


@asynccontextmanager
async def token_server(*answers: tuple[int, object]) -> AsyncIterator[tuple[str, list[dict[str, str]]]]:
    """A token server that gives these answers, one after another, and what it was asked."""
    asked: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append({name: str(value) for name, value in (await request.post()).items()})
        status, said = answers[min(len(asked), len(answers)) - 1]
        return (
            web.Response(text=said, status=status) if isinstance(said, str) else web.json_response(said, status=status)
        )

    app = web.Application()
    app.router.add_post("/token", answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/token", asked
    finally:
        await runner.cleanup()


def good(token: str, **more: object) -> tuple[int, object]:
    return 200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer", **more}


def wants(token: str, box: Mailbox) -> Callable[[str, Talk], str]:
    """AUTHENTICATE XOAUTH2 with one good token; others are explained first and refused after an empty line."""
    right = b64encode(f"user=voices\1auth=Bearer {token}\1\1".encode()).decode()

    def answer(line: str, _talk: Talk) -> str:
        box.tag = line.split()[0]
        return f"{box.tag} OK welcome" if line.endswith(right) else "+ eyJzdGF0dXMiOiI0MDAifQ=="

    return answer


async def test_an_expired_token_is_renewed_once_and_the_mail_comes() -> None:
    box = Mailbox({1: MAIL})
    box.special["AUTHENTICATE"] = wants("new", box)
    room = Mailroom("7:0")
    async with token_server(good("old"), good("new")) as (url, asked), scripted(HELLO, box.answer) as server:
        channel = Email(account(server.port, Tokens(Grant(url, "id", "secret", "refresh", "scope"))))
        await listened(channel, room, lambda: len(room.inbound) == 1)
        await listened(channel, room, lambda: room.commits > 2)
    assert room.troubles == []
    assert asked[0] == {
        "grant_type": "refresh_token",
        "client_id": "id",
        "client_secret": "secret",
        "refresh_token": "refresh",
        "scope": "scope",
    }
    assert len(asked) == 2, "the good token is kept"


async def test_a_token_that_is_refused_twice_is_told() -> None:
    box = Mailbox()
    box.special["AUTHENTICATE"] = wants("another", box)
    room = Mailroom()
    async with token_server(good("old"), good("new")) as (url, _asked), scripted(HELLO, box.answer) as server:
        with pytest.raises(NotLetIn):
            await Email(account(server.port, Tokens(Grant(url, "id", "secret")))).listen(room)
    assert len(room.troubles) == 1
    assert len(server.talks) == 2


async def test_a_program_without_refresh_token_logs_in_for_itself() -> None:
    async with token_server(good("one")) as (url, asked):
        assert await Tokens(Grant(url, "id", "secret", scope="all")).current() == "one"
    assert asked == [{"grant_type": "client_credentials", "client_id": "id", "client_secret": "secret", "scope": "all"}]


async def test_a_new_refresh_token_takes_the_place_of_the_old_one() -> None:
    async with token_server(good("one", refresh_token="second"), good("two")) as (url, asked):
        tokens = Tokens(Grant(url, "id", refresh_token="first"))
        assert await tokens.instead_of(await tokens.current()) == "two"
    assert [one["refresh_token"] for one in asked] == ["first", "second"]


async def test_many_who_need_a_token_ask_for_one() -> None:
    async with token_server(good("one")) as (url, asked):
        tokens = Tokens(Grant(url, "id", "secret"))
        assert set(await asyncio.gather(*(tokens.current() for _ in range(9)))) == {"one"}
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ((400, {"error": "invalid_grant", "error_description": "my secret"}), NotLetIn, r"\(invalid_grant\)"),
        ((401, {"error": "my-secret ü"}), NotLetIn, "does not accept our login.$"),
        ((500, {}), Unavailable, "fault"),
        ((200, {}), Unavailable, "no token"),
        ((200, {"access_token": "a\r\nb"}), Unavailable, "no token"),
        ((200, "<html>"), Unavailable, "made no sense"),
        ((200, []), Unavailable, "made no sense"),
    ],
)
async def test_a_token_server_that_gives_none_says_whose_fault_it_is(
    answer: tuple[int, object], error: type[Unavailable], words: str
) -> None:
    async with token_server(answer) as (url, _asked):
        with pytest.raises(Unavailable, match=words) as caught:
            await Tokens(Grant(url, "id", "secret")).current()
    assert type(caught.value) is error
    assert "secret" not in str(caught.value)


async def test_smtp_renews_a_refused_token_once() -> None:
    from channels.email.smtp import Sender

    said = iter(["334 eyJzdGF0dXMiOiI0MDAifQ==", "235 2.7.0 welcome"])

    def answer(line: str, _talk: Talk) -> str:
        match line[:4]:
            case "EHLO":
                return "250-test\n250 AUTH XOAUTH2"
            case "AUTH":
                return next(said)
            case "":
                return "535 5.7.8 refused"
            case _:
                return "221 bye"

    async with token_server(good("old"), good("new")) as (url, asked), scripted("220 test", answer) as server:
        await Sender(account(server.port, Tokens(Grant(url, "id", "secret")))).check()
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("written", "place"),
    [("7:9", Place(7, 9)), (f"{16 * 'a'}/7:9", Place(7, 9, 16 * "a")), ("", None), ("7", None), ("a:b", None)],
)
def test_a_place_is_read_back_or_there_is_none(written: str, place: Place | None) -> None:
    assert Place.parse(written) == place
    assert place is None or str(place) == written


async def test_a_server_that_is_busy_for_a_moment_costs_no_mail() -> None:
    box = Mailbox({1: MAIL})

    def busy(line: str, _talk: Talk) -> str:
        del box.special["FETCH"]
        return f"{line.split()[0]} NO [UNAVAILABLE] Server Busy"

    box.special["FETCH"] = busy
    room = Mailroom("7:0")
    async with served(box) as (channel, _server):
        await listened(channel, room, lambda: room.at.endswith("/7:1"))
    assert [one.body for one in room.inbound] == ["My secret words."]
