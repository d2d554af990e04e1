"""The email channel against Postfix and Dovecot, with people who answer from ordinary mail programs."""

from __future__ import annotations

import asyncio
import random
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from itertools import count

import pytest

from bot.errors import NotSent, Refused, SendUnknown, Unavailable
from bot.messages import Address, Delivery, DeliveryUpdate, Inbound, MediaKind, Outbound, Undeciphered
from channels.email.account import Account, Security, Server
from channels.email.channel import Email
from tests.rig.faults import Fault, fault_proxy
from tests.rig.mail import PASSWORD, MailServers, answer, mail_servers
from tests.rig.mailroom import Mailroom

PEOPLE = [f"person{number}@people.test" for number in range(8)]
QUESTIONS = [
    "How did you come to use support services?\n\nTell me as much or as little as you like.",
    "What does a good day look like?",
    "Is there anything that you would change — and what?",
    "Who should hear about this? For example: https://example.org/who?a=1",
]
_numbers = count(1)


STUDIES = [f"interviews{number}@study.test" for number in range(20)]
OTHERS = ["away@people.test", "load@people.test", "early@people.test", "dated@people.test"]


@pytest.fixture(scope="module")
def servers() -> Iterator[MailServers]:
    with mail_servers(*PEOPLE, *OTHERS, *STUDIES) as running:
        running.away("away@people.test")
        yield running


@pytest.fixture(autouse=True)
def trusted(servers: MailServers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(servers.certificate))


@pytest.fixture(scope="module")
def studies() -> Iterator[str]:
    return iter(STUDIES)


@pytest.fixture
def study(studies: Iterator[str]) -> str:
    """An empty mailbox for this test alone."""
    return next(studies)


def account(servers: MailServers, study: str) -> Account:
    """As a study has it: STARTTLS and a login for sending, TLS for reading."""
    return Account(
        address=study,
        smtp=Server("localhost", servers.submission, Security.STARTTLS),
        imap=Server("localhost", servers.imaps, Security.TLS),
        username=study.partition("@")[0],
        password=PASSWORD,
        study="Voices Study",
        public_base_url="https://study.test",
        timeout=20.0,
    )


def bare(servers: MailServers, study: str, **ports: int) -> Account:
    """The same without encryption, through whatever stands at these ports."""
    known = {"smtp": servers.smtp, "imap": servers.imap} | ports
    return replace(
        account(servers, study),
        smtp=Server("127.0.0.1", known["smtp"], Security.NONE),
        imap=Server("127.0.0.1", known["imap"], Security.NONE),
        timeout=5.0,
    )


def new_id() -> str:
    """26 letters of base32, as the service makes them."""
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    number, letters = next(_numbers) * 0x9E3779B97F4A7C15 + (1 << 129), ""
    for _ in range(26):
        number, letter = divmod(number, 32)
        letters += alphabet[letter]
    return letters


@asynccontextmanager
async def listening(channel: Email, mailroom: Mailroom) -> AsyncIterator[None]:
    """Listen and, when it ends with Unavailable, again: what the service does, without its waiting."""

    async def forever() -> None:
        while True:
            with suppress(Unavailable, RuntimeError):
                await channel.listen(mailroom)
            await asyncio.sleep(0.05)

    task = asyncio.create_task(forever())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def started(of: Account, mailroom: Mailroom) -> AsyncIterator[Email]:
    """A channel that listens and knows its place."""
    channel = Email(of)
    commits = mailroom.commits
    async with listening(channel, mailroom):
        await mailroom.until(lambda: mailroom.commits > commits)
        yield channel
    await channel.close()


async def test_people_answer_by_replying_and_everything_is_one_thread(servers: MailServers, study: str) -> None:
    """Four questions to eight people: each answer is what was written, names its question, and needs no look."""
    mailroom = Mailroom()
    earlier: dict[str, list[str]] = {person: [] for person in PEOPLE}
    written: dict[str, list[tuple[str, str]]] = {person: [] for person in PEOPLE}
    async with started(account(servers, study), mailroom) as channel:
        for turn, question in enumerate(QUESTIONS):
            for number, person in enumerate(PEOPLE):
                message = Outbound(
                    new_id(),
                    Address("email", person),
                    question,
                    earlier=tuple(earlier[person]),
                    thread=f"thread{'abcdefgh'[number]}2",
                )
                receipt = await channel.send(message)
                earlier[person].append(receipt.provider_id)
                mailroom.texts.setdefault(person, []).append(question)
                mails = await asyncio.to_thread(servers.await_mails, person, turn + 1)
                text = f"Answer {turn} of {person}: “yes” – and it’s fine.\n\nA second paragraph."
                reply = answer(mails[-1], text, person, number)
                written[person].append((text, message.id))
                await asyncio.to_thread(servers.submit, reply, person, str(mails[-1]["Reply-To"]))
                earlier[person].append(str(reply["Message-ID"]))
            await mailroom.until(lambda turn=turn: len(mailroom.inbound) == (turn + 1) * len(PEOPLE))  # type: ignore[misc]
    assert not [one for one in mailroom.news if not isinstance(one, Inbound)]
    for person in PEOPLE:
        came = [one for one in mailroom.inbound if one.sender.value == person]
        assert [(one.body, one.reply_to[0]) for one in came] == written[person]
        assert not any(one.automatic or one.doubt for one in came), [one.doubt for one in came]
        assert [one.provider_id for one in came] == earlier[person][1::2]
    assert servers.threads(*PEOPLE) == [1] * len(PEOPLE)
    assert servers.threads(study) == [len(PEOPLE)], "the study sees one thread for each person too"
    print(f"{len(mailroom.inbound)} replies of {len(PEOPLE)} people: 1 thread each; bodies equal, 0 doubts")


async def test_two_questions_sent_before_anybody_answers_are_one_thread(servers: MailServers, study: str) -> None:
    channel = Email(account(servers, study))
    for _ in range(2):
        await channel.send(Outbound(new_id(), Address("email", "early@people.test"), "Hello?", thread="aaaabbbb"))
    await channel.close()
    await asyncio.to_thread(servers.await_mails, "early@people.test", 2)
    assert servers.threads("early@people.test") == [1]


async def test_a_message_is_stored_within_a_second_at_the_median(servers: MailServers, study: str) -> None:
    """From the server's 250 to `take`; Dovecot itself waits half a second before it announces mail."""
    mailroom = Mailroom()
    accepted: dict[str, float] = {}
    async with started(account(servers, study), mailroom):
        for number in range(15):
            mail = _simple(PEOPLE[0], f"Quick {number}")
            await asyncio.to_thread(servers.submit, mail, PEOPLE[0], study)
            accepted[str(mail["Message-ID"])] = time.monotonic()
            await mailroom.until(lambda number=number: len(mailroom.inbound) > number)  # type: ignore[misc]
    took = sorted(mailroom.times[one.provider_key] - accepted[one.provider_id] for one in mailroom.inbound)
    assert len(took) == 15
    print(f"SMTP accept to take(): median {statistics.median(took):.3f} s, worst {took[-1]:.3f} s, of {len(took)}")


def _simple(person: str, text: str, **headers: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = person, "study@study.test"
    mail["Message-ID"] = f"<{new_id()}@phone.test>"
    mail["Subject"] = "A word"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail


def _raw(person: str, text: str) -> bytes:
    return f"From: {person}\r\nMessage-ID: <{new_id()}@phone.test>\r\nSubject: A word\r\n\r\n{text}\r\n".encode()


async def test_mail_from_other_programs_comes_in_whole(servers: MailServers, study: str) -> None:
    """Swaks, attachments, mail with a token only in the address: whatever the program, the words arrive."""
    mailroom = Mailroom()
    token = new_id()
    async with started(account(servers, study), mailroom):
        words = ["swaks", "--server", f"127.0.0.1:{servers.smtp}", "--from", PEOPLE[1]]
        words += ["--to", study.replace("@", f"+{token}@"), "--body", "Written with swaks."]
        ran = await asyncio.to_thread(subprocess.run, words, capture_output=True)
        assert ran.returncode == 0, ran.stdout
        await mailroom.until(lambda: len(mailroom.inbound) == 1)
        mail = _simple(PEOPLE[2], "Here is a picture.")
        mail.add_attachment(b"\x89PNG picture", maintype="image", subtype="png", filename="cat.png")
        mail.add_attachment(b"OggS voice", maintype="audio", subtype="ogg", filename="voice.ogg")
        await asyncio.to_thread(servers.submit, mail, PEOPLE[2], study)
        await mailroom.until(lambda: len(mailroom.inbound) == 2)
    swaks, pictures = mailroom.inbound
    assert (swaks.body, swaks.reply_to) == ("Written with swaks.", (token,))
    assert [(one.kind, one.name, one.content) for one in pictures.media] == [
        (MediaKind.PICTURE, "cat.png", b"\x89PNG picture"),
        (MediaKind.VOICE, "voice.ogg", b"OggS voice"),
    ]
    seen = [name for name in (servers.folder / "mail" / study.partition("@")[0]).glob("cur/*S*") if ":2,S" in name.name]
    assert not seen, "reading marks nothing as read"


async def test_bounces_and_delays_name_the_message_that_failed(servers: MailServers, study: str) -> None:
    mailroom = Mailroom()
    gone, later = new_id(), new_id()
    async with started(account(servers, study), mailroom) as channel:
        await channel.send(Outbound(gone, Address("email", "nobody@bounce.test"), "Hello?"))
        await channel.send(Outbound(later, Address("email", "somebody@later.test"), "Hello?"))
        await mailroom.until(lambda: len(mailroom.news) >= 2)
    updates = {one.outbound_id: one for one in mailroom.news if isinstance(one, DeliveryUpdate)}
    assert (updates[gone].status, updates[gone].code, updates[gone].closed) == (Delivery.FAILED, "5.1.1", True)
    assert (updates[later].status, updates[later].closed) == (Delivery.ACCEPTED, False)
    assert updates[gone].provider_id == f"<{gone}@study.test>"
    print(f"bounce: {updates[gone].reason}; delay: {updates[later].reason}")


async def test_nobody_of_that_name_is_refused_at_once_and_closed(servers: MailServers, study: str) -> None:
    channel = Email(account(servers, study))
    with pytest.raises(Refused) as caught:
        await channel.send(Outbound(new_id(), Address("email", "nobody@people.test"), "Hello?"))
    assert (caught.value.code, caught.value.closed) == ("5.1.1", True)
    assert "nobody@" not in str(caught.value)
    await channel.close()


async def test_an_out_of_office_reply_is_no_answer_and_ours_ask_for_none(servers: MailServers, study: str) -> None:
    """Dovecot's vacation keeps quiet about mails like ours; where a server does not, its reply is told apart."""
    mailroom = Mailroom()
    token = new_id()
    async with started(account(servers, study), mailroom) as channel:
        await channel.send(Outbound(new_id(), Address("email", "away@people.test"), "Hello?"))
        await asyncio.to_thread(servers.await_mails, "away@people.test", 1)
        plain = _simple(study, "Hello?", Message_ID2="x")
        del plain["To"], plain["Message-ID2"]
        plain["To"] = "away@people.test"
        plain.replace_header("Message-ID", f"<{token}@study.test>")
        await asyncio.to_thread(servers.submit, plain, study.replace("@", f"+b-{token}@"), "away@people.test")
        await mailroom.until(lambda: len(mailroom.inbound) >= 1)
    (away,) = mailroom.inbound
    assert away.automatic
    assert away.sender.value == "away@people.test"
    assert token in away.reply_to


async def test_our_own_mail_coming_back_is_no_answer(servers: MailServers, study: str) -> None:
    mailroom = Mailroom()
    async with started(account(servers, study), mailroom) as channel:
        await channel.send(Outbound(new_id(), Address("email", study), "To ourselves"))
        await mailroom.until(lambda: len(mailroom.inbound) == 1)
    assert mailroom.inbound[0].automatic
    assert "came back" in mailroom.inbound[0].doubt


# What goes wrong


async def test_outages_of_every_kind_lose_nothing_and_double_nothing(servers: MailServers, study: str) -> None:
    """Both servers stopped and started, sessions ended, sockets cut, a router that forgets, commits that fail."""
    mailroom = Mailroom()
    written: list[str] = []
    chance = random.Random(7)

    async def write(number: int) -> None:
        for _ in range(number):
            text = f"Message {len(written)}"
            written.append(text)
            await asyncio.to_thread(servers.submit, _simple(PEOPLE[3], text), PEOPLE[3], study)

    def all_here() -> bool:
        return len(mailroom.inbound) >= len(written)

    async with fault_proxy(servers.imap) as proxy:
        of = replace(bare(servers, study, imap=proxy.port), timeout=1.5, renewal=1.0)
        async with started(of, mailroom):
            await write(5)
            await mailroom.until(all_here)
            for _ in range(10):
                await write(2)
                await asyncio.sleep(chance.random() * 0.6)
                proxy.cut()
            await mailroom.until(all_here)
            proxy.silent = True
            await write(3)
            await asyncio.sleep(2.0)
            proxy.silent = False
            await mailroom.until(all_here)
            await asyncio.to_thread(servers.stop_dovecot)
            await asyncio.to_thread(servers.start_dovecot)
            await write(3)
            await mailroom.until(all_here)
            for _ in range(3):
                await write(2)
                servers.kick(study)
            await mailroom.until(all_here)
            failures = iter([True, False, True, True])
            mailroom.fails = lambda news: bool(news) and next(failures, False)
            await write(4)
            await mailroom.until(all_here)
    assert Counter(one.body for one in mailroom.inbound) == Counter(written)
    assert not [one for one in mailroom.news if isinstance(one, Undeciphered)]
    print(
        f"{len(written)} mails through 10 cuts, a black hole, a restart, 3 kicks, 3 failed commits: 0 lost, 0 doubled"
    )


async def test_a_new_numbering_brings_everything_again_and_each_mail_is_known_by_its_content(
    servers: MailServers, study: str
) -> None:
    await asyncio.to_thread(servers.insert, study, [_raw(PEOPLE[4], f"Before {number}") for number in range(30)])
    mailroom = Mailroom()
    async with started(bare(servers, study), mailroom):
        await mailroom.until(lambda: len(mailroom.inbound) == 30)
        validity = mailroom.at.partition(":")[0]
        await asyncio.to_thread(servers.renumber, study)
        await mailroom.until(lambda: not mailroom.at.startswith(f"{validity}:"))
        await asyncio.to_thread(servers.submit, _simple(PEOPLE[4], "After the restore"), PEOPLE[4], study)
        await mailroom.until(lambda: any(one.body == "After the restore" for one in mailroom.inbound))
    assert len(mailroom.news) == 31
    assert mailroom.copies == 30
    print(f"UIDVALIDITY changed: {mailroom.copies} known mails seen again, 0 stored twice, 1 new one stored")


async def test_five_thousand_waiting_mails_come_in_once_and_in_order(servers: MailServers, study: str) -> None:
    mailroom = Mailroom()
    async with started(account(servers, study), mailroom):
        pass  # the place is known
    raws = [_raw(PEOPLE[5], f"Waiting {number}") for number in range(5000)]
    await asyncio.to_thread(servers.insert, study, raws)
    start = time.monotonic()
    async with started(account(servers, study), mailroom):
        await mailroom.until(lambda: len(mailroom.inbound) >= 5000, seconds=300)
        took = time.monotonic() - start
        await asyncio.to_thread(servers.submit, _simple(PEOPLE[5], "And one more"), PEOPLE[5], study)
        await mailroom.until(lambda: len(mailroom.inbound) > 5000)
    assert [one.body for one in mailroom.inbound] == [*(f"Waiting {number}" for number in range(5000)), "And one more"]
    print(f"5,000 waiting mails in {took:.1f} s ({5000 / took:.0f}/s), 0 lost, 0 doubled")


async def test_the_first_look_leaves_old_mail_alone_and_misses_none_of_the_last_day(
    servers: MailServers, study: str
) -> None:
    old = [_raw(PEOPLE[6], f"Old {number}") for number in range(10_000)]
    await asyncio.to_thread(servers.insert, study, old, timedelta(days=30))
    await asyncio.to_thread(servers.insert, study, [_raw(PEOPLE[6], "Yesterday")], timedelta(hours=23))
    mailroom = Mailroom()
    channel = Email(account(servers, study))
    async with listening(channel, mailroom):
        await mailroom.until(lambda: len(mailroom.inbound) >= 1)
        await asyncio.to_thread(servers.submit, _simple(PEOPLE[6], "Today"), PEOPLE[6], study)
        await mailroom.until(lambda: len(mailroom.inbound) >= 2)
    assert [one.body for one in mailroom.inbound] == ["Yesterday", "Today"]


async def test_an_empty_mailbox_has_a_place_too(servers: MailServers, study: str) -> None:
    """Otherwise what comes during a long outage after the first day would be taken for old mail."""
    mailroom = Mailroom()
    channel = Email(account(servers, study))
    async with listening(channel, mailroom):
        await mailroom.until(lambda: mailroom.commits > 0)
    assert mailroom.at.endswith(":0")


async def test_a_wrong_password_is_told_and_nothing_is_lost(servers: MailServers, study: str) -> None:
    mailroom = Mailroom()
    channel = Email(replace(account(servers, study), password="wrong"))
    with pytest.raises(Unavailable):
        await channel.listen(mailroom)
    assert len(mailroom.troubles) == 1
    with pytest.raises(NotSent):
        await channel.send(Outbound(new_id(), Address("email", PEOPLE[0]), "Hello?"))
    with pytest.raises(Unavailable):
        await channel.check()


async def test_check_logs_in_to_both_servers(servers: MailServers, study: str) -> None:
    assert await Email(account(servers, study)).check() == "localhost and localhost let us in"


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    servers: MailServers, study: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    channel = Email(account(servers, study))
    with pytest.raises(NotSent):
        await channel.send(Outbound(new_id(), Address("email", PEOPLE[0]), "Hello?"))
    with pytest.raises(Unavailable):
        await channel.listen(Mailroom())


SENDS = 500


async def test_five_hundred_sends_over_a_bad_network_lose_nothing_and_double_nothing(
    servers: MailServers, study: str
) -> None:
    """As the service does: what was surely not sent is tried again; what is unknown never is."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    at_the_end = [None] * 6 + [Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.LATE, Fault.HOLE]
    earlier = [None] * 8 + [Fault.CUT_BEFORE, Fault.CUT_AFTER]
    receipts: list[str] = []
    unknown: list[str] = []
    retries = 0

    async def deliver(channel: Email) -> None:
        nonlocal retries
        message = Outbound(new_id(), Address("email", "load@people.test"), "One of many")
        while True:
            try:
                receipts.append((await channel.send(message)).provider_id)
            except NotSent:
                retries += 1
                continue
            except SendUnknown:
                unknown.append(f"<{message.id}@study.test>")
            return

    async with (
        fault_proxy(servers.smtp, b"\r\n.\r\n", lambda: chance.choice(at_the_end), late=0.4) as after,
        fault_proxy(after.port, b"RCPT TO", lambda: chance.choice(earlier)) as before,
    ):
        channel = Email(replace(bare(servers, study, smtp=before.port), last_timeout=0.2))
        for _ in range(SENDS // 4):
            await asyncio.gather(*(deliver(channel) for _ in range(4)))
            if chance.random() < 0.1:
                before.cut()  # between two mails: the next one finds its connection gone
        await channel.close()
        seen = after.seen + before.seen

    await asyncio.to_thread(servers.await_mails, "load@people.test", len(receipts), 60)
    await asyncio.sleep(1.0)  # whatever would still arrive has its chance to be seen
    arrived = Counter(str(mail["Message-ID"]) for mail in servers.mails("load@people.test"))
    assert len(receipts) + len(unknown) == SENDS
    assert all(arrived[one] == 1 for one in receipts), f"lost or doubled: seed {seed}"
    assert max(arrived.values()) == 1, f"doubled: seed {seed}"
    there = sum(one in arrived for one in unknown)
    faults = ", ".join(f"{number} {fault.name if fault else 'fine'}" for fault, number in seen.items())
    print(
        f"{SENDS} sends ({faults}), {retries} tried again: {len(receipts)} with a receipt and all there, none twice; "
        f"{len(unknown)} flagged unknown, of which {there} had arrived"
    )


async def test_the_date_of_a_mail_is_the_moment_it_was_sent(servers: MailServers, study: str) -> None:
    moment = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
    channel = Email(account(servers, study), now=lambda: moment)
    await channel.send(Outbound(new_id(), Address("email", "dated@people.test"), "Hello?"))
    await channel.close()
    (mail,) = await asyncio.to_thread(servers.await_mails, "dated@people.test", 1)
    assert mail["Date"].datetime == moment
