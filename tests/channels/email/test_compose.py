"""What a mail of ours looks like to the programs and people that get it."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from bot.interview.rota import CallWay, Slot, invitation
from bot.messages import Address, Outbound
from channels.email.body import from_html
from channels.email.compose import Letterhead, Mail, as_sent, compose, html, plain
from channels.email.reply import MARKER, split, words

ID = "abcdefghijklmnopqrstuvwxyz"
NOW = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
HEAD = Letterhead("voices@study.example", "Voices Study", "https://study.example")
STOP_PAGE = f"https://study.example/unsubscribe/{ID}"
QUESTION = "What does a good day look like?\n\nTell me as much or as little as you like."


def outbound(body: str = QUESTION, **more: object) -> Outbound:
    known: dict[str, object] = {"thread": "thread22", **more}
    return Outbound(ID, Address("email", "ann@people.example"), body, **known)  # type: ignore[arg-type]


def made(message: Outbound, head: Letterhead = HEAD) -> tuple[Mail, EmailMessage]:
    mail = compose(message, head, NOW)
    return mail, message_from_bytes(mail.content, policy=policy.default)


def content(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text


def test_each_header_says_what_it_must() -> None:
    mail, read = made(outbound())
    assert (mail.sender, mail.to) == (f"voices+b-{ID}@study.example", "ann@people.example")
    assert mail.message_id == f"<{ID}@study.example>"
    assert dict(read.items()) == {
        "From": "Voices Study <voices@study.example>",
        "To": "ann@people.example",
        "Reply-To": f"voices+{ID}@study.example",
        "Subject": "Voices Study [#thread22]",
        "Date": "Tue, 03 Nov 2026 09:30:00 +0000",
        "Message-ID": f"<{ID}@study.example>",
        "References": "<thread22.thread@study.example>",
        "List-Unsubscribe": f"<{STOP_PAGE}>, <mailto:voices+{ID}@study.example?subject=STOP>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "X-Auto-Response-Suppress": "OOF, AutoReply",
        "X-Own-Pace": "1",
        "MIME-Version": "1.0",
        "Content-Type": read["Content-Type"],
    }


def test_a_message_that_is_sent_again_is_the_same_mail() -> None:
    (first, read), (second, again) = made(outbound()), made(outbound())
    assert first.message_id == second.message_id
    assert content(read, "plain") == content(again, "plain")


def test_later_mails_answer_the_last_and_name_all_before() -> None:
    earlier = tuple(f"<{number}@x.example>" for number in range(30))
    _, read = made(outbound(earlier=earlier))
    assert read["Subject"] == "Re: Voices Study [#thread22]"
    assert read["In-Reply-To"] == "<29@x.example>"
    kept = ["<thread22.thread@study.example>", "<0@x.example>", *(f"<{number}@x.example>" for number in range(21, 30))]
    assert read["References"] == " ".join(kept)


def test_long_ids_stay_whole_and_no_line_is_longer_than_a_server_takes() -> None:
    """Outlook's ids have 79 characters and more; as encoded words they would be dropped."""
    earlier = tuple(f"<{'A' * 150}{number}@{'host' * 20}.example>" for number in range(12))
    mail, read = made(outbound(earlier=earlier))
    assert read["In-Reply-To"] == earlier[-1]
    assert str(read["References"]).split()[1:] == [earlier[0], *earlier[-9:]]
    assert b"=?" not in mail.content.partition(b"\r\n\r\n")[0]
    assert max(len(line) for line in mail.content.split(b"\r\n")) <= 998


@pytest.mark.parametrize(
    "hostile",
    ["<a@b>\r\nBcc: all@people.example", "<a b@c>", "no brackets", "<é@b>", "<" + "a" * 1000 + "@b>", "<a@b><c>"],
)
def test_an_id_that_cannot_stand_in_a_header_is_left_out(hostile: str) -> None:
    _, read = made(outbound(earlier=(hostile, "<good@x.example>")))
    assert read["References"] == "<thread22.thread@study.example> <good@x.example>"
    assert "Bcc" not in read


@given(st.text(), st.text(), st.text(), st.lists(st.text(), max_size=3), st.text(max_size=10))
def test_whatever_somebody_wrote_no_header_is_added(
    body: str, author: str, study: str, earlier: list[str], language: str
) -> None:
    names = set(made(outbound(author="Ann", earlier=("<a@b.example>",)))[1].keys())
    message = outbound(body, author=author, earlier=("<a@b.example>", *earlier), language=language)
    mail, read = made(message, Letterhead(HEAD.address, study, HEAD.public_base_url))
    assert set(read.keys()) == names
    assert [str(one.addr_spec) for one in read["From"].addresses] == [HEAD.address]
    assert mail.content.isascii()


@pytest.mark.parametrize("broken", ["a b", "a\r\nBcc: x", "a@b", "", "ä"])
def test_a_token_that_is_no_token_makes_no_mail(broken: str) -> None:
    with pytest.raises(ValueError, match="an id may hold only"):
        compose(Outbound(broken, Address("email", "ann@people.example"), "Hello?"), HEAD, NOW)


@pytest.mark.parametrize(
    ("unasked", "author", "expected"),
    [(True, None, "auto-generated"), (False, None, None), (True, "Ann", None), (False, "Ann", None)],
)
def test_only_what_the_bot_writes_unasked_says_that_it_is_automatic(
    unasked: bool, author: str | None, expected: str | None
) -> None:
    _, read = made(outbound(unasked=unasked, author=author))
    assert read["Auto-Submitted"] == expected


def test_a_persons_message_says_whose_it_is() -> None:
    _, read = made(outbound(author="Ann Möller"))
    assert read["From"].addresses[0].display_name == "Ann Möller, Voices Study"


def test_the_question_stands_first_then_the_marker_then_how_to_stop() -> None:
    _, read = made(outbound())
    text = content(read, "plain").replace("\r\n", "\n")
    assert text.startswith(QUESTION + f"\n\n{MARKER}\n\n")
    assert text.endswith(f"Stop these emails on a web page: https://study.example/unsubscribe/{ID}\n")
    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]


BODIES = [
    "Hello?",
    QUESTION,
    "a < b & c > d\n“quoted” – é 🙂",
    "See https://x.example/a?b=1&c=2.\nThanks",
    ".\n.dot\nFrom me",
]


@pytest.mark.parametrize("body", BODIES)
def test_both_parts_say_the_same_words(body: str) -> None:
    _, read = made(outbound(body))
    assert words(from_html(content(read, "html"))) == words(content(read, "plain"))
    assert words(as_sent(body)) == words(content(read, "plain"))


def test_the_html_part_can_be_read_by_everybody_and_fetches_nothing() -> None:
    page = html(outbound("Gwelsoch chi https://x.example/?", language="cy"), HEAD)
    assert '<html lang="cy" dir="auto">' in page
    assert "font:16px/1.5" in page
    assert '<a href="https://x.example/">' in page
    assert not any(word in page for word in ("<img", "<table", "<script", "@import", "url(", 'http-equiv="refresh"'))


@pytest.mark.parametrize("body", [*BODIES[:2], "a < b & c > d\n“quoted” – é 🙂\n\nWhat do you think?"])
@pytest.mark.parametrize("bottom", [False, True])
def test_a_reply_that_quotes_all_of_a_mail_is_told_apart(body: str, bottom: bool) -> None:
    quoted = "\n".join(f"> {line}".rstrip() for line in plain(outbound(body), HEAD).splitlines())
    head = "On Tue, 3 Nov 2026 at 10:00, Voices Study <voices@study.example> wrote:"
    mine = "My own words stay.\n\nAll of them."
    text = f"{head}\n{quoted}\n\n{mine}\n" if bottom else f"{mine}\n\n{head}\n{quoted}\n"
    reply = split(text, [as_sent(body)])
    assert reply.answer.endswith(mine)
    assert "Stop these emails" not in reply.answer
    assert bottom or reply.answer == mine
    assert not reply.doubt


def test_a_call_goes_along_as_a_file_that_calendars_read() -> None:
    """Beside the words, not in their place; with the line ends and the method that RFC 5545 and RFC 6047 want."""
    hours = (datetime(2026, 11, 25, 12, tzinfo=UTC), datetime(2026, 11, 25, 12, 30, tzinfo=UTC))
    slot = Slot(1, "Ann", CallWay.PHONE, *hours)
    entry = invitation(slot, "one-uid", ZoneInfo("Europe/London"), "Voices Study", NOW)
    mail, read = made(outbound(calendar=entry))
    (attached,) = read.iter_attachments()
    assert attached.get_content_type() == "text/calendar"
    assert dict(attached["content-type"].params)["method"] == "PUBLISH"
    assert attached.get_filename() == "call.ics"
    assert attached.get_payload(decode=True) == entry
    assert max(map(len, entry.split(b"\r\n"))) <= 75
    assert b"\n" not in entry.replace(b"\r\n", b"")
    event = Calendar.from_ical(entry).events[0]
    assert (str(event["uid"]), event.decoded("dtstart")) == ("one-uid", hours[0])
    assert content(read, "plain").startswith(content(made(outbound())[1], "plain").rstrip())
    assert mail.content.count(b"MIME-Version") == 1
